import { ApiError, sentence } from "../api/error";
import { Button } from "./button";
import { Callout } from "./callout";

/** What went wrong, in the gateway's words, with the number under which it is on record. */
export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  if (!error || (error instanceof ApiError && error.code === "cancelled")) return null;
  const id = error instanceof ApiError ? error.requestId : null;
  return (
    <Callout tone="bad">
      <p>{sentence(error)}</p>
      {id && <p className="mt-1 text-[0.8125rem] text-soft">Request {id}</p>}
      {retry && (
        <Button size="small" className="mt-2" onClick={retry}>
          Try again
        </Button>
      )}
    </Callout>
  );
}
