import { createTransport } from "@sentry/browser";
import { describe, expect, it, vi } from "vitest";
import { ApiError } from "../api/error";
import type { ReportTo } from "../api/types";
import { type Caught, Reports } from "./reports";
import { start } from "./sender";

const TO: ReportTo = { dsn: "https://key@sentry.example/7", environment: "test", release: "rack-gateway@1" };

function make(answer: ReportTo | null | Error = TO) {
  const sent: Caught[] = [];
  const ask = vi.fn(async () => {
    if (answer instanceof Error) throw answer;
    return answer;
  });
  const load = vi.fn(async () => (caught: Caught) => void sent.push(caught));
  return { reports: new Reports({ ask, load }), sent, ask, load };
}

/** For what must happen, on a machine that has much else to do. */
const SOON = { timeout: 20_000 };

const settled = () => new Promise((resolve) => setTimeout(resolve));
const error = (text = "x") => ({ error: new Error(text), handled: false });

describe("reports", () => {
  it("are loaded once, when it is known where to", async () => {
    const { reports, sent, ask, load } = make();
    expect(load).not.toHaveBeenCalled();
    reports.learn(TO);
    reports.learn(TO);
    expect(load).toHaveBeenCalledExactlyOnceWith(TO);
    reports.tell(error());
    await settled();
    expect(sent).toHaveLength(1);
    expect(ask).not.toHaveBeenCalled();
  });

  it("are never loaded where nobody wants them", async () => {
    const { reports, sent, ask, load } = make(null);
    reports.learn(null);
    reports.tell(error());
    reports.learn(TO);
    await settled();
    expect([sent.length, load.mock.calls.length, ask.mock.calls.length]).toEqual([0, 0, 0]);
  });

  it("wait until somebody has been asked, and then all go", async () => {
    const { reports, sent, ask } = make();
    for (let count = 0; count < 15; count += 1) reports.tell(error(`${count}`));
    await settled();
    expect(ask).toHaveBeenCalledOnce();
    expect(sent.map(({ error }) => (error as Error).message)).toEqual([..."0123456789"]);
  });

  it("are given up when nobody answers, and tried again with the next", async () => {
    const { reports, sent, ask } = make(ApiError.unreachable());
    reports.tell(error());
    await settled();
    reports.tell(error());
    await settled();
    expect(ask).toHaveBeenCalledTimes(2);
    expect(sent).toEqual([]);
  });

  it("do not tell of refusals, of what was broken off, or of the same thing twice", async () => {
    const { reports, sent } = make();
    reports.learn(TO);
    const once = error();
    for (const caught of [
      { error: new ApiError(403, "denied", "no"), handled: true },
      { error: new DOMException("stop", "AbortError"), handled: false },
      once,
      { ...once, handled: true },
    ])
      reports.tell(caught);
    await settled();
    expect(sent).toEqual([once]);
  });

  it("outlive a sender that cannot be loaded", async () => {
    const load = async () => {
      throw new TypeError("Failed to fetch dynamically imported module");
    };
    const reports = new Reports({ ask: async () => TO, load });
    reports.learn(TO);
    reports.tell(error());
    await settled();
  });

  it("hear what nobody caught", async () => {
    const { reports, sent } = make();
    reports.learn(TO);
    reports.watch(window);
    const [thrown, rejected] = [new Error("thrown"), new Error("rejected")];
    window.dispatchEvent(new ErrorEvent("error", { error: thrown }));
    window.dispatchEvent(Object.assign(new Event("unhandledrejection"), { reason: rejected }));
    await settled();
    expect(sent.map(({ error }) => error)).toEqual([thrown, rejected]);
  });
});

describe("the sender", () => {
  const bodies: string[] = [];
  const transport = (options: Parameters<typeof createTransport>[0]) =>
    createTransport(options, async ({ body }) => {
      bodies.push(String(body));
      return { statusCode: 200 };
    });

  it("sends an envelope with release and environment, and nothing about the person", async () => {
    // biome-ignore lint/suspicious/noDocumentCookie: as any page can
    document.cookie = "theme_canary=hunter2";
    history.replaceState(null, "", "/app/welcome?mail=anna@corp.example#rgl_0123456789abcdef0123456789");
    vi.stubGlobal("fetch", async () => new Response("{}"));
    const send = start(TO, transport);
    await fetch("/api/v1/auth/links/rgl_0123456789abcdef0123456789").catch(() => null);
    const cause = new Error("of anna@corp.example");
    send({ error: new TypeError("no rgw_0123456789abcdef", { cause }), handled: true, stack: "\n at Home" });
    await vi.waitFor(() => expect(bodies).toHaveLength(1), SOON);
    const [, , body] = (bodies[0] ?? "").split("\n").map((line) => JSON.parse(line));
    expect(body).toMatchObject({
      release: TO.release,
      environment: TO.environment,
      sdk: { settings: { infer_ip: "never" } },
      contexts: { react: { componentStack: "\n at Home" } },
    });
    expect(body.exception.values.map((one: { value: string }) => one.value)).toEqual([
      "of [hidden]",
      "no [hidden]",
    ]);
    expect(body.user).toBeUndefined();
    for (const secret of ["anna", "hunter2", "0123456789abcdef"]) expect(bodies[0]).not.toContain(secret);
  });

  it("falls silent when a page fails without end", async () => {
    bodies.length = 0;
    const send = start(TO, transport);
    for (let count = 0; count < 100; count += 1)
      send({ error: new Error(`no ${String.fromCharCode(97 + (count % 26))}`), handled: false });
    await settled();
    await vi.waitFor(() => expect(bodies.length).toBe(20), SOON);
  });
});
