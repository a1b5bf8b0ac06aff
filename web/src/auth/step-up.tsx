import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { sentence, Told } from "../api/error";
import { Dialog } from "../ui/dialog";
import { Problem } from "../ui/problem";
import { Loading } from "../ui/spinner";
import { mfaQuery, proofFor, proveSession } from "./mfa";
import { ProofForm } from "./proof-form";
import type { Pending } from "./proofs";
import { infoQuery } from "./session";

/** Gets a proof for a call that needs one, and lets the call go on with it. */
export default function Asking({ question }: { question: Pending }) {
  const client = useQueryClient();
  const status = useQuery(mfaQuery);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  const prove = async (code: string | null) => {
    setBusy(true);
    setProblem(null);
    try {
      if (question.level === "always") {
        await question.answer(await proofFor(code));
      } else {
        await proveSession(code, false);
        await question.answer(null);
        void client.invalidateQueries({ queryKey: infoQuery.queryKey });
      }
    } catch (error) {
      setProblem(sentence(error));
    } finally {
      setBusy(false);
    }
  };

  const about =
    question.level === "always"
      ? "This change is asked to be confirmed each time."
      : "It has been a while since you showed a second factor.";
  return (
    <Dialog title="Confirm that it is you" about={about} onClose={question.cancel}>
      {status.isPending && <Loading what="your factors" />}
      <Problem error={status.error} retry={() => void status.refetch()} />
      {status.data && (
        <ProofForm
          status={status.data}
          busy={busy || question.busy}
          problem={problem ?? (question.problem && sentence(new Told(question.problem)))}
          onProof={(code) => void prove(code)}
          offerTrust={false}
        />
      )}
    </Dialog>
  );
}
