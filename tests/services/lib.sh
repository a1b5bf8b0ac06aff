# shellcheck shell=bash
# What the scripts that start services share. Sourced; expects `set -euo pipefail`.

say() { printf '%s\n' "$*"; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

is_root() { [ "$(id -u)" = 0 ]; }

# accepts PORT: whether somebody listens on the loopback address.
accepts() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port: one that nobody listens on now, below the range that the kernel gives to clients. Somebody else may take
# it before it is used, so whoever starts a service on it must be ready to try again.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    accepts "$port" || break
  done
  echo "$port"
}

# apt_install WHY PACKAGE…: installs what is missing, and says so.
apt_install() {
  local why=$1
  shift
  if ! is_root || ! have apt-get; then fail "$why: install $* and run this again"; fi
  say "installing with apt ($why): $*"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# stop_process PID: asks, waits up to ten seconds, then insists.
stop_process() {
  local pid=$1 _
  kill "$pid" 2>/dev/null || return 0
  for _ in {1..100}; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}
