// One person's story, from the first link of a new gateway to the removal of their last key. The parts build on each
// other, in this order.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, Person } from "./support/browser.mjs";
import { Gateway } from "./support/gateway.mjs";
import { PAYLOADS } from "./support/payloads.mjs";
import { codeOf } from "./support/totp.mjs";

const SHOTS = process.env.SHOTS;
/** What the gateway was started with, and a little more. */
const STEP_UP_WINDOW = 61_000;

describe("a person", { timeout: 300_000 }, () => {
  let browser, gateway, anna, link, secret, backupCodes;
  let provenAt = 0;

  before(async () => {
    gateway = await Gateway.start();
    browser = await launch();
    anna = await Person.arrive(browser, gateway, SHOTS, {
      permissions: ["clipboard-write"],
    });
    await anna.getAuthenticator();
  });

  let failed = null;
  /** What comes after a part that failed cannot be tried. */
  const part = (name, run) =>
    it(name, async (test) => {
      if (failed) return test.skip(`because this failed: ${failed}`);
      failed = name;
      try {
        await run();
      } catch (error) {
        await anna.tell(error);
        throw error;
      }
      failed = null;
    });

  after(async () => {
    await browser?.close();
    await gateway?.stop();
  });

  part("becomes the first administrator by the link in the log", async () => {
    await anna.open("/app/login");
    await anna.page.getByText("This gateway is new").waitFor();
    link = gateway.firstLink();
    await anna.open(link);
    await anna.sees("Set up your gateway");
    assert.equal(new URL(anna.page.url()).hash, "", "the secret stays in the address");
    await anna.judge("welcome");
    await anna.page.getByLabel("Your e-mail address").fill("anna@example.com");
    await anna.page.getByLabel("Your name").fill("Anna <b>Berg</b>");
    await anna.button("Become administrator").click();
    await anna.sees("Protect your account");
    await anna.judge("enrolment");
  });

  part("adds a passkey, and keeps the backup codes", async () => {
    await anna.button("Add a passkey").click();
    await anna.dialog("Add a passkey").getByLabel("Name").fill("Laptop");
    await anna.judge("add-passkey");
    await anna.button("Create passkey").click();
    const dialog = anna.dialog("Keep your backup codes");
    await dialog.waitFor();
    backupCodes = await dialog.getByRole("listitem").allTextContents();
    assert.equal(backupCodes.length, 10);
    await anna.judge("backup-codes");
    assert.ok(await anna.button("Done").isDisabled());
    // They are shown once, so nothing but "Done" takes them away; browsers close a dialog at the second Escape.
    for (let times = 0; times < 3; times += 1) await anna.page.keyboard.press("Escape");
    await anna.page.waitForTimeout(200);
    assert.ok(await dialog.getByText(backupCodes[0]).isVisible());
    await dialog.getByRole("button", { name: "Copy the backup codes" }).click();
    // Read aloud inside of the dialog, for all behind it is inert.
    await dialog.getByRole("status").getByText("Copied the backup codes.").waitFor();
    await dialog.getByLabel("I have kept these codes").check();
    await anna.button("Done").click();
    await anna.sees("Security");
    await anna.button("Remove Laptop").waitFor();
    provenAt = Date.now();
  });

  part("cannot use the first link again", async () => {
    const other = await Person.arrive(browser, gateway);
    await other.open(link);
    await other.sees("This link does not work");
    await other.judge("link-used", { themes: ["light"] });
    await other.leave();
  });

  part("signs out, and in again with the passkey, and is where they wanted to be", async () => {
    await anna.button("Sign out").click();
    await anna.sees("Sign in");
    assert.deepEqual(
      (await anna.context.cookies()).filter((cookie) => cookie.name.endsWith("session_token")),
      [],
    );
    await anna.open("/app/account/security");
    await anna.sees("Sign in");
    await anna.button("Sign in with a passkey").click();
    await anna.sees("Security");
    provenAt = Date.now();
    const session = (await anna.context.cookies()).find((cookie) => cookie.name.endsWith("session_token"));
    assert.ok(session.httpOnly);
    assert.equal(session.sameSite, "Lax");
  });

  part("sees home: who they are, what they may do, and lines for the terminal", async () => {
    await anna.open("/app/");
    await anna.sees(/^Hello, Anna/);
    await anna.page.getByText("everything").waitFor();
    await anna.page.getByText(/RACK_URL=http:\/\/convox:TOKEN@localhost:\d+\/api\/v1\/rack-proxy/).waitFor();
    await anna.judge("home");
    assert.equal(await anna.page.locator("h1 b").count(), 0, "a name became markup");
    await anna.page.setViewportSize({ width: 390, height: 844 });
    await anna.page.locator("summary").click();
    await anna.judge("home-menu", { themes: ["light"] });
    await anna.page.setViewportSize({ width: 1280, height: 860 });
  });

  part("adds an authenticator app", async () => {
    await anna.open("/app/account/security");
    await anna.button("Add an app").click();
    const dialog = anna.dialog("Add an authenticator app");
    await dialog.getByText("Enter the secret by hand").click();
    secret = (await dialog.locator("pre").textContent()).replaceAll(" ", "");
    const loaded = await dialog
      .getByRole("img")
      .evaluate((image) => image.decode().then(() => image.naturalWidth > 0));
    assert.ok(loaded, "the QR code cannot be shown");
    await anna.judge("add-app");
    await dialog.getByLabel("Code").fill("000000");
    await anna.button("Add app").click();
    await dialog.getByRole("alert").waitFor();
    await dialog.getByLabel("Code").fill(codeOf(secret));
    await anna.button("Add app").click();
    await anna.page.getByText("The factor was added.").waitFor();
    provenAt = Date.now();
    await anna.page.getByRole("listitem").filter({ hasText: "Authenticator app" }).first().waitFor();
    await anna.judge("security");
  });

  part("shows a second factor on the page to which a login leads", async () => {
    await anna.open("/app/auth/mfa/challenge?redirect=/app/account/security");
    await anna.sees("One more step");
    await anna.judge("challenge");
    await anna.button("Use a backup code").click();
    await anna.page.getByLabel("Backup code").fill("ABCD-EFGH-JKLM");
    await anna.button("Confirm").click();
    await anna.page.getByRole("alert").waitFor();
    await anna.button("Use a passkey or security key").click();
    await anna.sees("Security");
    provenAt = Date.now();
  });

  part("creates a token, uses it, and revokes it", async () => {
    await anna.button("Create a token").click();
    const form = anna.dialog("Create an API token");
    await form.getByLabel("Name").fill("nightly <img src=x onerror=pwned(1)>");
    await form.getByLabel("Role").selectOption("viewer");
    await anna.judge("create-token");
    await anna.button("Create token").click();
    const shown = anna.dialog(/^Token/);
    await proveWithKey(shown);
    const token = await shown.locator("pre").first().textContent();
    assert.match(token, /^rgw_/);
    await anna.judge("token-shown");
    await anna.button("I have copied it").click();
    const used = await until(
      () => gateway.call("GET", "/me", { token }),
      (answer) => answer.status === 200,
    );
    assert.equal(used.body.email, "anna@example.com");
    await anna.button(/^Revoke nightly/).click();
    await anna
      .dialog(/^Revoke/)
      .getByRole("button", { name: "Revoke" })
      .click();
    await proveWithKey(anna.page.getByText("The token was revoked."));
    await until(
      () => gateway.call("GET", "/me", { token }),
      (answer) => answer.status === 401,
    );
  });

  part("lets a command line in by its code, and ends its session", async () => {
    const begun = await gateway.call("POST", "/auth/device/code", {
      body: { client_id: "rack-gateway", device_name: "thinkpad <script>pwned(1)</script>" },
    });
    assert.equal(begun.status, 200, JSON.stringify(begun.body));
    const ask = () =>
      gateway.call("POST", "/auth/device/token", {
        body: {
          grant_type: "urn:ietf:params:oauth:grant-type:device_code",
          device_code: begun.body.device_code,
          client_id: "rack-gateway",
        },
      });
    assert.equal((await ask()).body.error, "authorization_pending");
    await anna.open(new URL(begun.body.verification_uri).pathname);
    await anna.sees("Connect a device");
    await anna.judge("device");
    await anna.page.getByLabel("Code").fill(begun.body.user_code.replace("-", "").toLowerCase());
    await anna.button("Go on").click();
    await anna.sees("Connect a command line?");
    await anna.page.getByText(begun.body.user_code).waitFor();
    await anna.judge("cli-confirm");
    await anna.button("Approve").click();
    await proveWithKey(anna.heading("Connected"));
    await anna.judge("cli-connected", { themes: ["light"] });
    const done = await until(ask, (answer) => answer.status === 200);
    const token = done.body.token;
    assert.equal((await gateway.call("GET", "/me", { token })).body.email, "anna@example.com");

    await anna.open("/app/account/security");
    const row = anna.page
      .getByRole("list", { name: "Sessions" })
      .getByRole("listitem")
      .filter({ hasText: "thinkpad" });
    await row.getByText("Command line").waitFor();
    await row.getByRole("button").click();
    await proveWithKey(anna.page.getByText("The session was ended."));
    await until(
      () => gateway.call("GET", "/me", { token }),
      (answer) => answer.status === 401,
    );
    anna.isUnharmed("sessions");
  });

  part("refuses a command line that somebody else began", async () => {
    const begun = await gateway.call("POST", "/auth/device/code", { body: { client_id: "rack-gateway" } });
    await anna.open(
      new URL(begun.body.verification_uri_complete).pathname +
        new URL(begun.body.verification_uri_complete).search,
    );
    await anna.sees("Connect a command line?");
    await anna.button("Refuse").click();
    await anna.sees("Refused");
    await anna.open(`/app/cli/confirm?request=${encodeURIComponent(PAYLOADS[0])}`);
    await anna.sees("There is no such request");
    anna.isUnharmed("cli/confirm");
  });

  part("ends the session in another browser, which is asked to sign in again", async () => {
    const other = await Person.arrive(browser, gateway);
    await other.getAuthenticator();
    await other.syncPasskeys(anna);
    await other.open("/app/login");
    await other.button("Sign in with a passkey").click();
    await other.sees(/^Hello, Anna/);
    await anna.syncPasskeys(other);
    await anna.open("/app/account/security");
    await anna.button("End all others").click();
    await proveWithKey(anna.page.getByText("All other sessions were ended."));
    await sleep(500);
    await other.page.getByRole("link", { name: "Security" }).click();
    await other.sees("Sign in");
    other.isUnharmed("ended session");
    await other.leave();
  });

  part("is asked for a proof again when the last one is old", async () => {
    await anna.open("/app/account/security");
    await anna.sees("Security");
    await sleep(Math.max(0, provenAt + STEP_UP_WINDOW - Date.now()));
    await anna.button("Make new codes").click();
    const dialog = anna.dialog("Confirm that it is you");
    await dialog.waitFor();
    await anna.judge("step-up");
    await dialog.getByRole("button", { name: "Close" }).click();
    assert.equal(await anna.dialog("Keep your backup codes").count(), 0);
    await anna.button("Make new codes").click();
    await dialog.getByLabel("Code from your authenticator app").fill("000000");
    await dialog.getByRole("button", { name: "Confirm" }).click();
    await dialog.getByRole("alert").waitFor();
    await dialog.getByLabel("Code from your authenticator app").fill(codeOf(secret));
    await dialog.getByRole("button", { name: "Confirm" }).click();
    const codes = anna.dialog("Keep your backup codes");
    await codes.waitFor();
    const fresh = await codes.getByRole("listitem").allTextContents();
    assert.equal(fresh.length, 10);
    assert.ok(fresh.every((code) => !backupCodes.includes(code)));
    await codes.getByLabel("I have kept these codes").check();
    await anna.button("Done").click();
  });

  part("removes the factors, each with a proof, and must begin again after the last", async () => {
    await anna.open("/app/account/security");
    for (const [name, last] of [
      ["Authenticator app", false],
      ["Laptop", true],
    ]) {
      await anna.button(`Remove ${name}`).click();
      const sure = anna.dialog(`Remove “${name}”?`);
      if (last) await sure.getByText("It is your last factor.").waitFor();
      await sure.getByRole("button", { name: "Remove" }).click();
      const dialog = anna.dialog("Confirm that it is you");
      await dialog.getByRole("button", { name: "Use a passkey or security key" }).click();
      await anna.page.getByText("The factor was removed.").waitFor();
      await sure.waitFor({ state: "detached" });
    }
    await anna.sees("Protect your account");
    await anna.judge("last-removed", { themes: ["light"] });
    await anna.open("/app/");
    await anna.sees("Protect your account");
  });

  /** Touches the key if the gateway asks for it, until `done` is there; a fresh proof is not asked for again. */
  async function proveWithKey(done) {
    const key = anna
      .dialog("Confirm that it is you")
      .getByRole("button", { name: "Use a passkey or security key" });
    await key.or(done).first().waitFor();
    const isAsked = await key.isVisible();
    if (isAsked) await key.click();
    await done.waitFor();
    if (isAsked) provenAt = Date.now();
  }
});

/** Asks until the answer is as wanted: other replicas, and this one's memory, learn of changes within moments. */
async function until(ask, wanted, patience = 20_000) {
  const end = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    assert.ok(Date.now() < end, `still ${answer.status} ${JSON.stringify(answer.body)}`);
    await sleep(300);
  }
}
