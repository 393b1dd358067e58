# SPDX-License-Identifier: GPL-3.0-or-later
"""check_queue_mirrors on a real RabbitMQ cluster: what it says is lost when a node dies is compared with what is lost when
that node is killed, and each way in which a cluster looks better than it is has to show."""

import concurrent.futures
import time

import pytest

import check
import rabbitmq
from postgresql import LabError

TOTALS = "?disable_stats=true&enable_queue_totals=true"
DEATH = ("lost", "lost_queues", "unavailable", "unavailable_messages")


def counts(vhost, wanted=None):
    """{queue: messages}, when every queue that is there has said it (and is in `wanted`, when given)."""
    seen = {}

    def settled():
        seen.clear()
        for name, queue in vhost.queues().items():
            if queue.get("state") is None or "messages" not in queue:
                return False
            seen[name] = queue["messages"]
        # Since 4.0 a quorum queue that has just got its leader has none by its figures, and all by the totals, which are
        # newer than the figures: what the check sees is waited for where that is enough.
        if vhost.cluster.version() >= rabbitmq.WITHOUT_MIRRORS:
            for name, queue in vhost.queues(query=TOTALS).items():
                seen[name] = max(seen.get(name, 0), queue.get("messages", 0))
        return wanted is None or seen == wanted
    rabbitmq.wait_until(settled, lambda: "figures of all queues, like %s: %s" % (wanted, seen), 40, rabbitmq.POLL)
    return dict(seen)


def recovered(vhost, before):
    """The messages of each queue after a restart. Since 4.0 quorum queues are said to be empty at first, by the totals as
    well: what comes back within ten seconds was not lost."""
    if vhost.cluster.version() >= rabbitmq.WITHOUT_MIRRORS:
        try:
            rabbitmq.wait_until(lambda: all(counts(vhost).get(name, 0) >= count for name, count in before.items()),
                                lambda: "all messages are back", 10, rabbitmq.POLL)
        except LabError:
            pass  # they are lost, and the caller says so
    return counts(vhost)


def accepts(vhost, name):
    """A message to that queue is confirmed. What is published to a stream while it elects its leader is dropped: it is tried
    again."""
    for _ in range(4 if vhost.queue(name).get("type") == "stream" else 1):
        try:
            vhost.publish(name, seconds=6)
            return True
        except LabError:
            pass
    return False


def accepting(vhost, names):
    """Those of the queues that can be used."""
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        return {name for name, good in zip(names, pool.map(lambda name: accepts(vhost, name), names)) if good}


def predicted(result, node):
    return {metric: result.perfdata["%s_%s" % (node.name, metric)] for metric in DEATH}


def elected(vhost, gone):
    """Quorum queues that have a majority have a leader, too."""
    return all(queue.get("leader") not in (None, "", gone.nodename) for queue in vhost.queues().values()
               if queue["type"] == "quorum" and 2 * len(set(queue["online"]) - {gone.nodename}) > len(queue["members"]))


def die(broker, vhost, node, before, meanwhile=lambda: None):
    """Kills the node, sees what that does, and starts it again: the figures as they really are. `before`: the messages of
    each queue, brought up to date."""
    node.kill()
    broker.wait_gone(node)
    rabbitmq.wait_until(lambda: elected(vhost, node), "new leaders", 30, 0.2)
    confirmed = accepting(vhost, sorted(before))
    for name in confirmed:
        before[name] += 1
    meanwhile()
    node.start()
    broker.wait_whole()
    after = recovered(vhost, before)
    rabbitmq.wait_until(lambda: all(set(queue.get("online", [])) == set(queue.get("members", []))
                                    for queue in vhost.queues().values()), "all members are online", 30, 0.2)
    lost = {name: count - after.get(name, 0) for name, count in before.items() if count > after.get(name, 0)}
    stopped = {name for name in after if name not in confirmed}
    before.clear()
    before.update(after)
    return {"lost": sum(lost.values()), "lost_queues": len(lost), "unavailable": len(stopped),
            "unavailable_messages": sum(after[name] for name in stopped)}


@pytest.fixture
def ask(broker, vhost, tmp_path):
    """Asks all nodes that run, or those given, with no more rights than it takes; check.Result."""
    password = tmp_path / "password"
    password.write_text(rabbitmq.PASSWORD + "\n")
    password.chmod(0o600)
    broker.user("nagios")
    vhost.permit("nagios")

    def run(*arguments, nodes=None):
        hosts = ",".join("127.0.0.1:%d" % node.http_port for node in nodes or filter(rabbitmq.Node.usable, broker.nodes))
        result = check.run("check_queue_mirrors", "-T", "rabbitmq://nagios@" + hosts, "--password-file", password,
                           *arguments, service="QUEUES")
        print(result)
        return result
    return run


# ---- the promise: what it says is what happens ----

def declare_all(vhost, rmq1, rmq2, rmq3):
    """One queue of each kind and state; {name: messages}."""
    pairs = {"jobs": (rmq2, rmq3), "late": (rmq2, rmq1), "wait": (rmq1, rmq2)}
    vhost.policy("all", "^safe$", {"ha-mode": "all", "ha-sync-mode": "automatic"})
    for name, nodes in pairs.items():
        vhost.declare(name, node=nodes[0])
    for name in ("safe", "plain", "memory"):
        vhost.declare(name, node=rmq1)
    vhost.declare("fleeting", node=rmq1, durable=False)
    vhost.declare("q.three", type="quorum", node=rmq1)
    vhost.declare("q.two", type="quorum", node=rmq1, x_quorum_initial_group_size=2)
    vhost.declare("q.one", type="quorum", node=rmq1, x_quorum_initial_group_size=1)
    vhost.declare("s.three", type="stream", node=rmq1)
    persistent = {"late": 10, "wait": 7, "safe": 20, "plain": 5, "q.three": 11, "q.two": 12, "q.one": 13, "s.three": 14}
    fleeting = {"wait": 2, "plain": 3, "memory": 4, "fleeting": 6}
    for name, count in persistent.items():
        vhost.publish(name, count)
    for name, count in fleeting.items():
        vhost.publish(name, count, persistent=False)
    for name, nodes in pairs.items():
        vhost.policy(name, "^%s$" % name, dict(
            {"ha-mode": "nodes", "ha-params": [node.nodename for node in nodes], "ha-sync-mode": "manual"},
            **({"ha-promote-on-failure": "when-synced"} if name == "wait" else {})))
        vhost.wait_queue(name, lambda queue: queue.get("slave_nodes") == [nodes[1].nodename], "has its mirror")
    vhost.wait_queue("safe", lambda queue: len(queue.get("synchronised_slave_nodes", [])) == 2, "is mirrored")
    return {name: persistent.get(name, 0) + fleeting.get(name, 0) for name in set(persistent) | set(fleeting) | {"jobs"}}


@pytest.mark.mirrors
def test_predicted_loss_is_real_loss(broker, vhost, ask):
    """Before each node is killed its figures are taken; after it is back they are compared with what is there."""
    rmq1, rmq2, rmq3 = broker.nodes
    before = declare_all(vhost, rmq1, rmq2, rmq3)
    counts(vhost, before)

    # Nothing depends on rmq3 yet. While it is away "jobs" gets what its mirror there will not have.
    result = ask("--all-queues")
    foreseen = predicted(result, rmq3)
    assert foreseen == {"lost": 0, "lost_queues": 0, "unavailable": 0, "unavailable_messages": 0}, result

    def publish_jobs():
        vhost.publish("jobs", 50)
        before["jobs"] += 50
    assert die(broker, vhost, rmq3, before, publish_jobs) == foreseen
    vhost.wait_queue("jobs", lambda queue: queue["slave_nodes"] and not queue["synchronised_slave_nodes"], "unsynchronised")

    # What came after its mirror had joined is on both, and nobody can see how much that is.
    vhost.publish("late", 4)
    before["late"] += 4
    counts(vhost, before)
    result = ask("--all-queues")
    foreseen = predicted(result, rmq2)
    # One message more in each: die() has seen whether they could be used.
    assert foreseen == {"lost": 51 + 15, "lost_queues": 2, "unavailable": 1, "unavailable_messages": 13}, result
    assert result.state == "CRITICAL" and result.says("loses up to 66 messages in 2 queues if rmq2 dies now"), result
    assert result.says("shop/late (up to 15: rmq1 not synchronised"), result
    real = die(broker, vhost, rmq2, before)
    assert real.pop("lost") == foreseen.pop("lost") - 5 and real == foreseen

    for name, mirror in (("jobs", rmq2), ("late", rmq2), ("wait", rmq2)):
        vhost.wait_queue(name, lambda queue: queue.get("slave_nodes") == [mirror.nodename], "has its mirror back")
    # The unmirrored ones, the one that waits for its leader, those without a majority.
    counts(vhost, before)
    result = ask("--all-queues")
    foreseen = predicted(result, rmq1)
    assert foreseen["lost"] == 2 + 3 + 4 + before["fleeting"] + before["late"] and foreseen["unavailable"] == 5, result
    assert result.says("shop/wait (2 not persistent, rmq2 not synchronised)"), result
    assert result.says("shop/fleeting (%d: not durable, no other copy)" % before["fleeting"]), result
    assert result.says("shop/wait (%d: rmq2 not synchronised, waits by its policy)" % (before["wait"] - 2)), result
    assert die(broker, vhost, rmq1, before) == foreseen


# ---- a node, and a second one, are gone ----

@pytest.mark.mirrors
def test_home_node_down(broker, vhost, ask):
    # Not the name of another test's stream: of that the server still has the figures.
    rmq1, rmq2, rmq3 = broker.nodes
    vhost.declare("plain", node=rmq3)
    vhost.declare("q.one", type="quorum", node=rmq3, x_quorum_initial_group_size=1)
    vhost.declare("q.two", type="quorum", node=rmq3, x_quorum_initial_group_size=2)
    vhost.declare("q.three", type="quorum", node=rmq1)
    vhost.declare("s.members", type="stream", node=rmq1)
    vhost.policy("pair", "^pair$", {"ha-mode": "nodes", "ha-params": [rmq1.nodename, rmq3.nodename]})
    vhost.policy("all", "^all$", {"ha-mode": "all"})
    vhost.declare("pair", node=rmq1)
    vhost.declare("all", node=rmq1)
    for name in ("plain", "q.one", "q.two", "q.three", "s.members", "pair", "all"):
        vhost.publish(name, 12)
    counts(vhost, dict.fromkeys(("plain", "q.one", "q.two", "q.three", "s.members", "pair", "all"), 12))
    partner = next(node for node in (rmq1, rmq2) if node.nodename in vhost.queue("q.two")["members"])
    rmq3.kill()
    broker.wait_gone(rmq3)
    vhost.wait_queue("q.three", lambda queue: queue.get("leader") and len(queue["online"]) == 2, "has a leader")
    vhost.wait_queue("s.members", lambda queue: len(queue["online"]) == 2, "goes on")
    vhost.wait_queue("pair", lambda queue: queue.get("state") == "running", "runs")
    assert vhost.queue("plain") == {}  # 404, as if there were none

    result = ask()
    assert result.state == "CRITICAL", result
    assert result.says("3 queues cannot be used now"), result
    assert result.about("rmq3") == [("CRITICAL", "rmq3: is a member of the cluster, and is down")], result
    assert result.says("1 queue is down: its only copy is on a node that is down: shop/plain (rmq3)"), result
    assert result.says("2 queues have no majority of their members: nobody can publish or consume:"), result
    assert result.says("shop/q.one (0 of 1 members online, not rmq3)", "shop/q.two (1 of 2 members online, not rmq3)"), result
    assert result.says("1 queue has no mirror left, though its policy wants some: shop/pair (pair)"), result
    assert result.says("1 queue has fewer copies than its policy wants: shop/all (2 of 3 by all)"), result
    assert result.says("2 queues are without some of their members: shop/q.three (not rmq3), shop/s.members (not rmq3)"), result
    assert result.perfdata["%s_unavailable_messages" % rmq2.name] == 24, result
    assert result.perfdata["%s_unavailable_messages" % rmq1.name] == 36, result

    # One queue by itself, as the peers of this check are used.
    for name, words in (("plain", "1 of 1 queues cannot be used now"), ("q.one", "1 of 1 queues cannot be used now")):
        result = ask("--include", "^%s$" % name, "--queue-critical", "%s:messages=20" % name)
        assert result.state == "CRITICAL" and result.says(words, "1 queue does not say its messages: shop/" + name), result
    result = ask("--must-replicate", "^(q|s|pair)", "--min-copies", "2")
    assert result.says("3 of 5 that must be replicated have fewer than 2 safe copies", "shop/q.one (0 copies",
                       "shop/q.two (0 copies, members away)", "shop/pair (1 copy, mirrors missing)"), result

    # On purpose: what is whole without that node is no alarm.
    result = ask("--maintenance", "rmq3", "--include", "^all$")
    assert result.state == "OK" and result.about("rmq3") == [("OK", "rmq3: down, in maintenance, as said")], result
    assert ask("--include", "^all$").state == "CRITICAL"
    result = ask("--maintenance", "rmq3@localhost", "--include", "^q.three$")
    assert result.state == "WARNING" and result.says("1 queue with 12 messages stops if %s dies now" % rmq1.name), result
    assert ask("--maintenance", "rmq3", "--include", "^plain$").state == "CRITICAL"  # down is down

    # A second one: no majority is left, and says "running" all the same.
    partner.kill()
    last = next(node for node in (rmq1, rmq2) if node is not partner)
    broker.wait_gone(partner)
    vhost.wait_queue("q.three", lambda queue: len(queue.get("online", [])) == 1, "stops")
    result = ask()
    assert result.state == "CRITICAL" and result.says("have no majority of their members"), result
    assert result.says("shop/q.three (1 of 3 members online"), result
    # Nobody is left who could say where the members of a stream are.
    assert result.says("shop/s.members (1 of 3 members") or result.says("does not say where its copies are: shop/s.members"), result
    assert "%s_unavailable" % last.name in result.perfdata, result

    broker.heal()
    # Of "pair" the mirror that died first may come back first, and takes over what it had: nothing.
    wanted = dict.fromkeys(("plain", "q.one", "q.two", "q.three", "s.members", "all"), 12)
    rabbitmq.wait_until(lambda: wanted.items() <= counts(vhost).items(), "all is back", 40, 0.2)
    vhost.wait_queue("s.members", lambda queue: len(queue.get("online", [])) == 3, "is whole")
    vhost.wait_queue("q.three", lambda queue: len(queue.get("online", [])) == 3, "is whole")
    result = ask("--include", "^(q.three|s.members)$")
    assert result.state == "OK" and result.says("any one of 3 nodes can die now: 2 queues with 24 messages live on"), result


@pytest.mark.mirrors
def test_drained_node(broker, vhost, ask):
    vhost.policy("all", ".", {"ha-mode": "all", "ha-sync-mode": "automatic"})
    vhost.declare("orders", node=broker["rmq3"])
    vhost.publish("orders", 5)
    counts(vhost, {"orders": 5})
    broker["rmq3"].drain()
    result = ask()
    assert result.state == "OK" and result.says("any one of 3 nodes can die now: 1 queue with 5 messages"), result
    broker["rmq3"].stop()
    broker.wait_gone(broker["rmq3"])
    vhost.wait_queue("orders", lambda queue: queue.get("state") == "running" and "messages" in queue, "runs")
    assert ask().state == "CRITICAL"
    result = ask("--maintenance", "rmq3")
    assert result.state == "OK" and result.says("any one of 2 nodes can die now: 1 queue with 5 messages"), result


# ---- --state-dir ----

def unsynchronised(vhost, name, leader, mirror, count, arguments=(), **more):
    """A queue with messages that its mirror does not have."""
    vhost.declare(name, node=leader, **dict(arguments))
    vhost.publish(name, count)
    vhost.policy(name, "^%s$" % name, dict(
        {"ha-mode": "nodes", "ha-params": [leader.nodename, mirror.nodename], "ha-sync-mode": "manual"}, **more))
    vhost.wait_queue(name, lambda queue: queue.get("slave_nodes") == [mirror.nodename]
                     and queue.get("messages") == count, "has its mirror")


@pytest.mark.mirrors
def test_loss_is_told_afterwards(broker, vhost, ask, tmp_path):
    rmq1, rmq2, rmq3 = broker.nodes
    (tmp_path / "state").mkdir()

    def look(*arguments):
        return ask("--state-dir", tmp_path / "state", *arguments, nodes=broker.nodes)
    unsynchronised(vhost, "jobs", rmq2, rmq3, 50)
    vhost.policy("all", "^(done|kept)$", {"ha-mode": "all"})
    for name in ("done", "kept"):
        vhost.declare(name, node=rmq2)
        vhost.publish(name, 30)
    vhost.declare("brief", node=rmq1, x_message_ttl=60000)
    vhost.publish("brief", 8)
    vhost.declare("purged", node=rmq1)
    vhost.publish("purged", 9)
    counts(vhost, {"jobs": 50, "done": 30, "kept": 30, "brief": 8, "purged": 9})
    assert not look().says("lost messages"), "nothing has happened"

    # Consumers of both nodes take what is in "done"; those of the dead one are no longer counted.
    for node in (rmq1, rmq2):
        consumer = vhost.hold("done", 15, node)
        consumer.acknowledge(15)
        vhost.wait_queue("done", lambda queue: queue["messages"] <= (15 if node is rmq1 else 0), "is drained")
        consumer.close()
    rmq2.kill()
    broker.wait_gone(rmq2)
    look()  # while leaders change there are no figures
    vhost.wait_queue("jobs", lambda queue: queue.get("state") == "running" and "messages" in queue, "runs")
    counts(vhost, {"jobs": 0, "done": 0, "kept": 30, "brief": 8, "purged": 9})
    result = look()
    assert result.says("1 queue lost messages when its leader moved: shop/jobs (50 messages,"), result
    assert not result.says("was emptied"), result
    rmq2.start()
    broker.wait_whole()
    result = look()
    assert result.state == "CRITICAL" and result.says("lost messages when its leader moved: shop/jobs (50 messages,"), result

    # Emptied by hand, and by their time to live.
    vhost.api("DELETE", "queues", "purged", "contents")
    vhost.api("DELETE", "queues", "brief", "contents")
    vhost.wait_messages("purged", 0)
    vhost.wait_messages("brief", 0)
    result = look()
    assert result.says("1 queue was emptied, and nobody took its messages: shop/purged (9 messages,"), result
    vhost.delete_queue("jobs")
    result = look("--include", "^(purged|brief)$", "--must-replicate", "^purged$", "--min-copies", "1")
    assert result.state == "WARNING" and not result.says("lost messages"), result


def test_damaged_state(vhost, ask, tmp_path):
    vhost.declare("orders", type="quorum")
    vhost.publish("orders", 3)
    counts(vhost, {"orders": 3})
    state = ["--state-dir", tmp_path / "state"]
    (tmp_path / "state").mkdir()
    assert ask(*state).state == "OK"
    file, = (path for path in (tmp_path / "state").iterdir() if path.stat().st_size > 0)
    whole = file.read_bytes()
    for text in (b"", whole[:len(whole) // 2], b"\xff" * 200, whole.replace(b"3", b"9")):
        file.write_bytes(text)
        result = ask(*state)
        assert result.state == "OK" and result.says("1 queue with 3 messages lives on"), result
    assert ask(*state).state == "OK"


@pytest.mark.mirrors
def test_mirror_stays_unsynchronised(broker, vhost, ask, tmp_path):
    rmq1, rmq2, _ = broker.nodes
    state = ["--state-dir", tmp_path / "state", "--unsynced-for", "1s"]
    (tmp_path / "state").mkdir()
    unsynchronised(vhost, "jobs", rmq1, rmq2, 5, **{"ha-promote-on-failure": "when-synced"})
    result = ask(*state)
    assert result.state == "WARNING" and result.says("1 queue has a mirror that is not synchronised: shop/jobs (rmq2)"), result

    def too_long():
        result = ask(*state)
        return result.state == "CRITICAL" and result.says("1 queue's mirror has not been synchronised for too long: shop/jobs")
    rabbitmq.wait_until(too_long, "CRITICAL after a second", 10, 0.3)
    vhost.api("POST", "queues", "jobs", "actions", body={"action": "sync"})
    vhost.wait_queue("jobs", lambda queue: queue.get("synchronised_slave_nodes") == [rmq2.nodename], "is synchronised")
    rabbitmq.wait_until(lambda: ask(*state).state == "OK", "OK once it is synchronised", 10, 0.2)


@pytest.mark.mirrors
def test_synchronising(broker, vhost, ask):
    """While it lasts the server names the synchronised mirrors twice, and differently."""
    rmq1, rmq2, _ = broker.nodes
    # From disk, one by one: it must take long enough to be seen.
    unsynchronised(vhost, "jobs", rmq1, rmq2, 60000, {"x_queue_mode": "lazy"},
                   **{"ha-sync-batch-size": 1, "ha-promote-on-failure": "when-synced"})
    vhost.api("POST", "queues", "jobs", "actions", body={"action": "sync"})
    before = []

    def done():
        result = ask()
        now = vhost.queues(query="?disable_stats=true")["jobs"]["synchronised_slave_nodes"]
        assert result.state == "WARNING" or now == [rmq2.nodename], "nothing is safe before the end\n%s" % result
        before.extend([result] if result.state == "WARNING" else [])
        return result.state == "OK" and not result.says("is being synchronised")
    rabbitmq.wait_until(done, "is synchronised", 60, 0.05)
    assert before, "it was done before anybody looked"


# ---- what the plan asks for ----

def test_must_replicate(broker, vhost, ask):
    rmq1, rmq2, rmq3 = broker.nodes
    vhost.policy("ha", "^orders", {"ha-mode": "exactly", "ha-params": 2, "ha-sync-mode": "automatic"})
    vhost.policy("ttl", "^orders.old$", {"message-ttl": 3600000}, priority=9)
    for name in ("orders.new", "orders.old"):
        vhost.declare(name, node=rmq1)
    vhost.declare("orders.one", type="quorum", x_quorum_initial_group_size=1, node=rmq2)
    vhost.declare("orders.three", type="quorum", node=rmq2)
    vhost.wait_queue("orders.new", lambda queue: queue.get("synchronised_slave_nodes"), "is mirrored")
    vhost.wait_queue("orders.old", lambda queue: queue.get("policy") == "ttl" and "slave_nodes" not in queue, "is not")
    counts(vhost, dict.fromkeys(("orders.new", "orders.old", "orders.one", "orders.three"), 0))

    result = ask("--must-replicate", "^orders")
    assert result.state == "CRITICAL" and result.says("2 of 4 that must be replicated have fewer than 2 safe copies"), result
    assert result.says("shop/orders.old (1 copy, its policy mirrors nothing: ttl)",
                       "shop/orders.one (1 copy, created with one member)"), result
    result = ask("--must-replicate", "^orders", "--exclude", "(old|one)$")
    assert result.state == "OK" and result.says("2 queues proven to have 2 or more safe copies"), result
    result = ask("--must-replicate", "^orders", "--exclude", "(old|one)$", "--min-copies", "3")
    assert result.state == "CRITICAL" and result.says("1 of 2 that must be replicated has fewer than 3 safe copies"), result
    result = ask("--must-replicate", "^orders.three$", "--min-copies", "3", "--include", "^orders.three$")
    assert result.state == "OK" and result.says("1 queue proven to have 3 or more safe copies"), result
    result = ask("--must-replicate", "^ordres")
    assert result.state == "UNKNOWN" and result.says("no queue matches ^ordres: gone, renamed, or mistyped"), result
    result = ask("--include", "^nomatch")
    assert result.state == "UNKNOWN" and result.says("none of 4 is selected by --include and --vhost"), result

    # Zones: also of a node on which nothing lives.
    mirror = vhost.queue("orders.new")["slave_nodes"][0]
    other = next(node for node in (rmq2, rmq3) if node.nodename != mirror)
    apart = ["--zone", "a=rmq1", "--zone", "b=%s" % mirror, "--zone", "c=%s" % other.name]
    result = ask("--include", "^orders.new$", "--must-replicate", "new", *apart)
    assert result.state == "OK" and result.says("and so with any zone"), result
    together = ["--zone", "a=rmq1,%s" % mirror, "--zone", "c=%s" % other.name]
    result = ask("--include", "^orders.new$", "--must-replicate", "new", *together)
    assert result.state == "CRITICAL" and result.says("shop/orders.new (all copies in a)"), result
    assert result.perfdata["zone_a_unavailable"] == 1, result


def test_queues_not_meant_to_last(broker, vhost, ask):
    for name, options in (("w1.celery.pidbox", {}), ("celeryev.x1", {}), ("fleeting", {"durable": False}),
                          ("until.gone", {"auto_delete": True})):
        vhost.declare(name, node=broker["rmq1"], **options)
    counts(vhost)
    result = ask()
    assert result.state == "OK" and result.says("no queue here is meant to last, so none can be lost"), result
    assert result.says("4 are not meant to last and are left out"), result
    result = ask("--all-queues")
    assert result.state == "WARNING" and result.says("if rmq1 dies now") and not result.says("not meant to last"), result


def test_odd_names_and_virtual_hosts(broker, vhost, ask):
    other = broker.vhost("weird v/%20\u00fc")
    name = "weird q/\u00fc%20?'\"|"
    other.permit("nagios")
    for place in (vhost, other):
        place.declare(name, type="quorum")
        place.publish(name, 2)
    other.declare("plain")
    for place, wanted in ((vhost, {name: 2}), (other, {name: 2, "plain": 0})):
        counts(place, wanted)
    result = ask("--vhost", "^shop$", "--queue-critical", "^weird:messages=1")
    assert result.state == "CRITICAL" and result.says("1 queue breaks the limit of messages: shop/weird q/"), result
    assert [value for label, value in result.perfdata.items() if label.endswith("_messages") and "weird" in label] == [2]
    result = ask("--detail", "totals", "--vhost", "^shop$")
    assert result.state == "OK" and result.says("1 queue with 2 messages lives on"), result
    assert ask("--exclude-vhost", "^weird").says("1 queue with 2 messages lives on")
    result = ask("--vhost", "^weird")
    assert result.state == "WARNING" and result.says("1 queue with 0 messages stops if rmq1 dies now"), result
    # A virtual host that we may not look into is not an empty one.
    broker.any().api("DELETE", "/api/permissions/%s/nagios" % rabbitmq.quote(other.name))
    result = ask()
    assert result.state == "UNKNOWN" and result.says("nagios may see only 1 of the 3 that there are"), result


# ---- limits ----

def test_limits(broker, vhost, ask):
    vhost.declare("orders", type="quorum")
    vhost.declare("idle", type="quorum")
    vhost.publish("orders", 20)
    counts(vhost, {"orders": 20, "idle": 0})
    result = ask("-w", "messages=10", "--queue-warning", "^idle$:messages=0")
    assert result.state == "WARNING", result
    assert result.says("1 queue breaks the limit of messages: shop/orders (20, warning above 10)"), result
    assert ask("-c", "messages=20").state == "OK"
    assert ask("--queue-critical", "^orders$:messages=30", "-c", "messages=10").state == "OK"
    result = ask("--queue-critical", "^orders$:consumers=1:")
    assert result.state == "CRITICAL" and result.says("shop/orders (0, critical below 1)"), result

    # Five are with somebody who never acknowledges them: that queue looks perfect to everybody else.
    vhost.hold("orders", 5)
    vhost.wait_messages("orders", 20, messages_unacknowledged=5, consumers=1)
    assert ask("--queue-critical", "^orders$:consumers=1:").state == "OK"
    result = ask("-w", "unacknowledged=4", "-c", "ready=14")
    assert result.state == "CRITICAL", result
    assert result.says("unacknowledged: shop/orders (5, warning above 4)", "ready: shop/orders (15, critical above 14)"), result
    result = ask("--queue-critical", "^orders$:ack_rate=0.1:")
    assert result.state == "CRITICAL" and result.says("1 queue breaks the limit of ack_rate: shop/orders (0"), result

    # The age of the oldest is known where its publisher set a timestamp, else it is not known.
    result = ask("--queue-critical", "^orders$:oldest=5m")
    assert result.state == "UNKNOWN" and result.says("1 queue does not say its oldest: shop/orders"), result
    assert ask("--queue-critical", "^idle$:oldest=5m").state == "OK"
    vhost.policy("all", "^dated$", {"ha-mode": "all"})
    vhost.declare("dated")
    vhost.publish("dated", 1, timestamp=int(time.time()) - 3600)
    vhost.wait_queue("dated", lambda queue: queue.get("head_message_timestamp"), "has a head")
    result = ask("--queue-critical", "^dated$:oldest=30m")
    assert result.state == "CRITICAL" and result.says("1 queue breaks the limit of oldest: shop/dated (1h"), result
    assert 3600 <= result.perfdata["shop_dated_oldest"] <= 3660, result
    assert ask("--queue-critical", "^dated$:oldest=2h").state == "OK"
    result = ask("--queue-warning", "^nobody:messages=1")
    assert result.state == "UNKNOWN" and result.says("no queue matches ^nobody"), result


# ---- healthy ----

def test_fresh_queues(vhost, ask):
    """They have no figures yet."""
    for number in range(3):
        vhost.declare("q%d" % number, type="quorum")
    result = ask()
    assert result.state == "OK" and result.says("3 queues with", "live on"), result
    vhost.policy("all", "^c", {"ha-mode": "all", "ha-sync-mode": "automatic"})
    vhost.declare("c")
    vhost.declare("s", type="stream")
    rabbitmq.wait_until(lambda: ask().state == "OK", "OK within a moment", 10, 0.2)


def test_rebalanced(broker, vhost, ask, tmp_path):
    """Leaders that moved as they should have lost nothing."""
    (tmp_path / "state").mkdir()
    state = ["--state-dir", tmp_path / "state"]
    vhost.policy("all", "^c", {"ha-mode": "all", "ha-sync-mode": "automatic"})
    wanted = {}
    for number in range(3):
        for name, kind in (("c%d" % number, "classic"), ("q%d" % number, "quorum")):
            vhost.declare(name, type=kind, node=broker["rmq1"])
            vhost.publish(name, 3)
            wanted[name] = 3
    counts(vhost, wanted)
    assert ask(*state).state == "OK"

    def leaders():
        return {name: queue.get("leader") or queue.get("node") for name, queue in vhost.queues().items()}
    before = leaders()
    broker.run("rabbitmq-queues", broker["rmq1"], "rebalance", "all")
    rabbitmq.wait_until(lambda: leaders() != before, "leaders move", 30, 0.2)
    rabbitmq.wait_until(lambda: ask(*state).state == "OK", "OK again", 15, 0.3)
    assert not ask(*state).says("lost messages")
