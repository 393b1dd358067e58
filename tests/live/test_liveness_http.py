# SPDX-License-Identifier: GPL-3.0-or-later
"""check_liveness on http://, https:// and http+unix://: real nginx, each instance on an address of its own, and hostile
peers beside them.

The rows of the trap table that are about HTTP: L1 (TLS is verified), L2 (the status is a number), L17 (each instance
is asked, and answers for itself), L18 (an expired certificate is known although it is rejected), L19 (the PROXY
header)."""

import json
import os
import ssl
import sys
import threading
import types

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import mutations  # noqa: E402
import peers  # noqa: E402
from conftest import no_secret  # noqa: E402

NAME = "dash.example.com"
DAY = 86400


@pytest.fixture
def three(web):
    """web1, web2 and web3: the same port, an address each."""
    return [web.instance(name) for name in ("web1", "web2", "web3")]


def at(instances, path="/health", scheme="http", target=True):
    """The arguments that look at them under one name."""
    words = ["-T", "dash=%s://%s:%d%s" % (scheme, NAME, instances[0].port, path)] if target else []
    for instance in instances:
        words += ["--instance", ("[%s]" if ":" in instance.address else "%s") % instance.address]
    return words


def unit(instance):
    return ("[%s]:%d" if ":" in instance.address else "%s:%d") % (instance.address, instance.port)


def finding(result, instance):
    """(state, text) of the instance's line."""
    found = [(state, text) for state, text in result.findings if text.startswith(unit(instance) + ": ")]
    assert len(found) == 1, "%s\n%s" % (unit(instance), result)
    return found[0]


def of_peer(peer):
    """The same for a peer that stands beside instances."""
    return types.SimpleNamespace(address=peer.address, port=peer.port)


def served(reply):
    """A peer's script: reads a request, and sends these bytes."""
    def script(receive):
        seen = b""
        while not seen.endswith(b"\r\n\r\n"):
            seen += receive(1)
        yield reply
    return script


def http_reply(body=b"", status=b"200 OK", *headers):
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body)] + list(headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


# ---- each instance for itself ----

def test_all_well(three, liveness):
    result = liveness(*at(three))
    assert result.state == "OK", result
    assert result.perfdata["alive"] == 3 and result.perfdata["units"] == 3, result
    for instance in three:
        assert finding(result, instance)[0] == "OK"
        asked, = instance.requests()
        assert (asked["method"], asked["target"], asked["host"]) == ("GET", "/health", "%s:%d" % (NAME, instance.port))


def test_each_answers_for_itself(three, liveness):
    """L17: three instances asked, three answers, none of them another's."""
    for number, instance in enumerate(three):
        instance.answer("/health", 200, '{"me": "%s"}' % instance.address)
    for condition in ("/me=" + instance.address for instance in three):
        result = liveness(*at(three), "--json", condition)
        right = [instance for instance in three if finding(result, instance)[0] == "OK"]
        assert ["/me=" + instance.address for instance in right] == [condition], result
    assert [len(instance.requests(3)) for instance in three] == [3, 3, 3]


def test_one_of_three_is_dead(three, liveness):
    """What a balancer hides."""
    three[1].stop()
    result = liveness(*at(three))
    assert result.state == "WARNING", result
    state, text = finding(result, three[1])
    assert state == "WARNING" and "refused" in text
    assert [finding(result, instance)[0] for instance in (three[0], three[2])] == ["OK", "OK"]
    assert liveness(*at(three), "--min-alive", "3").state == "CRITICAL"


def test_all_dead(three, liveness):
    for instance in three:
        instance.stop()
    result = liveness(*at(three))
    assert result.state == "CRITICAL" and result.perfdata["alive"] == 0, result


def test_dead_one_of_known_roles(three, liveness):
    """A status that comes from anybody is no news about the role."""
    for instance in three:
        instance.answer("/health", 200, '{"role": "active"}')
    three[1].answer("/health", 502, "<html>Bad Gateway</html>")
    result = liveness(*at(three), "--active", "/role=active", "--passive", "/role=passive")
    assert result.state == "WARNING" and finding(result, three[1])[0] == "WARNING", result


@pytest.mark.parametrize("anybody", ("0.0.0.0", "[::]"))
def test_anybody(three, liveness, anybody):
    """An address that whoever listens on this host would answer for."""
    result = liveness(*at(three[:1], target=True)[:2], "--instance", anybody)
    assert result.state == "UNKNOWN" and result.says("is no address of an instance"), result
    assert not three[0].requests(0)


def test_same_instance_twice_is_one(three, liveness):
    result = liveness(*at(three), *at(three[:2], target=False))
    assert result.perfdata["units"] == 3, result


@pytest.mark.parametrize("path, asked", (
    ("/a%20b/%C3%A9?x=%2f&cacert=1&y", "/a%20b/%C3%A9?x=%2f&cacert=1&y"), ("", "/")))
def test_path_and_query_are_the_servers(three, liveness, path, asked):
    assert liveness(*at(three[:1], path)).state == "OK"
    assert three[0].requests()[0]["target"] == asked


# ---- the status is a number (L2) ----

@pytest.mark.parametrize("status, wanted, state", (
    (503, None, "CRITICAL"), (503, "503", "OK"), (500, "503", "CRITICAL"), (204, None, "OK"), (204, "200", "CRITICAL"),
    (404, None, "CRITICAL"), (401, None, "UNKNOWN"), (403, None, "UNKNOWN"), (401, "200-204,401", "OK")))
def test_status(three, liveness, status, wanted, state):
    three[0].answer("/health", status, "" if status == 204 else "OK 200")
    result = liveness(*at(three[:1]), *(["--status", wanted] if wanted else []))
    assert result.state == state, result
    assert state == "OK" or str(status) in finding(result, three[0])[1], result


def test_the_reason_is_no_status(liveness):
    """L2: a 500 whose words say 503."""
    with peers.Honest(served(http_reply(b"ok", b"500 upstream said 503"))) as peer:
        result = liveness("-T", "http://127.0.0.1:%d/" % peer.port, "--status", "503")
    assert result.state == "CRITICAL" and result.says("status 500"), result


# ---- conditions ----

GOOD = '{"db": "ok", "lag": 3.5, "replica": {"connected": true}, "pods": [{"name": "web", "ready": true}]}'


@pytest.mark.parametrize("condition, state, words", (
    ("/db=ok", "OK", ()),
    ("/lag<5", "OK", ()),
    ("/pods/[name=web]/ready=true", "OK", ()),
    ("/queue?0<5", "OK", ()),
    ("/db=up", "CRITICAL", ('/db is "ok", wanted "up"',)),
    ("/lag<3", "CRITICAL", ("/lag is 3.5, wanted less than 3",)),
    ("/queue<5", "UNKNOWN", ("/queue is not there",)),
    ("/replica!=bad", "UNKNOWN", ("/replica",)),
))
def test_json(three, liveness, condition, state, words):
    three[0].answer("/health", 200, GOOD, type="application/json")
    result = liveness(*at(three[:1]), "--json", condition)
    assert result.state == state and all(word in finding(result, three[0])[1] for word in words), result


@pytest.mark.parametrize("options, state", (
    (["--header", "X-Site=prod"], "OK"), (["--header", "x-site~^pro"], "OK"), (["--header", "X-Site=dr"], "CRITICAL"),
    (["--header", "X-None"], "CRITICAL"), (["--header", "X-None=a"], "UNKNOWN"),
    (["--body", "Welcome"], "OK"), (["--body", "welcome"], "CRITICAL"), (["--json", "/a=1"], "UNKNOWN")))
def test_headers_and_bodies(three, liveness, options, state):
    three[0].answer("/health", 200, "Welcome home", headers={"X-Site": "prod"})
    assert liveness(*at(three[:1]), *options).state == state


def test_body_that_is_cut(three, liveness):
    """More than 1 MiB is not read: what is behind it is unknown, and was not waited for."""
    three[0].put("health", b"begin" + b"x" * (3 << 20) + b"end")
    assert liveness(*at(three[:1])).state == "OK"
    assert liveness(*at(three[:1]), "--body", "^begin").state == "OK"
    result = liveness(*at(three[:1]), "--body", "end$")
    assert result.state == "UNKNOWN" and result.says("too long"), result
    # A mark may stand behind what was read.
    result = liveness(*at(three[:1]), "--passive", "body~end")
    assert result.state == "UNKNOWN" and result.says("too long"), result


@pytest.mark.parametrize("options, words", (
    (["--json", "/lag<abc"], ("--json", "position 6", "a number is wanted")),
    (["--json", "lag"], ("--json", "a JSON pointer is wanted")),
    (["--body", "("], ("--body",)),
    (["--header", "a b"], ("--header", "position 9")),
    (["--active", "role=active"], ("--active", "position 1")),
    (["--passive", "/a?"], ("--passive", "position 4")),
    (["--ready", "!/a=1"], ("--ready", "nothing may follow")),
    (["--same", "version"], ("--same", "/pointer or header:NAME is wanted")),
    (["--status", "20x"], ("--status", "position 1")),
    (["--send-header", "X: a\r\nY: b"], ("--send-header", "line break")),
    (["--send-header", "no colon"], ("--send-header", "Name: value")),
    (["--instance", "app1"], ("--instance", "no ADDRESS[:PORT]")),
))
def test_bad_options(liveness, options, words):
    result = liveness("-T", "http://127.0.0.1:1/", *options)
    assert result.state == "UNKNOWN", result
    assert all(word in result.first for word in words), result


# ---- active and passive ----

PASSIVE = ["--passive", "status=503", "--passive", "/role=passive"]


@pytest.mark.parametrize("status, body, wish, state", (
    (503, '{"role": "passive"}', "passive", "OK"),
    (503, '{"role": "passive"}', "active", "CRITICAL"),
    # a 503 that anybody could have sent
    (503, "no server is available", "passive", "UNKNOWN"),
    (503, '{"role": "active"}', "passive", "UNKNOWN"),
    (503, '{}', "passive", "UNKNOWN"),
    (404, '{"role": "passive"}', "passive", "UNKNOWN"),
    (401, "", "passive", "UNKNOWN"),
    # whoever serves is active
    (200, '{"role": "active"}', "passive", "CRITICAL"),
    (200, '{"role": "passive"}', "passive", "CRITICAL"),
    (200, "<html>", "passive", "CRITICAL"),
    (200, "<html>", "active", "OK"),
))
def test_roles(three, liveness, status, body, wish, state):
    three[0].answer("/health", status, body)
    assert liveness(*at(three[:1]), "--expect", wish, *PASSIVE).state == state


@pytest.mark.parametrize("fault", (peers.Refuse, peers.Silent, peers.Close, peers.Garbage))
def test_no_answer_is_never_passive(liveness, fault):
    with fault() as peer:
        result = liveness("-T", "http://127.0.0.1:%d/" % peer.port, "--expect", "passive", *PASSIVE, "-t", "1s")
    assert result.state == "UNKNOWN", result


@pytest.mark.parametrize("role, wish, state", (
    ("active", "active", "OK"), ("active", "passive", "CRITICAL"), ("passive", "passive", "OK"),
    ("passive", "active", "CRITICAL"), ("starting", "active", "UNKNOWN"), ("starting", "passive", "UNKNOWN"),
    ("", "active", "UNKNOWN"), ("", "passive", "UNKNOWN")))
def test_declared_roles(three, liveness, role, wish, state):
    """Where both marks are given, whoever shows neither is of no known role."""
    three[0].answer("/health", 200, '{"role": "%s"}' % role)
    result = liveness(*at(three[:1]), "--expect", wish, "--active", "/role=active", "--passive", "/role=passive")
    assert result.state == state, result


def test_passive_one_that_leads_to_the_active_one(three, liveness):
    """With a mark of its own that is how it should be; without one it is a site that serves nobody."""
    three[0].answer("/health", 302, "https://prod.example.com/", headers={"X-Role": "passive"})
    words = at(three[:1]) + ["--expect", "passive", "--passive", "header:X-Role=passive"]
    assert liveness(*words, "--passive", "status=302").state == "OK"
    three[0].answer("/health", 302, "https://prod.example.com/")
    result = liveness(*words)
    assert result.state == "UNKNOWN" and result.says("leads elsewhere"), result
    # A status that is asked for is no surprise.
    assert liveness(*at(three[:1]), "--status", "302").state == "OK"


@pytest.mark.parametrize("replica, state", (
    ('{"connected": true}', "OK"), ('{"connected": false}', "CRITICAL"), ("{}", "UNKNOWN")))
def test_ready(three, liveness, replica, state):
    three[0].answer("/health", 503, '{"role": "passive", "replica": %s}' % replica)
    result = liveness(*at(three[:1]), "--expect", "passive", *PASSIVE, "--ready", "/replica/connected=true")
    assert result.state == state, result


def test_not_ready_is_no_matter_for_an_active_one(three, liveness):
    three[0].answer("/health", 200, '{"role": "active"}')
    assert liveness(*at(three[:1]), *PASSIVE, "--ready", "/replica/connected=true").state == "OK"


@pytest.mark.parametrize("prod, dr, expected, any_site", (
    ((200, "{}"), (503, '{"role": "passive"}'), "OK", "OK"),
    ((503, '{"role": "passive"}'), (200, "{}"), "WARNING", "OK"),  # switched over
    ((200, "{}"), (200, "{}"), "CRITICAL", "CRITICAL"),  # split brain
    ((503, '{"role": "passive"}'), (503, '{"role": "passive"}'), "CRITICAL", "CRITICAL"),  # nobody serves
    ((200, "{}"), (503, "no server is available"), "WARNING", "WARNING"),  # a split brain is not excluded
    ((502, "Bad Gateway"), (503, '{"role": "passive"}'), "CRITICAL", "CRITICAL"),
))
def test_two_sites(web, liveness, prod, dr, expected, any_site):
    words = []
    for name, (status, body) in (("prod", prod), ("dr", dr)):
        instance = web.instance(name)
        instance.answer("/health", status, body)
        words += ["--site", "%s=%s" % (name, instance.uri("/health"))]
    assert liveness(*words, *PASSIVE, "--expect", "prod").state == expected
    assert liveness(*words, *PASSIVE).state == any_site


# ---- the same everywhere ----

def test_versions(three, liveness):
    for instance in three:
        instance.answer("/health", 200, '{"version": "1.2"}', headers={"X-Build": "7"})
    same = ["--same", "/version", "--same", "header:X-Build"]
    assert liveness(*at(three), *same).state == "OK"
    three[2].answer("/health", 200, '{"version": "1.3"}', headers={"X-Build": "7"})
    result = liveness(*at(three), *same)
    assert result.state != "OK" and result.says("/version=1.3"), result
    # What nobody says is not the same.
    for instance in three:
        instance.answer("/health", 200, "{}", headers={"X-Build": "7"})
    result = liveness(*at(three), *same)
    assert result.state == "UNKNOWN" and result.says("/version is not there"), result


# ---- redirects ----

def test_redirects(three, liveness):
    web1 = three[0]
    web1.answer("/health", 302, "/real")
    web1.answer("/real", 200, "here")
    result = liveness(*at(three[:1]))
    assert result.state == "CRITICAL" and "/real" in finding(result, web1)[1], result
    web1.forget()
    assert liveness(*at(three[:1]), "--redirects", "1", "--body", "here").state == "OK"
    assert [asked["target"] for asked in web1.requests(2)] == ["/health", "/real"]


def test_redirect_loop(three, liveness):
    three[0].answer("/health", 302, "/health")
    result = liveness(*at(three[:1]), "--redirects", "3")
    assert result.state == "CRITICAL" and result.says("after 3 redirects"), result
    assert len(three[0].requests(4)) == 4


@pytest.mark.parametrize("where", ("http://other.example.com/health", "https://%s/health" % NAME))
def test_redirect_to_another_site(three, liveness, where):
    """The site in reserve that sends its users to the other one serves nobody."""
    three[0].answer("/health", 301, where)
    result = liveness(*at(three[:1]), "--redirects", "5")
    assert result.state == "CRITICAL", result
    assert "leads elsewhere" in finding(result, three[0])[1], result
    assert three[1].requests(0) == []


@pytest.mark.parametrize("where, words", ((b"//127.0.0.2:1/", "leads elsewhere"), (b"http:///", "status 302"),
                                          (b"gopher://127.0.0.2/", "leads elsewhere")))
def test_odd_redirects(liveness, where, words):
    with peers.Honest(served(http_reply(b"", b"302 Found", b"Location: " + where))) as peer:
        result = liveness("-T", "http://127.0.0.1:%d/" % peer.port, "--redirects", "5")
        assert peer.connections == 1
    assert result.state == "CRITICAL" and words in "\n".join(result.lines), result


# ---- TLS ----

@pytest.fixture(scope="session")
def good(authority):
    return authority.certificate("good", "DNS:" + NAME)


def secure(instances, *words):
    return at(instances, scheme="https") + list(words)


def left_of(result):
    """Seconds until the certificates expire."""
    return [value for label, value in result.perfdata.items() if label.endswith("certificate_left")]


def test_tls(web, liveness, authority, good):
    site = [web.instance(name, tls=good, http2=True) for name in ("web1", "web2")]
    result = liveness(*secure(site, "--cacert", authority.file))
    assert result.state == "OK", result
    for instance in site:
        asked, = instance.requests()
        assert asked["sni"] == NAME and asked["protocol"] == "HTTP/2.0", asked
    left = left_of(result)
    assert len(left) == 2 and all(29 * DAY < value < 31 * DAY for value in left), result
    assert any(label.endswith("_tls") for label in result.perfdata), result


def test_tls_http1(web, liveness, authority, good):
    site = [web.instance("web1", tls=good, protocols="TLSv1.2")]
    assert liveness(*secure(site, "--cacert", authority.file)).state == "OK"
    assert site[0].requests()[0]["protocol"] == "HTTP/1.1"


BAD_CERTIFICATES = {
    "expired": (dict(start=-30, days=-2), "DNS:" + NAME, "CN=expired"),
    "not yet": (dict(start=2), "DNS:" + NAME, "not valid before"),
    "other name": ({}, "DNS:other.example.com", "other.example.com"),
}


@pytest.mark.parametrize("what", BAD_CERTIFICATES)
def test_bad_certificates(web, liveness, authority, good, what):
    """L1 and L18: beside an instance that is well."""
    times, subject, words = BAD_CERTIFICATES[what]
    bad = authority.certificate(what.replace(" ", "-"), subject, **times)
    site = [web.instance("web1", tls=good), web.instance("web2", tls=bad)]
    result = liveness(*secure(site, "--cacert", authority.file))
    state, text = finding(result, site[1])
    assert result.state == "CRITICAL" and state == "CRITICAL" and words in text, result
    assert finding(result, site[0])[0] == "OK"
    assert site[1].requests(0) == [], "asked in spite of its certificate"
    if what == "expired":
        assert -3 * DAY < min(left_of(result)) < -DAY, result
    # Insecure asks nevertheless, and the certificate is as old as it is.
    result = liveness(*secure(site, "--insecure"))
    assert len(site[1].requests()) == 1 and "answers" in finding(result, site[1])[1], result
    assert what != "expired" or min(left_of(result)) < -DAY, result


def test_unknown_issuer(web, liveness, stranger):
    site = [web.instance("web1", tls=stranger.certificate("foreign", "DNS:" + NAME))]
    result = liveness(*secure(site))
    assert result.state == "CRITICAL" and result.says("stranger"), result
    assert liveness(*secure(site, "--expect", "passive", *PASSIVE)).state == "UNKNOWN"


def test_soon(web, liveness, authority):
    site = [web.instance("web1", tls=authority.certificate("soon", "DNS:" + NAME, days=5))]
    result = liveness(*secure(site, "--cacert", authority.file))
    assert result.state == "WARNING" and result.says("renew the certificate"), result
    assert liveness(*secure(site, "--cacert", authority.file), "-w", "certificate_left=1d:",
                    "-c", "certificate_left=1h:").state == "OK"


def test_plain_port(three, liveness, authority):
    result = liveness(*at(three[:1], scheme="https"), "--cacert", authority.file)
    assert result.state != "OK" and result.says("not in TLS"), result


@pytest.mark.parametrize("protocols", ("TLSv1.2", "TLSv1.3"))
def test_client_certificate(web, liveness, authority, good, protocols):
    client = authority.certificate("client-" + protocols.replace(".", ""), "DNS:client")
    site = [web.instance("web1", tls=good, client_ca=authority.file, protocols=protocols)]
    result = liveness(*secure(site, "--cacert", authority.file, "--cert", client.certificate, "--key", client.key))
    assert result.state == "OK" and "CN=client" in site[0].requests()[0]["client"], result
    # nginx answers 400 to who has none
    assert liveness(*secure(site, "--cacert", authority.file)).state == "CRITICAL"


class MutualTls:
    """A server that ends the connection of whoever shows no certificate of the CA."""

    def __init__(self, certificate, ca, version):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = self.context.maximum_version = version
        self.context.load_cert_chain(certificate.chain, certificate.key)
        self.context.load_verify_locations(ca)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.peer = peers.Honest()
        self.peer.serve = self.serve

    def serve(self, connection):
        with self.context.wrap_socket(connection.sock, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(http_reply(b"in"))


@pytest.mark.parametrize("version", (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3))
def test_client_certificate_that_is_missing(liveness, authority, good, version):
    """Whoever is not let in knows nothing: no refusal, and no certificate that is bad."""
    client = authority.certificate("client-%d" % version, "DNS:client")
    server = MutualTls(good, authority.file, version)
    with server.peer as peer:
        words = ["-T", "dash=https://%s:%d/" % (NAME, peer.port), "--instance", "127.0.0.1", "--cacert", authority.file]
        assert liveness(*words, "--cert", client.certificate, "--key", client.key).state == "OK"
        result = liveness(*words)
    assert result.state == "UNKNOWN" and "not allowed to ask" in finding(result, of_peer(peer))[1], result


def test_client_certificate_that_is_none(web, liveness, authority, good):
    site = [web.instance("web1", tls=good)]
    result = liveness(*secure(site, "--cacert", authority.file, "--cert", "/nonexistent/client.pem"))
    assert result.state == "UNKNOWN" and result.says("/nonexistent/client.pem"), result


# ---- who asks ----

def test_basic_authentication(three, liveness, tmp_path):
    three[0].answer("/health", 200, "in", password=("monitor", "open sesame"))
    secret = tmp_path / "password"
    secret.write_text("open sesame\n")
    secret.chmod(0o600)
    uri = "http://monitor@%s:%d/health" % (NAME, three[0].port)
    instance = at(three[:1], target=False)
    result = liveness("-T", uri, *instance, "--password-file", secret, "-vvv")
    assert result.state == "OK", result
    no_secret(result, "open sesame", "bW9uaXRvcjpvcGVuIHNlc2FtZQ==")
    assert liveness("-T", uri, *instance).state == "UNKNOWN"
    result = liveness(*at(three[:1]))
    assert result.state == "UNKNOWN" and result.says("not allowed to ask", "status 401"), result


def test_token(three, liveness, tmp_path):
    token = tmp_path / "token"
    token.write_text("abc.DEF-123\n")
    token.chmod(0o600)
    result = liveness(*at(three[:1]), "--token-file", token, "-vvv")
    assert result.state == "OK" and three[0].requests()[0]["authorization"] == "Bearer abc.DEF-123", result
    no_secret(result, "abc.DEF-123")
    token.write_text("next-one\n")
    liveness(*at(three[:1]), "--token-file", token)
    assert three[0].requests(2)[1]["authorization"] == "Bearer next-one"
    assert liveness(*at(three[:1]), "--token-file", tmp_path / "none").state == "UNKNOWN"


def test_sent_headers(three, liveness):
    result = liveness(*at(three[:1]), "--send-header", "Host: other.example.com", "--send-header",
                      "Accept: application/json", "--send-header", "X-Site: dr")
    asked, = three[0].requests()
    assert (asked["host"], asked["accept"], asked["site"]) == ("other.example.com", "application/json", "dr"), result


# ---- ways to it ----

def test_unix_socket(web, liveness):
    app = web.instance("app", address=False, unix=True)
    app.answer("/health", 200, GOOD)
    uri = "http+unix://%s:/health?full=1" % app.socket
    result = liveness("-T", "app=" + uri, "--json", "/db=ok")
    assert result.state == "OK" and app.requests()[0]["target"] == "/health?full=1", result
    assert liveness("-T", "app=" + uri, "--json", "/db=up").state == "CRITICAL"
    app.stop()
    result = liveness("-T", "app=" + uri)
    assert result.state == "CRITICAL" and app.socket in "\n".join(result.lines), result


def test_unix_socket_in_another_form(liveness):
    result = liveness("-T", "app=http+unix:///run/app.sock")
    assert result.state == "UNKNOWN" and "http+unix:///run/app.sock:/health is wanted" in result.first, result


def test_ipv6(web, liveness):
    site = [web.instance("web1", address="::1"), web.instance("web2")]
    result = liveness(*at(site))
    assert result.state == "OK" and finding(result, site[0])[0] == "OK", result
    result = liveness("-T", "http://[::1]:%d/" % web.port)
    assert result.state == "OK", result


def test_proxy_protocol(web, liveness):
    """L19: the header where it is wanted, and where it is not."""
    behind, plain = web.instance("behind", proxy_protocol=True), web.instance("plain")
    result = liveness(*at([behind, plain]), "--proxy-protocol")
    assert finding(result, behind)[0] == "OK" and finding(result, plain)[0] != "OK", result
    assert "400" in finding(result, plain)[1], result
    result = liveness(*at([behind, plain]))
    assert finding(result, behind)[0] != "OK" and finding(result, plain)[0] == "OK", result


def test_proxy_variables_are_ignored(three, liveness):
    with peers.Refuse() as proxy:
        where = "http://127.0.0.1:%d" % proxy.port
        environment = {name: where for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")}
        assert liveness(*at(three), environment=environment).state == "OK"


@pytest.fixture
def names(monkeypatch, tmp_path):
    """names("192.0.2.1 a.example", ...): what follows runs with these names; mode "alone": without a network."""
    wrapper = os.environ.get("DR_WRAPPER", "")

    def use(*lines, mode="here"):
        hosts = tmp_path / "hosts"
        hosts.write_text("".join(line + "\n" for line in lines))
        monkeypatch.setenv("DR_WRAPPER", " ".join(
            ["/usr/bin/python3", os.path.join(HERE, os.pardir, "faults", "names.py"), mode, str(hosts), wrapper]))
    return use


def test_every_address_of_a_name(web, liveness, names):
    site = [web.instance("web1"), web.instance("web2"), web.instance("web3", address="::1")]
    names(*("%s %s" % (instance.address, NAME) for instance in site + site))
    uri = "http://%s:%d/" % (NAME, web.port)
    result = liveness("-T", uri)
    assert result.state == "OK" and result.perfdata["units"] == 3, result
    for instance in site:
        assert finding(result, instance)[0] == "OK" and len(instance.requests()) == 1
    site[1].stop()
    result = liveness("-T", uri)
    assert result.state == "WARNING" and finding(result, site[1])[0] == "WARNING", result


def test_address_without_a_route(liveness, names):
    """A host without IPv6 of the world does not call an instance dead that has such an address as well."""
    names("127.0.0.1 " + NAME, "2001:db8::11 " + NAME, mode="alone")
    result = liveness("-T", "http://%s:9/" % NAME, "-v")
    assert result.perfdata["units"] == 1 and result.says("2001:db8::11: this host has no route to it"), result
    # Where there is no other, it is asked, and does not answer.
    names("2001:db8::11 " + NAME, mode="alone")
    result = liveness("-T", "http://%s:9/" % NAME)
    assert result.state == "CRITICAL" and "[2001:db8::11]:9" in result.first, result


@pytest.mark.parametrize("mode, state, words", (("nxdomain", "UNKNOWN", "no address"),
                                                ("silent", "CRITICAL", "resolve the name")))
def test_name_without_an_address(liveness, resolver, mode, state, words):
    seconds = resolver(mode)
    result = liveness("-T", "http://%s/" % NAME, "-t", "1s")
    assert result.state == state and words in result.first, result
    assert result.within(1, seconds), result


# ---- others beside them ----

FAULTS = {
    "silent": (peers.Silent, "no answer"),
    "half a reply": (lambda **words: peers.Silent(served(http_reply(b"all is well")), 45, **words), "no answer"),
    "cut": (lambda **words: peers.Close(served(http_reply(b"all is well")), 45, **words), "refused"),
    "reset": (peers.Reset, "refused"),
    "garbage": (peers.Garbage, "unreadable reply"),
    "another protocol": (lambda **words: peers.Silent(served(b"+OK ready\r\n"), 11, **words), "not in HTTP"),
    "endless headers": (lambda **words: peers.Flood(served(b"HTTP/1.1 200 OK\r\n"), 17, chunk=b"X: y\r\n" * 999,
                                                    **words), "unreadable reply"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_beside_good(three, liveness, fault):
    """One that misbehaves neither holds nor hides the others, and is named."""
    make, words = FAULTS[fault]
    with make(address="127.0.0.99") as peer:
        result = liveness(*at(three), "--instance", "127.0.0.99:%d" % peer.port, "-t", "1s")
        assert words in finding(result, of_peer(peer))[1], result
        assert result.state in ("WARNING", "UNKNOWN") and result.perfdata["alive"] == 3, result
        assert result.within(1), result
    for instance in three:
        assert finding(result, instance)[0] == "OK", result


def test_too_many_instances(liveness):
    words = [word for number in range(257) for word in ("--instance", "192.0.2.1:%d" % (number + 1))]
    result = liveness("-T", "http://127.0.0.1/", *words)
    assert result.state == "UNKNOWN" and result.says("more than 256 instances"), result


def test_fifty_cost_as_much_as_the_slowest(web, liveness):
    """Two of fifty answer only when each of the others has been asked."""
    instances = [web.instance("web%d" % number) for number in range(48)]
    arrived = threading.Barrier(2)

    def waits(receive):
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += receive(1)
        arrived.wait(10)
        yield http_reply(b"at last")

    with peers.Honest(waits, address="127.0.0.98") as first, peers.Honest(waits, address="127.0.0.99") as second:
        slow = ["--instance", "127.0.0.98:%d" % first.port, "--instance", "127.0.0.99:%d" % second.port]
        result = liveness(*at(instances), *slow, "-t", "8s")
        assert result.state == "OK" and result.perfdata["alive"] == 50, result
        assert result.within(2), result


# ---- replies in which something is missing ----

CONDITIONS = ("/db=ok", "/lag<5", "/replica/connected=true", "/pods/[name=web]/ready!=false")
HEADERS = {"Date": "Sat, 21 Nov 2026 12:00:00 GMT", "Server": "nginx", "X-Site": "prod", "X-Maintenance": "off"}
NOT_NEEDED = {"Date: .*": "our own clock counts", "Server: .*": "a name for people"}


def asked_again(liveness, changes, reply, *options):
    """{mutation's name: whether the verdict was OK} of one server whose replies lack something in turn."""
    outcomes = {}
    now = {}
    with peers.Honest(lambda receive: served(now["reply"])(receive)) as peer:
        for name, changed in changes:
            now["reply"] = reply(changed)
            outcomes[name] = liveness("-T", "http://127.0.0.1:%d/" % peer.port, *options).state == "OK"
    return outcomes


def test_nothing_can_be_missing_from_the_body(liveness):
    options = [word for condition in CONDITIONS for word in ("--json", condition)]
    changes = [("whole", json.loads(GOOD))] + list(mutations.of_json(json.loads(GOOD)))
    outcomes = asked_again(liveness, changes, lambda document: http_reply(json.dumps(document).encode()), *options)
    assert outcomes.pop("whole") and len(outcomes) > 15
    assert mutations.unexplained(outcomes, {}) == ([], [])


def test_nothing_can_be_missing_from_a_passive_one(liveness):
    """A mark that lacks something is none: it is unknown, or active, and never passive."""
    document = {"role": "passive", "site": {"name": "dr"}, "replica": {"connected": True}}
    options = ["--expect", "passive", "--passive", "/role=passive", "--passive", "/site/name!=prod", "--ready",
               "/replica/connected=true"]
    for status in (b"200 OK", b"503 Service Unavailable"):
        changes = [("whole", document)] + list(mutations.of_json(document))
        outcomes = asked_again(liveness, changes, lambda body: http_reply(json.dumps(body).encode(), status), *options)
        assert outcomes.pop("whole") and len(outcomes) > 8
        assert mutations.unexplained(outcomes, {}) == ([], [])


def test_nothing_can_be_missing_from_the_headers(liveness):
    def reply(headers):
        return http_reply(b"well", b"200 OK", *(("%s: %s" % item).encode() for item in headers.items()))

    options = ["--header", "X-Site=prod", "--header", "X-Maintenance!=on", "--same", "header:X-Site"]
    changes = [("whole", HEADERS)] + list(mutations.of_headers(HEADERS))
    outcomes = asked_again(liveness, changes, lambda headers: reply(headers), *options)
    assert outcomes.pop("whole")
    assert mutations.unexplained(outcomes, NOT_NEEDED) == ([], [])


def test_each_byte_of_a_reply_is_needed(liveness):
    """A reply that ends early, wherever it does, is no proof."""
    whole = http_reply(GOOD.encode())
    options = [word for condition in CONDITIONS for word in ("--json", condition)]
    outcomes = {}
    now = {}
    with peers.Close(lambda receive: served(now["reply"])(receive), after=1 << 20) as peer:
        for size in list(range(0, len(whole), 7)) + [len(whole) - 1]:
            now["reply"] = whole[:size]
            peer.after = size
            outcomes[size] = liveness("-T", "http://127.0.0.1:%d/" % peer.port, *options).state
        now["reply"], peer.after = whole, None
        assert liveness("-T", "http://127.0.0.1:%d/" % peer.port, *options).state == "OK"
    assert "OK" not in outcomes.values(), outcomes
