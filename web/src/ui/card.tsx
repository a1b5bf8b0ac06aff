import { type ReactNode, useId } from "react";

/** A part of a page with a heading of its own. */
export function Section({
  title,
  about,
  action,
  children,
  id,
}: {
  title: string;
  about?: ReactNode;
  action?: ReactNode;
  children: ReactNode;
  id?: string;
}) {
  const heading = useId();
  return (
    <section
      id={id}
      aria-labelledby={heading}
      className="scroll-mt-6 rounded-xl border border-line bg-panel shadow-card"
    >
      <header className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3 border-b border-line px-5 py-4 sm:px-6">
        <div className="min-w-0 max-w-prose">
          <h2 id={heading} className="text-base font-semibold">
            {title}
          </h2>
          {about && <p className="mt-0.5 text-sm text-soft">{about}</p>}
        </div>
        {action}
      </header>
      <div className="px-5 py-4 sm:px-6">{children}</div>
    </section>
  );
}

/** A list whose rows are divided by lines. */
export function Rows({ label, children }: { label: string; children: ReactNode }) {
  return (
    <ul aria-label={label} className="-my-4 divide-y divide-line">
      {children}
    </ul>
  );
}

export function Row({
  icon,
  title,
  badges,
  facts,
  actions,
}: {
  icon: ReactNode;
  title: ReactNode;
  badges?: ReactNode;
  facts: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 py-3.5">
      <span
        aria-hidden="true"
        className="grid size-9 shrink-0 place-items-center rounded-lg bg-sunken text-soft"
      >
        {icon}
      </span>
      <div className="min-w-0 flex-1 basis-60">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1 font-medium [overflow-wrap:anywhere]">
          {title}
          {badges}
        </p>
        <p className="text-[0.8125rem] text-soft [overflow-wrap:anywhere]">{facts}</p>
      </div>
      {actions && <div className="flex items-center gap-1.5 max-sm:w-full max-sm:pl-10.5">{actions}</div>}
    </li>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="py-2 text-sm text-soft">{children}</p>;
}
