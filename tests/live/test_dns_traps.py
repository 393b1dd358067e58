# SPDX-License-Identifier: GPL-3.0-or-later
"""Situations in which other checks of DNS say OK to what is wrong, or raise an alarm for what is right: real servers
wherever they can be made to do it, else the stand-in that lies."""

import os
import re
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

from dns_servers import DR, PARENT, PROD, ZONE, Zone, delegation  # noqa: E402
from liar import Liar  # noqa: E402
from postgresql import wait_until  # noqa: E402

APP, WWW = "app." + ZONE, "www." + ZONE
SITES = ("-S", "prod=" + PROD, "-S", "dr=" + DR, "-e", "prod")
NOWHERE = "127.53.255.1"  # nobody listens there
WAIT = ("--wait", "0.3s")


def endpoint(server):
    return ("[%s]:%d" if ":" in server.address else "%s:%d") % (server.address, server.port)


@pytest.fixture
def ask(dns_target, names):
    """ask(name, ...): of ns1 to ns3 alone, or of those given."""
    def run(name, *options, servers=None, sites=SITES):
        given = names.names if servers is None else servers
        words = ["-n", name, *sites, *WAIT, "--search", "given" if given else "none",
                 "--find-by", "%s:%d" % (NOWHERE, names.port)]
        words += ["--zone", ZONE] if given and "--zone" not in options else []
        for server in given:
            words += ["-s", "%s=%s" % (getattr(server, "name", "liar"), endpoint(server))]
        return dns_target(*words, *options)
    return run


@pytest.fixture
def change(names):
    """change(lines): other records on all three servers, beside those that are there."""
    def do(records, servers=None):
        for server in servers or names.names:
            server.change(ZONE, records=records)
    return do


def says(result, state, first, who=None, *words):
    """The state, what the first line begins with, and the words and state of a line."""
    assert result.state == state, result
    assert result.first.startswith("DNS %s - %s" % (state, first)), result
    if who is not None:
        lines = result.about(who)
        assert lines and all(line[0] == state for line in lines), result
        assert all(word in " ".join(line[1] for line in lines) for word in words), result


def lying(names, mode="ok", name=APP, answers=(("A", "192.0.2.20"), ("AAAA", "2001:db8:1::20")), **options):
    records = {(ZONE, "SOA"): [(300, "ns1.%s hostmaster.%s 2026010101 3600 600 604800 60" % (ZONE, ZONE))],
               (ZONE, "NS"): [(300, "%s.%s" % (server.name, ZONE)) for server in names.names]}
    for server in names.names:
        records["%s.%s" % (server.name, ZONE), "A"] = [(300, server.address)]
    for kind, data in answers:
        records.setdefault((name, kind), []).append((60, data))
    return Liar(records, mode, **options)


# ---- D1 to D15 ----

def test_d1_an_address_outside_the_ipv6_network(ask, change):
    """check_dns takes whatever is not IPv4 for zero, which lies in every network of IPv6."""
    change("app6 60 AAAA 2001:db8:1::10")
    result = ask("app6." + ZONE, sites=("-S", "dr=fd00:dead::/32"))
    says(result, "CRITICAL", "ns1 sends people astray from app6.%s: 2001:db8:1::10, which is of no site (and 2 more)" %
         ZONE, "ns3", "leads to 2001:db8:1::10, which is of no site")
    result = ask("app6." + ZONE, sites=("-S", "dr=2001:db8:1::/48"))
    says(result, "OK", "app6.%s leads to dr on all 3 name servers" % ZONE, "ns3", "2001:db8:1::10")


@pytest.mark.parametrize("links", ["loop1 CNAME loop2\nloop2 CNAME loop1", "loop1 CNAME loop1",
                                   "loop1 CNAME loop2\nloop2 CNAME loop3\nloop3 CNAME loop2"])
def test_d2_a_cname_loop(ask, names, change, links):
    change(links)
    result = ask("loop1." + ZONE)
    says(result, "CRITICAL", "ns1 sends nobody to loop1.%s: CNAMEs lead in a circle" % ZONE, "ns1",
         "CNAMEs lead in a circle")
    (state, line), = result.about("ns2")
    assert state == "CRITICAL" and "CNAMEs lead in a circle" in line, result
    (state, line), = result.about("ns3")  # BIND: SERVFAIL in later versions
    assert (state, "SERVFAIL" in line) in (("CRITICAL", False), ("WARNING", True)), result
    for resolver in (names.r1, names.r2):
        result = ask("loop1." + ZONE, "-r", "r=dns://" + endpoint(resolver), servers=())
        says(result, "CRITICAL", "")
        assert re.search("- (r sends nobody to loop1[.]|1 of 1 resolvers do not tell: r: SERVFAIL)", result.first)


def test_d3_no_address_is_not_no_name(ask):
    result = ask("text." + ZONE)
    says(result, "CRITICAL", "ns1 sends nobody to text.%s: no address (and 2 more)" % ZONE, "ns2", "no address")
    assert "NXDOMAIN" not in result.output, result
    result = ask("missing." + ZONE)
    says(result, "CRITICAL", "ns1 sends nobody to missing.%s: NXDOMAIN: the name does not exist (and 2 more)" % ZONE,
         "ns2", "NXDOMAIN: the name does not exist")


@pytest.mark.parametrize("mode", ["subset", "exact", "any", "min=1"])
def test_d4_an_address_that_begins_like_another(ask, change, mode):
    """check_dig looks for the text."""
    change("near 60 A 10.0.0.10")
    result = ask("near." + ZONE, "--set", mode, sites=("-S", "prod=10.0.0.1"))
    says(result, "CRITICAL", "ns1 sends people astray from near.%s: 10.0.0.10, which is of no site" % ZONE, "ns2",
         "leads to 10.0.0.10, which is of no site")
    result = ask("near." + ZONE, "--set", mode, sites=("-S", "prod=10.0.0.10"))
    says(result, "OK", "near.%s leads to prod on all 3 name servers" % ZONE, "ns2", "10.0.0.10")


@pytest.mark.parametrize("target, words", [("gone", "gone.%s does not exist" % ZONE),
                                           ("text", "text.%s has no A record" % ZONE)])
def test_d5_a_cname_to_nothing(ask, names, change, target, words):
    change('dangling 60 CNAME %s\ntext 60 TXT "nothing else"' % target)
    result = ask("dangling." + ZONE)
    says(result, "CRITICAL", "ns1 sends nobody to dangling.%s: leads to a name without address: %s" % (ZONE, words),
         "ns3", "leads to a name without address", words)
    for resolver in (names.r1, names.r2):
        result = ask("dangling." + ZONE, "-r", "r=dns://" + endpoint(resolver), servers=())
        says(result, "CRITICAL", "r sends nobody to dangling.%s: leads to a name without address: %s" % (ZONE, words),
             "r", words)


def test_d6_the_wrong_site_is_critical(ask, names):
    names.switch()
    result = ask(APP)
    says(result, "CRITICAL", "3 of 3 send %s to dr, not prod: ns1, ..." % APP, "ns2",
         "leads to dr, not prod: 198.51.100.20, 2001:db8:2::20")


def test_d6_one_server_at_the_wrong_site_is_critical(ask, names):
    names.switch(names.ns3)
    result = ask(APP)
    says(result, "CRITICAL", "1 of 3 send %s to dr, not prod: ns3" % APP, "ns3", "leads to dr, not prod: 198.51.100.20")
    assert [state for state, _ in result.about("ns1") + result.about("ns2")] == ["OK", "OK"], result


def test_d7_a_dead_server_alone(ask, names):
    names.ns1.stop()
    result = ask(APP, servers=(names.ns1,))
    says(result, "CRITICAL", "0 of 1 name servers serve %s, at least 1 must: ns1: cannot be reached" % APP, "servers",
         "0 of 1 serve, at least 1 must")


def test_d7_a_dead_server_beside_others(ask, names):
    """Whoever asks goes on to the next one: that is what several are for."""
    names.ns1.stop()
    result = ask(APP)
    says(result, "WARNING", "1 of 3 name servers do not serve %s: ns1: cannot be reached" % APP, "ns1",
         "cannot be reached: connection refused")
    result = ask(APP, "--min-servers", "3")
    says(result, "CRITICAL", "2 of 3 name servers serve %s, at least 3 must: ns1: cannot be reached" % APP, "servers")


def test_d7_a_dead_resolver(ask, names):
    """Nothing else is asked in its place."""
    resolver = names.r1
    where = endpoint(resolver)
    resolver.stop()
    result = ask(APP, "-r", "r1=dns://" + where, servers=())
    says(result, "CRITICAL", "1 of 1 resolvers do not tell: r1: cannot be reached: connection refused", "r1",
         "cannot be reached")


@pytest.mark.parametrize("udp_size", ["512", "1232", "0"])
def test_d8_the_whole_answer_counts(ask, change, udp_size):
    """Too large for UDP: the one address of the other site is seen over TCP alone. BIND takes 100."""
    many = "".join("many 60 A 192.0.2.%d\n" % number for number in range(1, 100))
    change(many)
    result = ask("many." + ZONE, "--udp-size", udp_size)
    says(result, "OK", "many.%s leads to prod on all 3 name servers" % ZONE, "ns2", "and 95 more")
    change(many + "many 60 A 198.51.100.1\n")
    result = ask("many." + ZONE, "--udp-size", udp_size)
    says(result, "CRITICAL", "ns1 mixes sites for many.%s: " % ZONE, "ns3", "mixes sites")


def test_d8_without_tcp_it_is_no_answer(ask, names):
    with lying(names, "tc+tcp-reset") as server:
        result = ask(APP, servers=(names.ns1, server))
    says(result, "CRITICAL", "1 of 2 name servers do not serve %s: liar: truncated, and TCP does not work" % APP,
         "liar", "over TCP: connection reset")


def test_d9_a_lame_server(ask, names):
    """It refers to the others: it has the zone above alone."""
    names.ns3.remove(ZONE)
    names.ns3.serve(Zone(PARENT, delegation(ZONE, (names.ns1, names.ns2)), (names.ns3,)))
    result = ask(APP)
    says(result, "WARNING", "1 of 3 name servers do not serve %s: ns3: lame: refers to other servers" % APP, "ns3",
         "refers to the servers of %s: ns1.%s" % (ZONE, ZONE))
    result = ask(APP, servers=(names.ns3,))
    says(result, "CRITICAL", "0 of 1 name servers serve %s, at least 1 must: ns3: lame" % APP, "servers")


def test_d9_an_upward_referral(ask, names):
    names.ns3.remove(ZONE)
    names.ns3.serve(Zone("", delegation(PARENT, (names.parent,)), (names.ns3,)))
    result = ask(APP)
    says(result, "WARNING", "1 of 3 name servers do not serve %s: ns3: upward referral" % APP, "ns3",
         "knows nothing of the zone")


def test_d9_an_empty_answer(ask, names):
    with lying(names, "empty") as server:
        result = ask(APP, servers=(names.ns1, server))
    says(result, "CRITICAL", "liar sends nobody to %s: an empty answer, without the SOA record that it owes" % APP,
         "liar", "an empty answer")


def test_d9_without_authority(ask, names):
    """A resolver in the place of a name server: its answer is right, and as old as its cache."""
    result = ask(APP, "--tries", "1", servers=(names.ns1, names.r1))
    says(result, "WARNING", "1 of 2 name servers do not serve %s: r1: " % APP, "r1")
    with lying(names, "noaa") as server:
        result = ask(APP, servers=(names.ns1, server))
        says(result, "WARNING", "1 of 2 name servers do not serve %s: liar: answers without authority (AA)" % APP,
             "liar")
        result = ask(APP, servers=(server,))
        says(result, "CRITICAL", "0 of 1 name servers serve %s, at least 1 must: liar: answers without authority" % APP,
             "servers")


def test_d9_without_authority_and_elsewhere(ask, names):
    """Many resolvers take such an answer: people are sent there."""
    answers = (("A", "198.51.100.20"), ("AAAA", "2001:db8:2::20"))
    with lying(names, "noaa", answers=answers) as server:
        result = ask(APP, servers=(names.ns1, names.ns2, server))
    says(result, "CRITICAL", "1 of 3 send %s to dr, not prod: liar" % APP, "liar",
         "leads to dr, not prod: 198.51.100.20, without authority (AA)")


@pytest.mark.parametrize("mode, dropped", [("badq", True), ("badid", True), ("othersrc", False)])
@pytest.mark.parametrize("recursive", [False, True])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_d10_d13_a_reply_to_another_question(ask, names, mode, dropped, recursive, address):
    """An answer that is not ours, or from elsewhere, is none."""
    with lying(names, mode, recursive=recursive, address=address) as server:
        if recursive:
            result = ask(APP, "-r", "liar=dns://" + server.endpoint, servers=())
        else:
            result = ask(APP, servers=(server,))
        assert len(server.asked(APP, "A", "udp")) == 2
    words = "no reply in 0.6 s" + (", 2 to other questions dropped" if dropped else "")
    first = "1 of 1 resolvers do not tell" if recursive else "0 of 1 name servers serve %s, at least 1 must" % APP
    says(result, "CRITICAL", "%s: liar: %s" % (first, words))
    (state, line), = result.about("liar")
    assert state == ("CRITICAL" if recursive else "WARNING") and words in line, result


def test_d11_a_cname_is_no_fault(ask, names):
    """A chain beside the address is what there should be."""
    result = ask(WWW, "--set", "exact", "--via", "lb-prod." + ZONE, "-r", "r1=dns://" + endpoint(names.r1),
                 "-r", "r2=dns://" + endpoint(names.r2), "--type", "a,aaaa",
                 sites=("-S", "prod=192.0.2.10,2001:db8:1::10"))
    says(result, "OK", "%s leads to prod on all 3 name servers and 2 resolvers" % WWW, "r2",
         "A 192.0.2.10, AAAA 2001:db8:1::10")


@pytest.mark.parametrize("recursive", [False, True])
def test_d12_a_packet_that_is_lost(ask, names, recursive):
    """The first question is lost, not the second."""
    with lying(names, "drop1", recursive=recursive) as server:
        if recursive:
            result = ask(APP, "-r", "liar=dns://" + server.endpoint, "--tries", "8", servers=())
        else:
            result = ask(APP, "--tries", "8", servers=(server,))
        assert len(server.asked(APP, "A", "udp")) > 1
    says(result, "OK", "%s leads to prod on the %s" % (APP, "resolver" if recursive else "name server"), "liar",
         "A 192.0.2.20", "AAAA 2001:db8:1::20")


@pytest.mark.parametrize("resolver", ["r1", "r2"])
def test_d14_the_old_answer_of_a_dead_zone(ask, names, resolver):
    """Its TTL has run out, and it says 30 s each time (Unbound 1.26: no more than it was). A resolver without extended
    errors says nothing of that: then no more is asked for than that we are told what it tells."""
    server = getattr(names, resolver)
    for name_server in names.names:
        name_server.change(ZONE, records="old 1 A 192.0.2.40\nold 1 AAAA 2001:db8:1::40")
    server.serve_stale()
    for kind in ("A", "AAAA"):
        assert server.ask("old." + ZONE, kind).addresses
    for name_server in names.names:
        name_server.stop()

    def is_old():
        replies = [server.ask("old." + ZONE, kind) for kind in ("A", "AAAA")]
        return all(reply.errors == [3] if server.says_stale() else reply.ttl == 30 for reply in replies)
    wait_until(is_old, "answers that are too old")
    result = ask("old." + ZONE, "-r", "%s=dns://%s" % (resolver, endpoint(server)), "--wait", "2s", servers=())
    if server.says_stale():
        says(result, "WARNING", "%s: a stale answer, EDE 3 (stale answer)" % resolver, resolver,
             "it cannot ask the zone's servers", "A 192.0.2.40, AAAA 2001:db8:1::40")
    else:
        says(result, "OK", "old.%s leads to prod on the resolver" % ZONE, resolver, "TTL 30 s")


def test_d15_a_zone_that_a_resolver_has_by_itself(ask, names):
    """`test.` is answered by Unbound itself: who asks it is told that there is none; the zone's servers are right."""
    zone = "dr.test"
    for server in names.names:
        server.serve(Zone(zone, "app 60 A 192.0.2.20", names.names))
    result = ask("app." + zone, "--zone", zone)
    says(result, "OK", "app.%s leads to prod on all 3 name servers" % zone, "ns2", "192.0.2.20")
    result = ask("app." + zone, "--zone", zone, "-r", "r1=dns://" + endpoint(names.r1))
    says(result, "CRITICAL", "r1 sends nobody to app.%s: NXDOMAIN: the name does not exist" % zone, "r1", "NXDOMAIN")


# ---- what users of other checks have complained of ----

def test_each_of_several_answers_counts(ask, change):
    """Not the last line alone, not the first."""
    for records in ("app 60 A 198.51.100.1\napp 60 A 192.0.2.1\napp 60 A 192.0.2.2",
                    "app 60 A 192.0.2.1\napp 60 A 198.51.100.1\napp 60 A 192.0.2.2",
                    "app 60 A 192.0.2.1\napp 60 A 192.0.2.2\napp 60 A 198.51.100.1"):
        change(records)
        says(ask(APP), "CRITICAL", "ns1 mixes sites for %s: " % APP, "ns2", "mixes sites", "198.51.100.1")


def test_the_order_of_answers_does_not_count(ask, change):
    change("app 60 A 192.0.2.3\napp 60 A 192.0.2.1\napp 60 A 192.0.2.2")
    for sites in ("192.0.2.1,192.0.2.2,192.0.2.3", "192.0.2.2,192.0.2.3,192.0.2.1"):
        result = ask(APP, "--set", "exact", sites=("-S", "prod=" + sites))
        says(result, "OK", "%s leads to prod on all 3 name servers" % APP, "ns3", "192.0.2.1")


def test_an_ipv6_address_has_many_spellings(ask, change):
    change("app 60 AAAA 2001:db8:0:0:0:0:0:1")
    for text in ("2001:db8::1", "2001:0DB8:0::0:1", "2001:db8:0:0:0:0:0.0.0.1"):
        result = ask(APP, "--set", "exact", sites=("-S", "prod=" + text))
        says(result, "OK", "%s leads to prod on all 3 name servers" % APP, "ns1", "2001:db8::1")


def test_a_cname_alone_is_no_address(ask, change):
    """To a name of IPv4 alone: of the other family there is none."""
    change("www 60 CNAME v4\nv4 60 A 192.0.2.30")
    result = ask(WWW, "--type", "a,aaaa")
    says(result, "CRITICAL", "ns1: no AAAA record", "ns1", "no AAAA record", "192.0.2.30")
    says(ask(WWW), "OK", "%s leads to prod on all 3 name servers" % WWW, "ns1", "192.0.2.30")
    says(ask(WWW, "--type", "aaaa"), "CRITICAL", "ns1: ", "ns1", "no AAAA record")


def test_new_addresses_of_ipv6_are_told_apart(ask, names):
    """Where IPv4 alone is the plan, an AAAA is one too many, and no reason for an alarm in the night."""
    result = ask(APP, "--type", "a")
    says(result, "WARNING", "ns1: has an AAAA record, which --type excludes: 2001:db8:1::20", "ns2",
         "which --type excludes")


@pytest.mark.parametrize("section", ["aside", "above"])
@pytest.mark.parametrize("recursive", [False, True])
def test_addresses_of_other_sections_are_no_answer(ask, names, section, recursive):
    """They stand in the authority or additional section."""
    with lying(names, section, recursive=recursive) as server:
        if recursive:
            result = ask(APP, "-r", "liar=dns://" + server.endpoint, servers=())
        else:
            result = ask(APP, servers=(names.ns1, server))
    says(result, "CRITICAL", "liar sends nobody to %s: " % APP, "liar")


def test_serials_that_are_no_numbers_of_changes(ask, names):
    """Two providers of one zone never agree in it: it is told, and no fault unless it is made one."""
    names.ns2.change(ZONE, serial=1)
    result = ask(APP)
    says(result, "OK", "%s leads to prod on all 3 name servers" % APP, "ns2", "serial 1")
    says(ask(APP, "-c", "serial_lag=0"), "CRITICAL", "", "zone", "serials behind")
