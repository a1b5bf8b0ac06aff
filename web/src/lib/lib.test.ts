import { describe, expect, it } from "vitest";
import { describeAgent } from "./agent";
import { ago } from "./time";

describe("times", () => {
  const now = Date.parse("2026-03-01T12:00:00Z");
  it.each([
    ["2026-03-01T11:59:40Z", "just now"],
    ["2026-03-01T11:58:00Z", "2 minutes ago"],
    ["2026-03-01T15:00:00Z", "in 3 hours"],
    ["2026-02-28T12:00:00Z", "yesterday"],
    ["2025-03-01T00:00:00Z", "last year"],
    ["nonsense", "at an unknown time"],
  ])("%s is %s", (time, text) => {
    expect(ago(time, now)).toBe(text);
  });
});

describe("programs", () => {
  it.each([
    [
      "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/156.0 Safari/537.36",
      "Chrome on macOS",
    ],
    ["Mozilla/5.0 (Windows NT 10.0) Chrome/156.0 Safari/537.36 Edg/156.0", "Edge on Windows"],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1", "Safari on iOS"],
    ["rack-gateway/0.1.0 (linux)", "Rack Gateway CLI on Linux"],
    ["curl/8.5.0", "curl"],
    [`<script>${"x".repeat(100)}`, `<script>${"x".repeat(52)}`],
    [null, "Unknown device"],
    ["", "Unknown device"],
  ])("%s", (agent, text) => {
    expect(describeAgent(agent)).toBe(text);
  });
});
