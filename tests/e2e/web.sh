#!/usr/bin/env bash
# The console in a real browser, with passkeys, against a gateway of its own on SQLite.
# usage: tests/e2e/web.sh PROGRAM
# SHOTS=DIRECTORY keeps a picture of every page.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=/dev/null
source tests/services/lib.sh

RACK_GATEWAY=$(realpath "${1:?usage: tests/e2e/web.sh PROGRAM}")
export RACK_GATEWAY
if [ -z "${CHROMIUM:-}" ]; then
  have chromium || apt_install "the console is tried in a browser" chromium
  CHROMIUM=$(command -v chromium)
fi
export CHROMIUM
if [ -n "${SHOTS:-}" ]; then mkdir -p "$SHOTS"; fi
web/tools/build.sh
node --test --test-concurrency=2 --test-reporter=spec tests/e2e/web/*.test.mjs
