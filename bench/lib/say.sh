# Words to the person who runs the benchmark, and the facts that go into the report.

say() { printf 'bench: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# A fact about this run, or something that was left out and why.
fact() { printf '%s\n' "$*" >>"$RESULTS/context.txt"; }

leave_out() {
  say "left out: $*"
  fact "left out: $*"
}

# Whether any of the given rows is asked for.
wants() {
  local row
  for row; do
    [[ -z $ONLY || ,$ONLY, == *,$row,* ]] && return 0
  done
  return 1
}

record_context() {
  fact "date: $(date -u +%FT%TZ)"
  fact "mode: $MODE, $REPEATS repeats of $SECONDS_EACH s"
  fact "machine: $(nproc) × $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), kernel $(uname -r), $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)"
  fact "load average at the start: $(cut -d' ' -f1-3 /proc/loadavg)"
  fact "commit: $(git -C "$ROOT" describe --always --dirty 2>/dev/null || echo unknown)"
  fact "peers: $(nginx -v 2>&1 | sed 's/.*: //'); $(haproxy -v | head -1 | cut -d' ' -f1-3)$([[ -n $CADDY ]] && printf '; Caddy %s' "$("$CADDY" version | cut -d' ' -f1)")"
  if (($(nproc) != 2)); then
    leave_out "comparability: the goals were set for 2 cores, this machine has $(nproc)"
  fi
}

# A proxy holds two descriptors for each tunnel, so the limit bounds what can be opened.
fit_to_descriptors() {
  local limit
  limit=$(ulimit -n)
  [[ $limit == unlimited ]] && return 0
  if ((IDLE > limit - 500)); then
    IDLE=$((limit - 500))
    leave_out "idle connections above $IDLE: the limit of open files is $limit"
  fi
  if ((TUNNELS > (limit - 500) / 2)); then
    TUNNELS=$(((limit - 500) / 2))
    leave_out "tunnels above $TUNNELS: the limit of open files is $limit"
  fi
}
