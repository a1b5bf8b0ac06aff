import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, useSyncExternalStore } from "react";
import { sentence } from "../api/error";
import { Dialog } from "../ui/dialog";
import { Problem } from "../ui/problem";
import { Loading } from "../ui/spinner";
import { mfaQuery, proofFor, proveSession } from "./mfa";
import { ProofForm } from "./proof-form";
import { proofs } from "./proofs";
import { infoQuery } from "./session";

/** Opens when a call needs a proof, and lets the call go on with it. */
export function StepUp() {
  const question = useSyncExternalStore(proofs.subscribe, proofs.question);
  return question ? <Asking question={question} /> : null;
}

function Asking({ question }: { question: NonNullable<ReturnType<typeof proofs.question>> }) {
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
          problem={problem ?? (question.problem && sentence(new Error(question.problem)))}
          onProof={(code) => void prove(code)}
          offerTrust={false}
        />
      )}
    </Dialog>
  );
}
