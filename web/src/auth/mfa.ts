import { queryOptions } from "@tanstack/react-query";
import { callPlainly, get, renewCsrf } from "../api/http";
import type { MfaStatus, Verified } from "../api/types";
import type { Proof } from "./proofs";
import { assert, type RequestOptions } from "./webauthn";

const MFA = "/auth/mfa";

export const mfaQuery = queryOptions({ queryKey: ["mfa"], queryFn: () => get<MfaStatus>(`${MFA}/status`) });

type Started = { options: RequestOptions; session_data: string };

async function touchKey(): Promise<{ session_data: string; assertion_response: unknown }> {
  const started = await callPlainly<Started>("POST", `${MFA}/webauthn/assertion/start`);
  return { session_data: started.session_data, assertion_response: await assert(started.options) };
}

/** Makes the session itself stronger, with a code or with a touch of the security key. */
export async function proveSession(code: string | null, trustDevice: boolean): Promise<void> {
  if (code !== null) {
    await callPlainly<Verified>("POST", `${MFA}/verify`, { code, trust_device: trustDevice });
  } else {
    const touched = await touchKey();
    await callPlainly<Verified>("POST", `${MFA}/webauthn/assertion/verify`, {
      ...touched,
      trust_device: trustDevice,
    });
  }
  await renewCsrf();
}

/** A proof that goes with one call and stands for nothing else. */
export async function proofFor(code: string | null): Promise<Proof> {
  if (code !== null) return { kind: "totp", code };
  const bytes = new TextEncoder().encode(JSON.stringify(await touchKey()));
  return { kind: "webauthn", value: btoa(String.fromCharCode(...bytes)) };
}
