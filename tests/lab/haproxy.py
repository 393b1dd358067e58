# SPDX-License-Identifier: GPL-3.0-or-later
"""Real HAProxies on loopback, the servers behind them, and every state that a server can be in; gone at the end.

    with Lab() as lab:
        lb1, lb2 = lab.balancer("lb1"), lab.balancer("lb2")     # the same servers behind both
        lab.peers["app2"].status = 500                          # what app2 answers to health checks
        lb1.wait_status("app/app2", "DOWN")
        lab.peers["app3"].stop()                                # refused
        lb1.set_state("app/app1", "maint")                      # "set server app/app1 state maint"
        lb1.command("disable frontend web")                     # anything else

What is there when a balancer has been started:

    backend       server      state
    app           app1..app3  UP
    dr            dr1, dr2    MAINT (disabled in the configuration); the backend is DOWN
    mixed         nocheck     no check
                  drained     DRAIN
                  nolb        NOLB: its peer answers 404 to a health check (disable-on-404)
                  standby     UP, a backup
    empty                     the backend is UP, without servers
    follow        tracker     follows app/app3: UP; MAINT (via app/app3)
    lost          lost1       MAINT (resolution): a name that no resolver knows
    agent         agent1      DOWN (agent): lab.peers["agent1"].agent is what its agent says
    quoted        quoted1     DOWN; the text of its last check has a comma in it

and the frontends web (to app), web_dr (to dr), web_pp (PROXY protocol, to app), and three with the page of statistics.

The rules are those of program.py. Measured with 2.6, seconds: a balancer from nothing to all of these states 0.17,
restore() as well; UP to DOWN 0.3, back 0.2; a peer that stops or changes is seen at its next check, every 100 ms."""

import atexit
import csv
import http.client
import http.server
import os
import shutil
import socket
import socketserver
import tempfile
import threading

from postgresql import DEADLINE, LabError, catch_signals, free_port, wait_until
from program import Program, find_program

USER = ("mon", "secret")  # of the page of statistics
HEALTH = "/health"
HOLD = "/hold"
CONFIG = """
global
    stats socket %(admin_socket)s mode 600 level admin
    stats socket %(user_socket)s mode 600 level user
    stats socket ipv4@127.0.0.1:%(stats_port)d level user
    stats timeout 30s
    maxconn 200
    nbthread 1
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    default-server inter 100ms fall 3 rise 2
resolvers nowhere
    nameserver none 127.0.0.1:%(nameserver_port)d
    resolve_retries 1
    timeout resolve 200ms
    timeout retry 200ms
frontend web
    bind 127.0.0.1:%(web_port)d
    default_backend app
frontend web_dr
    bind 127.0.0.1:%(dr_port)d
    default_backend dr
frontend web_pp
    bind 127.0.0.1:%(pp_port)d accept-proxy
    default_backend app
frontend page_open
    bind 127.0.0.1:%(page_port)d%(tls)s
    stats enable
    stats uri /stats
frontend page_user
    bind 127.0.0.1:%(user_port)d%(tls)s
    stats enable
    stats uri /stats
    stats auth %(user)s
frontend page_legends
    bind 127.0.0.1:%(legends_port)d%(tls)s
    stats enable
    stats uri /stats
    stats show-legends
backend app
    option httpchk GET /health
    server app1 127.0.0.1:%(app1)d check
    server app2 127.0.0.1:%(app2)d check
    server app3 127.0.0.1:%(app3)d check
backend dr
    option httpchk GET /health
    server dr1 127.0.0.1:%(dr1)d check disabled
    server dr2 127.0.0.1:%(dr2)d check disabled
backend mixed
    option httpchk GET /health
    http-check disable-on-404
    server nocheck 127.0.0.1:%(nocheck)d
    server drained 127.0.0.1:%(drained)d check
    server nolb 127.0.0.1:%(nolb)d check
    server standby 127.0.0.1:%(standby)d check backup
backend empty
backend follow
    server tracker 127.0.0.1:%(app3)d track app/app3
backend lost
    option httpchk GET /health
    server lost1 lost.invalid:80 check resolvers nowhere init-addr none
backend agent
    option httpchk GET /health
    default-server agent-port %(agent1_agent)d agent-inter 100ms agent-send who?\\n
    server agent1 127.0.0.1:%(agent1)d check agent-check
backend quoted
    mode tcp
    option tcp-check
    tcp-check connect
    tcp-check send PING\\r\\n\\r\\n
    tcp-check expect comment expect\\ "PONG",\\ got\\ else string PONG
    server quoted1 127.0.0.1:%(quoted1)d check
"""
PEERS = ("app1", "app2", "app3", "dr1", "dr2", "nocheck", "drained", "nolb", "standby", "agent1", "quoted1")
STARTED = {
    "app/app1": "UP", "app/app2": "UP", "app/app3": "UP", "app/BACKEND": "UP",
    "dr/dr1": "MAINT", "dr/dr2": "MAINT", "dr/BACKEND": "DOWN",
    "mixed/nocheck": "no check", "mixed/drained": "DRAIN", "mixed/nolb": "NOLB", "mixed/standby": "UP",
    "empty/BACKEND": "UP", "follow/tracker": "UP", "lost/lost1": "MAINT (resolution)", "agent/agent1": "DOWN (agent)",
    "quoted/quoted1": "DOWN",
}

class Answer(http.server.BaseHTTPRequestHandler):
    """Says who it is, and whatever its peer has to say to a health check."""

    def do_GET(self):
        peer = self.server.peer
        if self.path == HOLD:
            self.rfile.read(1)  # until the client leaves
            return
        status, body = (peer.status, peer.body) if self.path.startswith(HEALTH) else (200, b"")
        body = body or (peer.name + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_OPTIONS = do_GET

    def log_message(self, *_):
        pass


class Says(socketserver.BaseRequestHandler):
    """An agent: one line to whoever asks. One that is not asked is not heard by HAProxy 2.2."""

    def handle(self):
        self.request.recv(16)
        self.request.sendall((self.server.peer.agent + "\n").encode())


class Server(socketserver.ThreadingTCPServer):
    """serve_forever() of the standard library wakes up again and again to see whether it is to end."""
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, peer, port, handler):
        super().__init__(("127.0.0.1", port), handler)
        self.peer = peer
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                self.process_request(*self.get_request())
            except OSError:
                return

    def end(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.server_close()

    def handle_error(self, *_):
        pass  # the client left


class Peer:
    """A server behind the balancers, in threads of ours.

    status, body    what it answers to GET /health (and 200 "NAME" to everything else), from the next request on
    agent           what its agent says: "up", "down #reason", "drain", "maint", "ready", "50%", "stopped" ...
    port            where it listens; agent_port"""

    def __init__(self, lab, name):
        self.name = name
        self.port = free_port(lab.ports)
        self.agent_port = free_port(lab.ports)
        self._agent = Server(self, self.agent_port, Says)
        self._server = None
        self.reset()

    def reset(self):
        self.status = 404 if self.name == "nolb" else 200
        self.body = b""
        self.agent = "down"
        self.start()

    def start(self):
        if self._server is None:
            self._server = Server(self, self.port, Answer)

    def stop(self):
        """Connections are refused."""
        if self._server is not None:
            self._server.end()
            self._server = None

    def close(self):
        self.stop()
        self._agent.end()


class Balancer:
    """One HAProxy.

    admin_socket, user_socket   paths of its sockets, level admin and level user
    stats_port                  the same on 127.0.0.1, level user
    page_port                   http://127.0.0.1:PORT/stats;csv, for everybody
    user_port                   the same for USER
    legends_port                for everybody, with "stats show-legends": addr, cookie and algo are filled
    web_port, dr_port, pp_port  the frontends web, web_dr and web_pp"""

    PORTS = ("stats_port", "page_port", "user_port", "legends_port", "web_port", "dr_port", "pp_port",
             "nameserver_port")

    def __init__(self, lab, name, tls, config):
        self.lab = lab
        self.name = name
        self.tls = tls
        for port in self.PORTS:
            setattr(self, port, free_port(lab.ports))
        self.program = Program(name, os.path.join(lab.folder, name))
        self.admin_socket = os.path.join(self.program.folder, "admin.sock")
        self.user_socket = os.path.join(self.program.folder, "user.sock")
        self.config = config or CONFIG
        self._held = []
        lab.balancers.append(self)

    # ---- start and stop ----

    def start(self, wait=True):
        """`wait`: until every server has the state it starts with."""
        values = {name: peer.port for name, peer in self.lab.peers.items()}
        values.update({name + "_agent": peer.agent_port for name, peer in self.lab.peers.items()})
        values.update({port: getattr(self, port) for port in self.PORTS})
        values.update(admin_socket=self.admin_socket, user_socket=self.user_socket, user=":".join(USER),
                      tls=" ssl crt " + self.tls.pem if self.tls else "")
        path = os.path.join(self.program.folder, "haproxy.cfg")
        with open(path, "w") as file:
            file.write(self.config % values)
        self.program.run([find_program("haproxy"), "-db", "-f", path])
        self.program.wait_for(self._answers, "answers")
        if self.config == CONFIG:
            self.set_state("mixed/drained", "drain")
        if wait:
            self.wait_started()
        return self

    def _answers(self):
        try:
            return self.command("show info").startswith("Name:")
        except OSError:
            return False

    def wait_started(self):
        if self.config == CONFIG:
            self.wait(lambda rows: all(rows[name]["status"] == status for name, status in STARTED.items()), "started")

    def stop(self):
        """As a crash: at once. Nobody listens any more."""
        self.program.kill()
        for connection in self._held:
            connection.close()
        self._held = []

    def restart(self):
        self.stop()
        return self.start()

    def freeze(self):
        """Up, connected, and silent."""
        self.program.freeze()

    def thaw(self):
        self.program.thaw()

    def remove(self):
        self.stop()
        shutil.rmtree(self.program.folder, ignore_errors=True)
        self.lab.balancers.remove(self)

    # ---- talking to it ----

    def command(self, text, seconds=DEADLINE):
        """The answer to a command of the runtime API, at level admin."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(seconds)
            connection.connect(self.admin_socket)
            connection.sendall(text.encode() + b"\n")
            chunks = []
            while True:
                chunk = connection.recv(65536)
                if not chunk:
                    return b"".join(chunks).decode(errors="replace")
                chunks.append(chunk)

    def set_state(self, server, state):
        """`server` as "app/app1"; ready, drain or maint."""
        said = self.command("set server %s state %s" % (server, state)).strip()
        if said:
            raise LabError("%s: set server %s state %s: %s" % (self.name, server, state, said))

    def rows(self):
        """What "show stat" says: {"app/app1": {column: text}}, with "app/BACKEND" and "web/FRONTEND"."""
        lines = self.command("show stat").lstrip("# ").splitlines()
        return {row["pxname"] + "/" + row["svname"]: row for row in csv.DictReader(lines)}

    def wait(self, condition, what, seconds=DEADLINE):
        """Until condition(rows()); the rows."""
        seen = {}

        def test():
            seen.clear()
            seen.update(self.rows())
            return condition(seen)
        wait_until(test, lambda: "%s: %s: %s\n%s" % (self.name, what, {
            name: row["status"] for name, row in seen.items()}, self.program.log_tail()), seconds)
        return seen

    def wait_status(self, server, status, seconds=DEADLINE):
        """Until the status of "app/app1" or "app/BACKEND" is this one; its row."""
        return self.wait(lambda rows: rows[server]["status"] == status, "%s is %s" % (server, status), seconds)[server]

    def ask(self, port=None, path="/"):
        """(status, body) of a request to one of its frontends (web_port)."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.web_port, timeout=DEADLINE)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode(errors="replace")
        finally:
            connection.close()

    def hold(self, backend="app", port=None):
        """A session with a server of this backend, through the frontend on this port (web_port), until release()."""
        before = int(self.rows()[backend + "/BACKEND"]["scur"])
        connection = socket.create_connection(("127.0.0.1", port or self.web_port), DEADLINE)
        self._held.append(connection)
        connection.sendall(("GET %s HTTP/1.0\r\n\r\n" % HOLD).encode())
        self.wait(lambda rows: int(rows[backend + "/BACKEND"]["scur"]) > before, "a session")

    def release(self):
        """The end of all sessions that hold() has made."""
        for connection in self._held:
            connection.close()
        self._held = []
        for name in ("app1", "app2", "app3", "dr1", "dr2"):
            self.command("shutdown sessions server %s/%s" % (name[:-1], name))
        self.wait(lambda rows: rows["app/BACKEND"]["scur"] == rows["dr/BACKEND"]["scur"] == "0", "no session")

    def page(self, port=None, path="/stats;csv"):
        """The URI of its page of statistics on one of its ports (page_port)."""
        return "%s://127.0.0.1:%d%s" % ("https" if self.tls else "http", port or self.page_port, path)


class Lab:
    """A scratch folder, the balancers in it, the peers behind them, and the promise that all of it goes away.

    peers       {name: Peer}"""

    def __init__(self):
        if threading.current_thread() is not threading.main_thread():
            raise LabError("a Lab belongs to the main thread")
        find_program("haproxy")
        self.ports = set()
        self.balancers = []
        self.peers = {}
        catch_signals()
        atexit.register(self.close)
        self.folder = tempfile.mkdtemp(prefix="dr-lab-")
        for name in PEERS:
            self.peers[name] = Peer(self, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stops everything and removes the folder; may be called again."""
        atexit.unregister(self.close)
        for balancer in self.balancers:
            balancer.stop()
        for peer in self.peers.values():
            peer.close()
        self.balancers = []
        self.peers = {}
        shutil.rmtree(self.folder, ignore_errors=True)

    def balancer(self, name, tls=None, config=None, wait=True):
        """A new Balancer, started.

        tls      authority.Certificate: its pages of statistics are https
        config   another configuration than CONFIG, with the same placeholders"""
        return Balancer(self, name, tls, config).start(wait)

    def restore(self):
        """Peers and balancers as they were at first."""
        for peer in self.peers.values():
            peer.reset()
        for balancer in self.balancers:
            balancer.stop()
            balancer.start(wait=False)
        for balancer in self.balancers:
            balancer.wait_started()
