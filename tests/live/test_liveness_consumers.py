# SPDX-License-Identifier: GPL-3.0-or-later
"""check_liveness on the consumers of a real RabbitMQ: who takes from which queue, and who only looks as if."""

import pytest

import check
import rabbitmq
import workers as programs
from postgresql import free_port, wait_until
from queues_management import secret
from rabbitmq import quote
from test_liveness_jobs import state_of, text_of


@pytest.fixture
def look(vhost, tmp_path):
    def run(*arguments, where=None, user=rabbitmq.ADMIN, name=None):
        node = vhost.cluster.any()
        target = "mq=rabbitmq-consumers://%s@127.0.0.1:%d/%s" % (
            quote(user[0]), node.http_port, quote(vhost.name if name is None else name))
        result = check.run("check_liveness", "-T", where or target, *secret(tmp_path, user), *arguments)
        print(result)
        assert user[1] not in result.output, result
        return result
    return run


@pytest.fixture
def until(look):
    """The first result that is as wanted: figures are told with a delay."""
    def run(wanted, *arguments, **options):
        seen = []

        def test():
            seen.append(look(*arguments, **options))
            return wanted(seen[-1])
        wait_until(test, lambda: "as wanted, not\n%s" % seen[-1], poll=0.2)
        return seen[-1]
    return run


def test_healthy(vhost, until, look):
    vhost.declare("orders")
    client = vhost.connect()
    client.consume("orders", 0)
    result = until(lambda result: result.state == "OK")
    assert result.says("1 of 1 worker") and state_of(result, "orders") == ["OK"], result
    assert state_of(result, "lab@127.0.0.1") == ["OK"] and result.perfdata["orders_consumers"] == 1, result
    assert look("--expect", "passive").state == "CRITICAL"
    assert look("--expect-workers", "lab@*=2").state == "CRITICAL"
    assert look("--queue", "orders", "--expect-workers", "lab@*=1").state == "OK"


def test_several_of_one_name(vhost, until):
    """They are one worker of several connections: which of them is which changes with each start."""
    vhost.declare("orders")
    for _ in range(3):
        vhost.connect().consume("orders", 0)
    result = until(lambda result: result.state == "OK" and result.perfdata.get("orders_consumers") == 3)
    assert result.says("3 of 3 workers") and result.perfdata["units"] == 3, result


def test_nobody(vhost, until, look):
    """An empty virtual host proves nothing; queues without consumers prove that nobody works."""
    result = look()
    assert result.state == "CRITICAL" and result.says("no queue"), result
    assert look("--expect", "passive").state == "UNKNOWN"
    vhost.declare("orders")
    result = until(lambda result: "no consumer is connected" in result.output)
    assert result.state == "CRITICAL", result
    assert until(lambda result: result.state == "OK", "--expect", "passive").says("is passive")


def test_unserved(vhost, until, look):
    vhost.declare("orders")
    vhost.declare("mail")
    vhost.connect().consume("orders", 0)
    until(lambda result: result.state == "OK")
    vhost.publish("mail", 3)
    result = until(lambda result: result.perfdata.get("mail_waiting") == 3)
    assert result.state == "CRITICAL" and state_of(result, "mail") == ["CRITICAL"], result
    assert look("--queue", "orders").state == "OK"
    result = look("--queue", "orders", "--queue", "nosuch")
    assert result.state == "CRITICAL" and result.says("there is no such queue"), result
    until(lambda result: result.state == "OK", "--queue", "orders")


def test_waiting_rooms(vhost, until):
    """Messages that wait on purpose: until they are old, or as dead letters."""
    vhost.declare("orders", x_dead_letter_exchange="", x_dead_letter_routing_key="dead")
    vhost.declare("later", x_message_ttl=600000, x_dead_letter_exchange="", x_dead_letter_routing_key="orders")
    vhost.declare("dead")
    vhost.publish("later", 2)
    vhost.publish("dead", 2)
    vhost.connect().consume("orders", 0)
    result = until(lambda result: result.state == "OK")
    assert not state_of(result, "dead") and not state_of(result, "later"), result
    assert until(lambda result: result.perfdata.get("dead_waiting") == 2, "--queue", "dead").state == "CRITICAL"


def test_never_acknowledges(vhost, until, look, tmp_path):
    """Active, up, of the best utilisation, and nothing gets done: two looks tell."""
    vhost.declare("orders", type="quorum")
    vhost.publish("orders", 30)
    client = vhost.hold("orders", 5)
    until(lambda result: result.perfdata.get("orders_taken") == 5 and result.perfdata.get("orders_waiting") == 25)
    options = ("--state-dir", str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    assert look(*options).state == "OK"
    result = look(*options, "--stuck-after", "1ms")
    assert result.state == "CRITICAL" and state_of(result, "orders") == ["CRITICAL"], result
    assert state_of(result, "lab@127.0.0.1") == ["CRITICAL"] and result.says("stuck"), result
    client.acknowledge(3)
    result = until(lambda result: result.perfdata.get("orders_waiting") == 22, *options, "--stuck-after", "1h")
    assert result.state == "OK", result


def test_holds_less_than_it_may(vhost, until, look, tmp_path):
    """A worker that keeps messages for later, while no other waits, is not stuck."""
    vhost.declare("orders")
    vhost.publish("orders", 3)
    vhost.hold("orders", 3)
    options = ("--state-dir", str(tmp_path / "state"), "--stuck-after", "1ms")
    (tmp_path / "state").mkdir()
    until(lambda result: result.perfdata.get("orders_taken") == 3, *options)
    look(*options)
    assert look(*options).state == "OK"


def test_watch_is_too_short(look):
    result = look("--watch", "3s")
    assert result.state == "UNKNOWN" and "--watch" in result.first, result


def test_stand_in(vhost, until, look):
    """Of a single active consumer the others wait, and are as they should be."""
    vhost.declare("orders", x_single_active_consumer=True)
    vhost.connect().consume("orders", 0)
    until(lambda result: result.state == "OK")
    vhost.connect().consume("orders", 0)
    result = until(lambda result: result.perfdata.get("orders_consumers") == 2)
    assert result.state == "OK", result


# ---- Celery ----

def test_celery(vhost, until, look):
    """The mailbox tells the name of the worker; one that has only that takes nothing."""
    with programs.Workers(url=vhost.cluster.any().uri(vhost.name)) as workers:
        worker = workers.celery("w1@a", queues=("celery", "billing"))
        workers.celery("w2@b", queues=("mail",))
        result = until(lambda result: result.state == "OK" and result.says("2 of 2 workers"))
        assert state_of(result, "w1@a") == ["OK"] and "billing, celery" in text_of(result, "w1@a"), result
        assert state_of(result, "mail") == ["OK"] and not state_of(result, "w1@a.celery.pidbox"), result
        assert look("--expect-workers", "w1@*=1", "--queue", "billing").state == "OK"
        assert look("--expect-workers", "w3@*=1").state == "CRITICAL"
        worker.kill()
        result = until(lambda result: not state_of(result, "w1@a"))
        assert look("--expect-workers", "w1@*=1").state == "CRITICAL"
        until(lambda result: result.state == "CRITICAL", "--queue", "billing")


def test_mailbox_alone(vhost, until):
    vhost.declare("orders")
    vhost.declare("zombie@a.celery.pidbox", auto_delete=True)
    vhost.connect().consume("zombie@a.celery.pidbox", 0)
    vhost.connect().consume("orders", 0)
    result = until(lambda result: state_of(result, "zombie@a"))
    assert result.state == "CRITICAL" and state_of(result, "zombie@a") == ["CRITICAL"], result


def test_onlooker(vhost, until):
    """Who only follows events is no worker."""
    vhost.declare("celeryev.1234", auto_delete=True)
    vhost.declare("orders")
    vhost.connect().consume("celeryev.1234", 0)
    result = until(lambda result: "no consumer is connected" in result.output)
    assert result.state == "CRITICAL", result


# ---- who may ask ----

def test_permissions(vhost, until, look):
    vhost.declare("orders")
    vhost.connect().consume("orders", 0)
    until(lambda result: result.state == "OK")
    nagios = vhost.cluster.user("nagios")
    result = look(user=nagios)
    assert result.state == "UNKNOWN" and "set_permissions -p shop nagios '^$' '^$' '^$'" in result.output, result
    vhost.permit("nagios", "^$", "^$", "^$")
    assert look(user=nagios).state == "OK"
    reader = vhost.cluster.user("reader", tags="management")
    vhost.permit("reader", "^$", "^$", "^$")
    result = look(user=reader)
    assert result.state == "UNKNOWN" and result.says("set_user_tags reader monitoring"), result
    nobody = vhost.cluster.user("nobody", tags="")
    vhost.permit("nobody", "^$", "^$", "^$")
    result = look(user=nobody)
    assert result.state == "UNKNOWN" and result.says("set_user_tags nobody monitoring"), result
    result = look(user=("nagios", "wrong sesame"))
    assert result.state == "UNKNOWN" and result.says("wrong user or password"), result
    result = look(name="elsewhere")
    assert result.state == "UNKNOWN" and "elsewhere" in result.first, result


def test_refused(vhost, look):
    port = free_port(set())
    result = look(where="mq=rabbitmq-consumers://lab@127.0.0.1:%d/shop" % port)
    assert result.state == "CRITICAL" and result.says("Failed to connect"), result


def test_over_tls(site, tmp_path, certificates):
    vhost = site.vhost("shop")
    vhost.declare("orders")
    vhost.connect().consume("orders", 0)
    node = site.any()
    files = "cacert=%s&cert=%s&key=%s" % tuple(certificates / name for name in ("ca.crt", "client.crt", "client.key"))
    target = "mq=rabbitmqs-consumers://lab@127.0.0.1:%d/shop?" % node.https_port

    def look(where):
        result = check.run("check_liveness", "-T", where, *secret(tmp_path, rabbitmq.ADMIN))
        print(result)
        return result
    wait_until(lambda: look(target + files).state == "OK", "OK")
    result = look(target)
    assert result.state == "UNKNOWN" and result.says("certificate"), result
