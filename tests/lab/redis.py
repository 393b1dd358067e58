# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Redis and Valkey servers and Sentinels on loopback: in a scratch folder, on free ports, gone at the end.

    with Lab() as lab:
        primary = lab.server("r1")
        replica = lab.replica("r2", primary)
        primary.write(20)
        replica.freeze()
        ...

The rules are those of postgresql.py: nothing sleeps for a fixed time, everything waits for what it needs to see, and a
Lab must be used by the main thread. Standard library only.
"""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from postgresql import DEADLINE, LabError, catch_signals, free_port, wait_until

PROGRAMS = ("redis-server", "valkey-server")


def find_program(name):
    """The file of a server program; None. Debian's redis-tools carries it too, under the name of another tool that is the
    same file: that package starts no service."""
    for candidate in (name, name.replace("-server", "-check-rdb")):
        path = shutil.which(candidate, path="/usr/bin:/usr/local/bin:" + os.environ.get("PATH", ""))
        if path is not None:
            return os.path.realpath(path)
    return None

SETTINGS = {
    "bind": "127.0.0.1",
    "save": '""',
    "appendonly": "yes",
    "appendfsync": "no",
    "protected-mode": "no",
    "repl-diskless-sync": "no",  # a replica that is fed without a file waits for a second
    "repl-ping-replica-period": "10",
    "repl-timeout": "60",
    "repl-backlog-size": "64mb",
    "daemonize": "no",
    "loglevel": "notice",
}


class ServerError(LabError):
    """The server refused a command."""


class Connection:
    """A client that speaks RESP2."""

    def __init__(self, where, seconds=DEADLINE):
        family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(seconds)
        self.socket.connect(where)
        self.file = self.socket.makefile("rb")

    def send(self, *words):
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self.socket.sendall(b"".join(parts))

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError
        kind, text = line[:1], line[1:-2].decode(errors="replace")
        if kind == b"-":
            raise ServerError(text)
        if kind == b":":
            return int(text)
        if kind == b"$":
            if int(text) < 0:
                return None
            return self.file.read(int(text) + 2)[:-2].decode(errors="replace")
        if kind == b"*":
            return None if int(text) < 0 else [self.reply() for _ in range(int(text))]
        return text

    def call(self, *words):
        self.send(*words)
        return self.reply()

    def close(self):
        self.file.close()
        self.socket.close()


class Server:
    """One server. `settings` is its configuration file; config() changes it while it runs."""

    def __init__(self, lab, name, settings, sentinel=False, port=None):
        self.lab = lab
        self.name = name
        self.port = port or free_port(lab.ports)
        self.folder = os.path.join(lab.folder, "%s-%d" % (name, self.port))
        self.logfile = self.folder + ".log"
        self.sentinel = sentinel
        self.settings = dict(settings, port=str(self.port), dir=self.folder)
        self.lines = []  # further lines of the configuration
        self.process = None
        self.frozen = False
        self._client = None
        os.mkdir(self.folder)
        lab.servers.append(self)

    # ---- start and stop ----

    def start(self):
        path = os.path.join(self.folder, "server.conf")
        with open(path, "w") as file:
            for name, value in sorted(self.settings.items()):
                file.write("%s %s\n" % (name, value))
            file.write("".join(line + "\n" for line in self.lines))
        with open(self.logfile, "ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", self.lab.program, path] + (["--sentinel"] if self.sentinel else []),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True)
        self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise LabError("%s does not start\n%s" % (self.name, self.log_tail()))
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return True
            except OSError:
                return False
        wait_until(ready, lambda: "%s listens\n%s" % (self.name, self.log_tail()))

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """As a crash: at once, and without a last word."""
        self.disconnect()
        if self.running():
            self.process.kill()
            self.process.wait()
        self.process = None
        self.frozen = False

    def restart(self):
        self.stop()
        return self.start()

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.lab.servers.remove(self)

    def freeze(self):
        """Up, connected, and silent."""
        self.disconnect()
        self.process.send_signal(signal.SIGSTOP)
        self.frozen = True

        def stopped():
            with open("/proc/%d/stat" % self.process.pid) as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "T"
        wait_until(stopped, "%s is stopped" % self.name)

    def thaw(self):
        if self.frozen and self.running():
            self.process.send_signal(signal.SIGCONT)
        self.frozen = False

    # ---- talking to it ----

    def uri(self, user="", **parameters):
        query = "&".join("%s=%s" % item for item in sorted(parameters.items()))
        return "redis://%s127.0.0.1:%d%s" % (user and user + "@", self.port, query and "?" + query)

    def connect(self):
        return Connection(("127.0.0.1", self.port))

    def call(self, *words):
        for attempt in (1, 2):
            try:
                if self._client is None:
                    self._client = self.connect()
                return self._client.call(*words)
            except (EOFError, OSError) as error:
                self.disconnect()
                if attempt == 2:
                    raise LabError("%s: %s: %s\n%s" % (self.name, words, error, self.log_tail())) from None
        raise AssertionError

    def disconnect(self):
        if self._client is not None:
            self._client.close()
            self._client = None

    def info(self, section="everything"):
        lines = [line.partition(":") for line in self.call("INFO", section).splitlines()]
        return {key: value for key, colon, value in lines if colon}

    def config(self, **settings):
        for name, value in settings.items():
            self.call("CONFIG", "SET", name.replace("_", "-"), value)

    def wait_info(self, section, condition, what, seconds=DEADLINE):
        """Until condition(info); returns the info."""
        seen = {}

        def test():
            seen.clear()
            seen.update(self.info(section))
            return condition(seen)
        wait_until(test, lambda: "%s: %s: %s" % (self.name, what, seen), seconds)
        return seen

    def log_tail(self):
        try:
            with open(self.logfile, errors="replace") as file:
                return "\n".join(file.read().split("\n")[-15:])
        except OSError:
            return ""

    # ---- replication ----

    def offset(self):
        return int(self.info("replication")["master_repl_offset"])

    def write(self, megabytes=0):
        """So many MB to the replication stream (0: a few bytes), on keys that are overwritten again and again."""
        for number in range(megabytes):
            self.call("SET", "lab:%d" % (number % 4), b"x" * 1000000)
        if not megabytes:
            self.call("SET", "lab:0", "x")

    def follow(self, upstream, port=None):
        self.call("REPLICAOF", "127.0.0.1", port or upstream.port)

    def promote(self):
        self.call("REPLICAOF", "NO", "ONE")

    def wait_up(self):
        return self.wait_info("replication", lambda info: info.get("master_link_status") == "up", "link up")

    def wait_caught_up(self, upstream, seconds=DEADLINE):
        self.wait_up()
        wanted = upstream.offset()
        self.wait_info("replication", lambda info: int(info["slave_repl_offset"]) >= wanted, "has %d" % wanted, seconds)

        def reported(info):
            lines = [value for key, value in info.items() if key.startswith("slave") and "port=%d," % self.port in value]
            return lines and "state=online" in lines[0] and int(lines[0].split("offset=")[1].split(",")[0]) >= wanted
        upstream.wait_info("replication", reported, "%s has reported" % self.name, seconds)


class Relay:
    """A port that leads to another one, at so many bytes a second towards the client (None: at once; 0: not at all)."""

    def __init__(self, lab, port, rate=None):
        self.rate = rate
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        self.closed = False
        lab.relays.append(self)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.closed:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                continue
            if self.closed:  # one that came in at the last moment
                client.close()
                server.close()
                break
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            self.sockets += [client, server]
            threading.Thread(target=self._carry, args=(server, client, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(client, server, False), daemon=True).start()

    def _carry(self, source, sink, slow):
        try:
            while True:
                while slow and self.rate == 0 and not self.closed:
                    time.sleep(0.02)
                data = source.recv(16384)
                if not data:
                    break
                sink.sendall(data)
                if slow and self.rate:
                    time.sleep(len(data) / self.rate)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.closed = True
        for end in [self.listener] + self.sockets:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


class Lab:
    """A scratch folder, the servers in it, and the promise that all of it goes away."""

    def __init__(self, program=PROGRAMS[0]):
        if threading.current_thread() is not threading.main_thread():
            raise LabError("a Lab belongs to the main thread")
        file = find_program(program)
        if file is None:
            raise LabError("no %s on this machine" % program)
        self.servers = []
        self.relays = []
        self.ports = set()
        catch_signals()
        atexit.register(self.close)
        self.folder = tempfile.mkdtemp(prefix="dr-lab-")
        # The name says which of its tools the file is.
        self.program = os.path.join(self.folder, program)
        os.symlink(file, self.program)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stops everything and removes the folder; may be called again."""
        atexit.unregister(self.close)
        for relay in self.relays:
            relay.close()
        for server in list(self.servers):
            server.stop()
        self.servers = []
        self.relays = []
        shutil.rmtree(self.folder, ignore_errors=True)

    def server(self, name, port=None, **settings):
        """Names of settings with "_" for "-"."""
        given = {key.replace("_", "-"): value for key, value in settings.items()}
        return Server(self, name, dict(SETTINGS, **given), port=port).start()

    def cluster_node(self, name, **settings):
        """A Cluster's node listens on a second port as well, 10000 above."""
        def pair():
            port = free_port(self.ports)
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port + 10000))
                except OSError:
                    return None
            return port if port + 10000 < 32000 else None
        return self.server(name, wait_until(pair, "two free ports"), cluster_enabled="yes", **settings)

    def replica(self, name, primary, port=None, wait=True, **settings):
        """`port`: follows that one instead, a relay for instance."""
        settings["replicaof"] = "127.0.0.1 %d" % (port or primary.port)
        server = self.server(name, **settings)
        if wait:
            # Until its first report a new replica is not fed.
            server.wait_up()
            primary.write()
            server.wait_caught_up(primary)
        return server

    def replicas(self, names, primary, **settings):
        """Several at once."""
        servers = [self.replica(name, primary, wait=False, **settings) for name in names]
        for server in servers:
            server.wait_up()
        primary.write()
        for server in servers:
            server.wait_caught_up(primary)
        return servers

    def relay(self, port, rate=None):
        return Relay(self, port, rate)

    def sentinels(self, names, primary, called, quorum=2, down_after=2000):
        """Sentinels that have found each other and the replicas of `primary`."""
        found = []
        for name in names:
            server = Server(self, name, {"bind": "127.0.0.1", "protected-mode": "no"}, sentinel=True)
            server.lines = ["sentinel monitor %s 127.0.0.1 %d %d" % (called, primary.port, quorum),
                            "sentinel down-after-milliseconds %s %d" % (called, down_after),
                            "sentinel failover-timeout %s 60000" % called]
            found.append(server.start())
        replicas = int(primary.info("replication")["connected_slaves"])
        for server in found:
            wait_until(lambda server=server: len(server.call("SENTINEL", "SENTINELS", called)) == len(names) - 1
                       and len(server.call("SENTINEL", "REPLICAS", called)) == replicas,
                       "%s has found the others" % server.name)
        return found
