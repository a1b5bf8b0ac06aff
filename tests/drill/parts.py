"""What stands around the gateway: a rack that can be made to misbehave, a PostgreSQL, a receiver of alerts."""

import email.utils
import http.server
import json
import os
import pathlib
import secrets
import shutil
import socket
import socketserver
import subprocess
import threading
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, condition, seconds=30.0):
    """Waits for the first true value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise RuntimeError(f"{what}: not within {seconds:.0f} s")


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
        return True
    except OSError:
        return False


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        pass


def serve(handler):
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


class Rack:
    """Answers `[]` to everything, until it is told otherwise."""

    def __init__(self):
        self.delay = 0.0
        self.failing = 0.0
        self.clock_off = 0.0
        self.count = 0
        self.open = set()
        rack = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                rack.open.add(self.connection)

            def finish(self):
                rack.open.discard(self.connection)
                super().finish()

            def do_GET(self):
                rack.answer(self)

            do_POST = do_PUT = do_DELETE = do_GET

            def log_message(self, *_):
                pass

            def date_time_string(self, timestamp=None):
                return email.utils.formatdate(time.time() + rack.clock_off, usegmt=True)

        self.server = serve(Handler)
        self.port = self.server.server_address[1]

    def answer(self, request):
        request.rfile.read(int(request.headers.get("content-length") or 0))
        time.sleep(self.delay)
        self.count += 1
        bad = self.count % 100 < self.failing * 100
        body = b'{"error":"drill"}' if bad else b"[]"
        request.send_response(500 if bad else 200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def close(self):
        """Nobody listens any more, and who was connected is cut off."""
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Receiver:
    """Alertmanager's webhook: notes which alert arrived when, and for whom."""

    def __init__(self):
        self.arrived = {}
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                text = self.rfile.read(int(self.headers["content-length"]))
                receiver.take(self.path.strip("/"), json.loads(text))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = serve(Handler)
        self.port = self.server.server_address[1]

    def take(self, receiver, message):
        for alert in message["alerts"]:
            if alert["status"] == "firing":
                with self.lock:
                    name = alert["labels"]["alertname"]
                    when, receivers, _ = self.arrived.setdefault(name, (time.monotonic(), set(), alert["labels"]))
                    receivers.add(receiver)

    def names(self):
        with self.lock:
            return set(self.arrived)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Postgres:
    """A cluster of our own, in a directory that goes away."""

    def __init__(self, directory):
        versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        if not versions:
            raise RuntimeError("PostgreSQL is missing: apt-get install postgresql")
        self.bin = versions[-1]
        self.home = directory / f"postgres-{secrets.token_hex(4)}"
        self.home.mkdir(mode=0o700)
        self.password = secrets.token_hex(16)
        secret = self.home / "password"
        secret.write_text(self.password)
        if os.getuid() == 0:
            shutil.chown(self.home, "postgres")
            shutil.chown(secret, "postgres")
        self.data = self.home / "data"
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "-N")
        self.port = free_port()
        self.start()

    def run(self, program, *arguments):
        command = [str(self.bin / program), *map(str, arguments)]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", env={**os.environ, "PGPASSWORD": self.password})
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self):
        # What a power failure would take is no part of a drill, and a shared disk would blur the figures.
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories='' -c fsync=off"
        # Its own output would keep the pipe open for as long as it runs.
        self.run("pg_ctl", "-D", self.data, "-w", "-t", 30, "-l", self.home / "server.log", "-o", options, "start")

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-t", 20, "stop")

    def sql(self, database, text):
        self.run("psql", "-h", "127.0.0.1", "-p", self.port, "-U", "postgres", "-d", database, "-v", "ON_ERROR_STOP=1", "-q", "-c", text)

    def database(self):
        name = f"drill_{secrets.token_hex(4)}"
        self.sql("postgres", f"CREATE DATABASE {name}")
        return name

    def url(self, database):
        return f"postgres://postgres:{self.password}@127.0.0.1:{self.port}/{database}"
