import { useMutation, useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { sentence } from "../../api/error";
import { callPlainly } from "../../api/http";
import { mfaQuery, proveSession } from "../../auth/mfa";
import { ProofForm } from "../../auth/proof-form";
import { safeReturn } from "../../auth/return-to";
import { Button } from "../../ui/button";
import { Stage } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { Loading } from "../../ui/spinner";

export function Challenge() {
  const { redirect } = useSearch({ from: "/narrow/auth/mfa/challenge" });
  const status = useQuery(mfaQuery);
  const prove = useMutation({
    mutationFn: ({ code, trust }: { code: string | null; trust: boolean }) => proveSession(code, trust),
    onSuccess: () => location.assign(safeReturn(redirect)),
  });
  const leave = useMutation({
    mutationFn: () => callPlainly("POST", "/auth/web/logout"),
    onSuccess: () => location.assign("/app/login"),
  });
  return (
    <Stage title="One more step" about="Show a second factor. Until then, whatever asks for one is refused.">
      {status.isPending && <Loading what="your factors" />}
      <Problem error={status.error} retry={() => void status.refetch()} />
      {status.data && (
        <ProofForm
          status={status.data}
          busy={prove.isPending || prove.isSuccess}
          problem={prove.error && sentence(prove.error)}
          onProof={(code, trust) => prove.mutate({ code, trust })}
          offerTrust
        />
      )}
      <Problem error={leave.error} />
      <Button kind="quiet" pending={leave.isPending || leave.isSuccess} onClick={() => leave.mutate()}>
        Sign in as somebody else
      </Button>
    </Stage>
  );
}
