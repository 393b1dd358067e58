# SPDX-License-Identifier: GPL-3.0-or-later
"""check_liveness on consumers, from recorded replies: each field of a good reply removed, emptied or null in turn is never
OK, unless the field is listed here with the reason; and nodes that do not do as they should."""

import re

import pytest

import check
import mutations
import stub_consumers as stub
from conftest import no_secret

DEADLINE = 1.0
# What the plan wants of the recorded virtual host: these are served, by these.
PLAN = ("--queue", "orders", "--queue", "mail", "--queue", "billing", "--queue", "celery", "--expect-workers", "w1@a=1",
        "--expect-workers", "taker@127.0.0.1=2")

FIGURES = "it has no limit, and whether something moves is told by two looks"
UNUSED = "nothing is concluded from it"
NOT_WORK = "no queue that holds work, or one that the plan does not name"

# Why a verdict of OK is right without a field: (question, pattern, reason).
NOT_NEEDED = (
    ("whoami", r"name: (emptied|null)", "that it is there shows that this is the management API"),
    ("consumers", r"[^ ]*(arguments|ack_required|exclusive|consumer_tag|prefetch_count): .*", UNUSED),
    ("consumers", r"[^ ]*queue\.vhost: .*", "only one is asked for"),
    ("consumers", r"[^ ]*channel_details\.(node|number|peer_port|name): .*", UNUSED),
    ("consumers", r"(w1@a\.celery\.pidbox|billing|celery)\.channel_details\.(peer_host|user): .*",
     "the mailbox tells the name"),
    ("consumers", r"(orders|mail)\.channel_details\.user: .*", "its connection has a name"),
    ("consumers", r"(billing|celery)\.channel_details(\.connection_name)?: .*",
     "it takes from its queue, whatever it is called, and the worker from the other one"),
    ("consumers", r"celeryev.*", NOT_WORK),
    ("consumers", r"w1@a\.celery\.pidbox\.(active|activity_status): .*", "that it is listed tells the name"),
    ("queues", r"(empty|celeryev.*|w1@a\.celery\.pidbox)(: removed|\.(?!name).*)", NOT_WORK),
    ("queues", r"[^ ]*(arguments|effective_policy_definition|exclusive|type|message_stats)[^ ]*: .*",
     "what has consumers is no waiting room"),
    ("queues", r"[^ ]*messages_unacknowledged: .*", FIGURES),
    ("channels", r".*", FIGURES),
    ("connections", r"\[[2-4]\].*", "the mailbox tells the name"),
)


def name_of(item, number):
    if "queue" in item:
        item = item["queue"]
    return re.sub(r"^celeryev.*", "celeryev", item.get("name", "")) if " -> " not in item.get("name", "") else "[%d]" % number


def every_change(broker, question):
    document = broker.document(question)
    for name, changed in mutations.of_json(document):
        found = re.match(r"\[([0-9]+)\]", name)
        if found:
            number = int(found.group(1))
            name = name_of(document[number], number) + name[found.end():]
        yield name, changed


@pytest.fixture
def ask(tmp_path):
    path = tmp_path / "password"
    path.write_text(stub.PASSWORD + "\n")
    path.chmod(0o600)

    def run(broker, *arguments, plan=PLAN, where=None):
        result = check.run("check_liveness", "-T", "mq=" + (where or broker.uri()), "--password-file", path, *plan, *arguments)
        print(result)
        no_secret(result, stub.PASSWORD)
        return result
    return run


@pytest.mark.fuzzed
@pytest.mark.parametrize("question", stub.NAMES)
def test_every_field(ask, question):
    with stub.Broker() as broker:
        whole = ask(broker)
        assert whole.state == "OK", whole
        outcomes = {}
        for name, changed in every_change(broker, question):
            broker.reply(question, body=changed)
            outcomes[name] = outcomes.get(name, False) or ask(broker).state == "OK"
    table = {pattern: reason for which, pattern, reason in NOT_NEEDED if which == question}
    wrong, idle = mutations.unexplained(outcomes, table)
    assert not wrong, "OK without evidence: %s" % "\n".join(wrong)
    assert not idle, "needed after all: %s" % idle


def test_asked_at_once(ask):
    """One question of each kind, all in one round."""
    with stub.Broker() as broker:
        ask(broker)
        assert all(broker.asked(name) == 1 for name in stub.NAMES)


@pytest.mark.parametrize("status,state", ((401, "UNKNOWN"), (403, "UNKNOWN"), (404, "UNKNOWN"), (500, "CRITICAL"),
                                          (503, "CRITICAL"), (204, "UNKNOWN"), (302, "UNKNOWN")))
@pytest.mark.parametrize("question", stub.NAMES)
def test_status(ask, question, status, state):
    with stub.Broker() as broker:
        broker.reply(question, body="" if status == 204 else {"error": "x", "reason": "because"}, status=status)
        assert ask(broker).state == state


@pytest.mark.parametrize("body", ("", "[", "{", "null", "<html>", "[1]", "[[]]", '[{"name": 5}]', "[{}] x"))
@pytest.mark.parametrize("question", stub.NAMES)
def test_unreadable(ask, question, body):
    with stub.Broker() as broker:
        broker.reply(question, body=body)
        assert ask(broker).state == "UNKNOWN"


@pytest.mark.parametrize("question", stub.NAMES)
def test_hangs_and_cut(ask, question):
    """A frozen peer keeps the lists from coming, while the node itself answers."""
    with stub.Broker() as broker:
        whole = broker.replies[question]
        broker.reply(question, hangs=True)
        result = ask(broker, "-t", "%gs" % DEADLINE)
        assert result.state == "CRITICAL" and result.within(DEADLINE), result
        broker.reply(question, body=whole.body, cut=20)
        assert ask(broker).state in ("CRITICAL", "UNKNOWN")


def test_nobody_listed(ask):
    """Queues that count consumers, and an empty list of them: one of the two is wrong."""
    with stub.Broker() as broker:
        broker.reply("consumers", body=[])
        for arguments in ((), ("--expect", "passive")):
            assert ask(broker, *arguments, plan=()).state != "OK"


@pytest.mark.parametrize("status,active,state", (("suspected_down", True, "CRITICAL"), ("waiting", False, "UNKNOWN"),
                                                 ("nonsense", True, "UNKNOWN")))
def test_activity(ask, status, active, state):
    with stub.Broker() as broker:
        document = broker.document("consumers")
        for consumer in document:
            if consumer["queue"]["name"] == "orders":
                consumer.update(activity_status=status, active=active)
        broker.reply("consumers", body=document)
        result = ask(broker, plan=("--queue", "orders"))
        assert result.state in (state, "CRITICAL") and result.state != "OK", result


def test_figures_are_off(ask):
    """management.disable_stats: nobody knows what waits."""
    with stub.Broker() as broker:
        document = [{key: value for key, value in queue.items() if key in ("name", "type", "arguments")}
                    for queue in broker.document("queues")]
        broker.reply("queues", body=document)
        assert ask(broker).state == "UNKNOWN"


def test_token_and_prefix(ask, tmp_path):
    token = tmp_path / "token"
    token.write_text("abc.def\n")
    token.chmod(0o600)
    with stub.Broker(prefix="/mq") as broker:
        broker.token = "abc.def"
        where = broker.uri("prefix=/mq&token_file=%s" % token, user="")
        assert ask(broker, where=where).state == "OK"
        broker.token = "other"
        assert ask(broker, where=where).state == "UNKNOWN"


@pytest.mark.parametrize("query,words", (("nosuch=1", "nosuch"), ("cacert=/x", "rabbitmqs-consumers"),))
def test_usage(ask, query, words):
    with stub.Broker() as broker:
        result = ask(broker, where=broker.uri(query))
        assert result.state == "UNKNOWN" and words in result.first, result
