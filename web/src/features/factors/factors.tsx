import { useMutation, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Smartphone } from "lucide-react";
import { useState } from "react";
import { post, put, remove } from "../../api/http";
import type { Enrolled, Factor, MfaStatus } from "../../api/types";
import { announce } from "../../ui/announce";
import { Badge } from "../../ui/badge";
import { Button } from "../../ui/button";
import { Callout } from "../../ui/callout";
import { Empty, Row, Rows, Section } from "../../ui/card";
import { Confirm } from "../../ui/confirm";
import { Actions, Dialog } from "../../ui/dialog";
import { Input, Select } from "../../ui/field";
import { Problem } from "../../ui/problem";
import { When } from "../../ui/time";
import { AddKey } from "./add-key";
import { AddTotp } from "./add-totp";
import { BackupCodes } from "./backup-codes";

/** So many backup codes are soon none. */
const FEW = 2;

type Open =
  | { what: "key" | "totp" }
  | { what: "rename" | "remove"; factor: Factor }
  | { what: "codes"; codes: string[] };

export function Factors({ status }: { status: MfaStatus }) {
  const client = useQueryClient();
  const [open, setOpen] = useState<Open | null>(null);
  const close = () => setOpen(null);
  const refresh = () =>
    client.invalidateQueries({ queryKey: ["mfa"] }).then(() => client.invalidateQueries());
  const enrolled = (result: Enrolled) => {
    announce("The factor was added.");
    setOpen(result.backup_codes ? { what: "codes", codes: result.backup_codes } : null);
    void refresh();
  };
  const regenerate = useMutation({
    mutationFn: () => post<{ backup_codes: string[] }>("/auth/mfa/backup-codes/regenerate"),
    onSuccess: ({ backup_codes }) => {
      setOpen({ what: "codes", codes: backup_codes });
      void refresh();
    },
  });
  const { total, unused } = status.backup_codes;

  return (
    <>
      <Section
        title="Second factors"
        about="What you show besides your login, and before changes that matter."
        action={status.methods.length > 0 && <Add size="small" onAdd={(what) => setOpen({ what })} />}
      >
        {status.methods.length === 0 ? (
          <>
            <Empty>
              You have none yet. A passkey is your fingerprint, face, screen lock or a security key; an
              authenticator app shows a code to type. You can have both.
            </Empty>
            <div className="pt-2 pb-1">
              <Add size="normal" onAdd={(what) => setOpen({ what })} />
            </div>
          </>
        ) : (
          <Rows label="Second factors">
            {status.methods.map((factor) => (
              <FactorRow
                key={factor.id}
                factor={factor}
                onRename={() => setOpen({ what: "rename", factor })}
                onRemove={() => setOpen({ what: "remove", factor })}
              />
            ))}
          </Rows>
        )}
        <Preferred status={status} onChanged={refresh} />
      </Section>
      {status.methods.length > 0 && (
        <Section
          title="Backup codes"
          about={`${unused} of ${total} are unused. Each lets you in once when you have lost everything else.`}
          action={
            <Button size="small" pending={regenerate.isPending} onClick={() => regenerate.mutate()}>
              Make new codes
            </Button>
          }
        >
          <div className="grid gap-3">
            {status.backup_codes.last_generated_at && (
              <p className="text-sm text-soft">
                Made <When at={status.backup_codes.last_generated_at} />. New codes put an end to the old
                ones.
              </p>
            )}
            {unused <= FEW && (
              <Callout tone="warn">
                {unused === 0 ? "None is left." : "Few are left."} Make new ones before you need them.
              </Callout>
            )}
            <Problem error={regenerate.error} />
          </div>
        </Section>
      )}
      {open?.what === "key" && <AddKey onDone={enrolled} onClose={close} />}
      {open?.what === "totp" && <AddTotp onDone={enrolled} onClose={close} />}
      {open?.what === "codes" && <BackupCodes codes={open.codes} onClose={close} />}
      {open?.what === "rename" && <Rename factor={open.factor} onClose={close} onDone={refresh} />}
      {open?.what === "remove" && (
        <Confirm
          title={`Remove “${nameOf(open.factor)}”?`}
          about={
            status.methods.length === 1
              ? "It is your last factor. Trusted devices and backup codes go with it, and you must add another one before you can go on."
              : "It cannot be used any more from now on."
          }
          verb="Remove"
          act={() => remove(`/auth/mfa/methods/${encodeURIComponent(open.factor.id)}`)}
          onDone={() => {
            announce("The factor was removed.");
            void refresh();
          }}
          onClose={close}
        />
      )}
    </>
  );
}

function Add({ size, onAdd }: { size: "small" | "normal"; onAdd: (what: "key" | "totp") => void }) {
  return (
    <div className="flex flex-wrap gap-2">
      <Button
        size={size}
        kind="primary"
        icon={<KeyRound aria-hidden className="size-3.5" />}
        onClick={() => onAdd("key")}
      >
        Add a passkey
      </Button>
      <Button
        size={size}
        icon={<Smartphone aria-hidden className="size-3.5" />}
        onClick={() => onAdd("totp")}
      >
        Add an app
      </Button>
    </div>
  );
}

const kindOf = (factor: Factor): string => (factor.type === "totp" ? "Authenticator app" : "Passkey");
const nameOf = (factor: Factor): string => factor.label || kindOf(factor);

function FactorRow({
  factor,
  onRename,
  onRemove,
}: {
  factor: Factor;
  onRename: () => void;
  onRemove: () => void;
}) {
  const isApp = factor.type === "totp";
  const Icon = isApp ? Smartphone : KeyRound;
  return (
    <Row
      icon={<Icon className="size-[1.1rem]" />}
      title={nameOf(factor)}
      badges={nameOf(factor) !== kindOf(factor) && <Badge>{kindOf(factor)}</Badge>}
      facts={
        <>
          Added <When at={factor.created_at} />
          {factor.last_used_at ? (
            <>
              , used <When at={factor.last_used_at} />
            </>
          ) : (
            ", not used yet"
          )}
        </>
      }
      actions={
        <>
          <Button kind="quiet" size="small" onClick={onRename}>
            Rename<span className="sr-only"> {nameOf(factor)}</span>
          </Button>
          <Button kind="danger" size="small" onClick={onRemove}>
            Remove<span className="sr-only"> {nameOf(factor)}</span>
          </Button>
        </>
      }
    />
  );
}

function Preferred({ status, onChanged }: { status: MfaStatus; onChanged: () => void }) {
  const set = useMutation({
    mutationFn: (method: string) => put("/auth/mfa/preferred-method", { preferred_method: method || null }),
    onSuccess: () => {
      announce("Saved.");
      onChanged();
    },
  });
  if (new Set(status.methods.map((method) => method.type)).size < 2) return null;
  return (
    <div className="mt-4 grid gap-3 border-t border-line pt-4">
      <Select
        label="Ask me first for"
        className="max-w-xs"
        value={set.isPending ? (set.variables ?? "") : (status.preferred_method ?? "")}
        onChange={(event) => set.mutate(event.target.value)}
      >
        <option value="">whatever I used last</option>
        <option value="webauthn">a passkey</option>
        <option value="totp">a code from the app</option>
      </Select>
      <Problem error={set.error} />
    </div>
  );
}

function Rename({ factor, onClose, onDone }: { factor: Factor; onClose: () => void; onDone: () => void }) {
  const [label, setLabel] = useState(nameOf(factor));
  const save = useMutation({
    mutationFn: () => put(`/auth/mfa/methods/${encodeURIComponent(factor.id)}`, { label: label.trim() }),
    onSuccess: () => {
      announce("Renamed.");
      onDone();
      onClose();
    },
  });
  return (
    <Dialog title="Rename this factor" onClose={onClose}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Input
          label="Name"
          required
          maxLength={100}
          value={label}
          onChange={(event) => setLabel(event.target.value)}
        />
        <Problem error={save.error} />
        <Actions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" pending={save.isPending}>
            Save
          </Button>
        </Actions>
      </form>
    </Dialog>
  );
}
