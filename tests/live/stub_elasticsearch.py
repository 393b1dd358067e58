# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the nodes of an Elasticsearch or OpenSearch cluster; the replies are those of the documentation.

    with Cluster() as cluster:
        cluster["es2"].split("other-uuid")
        liveness("-T", cluster.uri())

_cluster/health must not be asked to wait for a status: a node that is not there yet would be waited for. OpenSearch
calls the leader cluster_manager from version 2 on, and refuses a parameter that it does not know, as Elasticsearch
does."""

import copy

import stub_service

WAIT = "[1-9][0-9]?s"
MASTER = {
    "root": "/",
    "health": r"/_cluster/health\?master_timeout=" + WAIT,
    "leader": r"/_cat/master\?format=json&master_timeout=" + WAIT,
    "snapshots": r"/_snapshot/_status\?master_timeout=" + WAIT,
}
MANAGER = {question: path.replace("master", "cluster_manager") for question, path in MASTER.items()}

ROOT = {
    "name": "es1", "cluster_name": "logs", "cluster_uuid": "nNCVdHsBTYKqgeVpXCqGVg",
    "version": {"number": "8.13.4", "build_flavor": "default", "build_type": "deb", "lucene_version": "9.10.0",
                "minimum_wire_compatibility_version": "7.17.0"},
    "tagline": "You Know, for Search",
}
HEALTH = {
    "cluster_name": "logs", "status": "green", "timed_out": False, "number_of_nodes": 3, "number_of_data_nodes": 3,
    "active_primary_shards": 12, "active_shards": 24, "relocating_shards": 0, "initializing_shards": 0,
    "unassigned_shards": 0, "delayed_unassigned_shards": 0, "number_of_pending_tasks": 0,
    "number_of_in_flight_fetch": 0,
    "task_max_waiting_in_queue_millis": 0, "active_shards_percent_as_number": 100.0,
}
LEADER = [{"id": "YzWoH_2BT-6UjVGDyPdqYg", "host": "10.0.0.1", "ip": "10.0.0.1", "node": "es1"}]
SNAPSHOT = {"snapshot": "nightly-2024.05.01", "repository": "s3", "uuid": "XuBo4l4ISYiVg0nYUen9zg", "state": "STARTED",
            "include_global_state": True, "indices": {}}


def refusal(kind, status, reason=None):
    return {"status": status, "body": {"error": {"root_cause": [{"type": kind, "reason": reason}], "type": kind,
                                                 "reason": reason}, "status": status}}


NO_LEADER = refusal("master_not_discovered_exception", 503)
NOT_ALLOWED = refusal("security_exception", 403, "action [...] is unauthorized for user [nagios]")


class Node(stub_service.Service):
    def __init__(self, name, opensearch=False, **options):
        self.QUESTIONS = MANAGER if opensearch else MASTER
        root = dict(copy.deepcopy(ROOT), name=name)
        if opensearch:
            root["version"] = {"distribution": "opensearch", "number": "2.14.0", "build_type": "deb"}
        super().__init__({"root": root, "health": HEALTH, "leader": LEADER, "snapshots": {"snapshots": []}}, **options)
        self.name = name

    def refusal(self, headers):
        return stub_service.Reply(**refusal("security_exception", 401, "missing authentication credentials"))

    def lose_leader(self):
        """As a node that is cut off from most of the others."""
        for question in ("health", "leader", "snapshots"):
            self.reply(question, **NO_LEADER)


class Cluster:
    def __init__(self, nodes=3, **options):
        self.nodes = [Node("es%d" % (number + 1), **options) for number in range(nodes)]

    def __enter__(self):
        for node in self.nodes:
            node.__enter__()
        return self

    def __exit__(self, *about):
        for node in self.nodes:
            node.__exit__(*about)

    def __getitem__(self, name):
        return next(node for node in self.nodes if node.name == name)

    def reply(self, question, **changes):
        for node in self.nodes:
            node.reply(question, **changes)

    def health(self, **changes):
        self.reply("health", body=dict(HEALTH, **changes))

    def uri(self, query="", scheme="elasticsearch", nodes=None):
        first = self.nodes[0]
        names = ",".join("127.0.0.1:%d" % node.port for node in nodes or self.nodes)
        return "%s%s://%s%s%s%s" % (scheme, "" if first.tls else "+http", first.user[0] + "@" if first.user else "",
                                    names, first.prefix, "?" + query if query else "")
