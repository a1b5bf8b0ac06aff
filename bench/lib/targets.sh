# Starting and stopping what is measured. A target is a name; these tables say how to reach it.

declare -A PORT=([upstream]=21000 [authsvc]=21001 [nginx-plain]=21010 [nginx-authreq]=21011 [haproxy-token]=21012
  [caddy-fauth]=21013 [gateway]=21020 [gateway-ops]=21021 [postgres]=21030 [docker-registry]=21031)
declare -A PIDS=()      # of the running targets, the auth service with those that ask it
declare -A STARTED=()   # everything that must be stopped, by name
UPSTREAM=127.0.0.1:${PORT[upstream]}

# The prefix that a target puts before the rack's own paths.
prefix() { [[ $1 == gateway ]] && printf /api/v1/rack-proxy || true; }

# Files of Authorization values: of viewers, and of those who may upload.
viewers() { if [[ $1 == gateway ]]; then printf %s "$WORK/gateway-viewer.headers"; else printf %s "$WORK/peers-viewer.headers"; fi; }
writers() { if [[ $1 == gateway ]]; then printf %s "$WORK/gateway-deployer.headers"; else printf %s "$WORK/peers-ops.headers"; fi; }

# Tokens the load clients take turns with; as many for the gateway as for its peers.
TOKENS_USED=20

prepare_access() {
  "$TOOLS/authsvc" tokens --data "$WORK" --rules "$BENCH/config" --used $TOKENS_USED
  fact "tokens: 1000 in each peer's map, $TOKENS_USED in use"
}

# launch NAME CPU COMMAND…: in the background, on that CPU or on any (-), output to its log.
launch() {
  local name=$1 cpu=$2
  shift 2
  [[ $cpu == - ]] || set -- taskset -c "$cpu" "$@"
  "$@" >>"$LOGS/$name.out" 2>>"$LOGS/$name.err" &
  STARTED[$name]=$!
}

wait_for_port() {
  local name=$1 tries=0
  until (exec 3<>"/dev/tcp/127.0.0.1/${PORT[$name]}") 2>/dev/null; do
    kill -0 "${STARTED[$name]}" 2>/dev/null && ((++tries < 100)) || {
      say "$name does not start; the end of $LOGS/$name.err:"
      tail -5 "$LOGS/$name.err" >&2
      return 1
    }
    sleep 0.1
  done
}

refuse_taken_ports() {
  local name
  for name; do
    ! (exec 3<>"/dev/tcp/127.0.0.1/${PORT[$name]}") 2>/dev/null || fail "port ${PORT[$name]} ($name) is in use"
  done
}

# start_group MODE NAME…: the upstream, the auth service and the named targets. In `pinned` mode targets have CPU 0
# and one worker, the upstream CPU 1; in `free` mode nothing is pinned and targets have two workers.
# RUNNING lists those that came up and answer as they should.
start_group() {
  local mode=$1 name proxy_cpu=- upstream_cpu=- workers=2
  shift
  [[ $mode == free ]] || proxy_cpu=0 upstream_cpu=1 workers=1
  refuse_taken_ports upstream authsvc "$@"
  launch upstream $upstream_cpu "$TOOLS/upstream" --listen "$UPSTREAM"
  launch authsvc $proxy_cpu "$TOOLS/authsvc" serve --listen "127.0.0.1:${PORT[authsvc]}" --data "$WORK" --rules "$BENCH/config"
  wait_for_port upstream && wait_for_port authsvc || fail "the benchmark's own tools do not start"
  RUNNING=()
  for name; do
    is_wanted "$name" || continue
    if start_target "$name" $proxy_cpu $workers && answers_rightly "$name" && keeps_records "$name"; then
      RUNNING+=("$name")
    else
      leave_out "$name ($mode): it did not start, or does not answer as it should"
      [[ $name != gateway ]] || GATEWAY_FAILED=yes
    fi
  done
}

# The gateway may be left out on purpose, and Caddy may not be installable.
is_wanted() {
  case $1 in
    gateway) [[ $WITH_GATEWAY == yes ]] ;;
    caddy-*) [[ -n $CADDY ]] ;;
  esac
}

start_target() {
  local name=$1 cpu=$2 workers=$3 auth=${STARTED[authsvc]}
  case $name in
    nginx-*) launch "$name" "$cpu" nginx -p "$WORK" -e "$LOGS/$name.err" -c "$(configure "$name.conf" "$workers")" ;;
    haproxy-*) launch "$name" "$cpu" haproxy -db -f "$(configure "$name.cfg" "$workers")" ;;
    caddy-*) launch "$name" "$cpu" env GOMAXPROCS="$workers" HOME="$WORK" "$CADDY" run --adapter caddyfile --config "$(configure "$name.caddyfile" "$workers")" ;;
    gateway) start_gateway "$cpu" "$workers" || return 1 ;;
  esac
  wait_for_port "$name" || return 1
  PIDS[$name]=${STARTED[$name]}
  case $name in
    nginx-authreq | caddy-fauth) PIDS[$name]+=" $auth" ;;
  esac
}

configure() {
  local file=$1 workers=$2 name=${1%.*}
  sed -e "s|@WORKERS@|$workers|g; s|@DIR@|$WORK|g; s|@LOGS@|$LOGS|g; s|@PORT@|${PORT[$name]}|g" \
    -e "s|@UPSTREAM@|${PORT[upstream]}|g; s|@AUTH@|${PORT[authsvc]}|g" "$BENCH/config/$file" >"$WORK/$file"
  printf %s "$WORK/$file"
}

# Further settings of the gateway, for the measurement that needs them.
GATEWAY_EXTRA=()

gateway_environment() {
  local workers=$1
  printf '%s\n' "LISTEN=127.0.0.1:${PORT[gateway]}" "OPS_LISTEN=127.0.0.1:${PORT[gateway-ops]}" RACK=bench \
    "RACK_HOST=http://$UPSTREAM" RACK_TOKEN=x "SQLITE_PATH=$WORK/gateway.db" RATE_LIMIT_PER_MINUTE=1000000000 \
    MAX_CONNECTIONS=20000 "WORKER_THREADS=$workers" "${GATEWAY_EXTRA[@]}"
}

# Each start has an empty database, with users and tokens made through the gateway's own commands.
start_gateway() {
  local cpu=$1 workers=$2 environment
  rm -f "$WORK"/gateway.db*
  mapfile -t environment < <(gateway_environment "$workers")
  gateway() { (cd "$WORK" && env "${environment[@]}" $GATEWAY_CMD "$@"); }
  gateway migrate >>"$LOGS/gateway.err" 2>&1 || { say "\`migrate\` failed, see $LOGS/gateway.err" && return 1; }
  make_tokens viewer "$TOKENS_USED" && make_tokens deployer 4 || return 1
  # shellcheck disable=SC2086 # the command may carry arguments
  launch gateway "$cpu" env -C "$WORK" "${environment[@]}" $GATEWAY_CMD serve
}

# make_tokens ROLE COUNT → $WORK/gateway-ROLE.headers, as the stock convox command would send them.
make_tokens() {
  local role=$1 count=$2 number user token file=$WORK/gateway-$1.headers
  : >"$file"
  for ((number = 1; number <= count; number++)); do
    user=bench-$role-$number@example.com
    gateway users add "$user" --role "$role" >>"$LOGS/gateway.err" 2>&1 &&
      token=$(gateway tokens create --user "$user" --name "bench-$role-$number" --role "$role" -o json 2>>"$LOGS/gateway.err" |
        sed -n '0,/"token"/s/.*"token": *"\([^"]*\)".*/\1/p' | head -n 1) && [[ -n $token ]] ||
      { say "no $role token from \`tokens create\`, see $LOGS/gateway.err" && return 1; }
    printf 'Basic %s\n' "$(printf 'convox:%s' "$token" | base64 -w0)" >>"$file"
  done
}

# A target that let strangers in, or sent something else than the rack's page, would be measured for nothing.
answers_rightly() {
  local name=$1 base=http://127.0.0.1:${PORT[$1]}$(prefix "$1") token
  token=$(head -1 "$(viewers "$name")")
  expect "$name" "200 1024" "$base/apps" -H "Authorization: $token" || return 1
  [[ $name == nginx-plain ]] && return 0
  expect "$name" "401 *" "$base/apps" -H "Authorization: Bearer nobody" &&
    expect "$name" "403 *" -X DELETE "$base/apps/web" -H "Authorization: $token"
}

# Where a target writes its line for each request.
record_file() {
  case $1 in
    gateway | haproxy-*) printf %s "$LOGS/$1.out" ;;
    *) printf %s "$LOGS/$1.access" ;;
  esac
}

# The requests that were just sent must be on record (nginx writes once a second), or its price would be missing.
keeps_records() {
  [[ $1 != nginx-plain ]] || return 0
  local file line='^{.*/apps.*}$'
  file=$(record_file "$1")
  [[ $1 != gateway ]] || line='^{.*"user_email".*}$'
  for _ in {1..30}; do
    if grep -q "$line" "$file" 2>/dev/null; then return 0; fi
    sleep 0.1
  done
  say "$1 wrote no JSON line for a request into $file"
  return 1
}

expect() {
  local name=$1 wanted=$2 got
  shift 2
  got=$(curl -s -m 5 -o /dev/null -w '%{http_code} %{size_download}' "$@" || true)
  # shellcheck disable=SC2053 # a pattern on purpose
  [[ $got == $wanted ]] || { say "$name: wanted status and size $wanted, got $got, for: ${*%%Authorization: *}" && return 1; }
}

stop_all() {
  local name pid
  for name in "${!STARTED[@]}"; do
    kill -TERM "${STARTED[$name]}" 2>/dev/null || true
  done
  for name in "${!STARTED[@]}"; do
    pid=${STARTED[$name]}
    for _ in {1..50}; do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    if kill -0 "$pid" 2>/dev/null; then
      pkill -KILL -P "$pid" || true
      kill -KILL "$pid" || true
    fi
    wait "$pid" 2>/dev/null || true
  done
  STARTED=() PIDS=() RUNNING=()
}
