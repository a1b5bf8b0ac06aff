import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/error";
import { post } from "../../api/http";
import type { Held } from "../../api/types";
import { Button } from "../../ui/button";
import { Callout } from "../../ui/callout";
import { CodeBlock } from "../../ui/copy";
import { Actions, Dialog } from "../../ui/dialog";
import { Input, Select } from "../../ui/field";
import { Problem } from "../../ui/problem";
import { meQuery } from "../me";
import { cliLines, racksQuery } from "../racks";

const DAY = 86_400_000;
const LASTS: [string, number][] = [
  ["1 day", 1],
  ["7 days", 7],
  ["30 days", 30],
  ["90 days", 90],
  ["1 year", 365],
];

type Made = { token: string; api_token: { name: string } };

export function CreateToken({ onCreated, onClose }: { onCreated: () => void; onClose: () => void }) {
  const create = useMutation({
    mutationFn: (wanted: Wanted) => post<Made>("/api-tokens", wanted),
    onSuccess: onCreated,
  });
  return create.data ? (
    <Shown made={create.data} onClose={onClose} />
  ) : (
    <Dialog title="Create an API token" onClose={onClose}>
      <Form error={create.error} pending={create.isPending} onCreate={create.mutate} onClose={onClose} />
    </Dialog>
  );
}

type Wanted = { name: string; grants: { role: string; target: string }[]; expires_at: string };
type FormProps = {
  error: Error | null;
  pending: boolean;
  onCreate: (wanted: Wanted) => void;
  onClose: () => void;
};

function Form({ error, pending, onCreate, onClose }: FormProps) {
  const held = useQuery(meQuery).data?.grants ?? [];
  const [name, setName] = useState("");
  const [role, setRole] = useState<string | null>(null);
  const [target, setTarget] = useState<string | null>(null);
  const [days, setDays] = useState(90);
  const roles = rolesBelow(held);
  const chosen = role ?? roles.find((one) => one === "viewer") ?? roles[0] ?? "viewer";
  const where = target ?? held[0]?.target ?? "*";
  const field = error instanceof ApiError ? error.field : null;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const expires_at = new Date(Date.now() + days * DAY).toISOString();
    onCreate({ name: name.trim(), grants: [{ role: chosen, target: where.trim() }], expires_at });
  };
  return (
    <form className="grid gap-4" onSubmit={submit}>
      <Input
        label="Name"
        hint="What will use it, such as “nightly backup”."
        required
        maxLength={100}
        value={name}
        error={field === "name" && error ? error.message : null}
        onChange={(event) => setName(event.target.value)}
      />
      <div className="grid gap-4 sm:grid-cols-2">
        <Select label="Role" value={chosen} onChange={(event) => setRole(event.target.value)}>
          {roles.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </Select>
        <Select label="Lasts for" value={days} onChange={(event) => setDays(Number(event.target.value))}>
          {LASTS.map(([label, count]) => (
            <option key={count} value={count}>
              {label}
            </option>
          ))}
        </Select>
      </div>
      <Input
        label="Target"
        hint="A rack such as “staging”, an app such as “staging/web”, or * for everything that you may reach."
        required
        mono
        value={where}
        error={field === "target" && error ? error.message : null}
        onChange={(event) => setTarget(event.target.value)}
      />
      {field !== "name" && field !== "target" && <Problem error={error} />}
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" pending={pending}>
          Create token
        </Button>
      </Actions>
    </form>
  );
}

const LADDER = ["viewer", "ops", "deployer", "admin"];

/** What somebody may hand on: each role they hold and, of the built-in ladder, those below. */
export function rolesBelow(held: Held[]): string[] {
  const roles = new Set<string>();
  for (const { role } of held) {
    const step = LADDER.indexOf(role);
    for (const lower of step < 0 ? [role] : LADDER.slice(0, step + 1)) roles.add(lower);
    if (step >= LADDER.indexOf("deployer")) roles.add("cicd");
  }
  const order = (role: string) => (LADDER.includes(role) ? LADDER.length - LADDER.indexOf(role) : 9);
  return [...roles].sort((a, b) => order(a) - order(b));
}

function Shown({ made, onClose }: { made: Made; onClose: () => void }) {
  const rack = useQuery(racksQuery).data?.[0];
  return (
    <Dialog title={`Token “${made.api_token.name}”`} onClose={null}>
      <Callout tone="warn">Copy it now. It is shown only once.</Callout>
      <CodeBlock text={made.token} what="token" wrap />
      {rack && (
        <div className="grid grid-cols-1 gap-2">
          <p className="text-sm font-medium">With the stock convox command line</p>
          <CodeBlock text={cliLines(rack, made.token)} what="lines for the terminal" wrap />
        </div>
      )}
      <Actions>
        <Button kind="primary" onClick={onClose}>
          I have copied it
        </Button>
      </Actions>
    </Dialog>
  );
}
