# SPDX-License-Identifier: GPL-3.0-or-later
"""What check_dns_target has to know of the DNS, thing by thing, on real servers: state, first line, and the line of
whom it concerns."""

import datetime
import os
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

from dns_servers import DR, PARENT, PROD, RECORDS, SWITCHED, ZONE, Zone, delegation  # noqa: E402
from liar import Liar  # noqa: E402
from postgresql import wait_until  # noqa: E402

APP, WWW = "app." + ZONE, "www." + ZONE
NOWHERE = "127.53.255.1"  # nobody listens there
NEXT = "127.53.7.1"
DAY = 86400
ALL = "leads to prod on all 3 name servers"
SITES = ("-S", "prod=" + PROD, "-S", "dr=" + DR)


def endpoint(server):
    return ("[%s]:%d" if ":" in server.address else "%s:%d") % (server.address, server.port)


def resolver(server):
    return "-r", "%s=dns://%s" % (server.name, endpoint(server))


@pytest.fixture
def check(dns_target, names):
    """check(...): the parent (but with --search) and the zone's servers are asked, no resolver finds anything."""
    def run(*options, name=APP, sites=SITES, expect="prod"):
        words = ["-n", name, *sites, "--wait", "0.5s"]
        words += [] if "none" in options else ["-P", names.port]
        words += [] if "--search" in options else ["--parent", endpoint(names.parent)]
        words += ["-e", expect] if expect else []
        words += [] if "--find-by" in options else ["--find-by", "%s:%d" % (NOWHERE, names.port)]
        return dns_target(*words, *options)
    return run


def change(names, records, **fields):
    for server in names.names:
        server.change(ZONE, records=records, **fields)


def at(server, name=None):
    """What the line of a server of the zone begins with."""
    return "%s.%s/%s" % (name or server.name, ZONE, server.address)


def line_of(result, who):
    found = [(state, text) for state, text in result.findings if text.startswith(who + ": ")]
    assert len(found) == 1, "%d lines of %s in\n%s" % (len(found), who, result)
    return found[0]


def says(result, state, first, lines=()):
    """`lines`: (whose, its state, words ...)."""
    assert result.state == state, result
    assert result.first.startswith("DNS %s - %s" % (state, first)), result
    for who, its, *words in lines:
        found, text = line_of(result, who)
        assert found == its and all(word in text for word in words), "%s %s in\n%s" % (who, words, result)


def stamp(moment):
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- who is asked ----

def test_query_set(check, names):
    """Every address of every server: one that has two serves two versions."""
    second = names.knot("second", NEXT, "::1")
    records = RECORDS + "ns1 A %s\nns1 AAAA ::1\n" % NEXT
    change(names, records)
    second.serve(names.ns1.zones[ZONE].change(records=records.replace("192.0.2.20", "198.51.100.20"))).start()
    names.parent.change(PARENT, records=delegation(ZONE, names.names) + "ns1.%s. A %s\nns1.%s. AAAA ::1\n" % (
        ZONE, NEXT, ZONE))
    result = check("--type", "a,aaaa")
    says(result, "CRITICAL", "%s is split: A leads to dr, AAAA to prod (2 of 5: ns1.%s/%s)" % (APP, ZONE, NEXT), [
        (at(names.ns1), "OK", "192.0.2.20"),
        ("ns1.%s/%s" % (ZONE, NEXT), "CRITICAL", "A leads to dr, not prod: 198.51.100.20", "2001:db8:1::20"),
        ("ns1.%s/::1" % ZONE, "CRITICAL", "A leads to dr, not prod")])


def test_ns_list_source(check, names, tmp_path):
    """Given, by the parent, by the zone; when nobody is left to say, by an earlier run."""
    result = check("-s", "spare=" + endpoint(names.ns1), "--state-dir", tmp_path)
    says(result, "OK", "%s %s" % (APP, ALL), [("spare", "OK", "prod"), (at(names.ns2), "OK", "prod"),
                                              ("zone", "OK", ZONE, "3 name servers in the parent zone")])
    names.parent.stop()
    result = check("--state-dir", tmp_path, "--zone", ZONE)
    assert result.state != "OK" and result.perfdata["servers"] == 3, result
    says(result, "WARNING", "", [(at(names.ns2), "OK", "prod"), ("zone", "WARNING", "not known")])


def test_identity_of_the_reply(check, names):
    """The letters of a name may be small or large; what asks for another one is not taken (test_dns_traps_liar.py)."""
    result = check(name="APP." + ZONE.upper())
    says(result, "OK", "APP.%s %s" % (ZONE.upper(), ALL), [(at(names.ns3), "OK", "192.0.2.20")])


# ---- chains ----

def test_cname_chain(check, names):
    chain = "".join("l%d 60 CNAME l%d\n" % (number, number + 1) for number in range(1, 30)) + "l30 60 A 192.0.2.1\n"
    change(names, chain)
    says(check(name="l26." + ZONE), "OK", "l26.%s %s" % (ZONE, ALL), [(at(names.ns2), "OK", "192.0.2.1")])
    result = check(name="l1." + ZONE)
    assert result.state == "CRITICAL", result
    # Knot stops earlier, and is asked for the rest: that of Debian 13 stops at l21. BIND in later versions says SERVFAIL.
    ends = ["too many CNAMEs: l%d.%s" % (number, ZONE) for number in (17, 21)]
    assert any(" sends nobody to l1.%s: %s" % (ZONE, end) in result.first for end in ends), result
    state, text = line_of(result, at(names.ns2))
    assert state == "CRITICAL" and ends[0] in text, result
    for server in (names.ns1, names.ns3):
        assert line_of(result, at(server))[0] != "OK", result


def test_cname_chain_to_another_zone(check, names):
    """What lies behind is asked of a resolver; nobody to ask: it is not known, which is no wrong site."""
    names.parent.serve(Zone("cdn-lab.example", "edge 30 A 192.0.2.77\nedge 30 AAAA 2001:db8:1::77", (names.parent,)))
    names.parent.change("", records=delegation(PARENT, (names.parent,)) + delegation(
        "cdn-lab.example", ("ns.%s." % PARENT,)))
    change(names, "www 60 CNAME edge.cdn-lab.example.")
    result = check("--find-by", endpoint(names.r2), name=WWW)
    says(result, "OK", "%s %s" % (WWW, ALL), [(at(names.ns1), "OK", "192.0.2.77")])
    names.parent.serve(Zone("cdn-lab.example", "edge 30 A 198.51.100.77", (names.parent,)))
    names.r2.forget()
    result = check("--find-by", endpoint(names.r2), name=WWW)
    says(result, "CRITICAL", "3 of 3 send %s to dr, not prod: %s" % (WWW, at(names.ns1)), [
        (at(names.ns1), "CRITICAL", "leads to dr, not prod: 198.51.100.77")])
    result = check(name=WWW)
    words = "leads to edge.cdn-lab.example, of which no resolver says where it leads"
    says(result, "UNKNOWN", "%s: %s" % (at(names.ns1), words), [(at(names.ns3), "UNKNOWN", words)])


def test_cname_chain_to_a_name_of_the_site(check, names):
    """A site may be a name: of what is behind it, nothing has to be known."""
    change(names, "www 60 CNAME lb.edge.example.")
    sites = ("-S", "prod=*.edge.example", "-S", "dr=*.other.example")
    says(check(name=WWW, sites=sites), "OK", "%s %s" % (WWW, ALL), [(at(names.ns1), "OK", "lb.edge.example")])
    says(check(name=WWW, sites=sites, expect="dr"), "CRITICAL", "3 of 3 send %s to prod, not dr" % WWW)


def test_dname(check, names):
    change(names, RECORDS + "old 120 DNAME new\napp.new 60 A 192.0.2.50")
    result = check(*resolver(names.r1), *resolver(names.r2), "--via", "app.new." + ZONE, name="app.old." + ZONE)
    says(result, "OK", "app.old.%s leads to prod on all 3 name servers and 2 resolvers" % ZONE, [
        (at(names.ns1), "OK", "192.0.2.50", "TTL 2m"), ("time", "OK", "old.%s DNAME" % ZONE)])


def test_named_link(check, names):
    says(check("--via", "lb-prod." + ZONE, name=WWW), "OK", "%s %s" % (WWW, ALL))
    result = check("--via", "lb-dr." + ZONE, name=WWW)
    says(result, "CRITICAL", "%s: A does not pass lb-dr.%s" % (at(names.ns1), ZONE), [
        (at(names.ns3), "CRITICAL", "AAAA does not pass lb-dr." + ZONE)])


# ---- what they lead to ----

def test_target_sets(check, names):
    """One server for each: prod, the other site, both at once, an address of nobody."""
    for server, address in ((names.ns2, "198.51.100.20"), (names.ns3, "203.0.113.20")):
        server.change(ZONE, records="app 60 A %s" % address)
    result = check()
    first = "%s sends people astray from %s: 203.0.113.20, which is of no site" % (at(names.ns3), APP)
    says(result, "CRITICAL", first, [
        (at(names.ns1), "OK", "prod"), (at(names.ns2), "CRITICAL", "leads to dr, not prod: 198.51.100.20"),
        (at(names.ns3), "CRITICAL", "leads to 203.0.113.20, which is of no site")])
    names.ns3.change(ZONE, records="app 60 A 192.0.2.20\napp 60 A 198.51.100.20")
    result = check()
    says(result, "CRITICAL", "%s mixes sites for %s: " % (at(names.ns3), APP), [
        (at(names.ns3), "CRITICAL", "mixes sites", "192.0.2.20", "198.51.100.20")])


def test_set_mode(check, names):
    change(names, "app 60 A 192.0.2.1\napp 60 A 192.0.2.2\napp 60 A 203.0.113.1")
    sites = ("-S", "prod=192.0.2.1,192.0.2.2,192.0.2.3")
    says(check(sites=sites), "CRITICAL", "%s sends people astray from %s: 203.0.113.1" % (at(names.ns1), APP))
    says(check("--set", "any", sites=sites), "OK", "%s %s" % (APP, ALL))
    says(check("--set", "min=2", sites=sites), "OK", "%s %s" % (APP, ALL))
    says(check("--set", "min=3", sites=sites), "CRITICAL", "%s sends people astray from %s" % (at(names.ns1), APP))
    result = check("--set", "exact", sites=("-S", "prod=192.0.2.1,192.0.2.2,203.0.113.1,2001:db8:1::1"))
    says(result, "CRITICAL", "%s: lacks 2001:db8:1::1 of prod" % at(names.ns1), [
        (at(names.ns2), "CRITICAL", "lacks 2001:db8:1::1 of prod")])
    says(check("--set", "exact", sites=("-S", "prod=192.0.2.1,192.0.2.2,203.0.113.1")), "OK", "%s %s" % (APP, ALL))
    change(names, "app 60 A 192.0.2.1\napp 60 A 192.0.2.2")
    says(check("--set", "exact", sites=sites), "CRITICAL", "%s: lacks 192.0.2.3 of prod" % at(names.ns1), [
        (at(names.ns3), "CRITICAL", "lacks 192.0.2.3 of prod")])


def test_a_and_aaaa(check, names):
    """IPv4 is switched, IPv6 forgotten."""
    change(names, RECORDS.replace("192.0.2.20", "198.51.100.20"))
    result = check(expect="dr")
    says(result, "CRITICAL", "%s is split: A leads to dr, AAAA to prod (3 of 3: %s)" % (APP, at(names.ns1)), [
        (at(names.ns3), "CRITICAL", "AAAA leads to prod, not dr: 2001:db8:1::20")])
    says(check(name="v4." + ZONE, *("--type", "a")), "OK", "v4.%s %s" % (ZONE, ALL))
    says(check(name="v4." + ZONE, *("--type", "a,aaaa")), "CRITICAL", "%s: no AAAA record" % at(names.ns1))


def test_cdn(check, names, tmp_path):
    """A list of networks in a file, beside a site of one's own."""
    ranges = tmp_path / "cdn.txt"
    ranges.write_text("# as-of: %s\n203.0.113.0/24\n2001:db8:ff::/48\n" % datetime.date.today().isoformat())
    change(names, "app 300 A 203.0.113.5\napp 300 AAAA 2001:db8:ff::5")
    sites = SITES + ("-S", "cdn=@%s" % ranges)
    result = check(sites=sites, expect="cdn")
    says(result, "OK", "%s leads to cdn on all 3 name servers" % APP, [(at(names.ns1), "OK", "203.0.113.5")])
    result = check(sites=sites, expect="prod")
    says(result, "CRITICAL", "3 of 3 send %s to cdn, not prod" % APP)
    ranges.write_text("203.0.113.0/24\n203.0.113.300\n")
    result = check(sites=sites, expect="cdn")
    assert result.state == "UNKNOWN" and "203.0.113.300" in result.first, result


def test_response_class(check, names):
    """One of three: what is a definite answer is CRITICAL, who does not serve a WARNING."""
    names.ns3.change(ZONE, records="other 60 A 192.0.2.1")
    says(check(), "CRITICAL", "%s sends nobody to %s: NXDOMAIN: the name does not exist" % (at(names.ns3), APP), [
        (at(names.ns3), "CRITICAL", "NXDOMAIN")])
    names.ns3.change(ZONE, records='app 60 TXT "x"')
    says(check(), "CRITICAL", "%s sends nobody to %s: no address" % (at(names.ns3), APP), [
        (at(names.ns3), "CRITICAL", "no address")])
    names.ns3.remove(ZONE)
    says(check(), "WARNING", "1 of 3 name servers do not serve %s: %s: REFUSED" % (APP, at(names.ns3)), [
        (at(names.ns3), "WARNING", "REFUSED")])
    names.ns3.stop()
    says(check(), "WARNING", "1 of 3 name servers do not serve %s: %s: cannot be reached" % (APP, at(names.ns3)), [
        (at(names.ns3), "WARNING", "connection refused")])


def test_a_server_that_is_silent(check, names):
    names.ns3.freeze()
    says(check(), "WARNING", "1 of 3 name servers do not serve %s: %s: no reply in 1 s" % (APP, at(names.ns3)), [
        (at(names.ns3), "WARNING", "no reply"), (at(names.ns1), "OK", "prod")])


def test_a_zone_that_has_expired(check, names):
    """A secondary whose primary is dead for longer than the SOA says."""
    names.ns1.change(ZONE, refresh=1, retry=1, expire=2)
    old = names.nsd("ns4", NEXT).follow(names.ns1, ZONE).start()
    names.ns1.stop()
    wait_until(lambda: old.ask(ZONE, "SOA").code == "SERVFAIL", "the zone has expired")
    result = check("--search", "given", "--zone", ZONE, "-s", "ns4=" + endpoint(old),
                   "-s", "ns2=" + endpoint(names.ns2))
    says(result, "WARNING", "1 of 2 name servers do not serve %s: ns4: SERVFAIL" % APP, [
        ("ns4", "WARNING", "SERVFAIL"), ("ns2", "OK", "prod")])


# ---- how it is asked ----

def test_edns(check, names):
    """Small packets, none at all, and a server that knows nothing of EDNS."""
    for size in ("0", "512", "4096"):
        says(check("--udp-size", size), "OK", "%s %s" % (APP, ALL))
    with Liar({(ZONE, "SOA"): [(60, "ns1.%s h.%s 2026010101 3600 600 604800 60" % (ZONE, ZONE))],
               (APP, "A"): [(60, "192.0.2.20")]}, "formerr-edns") as server:
        result = check("-s", "old=" + server.endpoint, "--search", "given", "--zone", ZONE)
        says(result, "WARNING", "old: answers without EDNS alone", [("old", "WARNING", "192.0.2.20")])
        says(check("-s", "old=" + server.endpoint, "--search", "given", "--zone", ZONE, "--udp-size", "0"), "OK",
             "%s leads to prod on the name server" % APP)


@pytest.mark.parametrize("codes, words", [([15], "EDE 15 (blocked)"), ([16], "EDE 16 (censored)"),
                                          ([17], "EDE 17 (filtered)"), ([18], "EDE 18 (prohibited)")])
def test_a_resolver_that_filters(check, codes, words):
    """It says so: the name is there, and not for those who ask it."""
    with Liar({("", "SOA"): [(60, "a.nic h.nic 1 900 300 604800 60")]}, recursive=True) as server:
        server.ede = codes
        result = check("-r", "filter=dns://" + server.endpoint, "--search", "none")
    says(result, "CRITICAL", "filter sends nobody to %s: NXDOMAIN: the name does not exist: %s" % (APP, words), [
        ("filter", "CRITICAL", words)])


def test_transport(check, names):
    says(check("--tcp"), "OK", "%s %s" % (APP, ALL))
    result = check("-r", "r1=dns+tcp://" + endpoint(names.r1), "-r", "r2=dns://" + endpoint(names.r2))
    says(result, "OK", "%s leads to prod on all 3 name servers and 2 resolvers" % APP, [("r1", "OK", "192.0.2.20")])


def test_ipv6(check, names):
    """Asked over IPv6 alone: of those that have none nothing is said."""
    six = names.knot("ns4", "::1")
    change(names, RECORDS, servers=names.names + (six,))
    six.serve(names.ns1.zones[ZONE]).start()
    names.parent.change(PARENT, records=delegation(ZONE, names.names + (six,)))
    says(check(), "OK", "%s leads to prod on all 4 name servers" % APP, [("ns4.%s/::1" % ZONE, "OK", "192.0.2.20")])
    says(check("-6"), "OK", "%s leads to prod on the name server" % APP, [("ns4.%s/::1" % ZONE, "OK", "192.0.2.20")])
    six.change(ZONE, records=SWITCHED)
    says(check("-6"), "CRITICAL", "1 of 1 send %s to dr, not prod: ns4.%s/::1" % (APP, ZONE))


def test_rate_limits_and_types(check):
    """Each question once; never ANY."""
    records = {(ZONE, "SOA"): [(60, "ns1.%s h.%s 2026010101 3600 600 604800 60" % (ZONE, ZONE))],
               (APP, "A"): [(60, "192.0.2.20")]}
    with Liar(records) as server:
        result = check("-s", "one=" + server.endpoint, "--search", "given", "--zone", ZONE)
        asked = [(question.name, question.type) for question in server.asked()]
    says(result, "OK", "%s leads to prod on the name server" % APP)
    assert len(asked) == len(set(asked)) and (APP, "A") in asked and (APP, "AAAA") in asked, asked
    assert all(kind != "ANY" for _, kind in asked), asked
    # Half of the replies of a server that limits its rate are only TC: TCP is the cure.
    with Liar(records, "tc-empty") as server:
        says(check("-s", "one=" + server.endpoint, "--search", "given", "--zone", ZONE), "OK",
             "%s leads to prod on the name server" % APP)


# ---- time ----

def test_ttl_against_rto(check, names):
    """The longest of the chain counts, and it is named."""
    change(names, RECORDS.replace("www     60 CNAME", "www 3600 CNAME"))
    result = check("--rto", "15m", name=WWW)
    says(result, "CRITICAL", "a switch would take 1h, the RTO is 15m: 1h, TTL of %s CNAME" % WWW, [
        ("time", "CRITICAL", "1h: TTL of %s CNAME on %s" % (WWW, at(names.ns1)))])
    says(check("--rto", "75m", name=WWW), "OK", "%s %s" % (WWW, ALL))
    says(check("--rto", "70m", name=WWW), "WARNING", "a switch would take 1h, the RTO is 1h10m")
    says(check("--rto", "15m"), "OK", "%s %s; a switch would take 1m (RTO kept)" % (APP, ALL))


def test_ttl_of_one_server(check, names):
    """One that was forgotten keeps everybody waiting whom it has told."""
    names.ns3.change(ZONE, records=RECORDS.replace("app     60", "app 7200"))
    says(check("--rto", "15m"), "CRITICAL", "a switch would take 2h, the RTO is 15m: 2h, TTL of %s A on %s" % (
        APP, at(names.ns3)), [("time", "CRITICAL", "2h")])


def test_ttl_of_a_redelegation(check, names):
    names.parent.change(PARENT, records=delegation(ZONE, names.names, ttl=172800))
    says(check("--rto", "15m"), "OK", "%s %s" % (APP, ALL))
    says(check("--rto", "15m", "--redelegate"), "CRITICAL",
         "a switch would take 2d, the RTO is 15m: 2d, TTL of the NS records in the parent zone")


def test_ttl_that_is_too_low(check, names):
    """Lowered for a drill, and forgotten."""
    change(names, RECORDS.replace("60 A ", "5 A ").replace("60 AAAA", "5 AAAA"))
    says(check("-w", "ttl_min=30:"), "WARNING", "", [("time", "WARNING", "the least TTL 5 s")])
    says(check("-w", "ttl_min=5:"), "OK", "%s %s" % (APP, ALL))


def test_time_budget(check, names):
    says(check("--rto", "15m", "--lead-time", "10m"), "OK", "%s %s; a switch would take 11m" % (APP, ALL))
    says(check("--rto", "15m", "--lead-time", "14m30s"), "CRITICAL", "a switch would take 15m30s, the RTO is 15m")


def test_negative_caching(check, names):
    """A name that is made during the switch is not seen by whoever asked before."""
    change(names, RECORDS, minimum=7200, ttl=10800)
    standby = ("--standby", "dr=lb-new." + ZONE)
    result = check("--rto", "1h", *standby)
    assert result.perfdata["negative_ttl"] == 7200, result
    says(result, "CRITICAL", "lb-new.%s, the name to switch to, is not there" % ZONE, [
        ("lb-new." + ZONE, "CRITICAL", at(names.ns1) + ": is not there"),
        ("time", "CRITICAL", "2h: \"there is none\" of a name to switch to")])
    says(check("--rto", "1h", "--standby", "dr=lb-dr." + ZONE), "OK", "%s %s" % (APP, ALL), [
        ("lb-dr." + ZONE, "OK", "is there and leads to dr on 3 servers")])
    says(check("--standby", "dr=lb-prod." + ZONE), "CRITICAL",
         "lb-prod.%s, the name to switch to, leads elsewhere" % ZONE)


def test_remaining_ttl_on_resolvers(check, names):
    """The resolver still knows the old answer: it will ask again when that has run out."""
    change(names, RECORDS.replace("app     60", "app 600"))
    assert names.r1.ask(APP).ttl and names.r1.ask(APP, "AAAA").ttl
    names.switch()
    result = check(*resolver(names.r1), expect="dr")
    says(result, "CRITICAL", "1 of 4 send %s to prod, not dr: r1" % APP, [
        ("r1", "CRITICAL", "leads to prod, not dr: 192.0.2.20, 2001:db8:1::20", "keeps that for "),
        (at(names.ns1), "OK", "dr")])
    assert 590 < result.perfdata["eta"] <= 600 and result.perfdata["moved"] == 3, result


@pytest.mark.parametrize("which", ["r1", "r2"])
def test_clamped_ttl(check, names, which):
    """It keeps everything for at least ten minutes: no TTL of the zone changes that. (BIND: at most 90 s.)"""
    seconds = 600 if which == "r1" else 90
    server = getattr(names, which)
    server.clamp(seconds)
    change(names, RECORDS.replace("app     60", "app 5"))
    result = check(*resolver(server), "--rto", "1m")
    says(result, "CRITICAL", "a switch would take %s, the RTO is 1m: " % ("10m" if which == "r1" else "1m30s"), [
        (which, "WARNING", "keeps it for ", "the zone says 5 s")])
    assert "in the cache of " + which in result.first, result
    result = check(*resolver(server))
    says(result, "OK", "%s leads to prod on all 3 name servers and 1 resolver" % APP, [(which, "OK", "keeps it for ")])


# ---- the zone ----

def test_wildcards(check, names):
    """The name itself is gone: a wildcard answers in its place."""
    change(names, "* 60 A 192.0.2.99\napp 60 A 192.0.2.20")
    says(check("--own-record"), "OK", "%s %s" % (APP, ALL))
    change(names, "* 60 A 192.0.2.99")
    says(check("--own-record"), "WARNING", "%s: a wildcard would answer the same" % at(names.ns1), [
        (at(names.ns2), "WARNING", "a wildcard would answer the same if the name were missing")])
    says(check(), "OK", "%s %s" % (APP, ALL))
    names.sign()
    says(check("--own-record"), "WARNING", "%s: a wildcard answers, the name has no record of its own" % at(names.ns1))


@pytest.mark.parametrize("old, new, lag", [(4294967295, 0, 1), (4294967290, 4, 10), (2026010101, 2026010102, 1),
                                           (2147483648, 4294967295, 2147483647)])
def test_soa_serial(check, names, old, new, lag):
    """In a circle: after 4294967295 comes 0."""
    for server, serial in zip(names.names, (new, old, new)):
        server.change(ZONE, serial=serial)
    result = check("-c", "serial_lag=0")
    says(result, "CRITICAL", "%s is %d serials behind %s" % (at(names.ns2), lag, at(names.ns1)), [
        ("zone", "CRITICAL", "%s is %d serials behind" % (at(names.ns2), lag))])
    assert result.perfdata["serial_lag"] == lag, result
    result = check()
    says(result, "OK", "%s %s" % (APP, ALL), [("zone", "OK", "serials differ by %d" % lag)])


def test_soa_timers(check, names):
    """How long secondaries live without their primary: the least of all servers."""
    names.ns2.change(ZONE, expire=2 * DAY)
    result = check("--outage", "3d")
    says(result, "CRITICAL", "without its primary the zone lives for 2d", [("survival", "CRITICAL", "2d")])
    assert result.perfdata["soa_expire"] == 2 * DAY, result
    says(check("--outage", "1d"), "OK", "%s %s" % (APP, ALL), [("survival", "OK", "2d")])


def test_parent_and_child(check, names):
    names.parent.change(PARENT, records=delegation(ZONE, (names.ns1, names.ns2)))
    says(check(), "WARNING", "%s names ns3.%s, which the parent does not" % (at(names.ns1), ZONE), [
        ("zone", "WARNING", "names ns3.%s, which the parent does not" % ZONE), (at(names.ns3), "OK", "prod")])
    names.parent.change(PARENT, records=delegation(ZONE, names.names).replace(names.ns2.address, NEXT))
    result = check()
    says(result, "WARNING", "", [
        ("zone", "WARNING", "the glue %s of ns2.%s is not what the zone says" % (NEXT, ZONE)),
        ("ns2.%s/%s" % (ZONE, NEXT), "WARNING", "cannot be reached")])


def test_ds_and_dnskey(check, names):
    names.sign()
    says(check(), "OK", "%s %s" % (APP, ALL))
    names.parent.change(PARENT, records=delegation(ZONE, names.names, ds=names.ds(ZONE, "RSASHA256")))
    says(check(), "CRITICAL", "no DNSKEY on %s matches the parent's DS" % at(names.ns1), [
        ("zone", "CRITICAL", "no DNSKEY on %s" % at(names.ns3))])


def test_dnssec_expiry(check, names):
    """The worst server counts: a secondary that is stale is not hidden by the others."""
    now = time.time()
    names.sign(inception=now - 20 * DAY, expiry=now + 10 * DAY)
    names.ns2.serve(names.ns2.zones[ZONE].sign(inception=now - 20 * DAY, expiry=now + DAY))
    result = check("--signer-restore", "2d")
    says(result, "CRITICAL", "", [("survival", "CRITICAL", "the signatures hold for ")])
    assert DAY - 60 < result.perfdata["rrsig_min"] <= DAY, result
    says(check("--signer-restore", "12h"), "OK", "%s %s" % (APP, ALL))
    says(check("--at", stamp(now + 2 * DAY)), "CRITICAL", "a signature on %s has expired" % at(names.ns2), [
        ("survival", "CRITICAL", "a signature on %s has expired 1d" % at(names.ns2))])


def test_dnssec_that_begins_later(check, names):
    """The signer's clock is wrong: whoever validates does not take it yet."""
    now = time.time()
    names.sign(inception=now - 3600, expiry=now + 10 * DAY)
    says(check(), "OK", "%s %s" % (APP, ALL))
    names.ns3.serve(names.ns3.zones[ZONE].sign(inception=now + 2 * DAY, expiry=now + 12 * DAY))
    says(check(), "CRITICAL", "a signature on %s begins in " % at(names.ns3), [
        ("survival", "CRITICAL", "a signature on %s begins in " % at(names.ns3))])
    says(check("--at", stamp(now + 3 * DAY)), "OK", "%s %s" % (APP, ALL))


@pytest.mark.parametrize("nsec3", [False, True])
def test_dnssec_validity(check, names, nsec3):
    now = time.time()
    names.sign(inception=now - DAY, expiry=now + 10 * DAY, nsec3=nsec3)
    says(check("--dnssec", name=WWW), "OK", "%s %s" % (WWW, ALL), [(at(names.ns1), "OK", "DNSSEC holds")])
    says(check("--dnssec", "--at", stamp(now + 11 * DAY), name=WWW), "CRITICAL", "", [
        (at(names.ns1), "CRITICAL", "DNSSEC does not hold", "expired")])
    says(check("--dnssec", "--at", stamp(now - 2 * DAY), name=WWW), "CRITICAL", "", [
        (at(names.ns3), "CRITICAL", "DNSSEC does not hold")])
    names.ns3.serve(names.ns3.zones[ZONE].change(signing=None))
    says(check("--dnssec", name=WWW), "CRITICAL", "", [
        (at(names.ns1), "OK", "DNSSEC holds"), (at(names.ns3), "CRITICAL", "DNSSEC does not hold")])


def test_dnssec_at_a_resolver(check, names):
    """It validates by another key: SERVFAIL, but an answer where nothing is checked."""
    names.sign()
    bad = names.unbound("bad", names.stubs(), "127.53.3.9", anchors="%s. IN DS 12345 13 2 %s\n" % (ZONE, "00" * 32))
    bad.start()
    result = check(*resolver(bad))
    says(result, "CRITICAL", "1 of 1 resolvers do not tell: bad: SERVFAIL, but answers with checking disabled", [
        ("bad", "CRITICAL", "DNSSEC does not hold"), (at(names.ns1), "OK", "prod")])


def test_name_server_survival(check, names):
    result = check("--lost", "127.53.1.0/24")
    says(result, "WARNING", "only ns3.%s is left without the lost networks" % ZONE, [
        ("survival", "WARNING", "only")])
    says(check("--lost", "127.53.1.1"), "OK", "%s %s" % (APP, ALL), [
        ("survival", "OK", "2 name servers are left without the lost networks, 1 go")])
    says(check("--lost", "127.0.0.0/8"), "CRITICAL", "no name server is left without the lost networks")
    names.ns3.stop()
    says(check("--lost", "127.53.1.0/24"), "CRITICAL", "no name server is left without the lost networks", [
        ("survival", "CRITICAL", "no name server is left")])


# ---- the verdict ----

def test_exit_codes(check, names):
    says(check(), "OK", "%s %s" % (APP, ALL))
    says(check("--min-servers", "4"), "CRITICAL", "servers: 3 of 3 serve, at least 4 must")
    names.ns3.stop()
    says(check("--min-servers", "2"), "WARNING", "1 of 3 name servers do not serve %s" % APP)
    names.parent.stop()
    says(check(), "UNKNOWN", "cannot learn the name servers of %s" % APP)


def test_expected_by_a_file(check, names, tmp_path):
    """Who is active is said elsewhere: the same check is right after a switch."""
    file = tmp_path / "active"
    file.write_text("prod\n")
    says(check(expect="@%s" % file), "OK", "%s %s" % (APP, ALL))
    names.switch()
    says(check(expect="@%s" % file), "CRITICAL", "3 of 3 send %s to dr, not prod" % APP)
    file.write_text("dr\n")
    says(check(expect="@%s" % file), "OK", "%s leads to dr on all 3 name servers" % APP)
    file.write_text("")
    result = check(expect="@%s" % file)
    assert result.state == "UNKNOWN" and str(file) in result.first, result


def test_switch_window(check, names, tmp_path):
    """One server has it, two are to come: that is a switch, and no alarm until its deadline."""
    options = ("--state-dir", tmp_path, "--switch-window", "10m")
    says(check(*options), "OK", "%s %s" % (APP, ALL))
    names.switch(names.ns1)
    result = check(*options, expect="dr")
    says(result, "WARNING", "1 of 3 lead to dr, the last in ", [
        ("switch", "WARNING", "1 of 3 are there"), (at(names.ns2), "WARNING", "leads to prod, not dr")])
    names.switch(names.ns2, names.ns3)
    says(check(*options, expect="dr"), "OK", "%s leads to dr on all 3 name servers" % APP)


def test_servers_disagree(check, names):
    """Nobody has said which site is right: all must say the same."""
    names.switch(names.ns2)
    says(check(expect=None), "CRITICAL", "servers disagree about %s: 2 of 3 lead to prod, %s to dr" % (
        APP, at(names.ns2)))
    names.switch(names.ns1, names.ns3)
    says(check(expect=None), "OK", "%s leads to dr on all 3 name servers" % APP)
