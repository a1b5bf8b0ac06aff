import { describe, expect, it, vi } from "vitest";
import { proofs } from "../auth/proofs";
import { fakeGateway, refusal } from "../test/gateway";
import { ApiError } from "./error";
import { callPlainly, get, post, remove, state } from "./http";

/** Waits until a proof is asked for. */
const asked = () => vi.waitUntil(() => proofs.question());

describe("a call", () => {
  it("brings the token against forged calls where something changes, and only there", async () => {
    state.csrf = "mine";
    const seen = fakeGateway({ "GET /a": {}, "POST /b": {}, "DELETE /c": { status: 204 } });
    await get("/a");
    await post("/b", { x: 1 });
    expect(await remove("/c")).toBeUndefined();
    expect(seen.map((one) => one.headers.get("x-csrf-token"))).toEqual([null, "mine", "mine"]);
    expect(seen[1]?.body).toEqual({ x: 1 });
  });

  it("gets a new token once when the session was renewed elsewhere", async () => {
    state.csrf = "old";
    const seen = fakeGateway({
      "POST /b": ({ headers }) => (headers.get("x-csrf-token") === "new" ? {} : refusal(403, "csrf")),
      "GET /info": { body: { csrf_token: "new" } },
    });
    await post("/b");
    expect(seen.map((one) => one.path)).toEqual(["/b", "/info", "/b"]);
  });

  it("asks for the token on a page that has not begun with it", async () => {
    const seen = fakeGateway({
      "POST /auth/mfa/verify": ({ headers }) =>
        headers.get("x-csrf-token") === "mine" ? { body: { ok: true } } : refusal(403, "csrf"),
      "GET /info": { body: { csrf_token: "mine" } },
    });
    expect(await callPlainly("POST", "/auth/mfa/verify", { code: "1" })).toEqual({ ok: true });
    expect(seen.at(-1)?.body).toEqual({ code: "1" });
  });

  it("gives up when a new token does not help", async () => {
    fakeGateway({ "POST /b": refusal(403, "csrf"), "GET /info": { body: { csrf_token: "new" } } });
    await expect(post("/b")).rejects.toMatchObject({ status: 403, code: "csrf" });
  });

  it("tells a refusal in the gateway's words, with the request's number and the field", async () => {
    fakeGateway({
      "POST /b": {
        status: 400,
        body: { error: "too long", code: "bad_parameter", field: "name", request_id: "7" },
      },
    });
    await expect(post("/b")).rejects.toMatchObject({
      message: "too long",
      code: "bad_parameter",
      field: "name",
      requestId: "7",
    });
  });

  it("survives an answer that is no JSON", async () => {
    vi.stubGlobal(
      "fetch",
      async () => new Response("<html>bad gateway", { status: 502, headers: { "x-request-id": "9" } }),
    );
    await expect(get("/a")).rejects.toMatchObject({ status: 502, code: "unknown", requestId: "9" });
  });

  it("says when nobody answers", async () => {
    vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("failed")));
    await expect(get("/a")).rejects.toMatchObject({ status: 0, code: "unreachable" });
  });

  it("tells that the session is over, or that a factor is due", async () => {
    state.signedOut = vi.fn();
    state.enrolmentDue = vi.fn();
    fakeGateway({
      "GET /a": refusal(401, "unauthenticated"),
      "GET /b": refusal(401, "mfa_enrollment_required"),
    });
    await expect(get("/a")).rejects.toBeInstanceOf(ApiError);
    expect(state.signedOut).toHaveBeenCalledOnce();
    await expect(get("/b")).rejects.toBeInstanceOf(ApiError);
    expect(state.enrolmentDue).toHaveBeenCalledOnce();
    expect(state.signedOut).toHaveBeenCalledOnce();
  });
});

describe("a call that needs a proof", () => {
  const wantsCode = (code: string) => ({
    "DELETE /x": ({ headers }: { headers: Headers }) => {
      const shown = headers.get("x-mfa-totp");
      if (shown === code) return { status: 204 };
      return refusal(401, shown ? "mfa_verification_failed" : "mfa_required", { "x-mfa-level": "always" });
    },
  });

  it("is made again with the proof, and asks again after a wrong one", async () => {
    const seen = fakeGateway(wantsCode("222222"));
    const done = remove("/x");
    const first = await asked();
    expect(first?.level).toBe("always");
    await first?.answer({ kind: "totp", code: "111111" });
    const second = proofs.question();
    expect(second?.problem).toBe("mfa_verification_failed it is");
    await second?.answer({ kind: "totp", code: "222222" });
    await done;
    expect(proofs.question()).toBeNull();
    expect(seen.map((one) => one.headers.get("x-mfa-totp"))).toEqual([null, "111111", "222222"]);
  });

  it("is given up when the person closes the dialog", async () => {
    const seen = fakeGateway(wantsCode("1"));
    const done = remove("/x");
    (await asked())?.cancel();
    await expect(done).rejects.toMatchObject({ code: "cancelled" });
    expect(seen).toHaveLength(1);
    expect(proofs.question()).toBeNull();
  });

  it("is made again without one when the session itself became stronger", async () => {
    let isStrong = false;
    const seen = fakeGateway({
      "POST /y": () =>
        isStrong
          ? { body: { ok: true } }
          : refusal(401, "mfa_step_up_required", { "x-mfa-level": "step_up" }),
    });
    const done = post("/y");
    const question = await asked();
    expect(question?.level).toBe("step_up");
    isStrong = true;
    await question?.answer(null);
    expect(await done).toEqual({ ok: true });
    expect(seen.some((one) => one.headers.has("x-mfa-totp"))).toBe(false);
  });

  it("fails as it would have without one", async () => {
    let isStrong = false;
    fakeGateway({
      "POST /y": () => (isStrong ? refusal(403, "denied") : refusal(401, "mfa_step_up_required")),
    });
    const done = post("/y");
    const question = await asked();
    isStrong = true;
    await question?.answer(null);
    await expect(done).rejects.toMatchObject({ code: "denied" });
  });

  it("waits while another one is asked about", async () => {
    fakeGateway(wantsCode("1"));
    const [one, two] = [remove("/x"), remove("/x")];
    const first = await asked();
    await first?.answer({ kind: "totp", code: "1" });
    await one;
    const second = await asked();
    expect(second).not.toBe(first);
    second?.cancel();
    await expect(two).rejects.toMatchObject({ code: "cancelled" });
  });
});
