#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of check_liveness costs.

    bench_liveness.py CHECK_LIVENESS [MINIMAL_PROGRAM...]      (make bench)

The tables are those of bench_queues.py: the first row is what all others are compared with.

1. one instance, over HTTP and HTTPS, beside a minimal libcurl program that sends the same request and trusts the same file
   (goal: at most GOAL times its CPU), and beside plugins that are installed. Here instructions are counted as well
2. fifty instances at once, of which one takes SLOW seconds to answer, beside that one alone
3. two Celery workers on Redis that are asked for a sign of life, beside one round trip to Redis and `celery inspect ping`;
   how many round trips it takes, some of them while the workers are still answering; and the same far from Redis
4. a HAProxy with 1,000 servers, over its socket

Nothing here fails: figures are for people."""

import http.server
import os
import pathlib
import socket
import ssl
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
for folder in ("lab", "bench"):
    sys.path.insert(0, str(HERE.parent / folder))

import authority  # noqa: E402
import haproxy  # noqa: E402
import redis  # noqa: E402
import web  # noqa: E402
import workers  # noqa: E402
from bench import FAR, Relays, count_instructions  # noqa: E402
from bench_queues import Command, installed, table  # noqa: E402
from postgresql import LabError  # noqa: E402

GOAL = 1.25
PAIR_RUNS = 101
FEW_RUNS = 7
INSTANCES = 50
SLOW = 0.3
NAME = "dash.example.com"
SYSTEM_CAS = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
BACKENDS, SERVERS = 10, 100  # of each backend
RUNTIME = "show info;show stat;show servers state"  # what ours asks for


class Late(http.server.BaseHTTPRequestHandler):
    """200, after SLOW seconds."""

    def do_GET(self):
        self.server.over.wait(SLOW)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class SlowInstance(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address, port, certificate=None):
        super().__init__((address, port), Late)
        self.over = threading.Event()
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.chain, certificate.key)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.shutdown()
        self.server_close()


class Turns:
    """A port that leads to another one, and counts how often a client waits for an answer: sends, after it has received, or
    for the first time. One client at a time."""

    def __init__(self, port):
        self.target = port
        self.count = 0
        self.sending = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            self.sending = False
            for source, sink, asks in ((client, server, True), (server, client, False)):
                threading.Thread(target=self.carry, args=(source, sink, asks), daemon=True).start()

    def carry(self, source, sink, asks):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                self.count += 1 if asks and not self.sending else 0
                self.sending = asks
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def instructions(rows):
    """Of those whose commands are there, beside the first."""
    rows = [(name, command) for name, command in rows if isinstance(command, Command) and not command.failure]
    how, counts = count_instructions(*(command.words for _, command in rows))
    for (name, _), count in zip(rows, counts):
        print("  %-42s %s" % (name, "%10d instructions (%s), ratio %.2f" % (count, how, count / counts[0]) if count
                              else "instructions NOT COUNTED, neither perf nor valgrind can"))
    sys.stdout.flush()


class Bench:
    def __init__(self, check, programs, scratch):
        self.check = check
        self.programs = programs  # {name: path}
        self.ca = authority.Authority(scratch)
        self.certificate = self.ca.certificate("web", "DNS:%s,IP:127.0.0.3" % NAME)
        # as if the CA were one of the system's
        self.many = scratch / "many.pem"
        self.many.write_text((SYSTEM_CAS.read_text() if SYSTEM_CAS.exists() else "")
                             + pathlib.Path(self.ca.file).read_text())

    def trusted(self):
        """[(in words, file)]"""
        return [("one CA", self.ca.file), ("%d CAs" % self.many.read_text().count("BEGIN"), self.many)]

    def ours(self, uri, *arguments):
        return Command([self.check, "-T", uri, "--timeout", "60s"] + list(arguments))

    def minimal(self, name, *arguments):
        path = self.programs.get(name)
        return Command([path] + list(arguments)) if path else "built without its client library"

    # ---- instances ----

    def one(self):
        with web.Web() as place:
            plain = place.instance("web1")
            secure = place.instance("web2", "127.0.0.3", tls=self.certificate)
            for instance in (plain, secure):
                instance.answer("/health", 200, '{"status": "ok"}', type="application/json")
            self.beside("one instance, HTTP", plain)
            for words, file in self.trusted():
                self.beside("one instance, HTTPS, " + words, secure, file)

    def beside(self, title, instance, trusted=None):
        url = instance.uri("/health")
        peer = ["-H", instance.address, "-I", instance.address, "-p", str(instance.port), "-u", "/health"]
        ours = ["--cacert", trusted] if trusted else []
        rows = [("minimal_libcurl", self.minimal("minimal_libcurl", url, "Accept: */*", *([trusted] if trusted else []))),
                ("check_liveness", self.ours(url, *ours)),
                ("  --json /status=ok", self.ours(url, *ours, "--json", "/status=ok")),
                ("  --body ok", self.ours(url, *ours, "--body", "ok")),
                ("check_curl" + (", verifies" if trusted else ""),
                 installed(["check_curl"] + peer + (["-S", "-D", "--ca-cert=%s" % trusted] if trusted else []))),
                ("check_http" + (", does not verify" if trusted else ""),
                 installed(["check_http"] + peer + (["-S"] if trusted else [])))]
        table(title, rows, PAIR_RUNS)
        instructions(rows)

    def fifty(self):
        for tls, ways in ((None, [("HTTP", [])]),
                          (self.certificate, [("HTTPS, " + words, ["--cacert", file]) for words, file in self.trusted()])):
            with web.Web() as place:
                fast = [place.instance("web%d" % number, tls=tls) for number in range(1, INSTANCES)]
                slow = "127.0.0.%d" % (web.FIRST_ADDRESS + INSTANCES - 1)
                with SlowInstance(slow, place.port, tls):
                    for words, arguments in ways:
                        self.at_once(words, fast, slow, arguments)

    def at_once(self, words, fast, slow, arguments):
        def ours(*addresses):
            given = [word for address in addresses for word in ("--instance", address)]
            scheme = "https" if fast[0].tls else "http"
            return self.ours("%s://%s:%d/health" % (scheme, NAME, fast[0].port), *given, *arguments)
        addresses = [instance.address for instance in fast]
        table("%d instances, %s, one %d ms late" % (INSTANCES, words, SLOW * 1000), [
            ("the late one alone", ours(slow)),
            ("all of them", ours(slow, *addresses)),
            ("all but the late one", ours(*addresses)),
            ("one of them", ours(addresses[0]))])

    # ---- workers ----

    def celery(self):
        with redis.Lab() as place:
            server = place.server("r1")
            with workers.Workers(server) as fleet:
                for name in ("w1@a", "w2@b"):
                    fleet.celery(name)
                uri = "celery+redis://127.0.0.1:%d"
                inspect = [workers.PYTHON, "-m", "celery", "-b", "redis://127.0.0.1:%d/0" % server.port, "inspect", "ping"]
                table("two Celery workers on Redis", [
                    ("minimal_hiredis, INFO alone", self.minimal("minimal_hiredis", "127.0.0.1", server.port)),
                    ("check_liveness", self.ours(uri % server.port)),
                    ("celery inspect ping", Command(inspect))], FEW_RUNS)
                self.turns(server, uri)
                self.far(server, uri)

    def far(self, server, uri):
        relays = Relays([server])
        port = relays.ports[server.name]
        table("the same, Redis %d ms away" % (FAR * 2000), [
            ("minimal_hiredis, INFO alone", self.minimal("minimal_hiredis", "127.0.0.1", port)),
            ("check_liveness", self.ours(uri % port))], FEW_RUNS)
        relays.close()

    def turns(self, server, uri):
        relay = Turns(server.port)
        command = self.ours(uri % relay.port)
        command.run()
        relay.close()
        print("  check_liveness: %s" % (command.failure or "%d round trips to Redis" % relay.count), flush=True)

    # ---- balancers ----

    def balancer(self):
        config, _, _ = haproxy.CONFIG.partition("    default-server ")
        config += "    default-server inter 10s\nfrontend web\n    bind 127.0.0.1:%(web_port)d\n    default_backend app0\n"
        for backend in range(BACKENDS):
            config += "backend app%d\n" % backend
            config += "".join("    server s%d 127.0.0.1:%%(app1)d check\n" % server for server in range(SERVERS))
        with haproxy.Lab() as place:
            lb = place.balancer("lb1", config=config)
            lb.wait(lambda rows: all(row["check_status"] == "L4OK" for row in rows.values() if row["type"] == "2"),
                    "every server was checked", 60)
            path = lb.admin_socket
            rows = [("minimal_socket", self.minimal("minimal_socket", path, RUNTIME)),
                    ("minimal_socket, show stat alone", self.minimal("minimal_socket", path, "show stat")),
                    ("check_liveness", self.ours("haproxy+unix://" + path)),
                    ("check_haproxy_stats", installed(["check_haproxy_stats", "-s", path]))]
            table("HAProxy, %d servers, %.0f kB" % (BACKENDS * SERVERS, len(lb.command(RUNTIME)) / 1e3), rows)
            instructions(rows)


def main():
    programs = {os.path.basename(path): os.path.abspath(path) for path in sys.argv[2:]}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(os.path.abspath(sys.argv[1]), programs, pathlib.Path(folder))
        print("What check_liveness costs (goal: at most %.2f times the CPU of minimal_libcurl)" % GOAL)
        for part in (bench.one, bench.fifty, bench.celery, bench.balancer):
            try:
                part()
            except LabError as error:
                print("\n%s: NOT MEASURED, %s" % (part.__name__, error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
