import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Monitor, Terminal } from "lucide-react";
import { get, post, remove } from "../../api/http";
import type { Session } from "../../api/types";
import { describeAgent } from "../../lib/agent";
import { announce } from "../../ui/announce";
import { Badge } from "../../ui/badge";
import { Button } from "../../ui/button";
import { Row, Rows, Section } from "../../ui/card";
import { Problem } from "../../ui/problem";
import { Loading } from "../../ui/spinner";
import { When } from "../../ui/time";

const sessionsQuery = queryOptions({
  queryKey: ["sessions"],
  queryFn: () => get<{ sessions: Session[] }>("/sessions").then((answer) => answer.sessions),
});

export function Sessions() {
  const client = useQueryClient();
  const sessions = useQuery(sessionsQuery);
  const refresh = () => client.invalidateQueries({ queryKey: sessionsQuery.queryKey });
  const revoke = useMutation({
    mutationFn: (id: string) => remove(`/sessions/${encodeURIComponent(id)}`),
    onSuccess: () => {
      announce("The session was ended.");
      return refresh();
    },
  });
  const others = useMutation({
    mutationFn: () => post("/sessions/revoke-others"),
    onSuccess: () => {
      announce("All other sessions were ended.");
      return refresh();
    },
  });
  const list = [...(sessions.data ?? [])].sort((a, b) => Number(b.current) - Number(a.current));

  return (
    <Section
      title="Sessions"
      about="Where you are logged in: browsers, and command line clients. Ending one takes effect at once."
      action={
        list.length > 1 && (
          <Button size="small" kind="danger" pending={others.isPending} onClick={() => others.mutate()}>
            End all others
          </Button>
        )
      }
    >
      {sessions.isPending && <Loading what="your sessions" />}
      <Problem error={sessions.error} retry={() => void sessions.refetch()} />
      <Problem error={revoke.error ?? others.error} />
      {list.length > 0 && (
        <Rows label="Sessions">
          {list.map((session) => (
            <SessionRow
              key={session.id}
              session={session}
              pending={revoke.isPending && revoke.variables === session.id}
              onRevoke={() => revoke.mutate(session.id)}
            />
          ))}
        </Rows>
      )}
    </Section>
  );
}

type RowProps = { session: Session; pending: boolean; onRevoke: () => void };

function SessionRow({ session, pending, onRevoke }: RowProps) {
  const isCli = session.channel === "cli";
  const Icon = isCli ? Terminal : Monitor;
  const name = session.device_name || describeAgent(session.user_agent);
  return (
    <Row
      icon={<Icon className="size-[1.1rem]" />}
      title={name}
      badges={
        <>
          <Badge>{isCli ? "Command line" : "Browser"}</Badge>
          {session.current && <Badge tone="good">This one</Badge>}
        </>
      }
      facts={
        <>
          {session.ip && <>{session.ip} · </>}
          {session.last_seen_at ? (
            <>
              seen <When at={session.last_seen_at} />
            </>
          ) : (
            <>
              begun <When at={session.created_at} />
            </>
          )}{" "}
          · ends <When at={session.expires_at} />
        </>
      }
      actions={
        !session.current && (
          <Button kind="danger" size="small" pending={pending} onClick={onRevoke}>
            End<span className="sr-only"> the session on {name}</span>
          </Button>
        )
      }
    />
  );
}
