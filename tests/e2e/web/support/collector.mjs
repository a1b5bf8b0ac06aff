// Where error reports go: takes envelopes in as Sentry does, and keeps them.
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export class Collector {
  /** Each an envelope as it came: how it was addressed, and its lines. */
  reports = [];

  static async start() {
    const collector = new Collector();
    collector.server = createServer(async (request, response) => {
      let text = "";
      for await (const chunk of request) text += chunk;
      if (request.method === "POST")
        collector.reports.push({ url: request.url, headers: request.headers, text });
      response.writeHead(200, { "access-control-allow-origin": "*", "content-type": "application/json" });
      response.end("{}");
    });
    await new Promise((resolve) => collector.server.listen(0, "127.0.0.1", resolve));
    collector.origin = `http://127.0.0.1:${collector.server.address().port}`;
    collector.dsn = `http://publickey@127.0.0.1:${collector.server.address().port}/7`;
    return collector;
  }

  /** The event in the envelope that `wanted` accepts. */
  async event(wanted) {
    for (let tries = 0; tries < 100; tries += 1) {
      const found = this.events().find(wanted);
      if (found) return found;
      await sleep(100);
    }
    throw new Error(`no such report among:\n${this.reports.map(({ text }) => text).join("\n")}`);
  }

  events() {
    return this.reports.flatMap(({ text }) => {
      const [, kind, body] = text.split("\n").map((line) => JSON.parse(line));
      return kind.type === "event" ? [body] : [];
    });
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
