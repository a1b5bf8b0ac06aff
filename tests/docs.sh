#!/usr/bin/env bash
# Runs the commands that README.md, docs/OPERATIONS.md and docs/REGISTRY.md show, as they stand there: those of a block
# below a line `<!-- tested: NAME -->`.
#
#   tests/docs.sh PROGRAM DEMO_JSON     PROGRAM is a built rack-gateway; DEMO_JSON is that of a running demo
set -euo pipefail

PROGRAM=$(realpath "${1:?usage: tests/docs.sh PROGRAM DEMO_JSON}")
DEMO_JSON=$(realpath "${2:?usage: tests/docs.sh PROGRAM DEMO_JSON}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
mkdir "$TMP/bin" "$TMP/demo-data"
ln -s "$PROGRAM" "$TMP/bin/rack-gateway"
ln -s "$DEMO_JSON" "$TMP/demo-data/demo.json"

# blocks NAME FILE…: the code of all blocks with that name.
blocks() {
  awk -v mark="<!-- tested: $1 -->" '
    $0 == mark { wanted = 1; next }
    /^```/ { inside = wanted && !inside; if (!inside) wanted = 0; next }
    inside { print }
  ' "${@:2}"
}

# run_blocks NAME FILE…: in a directory of their own, with nothing of this environment that could be a setting.
run_blocks() {
  blocks "$@" >"$TMP/$1.sh"
  [ -s "$TMP/$1.sh" ] || { echo "FAIL $1: no such block in ${*:2}" && exit 1; }
  if ! (cd "$TMP" && env -i HOME="$TMP" PATH="$TMP/bin:$PATH" bash -euo pipefail "$TMP/$1.sh") >"$TMP/$1.out" 2>&1; then
    echo "FAIL $1: a command of ${*:2} ends badly:"
    cat "$TMP/$1.out"
    exit 1
  fi
}

# shows NAME TEXT: the output of the blocks has it.
shows() {
  grep -qF -- "$2" "$TMP/$1.out" || {
    echo "FAIL $1: no \"$2\" in:"
    cat "$TMP/$1.out"
    exit 1
  }
}

sed "s#http://127.0.0.1:8443#$(sed -n 's/.*"url": *"\([^"]*\)".*/\1/p' "$DEMO_JSON")#" README.md >"$TMP/README.md"
run_blocks demo "$TMP/README.md"
shows demo '"web"'
shows demo 'convox:app:restart'
shows demo '"logs"'
shows demo '"action":"app.restart"'
echo "ok the demo's commands in README.md"

run_blocks set-up README.md docs/OPERATIONS.md
shows set-up 'rgw_'
echo "ok the set-up and administration commands in README.md and docs/OPERATIONS.md"

run_blocks webhook docs/REGISTRY.md
shows webhook 'the gateway sent it'
echo "ok the verification of a webhook in docs/REGISTRY.md"
