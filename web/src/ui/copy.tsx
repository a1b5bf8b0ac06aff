import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { announce } from "./announce";
import { Button } from "./button";

export function CopyButton({ text, what, label = "Copy" }: { text: string; what: string; label?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      announce(`The browser did not let us copy. Select the ${what} and copy it by hand.`, "bad");
      return;
    }
    setDone(true);
    announce(`Copied the ${what}.`);
    setTimeout(() => setDone(false), 2000);
  };
  const Icon = done ? Check : Copy;
  return (
    <Button size="small" onClick={copy} icon={<Icon aria-hidden="true" className="size-3.5" />}>
      {done ? "Copied" : label}
      <span className="sr-only"> the {what}</span>
    </Button>
  );
}

/** Lines for a terminal, or a secret that is shown once. */
export function CodeBlock({ text, what, wrap = false }: { text: string; what: string; wrap?: boolean }) {
  return (
    <div className="flex items-start gap-2 rounded-lg border border-line bg-sunken p-1.5 pl-3.5">
      {/* A box that scrolls must be reachable by keyboard. */}
      <pre
        tabIndex={0}
        role="group"
        aria-label={what}
        className={`min-w-0 flex-1 overflow-x-auto py-1.5 font-mono text-[0.8125rem] leading-relaxed ${wrap ? "whitespace-pre-wrap break-all" : ""}`}
      >
        <code>{text}</code>
      </pre>
      <CopyButton text={text} what={what} />
    </div>
  );
}
