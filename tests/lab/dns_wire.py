# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to name servers and their answers, as messages: for waiting and asserting. Standard library only.

    ask("127.53.1.1", port, "www.shop.dr-lab.example").addresses

Names are without the last dot; "" is the root."""

import collections
import os
import socket
import struct

from postgresql import DEADLINE

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "TXT": 16, "AAAA": 28, "DNAME": 39, "DS": 43, "RRSIG": 46, "NSEC": 47,
         "DNSKEY": 48, "NSEC3": 50, "AXFR": 252}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
CODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")
OPT = 41
EDE = 15  # extended DNS errors, RFC 8914

Record = collections.namedtuple("Record", "owner ttl type data")


def pack_name(name):
    labels = [label.encode() for label in name.strip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def unpack_name(message, at):
    """(name without the last dot, where it ends)."""
    labels, end = [], None
    for _ in range(256):
        length = message[at]
        if length >= 0xc0:
            end = end or at + 2
            at = (length & 0x3f) << 8 | message[at + 1]
        elif length == 0:
            return ".".join(labels), end or at + 1
        else:
            labels.append(message[at + 1:at + 1 + length].decode("latin-1"))
            at += 1 + length
    raise ValueError("a name without end")


def question(name, kind="A", recursion=False, dnssec=False, checking=True, edns=True):
    """The message; `kind` as "SOA", `checking`: False sets CD."""
    flags = (0x0100 if recursion else 0) | (0 if checking else 0x0010)
    message = os.urandom(2) + struct.pack(">5H", flags, 1, 0, 0, 1 if edns else 0)
    message += pack_name(name) + struct.pack(">2H", TYPES[kind], 1)
    if edns:
        message += b"\0" + struct.pack(">HHBBHH", OPT, 1232, 0, 0, 0x8000 if dnssec else 0, 0)
    return message


class Reply:
    """code ("NOERROR" ...), authoritative, truncated, available (RA), authentic (AD), errors ([EDE codes]); answer,
    authority, additional: [Record]."""

    def __init__(self, message):
        self.message = message
        self.number, flags, questions, *counts = struct.unpack(">6H", message[:12])
        self.code = CODES[flags & 15] if flags & 15 < len(CODES) else str(flags & 15)
        self.authoritative, self.truncated = bool(flags & 0x0400), bool(flags & 0x0200)
        self.available, self.authentic = bool(flags & 0x0080), bool(flags & 0x0020)
        self.errors = []
        at = 12
        for _ in range(questions):
            at = unpack_name(message, at)[1] + 4
        sections = []
        for count in counts:
            records = []
            for _ in range(count):
                at = self._record(at, records)
            sections.append(records)
        self.answer, self.authority, self.additional = sections

    def _record(self, at, records):
        owner, at = unpack_name(self.message, at)
        kind, _, ttl, length = struct.unpack(">HHIH", self.message[at:at + 10])
        at += 10
        if kind == OPT:
            self._options(self.message[at:at + length])
        else:
            records.append(Record(owner, ttl, TYPE_NAMES.get(kind, str(kind)), self._data(kind, at, length)))
        return at + length

    def _options(self, data):
        while len(data) >= 4:
            code, length = struct.unpack(">2H", data[:4])
            if code == EDE:
                self.errors.append(struct.unpack(">H", data[4:6])[0])
            data = data[4 + length:]

    def _data(self, kind, at, length):
        """Text; of a SOA a tuple (mname, rname, serial, refresh, retry, expire, minimum); bytes of what is not read."""
        data = self.message[at:at + length]
        if kind == TYPES["A"]:
            return socket.inet_ntop(socket.AF_INET, data)
        if kind == TYPES["AAAA"]:
            return socket.inet_ntop(socket.AF_INET6, data)
        if kind in (TYPES["NS"], TYPES["CNAME"], TYPES["DNAME"]):
            return unpack_name(self.message, at)[0]
        if kind == TYPES["TXT"]:
            return data[1:1 + data[0]].decode("latin-1")
        if kind == TYPES["SOA"]:
            mname, at = unpack_name(self.message, at)
            rname, at = unpack_name(self.message, at)
            return (mname, rname) + struct.unpack(">5I", self.message[at:at + 20])
        return data

    def records(self, kind):
        return [record for record in self.answer if record.type == kind]

    @property
    def addresses(self):
        return sorted(record.data for record in self.answer if record.type in ("A", "AAAA"))

    @property
    def ttl(self):
        """The least of the answer."""
        return min(record.ttl for record in self.answer)

    def __repr__(self):
        return "%s%s%s%s%s: %s / %s / %s" % (
            self.code, " AA" * self.authoritative, " TC" * self.truncated, " AD" * self.authentic,
            " EDE %s" % self.errors if self.errors else "", self.answer, self.authority, self.additional)


def receive_exactly(stream, count):
    data = b""
    while len(data) < count:
        chunk = stream.recv(count - len(data))
        if not chunk:
            raise OSError("the server has closed the connection")
        data += chunk
    return data


def ask_stream(stream, message):
    """The reply on a connection that is there: TCP, or TLS."""
    stream.sendall(struct.pack(">H", len(message)) + message)
    return Reply(receive_exactly(stream, struct.unpack(">H", receive_exactly(stream, 2))[0]))


def ask(address, port, name, kind="A", seconds=DEADLINE, tcp=False, tls=None, **options):
    """Reply of one server to one question, asked once; OSError. `tls`: an ssl.SSLContext. Options of question()."""
    message = question(name, kind, **options)
    if tcp or tls:
        with socket.create_connection((address, port), seconds) as connection:
            if tls is None:
                return ask_stream(connection, message)
            with tls.wrap_socket(connection, server_hostname=address) as secured:
                return ask_stream(secured, message)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as connection:
        connection.settimeout(seconds)
        connection.connect((address, port))
        connection.send(message)
        while True:
            reply = connection.recv(65535)
            if reply[:2] == message[:2]:
                return Reply(reply)
