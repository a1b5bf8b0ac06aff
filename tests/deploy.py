"""Checks the deployment files against Kubernetes' schemas and against the binary; see deploy.sh."""

import copy
import json
import pathlib
import re
import subprocess
import sys

import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = sys.argv[1]
CUSTOM = {"ServiceMonitor", "PrometheusRule", "Kustomization"}
failures = []


def check(holds, sentence):
    if not holds:
        failures.append(sentence)


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def merged(base, patch):
    """A strategic merge as far as the overlays need it: lists of named things merge by name."""
    if isinstance(base, dict) and isinstance(patch, dict):
        return {key: merged(base[key], patch[key]) if key in base and key in patch else patch.get(key, base.get(key)) for key in {**base, **patch}}
    if isinstance(base, list) and isinstance(patch, list) and all(isinstance(item, dict) and "name" in item for item in base + patch):
        result = copy.deepcopy(base)
        for item in patch:
            for index, known in enumerate(result):
                if known["name"] == item["name"]:
                    result[index] = merged(known, item)
                    break
            else:
                result.append(item)
        return result
    return patch


def kinds(overlay):
    """Every object of an overlay, its patches applied."""
    directory = ROOT / "k8s" / "overlays" / overlay
    settings = documents(directory / "kustomization.yaml")[0]
    objects = []
    base = ROOT / "k8s" / "base"
    for name in documents(base / "kustomization.yaml")[0]["resources"]:
        objects += documents(base / name)
    for name in settings["resources"]:
        if not name.startswith(".."):
            objects += documents(directory / name)
    for patch in settings["patches"]:
        change = documents(directory / patch["path"])[0]
        for index, known in enumerate(objects):
            if (known["kind"], known["metadata"]["name"]) == (change["kind"], change["metadata"]["name"]):
                objects[index] = merged(known, change)
                break
        else:
            failures.append(f"{overlay}: a patch of {change['kind']} {change['metadata']['name']} meets nothing")
    return objects


variables = set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)`", (ROOT / "docs/CONFIG.md").read_text(), re.MULTILINE))
variables |= {f"{name}_FILE" for name in variables}
check(len(variables) > 40, "docs/CONFIG.md has no variables")


def known(name, where):
    check(name in variables, f"{where}: the gateway has no variable {name}")


for overlay in ("sqlite", "postgres"):
    objects = kinds(overlay)
    for thing in objects:
        if thing["kind"] not in CUSTOM:
            try:
                kubernetes_validate.validate(thing, "1.31", strict=True)
            except kubernetes_validate.ValidationError as error:
                failures.append(f"{overlay}: {thing['kind']} {thing['metadata']['name']}: {error.message}")
    deployment = next(thing for thing in objects if thing["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    check(container["livenessProbe"]["httpGet"] == {"path": "/api/v1/health/live", "port": 8443}, "liveness probe")
    check(container["readinessProbe"]["httpGet"] == {"path": "/api/v1/health", "port": 8443}, "readiness probe")
    check({port["containerPort"] for port in container["ports"]} == {8443, 5001}, "ports of the deployment")
    check(pod["terminationGracePeriodSeconds"] > 35, "a pod must live longer than its drain")
    for variable in container["env"]:
        known(variable["name"], f"k8s overlay {overlay}")
    check(deployment["spec"]["replicas"] == {"sqlite": 1, "postgres": 3}[overlay], f"replicas of {overlay}")
    selected = [thing for thing in objects if thing["kind"] == "Service"]
    names = {port["name"] for port in container["ports"]}
    for service in selected:
        for port in service["spec"]["ports"]:
            check(port["targetPort"] in names, f"service {service['metadata']['name']} leads to no port")

convox = documents(ROOT / "convox.yml")[0]
health = convox["services"]["gateway"]["health"]
check(health == {"path": "/api/v1/health", "interval": 15, "timeout": 5}, "convox.yml: health")
for entry in convox["environment"] + convox["services"]["gateway"]["environment"]:
    known(entry.split("=")[0], "convox.yml")


class Template(yaml.SafeLoader):
    """CloudFormation's short forms, read as plain values."""


Template.add_multi_constructor("!", lambda loader, suffix, node: str(node.value))
template = yaml.load((ROOT / "ecs/rack-gateway.yml").read_text(), Template)
for name, resource in template["Resources"].items():
    if resource["Type"] == "AWS::ECS::TaskDefinition":
        for container in resource["Properties"]["ContainerDefinitions"]:
            for variable in container.get("Environment", []) + container.get("Secrets", []):
                known(variable["Name"], f"ecs task {name}")
check(template["Resources"]["LogGroup"]["Properties"]["LogGroupName"] == "/ecs/rack-gateway", "ecs: log group")
json.loads(template["Resources"]["Dashboard"]["Properties"]["DashboardBody"])

compose = documents(ROOT / "compose/docker-compose.yml")[0]
for name in ("migrate", "gateway"):
    for variable in compose["services"][name]["environment"]:
        known(variable, f"compose service {name}")

for arguments in (["serve"], ["migrate"], ["health"]):
    done = subprocess.run([PROGRAM, *arguments, "--help"], capture_output=True)
    check(done.returncode == 0, f"rack-gateway {' '.join(arguments)} is no command")

for failure in failures:
    print(failure, file=sys.stderr)
print(f"deployments: {len(variables) // 2} variables known, {len(failures)} failures")
sys.exit(1 if failures else 0)
