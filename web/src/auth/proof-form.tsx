import { KeyRound } from "lucide-react";
import { type FormEvent, useRef, useState } from "react";
import type { MfaStatus } from "../api/types";
import { Button } from "../ui/button";
import { Callout } from "../ui/callout";
import { Checkbox, Input } from "../ui/field";
import { supported } from "./webauthn";

type Props = {
  status: MfaStatus;
  busy: boolean;
  problem: string | null;
  /** Null stands for the security key. */
  onProof: (code: string | null, trustDevice: boolean) => void;
  offerTrust: boolean;
};

/** A code from the authenticator app or from the paper with backup codes, or a touch of the security key. */
export function ProofForm({ status, busy, problem, onProof, offerTrust }: Props) {
  const hasKey = supported() && status.methods.some((method) => method.type === "webauthn");
  const hasApp = status.methods.some((method) => method.type === "totp");
  const [backup, setBackup] = useState(!hasApp && !hasKey);
  const [code, setCode] = useState("");
  const [trust, setTrust] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const clean = code.replace(/[\s-]/g, "");
    if (!clean) return input.current?.focus();
    onProof(clean, trust);
    setCode("");
  };
  const showsCode = hasApp || backup;

  return (
    <div className="grid gap-4">
      {problem && <Callout tone="bad">{problem}</Callout>}
      {offerTrust && (
        <Checkbox
          label="Trust this device"
          hint="Do not ask again on it for some weeks. Only on a device that is yours."
          checked={trust}
          onChange={(event) => setTrust(event.target.checked)}
        />
      )}
      {hasKey && (
        <Button
          kind={hasApp && status.preferred_method === "totp" ? "secondary" : "primary"}
          size="large"
          pending={busy}
          icon={<KeyRound aria-hidden="true" className="size-[1.1rem]" />}
          onClick={() => onProof(null, trust)}
        >
          Use a passkey or security key
        </Button>
      )}
      {hasKey && showsCode && <Or />}
      {showsCode && (
        <form onSubmit={submit} className="grid gap-3">
          <Input
            ref={input}
            label={backup ? "Backup code" : "Code from your authenticator app"}
            hint={backup ? "One of those you kept when you set up your factors. Each works once." : undefined}
            name="code"
            mono
            value={code}
            onChange={(event) => setCode(event.target.value)}
            autoComplete="one-time-code"
            inputMode={backup ? "text" : "numeric"}
            maxLength={40}
            autoFocus={!hasKey}
          />
          <Button type="submit" kind={hasKey ? "secondary" : "primary"} pending={busy}>
            Confirm
          </Button>
        </form>
      )}
      {(hasApp || hasKey) && status.backup_codes.unused > 0 && (
        <button
          type="button"
          className="justify-self-start text-sm text-accent-strong underline underline-offset-4"
          onClick={() => setBackup(!backup)}
        >
          {backup ? "Use the usual way" : "Use a backup code"}
        </button>
      )}
    </div>
  );
}

export function Or() {
  return (
    <div className="flex items-center gap-3 text-[0.8125rem] text-soft" aria-hidden="true">
      <span className="h-px flex-1 bg-line" />
      or
      <span className="h-px flex-1 bg-line" />
    </div>
  );
}
