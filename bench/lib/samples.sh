# One sample of one load on one target. The load clients run on CPU 1 when the target is pinned to CPU 0.

# watched LOAD WHO REP CPU COMMAND…: runs the load client and adds its sample, with the target's CPU time and memory.
watched() {
  local load=$1 who=$2 rep=$3 cpu=$4 pid pids=()
  shift 4
  for pid in ${PIDS[$who]:-}; do
    pids+=(--pid "$pid")
  done
  local watch=("$TOOLS/watch" --load "$load" --who "$who" --rep "$rep" --out "$RESULTS/samples.jsonl" "${pids[@]}" -- "$@")
  [[ $cpu == - ]] || watch=(taskset -c "$cpu" "${watch[@]}")
  "${watch[@]}" || leave_out "$who on $load, repeat $rep: the sample failed"
  forget_logs
}

# Access logs would fill the disk; what counts is that they were written.
forget_logs() {
  local name file
  for name in "${RUNNING[@]}"; do
    file=$(record_file "$name")
    [[ ! -f $file ]] || truncate -s 0 "$file"
  done
}

address() { printf '127.0.0.1:%s' "${PORT[$1]}"; }

wrk_command() {
  local who=$1 connections=$2 seconds=$3
  WRK=(wrk -t1 "-c$connections" "-d${seconds}s" --timeout 10s --latency -s "$BENCH/config/get.lua"
    "http://$(address "$who")$(prefix "$who")/apps" -- "$(viewers "$who")")
}

# saturate LOAD CONNECTIONS CPU: alternating repeats over RUNNING, every second one in the other order.
saturate() {
  local load=$1 connections=$2 cpu=$3 rep who WRK
  say "$load: ${RUNNING[*]}"
  for who in "${RUNNING[@]}"; do
    wrk_command "$who" "$connections" 1
    "${WRK[@]}" >/dev/null
  done
  for ((rep = 1; rep <= REPEATS; rep++)); do
    for who in $(in_turn "$rep"); do
      wrk_command "$who" "$connections" "$SECONDS_EACH"
      watched "$load" "$who" "$rep" "$cpu" "${WRK[@]}"
    done
  done
}

in_turn() {
  if (($1 % 2)); then
    printf '%s\n' "${RUNNING[@]}"
  else
    printf '%s\n' "${RUNNING[@]}" | tac
  fi
}

# fixed_rate LOAD WHO REP HEADERS METHOD PATH BODY: 2,000 requests a second, open loop.
fixed_rate() {
  local load=$1 who=$2 rep=$3 headers=$4 method=$5 path=$6 body=$7
  watched "$load" "$who" "$rep" - "$TOOLS/load" rate --address "$(address "$who")" --path "$(prefix "$who")$path" \
    --method "$method" --body "$body" --headers "$headers" --rate 2000 --connections 32 --seconds $((SECONDS_EACH + 3))
}

# idle LOAD WHO KIND PATH CONNECTIONS
idle() {
  local load=$1 who=$2 kind=$3 path=$4 connections=$5 pid pids=()
  # The auth service holds no client's connection, so only the proxy's own memory counts.
  for pid in ${STARTED[$who]}; do
    pids+=(--pid "$pid")
  done
  watched "$load" "$who" 1 - "$TOOLS/load" idle --kind "$kind" --address "$(address "$who")" \
    --path "$(prefix "$who")$path" --headers "$(viewers "$who")" --connections "$connections" "${pids[@]}"
}

# download LOAD WHO REP BYTES and upload LOAD WHO REP FILE: one stream through curl.
download() {
  local load=$1 who=$2 rep=$3 bytes=$4
  stream "$load" "$who" "$rep" speed_download -H "Authorization: $(head -1 "$(writers "$who")")" \
    "http://$(address "$who")$(prefix "$who")/apps/web/builds/B$bytes.tgz"
}

upload() {
  local load=$1 who=$2 rep=$3 file=$4
  stream "$load" "$who" "$rep" speed_upload -X POST -T "$file" -H 'Expect:' -H 'Content-Type: application/octet-stream' \
    -H "Authorization: $(head -1 "$(writers "$who")")" \
    "http://$(address "$who")$(prefix "$who")/apps/web/objects/tmp/0123456789abcdef0123456789abcd.tgz"
}

stream() {
  local load=$1 who=$2 rep=$3 speed=$4
  shift 4
  watched "$load" "$who" "$rep" - "$BENCH/lib/curl-stream" "$speed" "$@"
}

# layer LOAD WHO REP up|down DIGEST FILE: one layer, with the credential that the target asks for.
layer() {
  local load=$1 who=$2 rep=$3 direction=$4 digest=$5 file=$6 authorization=
  [[ $who != gateway ]] || authorization=$(head -1 "$(writers gateway)")
  watched "$load" "$who" "$rep" - "$BENCH/lib/layer" "$direction" "http://$(address "$who")" "bench/$who" "$digest" "$file" \
    "$authorization"
}
