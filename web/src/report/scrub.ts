import type { Breadcrumb, ErrorEvent, Exception, StackFrame } from "@sentry/browser";

/**
 * What may be said of a page to those who read error reports. Chosen, not filtered: whatever is not named here stays in
 * the browser, and texts lose all that looks like a secret or an address of a person. When in doubt too much is hidden.
 */
const HIDDEN = "[hidden]";
const LONGEST = 2000;

/** The words in addresses of this console and its API; any other part of a path may be a name, a code or a secret. */
const WORDS = new Set(
  `app api v1 login welcome auth error mfa challenge cli confirm device account security web logout callback info me
  racks rack-proxy providers links requests approve deny passkey start finish verify status enroll totp webauthn
  assertion methods preferred-method backup-codes regenerate trusted-devices sessions api-tokens`.split(
    /\s+/,
  ),
);
const ASSET = /^\/app\/assets\/[\w.-]+\.(?:js|css)(?::\d+){0,2}$/;

/** The path with `*` for what is no known word, without query and fragment; nothing of other places. */
export function cleanAddress(address: string): string {
  const url = URL.parse(address, location.origin);
  if (url?.origin !== location.origin) return HIDDEN;
  if (ASSET.test(url.pathname)) return url.pathname;
  const parts = url.pathname.split("/");
  return parts.map((part) => (part === "" || WORDS.has(part) ? part : "*")).join("/");
}

/** An address in a text, with or without the host. */
const ADDRESS = /((?:[a-z][a-z+.-]*:\/\/|\/(?:app|api|auth|svc|v2)\b)[^\s"'<>()]*)/gi;

/** In this order. Long runs need a digit, and short ones are as people read them to each other. */
const SHAPES: [RegExp, string][] = [
  [/[^\s"'<>()[\]:,;=]+@[^\s"'<>()[\]:,;]+/g, HIDDEN],
  [/\b(bearer|basic)\s+[^\s"',;]+/gi, `$1 ${HIDDEN}`],
  [
    /([\w.-]{0,40}(?:token|secret|passw|cookie|session|csrf|code|key|authorization|otp)[\w.-]{0,40}["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi,
    `$1${HIDDEN}`,
  ],
  [/\b(?:rg[a-z]_|eyJ)[\w.~-]+/g, HIDDEN],
  [/(?=[\w-]*\d)[\w-]{20,}/g, HIDDEN],
  [/\b[A-Z2-7]{16,}\b/g, HIDDEN],
  [/\b[A-Za-z0-9]{4,5}(?:-[A-Za-z0-9]{4,5}){1,3}\b/g, HIDDEN],
  [/\b\d{6,}\b/g, HIDDEN],
];

export function cleanText(text: string): string {
  const parts = text.slice(0, LONGEST).split(ADDRESS);
  return parts.map((part, index) => (index % 2 ? cleanAddress(part) : cleanWords(part))).join("");
}

const cleanWords = (text: string): string =>
  SHAPES.reduce((done, [shape, instead]) => done.replace(shape, instead), text);

/** Calls, changes of the page, and which kind of thing was clicked; what stood in it is nobody's business. */
export function cleanCrumb(crumb: Breadcrumb): Breadcrumb | null {
  const { category, level, timestamp, data = {} } = crumb;
  const kept: Breadcrumb = { category, level, timestamp } as Breadcrumb;
  const address = (key: string) => (typeof data[key] === "string" ? cleanAddress(data[key]) : undefined);
  switch (category) {
    case "fetch":
      return {
        ...kept,
        type: "http",
        data: { method: data.method, url: address("url"), status_code: data.status_code },
      };
    case "navigation":
      return { ...kept, data: { from: address("from"), to: address("to") } };
    case "ui.click":
    case "ui.input":
      return { ...kept, message: (crumb.message ?? "").replace(/\[[^\]]*\]/g, "").slice(0, 300) };
    default:
      return null;
  }
}

/** Null for what did not come from our own files, such as an extension of the browser. */
export function cleanEvent(event: ErrorEvent): ErrorEvent | null {
  const exceptions = event.exception?.values ?? [];
  if (exceptions.some(({ stacktrace }) => stacktrace?.frames?.some(isForeign))) return null;
  const componentStack = event.contexts?.react?.componentStack;
  const clean: ErrorEvent = {
    type: undefined,
    platform: "javascript",
    exception: { values: exceptions.map(cleanException) },
    breadcrumbs: (event.breadcrumbs ?? []).flatMap((crumb) => cleanCrumb(crumb) ?? []),
    request: {
      url: location.origin + cleanAddress(location.href),
      headers: { "User-Agent": navigator.userAgent },
    },
    contexts:
      typeof componentStack === "string" ? { react: { componentStack: cleanText(componentStack) } } : {},
  };
  const kept = ["event_id", "timestamp", "level", "release", "environment", "sdk"] as const;
  return Object.assign(clean, Object.fromEntries(kept.map((name) => [name, event[name]])));
}

const isForeign = ({ filename }: StackFrame): boolean => /^[a-z-]*extension:/.test(filename ?? "");

function cleanException({ type, value, mechanism, stacktrace }: Exception): Exception {
  return {
    type: /^\w{1,60}$/.test(type ?? "") ? (type as string) : "Error",
    value: cleanText(value ?? ""),
    ...(mechanism && { mechanism: { type: mechanism.type, handled: mechanism.handled ?? false } }),
    ...(stacktrace?.frames && { stacktrace: { frames: stacktrace.frames.map(cleanFrame) } }),
  };
}

/** Where in our files; the origin stays, for maps of the source are found by it. */
function cleanFrame({ filename = "", function: name, lineno, colno, in_app }: StackFrame): StackFrame {
  const path = cleanAddress(filename);
  const where = filename.includes("://") && path !== HIDDEN ? location.origin + path : path;
  const frame = { filename: where, function: cleanText(name ?? "?"), lineno, colno, in_app };
  return frame as StackFrame;
}
