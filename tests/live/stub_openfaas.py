# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the gateway of OpenFaaS: its system API, and no function.

    with Gateway() as gateway:
        gateway.functions.append(function("resize", replicas=2))
        liveness("-T", gateway.uri(), "--password-file", ...)

Functions have the fields of types.FunctionStatus, which leaves out numbers that are zero. A request is looked at as the
gateway does (basic authentication but for /healthz, path, parameters). What no right client sends is in `complaints`, and
leaving the `with` block asserts that there are none: any verb but GET, any path but two, and above all a call of a function,
which would start one that has no replicas."""

import base64
import http.server
import json
import os
import socketserver
import sys
import threading
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "lab"))

from postgresql import free_port  # noqa: E402

USER, PASSWORD = "admin", "open sesame"


def function(name, replicas=1, available=None, calls=0, **more):
    available = replicas if available is None else available
    numbers = {"replicas": replicas, "availableReplicas": available, "invocationCount": calls}
    return dict({"name": name, "image": "registry.example/%s:0.3" % name, "namespace": "openfaas-fn", "envProcess": "",
                 "envVars": {}, "constraints": None, "secrets": [], "labels": {"com.openfaas.scale.zero": "true"},
                 "annotations": {}, "limits": None, "requests": None, "createdAt": "2026-10-01T08:00:00Z"},
                **{key: value for key, value in numbers.items() if value}, **more)


class Reply:
    def __init__(self, body="", status=200, hangs=False, cut=None):
        self.body = body if isinstance(body, str) else json.dumps(body)
        self.status = status
        self.hangs = hangs
        self.cut = cut  # the connection closes after so many bytes


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        gateway = self.server.gateway
        reply = gateway.answer(self.path, self.headers)
        if reply.hangs:
            gateway.over.wait()
            self.close_connection = True
            return
        body = reply.body.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:reply.cut])
        if reply.cut is not None:
            self.close_connection = True

    def refuse(self):
        self.server.gateway.complaints.append("%s %s" % (self.command, self.path))
        self.send_error(405)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = refuse


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that leaves is none of our business."""


class Gateway:
    def __init__(self, prefix=""):
        self.port = free_port(set())
        self.prefix = prefix
        self.functions = []
        self.fault = {}  # "functions" or "health": Reply instead of the right one
        self.looks = []  # lists of functions of the next looks, before `functions`
        self.namespaces = []
        self.complaints = []
        self.over = threading.Event()
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.gateway = self

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        assert kind or not self.complaints, self.complaints

    def uri(self, query="", user=USER):
        return "openfaas+http://%s127.0.0.1:%d%s%s" % (user + "@" if user else "", self.port, self.prefix,
                                                       "?" + query if query else "")

    def answer(self, target, headers):
        path, _, query = target.partition("?")
        parameters = urllib.parse.parse_qs(query, strict_parsing=bool(query))
        if path == self.prefix + "/healthz" and not query:
            return self.fault.get("health") or Reply("OK")
        if path != self.prefix + "/system/functions" or set(parameters) - {"namespace"}:
            self.complaints.append(target)
            return Reply("404 page not found\n", 404)
        wanted = "Basic " + base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode()).decode()
        if headers.get("Authorization") != wanted:
            return Reply("invalid credentials\n", 401)
        self.namespaces += parameters.get("namespace", [])
        return self.fault.get("functions") or Reply(self.looks.pop(0) if self.looks else self.functions)
