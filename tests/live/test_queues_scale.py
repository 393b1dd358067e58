# SPDX-License-Identifier: GPL-3.0-or-later
"""check_queue_mirrors and a list of 100,000 queues: all of it counts, it takes little memory, and a list that was cut is no
short list."""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(HERE, os.pardir, "bench")
sys.path.insert(0, os.path.join(HERE, os.pardir, "lab"))
sys.path.insert(0, BENCH)

import check  # noqa: E402
import stand_in_rabbitmq as stand_in  # noqa: E402

COUNT = 100000
MEMORY_KIB = 32 * 1024
# A sanitizer keeps a shadow of all memory and gives none of it back at once: its build is not held to the limit.
LIMITED = "DR_SANITIZERS" not in os.environ
MUST = ("--must-replicate", "^(orders|celery|payments|ledger|accounts)")


@pytest.fixture(scope="module")
def replies():
    """The replies of each of three nodes. Made once: it takes seconds."""
    return [node.replies for node in stand_in.Cluster(COUNT, 3).nodes]


@pytest.fixture
def cluster(replies):
    with stand_in.Cluster(0, 3) as cluster:
        for node, made in zip(cluster.nodes, replies):
            node.replies = dict(made)
        yield cluster


@pytest.fixture
def mirrors(cluster, tmp_path, monkeypatch):
    """Runs the check; the result has .kib, the most memory that it had."""
    password = tmp_path / "password"
    password.write_text(stand_in.PASSWORD + "\n")
    password.chmod(0o600)
    used = tmp_path / "used"

    def run(*arguments):
        measure = "/usr/bin/python3 -I -S %s %s" % (os.path.join(BENCH, "measure.py"), used)
        with monkeypatch.context() as patch:
            patch.setenv("DR_WRAPPER", "%s %s" % (measure, os.environ.get("DR_WRAPPER", "")))
            result = check.run("check_queue_mirrors", "-T", cluster.uri(), "--password-file", password,
                               "--timeout", "50s", *arguments, service="QUEUES")
        result.kib = int(used.read_text().split()[2])
        print(result, "%d KiB" % result.kib)
        return result
    return run


def change(cluster, question, make):
    """What every node answers from now on."""
    for node in cluster.nodes:
        node.replies[question] = make(node.replies[question])


def is_small(result):
    return not LIMITED or result.kib < MEMORY_KIB


# ---- all of it ----

def test_all_that_must_survive(mirrors):
    result = mirrors(*MUST)
    assert result.state == "OK" and is_small(result), result
    assert result.first == "QUEUES OK - any one of 3 nodes can die now: 80000 queues with 240000 messages live on", result
    assert result.perfdata["lost_queues"] == 0 and result.perfdata["unavailable"] == 0, result
    assert ("OK", "must replicate: 80000 queues proven to have 2 or more safe copies") in result.findings, result


def test_all_that_have_one_copy(mirrors):
    """Of 20,000 queues a third is on each node. The totals do not say what is persistent."""
    result = mirrors()
    assert result.state == "UNKNOWN" and is_small(result), result
    assert result.first == ("QUEUES UNKNOWN - 6667 queues with 20001 messages stop if mq1 dies now; how many of them are "
                            "not persistent, and lost, is not known"), result
    stopping = [result.perfdata["mq%d_unavailable" % node] for node in (1, 2, 3)]
    assert sum(stopping) == COUNT / 5 and max(stopping) - min(stopping) <= 1, result


def test_one_of_them(cluster, mirrors):
    """The last one is seen like the first."""
    last = stand_in.make_queue(COUNT - 10)
    assert last["name"].startswith("orders") and last["policy"]
    for question, made in (("listing", last), ("totals", stand_in.with_totals(last))):
        whole = stand_in.text_of(made)
        lone = stand_in.text_of(dict(made, synchronised_slave_nodes=[]))
        change(cluster, question, lambda reply: stand_in.pack(stand_in.unpack(reply).replace(whole, lone)))
    result = mirrors(*MUST)
    assert result.state == "CRITICAL", result
    assert result.perfdata["lost"] == stand_in.MESSAGES and result.perfdata["lost_queues"] == 1, result
    assert last["name"] in result.output, result


def test_with_limits_and_memory_of_the_past(mirrors, tmp_path):
    arguments = MUST + ("--state-dir", tmp_path, "--queue-warning", "^orders:messages=100")
    for _ in range(2):
        result = mirrors(*arguments)
        assert result.state == "OK" and is_small(result), result


def test_all_figures_of_each(mirrors):
    result = mirrors(*MUST, "--detail", "full")
    assert result.state == "OK", result
    assert result.first == "QUEUES OK - any one of 3 nodes can die now: 80000 queues with 240000 messages live on", result


# ---- cut ----

def cut_packed(reply):
    """The server's end of the stream of gzip is missing, and nothing in HTTP shows it."""
    return stand_in.pack(stand_in.unpack(reply), cut=-20000)


def cut_text(reply):
    return stand_in.pack(stand_in.unpack(reply)[:-1000])


def cut_between(reply):
    text = stand_in.unpack(reply)
    return stand_in.pack(text[:text.rindex(",{")])


def cut_connection(reply):
    return reply[:-20000]


def cut_to_less(reply):
    """A whole list, but not all that there are."""
    text = stand_in.unpack(reply)
    return stand_in.pack(text[:text.rindex(",{")] + "]")


@pytest.mark.parametrize("cut", [cut_packed, cut_text, cut_between, cut_connection, cut_to_less])
def test_a_listing_that_was_cut(cluster, mirrors, cut):
    change(cluster, "listing", cut)
    if cut is cut_to_less:
        change(cluster, "totals", cut)
    result = mirrors(*MUST)
    assert result.state == "UNKNOWN" and is_small(result), result


@pytest.mark.parametrize("cut", [cut_packed, cut_text, cut_between, cut_connection])
def test_totals_that_were_cut(cluster, mirrors, cut):
    """Where the copies are is known; how many messages there are is not."""
    change(cluster, "totals", cut)
    result = mirrors(*MUST)
    assert result.state == "UNKNOWN", result
    assert result.says("not how many messages"), result
