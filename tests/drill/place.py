"""One gateway (or two) with everything that watches it. Each fault gets a place of its own, so that no alert of one is
taken for that of another."""

import http.client
import json
import os
import pathlib
import signal
import ssl
import subprocess
import threading
import time

from parts import Rack, Receiver, accepts, free_port, until
from scale import write_alertmanager, write_prometheus

# Each makes less than one request a second, so that none is remarkable by itself.
CALLERS = 20
PAUSE = 1.5


class Place:
    def __init__(self, program, directory, postgres, replicas=1, variables=None, tls=None):
        self.program, self.directory, self.postgres = program, directory, postgres
        directory.mkdir(parents=True, exist_ok=True)
        self.rack, self.receiver = Rack(), Receiver()
        self.database = postgres.database()
        self.tls = tls
        self.logs, self.processes = [], []
        self.stopping = threading.Event()
        self.env = {
            "PATH": os.environ.get("PATH", ""),
            "DATABASE_URL": postgres.url(self.database),
            "RACK": "drill",
            "RACK_HOST": f"http://127.0.0.1:{self.rack.port}",
            "RACK_TOKEN": "drill",
            "APP_SECRET_KEY": "drill-drill-drill-drill-drill-32",
            "RATE_LIMIT_PER_MINUTE": "1000000000",
            "RELOAD_INTERVAL": "1s",
            **(variables or {}),
        }
        try:
            self.begin(replicas)
        except BaseException:
            self.close()
            raise

    def begin(self, replicas):
        self.command("migrate")
        self.command("users", "add", "drill@example.com", "--role", "deployer")
        self.tokens = [self.token(f"caller-{number}") for number in range(CALLERS)]
        self.gateways = [self.gateway(number) for number in range(replicas)]
        alertmanager, prometheus = free_port(), free_port()
        config = write_prometheus(self.directory, alertmanager, [f"127.0.0.1:{ops}" for _, ops, _ in self.gateways])
        self.process(
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={self.directory / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{prometheus}",
            "--query.lookback-delta=5s",
            "--rules.alert.resend-delay=1s",
        )
        # Prometheus looks at its targets after five seconds, however fast its clock: nobody should hear of that.
        until("Prometheus scrapes", lambda: self.is_up(prometheus))
        config = write_alertmanager(self.directory, self.receiver.port)
        self.process(
            "prometheus-alertmanager",
            f"--config.file={config}",
            f"--storage.path={self.directory / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{alertmanager}",
            "--cluster.listen-address=",
        )
        until("Alertmanager listens", lambda: accepts(alertmanager))
        for token in self.tokens:
            threading.Thread(target=self.call_on, args=(token,), daemon=True).start()

    def is_up(self, prometheus):
        connection = http.client.HTTPConnection("127.0.0.1", prometheus, timeout=5)
        try:
            connection.request("GET", "/api/v1/query?query=up")
            return len(json.loads(connection.getresponse().read())["data"]["result"]) == len(self.gateways)
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return False
        finally:
            connection.close()

    def command(self, *arguments):
        done = subprocess.run([self.program, *arguments], env=self.env, capture_output=True, text=True, cwd=self.directory)
        if done.returncode != 0:
            raise RuntimeError(f"rack-gateway {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def token(self, name):
        printed = self.command(
            "tokens", "create", "--user", "drill@example.com", "--name", name, "--role", "deployer", "-o", "json"
        )
        return json.loads(printed)["token"]

    def gateway(self, number):
        port, ops = free_port(), free_port()
        env = {**self.env, "LISTEN": f"127.0.0.1:{port}", "OPS_LISTEN": f"127.0.0.1:{ops}"}
        process = self.process(self.program, "serve", env=env, name=f"gateway-{number}")
        until("the gateway listens", lambda: accepts(port) and accepts(ops))
        return port, ops, process

    def process(self, *command, env=None, name=None):
        log = open(self.directory / f"{name or pathlib.Path(command[0]).name}.log", "wb")
        self.logs.append(log)
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory)
        self.processes.append(process)
        return process

    def connection(self, seconds=20):
        port = self.gateways[0][0]
        if self.tls is None:
            return http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
        trusting = ssl._create_unverified_context()
        return http.client.HTTPSConnection("127.0.0.1", port, timeout=seconds, context=trusting)

    def call(self, token, path="/api/v1/rack-proxy/apps", connection=None):
        """The status, or 0 when there was no answer."""
        connection = connection or self.connection()
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def call_on(self, token):
        while not self.stopping.is_set():
            self.call(token)
            self.stopping.wait(PAUSE)

    def repeat(self, work, every):
        """Does `work` again and again until the place is closed."""

        def go():
            while not self.stopping.is_set():
                work()
                self.stopping.wait(every)

        threading.Thread(target=go, daemon=True).start()

    def close(self):
        self.stopping.set()
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 5
        for process in self.processes:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.rack.close()
        self.receiver.close()
        for log in self.logs:
            log.close()
