# SPDX-License-Identifier: GPL-3.0-or-later
"""check_liveness and listeners that are told something and greet, and the age of a file."""

import os
import socket
import stat
import threading
import time
import urllib.parse

import pytest

from stub_service import PORTS, free_port

NAMES = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults", "names.py")
SSH = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"


class Listener:
    """Accepts on one address; `talk(connection)` does the rest, in a thread for each connection."""

    def __init__(self, talk, address="127.0.0.1", port=None):
        self.talk = talk
        self.over = threading.Event()
        self.port = port or free_port(PORTS)
        self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, self.port))
        self.socket.listen(50)

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.socket.close()

    def serve(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.handle, args=(connection,), daemon=True).start()

    def handle(self, connection):
        with connection:
            try:
                self.talk(self, connection)
            except OSError:
                pass

    def uri(self, host="127.0.0.1", **parameters):
        return "tcp://%s:%d%s" % (host, self.port, "?" + urllib.parse.urlencode(parameters) if parameters else "")


def says(*pieces, stays=True):
    def talk(listener, connection):
        for piece in pieces:
            connection.sendall(piece)
        if stays:
            listener.over.wait(30)
    return talk


def hears(wanted, reply):
    """What a server does that answers a command, and nothing else."""
    def talk(listener, connection):
        heard = b""
        while len(heard) < len(wanted):
            heard += connection.recv(100) or b"?" * len(wanted)
        connection.sendall(reply if heard == wanted else b"-ERR\r\n")
        listener.over.wait(30)
    return talk


@pytest.fixture
def hosts(monkeypatch, tmp_path):
    """hosts({"app": ["127.0.0.1", "127.0.0.2"]}): names resolve so, and no others (tests/faults/names.py)."""
    def use(names, mode="here"):
        path = tmp_path / "hosts"
        rows = [(address, name) for name, addresses in names.items() for address in addresses]
        path.write_text("".join("%s %s\n" % row for row in rows))
        wrapper = os.environ.get("DR_WRAPPER", "")
        monkeypatch.setenv("DR_WRAPPER", " ".join(["/usr/bin/python3", NAMES, mode, str(path), wrapper]))
    return use


# ---- tcp ----


def test_only_accepts(liveness):
    with Listener(says()) as listener:
        result = liveness("-T", listener.uri())
        assert result.code == 0 and "accepts connections; nothing was said" in result.output, result


def test_greeting(liveness):
    with Listener(says(SSH)) as listener:
        result = liveness("-T", listener.uri(greeting="^SSH-2"))
        assert result.code == 0 and "with the greeting" in result.output, result
        assert result.within(0.9), "it must not wait for more than the greeting"
        result = liveness("-T", listener.uri(greeting="^220 "))
        assert result.code == 2 and "SSH-2.0-OpenSSH_9.2p1" in result.output, result
        assert result.seconds < 5, "it must not wait for more than it has said"


def test_greeting_in_pieces(liveness):
    def talk(listener, connection):
        for piece in (SSH[:4], SSH[4:20], SSH[20:]):
            connection.sendall(piece)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.over.wait(30)
    with Listener(talk) as listener:
        assert liveness("-T", listener.uri(greeting="Debian-2")).code == 0


def test_command(liveness):
    with Listener(hears(b"PING\r\n", b"+PONG\r\n")) as listener:
        assert liveness("-T", listener.uri(send=r"PING\r\n", greeting=r"^\+PONG")).code == 0
        assert liveness("-T", listener.uri(send=r"PING\x0d\x0A", greeting=r"^\+PONG")).code == 0
        assert liveness("-T", listener.uri(send=r"PINGS\n", greeting=r"^\+PONG")).code == 2


def test_binary_greeting(liveness):
    """MySQL's begins with NUL bytes and a length."""
    with Listener(says(b"J\0\0\0\n8.0.36\0rest")) as listener:
        assert liveness("-T", listener.uri(greeting=r"8\.0\.")).code == 0


@pytest.mark.parametrize("talk, words", [
    (says(stays=False), "without a word"), (says(b"421 too busy\r\n", stays=False), "421 too busy")])
def test_closes(liveness, talk, words):
    with Listener(talk) as listener:
        result = liveness("-T", listener.uri(greeting="^220"))
        assert result.code == 2 and words in result.output, result


def test_says_nothing(liveness):
    """The process behind it may be frozen: only a greeting tells."""
    with Listener(says()) as listener:
        result = liveness("-T", listener.uri(greeting="^220"), "-t", "1s")
        assert result.code == 2 and "says nothing" in result.output and result.seconds < 4, result


def test_never_ends(liveness):
    def talk(_, connection):
        while True:
            connection.sendall(b"x" * 65536)
    with Listener(talk) as listener:
        result = liveness("-T", listener.uri(greeting="^220"))
        assert result.code == 2 and "64 KiB" in result.output, result


def test_reset(liveness):
    def talk(_, connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    with Listener(talk) as listener:
        assert liveness("-T", listener.uri(greeting="^220")).code == 2


def test_refused(liveness):
    result = liveness("-T", "tcp://127.0.0.1:%d" % free_port(PORTS))
    assert result.code == 2 and "refused" in result.output, result


def test_every_address(liveness, hosts):
    """One of two is dead: the name alone would not tell."""
    with Listener(says(SSH), "127.0.0.2") as alive, Listener(says(SSH), "127.0.0.3", alive.port):
        hosts({"app": ["127.0.0.2", "127.0.0.3"]})
        result = liveness("-T", alive.uri("app", greeting="^SSH"))
        assert result.code == 0 and result.perfdata["alive"] == 2, result
        hosts({"app": ["127.0.0.2", "127.0.0.3", "127.0.0.4"]})
        result = liveness("-T", alive.uri("app", greeting="^SSH"))
        assert result.code == 1 and result.perfdata["alive"] == 2, result
        assert [text for state, text in result.findings if state == "WARNING" and "127.0.0.4" in text], result
        assert liveness("-T", alive.uri("app", greeting="^SSH"), "--min-alive", "3").code == 2


def test_slow_ones_at_once(liveness, hosts):
    """Ten that say nothing take as long as one."""
    addresses = ["127.0.0.%d" % number for number in range(2, 12)]
    port = free_port(PORTS)
    listeners = [Listener(says(), address, port) for address in addresses]
    for listener in listeners:
        listener.__enter__()
    hosts({"app": addresses})
    result = liveness("-T", listeners[0].uri("app", greeting="^SSH"), "-t", "1s")
    for listener in listeners:
        listener.__exit__()
    assert result.code == 2 and result.seconds < 4, result


def test_a_network_we_have_not(liveness, hosts):
    """A host without IPv6 does not call a healthy IPv6 service dead, nor without any network all of them fine."""
    hosts({"app": ["127.0.0.1", "2001:db8::1"], "far": ["192.0.2.1", "2001:db8::1"]}, mode="alone")
    result = liveness("-T", "tcp://app:1", "-v")
    assert result.perfdata["units"] == 1 and "[2001:db8::1]:1 is left out" in result.output, result
    result = liveness("-T", "tcp://far:1", "-v")
    assert result.code == 2 and result.perfdata["units"] == 2, result


def test_no_such_name(liveness, resolver):
    resolver("nxdomain")
    assert liveness("-T", "tcp://nowhere.example:22").code == 3


@pytest.mark.parametrize("uri, words", [
    ("tcp://127.0.0.1", "tcp://HOST:PORT"),
    ("tcp://127.0.0.1:1?send=x", "greeting="),
    ("tcp://127.0.0.1:1?greeting=%5B", "greeting"),
    ("tcp://127.0.0.1:1?greeting=", "greeting"),
    (r"tcp://127.0.0.1:1?greeting=x&send=a\q", "position 2"),
    (r"tcp://127.0.0.1:1?greeting=x&send=a\x4", "position 2"),
    ("tcp://127.0.0.1:1?tls=1", "tls"),
    ("tcp://127.0.0.1:1/path", "path"),
    ("tcp://user@127.0.0.1:1", "user"),
])
def test_bad_tcp_uri(liveness, uri, words):
    result = liveness("-T", uri)
    assert result.code == 3 and words in result.output, result


# ---- file ----


@pytest.fixture
def beat(tmp_path):
    """beat(age): a schedule that was written so many seconds ago; its path."""
    def write(age):
        path = tmp_path / "celerybeat-schedule"
        path.write_bytes(b"\0")
        os.utime(path, (time.time() - age, time.time() - age))
        return str(path)
    return write


def test_young(liveness, beat):
    result = liveness("-T", "file://" + beat(100))
    assert result.code == 0 and "last written 1m40s ago" in result.output, result


def test_old(liveness, beat):
    path = beat(700)
    assert liveness("-T", "file://" + path).code == 2
    assert liveness("-T", "file://%s?max-age=1h" % path).code == 0
    assert liveness("-T", "file://" + path, "--heartbeat", "1h").code == 0
    assert liveness("-T", "file://%s?max-age=5m" % path, "--heartbeat", "1h").code == 2


def test_beat_of_a_passive_site(liveness, beat):
    assert liveness("-T", "file://" + beat(100), "--expect", "passive").code == 2
    assert liveness("-T", "file://" + beat(7000), "--expect", "passive").code == 0


def test_link(liveness, beat, tmp_path):
    """What it leads to is what counts, not when the link was made."""
    link = tmp_path / "link"
    link.symlink_to(beat(700))
    assert liveness("-T", "file://%s" % link).code == 2
    beat(10)
    assert liveness("-T", "file://%s" % link).code == 0


def test_future(liveness, beat):
    """A clock that was wrong once must not make it young for a year."""
    result = liveness("-T", "file://" + beat(-3600))
    assert result.code == 3 and "in the future" in result.output, result
    assert liveness("-T", "file://" + beat(-3600), "--expect", "passive").code == 3
    assert liveness("-T", "file://" + beat(-5)).code == 0  # the clock of a file server


@pytest.mark.parametrize("wish, code", [("active", 2), ("passive", 3)])
def test_missing(liveness, tmp_path, wish, code):
    """Not written is not stopped: the path can be wrong."""
    link = tmp_path / "dangling"
    link.symlink_to(tmp_path / "nowhere")
    for path in (tmp_path / "nothing", link, tmp_path / "nothing" / "more"):
        result = liveness("-T", "file://%s" % path, "--expect", wish)
        assert result.code == code and "No such file" in result.output, result


def test_no_file(liveness, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (tmp_path, fifo, "/dev/null"):
        assert liveness("-T", "file://%s" % path).code == 3


def test_not_allowed(liveness, tmp_path, monkeypatch):
    """Root may look everywhere: then it is run as somebody else."""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "schedule").touch()
    if os.geteuid() == 0:
        monkeypatch.setenv("DR_WRAPPER", "/usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups "
                           + os.environ.get("DR_WRAPPER", ""))
    folder.chmod(0)
    result = liveness("-T", "file://%s" % (folder / "schedule"))
    folder.chmod(stat.S_IRWXU)
    assert result.code == 3 and "give our user the x permission" in result.output, result


@pytest.mark.parametrize("uri, words", [
    ("file:///", "file:///PATH"), ("file://host/x", "three slashes"), ("file:///x?max-age=soon", "max-age"),
    ("file:///x?max-age=0", "max-age"), ("file:///x?age=1", "age"),
])
def test_bad_file_uri(liveness, uri, words):
    result = liveness("-T", uri)
    assert result.code == 3 and words in result.output, result
