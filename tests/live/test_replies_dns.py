# SPDX-License-Identifier: GPL-3.0-or-later
"""Each reply of a name server and of a resolver with one thing of it changed: never OK, unless it is listed here with
the reason.

One of two servers of a zone, the parent's, a resolver and the one that finds the zone each answer one question wrongly:
a bit of the header, a count, the question, a record removed, each field of it changed, its end cut. All others stay
honest."""

import os
import re
import struct
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import liar as liars  # noqa: E402
import mutations  # noqa: E402
from liar import Liar  # noqa: E402

ABOVE, ZONE = "example", "drm.example"
NAME, APP = "www." + ZONE, "app." + ZONE
STANDBY = "app-dr." + ZONE
NETWORK = "127.55.0."
RANDOM = re.compile(r"dr-check-[0-9a-f]{12}\.")
WAIT = "0.1"
ELSEWHERE = {"A": b"\x7f\x37\0\x4d", "AAAA": bytes(15) + b"\1"}  # of no site, where nobody serves


def soa(zone):
    return [(300, "ns1.%s admin.%s 7 900 300 604800 60" % (zone, zone))]


def delegated():
    records = {(ZONE, "NS"): [(3600, "ns1." + ZONE), (3600, "ns2." + ZONE)]}
    records.update({("ns%d.%s" % (number, ZONE), "A"): [(3600, NETWORK + str(number))] for number in (1, 2)})
    return records


def of_zone():
    return {(ZONE, "SOA"): soa(ZONE), (NAME, "CNAME"): [(60, APP)], (APP, "A"): [(60, "192.0.2.1")],
            (APP, "AAAA"): [(60, "2001:db8:1::1")], (STANDBY, "A"): [(60, "198.51.100.1")],
            (STANDBY, "AAAA"): [(60, "2001:db8:2::1")], **delegated()}


def of_parent():
    return {(ABOVE, "SOA"): soa(ABOVE), (ABOVE, "NS"): [(3600, "ns." + ABOVE)],
            ("ns." + ABOVE, "A"): [(60, NETWORK + "9")], **delegated()}


# ---- a reply in pieces ----

class Message:
    """header: [id, flags, four counts]; question: bytes of the name, type, class; records: [[section, owner, type,
    class, TTL, data]]. Nothing in it is compressed but owners that point to the question."""

    def __init__(self, data):
        self.header = list(struct.unpack_from("!6H", data))
        at = self._name_end(data, 12)
        self.question = [data[12:at], *struct.unpack_from("!2H", data, at)]
        at += 4
        self.records = []
        self.lie = 0  # added to the length of one record's data
        self.liar = None
        for section, count in enumerate(self.header[3:]):
            for _ in range(count):
                end = self._name_end(data, at)
                kind, klass, ttl, length = struct.unpack_from("!2HIH", data, end)
                self.records.append([section, data[at:end], kind, klass, ttl, data[end + 10:end + 10 + length]])
                at = end + 10 + length

    @staticmethod
    def _name_end(data, at):
        while data[at]:
            if data[at] >= 0xc0:
                return at + 2
            at += 1 + data[at]
        return at + 1

    def pack(self):
        name, kind, klass = self.question
        data = struct.pack("!6H", *self.header) + (name + struct.pack("!2H", kind, klass) if name else b"")
        for number, (_, owner, kind, klass, ttl, rdata) in enumerate(self.records):
            length = len(rdata) + (self.lie if number == self.liar else 0)
            data += owner + struct.pack("!2HIH", kind, klass, ttl, length) + rdata
        return data


def flag(change):
    def work(message):
        message.header[1] = change(message.header[1])
    return work


def count(place, by):
    def work(message):
        message.header[place] += by
    return work


def no_question(message):
    message.header[2] = 0
    message.question = [b"", 0, 0]


def ask_other(place, value):
    def work(message):
        message.question[place] = value
    return work


def removed(number):
    def work(message):
        message.header[3 + message.records.pop(number)[0]] -= 1
    return work


def field(number, place, value):
    def work(message):
        message.records[number][place] = value
    return work


def length(number, by):
    def work(message):
        message.liar, message.lie = number, by
    return work


OTHER = liars.pack_name("other." + ZONE)
HEADER = {
    "QR": flag(lambda flags: flags & ~liars.QR),
    "opcode": flag(lambda flags: flags | 0x0800),
    "AA": flag(lambda flags: flags & ~liars.AA),
    "RA": flag(lambda flags: flags & ~liars.RA),
    "TC": flag(lambda flags: flags | liars.TRUNCATED),
    "RD": flag(lambda flags: flags ^ liars.RD),
    "Z": flag(lambda flags: flags ^ 0x40),
}
HEADER.update({"code %d" % code: flag(lambda flags, code=code: flags & ~15 | code)
               for code in (0, 1, 2, 3, 4, 5, 9, 15)})
HEADER.update({"count of %s %+d" % (section, by): count(3 + place, by)
               for place, section in enumerate(("answers", "authority", "additional")) for by in (-1, 1)})
HEADER.update({"no question": no_question, "two questions": count(2, 1), "question's name": ask_other(0, OTHER),
               "question's type": ask_other(1, 16), "question's class": ask_other(2, 3)})


def record_title(message, number):
    """What a record is called in a table: those of a kind are counted."""
    section, kind = message.records[number][0], message.records[number][2]
    same = [place for place, record in enumerate(message.records) if (record[0], record[2]) == (section, kind)]
    return "%s %s%s" % (("answer", "authority", "additional")[section], liars.NAMES.get(kind, kind),
                        "[%d]" % same.index(number) if len(same) > 1 else "")


def of_record(message, number):
    name, record = record_title(message, number), message.records[number]
    kind = liars.NAMES.get(record[2], record[2])
    yield name + ": removed", removed(number)
    yield name + ": owner", field(number, 1, OTHER)
    yield name + ": type", field(number, 2, 65280)
    if kind != "OPT":  # there they are a size and flags
        yield name + ": class", field(number, 3, 3)
        yield name + ": TTL of 136 years", field(number, 4, 0xffffffff)
        yield name + ": TTL of a day", field(number, 4, 86400)
    yield name + ": empty", field(number, 5, b"")
    if record[5]:
        other = OTHER if kind in ("NS", "CNAME") else b"\0" * len(record[5])
        yield name + ": other", field(number, 5, ELSEWHERE.get(kind, other))
        yield name + ": shorter", field(number, 5, record[5][:-1])
        yield name + ": longer", field(number, 5, record[5] + b"\0")
        yield name + ": length too small", length(number, -1)
    yield name + ": length too large", length(number, 1)


def of_reply(data):
    """(name, bytes) of each way in which a reply can differ in one thing."""
    original = Message(data)
    assert original.pack() == data
    changes = list(HEADER.items())
    for number in range(len(original.records)):
        changes += of_record(original, number)
    for name, change in changes:
        message = Message(data)
        try:
            change(message)
            changed = message.pack()
        except struct.error:
            continue  # one record less than none
        if changed != data:
            yield name, changed
    yield "half of it", data[:len(data) // 2]
    yield "a byte less", data[:-1]
    yield "a byte more", data + b"\0"


class Mutant(Liar):
    """Answers one question with one thing changed. `seen`: {question: its good reply}."""

    def __init__(self, *arguments, **options):
        self.seen = {}
        self.wrong = (None, None)  # question, mutation
        super().__init__(*arguments, **options)

    def _put(self, question):
        data = super()._put(question)
        asked = "%s %s" % (question.type, RANDOM.sub("RANDOM.", question.name))
        if question.edns:
            self.seen.setdefault(asked, data)
        if asked == self.wrong[0]:
            return dict(of_reply(data)).get(self.wrong[1], data)
        return data


class World:
    def __init__(self):
        self.parent = Mutant(of_parent(), address=NETWORK + "9")
        port = {"port": self.parent.port}
        self.server = Mutant(of_zone(), address=NETWORK + "1", **port)
        self.other = Liar(of_zone(), address=NETWORK + "2", **port)
        self.resolver = Mutant({**of_parent(), **of_zone()}, address=NETWORK + "3", recursive=True, **port)
        self.finder = Mutant({**of_parent(), **of_zone()}, address=NETWORK + "4", recursive=True, **port)

    def roles(self):
        return {"server": self.server, "parent": self.parent, "resolver": self.resolver,
                "finder": self.finder}

    def stop(self):
        for each in (self.parent, self.server, self.other, self.resolver, self.finder):
            each.stop()


@pytest.fixture(scope="module")
def world():
    made = World()
    yield made
    made.stop()


@pytest.fixture
def ask(dns_target, world):
    def run(role, *more, wait=WAIT):
        # Whoever answers first finds the zone: the finder is needed where the parent is not asked.
        above = ("--search", "zone") if role == "finder" else ("--parent", world.parent.endpoint)
        return dns_target(
            "-n", NAME, "-S", "prod=192.0.2.0/24,2001:db8:1::/48", "-S", "dr=198.51.100.0/24,2001:db8:2::/48",
            "-e", "prod", "--type", "a,aaaa", "-P", world.parent.port, *above, "--find-by",
            world.finder.endpoint, "-r", "r1=" + world.resolver.endpoint, "--via", APP, "--standby", "dr=" + STANDBY,
            "--own-record", "--rto", "15m", "--outage", "3d", "--lost", "203.0.113.0/24", "-c", "serial_lag=0",
            "--wait", wait, "--tries", "1", *more)
    return run


IGNORED = "a bit that says nothing of the answer (RFC 1035, 4.1.1)"
HUGE = "a TTL with its highest bit is none at all (RFC 2181, 8)"
EDNS = "whether it speaks EDNS is judged by its first answer"
KEPT = "how long this may be kept changes nothing: it is not what a switch changes"
OTHERS = "the parent names the servers, and so does the other server"
FOUND = "the servers that are found say themselves what the zone is, who serves it, and where they are"
GLUE = "the glue is enough, and none that is asked says that it is wrong"

# {role: {pattern of "QUESTION: CHANGE": why a verdict of OK is right}}
NOT_NEEDED = {
    "server": {
        ".*: (RD|Z)": IGNORED,
        "A+ www: answer A+: (removed|owner|type|class)": "the server is asked once more for the end of the chain",
        ".* answer (A|AAAA|CNAME|SOA)[^:]*: TTL of 136 years": HUGE,
        ".*: additional OPT: (removed|type)": EDNS,
        "A RANDOM: code 0": "a name without addresses is no wildcard either",
        "A RANDOM: authority SOA: .*": "the code says that there is no such name",
        "A+ app-dr: answer A+: TTL of a day": KEPT,
        "SOA drm.example: answer SOA: TTL of a day": "the SOA's minimum is the lesser one (RFC 2308, 5)",
        "NS drm.example: .*": OTHERS,
        "A+ ns[12]: .*": GLUE,
    },
    "parent": {
        ".*: (RD|Z)": IGNORED,
        ".*: TTL of .*": KEPT,
        ".*: additional OPT: (removed|type)": EDNS,
        "SOA www: code [0-9]+": "it is asked for the NS records then",
        "SOA www: additional A.*": "the servers' names lead to their addresses as well",
    },
    "resolver": {
        ".*: (RD|Z)": IGNORED,
        ".* answer (A|AAAA|CNAME)[^:]*: TTL of 136 years": HUGE,
        ".*: additional OPT: (removed|type)": EDNS,
        "A+ www: RA": "it has followed the chain all the same",
    },
    "finder": {
        ".*: (RD|Z)": IGNORED,
        "SOA .*": FOUND,
        "NS drm.example: .*": FOUND,
        "A+ ns[12]: .*": FOUND,
    },
}


@pytest.mark.one_build  # no library is in it; the readers themselves are fuzzed with sanitizers
@pytest.mark.parametrize("role", ("server", "parent", "resolver", "finder"))
def test_every_change(ask, world, role):
    mutant = world.roles()[role]
    mutant.wrong = (None, None)
    mutant.seen.clear()
    world.other.mode = "slow0.2"  # who answers first is asked where the servers are: here, the one whose replies change
    whole = ask(role, "-vv", wait="2")
    world.other.mode = "ok"
    assert whole.state == "OK", whole
    outcomes = {}
    for question, reply in sorted(mutant.seen.items()):
        for name, _ in of_reply(reply):
            mutant.wrong = (question, name)
            before = len(mutant.questions)
            result = ask(role)
            assert len(mutant.questions) > before
            assert result.state == "OK" or len(result.first) > len("DNS UNKNOWN - "), result
            title = "%s: %s" % (question.replace("." + ZONE, ""), name)
            if result.state != "OK" and any(re.fullmatch(pattern, title) for pattern in NOT_NEEDED[role]):
                result = ask(role, wait="2")  # a good reply may have been late
            outcomes[title] = result.state == "OK"
    mutant.wrong = (None, None)
    assert ask(role, wait="2").state == "OK"
    wrong, idle = mutations.unexplained(outcomes, NOT_NEEDED[role])
    assert not wrong, "OK without evidence: %s" % wrong
    assert not idle, "needed after all: %s" % idle
