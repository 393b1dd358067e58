# SPDX-License-Identifier: GPL-3.0-or-later
"""Celery's workers by a stand-in on a real Redis: whatever is missing from a good answer, it is no OK without a reason.
And over TLS."""

import threading
import time

import pytest

import check
import mutations
import redis
import stub_celery
from test_replication_redis_tls import files, servers, uri  # noqa: F401: the fixtures of the same servers

TASK = {"id": "76320cfb-c46e-4ed8-a1e1-7ec4ac549a3a", "name": "tasks.slow", "args": "(15,)", "kwargs": "{}",
        "hostname": "w1@a", "acknowledged": False, "worker_pid": 7963}

# What is not needed, and why.
NOT_NEEDED = {
    r"stats(|\..*): .*": "figures for perfdata; what was done tells movement where tasks wait, and none do",
    r"active: emptied": "it runs nothing",
    r"active\[0\]: removed": "it runs nothing",
    r"active\[0\]\.time_start: null": "its process has not begun",
    r"active\[0\]\.id: .*": "tells whose a task is where somebody is silent",
    r"active\[0\]\.(name|args|kwargs|hostname|acknowledged|worker_pid): .*": "not read",
    r"active_queues\[0\]\.(exchange|exchange\..*|routing_key): .*": "not read",
    r"query_task: .*": "nobody is silent",
}


@pytest.fixture(scope="module")
def server():
    with redis.Lab() as lab:
        yield lab.server("r1")


def target(server):
    return "celery+redis://127.0.0.1:%d/0" % server.port


def answers():
    return stub_celery.good_answers(("celery",), [dict(TASK, time_start=time.time() - 1)])


@pytest.fixture
def worker(server):
    with stub_celery.Worker(server, "w1@a") as worker:
        yield worker
    server.call("FLUSHALL")


def test_good(server, worker, liveness):
    worker.answers = answers()
    result = liveness("-T", target(server))
    assert result.state == "OK" and result.perfdata["w1_a_processed"] == 3, result
    assert sorted(worker.asked) == ["active", "active_queues", "ping", "stats"]


def test_answers(server, worker, liveness):
    outcomes = {}
    for name, broken in mutations.of_json(answers()):
        worker.answers = {method: broken.get(method) for method in stub_celery.METHODS}
        outcomes[name] = liveness("-T", target(server), "-t", "400ms").state == "OK"
    wrong, idle = mutations.unexplained(outcomes, NOT_NEEDED)
    assert not wrong, "OK without %s" % wrong
    assert not idle, "not needed in the table: %s" % idle


ENVELOPE_NOT_NEEDED = {
    r"(content-encoding|content-type): .*": "it is JSON, whatever it is called",
    r"headers\.clock: .*": "not read",
    r"properties\.(delivery_mode|delivery_info|delivery_info\..*|priority|delivery_tag): .*": "not read",
}


def test_envelopes(server, worker, liveness):
    worker.answers = answers()
    sample = {"body": "e30=", "content-encoding": "utf-8", "content-type": "application/json",
              "headers": {"clock": 7, "ticket": "x"},
              "properties": {"delivery_mode": 1, "delivery_info": {"exchange": "e", "routing_key": "k"}, "priority": 0,
                             "body_encoding": "base64", "delivery_tag": "t"}}
    outcomes = {}
    for number, (name, _) in enumerate(list(mutations.of_json(sample))):
        worker.envelope = lambda message, number=number: list(mutations.of_json(message))[number][1]
        outcomes[name] = liveness("-T", target(server), "-t", "400ms").state == "OK"
    wrong, idle = mutations.unexplained(outcomes, ENVELOPE_NOT_NEEDED)
    assert not wrong, "OK without %s" % wrong
    assert not idle, "not needed in the table: %s" % idle


@pytest.mark.parametrize("said", (b"", b"{", b"[]", b"null", b"{}", b"x" * 1000, b'{"w1@a": {"ok": "pong"}} x',
                                  b'{"": {"ok": "pong"}}', b'{"w1@a": ' + b"[" * 200 + b"]" * 200 + b"}"))
def test_garbage(server, worker, liveness, said):
    worker.answers = dict(answers(), ping=said)
    result = liveness("-T", target(server), "-t", "600ms")
    assert result.state != "OK", result


def test_name_with_odd_characters(server, liveness):
    with stub_celery.Worker(server, "w|1\u00e4\n@host;x") as worker:
        worker.answers = answers()
        assert liveness("-T", target(server)).state == "OK"
    server.call("FLUSHALL")


def test_answer_of_a_large_fleet(server, liveness):
    """Each of 50 is a unit; it costs no more time than one."""
    fleet = [stub_celery.Worker(server, "w%d@h%d" % (number, number % 5)) for number in range(50)]
    for worker in fleet:
        worker.__enter__()
    result = liveness("-T", target(server))
    for worker in fleet:
        worker.__exit__()
    server.call("FLUSHALL")
    assert result.state == "OK" and result.perfdata["alive"] == 50 and result.perfdata["spare"] == 40, result


def test_worker_that_is_slow(server, worker, liveness):
    """Late is not never: it is waited for."""
    held = threading.Event()
    worker.answers = answers()
    worker.envelope = lambda message: held.wait(0.7) or message
    result = liveness("-T", target(server), "-t", "10s")
    assert result.state == "OK" and result.perfdata["w1_a_response_time"] > 0.6, result


# ---- TLS ----

def look(where, *arguments):
    result = check.run("check_liveness", "-T", "celery+" + where, "-v", *arguments)
    print(result)
    return result


def test_verified(servers, files):  # noqa: F811
    r1, port, _, _ = servers
    with stub_celery.Worker(r1, "tls@z"):
        result = look(uri(port, files, cacert=files / "ca.crt"))
        assert result.state == "OK" and result.says("over TLS") and result.about("tls@z"), result


@pytest.mark.parametrize("what", ("no CA", "another host"))
def test_not_verified(servers, files, what):  # noqa: F811
    _, port, _, wrong = servers
    result = look(uri(port, files) if what == "no CA" else uri(wrong, files, cacert=files / "ca.crt"))
    assert result.state == "UNKNOWN" and result.says("certificate"), result
