# SPDX-License-Identifier: GPL-3.0-or-later
"""amqps:// to a real broker: verified unless told otherwise, by name and by address, with a client certificate where one
is asked for."""

import functools
import os
import ssl
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults"))

import peers  # noqa: E402
import rabbitmq  # noqa: E402
from authority import Authority  # noqa: E402
from queues_amqp import GRANT, done, run  # noqa: E402


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    ca = Authority(folder)
    Authority(folder, "stranger")
    ca.certificate("server", "IP:127.0.0.1,DNS:localhost")
    ca.certificate("client", "DNS:client")
    ca.certificate("elsewhere", "DNS:elsewhere.example")
    ca.certificate("address", "IP:127.0.0.2")
    return folder


@pytest.fixture(scope="module")
def whole_broker(files):
    """One node that takes client certificates, and users by them."""
    with rabbitmq.Cluster(1, plugins=("rabbitmq_auth_mechanism_ssl",),
                          tls=tuple(str(files / name) for name in ("ca.crt", "server.crt", "server.key")),
                          settings={"auth_mechanisms.1": "PLAIN", "auth_mechanisms.2": "EXTERNAL",
                                    "ssl_options.verify": "verify_peer", "ssl_options.fail_if_no_peer_cert": "false",
                                    "ssl_cert_login_from": "common_name"}) as cluster:
        yield cluster


@pytest.fixture
def probe(tmp_path):
    """probe(node, vhost, kind, ...): queues_amqp.run"""
    return functools.partial(run, tmp_path)


@pytest.mark.parametrize("host", ("127.0.0.1", "localhost"))
def test_verified(broker, vhost, probe, files, host):
    """By its address as well as by its name."""
    result = probe(broker["rmq1"], tls={"cacert": files / "ca.crt"}, host=host)
    assert result.state == "OK" and result.says("over TLS") and done(result, "classic", "quorum"), result


@pytest.mark.parametrize("tls", ({}, {"cacert": "stranger.crt"}), ids=("the system's", "another CA"))
def test_unknown_authority(broker, vhost, probe, files, tls):
    result = probe(broker["rmq1"], tls={key: files / value for key, value in tls.items()})
    assert result.state == "UNKNOWN" and result.says("certificate"), result


class Elsewhere(peers.Peer):
    """A server with the certificate of another host."""

    def __init__(self, files, name):
        super().__init__()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(str(files / (name + ".crt")), str(files / (name + ".key")))

    def serve(self, connection):
        with self.context.wrap_socket(connection.sock, server_side=True) as sock:
            sock.recv(8)


@pytest.mark.parametrize("certified", ("elsewhere", "address"))
@pytest.mark.parametrize("host", ("127.0.0.1", "localhost"))
def test_another_host(probe, files, host, certified):
    with Elsewhere(files, certified) as peer:
        result = probe(None, tls={"cacert": files / "ca.crt"}, host=host, port=peer.port)
    assert result.state == "UNKNOWN" and result.says("certificate", "mismatch"), result


def test_insecure_when_told(broker, vhost, probe):
    assert done(probe(broker["rmq1"], tls={"insecure": "1"}), "classic")


def test_user_of_a_client_certificate(broker, vhost, probe, files):
    broker.user("client")
    vhost.permit("client", *GRANT)
    result = probe(broker["rmq1"], user=None, tls={
        "cacert": files / "ca.crt", "cert": files / "client.crt", "key": files / "client.key"})
    assert result.state == "OK" and done(result, "classic", "quorum"), result


def test_client_certificate_is_asked_for(broker, vhost, probe, files):
    broker.settings["ssl_options.fail_if_no_peer_cert"] = "true"
    node = broker["rmq1"].restart()
    try:
        tls = {"cacert": files / "ca.crt"}
        result = probe(node, tls=tls)
        assert result.state == "UNKNOWN" and result.says("certificate"), result
        tls.update(cert=files / "client.crt", key=files / "client.key")
        assert done(probe(node, tls=tls), "classic")
    finally:
        broker.settings["ssl_options.fail_if_no_peer_cert"] = "false"
        node.restart()


def test_tls_where_there_is_none(broker, vhost, probe, files):
    result = probe(broker["rmq1"], tls={"cacert": files / "ca.crt"}, port=broker["rmq1"].port)
    assert result.state == "UNKNOWN" and result.says("TLS"), result


def test_no_tls_where_there_is(broker, vhost, probe):
    result = probe(broker["rmq1"], port=broker["rmq1"].tls_port)
    assert result.state in ("UNKNOWN", "CRITICAL") and result.says("mq"), result
