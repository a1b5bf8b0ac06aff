import { Download } from "lucide-react";
import { useState } from "react";
import { Button } from "../../ui/button";
import { Callout } from "../../ui/callout";
import { CopyButton } from "../../ui/copy";
import { Actions, Dialog } from "../../ui/dialog";
import { Checkbox } from "../../ui/field";

/** Shown once. The dialog stays until the person says that the codes are kept. */
export function BackupCodes({ codes, onClose }: { codes: string[]; onClose: () => void }) {
  const [kept, setKept] = useState(false);
  const text = codes.join("\n");
  return (
    <Dialog
      title="Keep your backup codes"
      about="If you lose your passkey or phone, each of them lets you in once. Keep them where you keep passwords."
      onClose={kept ? onClose : null}
    >
      <Callout tone="warn">
        They are shown only now. Nobody, not even an administrator, can show them again.
      </Callout>
      <ul
        aria-label="Backup codes"
        className="grid grid-cols-2 gap-x-6 gap-y-1 rounded-lg border border-line bg-sunken px-4 py-3 font-mono text-sm"
      >
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <div className="flex gap-2">
        <CopyButton text={text} what="backup codes" />
        <Button
          size="small"
          icon={<Download aria-hidden="true" className="size-3.5" />}
          onClick={() => save(text)}
        >
          Download
        </Button>
      </div>
      <Checkbox
        label="I have kept these codes"
        checked={kept}
        onChange={(event) => setKept(event.target.checked)}
      />
      <Actions>
        <Button kind="primary" disabled={!kept} onClick={onClose}>
          Done
        </Button>
      </Actions>
    </Dialog>
  );
}

function save(text: string): void {
  const lines = `Backup codes for Rack Gateway at ${location.host}\nEach works once.\n\n${text}\n`;
  const address = URL.createObjectURL(new Blob([lines], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = "rack-gateway-backup-codes.txt";
  link.click();
  URL.revokeObjectURL(address);
}
