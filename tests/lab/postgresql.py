# SPDX-License-Identifier: GPL-3.0-or-later
"""Real PostgreSQL servers on loopback: in a scratch folder, on free ports, gone at the end.

    with Lab() as lab:
        primary = lab.primary("db1")
        db2, db3 = lab.standbys(["db2", "db3"], primary)
        primary.write(20)
        db2.freeze_link()
        ...

Nothing here sleeps for a fixed time: everything waits for what it needs to see (a view's row, an LSN, a line of the
log), and raises LabError with the server's log when that does not come within the deadline.

A Lab stops its servers and removes its folder when it is closed, when the interpreter exits, on Ctrl-C and on SIGTERM or
SIGHUP. When the process is killed outright the kernel takes the servers down (PR_SET_PDEATHSIG); for that reason a Lab
must be used by the main thread.

Servers of another release run from a folder that holds another system:

    Lab(prefix=["chroot", ROOT], root=ROOT)

Standard library only; Python 3.9 or newer, PostgreSQL 13 or newer.
"""

import atexit
import glob
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

DEADLINE = 30.0  # seconds that any single event may take on a busy machine
POLL = 0.02

# Small and quick; the time-outs are short so that a dead link is seen within a test.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "shared_buffers": "16MB",
    "max_connections": "50",
    "max_wal_senders": "12",
    "max_replication_slots": "12",
    "wal_level": "logical",
    "hot_standby": "on",
    "wal_keep_size": "1GB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "wal_sender_timeout": "4s",
    "wal_receiver_timeout": "4s",
    "wal_receiver_status_interval": "1s",
    "wal_retrieve_retry_interval": "100ms",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] %b ",
    "lc_messages": "C",
    "password_encryption": "scram-sha-256",
}

# Superusers are trusted on loopback; only the role `locked` has to show its password.
HBA = """local all all trust
host all locked 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
"""


class LabError(Exception):
    """A server did not do what the scenario needs: the test can prove nothing."""


class SqlError(LabError):
    """The server refused a statement."""


def wait_until(condition, what, seconds=DEADLINE, poll=POLL):
    """Returns the first true value of condition(); LabError "what" when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError("%s: not seen within %g s" % (what() if callable(what) else what, seconds))
        time.sleep(poll)


def free_port(taken):
    """A port of loopback that nobody listens on, below the range the kernel hands out to clients.

    Runs beside each other keep to ports of their own (DR_PORTS=0/2, 1/2): one that is free for a moment may be that of a
    server which the other run has stopped and will start again."""
    part, parts = (int(number) for number in os.environ.get("DR_PORTS", "0/1").split("/"))
    for _ in range(1000):
        port = random.randrange(15000, 31990) // parts * parts + part
        if port in taken:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        taken.add(port)
        return port
    raise LabError("no free port on 127.0.0.1")


def newest_bindir(root="/"):
    """The newest PostgreSQL server of the system in `root`, as a path inside it."""
    found = glob.glob(os.path.join(root, "usr/lib/postgresql/*/bin/initdb"))
    if not found:
        raise LabError("no PostgreSQL server below %s" % os.path.join(root, "usr/lib/postgresql"))
    newest = max(found, key=lambda path: float(path.split("/")[-3]))
    return "/" + os.path.relpath(os.path.dirname(newest), root)


class Session:
    """One psql that stays: a query costs a round trip, not a process."""

    def __init__(self, lab, uri, log):
        # A test's own writes must not hang where the scenario makes commits hang.
        environment = dict(lab.environment, PGOPTIONS="-c synchronous_commit=local")
        self.process = subprocess.Popen(
            lab.prefix + [lab.bin("psql"), "-XAtq", "-F", "\x1f", "-P", "null=\\N", "-d", uri],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, cwd="/")
        self.pending = b""

    def run(self, sql, seconds=DEADLINE):
        mark = "lab-%032x" % random.getrandbits(128)
        text = "%s\n;\nselect '%s', :'ERROR', :'LAST_ERROR_MESSAGE';\n" % (sql, mark)
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise EOFError from None
        rows = []
        end = time.monotonic() + seconds
        while True:
            line = self._line(end, sql)
            cells = line.split("\x1f")
            if cells[0] == mark:
                if cells[1] == "true":
                    raise SqlError("%s: %s" % (sql, cells[2]))
                return rows
            rows.append(tuple(None if cell == "\\N" else cell for cell in cells))

    def _line(self, end, sql):
        while b"\n" not in self.pending:
            left = end - time.monotonic()
            if left <= 0:
                raise LabError("%s: no answer in time" % sql)
            if select.select([self.process.stdout], [], [], left)[0]:
                chunk = os.read(self.process.stdout.fileno(), 65536)
                if not chunk:
                    raise EOFError
                self.pending += chunk
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode(errors="replace")

    def close(self):
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except OSError:
                pass
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Server:
    """One PostgreSQL server. `settings` is its configuration file; set() changes it."""

    def __init__(self, lab, name, settings):
        self.lab = lab
        self.name = name
        self.port = free_port(lab.ports)
        self.data = os.path.join(lab.folder, name)
        self.logfile = os.path.join(lab.folder, name + ".log")
        self.settings = dict(SETTINGS, cluster_name=name, port=str(self.port),
                             unix_socket_directories=lab.inside(lab.folder))
        if lab.root != "/":  # its /dev/shm is a plain folder
            self.settings["dynamic_shared_memory_type"] = "mmap"
        self.settings.update(settings)
        self.upstream = None
        self.process = None
        self.frozen = None
        self.kept = False
        self._session = None
        lab.servers.append(self)

    # ---- start and stop ----

    def configure(self):
        with open(os.path.join(self.data, "postgresql.conf"), "w") as file:
            for name, value in sorted(self.settings.items()):
                file.write("%s = '%s'\n" % (name, str(value).replace("'", "''")))
        with open(os.path.join(self.data, "pg_hba.conf"), "w") as file:
            file.write(HBA)
        for name in ("postgresql.conf", "pg_hba.conf"):
            self.lab.give(os.path.join(self.data, name))

    def start(self, wait=True):
        self.configure()
        pidfile = os.path.join(self.data, "postmaster.pid")
        if os.path.exists(pidfile):  # left by stop("immediate") or a kill; ours, and it is gone
            os.unlink(pidfile)
        with open(self.logfile, "ab") as log:
            self.process = self.lab.spawn(
                [self.lab.bin("postgres"), "-D", self.lab.inside(self.data)], stdout=log, stderr=log)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=DEADLINE):
        """Until the server takes connections (the last line of its pid file says so)."""
        pidfile = os.path.join(self.data, "postmaster.pid")

        def ready():
            if self.process.poll() is not None:
                raise LabError("%s does not start\n%s" % (self.name, self.log_tail()))
            try:
                with open(pidfile) as file:
                    return file.read().split("\n")[7].strip() == "ready"
            except (OSError, IndexError):
                return False

        wait_until(ready, lambda: "%s takes connections\n%s" % (self.name, self.log_tail()), seconds)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, mode="fast"):
        """"fast": clean, with a checkpoint; "immediate": as a crash."""
        self.disconnect()
        self.thaw_link()
        if self.running():
            self.process.send_signal(signal.SIGINT if mode == "fast" else signal.SIGQUIT)
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise LabError("%s does not stop\n%s" % (self.name, self.log_tail())) from None
        self.process = None

    def restart(self, **settings):
        self.stop()
        self.settings.update(settings)
        return self.start()

    def remove(self):
        """Stops the server and forgets it, data and all."""
        self.stop("immediate")
        shutil.rmtree(self.data, ignore_errors=True)
        if self in self.lab.servers:
            self.lab.servers.remove(self)

    # ---- talking to it ----

    def uri(self, user="postgres", database="postgres", **parameters):
        query = "&".join("%s=%s" % item for item in sorted(parameters.items()))
        return "postgresql://%s@127.0.0.1:%d/%s%s" % (user, self.port, database, query and "?" + query)

    def sql(self, query, seconds=DEADLINE):
        """The rows, as tuples of text or None."""
        for attempt in (1, 2):
            if self._session is None:
                with open(self.logfile + ".psql", "wb") as log:
                    self._session = Session(self.lab, self.uri(), log)
            try:
                return self._session.run(query, seconds)
            except EOFError:
                self.disconnect()
                if attempt == 2 or not self.running():
                    with open(self.logfile + ".psql") as log:
                        raise LabError("%s: %s" % (self.name, log.read())) from None
            except SqlError:
                raise
            except BaseException:  # the answer may still come: it must not be taken for the next one's
                self.disconnect()
                raise
        raise AssertionError

    def value(self, query, seconds=DEADLINE):
        """The first cell."""
        rows = self.sql(query, seconds)
        return rows[0][0] if rows else None

    def disconnect(self):
        if self._session is not None:
            self._session.close()
            self._session = None

    def wait_for(self, query, wanted="t", seconds=DEADLINE):
        """Until the query's first cell is the wanted text (None: NULL or no row)."""
        seen = []

        def condition():
            seen[:] = [self.value(query)]
            return seen[0] == wanted

        wait_until(condition, lambda: "%s: %s = %r, wanted %r" % (self.name, query, seen[0], wanted), seconds)

    def set(self, **settings):
        """Changes settings that a reload can change, and waits until they hold. None: back to the default."""
        for name, value in settings.items():
            if value is None:
                self.settings.pop(name, None)
            else:
                self.settings[name] = value
        before = self.value("select pg_conf_load_time()")
        self.configure()
        self.process.send_signal(signal.SIGHUP)
        self.wait_for("select pg_conf_load_time() > '%s'" % before)
        refused = self.sql("select name, error from pg_file_settings where error is not null")
        if refused:
            raise LabError("%s: %s" % (self.name, refused))

    def log(self):
        try:
            with open(self.logfile, errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def log_tail(self):
        return "\n".join(self.log().split("\n")[-25:])

    def wait_log(self, pattern, start=0, seconds=DEADLINE):
        """Until a line of the log behind offset `start` matches."""
        return wait_until(lambda: re.search(pattern, self.log()[start:]),
                          lambda: "%s logs /%s/\n%s" % (self.name, pattern, self.log_tail()), seconds)

    # ---- replication ----

    def in_recovery(self):
        return self.value("select pg_is_in_recovery()") == "t"

    def lsn(self):
        """The end of what this server has: of its WAL, or of what it received or replayed."""
        return self.value(
            "select case when pg_is_in_recovery()"
            " then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"
            " else pg_current_wal_lsn() end")

    def write(self, megabytes=0):
        """Commits that many MB of WAL (0: one tiny commit), without leaving a table behind."""
        self.sql("select pg_logical_emit_message(true, 'lab', repeat('x', %d)) from generate_series(1, %d)"
                 % ((1000000, megabytes) if megabytes else (1, 1)), 60)

    def wait_replayed(self, lsn, seconds=DEADLINE):
        self.wait_for("select pg_last_wal_replay_lsn() >= '%s'" % lsn, "t", seconds)

    def wait_received(self, lsn, seconds=DEADLINE):
        self.wait_for("select pg_last_wal_receive_lsn() >= '%s'" % lsn, "t", seconds)

    def wait_caught_up(self, seconds=DEADLINE):
        """Until this standby streams from its upstream and has replayed all that is there now."""
        self.wait_streaming(seconds)
        self.wait_replayed(self.upstream.lsn(), seconds)

    def wait_streaming(self, seconds=DEADLINE):
        self.wait_for("select status from pg_stat_wal_receiver", "streaming", seconds)
        self.upstream.wait_for(
            "select state = 'streaming' and reply_time is not null from pg_stat_replication"
            " where application_name = '%s'" % self.name, "t", seconds)

    def follow(self, upstream, slot=None):
        """Makes this a standby of `upstream` (in the configuration; not started, not reloaded)."""
        self.upstream = upstream
        self.settings["primary_conninfo"] = (
            "host=127.0.0.1 port=%d user=postgres application_name=%s" % (upstream.port, self.name))
        self.settings["recovery_target_timeline"] = "latest"
        if slot:
            self.settings["primary_slot_name"] = slot
        path = os.path.join(self.data, "standby.signal")
        open(path, "w").close()
        self.lab.give(path)

    def promote(self):
        self.sql("select pg_promote(true, 30)")
        self.wait_for("select pg_is_in_recovery()", "f")
        self.upstream = None

    def freeze_link(self):
        """Stops the WAL receiver in its tracks: a link that is up and carries nothing."""
        pid = int(self.value("select pid from pg_stat_wal_receiver") or 0)
        if not pid:
            raise LabError("%s has no WAL receiver to freeze" % self.name)
        os.kill(pid, signal.SIGSTOP)
        self.frozen = pid

        def stopped():
            with open("/proc/%d/stat" % pid) as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "T"

        wait_until(stopped, "%s: the WAL receiver is stopped" % self.name)

    def thaw_link(self):
        if self.frozen is not None:
            try:
                os.kill(self.frozen, signal.SIGCONT)
            except ProcessLookupError:
                pass
            self.frozen = None


class Lab:
    """A scratch folder, the servers in it, and the promise that all of it goes away."""

    def __init__(self, prefix=(), root="/", bindir=None):
        if threading.current_thread() is not threading.main_thread():
            raise LabError("a Lab belongs to the main thread")
        self.prefix = list(prefix)
        self.root = root
        self.bindir = bindir or newest_bindir(root)
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/"}
        self.servers = []
        self.helpers = []
        self.ports = set()
        self.owner = self._owner()
        catch_signals()
        atexit.register(self.close)
        where = os.path.join(root, "tmp") if root != "/" else None
        self.folder = tempfile.mkdtemp(prefix="dr-lab-", dir=where)
        self.give(self.folder)

    def _owner(self):
        """(uid, gid) to run servers as; None: as we are. initdb refuses root."""
        if os.geteuid() != 0:
            return None
        with open(os.path.join(self.root, "etc/passwd")) as file:
            for line in file:
                fields = line.split(":")
                if fields[0] == "postgres":
                    return int(fields[2]), int(fields[3])
        raise LabError("no user postgres below %s" % self.root)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stops everything and removes the folder; may be called again."""
        atexit.unregister(self.close)
        for helper in self.helpers:
            if helper.poll() is None:
                helper.kill()
            helper.wait()
        self.helpers = []
        # All at once: each of them may have children to wait for.
        for server in self.servers:
            server.disconnect()
            server.thaw_link()
            if server.running():
                server.process.send_signal(signal.SIGQUIT)
        for server in self.servers:
            if server.process is not None:
                try:
                    server.process.wait(10)
                except subprocess.TimeoutExpired:
                    server.process.kill()
                    server.process.wait()
                server.process = None
        self.servers = []
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- paths and processes ----

    def inside(self, path):
        """The path as the servers see it."""
        return path if self.root == "/" else "/" + os.path.relpath(path, self.root)

    def bin(self, program):
        return os.path.join(self.bindir, program)

    def give(self, path):
        if self.owner:
            os.chown(path, *self.owner)

    def command(self, arguments):
        """As the servers' user; dies with us."""
        if not os.path.exists(os.path.join(self.root, "proc/self")):
            # An old setpriv does nothing without /proc; a second chroot can change the user, and no more than that.
            user = ["chroot", "--userspec=%d:%d" % self.owner, "/"] if self.owner else []
            return self.prefix + user + arguments
        user = ["setpriv", "--pdeathsig", "QUIT"]
        if self.owner:
            user += ["--reuid=%d" % self.owner[0], "--regid=%d" % self.owner[1], "--clear-groups"]
        return self.prefix + user + ["--"] + arguments

    def spawn(self, arguments, **options):
        return subprocess.Popen(self.command(arguments), stdin=subprocess.DEVNULL, cwd="/",
                                env=self.environment, start_new_session=True, **options)

    def _finish(self, jobs, seconds=60):
        """Waits for [(what, process)], each with its stdout piped; the first failure is a LabError."""
        for what, process in jobs:
            try:
                output, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise LabError("%s: not done within %g s" % (what, seconds)) from None
            if process.returncode != 0:
                raise LabError("%s: %s" % (what, output.decode(errors="replace")))

    def _job(self, what, arguments):
        return what, self.spawn(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def helper(self, arguments, logname):
        """A program that runs beside the servers until the Lab is closed (pg_receivewal)."""
        with open(os.path.join(self.folder, logname), "ab") as log:
            process = self.spawn(arguments, stdout=log, stderr=log)
        self.helpers.append(process)
        return process

    def end_helper(self, process):
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.helpers.remove(process)

    # ---- making servers ----

    def primaries(self, names, segment=1, **settings):
        """New systems (each with an identifier of its own), started together; segment: size of their WAL's, in MiB."""
        servers = [Server(self, name, settings) for name in names]
        self._finish([self._job("initdb " + server.name, [
            self.bin("initdb"), "-D", self.inside(server.data), "-U", "postgres", "-A", "trust",
            "--wal-segsize=%d" % segment, "--no-locale", "-E", "UTF8", "--no-sync", "--data-checksums"])
            for server in servers])
        return self._start(servers)

    def primary(self, name, **settings):
        return self.primaries([name], **settings)[0]

    def standbys(self, names, upstream, slots=False, start=True, **settings):
        """Streaming standbys by pg_basebackup, made and started together; slots: one of the standby's name each."""
        servers = [Server(self, name, settings) for name in names]
        jobs = []
        for server in servers:
            slot = ["-S", server.name, "-C"] if slots else []
            jobs.append(self._job("pg_basebackup " + server.name, [
                self.bin("pg_basebackup"), "-D", self.inside(server.data), "-h", "127.0.0.1",
                "-p", str(upstream.port), "-U", "postgres", "-c", "fast", "-X", "stream", "--no-sync"] + slot))
        self._finish(jobs)
        for server in servers:
            server.follow(upstream, server.name if slots else None)
        if start:
            self._start(servers)
            for server in servers:
                server.wait_caught_up()
        return servers

    def standby(self, name, upstream, **options):
        return self.standbys([name], upstream, **options)[0]

    def _start(self, servers):
        for server in servers:
            server.start(wait=False)
        for server in servers:
            server.wait_ready()
        return servers

    def receivewal(self, upstream, name):
        """A pg_receivewal that streams from `upstream`; end it with end_helper()."""
        folder = tempfile.mkdtemp(prefix=name + "-", dir=self.folder)
        self.give(folder)
        process = self.helper([
            self.bin("pg_receivewal"), "-D", self.inside(folder), "--no-loop", "--status-interval=1", "-d",
            "host=127.0.0.1 port=%d user=postgres application_name=%s" % (upstream.port, name)], name + ".log")
        upstream.wait_for("select state = 'streaming' and reply_time is not null from pg_stat_replication"
                          " where application_name = '%s'" % name)
        return process


def catch_signals():
    """Makes the signals that end a process run finally blocks and atexit handlers, as Ctrl-C does."""
    def interrupt(number, _):
        # Not SystemExit: pytest would take that for the failure of one test, and go on.
        raise KeyboardInterrupt("signal %d" % number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, interrupt)
