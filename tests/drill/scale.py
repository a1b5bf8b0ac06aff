"""The shipped rules and routes, with an hour as long as a minute.

Every length of time in them is divided by FACTOR: windows, `for:`, offsets, scrape and evaluation intervals, waits of
Alertmanager. Thresholds stay as they are. What is divided is written down nowhere else.
"""

import pathlib
import re

FACTOR = 60
ROOT = pathlib.Path(__file__).resolve().parents[2]
ALERTS = ROOT / "alerts"
UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
TIME = r"(\d+)(ms|[smhdw])"
RULES = ["rack-gateway.rules.yml", "rack-gateway-slo.rules.yml"]


def shorter(number, unit):
    return f"{max(1, round(int(number) * UNITS[unit] / FACTOR))}ms"


def scaled_times(text, before, after):
    """Divides the times that stand between `before` and `after`."""
    return re.sub(f"({before}){TIME}(?={after})", lambda found: found[1] + shorter(found[2], found[3]), text)


def rules(text):
    text = scaled_times(text, r"\[", r"[\]:]")
    text = scaled_times(text, r"\[\d+ms:", r"\]")
    text = scaled_times(text, r"offset ", r"\b")
    return scaled_times(text, r"\n *for: ", r"\n")


def names():
    """Every alert that is shipped."""
    texts = [(ALERTS / name).read_text() for name in RULES]
    return {name for text in texts for name in re.findall(r"- alert: (\w+)", text)}


def write_prometheus(directory, alertmanager, targets):
    """prometheus.yml and the rules; the job is the shipped one's."""
    for name in RULES:
        (directory / name).write_text(rules((ALERTS / name).read_text()))
    shipped = (ALERTS / "prometheus.yml").read_text()
    interval = re.search(rf"\n  scrape_interval: {TIME}\n", shipped)
    evaluation = re.search(rf"\n  evaluation_interval: {TIME}\n", shipped)
    text = f"""global:
  scrape_interval: {shorter(*interval.groups())}
  evaluation_interval: {shorter(*evaluation.groups())}
  scrape_timeout: {shorter(*interval.groups())}
rule_files: [{", ".join(RULES)}]
alerting:
  alertmanagers:
    - static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]
scrape_configs:
  - job_name: 'rack-gateway'
    static_configs: [{{targets: [{", ".join(f"'{target}'" for target in targets)}]}}]
"""
    path = directory / "prometheus.yml"
    path.write_text(text)
    return path


def write_alertmanager(directory, webhook):
    """The shipped routes and inhibitions; every receiver tells our webhook its own name."""
    shipped = (ALERTS / "alertmanager.yml").read_text()
    route = shipped[shipped.index("\nroute:\n") : shipped.index("\nreceivers:\n")]
    inhibit = shipped[shipped.index("\ninhibit_rules:\n") :]
    route = scaled_times(route, r"(?:group_wait|group_interval|repeat_interval): ", r"\n")
    receivers = re.findall(r"\n  - name: ([\w-]+)\n", shipped)
    told = "".join(
        f"  - name: {name}\n    webhook_configs:\n      - url: http://127.0.0.1:{webhook}/{name}\n" for name in receivers
    )
    path = directory / "alertmanager.yml"
    path.write_text(f"{route.strip()}\n\nreceivers:\n{told}{inhibit}")
    return path
