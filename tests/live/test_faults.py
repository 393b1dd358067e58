# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag against hostile peers and bad input.

Whatever the other side does: one clear first line, the state that the class of the error stands for (common/error.h), inside
the deadline, silence on stderr, and nothing left behind. check.run sees to the exit code, the first line and stderr of
every run."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import check  # noqa: E402
import peers  # noqa: E402
import stub_postgresql as stub  # noqa: E402
from conftest import target  # noqa: E402

NAME = "check_replication_lag"
MEASURE = os.path.join(HERE, os.pardir, "bench", "measure.py")
DEADLINE = 1.0
# A sanitizer's own allocator takes no limit, so that a build with one makes the room that a server announces.
MEMORY_MB = 200 if "DR_SANITIZERS" not in os.environ else 4096
SECRET = "Zebra%crossing:7"
ENCODED = "Zebra%25crossing%3A7"


def honest(version="12.22", facts=None, **options):
    """An honest server's script: the primary db1 with its standby db2."""
    return stub.Server(version, facts or stub.primary([stub.stream("db2")]), **options).session


def uri(peer, user="monitor", query=""):
    return "db1=postgresql://%s@127.0.0.1:%d/postgres%s" % (user, peer.port, query)


def tls_garbage(receive):
    """Says yes to TLS, and answers the client's hello with something else."""
    receive(8)
    yield b"S"
    receive(5)
    yield bytes(random.Random(1).randrange(256) for _ in range(4096))


def not_tls(receive):
    """Neither yes nor no to TLS."""
    receive(8)
    yield b"?"


def refusal(state, text, severity="FATAL"):
    """A script: the server is there and says no."""
    server = stub.Server("12.22", stub.primary())

    def refuse(_):
        raise stub.SqlError(state, text, severity)
        yield  # a generator, like the method it replaces

    server.log_in = lambda user, receive: refuse(user)
    return server.session


NOTICE = stub.message(b"N", b"SWARNING\0VWARNING\0C01000\0M" + b"beware " * 50 + b"\0\0")


def reply_length():
    """Bytes of the whole of an honest reply."""
    with peers.Honest(honest()) as peer:
        result = check.run(NAME, "-T", uri(peer))
        assert result.state == "OK", result
        assert peer.settled(5)
    return peer.sent


@pytest.fixture(scope="module")
def whole():
    return reply_length()


def start_of_rows():
    """A place behind the log-in, where rows are expected."""
    server = stub.Server("12.22", stub.primary())
    server.startups.append({})
    return 1 + 9 + len(server.greeting("monitor"))


# ---- peers that misbehave at once ----

# name: (peer, states, words of the message)
AT_ONCE = {
    "refuse": (lambda: peers.Refuse(), "CRITICAL", ("refused",)),
    "unreachable": (lambda: peers.Unreachable(), "CRITICAL", ("connect",)),
    "silent": (lambda: peers.Silent(), "CRITICAL", ("no answer",)),
    "never reads": (lambda: peers.NeverReads(), "CRITICAL", ("no answer",)),
    "close": (lambda: peers.Close(), "CRITICAL", ("closed",)),
    "reset": (lambda: peers.Reset(), "CRITICAL", ()),
    "drip": (lambda: peers.Drip(honest(), seconds=0.05), "CRITICAL", ("no answer",)),
    "zeros": (lambda: peers.Flood(), "UNKNOWN", ()),
    "neither TLS nor not": (lambda: peers.Silent(not_tls, 1), "UNKNOWN", ()),
    "garbage for TLS": (lambda: peers.Honest(tls_garbage), "UNKNOWN", ()),
}


@pytest.mark.parametrize("fault", AT_ONCE)
def test_at_once(lag, fault):
    make, state, said = AT_ONCE[fault]
    with make() as peer:
        result = lag("-T", uri(peer), "-t", "%gs" % DEADLINE)
        assert result.state == state and result.says("db1", *said), result
        assert "db1" in result.first, result
        assert result.within(DEADLINE), result
        assert fault in ("refuse", "unreachable") or peer.settled(5), "a connection outlived the process"


@pytest.mark.parametrize("state", ("ok", "warning", "critical", "unknown"))
def test_state_of_timeout(lag, state):
    with peers.Silent() as peer:
        result = lag("-T", uri(peer), "-t", "500ms:" + state)
    # Not even on demand is silence evidence of health.
    assert result.state == ("UNKNOWN" if state == "ok" else state.upper()), result


@pytest.mark.parametrize("seed", range(12))
def test_garbage(lag, seed):
    """Any bytes at all. Where they look like the beginning of a message it may also be the deadline that ends it."""
    with peers.Garbage(seed=seed) as peer:
        result = lag("-T", uri(peer), "-t", "%gs" % DEADLINE)
        assert result.state in ("UNKNOWN", "CRITICAL") and "db1" in result.first, result
        assert result.within(DEADLINE), result


@pytest.mark.parametrize("seed", range(12))
def test_garbage_after_log_in(lag, seed):
    with peers.Garbage(honest(), start_of_rows(), seed=seed) as peer:
        result = lag("-T", uri(peer), "-t", "%gs" % DEADLINE)
        assert result.state in ("UNKNOWN", "CRITICAL") and "db1" in result.first, result
        assert result.within(DEADLINE), result


def test_garbage_for_required_tls(lag):
    with peers.Honest(tls_garbage) as peer:
        result = lag("-T", uri(peer, query="?sslmode=require"), "-t", "%gs" % DEADLINE)
    assert result.state == "UNKNOWN" and result.says("SSL"), result


# ---- peers that begin well ----

def places(whole, count):
    """Places all over the reply, its first and its last byte among them."""
    step = max(1, whole // count)
    return sorted(set(range(1, whole, step)) | {whole - 1})


@pytest.mark.parametrize("kind", (peers.Close, peers.Reset))
def test_cut_anywhere(lag, whole, kind):
    """A reply that ends early is never OK, wherever it ends."""
    for place in places(whole, 40):
        with kind(honest(), place) as peer:
            result = lag("-T", uri(peer), "-t", "%gs" % DEADLINE)
            assert result.state in ("CRITICAL", "UNKNOWN"), "%s after %d bytes: %s" % (kind.__name__, place, result)
            assert result.within(DEADLINE), result


def test_half_a_reply_and_silence(lag, whole):
    for place in places(whole, 5):
        with peers.Silent(honest(), place) as peer:
            result = lag("-T", uri(peer), "-t", "500ms")
            assert result.state == "CRITICAL" and result.says("db1", "no answer"), (place, result)
            assert result.within(0.5), result
            assert peer.settled(5)


def test_damaged_anywhere(lag, whole):
    """One byte is another one, at 60 places. A digit may become another digit, but nothing hangs, crashes or keeps quiet
    about it on stderr."""
    for place in places(whole, 60):
        def change(offset, data, place=place):
            at = place - offset
            return data if not 0 <= at < len(data) else data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1:]

        with peers.Replace(honest(), change) as peer:
            result = lag("-T", uri(peer), "-t", "500ms")
            assert result.within(0.5), (place, result)


def test_large_reply(lag):
    """1,000 connections in the view are many, but no fault."""
    streams = [stub.stream("db%d" % number) for number in range(1000)]
    with peers.Honest(honest(facts=stub.primary(streams))) as peer:
        result = lag("-T", uri(peer))
    assert result.state == "OK" and result.perfdata["standbys"] == 1000, result


class Endless(stub.Server):
    """Begins the first result set, of one column, and then sends `chunk` for ever."""

    HEADER = stub.message(b"T", stub.struct.pack("!h", 1) + stub.text("pid")
                          + stub.struct.pack("!IhIhih", 0, 0, 25, -1, -1, 0))

    def __init__(self, chunk):
        super().__init__("12.22", stub.primary([stub.stream("db2")]))
        self.chunk = chunk
        self.flooding = False

    def result(self, kind, names, rows):
        return self.HEADER

    def session(self, receive):
        for data in super().session(receive):
            if self.HEADER not in data:
                yield data
                continue
            yield data[:data.index(self.HEADER) + len(self.HEADER)]
            self.flooding = True
            while True:
                yield self.chunk


ROW = stub.message(b"D", stub.struct.pack("!hi", 1, 4000) + b"x" * 4000)
HUGE_ROW = b"D" + stub.struct.pack("!I", 0x3fffffff) + stub.struct.pack("!hi", 1, 0x3ffffff0) + bytes(65536)


@pytest.mark.parametrize("chunk", (ROW * 16, HUGE_ROW, NOTICE * 100), ids=("rows", "one row", "notices"))
def test_flood_is_bounded(chunk, scratch, tmp_path):
    """A reply without an end takes neither the memory of the monitoring host nor more than the deadline."""
    server = Endless(chunk)
    used = tmp_path / "used"
    with peers.Honest(server.session) as peer:
        result = Watched(["-T", uri(peer), "-t", "2s"], scratch,
                         before=["/usr/bin/python3", "-I", "-S", MEASURE, str(used)]).finish()
        assert server.flooding, result
        assert result.state in ("UNKNOWN", "CRITICAL"), result
        assert result.within(2), result
    peak = int(used.read_text().split()[2]) / 1024
    assert peak < MEMORY_MB, "%d MB" % peak


def test_notices_are_not_for_stderr(lag):
    """libpq prints what a server remarks, unless it is told otherwise; Icinga would take it for the output."""
    class Talkative(stub.Server):
        def greeting(self, user):
            return NOTICE + super().greeting(user)

        def result(self, kind, names, rows):
            return NOTICE + super().result(kind, names, rows)

    server = Talkative("12.22", stub.primary([stub.stream("db2")]))
    with peers.Honest(server.session) as peer:
        result = lag("-T", uri(peer))
    assert result.state == "OK", result


# ---- replies that are well-formed and not what was asked for ----

class Spoilt(stub.Server):
    """An honest server with `spoil(kind, names, rows)` in front of every result set; None takes the set out."""

    def __init__(self, spoil, facts=None):
        super().__init__("12.22", facts or stub.primary([stub.stream("db2")], [stub.slot("db2")]))
        self.spoil = spoil

    def result(self, kind, names, rows):
        spoilt = self.spoil(kind, names, rows)
        return b"" if spoilt is None else super().result(kind, *spoilt)


def columns(kind):
    """The columns of a result set, by asking."""
    seen = {}
    with peers.Honest(Spoilt(lambda kind, names, rows: seen.update({kind: names}) or (names, rows)).session) as peer:
        result = check.run(NAME, "-T", uri(peer))
        assert result.state == "OK", result
    return seen[kind]


@pytest.mark.parametrize("kind", ("streams", "slots", "subscriptions", "node"))
def test_any_column_missing(lag, kind):
    """A reply with any field taken out is no evidence."""
    rows_are_there = kind in ("streams", "slots", "node")
    for name in columns(kind):
        def without(which, names, rows, name=name):
            if which != kind:
                return names, rows
            at = names.index(name)
            return names[:at] + names[at + 1:], [row[:at] + row[at + 1:] for row in rows]

        with peers.Honest(Spoilt(without).session) as peer:
            result = lag("-T", uri(peer))
        if rows_are_there and name != "pid":  # the process id is for people who read -vvv
            assert result.state == "UNKNOWN" and result.says(name), "without %s.%s: %s" % (kind, name, result)


@pytest.mark.parametrize("kind", ("streams", "slots", "subscriptions", "node"))
def test_any_result_set_missing(lag, kind):
    with peers.Honest(Spoilt(lambda which, *rest: None if which == kind else rest).session) as peer:
        result = lag("-T", uri(peer))
    assert result.state == "UNKNOWN", result


@pytest.mark.parametrize("count", (0, 2))
def test_wrong_number_of_nodes(lag, count):
    def several(kind, names, rows):
        return names, rows * count if kind == "node" else rows

    with peers.Honest(Spoilt(several).session) as peer:
        result = lag("-T", uri(peer))
    assert result.state == "UNKNOWN", result


NO_NUMBERS = (None, "", "NaN", "99999999999999999999", "-1x")


@pytest.mark.parametrize("kind,name,value", [
    (kind, name, value)
    for kind, name, values in (
        ("node", "in_recovery", NO_NUMBERS), ("node", "position", NO_NUMBERS), ("node", "complete", NO_NUMBERS[2:]),
        ("streams", "flushed", NO_NUMBERS), ("streams", "replayed", NO_NUMBERS), ("slots", "active", NO_NUMBERS[2:]),
        ("streams", "application_name", (None, "")), ("slots", "slot_name", (None, "")),
        ("streams", "reply_age", NO_NUMBERS[1:3] + ("inf", "1,5")))
    for value in values])
def test_cells_that_cannot_be(lag, kind, name, value):
    """A figure that carries the verdict, unknown or nonsense: never OK."""
    def change(which, names, rows):
        if which != kind:
            return names, rows
        at = names.index(name)
        return names, [row[:at] + [value] + row[at + 1:] for row in rows]

    with peers.Honest(Spoilt(change).session) as peer:
        result = lag("-T", uri(peer), "--expect-standby", "db2", "--expect-slot", "db2")
    assert result.state in ("UNKNOWN", "CRITICAL"), "%s.%s = %r: %s" % (kind, name, value, result)


HOSTILE = "x |loss=0;;; \x1b[31m\r\nREPLICATION OK - fine\n\\_ [OK] \t\x7f\u00e4" + "y" * 3000


def test_hostile_text(lag):
    """What a server says is shown, but it cannot pass for what we say. check.run refuses foreign perfdata twice."""
    facts = stub.primary([stub.stream(HOSTILE, behind=stub.MB, sync_state="async")], [stub.slot(HOSTILE)],
                         cluster_name=HOSTILE, role_name=HOSTILE, synchronous_names=HOSTILE)
    with peers.Honest(honest(facts=facts)) as peer:
        result = lag("-T", uri(peer), "-c", "loss_bytes=1kB", "-vvv")
    assert result.state != "OK" and "\x1b" not in result.output and "\x7f" not in result.output, result
    assert not any(line.startswith("REPLICATION") for line in result.lines[1:]), result


# state of the server, SQLSTATE: what it means for us
REFUSALS = {
    "57P03": ("the database system is starting up", "CRITICAL"),
    "53300": ("sorry, too many clients already", "CRITICAL"),
    "28000": ("no pg_hba.conf entry for host", "UNKNOWN"),
    "28P01": ("password authentication failed", "UNKNOWN"),
    "3D000": ('database "postgres" does not exist', "UNKNOWN"),
    "42501": ("permission denied for database", "UNKNOWN"),
    "XX000": ("could not open file", "CRITICAL"),
}


@pytest.mark.parametrize("sqlstate", REFUSALS)
def test_refusals(lag, sqlstate):
    said, state = REFUSALS[sqlstate]
    with peers.Honest(refusal(sqlstate, said)) as peer:
        result = lag("-T", uri(peer))
    assert result.state == state and said in result.output, result
    assert sqlstate not in result.first, "people read the words, not the code: %s" % result


def test_hostile_refusal(lag):
    with peers.Honest(refusal("53300", HOSTILE)) as peer:
        result = lag("-T", uri(peer), "-vvv")
    assert result.state == "CRITICAL" and set(result.perfdata) <= {"time", "standbys"}, result


@pytest.mark.parametrize("version", (None, "", "banana", "99999999999999999999", "9.5.25", "8.4"))
def test_version_that_cannot_be(lag, version):
    class Nameless(stub.Server):
        def greeting(self, user):
            shown = super().greeting(user)
            old = stub.message(b"S", stub.text("server_version") + stub.text("12.22"))
            assert old in shown
            new = b"" if version is None else stub.message(b"S", stub.text("server_version") + stub.text(version))
            return shown.replace(old, new)

    with peers.Honest(Nameless("12.22", stub.primary([stub.stream("db2")])).session) as peer:
        result = lag("-T", uri(peer))
    assert result.state == "UNKNOWN", result


# ---- nothing is left behind, nothing is given away ----

class Watched:
    """A run of the executable in a session of its own, with a scratch folder for all it might write."""

    def __init__(self, arguments, scratch, environment=None, before=(), **options):
        self.scratch = scratch
        self.before = sorted(os.listdir(str(scratch)))
        clean = {"PATH": "/usr/bin:/bin", "HOME": str(scratch), "TMPDIR": str(scratch)}
        for variable in ("DR_PLUGINS_MODULE_DIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if variable in os.environ:
                clean[variable] = os.environ[variable]
        clean.update(environment or {})
        self.arguments = [str(argument) for argument in arguments]
        settings = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        settings.update(options)
        self.started = time.monotonic()
        self.process = subprocess.Popen(list(before) + [check.executable(NAME)] + self.arguments, env=clean,
                                        cwd=str(scratch), start_new_session=True, **settings)

    def finish(self):
        """Waits for the end; check.Result. Nothing of it may be left."""
        output = self.process.stdout.read() if self.process.stdout else b""
        errors = self.process.stderr.read() if self.process.stderr else b""
        _, status = os.waitpid(self.process.pid, 0)
        seconds = time.monotonic() - self.started
        self.process.returncode = 0  # reaped here
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        assert os.WIFEXITED(status), "killed by signal %d" % os.WTERMSIG(status)
        assert os.WEXITSTATUS(status) in (0, 1, 2, 3)
        assert errors == b"", errors
        with pytest.raises(ProcessLookupError):
            os.killpg(self.process.pid, 0)
        assert sorted(os.listdir(str(self.scratch))) == self.before
        return check.Result(self.arguments, os.WEXITSTATUS(status), output.decode(), seconds)


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


LEAVERS = dict({name: entry[0] for name, entry in AT_ONCE.items()},
               healthy=lambda: peers.Honest(honest()), half=lambda: peers.Silent(honest(), start_of_rows() + 20))


@pytest.mark.parametrize("fault", LEAVERS)
def test_nothing_left(scratch, fault):
    """No process, no file, no connection, whatever the peer does."""
    with LEAVERS[fault]() as peer:
        result = Watched(["-T", uri(peer, "monitor:" + ENCODED), "-t", "500ms", "-vvv"], scratch).finish()
        assert fault in ("refuse", "unreachable") or peer.settled(5)
        assert SECRET not in result.output and ENCODED not in result.output, result
        assert result.within(0.5), result


def test_password_leaves_argv(scratch):
    """ps shows it for the shortest time only: once the peer has the connection, it is gone."""
    with peers.Silent() as peer:
        watched = Watched(["-T", uri(peer, "monitor:" + ENCODED), "-t", "2s"], scratch)
        assert peer.connected.wait(5)
        with open("/proc/%d/cmdline" % watched.process.pid, "rb") as file:
            shown = file.read().decode()
        watched.finish()
    assert "postgresql://" in shown, shown
    assert SECRET not in shown and ENCODED not in shown, shown


@pytest.mark.parametrize("verbosity", ((), ("-v",), ("-vv",), ("-vvv",)))
@pytest.mark.parametrize("form", ("text", "line", "json", "openmetrics"))
def test_no_secret_in_output(scratch, verbosity, form):
    """A server that repeats the password in its error."""
    with peers.Honest(refusal("28P01", "user monitor may not use %s or %s" % (SECRET, ENCODED))) as peer:
        result = Watched(["-T", uri(peer, "monitor:" + ENCODED), "--format", form] + list(verbosity), scratch).finish()
    assert result.code == 3, result
    assert form == "openmetrics" or "may not use" in result.output, result
    assert SECRET not in result.output and ENCODED not in result.output, result


def test_reader_goes_away(scratch):
    """stdout is a pipe that nobody reads any more: no death by SIGPIPE, which a core would show as CRITICAL."""
    reading, writing = os.pipe()
    os.close(reading)
    with peers.Honest(honest()) as peer:
        watched = Watched(["-T", uri(peer), "-vvv"], scratch, stdout=writing)
        os.close(writing)
        watched.finish()


def test_output_does_not_go_to_the_server(scratch):
    """With stdout closed the first socket would become descriptor 1, and the report would be sent to the server."""
    received = []

    def listening(receive):
        def note(count):
            data = receive(count)
            received.append(data)
            return data
        return honest()(note)

    with peers.Honest(listening) as peer:
        command = 'exec "$0" "$@" >&-'
        done = subprocess.run(["sh", "-c", command, check.executable(NAME), "-T", uri(peer)], cwd=str(scratch),
                              stderr=subprocess.PIPE, check=False, stdin=subprocess.DEVNULL)
        assert peer.settled(5)
    assert done.returncode in (0, 1, 2, 3) and done.stderr == b""
    assert received and b"REPLICATION" not in b"".join(received)


def test_terminated(scratch):
    """A core that gives up sends SIGTERM: it works, and nothing stays."""
    with peers.Silent() as peer:
        watched = Watched(["-T", uri(peer), "-t", "60s"], scratch)
        assert peer.connected.wait(5)
        watched.process.send_signal(signal.SIGTERM)
        _, status = os.waitpid(watched.process.pid, 0)
        watched.process.returncode = 0
        watched.process.stdout.close()
        watched.process.stderr.close()
        assert peer.settled(5)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) in (0, 1, 2, 3)
    assert os.listdir(str(scratch)) == []


# ---- many targets ----

def test_64_silent_targets(lag):
    with peers.Silent() as peer:
        arguments = []
        for number in range(64):
            arguments += ["-T", "n%02d=postgresql://monitor@127.0.0.1:%d/postgres" % (number, peer.port)]
        result = lag(*arguments, "-t", "%gs" % DEADLINE)
        assert peer.settled(5)
        assert peer.connections == 64
        assert result.state == "CRITICAL", result
        assert result.within(DEADLINE), result


def test_65_targets(lag):
    with peers.Silent() as peer:
        arguments = []
        for number in range(65):
            arguments += ["-T", "n%02d=postgresql://monitor@127.0.0.1:%d/postgres" % (number, peer.port)]
        result = lag(*arguments)
        assert peer.connections == 0
        assert result.state == "UNKNOWN" and result.says("64"), result
        assert result.within(0.3), result


@pytest.mark.parametrize("fault", AT_ONCE)
def test_one_bad_among_three_real_ones(cluster, lag, fault):
    """O: what the others say is there, and the bad one is named."""
    make, state, _ = AT_ONCE[fault]
    with make() as peer:
        result = lag(*cluster.all, "-T", "db9=" + uri(peer)[4:], "-t", "2s")
        assert result.state == "CRITICAL" or state == "UNKNOWN" and result.state == "UNKNOWN", result
        assert [found for found, _ in result.about("db9")][:1] == [state], result
        assert {found for found, _ in result.about("db2")} == {"OK"}, result
        assert result.perfdata["loss_bytes"] == 0, result
        assert result.within(2), result


# ---- names ----

def test_silent_resolver(lag, resolver):
    """A library that is stuck in name resolution cannot hold the check."""
    seconds = resolver("silent")
    result = lag("-T", "postgresql://monitor@db1.example.com/postgres", "-t", "%gs" % DEADLINE)
    assert result.state == "CRITICAL" and result.says("db1.example.com", "resolve"), result
    assert result.within(DEADLINE, seconds), result


def test_silent_resolver_as_unknown(lag, resolver):
    resolver("silent")
    result = lag("-T", "postgresql://monitor@db1.example.com/postgres", "-t", "500ms:unknown")
    assert result.state == "UNKNOWN", result


def test_silent_resolver_for_64_names(lag, resolver):
    seconds = resolver("silent")
    arguments = []
    for number in range(64):
        arguments += ["-T", "postgresql://monitor@db%d.example.com/postgres" % number]
    result = lag(*arguments, "-t", "%gs" % DEADLINE)
    assert result.state == "CRITICAL", result
    assert result.within(DEADLINE, seconds), result


def test_no_such_name(lag, resolver):
    resolver("nxdomain")
    result = lag("-T", "postgresql://monitor@db1.example.com/postgres", "-t", "%gs" % DEADLINE)
    assert result.state == "UNKNOWN" and result.says("db1.example.com"), result


# ---- the command line ----

BAD_COMMAND_LINES = {
    "unknown option": (["--frobnicate"], ("frobnicate",)),
    "nearly an option": (["--expect-stanby", "db2"], ("expect-standby",)),
    "unknown letter": (["-Z"], ("Z",)),
    "positional": (["db1"], ("db1",)),
    "no target": ([], ("target",)),
    "missing argument": (["--target"], ("target",)),
    "unknown scheme": (["-T", "oracle://db1/x"], ("oracle", "postgresql")),
    "no scheme": (["-T", "db1"], ()),
    "bad port": (["-T", "postgresql://db1:99999/"], ("port",)),
    "bad escape": (["-T", "postgresql://db%zz/"], ()),
    "bad port of -H": (["-H", "db1", "-P", "http"], ("port",)),
    "bad range": (["-T", "postgresql://db1/", "-c", "20:10"], ("critical",)),
    "bad unit": (["-T", "postgresql://db1/", "-w", "loss=5furlongs"], ("warning",)),
    "empty range": (["-T", "postgresql://db1/", "--critical", ""], ("critical",)),
    "unknown metric": (["-T", "postgresql://db1/", "-c", "speed=5"], ("speed", "loss")),
    "bad timeout": (["-T", "postgresql://db1/", "--timeout", "soon"], ("timeout",)),
    "bad timeout state": (["-T", "postgresql://db1/", "--timeout", "5s:purple"], ("timeout", "purple")),
    "bad format": (["-T", "postgresql://db1/", "--format", "pdf"], ("format", "json")),
    "bad rpo": (["-T", "postgresql://db1/", "--rpo", "never"], ("rpo",)),
    "bad regex": (["-T", "postgresql://db1/", "--exclude", "("], ("exclude",)),
    "same name twice": (["-T", "a=postgresql://db1/", "-T", "a=postgresql://db2/"], ("a",)),
    "missing extra-opts": (["--extra-opts=dr@/nonexistent/dr.ini"], ("/nonexistent/dr.ini",)),
}


@pytest.mark.parametrize("case", BAD_COMMAND_LINES)
def test_bad_command_line(lag, case):
    arguments, said = BAD_COMMAND_LINES[case]
    result = lag(*arguments)
    assert result.state == "UNKNOWN", result
    for word in said:
        assert word in result.first, "%r is not in the first line of %s" % (word, result)
    assert len(result.lines) <= 24, "usage of more than 23 lines: %s" % result
    assert all(len(line) <= 80 for line in result.lines[1:]), result


def test_bad_state_directory(lag):
    """What was asked for cannot be done; that the rest is healthy is no reason to keep quiet."""
    with peers.Honest(honest()) as peer:
        result = lag("-T", uri(peer), "--state-dir", "/nonexistent/dr")
    assert result.state == "UNKNOWN" and "/nonexistent/dr" in result.first, result


def test_bad_command_line_keeps_secrets(lag):
    result = lag("-T", "postgresql://monitor:%s@db1:99999/" % ENCODED, "-vvv")
    assert result.state == "UNKNOWN", result
    assert SECRET not in result.output and ENCODED not in result.output, result


# ---- password files ----

def password_file(tmp_path, case):
    path = tmp_path / "secret"
    if case == "missing":
        return path
    if case == "folder":
        path.mkdir()
        return path
    path.write_bytes({"empty": b"", "empty line": b"\nsecret\n", "NUL": b"sec\0ret\n",
                      "too long": b"x" * 5000}.get(case, b"Zebra\n"))
    path.chmod({"group-readable": 0o640, "world-readable": 0o604}.get(case, 0o600))
    if case == "group-readable":  # allowed when root owns it
        os.chown(str(path), 1 if os.geteuid() == 0 else -1, -1)
    return path


@pytest.mark.parametrize("case", (
    "missing", "folder", "empty", "empty line", "NUL", "too long", "group-readable", "world-readable"))
def test_bad_password_file(lag, tmp_path, case):
    path = password_file(tmp_path, case)
    with peers.Silent() as peer:
        result = lag("-T", uri(peer), "--password-file", path)
        assert peer.connections == 0, "asked although there was no password: %s" % result
    assert result.state == "UNKNOWN" and str(path) in result.output, result


def test_unreadable_password_file(lag, tmp_path, monkeypatch):
    """Somebody else's file. Root may read everything, so root goes without the capabilities that say so."""
    path = password_file(tmp_path, "good")
    if os.geteuid() == 0:
        os.chown(str(path), 1, 1)
        monkeypatch.setenv("DR_WRAPPER", "/usr/bin/setpriv --bounding-set=-dac_override,-dac_read_search "
                           + os.environ.get("DR_WRAPPER", ""))
    else:
        path.chmod(0)
    with peers.Silent() as peer:
        result = lag("-T", uri(peer), "--password-file", path)
        assert peer.connections == 0
    assert result.state == "UNKNOWN" and str(path) in result.output and result.says("denied"), result


def test_wrong_password_on_a_real_server(cluster, lag, tmp_path):
    path = password_file(tmp_path, "good")
    result = lag("-T", target(cluster.db1, "locked"), "--password-file", path, "-vvv")
    assert result.state == "UNKNOWN" and result.says("db1", "password"), result
    assert "Zebra" not in result.output, result


def test_no_password_on_a_real_server(cluster, lag):
    result = lag("-T", target(cluster.db1, "locked"))
    assert result.state == "UNKNOWN" and result.says("db1", "password"), result


# ---- modules ----

def has_modules():
    """Whether the executable loads its sources; else they (and libpq) are linked in."""
    with open(check.executable(NAME), "rb") as file:
        return b"libpq.so" not in file.read()


def with_modules(lag, folder, peer):
    return lag("-T", uri(peer), environment={"DR_PLUGINS_MODULE_DIR": str(folder)})


def test_missing_module(lag, tmp_path):
    with peers.Honest(honest()) as peer:
        result = with_modules(lag, tmp_path, peer)
    if has_modules():
        assert result.state == "UNKNOWN" and result.says("postgresql", "install", "libpq5"), result
    else:
        assert result.state == "OK", result


def module(tmp_path, text):
    source = tmp_path / "module.c"
    source.write_text(text)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(tmp_path / "replication-postgresql.so"), str(source)],
                   check=True)


DESCRIPTOR = """
#include <stddef.h>
static const char *library(void) { return "none"; }
static int probe(void *task, void *facts, void *error) { (void)task; (void)facts; (void)error; return 1; }
const struct { unsigned abi; const char *group; const char *name; size_t facts_size;
               const char *(*library)(void); int (*probe)(void *, void *, void *); }
dr_source = {%s, "%s", "postgresql", %s, library, probe};
"""

FOREIGN = {
    "another ABI": DESCRIPTOR % ("4294967295u", "replication", "8"),
    "another group": DESCRIPTOR % ("1u", "queues", "8"),
    "other facts": DESCRIPTOR % ("1u", "replication", "8"),
    "no descriptor": "int something_else;\n",
    "missing symbol": "extern int nowhere_to_be_found(void); int use(void) { return nowhere_to_be_found(); }\n",
}


@pytest.mark.parametrize("case", FOREIGN)
def test_foreign_module(lag, tmp_path, case):
    """A module of another build is named and not run."""
    module(tmp_path, FOREIGN[case])
    with peers.Honest(honest()) as peer:
        result = with_modules(lag, tmp_path, peer)
        assert peer.connections == (0 if has_modules() else 1)
    if has_modules():
        assert result.state == "UNKNOWN" and "replication-postgresql.so" in result.output, result
    else:
        assert result.state == "OK", result


def test_damaged_module(lag, tmp_path):
    (tmp_path / "replication-postgresql.so").write_bytes(b"not a library")
    with peers.Honest(honest()) as peer:
        result = with_modules(lag, tmp_path, peer)
    assert result.state == ("UNKNOWN" if has_modules() else "OK"), result
