# SPDX-License-Identifier: GPL-3.0-or-later
"""Several systems in one run, each with a primary of its own: two names that Sentinels watch."""

import pytest

import redis
from postgresql import wait_until


@pytest.fixture(scope="module")
def two():
    """The names orders and cache, each with a primary, a replica and a Sentinel."""
    with redis.Lab() as lab:
        there = {}
        for name in ("orders", "cache"):
            primary = lab.server(name + "1")
            replica = lab.replica(name + "2", primary)
            sentinel, = lab.sentinels([name + "3"], primary, name, quorum=1, down_after=60000)
            # It knows of the replica before it has connected to it.
            wait_until(lambda name=name: "disconnected" not in str(sentinel.call("SENTINEL", "REPLICAS", name)), "is connected")
            there[name] = (primary, replica, sentinel)
        yield there


def targets(two):
    return [word for name, (_, _, sentinel) in two.items()
            for word in ("-T", "redis+sentinel://127.0.0.1:%d/%s" % (sentinel.port, name))]


def label(server):
    return "127.0.0.1:%d" % server.port


def test_two_names(two, lag):
    """Two primaries, and no split brain."""
    result = lag(*targets(two))
    assert result.state == "OK" and "worst of 2" in result.first, result
    for name, (primary, replica, _) in two.items():
        assert result.says("%s: nothing would be lost if %s died now" % (name, label(primary))), result
        assert result.says("best standby %s" % label(replica)), result
        assert result.perfdata[name + "_loss"] == 0 and result.perfdata[name + "_standbys"] == 1, result


def test_memory_of_both(two, lag, tmp_path):
    """Each name has a primary of its own in the memory: none of them has changed."""
    for _ in range(2):
        result = lag(*targets(two), "--state-dir", str(tmp_path))
        assert result.state == "OK" and "until the last run" not in result.output, result


def test_the_worst_is_the_verdict(two, lag):
    primary, replica, _ = two["cache"]
    replica.stop()
    primary.wait_info("replication", lambda info: info["connected_slaves"] == "0", "no replica")
    result = lag(*targets(two))
    assert result.state == "CRITICAL", result
    assert "cache: everything since the last backup would be lost if %s" % label(primary) in result.output, result
    assert [state for state, _ in result.about("orders")] == ["OK"], result
    replica.start()
    replica.wait_up()
