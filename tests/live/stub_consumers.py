# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a RabbitMQ node whose consumers are asked for: recorded replies of its management API, for one virtual
host. The rules, and what can be changed, are those of stub_rabbitmq.

    with Broker() as broker:
        broker.reply("consumers", body=[])
        check("-T", broker.uri(), "--password-file", ...)"""

import os
import threading
import urllib.parse

import stub_rabbitmq
from stub_rabbitmq import PASSWORD, USER, Reply  # noqa: F401

VHOST = "shop"
SAMPLES = os.path.join(os.path.dirname(stub_rabbitmq.SAMPLES), "consumers")

# path below api/, the columns that are asked for, and what we call it
QUESTIONS = (
    ("whoami", None, "whoami"),
    ("consumers/" + VHOST, None, "consumers"),
    ("queues/" + VHOST, {"name", "type", "state", "messages_ready", "messages_unacknowledged", "consumers", "exclusive",
                         "message_stats", "arguments", "effective_policy_definition"}, "queues"),
    ("vhosts/%s/channels" % VHOST, {"name", "messages_unacknowledged", "global_prefetch_count", "message_stats"}, "channels"),
    ("vhosts/%s/connections" % VHOST, {"name", "user_provided_name"}, "connections"),
)
NAMES = tuple(name for _, _, name in QUESTIONS)


class Node(stub_rabbitmq.Node):
    def question(self, target):
        path, _, query = target.partition("?")
        prefix = self.broker.prefix + "/api/"
        parameters = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        columns = set(parameters.pop("columns").split(",")) if "columns" in parameters else None
        for known, wanted, name in QUESTIONS:
            if path == prefix + known and columns == wanted and not parameters:
                return name
        return None


class Broker(stub_rabbitmq.Broker):
    def __init__(self, tls=None, prefix="", packs=True):
        self.ports = set()
        self.tls = tls
        self.prefix = prefix
        self.packs = packs
        self.token = None
        self.complaints = []
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.next = {}
        self.replies = {}
        for name in NAMES:
            with open(os.path.join(SAMPLES, name + ".json")) as file:
                self.replies[name] = Reply(file.read())
        self.nodes = [Node(self, "rmq1")]

    def uri(self, query="", user=USER):
        return "rabbitmq%s-consumers://%s127.0.0.1:%d/%s%s" % (
            "s" if self.tls else "", user + "@" if user else "", self.nodes[0].port, VHOST, "?" + query if query else "")
