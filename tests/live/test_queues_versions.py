# SPDX-License-Identifier: GPL-3.0-or-later
"""check_queue_mirrors on whichever RabbitMQ this suite has: quorum queues, streams and classic queues without mirrors, which
every version has. What it says is lost when a node dies is compared with what is lost when that node is killed."""

import rabbitmq
from test_queues_rabbitmq import TOTALS, ask, counts, die, predicted  # noqa: F401 (ask is a fixture)


def declare_all(vhost, home):
    """One queue of each kind, those that can have one leader only on the node `home`; {name: messages}."""
    streams = rabbitmq.find_version() >= (3, 9)
    vhost.declare("plain", node=home)
    vhost.declare("q.three", type="quorum", node=home)
    vhost.declare("q.two", type="quorum", node=home, x_quorum_initial_group_size=2)
    vhost.declare("q.one", type="quorum", node=home, x_quorum_initial_group_size=1)
    if streams:  # not the name of another test's stream: of that the server still has the figures
        vhost.declare("s.versions", type="stream", node=home)
    messages = {"plain": 5, "q.three": 11, "q.two": 12, "q.one": 13}
    messages.update({"s.versions": 14} if streams else {})
    for name, count in messages.items():
        vhost.publish(name, count)
    return messages


def test_what_is_foreseen_happens(broker, vhost, ask):  # noqa: F811
    before = declare_all(vhost, broker["rmq1"])
    counts(vhost, before)
    for node in broker.nodes:
        result = ask("--all-queues")
        foreseen = predicted(result, node)
        happened = die(broker, vhost, node, before)
        # Messages that were not confirmed may be there all the same: each queue that is stopped is tried for a while.
        beyond = happened.pop("unavailable_messages") - foreseen.pop("unavailable_messages")
        assert 0 <= beyond <= 3 * happened["unavailable"] and happened == foreseen, result


def test_a_fresh_quorum_queue(vhost, ask):  # noqa: F811
    """Nothing is said to be empty that is not, also before its first tick."""
    vhost.declare("fresh", type="quorum")
    vhost.publish("fresh", 3)
    if vhost.cluster.version() >= (4, 0):  # its totals follow the confirms by some milliseconds, its figures by a tick
        rabbitmq.wait_until(lambda: vhost.queues(query=TOTALS)["fresh"].get("messages") == 3, "totals", 10, rabbitmq.POLL)
    result = ask("--include", "^fresh$")
    assert result.code == 0 and "0 messages" not in result.first, result
    if vhost.cluster.version() >= (4, 0):
        assert "3 messages" in result.first, result
