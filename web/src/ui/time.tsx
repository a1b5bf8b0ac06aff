import { ago, exact } from "../lib/time";

/** "3 hours ago", with the exact time behind it. */
export function When({ at }: { at: string }) {
  return (
    <time dateTime={at} title={exact(at)}>
      {ago(at)}
    </time>
  );
}
