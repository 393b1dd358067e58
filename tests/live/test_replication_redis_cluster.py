# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag on a Redis Cluster of three shards: one node is named, each shard is judged by itself."""

import pytest

import redis
from postgresql import wait_until
from test_replication_redis import PROGRAMS, password_file, user

RANGES = ((0, 5460), (5461, 10922), (10923, 16383))
GRANTS = "+info +config|get +cluster|nodes +cluster|info"


class Cluster:
    """The primaries p0, p1, p2 and a replica of each: q0, q1, q2."""

    def __init__(self, lab):
        self.primaries = [self.node(lab, "p%d" % number) for number in range(3)]
        self.replicas = [self.node(lab, "q%d" % number) for number in range(3)]
        self.nodes = self.primaries + self.replicas
        for primary, (first, last) in zip(self.primaries, RANGES):
            primary.call("CLUSTER", "ADDSLOTS", *range(first, last + 1))
        for number, node in enumerate(self.nodes):
            node.call("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            node.call("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port)
        for node in self.nodes:
            wait_until(lambda node=node: sum("handshake" not in line and "connected" in line for line in
                                             node.call("CLUSTER", "NODES").splitlines()) == 6, "all have met")
        for primary, replica in zip(self.primaries, self.replicas):
            name = primary.call("CLUSTER", "MYID")
            wait_until(lambda r=replica, n=name: n in r.call("CLUSTER", "NODES"), "the primary is known")
            replica.call("CLUSTER", "REPLICATE", name)
        for primary, replica in zip(self.primaries, self.replicas):
            replica.wait_caught_up(primary)
        for node in self.nodes:
            wait_until(lambda node=node: "cluster_state:ok" in node.call("CLUSTER", "INFO"), "the cluster is whole")
            wait_until(lambda node=node: node.call("CLUSTER", "NODES").count("slave") == 3, "its replicas are known")

    @staticmethod
    def node(lab, name):
        return lab.cluster_node(name, cluster_node_timeout="60000")


@pytest.fixture(scope="module", params=PROGRAMS)
def place(request):
    with redis.Lab(request.param) as lab:
        yield lab


@pytest.fixture(scope="module")
def cluster(place):
    return Cluster(place)


@pytest.mark.parametrize("which", (0, 4))
def test_one_node_is_enough(cluster, lag, which):
    """A primary, or a replica."""
    result = lag("-T", "named=" + cluster.nodes[which].uri(), "--rpo", "5s")
    assert result.state == "OK", result
    for first, last in RANGES:
        assert result.says("shard %d-%d" % (first, last)), result
    for number, node in enumerate(cluster.nodes):
        assert result.about("named" if number == which else "127.0.0.1:%d" % node.port), result


def test_heartbeat_is_none(cluster, lag):
    """PUBLISH goes another way in a cluster: nothing is written, and nothing is waited for."""
    result = lag("-T", cluster.nodes[0].uri(), "--heartbeat", "--rpo", "5s")
    assert result.state == "OK", result


def test_least_privilege(cluster, lag, tmp_path):
    for node in cluster.nodes:
        user(node, "nagios", *GRANTS.split())
    result = lag("-T", cluster.nodes[0].uri("nagios"), "--password-file", password_file(tmp_path))
    assert result.state == "OK", result
    for node in cluster.nodes:
        user(node, "nagios", "+info")
    result = lag("-T", cluster.nodes[0].uri("nagios"), "--password-file", password_file(tmp_path))
    assert result.state == "UNKNOWN" and result.says("CLUSTER NODES is not allowed", "the user nagios"), result


def test_slow_shard(cluster, lag):
    """One shard of three lags; the others are fine."""
    primary, (first, last) = cluster.primaries[1], RANGES[1]
    key = next(number for number in range(1000) if first <= primary.call("CLUSTER", "KEYSLOT", number) <= last)
    cluster.replicas[1].freeze()
    for _ in range(20):
        primary.call("SET", key, b"x" * 1000000)
    result = lag("-T", cluster.nodes[0].uri(), "--rpo", "1s", "-t", "2")
    cluster.replicas[1].thaw()
    assert result.state == "CRITICAL" and result.says("shard 5461-10922"), result
    cluster.replicas[1].wait_caught_up(cluster.primaries[1])


def test_replica_dead(cluster, lag):
    """A shard without its replica loses everything with its primary."""
    cluster.replicas[2].stop()
    result = lag("-T", cluster.nodes[0].uri())
    assert result.state == "CRITICAL" and result.says("%d" % cluster.replicas[2].port), result


def test_slots_missing(cluster, lag):
    cluster.primaries[0].call("CLUSTER", "DELSLOTS", 17)
    wait_until(lambda: "cluster_slots_ok:16383" in cluster.primaries[0].call("CLUSTER", "INFO"), "a slot is missing")
    result = lag("-T", cluster.primaries[0].uri())
    assert result.state == "CRITICAL" and result.says("16383 of 16384"), result
