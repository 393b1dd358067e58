# SPDX-License-Identifier: GPL-3.0-or-later
"""check_dns_target on resolvers over TLS and HTTPS: Unbound and BIND, and stand-ins that do wrong what can be done
wrong: certificates, handshakes, framing, HTTP. None of it is OK, each ends in time, and the words say what failed."""

import collections
import re

import pytest

import dns_servers
import web
from dns_servers import DR, PROD, ZONE
from stub_resolver import Https, Tls, hosts  # noqa: F401

NAME = "app.example.com"
ADDRESSES = {"A": "192.0.2.10", "AAAA": "2001:db8:1::10"}
SUBJECT = "IP:127.0.0.1,IP:127.53.3.3,DNS:localhost"
LONGEST = 2  # seconds, of a run that waits for 2 x 0.2 s in each step

Certificates = collections.namedtuple("Certificates", "good named expired foreign")


@pytest.fixture(scope="session")
def shown(authority, stranger):
    """What resolvers show: for their address, for another name alone, expired, of an unknown authority."""
    return Certificates(
        authority.certificate("resolver", SUBJECT),
        authority.certificate("resolver-named", "DNS:dns.example"),
        authority.certificate("resolver-expired", SUBJECT, start=-30, days=-1),
        stranger.certificate("resolver-foreign", SUBJECT))


@pytest.fixture
def ask(dns_target, authority):
    """ask(uri, ...): of the resolvers alone, A and AAAA; ca=None: the system's."""
    def run(*uris, name=NAME, ca=authority.file, options=()):
        words = ["-n", name, "--search", "none", "-S", "prod=" + PROD, "-S", "dr=" + DR, "-e", "prod",
                 "--type", "a,aaaa", "--wait", "0.2", "--tries", "2"]
        words += [] if ca is None else ["--cacert", ca]
        result = dns_target(*words, *(word for uri in uris for word in ("-r", uri)), *options)
        assert result.within(LONGEST), result
        return result
    return run


@pytest.fixture
def tls(shown):
    with Tls(shown.good, ADDRESSES) as resolver:
        yield resolver


@pytest.fixture
def https(shown):
    with Https(shown.good, ADDRESSES) as resolver:
        yield resolver


def flags(resolver):
    """What was asked, as (type, checking disabled); recursion always."""
    assert all(flags & 0x0100 for _, _, flags, _ in resolver.questions)
    return sorted((kind, bool(flags & 0x0010)) for _, kind, flags, _ in resolver.questions)


# ---- real ones ----

def real(names, program, certificate, **options):
    if program == "unbound":
        return names.unbound("r3", names.stubs(), "127.53.3.3", tls=certificate, **options).start()
    return names.bind_resolver("r3", {"": (names.parent,)}, tls=certificate, **options).start()


def uri_of(resolver, transport):
    return "%s://%s:%d" % (transport, resolver.address, getattr(resolver, transport + "_port"))


every_way = pytest.mark.parametrize(
    "program, transport", [way for way, there in dns_servers.encrypted().items() if there])


@every_way
def test_real_resolver(names, shown, ask, program, transport):
    resolver = real(names, program, shown.good)
    result = ask(uri_of(resolver, transport), name="www." + ZONE, options=("--samples", "3"))
    assert result.state == "OK" and "leads to prod on all 3 resolvers" in result.first, result
    assert "A 192.0.2.10" in result.output and "AAAA 2001:db8:1::10" in result.output, result


@every_way
def test_real_resolver_at_the_other_site(names, shown, ask, program, transport):
    names.switch()
    result = ask(uri_of(real(names, program, shown.good), transport), name="www." + ZONE)
    assert result.state == "CRITICAL" and "dr" in result.first, result


@every_way
def test_real_resolver_that_cannot_validate(names, shown, ask, program, transport):
    """Its anchor is another zone's key: everything below it is bogus."""
    names.sign()
    anchor = "%s. IN DS 12345 13 2 %s\n" % (ZONE, "00" * 32)
    resolver = real(names, program, shown.good, anchors=anchor)
    result = ask(uri_of(resolver, transport), name="www." + ZONE)
    assert result.state == "CRITICAL" and "DNSSEC does not hold" in result.first, result


@every_way
def test_real_resolver_that_is_frozen(names, shown, ask, program, transport):
    resolver = real(names, program, shown.good)
    uri = uri_of(resolver, transport)
    resolver.freeze()
    result = ask(uri, name="www." + ZONE)
    assert result.state == "CRITICAL" and "TLS handshake" in result.first, result


@every_way
def test_real_resolver_that_is_gone(names, shown, ask, program, transport):
    resolver = real(names, program, shown.good)
    uri = uri_of(resolver, transport)
    resolver.stop()
    result = ask(uri, name="www." + ZONE)
    assert result.state == "CRITICAL" and "cannot be reached" in result.first, result


# ---- certificates ----

FAULTS = {"expired": "expired", "named": "127.0.0.1|IP address mismatch", "foreign": "issuer"}


@pytest.mark.parametrize("kind", (Tls, Https))
@pytest.mark.parametrize("fault", FAULTS)
def test_bad_certificate(shown, ask, kind, fault):
    with kind(getattr(shown, fault), ADDRESSES) as resolver:
        result = ask(resolver.uri)
        assert result.state == "UNKNOWN" and any(word in result.first for word in FAULTS[fault].split("|")), result
        assert "certificate" in result.first and not resolver.questions, result
        result = ask(resolver.uri, ca=None, options=("--insecure",))
        assert result.state == "OK" and flags(resolver) == [("A", False), ("AAAA", False)], result


@pytest.mark.parametrize("kind", (Tls, Https))
def test_authority_of_the_system(shown, ask, kind):
    with kind(shown.good, ADDRESSES) as resolver:
        result = ask(resolver.uri, ca=None)
        assert result.state == "UNKNOWN" and "issuer" in result.first and not resolver.questions, result


@pytest.mark.parametrize("kind", (Tls, Https))
@pytest.mark.parametrize("text", (None, "no certificate at all\n"))
def test_file_of_authorities_that_cannot_be_read(shown, ask, tmp_path, kind, text):
    """Our fault: nobody is asked, and it is not the resolver's."""
    path = tmp_path / "authorities.pem"
    if text is not None:
        path.write_text(text)
    with kind(shown.good, ADDRESSES) as resolver:
        result = ask(resolver.uri, ca=path)
        assert result.state == "UNKNOWN" and str(path) in result.output and not resolver.questions, result


def test_certificate_for_a_name_that_is_said(shown, ask):
    with Tls(shown.named, ADDRESSES) as resolver:
        assert ask(resolver.uri + "?name=dns.example").state == "OK"
        result = ask(resolver.uri + "?name=other.example")
        assert result.state == "UNKNOWN" and "mismatch" in result.first, result


def test_certificate_for_the_host_of_the_url(shown, ask):
    with Https(shown.named, ADDRESSES) as resolver:
        assert ask("https://dns.example:%d?connect=127.0.0.1" % resolver.port).state == "OK"
        assert ask("https://dns.example/ask?connect=127.0.0.1:%d" % resolver.port).state == "OK"
        assert {(path, host) for path, _, _, host in resolver.requests} == {
            ("/dns-query", "dns.example:%d" % resolver.port), ("/ask", "dns.example")}
        result = ask("https://other.example:%d?connect=127.0.0.1" % resolver.port)
        assert result.state == "UNKNOWN" and "not for other.example" in result.first, result


@pytest.mark.parametrize("uri, words", (
    ("tls://127.0.0.1?cacert=x", '"cacert"'),
    ("tls://127.0.0.1?name=", "name="),
    ("tls://127.0.0.1/dns-query", "path"),
    ("tls://me@127.0.0.1", "user"),
    ("https://127.0.0.1?name=x", '"name"'),
    ("https://127.0.0.1?connect=dns.example", "connect="),
    ("https://me@127.0.0.1", "user"),
))
def test_uri_that_means_nothing(ask, uri, words):
    result = ask(uri)
    assert result.state == "UNKNOWN" and words in result.output, result


# ---- TLS ----

def test_questions_share_a_connection(tls, ask):
    result = ask(tls.uri, options=("--samples", "3"))
    assert result.state == "OK" and tls.connections == 1, result
    assert flags(tls) == [("A", False)] * 3 + [("AAAA", False)] * 3
    assert len({number for _, _, _, number in tls.questions}) == 6


def test_replies_in_any_order(tls, ask):
    tls.mode, tls.together = "reversed", 4
    result = ask(tls.uri, options=("--samples", "2"))
    assert result.state == "OK" and tls.connections == 1, result


def test_reply_byte_by_byte(tls, ask):
    tls.mode = "slowly"
    assert ask(tls.uri).state == "OK"


@pytest.mark.parametrize("mode", ("one", "one and goodbye"))
def test_connection_that_ends_after_each_reply(tls, ask, mode):
    """Its right (RFC 7766, 6.2.4): what is owed is asked for again."""
    tls.mode = mode
    result = ask(tls.uri, options=("--samples", "2"))
    assert result.state == "OK" and "AAAA 2001:db8:1::10" in result.output and tls.connections == 4, result


@pytest.mark.parametrize("kind", (Tls, Https))
def test_bogus(shown, ask, kind):
    with kind(shown.good, ADDRESSES) as resolver:
        resolver.bogus = True
        result = ask(resolver.uri)
        assert result.state == "CRITICAL" and "DNSSEC does not hold" in result.first, result
        assert "192.0.2.10" not in result.output, result
        assert flags(resolver) == [("A", False), ("A", True), ("AAAA", False), ("AAAA", True)]


HOSTILE = (
    # mode, state, words
    ("no handshake", "CRITICAL", "TLS handshake"),
    ("plain", "UNKNOWN", "wrong version number"),
    ("closed", "UNKNOWN", "TLS handshake"),
    ("none", "UNKNOWN", ""),
    ("silent", "CRITICAL", "read the reply"),
    ("half", "UNKNOWN", "half a reply"),
    ("half and silence", "CRITICAL", "half a reply"),
    ("wrong id", "CRITICAL", "replies to none of the questions"),
    ("wrong id without end", "CRITICAL", "replies to none of the questions"),
    ("other question", "UNKNOWN", "a reply to another question"),
    ("garbage", "UNKNOWN", "cannot be read"),
    ("http", "UNKNOWN", "half a reply"),
    ("empty", "CRITICAL", "replies to none of the questions"),
)


@pytest.mark.parametrize("mode, state, words", HOSTILE, ids=[row[0] for row in HOSTILE])
def test_hostile_peer(tls, ask, mode, state, words):
    tls.mode = mode
    result = ask(tls.uri)
    assert result.state == state and words in result.first, result
    assert "192.0.2.10" not in result.output, result


def test_hostile_peer_beside_a_healthy_one(tls, shown, ask):
    """The fault is one resolver's."""
    tls.mode = "wrong id without end"
    with Tls(shown.good, ADDRESSES) as healthy:
        result = ask("bad=" + tls.uri, "good=" + healthy.uri)
        assert result.state == "CRITICAL", result
        assert [state for state, _ in result.about("good")] == ["OK"], result
        assert [state for state, _ in result.about("bad")] == ["CRITICAL"], result


@pytest.mark.parametrize("kind", (Tls, Https))
def test_nobody_listens(shown, ask, kind):
    with kind(shown.good, ADDRESSES) as resolver:
        pass
    result = ask(resolver.uri)
    assert result.state == "CRITICAL" and "cannot be reached" in result.first, result


@pytest.mark.parametrize("kind", (Tls, Https))
def test_no_way_there(ask, hosts, kind):
    """A host without that network says nothing of the resolver."""
    hosts("resolver.lab", "192.0.2.53", mode="alone")
    result = ask("%s://resolver.lab" % kind.scheme)
    assert result.state == "UNKNOWN" and "no way there from this host" in result.first, result


@pytest.mark.parametrize("kind", (Tls,))
def test_no_way_to_one_address(ask, hosts, kind):
    """The other one is there, and nobody listens: that is the resolver's."""
    hosts("resolver.lab", "127.0.0.1", "192.0.2.53", mode="alone")
    result = ask("%s://resolver.lab" % kind.scheme)
    assert result.state == "CRITICAL" and "Connection refused" in result.first, result


@pytest.mark.parametrize("scheme", ("dns", "dns+tcp", "tls", "https"))
@pytest.mark.parametrize("mode, state", (("silent", "CRITICAL"), ("nxdomain", "UNKNOWN")))
def test_name_of_a_resolver_that_nobody_resolves(ask, resolver, scheme, mode, state):
    seconds = resolver(mode)
    result = ask("%s://dns.example" % scheme, ca=None, options=("-t", "1"))
    assert result.state == state and result.within(1, seconds), result
    # libcurl before 7.87 waits for its resolver, and the run ends in the stage of the questions that are asked at once
    held = scheme == "https" and web.libcurl_version() < (7, 87)
    words = "resolve" if mode == "nxdomain" else "stage: ask" if held else "resolve the name"
    assert words in result.output, result


# ---- HTTPS ----

def test_request(https, ask):
    result = ask(https.uri, options=("--samples", "2"))
    assert result.state == "OK" and flags(https) == [("A", False)] * 2 + [("AAAA", False)] * 2, result
    media = "application/dns-message"
    assert set(https.requests) == {("/dns-query", media, media, "127.0.0.1:%d" % https.port)}
    assert {number for _, _, _, number in https.questions} == {0}


def test_media_type_with_parameters(https, ask):
    https.headers = {"Content-Type": "Application/DNS-Message; charset=x"}
    assert ask(https.uri).state == "OK"


REPLIES = {
    "404": (dict(status=404), "UNKNOWN", "HTTP status 404"),
    "500": (dict(status=500), "UNKNOWN", "HTTP status 500"),
    "204": (dict(status=204, change=lambda body: b""), "UNKNOWN", "HTTP status 204"),
    "redirect": (dict(status=302, headers={"Location": "https://127.0.0.1:1/there"}), "UNKNOWN", "not followed"),
    "a page": (dict(headers={"Content-Type": "text/html"}), "UNKNOWN", "text/html"),
    "almost": (dict(headers={"Content-Type": "application/dns-messages"}), "UNKNOWN", "application/dns-messages"),
    "no type": (dict(headers={"Content-Type": None}), "UNKNOWN", "no Content-Type"),
    "too long": (dict(change=lambda body: body + bytes(70000)), "UNKNOWN", "cannot be used"),
    "trailing": (dict(change=lambda body: body + b"\0"), "UNKNOWN", "cannot be read"),
    "empty": (dict(change=lambda body: b""), "UNKNOWN", "empty"),
    # without a farewell of TLS: 7.88 counts what is missing, 8.14 and later say it in OpenSSL's words
    "cut": (dict(cut=20), "UNKNOWN", ("remaining", "unexpected eof while reading")),
    "garbage": (dict(change=lambda body: b"\xff" * 50), "UNKNOWN", "cannot be read"),
    "wrong id": (dict(change=lambda body: b"\1\1" + body[2:]), "UNKNOWN", "another question"),
    "other question": (dict(change=lambda body: body.replace(b"\3app", b"\3apq")), "UNKNOWN", "another question"),
    "silence": (dict(hangs=True), "CRITICAL", "stage: ask"),
}


@pytest.mark.parametrize("case", REPLIES)
def test_hostile_reply(https, ask, case):
    changes, state, words = REPLIES[case]
    for name, value in changes.items():
        setattr(https, name, value)
    result = ask(https.uri)
    assert result.state == state, result
    assert any(word in result.first for word in ([words] if isinstance(words, str) else words)), result
    assert "192.0.2.10" not in result.output, result


@pytest.mark.parametrize("mode, state, words", (
    ("no handshake", "CRITICAL", "TLS handshake"),
    ("plain", "UNKNOWN", "not in TLS"),
    # 7.88 has OpenSSL's words; 8.14 and later their own, for what could not be sent
    ("closed", "UNKNOWN", "TLS or HTTP fails: .*(SSL|Send failure: Broken pipe)"),
    ("silent", "CRITICAL", "stage: ask"),
))
def test_hostile_peer_of_https(tls, ask, mode, state, words):
    tls.mode = mode
    result = ask("https://127.0.0.1:%d" % tls.port)
    assert result.state == state and re.search(words, result.first), result


def test_traces_show_questions_and_replies(tls, https, ask):
    result = ask(tls.uri, https.uri, options=("-vvv",))
    for line in ("ask for app.example.com A", "NOERROR"):
        assert result.output.count(line) >= 2, result
