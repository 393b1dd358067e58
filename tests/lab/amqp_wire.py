# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of AMQP 0-9-1 that is just enough to put messages into a broker and to take them out.

    client = Client(port, "shop", ("lab", "secret"))
    client.publish("", "orders", 1000, b"x")
    client.consume("orders", 5)
    client.close()

Every call ends within the seconds given, or raises OSError; AmqpError when the broker refuses. Frames, numbers and names
of methods are those of the protocol's specification. Standard library only."""

import socket
import struct
import time

METHOD, HEADER, BODY = 1, 2, 3
END = b"\xce"
START, START_OK, TUNE, TUNE_OK, OPEN, OPEN_OK, CLOSE = [(10, number) for number in (10, 11, 30, 31, 40, 41, 50)]
CHANNEL_OPEN, CHANNEL_OPEN_OK, CHANNEL_CLOSE = (20, 10), (20, 11), (20, 40)
QOS, QOS_OK, CONSUME, CONSUME_OK, PUBLISH, RETURN, DELIVER, ACK, NACK = [
    (60, number) for number in (10, 11, 20, 21, 40, 50, 60, 80, 120)]
SELECT, SELECT_OK = (85, 10), (85, 11)
DELIVERY_MODE, TIMESTAMP = 0x1000, 0x0040  # which properties a message has
WINDOW = 1000  # published and not yet confirmed
FRAME = 131072


class AmqpError(Exception):
    """The broker refused; its words."""


def short(text):
    data = text.encode()
    return struct.pack(">B", len(data)) + data


def long(data):
    return struct.pack(">I", len(data)) + data


def table(**fields):
    return long(b"".join(short(name) + b"S" + long(value.encode()) for name, value in fields.items()))


class Client:
    """A connection with one channel. `delivered` are the tags of what it has taken and not acknowledged."""

    def __init__(self, port, vhost, user, seconds=30, name="lab"):
        self.end = time.monotonic() + seconds
        self.delivered = []
        self.unconfirmed = set()
        self.published = 0
        self.socket = socket.create_connection(("127.0.0.1", port), seconds)
        self.file = self.socket.makefile("rb")
        try:
            self.socket.sendall(b"AMQP\0\0\x09\x01")
            self._wait(START)
            self._method(0, START_OK, table(connection_name=name), short("PLAIN"),
                         long("\0".join(("",) + user).encode()), short("en_US"))
            self._wait(TUNE)
            self._method(0, TUNE_OK, struct.pack(">HIH", 1, FRAME, 0))  # without heartbeats: a test is busy elsewhere
            self._method(0, OPEN, short(vhost), short(""), b"\0")
            self._wait(OPEN_OK)
            self._method(1, CHANNEL_OPEN, short(""))
            self._wait(CHANNEL_OPEN_OK)
        except BaseException:
            self.close()
            raise

    # ---- frames ----

    def _frame(self, kind, channel, payload):
        return struct.pack(">BHI", kind, channel, len(payload)) + payload + END

    def _send(self, data):
        self._tick()
        self.socket.sendall(data)

    def _method(self, channel, method, *arguments):
        self._send(self._frame(METHOD, channel, struct.pack(">HH", *method) + b"".join(arguments)))

    def _tick(self):
        left = self.end - time.monotonic()
        if left <= 0:
            raise socket.timeout("the broker took too long")
        self.socket.settimeout(left)

    def _read(self, count):
        self._tick()
        data = self.file.read(count)
        if len(data) < count:
            raise ConnectionError("the broker closed the connection")
        return data

    def _next(self):
        """The next method of the broker and its arguments."""
        while True:
            kind, _, size = struct.unpack(">BHI", self._read(7))
            payload = self._read(size + 1)[:-1]
            if kind == METHOD:
                return struct.unpack(">HH", payload[:4]), payload[4:]

    def _wait(self, wanted):
        """Takes in what comes until the wanted method."""
        while True:
            method, arguments = self._next()
            if method in (CLOSE, CHANNEL_CLOSE, RETURN):
                code, length = struct.unpack(">HB", arguments[:3])
                raise AmqpError("%d %s" % (code, arguments[3:3 + length].decode(errors="replace")))
            if method == DELIVER:
                length = arguments[0]
                self.delivered += struct.unpack(">Q", arguments[1 + length:9 + length])
            elif method == ACK:
                tag, multiple = struct.unpack(">QB", arguments[:9])
                self.unconfirmed = {number for number in self.unconfirmed if number > tag} if multiple \
                    else self.unconfirmed - {tag}
            elif method == NACK:
                raise AmqpError("a message was not accepted")
            if method == wanted:
                return

    # ---- messages ----

    def publish(self, exchange, key, count, body=b"x", persistent=True, timestamp=None, seconds=120):
        """So many messages, each of them confirmed; AmqpError when one of them reaches no queue."""
        self.end = time.monotonic() + seconds
        properties = struct.pack(">HB", DELIVERY_MODE, 2 if persistent else 1)
        if timestamp is not None:
            properties = struct.pack(">HBQ", DELIVERY_MODE | TIMESTAMP, 2 if persistent else 1, int(timestamp))
        mandatory = b"\x01"
        message = self._frame(METHOD, 1, struct.pack(">HHH", *PUBLISH, 0) + short(exchange) + short(key) + mandatory)
        message += self._frame(HEADER, 1, struct.pack(">HHQ", PUBLISH[0], 0, len(body)) + properties)
        for start in range(0, len(body), FRAME - 8):
            message += self._frame(BODY, 1, body[start:start + FRAME - 8])
        self._method(1, SELECT, b"\0")
        self._wait(SELECT_OK)
        last = self.published + count
        while self.published < last or self.unconfirmed:
            room = min(last - self.published, WINDOW - len(self.unconfirmed))
            if room:
                self._send(message * room)
                self.unconfirmed.update(range(self.published + 1, self.published + room + 1))
                self.published += room
            self._wait(ACK)

    def consume(self, queue, count, seconds=30):
        """Takes so many messages, and no more, and waits until they are here."""
        self.end = time.monotonic() + seconds
        self._method(1, QOS, struct.pack(">IHB", 0, count, 0))
        self._wait(QOS_OK)
        self._method(1, CONSUME, struct.pack(">H", 0), short(queue), short(""), b"\0", table())
        self._wait(CONSUME_OK)
        self.wait_delivered(count, seconds)

    def wait_delivered(self, count, seconds=30):
        """Until it holds so many."""
        self.end = time.monotonic() + seconds
        while len(self.delivered) < count:
            self._wait(DELIVER)

    def acknowledge(self, count):
        """The oldest of them; others may come in their place."""
        self.end = time.monotonic() + 30
        for tag in self.delivered[:count]:
            self._method(1, ACK, struct.pack(">QB", tag, 0))
        del self.delivered[:count]

    def close(self):
        """Without a last word: what was not acknowledged goes back at once."""
        self.file.close()
        self.socket.close()
