# SPDX-License-Identifier: GPL-3.0-or-later
"""check_queue_mirrors on a RabbitMQ cluster whose nodes die, freeze, part, fill up and are drained."""

import functools
import http.server
import threading
import time

import pytest

from queues_management import HOST, fill, label, run, settle, until, url

FROZEN = "alive, but statistics hang: waiting for a node that is frozen or cut off"


@pytest.fixture
def look(tmp_path):
    """look(target, ..., user=...): queues_management.run"""
    return functools.partial(run, tmp_path)


def of(result, subject):
    return [(state, text[len(subject) + 2:]) for state, text in result.findings if text.startswith(subject + ": ")]


def healthy(result):
    return result.code == 0 and "any one of 3 nodes can die now: 3 queues with 20 messages live on" in result.first


def test_healthy(broker, vhost, look):
    """All nodes given, and one: the same verdict, the same figures."""
    fill(vhost)
    results = look(url(*broker.nodes)), look(url(broker["rmq2"]))
    for result in results:
        assert healthy(result), result
        for name in ("rmq1", "rmq2", "rmq3"):
            assert of(result, name) == [
                ("OK", "its death loses nothing and stops nothing (2 queues could not lose another node then)")], result
    assert [set(result.perfdata) for result in results][0] == set(results[1].perfdata), results
    assert results[0].perfdata["lost"] == 0 and results[0].perfdata["fragile"] == 2, results


def test_node_without_queues(broker, vhost, look):
    """It is a node all the same: what it is called, a zone may name it, and nothing dies with it."""
    vhost.policy("two", "^two", {"ha-mode": "nodes", "ha-params": ["rmq1@localhost", "rmq2@localhost"]})
    vhost.declare("two.orders", node=broker["rmq1"])
    vhost.wait_queue("two.orders", lambda queue: queue.get("synchronised_slave_nodes") == ["rmq2@localhost"], "in sync")
    zones = "--zone", "a=rmq1", "--zone", "b=rmq2", "--zone", "c=rmq3"
    result = until(lambda: look(url(broker["rmq1"]), *zones), lambda result: result.code == 0, "all is well")
    assert "any one of 3 nodes can die now" in result.first and "and so with any zone" in result.first, result
    assert of(result, "rmq3")[0][0] == "OK" and result.perfdata["rmq3_lost"] == 0, result


def test_expected_nodes(broker, look):
    good = "--expect-node", "rmq1", "--expect-node", "rmq2@localhost"
    assert look(url(broker["rmq1"]), *good).code == 0
    result = look(url(broker["rmq1"]), *good, "--expect-node", "rmq4")
    assert result.code == 2 and "rmq4: expected, but not a member of the cluster" in result.first, result
    assert result.says("rabbitmqctl join_cluster"), result
    # All three are on localhost: which one is meant cannot be told.
    result = look(url(broker["rmq1"]), "--expect-node", "localhost")
    assert result.code == 3 and result.says("localhost: expected, but 3 nodes go by that: say all of the name"), result


def test_descriptors(broker, look):
    result = look(url(broker["rmq1"]), "-w", "fd_used=0.01")
    assert result.code == 1, result
    for name in ("rmq1", "rmq2", "rmq3"):
        assert of(result, name)[0][0] == "WARNING" and "file descriptors in use" in of(result, name)[0][1], result
        figure = result.perfdata[name + "_fd_used"]
        assert 0 < figure < 50 and figure.unit == "%" and figure.warning == "0.01", result
    result = look(url(broker["rmq1"]))
    assert result.code == 0 and result.perfdata["rmq1_fd_used"].critical == "95", result


def test_memory_alarm(broker, vhost, look):
    fill(vhost)
    broker["rmq2"].set_memory_alarm()
    for nodes in (broker.nodes, [broker["rmq3"]]):
        result = look(url(*nodes))
        assert result.code == 2, result
        assert result.first.startswith("QUEUES CRITICAL - nobody can publish: memory on rmq2@localhost"), result
        assert of(result, "alarms") == [("CRITICAL", "publishers are blocked on all nodes: memory on rmq2@localhost")]
    broker["rmq2"].set_memory_alarm(False)
    assert look(url(*broker.nodes)).code == 0


def test_disk_alarm(broker, look):
    """Also without any queue."""
    broker["rmq1"].set_disk_alarm()
    result = look(url(broker["rmq3"]))
    assert result.code == 2 and "nobody can publish: disk space on rmq1@localhost" in result.first, result


def test_drained_node(broker, vhost, look):
    """3.10 does not say so in its API: its management refuses, and its members are away."""
    fill(vhost)
    broker["rmq3"].drain()
    result = until(lambda: look(url(*broker.nodes)), lambda result: "(not rmq3)" in result.output, "members are away")
    assert result.code == 2 and of(result, label(broker["rmq3"]))[0][0] == "CRITICAL", result
    assert result.says("drained for maintenance (rabbitmq-upgrade revive)"), result
    # Said: then only what the next death would stop, which can be allowed.
    said = "--maintenance", "rmq3", "--maintenance", label(broker["rmq3"])
    result = look(url(*broker.nodes), *said)
    assert result.code == 1 and "stops if rmq1 dies now; nothing is lost if it comes back" in result.first, result
    assert of(result, label(broker["rmq3"]))[0][0] == "OK", result
    result = look(url(*broker.nodes), *said, "-w", "unavailable=9")
    assert result.code == 0, result
    broker["rmq3"].revive()
    settle(vhost)
    until(lambda: look(url(*broker.nodes)), healthy, "it is back")


def test_killed_node(broker, vhost, look):
    fill(vhost)
    dead = broker["rmq3"]
    dead.kill()
    broker.wait_gone(dead)
    result = until(lambda: look(url(*broker.nodes)), lambda result: "2 of 3 by ha" in result.output, "mirrors are gone")
    assert result.code == 2, result
    assert "QUEUES CRITICAL - rmq3: is a member of the cluster, and is down; 2 queues with" in result.first, result
    assert of(result, label(dead))[0][0] == "CRITICAL" and "Couldn't connect" in of(result, label(dead))[0][1], result
    for name in ("rmq1", "rmq2"):
        state, text = of(result, name)[0]
        assert state == "WARNING" and "its death stops 2 queues" in text, result
        assert "shop/events (" in text and "shop/payments (" in text and "1 of 3 members left" in text, result
    assert result.says("rabbitmqctl forget_cluster_node rmq3@localhost"), result
    assert "rmq3_lost" not in result.perfdata, result
    # One node is asked, and the dead one expected: told once.
    result = look(url(broker["rmq1"]), "--expect-node", "rmq3")
    assert result.code == 2 and of(result, "rmq3") == [("CRITICAL", "is a member of the cluster, and is down")], result
    # On purpose.
    said = "--maintenance", "rmq3", "--maintenance", label(dead)
    result = look(url(*broker.nodes), *said)
    assert result.code == 1 and of(result, "rmq3") == [("OK", "down, in maintenance, as said")], result
    assert look(url(*broker.nodes), *said, "-w", "unavailable=9").code == 0
    # Another one was meant.
    assert look(url(*broker.nodes), "--maintenance", "rmq2").code == 2
    # It comes back: for a moment it runs, and says nothing of itself.
    dead.start(wait=False)
    result = until(lambda: look(url(broker["rmq1"])), lambda result: "just started" in result.output, "it runs", 60)
    assert result.code == 1 and of(result, "rmq3")[0][0] == "WARNING", result
    dead.wait_ready()
    settle(vhost)
    until(lambda: look(url(*broker.nodes)), healthy, "it is back")


def test_frozen_node_then_partition(broker, vhost, look):
    """Frozen: its peers are alive, but what they would have to ask it hangs. Given up, and then back: split."""
    fill(vhost)
    frozen = broker["rmq3"]
    frozen.freeze()
    began = time.monotonic()
    result = look(url(*broker.nodes), "--must-replicate", "orders", "-t", "5s")
    assert time.monotonic() - began < 5.5 and result.seconds < 5, result
    assert result.code == 2, result
    assert of(result, "cluster") == [("CRITICAL", "%s, %s: %s, it seems %s" % (
        label(broker["rmq1"]), label(broker["rmq2"]), FROZEN, label(frozen)))], result
    assert of(result, label(frozen))[0][0] == "CRITICAL", result
    assert of(result, "must replicate") == [("OK", "1 queue proven to have 2 or more safe copies")], result
    assert "can die now" not in result.output and "loses nothing" not in result.output, result
    assert result.says("before net_ticktime makes a partition of it"), result

    broker.wait_gone(frozen)
    result = look(url(broker["rmq1"]))
    assert result.code == 2 and of(result, "rmq3") == [("CRITICAL", "is a member of the cluster, and is down")], result

    frozen.thaw()
    # Which of them names it differs from time to time.
    broker["rmq1"].wait_view(lambda view: any(node.get("partitions") for node in view.values()), "a partition")
    result = look(url(*broker.nodes))
    assert result.code == 2 and "the cluster is split: its sides go on without each other" in result.first, result
    assert any(state == "CRITICAL" and "network partition: it does not see" in text for state, text in result.findings)
    assert "can die now" not in result.output and "loses nothing" not in result.output, result
    assert not [name for name in result.perfdata if "lost" in name], result
    assert result.says("choose the side to keep", "both sides count"), result
    # One side is enough to tell, and whoever is on the other one is not to be forgotten.
    result = look(url(broker["rmq1"]))
    assert result.code == 2 and "the cluster is split" in result.first, result
    assert of(result, "rmq3")[0][0] == "CRITICAL" and "network partition" in of(result, "rmq3")[0][1], result
    assert "forget_cluster_node" not in result.output, result
    result = look(url(frozen))
    assert result.code == 2 and "can die now" not in result.output, result


# ---- what is no RabbitMQ ----

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("status, body, code, words", (
    (200, b"<html>It works!</html>", 3, "no management API here"),
    (200, b"{}", 3, "no management API here"),
    (200, b"[]", 3, "no management API here"),
    (404, b"not here", 3, "no management API here (HTTP 404): check port and path prefix"),
    (302, b"", 3, "no management API here (HTTP 302)"),
    (401, b"who are you?", 3, 'wrong user or password for "lab"'),
    (500, b"", 2, "the management API fails (HTTP 500)"),
    (503, b"", 2, "the management API fails (HTTP 503)"),
))
def test_another_web_server(look, status, body, code, words):
    with http.server.HTTPServer((HOST, 0), Page) as server:
        server.status, server.body = status, body
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            result = look("rabbitmq://lab@%s:%d" % server.server_address)
        finally:
            server.shutdown()
            thread.join()
    assert result.code == code and words in result.first, result
    assert "lost" not in result.perfdata, result


def test_its_amqp_port(broker, look):
    """The customary mistake."""
    result = look("rabbitmq://lab@%s:%d" % (HOST, broker["rmq1"].port), "-t", "5")
    assert result.code == 3, result
    assert "cannot tell what would be lost: no node gave its list of queues" in result.first, result
