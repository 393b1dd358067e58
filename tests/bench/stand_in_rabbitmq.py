# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a RabbitMQ cluster with very many queues: it answers as fast as this machine can send.

    with Cluster(100000) as cluster:
        run("check_queue_mirrors", "-T", cluster.uri())

Every reply is made and packed (by gzip, whoever asks) before the first request, so that what is measured is the client and
not the server. A real broker takes seconds to make such a list: Cluster.wait. The queues have
the members that 3.10 sends, and of ten are five mirrored, three quorum queues and two with one copy: QUEUES says how each is
called. All are healthy, and hold 3 messages each."""

import gzip
import json
import socketserver
import threading

USER, PASSWORD = "nagios", "secret"
QUEUES = ("orders.created.%06d", "orders.paid.%06d", "orders.shipped.%06d", "celery.priority.%06d", "celery.default.%06d",
          "payments.%06d", "ledger.entries.%06d", "accounts.%06d", "audit.trail.%06d", "metrics.raw.%06d")
MESSAGES = 3
MISSING = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
VHOSTS = ("/", "shop", "billing", "reports")
NODES = tuple("rabbit@mq%d" % number for number in (1, 2, 3))
POLICIES = [{"vhost": vhost, "name": "ha", "pattern": "^(orders|celery)", "apply-to": "queues", "priority": 0,
             "definition": {"ha-mode": "all", "ha-sync-mode": "automatic"}} for vhost in VHOSTS]


def make_queue(number):
    """Its record, as disable_stats=true lists it."""
    kind = number % len(QUEUES)
    leader, *others = NODES[number % 3:] + NODES[:number % 3]
    queue = {"arguments": {}, "auto_delete": False, "durable": True, "exclusive": False, "name": QUEUES[kind] % number,
             "node": leader, "state": "live", "type": "classic", "vhost": VHOSTS[number // 10 % len(VHOSTS)]}
    if kind < 5:
        queue.update(policy="ha", slave_nodes=others, synchronised_slave_nodes=others)
    elif kind < 8:
        queue.update(arguments={"x-queue-type": "quorum"}, leader=leader, members=[leader] + others, type="quorum",
                     online=[leader] + others, open_files=dict.fromkeys(NODES, 0))
    return queue


def with_totals(queue):
    return dict(queue, state="running", messages=MESSAGES, messages_ready=MESSAGES, messages_unacknowledged=0)


def with_figures(queue):
    """What `columns` asks for."""
    rates = {key + "_details": {"rate": 0.0} for key in ("publish", "ack")}
    figured = dict(with_totals(queue), consumers=2, messages_persistent=MESSAGES, message_bytes=300 * MESSAGES,
                   operator_policy=None, effective_policy_definition=POLICIES[0]["definition"] if "policy" in queue else {},
                   message_stats=dict(rates, publish=1000, ack=1000 - MESSAGES))
    if queue["type"] == "classic":
        figured["head_message_timestamp"] = None
    return {key: value for key, value in figured.items() if key not in ("arguments", "open_files")}


def make_nodes():
    return [{"name": name, "running": True, "partitions": [], "os_pid": "100", "mem_alarm": False, "disk_free_alarm": False,
             "fd_used": 50, "fd_total": 20000, "uptime": 1000000} for name in NODES]


def pack(text, cut=None):
    """A reply; cut: how many of its packed bytes are sent before the connection closes as if that were all."""
    body = gzip.compress(text.encode(), 6)[:cut]
    return (b"HTTP/1.1 200 OK\r\nserver: Cowboy\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n"
            b"date: Sat, 01 Jan 2022 00:00:00 GMT\r\ncontent-length: %d\r\n\r\n" % len(body)) + body


def unpack(reply):
    return gzip.decompress(reply.partition(b"\r\n\r\n")[2]).decode()


def is_cut(reply):
    """It is shorter than it says."""
    head, _, body = reply.partition(b"\r\n\r\n")
    return int(head.rpartition(b" ")[2]) > len(body)


def text_of(value):
    return json.dumps(value, separators=(",", ":"))


def question(target):
    """What is asked for: the path below api/, and of the lists of queues which one."""
    path, _, query = target.partition("?")
    path = path.partition("/api/")[2]
    if path != "queues":
        return path
    return "totals" if "enable_queue_totals" in query else "listing" if "disable_stats" in query else "figures"


class Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        while True:
            line = self.rfile.readline()
            if not line:
                return
            while self.rfile.readline().strip():
                pass
            asked = question(line.split()[1].decode())
            reply = self.server.replies.get(asked, MISSING)
            self.server.over.wait(self.server.waits.get(asked, 0))
            self.request.sendall(reply)
            if is_cut(reply):
                return


class Node(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, replies):
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies = replies
        self.waits = {}
        self.over = threading.Event()

    def handle_error(self, request, client_address):
        """A client that leaves is none of our business."""


class Cluster:
    """`nodes` servers, each with .replies {question: bytes}, which may be changed."""

    def __init__(self, queues, nodes=1):
        self.queues = [make_queue(number) for number in range(queues)]
        overview = {"rabbitmq_version": "3.10.8", "disable_stats": False, "node": NODES[0], "object_totals": {
            "channels": 0, "connections": 0, "consumers": 0, "exchanges": 28, "queues": queues}}
        replies = {"whoami": {"name": USER, "tags": ["monitoring"]}, "nodes": make_nodes(),
                   "health/checks/alarms": {"status": "ok"}, "policies": POLICIES, "operator-policies": [],
                   "vhosts": [{"name": name} for name in VHOSTS],
                   "listing": self.queues, "totals": [with_totals(queue) for queue in self.queues],
                   "figures": [with_figures(queue) for queue in self.queues]}
        packed = {name: pack(text_of(value)) for name, value in replies.items()}
        self.nodes = [Node(dict(packed, overview=pack(text_of(dict(overview, node=name))))) for name in NODES[:nodes]]
        self.sizes = {name: len(text_of(replies[name])) for name in ("listing", "totals", "figures")}

    def __enter__(self):
        for node in self.nodes:
            threading.Thread(target=node.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.over.set()
            node.shutdown()
            node.server_close()

    def url(self, query, node=0):
        return "http://127.0.0.1:%d/api/%s" % (self.nodes[node].server_address[1], query)

    def wait(self, seconds, *questions):
        """Before each reply to one of them: what the server needs to make it."""
        for node in self.nodes:
            node.waits = dict.fromkeys(questions, seconds)

    def uri(self, nodes=None):
        """Of all nodes, or of the first ones."""
        return "rabbitmq://%s@%s" % (USER, ",".join("127.0.0.1:%d" % node.server_address[1] for node in self.nodes[:nodes]))
