// A certified OpenID Connect provider on loopback, with accounts that tests make up. Prints its issuer when it serves.
//
//   PUT /accounts/NAME          the claims of an account, as JSON
//   GET /interaction/ID?account=NAME   what a person would do at the login page; with `deny`, they do not agree
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const BACK = "http://localhost:8443/api/v1/auth/web/callback";
const ALGORITHMS = { rs: "RS256", es: "ES256", ed: "EdDSA" };

const key = (type, options, extra) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }),
  use: "sig",
  ...extra,
});

const accounts = new Map();
const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

/** Seconds for which codes of the client `gateway-brief` are good. */
const BRIEF = 4;

const client = (name, algorithm) => ({
  client_id: `gateway-${name}`,
  client_secret: "a-secret-for-tests",
  redirect_uris: [BACK],
  response_types: ["code"],
  grant_types: ["authorization_code"],
  id_token_signed_response_alg: algorithm,
});

const provider = new Provider(issuer, {
  clients: [
    ...Object.entries(ALGORITHMS).map(([name, algorithm]) => client(name, algorithm)),
    client("brief", "RS256"),
    { ...client("moved", "RS256"), redirect_uris: ["http://localhost:8443/elsewhere"] },
  ],
  ttl: { AuthorizationCode: (_, __, { clientId }) => (clientId === "gateway-brief" ? BRIEF : 60) },
  jwks: {
    keys: [
      key("rsa", { modulusLength: 2048 }, { kid: "rsa", alg: "RS256" }),
      key("ec", { namedCurve: "P-256" }, { kid: "ec", alg: "ES256" }),
      key("ed25519", {}, { kid: "ed" }),
    ],
  },
  claims: {
    openid: ["sub"],
    email: ["email", "email_verified"],
    profile: ["name"],
    groups: ["groups"],
  },
  cookies: { keys: ["only for tests"] },
  enabledJWA: { idTokenSigningAlgValues: Object.values(ALGORITHMS) },
  features: { devInteractions: { enabled: false } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...accounts.get(id) }) }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  // Consent without a page: whoever logs in agrees.
  async loadExistingGrant(context) {
    const grant = new context.oidc.provider.Grant({
      clientId: context.oidc.client.clientId,
      accountId: context.oidc.session.accountId,
    });
    grant.addOIDCScope("openid email profile groups");
    await grant.save();
    return grant;
  },
  pkce: { required: () => true },
});

async function body(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

const serve = provider.callback();
server.on("request", async (request, response) => {
  const url = new URL(request.url, issuer);
  const [, room, name] = url.pathname.split("/");
  if (room === "accounts" && request.method === "PUT") {
    accounts.set(name, await body(request));
    response.writeHead(204).end();
  } else if (room === "interaction") {
    const done = url.searchParams.has("deny")
      ? { error: "access_denied", error_description: "the person does not agree" }
      : { login: { accountId: url.searchParams.get("account") } };
    await provider.interactionFinished(request, response, done, { mergeWithLastSubmission: false });
  } else {
    serve(request, response);
  }
});
console.log(issuer);
