import { CircleAlert, CircleCheck, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

type Tone = "info" | "good" | "warn" | "bad";

const TONES: Record<Tone, { style: string; icon: ReactNode }> = {
  info: { style: "bg-accent-wash border-accent/30", icon: <Info className="text-accent" /> },
  good: { style: "bg-good-wash border-good/30", icon: <CircleCheck className="text-good" /> },
  warn: { style: "bg-warn-wash border-warn/35", icon: <TriangleAlert className="text-warn" /> },
  bad: { style: "bg-bad-wash border-bad/30", icon: <CircleAlert className="text-bad" /> },
};

export function Callout({
  tone = "info",
  title,
  children,
}: {
  tone?: Tone;
  title?: string;
  children?: ReactNode;
}) {
  const { style, icon } = TONES[tone];
  return (
    <div
      role={tone === "bad" ? "alert" : undefined}
      className={`flex gap-3 rounded-lg border px-4 py-3 text-sm text-ink ${style}`}
    >
      <span aria-hidden="true" className="mt-px shrink-0 [&>svg]:size-[1.15rem]">
        {icon}
      </span>
      <div className="min-w-0 grid gap-1 [overflow-wrap:anywhere]">
        {title && <p className="font-semibold">{title}</p>}
        {children && <div>{children}</div>}
      </div>
    </div>
  );
}
