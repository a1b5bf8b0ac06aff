import { type ReactNode, useEffect, useRef } from "react";

let opened = 0;

/** Names the browser's tab, and puts the focus on the heading when a page follows another. */
function useTitle(title: string) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Rack Gateway`;
    opened += 1;
    const isBusy = document.activeElement?.matches("input, textarea, select");
    if (opened > 1 && !isBusy) heading.current?.focus({ preventScroll: true });
  }, [title]);
  return heading;
}

/** A page inside the frame of somebody who is logged in. */
export function Page({ title, about, children }: { title: string; about?: ReactNode; children: ReactNode }) {
  const heading = useTitle(title);
  return (
    <div className="grid grid-cols-1 gap-6">
      <header>
        <h1 ref={heading} tabIndex={-1} className="text-2xl font-semibold">
          {title}
        </h1>
        {about && <p className="mt-1 max-w-prose text-soft">{about}</p>}
      </header>
      {children}
    </div>
  );
}

/** One thing to do, in the middle of the screen. */
export function Stage({
  title,
  about,
  children,
}: {
  title: string;
  about?: ReactNode;
  children?: ReactNode;
}) {
  const heading = useTitle(title);
  return (
    <div className="rounded-2xl border border-line bg-panel p-6 shadow-card sm:p-8">
      <h1 ref={heading} tabIndex={-1} className="text-xl font-semibold">
        {title}
      </h1>
      {about && <div className="mt-1.5 text-soft">{about}</div>}
      {children && <div className="mt-6 grid grid-cols-1 gap-4">{children}</div>}
    </div>
  );
}
