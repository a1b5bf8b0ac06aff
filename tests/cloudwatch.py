#!/usr/bin/env python3
"""Standard output of a busy gateway, read as a log agent reads it.

Runs the demo, lets many clients loose on it, and looks at every line of its standard output: one JSON object with the
thirteen published keys first. Then takes the lines to CloudWatch (moto, at TEST_S3_ENDPOINT) as the awslogs driver does,
and reads them back as `aws logs tail /ecs/rack-gateway` does.

usage: tests/cloudwatch.py PROGRAM        (in a Python environment that has boto3)
"""

import concurrent.futures
import datetime
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

KEYS = [
    "ts", "user_email", "action_type", "action", "resource", "resource_type", "status", "rbac_decision", "http_status",
    "latency_ms", "ip_address", "user_agent", "event_count",
]  # fmt: skip
GROUP, STREAM = "/ecs/rack-gateway", "gateway/rack-gateway/1"
CLIENTS, CALLS = 8, 60


def check(condition, what):
    if not condition:
        raise SystemExit(f"tests/cloudwatch.py: {what}")


def call(url, token, method, path, agent):
    request = urllib.request.Request(f"{url}{path}", method=method, data=b"" if method == "POST" else None)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    request.add_header("User-Agent", agent)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        error.read()


def work(demo, number):
    roles = ["viewer", "ops", "deployer", "admin"]
    calls = [
        ("GET", "/api/v1/rack-proxy/apps"),
        ("POST", "/api/v1/rack-proxy/apps/web/restart"),
        ("GET", "/api/v1/rack-proxy/nonsense"),
        ("GET", "/api/v1/audit-logs?limit=2"),
        ("GET", "/api/v1/me"),
    ]
    for turn in range(CALLS):
        method, path = calls[turn % len(calls)]
        token = None if turn % 11 == 0 else demo["tokens"][roles[(turn + number) % len(roles)]]
        # What clients choose must not break a line.
        call(demo["url"], token, method, path, f'client-{number} "quoted" \\ {{"x":1}}')


def busy_run(program, directory):
    out = directory / "stdout.log"
    env = {**os.environ, "RATE_LIMIT_PER_MINUTE": "1000000"}
    command = [program, "demo", "--data", directory / "data", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]
    with open(out, "wb") as stdout, open(directory / "stderr.log", "wb") as stderr:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
    told = directory / "data" / "demo.json"
    end = time.monotonic() + 30
    while not told.exists():
        check(process.poll() is None and time.monotonic() < end, f"the demo does not start; see {directory}")
        time.sleep(0.05)
    demo = json.loads(told.read_text())
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda number: work(demo, number), range(CLIENTS)))
    process.send_signal(signal.SIGTERM)
    check(process.wait(60) == 0, "the demo did not end well")
    return out.read_bytes()


def lines_of(output):
    check(output.endswith(b"\n"), "the last line has no end")
    lines = output.decode("utf-8").split("\n")[:-1]
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError as error:
            raise SystemExit(f"tests/cloudwatch.py: not one JSON object: {line!r}: {error}") from error
        check(isinstance(record, dict), f"not an object: {line!r}")
        check(list(record)[: len(KEYS)] == KEYS, f"the thirteen keys are not first: {line!r}")
        for name, kind in (("http_status", int), ("latency_ms", int), ("event_count", int), ("user_email", str)):
            check(isinstance(record[name], kind), f"{name} is not {kind.__name__}: {line!r}")
    return lines


def through_cloudwatch(lines):
    import boto3

    options = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    logs = boto3.client("logs", endpoint_url=os.environ["TEST_S3_ENDPOINT"], **options)
    try:
        logs.create_log_group(logGroupName=GROUP)
    except logs.exceptions.ResourceAlreadyExistsException:
        pass
    stream = f"{STREAM}-{os.getpid()}"
    logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)

    def moment(line):
        at = datetime.datetime.fromisoformat(json.loads(line)["ts"].replace("Z", "+00:00"))
        return int(at.timestamp() * 1000)

    # A line is written when its request ends and tells when it began; CloudWatch wants a batch in order of time.
    events = sorted(({"timestamp": moment(line), "message": line} for line in lines), key=lambda event: event["timestamp"])
    for start in range(0, len(events), 200):
        logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events[start : start + 200])
    found = []
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, logStreamNames=[stream]):
        found += [event["message"] for event in page["events"]]
    check(sorted(found) == sorted(lines), f"{len(lines)} lines were put, {len(found)} came back")
    denied = [line for line in found if json.loads(line)["rbac_decision"] == "deny"]
    check(denied, "no denial is among them")
    return len(denied)


def main():
    check(len(sys.argv) == 2, __doc__)
    with tempfile.TemporaryDirectory(prefix="rack-gateway-lines.") as directory:
        lines = lines_of(busy_run(sys.argv[1], pathlib.Path(directory)))
    check(len(lines) >= CLIENTS * CALLS, f"{CLIENTS * CALLS} calls left only {len(lines)} lines")
    said = f"{len(lines)} lines, each one JSON object with the {len(KEYS)} keys first"
    if os.environ.get("TEST_S3_ENDPOINT"):
        said += f"; CloudWatch shows them all, {through_cloudwatch(lines)} of them denials"
    print(said)


if __name__ == "__main__":
    main()
