import { X } from "lucide-react";
import { type ReactNode, useEffect, useId, useRef } from "react";
import { Announcements } from "./announce";

/**
 * The browser's own modal dialog: it keeps the focus inside, closes with Escape, and gives the focus back. It is open
 * for as long as it is rendered. Without `onClose` it can only be left by what stands in it.
 */
export function Dialog({
  title,
  about,
  onClose,
  children,
}: {
  title: string;
  about?: ReactNode;
  onClose: (() => void) | null;
  children: ReactNode;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    if (!dialog?.open) dialog?.showModal();
    // Where there is something to fill in, that comes before the button that closes.
    dialog?.querySelector<HTMLElement>("form :is(input, select)")?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
      // Browsers close it at the second Escape whatever the first one was told.
      onClose={() => {
        if (ref.current?.open) return;
        if (onClose) onClose();
        else ref.current?.showModal();
      }}
      className="m-auto w-[min(30rem,calc(100vw-2rem))] rounded-2xl border border-line bg-panel p-0 text-ink shadow-float"
    >
      <div className="grid grid-cols-1 gap-4 p-6">
        <header className="flex items-start justify-between gap-4">
          <div>
            <h2 id={heading} className="text-lg font-semibold">
              {title}
            </h2>
            {about && <p className="mt-1 text-sm text-soft">{about}</p>}
          </div>
          {onClose && (
            <button
              type="button"
              onClick={onClose}
              className="-mt-1 -mr-2 grid size-8 shrink-0 place-items-center rounded-md text-soft hover:bg-sunken hover:text-ink"
            >
              <X className="size-[1.1rem]" aria-hidden="true" />
              <span className="sr-only">Close</span>
            </button>
          )}
        </header>
        {children}
      </div>
      <Announcements />
    </dialog>
  );
}

/** The buttons at the end of a dialog; the one that does it stands last. */
export function Actions({ children }: { children: ReactNode }) {
  return <div className="mt-1 flex flex-wrap justify-end gap-2">{children}</div>;
}
