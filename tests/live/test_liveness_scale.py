# SPDX-License-Identifier: GPL-3.0-or-later
"""check_liveness and what is large: 10,000 servers of a balancer, 5,000 pods, 1,000 workers. All of it counts, the one that is
down is named, the output stays short, and it takes little memory."""

import os
import resource
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(HERE, os.pardir, "bench")
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import check  # noqa: E402
import peers  # noqa: E402
import redis  # noqa: E402
import stub_celery  # noqa: E402
import stub_kubernetes as kubernetes  # noqa: E402
from test_liveness_haproxy_faults import INFO, STAT, STATES, page, runtime  # noqa: E402

SERVERS, PODS, NODES, WORKERS = 10000, 5000, 100, 1000
# A sanitizer keeps a shadow of all memory and gives none of it back at once: its build is not held to the limit.
LIMITED = "DR_SANITIZERS" not in os.environ
MIB = 1024


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Runs the check; the result has .kib, the most memory that it had."""
    used = tmp_path / "used"

    def run(*arguments):
        measure = "/usr/bin/python3 -I -S %s %s" % (os.path.join(BENCH, "measure.py"), used)
        with monkeypatch.context() as patch:
            patch.setenv("DR_WRAPPER", "%s %s" % (measure, os.environ.get("DR_WRAPPER", "")))
            result = check.run("check_liveness", "--timeout", "30s", *arguments)
        result.kib = int(used.read_text().split()[2])
        print(result, "%d KiB" % result.kib)
        return result
    return run


def is_small(result, mib):
    return not LIMITED or result.kib < mib * MIB


# ---- a balancer ----

def enlarge(text, first, make):
    """The line that begins with `first`, SERVERS times; its brothers are left out."""
    lines = []
    for line in text.splitlines():
        if line.startswith(first + "1"):
            lines += [make(line, number) for number in range(1, SERVERS + 1)]
        elif not line.startswith(first):
            lines.append(line)
    return "\n".join(lines)


def server(line, number):
    cells = line.split(",")
    cells[1], cells[28] = "app%d" % number, str(number)
    return ",".join(cells)


def server_state(line, number):
    words = line.split(" ")
    words[2], words[3] = str(number), "app%d" % number
    words[4] = "127.0.%d.%d" % (number // 250, number % 250 + 1)
    return " ".join(words)


@pytest.fixture(scope="module")
def balancer():
    stat = enlarge(STAT, "app,app", server).replace("UP,3,3,", "UP,%d,%d," % (SERVERS, SERVERS))
    states = enlarge(STATES, "5 app ", server_state)
    assert stat.count("\napp,app") == states.count("\n5 app ") == SERVERS
    return stat, states


def test_servers_of_a_balancer(measured, balancer):
    stat, states = balancer
    with peers.Honest(runtime("%s\n\n%s\n\n%s\n\n" % (INFO, stat, states))) as peer:
        result = measured("-T", "lb1=haproxy+tcp://127.0.0.1:%d" % peer.port, "--pool", "app=90%", "--survive-host")
    assert result.state == "OK" and result.perfdata["alive"] == SERVERS, result
    assert is_small(result, 48) and result.seconds < 10, result


def test_one_server_of_many(measured, balancer):
    last = "\napp,app%d," % SERVERS
    before, line, after = balancer[0].partition(last)
    down = before + line + after.replace(",UP,", ",DOWN,", 1).replace("L7OK", "L4CON", 1)
    with peers.Honest(page(down + "\n")) as peer:
        result = measured("-T", "lb1=haproxy+http://127.0.0.1:%d/stats;csv" % peer.port, "--pool", "app=90%")
    assert result.state == "WARNING" and "app%d" % SERVERS in result.first, result
    assert result.perfdata["alive"] == SERVERS - 1 and is_small(result, 48), result


# ---- a namespace ----

@pytest.fixture
def cluster(certificates, tmp_path):
    files = tuple(str(certificates / name) for name in ("ca.crt", "server.crt", "server.key"))
    (tmp_path / "token").write_text(kubernetes.TOKEN + "\n")
    (tmp_path / "token").chmod(0o600)
    with kubernetes.Cluster(files) as cluster:
        cluster.arguments = ["--cacert", files[0], "--token-file", tmp_path / "token"]
        yield cluster


def test_pods(measured, cluster):
    cluster.add(kubernetes.deployment("web", PODS), kubernetes.pods("web", PODS, nodes=NODES))
    result = measured("-T", cluster.uri("deployment=web"), "--survive-host", *cluster.arguments)
    assert result.state == "OK" and result.perfdata["alive"] == PODS, result
    assert result.perfdata["spare"] == PODS - PODS // NODES, result
    assert is_small(result, 32) and result.seconds < 20, result


# ---- workers ----

class Crowd(stub_celery.Worker):
    """Many workers with one voice: each answers for itself, but for those that are silent."""

    def __init__(self, place, silent=()):
        super().__init__(place, "w0@host0")
        self.names = ["w%d@host%d" % (number, number % 50) for number in range(WORKERS)]
        self.silent = silent
        self.ears = []

    def __enter__(self):
        super().__enter__()
        # Each of them listens; what they hear is heard by the first.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * WORKERS)), hard))
        for _ in self.names[1:]:
            self.ears.append(self.server.connect())
            self.ears[-1].call("PSUBSCRIBE", self.channel)
        for name in self.names:
            self.mouth.call("SADD", "_kombu.binding.celery.pidbox",
                            stub_celery.SEP + stub_celery.SEP + name + ".celery.pidbox")
        return self

    def __exit__(self, *exception):
        for ear in self.ears:
            ear.close()
        super().__exit__(*exception)

    def answer(self, question, said):
        for name in self.names:
            if name not in self.silent:
                self.name = name
                super().answer(question, said)


@pytest.fixture(scope="module")
def place():
    with redis.Lab() as lab:
        yield lab.server("redis")


def test_workers(measured, place):
    with Crowd(place):
        result = measured("-T", "celery+redis://127.0.0.1:%d/0" % place.port, "--expect-workers", "w*=%d" % WORKERS)
    assert result.state == "OK" and result.perfdata["alive"] == WORKERS, result
    assert is_small(result, 16) and result.seconds < 10, result


def test_one_silent_worker_of_many(measured, place):
    with Crowd(place, silent=("w777@host27",)):
        result = measured("-T", "celery+redis://127.0.0.1:%d/0" % place.port, "-t", "3s")
    assert result.state == "CRITICAL" and "w777@host27" in result.output, result
