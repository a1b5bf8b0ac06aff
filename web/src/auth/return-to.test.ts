import { describe, expect, it } from "vitest";
import { safeLoopback, safeReturn } from "./return-to";

const ELSEWHERE = [
  "//evil.example",
  "///evil.example",
  "/\\evil.example",
  "\\\\evil.example",
  "https://evil.example/app/",
  "http:evil.example",
  "javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "/app//evil.example",
  "/app/..//evil.example",
  "/app/../api/v1/me",
  "/app/./x",
  "/app/%2e%2e/api",
  "/app/%2f%2fevil.example",
  "/app/%5cevil.example",
  "/app/%0d%0aSet-Cookie:a=b",
  "/app/%09//evil.example",
  "/app\\@evil.example",
  "/app/\t//evil.example",
  "/app/\n",
  " /app/",
  "/app",
  "/apps/",
  "/API/",
  "@evil.example/app/",
  "app/",
  "/app/<script>",
  '/app/"onload=',
  "/app/é",
  "",
  `/app/${"a".repeat(3000)}`,
  null,
  7,
  ["/app/"],
];

describe("where to go after a login", () => {
  it.each(ELSEWHERE)("not to %j", (wanted) => {
    expect(safeReturn(wanted)).toBe("/app/");
  });

  it.each([
    "/app/",
    "/app/account/security",
    "/app/cli/confirm?request=0190-abc",
    "/app/device?user_code=AB-CD#x",
  ])("to %s", (wanted) => {
    expect(safeReturn(wanted)).toBe(wanted);
  });

  it("keeps the query as it is, whatever it names", () => {
    expect(safeReturn("/app/login?returnTo=//evil.example")).toBe("/app/login?returnTo=//evil.example");
  });
});

describe("the address of a command line that waits", () => {
  it.each([
    "https://evil.example/",
    "http://evil.example:80/",
    "http://127.0.0.1.evil.example:7/",
    "http://127.0.0.1:80@evil.example/",
    "http://user:pw@127.0.0.1:9000/",
    "http://127.0.0.1/",
    "http://0.0.0.0:9000/",
    "javascript:alert(1)",
    "//127.0.0.1:9000/",
    "",
    null,
  ])("is not %s", (wanted) => {
    expect(safeLoopback(wanted)).toBeNull();
  });

  it.each(["http://127.0.0.1:9000/done?code=a&state=b", "http://[::1]:9000/", "http://localhost:9000/"])(
    "is %s",
    (wanted) => {
      expect(safeLoopback(wanted)).toBe(wanted);
    },
  );
});
