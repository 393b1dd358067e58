# SPDX-License-Identifier: GPL-3.0-or-later
"""MongoDB's documents and messages: what the stand-in (tests/live/stub_mongodb.py) and the lab's client both speak.

BSON as far as replication needs it; extended JSON as it is in tests/samples/mongodb; a client of one server, with
SCRAM-SHA-256. Standard library only."""

import base64
import hashlib
import hmac
import os
import socket
import struct

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013


# ---- values ----

class Long(int):
    """An int64."""


class Date(int):
    """Milliseconds since the epoch."""


class Timestamp(tuple):
    """(seconds, increment)"""


class ObjectId(bytes):
    """12 bytes."""


def from_json(value):
    """Extended JSON as json.loads leaves it."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$numberLong" in value:
        return Long(value["$numberLong"])
    if "$numberDouble" in value:
        return float(value["$numberDouble"])
    if "$date" in value:
        return Date(value["$date"]["$numberLong"])
    if "$timestamp" in value:
        return Timestamp((value["$timestamp"]["t"], value["$timestamp"]["i"]))
    if "$oid" in value:
        return ObjectId(bytes.fromhex(value["$oid"]))
    return {key: from_json(item) for key, item in value.items()}



# ---- BSON ----

def encode_item(name, value):
    key = name.encode() + b"\0"
    if isinstance(value, bool):
        return b"\x08" + key + bytes([value])
    if isinstance(value, Timestamp):
        return b"\x11" + key + struct.pack("<II", value[1], value[0])
    if isinstance(value, Date):
        return b"\x09" + key + struct.pack("<q", value)
    if isinstance(value, ObjectId):
        return b"\x07" + key + bytes(value)
    if isinstance(value, bytes):
        return b"\x05" + key + struct.pack("<iB", len(value), 0) + value
    if isinstance(value, Long):
        return b"\x12" + key + struct.pack("<q", value)
    if isinstance(value, int):
        return b"\x10" + key + struct.pack("<i", value)
    if isinstance(value, float):
        return b"\x01" + key + struct.pack("<d", value)
    if isinstance(value, str):
        text = value.encode() + b"\0"
        return b"\x02" + key + struct.pack("<i", len(text)) + text
    if isinstance(value, dict):
        return b"\x03" + key + encode(value)
    if isinstance(value, list):
        return b"\x04" + key + encode({str(place): item for place, item in enumerate(value)})
    if value is None:
        return b"\x0a" + key
    raise TypeError("no BSON for %r" % (value,))


def encode(document):
    body = b"".join(encode_item(name, value) for name, value in document.items())
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def decode(data):
    """The document at the beginning of the data: of the kinds that a client sends."""
    place, end = 4, struct.unpack_from("<i", data)[0] - 1
    document = {}
    while place < end:
        kind = data[place]
        stop = data.index(b"\0", place + 1)
        name = data[place + 1:stop].decode()
        place = stop + 1
        if kind in (0x02, 0x05):
            size = struct.unpack_from("<i", data, place)[0]
            if kind == 0x02:
                document[name] = data[place + 4:place + 4 + size - 1].decode()
                place += 4 + size
            else:
                document[name] = data[place + 5:place + 5 + size]
                place += 5 + size
        elif kind in (0x03, 0x04):
            size = struct.unpack_from("<i", data, place)[0]
            inner = decode(data[place:place + size])
            document[name] = list(inner.values()) if kind == 0x04 else inner
            place += size
        else:
            form = {0x01: "<d", 0x08: "<?", 0x09: "<q", 0x10: "<i", 0x11: "<Q", 0x12: "<q", 0x0a: "<"}.get(kind)
            if form is None:
                size = {0x07: 12, 0x13: 16}[kind]
                document[name] = data[place:place + size]
            else:
                size = struct.calcsize(form)
                document[name] = struct.unpack_from(form, data, place)[0] if size else None
            place += size
    return document


# ---- a client ----

class Refused(Exception):
    """The server's own error; .code is its number."""

    def __init__(self, reply):
        super().__init__("%s (%s)" % (reply.get("errmsg"), reply.get("codeName")))
        self.code = reply.get("code")


class Client:
    """One connection to one server on loopback; it ends with close()."""

    def __init__(self, port, seconds=30):
        self.socket = socket.create_connection(("127.0.0.1", port), seconds)
        self.number = 0

    def close(self):
        self.socket.close()

    def receive(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError("the server closed the connection")
            data += more
        return data

    def command(self, document, database="admin"):
        """The reply; Refused when it is not ok."""
        self.number += 1
        body = struct.pack("<IB", 0, 0) + encode(dict(document, **{"$db": database}))
        self.socket.sendall(struct.pack("<iiii", 16 + len(body), self.number, 0, OP_MSG) + body)
        size = struct.unpack("<iiii", self.receive(16))[0]
        reply = decode(self.receive(size - 16)[5:])
        if not reply.get("ok"):
            raise Refused(reply)
        return reply

    def log_in(self, user, password):
        nonce = base64.b64encode(os.urandom(18)).decode()
        bare = "n=%s,r=%s" % (user, nonce)
        reply = self.command({"saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": ("n,," + bare).encode(),
                              "options": {"skipEmptyExchange": True}})
        first = bytes(reply["payload"]).decode()
        fields = dict(item.split("=", 1) for item in first.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        key = hmac.new(salted, b"Client Key", "sha256").digest()
        without = "c=biws,r=" + fields["r"]
        signature = hmac.new(hashlib.sha256(key).digest(), ",".join((bare, first, without)).encode(), "sha256").digest()
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
        self.command({"saslContinue": 1, "conversationId": reply["conversationId"],
                      "payload": ("%s,p=%s" % (without, proof)).encode()})
