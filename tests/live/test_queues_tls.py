# SPDX-License-Identifier: GPL-3.0-or-later
"""rabbitmqs:// to a real management API: verified unless told otherwise, with a client certificate where one is asked
for; and certificates of the node's own listeners that are about to expire."""

import functools

import pytest

from queues_management import HOST, run, url

LISTENER = "amqp/ssl port %d on rmq1@localhost"


@pytest.fixture
def look(tmp_path):
    """look(target, ..., user=...): queues_management.run"""
    return functools.partial(run, tmp_path)


@pytest.fixture
def target(site, certificates):
    """The URI of the site's https; parameters: cacert="stranger.crt", None leaves one out."""
    def make(host=HOST, insecure=None, **given):
        files = {"cacert": "ca.crt", "cert": "client.crt", "key": "client.key", **given}
        parameters = {name: certificates / file for name, file in files.items() if file is not None}
        if insecure is not None:
            parameters["insecure"] = insecure
        return url(site["rmq1"], host=host, tls=True, **parameters)
    return make


def unverified(result):
    return result.code == 3 and result.says("certificate") and "the broker has no queues" not in result.output


def test_verified(target, look):
    result = look(target())
    assert result.code == 0 and "the broker has no queues" in result.first, result


@pytest.mark.parametrize("cacert", (None, "stranger.crt"), ids=("the system's", "another"))
def test_unknown_authority(target, look, cacert):
    assert unverified(look(target(cacert=cacert)))


def test_another_host(target, look):
    """The certificate is for 127.0.0.1."""
    result = look(target(host="localhost"))
    assert unverified(result) and result.says("'localhost'"), result


@pytest.mark.parametrize("word", ("true", "1"))
def test_insecure_when_told(target, look, word):
    assert look(target(cacert="stranger.crt", insecure=word)).code == 0
    assert look(target(host="localhost", insecure=word)).code == 0


@pytest.mark.parametrize("word", ("false", "0", "no"))
def test_insecure_when_told_not_to(target, look, word):
    assert unverified(look(target(cacert="stranger.crt", insecure=word)))


def test_insecure_or_what(target, look):
    result = look(target(insecure="maybe"))
    assert result.code == 3 and result.says("insecure=maybe: true or false is wanted"), result


def test_without_a_client_certificate(target, look):
    """With TLS 1.3 it shows only after the handshake: nothing that pages."""
    result = look(target(cert=None, key=None))
    assert result.code == 3 and result.says("certificate required"), result


def test_wrong_key(target, look):
    result = look(target(key="server.key"))
    assert result.code == 3 and result.says("client certificate"), result


def test_missing_file(target, look):
    result = look(target(cacert="gone.crt"))
    assert result.code == 3 and result.says("gone.crt"), result


@pytest.mark.parametrize("parameters, words", (
    ("cacert=/etc/ssl/certs/ca.pem", "cacert= is for rabbitmqs://"),
    ("tls=1", 'the URI has no parameter "tls"'),
))
def test_parameters_that_mean_nothing(site, look, parameters, words):
    result = look(url(site["rmq1"]) + "?" + parameters)
    assert result.code == 3 and result.says(words), result


def test_mixed_up(site, certificates, look):
    """TLS to a port without, and the other way round: we cannot tell."""
    node = site["rmq1"]
    for where in ("rabbitmqs://lab@%s:%d?cacert=%s" % (HOST, node.http_port, certificates / "ca.crt"),
                  "rabbitmq://lab@%s:%d" % (HOST, node.https_port)):
        result = look(where, "-t", "5")
        assert result.code == 3 and "the broker has no queues" not in result.output, result


# ---- certificates of the listeners, which last for 30 days ----

def test_listener_whose_certificate_expires(site, look):
    result = look(url(site["rmq1"]), "--certificate-days", "45")
    assert result.code == 1, result
    assert result.about(HOST) == [("WARNING", "%s: certificates that expire soon: %s" % (
        HOST, LISTENER % site["rmq1"].tls_port))], result


def test_certificates_are_good_for_long_enough(site, look):
    result = look(url(site["rmq1"]), "-v")
    assert result.code == 0 and result.says("ask for certificates") and not result.about(HOST), result


def test_certificates_are_not_asked_for(site, look):
    result = look(url(site["rmq1"]), "--certificate-days", "0", "-v")
    assert result.code == 0 and not result.says("ask for certificates"), result
