import { CircleCheck } from "lucide-react";
import { useEffect, useSyncExternalStore } from "react";

type Said = { text: string; number: number };

let said: Said | null = null;
const listeners = new Set<() => void>();

/** Tells what has happened: shown for some seconds, and read aloud by a screen reader. */
export function announce(text: string): void {
  show({ text, number: (said?.number ?? 0) + 1 });
}

function show(next: Said | null): void {
  said = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Announcements() {
  const current = useSyncExternalStore(subscribe, () => said);
  useEffect(() => {
    if (!current) return;
    const timer = setTimeout(() => show(null), 5000);
    return () => clearTimeout(timer);
  }, [current]);
  return (
    <div role="status" className="pointer-events-none fixed inset-x-4 bottom-5 z-50 flex justify-center">
      {current && (
        <p
          key={current.number}
          className="flex items-center gap-2.5 rounded-lg border border-line bg-panel px-4 py-2.5 text-sm font-medium shadow-float"
        >
          <CircleCheck aria-hidden="true" className="size-[1.1rem] text-good" />
          {current.text}
        </p>
      )}
    </div>
  );
}
