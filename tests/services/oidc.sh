# shellcheck shell=bash
# A certified OpenID Connect provider on loopback, for one run. Needs Node.js.

OIDC_PID=''

# start_oidc DIRECTORY: exports TEST_OIDC_URL.
start_oidc() {
  local log=$1/oidc.log out=$1/oidc.url _
  (cd tests/e2e/oidc && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >"$log" 2>&1 || {
    cat "$log" >&2
    fail "npm ci in tests/e2e/oidc failed"
  }
  node tests/e2e/oidc/server.mjs >"$out" 2>>"$log" </dev/null &
  OIDC_PID=$!
  for _ in {1..300}; do
    if [ -s "$out" ]; then
      TEST_OIDC_URL=$(head -n 1 "$out")
      export TEST_OIDC_URL
      say "the provider runs: $TEST_OIDC_URL"
      return
    fi
    kill -0 "$OIDC_PID" 2>/dev/null || break
    sleep 0.1
  done
  cat "$log" >&2
  fail "the provider does not start"
}

stop_oidc() {
  [ -n "$OIDC_PID" ] || return 0
  stop_process "$OIDC_PID"
  OIDC_PID=''
}
