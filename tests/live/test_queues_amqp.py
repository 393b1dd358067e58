# SPDX-License-Identifier: GPL-3.0-or-later
"""check_queue_mirrors and amqp:// against a real RabbitMQ cluster: the round trip, what stops it, and that nothing of it
stays behind."""

import functools
import re
import threading

import pytest

import rabbitmq
from queues_amqp import GRANT, done, run


@pytest.fixture
def probe(tmp_path):
    """probe(node, vhost, kind, ...): queues_amqp.run"""
    return functools.partial(run, tmp_path)


# ---- healthy ----

@pytest.mark.parametrize("kind,kinds", (("classic", ("classic",)), ("quorum", ("quorum",)),
                                        ("both", ("classic", "quorum"))))
def test_there_and_back(broker, vhost, probe, kind, kinds):
    for node in broker.nodes:
        result = probe(node, kind=kind)
        assert result.state == "OK" and done(result, *kinds), result
    names = set(vhost.queues(query="?disable_stats=true"))
    assert names == ({"dr.probe"} if "quorum" in kinds else set()), "left behind"


def test_without_a_probe_nothing_is_made(broker, vhost, probe):
    result = probe(broker["rmq1"], kind=None)
    assert result.state == "OK" and not result.says("probe:"), result
    assert vhost.queues(query="?disable_stats=true") == {}


def test_the_queue_is_ours_and_bounded(broker, vhost, probe):
    result = probe(broker["rmq1"], "shop", "quorum", "--probe-queue", "ops.canary")
    assert done(result, "quorum"), result
    queue = vhost.queues(query="?disable_stats=true")["ops.canary"]
    assert queue["type"] == "quorum" and queue["durable"] and len(queue["members"]) == 3, queue
    assert queue["arguments"]["x-max-length"] == 100 and queue["arguments"]["x-expires"] == 604800000, queue


def test_many_at_once(broker, vhost, probe):
    """Checks of several nodes use the same queue and do not take each other's messages."""
    results = [probe(broker["rmq1"])]
    threads = [threading.Thread(target=lambda node=node: results.append(probe(node))) for node in broker.nodes * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 10 and all(done(result, "classic", "quorum") for result in results), results


def test_other_queues_are_not_touched(broker, vhost, probe):
    vhost.declare("orders")
    vhost.publish("orders", 3)
    assert done(probe(broker["rmq1"]), "classic", "quorum")
    queue = vhost.wait_messages("orders", 3)
    assert queue.get("message_stats", {}).get("get_no_ack", 0) == 0, queue


def test_says_who_it_is(broker, vhost, probe):
    node = broker["rmq1"]
    probe(node)
    with open(node.logfile) as log:
        assert re.search(r"name: '?check_queue_mirrors on \S+", log.read())


@pytest.mark.parametrize("name", ("Bestellungen/\u00e4 1", "/", "a,b&c=d"))
def test_virtual_hosts(broker, probe, name):
    if name != "/":
        broker.vhost(name)
    assert done(probe(broker["rmq1"], vhost=name), "classic")
    if name == "/":
        rabbitmq.Vhost(broker, "/").delete_queue("dr.probe")


def test_quorum_by_default(broker, probe):
    """The temporary queue is a classic one, whatever the virtual host makes by default."""
    broker.any().api("PUT", "/api/vhosts/modern", {"default_queue_type": "quorum"})
    rabbitmq.Vhost(broker, "modern").permit(rabbitmq.ADMIN[0], ".*", ".*", ".*")
    result = probe(broker["rmq1"], vhost="modern")
    assert result.state == "OK" and done(result, "classic", "quorum"), result


@pytest.mark.parametrize("noticed", (False, True), ids=("at once", "when all have noticed"))
def test_leader_dead(broker, vhost, probe, noticed):
    """The majority is there and elects another one. Until then the broker refuses, which is no failure yet; and a channel
    that has known the dead leader refuses for ever."""
    assert done(probe(broker["rmq1"]), "quorum")
    leader = vhost.queues(query="?disable_stats=true")["dr.probe"]["leader"].split("@")[0]
    broker[leader].kill()
    other = next(node for node in broker.nodes if node.running())
    if noticed:
        broker.wait_gone(broker[leader])
    result = probe(other, "shop", "both", "-t", "10s")
    assert result.state == "OK" and done(result, "classic", "quorum"), result


def test_the_queue_has_removed_itself(broker, vhost, probe):
    for node in broker.nodes:
        assert done(probe(node, kind="quorum"), "quorum")
        vhost.delete_queue("dr.probe")
        assert done(probe(node, kind="quorum"), "quorum")


def test_made_by_several_at_once(broker, vhost, probe):
    results = []
    threads = [threading.Thread(target=lambda node=node: results.append(probe(node, kind="quorum")))
               for node in broker.nodes * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6 and all(done(result, "quorum") for result in results), results


# ---- what must be said ----

def test_no_majority(broker, vhost, probe):
    """Declared and published, both without a complaint: only the confirm tells."""
    assert done(probe(broker["rmq1"]), "quorum")
    broker["rmq2"].kill()
    broker["rmq3"].kill()
    result = probe(broker["rmq1"], "shop", "both", "-t", "4s")
    assert result.state == "CRITICAL" and done(result, "classic") and not done(result, "quorum"), result
    assert result.says("quorum probe: no answer in time (stage: wait for the confirm)"), result
    assert result.within(4), result


def test_no_majority_and_no_queue_yet(broker, vhost, probe):
    broker["rmq2"].kill()
    broker["rmq3"].kill()
    result = probe(broker["rmq1"], "shop", "quorum", "-t", "4s")
    assert result.state == "CRITICAL" and not done(result, "quorum"), result
    assert result.within(4), result


@pytest.mark.parametrize("where", ("rmq1", "rmq2"))
def test_blocked(broker, vhost, probe, where):
    """An alarm of any node blocks the publishers of all: said in its words, at once."""
    broker[where].set_memory_alarm()
    result = probe(broker["rmq1"])
    assert result.state == "CRITICAL" and result.says("blocked", "low on memory"), result
    assert result.within(2), result


def test_blocked_by_the_disk(broker, vhost, probe):
    broker["rmq1"].set_disk_alarm()
    result = probe(broker["rmq1"], kind="quorum")
    assert result.state == "CRITICAL" and result.says("blocked", "low on disk"), result


def test_frozen(broker, vhost, probe):
    broker["rmq1"].freeze()
    result = probe(broker["rmq1"], "shop", "both", "-t", "1s")
    assert result.state == "CRITICAL" and result.says("no answer", "greeting"), result
    assert result.within(1), result


def test_down(broker, vhost, probe):
    broker["rmq1"].kill()
    result = probe(broker["rmq1"])
    assert result.state == "CRITICAL" and result.says("refused"), result


# ---- access ----

def test_wrong_password(broker, vhost, probe):
    result = probe(broker["rmq1"], user=("lab", "Zebra"))
    assert result.state == "UNKNOWN" and result.says("ACCESS_REFUSED"), result


def test_no_such_virtual_host(broker, probe):
    result = probe(broker["rmq1"], vhost="nowhere")
    assert result.state == "UNKNOWN" and result.says("vhost nowhere not found"), result


def test_no_rights_in_the_virtual_host(broker, vhost, probe):
    result = probe(broker["rmq1"], user=broker.user("nagios"))
    assert result.state == "UNKNOWN" and result.says("rabbitmqctl set_permissions -p 'shop' 'nagios'"), result


def test_the_grant_that_is_named_is_enough(broker, vhost, probe):
    user = broker.user("nagios")
    vhost.permit("nagios")
    assert probe(broker["rmq1"], kind=None, user=user).state == "OK"
    result = probe(broker["rmq1"], user=user)
    assert result.state == "UNKNOWN", result
    words = re.search(r"classic probe: rabbitmqctl set_permissions -p 'shop' 'nagios' '(.*)' '(.*)' '(.*)'", result.output)
    assert words and words.groups() == GRANT, result
    broker["rmq1"].ctl("set_permissions", "-p", "shop", "nagios", *words.groups())
    result = probe(broker["rmq1"], user=user)
    assert result.state == "OK" and done(result, "classic", "quorum"), result


@pytest.mark.parametrize("missing", range(3), ids=("configure", "write", "read"))
def test_each_part_of_the_grant_is_needed(broker, vhost, probe, missing):
    user = broker.user("nagios")
    vhost.permit("nagios", *("^$" if number == missing else pattern for number, pattern in enumerate(GRANT)))
    result = probe(broker["rmq1"], user=user)
    assert result.state == "UNKNOWN" and result.says("classic probe: rabbitmqctl set_permissions"), result


@pytest.mark.parametrize("foreign", ({"type": "classic"}, {"type": "quorum"}, {"type": "stream"}),
                         ids=lambda foreign: foreign["type"])
def test_a_foreign_queue_of_that_name(broker, vhost, probe, foreign):
    """It gets no message of ours."""
    vhost.declare("dr.probe", **foreign)
    result = probe(broker["rmq1"], kind="quorum")
    assert result.state == "UNKNOWN" and result.says("inequivalent arg"), result
    if foreign["type"] != "stream":
        vhost.wait_messages("dr.probe", 0)
