# SPDX-License-Identifier: GPL-3.0-or-later
"""The Celery source of check_queue_mirrors over TLS to a real server: verified unless told otherwise."""

import pytest

import check
from test_replication_redis_tls import files, servers, uri  # noqa: F401: the fixtures of the same servers


def look(where, *arguments):
    result = check.run("check_queue_mirrors", "-T", "celery+" + where, "-v", *arguments, service="QUEUES")
    print(result)
    return result


def test_verified(servers, files):  # noqa: F811
    r1, port, _, _ = servers
    r1.call("SADD", "_kombu.binding.celery", "celery\x06\x16\x06\x16celery")
    result = look(uri(port, files, cacert=files / "ca.crt"))
    assert result.says("over TLS", "db0: 1 queues"), result


@pytest.mark.parametrize("what", ("no CA", "another host"))
def test_not_verified(servers, files, what):  # noqa: F811
    _, port, _, wrong = servers
    result = look(uri(port, files) if what == "no CA" else uri(wrong, files, cacert=files / "ca.crt"))
    assert result.state == "UNKNOWN" and result.says("certificate") and not result.says("db0"), result


def test_plain_port_is_no_tls(servers, files):  # noqa: F811
    r1, _, _, _ = servers
    result = look(uri(r1.port, files, cacert=files / "ca.crt"), "-t", "1")
    assert result.state != "OK" and not result.says("db0"), result
