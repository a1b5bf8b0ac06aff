import { post } from "../../api/http";
import type { Enrolled, TotpStart } from "../../api/types";
import { type CreationOptions, create } from "../../auth/webauthn";

const ENROL = "/auth/mfa/enroll";

/** Lets the browser make a key, and hands it to the gateway under a name. */
export async function addKey(label: string): Promise<Enrolled> {
  const started = await post<{ handle: string; public_key_options: CreationOptions }>(
    `${ENROL}/webauthn/start`,
  );
  const credential = await create(started.public_key_options);
  return await post<Enrolled>(`${ENROL}/webauthn/confirm`, { handle: started.handle, credential, label });
}

export const startTotp = (label: string) => post<TotpStart>(`${ENROL}/totp/start`, { label });

export const confirmTotp = (methodId: string, code: string) =>
  post<Enrolled>(`${ENROL}/totp/confirm`, { method_id: methodId, code });
