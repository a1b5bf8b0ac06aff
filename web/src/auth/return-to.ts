const HOME = "/app/";

/**
 * Where to go after a login: a page of this console, or home. Whatever could lead elsewhere, in any browser's reading,
 * leads home.
 */
export function safeReturn(wanted: unknown): string {
  if (typeof wanted !== "string" || wanted.length > 2000) return HOME;
  if (!wanted.startsWith(HOME) || !/^[\x21-\x7e]+$/.test(wanted)) return HOME;
  if (/[\\<>"'`]|%(0|1|5c|2f|2e|7f)|\/\/|\/\.{1,2}(\/|$|\?|#)/i.test(wanted.split("?")[0] ?? "")) return HOME;
  const url = URL.parse(wanted, location.origin);
  if (!url || url.origin !== location.origin || !url.pathname.startsWith(HOME)) return HOME;
  return url.pathname + url.search + url.hash;
}

/** The address on the person's own machine at which a command line client waits. Nothing else is one. */
export function safeLoopback(wanted: string | null): string | null {
  const url = wanted ? URL.parse(wanted) : null;
  if (url?.protocol !== "http:" || url.username || url.password || !url.port) return null;
  return ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname) ? url.href : null;
}
