# SPDX-License-Identifier: GPL-3.0-or-later
"""The server that test_http.c asks: on ports of loopback, plain, with TLS, with TLS that wants a certificate, on the
same port of four addresses, and behind a PROXY header; and on the Unix socket FOLDER/http.sock.

Says "PLAIN TLS MUTUAL FOUR PROXIED FOLDER" (its ports, and where the certificates are) in one line once it listens,
and ends when its standard input does. With TLS it shows NAME.crt to who asks for NAME.test, and speaks HTTP/2 to who
can: "status 200" to everything.

    /echo           the request as it came
    /self           the address that was asked
    /proxied        the PROXY header
    /to/N/URL       status N, Location: URL (percent-decoded)
    /count          "connection N request M": M of this connection
    /zeros/N        N bytes, packed by gzip where the client takes it, in chunks
    /status/N       that status, "status N"
    /hang           no answer
    /stall          the head and half of the body, and no more
    /half           the same, and the connection is closed"""

import gzip
import http.server
import itertools
import os
import ssl
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

LOOPBACK = "127.0.0.1"
FOUR = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "::1")
CHUNK = 5000
stopped = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections = itertools.count(1)

    def setup(self):
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()
        self.proxied = self.rfile.readline() if self.server.proxied else b""
        self.connection_number = next(self.connections)
        self.request_number = 0

    def log_message(self, *_):
        pass

    def answer(self, body, status=200, length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def zeros(self, count):
        packed = "gzip" in self.headers.get("Accept-Encoding", "")
        body = gzip.compress(bytes(count)) if packed else bytes(count)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        for at in range(0, len(body), CHUNK):
            part = body[at:at + CHUNK]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def handle(self):
        if isinstance(self.request, ssl.SSLSocket) and self.request.selected_alpn_protocol() == "h2":
            self.speak_http2()
        else:
            super().handle()

    def speak_http2(self):
        """As much of RFC 9113 as one request needs."""
        data, headers, settings = 0, 1, 4
        end_of_stream, acknowledged, end_of_headers = 1, 1, 4

        def send(kind, flags, stream, payload=b""):
            head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
            self.wfile.write(head + payload)

        self.rfile.read(len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
        send(settings, 0, 0)
        while True:
            head = self.rfile.read(9)
            if len(head) < 9:
                return
            self.rfile.read(int.from_bytes(head[:3], "big"))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
            if kind == settings and not flags & acknowledged:
                send(settings, acknowledged, 0)
            elif kind == headers:
                send(headers, end_of_headers, stream, b"\x88")  # the static table's ":status: 200"
                send(data, end_of_stream, stream, b"status 200")

    def handle_request(self):
        self.request_number += 1
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        what, _, number = self.path[1:].partition("/")
        if what == "echo":
            self.answer(("%s\n%s" % (self.requestline, self.headers)).encode() + body)
        elif what == "self":
            self.answer(self.connection.getsockname()[0].encode())
        elif what == "proxied":
            self.answer(self.proxied)
        elif what == "to":
            status, _, url = number.partition("/")
            self.answer(b"over there", int(status), Location=urllib.parse.unquote(url))
        elif what == "count":
            self.answer(b"connection %d request %d" % (self.connection_number, self.request_number))
        elif what == "zeros":
            self.zeros(int(number))
        elif what == "status":
            self.answer(b"status " + number.encode(), int(number))
        elif what == "hang":
            stopped.wait()
        elif what == "stall":
            self.answer(b"half", length=8)
            stopped.wait()
        elif what == "half":
            self.answer(b"half", length=8)
            self.close_connection = True
        else:
            self.answer(b"", 404)

    do_GET = do_HEAD = do_POST = handle_request


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, context=None, address=(LOOPBACK, 0), proxied=False):
        super().__init__(address, Handler)
        self.proxied = proxied
        if context is not None:
            # the handshake is done in the thread of the connection
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # the client left, or did not trust us


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    proxied = False

    def __init__(self, path):
        super().__init__(path, Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Server6(Server):
    address_family = socket.AF_INET6


def four_servers():
    """On one port, which is free on all four addresses."""
    while True:
        servers = [Server(address=(FOUR[0], 0))]
        port = servers[0].server_address[1]
        try:
            for address in FOUR[1:]:
                servers.append((Server6 if ":" in address else Server)(address=(address, port)))
            return servers
        except OSError:
            for server in servers:
                server.shutdown()
                server.server_close()


def openssl(folder, *arguments):
    subprocess.run(("openssl",) + arguments, cwd=folder, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_certificates(folder):
    """ca.crt, other.crt; server.crt (localhost) and client.crt by ca; client.key, and locked.key with a pass phrase."""
    for name in ("ca", "other"):
        openssl(folder, "req", "-x509", *CURVE, "-days", "2", "-subj", "/CN=" + name, "-keyout", name + ".key",
                "-out", name + ".crt")
    with open(os.path.join(folder, "names"), "w") as file:
        file.write("subjectAltName=DNS:localhost\n")
    for name in ("server", "client"):
        openssl(folder, "req", *CURVE, "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".csr")
        openssl(folder, "x509", "-req", "-in", name + ".csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "names", "-out", name + ".crt")
    openssl(folder, "pkcs8", "-topk8", "-in", "client.key", "-out", "locked.key", "-passout", "pass:sesame")


HOUR = 3600
DAY = 24 * HOUR
EXPIRED = "20200102030405Z", "20200203040506Z"
AUTHORITY = """
[own]
database = index.txt
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
"""


def from_now(begin, end):
    return tuple(time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds)) for seconds in (begin, end))


def sign(folder, name, extensions, times, by="ca"):
    """NAME.crt, for the key of server."""
    with open(os.path.join(folder, name + ".ext"), "w") as file:
        file.write(extensions + "\n")
    openssl(folder, "req", "-new", "-key", "server.key", "-subj", "/CN=" + name, "-out", name + ".csr")
    openssl(folder, "ca", "-batch", "-notext", "-config", "authority", "-name", "own", "-in", name + ".csr", "-out",
            name + ".crt", "-cert", by + ".crt", "-keyfile", by + ".key" if by in ("ca", "other") else "server.key",
            "-startdate", times[0], "-enddate", times[1], "-extfile", name + ".ext")


def send_also(folder, name, more):
    with open(os.path.join(folder, name + ".crt"), "a") as chain, open(os.path.join(folder, more + ".crt")) as file:
        chain.write(file.read())


def make_instances(folder):
    """What is wrong with them is their name. `middle`, a CA below ca, has expired: `chain` hangs from it, `baggage`
    sends it along without need."""
    with open(os.path.join(folder, "authority"), "w") as file:
        file.write(AUTHORITY)
    open(os.path.join(folder, "index.txt"), "w").close()
    valid = from_now(-HOUR, 30 * HOUR)
    sign(folder, "middle", "basicConstraints=critical,CA:TRUE", EXPIRED)
    for name, host, times, by in (
            ("expired", "expired", EXPIRED, "ca"), ("early", "early", from_now(DAY, 2 * DAY), "ca"),
            ("soon", "soon", from_now(-HOUR, HOUR), "ca"), ("wrong", "right", valid, "ca"),
            ("stranger", "stranger", valid, "other"), ("chain", "chain", valid, "middle"),
            ("baggage", "baggage", valid, "ca"), ("worst", "right", EXPIRED, "ca")):
        sign(folder, name, "subjectAltName=DNS:%s.test,IP:192.0.2.1" % host, times, by)
    for name in ("chain", "baggage"):
        send_also(folder, name, "middle")


def tls_context(folder, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, name + ".crt"), os.path.join(folder, "server.key"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def tls(folder, mutual):
    context = tls_context(folder, "server")

    def choose(connection, name, _):
        if name is not None and name.endswith(".test"):
            connection.context = tls_context(folder, name[:-len(".test")])

    context.sni_callback = choose
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(os.path.join(folder, "ca.crt"))
    return context


def main():
    with tempfile.TemporaryDirectory() as folder:
        make_certificates(folder)
        make_instances(folder)
        servers = [Server(), Server(tls(folder, False)), Server(tls(folder, True)), four_servers()[0],
                   Server(proxied=True)]
        UnixServer(os.path.join(folder, "http.sock"))
        print(*[server.server_address[1] for server in servers], folder, flush=True)
        sys.stdin.read()
        stopped.set()


main()
