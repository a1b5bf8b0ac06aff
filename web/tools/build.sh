#!/usr/bin/env bash
# Builds the console into web/dist, from which cargo takes it, unless it is built already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v npm >/dev/null 2>&1; then
  echo "error: the console needs Node.js 20.19 or later to be built; the program works without it" >&2
  exit 1
fi

# The packages, when the lock file is newer than what it led to.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi

sources=(src public index.html vite.config.ts package-lock.json)
if [ -e dist/index.html ] && [ -z "$(find "${sources[@]}" -newer dist/index.html -print -quit)" ]; then
  echo "the console in web/dist is up to date"
  exit
fi
npm run --silent build
