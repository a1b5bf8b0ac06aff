import { useMutation } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { useState } from "react";
import type { Enrolled } from "../../api/types";
import { supported } from "../../auth/webauthn";
import { describeAgent } from "../../lib/agent";
import { Button } from "../../ui/button";
import { Callout } from "../../ui/callout";
import { Actions, Dialog } from "../../ui/dialog";
import { Input } from "../../ui/field";
import { Problem } from "../../ui/problem";
import { addKey } from "./enrol";

export function AddKey({ onDone, onClose }: { onDone: (enrolled: Enrolled) => void; onClose: () => void }) {
  const [label, setLabel] = useState(() => describeAgent(navigator.userAgent));
  const add = useMutation({ mutationFn: () => addKey(label.trim() || "Passkey"), onSuccess: onDone });
  return (
    <Dialog
      title="Add a passkey"
      about="Your fingerprint, face or screen lock, or a security key that you plug in. It logs you in without a password, and no web site that only looks like this one can use it."
      onClose={onClose}
    >
      {!supported() && (
        <Callout tone="warn">This browser cannot make passkeys. Use another one, or an app.</Callout>
      )}
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate();
        }}
      >
        <Input
          label="Name"
          hint="So that you know it in the list."
          value={label}
          maxLength={100}
          onChange={(event) => setLabel(event.target.value)}
        />
        <Problem error={add.error} />
        <Actions>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            type="submit"
            kind="primary"
            pending={add.isPending}
            disabled={!supported()}
            icon={<KeyRound aria-hidden="true" className="size-4" />}
          >
            Create passkey
          </Button>
        </Actions>
      </form>
    </Dialog>
  );
}
