# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag against Azurite, which checks signatures by Microsoft's own code.

Not among the test_*.py, because node and npm have to be there: everything.py runs it as a part of its own, and says so
when it cannot."""

import urllib.parse

import pytest

import azurite
import stub_azure_storage as stub


@pytest.fixture(scope="module")
def storage():
    with azurite.running() as ports:
        yield ports


def targets(ports, query=""):
    return [word for service, port in ports.items() for word in (
        "-T", "azure-storage://%s?services=%s&endpoint=http://127.0.0.1:%d/%s-secondary%s" % (
            azurite.ACCOUNT, service, port, azurite.ACCOUNT, query))]


def key_file(folder, key):
    path = folder / "key"
    path.write_text(key + "\n")
    path.chmod(0o600)
    return str(path)


def test_account_key(lag, storage, tmp_path):
    result = lag(*targets(storage), "--password-file", key_file(tmp_path, azurite.KEY))
    assert result.state == "OK", result
    for service in azurite.SERVICES:
        assert 0 <= result.perfdata["%s-%s_loss" % (azurite.ACCOUNT, service)] <= 2, result


def test_wrong_account_key(lag, storage, tmp_path):
    result = lag(*targets(storage), "--password-file", key_file(tmp_path, stub.OTHER_KEY))
    assert result.state == "UNKNOWN" and result.says(*("%s-%s" % (azurite.ACCOUNT, service) for service in azurite.SERVICES))
    assert not any(name.endswith("_loss") for name in result.perfdata), result


@pytest.mark.parametrize("service", azurite.SERVICES)
@pytest.mark.parametrize("fields, state", (({}, "OK"), ({"sp": "w"}, "UNKNOWN"), ({"srt": "o"}, "UNKNOWN"),
                                           ({"se": "2024-01-01T00:00:00Z"}, "UNKNOWN")))
def test_sas(lag, storage, service, fields, state):
    """A SAS that the stand-in of the other tests makes is one to Azurite as well."""
    sas = stub.make_sas(azurite.KEY, azurite.ACCOUNT, **fields)
    result = lag(*targets({service: storage[service]}, "&" + urllib.parse.urlencode(sas)))
    assert result.state == state, result


def test_primary_endpoint(lag, storage, tmp_path):
    result = lag("-T", "azure-storage://%s?services=blob&endpoint=http://127.0.0.1:%d/%s" % (
        azurite.ACCOUNT, storage["blob"], azurite.ACCOUNT), "--password-file", key_file(tmp_path, azurite.KEY))
    assert result.state == "UNKNOWN" and result.says("this is no secondary endpoint"), result
