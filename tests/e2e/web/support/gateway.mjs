// A gateway of our own on SQLite, with nobody in it.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export class Gateway {
  /** `more` is what the environment says besides. */
  static async start(more = {}) {
    const program = process.env.RACK_GATEWAY;
    if (!program) throw new Error("RACK_GATEWAY must name the program");
    const home = mkdtempSync(join(tmpdir(), "rack-gateway-web-"));
    const gateway = new Gateway();
    const port = await freePort();
    // Passkeys belong to a name; for an address of numbers browsers make none.
    Object.assign(gateway, { home, port, url: `http://localhost:${port}`, log: join(home, "stderr.log") });
    mkdirSync(join(home, "data"));
    const env = {
      PATH: process.env.PATH,
      RACK: "staging",
      RACK_HOST: "http://127.0.0.1:9",
      RACK_TOKEN: "unused",
      LISTEN: `127.0.0.1:${port}`,
      OPS_LISTEN: "127.0.0.1:0",
      PUBLIC_URL: gateway.url,
      SQLITE_PATH: join(home, "data", "gateway.db"),
      RATE_LIMIT_PER_MINUTE: "100000",
      LOGIN_RATE_LIMIT_PER_MINUTE: "10000",
      MFA_STEP_UP_WINDOW: "1m",
      LOG_FORMAT: "text",
      ...more,
    };
    gateway.process = spawn(program, ["serve"], {
      env,
      stdio: ["ignore", openSync(join(home, "stdout.log"), "w"), openSync(gateway.log, "w")],
    });
    await gateway.#ready();
    return gateway;
  }

  async #ready() {
    for (let tries = 0; tries < 300; tries += 1) {
      if (this.process.exitCode !== null) break;
      const answer = await fetch(`${this.url}/api/v1/health`).catch(() => null);
      if (answer?.ok) return;
      await sleep(100);
    }
    throw new Error(`the gateway does not start:\n${readFileSync(this.log, "utf8")}`);
  }

  /** The address with which the first person gets in, as the log tells it. */
  firstLink() {
    const found = readFileSync(this.log, "utf8").match(/\/app\/welcome#[\w.~-]+/);
    if (!found)
      throw new Error(`the log has no link for the first person:\n${readFileSync(this.log, "utf8")}`);
    return found[0];
  }

  /** A call of the API without a browser. */
  async call(method, path, { body, token } = {}) {
    const headers = { "content-type": "application/json", accept: "application/json" };
    if (token) headers.authorization = `Bearer ${token}`;
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const answer = await fetch(`${this.url}/api/v1${path}`, init);
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text ? JSON.parse(text) : null };
  }

  async stop() {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    if (this.process.exitCode === null) {
      this.process.kill("SIGTERM");
      const late = setTimeout(() => this.process.kill("SIGKILL"), 8000);
      await ended;
      clearTimeout(late);
    }
    rmSync(this.home, { recursive: true, force: true });
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
