import { type Proof, proofs } from "../auth/proofs";
import { ApiError } from "./error";

const SAFE = ["GET", "HEAD"];

/** What the calls share: the token against forged calls, and whom to tell that the session is over. */
export const state = {
  csrf: null as string | null,
  signedOut: () => {},
  enrolmentDue: () => {},
};

type Call = { method: string; path: string; body?: unknown; proof?: Proof };

/**
 * Calls the API. Asks for a proof where the gateway wants one, and calls again with it. Throws an {@link ApiError}
 * for everything but success.
 */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await attempt({ method, path, body });
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

export const get = <T>(path: string) => call<T>("GET", path);
export const post = <T>(path: string, body: unknown = {}) => call<T>("POST", path, body);
export const put = <T>(path: string, body: unknown) => call<T>("PUT", path, body);
export const remove = <T = void>(path: string) => call<T>("DELETE", path);

/** Once without asking anybody anything: for the calls that prove or begin a session. */
export async function callPlainly<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await answered(await sendAsPage({ method, path, body }));
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
}

async function attempt(wanted: Call): Promise<Response> {
  const response = await sendAsPage(wanted);
  if (response.ok) return response;
  const error = await ApiError.of(response);
  const level = levelOf(response, error);
  if (level)
    return proofs.during(level, async (proof) =>
      answered(await send({ ...wanted, ...(proof && { proof }) })),
    );
  if (error.code === "mfa_enrollment_required") state.enrolmentDue();
  else if (error.status === 401) state.signedOut();
  throw error;
}

/** Once more where the token was not the session's: it was renewed in another tab, or this page has not asked for it. */
async function sendAsPage(wanted: Call): Promise<Response> {
  const response = await send(wanted);
  if (response.status !== 403 || (await ApiError.of(response.clone())).code !== "csrf") return response;
  await renewCsrf();
  return send(wanted);
}

async function answered(response: Response): Promise<Response> {
  if (response.ok) return response;
  throw await ApiError.of(response);
}

function levelOf(response: Response, error: ApiError): "step_up" | "always" | null {
  if (response.status !== 401) return null;
  if (error.code === "mfa_step_up_required") return "step_up";
  if (error.code !== "mfa_required") return null;
  return response.headers.get("x-mfa-level") === "step_up" ? "step_up" : "always";
}

async function send({ method, path, body, proof }: Call): Promise<Response> {
  const headers = new Headers({ accept: "application/json" });
  if (!SAFE.includes(method)) {
    headers.set("content-type", "application/json");
    if (state.csrf) headers.set("x-csrf-token", state.csrf);
  }
  if (proof?.kind === "totp") headers.set("x-mfa-totp", proof.code);
  if (proof?.kind === "webauthn") headers.set("x-mfa-webauthn", proof.value);
  const init: RequestInit = { method, headers, credentials: "same-origin", redirect: "error" };
  if (!SAFE.includes(method)) init.body = JSON.stringify(body ?? {});
  try {
    return await fetch(`/api/v1${path}`, init);
  } catch {
    throw ApiError.unreachable();
  }
}

/** A proof renews the session, and with it this token. */
export async function renewCsrf(): Promise<void> {
  const info = await callPlainly<{ csrf_token: string | null }>("GET", "/info").catch(() => null);
  if (info) state.csrf = info.csrf_token;
}
