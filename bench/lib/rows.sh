# The measurements, each with the goals it serves. A section that no wanted row needs is skipped.

measure_pinned() {
  wants 1 2 4 17 || return 0
  start_group pinned gateway nginx-authreq haproxy-token nginx-plain
  saturate pinned-c64 64 1
  stop_all
}

measure_free() {
  wants 3 5 || return 0
  start_group free gateway nginx-authreq caddy-fauth
  saturate free-c64 64 -
  if wants 3; then
    drop_running caddy-fauth
    saturate free-c16 16 -
  fi
  stop_all
}

drop_running() {
  local kept=() name
  for name in "${RUNNING[@]}"; do
    [[ $name == "$1" ]] || kept+=("$name")
  done
  RUNNING=("${kept[@]}")
}

measure_fixed_rate() {
  wants 8 9 || return 0
  local rep who upload=/apps/web/objects/tmp/0123456789abcdef0123456789abcd.tgz
  start_group free gateway nginx-authreq
  say "rate-2000: ${RUNNING[*]}"
  for ((rep = 1; rep <= REPEATS; rep++)); do
    for who in $(in_turn "$rep"); do
      fixed_rate rate-2000 "$who" "$rep" "$(viewers "$who")" GET /apps 0
      # A change is recorded durably before it is carried out; a read is recorded afterwards.
      if [[ $who == gateway ]] && wants 9; then
        fixed_rate rate-2000-durable "$who" "$rep" "$(writers "$who")" POST $upload 64
      fi
    done
  done
  stop_all
}

measure_idle() {
  local who
  if wants 10; then
    start_group free gateway nginx-authreq haproxy-token caddy-fauth
    say "idle-keepalive, $IDLE connections: ${RUNNING[*]}"
    for who in "${RUNNING[@]}"; do
      idle idle-keepalive "$who" keep-alive /apps "$IDLE"
    done
    stop_all
  fi
  if wants 11; then
    start_group free gateway nginx-authreq haproxy-token caddy-fauth
    say "idle-tunnel, $TUNNELS tunnels: ${RUNNING[*]}"
    for who in "${RUNNING[@]}"; do
      idle idle-tunnel "$who" tunnel /apps/web/logs "$TUNNELS"
    done
    stop_all
  fi
}

measure_streams() {
  wants 12 13 || return 0
  start_group free gateway nginx-plain haproxy-token
  stream_gib 1 "$STREAMS" upstream "${RUNNING[@]}"
  if [[ $MODE == full && $WITH_GATEWAY == yes ]]; then
    stream_gib 4 1 gateway
  fi
  stop_all
}

# stream_gib SIZE REPEATS WHO…
stream_gib() {
  local size=$1 repeats=$2 rep who
  shift 2
  say "down-${size}g and up-${size}g: $*"
  truncate -s "${size}G" "$WORK/body-$size"
  cat "$WORK/body-$size" >/dev/null # into the page cache, or the first upload pays for it
  for ((rep = 1; rep <= repeats; rep++)); do
    for who; do
      download "down-${size}g" "$who" "$rep" $((size << 30))
      upload "up-${size}g" "$who" "$rep" "$WORK/body-$size"
    done
  done
}

# A layer of 2 GiB straight into a registry, and through the gateway into the same one.
measure_registry() {
  wants 19 20 || return 0
  if ! command -v docker-registry >/dev/null; then
    leave_out "rows 19 and 20: docker-registry is not installed (apt install docker-registry)"
    return 0
  fi
  local base=http://127.0.0.1:${PORT[docker-registry]} layer=$WORK/layer digest rep who
  start_registry || { leave_out "rows 19 and 20: docker-registry does not start, see $LOGS/docker-registry.err" && return 0; }
  GATEWAY_EXTRA=(REGISTRY_STORAGE=proxy "REGISTRY_UPSTREAM_URL=$base")
  start_group free gateway
  GATEWAY_EXTRA=()
  say "layer-up-2g and layer-down-2g: docker-registry ${RUNNING[*]}"
  truncate -s 2G "$layer"
  digest=sha256:$(sha256sum "$layer" | cut -d' ' -f1)
  for ((rep = 1; rep <= STREAMS + 1; rep++)); do
    for who in docker-registry "${RUNNING[@]}"; do
      layer layer-up-2g "$who" "$rep" up "$digest" "$layer"
      layer layer-down-2g "$who" "$rep" down "$digest" "$layer"
    done
  done
  rm -rf "$layer" "$WORK/images"
  stop_all
}

start_registry() {
  refuse_taken_ports docker-registry
  cat >"$WORK/registry.yml" <<YAML
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $WORK/images}, delete: {enabled: true}}
http: {addr: "127.0.0.1:${PORT[docker-registry]}", secret: bench, relativeurls: true}
YAML
  launch docker-registry - docker-registry serve "$WORK/registry.yml"
  wait_for_port docker-registry || return 1
  PIDS[docker-registry]=${STARTED[docker-registry]}
}

measure_audit() {
  wants 14 15 || return 0
  if [[ $WITH_GATEWAY == no || $OWN_GATEWAY == no || ! -x $AUDIT_ROWS ]]; then
    leave_out "rows 14 and 15: they measure this repository's audit writer (audit_rows), which is not built"
    return 0
  fi
  audit_rows sqlite "sqlite:$WORK/audit"
  if start_postgres; then
    audit_rows postgres "postgres://bench@127.0.0.1:${PORT[postgres]}/audit"
  else
    leave_out "rows 14 and 15 on PostgreSQL: no initdb under /usr/lib/postgresql (apt install postgresql)"
  fi
  stop_all
}

# audit_rows ENGINE DATABASE: each measurement in an empty database, the given name with its number behind.
audit_rows() {
  local engine=$1 database=$2 in_flight
  for in_flight in 64 4096; do
    if ! wants $((in_flight == 64 ? 15 : 14)); then continue; fi
    say "audit-$in_flight: $engine"
    watched "audit-$in_flight" "$engine" 1 - "$AUDIT_ROWS" --database "$database$in_flight" \
      --in-flight "$in_flight" --seconds $((SECONDS_EACH + 2))
  done
}

# In memory where there is some: a disk's noise would hide what is looked for.
measure_timing() {
  wants 18 || return 0
  if [[ $WITH_GATEWAY == no || $OWN_GATEWAY == no || ! -x $TIMING ]]; then
    leave_out "row 18: it measures this repository's own refusals (timing), which is not built"
    return 0
  fi
  local case folder=$WORK/timing
  [[ ! -w /dev/shm ]] || folder=$(mktemp -d /dev/shm/rack-gateway-timing.XXXXXX)
  fact "timing: $GUESSES guesses of each kind in random order, the slowest 1 % left out, database in ${folder%/*}"
  for case in token-prefix totp-digit backup-code user; do
    say "timing: $case"
    watched timing "$case" 1 - "$TIMING" --case "$case" --samples "$GUESSES" --dir "$folder/$case"
  done
  rm -rf "$folder"
}

measure_directory() {
  wants 21 || return 0
  local ops
  start_group free gateway
  if [[ " ${RUNNING[*]} " == *" gateway "* ]]; then
    say "directory: 10,000 instances, 1,000 heartbeats a second, 100 watchers"
    watched directory gateway 1 - "$TOOLS/load" directory --address "$(address gateway)" --path /registry-svc \
      --headers "$(writers gateway)" --seconds $((SECONDS_EACH * 4))
    ops=$(curl -fsS "http://$(address gateway-ops)/metrics" | awk '/^registry_beat(s_written|_batches)_total/ {print $1 "=" $2}')
    fact "directory: ${ops//$'\n'/, }"
  fi
  stop_all
}

# A server of our own in the work folder, with its defaults: synchronous_commit and fsync on.
start_postgres() {
  local bin data=$WORK/postgres owner=()
  bin=$(dirname "$(find /usr/lib/postgresql -name initdb 2>/dev/null | sort -V | tail -1)")
  [[ -x $bin/initdb ]] || return 1
  ((EUID != 0)) || owner=(setpriv --reuid postgres --regid postgres --clear-groups)
  mkdir "$data"
  ((EUID != 0)) || chown postgres "$data"
  "${owner[@]}" "$bin/initdb" -D "$data" -U bench -A trust -E UTF8 >"$LOGS/postgres.err" 2>&1 || return 1
  launch postgres - "${owner[@]}" "$bin/postgres" -D "$data" -p "${PORT[postgres]}" -h 127.0.0.1 -k "$data"
  wait_for_port postgres || return 1
  local name
  for _ in {1..50}; do
    "$bin/pg_isready" -q -h 127.0.0.1 -p "${PORT[postgres]}" && break
    sleep 0.1
  done
  for name in audit64 audit4096; do
    "$bin/createdb" -h 127.0.0.1 -p "${PORT[postgres]}" -U bench "$name" 2>>"$LOGS/postgres.err" || return 1
  done
}
