#!/usr/bin/env bash
# No second TLS stack: cryptography comes from aws-lc through rustls, and from nowhere else. Looks at what is really
# compiled (normal, build and dev dependencies, with every feature) for the platforms that are supported, not at what Cargo.lock mentions:
# an optional dependency that nobody turned on stands there too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

BANNED=(openssl openssl-sys native-tls ring)
TARGETS=(x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu)

status=0
for target in "${TARGETS[@]}"; do
  graph=$(cargo tree --locked --all-features --target "$target" --edges normal,build,dev --prefix none --format '{p}' | awk '{print $1}' | sort -u)
  if ! grep -qx rustls <<<"$graph"; then
    echo "error: the dependencies for $target could not be read: rustls is not among them" >&2
    exit 1
  fi
  for crate in "${BANNED[@]}"; do
    if grep -qx -- "$crate" <<<"$graph"; then
      echo "error: $crate is compiled for $target; here is who wants it:" >&2
      cargo tree --locked --all-features --target "$target" --edges normal,build,dev --invert "$crate" >&2 || true
      status=1
    fi
  done
done
[ "$status" = 0 ] && echo "supply chain: none of ${BANNED[*]} is compiled"
exit "$status"
