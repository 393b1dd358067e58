# SPDX-License-Identifier: GPL-3.0-or-later
"""check_dns_target and the day on which a site is lost: are name servers left, do zone and signatures live for long
enough, are the names to switch to there, and would a switch be through in time. Real servers, really signed zones."""

import copy
import datetime
import os
import re
import time

import pytest

from dns_servers import DR, PARENT, PROD, RECORDS, ZONE, Zone, delegation

APP = "app." + ZONE
WWW = "www." + ZONE
SITES = ("-S", "prod=" + PROD, "-S", "dr=" + DR)
NOWHERE = "127.53.255.1"  # nobody listens there
HERE = os.path.dirname(os.path.abspath(__file__))
RANGES = os.path.join(HERE, os.pardir, os.pardir, "contrib", "ranges", "cloudflare.txt")
DAY = 86400
# Signed zones of a day that does not come again.
BEGIN = 1893456000  # 2030-01-01T00:00:00Z
END = BEGIN + 30 * DAY


def place(server):
    return "%s:%d" % (server.address, server.port)


def label(server):
    return "%s.%s/%s" % (server.name, ZONE, server.address)


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@pytest.fixture
def ask(dns_target, names):
    """ask(*arguments): the zone is found by its parent; the site is prod."""
    def run(*arguments, name=APP, sites=SITES + ("-e", "prod")):
        return dns_target("-n", name, *sites, "-P", names.port, "--wait", "1s", "--parent", place(names.parent),
                          "--find-by", "%s:%d" % (NOWHERE, names.port), *arguments)
    return run


def line_of(result, subject):
    """(state, text) of the one line of that subject."""
    found = [finding for finding in result.findings if finding[1].startswith(subject + ": ")]
    assert len(found) == 1, "%d lines of %s in\n%s" % (len(found), subject, result)
    return found[0]


def expect(result, state, first, lines=None):
    """The state, a part of the first line, and of the lines of some: {subject: (state, words)}."""
    assert result.state == state and first in result.first, result
    for subject, (line_state, words) in (lines or {}).items():
        found = line_of(result, subject)
        assert found[0] == line_state and words in found[1], result


def publish(names, records, servers=None, **fields):
    for server in servers or names.names:
        server.change(ZONE, records=records, **fields)


# ---- who is left ----

@pytest.mark.parametrize("lost, state, first, words, left", (
    (["127.53.1.1/32"], "OK", "leads to prod", "2 name servers are left without the lost networks, 1 go", 2),
    (["127.53.1.0/24"], "WARNING", "only ns3.%s is left" % ZONE, "only ns3", 1),
    (["127.53.1.0/24", "127.0.0.1"], "CRITICAL", "no name server is left", "no name server is left", 0),
    (["127.0.0.0/8"], "CRITICAL", "no name server is left", "no name server is left", 0),
    (["192.0.2.0/24"], "OK", "leads to prod", "3 name servers are left without the lost networks, 0 go", 3),
))
def test_lost(ask, lost, state, first, words, left):
    result = ask(*(word for network in lost for word in ("--lost", network)))
    expect(result, state, first, {"survival": (state, words)})
    assert result.perfdata["ns_left"] == left, result


def test_lost_and_one_is_dead_already(ask, names):
    """Who does not serve now is not what is left then."""
    names.ns3.stop()
    result = ask("--lost", "127.53.1.1")
    expect(result, "WARNING", "1 of 3 name servers do not serve %s: %s" % (APP, label(names.ns3)), {
        label(names.ns3): ("WARNING", "cannot be reached"), "survival": ("WARNING", "only ns2.%s is left" % ZONE)})
    assert result.perfdata["ns_left"] == 1, result
    expect(ask("--lost", "127.53.1.0/24"), "CRITICAL", "no name server is left")


def test_two_addresses_are_one_server(ask, names):
    """Both go with the machine."""
    both = names.knot("ns4", "127.53.7.1", "127.53.7.2")
    names.parent.change(PARENT, records=delegation(ZONE, (names.ns1, both)))
    both.serve(names.ns1.zones[ZONE]).start()
    for server in (names.ns1, both):
        server.change(ZONE, servers=(names.ns1, both))
    result = ask("--lost", "127.53.1.1")
    expect(result, "WARNING", "only ns4.%s is left without the lost networks" % ZONE)
    assert result.perfdata["ns_left"] == 1 and result.perfdata["servers"] == 3, result
    # One of its networks goes, the other stays: so does the server.
    result = ask("--lost", "127.53.7.1")
    expect(result, "OK", "leads to prod",
           {"survival": ("OK", "2 name servers are left without the lost networks, 0 go")})


@pytest.mark.parametrize("outage, state, words", (
    ("5d", "OK", "without its primary the zone lives for 7d"),
    ("6d", "WARNING", "without its primary the zone lives for 7d"),
    ("8d", "CRITICAL", "without its primary the zone lives for 7d"),
))
def test_outage(ask, outage, state, words):
    result = ask("--outage", outage)
    expect(result, state, "leads to prod" if state == "OK" else words, {"survival": (state, words)})
    assert result.perfdata["soa_expire"] == 7 * DAY, result


def test_outage_of_the_server_that_expires_first(ask, names):
    names.ns2.change(ZONE, expire=DAY)
    expect(ask("--outage", "3d"), "CRITICAL", "without its primary the zone lives for 1d")


# ---- signatures ----

@pytest.mark.parametrize("at, restore, state, words", (
    (END - 10 * DAY, "2d", "OK", "the signatures hold for 10d"),
    (END - 2.2 * DAY, "2d", "WARNING", "the signatures hold for 2d"),
    (END - 1.5 * DAY, "2d", "CRITICAL", "the signatures hold for 1d"),
    (END + 1 * DAY, "2d", "CRITICAL", "has expired 1d"),
))
def test_signer_restore(ask, names, at, restore, state, words):
    names.sign(inception=BEGIN, expiry=END)
    result = ask("--signer-restore", restore, "--at", moment(at))
    expect(result, state, "leads to prod" if state == "OK" else words, {"survival": (state, words)})
    assert abs(result.perfdata["rrsig_min"] - (END - at)) < 2, result


def test_signatures_that_nobody_renews(ask, names):
    """Without a limit a tenth of their life is one, and three days are."""
    names.sign(inception=BEGIN, expiry=END)
    expect(ask("--at", moment(END - 4 * DAY)), "OK", "leads to prod")
    expect(ask("--at", moment(END - 2 * DAY)), "WARNING", "hold for 2d more, of 30d: nobody renews them")


def test_signer_restore_without_signatures(ask):
    """What was not seen is not fine."""
    expect(ask("--signer-restore", "2d"), "UNKNOWN", "no server gives a signature")


def test_expiry_on_one_secondary(ask, names):
    """It is not hidden by those that are well; all others hold."""
    names.sign(inception=BEGIN, expiry=END)
    names.ns2.serve(names.ns2.zones[ZONE].sign(inception=BEGIN - 40 * DAY, expiry=BEGIN + DAY))
    result = ask("--dnssec", "--signer-restore", "2d", "--at", moment(BEGIN + 2 * DAY))
    expect(result, "CRITICAL", label(names.ns2), {
        label(names.ns2): ("CRITICAL", "DNSSEC does not hold"),
        "survival": ("CRITICAL", "on %s has expired" % label(names.ns2)),
        label(names.ns1): ("OK", "DNSSEC holds"), label(names.ns3): ("OK", "DNSSEC holds")})


@pytest.mark.parametrize("algorithm", ("ECDSAP256SHA256", "RSASHA256", "ED25519"))
@pytest.mark.parametrize("nsec3", (False, True))
def test_dnssec(ask, names, nsec3, algorithm):
    """Knot, NSD and BIND; addresses, the link before them, and the denial of AAAA."""
    names.sign(inception=BEGIN, expiry=END, nsec3=nsec3, algorithm=algorithm)
    for name in (APP, WWW, "v4." + ZONE):
        result = ask("--dnssec", "--at", moment(BEGIN + DAY), name=name)
        expect(result, "OK", "%s leads to prod on all 3 name servers" % name,
               {label(server): ("OK", "DNSSEC holds") for server in names.names})


@pytest.mark.parametrize("nsec3", (False, True))
@pytest.mark.parametrize("at, words", (
    (BEGIN - DAY, "is not yet valid: it begins in 1d"), (END + DAY, "expired 1d ago"),
))
def test_dnssec_at_the_wrong_time(ask, names, nsec3, at, words):
    names.sign(inception=BEGIN, expiry=END, nsec3=nsec3)
    result = ask("--dnssec", "--at", moment(at))
    expect(result, "CRITICAL", words if at < END else "expired",
           {label(server): ("CRITICAL", "DNSSEC does not hold") for server in names.names})
    assert all(words in line_of(result, label(server))[1] for server in names.names), result


@pytest.mark.parametrize("nsec3", (False, True))
def test_dnssec_of_a_wildcard(ask, names, nsec3):
    publish(names, RECORDS + "*.wild 60 A 192.0.2.40\n*.wild 60 AAAA 2001:db8:1::40\n")
    names.sign(inception=BEGIN, expiry=END, nsec3=nsec3)
    result = ask("--dnssec", "--at", moment(BEGIN + DAY), name="any.wild." + ZONE)
    expect(result, "OK", "leads to prod on all 3 name servers",
           {label(server): ("OK", "DNSSEC holds, a wildcard answers, the name has no record of its own")
            for server in names.names})
    result = ask("--dnssec", "--own-record", "--at", moment(BEGIN + DAY), name="any.wild." + ZONE)
    expect(result, "WARNING", "a wildcard answers", {label(names.ns1): ("WARNING", "a wildcard answers")})


def test_dnssec_of_a_wildcard_with_opt_out(ask, names):
    """Resolvers that validate take it, and leave AD out (RFC 5155, 9.2)."""
    publish(names, RECORDS + "*.wild 60 A 192.0.2.40\n")
    names.sign(opt_out=True)
    result = ask("--dnssec", name="any.wild." + ZONE)
    expect(result, "OK", "leads to prod on all 3 name servers",
           {label(server): ("OK", "DNSSEC holds (opt-out), a wildcard answers") for server in names.names})
    for resolver in (names.r1, names.r2):
        resolver.set(anchors=names.ds(ZONE))
        assert resolver.ask("www." + ZONE, dnssec=True).authentic
        reply = resolver.ask("any.wild." + ZONE, dnssec=True)
        assert reply.addresses == ["192.0.2.40"] and not reply.authentic, reply


def test_dnssec_of_a_name_that_is_not_there(ask, names):
    names.sign(inception=BEGIN, expiry=END)
    expect(ask("--dnssec", "--at", moment(BEGIN + DAY), name="gone." + ZONE), "CRITICAL", "NXDOMAIN")


def test_another_key_on_one_server(ask, names):
    """It signs by itself, with a key that the parent knows nothing of."""
    names.sign(inception=BEGIN, expiry=END)
    names.ns3.serve(names.ns3.zones[ZONE].sign(inception=BEGIN, expiry=END, algorithm="RSASHA256"))
    result = ask("--dnssec", "--at", moment(BEGIN + DAY))
    expect(result, "CRITICAL", label(names.ns3), {
        label(names.ns3): ("CRITICAL", "DNSSEC does not hold"), label(names.ns1): ("OK", "DNSSEC holds"),
        "zone": ("CRITICAL", "no DNSKEY on %s matches the parent's DS" % label(names.ns3))})


def test_no_signature_on_one_server(ask, names):
    """A copy from before the zone was signed."""
    names.sign(inception=BEGIN, expiry=END, servers=(names.ns1, names.ns3))
    result = ask("--dnssec", "--at", moment(BEGIN + DAY))
    expect(result, "CRITICAL", label(names.ns2), {
        label(names.ns2): ("CRITICAL", "DNSSEC does not hold"), label(names.ns1): ("OK", "DNSSEC holds")})


class Tampered(Zone):
    """One whose file is changed after it was signed: `edit` is a function of its text."""

    def write(self, lab, path, mark):
        super().write(lab, path, mark)
        status = os.stat(path)
        with open(path) as file:
            text = file.read()
        changed = self.edit(text)
        assert changed != text, text
        with open(path, "w") as file:
            file.write(changed)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def tamper(server, edit):
    zone = copy.copy(server.zones[ZONE])
    zone.__class__, zone.edit = Tampered, edit
    server.serve(zone)


def without_signature(kind):
    """The lines of a zone file but for the signature of that record of APP."""
    signature = re.compile(r"^%s\.\s+\d+\s+IN\s+RRSIG\s+%s\s.*\n" % (re.escape(APP), kind), re.MULTILINE)
    return lambda text: signature.sub("", text)


@pytest.mark.parametrize("edit", (
    without_signature("A"), without_signature("AAAA"),
    lambda text: text.replace("192.0.2.20", "192.0.2.66"),
    lambda text: text.replace("2001:db8:1::20", "2001:db8:1::66"),
), ids=("no signature of A", "no signature of AAAA", "another A", "another AAAA"))
@pytest.mark.parametrize("name", ("ns1", "ns2"))
def test_one_record_on_one_server(ask, names, name, edit):
    """All addresses are of the right site, and all others hold: resolvers take nothing of it nevertheless."""
    names.sign(inception=BEGIN, expiry=END)
    server = getattr(names, name)
    tamper(server, edit)
    result = ask("--dnssec", "--at", moment(BEGIN + DAY))
    expect(result, "CRITICAL", "%s: DNSSEC does not hold" % label(server), {
        label(each): ("CRITICAL", "DNSSEC does not hold") if each is server else ("OK", "DNSSEC holds")
        for each in names.names})
    expect(ask("--at", moment(BEGIN + DAY)), "OK", "leads to prod")


def test_a_standby_that_does_not_hold(ask, names):
    """It is there and leads to the right site; on the day nobody who validates would get there."""
    names.sign(inception=BEGIN, expiry=END)
    arguments = ("--standby", "dr=lb-dr." + ZONE, "--dnssec", "--at", moment(BEGIN + DAY))
    expect(ask(*arguments), "OK", "leads to prod", {"lb-dr." + ZONE: ("OK", "leads to dr on 3 servers")})
    tamper(names.ns2, lambda text: text.replace("198.51.100.10", "198.51.100.66"))
    expect(ask(*arguments), "CRITICAL", "lb-dr.%s, the name to switch to, " % ZONE, {
        "lb-dr." + ZONE: ("CRITICAL", "%s: A: DNSSEC does not hold" % label(names.ns2)),
        label(names.ns2): ("OK", "prod")})


def test_a_ds_of_another_key(ask, names):
    names.sign(inception=BEGIN, expiry=END, ds=False)
    names.parent.change(PARENT, records=delegation(ZONE, names.names, ds=names.ds(ZONE, "RSASHA256")))
    # Without --dnssec as well: whoever validates sees nothing of the zone.
    result = ask("--at", moment(BEGIN + DAY))
    expect(result, "CRITICAL", "matches the parent's DS", {"zone": ("CRITICAL", "matches the parent's DS")})
    result = ask("--at", moment(BEGIN + DAY), "--dnssec")
    expect(result, "CRITICAL", "DS", {
        "zone": ("CRITICAL", "matches the parent's DS"), label(names.ns1): ("CRITICAL", "DNSSEC does not hold")})


def test_unsigned(ask, names):
    """Nothing is promised, which --dnssec does not take for good."""
    result = ask("--dnssec")
    expect(result, "WARNING", "not secured by DNSSEC",
           {label(server): ("WARNING", "not secured by DNSSEC") for server in names.names})
    expect(ask(), "OK", "leads to prod")


def test_signed_without_ds(ask, names):
    names.sign(inception=BEGIN, expiry=END, ds=False)
    expect(ask("--dnssec", "--at", moment(BEGIN + DAY)), "WARNING", "not secured by DNSSEC")


@pytest.mark.parametrize("kind", ("ds", "dnskey"))
def test_trust_anchor(ask, names, tmp_path, kind):
    names.sign(inception=BEGIN, expiry=END, ds=False)
    anchor = tmp_path / "anchor"

    def write(algorithm):
        if kind == "ds":
            text = names.ds(ZONE, algorithm)
        else:
            with open(names.keys(ZONE, algorithm)[0] + ".key") as file:
                text = file.read()
        anchor.write_text("; of the zone\n" + text)
    arguments = ("--dnssec", "--trust-anchor", anchor, "--at", moment(BEGIN + DAY))
    write("ECDSAP256SHA256")
    expect(ask(*arguments), "OK", "leads to prod", {label(names.ns1): ("OK", "DNSSEC holds")})
    write("RSASHA256")
    expect(ask(*arguments), "CRITICAL", "DNSSEC does not hold",
           {label(server): ("CRITICAL", "DNSSEC does not hold") for server in names.names})


@pytest.mark.parametrize("text", (None, "", "; nothing\n", "shop.dr-lab.example. IN A 192.0.2.1\n", "nonsense\n",
                                  "elsewhere.example. IN DS 12345 13 2 " + "00" * 32 + "\n"))
def test_bad_trust_anchor(ask, tmp_path, text):
    anchor = tmp_path / "anchor"
    if text is not None:
        anchor.write_text(text)
    result = ask("--dnssec", "--trust-anchor", anchor)
    assert result.state == "UNKNOWN" and str(anchor) in result.first, result


# ---- names to switch to ----

def test_standby(ask, names):
    result = ask("--standby", "dr=lb-dr." + ZONE)
    expect(result, "OK", "leads to prod", {"lb-dr." + ZONE: ("OK", "is there and leads to dr on 3 servers")})


def test_standby_is_missing_on_one_server(ask, names):
    """The time until it would be seen counts as well: "there is none" is kept."""
    names.ns2.change(ZONE, minimum=900, ttl=900,
                     records="\n".join(line for line in RECORDS.splitlines() if not line.startswith("lb-dr")))
    result = ask("--standby", "dr=lb-dr." + ZONE, "--rto", "10m")
    assert result.state == "CRITICAL", result
    expect(result, "CRITICAL", "lb-dr.", {"lb-dr." + ZONE: ("CRITICAL", label(names.ns2) + ": is not there")})
    assert result.perfdata["negative_ttl"] == 900, result
    state, text = line_of(result, "time")
    assert state == "CRITICAL" and '15m: "there is none" of a name to switch to' in text, result


def test_standby_leads_elsewhere(ask, names):
    result = ask("--standby", "dr=lb-prod." + ZONE)
    expect(result, "CRITICAL", "lb-prod.%s, the name to switch to, leads elsewhere" % ZONE,
           {"lb-prod." + ZONE: ("CRITICAL", "%s: leads to 2001:db8:1::10, not to dr" % label(names.ns1))})


@pytest.mark.parametrize("record, state", (("", "WARNING"), ("app-dr 60 A 198.51.100.11\n", "OK"),
                                           ("app-dr 60 A 198.51.100.10\n", "WARNING")))
def test_standby_by_a_wildcard(ask, names, record, state):
    """Whatever one asks for is there: that this name is, is not seen."""
    publish(names, RECORDS + "* 60 A 198.51.100.10\n" + record)
    standby = "app-dr." + ZONE
    result = ask("--standby", "dr=" + standby, "--own-record")
    expect(result, state, "leads to prod" if state == "OK" else standby,
           {standby: (state, "leads to dr on 3" if state == "OK" else "a wildcard would answer the same")})
    expect(ask("--standby", "dr=" + standby), "OK", "leads to prod", {standby: ("OK", "leads to dr on 3 servers")})
    # Of a name elsewhere the wildcard says nothing.
    publish(names, RECORDS + "* 60 A 198.51.100.10\nb.a 60 A 198.51.100.10\n")
    expect(ask("--standby", "dr=b.a." + ZONE, "--own-record"), "OK", "leads to prod")


def test_standby_of_no_site(ask, names):
    publish(names, RECORDS + "lost 60 A 203.0.113.1\n")
    expect(ask("--standby", "dr=lost." + ZONE), "CRITICAL", "leads elsewhere",
           {"lost." + ZONE: ("CRITICAL", "203.0.113.1, which is of no site")})


def test_standby_in_another_zone(dns_target, names):
    """A resolver is asked for it; without one nobody knows."""
    names.parent.change(PARENT, records=delegation(ZONE, names.names) + "lb 60 A 198.51.100.9")
    words = ["-n", APP, *SITES, "-e", "prod", "-P", names.port, "--parent", place(names.parent), "--wait", "1s",
             "--standby", "dr=lb." + PARENT, "--find-by"]
    expect(dns_target(*words, place(names.r2)), "OK", "leads to prod",
           {"lb." + PARENT: ("OK", "is there and leads to dr")})
    result = dns_target(*words, "%s:%d" % (NOWHERE, names.port))
    expect(result, "UNKNOWN", "lb.%s, the name to switch to, is not known to be there" % PARENT)


@pytest.mark.parametrize("record, state", (("v4", "OK"), ("unmade", "WARNING")))
def test_own_record(ask, names, record, state):
    """A name that is not there is answered by the wildcard, as one that was removed would be."""
    publish(names, RECORDS + "* 60 A 192.0.2.50\n")
    result = ask("--own-record", name="%s.%s" % (record, ZONE))
    expect(result, state, "a wildcard would answer the same" if state == "WARNING" else "leads to prod",
           {label(names.ns1): (state, "prod")})


# ---- how long ----

@pytest.mark.parametrize("rto, lead, state", (
    ("10m", "0s", "OK"), ("10m", "7m30s", "WARNING"), ("10m", "9m30s", "CRITICAL"),
))
def test_rto(ask, rto, lead, state):
    result = ask("--rto", rto, "--lead-time", lead)
    expect(result, state, "a switch would take ", {"time": (state, "would take")})
    assert result.perfdata["switch_time"] == {"0s": 60, "7m30s": 510, "9m30s": 630}[lead], result


def test_the_link_that_takes_longest(ask, names):
    """The CNAME is what is changed, and what is kept."""
    publish(names, RECORDS.replace("www     60 CNAME", "www     3600 CNAME"), servers=(names.ns2,))
    result = ask("--rto", "15m", name=WWW)
    words = "a switch would take 1h, the RTO is 15m: 1h, TTL of %s CNAME on %s" % (WWW, label(names.ns2))
    expect(result, "CRITICAL", words, {"time": ("CRITICAL", "TTL of %s CNAME" % WWW)})
    assert result.perfdata["ttl_max"] == 3600 and "lower the TTL of %s CNAME" % WWW in result.output, result


def test_redelegate(ask, names):
    """Where the plan is another set of name servers, NS records count: the parent's too."""
    publish(names, RECORDS, ttl=600)
    result = ask("--rto", "15m")
    assert result.state == "OK" and result.perfdata["ttl_max"] == 60, result
    result = ask("--rto", "15m", "--redelegate")
    assert result.state == "OK" and result.perfdata["ttl_max"] == 600, result
    names.parent.change(PARENT, records=delegation(ZONE, names.names, ttl=7200))
    result = ask("--rto", "15m", "--redelegate")
    expect(result, "CRITICAL", "a switch would take 2h, the RTO is 15m: 2h, TTL of the NS records in the parent zone")
    assert ask("--rto", "15m").state == "OK"


@pytest.mark.parametrize("name", ("r1", "r2"))
def test_clamped(ask, names, name):
    """The cache keeps it for longer than the zone says, and so for longer than the plan has. """
    resolver = getattr(names, name)
    resolver.clamp(80)
    rto = ("--rto", "70s")
    assert ask(*rto).state == "WARNING"  # 60 s are more than 80 % of it
    result = ask(*rto, "-r", "%s=%s" % (name, place(resolver)))
    expect(result, "CRITICAL", "the RTO is 1m10s: 1m20s, in the cache of " + name,
           {name: ("WARNING", "keeps it for 1m20s, the zone says 1m")})
    assert "cache-min-ttl" in result.output, result


@pytest.mark.parametrize("limit, state", (("ttl_min=60:", "OK"), ("ttl_min=5m:", "WARNING")))
def test_a_ttl_that_was_lowered_for_a_drill(ask, limit, state):
    result = ask("-w", limit)
    expect(result, state, "leads to prod" if state == "OK" else "the least TTL", {})
    assert result.perfdata["ttl_min"] == 60, result


@pytest.mark.parametrize("lag, state", ((0, "OK"), (2, "OK"), (5, "WARNING"), (20, "CRITICAL")))
def test_serial_lag(ask, names, lag, state):
    names.ns1.change(ZONE, serial=2026010101 + lag)
    result = ask("-w", "serial_lag=3", "-c", "serial_lag=10")
    expect(result, state, "leads to prod" if state == "OK" else "is %d serials behind %s" % (lag, label(names.ns1)))
    assert result.perfdata["serial_lag"] == lag, result


def test_serial_lag_around_the_end(ask, names):
    """RFC 1982: 4294967295 is before 1."""
    for server, serial in zip(names.names, (1, 4294967295, 1)):
        server.change(ZONE, serial=serial)
    result = ask("-c", "serial_lag=1")
    expect(result, "CRITICAL", "%s is 2 serials behind" % label(names.ns2))


def test_samples(ask, names):
    result = ask("-r", "pool=" + place(names.r1), "--samples", "3")
    expect(result, "OK", "leads to prod on all 3 name servers and 3 resolvers",
           {"pool": ("OK", "prod"), "pool/2": ("OK", "prod"), "pool/3": ("OK", "prod")})


# ---- what there must be ----

def test_via(ask, names):
    via = ("--via", "lb-prod." + ZONE)
    expect(ask(*via, name=WWW), "OK", "leads to prod", {label(names.ns1): ("OK", "prod")})
    expect(ask(*via), "CRITICAL", "does not pass lb-prod.%s" % ZONE,
           {label(names.ns1): ("CRITICAL", "does not pass lb-prod.%s" % ZONE)})
    publish(names, RECORDS.replace("CNAME lb-prod", "CNAME app"), servers=(names.ns2,))
    expect(ask(*via, name=WWW), "CRITICAL", label(names.ns2), {
        label(names.ns2): ("CRITICAL", "does not pass"), label(names.ns1): ("OK", "prod")})


ONE, TWO = "192.0.2.20", "192.0.2.21"


@pytest.mark.parametrize("site, mode, records, state, words", (
    (ONE, "exact", [ONE], "OK", "leads to prod"),
    (ONE + "," + TWO, "exact", [ONE], "CRITICAL", "lacks %s of prod" % TWO),
    (ONE + "," + TWO, "exact", [ONE, TWO], "OK", "leads to prod"),
    (ONE, "exact", [ONE, TWO], "CRITICAL", TWO + ", which is of no site"),
    (ONE, "subset", [ONE, TWO], "CRITICAL", TWO + ", which is of no site"),
    (ONE + "," + TWO, "subset", [TWO], "OK", "leads to prod"),
    (ONE, "any", [ONE, TWO], "OK", "leads to prod"),
    (ONE, "any", [TWO], "CRITICAL", TWO + ", which is of no site"),
    ("192.0.2.0/24", "min=2", [ONE, TWO, "203.0.113.1"], "OK", "leads to prod"),
    ("192.0.2.0/24", "min=2", [ONE, "203.0.113.1"], "CRITICAL", "203.0.113.1, which is of no site"),
    ("192.0.2.0/24", "min=2", [ONE], "CRITICAL", "1 of its addresses lies in prod, at least 2 must"),
))
def test_set(ask, names, site, mode, records, state, words):
    publish(names, "\n".join("app 60 A " + address for address in records))
    result = ask("--set", mode, sites=("-S", "prod=" + site))
    expect(result, state, words, {label(names.ns1): (state, "")})


@pytest.mark.parametrize("kind, name, state, words", (
    ("a", "v4", "OK", "leads to prod"),
    ("aaaa", "v4", "CRITICAL", "no AAAA record"),
    ("a,aaaa", "v4", "CRITICAL", "no AAAA record"),
    ("a,aaaa", "app", "OK", "leads to prod"),
    ("a", "app", "WARNING", "has an AAAA record, which --type excludes"),
))
def test_type(ask, names, kind, name, state, words):
    result = ask("--type", kind, name="%s.%s" % (name, ZONE))
    expect(result, state, words, {label(names.ns1): (state, "")})


def test_a_chain_that_nobody_follows(ask, names):
    """It leaves the zone, and our own resolver is dead: nothing is known of where people get to."""
    publish(names, "app 60 CNAME lb.elsewhere.example.")
    result = ask()
    expect(result, "UNKNOWN", "leads to lb.elsewhere.example, of which no resolver says where it leads",
           {label(server): ("UNKNOWN", "leads to lb.elsewhere.example") for server in names.names})
    # The name may be enough.
    expect(ask(sites=("-S", "prod=*.elsewhere.example")), "OK", "leads to prod", {label(names.ns1): ("OK", "prod")})


# ---- behind a CDN ----

def test_cdn(ask, names, web, liveness, tmp_path):
    """The pair as documented: DNS leads to the CDN, and the marker that comes through it says which site is behind."""
    sites = ("-S", "cloudflare=@" + RANGES)
    publish(names, "app 60 A 104.16.1.1\napp 60 AAAA 2606:4700::1")
    result = ask(sites=sites)
    expect(result, "OK", "%s leads to cloudflare on all 3 name servers" % APP, {label(names.ns1): ("OK", "cloudflare")})
    edge = web.instance("edge")
    edge.answer("/health", 200, "{}", headers={"X-Site": "prod"})
    look = ("-T", edge.uri("/health"), "--header", "X-Site=prod")
    assert liveness(*look).state == "OK"
    edge.answer("/health", 200, "{}", headers={"X-Site": "dr"})
    assert ask(sites=sites).state == "OK" and liveness(*look).state == "CRITICAL"
    # Past the CDN: everybody sees the origin.
    publish(names, "app 60 A 192.0.2.20", servers=(names.ns3,))
    expect(ask(sites=sites), "CRITICAL", "%s sends people astray from %s: 192.0.2.20, which is of no site"
           % (label(names.ns3), APP), {label(names.ns3): ("CRITICAL", "192.0.2.20, which is of no site")})


def test_what_the_ranges_do_not_say(ask, names):
    """How old they are, and that nobody sees the origin by them."""
    publish(names, "app 60 A 104.16.1.1")
    with open(RANGES) as file:
        date = re.search(r"# as-of: (\S+)", file.read()).group(1)
    result = ask(sites=("-S", "cloudflare=@" + RANGES))
    expect(result, "OK", "leads to cloudflare", {"cloudflare": ("OK", "list as of %s" % date)})
    assert "what is behind it does not show in the DNS" in result.first, result


def test_an_old_list(ask, names, tmp_path):
    """New networks are missing there: an address of no site may be one of them."""
    ranges = tmp_path / "cdn.txt"
    ranges.write_text("# as-of: 2020-01-01\n104.16.0.0/13\n")
    assert datetime.date.today().year > 2021
    publish(names, "app 60 A 104.24.1.1")
    result = ask(sites=("-S", "cdn=@%s" % ranges))
    expect(result, "CRITICAL", "104.24.1.1, which is of no site", {"cdn": ("OK", "list as of 2020-01-01")})
