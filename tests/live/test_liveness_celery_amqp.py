# SPDX-License-Identifier: GPL-3.0-or-later
"""check_liveness and Celery's workers behind RabbitMQ: real ones, in each state that can be seen there. Nothing of ours
is left in the broker."""

import pytest

import rabbitmq
import workers as programs
from postgresql import wait_until


@pytest.fixture(scope="module")
def node():
    with rabbitmq.Cluster(1) as cluster:
        cluster.vhost("shop")
        yield cluster["rmq1"]


@pytest.fixture(scope="module")
def crowd(node):
    with programs.Workers(url=node.uri("shop")) as workers:
        workers.celery("w1@a", queues=("celery", "billing"), concurrency=2, wait=False)
        workers.celery("w2@b", queues=("celery", "mail"), wait=False)
        for worker in workers.all:
            worker.wait_ready()
        workers.keep()
        yield workers


@pytest.fixture
def workers(crowd):
    yield crowd
    crowd.restore()


@pytest.fixture
def password(tmp_path):
    def write(text):
        path = tmp_path / "password"
        path.write_text(text + "\n")
        path.chmod(0o600)
        return "--password-file", path
    return write


def uri(node, vhost="shop", user=rabbitmq.ADMIN[0], query=""):
    return "celery+amqp://%s@127.0.0.1:%d/%s%s" % (user, node.port, vhost, query)


def left(node):
    """What is called as we call things."""
    return [queue["name"] for queue in node.api("GET", "/api/queues") if "dr-plugins" in queue["name"]]


@pytest.fixture
def look(node, liveness, password):
    def run(*arguments, vhost="shop"):
        result = liveness("-T", uri(node, vhost), *password(rabbitmq.ADMIN[1]), *arguments)
        # Where the server was told nothing, it finds out by itself that the connection is gone.
        wait_until(lambda: left(node) == [], lambda: "left behind: %s" % left(node))
        return result
    return run


def test_healthy(workers, look):
    result = look()
    assert result.state == "OK" and result.about("w1@a") and result.about("w2@b"), result
    assert result.perfdata["alive"] == 2 and result.perfdata["billing_consumers"] == 1, result
    assert result.says("nobody is missed"), result
    assert look("--expect-workers", "w*=2").state == "OK"


def test_frozen_worker(workers, look):
    """Its queue has a consumer that nobody answers for. Whether it is busy or wedged cannot be seen here."""
    workers["w2@b"].freeze()
    result = look("--queue", "mail", "--queue", "celery")
    assert result.state == "WARNING" and result.says("mail", "do not answer"), result
    assert look().about("celery")[0][0] == "WARNING"  # of the two that take from it one answers
    assert look("--expect-workers", "w2@b=1").state == "CRITICAL"


def test_all_frozen(workers, look):
    for worker in workers.all:
        worker.freeze()
    result = look("-t", "3s")
    assert result.state == "UNKNOWN" and result.says("none answered within"), result
    assert look("-t", "3s", "-e", "passive").state == "UNKNOWN"
    assert look("-t", "3s", "--expect-workers", "w1@*=1").state == "CRITICAL"


def test_killed_worker(workers, look):
    workers["w2@b"].kill()
    result = look()
    assert result.state == "OK" and not result.about("w2@b"), result  # nobody is missed, and it says so
    assert result.says("nobody is missed"), result
    assert look("--expect-workers", "w2@b=1").state == "CRITICAL"
    assert look("--queue", "mail").state == "CRITICAL"


def test_stopped_worker(workers, look):
    workers["w2@b"].stop()
    assert look().state == "OK"


def test_busy_prefork_worker(workers, look):
    job = workers.send("hold", queue="billing")
    job.wait_started()
    result = look()
    assert result.state == "OK" and result.perfdata["w1_a_busy"] == 1, result
    job.release()


def test_busy_solo_worker(workers, look):
    workers.celery("solo@c", queues=("slow",), pool="solo", late=True)
    job = workers.send("hold", queue="slow")
    job.wait_started()
    result = look("--queue", "slow")
    assert result.state == "WARNING" and result.says("slow", "busy or wedged"), result
    job.release()


def test_hung_children(workers, look):
    jobs = [workers.send("hold", queue="billing") for _ in range(6)]
    jobs[0].wait_started()
    workers["w1@a"].freeze_children()
    assert look("--queue", "billing").state == "OK"
    result = look("--queue", "billing", "--watch", "1500ms", "--stuck-after", "1s")
    assert result.state == "CRITICAL" and result.says("billing", "nothing has moved"), result
    workers["w1@a"].thaw()
    for job in jobs:
        job.release()


def test_queue_that_nobody_takes_from(workers, node, look):
    assert look("--queue", "none").state == "CRITICAL"
    workers.send("quick", queue="orphan")
    wait_until(lambda: [q for q in node.api("GET", "/api/queues") if q["name"] == "orphan"], "the queue is there")
    result = look("--queue", "orphan", "--queue", "mail")
    assert result.state == "CRITICAL" and result.says("orphan", "nobody takes from it"), result
    assert result.perfdata["orphan_waiting"] == 1, result


def test_nobody_ever(node, look):
    """404 for the exchange: no worker was ever started on this virtual host."""
    node.cluster.vhost("empty")
    result = look(vhost="empty")
    assert result.state == "CRITICAL" and result.says("nobody works here"), result
    assert look("-e", "passive", vhost="empty").state == "OK"


def test_nobody_any_more(workers, look):
    for worker in workers.all:
        worker.stop()
    result = look()
    assert result.state == "CRITICAL" and result.says("nobody works here") and result.seconds < 2, result
    assert look("-e", "passive").state == "OK"


def test_passive_with_workers(workers, look):
    assert look("-e", "passive").state == "CRITICAL"


GRANT = ("^(reply.celery.pidbox)?(dr-plugins-.*)?$", "^(celery.pidbox)?(dr-plugins-.*)?$",
         "^(reply.celery.pidbox)?(dr-plugins-.*)?$")


def test_grant(workers, node, liveness, password):
    def allow(*patterns):
        node.ctl("set_permissions", "-p", "shop", "prober", *patterns)

    def run():
        return liveness("-T", uri(node, user="prober"), *password("s3cret"), "--queue", "mail")
    node.ctl("add_user", "prober", "s3cret")
    try:
        result = run()
        assert result.state == "UNKNOWN" and result.says("set_permissions"), result
        allow(*GRANT)
        assert run().state == "OK"
        for i in range(3):
            allow(*["^$" if k == i else pattern for k, pattern in enumerate(GRANT)])
            result = run()
            assert result.state == "UNKNOWN" and result.says("set_permissions", "prober"), result
            assert "s3cret" not in result.output
    finally:
        node.ctl("delete_user", "prober")


def test_memory_alarm(workers, node, liveness, password):
    """Nobody can send anything, and so nobody can be asked."""
    node.set_memory_alarm(True)
    try:
        result = liveness("-T", uri(node), *password(rabbitmq.ADMIN[1]), "-t", "3s")
    finally:
        node.set_memory_alarm(False)
    assert result.state == "CRITICAL" and result.says("takes no messages from anybody", "low on memory"), result
    wait_until(lambda: left(node) == [], "nothing is left behind")


@pytest.mark.parametrize("query, word", (("?cacert=/x", "celery+amqps"), ("?colour=red", "colour"),
                                         ("?control_exchange=", "control_exchange")))
def test_parameters(liveness, query, word):
    result = liveness("-T", "celery+amqp://127.0.0.1:1/shop" + query)
    assert result.state == "UNKNOWN" and result.says(word), result


def test_wrong_vhost_and_password(node, liveness, password):
    result = liveness("-T", uri(node, "nowhere"), *password(rabbitmq.ADMIN[1]))
    assert result.state == "UNKNOWN" and result.says("not found"), result
    result = liveness("-T", uri(node), *password("wrong"))
    assert result.state == "UNKNOWN" and "wrong" not in result.output, result
