# SPDX-License-Identifier: GPL-3.0-or-later
"""Every scheme of every executable against peers that misbehave at once, whatever the protocol.

One clear first line that names the target, never OK, inside the deadline, nothing on stderr (check.run sees to it), no
password in any of it, and a missing module is named with the package to install. What needs an honest beginning is in the
tests of each source."""

import os
import re
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import check  # noqa: E402
import peers  # noqa: E402
import stub_azure_storage  # noqa: E402

DEADLINE = 1.0
# A wrapper (valgrind) or a sanitizer makes the start of the process slow, not the run.
SLACK = 0.3 if "DR_WRAPPER" not in os.environ else 20
SECRETS = ("Zebra@crossing/7", "Zebra%40crossing%2F7", stub_azure_storage.KEY)
LOGIN = "monitor:Zebra%40crossing%2F7@"
CANARY = ("--canary", "beat", "--heartbeat", "1m")
LAG, QUEUES, LIVENESS = "check_replication_lag", "check_queue_mirrors", "check_liveness"


class Scheme:
    """How an executable is pointed at a peer. `login` is the place of user and password, `module` and `packages` what it
    cannot do without; `key`: authorised by a file, not by a password; `more`: arguments that it needs."""

    def __init__(self, executable, uri, module, *packages, key=False, more=()):
        self.executable = executable
        self.uri = uri
        self.module = module
        self.packages = packages
        self.key = key
        self.more = list(more)

    def arguments(self, port, folder):
        words = ["-T", "peer=" + self.uri.format(login=LOGIN, host="127.0.0.1:%d" % port), "-t", "%gs" % DEADLINE] + self.more
        if self.key:
            path = folder / "key"
            path.write_text(stub_azure_storage.KEY + "\n")
            path.chmod(0o600)
            words += ["--password-file", str(path)]
        return words


SCHEMES = {
    "postgresql": Scheme(LAG, "postgresql://{login}{host}/postgres", "replication-postgresql", "libpq5"),
    "postgres": Scheme(LAG, "postgres://{login}{host}/postgres", "replication-postgresql", "libpq5"),
    "mongodb": Scheme(LAG, "mongodb://{login}{host}/", "replication-mongodb", "libmongoc-1.0-0"),
    "redis": Scheme(LAG, "redis://{login}{host}", "replication-redis", "libhiredis0.14"),
    "rediss": Scheme(LAG, "rediss://{login}{host}", "replication-rediss", "libhiredis0.14", "libssl3"),
    "redis+sentinel": Scheme(LAG, "redis+sentinel://{login}{host}/m1", "replication-redis", "libhiredis0.14"),
    "rediss+sentinel": Scheme(LAG, "rediss+sentinel://{login}{host}/m1", "replication-rediss", "libhiredis0.14", "libssl3"),
    "mssql": Scheme(LAG, "mssql://{login}{host}/appdb?encrypt=no", "replication-mssql", "libsybdb5"),
    "azure-storage": Scheme(LAG, "azure-storage://acct?services=blob&endpoint=http://{host}/{{service}}",
                            "replication-azure", "libcurl4", key=True),
    "rabbitmq": Scheme(QUEUES, "rabbitmq://{login}{host}", "queues-rabbitmq", "libcurl4"),
    "rabbitmqs": Scheme(QUEUES, "rabbitmqs://{login}{host}", "queues-rabbitmq", "libcurl4"),
    "amqp": Scheme(QUEUES, "amqp://{login}{host}/", "queues-amqp", "librabbitmq4"),
    "amqps": Scheme(QUEUES, "amqps://{login}{host}/", "queues-amqp", "librabbitmq4"),
    "celery+redis": Scheme(QUEUES, "celery+redis://{login}{host}", "queues-celery", "libhiredis0.14"),
    "celery+rediss": Scheme(QUEUES, "celery+rediss://{login}{host}", "queues-celerys", "libhiredis0.14", "libssl3"),
    "azure-queue": Scheme(QUEUES, "azure-queue://acct/orders?endpoint=http://{host}/acct", "queues-azure", "libcurl4",
                          key=True),
    "haproxy+http": Scheme(LIVENESS, "haproxy+http://{login}{host}/stats", "liveness-haproxy", "libcurl4"),
    "haproxy+https": Scheme(LIVENESS, "haproxy+https://{login}{host}/stats", "liveness-haproxy", "libcurl4"),
    "haproxy+tcp": Scheme(LIVENESS, "haproxy+tcp://{host}", "liveness-haproxy", "libcurl4"),
    "http": Scheme(LIVENESS, "http://{login}{host}/health", "liveness-http", "libcurl4"),
    "https": Scheme(LIVENESS, "https://{login}{host}/health", "liveness-http", "libcurl4"),
    "rq+redis": Scheme(LIVENESS, "rq+redis://{login}{host}", "liveness-jobs", "libhiredis0.14"),
    "rq+rediss": Scheme(LIVENESS, "rq+rediss://{login}{host}", "liveness-jobss", "libhiredis0.14", "libssl3"),
    "sidekiq+redis": Scheme(LIVENESS, "sidekiq+redis://{login}{host}", "liveness-jobs", "libhiredis0.14"),
    "sidekiq+rediss": Scheme(LIVENESS, "sidekiq+rediss://{login}{host}", "liveness-jobss", "libhiredis0.14", "libssl3"),
    "redbeat+redis": Scheme(LIVENESS, "redbeat+redis://{login}{host}", "liveness-jobs", "libhiredis0.14"),
    "redbeat+rediss": Scheme(LIVENESS, "redbeat+rediss://{login}{host}", "liveness-jobss", "libhiredis0.14", "libssl3"),
    "canary+redis": Scheme(LIVENESS, "canary+redis://{login}{host}", "liveness-jobs", "libhiredis0.14", more=CANARY),
    "canary+rediss": Scheme(LIVENESS, "canary+rediss://{login}{host}", "liveness-jobss", "libhiredis0.14",
                             "libssl3", more=CANARY),
    "rabbitmq-consumers": Scheme(LIVENESS, "rabbitmq-consumers://{login}{host}/shop", "liveness-consumers", "libcurl4"),
    "rabbitmqs-consumers": Scheme(LIVENESS, "rabbitmqs-consumers://{login}{host}/shop", "liveness-consumers", "libcurl4"),
}
every = pytest.mark.parametrize("scheme", SCHEMES)

# name: (peer, the states that fit, what can be said of it whatever the protocol)
FAULTS = {
    "refuse": (peers.Refuse, ("CRITICAL",)),
    "unreachable": (peers.Unreachable, ("CRITICAL",)),
    "silent": (peers.Silent, ("CRITICAL",)),
    "never reads": (peers.NeverReads, ("CRITICAL",)),
    # Right after the TLS handshake that can be the lack of a client certificate.
    "close": (peers.Close, ("CRITICAL", "UNKNOWN")),
    "reset": (peers.Reset, ("CRITICAL", "UNKNOWN")),
    "garbage": (peers.Garbage, ("CRITICAL", "UNKNOWN")),
    "zeros": (peers.Flood, ("CRITICAL", "UNKNOWN")),
    "lines": (lambda: peers.Flood(chunk=b"-ERR no\r\n" * 7000), ("CRITICAL", "UNKNOWN")),
    "a page without an end": (lambda: peers.Flood(chunk=b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" + b"X: y\r\n" * 10000),
                              ("CRITICAL", "UNKNOWN")),
}


def has_modules(executable):
    """Whether the executable loads its sources; else they and their libraries are linked in."""
    with open(check.executable(executable), "rb") as file:
        return b"libcurl.so" not in file.read()


@pytest.mark.parametrize("executable", sorted(check.SERVICES))
def test_all_of_them(executable):
    """A scheme that is missing here would go untested. Those of a Unix socket have no peer on a port."""
    done = subprocess.run([check.executable(executable), "--version", "-v"], stdout=subprocess.PIPE, check=False)
    known = re.findall(r"^([a-z+-]+): ", done.stdout.decode(), re.MULTILINE)
    ours = [name for name, scheme in SCHEMES.items() if scheme.executable == executable]
    assert sorted(name for name in known if not name.endswith("+unix")) == sorted(ours)


@every
@pytest.mark.parametrize("fault", FAULTS)
def test_at_once(scheme, fault, tmp_path):
    make, states = FAULTS[fault]
    subject = SCHEMES[scheme]
    with make() as peer:
        result = check.run(subject.executable, *subject.arguments(peer.port, tmp_path), "-vvv")
        assert fault in ("refuse", "unreachable") or peer.connections > 0, "nobody asked: %s" % result
        # What a peer never reads stands before the end of the connection, which it never sees: newer OpenSSL has more to say.
        assert fault in ("refuse", "unreachable", "never reads") or peer.settled(5), "a connection outlived the process"
    assert result.state in states, result
    assert "peer" in result.first, result
    assert result.seconds < DEADLINE + SLACK, result
    for secret in SECRETS:
        assert secret not in result.output, result


@every
def test_missing_module(scheme, tmp_path):
    subject = SCHEMES[scheme]
    with peers.Refuse() as peer:
        result = check.run(subject.executable, *subject.arguments(peer.port, tmp_path),
                           environment={"DR_PLUGINS_MODULE_DIR": str(tmp_path / "nowhere")})
    if has_modules(subject.executable):
        assert result.state == "UNKNOWN" and subject.module in result.output, result
        assert result.says("install", *subject.packages), result
    else:
        assert result.state == "CRITICAL", result


@every
def test_foreign_module(scheme, tmp_path):
    """Another file of that name is named, and not run."""
    subject = SCHEMES[scheme]
    (tmp_path / (subject.module + ".so")).write_bytes(b"not a library")
    with peers.Silent() as peer:
        result = check.run(subject.executable, *subject.arguments(peer.port, tmp_path),
                           environment={"DR_PLUGINS_MODULE_DIR": str(tmp_path)})
        assert peer.connections == 0 or not has_modules(subject.executable)
    if has_modules(subject.executable):
        assert result.state == "UNKNOWN" and subject.module + ".so" in result.output, result
    else:
        assert result.state == "CRITICAL", result
