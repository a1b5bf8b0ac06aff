#!/usr/bin/env bash
# Acceptance of the rack proxy with real command line clients: the stock `convox` CLI where it can be installed, and
# always wire-cli, which speaks the same wire. Asks nothing and changes only the demo rack behind the gateway.
#
#   convox.sh [demo.json]
#
# demo.json is what the demo writes: {"url":…,"rack":…,"tokens":{"admin":…,"deployer":…,"ops":…,"viewer":…}}.
# GATEWAY_URL and ADMIN_TOKEN, DEPLOYER_TOKEN, OPS_TOKEN, VIEWER_TOKEN win over it; APP and SERVICE (both `web`) say
# what to act on, ROUNDS (20) how often an exit status is asked for, WIRE_CLI_POLL how fast wire-cli waits.
#
# Prints `ok NAME`, `FAIL NAME: why` and `skipped: …` lines, then a count. Exit status 1 when anything failed.
set -u

HERE=$(cd "$(dirname "$0")" && pwd)
STOCK_CLI=${STOCK_CLI:-github.com/convox/convox/cmd/convox@v0.0.0-20260626000000-9e024526075e}
INSTALL_SECONDS=${INSTALL_SECONDS:-300}
APP=${APP:-web}
SERVICE=${SERVICE:-web}
ROUNDS=${ROUNDS:-20}
export WIRE_CLI_POLL=${WIRE_CLI_POLL:-1s}

TMP=$(mktemp -d)
trap 'chmod -R u+w "$TMP" 2>/dev/null; rm -rf "$TMP"' EXIT
OUT=$TMP/out ERR=$TMP/err
passed=0 failed=0 skipped=0

# --- settings ---------------------------------------------------------------------------------------------------------

DEMO=${1:-}
if [ -n "$DEMO" ] && [ ! -r "$DEMO" ]; then
  echo "FAIL settings: cannot read $DEMO"
  exit 1
fi

# setting NAME: a string of demo.json, at any depth.
setting() {
  [ -z "$DEMO" ] || tr -d '\n' <"$DEMO" | grep -o "\"$1\"[[:space:]]*:[[:space:]]*\"[^\"]*\"" | head -n 1 | sed 's/.*"\([^"]*\)"$/\1/'
}

GATEWAY_URL=${GATEWAY_URL:-$(setting url)}
GATEWAY_URL=${GATEWAY_URL%/}
ADMIN_TOKEN=${ADMIN_TOKEN:-$(setting admin)}
DEPLOYER_TOKEN=${DEPLOYER_TOKEN:-$(setting deployer)}
OPS_TOKEN=${OPS_TOKEN:-$(setting ops)}
VIEWER_TOKEN=${VIEWER_TOKEN:-$(setting viewer)}
RACK=${RACK:-$(setting rack)}
for name in GATEWAY_URL ADMIN_TOKEN DEPLOYER_TOKEN OPS_TOKEN VIEWER_TOKEN; do
  if [ -z "${!name}" ]; then
    echo "FAIL settings: $name is not set and no demo.json gives it"
    exit 1
  fi
done

# --- running a client -------------------------------------------------------------------------------------------------

limited() {
  if command -v timeout >/dev/null; then timeout "$@"; else shift && "$@"; fi
}

# rack_url TOKEN [PATH]
rack_url() {
  echo "${GATEWAY_URL%%://*}://convox:$1@${GATEWAY_URL#*://}${2:-/api/v1/rack-proxy}"
}

# cli RACK_URL WORDS…: runs the client under test with this function's standard input; leaves STATUS, $OUT and $ERR.
cli() {
  local url=$1
  shift
  RACK_URL=$url HOME=$TMP/home CONVOX_CONFIG=$TMP/home limited 180 "$CLIENT" "$@" >"$OUT" 2>"$ERR"
  STATUS=$?
}

# as ROLE WORDS…: the same with a role's token, and an empty standard input.
as() {
  as_with_input "$@" </dev/null
}

as_with_input() {
  local token
  case $1 in
    admin) token=$ADMIN_TOKEN ;;
    deployer) token=$DEPLOYER_TOKEN ;;
    ops) token=$OPS_TOKEN ;;
    viewer) token=$VIEWER_TOKEN ;;
  esac
  shift
  cli "$(rack_url "$token")" "$@"
}

# --- judging ----------------------------------------------------------------------------------------------------------

# why TEXT…: the check at hand fails; the first reason is the one told.
why() {
  [ -n "$WHY" ] || WHY=$*
}

said() {
  cat "$ERR" "$OUT" | tr -s '[:space:]' ' ' | cut -c 1-200
}

status_is() {
  [ "$STATUS" = "$1" ] || why "status $STATUS, not $1: $(said)"
}

out_has() {
  grep -qF -- "$1" "$OUT" || why "no \"$1\" in: $(said)"
}

# refused: ended with 1 and said why.
refused() {
  status_is 1
  cat "$OUT" "$ERR" | grep -qiE 'permission|denied|not allowed|forbidden' || why "no reason shown: $(said)"
}

# check NAME FUNCTION
check() {
  WHY=
  "$2"
  if [ -z "$WHY" ]; then
    echo "ok $CLIENT_NAME: $1"
    passed=$((passed + 1))
  else
    echo "FAIL $CLIENT_NAME: $1: $WHY"
    failed=$((failed + 1))
  fi
}

skip() {
  echo "skipped: $1"
  skipped=$((skipped + 1))
}

# --- what is checked --------------------------------------------------------------------------------------------------

# process: the id of a running process of the service.
process() {
  as viewer ps -a "$APP"
  awk -v service="$SERVICE" 'NR > 1 && $2 == service && $3 == "running" { print $1; exit }' "$OUT"
}

running_processes() {
  as viewer ps -a "$APP"
  awk -v service="$SERVICE" 'NR > 1 && $2 == service { n++ } END { print n + 0 }' "$OUT"
}

active_release() {
  as viewer apps info "$APP"
  awk '$1 == "Release" { print $2 }' "$OUT"
}

apps() {
  as viewer apps
  status_is 0
  out_has "$APP"
}

named_rack() {
  cli "$(rack_url "$VIEWER_TOKEN" "/api/v1/racks/$RACK/proxy")" apps </dev/null
  status_is 0
  out_has "$APP"
}

no_token() {
  cli "$GATEWAY_URL/api/v1/rack-proxy" apps </dev/null
  status_is 1
  grep -q '^ERROR: ' "$ERR" || why "no ERROR line: $(said)"
  cli "$(rack_url not-a-token)" apps </dev/null
  status_is 1
}

ps_lists() {
  as viewer ps -a "$APP"
  status_is 0
  [ -n "$(process)" ] || why "no running process of $SERVICE: $(said)"
  as viewer ps --service "$SERVICE" -a "$APP"
  status_is 0
  out_has "$SERVICE"
}

reads() {
  for words in rack instances "services -a $APP" "builds -a $APP"; do
    # shellcheck disable=SC2086
    as viewer $words
    status_is 0
  done
}

env_reads() {
  as admin env -a "$APP"
  status_is 0
  grep -q '=' "$OUT" || why "no variables: $(said)"
  ! grep -qF '=****' "$OUT" || why "an admin is shown masked values"
  cp "$OUT" "$TMP/env.admin"
  as deployer env -a "$APP"
  status_is 0
  grep -F '=****' "$OUT" | cut -d= -f1 >"$TMP/secrets"
  [ -s "$TMP/secrets" ] || why "a deployer is shown no masked value, so every secret"
}

env_set() {
  local value=set-by-$CLIENT_NAME-$$
  as admin env -a "$APP"
  grep -v '^E2E_MARK=' "$OUT" | sort >"$TMP/before"
  as deployer env set "E2E_MARK=$value" -a "$APP"
  status_is 0
  NEW_RELEASE=$(sed -n 's/.*Release: *\([A-Za-z0-9]*\).*/\1/p' "$OUT")
  [ -n "$NEW_RELEASE" ] || why "no release named: $(said)"
  as admin env -a "$APP"
  out_has "E2E_MARK=$value"
  grep -v '^E2E_MARK=' "$OUT" | sort >"$TMP/after"
  cmp -s "$TMP/before" "$TMP/after" || why "other variables changed: $(diff "$TMP/before" "$TMP/after" | cut -d= -f1 | tr '\n' ' ')"
}

promote() {
  [ -n "${NEW_RELEASE:-}" ] || { why "no release to promote"; return; }
  as deployer releases promote "$NEW_RELEASE" -a "$APP"
  status_is 0
  [ "$(active_release)" = "$NEW_RELEASE" ] || why "release $NEW_RELEASE is not the active one"
}

env_unset() {
  as deployer env unset E2E_MARK -a "$APP"
  status_is 0
  as admin env -a "$APP"
  ! grep -q '^E2E_MARK=' "$OUT" || why "E2E_MARK is still there"
  sort "$OUT" | cmp -s - "$TMP/before" || why "other variables changed"
}

viewer_env() {
  as viewer env set E2E_MARK=viewer -a "$APP"
  refused
  as admin env -a "$APP"
  ! grep -q '^E2E_MARK=viewer' "$OUT" || why "the viewer's change was made"
}

logs() {
  as viewer logs -a "$APP" --no-follow
  status_is 0
  [ -s "$OUT" ] || why "no lines"
  ! grep -q '^ERROR' "$OUT" || why "$(said)"
}

exec_status() {
  local pid round
  pid=$(process)
  for ((round = 1; round <= ROUNDS; round++)); do
    as ops exec "$pid" 'echo leaving; exit 7' -a "$APP"
    status_is 7
    [ "$(cat "$OUT")" = leaving ] || why "round $round gives: $(said)"
  done
}

# The pause lets the client empty its own 4 KiB buffer: a status that lies across the end of that is lost to it even
# with no gateway in between.
exec_big_output() {
  local pid round
  pid=$(process)
  seq 50000 >"$TMP/seq"
  for ((round = 1; round <= ROUNDS; round++)); do
    as ops exec "$pid" 'seq 50000; sleep 0.2; exit 7' -a "$APP"
    status_is 7
    cmp -s "$TMP/seq" "$OUT" || why "round $round: the output differs"
  done
}

# The input begins with a letter, for a first byte of zero means something else to the client.
exec_stdin() {
  { echo begin; head -c 100000 /dev/urandom; } >"$TMP/in"
  as_with_input ops exec "$(process)" cat -a "$APP" <"$TMP/in"
  status_is 0
  cmp -s "$TMP/in" "$OUT" || why "$(wc -c <"$OUT") bytes came back, not the $(wc -c <"$TMP/in") sent"
}

exec_nowhere() {
  as ops exec no-such-process 'echo hi' -a "$APP"
  status_is 1
  out_has "no-such-process"
}

run_command() {
  as ops run "$SERVICE" 'echo from run; exit 3' -a "$APP"
  status_is 3
  out_has 'from run'
  as ops run -d "$SERVICE" 'true' -a "$APP"
  status_is 0
}

viewer_refused() {
  local pid
  pid=$(process)
  as viewer restart -a "$APP"
  refused
  as viewer exec "$pid" 'echo reached' -a "$APP"
  refused
  ! grep -q '^reached' "$OUT" || why "the command was run"
}

copy() {
  local pid path=/tmp/e2e-$$-$CLIENT_NAME
  pid=$(process)
  head -c 300000 /dev/urandom >"$TMP/sent"
  rm -rf "$TMP/back"
  as ops cp "$TMP/sent" "$pid:$path" -a "$APP"
  status_is 0
  as ops cp "$pid:$path" "$TMP/back" -a "$APP"
  status_is 0
  cmp -s "$TMP/sent" "$TMP/back" || why "what came back differs"
}

restart() {
  local before
  before=$(process)
  as ops restart -a "$APP"
  status_is 0
  out_has "$SERVICE"
  [ "$(process)" != "$before" ] || why "process $before is still the same"
}

scale() {
  local before
  before=$(running_processes)
  as deployer scale "$SERVICE" --count $((before + 1)) -a "$APP"
  status_is 0
  [ "$(running_processes)" = $((before + 1)) ] || why "$(running_processes) processes, not $((before + 1))"
  as deployer scale "$SERVICE" --count "$before" -a "$APP"
  status_is 0
}

deploy() {
  local before
  before=$(active_release)
  mkdir -p "$TMP/source/bin"
  printf 'services:\n  web:\n    build: .\n    port: 3000\n  worker:\n    build: .\n' >"$TMP/source/convox.yml"
  printf 'FROM scratch\n' >"$TMP/source/Dockerfile"
  head -c 1000000 /dev/urandom >"$TMP/source/bin/data"
  as deployer deploy "$TMP/source" -a "$APP" --description "end to end"
  status_is 0
  [ "$(active_release)" != "$before" ] || why "release $before is still active"
}

rollback() {
  local before
  before=$(active_release)
  as deployer releases rollback "$before" -a "$APP"
  status_is 0
  [ "$(active_release)" != "$before" ] || why "release $before was not copied forward"
}

export_import() {
  local build
  as admin builds -a "$APP"
  build=$(awk 'NR > 1 && $2 == "complete" { print $1; exit }' "$OUT")
  [ -n "$build" ] || { why "no complete build: $(said)"; return; }
  rm -f "$TMP/build.tgz"
  as admin builds export "$build" -f "$TMP/build.tgz" -a "$APP"
  status_is 0
  gzip -t "$TMP/build.tgz" 2>/dev/null || why "the export is no gzip file"
  as admin builds import -f "$TMP/build.tgz" -a "$APP"
  status_is 0
  grep -qE 'OK, *R' "$OUT" || why "no release named: $(said)"
}

acceptance() {
  CLIENT=$1 CLIENT_NAME=$2
  check 'apps' apps
  if [ -n "$RACK" ]; then check 'apps of a named rack' named_rack; else skip "$CLIENT_NAME: apps of a named rack (demo.json names none)"; fi
  check 'no token or a wrong one is refused' no_token
  check 'ps' ps_lists
  check 'rack, instances, services, builds' reads
  check 'env shows secrets to an admin only' env_reads
  check 'env set by a deployer changes one variable and loses none' env_set
  check 'releases promote' promote
  check 'env unset takes one variable away' env_unset
  check 'viewer may not set variables' viewer_env
  check 'logs --no-follow' logs
  check "exec gives the exit status, $ROUNDS times" exec_status
  check "exec gives the exit status after much output, $ROUNDS times" exec_big_output
  check 'exec passes standard input' exec_stdin
  check 'exec in no process says so' exec_nowhere
  check 'run' run_command
  check 'viewer is refused restart and exec' viewer_refused
  check 'cp there and back' copy
  check 'restart' restart
  check 'scale' scale
  check 'deploy' deploy
  check 'releases rollback' rollback
  check 'builds export and import' export_import
}

# --- the clients ------------------------------------------------------------------------------------------------------

mkdir -p "$TMP/bin" "$TMP/home"
if ! command -v go >/dev/null; then
  skip 'stock convox CLI (no Go here)'
  skip 'wire-cli (no Go here)'
else
  if (cd "$TMP" && GOBIN=$TMP/bin limited "$INSTALL_SECONDS" go install "$STOCK_CLI") >/dev/null 2>&1; then
    acceptance "$TMP/bin/convox" convox
  else
    skip 'stock convox CLI (module not available here)'
  fi
  if ! (cd "$HERE/wire-cli" && limited "$INSTALL_SECONDS" go mod download) >/dev/null 2>&1; then
    skip 'wire-cli (its modules are not available here)'
  elif (cd "$HERE/wire-cli" && go build -o "$TMP/bin/wire-cli" .) 2>"$ERR"; then
    acceptance "$TMP/bin/wire-cli" wire-cli
  else
    echo "FAIL wire-cli: does not build: $(head -n 3 "$ERR" | tr '\n' ' ')"
    failed=$((failed + 1))
  fi
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
