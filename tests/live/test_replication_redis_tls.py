# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag over TLS to a real server: verified unless told otherwise, with a client certificate where one
is asked for."""

import pytest

import redis
from authority import Authority
from postgresql import free_port, wait_until
from test_replication_redis import PROGRAMS


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    ca = Authority(folder)
    ca.certificate("server", "IP:127.0.0.1")
    ca.certificate("elsewhere", "DNS:elsewhere.example")
    ca.certificate("client", "DNS:client")
    return folder


def uri(port, files, client="client", **parameters):
    if client:
        parameters.update(cert=files / (client + ".crt"), key=files / (client + ".key"))
    return "rediss://127.0.0.1:%d?%s" % (port, "&".join("%s=%s" % item for item in sorted(parameters.items())))


@pytest.fixture(scope="module", params=PROGRAMS)
def servers(request, files):
    """(port of the primary, of its replica, of one with the certificate of another host)"""
    with redis.Lab(request.param) as lab:
        def start(name, certificate="server", **more):
            port = free_port(lab.ports)
            server = lab.server(
                name, tls_port=str(port), tls_cert_file=str(files / (certificate + ".crt")),
                tls_key_file=str(files / (certificate + ".key")), tls_ca_cert_file=str(files / "ca.crt"), **more)
            return server, port
        r1, p1 = start("r1")
        r2, p2 = start("r2", tls_replication="yes", replicaof="127.0.0.1 %d" % p1)
        _, wrong = start("wrong", "elsewhere")
        r2.wait_up()
        yield r1, p1, p2, wrong


def test_verified(servers, files, lag):
    _, p1, p2, _ = servers
    result = lag("-T", uri(p1, files, cacert=files / "ca.crt"), "-T", uri(p2, files, cacert=files / "ca.crt"), "-v",
                 "--rpo", "5s")
    assert result.state == "OK" and result.says("over TLS"), result


@pytest.mark.parametrize("what", ("no CA", "another host"))
def test_not_verified(servers, files, lag, what):
    _, p1, _, wrong = servers
    given = uri(p1, files) if what == "no CA" else uri(wrong, files, cacert=files / "ca.crt")
    result = lag("-T", given)
    assert result.state == "UNKNOWN" and result.says("certificate"), result


def test_insecure_when_told(servers, files, lag):
    _, p1, _, wrong = servers
    assert lag("-T", uri(p1, files, insecure="1"), "--rpo", "5s").state == "OK"
    result = lag("-T", uri(wrong, files, insecure="1"), "--expect-count", "0")
    assert result.says("primary"), result


def test_without_a_client_certificate(servers, files, lag):
    """The server asks for one; with TLS 1.3 that shows only after the handshake."""
    _, p1, _, _ = servers
    result = lag("-T", uri(p1, files, client=None, cacert=files / "ca.crt"))
    assert result.state == "UNKNOWN" and result.says("TLS"), result


def test_missing_file(servers, files, lag):
    _, p1, _, _ = servers
    result = lag("-T", uri(p1, files, cacert=files / "gone.crt"))
    assert result.state == "UNKNOWN" and result.says("gone.crt"), result


def test_through_a_sentinel(servers, files, lag):
    """The Sentinel itself, and the nodes that it leads to, each over TLS."""
    r1, p1, p2, _ = servers
    port = free_port(r1.lab.ports)
    tls = {name: value for name, value in r1.settings.items() if name.startswith("tls-") and name != "tls-port"}
    sentinel = redis.Server(r1.lab, "s1", dict(tls, **{"bind": "127.0.0.1", "protected-mode": "no", "tls-port": str(port),
                                                       "tls-replication": "yes"}), sentinel=True)
    sentinel.lines = ["sentinel monitor m1 127.0.0.1 %d 1" % p1]
    sentinel.start()

    def usable():
        replicas = sentinel.call("SENTINEL", "REPLICAS", "m1")
        return [dict(zip(fields[::2], fields[1::2]))["flags"] for fields in replicas] == ["slave"]
    wait_until(usable, "it is connected to the replica")
    given = uri(port, files, cacert=files / "ca.crt").replace("rediss:", "rediss+sentinel:").replace("?", "/m1?")
    result = lag("-T", given, "-v", "--rpo", "5s")
    for node in (p1, p2):
        assert result.about("127.0.0.1:%d" % node), result
    assert result.output.count("over TLS") == 3 and not result.says("without TLS"), result
    assert result.state == "OK", result
    result = lag("-T", given.replace("cacert=%s&" % (files / "ca.crt"), ""))
    assert result.state == "UNKNOWN" and result.says("certificate"), result


def test_mixed_up(servers, files, lag):
    """TLS to a port without, and the other way round."""
    r1, p1, _, _ = servers
    result = lag("-T", uri(r1.port, files, cacert=files / "ca.crt"), "-t", "1.5")
    assert result.state in ("UNKNOWN", "CRITICAL") and result.says("TLS"), result
    result = lag("-T", "redis://127.0.0.1:%d" % p1, "-t", "1.5")
    assert result.state in ("UNKNOWN", "CRITICAL"), result
