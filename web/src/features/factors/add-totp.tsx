import { useMutation } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { Enrolled, TotpStart } from "../../api/types";
import { Button } from "../../ui/button";
import { CodeBlock } from "../../ui/copy";
import { Actions, Dialog } from "../../ui/dialog";
import { Input } from "../../ui/field";
import { Problem } from "../../ui/problem";
import { Loading } from "../../ui/spinner";
import { confirmTotp, startTotp } from "./enrol";

export function AddTotp({ onDone, onClose }: { onDone: (enrolled: Enrolled) => void; onClose: () => void }) {
  const start = useMutation({ mutationFn: () => startTotp("Authenticator app") });
  const begin = start.mutate;
  useEffect(() => begin(), [begin]);
  return (
    <Dialog
      title="Add an authenticator app"
      about="Any app that shows six digits: 1Password, Google Authenticator, Aegis, and others."
      onClose={onClose}
    >
      {start.isPending && <Loading what="a new secret" />}
      <Problem error={start.error} retry={() => start.mutate()} />
      {start.data && <Confirm started={start.data} onDone={onDone} onClose={onClose} />}
    </Dialog>
  );
}

type ConfirmProps = { started: TotpStart; onDone: (enrolled: Enrolled) => void; onClose: () => void };

function Confirm({ started, onDone, onClose }: ConfirmProps) {
  const [code, setCode] = useState("");
  const confirm = useMutation({
    mutationFn: () => confirmTotp(started.method_id, code.replace(/\s/g, "")),
    onSuccess: onDone,
  });
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        confirm.mutate();
      }}
    >
      <ol className="grid gap-4 text-sm">
        <li className="grid gap-3">
          <p>
            <span className="font-semibold">1.</span> Scan this picture with the app.
          </p>
          <img
            src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(started.qr_svg)}`}
            alt="QR code with the secret for your authenticator app; the same secret is written below"
            className="size-44 justify-self-center rounded-lg border border-line bg-white p-2"
          />
          <details>
            <summary className="text-accent-strong underline underline-offset-4">
              Enter the secret by hand
            </summary>
            <div className="mt-2">
              <CodeBlock text={grouped(started.secret)} what="secret" wrap />
            </div>
          </details>
        </li>
        <li>
          <p className="mb-2">
            <span className="font-semibold">2.</span> Type the six digits that it shows now.
          </p>
          <Input
            label="Code"
            mono
            inputMode="numeric"
            autoComplete="one-time-code"
            maxLength={9}
            required
            autoFocus
            value={code}
            onChange={(event) => setCode(event.target.value)}
          />
        </li>
      </ol>
      <Problem error={confirm.error} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" pending={confirm.isPending}>
          Add app
        </Button>
      </Actions>
    </form>
  );
}

const grouped = (secret: string): string => secret.replace(/(.{4})(?=.)/g, "$1 ");
