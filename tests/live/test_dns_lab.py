# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own name servers and resolvers: what the tests of check_dns_target build on is as it is said to be."""

import os
import socket
import ssl
import struct
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "lab"))

import dns_servers  # noqa: E402
import dns_wire  # noqa: E402
from dns_servers import PARENT, ZONE  # noqa: E402
from dns_zones import Zone, delegation  # noqa: E402
from postgresql import LabError, wait_until  # noqa: E402

SERVERS = ("ns1", "ns2", "ns3")
RESOLVERS = ("r1", "r2")
every_server = pytest.mark.parametrize("server", SERVERS)
every_resolver = pytest.mark.parametrize("resolver", RESOLVERS)
WWW, APP = "www." + ZONE, "app." + ZONE
DAY = 86400
SUBJECT = "IP:127.0.0.1,IP:127.53.3.3"
# HTTP/2, RFC 9113: types and flags of frames.
DATA, HEADERS, SETTINGS, GOAWAY = 0, 1, 4, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def gone(server):
    """Nobody listens: ICMP says so."""
    with pytest.raises(ConnectionRefusedError):
        server.ask(ZONE, "SOA", seconds=5)


# ---- servers ----

@every_server
def test_answers(names, server):
    reply = getattr(names, server).ask(WWW)
    assert reply.code == "NOERROR" and reply.authoritative and reply.addresses == ["192.0.2.10"]
    assert [(record.type, record.ttl) for record in reply.answer] == [("CNAME", 60), ("A", 60)]
    assert getattr(names, server).ask(WWW, "AAAA").addresses == ["2001:db8:1::10"]


@every_server
def test_answers_over_tcp(names, server):
    assert getattr(names, server).ask(WWW, tcp=True).addresses == ["192.0.2.10"]


@every_server
def test_says_what_is_not_there(names, server):
    missing = getattr(names, server).ask("missing." + ZONE)
    assert missing.code == "NXDOMAIN" and missing.authoritative
    empty = getattr(names, server).ask("text." + ZONE)
    assert empty.code == "NOERROR" and not empty.answer
    for reply in (missing, empty):
        assert [record.type for record in reply.authority] == ["SOA"]


@every_server
def test_change_is_one_server_s_own(names, server):
    changed = getattr(names, server)
    names.switch(changed)
    for each in names.names:
        assert each.ask(APP).addresses == (["198.51.100.20"] if each is changed else ["192.0.2.20"])
        assert each.serial(ZONE) == 2026010101 + (each is changed)


@every_server
def test_serial_goes_back_and_stays(names, server):
    changed = getattr(names, server)
    changed.change(ZONE, serial=7, expire=1234, records="app A 192.0.2.1")
    assert changed.ask(ZONE, "SOA").records("SOA")[0].data[2:] == (7, 3600, 600, 1234, 60)
    changed.change(ZONE, serial=7, records="app A 192.0.2.2", ttl=17)
    reply = changed.ask(APP)
    assert (changed.serial(ZONE), reply.addresses, reply.ttl) == (7, ["192.0.2.2"], 17)


@every_server
def test_removed_zone_is_not_served(names, server):
    lame = getattr(names, server)
    lame.remove(ZONE)
    reply = lame.ask(APP)
    assert not reply.authoritative and not reply.answer and reply.code in ("REFUSED", "SERVFAIL")


@every_server
def test_stops_freezes_and_comes_back(names, server):
    server = getattr(names, server)
    server.freeze()
    with pytest.raises(socket.timeout):
        server.ask(APP, seconds=0.2)
    server.thaw()
    assert server.ask(APP).addresses == ["192.0.2.20"]
    pid = server.program.process.pid
    server.stop()
    assert not os.path.exists("/proc/%d" % pid)
    gone(server)
    server.start()
    assert server.ask(APP).addresses == ["192.0.2.20"]


def test_everything_is_put_back(names):
    names.sign()
    names.switch(names.ns1)
    names.ns2.remove(ZONE)
    names.ns3.stop()
    names.parent.change(PARENT, records="")
    names.ns1.serve(Zone("other.example", servers=(names.ns1,)))
    extra = names.knot("extra").serve(Zone(ZONE)).start()
    names.ns2.freeze()
    names.restore()
    gone(extra)
    for server in names.names:
        reply = server.ask(APP, dnssec=True)
        assert reply.addresses == ["192.0.2.20"] and not reply.records("RRSIG")
        assert server.serial(ZONE) == 2026010101
    assert names.ns1.ask("other.example", "SOA").code == "REFUSED"
    assert len(names.parent.ask(WWW).authority) == 3


def test_what_does_not_start_says_why(names):
    broken = names.knot("broken").serve(Zone(ZONE))
    broken.CONFIG = "nonsense"
    with pytest.raises(LabError, match="broken has ended"):
        broken.start()


@pytest.mark.parametrize("kind", ("knot", "nsd", "bind"))
def test_ipv6(names, kind):
    server = getattr(names, kind)("six", "::1").serve(Zone(ZONE, "app A 192.0.2.66")).start()
    assert server.address == "::1" and server.ask(APP).addresses == ["192.0.2.66"]


@pytest.mark.parametrize("kind", ("knot", "nsd"))
def test_two_addresses(names, kind):
    server = getattr(names, kind)("dual", "127.53.9.9", "::1")
    server.serve(Zone("two.example", servers=(server,))).start()
    for kind, address in (("A", "127.53.9.9"), ("AAAA", "::1")):
        assert dns_wire.ask(address, names.port, "dual.two.example", kind).addresses == [address]


def test_one_address_is_one_server_s(names):
    with pytest.raises(LabError, match="second and ns3 have the same address"):
        names.bind("second").serve(Zone(ZONE)).start()


# ---- delegation ----

def test_parent_refers(names):
    reply = names.parent.ask(WWW)
    assert reply.code == "NOERROR" and not reply.authoritative and not reply.answer
    assert sorted(record.data for record in reply.authority) == ["%s.%s" % (name, ZONE) for name in SERVERS]
    assert {record.owner: record.data for record in reply.additional} == {
        "%s.%s" % (server.name, ZONE): server.address for server in names.names}


def test_root_is_ours(names):
    assert names.parent.ask("", "NS").records("NS")[0].data == "ns." + PARENT
    assert names.parent.ask("nobody.invalid").code == "NXDOMAIN"


def test_ds(names):
    names.sign()
    assert names.parent.ask(ZONE, "DS").records("DS")[0].data[2:4] == b"\x0d\x02"  # ECDSA P-256, SHA-256
    assert len(names.ns1.ask(ZONE, "DNSKEY").records("DNSKEY")) == 2


def test_second_parent(names):
    """Delegation that differs from what the zone says: glue and names."""
    names.parent.change(PARENT, records=delegation(ZONE, (names.ns1, "ns.elsewhere.example."), ttl=172800))
    reply = names.parent.ask(WWW)
    assert sorted((record.data, record.ttl) for record in reply.authority) == [
        ("ns.elsewhere.example", 172800), ("ns1." + ZONE, 172800)]


# ---- transfers ----

def secondary(names, **soa):
    primary = names.knot("p1").serve(Zone("moved.example", "app A 192.0.2.1", **soa)).start()
    return primary, names.nsd("s1").follow(primary, "moved.example").start()


def test_secondary_follows(names):
    primary, follower = secondary(names)
    assert follower.ask("app.moved.example").addresses == ["192.0.2.1"]
    primary.change("moved.example", records="app A 192.0.2.2")
    follower.wait_serial("moved.example", 2)
    assert follower.ask("app.moved.example").addresses == ["192.0.2.2"]


def test_secondary_expires_without_primary(names):
    primary, follower = secondary(names, refresh=1, retry=1, expire=2)
    primary.stop()
    wait_until(lambda: follower.ask("app.moved.example").code == "SERVFAIL", "the zone has expired")


# ---- signatures ----

@pytest.mark.parametrize("nsec3", (False, True))
@every_server
def test_signed(names, server, nsec3):
    names.sign(inception=1767225600, expiry=1769904000, nsec3=nsec3, servers=[getattr(names, server)])
    reply = getattr(names, server).ask(APP, dnssec=True)
    signatures = [record.data for record in reply.records("RRSIG")]
    assert [struct.unpack(">HBB3I", data[:16])[4:] for data in signatures] == [(1769904000, 1767225600)]
    denial = getattr(names, server).ask("missing." + ZONE, dnssec=True)
    assert {record.type for record in denial.authority} == {"SOA", "RRSIG", "NSEC3" if nsec3 else "NSEC"}


@every_resolver
def test_resolver_validates(names, resolver):
    names.sign()
    resolver = getattr(names, resolver)
    assert not resolver.ask(APP, dnssec=True).authentic
    resolver.set(anchors=names.ds(ZONE))
    reply = resolver.ask(APP, dnssec=True)
    assert reply.authentic and reply.addresses == ["192.0.2.20"]


@every_resolver
def test_resolver_validates_through_the_parent(names, resolver):
    names.sign()
    names.parent.serve(names.parent.zones[PARENT].sign())
    resolver = getattr(names, resolver)
    resolver.set(anchors=names.ds(PARENT))
    assert resolver.ask(APP, dnssec=True).authentic
    names.parent.change(PARENT, records=delegation(ZONE, names.names))
    resolver.forget()
    reply = resolver.ask(APP, dnssec=True)
    assert reply.addresses == ["192.0.2.20"] and not reply.authentic  # no DS: nothing is promised


@every_resolver
def test_expired_is_bogus(names, resolver):
    now = time.time()
    names.sign(inception=now - 30 * DAY, expiry=now - 2 * DAY)
    resolver = getattr(names, resolver)
    resolver.set(anchors=names.ds(ZONE))
    assert resolver.ask(APP).code == "SERVFAIL"
    assert resolver.ask(APP, checking=False).addresses == ["192.0.2.20"]


def test_resolver_of_another_day(names):
    names.sign(inception=1767225600, expiry=1769904000)
    names.r1.set(anchors=names.ds(ZONE), val_override_date='"20260115000000"')
    assert names.r1.ask(APP, dnssec=True).authentic


# ---- resolvers ----

@every_resolver
def test_resolver_keeps_and_forgets(names, resolver):
    resolver = getattr(names, resolver)
    first = resolver.ask(WWW)
    assert first.available and not first.authoritative and first.addresses == ["192.0.2.10"] and first.ttl == 60
    names.switch()
    assert resolver.ask(WWW).addresses == ["192.0.2.10"]
    resolver.forget()
    assert resolver.ask(WWW).addresses == ["198.51.100.10"]


@every_resolver
def test_resolver_is_new_for_each_test(names, resolver):
    names.switch()
    assert getattr(names, resolver).ask(WWW).addresses == ["198.51.100.10"]
    names.restore()
    assert getattr(names, resolver).ask(WWW).addresses == ["192.0.2.10"]


@every_resolver
def test_resolver_clamps(names, resolver):
    resolver = getattr(names, resolver)
    resolver.clamp(77)
    assert resolver.ask(APP).ttl == 77


@every_resolver
def test_resolver_serves_stale(names, resolver):
    for server in names.names:
        server.change(ZONE, records="brief 1 A 192.0.2.40")
    resolver = getattr(names, resolver)
    resolver.serve_stale()
    assert resolver.ask("brief." + ZONE).addresses == ["192.0.2.40"]
    for server in names.names:
        server.stop()

    def stale():
        reply = resolver.ask("brief." + ZONE)
        return (reply.errors == [3] if resolver.says_stale() else reply.ttl == 30) and reply
    reply = wait_until(stale, "an answer that is too old")
    assert reply.addresses == ["192.0.2.40"]
    assert reply.ttl in (1, 30)  # Unbound 1.26: not more than it was


@every_resolver
def test_resolver_asks_nobody_else(names, resolver):
    assert getattr(names, resolver).ask("nobody.invalid").code == "NXDOMAIN"
    for server in names.names + (names.parent,):
        server.stop()
    try:
        assert getattr(names, resolver).ask("other." + PARENT, seconds=1).code == "SERVFAIL"
    except socket.timeout:
        assert resolver == "r1"


# ---- DoT and DoH ----

def read_frame(stream):
    head = dns_wire.receive_exactly(stream, 9)
    length = int.from_bytes(head[:3], "big")
    return head[3], head[4], dns_wire.receive_exactly(stream, length)


def frame(kind, flags, stream, data=b""):
    return len(data).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + data


def header(name, value):
    """A literal, not to be remembered (RFC 7541, 6.2.2)."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def ask_https(stream, host, message):
    """The reply to a POST over HTTP/2 on a TLS connection (RFC 8484)."""
    headers = b"".join(header(*pair) for pair in (
        (":method", "POST"), (":scheme", "https"), (":authority", host), (":path", "/dns-query"),
        ("content-type", "application/dns-message"), ("accept", "application/dns-message"),
        ("content-length", str(len(message)))))
    stream.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, headers)
                   + frame(DATA, END_STREAM, 1, message))
    body = b""
    while True:
        kind, flags, data = read_frame(stream)
        assert kind != GOAWAY, data
        if kind == SETTINGS and not flags & ACK:
            stream.sendall(frame(SETTINGS, ACK, 0))
        elif kind == DATA:
            body += data
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            return dns_wire.Reply(body)


def encrypted_resolver(names, program, certificate):
    if program == "unbound":
        return names.unbound("r3", names.stubs(), "127.53.3.3", tls=certificate).start()
    return names.bind_resolver("r3", {"": (names.parent,)}, tls=certificate).start()


def ask_encrypted(resolver, transport, trusted):
    context = ssl.create_default_context(cafile=trusted)
    if transport == "tls":
        return dns_wire.ask(resolver.address, resolver.tls_port, WWW, tls=context, recursion=True)
    context.set_alpn_protocols(["h2"])
    with socket.create_connection((resolver.address, resolver.https_port), 10) as connection:
        with context.wrap_socket(connection, server_hostname=resolver.address) as secured:
            assert secured.selected_alpn_protocol() == "h2"
            return ask_https(secured, resolver.address, dns_wire.question(WWW, recursion=True))


every_encrypted = pytest.mark.parametrize(
    "program, transport", [way for way, there in dns_servers.encrypted().items() if there])


@every_encrypted
def test_encrypted(names, authority, program, transport):
    good = authority.certificate("dns-%s-%s" % (program, transport), SUBJECT)
    resolver = encrypted_resolver(names, program, good)
    assert ask_encrypted(resolver, transport, authority.file).addresses == ["192.0.2.10"]


@pytest.mark.parametrize("fault", ("expired", "name", "stranger"))
@every_encrypted
def test_encrypted_by_a_bad_certificate(names, authority, stranger, program, transport, fault):
    ca = stranger if fault == "stranger" else authority
    subject = "DNS:elsewhere.example" if fault == "name" else SUBJECT
    times = {"start": -30, "days": -1} if fault == "expired" else {}
    bad = ca.certificate("dns-%s-%s-%s" % (program, transport, fault), subject, **times)
    resolver = encrypted_resolver(names, program, bad)
    with pytest.raises(ssl.SSLCertVerificationError):
        ask_encrypted(resolver, transport, authority.file)
