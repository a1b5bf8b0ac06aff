import type { ReactNode } from "react";

const TONES = {
  plain: "bg-sunken text-soft border-line",
  good: "bg-good-wash text-good border-transparent",
  warn: "bg-warn-wash text-warn border-transparent",
  accent: "bg-accent-wash text-accent-strong border-transparent",
};

export function Badge({ tone = "plain", children }: { tone?: keyof typeof TONES; children: ReactNode }) {
  return (
    <span
      className={`inline-flex items-center rounded-full border px-2 py-px text-xs font-medium whitespace-nowrap ${TONES[tone]}`}
    >
      {children}
    </span>
  );
}
