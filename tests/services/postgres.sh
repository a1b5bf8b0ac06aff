# shellcheck shell=bash
# A PostgreSQL cluster of our own, for one run: in a directory that goes away, on a loopback port, with a password that
# nobody else knows. The cluster that Debian's package starts by itself is never touched.

PG_BIN='' PG_DATA='' PG_STARTED=no

# find_postgres: sets PG_BIN to the newest version's programs.
find_postgres() {
  local initdb
  initdb=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb /usr/local/pgsql/bin/initdb /opt/homebrew/opt/postgresql*/bin/initdb |
    sort -V | while read -r path; do if [ -x "$path" ]; then echo "$path"; fi; done | tail -n 1)
  [ -n "$initdb" ] || initdb=$(command -v initdb || true)
  [ -n "$initdb" ] || return 1
  PG_BIN=$(dirname "$initdb")
}

need_postgres() {
  find_postgres && return
  local package=postgresql
  if have apt-cache && { ! is_root || apt-get update -qq; } && apt-cache show postgresql-15 >/dev/null 2>&1; then
    package=postgresql-15
  fi
  apt_install "PostgreSQL is missing; tests/run --quick does without" "$package"
  find_postgres || fail "PostgreSQL was installed, but its initdb is nowhere to be found"
}

# as_postgres COMMAND…: PostgreSQL refuses to run as root.
as_postgres() {
  if is_root; then runuser -u postgres -- "$@"; else "$@"; fi
}

# start_postgres DIRECTORY: exports TEST_POSTGRES_URL. DIRECTORY must be one that the user postgres can enter.
start_postgres() {
  local home=$1/postgres password port attempt
  need_postgres
  mkdir -m 700 "$home"
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '%s' "$password" >"$home/password"
  if is_root; then chown -R postgres "$home"; fi
  PG_DATA=$home/data
  as_postgres "$PG_BIN/initdb" -D "$PG_DATA" -U postgres -A scram-sha-256 --pwfile="$home/password" \
    -E UTF8 --locale=C.UTF-8 >"$1/postgres.log" 2>&1 || { cat "$1/postgres.log" >&2 && fail "initdb failed"; }
  for attempt in 1 2 3 4 5; do
    port=$(free_port)
    # fsync stays on: the tests are about what survives.
    if as_postgres "$PG_BIN/pg_ctl" -D "$PG_DATA" -w -t 30 -l "$home/server.log" -o \
      "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories='' -c max_connections=200 -c fsync=on" \
      start >>"$1/postgres.log" 2>&1; then
      PG_STARTED=yes
      export TEST_POSTGRES_URL="postgres://postgres:$password@127.0.0.1:$port/postgres"
      say "PostgreSQL $("$PG_BIN/postgres" --version | awk '{print $3}') on 127.0.0.1:$port"
      return
    fi
    say "PostgreSQL did not start on port $port (attempt $attempt)"
  done
  cat "$home/server.log" >&2 || true
  fail "PostgreSQL does not start"
}

stop_postgres() {
  [ "$PG_STARTED" = yes ] || return 0
  PG_STARTED=no
  as_postgres "$PG_BIN/pg_ctl" -D "$PG_DATA" -m immediate -t 20 stop >/dev/null 2>&1 || true
}
