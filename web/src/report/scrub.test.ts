import type { ErrorEvent } from "@sentry/browser";
import { describe, expect, it } from "vitest";
import { cleanAddress, cleanCrumb, cleanEvent, cleanText } from "./scrub";

const SECRETS = {
  link: `rgl_${"aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6kL9nO2r"}`,
  token: `rgw_${"zY3xW6vU9tS2rQ5pO8nM1lK4jI7hG0fE3dC6bA9zY2x"}`,
  session: `rgs_${"bA3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6kL9nO2r"}`,
  jwt: "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
  email: "anna.berg+work@corp.example",
  seed: "JBSWY3DPEHPKPXPJBSWY3DPEHPKPXPAA",
  letters: "JBSWYXDPEHPKPXPJBSWYXDPEHPKPXPAA",
  backup: "ABCD-EFGH-JKLM",
  userCode: "BCDF-GHJK",
  otp: "493027",
  password: "hunter2",
};

describe("an address", () => {
  const { origin } = location;
  it.each([
    [`${origin}/app/welcome#${SECRETS.link}`, "/app/welcome"],
    [`/app/login?returnTo=/app/device%3Fuser_code=${SECRETS.userCode}`, "/app/login"],
    [`/api/v1/auth/links/${SECRETS.link}`, "/api/v1/auth/links/*"],
    [`${origin}/api/v1/auth/cli/requests/${SECRETS.userCode}/approve`, "/api/v1/auth/cli/requests/*/approve"],
    ["/api/v1/auth/cli/requests/bcdf-ghjk", "/api/v1/auth/cli/requests/*"],
    [`/api/v1/api-tokens?state=active&user=${SECRETS.email}`, "/api/v1/api-tokens"],
    [`/app/users/${SECRETS.email}`, "/app/*/*"],
    [`${origin}/app/assets/main-B3kd8Wq2.js`, "/app/assets/main-B3kd8Wq2.js"],
    [`/app/assets/${SECRETS.token}`, "/app/*/*"],
    [`https://user:${SECRETS.password}@elsewhere.example/x`, "[hidden]"],
    ["data:text/html,x", "[hidden]"],
    ["not an address ::", "/*"],
  ])("%s is told as %s", (address, told) => {
    expect(cleanAddress(address)).toBe(told);
  });
});

describe("a text", () => {
  it.each(Object.entries(SECRETS))("loses a %s", (name, secret) => {
    const said = name === "password" ? `password=${secret}` : secret;
    for (const text of [`${said}`, `it is ${said}.`, `{"x":"${said}"}`, `x=${said}; y=1`, `(${said})`]) {
      expect(cleanText(text)).not.toContain(secret);
    }
  });

  it.each([
    [`Bearer ${SECRETS.password}, again`, "Bearer [hidden], again"],
    [`Cookie: session_token=${SECRETS.password}; theme=dark`, "Cookie: [hidden]; theme=dark"],
    [`{"client_secret": "${SECRETS.password}"}`, '{"client_secret": "[hidden]"}'],
    [`GET ${location.origin}/api/v1/auth/links/${SECRETS.link} failed`, "GET /api/v1/auth/links/* failed"],
    [`at /app/welcome#${SECRETS.password} (x)`, "at /app/welcome (x)"],
  ])("%s becomes %s", (text, told) => {
    expect(cleanText(text)).toBe(told);
  });

  it.each([
    "Cannot read properties of undefined (reading 'grants')",
    "PublicKeyCredential.parseCreationOptionsFromJSON is not a function",
    "Failed to execute 'removeChild' on 'Node': The node to be removed is not a child of this node.",
  ])("is left alone: %s", (text) => {
    expect(cleanText(text)).toBe(text);
  });

  it("takes no longer for a hostile one", () => {
    for (const shape of ["@", "a-", "/app", "eyJ.", "token=", "token", "A1b2-", "a", "rgw_"]) {
      const begun = performance.now();
      cleanText(shape.repeat(100_000));
      expect(performance.now() - begun).toBeLessThan(500);
    }
  });
});

describe("a crumb", () => {
  it("of a call has its address without what is in it", () => {
    const data = {
      method: "POST",
      url: `/api/v1/auth/links/${SECRETS.link}?x=1`,
      status_code: 400,
      body: SECRETS.password,
    };
    expect(cleanCrumb({ category: "fetch", data })?.data).toEqual({
      method: "POST",
      url: "/api/v1/auth/links/*",
      status_code: 400,
    });
  });

  it("of a click says where and not on what", () => {
    const crumb = cleanCrumb({
      category: "ui.click",
      message: `li > button.x[aria-label="${SECRETS.email}"]`,
    });
    expect(crumb?.message).toBe("li > button.x");
  });

  it("of another kind is dropped", () => {
    for (const category of ["console", "xhr", "sentry.event", undefined]) {
      expect(cleanCrumb({ ...(category && { category }), message: SECRETS.token })).toBeNull();
    }
  });
});

/** With a secret wherever one could be. */
function dirty(): ErrorEvent {
  const { password, ...others } = SECRETS;
  const all = `password=${password} ${Object.values(others).join(" ")}`;
  const more: Record<string, unknown> = { a: all, b: { c: [all] } };
  return {
    type: undefined,
    event_id: "e".repeat(32),
    level: "error",
    release: "rack-gateway@1",
    environment: "test",
    message: all,
    transaction: all,
    server_name: all,
    logger: all,
    user: { id: all, email: all, ip_address: all },
    tags: { all },
    extra: more,
    contexts: {
      device: more,
      react: { componentStack: `\n at Home (${location.href}#${SECRETS.link})\n ${all}` },
    },
    request: {
      url: all,
      query_string: all,
      cookies: { all },
      headers: { Cookie: all, Referer: all },
      data: all,
    },
    breadcrumbs: [
      { category: "console", message: all },
      { category: "fetch", message: all, data: { url: all, ...more } },
      { category: "navigation", data: { from: `/app/welcome#${all}`, to: `/app/?${all}` } },
    ],
    exception: {
      values: [
        {
          type: `Error password=${SECRETS.password}`,
          value: all,
          mechanism: { type: "page", handled: false, data: { all } },
          stacktrace: {
            frames: [
              {
                filename: `${location.origin}/app/welcome#${SECRETS.link}`,
                function: SECRETS.token,
                lineno: 1,
                vars: more,
                context_line: all,
                pre_context: [all],
                abs_path: all,
              },
              {
                filename: `${location.origin}/app/assets/main-1a2b.js`,
                function: "Home",
                lineno: 3,
                colno: 4,
              },
            ],
          },
        },
      ],
    },
  };
}

describe("a report", () => {
  it("holds no secret, wherever it was", () => {
    const sent = JSON.stringify(cleanEvent(dirty()));
    for (const [name, secret] of Object.entries(SECRETS)) expect(sent, name).not.toContain(secret);
  });

  it("holds what helps to find the error", () => {
    const sent = cleanEvent(dirty());
    expect(sent).toMatchObject({
      event_id: "e".repeat(32),
      level: "error",
      release: "rack-gateway@1",
      environment: "test",
      request: { url: `${location.origin}${cleanAddress(location.href)}` },
    });
    const [exception] = sent?.exception?.values ?? [];
    expect(exception).toMatchObject({ type: "Error", mechanism: { type: "page", handled: false } });
    const asset = `${location.origin}/app/assets/main-1a2b.js`;
    expect(exception?.stacktrace?.frames?.[1]).toEqual({
      filename: asset,
      function: "Home",
      lineno: 3,
      colno: 4,
    });
    expect(sent?.contexts?.react?.componentStack).toContain("at Home");
    expect(sent?.breadcrumbs?.map(({ category }) => category)).toEqual(["fetch", "navigation"]);
  });

  it("is not made for what an extension of the browser does", () => {
    const event = dirty();
    event.exception = {
      values: [{ type: "Error", stacktrace: { frames: [{ filename: "chrome-extension://abc/x.js" }] } }],
    };
    expect(cleanEvent(event)).toBeNull();
  });
});
