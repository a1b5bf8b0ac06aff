"""The twelve faults: how each is brought about, which alert must arrive, and which others are true of it as well."""

import dataclasses
import os
import socket
import subprocess
import threading
import time
import typing

from parts import Postgres

# Errors that callers see are told by these, whatever the reason is.
ERRORS = {"GatewayHighErrorRate", "GatewayCriticalErrorRate", "AvailabilityBurnFast", "AvailabilityBurnSlow"}

# What the machine brings about by itself when something else keeps its processors or its disk busy.
BUSY = {"AuditCommitSlow", "RuntimeLagHigh", "CpuHigh"}


@dataclasses.dataclass
class Fault:
    name: str
    alert: str
    bring_about: typing.Callable
    also: set = dataclasses.field(default_factory=set)
    replicas: int = 1
    # What the gateway needs beforehand: a function of the directory that gives variables.
    variables: typing.Callable = lambda directory: {}
    tls: bool = False
    own_postgres: bool = False
    clean_up: typing.Callable = lambda directory: None


def upstream_down(place):
    place.rack.close()


def database_down(place):
    place.postgres.stop()


def burst_of_errors(place):
    place.rack.failing = 0.3


def slow_upstream(place):
    place.rack.delay = 3.2
    # Enough callers for an answer in each window, which is five seconds here.
    for _ in range(3):
        place.repeat(lambda: place.call(place.tokens[0]), 0.1)


def login_failures(place):
    place.repeat(lambda: place.call("rgw_guessed"), 0.1)


def token_abuse(place):
    for _ in range(2):
        place.repeat(lambda: place.call(place.tokens[0]), 0.05)


def audit_store_failing(place):
    place.postgres.sql(
        place.database,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'drill'; END$$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON audit_log EXECUTE FUNCTION refuse()",
    )


def small_volume(directory):
    volume = directory / "volume"
    volume.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", volume], check=True)
    return {"REGISTRY_STORAGE": "dir", "REGISTRY_DIR": str(volume / "registry")}


def fill_volume(place):
    (place.directory / "volume" / "ballast").write_bytes(bytes(60 << 20))


def unmount(directory):
    subprocess.run(["umount", directory / "volume"], check=True)


def memory_pressure(place):
    """Forms that never end: the gateway must hold what has come of each."""
    size, held = 12 << 20, []

    def send(token):
        client = socket.create_connection(("127.0.0.1", place.gateways[0][0]))
        held.append(client)
        head = (
            "POST /api/v1/rack-proxy/apps/web/releases HTTP/1.1\r\nHost: gateway\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {size + 1}\r\n\r\nenv="
        )
        client.sendall(head.encode() + b"A" * (size - 4))

    for number in range(48):
        # Nobody's token should be remarkable for it.
        threading.Thread(target=send, args=(place.tokens[number % len(place.tokens)],), daemon=True).start()
        time.sleep(0.2)
    place.held = held


def certificate(directory, days):
    directory.mkdir(parents=True, exist_ok=True)
    chain, key = directory / "cert.pem", directory / "key.pem"
    new = [path.with_suffix(".new") for path in (chain, key)]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(days)]
        + ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-out", new[0], "-keyout", new[1]],
        check=True,
        capture_output=True,
    )
    os.replace(new[1], key)
    os.replace(new[0], chain)
    return {"TLS_CERT_FILE": str(chain), "TLS_KEY_FILE": str(key)}


def short_certificate(place):
    certificate(place.directory, 3)


def clock_skew(place):
    place.rack.clock_off = 300.0


def replica_gone(place):
    place.gateways[1][2].kill()


FAULTS = [
    Fault("upstream down", "UpstreamDown", upstream_down, also=ERRORS),
    Fault("database down", "DatabaseDown", database_down, own_postgres=True),
    Fault("5xx burst", "GatewayCriticalErrorRate", burst_of_errors, also=ERRORS),
    Fault(
        "slow upstream",
        "UpstreamLatencyHigh",
        slow_upstream,
        also={"GatewayLatencyHigh", "LatencyBurnFast", "LatencyBurnSlow"},
    ),
    Fault("login failures", "AuthenticationFailureSpike", login_failures),
    Fault("token abuse", "ApiTokenRateAnomaly", token_abuse),
    Fault("audit store failing", "AuditFailClosedActive", audit_store_failing),
    Fault("disk nearly full", "DiskNearlyFull", fill_volume, variables=small_volume, clean_up=unmount),
    Fault("memory pressure", "MemoryNearLimit", memory_pressure, variables=lambda _: {"MAX_FORM_BYTES": "32MiB"}),
    Fault("certificate expiring", "CertExpiring", short_certificate, variables=lambda d: certificate(d, 90), tls=True),
    Fault("clock skew", "ClockSkewHigh", clock_skew),
    Fault("replica gone", "GatewayDown", replica_gone, replicas=2),
]

# One of each kind: told by a rack, by the gateway's own eyes, and by Prometheus alone.
QUICK = ["login failures", "database down", "replica gone"]


def own_postgres(directory):
    return Postgres(directory)
