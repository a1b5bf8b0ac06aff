import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import listed from "../../pages.json";
import { makeRouter } from "../router";
import { type Asked, fakeGateway, refusal } from "../test/gateway";

const later = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();

const INFO = {
  user: {
    email: "maria@example.com",
    name: "Maria Lind",
    roles: ["ops"],
    mfa_enrolled: true,
    mfa_required: true,
    preferred_mfa_method: "totp",
    recent_step_up_expires_at: null,
    has_trusted_device: false,
  },
  session: { id: "s1", channel: "web", expires_at: later(600), idle_expires_at: later(60) },
  csrf_token: "csrf",
  rack: null,
  version: { version: "0.1.0", commit_hash: null },
  sentry: null,
};

const MFA = {
  enrolled: true,
  required: true,
  methods: [
    {
      id: "m1",
      type: "totp",
      label: "Phone",
      created_at: later(-90),
      confirmed_at: later(-90),
      last_used_at: null,
    },
  ],
  trusted_devices: [],
  backup_codes: { total: 10, unused: 9, last_generated_at: later(-90) },
  recent_step_up_expires_at: null,
  preferred_method: "totp",
  webauthn_available: true,
};

const REQUEST = {
  id: "r1",
  flow: "device",
  user_code: "WDJB-MJHT",
  device_name: "thinkpad",
  ip: "198.51.100.20",
  same_address: true,
  user_agent: "rack-gateway/0.1.0 (linux)",
  created_at: later(-1),
  expires_at: later(9),
};

const SIGNED_IN = {
  "GET /info": { body: INFO },
  "GET /auth/mfa/status": { body: MFA },
  "GET /me": { body: { email: "", name: "", token: null, grants: [], owner_grants: [] } },
  "GET /racks": { body: [{ name: "staging", default: false, path: "/api/v1/racks/staging/proxy" }] },
  "GET /sessions": { body: { sessions: [] } },
  "GET /api-tokens?state=active&user=maria%40example.com": { body: { tokens: [] } },
};

type Answers = Parameters<typeof fakeGateway>[0];

function open(path: string, answers: Answers): Asked[] {
  const seen = fakeGateway(answers);
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const router = makeRouter(client, createMemoryHistory({ initialEntries: [path] }));
  render(
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
  return seen;
}

const heading = (name: string | RegExp) => screen.findByRole("heading", { level: 1, name });

it("has the pages that the gateway answers for, and no others", () => {
  const router = makeRouter(new QueryClient());
  const paths = Object.keys(router.routesByPath).map((path) => path.replace(/^\//, ""));
  expect(paths.sort()).toEqual([...listed].sort());
});

describe("the login", () => {
  it("offers what there is, and hands on where to return to", async () => {
    open("/app/login?returnTo=/app/device%3Fuser_code%3DAB", {
      "GET /auth/providers": {
        body: {
          providers: [{ id: "google", name: "Google", kind: "oidc" }],
          passkey: false,
          first_run: false,
          sentry: null,
        },
      },
      "GET /info": refusal(401, "unauthenticated"),
    });
    const link = await screen.findByRole("link", { name: "Continue with Google" });
    const url = new URL(link.getAttribute("href") ?? "", "http://x");
    expect(url.pathname).toBe("/api/v1/auth/web/login");
    expect(Object.fromEntries(url.searchParams)).toEqual({
      provider: "google",
      returnTo: "/app/device?user_code=AB",
    });
  });

  it("shows the first person the way in, and no way that cannot work", async () => {
    vi.stubGlobal("PublicKeyCredential", { parseCreationOptionsFromJSON() {} });
    const body = { providers: [], passkey: true, first_run: true, sentry: null };
    open("/app/login", { "GET /auth/providers": { body }, "GET /info": refusal(401, "unauthenticated") });
    await screen.findByText(/\/app\/welcome$/);
    expect(screen.queryByRole("button", { name: /passkey/ })).toBeNull();
    expect(screen.queryByText(/No account/)).toBeNull();
  });

  it.each(["//evil.example", "https://evil.example", "/app/../x", "javascript:alert(1)"])(
    "does not return to %s",
    async (wanted) => {
      open(`/app/login?returnTo=${encodeURIComponent(wanted)}`, {
        "GET /auth/providers": {
          body: {
            providers: [{ id: "g", name: "G", kind: "oidc" }],
            passkey: false,
            first_run: true,
            sentry: null,
          },
        },
        "GET /info": refusal(401, "unauthenticated"),
      });
      const link = await screen.findByRole("link", { name: "Continue with G" });
      expect(link.getAttribute("href")).toBe("/api/v1/auth/web/login?provider=g&returnTo=%2Fapp%2F");
      expect(screen.getByText("This gateway is new")).toBeTruthy();
    },
  );

  it("tells that the gateway does not answer, and tries again", async () => {
    let answers = false;
    open("/app/login", {
      "GET /auth/providers": () =>
        answers
          ? { body: { providers: [], passkey: false, first_run: false, sentry: null } }
          : refusal(503, "unavailable"),
      "GET /info": refusal(401, "unauthenticated"),
    });
    const alert = await screen.findByRole("alert");
    expect(alert.textContent).toContain("Unavailable it is");
    answers = true;
    await userEvent.click(within(alert).getByRole("button", { name: "Try again" }));
    expect(await screen.findByText(/Ask an administrator/)).toBeTruthy();
  });
});

describe("a login that failed", () => {
  it("is explained by its word", async () => {
    open("/app/auth/error?code=account_locked&request_id=0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee", {});
    expect(await heading("This account is locked")).toBeTruthy();
    expect(screen.getByText("0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee")).toBeTruthy();
  });

  it("never shows what stands in the address", async () => {
    open(
      "/app/auth/error?code=Call%20555&request_id=%3Cimg%20src=x%20onerror=alert(1)%3E&message=hacked",
      {},
    );
    expect(await heading("You could not be signed in")).toBeTruthy();
    expect(document.body.textContent).not.toMatch(/555|img|hacked/);
  });
});

describe("somebody who is not logged in", () => {
  it("is sent to the login and back", async () => {
    open("/app/cli/confirm?request=r1", {
      "GET /info": refusal(401, "unauthenticated"),
      "GET /auth/providers": { body: { providers: [], passkey: false, first_run: false, sentry: null } },
    });
    expect(await heading("Sign in")).toBeTruthy();
    expect(screen.getByText("Sign in to go on where you were.")).toBeTruthy();
  });
});

describe("home", () => {
  it("shows who, what, and the lines for a terminal", async () => {
    open("/app/", {
      ...SIGNED_IN,
      "GET /me": {
        body: {
          email: "",
          name: "",
          token: null,
          grants: [{ role: "ops", target: "staging", expires_at: null }],
        },
      },
    });
    expect(await heading("Hello, Maria")).toBeTruthy();
    const access = await screen.findByRole("list", { name: "Your access" });
    expect(within(access).getByText("staging")).toBeTruthy();
    expect(screen.getByText(/RACK_URL=.*\/api\/v1\/racks\/staging\/proxy/)).toBeTruthy();
  });
});

describe("a command line that wants in", () => {
  it("is shown with its code, and approved", async () => {
    const seen = open("/app/cli/confirm?request=r1", {
      ...SIGNED_IN,
      "GET /auth/cli/requests/r1": { body: REQUEST },
      "POST /auth/cli/requests/r1/approve": { body: { redirect: null } },
    });
    expect(await screen.findByText("WDJB-MJHT")).toBeTruthy();
    expect(screen.getByText("maria@example.com")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Approve" }));
    expect(await heading("Connected")).toBeTruthy();
    expect(seen.at(-1)?.headers.get("x-csrf-token")).toBe("csrf");
  });

  it("can be refused", async () => {
    const seen = open("/app/cli/confirm?request=r1", {
      ...SIGNED_IN,
      "GET /auth/cli/requests/r1": { body: { ...REQUEST, same_address: false } },
      "POST /auth/cli/requests/r1/deny": {},
    });
    expect(await screen.findByText(/another address than yours/)).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Refuse" }));
    expect(await heading("Refused")).toBeTruthy();
    expect(seen.some((one) => one.path.endsWith("/approve"))).toBe(false);
  });

  it("is found by a code typed in any way", async () => {
    open("/app/device", { ...SIGNED_IN, "GET /auth/cli/requests/WDJB-MJHT": { body: REQUEST } });
    await userEvent.type(await screen.findByLabelText("Code"), "wdjb mjht");
    await userEvent.click(screen.getByRole("button", { name: "Go on" }));
    expect(await screen.findByText("WDJB-MJHT")).toBeTruthy();
  });

  it("is gone when it is too old", async () => {
    open("/app/cli/confirm?request=r2", { ...SIGNED_IN });
    expect(await heading("There is no such request")).toBeTruthy();
  });
});

describe("security", () => {
  it("asks for a code before a factor is removed, again after a wrong one, and then removes it", async () => {
    const seen = open("/app/account/security", {
      ...SIGNED_IN,
      "DELETE /auth/mfa/methods/m1": ({ headers }) => {
        const code = headers.get("x-mfa-totp");
        if (code === "123456") return { status: 204 };
        return refusal(401, code ? "mfa_verification_failed" : "mfa_required", { "x-mfa-level": "always" });
      },
    });
    await userEvent.click(await screen.findByRole("button", { name: "Remove Phone" }));
    await userEvent.click(screen.getByRole("button", { name: "Remove" }));
    const dialog = await screen.findByRole("dialog", { name: "Confirm that it is you" });
    const type = async (code: string) => {
      await userEvent.type(await within(dialog).findByLabelText(/Code from your/), code);
      await userEvent.click(within(dialog).getByRole("button", { name: "Confirm" }));
    };
    await type("000000");
    expect(await within(dialog).findByRole("alert")).toBeTruthy();
    await type("123 456");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(await screen.findByText("The factor was removed.")).toBeTruthy();
    expect(seen.filter((one) => one.method === "DELETE").map((one) => one.headers.get("x-mfa-totp"))).toEqual(
      [null, "000000", "123456"],
    );
  });

  it("shows nothing but factors to somebody who has none", async () => {
    open("/app/account/security?enrollment=required", {
      ...SIGNED_IN,
      "GET /auth/mfa/status": { body: { ...MFA, enrolled: false, methods: [] } },
    });
    expect(await heading("Protect your account")).toBeTruthy();
    expect(screen.queryByRole("heading", { name: "API tokens" })).toBeNull();
  });

  it("adds an app, and shows the backup codes until they are kept", async () => {
    const codes = ["AAAA1111", "BBBB2222"];
    open("/app/account/security", {
      ...SIGNED_IN,
      "POST /auth/mfa/enroll/totp/start": {
        body: { method_id: "m2", secret: "JBSWY3DPEHPK3PXP", uri: "otpauth://x", qr_svg: "<svg/>" },
      },
      "POST /auth/mfa/enroll/totp/confirm": { body: { status: "enrolled", backup_codes: codes } },
    });
    await userEvent.click(await screen.findByRole("button", { name: "Add an app" }));
    const dialog = await screen.findByRole("dialog", { name: "Add an authenticator app" });
    expect(await within(dialog).findByText("JBSW Y3DP EHPK 3PXP")).toBeTruthy();
    expect(within(dialog).getByRole("img").getAttribute("src")).toMatch(/^data:image\/svg\+xml/);
    await userEvent.type(within(dialog).getByLabelText("Code"), "123456");
    await userEvent.click(within(dialog).getByRole("button", { name: "Add app" }));
    const shown = await screen.findByRole("dialog", { name: "Keep your backup codes" });
    expect(within(shown).getByText("BBBB2222")).toBeTruthy();
    const done = within(shown).getByRole("button", { name: "Done" });
    expect(done.hasAttribute("disabled")).toBe(true);
    await userEvent.click(within(shown).getByLabelText("I have kept these codes"));
    await userEvent.click(done);
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(document.body.textContent).not.toContain("BBBB2222");
  });

  it("creates a token, shows it once, and gives the lines for a terminal", async () => {
    const seen = open("/app/account/security", {
      ...SIGNED_IN,
      "GET /me": {
        body: {
          email: "",
          name: "",
          token: null,
          grants: [{ role: "ops", target: "staging", expires_at: null }],
        },
      },
      "POST /api-tokens": { body: { token: "rgw_secret", api_token: { name: "nightly" } } },
    });
    await userEvent.click(await screen.findByRole("button", { name: "Create a token" }));
    const dialog = await screen.findByRole("dialog", { name: "Create an API token" });
    await waitFor(() =>
      expect(within(dialog).getByLabelText<HTMLInputElement>("Target").value).toBe("staging"),
    );
    await userEvent.type(within(dialog).getByLabelText("Name"), "nightly");
    await userEvent.click(within(dialog).getByRole("button", { name: "Create token" }));
    const shown = await screen.findByRole("dialog", { name: "Token “nightly”" });
    expect(within(shown).getByText("rgw_secret")).toBeTruthy();
    expect(await within(shown).findByText(/convox:rgw_secret@/)).toBeTruthy();
    const sent = seen.find((one) => one.method === "POST")?.body as { expires_at: string };
    expect(sent).toMatchObject({ name: "nightly", grants: [{ role: "viewer", target: "staging" }] });
    expect(Date.parse(sent.expires_at)).toBeGreaterThan(Date.now() + 89 * 86_400_000);
  });
});

describe("an address that is no page", () => {
  it("is told so", async () => {
    open("/app/nowhere", {});
    expect(await heading("There is no such page")).toBeTruthy();
  });
});

it("lets an administrator in whom the server already knows", async () => {
  location.hash = "#abc-DEF_123";
  const seen = open("/app/welcome", {
    "GET /auth/links/abc-DEF_123": {
      body: { kind: "enrolment", email: "ada@example.com", name: "ada", expires_at: later(60) },
    },
    "POST /auth/links/abc-DEF_123": { body: { redirect: "/app/" } },
  });
  expect(await heading("Your way in")).toBeTruthy();
  expect(screen.getByText("ada@example.com")).toBeTruthy();
  expect(screen.queryByLabelText("Your e-mail address")).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Sign in" }));
  await waitFor(() => {
    expect(seen.some((one) => one.method === "POST")).toBe(true);
  });
});

it("takes the secret of an invitation out of the address", async () => {
  const replaced = vi.spyOn(history, "replaceState");
  location.hash = "#abc-DEF_123";
  const seen = open("/app/welcome", {
    "GET /auth/links/abc-DEF_123": {
      body: { kind: "invitation", email: "new@example.com", name: null, expires_at: later(60) },
    },
  });
  expect(await heading("You are invited")).toBeTruthy();
  expect(screen.getByText("new@example.com")).toBeTruthy();
  expect(location.hash).toBe("");
  expect(replaced).toHaveBeenCalled();
  expect(seen.filter((one) => one.path.startsWith("/auth/links/"))).toHaveLength(1);
});
