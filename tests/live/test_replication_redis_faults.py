# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag against servers that speak Redis badly, that refuse, and whose replies lack something."""

import os
import random
import re
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults"))

import peers  # noqa: E402
from stub_redis import Server, array, sample  # noqa: E402

DEADLINE = 0.5 if "DR_WRAPPER" not in os.environ else 1.0


def uri(peer, scheme="redis"):
    path = "/m1" if "sentinel" in scheme else ""
    return "db1=%s://127.0.0.1:%d%s" % (scheme, peer.port, path)


def honest():
    return Server(sample("redis-7.0-primary")).session


# name: (peer, state, words of the message)
AT_ONCE = {
    "refuse": (lambda: peers.Refuse(), "CRITICAL", ("refused",)),
    "unreachable": (lambda: peers.Unreachable(), "CRITICAL", ("connect",)),
    "silent": (lambda: peers.Silent(), "CRITICAL", ("no answer",)),
    "never reads": (lambda: peers.NeverReads(), "CRITICAL", ("no answer",)),
    "close": (lambda: peers.Close(), "CRITICAL", ()),
    "reset": (lambda: peers.Reset(), "CRITICAL", ()),
    "drip": (lambda: peers.Drip(honest(), seconds=0.05), "CRITICAL", ("no answer",)),
    "zeros": (lambda: peers.Flood(), "UNKNOWN", ("cannot be used",)),
    "one endless string": (lambda: peers.Flood(chunk=b"$9000000000\r\n" + b"x" * 65536), "UNKNOWN", ("cannot be used",)),
    "endless lines": (lambda: peers.Flood(chunk=b"+" + b"x" * 65536), "UNKNOWN", ("cannot be used",)),
}


@pytest.mark.parametrize("scheme", ("redis", "redis+sentinel", "rediss"))
def test_unresolvable(lag, scheme):
    """It says nothing of the server: UNKNOWN, with the name; and another node is judged all the same."""
    with peers.Honest(honest()) as peer:
        result = lag("-T", "db1=%s://nowhere.invalid/%s" % (scheme, "m1" if "sentinel" in scheme else ""), "-t", "5s")
        assert result.state == "UNKNOWN" and result.says("db1", "nowhere.invalid"), result
        result = lag("-T", uri(peer), "-T", "db2=%s://nowhere.invalid/%s" % (scheme, "m1" if "sentinel" in scheme else ""),
                     "-t", "5s")
        assert result.about("db1") and [state for state, _ in result.about("db2")] == ["UNKNOWN"], result


@pytest.mark.parametrize("scheme", ("redis", "redis+sentinel", "rediss"))
@pytest.mark.parametrize("fault", AT_ONCE)
def test_at_once(lag, fault, scheme):
    make, state, said = AT_ONCE[fault]
    with make() as peer:
        deadline = DEADLINE if state == "CRITICAL" else 4 * DEADLINE  # what cannot be used is read up to a limit first
        result = lag("-T", uri(peer, scheme), "-t", "%gs" % deadline)
        if scheme == "rediss":  # what breaks the handshake is told by OpenSSL
            assert result.state in ("UNKNOWN", "CRITICAL"), result
        else:
            assert result.state == state and result.says("db1", *said), result
        assert "db1" in result.first, result
        assert result.within(deadline), result
        # A whole TLS greeting that nobody reads keeps the end of the connection from being seen.
        unseen = fault in ("refuse", "unreachable") or (fault, scheme) == ("never reads", "rediss")
        assert unseen or peer.settled(5), "a connection outlived the process"


@pytest.mark.parametrize("seed", range(12))
def test_garbage(lag, seed):
    with peers.Garbage(seed=seed) as peer:
        result = lag("-T", uri(peer), "-t", "%gs" % DEADLINE)
        assert result.state in ("UNKNOWN", "CRITICAL") and result.within(DEADLINE), result


HUGE = (b"*2147483647\r\n", b"*4294967296\r\n", b"*-2\r\n", b"$-2\r\n", b"$99999999999999999999\r\n", b"*1\r\n" * 30,
        b":12x\r\n", b"$3\r\nabcdef\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"*0\r\n" * 5, b"$-1\r\n" * 5, b":1\r\n" * 5,
        b"+OK\r\n" * 5, b"*1\r\n*1\r\n:1\r\n" * 5)


@pytest.mark.parametrize("number", range(len(HUGE)))
@pytest.mark.parametrize("scheme", ("redis", "redis+sentinel"))
def test_replies_that_cannot_be(lag, number, scheme):
    def say(receive):
        receive(1)
        yield HUGE[number]
    with peers.Honest(say) as peer:
        result = lag("-T", uri(peer, scheme), "-t", "%gs" % DEADLINE)
        assert result.state in ("UNKNOWN", "CRITICAL") and "db1" in result.first, result
        assert result.within(DEADLINE), result


def test_cut_anywhere(lag):
    """A connection that ends in the middle of the reply."""
    with peers.Honest(honest()) as peer:
        assert lag("-T", uri(peer)).state == "OK"
        assert peer.settled(5)
    whole = peer.sent
    for place in sorted(random.Random(1).sample(range(1, whole), 25)):
        for kind in (peers.Close, peers.Reset):
            with kind(honest(), place) as peer:
                result = lag("-T", uri(peer), "-t", "%gs" % DEADLINE)
                assert result.state == "CRITICAL", result


REFUSALS = {
    b"NOAUTH Authentication required.": "UNKNOWN",
    b"NOPERM this user has no permissions to run the 'info' command": "UNKNOWN",
    b"DENIED Redis is running in protected mode": "UNKNOWN",
    b"LOADING Redis is loading the dataset in memory": "CRITICAL",
    b"ERR max number of clients reached": "CRITICAL",
    b"BUSY Redis is busy running a script.": "CRITICAL",
    b"ERR something else | and\ta lot": "UNKNOWN",
}


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals(lag, text):
    script = Server("", settings=(), INFO=b"-%s\r\n" % text).session
    with peers.Honest(script) as peer:
        result = lag("-T", uri(peer))
        assert result.state == REFUSALS[text], result
        assert result.says(text.decode().split()[1]) or result.says("INFO is not allowed"), result


def test_refused_at_the_door(lag):
    """Said once, and the connection is closed: the words are worth more than that it closed."""
    def refuse(receive):
        receive(4)
        yield b"-ERR max number of clients reached\r\n"
    with peers.Close(refuse, 36) as peer:
        result = lag("-T", uri(peer))
        assert result.state == "CRITICAL" and result.says("max number of clients"), result


def test_loading_primary(lag):
    """It is there, and serves nobody."""
    info = sample("redis-7.0-primary").replace("loading:0", "loading:1\r\nloading_loaded_perc:42.10", 1)
    with peers.Honest(Server(info).session) as peer:
        result = lag("-T", uri(peer))
        assert result.state == "CRITICAL" and result.says("42.10"), result


def sentinel(primary, replica, tilt):
    """One that watches two servers, as a script."""
    def entry(port, **fields):
        fields.update(ip="127.0.0.1", port=str(port), last_ok_ping_reply="100", info_refresh="1000")
        return array(*[word for name, value in fields.items() for word in (name.replace("_", "-"), value)])
    info = "redis_version:7.0.15\r\nredis_mode:sentinel\r\nrun_id:5e\r\nsentinel_tilt:%d\r\n" % tilt
    return Server(info, settings=(), **{
        "SENTINEL MASTER m1": entry(primary.port, name="m1", flags="master", num_slaves="1", num_other_sentinels="0",
                                    quorum="1", config_epoch="0", down_after_milliseconds="5000"),
        "SENTINEL REPLICAS m1": b"*1\r\n" + entry(
            replica.port, flags="slave", slave_priority="100", slave_repl_offset="4711", master_host="127.0.0.1",
            master_port=str(primary.port), master_link_down_time="0"),
        "SENTINEL SENTINELS m1": b"*0\r\n",
        "SENTINEL CKQUORUM m1": b"+OK 1 usable Sentinels.\r\n"}).session


@pytest.mark.parametrize("tilt", (0, 1))
def test_sentinel_in_tilt(lag, tilt):
    """Its clock jumped: it answers as ever, and would start no failover."""
    with peers.Honest(Server(sample("redis-7.0-replica")).session) as replica:
        info = re.sub(r"(slave0:ip=127.0.0.1,port=)\d+", r"\g<1>%d" % replica.port, sample("redis-7.0-primary"))
        with peers.Honest(Server(info).session) as primary:
            with peers.Honest(sentinel(primary, replica, tilt)) as peer:
                result = lag("-T", uri(peer, "redis+sentinel"), "-t", "5")
    assert result.says("127.0.0.1:%d: primary" % primary.port), result
    if tilt:
        assert result.state == "CRITICAL" and result.says("TILT"), result
    else:
        assert result.state == "OK" and not result.says("TILT"), result


# ---- recorded replies, and what they lack ----

@pytest.mark.parametrize("name", ("redis-7.0", "valkey-8.1"))
def test_recorded(lag, name):
    with peers.Honest(Server(sample(name + "-primary")).session) as peer:
        result = lag("-T", uri(peer))
        assert result.state == "OK" and result.perfdata["loss"] == 0, result
        assert result.says(name.replace("-", " ").title()), result


# Each field that is read and that a verdict can do without; everything else that is read is an error when it lacks.
NOT_NEEDED = {
    "aof_enabled": "what could not be read is said, and CONFIG is refused by many a service",
    "cluster_enabled": "redis_mode says it, too",
    "redis_mode": "cluster_enabled says it, too",
    "server_mode": "cluster_enabled says it, too",
    "loading": "a server that loads refuses; it is told so that the words are better",
    "loading_eta_seconds": "only while it loads",
    "loading_loaded_perc": "only while it loads",
    "master_replid2": "only after a promotion",
    "second_repl_offset": "only after a promotion",
    "maxmemory": "what could not be read is said",
    "maxmemory_policy": "only with maxmemory",
    "min_slaves_good_slaves": "only there where min-replicas-to-write is set",
    "repl_backlog_active": "how much may be lacking before a full copy: a figure",
    "repl_backlog_first_byte_offset": "the same",
    "repl_backlog_size": "the same",
    "run_id": "tells that two targets are one server",
    "redis_version": "valkey_version, where it is Valkey",
    "valkey_version": "redis_version is there as well",
    "master_host": "for the words",
    "master_port": "for the words",
    "master_sync_in_progress": "the link is down then, which is enough",
    "master_sync_left_bytes": "only during a copy",
    "master_sync_total_bytes": "only during a copy",
    "master_link_down_since_seconds": "only while the link is down",
    "replica_announced": "for the words; since 6.2",
    "slave_read_only": "for the words",
    "aof_last_write_status": "for check_queue_mirrors",
    "evicted_keys": "for check_queue_mirrors",
    "rdb_changes_since_last_save": "for check_queue_mirrors",
    "rdb_last_bgsave_status": "for check_queue_mirrors",
    "rdb_last_save_time": "for check_queue_mirrors",
    "rdb_saves": "for check_queue_mirrors; since 7.0",
    "uptime_in_seconds": "for check_queue_mirrors",
    "used_memory": "for check_queue_mirrors",
}


def fields_read():
    """The keys that the source reads, from its own table."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "common", "client", "redis_info.c")
    with open(path) as file:
        table = file.read().split("dr_redis_info_names[DR_REDIS_KEYS] = {")[1].split("};")[0]
    return re.findall(r'"([a-z0-9_]+)"', table)


def without(info, key, how):
    lines = [(line.split(":")[0] + ":" if how == "empty" else "") if line.startswith(key + ":") else line
             for line in info.split("\r\n")]
    return "\r\n".join(lines)


@pytest.mark.parametrize("how", ("removed", "empty"))
@pytest.mark.parametrize("view", ("primary", "all"))
@pytest.mark.parametrize("version", ("redis-7.0", "valkey-8.1"))
def test_any_field_missing(lag, version, view, how):
    """Never OK without evidence: each field of a good reply is taken out in turn, on each node."""
    replica_info = sample(version + "-replica")
    with peers.Honest(Server(replica_info).session) as replica:
        primary_info = re.sub(r"(slave0:ip=127.0.0.1,port=)\d+", r"\g<1>%d" % replica.port, sample(version + "-primary"))

        def judge(script_of_primary, script_of_replica):
            with peers.Honest(script_of_primary) as primary, peers.Honest(script_of_replica) as other:
                arguments = ["-T", uri(primary)]
                if view == "all":
                    arguments += ["-T", "db2=redis://127.0.0.1:%d" % other.port]
                return lag(*arguments, "--expect-count", "1")
        good = judge(Server(primary_info).session, Server(replica_info).session)
        assert good.state == "OK", good
        broken = [(key, without(primary_info, key, how), replica_info) for key in fields_read()]
        if view == "primary":  # else db2 proves by itself what it has
            broken += [("slave0", without(primary_info, "slave0", how), replica_info)]
        else:
            broken += [(key, primary_info, without(replica_info, key, how)) for key in fields_read()]
        for key, first, second in broken:
            if (first, second) == (primary_info, replica_info):
                continue  # this node does not send it
            result = judge(Server(first).session, Server(second).session)
            assert result.state != "OK" or key in NOT_NEEDED, "%s %s: %s" % (key, how, result)
