// Errors in the pages reach the operators who asked for them, without what is secret, and nobody else.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, Person } from "./support/browser.mjs";
import { Collector } from "./support/collector.mjs";
import { Gateway } from "./support/gateway.mjs";

const TOKEN = "rgw_0123456789abcdefABCDEF0123456789abcdefABCDEF0123456";

/** An error that nobody catches, as if one of our scripts had made it. */
const fail = (text) => {
  setTimeout(() => {
    throw new TypeError(text);
  });
};

const value = (event) => event.exception.values.at(-1).value;

describe("reports of errors in the pages", { timeout: 120_000 }, () => {
  let browser, collector, gateway, person;

  before(async () => {
    collector = await Collector.start();
    gateway = await Gateway.start({
      SENTRY_JS_DSN: collector.dsn,
      SENTRY_ENVIRONMENT: "browser-tests",
      SENTRY_RELEASE: "rack-gateway@test",
    });
    browser = await launch();
    person = await Person.arrive(browser, gateway);
  });

  after(async () => {
    await browser?.close();
    await gateway?.stop();
    await collector?.stop();
  });

  it("go to the one place that the policy opens", async () => {
    const answer = await person.open("/app/login");
    const policy = answer.headers()["content-security-policy"];
    assert.ok(policy.includes(`; connect-src 'self' ${collector.origin};`), policy);
    await person.sees("Sign in");
    const elsewhere = await person.page.evaluate(async (port) => {
      const stopped = new Promise((resolve) => {
        addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective), {
          once: true,
        });
      });
      await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
      return stopped;
    }, new URL(gateway.url).port);
    assert.equal(elsewhere, "connect-src", "another port of the same host");
  });

  it("tell of what nobody caught, and of no secret", async () => {
    await person.page.evaluate(() =>
      history.replaceState(null, "", "?mail=anna@corp.example#rgl_secretInTheFragment"),
    );
    await person.page.evaluate(() => fetch("/api/v1/auth/links/rgl_secretInThePath0123456789"));
    await person.page.evaluate(fail, `uncaught by anna@corp.example with ${TOKEN}`);
    const event = await collector.event((one) => value(one).startsWith("uncaught"));
    assert.equal(value(event), "uncaught by [hidden] with [hidden]");
    assert.deepEqual([event.environment, event.release], ["browser-tests", "rack-gateway@test"]);
    assert.equal(event.request.url, `${gateway.url}/app/login`);
    assert.ok(event.breadcrumbs.some(({ data }) => data?.url === "/api/v1/auth/links/*"));
    const [{ text, url, headers }] = collector.reports;
    assert.match(url, /^\/api\/7\/envelope\/\?/);
    assert.equal(headers.cookie, undefined);
    assert.equal(headers.referer, undefined, "no page leaves its address behind");
    for (const secret of ["anna", TOKEN, "secretIn", "corp.example"])
      assert.ok(!text.includes(secret), secret);
  });

  it("wait for the place, on a page that has not been told", async () => {
    await person.open("/app/auth/error?code=account_locked");
    await person.sees("This account is locked");
    await person.page.evaluate(fail, "before anybody asked");
    await collector.event((one) => value(one) === "before anybody asked");
  });

  it("tell in which part React caught one, and the page says so kindly", async () => {
    await person.page.route("**/api/v1/auth/providers", (route) =>
      route.fulfill({
        json: {
          passkey: true,
          first_run: false,
          sentry: { dsn: collector.dsn, environment: "x", release: "y" },
        },
      }),
    );
    await person.open("/app/login");
    await person.sees("This page could not be shown");
    const event = await collector.event((one) => one.contexts?.react);
    assert.match(event.contexts.react.componentStack, /at .*\/app\/assets\/login-[\w-]+\.js/);
    assert.deepEqual(event.exception.values[0].mechanism, { type: "react", handled: true });
    const said = await person.page.getByRole("alert").textContent();
    assert.doesNotMatch(said, /undefined|TypeError|reading/, "the words of a machine");
    await person.page.unroute("**/api/v1/auth/providers");
  });

  it("are not made without a place, nor is the code for it loaded", async () => {
    const silent = await Gateway.start();
    const other = await Person.arrive(browser, silent);
    const asked = [];
    other.page.on("request", (request) => asked.push(request.url()));
    try {
      const count = collector.reports.length;
      const answer = await other.open("/app/login");
      assert.match(answer.headers()["content-security-policy"], /; connect-src 'self';/);
      await other.sees("Sign in");
      await other.page.evaluate(fail, "heard by nobody");
      await sleep(1000);
      assert.equal(collector.reports.length, count);
      assert.deepEqual(
        asked.filter((url) => /sender/.test(url) || new URL(url).origin !== silent.url),
        [],
      );
    } finally {
      await other.leave();
      await silent.stop();
    }
  });
});
