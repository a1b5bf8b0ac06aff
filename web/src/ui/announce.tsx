import { CircleAlert, CircleCheck } from "lucide-react";
import { useEffect, useState, useSyncExternalStore } from "react";

type Tone = "good" | "bad";
type Said = { text: string; tone: Tone; number: number };

const ICONS = {
  good: <CircleCheck aria-hidden="true" className="size-[1.1rem] shrink-0 text-good" />,
  bad: <CircleAlert aria-hidden="true" className="size-[1.1rem] shrink-0 text-bad" />,
};

const SECONDS = 5;

let said: Said | null = null;
let forgetting: ReturnType<typeof setTimeout> | undefined;
let places: object[] = [];
const listeners = new Set<() => void>();

/** Tells what has happened: shown for some seconds, and read aloud by a screen reader. */
export function announce(text: string, tone: Tone = "good"): void {
  said = { text, tone, number: (said?.number ?? 0) + 1 };
  clearTimeout(forgetting);
  forgetting = setTimeout(() => {
    said = null;
    tell();
  }, SECONDS * 1000);
  tell();
}

function tell(): void {
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Where it is told. One stands in the page and one in each dialog, for behind an open dialog nothing is seen or read
 * aloud; the latest speaks.
 */
export function Announcements() {
  const [place] = useState(() => ({}));
  useEffect(() => {
    places = [...places, place];
    tell();
    return () => {
      places = places.filter((other) => other !== place);
      tell();
    };
  }, [place]);
  const current = useSyncExternalStore(subscribe, () => (places.at(-1) === place ? said : null));
  return (
    <div role="status" className="pointer-events-none fixed inset-x-4 bottom-5 z-50 flex justify-center">
      {current && (
        <p
          key={current.number}
          className="flex items-center gap-2.5 rounded-lg border border-line bg-panel px-4 py-2.5 text-sm font-medium shadow-float"
        >
          {ICONS[current.tone]}
          {current.text}
        </p>
      )}
    </div>
  );
}
