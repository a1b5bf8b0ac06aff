// A browser with a passkey in it, and what every page of the console must fulfil.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const packages = createRequire(new URL("../../../../web/package.json", import.meta.url));
const { chromium } = packages("playwright-core");
const axe = readFileSync(packages.resolve("axe-core/axe.min.js"), "utf8");

const PATIENCE = 30_000;
const PHONE = { width: 390, height: 844 };

export async function launch() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/** Somebody with a browser of their own. `shots` is where pictures go. */
export class Person {
  #complaints = [];
  #calls = [];

  static async arrive(browser, gateway, shots, options = {}) {
    const context = await browser.newContext({
      baseURL: gateway.url,
      viewport: { width: 1280, height: 860 },
      ...options,
    });
    context.setDefaultTimeout(PATIENCE);
    const person = new Person();
    Object.assign(person, { context, shots, gateway });
    // A script that got in anywhere would call this.
    await context.exposeFunction("pwned", (where) => person.#complaints.push(`a script ran: ${where}`));
    person.page = await context.newPage();
    person.page.on("pageerror", (error) => person.#complaints.push(`error in the page: ${error.message}`));
    person.page.on("dialog", (dialog) => {
      person.#complaints.push(`a script opened a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    person.page.on("console", (message) => {
      const text = message.text();
      // A refusal is an answer; what the content policy stops is a mistake.
      if (/Content Security Policy|Trusted ?Type|Refused to/i.test(text)) person.#complaints.push(text);
    });
    person.page.on("response", async (answer) => {
      const { pathname } = new URL(answer.url());
      if (!pathname.startsWith("/api/")) return;
      const refusal = answer.status() < 400 ? "" : ` ${await answer.text().catch(() => "")}`;
      person.#calls.push(`${answer.request().method()} ${pathname}: ${answer.status()}${refusal}`);
    });
    person.cdp = await context.newCDPSession(person.page);
    await person.cdp.send("WebAuthn.enable");
    return person;
  }

  /** A fingerprint reader that always says yes. */
  async getAuthenticator() {
    const options = {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    };
    const { authenticatorId } = await this.cdp.send("WebAuthn.addVirtualAuthenticator", { options });
    this.authenticator = authenticatorId;
  }

  /**
   * Takes the passkeys of another browser instead of one's own, with how often they were used: the gateway refuses a
   * key that counts less than it did before, for there must be a copy of it.
   */
  async syncPasskeys(from) {
    const { credentials } = await from.cdp.send("WebAuthn.getCredentials", {
      authenticatorId: from.authenticator,
    });
    await this.cdp.send("WebAuthn.clearCredentials", { authenticatorId: this.authenticator });
    for (const credential of credentials) {
      await this.cdp.send("WebAuthn.addCredential", { authenticatorId: this.authenticator, credential });
    }
  }

  async open(path) {
    const answer = await this.page.goto(path);
    return answer;
  }

  heading(name) {
    return this.page.getByRole("heading", { level: 1, name });
  }

  async sees(name) {
    await this.heading(name).waitFor();
  }

  button(name) {
    return this.page.getByRole("button", { name, exact: typeof name === "string" });
  }

  dialog(name) {
    return this.page.getByRole("dialog", { name });
  }

  /** Pictures, and nothing that would keep somebody out: in light, dark and high contrast, and on a phone. */
  async judge(name, { themes = ["light", "dark", "contrast"] } = {}) {
    await this.page.waitForLoadState("networkidle");
    await this.page.waitForTimeout(200);
    for (const theme of themes) await this.#inspect(name, theme);
    const wide = this.page.viewportSize();
    await this.page.setViewportSize(PHONE);
    await this.#inspect(`${name}-phone`, themes[0]);
    await this.page.setViewportSize(wide);
    await this.page.evaluate(() => {
      delete document.documentElement.dataset.theme;
    });
    this.isUnharmed(name);
  }

  async #inspect(name, theme) {
    await this.page.evaluate((one) => {
      document.documentElement.dataset.theme = one;
    }, theme);
    // Colours change gradually, and would be measured half way.
    await this.page.waitForTimeout(200);
    const overhang = await this.page.evaluate(() =>
      [document.documentElement, ...document.querySelectorAll("dialog[open]")]
        .map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)
        .reduce((sum, each) => sum + each, 0),
    );
    assert.equal(overhang, 0, `${name} must be moved sideways to be read`);
    if (this.shots)
      await this.page.screenshot({ path: `${this.shots}/${name}-${theme}.png`, fullPage: true });
    await this.page.evaluate(axe);
    const violations = await this.page.evaluate(async () => {
      const found = await globalThis.axe.run({ resultTypes: ["violations"] });
      return found.violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`,
      );
    });
    assert.deepEqual(violations, [], `${name} in ${theme}`);
  }

  /** Adds to an error what the page shows, and what it asked last. */
  async tell(error) {
    const text = await this.page.locator("body").textContent();
    if (!(error instanceof Error)) return;
    error.stack += `\nThe page ${this.page.url()} shows:\n${text}\nand asked:\n${this.#calls.slice(-8).join("\n")}`;
  }

  isUnharmed(where) {
    assert.deepEqual(this.#complaints, [], where);
  }

  async leave() {
    await this.context.close();
  }
}
