/** Security keys and passkeys, in the JSON forms that WebAuthn level 3 gives them. */

import { Told } from "../api/error";

type Wrapped<T> = T | { publicKey: T };

/** Some servers wrap the options as `navigator.credentials` takes them. */
const unwrap = <T extends object>(options: Wrapped<T>): T =>
  "publicKey" in options ? options.publicKey : options;

export type CreationOptions = Wrapped<PublicKeyCredentialCreationOptionsJSON>;
export type RequestOptions = Wrapped<PublicKeyCredentialRequestOptionsJSON>;

export const supported = (): boolean =>
  typeof PublicKeyCredential !== "undefined" &&
  typeof PublicKeyCredential.parseCreationOptionsFromJSON === "function";

export async function create(options: CreationOptions): Promise<unknown> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(unwrap(options));
  return asJson(await asked(() => navigator.credentials.create({ publicKey })));
}

export async function assert(options: RequestOptions): Promise<unknown> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(unwrap(options));
  return asJson(await asked(() => navigator.credentials.get({ publicKey })));
}

function asJson(credential: Credential | null): unknown {
  if (!(credential instanceof PublicKeyCredential)) throw new Told("The browser gave no credential.");
  return credential.toJSON();
}

async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw new Told(explain(error));
  }
}

function explain(error: unknown): string {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
      return "The security key was not used: it was cancelled or took too long.";
    case "InvalidStateError":
      return "This security key is already among your factors.";
    case "SecurityError":
      return "The browser refuses passkeys at this address. They need https and the gateway's own name.";
    default:
      return "The browser could not use the security key.";
  }
}
