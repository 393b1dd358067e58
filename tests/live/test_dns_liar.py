# SPDX-License-Identifier: GPL-3.0-or-later
"""The lying name server of the DNS tests does what they take it to do: kdig says what it heard."""

import os
import re
import socket
import subprocess
import sys
import threading

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import liar as liars  # noqa: E402
from liar import Liar  # noqa: E402

RECORDS = {
    ("example.com", "SOA"): [(300, "ns1.example.com admin.example.com 7 900 300 604800 30")],
    ("example.com", "NS"): [(86400, "ns1.example.com")],
    ("app.example.com", "A"): [(60, "192.0.2.1"), (60, "192.0.2.2")],
    ("app.example.com", "AAAA"): [(60, "2001:db8:1::1")],
    ("www.example.com", "CNAME"): [(300, "app.example.com")],
    ("*.wild.example.com", "A"): [(60, "192.0.2.9")],
    ("old.example.com", "DNAME"): [(120, "example.com")],
    ("a.deep.example.com", "TXT"): [(60, "x")],
    ("sub.example.com", "NS"): [(3600, "ns.sub.example.com")],
    ("sub.example.com", "DS"): [(3600, "1 8 2 " + "ab" * 32)],
    ("ns.sub.example.com", "A"): [(3600, "192.0.2.53")],
    ("many.example.com", "A"): [(60, "192.0.2.%d" % number) for number in range(1, 101)],
}


class Heard:
    """What kdig has to say of a reply."""

    def __init__(self, text):
        self.text = text
        status = re.search(r"status: (\w+)", text)
        flags = re.search(r"Flags: ([a-z ]*);", text)
        self.status = status.group(1) if status else None
        self.flags = set(flags.group(1).split()) if flags else set()
        self.tcp = "(TCP)" in text
        self.sections = {name: [" ".join(line.split()) for line in body.strip().splitlines()] for name, body in
                         re.findall(r";; (ANSWER|AUTHORITY|ADDITIONAL) SECTION:\n(.*?)\n\n", text + "\n\n", re.DOTALL)}
        self.answer = self.sections.get("ANSWER", [])
        self.authority = self.sections.get("AUTHORITY", [])


def ask(server, name="app.example.com", kind="A", *options):
    command = ["kdig", "@%s" % server.address, "-p", str(server.port), "+norec", "+edns", "+nsid", "+retry=0",
               "+timeout=1", *options, "-t", kind, "-q", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=30)
    return Heard(done.stdout.decode())


@pytest.fixture(name="server")
def one_server():
    with Liar(RECORDS) as server:
        yield server


@pytest.mark.parametrize("name, kind, status, answer, authority", [
    ("app.example.com", "A", "NOERROR", ["app.example.com. 60 IN A 192.0.2.1",
                                         "app.example.com. 60 IN A 192.0.2.2"], None),
    ("app.example.com", "AAAA", "NOERROR", ["app.example.com. 60 IN AAAA 2001:db8:1::1"], None),
    ("www.example.com", "AAAA", "NOERROR", ["www.example.com. 300 IN CNAME app.example.com.",
                                            "app.example.com. 60 IN AAAA 2001:db8:1::1"], None),
    ("x.wild.example.com", "A", "NOERROR", ["x.wild.example.com. 60 IN A 192.0.2.9"], None),
    ("app.old.example.com", "AAAA", "NOERROR", ["old.example.com. 120 IN DNAME example.com.",
                                                "app.old.example.com. 120 IN CNAME app.example.com.",
                                                "app.example.com. 60 IN AAAA 2001:db8:1::1"], None),
    ("deep.example.com", "A", "NOERROR", [], "SOA"),
    ("x.wild.example.com", "AAAA", "NOERROR", [], "SOA"),
    ("none.example.com", "A", "NXDOMAIN", [], "SOA"),
    ("sub.example.com", "DS", "NOERROR", ["sub.example.com. 3600 IN DS 1 8 2 " + "AB" * 32], None),
    ("elsewhere.test", "A", "REFUSED", [], None),
])
def test_answers_from_records(server, name, kind, status, answer, authority):
    heard = ask(server, name, kind)
    assert (heard.status, sorted(heard.answer)) == (status, sorted(answer)), heard.text
    assert bool(heard.authority) == bool(authority)
    assert ("aa" in heard.flags) == (status != "REFUSED")
    assert "ra" not in heard.flags


def test_delegation_is_a_referral_with_glue(server):
    heard = ask(server, "app.sub.example.com")
    assert (heard.status, heard.answer) == ("NOERROR", [])
    assert "aa" not in heard.flags
    assert heard.authority == ["sub.example.com. 3600 IN NS ns.sub.example.com."]
    assert heard.sections["ADDITIONAL"] == ["ns.sub.example.com. 3600 IN A 192.0.2.53"]


def test_resolver():
    with Liar(RECORDS, recursive=True) as server:
        server.ede, server.nsid, server.authentic = [22], b"cache7", True
        heard = ask(server)
        assert {"ra", "ad"} <= heard.flags and "aa" not in heard.flags
        assert len(heard.answer) == 2
        assert "cache7" in heard.text and "EDE: 22" in heard.text
        assert ask(server, "app.sub.example.com").authority


@pytest.mark.parametrize("mode, status, flags, answers, authority", [
    ("noaa", "NOERROR", {"qr"}, 2, False),
    ("servfail", "SERVFAIL", {"qr"}, 0, False),
    ("refused", "REFUSED", {"qr"}, 0, False),
    ("nxdomain", "NXDOMAIN", {"qr", "aa"}, 0, True),
    ("nodata", "NOERROR", {"qr", "aa"}, 0, True),
    ("empty", "NOERROR", {"qr", "aa"}, 0, False),
    ("aside", "NOERROR", {"qr", "aa"}, 0, False),
    ("above", "NOERROR", {"qr", "aa"}, 0, True),
    ("badvers", "BADVERS", {"qr"}, 0, False),
    ("lame", "NOERROR", {"qr"}, 0, True),
    ("upward", "NOERROR", {"qr"}, 0, True),
    ("cnameloop", "NOERROR", {"qr", "aa"}, 2, False),
    ("chain", "NOERROR", {"qr", "aa"}, 4, False),
    ("dangling", "NOERROR", {"qr", "aa"}, 1, False),
    ("stale", "NOERROR", {"qr", "ra"}, 2, False),
    ("dup", "NOERROR", {"qr", "aa"}, 2, False),
    ("slow0.05", "NOERROR", {"qr", "aa"}, 2, False),
])
def test_what_is_said(server, mode, status, flags, answers, authority):
    server.mode = mode
    heard = ask(server)
    assert (heard.status, heard.flags, len(heard.answer)) == (status, flags, answers), heard.text
    assert bool(heard.authority) == authority
    if mode == "upward":
        assert heard.authority[0].startswith(". 172800 IN NS")
    if mode == "stale":
        assert "EDE: 3" in heard.text and " 30 IN A" in heard.answer[0]


@pytest.mark.parametrize("mode", ["formerr-edns", "formerr-header"])
def test_without_edns(server, mode):
    server.mode = mode
    assert ask(server).status == "FORMERR" or mode == "formerr-header"
    assert len(ask(server, "app.example.com", "A", "+noedns", "+nonsid").answer) == 2
    assert [question.edns for question in server.asked()][-1] is False


def test_no_opt(server):
    assert "EDNS PSEUDOSECTION" in ask(server).text
    server.mode = "noopt"
    assert "EDNS PSEUDOSECTION" not in ask(server).text


@pytest.mark.parametrize("mode", ["tc", "tc-empty", "tc-empty+tcp-dribble"])
def test_truncated(server, mode):
    server.mode = mode
    assert "tc" in ask(server, "app.example.com", "A", "+ignore").flags
    heard = ask(server)
    assert heard.tcp and len(heard.answer) == 2 and "tc" not in heard.flags
    assert [question.transport for question in server.asked()] == ["udp", "udp", "tcp"]


def test_what_does_not_fit_is_truncated(server):
    heard = ask(server, "many.example.com")
    assert heard.tcp and len(heard.answer) == 100


@pytest.mark.parametrize("mode", ["tc-tcpreset", "tc+tcp-half", "tc+tcp-hang"])
def test_tcp_fails(server, mode):
    server.mode = mode
    heard = ask(server)
    assert heard.answer == [] or not heard.tcp
    assert server.asked(transport="tcp")


def raw(server, wait=0.3):
    """The bytes that come back to one question, and where from; None for nothing."""
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    question = bytes.fromhex("1234 0000 0001 0000 0000 0000") + liars.pack_name("App.example.com") + b"\0\1\0\1"
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(wait)
        sock.sendto(question, (server.address, server.port))
        try:
            data, source = sock.recvfrom(65535)
        except socket.timeout:
            return None, None
    return data, source[1]


def test_bytes(server):
    good, port = raw(server)
    assert good[:2] == b"\x12\x34" and b"\3App\7example" in good and port == server.port
    question, = server.asked()
    assert (question.name, question.as_asked) == ("app.example.com", "App.example.com")
    server.mode = "badid"
    assert raw(server)[0] == b"\xed" + good[1:]
    server.mode = "lower"
    assert raw(server)[0] == good.replace(b"App", b"app")
    server.mode = "badq"
    assert raw(server)[0] == good[:12] + b"\4evil\4test\0" + good[29:]
    server.mode = "ptrloop"
    assert raw(server)[0][33:35] == b"\xc0\x21"
    server.mode = "countlie"
    assert raw(server)[0] == good[:6] + b"\x01\xf4" + good[8:]
    server.mode = "short"
    assert raw(server)[0] == good[:3]
    server.mode = "othersrc"
    data, port = raw(server)
    assert data == good and port != server.port


def test_drops(server):
    for mode in ("drop", "udp-drop"):
        server.mode = mode
        assert raw(server, 0.1) == (None, None)
    server.mode = "drop1"  # the third is dropped, the fourth is not
    assert raw(server, 0.1) == (None, None)
    assert raw(server)[0]
    assert server.wait_asked(4) and len(server.asked("app.example.com", "A", "udp")) == 4


def test_questions_are_noted(server):
    ask(server, "app.example.com", "AAAA", "+dnssec", "+cd", "+rec", "+bufsize=1400")
    question, = server.asked()
    assert (question.name, question.type) == ("app.example.com", "AAAA")
    assert question.recurse and question.checking_disabled and question.edns and question.dnssec and question.nsid
    assert question.udp_size == 1400


def test_ipv6_and_a_fleet_on_one_port(server):
    with Liar(RECORDS, address="::1", port=server.port) as six, \
            Liar(RECORDS, address="127.0.0.7", port=server.port) as other:
        assert six.endpoint == "[::1]:%d" % server.port
        assert len(ask(six).answer) == len(ask(other).answer) == 2
        assert not server.questions


def test_stops_whoever_hangs():
    before = threading.active_count()
    with Liar(RECORDS, "slow60") as server:
        with socket.create_connection((server.address, server.port)) as silent:
            raw(server, 0.05)
            assert server.wait_asked(1)
            assert silent.fileno() >= 0
            server.stop()
    assert threading.active_count() == before


def test_unknown_mode(server):
    with pytest.raises(ValueError, match="no such mode: tcpp"):
        server.mode = "tc+tcpp"


def test_by_hand(server):
    port = server.port
    server.stop()
    command = [sys.executable, liars.__file__, "127.0.0.1", str(port), "ok", "app.example.com/A/60/192.0.2.1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"127.0.0.1:%d: ok\n" % port
        server.mode = "ok"
        assert ask(server).answer == ["app.example.com. 60 IN A 192.0.2.1"]
        process.stdin.write(b"servfail\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"servfail\n"
        assert ask(server).status == "SERVFAIL"
        process.stdin.close()
        assert process.wait(10) == 0
