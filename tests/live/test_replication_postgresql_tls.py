# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag over TLS: what is verified, and what is said when it does not fit."""

import os
import shutil

import pytest

from authority import Authority


class Tls:
    """A primary with a certificate for the name localhost, the CA that made it, and another CA."""

    def __init__(self, lab, folder):
        ca = Authority(folder)
        self.ca = ca.file
        self.other_ca = Authority(folder, "other-ca").file
        self.server = lab.primary("secure")
        self.server.kept = True  # for all tests of this file
        self.server.sql("create role monitor login; grant pg_monitor to monitor")
        made = ca.certificate("server", "DNS:localhost")
        for path in (made.key, made.certificate):
            shutil.copy(path, self.server.data)
            copy = os.path.join(self.server.data, os.path.basename(path))
            os.chmod(copy, 0o600)
            lab.give(copy)
        self.server.restart(ssl="on", ssl_cert_file="server.crt", ssl_key_file="server.key")

    def target(self, host, query):
        return "secure=postgresql://monitor@%s:%d/postgres?%s" % (host, self.server.port, query)


@pytest.fixture(scope="module")
def tls(lab, tmp_path_factory):
    return Tls(lab, str(tmp_path_factory.mktemp("tls")))


def test_verified(lag, tls):
    result = lag("-T", tls.target("localhost", "sslmode=verify-full&sslrootcert=" + tls.ca), "--expect-count", "0", "-v")
    assert result.state == "OK" and "over TLS" in result.output, result


def test_a_known_authority_is_asked_without_being_told(lag, tls):
    """Where there is a CA to verify against, name and certificate are verified: no sslmode has to be said."""
    result = lag("-T", tls.target("localhost", "sslrootcert=" + tls.ca), "--expect-count", "0")
    assert result.state == "OK", result
    wrong = lag("-T", tls.target("127.0.0.1", "sslrootcert=" + tls.ca), "--expect-count", "0")
    assert wrong.state == "UNKNOWN" and wrong.says("secure", "does not match host name"), wrong
    by_environment = lag("-T", tls.target("127.0.0.1", "connect_timeout=10"), "--expect-count", "0",
                         environment={"PGSSLROOTCERT": tls.ca})
    assert by_environment.state == "UNKNOWN", by_environment


def test_wrong_name(lag, tls):
    result = lag("-T", tls.target("127.0.0.1", "sslmode=verify-full&sslrootcert=" + tls.ca), "--expect-count", "0")
    assert result.state == "UNKNOWN" and "does not match host name" in result.first, result
    assert any(line.startswith("next: ") and "sslmode" in line for line in result.lines), result


def test_unknown_authority(lag, tls):
    result = lag("-T", tls.target("localhost", "sslmode=verify-full&sslrootcert=" + tls.other_ca),
                 "--expect-count", "0")
    assert result.state == "UNKNOWN" and "certificate verify failed" in result.first, result


def test_the_address_that_tells_most(lag, tls):
    """localhost is ::1 too, where nobody listens: that is not what is wrong."""
    result = lag("-T", tls.target("localhost", "sslmode=verify-full&sslrootcert=" + tls.other_ca), "--expect-count", "0")
    assert "refused" not in result.first and "certificate" in result.first, result


def test_server_without_tls(lag, tls, cluster):
    result = lag("-T", "db1=" + cluster.db1.uri("monitor") + "?sslmode=require", "--rpo", "5m")
    assert result.state == "UNKNOWN" and "does not support SSL" in result.first, result
