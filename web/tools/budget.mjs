// Whether the console is still small enough to load over a bad line. Run after a build.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const KB = 1000;
const LIMITS = { shell: 115 * KB, route: 60 * KB, css: 15 * KB };

const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));
const size = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length;

/** A chunk with what it cannot do without. */
function withImports(key, seen = new Set()) {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const other of manifest[key].imports ?? []) withImports(other, seen);
  return seen;
}

const total = (keys) => [...keys].reduce((sum, key) => sum + size(manifest[key].file), 0);
const shell = withImports(Object.keys(manifest).find((key) => manifest[key].isEntry));
const css = new Set(Object.values(manifest).flatMap((chunk) => chunk.css ?? []));

const rows = [["shell", total(shell), LIMITS.shell]];
rows.push(["styles", [...css].reduce((sum, file) => sum + size(file), 0), LIMITS.css]);
for (const key of Object.keys(manifest).filter((one) => manifest[one].isDynamicEntry)) {
  const own = [...withImports(key)].filter((other) => !shell.has(other));
  rows.push([key, total(own), LIMITS.route]);
}

for (const [name, bytes, limit] of rows) {
  const [has, may] = [bytes, limit].map((count) => (count / KB).toFixed(1).padStart(6));
  console.log(`${bytes <= limit ? "ok      " : "TOO BIG "} ${has} of ${may} kB gzip  ${name}`);
}
if (rows.some(([, bytes, limit]) => bytes > limit)) process.exit(1);
