# shellcheck shell=bash
# `rack-gateway demo` on free ports, with its data in a directory that goes away.

DEMO_PID='' DEMO_JSON=''

# start_demo PROGRAM DIRECTORY: sets DEMO_JSON.
start_demo() {
  local program=$1 directory=$2/demo attempt
  mkdir -p "$directory"
  for attempt in 1 2 3; do
    rm -rf "$directory/data"
    run_demo "$program" "$directory" && return
    say "the demo did not start (attempt $attempt)"
  done
  tail -n 40 "$directory/stderr.log" >&2
  fail "the demo does not start"
}

run_demo() {
  local program=$1 directory=$2 port ops_port _
  port=$(free_port) ops_port=$(free_port)
  "$program" demo --data "$directory/data" --listen "127.0.0.1:$port" --ops-listen "127.0.0.1:$ops_port" \
    >"$directory/stdout.log" 2>"$directory/stderr.log" </dev/null &
  DEMO_PID=$!
  DEMO_JSON=$directory/data/demo.json
  for _ in {1..300}; do
    if [ -s "$DEMO_JSON" ] && accepts "$port"; then
      say "the demo listens on 127.0.0.1:$port"
      return
    fi
    kill -0 "$DEMO_PID" 2>/dev/null || break
    sleep 0.1
  done
  stop_demo
  return 1
}

stop_demo() {
  [ -n "$DEMO_PID" ] || return 0
  stop_process "$DEMO_PID"
  DEMO_PID=''
}
