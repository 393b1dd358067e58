# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag through three Sentinels: who would be chosen, whether anybody can choose, and what that costs."""

import re
import subprocess

import pytest

import redis
from postgresql import wait_until
from test_replication_redis import PROGRAMS, password_file, user

NAME = "m1"
GRANTS = "+info +sentinel|master +sentinel|replicas +sentinel|sentinels +sentinel|ckquorum"


def hurry(server, **periods):
    """Lets a Sentinel look more often than every 10 s; before 7.0 it cannot be told, and a test only takes longer."""
    words = [word for name, value in periods.items() for word in (name.replace("_", "-"), value)]
    try:
        server.call("SENTINEL", "DEBUG", *words)
    except redis.ServerError:
        assert server.info("server")["redis_version"] < "7", "what it is told is wrong: %s" % words


class Watch:
    """The primary r1, its replicas r2 and r3, and three Sentinels."""

    def __init__(self, lab, down_after=1000, priorities=(100, 100)):
        self.lab = lab
        self.r1 = lab.server("r1")
        self.r2, self.r3 = lab.replicas(["r2", "r3"], self.r1)
        for replica, priority in zip((self.r2, self.r3), priorities):
            replica.config(replica_priority=str(priority))
        self.sentinels = lab.sentinels(["s1", "s2", "s3"], self.r1, NAME, down_after=down_after)
        for sentinel in self.sentinels:
            hurry(sentinel, info_period=1000, ping_period=200)

    def uri(self, name=NAME, sentinels=None, **parameters):
        query = "&".join("%s=%s" % item for item in sorted(parameters.items()))
        return "redis+sentinel://%s/%s%s" % (
            ",".join("127.0.0.1:%d" % server.port for server in sentinels or self.sentinels), name,
            query and "?" + query)

    def replica(self, server, through=None):
        """What a Sentinel says of a replica."""
        for entry in (through or self.sentinels[0]).call("SENTINEL", "REPLICAS", NAME):
            fields = dict(zip(entry[::2], entry[1::2]))
            if int(fields["port"]) == server.port:
                return fields
        return None

    def primary(self, through=None):
        entry = (through or self.sentinels[0]).call("SENTINEL", "MASTER", NAME)
        return dict(zip(entry[::2], entry[1::2]))

    def quorum(self):
        try:
            return self.sentinels[0].call("SENTINEL", "CKQUORUM", NAME)
        except redis.ServerError as error:
            return str(error)


@pytest.fixture(scope="module", params=PROGRAMS)
def place(request):
    with redis.Lab(request.param) as lab:
        yield lab


@pytest.fixture(scope="module")
def steady(place):
    """What no test changes for good."""
    return Watch(place)


@pytest.fixture
def watch(place):
    """Makes a watch of the test's own."""
    there = list(place.servers)
    yield lambda **options: Watch(place, **options)
    for server in list(place.servers):
        if server not in there:
            server.remove()


def label(server):
    return "127.0.0.1:%d" % server.port


def test_healthy(steady, lag):
    """Three Sentinels are named, and everything else is found."""
    result = lag("-T", steady.uri(), "--rpo", "5s", "--expect-count", "2")
    assert result.state == "OK" and result.perfdata["standbys"] == 2, result
    assert result.says(label(steady.r1) + ": primary", label(steady.r2), label(steady.r3)), result
    for sentinel in steady.sentinels:
        assert result.about(label(sentinel)), result


def test_one_sentinel_is_enough(steady, lag):
    result = lag("-T", steady.uri(sentinels=steady.sentinels[:1]))
    assert result.state == "OK" and result.says(label(steady.r1) + ": primary"), result


def test_heartbeat(steady, lag):
    result = lag("-T", steady.uri(), "--heartbeat", "--rpo", "1s")
    assert result.state == "OK" and result.perfdata["loss"] < 1, result


def test_unknown_name(steady, lag):
    result = lag("-T", steady.uri("nobody"))
    assert result.state == "CRITICAL" and result.says("nobody"), result


def test_without_a_name(steady, lag):
    result = lag("-T", steady.uri(""))
    assert result.state == "UNKNOWN" and result.says("which primary"), result


def test_mixed_up(steady, lag):
    """A Sentinel that is asked as a server, and the other way round."""
    result = lag("-T", steady.sentinels[0].uri())
    assert result.state == "UNKNOWN" and result.says("this is a Sentinel"), result
    result = lag("-T", steady.uri(sentinels=[steady.r1]))
    assert result.state == "UNKNOWN" and result.says("no Sentinel"), result


def has_users(program):
    """A Sentinel has users from 6.2 on."""
    said = subprocess.run([program, "--version"], executable=redis.find_program(program), check=True,
                          stdout=subprocess.PIPE, universal_newlines=True).stdout
    return not re.search(r"v=6\.0", said)


def users_of_the_sentinels(steady, lag, tmp_path):
    """Its user is not the user of the nodes; exactly what SECURITY.md grants."""
    sentinel = steady.sentinels[0]
    user(sentinel, "watcher", *GRANTS.split())
    file = password_file(tmp_path)
    uri = steady.uri(sentinels=[sentinel], sentinel_user="watcher", sentinel_password_file=file)
    result = lag("-T", uri, "-vv")
    assert result.state == "OK" and "sesame" not in result.output, result
    user(sentinel, "watcher", "+info")
    result = lag("-T", uri)
    assert result.state == "UNKNOWN" and result.says("the user watcher"), result
    sentinel.call("ACL", "SETUSER", "watcher", "+@all", "resetpass", ">another one")
    result = lag("-T", uri)
    assert result.state == "UNKNOWN" and result.says("AUTH"), result


def no_users_of_the_sentinels(steady):
    """Redis 6.0: the test of their users has nothing to test."""
    with pytest.raises(redis.ServerError):
        steady.sentinels[0].call("ACL", "WHOAMI")


if all(has_users(name) for name in PROGRAMS):
    test_users_of_the_sentinels = users_of_the_sentinels
else:
    test_no_users_of_the_sentinels = no_users_of_the_sentinels


def test_priority_decides_and_costs_data(watch, lag):
    """The replica that would be chosen is not the one that has most."""
    own = watch(priorities=(100, 1), down_after=60000)
    wait_until(lambda: [own.replica(replica)["slave-priority"] for replica in (own.r2, own.r3)] == ["100", "1"],
               "s1 knows their priorities")
    own.r3.freeze()
    own.r1.write(20)
    own.r2.wait_caught_up(own.r1)
    result = lag("-T", own.r1.uri(), "-T", own.r2.uri(), "-T", own.uri(), "-t", "2",
                 "-c", "loss_bytes=16MiB")
    assert result.state == "CRITICAL" and result.perfdata["loss_bytes"] > 19000000, result
    assert result.says(label(own.r3) + " would be promoted by its priority"), result


def test_nobody_may_be_chosen(steady, lag):
    def set_priority(value):
        for replica in (steady.r2, steady.r3):
            replica.config(replica_priority=value)
        for replica in (steady.r2, steady.r3):
            wait_until(lambda replica=replica: steady.replica(replica)["slave-priority"] == value, "s1 has seen it")
    set_priority("0")
    result = lag("-T", steady.uri(sentinels=steady.sentinels[:1]))
    set_priority("100")
    assert result.state != "OK" and result.says("never chosen"), result


def test_sentinels_die(watch, lag):
    """Two of three can still choose, and the third is missing; one of three cannot, while INFO sentinel still counts
    everybody who was ever seen."""
    own = watch()
    own.sentinels[2].stop()
    wait_until(lambda: own.quorum().startswith("OK 2 usable"), "two are left")
    result = lag("-T", own.uri())
    assert result.state == "CRITICAL" and result.about(label(own.sentinels[2])), result
    result = lag("-T", own.uri(sentinels=own.sentinels[:2]))
    assert result.state != "OK" and result.says("2 of 3"), result
    own.sentinels[1].stop()
    wait_until(lambda: own.quorum().startswith("NOQUORUM"), "the quorum is lost")
    line = own.sentinels[0].info("sentinel")["master0"]
    assert "status=ok" in line and "sentinels=3" in line, line
    result = lag("-T", own.uri(sentinels=own.sentinels[:1]))
    assert result.state == "CRITICAL" and result.says("quorum"), result


def test_replica_dead(watch, lag):
    own = watch()
    own.r3.stop()
    wait_until(lambda: "s_down" in own.replica(own.r3)["flags"], "s1 sees that r3 is down")
    line = own.sentinels[0].info("sentinel")["master0"]
    assert "status=ok" in line and "slaves=2" in line, line
    result = lag("-T", own.uri())
    assert result.state == "CRITICAL" and result.about(label(own.r3)), result


def test_failover(watch, lag):
    """The primary dies: CRITICAL at once, and fine again when another one has taken over and it has come back."""
    own = watch()
    for sentinel in own.sentinels:
        hurry(sentinel, publish_period=500)  # one that comes back is turned round after four of them
    own.r1.stop()
    result = lag("-T", own.uri())
    assert result.state == "CRITICAL" and result.about(label(own.r1)), result
    for sentinel in own.sentinels:
        wait_until(lambda s=sentinel: int(own.primary(s)["port"]) != own.r1.port, "another one is chosen", 40)
    own.r1.start()
    chosen = own.r2 if int(own.primary()["port"]) == own.r2.port else own.r3
    other = own.r3 if chosen is own.r2 else own.r2
    # It came back as a primary: two of them until the Sentinels have turned it round.
    for replica in (own.r1, other):
        replica.wait_info("replication", lambda info: info["role"] == "slave" and info["master_link_status"] == "up"
                          and int(info["master_port"]) == chosen.port, "follows the chosen one", 40)
        for sentinel in own.sentinels:
            wait_until(lambda s=sentinel, r=replica: own.replica(r, s) is not None
                       and own.replica(r, s)["flags"] == "slave"
                       and own.replica(r, s)["master-link-status"] == "ok", "s sees that", 40)
    result = lag("-T", own.uri())
    assert result.state == "OK" and result.says(label(chosen) + ": primary"), result


def test_two_primaries(watch, lag):
    """One was promoted by hand; the Sentinels have not seen it yet."""
    own = watch()
    for sentinel in own.sentinels[1:]:
        sentinel.stop()
    own.sentinels[0].call("SENTINEL", "SET", NAME, "down-after-milliseconds", "60000")
    own.r2.promote()
    result = lag("-T", own.uri(sentinels=own.sentinels[:1]), "-T", own.r1.uri(), "-T", own.r2.uri())
    assert result.state == "CRITICAL" and result.says(label(own.r1), label(own.r2)), result
