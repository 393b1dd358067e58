# SPDX-License-Identifier: GPL-3.0-or-later
"""The Celery source of check_queue_mirrors against peers that do not do as they should: whatever they say, one clear
first line in time, and never OK."""

import os
import random
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults"))

import check  # noqa: E402
import peers  # noqa: E402
from stub_redis import Server, array, bulk, sample  # noqa: E402

DEADLINE = 1.0
TASK = '{"body": "W10=", "headers": {"task": "t", "id": "a", "eta": null}, "properties": {"delivery_tag": "a"}}'


def honest(**changed):
    """One queue with a task that waits, one task in flight, and a replica."""
    replies = {
        "SELECT 0": b"+OK\r\n",
        "TIME": array("%d" % time.time(), "0"),
        "SCAN 0 MATCH _kombu.binding.* COUNT 1000": b"*2\r\n" + bulk("0") + array("_kombu.binding.celery"),
        "SMEMBERS _kombu.binding.celery": array("celery\x06\x16\x06\x16celery"),
        "LLEN celery": b":1\r\n",
        "HLEN unacked": b":1\r\n",
        "ZRANGE unacked_index 0 499 WITHSCORES": array("b", "%d" % (time.time() - 5)),
        "HSTRLEN unacked b": b":%d\r\n" % len('[%s, "", "celery"]' % TASK),
        "HGET unacked b": bulk('[%s, "", "celery"]' % TASK),
        "LINDEX celery -1": bulk(TASK),
    }
    replies.update({"LLEN celery\x06\x16%d" % step: b":0\r\n" for step in (3, 6, 9)})
    replies.update(changed)

    class Broker(Server):
        def answer(self, command):
            return self.replies.get("ZCOUNT", b":0\r\n") if command.startswith("ZCOUNT") else super().answer(command)
    return Broker(sample("redis-7.0-primary"), **replies)


ASKED = sorted(set(honest().replies) - {"INFO replication", "CONFIG GET min-replicas-to-write",
                                        "CONFIG GET repl-ping-replica-period", "CONFIG GET save"}) + ["ZCOUNT"]


def look(peer, *arguments):
    result = check.run("check_queue_mirrors", "-T", "db1=celery+redis://127.0.0.1:%d" % peer.port,
                       "-t", "%gs" % DEADLINE, *arguments, service="QUEUES")
    print(result)
    return result


def test_honest():
    """What the others spoil is OK as it is."""
    with peers.Honest(honest().session) as peer:
        result = look(peer)
    assert result.state == "OK" and result.says("2 tasks in 1 queue"), result


REPLIES = {"five": b":5\r\n", "below zero": b":-1\r\n", "status": b"+OK\r\n", "nil": b"$-1\r\n",
           "nil array": b"*-1\r\n",
           "nothing": b"*0\r\n", "one": b"*1\r\n:1\r\n", "two nils": b"*2\r\n$-1\r\n$-1\r\n",
           "two arrays": b"*2\r\n*0\r\n*0\r\n", "text": b"$3\r\nabc\r\n", "error": b"-ERR no\r\n"}
# What can be meant: a task that was taken meanwhile, one that is not Celery's, more of them. A head is no evidence of
# anything: whatever it is it tells only that it is another one.
MEANT = {"LLEN": {"five"}, "HLEN": {"five"}, "HSTRLEN": {"five"}, "SELECT": {"status"}, "ZRANGE": {"nothing"},
         "HGET": {"nil", "nil array", "text"}, "LINDEX": set(REPLIES) - {"error"}}


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("command", ASKED)
def test_another_reply(command, reply):
    """To each command in turn: understood as what it can mean, or refused."""
    with peers.Honest(honest(**{command: REPLIES[reply]}).session) as peer:
        result = look(peer)
        assert result.within(DEADLINE), result
    assert result.state != "OK" or reply in MEANT.get(command.split()[0], ()), result


def test_cut_anywhere():
    with peers.Honest(honest().session) as peer:
        assert look(peer).state == "OK"
        assert peer.settled(5)
    for place in sorted(random.Random(1).sample(range(1, peer.sent), 20)):
        with peers.Close(honest().session, place) as cut:
            assert look(cut).state == "CRITICAL"


@pytest.mark.parametrize("seed", range(6))
def test_garbage(seed):
    with peers.Garbage(seed=seed) as peer:
        result = look(peer)
        assert result.state in ("UNKNOWN", "CRITICAL") and result.within(DEADLINE), result


def test_loading():
    """A server that reads its data has no figures yet."""
    info = sample("redis-7.0-primary").replace("loading:0", "loading:1", 1)
    loading = b"-LOADING Redis is loading the dataset in memory\r\n"
    script = honest(INFO=bulk(info), **{command: loading for command in ASKED if command.split()[0] in (
        "SCAN", "SMEMBERS", "LLEN", "HLEN", "ZRANGE", "ZCOUNT")})
    with peers.Honest(script.session) as peer:
        result = look(peer)
    assert result.state == "CRITICAL" and result.says("LOADING"), result
