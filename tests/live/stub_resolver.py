# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a resolver over TLS (DoT) or HTTPS (DoH, HTTP/1.1), which can do wrong what real ones do not.

    with Tls(certificate, {"A": "192.0.2.10", "AAAA": "2001:db8:1::10"}) as resolver:
        resolver.uri                      # tls://127.0.0.1:PORT
        resolver.mode = "half"
    with Https(certificate, addresses) as resolver:
        resolver.uri                      # https://127.0.0.1:PORT
        resolver.status = 404

It knows one name, whatever it is asked for. `questions` are what was asked: [(name, type, flags, id)]; `connections`
how many there were."""

import http.server
import os
import socket
import socketserver
import ssl
import struct
import sys
import threading

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lab"))

from postgresql import free_port  # noqa: E402

NAMES = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults", "names.py")
PORTS = set()
TYPES = {1: "A", 28: "AAAA"}
SERVFAIL = 2
EDNS = b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)
MEDIA_TYPE = "application/dns-message"


@pytest.fixture
def hosts(monkeypatch, tmp_path):
    """hosts("resolver", address, ...): the name has these addresses, and no others do (tests/faults/names.py)."""
    def use(name, *addresses, mode="here"):
        path = tmp_path / "hosts"
        path.write_text("".join("%s %s\n" % (address, name) for address in addresses))
        wrapper = os.environ.get("DR_WRAPPER", "")
        monkeypatch.setenv("DR_WRAPPER", " ".join(["/usr/bin/python3", NAMES, mode, str(path), wrapper]))
    return use


def read_question(message):
    """(name, type, flags, id, where the question ends)"""
    number, flags = struct.unpack(">2H", message[:4])
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    kind = struct.unpack(">H", message[at + 1:at + 3])[0]
    return ".".join(labels), TYPES.get(kind, str(kind)), flags, number, at + 5


def answer(message, addresses, code=0, number=None, ttl=60):
    """The reply to a question: the address of its type, or an empty answer; `number`: another id."""
    _, kind, flags, own, end = read_question(message)
    address = addresses.get(kind) if code == 0 else None
    record = b""
    if address is not None:
        data = socket.inet_pton(socket.AF_INET if kind == "A" else socket.AF_INET6, address)
        record = b"\xc0\x0c" + message[end - 4:end] + struct.pack(">IH", ttl, len(data)) + data
    edns = EDNS if message[11] else b""
    # QR and RA, and of the question RD and CD.
    header = struct.pack(">6H", own if number is None else number, 0x8080 | flags & 0x0110 | code, 1,
                         1 if record else 0, 0, 1 if edns else 0)
    return header + message[12:end] + record + edns


class Stub:
    """A server in threads of its own, on `address`.

    addresses    {"A": ..., "AAAA": ...}
    bogus        SERVFAIL, but for a question with checking disabled"""

    scheme = None
    tls_first = True

    def __init__(self, certificate, addresses, address="127.0.0.1"):
        self.addresses = addresses
        self.address = address
        self.bogus = False
        self.questions = []
        self.connections = 0
        self.over = threading.Event()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.chain, certificate.key)
        self.port = free_port(PORTS)
        self.server = self.make_server()
        self.server.stub = self
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def uri(self):
        return "%s://%s:%d" % (self.scheme, self.address, self.port)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def reply(self, message, **options):
        name, kind, flags, number, _ = read_question(message)
        self.questions.append((name, kind, flags, number))
        failing = self.bogus and not flags & 0x0010
        return answer(message, self.addresses, **dict({"code": SERVFAIL if failing else 0}, **options))

    def secure(self, connection):
        """The connection after the handshake; None where that fails."""
        try:
            return self.context.wrap_socket(connection, server_side=True)
        except (OSError, ValueError):
            return None


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 50


def read_exactly(stream, count):
    data = b""
    while len(data) < count:
        chunk = stream.recv(count - len(data))
        if not chunk:
            raise OSError("closed")
        data += chunk
    return data


def framed(message):
    return struct.pack(">H", len(message)) + message


class TlsHandler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        stub = self.server.stub
        stub.connections += 1
        before = getattr(self, "before_" + stub.mode.replace(" ", "_"), None)
        if before is not None:
            before()
            return
        self.stream = stub.secure(self.request)
        if self.stream is None:
            return
        try:
            getattr(self, "talk_" + stub.mode.replace(" ", "_"))()
        except OSError:
            pass
        finally:
            self.stream.close()

    def message(self):
        return read_exactly(self.stream, struct.unpack(">H", read_exactly(self.stream, 2))[0])

    def messages(self):
        """All that is asked at once: who closed earlier would take back what it has said."""
        return [self.message() for _ in range(self.server.stub.together)]

    def each(self, make):
        while True:
            self.stream.sendall(make(self.message()))

    # ---- instead of TLS ----

    def before_no_handshake(self):
        """It accepts, and says nothing."""
        self.server.stub.over.wait()

    def before_plain(self):
        """DNS over TCP, as if nobody had heard of TLS."""
        self.request.recv(4096)
        self.request.sendall(framed(bytes(12)))

    def before_closed(self):
        pass

    # ---- over TLS ----

    def talk_good(self):
        self.each(lambda message: framed(self.server.stub.reply(message)))

    def talk_reversed(self):
        """The last one first."""
        while True:
            messages = reversed(self.messages())
            self.stream.sendall(b"".join(framed(self.server.stub.reply(message)) for message in messages))

    def talk_slowly(self):
        """Byte by byte."""
        while True:
            for byte in framed(self.server.stub.reply(self.message())):
                self.stream.sendall(bytes([byte]))

    def talk_one(self):
        """One answer for each connection, which ends without a farewell of TLS."""
        self.stream.sendall(framed(self.server.stub.reply(self.message())))

    def talk_one_and_goodbye(self):
        """The same, with one."""
        self.talk_one()
        try:
            self.stream.unwrap()
        except (OSError, ValueError):
            pass  # it has questions left that nobody reads

    def talk_none(self):
        """It hears the questions and closes."""
        self.messages()

    def talk_silent(self):
        self.message()
        self.server.stub.over.wait()

    def talk_half(self):
        reply = framed(self.server.stub.reply(self.messages()[0]))
        self.stream.sendall(reply[:len(reply) // 2])

    def talk_half_and_silence(self):
        self.talk_half()
        self.server.stub.over.wait()

    def talk_wrong_id(self):
        self.each(lambda message: framed(self.server.stub.reply(message, number=read_question(message)[3] ^ 77)))

    def talk_wrong_id_without_end(self):
        reply = framed(self.server.stub.reply(self.message(), number=4711))
        while not self.server.stub.over.is_set():
            self.stream.sendall(reply * 50)

    def talk_other_question(self):
        """The right id, another name."""
        self.each(lambda message: framed(self.server.stub.reply(message).replace(b"\3app", b"\3apq")))

    def talk_garbage(self):
        self.each(lambda message: framed(message[:2] + b"\xff" * 40))

    def talk_http(self):
        self.messages()
        self.stream.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    def talk_empty(self):
        self.each(lambda message: framed(b""))


class Tls(Stub):
    """`mode`: the rest of the name of a method above; `together`: so many questions are asked at once."""

    scheme = "tls"

    def __init__(self, *arguments, **options):
        self.mode = "good"
        self.together = 2
        super().__init__(*arguments, **options)

    def make_server(self):
        return Server((self.address, self.port), TlsHandler)


class HttpsHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self):
        self.server.stub.connections += 1
        secured = self.server.stub.secure(self.request)
        self.failed = secured is None
        self.request = self.request if self.failed else secured
        super().setup()

    def handle(self):
        if not self.failed:
            try:
                super().handle()
            except OSError:
                pass

    def log_message(self, *_):
        pass

    def do_POST(self):
        stub = self.server.stub
        message = self.rfile.read(int(self.headers["Content-Length"]))
        stub.requests.append((self.path, self.headers["Content-Type"], self.headers["Accept"], self.headers["Host"]))
        if stub.hangs:
            stub.over.wait()
            self.close_connection = True
            return
        body = stub.change(stub.reply(message))
        self.send_response(stub.status)
        headers = dict({"Content-Type": MEDIA_TYPE, "Content-Length": str(len(body))}, **stub.headers)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:stub.cut])
        self.wfile.flush()
        self.close_connection = self.close_connection or stub.cut is not None


class Https(Stub):
    """status, headers (None takes one out), `change` a function of the reply's body, `cut` after so many bytes of it,
    and `hangs`. `requests`: [(path, content type, accept, host)]."""

    scheme = "https"

    def __init__(self, *arguments, **options):
        self.status = 200
        self.headers = {}
        self.change = lambda body: body
        self.cut = None
        self.hangs = False
        self.requests = []
        super().__init__(*arguments, **options)

    def make_server(self):
        return Server((self.address, self.port), HttpsHandler)
