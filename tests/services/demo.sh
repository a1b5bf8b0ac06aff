# shellcheck shell=bash
# `rack-gateway demo` on ports that the system chooses, with its data in a directory that goes away.

DEMO_PID='' DEMO_JSON='' DEMO_LOG=''

# start_demo PROGRAM DIRECTORY: sets DEMO_JSON, which tells the ports.
start_demo() {
  local program=$1 directory=$2/demo _
  mkdir -p "$directory"
  "$program" demo --data "$directory/data" --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 \
    >"$directory/stdout.log" 2>"$directory/stderr.log" </dev/null &
  DEMO_PID=$!
  DEMO_JSON=$directory/data/demo.json DEMO_LOG=$directory/stderr.log
  # The file is the last thing that the start does.
  for _ in {1..300}; do
    if [ -s "$DEMO_JSON" ]; then
      say "the demo runs: $(grep '"url"' "$DEMO_JSON")"
      return
    fi
    kill -0 "$DEMO_PID" 2>/dev/null || break
    sleep 0.1
  done
  explain_demo >&2
  fail "the demo does not start"
}

# explain_demo: for a run that failed; what the demo said last, and whether it is still there.
explain_demo() {
  [ -n "$DEMO_PID" ] || return 0
  if kill -0 "$DEMO_PID" 2>/dev/null; then
    echo "the demo still runs; the end of its log:"
  else
    local status=0
    wait "$DEMO_PID" || status=$?
    echo "the demo ENDED BY ITSELF with status $status; the end of its log:"
  fi
  tail -n 20 "$DEMO_LOG"
}

stop_demo() {
  [ -n "$DEMO_PID" ] || return 0
  stop_process "$DEMO_PID"
  DEMO_PID=''
}
