import { useMutation, useQuery } from "@tanstack/react-query";
import { ApiError } from "../../api/error";
import { get, post } from "../../api/http";
import type { CliRequest } from "../../api/types";
import { safeLoopback } from "../../auth/return-to";
import { useInfo } from "../../auth/session";
import { describeAgent } from "../../lib/agent";
import { Button } from "../../ui/button";
import { Callout } from "../../ui/callout";
import { Facts } from "../../ui/facts";
import { Stage } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { Loading } from "../../ui/spinner";
import { When } from "../../ui/time";

/** Whether a command line client may act as this person. `id` is the request's, or the code that was typed. */
export function Decide({ id, onBack }: { id: string; onBack?: () => void }) {
  const address = `/auth/cli/requests/${encodeURIComponent(id)}`;
  const request = useQuery({
    queryKey: ["cli-request", id],
    queryFn: () => get<CliRequest>(address),
    retry: false,
  });
  if (request.isPending) {
    return (
      <Stage title="Connect a command line">
        <Loading what="the request" />
      </Stage>
    );
  }
  if (!request.data)
    return <NotFound error={request.error} retry={() => void request.refetch()} onBack={onBack} />;
  return <Question request={request.data} address={address} />;
}

function Question({ request, address }: { request: CliRequest; address: string }) {
  const { user } = useInfo();
  const approve = useMutation({
    mutationFn: () => post<{ redirect: string | null }>(`${address}/approve`),
    onSuccess: ({ redirect }) => {
      const local = safeLoopback(redirect);
      if (local) location.assign(local);
    },
  });
  const deny = useMutation({ mutationFn: () => post(`${address}/deny`) });

  if (approve.isSuccess) {
    return (
      <Stage title="Connected">
        <Callout tone="good" title="The command line is signed in as you.">
          Go back to your terminal. You can close this page.
        </Callout>
      </Stage>
    );
  }
  if (deny.isSuccess) {
    return (
      <Stage title="Refused">
        <Callout title="Nothing was connected.">
          If you did not start this yourself, somebody may have sent you the link to get in as you. Tell an
          administrator.
        </Callout>
      </Stage>
    );
  }
  return (
    <Stage title="Connect a command line?" about="It will be able to do whatever you may do.">
      <div className="rounded-xl border border-line bg-sunken px-4 py-4 text-center">
        <p className="text-sm text-soft">Your terminal must show this code</p>
        <p className="mt-1 font-mono text-3xl font-semibold tracking-[0.15em]">{request.user_code}</p>
      </div>
      <Facts
        facts={[
          ["Signs in as", user.email],
          ["Device", request.device_name || "Unnamed"],
          ["Address", request.ip],
          ["Program", describeAgent(request.user_agent)],
          ["Asked", <When key="at" at={request.created_at} />],
        ]}
      />
      {!request.same_address && (
        <Callout tone="bad" title="This was started at another address than yours">
          If the terminal is not one that you use right now, somebody else may have sent you here.
        </Callout>
      )}
      <Callout tone="warn">
        Approve only if you started this yourself, just now, and the codes are the same. Nobody from support
        will ever send you such a link.
      </Callout>
      <Problem error={approve.error ?? deny.error} />
      <div className="grid grid-cols-2 gap-3">
        <Button
          size="large"
          pending={deny.isPending}
          disabled={approve.isPending}
          onClick={() => deny.mutate()}
        >
          Refuse
        </Button>
        <Button
          size="large"
          kind="primary"
          pending={approve.isPending}
          disabled={deny.isPending}
          onClick={() => approve.mutate()}
        >
          Approve
        </Button>
      </div>
    </Stage>
  );
}

type NotFoundProps = { error: unknown; retry: () => void; onBack: (() => void) | undefined };

function NotFound({ error, retry, onBack }: NotFoundProps) {
  const isGone = error instanceof ApiError && [400, 404, 410].includes(error.status);
  return (
    <Stage
      title={isGone ? "There is no such request" : "Connect a command line"}
      about={
        isGone
          ? "The code is not right, or it is older than some minutes. Start again in your terminal."
          : undefined
      }
    >
      {!isGone && <Problem error={error} retry={retry} />}
      {onBack && (
        <Button size="large" onClick={onBack}>
          Type another code
        </Button>
      )}
    </Stage>
  );
}
