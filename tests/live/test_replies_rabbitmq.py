# SPDX-License-Identifier: GPL-3.0-or-later
"""Each good reply of RabbitMQ's management API with one field of it removed, emptied or null: never OK, unless the field is
listed here with the reason.

Every node of a cluster tells about the cluster: the change is in the replies of all of them. Items of a list are named by
what they are ("q.payments.online"), so that the table says which queue does without what."""

import os
import re

import pytest

import check
import mutations
import stub_rabbitmq as stub

ARGUMENTS = ("--must-replicate", "^(ha|q|s)", "--min-copies", "2", "--exclude", "^plain")
QUESTIONS = ("whoami", "overview", "nodes", "alarms", "certificates", "listing", "figures", "policies", "operator-policies",
             "vhosts")

UNUSED = "nothing is concluded from it"
TWICE = "the figures say it as well, and count where the listing does not"
SAFE = "its copies are proven by the listing: how much is in it changes nothing"
LEFT_OUT = "excluded by the arguments"

# Why a verdict of OK is right without a field: (question, pattern, reason).
NOT_NEEDED = (
    ("whoami", r"tags.*", "what we may see is what we are shown"),
    ("overview", r"rabbitmq_version: .*", "without it everything is asked that any version needs"),
    ("overview", r"disable_stats: .*", "figures that are not gathered are not there"),
    ("overview", r"object_totals\.(channels|connections|consumers|exchanges): .*", UNUSED),
    ("nodes", r"rmq.@localhost\.os_pid: emptied", "that it is there tells that the node's statistics are"),
    ("nodes", r"rmq.@localhost\.(mem_alarm|disk_free_alarm): .*", "the health check says it"),
    ("nodes", r"rmq.@localhost\.fd_(used|total): .*", "not every operating system tells"),
    ("nodes", r"rmq.@localhost\.uptime: .*", "for people"),
    ("listing", r"plain\.audit\.(?!name|vhost).*", LEFT_OUT),
    ("listing", r"(ha|q|s)\..*\.(arguments|auto_delete|durable|exclusive|state|type|policy|x-queue-type): .*", TWICE),
    ("listing", r"ha\..*\.(node: removed|(synchronised_)?slave_nodes: (removed|null))", TWICE),
    ("listing", r"q\.payments\.(leader: removed|(members|online): (removed|null))", TWICE),
    ("listing", r"s\.events\.node: .*", TWICE),
    ("figures", r"plain\.audit(: removed|\.(?!name|vhost).*)", LEFT_OUT),
    ("figures", r"(ha\.all\.orders|ha\.two\.jobs|q\.payments)(: removed|\.(?!name|vhost).*)", SAFE),
    ("figures", r"s\.events\.(?!name|vhost|members|online).*", "its members and who of them is online are all it takes"),
    ("policies", r".*", "each queue says its effective definition"),
    ("vhosts", r".*", "the broker's own count of queues proves that the list is complete"),
)


def title(question, item):
    """What an item of a list is called in the table."""
    return item["name"] if isinstance(item, dict) and "name" in item else None


def every_change(broker, question):
    """(name, reply) of everything that can be missing in the reply to a question."""
    document = broker.document(question)
    if not isinstance(document, list):
        yield from mutations.of_json(document)
        return
    for name, changed in mutations.of_json(document):
        number = int(re.match(r"\[([0-9]+)\]", name).group(1))
        called = title(question, document[number]) or str(number)
        yield re.sub(r"^\[[0-9]+\]", called, name), changed


@pytest.fixture
def ask(tmp_path):
    path = tmp_path / "password"
    path.write_text(stub.PASSWORD + "\n")
    path.chmod(0o600)

    def run(broker):
        return check.run("check_queue_mirrors", "-T", broker.uri(), "--password-file", str(path), *ARGUMENTS,
                         service="QUEUES")
    return run


@pytest.mark.fuzzed
@pytest.mark.parametrize("question", QUESTIONS)
def test_every_field(ask, question):
    with stub.Broker("idle") as broker:
        whole = ask(broker)
        assert whole.state == "OK", whole
        outcomes = {}
        changes = list(every_change(broker, question))
        for name, changed in changes:
            broker.reply(question, body=changed)
            for node in broker.nodes:
                node.replies.pop(question, None)
            outcomes[name] = ask(broker).state == "OK"
    table = {pattern: reason for which, pattern, reason in NOT_NEEDED if which == question}
    wrong, idle = mutations.unexplained(outcomes, table)
    assert not wrong, "OK without evidence: %s" % "\n".join(wrong)
    assert not idle, "needed after all: %s" % idle
