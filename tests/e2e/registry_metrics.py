#!/usr/bin/env python3
"""A real Prometheus scrapes a running demo while images are pushed and pulled; then every query of the registry's
dashboard must return data, and the heatmaps counts above zero.

    registry_metrics.py demo.json

Needs `prometheus` and Python, nothing else. Takes about ten seconds.
"""

import base64
import hashlib
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

DASHBOARD = pathlib.Path(__file__).resolve().parents[2] / "alerts/dashboards/rack-gateway-registry.json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PATIENCE = 45


def fail(why):
    raise SystemExit(f"FAIL registry metrics: {why}")


class Gateway:
    """Pushes and pulls small images by hand."""

    def __init__(self, demo):
        self.host = urllib.parse.urlsplit(demo["url"]).netloc
        self.basic = "Basic " + base64.b64encode(f"any:{demo['tokens']['deployer']}".encode()).decode()

    def ask(self, method, path, body=None, headers=None, wanted=(200,)):
        connection = http.client.HTTPConnection(self.host, timeout=20)
        connection.request(method, path, body, {"Authorization": self.basic, **(headers or {})})
        answer = connection.getresponse()
        data = answer.read()
        if answer.status not in wanted:
            fail(f"{method} {path} was answered {answer.status}: {data[:300]}")
        return answer, data

    def push_blob(self, repository, data):
        answer, _ = self.ask("POST", f"/v2/{repository}/blobs/uploads/", wanted=(202,))
        place = answer.headers["Location"]
        place = urllib.parse.urlsplit(place)._replace(scheme="", netloc="").geturl()
        self.ask("PATCH", place, data, {"Content-Type": "application/octet-stream"}, wanted=(202,))
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        mark = "&" if "?" in place else "?"
        self.ask("PUT", f"{place}{mark}digest={urllib.parse.quote(digest)}", wanted=(201,))
        return {"digest": digest, "size": len(data)}

    def push(self, repository, number):
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", **self.push_blob(repository, b"{}")}
        layer = os.urandom(200_000)
        layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", **self.push_blob(repository, layer)}
        document = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]})
        self.ask("PUT", f"/v2/{repository}/manifests/v{number}", document, {"Content-Type": MANIFEST}, (201,))
        return layer["digest"]

    def pull(self, repository, number, layer):
        self.ask("GET", f"/v2/{repository}/manifests/v{number}", headers={"Accept": MANIFEST})
        self.ask("GET", f"/v2/{repository}/blobs/{layer}")


class Prometheus:
    def __init__(self, target, directory):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        config = pathlib.Path(directory, "prometheus.yml")
        job = {"job_name": "rack-gateway", "static_configs": [{"targets": [target]}]}
        # JSON is YAML.
        config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}))
        command = [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={directory}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]
        self.log = open(pathlib.Path(directory, "log"), "w+")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)

    def query(self, expression):
        """The values, or None when it cannot be asked yet."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                document = json.load(answer)
        except urllib.error.HTTPError as error:
            fail(f"Prometheus refuses {expression}: {error.read()[:300]}")
        except OSError:
            if self.process.poll() is not None:
                self.log.seek(0)
                fail(f"Prometheus ended: {self.log.read()[-500:]}")
            return None
        return [float(row["value"][1]) for row in document["data"]["result"]]

    def stop(self):
        self.process.terminate()
        self.process.wait()


def queries():
    """(title, is a heatmap, expression) of each panel."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], panel["type"] == "heatmap", target["expr"]


def main():
    demo = json.loads(pathlib.Path(sys.argv[1]).read_text())
    gateway, target = Gateway(demo), urllib.parse.urlsplit(demo["ops_url"]).netloc
    # A directory in memory or not; there are some hundred samples.
    with tempfile.TemporaryDirectory() as directory:
        prometheus = Prometheus(target, directory)
        try:
            measure(gateway, prometheus)
        finally:
            prometheus.stop()


def measure(gateway, prometheus):
    wanted = list(queries())
    if sum(heatmap for _, heatmap, _ in wanted) < 2:
        fail("the dashboard has lost its heatmaps")
    begin, number = time.monotonic(), 0
    missing = wanted
    # A rate needs two samples of a series, and its first increase between them.
    while missing:
        if time.monotonic() - begin > PATIENCE:
            fail("no data for: " + "; ".join(f"{title}: {expression}" for title, _, expression in missing))
        number += 1
        repository = f"metrics-{number % 3}/app"
        gateway.pull(repository, number, gateway.push(repository, number))
        time.sleep(0.5)
        missing = [one for one in missing if not has_data(prometheus, one)]
    print(f"ok registry metrics: {len(wanted)} queries have data, after {number} pushes and {time.monotonic() - begin:.0f} s")


def has_data(prometheus, query):
    _, heatmap, expression = query
    values = prometheus.query(expression)
    if not values or any(value != value for value in values):
        return False
    return max(values) > 0 if heatmap else True


if __name__ == "__main__":
    main()
