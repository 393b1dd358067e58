# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for RabbitMQ's AMQP listener: just enough of AMQP 0-9-1 for a log-in and the probes of check_queue_mirrors.

What a real broker does only in rare moments is said by `say`: {name of the client's method: what the server answers},
where the usual answer is replaced; b"" is none."""

import struct

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8

# (class, method): name
NAMES = {(10, 11): "start-ok", (10, 31): "tune-ok", (10, 40): "open", (10, 50): "close", (20, 10): "channel.open",
         (20, 40): "channel.close", (50, 10): "declare", (85, 10): "select", (60, 40): "publish", (60, 70): "get"}


def short(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("!B", len(data)) + data


def long(data):
    return struct.pack("!I", len(data)) + data


def table(**entries):
    """Values: str, or bytes of a table."""
    return long(b"".join(short(key) + (b"F" + value if isinstance(value, bytes) else b"S" + long(value.encode()))
                         for key, value in entries.items()))


def frame(kind, channel, payload):
    return struct.pack("!BHI", kind, channel, len(payload)) + payload + b"\xce"


def method(channel, number, payload=b""):
    return frame(METHOD, channel, struct.pack("!HH", *number) + payload)


def closing(channel, code, text):
    """connection.close for channel 0, else channel.close"""
    return method(channel, (20, 40) if channel else (10, 50), struct.pack("!H", code) + short(text) + bytes(4))


def greeting(properties=None, mechanisms=b"PLAIN AMQPLAIN"):
    return method(0, (10, 10), b"\x00\x09" + (properties or table(product="RabbitMQ", version="4.1.0", cluster_name="mq"))
                  + long(mechanisms) + long(b"en_US"))


def content(channel, correlation):
    """The properties and the body of a message."""
    body = b"check_queue_mirrors"
    return (frame(HEADER, channel, struct.pack("!HHQH", 60, 0, len(body), 1 << 10) + short(correlation))
            + frame(BODY, channel, body))


def got(channel, correlation):
    return method(channel, (60, 71), struct.pack("!Q", 1) + b"\0" + short("") + short("amq.gen-1") + bytes(4)) + content(
        channel, correlation)


ACK = struct.pack("!QB", 1, 0)


class Broker:
    """One whose `session` is a script for tests/faults/peers.py."""

    def __init__(self, say=None, hello=None):
        self.say = say or {}
        self.hello = greeting() if hello is None else hello
        self.correlation = b""
        self.seen = []

    def answer(self, name, channel):
        usual = {
            "start-ok": lambda: method(0, (10, 30), struct.pack("!HIH", 2047, 131072, 60)),
            "open": lambda: method(0, (10, 41), short("")),
            "close": lambda: method(0, (10, 51)),
            "channel.open": lambda: method(channel, (20, 11), long(b"")),
            "channel.close": lambda: method(channel, (20, 41)),
            "declare": lambda: method(channel, (50, 11), short("amq.gen-1") + bytes(8)),
            "select": lambda: method(channel, (85, 11)),
            "publish": lambda: method(channel, (60, 80), ACK),
            "get": lambda: got(channel, self.correlation),
        }
        said = self.say.get(name)
        if said is not None:
            return said(channel) if callable(said) else said
        return usual[name]() if name in usual else b""

    def session(self, receive):
        assert receive(8) == b"AMQP\0\0\x09\x01"
        yield self.hello
        publishing = False
        while True:
            kind, channel, size = struct.unpack("!BHI", receive(7))
            payload = receive(size + 1)[:-1]
            if kind == METHOD:
                name = NAMES.get(struct.unpack("!HH", payload[:4]))
                self.seen.append(name)
                publishing = name == "publish"
            elif kind == HEADER:
                # flags, delivery-mode, then the correlation id
                length = payload[15]
                self.correlation = payload[16:16 + length]
                continue
            if not publishing or kind == BODY:
                said = self.answer(name, channel)
                if said:
                    yield said
            if name == "close":
                return
