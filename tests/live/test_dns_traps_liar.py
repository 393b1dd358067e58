# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way in which the stand-in for a name server lies, in each of three places: as the only authoritative server, as
one of three beside two real ones, as a resolver. Each has its state, its first line and its own line."""

import collections
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import liar as liars  # noqa: E402
from dns_servers import DR, PROD, ZONE  # noqa: E402
from liar import Liar  # noqa: E402

NAME = "app." + ZONE
ADDRESSES = ("192.0.2.20", "2001:db8:1::20")
WAIT = 0.3  # seconds for each of two tries
NOWHERE = "127.53.255.1"  # nobody listens there

# By place. `words` are those of authoritative servers.
Said = collections.namedtuple("Said", "alone beside resolver words resolver_words")
# State of the whole, what the first line begins with, state of the liar's own line.
States = collections.namedtuple("States", "whole first line")


def fine():
    words = "prod, A %s, AAAA %s" % ADDRESSES
    return Said(States("OK", "%(name)s leads to prod on the name server", "OK"),
                States("OK", "%(name)s leads to prod on all 3 name servers", "OK"),
                States("OK", "%(name)s leads to prod on the resolver", "OK"), words, words)


def told(words):
    """It serves, with a WARNING in its own words."""
    warned = States("WARNING", "liar: %(words)s", "WARNING")
    return Said(warned, warned, warned, words, words)


def nowhere(words):
    """A definite answer that leads nobody anywhere: one server that says so is enough."""
    lost = States("CRITICAL", "liar sends nobody to %(name)s: %(words)s", "CRITICAL")
    return Said(lost, lost, lost, words, words)


def fails(words, line="WARNING", beside="WARNING", alone="CRITICAL", resolver="CRITICAL"):
    """It does not serve: people go on to another server, and to no other resolver."""
    return Said(States(alone, "0 of 1 name servers serve %(name)s, at least 1 must: liar: %(words)s", line),
                States(beside, "1 of 3 name servers do not serve %(name)s: liar: %(words)s", line),
                States(resolver, "1 of 1 resolvers do not tell: liar: %(words)s", resolver), words, words)


def unreadable(words):
    return fails("a reply that cannot be read: " + words, "UNKNOWN", "UNKNOWN", "UNKNOWN", "UNKNOWN")


def without_tcp(words):
    return fails("truncated, and TCP does not work: truncated over UDP; over TCP: " + words, "CRITICAL", "CRITICAL")


def but_a_resolver(said, other):
    """From a resolver it is something else."""
    return said._replace(resolver=other.resolver, resolver_words=other.words)


SILENCE = "no reply in %g s" % (2 * WAIT)
EMPTY = but_a_resolver(nowhere("an empty answer, without the SOA record that it owes"), nowhere("no address"))
STRANGERS = fails(SILENCE + ", 2 to other questions dropped")
NO_EDNS = told("answers without EDNS alone")
MODES = {
    "ok": fine(), "lower": fine(), "dup": fine(), "slow0.05": fine(), "drop1": fine(),
    "chain": fine(), "tc": fine(), "tc-empty": fine(), "tcp-dribble": fine(), "tc+tcp-dribble": fine(),
    # nobody asks over TCP without need
    "tcp-hang": fine(), "tcp-reset": fine(), "tcp-half": fine(),
    "tc-tcpreset": without_tcp("connection reset"), "tc+tcp-hang": without_tcp(SILENCE),
    "tc+tcp-half": without_tcp("33 of 68 bytes of a message, then connection closed"),
    "noaa": but_a_resolver(fails("answers without authority (AA)"), fine()),
    "stale": but_a_resolver(fails("answers without authority (AA): EDE 3 (stale answer)"),
                         told("a stale answer, EDE 3 (stale answer): it cannot ask the zone's servers")),
    "servfail": fails("SERVFAIL"), "refused": fails("REFUSED", resolver="UNKNOWN"),
    "nxdomain": nowhere("NXDOMAIN: the name does not exist"), "nodata": nowhere("no address"),
    "empty": EMPTY,
    "aside": EMPTY, "above": EMPTY,
    "formerr-edns": NO_EDNS, "formerr-header": NO_EDNS, "noopt": NO_EDNS, "badvers": NO_EDNS,
    "lame": but_a_resolver(fails("upward referral: knows nothing of the zone: refers to the servers of example: "
                              "a.nic.example"), nowhere("no address")),
    "upward": but_a_resolver(fails("upward referral: knows nothing of the zone: refers to the root: a.nic"),
                          nowhere("no address")),
    "cnameloop": nowhere("CNAMEs lead in a circle: " + NAME),
    # Without SOA nobody denies it: the server is asked for the end, and says the same of that.
    "dangling": but_a_resolver(nowhere("CNAMEs lead in a circle: gone.%s" % ZONE),
                               nowhere("leads to a name without address: gone.%s has no A record" % ZONE)),
    "badid": STRANGERS, "badq": STRANGERS,
    "ptrloop": unreadable("byte 41: a name points forwards or to itself"),
    "countlie": unreadable("byte 6: more records are announced than there is room for"),
    "short": unreadable("byte 3: the header is cut short"),
    "drop": fails(SILENCE), "udp-drop": fails(SILENCE), "othersrc": fails(SILENCE), "slow5": fails(SILENCE),
}


def records(names):
    """The zone as the real servers have it."""
    found = {(ZONE, "SOA"): [(300, "ns1.%s hostmaster.%s 2026010101 3600 600 604800 60" % (ZONE, ZONE))],
             (ZONE, "NS"): [(300, "%s.%s" % (server.name, ZONE)) for server in names.names],
             (NAME, "A"): [(60, ADDRESSES[0])], (NAME, "AAAA"): [(60, ADDRESSES[1])]}
    for server in names.names:
        found["%s.%s" % (server.name, ZONE), "A"] = [(300, server.address)]
    return found


def test_every_mode_is_here():
    words = {word for mode in MODES for part in mode.split("+") for word in [part] + liars.TOGETHER.get(part, [])}
    known = set(liars.SAYINGS) | set(liars.BYTES) | set(liars.SENDING) | set(liars.TOGETHER)
    assert known - words == set()


@pytest.mark.parametrize("place", ("alone", "beside", "resolver"))
@pytest.mark.parametrize("mode", MODES)
def test_mode(names, dns_target, mode, place):
    """Half of the packets may be lost: tries enough for that."""
    tries = 8 if mode == "drop1" else 2
    options = ["-n", NAME, "-S", "prod=" + PROD, "-S", "dr=" + DR, "-e", "prod", "--wait", "%gs" % WAIT,
               "--tries", tries, "--find-by", "%s:%d" % (NOWHERE, names.port)]
    with Liar(records(names), mode, recursive=place == "resolver") as server:
        if place == "resolver":
            options += ["--search", "none", "-r", "liar=dns://" + server.endpoint]
        else:
            options += ["--search", "given", "--zone", ZONE, "-s", "liar=" + server.endpoint]
        if place == "beside":
            options += ["-s", "ns1=%s:%d" % (names.ns1.address, names.port),
                        "-s", "ns2=%s:%d" % (names.ns2.address, names.port)]
        result = dns_target(*options)
        assert server.asked(NAME, "A") and server.asked(NAME, "AAAA"), "it was not asked"
    states = getattr(MODES[mode], place)
    words = MODES[mode].resolver_words if place == "resolver" else MODES[mode].words
    text = states.first % {"name": NAME, "words": words}
    assert result.state == states.whole, result
    assert result.first.startswith("DNS %s - %s" % (states.whole, text)), result
    (state, line), = result.about("liar")
    assert state == states.line and words in line, result
    if place == "beside":
        for server in ("ns1", "ns2"):
            (state, line), = result.about(server)
            assert state == "OK" and line.startswith(server + ": prod, A %s" % ADDRESSES[0]), result
