# shellcheck shell=bash
# An S3 server of our own, for one run: moto, in a Python environment in a directory that goes away.

S3_PID=''

# start_s3 DIRECTORY: exports TEST_S3_ENDPOINT. Takes S3_VENV, an environment that has moto already, if it is set.
start_s3() {
  local home=$1/s3 port attempt _
  local venv=${S3_VENV:-$home/venv}
  mkdir -p "$home"
  if [ ! -x "$venv/bin/moto_server" ]; then
    have python3 || apt_install "the S3 server for tests is written in Python" python3 python3-venv
    python3 -m venv "$venv" || { apt_install "Python's environments" python3-venv && python3 -m venv "$venv"; }
    "$venv/bin/pip" install --quiet 'moto[server,s3]' || fail "moto cannot be installed"
  fi
  for attempt in 1 2 3 4 5; do
    port=$(free_port)
    "$venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$home/server.log" 2>&1 </dev/null &
    S3_PID=$!
    for _ in {1..150}; do
      if accepts "$port"; then
        export TEST_S3_ENDPOINT="http://127.0.0.1:$port"
        say "S3 (moto) on 127.0.0.1:$port"
        return
      fi
      kill -0 "$S3_PID" 2>/dev/null || break
      sleep 0.2
    done
    stop_s3
    say "moto did not start on port $port (attempt $attempt)"
  done
  cat "$home/server.log" >&2 || true
  fail "the S3 server does not start"
}

stop_s3() {
  [ -n "$S3_PID" ] || return 0
  stop_process "$S3_PID"
  S3_PID=''
}
