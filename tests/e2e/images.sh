#!/usr/bin/env bash
# Podman and Buildah against a running demo: login, build, push, pull, and a viewer who is told why not. Their storage
# is a directory that goes away. A client that is not installed is named and left out.
#
#   images.sh demo.json
set -euo pipefail

DEMO_JSON=${1:?usage: images.sh demo.json}
TMP=$(mktemp -d /var/tmp/rack-gateway-images.XXXXXX)
setting() { tr -d '\n' <"$DEMO_JSON" | grep -o "\"$1\"[[:space:]]*:[[:space:]]*\"[^\"]*\"" | head -n 1 | sed 's/.*"\([^"]*\)"$/\1/'; }
URL=$(setting url)
REGISTRY=${URL#http://}
DEPLOYER=$(setting deployer) VIEWER=$(setting viewer)

# client NAME ARGUMENT…: with nothing of this machine's own settings and images.
client() {
  local name=$1
  shift
  env -i PATH="$PATH" HOME="$TMP" TMPDIR="$TMP" REGISTRY_AUTH_FILE="$TMP/$name.json" BUILDAH_ISOLATION=chroot \
    CONTAINERS_REGISTRIES_CONF="$TMP/registries.conf" CONTAINERS_CONF="$TMP/containers.conf" \
    timeout 180 "$name" --root "$TMP/$name" --runroot "$TMP/$name-run" --storage-driver vfs "$@"
}

# refuses TEXT COMMAND…: it fails, and says so.
refuses() {
  local text=$1
  shift
  if "$@" >"$TMP/said" 2>&1; then
    echo "FAIL: it was not refused: $*"
    exit 1
  fi
  grep -qF -- "$text" "$TMP/said" || { echo "FAIL: no \"$text\" in:" && cat "$TMP/said" && exit 1; }
}

# Containers and mounts are undone by those who made them.
clean_up() {
  local name
  for name in podman buildah; do
    if command -v "$name" >/dev/null; then client "$name" rm --all >/dev/null 2>&1 || true; fi
  done
  chmod -R u+w "$TMP" 2>/dev/null || true
  rm -rf "$TMP"
}
trap clean_up EXIT

: >"$TMP/registries.conf"
: >"$TMP/containers.conf"
mkdir -p "$TMP/.config/containers"
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$TMP/.config/containers/policy.json"
head -c 300000 /dev/urandom >"$TMP/layer"

suite() {
  local name=$1 image=$REGISTRY/team/$1:v1 container
  refuses "invalid username/password" client "$name" login --tls-verify=false -u any -p rgw_wrong "$REGISTRY"
  client "$name" login --tls-verify=false -u any -p "$DEPLOYER" "$REGISTRY" >/dev/null
  if [ "$name" = buildah ]; then
    container=$(client buildah from scratch)
    client buildah copy "$container" "$TMP/layer" /layer >/dev/null
    client buildah commit --quiet "$container" "$image" >/dev/null
  else
    tar -C "$TMP" -cf "$TMP/layer.tar" layer
    client podman import --quiet "$TMP/layer.tar" "$image" >/dev/null
  fi
  client "$name" push --quiet --tls-verify=false "$image"
  client "$name" rmi --force "$image" >/dev/null
  client "$name" pull --quiet --tls-verify=false "$image" >/dev/null
  client "$name" logout "$REGISTRY" >/dev/null
  client "$name" login --tls-verify=false -u any -p "$VIEWER" "$REGISTRY" >/dev/null
  client "$name" pull --quiet --tls-verify=false "$image" >/dev/null
  refuses "may not push images on team/$name: the permission registry:repo:push is missing" \
    client "$name" push --tls-verify=false "$image"
  client "$name" logout "$REGISTRY" >/dev/null
}

# Nobody who is not known gets in.
strangers() {
  local name=$1 image=$REGISTRY/team/$1:v1
  client "$name" rmi --force "$image" >/dev/null
  if client "$name" pull --quiet --tls-verify=false "$image" >"$TMP/said" 2>&1; then
    echo "FAIL: $name pulled without a login"
    exit 1
  fi
  grep -qiE 'unauthorized|authentication required' "$TMP/said" || { cat "$TMP/said" && exit 1; }
}

for name in podman buildah; do
  if ! command -v "$name" >/dev/null; then
    echo "skipped: $name, because it is not installed"
    continue
  fi
  began=$SECONDS
  suite "$name"
  strangers "$name"
  echo "ok $name: login, push, pull, refusals ($((SECONDS - began)) s)"
done
