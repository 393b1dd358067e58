# SPDX-License-Identifier: GPL-3.0-or-later
"""check_dns_target on plain resolvers: dns:// and dns+tcp://, Unbound and BIND; samples, several addresses of one name,
and what is no answer."""

import contextlib
import socket

import pytest

from dns_servers import DR, PROD, ZONE
from stub_resolver import hosts  # noqa: F401

WWW = "www." + ZONE
# Below it a name that the resolver is called by; nobody answers at the first two.
SILENT, DEAD = "127.53.4.1", "127.53.4.2"
LONGEST = 5  # seconds, of a run that waits for 2 x 0.2 s at each of three addresses

every_resolver = pytest.mark.parametrize("resolver", ("r1", "r2"))
every_scheme = pytest.mark.parametrize("scheme", ("dns", "dns+tcp"))


@pytest.fixture
def ask(dns_target):
    """ask(uri, ...): of the resolvers alone, A and AAAA."""
    def run(*uris, name=WWW, options=()):
        result = dns_target("-n", name, "--search", "none", "-S", "prod=" + PROD, "-S", "dr=" + DR, "-e", "prod",
                            "--type", "a,aaaa", "--wait", "0.2", "--tries", "2",
                            *(word for uri in uris for word in ("-r", uri)), *options)
        assert result.within(LONGEST), result
        return result
    return run


@contextlib.contextmanager
def silence(address, port):
    """Nobody answers, over UDP, and nobody says that there is nobody. Yields how many questions came."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((address, port))
        listener.setblocking(False)

        def count():
            heard = 0
            while True:
                try:
                    listener.recv(4096)
                except BlockingIOError:
                    return heard
                heard += 1
        yield count


def uri_of(resolver, scheme="dns", host=None):
    host = host or resolver.address
    return "%s://%s:%d" % (scheme, "[%s]" % host if ":" in host else host, resolver.port)


@every_resolver
@every_scheme
def test_healthy(names, ask, resolver, scheme):
    result = ask(uri_of(getattr(names, resolver), scheme), options=("-vv",))
    assert result.state == "OK" and "leads to prod on the resolver" in result.first, result
    assert "A 192.0.2.10, AAAA 2001:db8:1::10" in result.output, result
    assert ("(tcp" in result.output) == (scheme == "dns+tcp"), result
    assert ("(udp" in result.output) == (scheme == "dns"), result


@every_resolver
def test_samples(names, ask, resolver):
    result = ask("pool=" + uri_of(getattr(names, resolver)), options=("--samples", "4"))
    assert result.state == "OK" and "all 4 resolvers" in result.first and result.perfdata["servers"] == 4, result
    assert [text.split(":")[0] for _, text in result.findings] == ["pool", "pool/2", "pool/3", "pool/4"], result


def test_over_ipv6(names, ask):
    resolver = names.bind_resolver("r3", {"": (names.parent,)}, "::1").start()
    assert ask(uri_of(resolver)).state == "OK"


@every_resolver
def test_other_site(names, ask, resolver):
    names.switch()
    result = ask(uri_of(getattr(names, resolver)))
    assert result.state == "CRITICAL" and "dr" in result.first, result


@every_resolver
@every_scheme
def test_bogus(names, ask, resolver, scheme):
    """The anchor is another zone's key: what is answered with checking disabled is no answer."""
    names.sign()
    server = getattr(names, resolver)
    server.set(anchors="%s. IN DS 12345 13 2 %s\n" % (ZONE, "00" * 32))
    result = ask(uri_of(server, scheme))
    assert result.state == "CRITICAL" and "DNSSEC does not hold" in result.first, result
    assert "192.0.2.10" not in result.output and result.perfdata["moved"] == 0, result


@every_resolver
@every_scheme
def test_servfail_is_not_bogus(names, ask, resolver, scheme):
    """No server serves the zone: with checking disabled it is the same."""
    server = getattr(names, resolver)
    server.forget()
    for each in names.names:
        each.remove(ZONE)
    result = ask(uri_of(server, scheme), options=("--wait", "1"))
    assert result.state == "CRITICAL" and "SERVFAIL" in result.first, result
    assert "DNSSEC" not in result.output, result


@every_scheme
def test_frozen_beside_healthy(names, ask, scheme):
    names.r1.freeze()
    try:
        result = ask("frozen=" + uri_of(names.r1, scheme), "healthy=" + uri_of(names.r2, scheme))
    finally:
        names.r1.thaw()
    assert result.state == "CRITICAL" and "frozen: no reply" in result.first, result
    assert [state for state, _ in result.about("healthy")] == ["OK"], result


@every_scheme
def test_nobody_listens(names, ask, scheme):
    result = ask("%s://%s:%d" % (scheme, DEAD, names.r1.port))
    assert result.state == "CRITICAL" and "cannot be reached" in result.first, result


def test_refused(names, ask):
    """No resolver, but a server of another zone."""
    result = ask(uri_of(names.ns1), name="www.elsewhere.example")
    assert result.code != 0 and "REFUSED" in result.first, result


# ---- a resolver by name ----

def test_name(names, ask, hosts):
    hosts("resolver.lab", names.r1.address)
    result = ask(uri_of(names.r1, host="resolver.lab"))
    assert result.state == "OK" and "resolver.lab: prod" in result.output, result


def test_first_address_that_answers(names, ask, hosts):
    """As clients do: an address at which nobody listens, or that is silent, is passed over."""
    hosts("resolver.lab", DEAD, SILENT, names.r1.address)
    with silence(SILENT, names.r1.port) as heard:
        result = ask(uri_of(names.r1, host="resolver.lab"))
        assert result.state == "OK" and heard() == 4, result


def test_no_address_that_answers(names, ask, hosts):
    hosts("resolver.lab", DEAD, SILENT)
    with silence(SILENT, names.r1.port) as heard:
        result = ask(uri_of(names.r1, host="resolver.lab"))
        assert result.state == "CRITICAL" and "no reply" in result.first and heard() == 4, result


def test_first_address_answers(names, ask, hosts):
    """Nobody else is asked, whatever the answer."""
    names.switch()
    hosts("resolver.lab", names.r1.address, SILENT)
    with silence(SILENT, names.r1.port) as heard:
        result = ask(uri_of(names.r1, host="resolver.lab"))
        assert result.state == "CRITICAL" and heard() == 0, result


def test_name_that_does_not_resolve(names, ask, hosts):
    """It says nothing of the resolver."""
    hosts("resolver.lab", names.r1.address)
    result = ask(uri_of(names.r1, host="missing.lab"))
    assert result.state == "UNKNOWN" and 'cannot resolve "missing.lab"' in result.first, result


@pytest.mark.parametrize("uri, words", (
    ("dns://127.0.0.1/path", "a path means nothing here"),
    ("dns://me@127.0.0.1", "a user means nothing here"),
    ("dns://127.0.0.1?name=x", 'the URI has no parameter "name"'),
    ("dns+tcp://127.0.0.1?tls=1", 'the URI has no parameter "tls"'),
    ("dns://[fe80::1%25lo]", "an address with a zone is not possible here"),
))
def test_uri_that_means_nothing(ask, uri, words):
    result = ask(uri)
    assert result.state == "UNKNOWN" and words in result.output, result
