# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a RabbitMQ cluster: the management API of each node, from recorded replies.

    with Broker("idle") as broker:
        broker.nodes[0].reply("overview", hangs=True)
        broker.once("listing", body="[{")
        mirrors("-T", broker.uri(), "--password-file", ...)
        assert broker.asked("listing") == 2

A scenario is a folder of tests/samples/rabbitmq: NAME.json is the reply to the question NAME (see QUESTIONS). A request is
looked at as the server does (authorisation, path, numbers, column names); what no right client sends is in `complaints`
too, and leaving the `with` block asserts that there are none. Every reply can be changed, for one node or for whichever is
asked next: status, body, seconds until it comes, or never (until the end of the block)."""

import base64
import gzip
import http.server
import json
import os
import re
import socketserver
import ssl
import sys
import threading
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "lab"))

from postgresql import free_port  # noqa: E402

SAMPLES = os.path.join(HERE, os.pardir, "samples", "rabbitmq")
USER, PASSWORD = "nagios", "open sesame"

COLUMNS = {
    "overview": {"node", "rabbitmq_version", "disable_stats", "object_totals"},
    "nodes": {"name", "running", "partitions", "os_pid", "being_drained", "mem_alarm", "disk_free_alarm", "fd_used",
              "fd_total", "uptime"},
    "vhosts": {"name"},
    "parameters": {"name", "vhost"},
    "queues": {"name", "vhost", "type", "durable", "exclusive", "auto_delete", "node", "leader", "members", "online",
               "slave_nodes", "synchronised_slave_nodes", "state", "policy", "operator_policy",
               "effective_policy_definition", "messages", "messages_ready", "messages_unacknowledged",
               "messages_persistent", "message_bytes", "consumers", "head_message_timestamp", "message_stats",
               "sync_messages", "arguments"},
}

# path below api/, its query, and what we call it
QUESTIONS = [
    (r"whoami", {}, "whoami"),
    (r"overview", {"columns"}, "overview"),
    (r"nodes", {"columns"}, "nodes"),
    (r"vhosts", {"columns"}, "vhosts"),
    (r"health/checks/alarms", {}, "alarms"),
    (r"health/checks/certificate-expiration/[0-9]+/days", {}, "certificates"),
    (r"policies", {}, "policies"),
    (r"operator-policies", {}, "operator-policies"),
    (r"shovels", {}, "shovels"),
    (r"parameters/shovel", {"columns"}, "defined"),
    (r"federation-links", {}, "federation-links"),
    (r"queues", {"disable_stats"}, "listing"),
    (r"queues", {"disable_stats", "enable_queue_totals"}, "totals"),
    (r"queues", {"columns"}, "figures"),
    (r"queues/[^/]+/[^/]+", {"columns"}, None),  # "VHOST/NAME"
]
HEALTHY = {"alarms": '{"status":"ok"}', "certificates": '{"status":"ok"}'}
NOT_FOUND = '{"error":"Object Not Found","reason":"Not Found"}'
LOGIN_FAILED = '{"error":"not_authorized","reason":"Login failed"}'


class Reply:
    def __init__(self, body="", status=200, delay=0.0, hangs=False, cut=None):
        self.body = body if isinstance(body, (str, bytes)) else json.dumps(body)
        self.status = status
        self.delay = delay
        self.hangs = hangs
        self.cut = cut  # the connection closes after so many bytes


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        node = self.server.node
        question = node.question(self.path)
        node.requests.append((question, self.path, dict(self.headers)))
        reply = node.answer(question, self.path, self.headers)
        if reply.hangs or reply.delay:
            node.broker.over.wait(None if reply.hangs else reply.delay)
        if node.broker.over.is_set():
            self.close_connection = True
            return
        self.send(reply)

    def send(self, reply):
        if reply.status == 404 and self.headers.get("Accept", "*/*") != "*/*":
            reply = Reply(status=406)  # what the server makes of an error page in HTML that is not wanted
        body = reply.body if isinstance(reply.body, bytes) else reply.body.encode()
        packed = "gzip" in self.headers.get("Accept-Encoding", "") and self.server.node.broker.packs
        if packed:
            body = gzip.compress(body)
        self.send_response(reply.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if packed:
            self.send_header("content-encoding", "gzip")
        self.end_headers()
        self.wfile.write(body[:reply.cut])
        if reply.cut is not None:
            self.close_connection = True


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 50

    def handle_error(self, request, client_address):
        """A client that leaves is none of our business."""


class Node:
    def __init__(self, broker, name):
        self.broker = broker
        self.name = name
        self.port = free_port(broker.ports)
        self.replies = {}
        self.requests = []
        self.server = None

    def start(self, tls=None):
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.node = self
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def reply(self, question, **changes):
        self.replies[question] = Reply(**changes)

    def question(self, target):
        """What we call it; None for what is none of the API."""
        path, _, query = target.partition("?")
        prefix = self.broker.prefix + "/api/"
        parameters = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        if not path.startswith(prefix):
            return None
        path = path[len(prefix):]
        for pattern, names, question in QUESTIONS:
            if not re.fullmatch(pattern, path) or set(names) != set(parameters):
                continue
            if any(parameters[name] != "true" for name in names if name != "columns"):
                continue
            columns = set(parameters.get("columns", "").split(",")) - {""}
            if "columns" in names and not (columns and columns <= COLUMNS[path.partition("/")[0]]):
                continue
            return question or "/".join(map(urllib.parse.unquote, path.split("/")[1:]))
        return None

    def answer(self, question, target, headers):
        if self.broker.disown(headers):
            return Reply(LOGIN_FAILED, 401)
        if question is None:
            self.broker.complaints.append("%s: %s" % (self.name, target))
            return Reply(NOT_FOUND, 404)
        with self.broker.lock:
            waiting = self.broker.next.get(question)
            if waiting:
                return waiting.pop(0)
        return self.replies.get(question) or self.broker.replies.get(question) or Reply(NOT_FOUND, 404)


class Broker:
    def __init__(self, scenario, nodes=3, tls=None, prefix="", packs=True):
        self.ports = set()
        self.tls = tls
        self.prefix = prefix
        self.packs = packs
        self.token = None  # a bearer token instead of user and password
        self.complaints = []
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.next = {}
        self.replies = {question: Reply(text) for question, text in HEALTHY.items()}
        folder = os.path.join(SAMPLES, scenario)
        for name in os.listdir(folder):
            with open(os.path.join(folder, name)) as file:
                self.replies[name[:-len(".json")]] = Reply(file.read())
        self.nodes = [Node(self, "rmq%d" % (number + 1)) for number in range(nodes)]
        for node in self.nodes:
            overview = json.loads(self.replies["overview"].body)
            node.reply("overview", body=dict(overview, node=node.name + "@localhost"))

    def __enter__(self):
        for node in self.nodes:
            node.start(self.tls)
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        for node in self.nodes:
            node.stop()
        assert kind or not self.complaints

    def reply(self, question, **changes):
        """Of every node."""
        self.replies[question] = Reply(**changes)

    def once(self, question, **changes):
        """Of whichever node is asked next."""
        self.next.setdefault(question, []).append(Reply(**changes))

    def document(self, question):
        return json.loads(self.replies[question].body)

    def disown(self, headers):
        wanted = "Bearer " + self.token if self.token else "Basic " + base64.b64encode(
            ("%s:%s" % (USER, PASSWORD)).encode()).decode()
        return headers.get("Authorization") != wanted

    def asked(self, question):
        """How often, of all nodes."""
        return sum(1 for node in self.nodes for request in node.requests if request[0] == question)

    def uri(self, query="", user=USER):
        return "rabbitmq%s://%s%s%s%s" % (
            "s" if self.tls else "", user + "@" if user else "",
            ",".join("127.0.0.1:%d" % node.port for node in self.nodes), self.prefix, "?" + query if query else "")
