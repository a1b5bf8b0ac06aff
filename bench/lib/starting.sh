# How long a start takes: from the process until it says that it is ready, with a migrated database. A fact in the
# head of the report, not a row: peers keep no records and have nothing to be ready for.

STARTS=10

measure_start() {
  [[ -z $ONLY && $WITH_GATEWAY == yes ]] || return 0
  local environment turn began times=()
  rm -f "$WORK"/gateway.db*
  mapfile -t environment < <(gateway_environment 2)
  # shellcheck disable=SC2086 # the command may carry arguments
  env -C "$WORK" "${environment[@]}" $GATEWAY_CMD migrate >>"$LOGS/gateway.err" 2>&1 || return 0
  for ((turn = 0; turn < STARTS; turn++)); do
    began=${EPOCHREALTIME/./}
    # shellcheck disable=SC2086
    launch gateway - env -C "$WORK" "${environment[@]}" $GATEWAY_CMD serve
    until is_ready "${PORT[gateway-ops]}"; do
      kill -0 "${STARTED[gateway]}" 2>/dev/null && ((${EPOCHREALTIME/./} - began < 30000000)) || return 0
      sleep 0.002
    done
    times+=($(((${EPOCHREALTIME/./} - began) / 1000)))
    kill "${STARTED[gateway]}" && wait "${STARTED[gateway]}" || true
    unset "STARTED[gateway]"
  done
  mapfile -t times < <(printf '%s\n' "${times[@]}" | sort -n)
  fact "start to ready, migrated database: ${times[STARTS / 2]} ms, ${times[0]}–${times[-1]} of $STARTS starts"
  say "start to ready: ${times[STARTS / 2]} ms (${times[0]}–${times[-1]})"
}

# is_ready PORT: whether /readyz there answers 200.
is_ready() {
  local answer
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || return 1
  exec 3<>"/dev/tcp/127.0.0.1/$1"
  printf 'GET /readyz HTTP/1.0\r\nHost: a\r\n\r\n' >&3
  read -r answer <&3 || true
  exec 3>&-
  [[ $answer == "HTTP/1."*" 200 "* ]]
}
