# SPDX-License-Identifier: GPL-3.0-or-later
"""The server that test_http.c asks: on three ports of loopback, plain, with TLS, and with TLS that wants a certificate.

Says "PLAIN TLS MUTUAL FOLDER" (its ports, and where the certificates are) in one line once it listens, and ends when
its standard input does.

    /echo           the request as it came
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
import subprocess
import sys
import tempfile
import threading

LOOPBACK = "127.0.0.1"
CHUNK = 5000
stopped = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections = itertools.count(1)

    def setup(self):
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()
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

    def handle_request(self):
        self.request_number += 1
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        what, _, number = self.path[1:].partition("/")
        if what == "echo":
            self.answer(("%s\n%s" % (self.requestline, self.headers)).encode() + body)
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

    def __init__(self, context=None):
        super().__init__((LOOPBACK, 0), Handler)
        if context is not None:
            # the handshake is done in the thread of the connection
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # the client left, or did not trust us


def make_certificates(folder):
    """ca.crt, other.crt; server.crt (localhost) and client.crt by ca; client.key, and locked.key with a pass phrase."""
    def openssl(*arguments):
        subprocess.run(("openssl",) + arguments, cwd=folder, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for name in ("ca", "other"):
        openssl("req", "-x509", *curve, "-days", "2", "-subj", "/CN=" + name, "-keyout", name + ".key",
                "-out", name + ".crt")
    with open(os.path.join(folder, "names"), "w") as file:
        file.write("subjectAltName=DNS:localhost\n")
    for name in ("server", "client"):
        openssl("req", *curve, "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".csr")
        openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "names", "-out", name + ".crt")
    openssl("pkcs8", "-topk8", "-in", "client.key", "-out", "locked.key", "-passout", "pass:sesame")


def tls(folder, mutual):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "server.crt"), os.path.join(folder, "server.key"))
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(os.path.join(folder, "ca.crt"))
    return context


def main():
    with tempfile.TemporaryDirectory() as folder:
        make_certificates(folder)
        servers = [Server(), Server(tls(folder, False)), Server(tls(folder, True))]
        print(*[server.server_address[1] for server in servers], folder, flush=True)
        sys.stdin.read()
        stopped.set()


main()
