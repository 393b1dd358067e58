# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for mongod: it speaks the wire protocol and answers with the documents a test gives it.

    members = Set(sample("healthy_8.0"))
    with members.serve() as ports: ...

One listener on loopback for each member, each with the set as this member would see it. Dates and optimes move with the
clock: what a document says of a moment before its own `date` is as long ago when it is sent. OP_QUERY isMaster and OP_MSG;
SCRAM-SHA-256 with and without speculative authentication; TLS where a certificate is given. A command that the documents do
not answer, or that the user may not run, gets the error of the real server.

`session(receive)` is a script for tests/faults/peers.py.
"""

import base64
import contextlib
import copy
import hashlib
import hmac
import json
import os
import ssl
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("faults", "lab"):
    sys.path.insert(0, os.path.join(HERE, os.pardir, folder))

import peers  # noqa: E402
from mongodb_wire import (OP_MSG, OP_QUERY, OP_REPLY, Date, Long, ObjectId, Timestamp, decode, encode,  # noqa: E402,F401
                          from_json)

SAMPLES = os.path.join(HERE, os.pardir, "samples", "mongodb")


# ---- samples ----

def sample(name):
    """The documents of a sample: {command: reply}."""
    with open(os.path.join(SAMPLES, name + ".json")) as file:
        return from_json(json.load(file))


def moved(value, seconds):
    """The value with every date and optime later by so much; the epoch stays ("never")."""
    if isinstance(value, Date):
        return Date(value + round(seconds * 1000)) if value > 0 else value
    if isinstance(value, Timestamp):
        return Timestamp((value[0] + int(seconds), value[1])) if value[0] > 0 else value
    if isinstance(value, list):
        return [moved(item, seconds) for item in value]
    if isinstance(value, dict):
        return {key: moved(item, seconds) for key, item in value.items()}
    return value


# ---- SCRAM-SHA-256 ----

class Scram:
    """One conversation. `steps` are the server's payloads; None: the proof is wrong."""

    def __init__(self, users):
        self.users = users
        self.iterations = 4096
        self.salt = b"0123456789abcdefghijklmnopqr"

    def first(self, payload):
        self.bare = payload.decode().split(",", 2)[2]
        fields = dict(item.split("=", 1) for item in self.bare.split(","))
        self.user = fields["n"].replace("=2C", ",").replace("=3D", "=")
        self.nonce = fields["r"] + base64.b64encode(os.urandom(18)).decode()
        self.message = "r=%s,s=%s,i=%d" % (self.nonce, base64.b64encode(self.salt).decode(), self.iterations)
        return self.message.encode()

    def last(self, payload):
        without, proof = payload.decode().rsplit(",p=", 1)
        # A user that is not there fails like a wrong password.
        salted = hashlib.pbkdf2_hmac("sha256", self.users.get(self.user, "\0").encode(), self.salt, self.iterations)
        key = hmac.new(salted, b"Client Key", "sha256").digest()
        signed = ",".join((self.bare, self.message, without)).encode()
        signature = hmac.new(hashlib.sha256(key).digest(), signed, "sha256").digest()
        if bytes(a ^ b for a, b in zip(key, signature)) != base64.b64decode(proof):
            return None
        server = hmac.new(hmac.new(salted, b"Server Key", "sha256").digest(), signed, "sha256").digest()
        return b"v=" + base64.b64encode(server)


# ---- a member ----

def failure(code, name, text):
    return {"ok": 0.0, "errmsg": text, "code": code, "codeName": name}


CLUSTER_MONITOR = ("replSetGetStatus", "replSetGetConfig", "serverStatus")
DENIED = "not authorized on admin to execute command { %s: 1 }"


class Member:
    """One mongod.

    users      {name: password}: authentication is on
    granted    commands that those who are logged in may run: those of the role clusterMonitor
    denied     ... but for these
    wire       (least, greatest) wire version
    change     what a test does to a reply before it is sent: change(command, document) -> document
    asked      the commands that came, in order
    """

    def __init__(self, name, documents, users=None, granted=CLUSTER_MONITOR, denied=(), wire=(0, 21), change=None, hosts=None):
        self.name = name
        self.documents = documents
        self.users = users
        self.granted = granted
        self.denied = denied
        self.wire = wire
        self.change = change
        self.hosts = hosts
        self.asked = []
        self.noted = 0
        self.base = documents.get("replSetGetStatus", {}).get("date")

    def entry(self):
        members = self.documents["replSetGetStatus"].get("members", [])
        return next((member for member in members if member.get("self")), None)

    def hello(self):
        entry = self.entry()
        state = entry["state"] if entry else 0
        document = {"ismaster": state == 1, "helloOk": True, "maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000,
                    "maxWriteBatchSize": 100000, "localTime": Date(time.time() * 1000), "connectionId": 7,
                    "minWireVersion": self.wire[0], "maxWireVersion": self.wire[1], "readOnly": False, "ok": 1.0}
        if entry:
            status = self.documents["replSetGetStatus"]
            document.update({"hosts": self.hosts or [member["name"] for member in status["members"]],
                             "setName": status["set"], "setVersion": 5, "secondary": state == 2, "me": self.name})
            if state == 7:
                document["arbiterOnly"] = True
            primary = [member["name"] for member in status["members"] if member["state"] == 1]
            if primary:
                document["primary"] = primary[0]
        return document

    def reply(self, command, session):
        """The reply to a command, moved to the present."""
        name = next(iter(command))
        self.asked.append(name)
        if name.lower() in ("hello", "ismaster"):
            return self.greet(command, session)
        if name in ("saslStart", "saslContinue"):
            return self.authenticate(name, command, session)
        if name in ("ping", "endSessions"):
            return {"ok": 1.0}
        if self.users is not None and not session.get("user"):
            return failure(13, "Unauthorized", "command %s requires authentication" % name)
        if name in self.denied or self.users is not None and name not in self.granted:
            return failure(13, "Unauthorized", DENIED % name)
        return self.answer(name)

    def answer(self, name):
        if name == "appendOplogNote":
            self.noted += 1
            return self.finish(name, {"ok": 1.0, "operationTime": self.position()})
        if name not in self.documents:
            if "code" in self.documents["replSetGetStatus"]:
                return dict(self.documents["replSetGetStatus"])
            return failure(59, "CommandNotFound", "no such command: '%s'" % name)
        document = copy.deepcopy(self.documents[name])
        return self.finish(name, document)

    def finish(self, name, document):
        if self.base is not None:
            document = moved(document, time.time() - self.base / 1000)
        return self.change(name, document) if self.change else document

    def position(self):
        return self.entry()["optime"]["ts"]

    def greet(self, command, session):
        document = self.hello()
        if "saslSupportedMechs" in command and self.users is not None:
            document["saslSupportedMechs"] = ["SCRAM-SHA-256"]
        speculative = command.get("speculativeAuthenticate")
        if speculative and self.users and speculative.get("mechanism") == "SCRAM-SHA-256":
            document["speculativeAuthenticate"] = self.authenticate("saslStart", speculative, session)
        return document

    def authenticate(self, name, command, session):
        wrong = failure(18, "AuthenticationFailed", "Authentication failed.")
        if not self.users:
            return wrong
        if name == "saslStart":
            session["scram"] = Scram(self.users)
            payload = session["scram"].first(command["payload"])
            session["short"] = command.get("options", {}).get("skipEmptyExchange", False)
        elif "proven" in session:
            payload = b""
        else:
            payload = session["scram"].last(command["payload"])
            if payload is None:
                return wrong
            session["proven"] = True
        done = name == "saslContinue" and (session["short"] or payload == b"")
        if done:
            session["user"] = session["scram"].user
        return {"conversationId": 1, "done": done, "payload": payload, "ok": 1.0}

    def session(self, receive):
        state = {}
        while True:
            try:
                header = receive(16)
            except EOFError:
                return
            size, request, _, code = struct.unpack("<iiii", header)
            body = receive(size - 16)
            if code == OP_QUERY:
                document = encode(self.reply(decode(body[body.index(b"\0", 4) + 9:]), state))
                reply, code = struct.pack("<iqii", 8, 0, 0, 1) + document, OP_REPLY
            else:
                document = encode(self.reply(decode(body[5:]), state))
                reply, code = struct.pack("<IB", 0, 0) + document, OP_MSG
            yield struct.pack("<iiii", 16 + len(reply), 1, request, code) + reply


class Tls(peers.Honest):
    """An honest peer behind TLS."""

    def __init__(self, script, certificate):
        super().__init__(script)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)

    def serve(self, connection):
        connection.sock = self.context.wrap_socket(connection.sock, server_side=True)
        super().serve(connection)


# ---- a set ----

def seen_by(documents, name):
    """The same set as another of its members sees it."""
    seen = copy.deepcopy(documents)
    status = seen["replSetGetStatus"]
    beat = {"lastHeartbeat": Date(status["date"] - 500), "lastHeartbeatRecv": Date(status["date"] - 1000), "pingMs": Long(0)}
    for member in status["members"]:
        if member["name"] == name:
            for key in beat:
                member.pop(key, None)
            member["self"] = True
            member["health"] = 1.0
            status["myState"] = member["state"]
            status["syncSourceHost"] = member.get("syncSourceHost", "")
            if "optime" in member and "optimes" in status:
                for key in ("appliedOpTime", "durableOpTime", "writtenOpTime"):
                    if key in status["optimes"]:
                        status["optimes"][key] = dict(member["optime"])
                for key in ("lastAppliedWallTime", "lastDurableWallTime", "lastWrittenWallTime"):
                    if key in status["optimes"]:
                        status["optimes"][key] = member["optimeDate"]
        elif member.pop("self", False):
            member.update(beat)
    if "serverStatus" in seen:
        seen["serverStatus"]["host"] = name
    return seen


class Set:
    """Every living member of a sample, each with its own view."""

    def __init__(self, documents, **options):
        entries = documents["replSetGetStatus"]["members"]
        self.members = {}
        for entry in entries:
            if entry["health"] > 0:
                name = entry["name"]
                own = dict(options)
                if entry["state"] == 7 and "users" in own:
                    own["users"] = {}  # an arbiter has none
                self.members[name.split(":")[0]] = Member(name, seen_by(documents, name), **own)

    @contextlib.contextmanager
    def serve(self, names=None, user="", query=""):
        """The -T options for the members called so (all of them)."""
        with contextlib.ExitStack() as stack:
            words = []
            for name in names or self.members:
                peer = stack.enter_context(peers.Honest(self.members[name].session))
                words += ["-T", uri(peer, name, user, query)]
            yield words


def uri(peer, name="db1", user="", query=""):
    return "%s=mongodb://%s127.0.0.1:%d/%s" % (name, user and user + "@", peer.port, query)
