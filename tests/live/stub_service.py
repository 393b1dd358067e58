# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stand-ins for services over HTTP share: a server that knows its questions, and nothing else.

    class Thing(Service):
        QUESTIONS = {"health": "/api/health", "list": "/api/list?limit=[0-9]+"}

    with Thing({"health": {"db": "ok"}}) as thing:
        thing.reply("health", status=503, body={"db": "failing"})
        assert thing.asked("health") == 1

A question is a path with its query, as a regular expression for all of it. Only GET without a body is answered; a
request that is none of the questions, or with another method, gets what the service would say and is in `complaints`,
and leaving the block asserts that there are none. A reply can be changed: status, body, headers, cut after so many
bytes, or never sent."""

import base64
import http.server
import json
import os
import re
import socketserver
import ssl
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lab"))

from postgresql import free_port  # noqa: E402

PORTS = set()


class Reply:
    def __init__(self, body="", status=200, headers=None, hangs=False, cut=None):
        self.body = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        self.status = status
        self.headers = headers or {}
        self.hangs = hangs
        self.cut = cut


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for each reply

    def log_message(self, *_):
        pass

    def send_header(self, keyword, value):
        if keyword == "Date" and not self.server.service.dated:
            return
        super().send_header(keyword, value)

    def do_GET(self):
        service = self.server.service
        reply = service.answer(self.path, self.headers)
        if reply.hangs:
            service.over.wait()
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in dict({"Content-Type": "application/json"}, **reply.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body[:reply.cut])
        self.wfile.flush()
        if reply.cut is not None:
            self.close_connection = True

    def do_other(self):
        self.server.service.complaints.append("%s %s" % (self.command, self.path))
        self.send_error(405)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = do_other


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 50

    def handle_error(self, request, client_address):
        """A client that leaves is none of our business."""


class Service:
    QUESTIONS = {}
    OPEN = ()  # questions that anybody may ask
    NOT_FOUND = {"message": "Not found"}
    HANDLER = Handler

    def __init__(self, replies, tls=None, user=None, token=None, token_header="Authorization", token_format="Bearer %s",
                 prefix=""):
        self.replies = {name: Reply(body) for name, body in replies.items()}
        self.tls = tls
        self.user = user  # (name, password)
        self.token = token
        self.token_header = token_header
        self.token_format = token_format
        self.prefix = prefix
        self.dated = True  # it sends a Date header
        self.over = threading.Event()
        self.requests = []
        self.complaints = []
        self.port = free_port(PORTS)
        self.server = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        self.stop()
        assert kind or not self.complaints, self.complaints

    def start(self):
        self.server = Server(("127.0.0.1", self.port), self.HANDLER)
        self.server.service = self
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def question(self, target):
        for name, pattern in self.QUESTIONS.items():
            if re.fullmatch(re.escape(self.prefix) + pattern, target):
                return name
        return None

    def disowns(self, headers):
        if self.user:
            wanted = "Basic " + base64.b64encode(":".join(self.user).encode()).decode()
            return headers.get("Authorization") != wanted
        if self.token:
            return headers.get(self.token_header) != self.token_format % self.token
        return "Authorization" in headers

    def answer(self, target, headers):
        question = self.question(target)
        self.requests.append((question, target, dict(headers)))
        if question is None or headers.get("Content-Length", "0") != "0":
            self.complaints.append(target)
            return Reply(self.NOT_FOUND, 404)
        if question not in self.OPEN and self.disowns(headers):
            return self.refusal(headers)
        return self.replies.get(question) or Reply(self.NOT_FOUND, 404)

    def refusal(self, headers):
        return Reply({"message": "Unauthorized"}, 401)

    def reply(self, question, **changes):
        self.replies[question] = Reply(**changes)

    def document(self, question):
        return json.loads(self.replies[question].body)

    def asked(self, question):
        return sum(1 for asked, _, _ in self.requests if asked == question)

    def uri(self, scheme, query="", user=True):
        """With TLS the scheme as it is, else scheme+http."""
        return "%s%s://%s127.0.0.1:%d%s%s" % (
            scheme, "" if self.tls else "+http", self.user[0] + "@" if self.user and user else "", self.port,
            self.prefix, "?" + query if query else "")
