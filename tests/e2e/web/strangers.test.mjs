// What somebody sees who is not logged in, and what a page does with an address that means harm.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { launch, Person } from "./support/browser.mjs";
import { Gateway } from "./support/gateway.mjs";
import { PAYLOADS } from "./support/payloads.mjs";

const SHOTS = process.env.SHOTS;

/** Pages that anybody may open, and what of their address they read. */
const OPEN_PAGES = [
  { path: "/app/login", words: ["returnTo"], title: "Sign in" },
  { path: "/app/auth/error", words: ["code", "request_id", "message"], title: "You could not be signed in" },
  { path: "/app/welcome", words: ["#"], title: /./ },
  { path: "/app/auth/mfa/challenge", words: ["redirect"], title: /./ },
  { path: "/app/cli/confirm", words: ["request"], title: "Sign in" },
  { path: "/app/device", words: ["user_code"], title: "Sign in" },
  { path: "/app/nowhere", words: ["x"], title: "There is no such page" },
];

describe("strangers", () => {
  let browser, gateway, person;

  before(async () => {
    gateway = await Gateway.start();
    browser = await launch();
    person = await Person.arrive(browser, gateway, SHOTS);
  });

  after(async () => {
    await browser?.close();
    await gateway?.stop();
  });

  for (const { path, title } of OPEN_PAGES) {
    it(`may open ${path}, under a strict policy and with nothing in their way`, async () => {
      const answer = await person.open(path);
      assert.equal(answer.status(), path.endsWith("nowhere") ? 404 : 200);
      const policy = answer.headers()["content-security-policy"];
      assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self';/);
      assert.doesNotMatch(policy, /unsafe/);
      await person.sees(title);
      await person.judge(`stranger${path.replaceAll("/", "-")}`);
    });
  }

  it("are sent to the login from a page that is somebody's, and told where they will return", async () => {
    await person.open("/app/account/security");
    await person.sees("Sign in");
    assert.equal(new URL(person.page.url()).searchParams.get("returnTo"), "/app/account/security");
  });

  it("make no page run what they put into its address", async () => {
    for (const { path, words } of OPEN_PAGES) {
      for (const payload of PAYLOADS) {
        const query = new URLSearchParams(
          words.filter((word) => word !== "#").map((word) => [word, payload]),
        );
        const hash = words.includes("#") ? `#${encodeURIComponent(payload)}` : "";
        // Within the page that is there: quicker than loading it, and the way in which a page reads its address.
        await person.page.evaluate((address) => {
          history.pushState({}, "", address);
          dispatchEvent(new PopStateEvent("popstate"));
        }, `${path}?${query}${hash}`);
      }
      await person.open(`${path}?${new URLSearchParams(words.map((word) => [word, PAYLOADS[0]]))}`);
      await person.heading(/./).waitFor();
      const injected = await person.page
        .locator("#root :is(script, iframe, object, embed, img, base, meta)")
        .count();
      assert.equal(injected, 0, path);
      person.isUnharmed(path);
    }
  });

  it("are not led elsewhere by a login's returnTo", async () => {
    for (const wanted of [
      "//evil.example",
      "https://evil.example/app/",
      "/\\evil.example",
      "/app/..//evil.example",
      "javascript:pwned(1)",
    ]) {
      await person.open(`/app/login?returnTo=${encodeURIComponent(wanted)}`);
      await person.sees("Sign in");
      const links = await person.page.locator("main a").evaluateAll((all) => all.map((link) => link.href));
      for (const link of links) {
        assert.equal(new URL(link).origin, gateway.url, link);
        assert.equal(new URL(link).searchParams.get("returnTo") ?? "/app/", "/app/", link);
      }
    }
  });

  it("may choose how it looks, and find it so again", async () => {
    await person.open("/app/login");
    await person.page.getByLabel("Appearance").selectOption("dark");
    await person.page.reload();
    await person.sees("Sign in");
    assert.equal(await person.page.evaluate(() => document.documentElement.dataset.theme), "dark");
    await person.page.getByLabel("Appearance").selectOption("system");
  });

  it("can do everything by keyboard", async () => {
    await person.open("/app/auth/error?code=account_locked");
    await person.sees("This account is locked");
    await person.page.keyboard.press("Tab");
    assert.equal(await person.page.evaluate(() => document.activeElement.textContent), "Skip to the content");
    await person.page.keyboard.press("Tab");
    await person.page.keyboard.press("Enter");
    await person.sees("Sign in");
  });
});
