import { Told } from "../api/error";
import { callPlainly } from "../api/http";
import type { Providers, ReportTo } from "../api/types";

/** Something that went wrong in a page, and in which of its parts, if React knows. */
export type Caught = { error: unknown; handled: boolean; stack?: string | undefined };
export type Send = (caught: Caught) => void;

type Ways = {
  /** Finds out where reports go, on a page that has not been told. */
  ask: () => Promise<ReportTo | null>;
  load: (to: ReportTo) => Promise<Send>;
};

/** As long as nobody knows whether they are wanted. */
const MOST_KEPT = 10;

/**
 * Tells the operators of errors in these pages, where the gateway names a place for that. Here is only what must be
 * there from the start: it hears of errors, and keeps them. What sends them is loaded when there is such a place.
 */
export class Reports {
  /** Undefined until it is known; null where nobody wants to hear. */
  #sender: Promise<Send | null> | null | undefined;
  #kept: Caught[] = [];
  #told = new WeakSet<object>();
  #asking = false;

  constructor(private readonly ways: Ways) {}

  /** The gateway has said where reports go. Its first word holds until the page is loaded again. */
  learn(to: ReportTo | null): void {
    if (this.#sender !== undefined) return;
    this.#sender = to && this.ways.load(to).catch(() => null);
    for (const caught of this.#kept.splice(0)) this.#pass(caught);
  }

  tell(caught: Caught): void {
    if (isAnswer(caught.error) || this.#isKnown(caught.error)) return;
    if (this.#sender === undefined) {
      if (this.#kept.length < MOST_KEPT) this.#kept.push(caught);
      void this.#ask();
    } else {
      this.#pass(caught);
    }
  }

  /** Hears of whatever nobody has caught. */
  watch(page: Window): void {
    page.addEventListener("error", ({ error }) => error && this.tell({ error, handled: false }));
    page.addEventListener("unhandledrejection", ({ reason }) => this.tell({ error: reason, handled: false }));
  }

  #pass(caught: Caught): void {
    void this.#sender?.then((send) => send?.(caught));
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      this.learn(await this.ways.ask());
    } catch {
      // Whoever cannot be asked cannot be told either; the next error tries again.
    } finally {
      this.#asking = false;
    }
  }

  #isKnown(error: unknown): boolean {
    if (typeof error !== "object" || error === null) return false;
    const known = this.#told.has(error);
    this.#told.add(error);
    return known;
  }
}

/** A refusal of the gateway is on record there, and what the person broke off is no error. */
function isAnswer(error: unknown): boolean {
  return error instanceof Told || (error instanceof DOMException && error.name === "AbortError");
}

export const reports = new Reports({
  ask: async () => (await callPlainly<Providers>("GET", "/auth/providers")).sentry,
  load: async (to) => (await import("./sender")).start(to),
});
