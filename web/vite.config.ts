import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** The gateway that `npm run dev` talks to. */
const gateway = process.env.GATEWAY_URL ?? "http://127.0.0.1:8443";

export default defineConfig({
  base: "/app/",
  plugins: [react(), tailwindcss(), precompress(), keepFolder()],
  build: {
    target: "es2023",
    // A data: address is a font or script that the content policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    manifest: true,
  },
  server: { proxy: { "/api": { target: gateway, changeOrigin: false } } },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test/setup.ts"],
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});

/** Smaller copies beside each file, made once here and not at each request. */
function precompress(): Plugin {
  const worthwhile = /\.(js|css|html|svg|json|txt)$/;
  const files = (folder: string): string[] =>
    readdirSync(folder).flatMap((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory() ? files(path) : [path];
    });
  return {
    name: "precompress",
    apply: "build",
    writeBundle({ dir }) {
      for (const path of files(dir ?? "dist").filter((one) => worthwhile.test(one))) {
        const plain = readFileSync(path);
        const params = {
          [constants.BROTLI_PARAM_QUALITY]: 11,
          [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
        };
        const encodings = { br: brotliCompressSync(plain, { params }), gz: gzipSync(plain, { level: 9 }) };
        for (const [ending, bytes] of Object.entries(encodings)) {
          if (bytes.length < plain.length) writeFileSync(`${path}.${ending}`, bytes);
        }
      }
    },
  };
}

/** The folder is in the repository, empty, so that the program can be built without Node. */
function keepFolder(): Plugin {
  const rule = '# Built by "make web"; only this file is kept.\n*\n!.gitignore\n';
  return {
    name: "keep-folder",
    apply: "build",
    writeBundle({ dir }) {
      writeFileSync(join(dir ?? "dist", ".gitignore"), rule);
    },
  };
}
