# SPDX-License-Identifier: GPL-3.0-or-later
"""The HAProxy source of check_liveness against replies that are not what they should be: cut anywhere, garbage, with
each column of each line taken out. A recorded reply of a healthy balancer is spoiled in each way; none of it may end in
OK, but for what a table says is not needed."""

import csv
import io
import os
import random
import re
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import check  # noqa: E402
import mutations  # noqa: E402
import peers  # noqa: E402

COMMANDS = b"show info;show stat;show servers state\n"
with open(os.path.join(HERE, os.pardir, "samples", "haproxy", "healthy.txt")) as sample:
    HEALTHY = sample.read()
INFO, STAT, STATES = HEALTHY.split("\n\n")[:3]
# Both at once: app is active and dr is passive, in one run.
WANTED = ("--pool", "app=3", "--pool", "dr=passive")
DEADLINE = 1.0


def runtime(text=HEALTHY):
    """What the runtime API does: it answers one line and leaves."""
    def script(receive):
        assert receive(len(COMMANDS)) == COMMANDS
        yield text.encode()
        raise EOFError
    return script


def page(text=STAT + "\n", status="200 OK"):
    def script(receive):
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += receive(1)
        assert request.startswith(b"GET /stats;csv HTTP/1.1\r\n"), request
        body = text.encode()
        yield ("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body))).encode() + body
    return script


def look(peer, *arguments, scheme="tcp"):
    path = "/stats;csv" if scheme == "http" else ""
    return check.run("check_liveness", "-T", "lb1=haproxy+%s://127.0.0.1:%d%s" % (scheme, peer.port, path),
                     "-t", "%gs" % DEADLINE, *(arguments or WANTED))


def look_at(text, *arguments):
    with peers.Honest(runtime(text)) as peer:
        return look(peer, *arguments)


def look_at_parts(info, stat, states):
    return look_at("%s\n\n%s\n\n%s\n\n" % (info, stat, states))


def test_healthy():
    """What the others spoil is OK as it is."""
    for result in (look_at(HEALTHY), look_at(HEALTHY, "--pool", "app=3"), look_at(HEALTHY, "--pool", "dr=passive")):
        assert result.state == "OK", result
    with peers.Honest(page()) as peer:
        assert look(peer, scheme="http").state == "OK"


# ---- cut, late, and something else ----

def test_cut_anywhere():
    """In good order, which is how the runtime API ends a reply, too."""
    places = set(random.Random(1).sample(range(1, len(HEALTHY) - 1), 40)) | {len(HEALTHY) - 1, len(INFO) + 2}
    places |= {len(INFO + STAT) + 4, len(INFO + STAT) + 3, len(HEALTHY) - 2}
    for place in sorted(places):
        with peers.Close(runtime(), place) as peer:
            result = look(peer)
        assert result.state in ("UNKNOWN", "CRITICAL"), "%d: %s" % (place, result)
        with peers.Close(page(), place) as peer:
            result = look(peer, scheme="http")
        assert result.state in ("UNKNOWN", "CRITICAL") or place > len(STAT), "%d: %s" % (place, result)


@pytest.mark.parametrize("after", [0, 1, len(INFO), len(INFO) + 500, len(HEALTHY) - 1])
def test_hangs(after):
    with peers.Silent(runtime(), after) as peer:
        result = look(peer)
        assert result.state == "CRITICAL" and result.within(DEADLINE), result
    with peers.Reset(runtime(), after) as peer:
        assert look(peer).state == "CRITICAL"


def test_one_byte_at_a_time():
    with peers.Drip(runtime(), seconds=0.01) as peer:
        result = look(peer)
        assert result.state == "CRITICAL" and result.within(DEADLINE), result


@pytest.mark.parametrize("seed", range(6))
def test_garbage(seed):
    for scheme, script in (("tcp", runtime()), ("http", page())):
        with peers.Garbage(script, 1, seed=seed) as peer:
            result = look(peer, scheme=scheme)
            assert result.state in ("UNKNOWN", "CRITICAL") and result.within(DEADLINE), result


def test_without_an_end():
    for chunk in (b"x" * 65536, b"\0" * 65536, b"\n" * 65536, b"a,b\n" * 16384, b"\"" * 65536):
        with peers.Flood(runtime(), len(INFO) + 2, chunk=chunk) as peer:
            result = look(peer, "--pool", "app", "-t", "10s")
        assert result.state in ("UNKNOWN", "CRITICAL") and result.says("MiB"), result


@pytest.mark.parametrize("reply, state, words", [
    ("", "CRITICAL", "closed"),
    ("\n", "UNKNOWN", "show info"),
    ("Permission denied\n\n", "UNKNOWN", "level user"),
    (INFO + "\n\nPermission denied\n\n", "UNKNOWN", "level user"),
    ("Unknown command: 'show info'\n\n", "UNKNOWN", "Unknown command"),
    (INFO + "\n\nUnknown command: 'show stat'\n\n", "UNKNOWN", "Unknown command"),
    (INFO + "\n\n\n", "UNKNOWN", "its statistics"),
    (INFO + "\n\n" + STAT + "\n", "UNKNOWN", "cut"),
    (INFO + "\n\n" + STAT.splitlines()[0] + "\n\n1\n\n", "UNKNOWN", "no line"),
    (HEALTHY.replace("app1", "app\0", 1), "UNKNOWN", "a byte of zero"),
])
def test_another_reply(reply, state, words):
    result = look_at(reply)
    assert result.state == state and words in result.first, result


def test_states_that_are_not_told():
    """They say more of servers that are known without them."""
    for states in ("Permission denied", "Unknown command", "2\n# be_name\nx"):
        assert look_at_parts(INFO, STAT, states).state == "OK"


@pytest.mark.parametrize("status, body, state, words", [
    ("200 OK", "<html><body>Statistics Report</body></html>", "UNKNOWN", "HTML"),
    ("200 OK", "", "UNKNOWN", "empty"),
    ("200 OK", "{}", "UNKNOWN", "its statistics"),
    ("200 OK", STAT, "UNKNOWN", "cut"),
    ("204 No Content", "", "UNKNOWN", "204"),
    ("302 Found", STAT, "UNKNOWN", "302"),
    ("401 Unauthorized", STAT, "UNKNOWN", "stats auth"),
    ("403 Forbidden", STAT, "UNKNOWN", "403"),
    ("404 Not Found", STAT, "UNKNOWN", "404"),
    ("500 Internal Server Error", STAT, "CRITICAL", "500"),
    ("503 Service Unavailable", STAT, "CRITICAL", "503"),
])
def test_another_page(status, body, state, words):
    with peers.Honest(page(body, status)) as peer:
        result = look(peer, "--pool", "app", scheme="http")
    assert result.state == state and words in result.first, result


# ---- what a list can lack ----

ROWS = list(csv.reader(io.StringIO(STAT.lstrip("# "))))
# Columns that are read. Whether those that are not are there makes no difference: test_other_columns.
READ = ("pxname", "svname", "type", "status", "scur", "lastsess", "check_status", "slim", "qcur", "weight", "bck",
        "lastchg", "tracked", "last_chk", "agent_status", "last_agt", "addr")
WORDS = "for the words, and for figures that have no limit"
NOT_NEEDED = {
    r".*: (slim|qcur|weight|lastchg|tracked|last_chk|agent_status|last_agt|addr): .*": WORDS,
    r".*: bck: .*": "who is a backup: the others are alive",
    r"(web|web_dr|page_open)/FRONTEND: .*": "--pool leaves frontends out",
    r"dr/dr[12]: (check_status|lastsess): .*": "one in maintenance is not checked, and the backend says who came last",
    r"app/app[123]: lastsess: .*": "the backend says who came last",
    r"(web|web_dr|page_open)/FRONTEND: removed": "--pool leaves frontends out",
    r"dr/dr[12]: removed": "a server that the configuration does not have any more",
}


def written(rows):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return "# " + out.getvalue().rstrip("\n")


def changed_lists():
    header = ROWS[0]
    for name in READ:
        at = header.index(name)
        yield "all: %s: removed" % name, [row[:at] + row[at + 1:] for row in ROWS]
        yield "all: %s: renamed" % name, [[cell + "_" if cell == name else cell for cell in header]] + ROWS[1:]
        for number, row in enumerate(ROWS[1:], 1):
            if row[at] != "":
                yield "%s/%s: %s: emptied" % (row[0], row[1], name), \
                    ROWS[:number] + [row[:at] + [""] + row[at + 1:]] + ROWS[number + 1:]
    for number, row in enumerate(ROWS[1:], 1):
        yield "%s/%s: removed" % (row[0], row[1]), ROWS[:number] + ROWS[number + 1:]


def test_every_column_of_every_line():
    outcomes = {}
    for name, rows in changed_lists():
        outcomes[name] = look_at_parts(INFO, written(rows), STATES).state == "OK"
    assert len(outcomes) > 100
    assert mutations.unexplained(outcomes, NOT_NEEDED) == ([], [])


def test_other_columns():
    """Those that are not read are not needed, whatever they are called and however many there are."""
    keep = [at for at, name in enumerate(ROWS[0]) if name in READ]
    assert look_at_parts(INFO, written([[row[at] for at in keep] + [""] for row in ROWS]), STATES).state == "OK"
    more = [ROWS[0] + ["status", "new,\"one\""]] + [row + ["DOWN", "x\n\ny"] for row in ROWS[1:]]
    assert look_at_parts(INFO, written(more), STATES).state == "OK"
@pytest.mark.one_build


def test_info_and_states():
    """They add words: a version, bits and addresses. What is cut is refused."""
    for name, info in mutations.of_info(INFO):
        if not name.startswith("Name"):
            assert look_at_parts(info.strip("\n"), STAT, STATES).state == "OK", name
    lines = STATES.splitlines()
    for number in range(2, len(lines)):
        words = lines[number].split(" ")
        for at in range(len(words)):
            line = " ".join(words[:at] + words[at + 1:])
            states = "\n".join(lines[:number] + [line] + lines[number + 1:])
            result = look_at_parts(INFO, STAT, states)
            assert result.state == "UNKNOWN" and re.search("show servers state", result.first), result
