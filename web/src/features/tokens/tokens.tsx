import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeySquare, Plus } from "lucide-react";
import { useState } from "react";
import { get, remove } from "../../api/http";
import type { ApiToken } from "../../api/types";
import { useInfo } from "../../auth/session";
import { announce } from "../../ui/announce";
import { Badge } from "../../ui/badge";
import { Button } from "../../ui/button";
import { Empty, Row, Rows, Section } from "../../ui/card";
import { Confirm } from "../../ui/confirm";
import { Problem } from "../../ui/problem";
import { Loading } from "../../ui/spinner";
import { When } from "../../ui/time";
import { CreateToken } from "./create";

/** One's own: an administrator would be shown everybody's. */
const tokensQuery = (user: string) =>
  queryOptions({
    queryKey: ["api-tokens", user],
    queryFn: () =>
      get<{ tokens: ApiToken[] }>(`/api-tokens?${new URLSearchParams({ state: "active", user })}`).then(
        (answer) => answer.tokens,
      ),
  });

export function Tokens() {
  const client = useQueryClient();
  const { user } = useInfo();
  const tokens = useQuery(tokensQuery(user.email));
  const [open, setOpen] = useState<"create" | ApiToken | null>(null);
  const refresh = () => void client.invalidateQueries({ queryKey: ["api-tokens"] });
  const list = tokens.data ?? [];

  return (
    <Section
      title="API tokens"
      about="For scripts, CI and the stock convox command line. A token can never do more than you may do yourself."
      action={
        <Button
          size="small"
          kind="primary"
          icon={<Plus aria-hidden className="size-3.5" />}
          onClick={() => setOpen("create")}
        >
          Create a token
        </Button>
      }
    >
      {tokens.isPending && <Loading what="your tokens" />}
      <Problem error={tokens.error} retry={() => void tokens.refetch()} />
      {tokens.data && list.length === 0 && <Empty>You have none.</Empty>}
      {list.length > 0 && (
        <Rows label="API tokens">
          {list.map((token) => (
            <TokenRow key={token.id} token={token} onRevoke={() => setOpen(token)} />
          ))}
        </Rows>
      )}
      {open === "create" && <CreateToken onCreated={refresh} onClose={() => setOpen(null)} />}
      {open && open !== "create" && (
        <Confirm
          title={`Revoke “${open.name}”?`}
          about="Whatever uses it is refused from now on. This cannot be taken back."
          verb="Revoke"
          act={() => remove(`/api-tokens/${encodeURIComponent(open.id)}`)}
          onDone={() => {
            announce("The token was revoked.");
            refresh();
          }}
          onClose={() => setOpen(null)}
        />
      )}
    </Section>
  );
}

function TokenRow({ token, onRevoke }: { token: ApiToken; onRevoke: () => void }) {
  return (
    <Row
      icon={<KeySquare className="size-[1.1rem]" />}
      title={token.name}
      badges={token.grants.map((grant) => (
        <Badge key={`${grant.role} ${grant.target}`}>
          {grant.role} on {grant.target === "*" ? "everything" : grant.target}
        </Badge>
      ))}
      facts={
        <>
          Made <When at={token.created_at} /> ·{" "}
          {token.last_used_at ? (
            <>
              used <When at={token.last_used_at} />
            </>
          ) : (
            "never used"
          )}{" "}
          ·{" "}
          {token.expires_at ? (
            <>
              ends <When at={token.expires_at} />
            </>
          ) : (
            "has no end"
          )}
        </>
      }
      actions={
        <Button kind="danger" size="small" onClick={onRevoke}>
          Revoke<span className="sr-only"> {token.name}</span>
        </Button>
      }
    />
  );
}
