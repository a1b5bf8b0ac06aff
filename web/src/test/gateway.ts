import { vi } from "vitest";

export type Asked = { method: string; path: string; headers: Headers; body: unknown };
type Answer = { status?: number; body?: unknown; headers?: Record<string, string> };
type Answers = Record<string, Answer | ((asked: Asked) => Answer)>;

/** A gateway that answers as the test says, and remembers what it was asked. Whatever is not listed is a 404. */
export function fakeGateway(answers: Answers): Asked[] {
  const seen: Asked[] = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) => {
    const asked: Asked = {
      method: init.method ?? "GET",
      path: url.replace("/api/v1", ""),
      headers: new Headers(init.headers),
      body: init.body ? JSON.parse(String(init.body)) : undefined,
    };
    seen.push(asked);
    const wanted = answers[`${asked.method} ${asked.path}`] ?? {
      status: 404,
      body: { code: "not_found", error: "no" },
    };
    const { status = 200, body = {}, headers = {} } = typeof wanted === "function" ? wanted(asked) : wanted;
    return new Response(status === 204 ? null : JSON.stringify(body), {
      status,
      headers: { "content-type": "application/json", ...headers },
    });
  });
  return seen;
}

export const refusal = (status: number, code: string, headers: Record<string, string> = {}): Answer => ({
  status,
  body: { error: `${code} it is`, code, request_id: "0190" },
  headers,
});
