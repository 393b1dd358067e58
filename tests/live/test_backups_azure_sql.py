# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness on Azure SQL: what it asks of ARM, and what it makes of each answer."""

import time

import pytest

import stub_azure_sql as sql
import stub_azure_storage as stub
from conftest import no_secret
from test_queues_azure import private, served

HOUR = 3600
DAY = 86400
TOKEN = "eyJ0.eyJh.c2ln"


@pytest.fixture
def ask(backup_freshness, tmp_path):
    token = private(tmp_path, "token", TOKEN)

    def run(server, *arguments, path="", query=None, **options):
        query = "token_file=" + token if query is None else query
        with served(server) as peer:
            result = backup_freshness("-T", "azure-sql://sub-1/rg_1/sql1%s?endpoint=http://127.0.0.1:%d&%s" % (
                path, peer.port, query), *arguments, **options)
        print(result)
        no_secret(result, TOKEN)
        return result
    return run


def exposures(result):
    return {name: value for name, value in result.perfdata.items()
            if name.endswith("exposure") and not name.endswith("worst_exposure")}


def test_good(ask):
    """The copy in the other region says up to when."""
    result = ask(sql.Sql([sql.database("master"), sql.database("orders")], {"orders": 1800}))
    assert result.state == "OK", result
    assert list(exposures(result).values())[0] == pytest.approx(1800, abs=60), result


def test_stale(ask):
    result = ask(sql.Sql([sql.database("orders"), sql.database("bills")], {"orders": 1800, "bills": 3 * DAY}), "--rpo", "1d")
    assert result.state == "CRITICAL" and result.says("bills", "3d"), result


def test_nobody_says_up_to_when(ask):
    """Backups in one region: there they are, and how far they go is not said."""
    result = ask(sql.Sql([sql.database("orders")]))
    assert result.state == "UNKNOWN" and result.says("orders", "not up to when"), result


def test_one_without_backups(ask):
    databases = [sql.database("orders"), sql.database("bare", earliest=None)]
    result = ask(sql.Sql(databases, {"orders": 1800}), "--expect", "bare")
    assert result.state == "CRITICAL" and result.says("bare"), result


def test_new_and_secondary_ones_are_no_fault(ask):
    databases = [sql.database("orders"),
                 sql.database("young", earliest=None, creationDate=sql.iso(time.time() - 600)),
                 sql.database("mirror", earliest=None, secondaryType="Geo")]
    result = ask(sql.Sql(databases, {"orders": 1800}))
    assert result.state == "OK", result


def test_paused(ask):
    """Nothing is written: what was backed up at the end is all there is."""
    paused = sql.database("orders", status="Paused", pausedDate=sql.iso(time.time() - 5 * DAY))
    assert ask(sql.Sql([paused], {"orders": 5 * DAY - 300}), "--rpo", "1d").state == "OK"
    assert ask(sql.Sql([paused], {"orders": 5 * DAY + 300}), "--rpo", "1d").state == "CRITICAL"


def test_restore_points_of_a_warehouse(ask):
    server = sql.Sql([sql.database("dw", tier="DataWarehouse")], points={"dw": [4 * HOUR, 12 * HOUR, 20 * HOUR]})
    result = ask(server, "--rpo", "1d")
    assert result.state == "OK", result
    assert list(exposures(result).values())[0] == pytest.approx(4 * HOUR, abs=60), result


def test_long_term_backups(ask, tmp_path):
    query = "backups=long-term&token_file=" + private(tmp_path, "t", TOKEN)
    old = [("orders", age * DAY, 300 * DAY) for age in (2, 9, 16)]
    assert ask(sql.Sql([sql.database("orders")], long_term=old), "--rpo", "8d", query=query).state == "OK"
    old = [("orders", age * DAY, 300 * DAY) for age in (12, 19, 26)]
    result = ask(sql.Sql([sql.database("orders")], long_term=old), "--rpo", "8d", query=query)
    assert result.state == "CRITICAL" and result.says("12d"), result


@pytest.mark.parametrize("page", (1, 2))
def test_pages(ask, page):
    names = ["db%d" % number for number in range(5)]
    ages = {name: 1800 for name in names}
    ages["db4"] = 3 * DAY
    result = ask(sql.Sql([sql.database(name) for name in names], ages, page=page), "--rpo", "1d")
    assert result.state == "CRITICAL" and result.says("db4"), result


def test_one_database(ask):
    server = sql.Sql([sql.database("orders"), sql.database("bills")], {"orders": 1800, "bills": 3 * DAY})
    assert ask(server, "--rpo", "1d", path="/orders").state == "OK"
    result = ask(server, "--rpo", "1d", path="/none")
    assert result.state == "CRITICAL" and result.says("none"), result


def test_empty_server(ask):
    assert ask(sql.Sql([sql.database("master")])).state != "OK"


# ---- who is let in ----

def test_wrong_token(ask):
    result = ask(sql.Sql([sql.database("orders")], {"orders": 1800}, token="another"))
    assert result.state == "UNKNOWN" and result.says("InvalidAuthenticationToken"), result


@pytest.mark.parametrize("denied", ("/databases", "/recoverableDatabases"))
def test_denied(ask, denied):
    server = sql.Sql([sql.database("orders")], {"orders": 1800})
    server.denied = denied
    result = ask(server)
    assert result.state == "UNKNOWN" and result.says("role Reader on the server"), result


def test_no_such_server(ask):
    server = sql.Sql()
    server.refusal = (404, "ResourceNotFound")
    result = ask(server)
    assert result.state == "UNKNOWN" and result.says("there is no such server"), result


def test_no_token(ask):
    result = ask(sql.Sql(), query="plain_http=yes")
    assert result.state == "UNKNOWN" and result.says("bearer token"), result


def test_managed_identity(backup_freshness):
    metadata = stub.Metadata("https://management.azure.com/", TOKEN)
    with served(metadata) as machine, served(sql.Sql([sql.database("orders")], {"orders": 1800})) as peer:
        result = backup_freshness("-T", "azure-sql://sub-1/rg_1/sql1?endpoint=http://127.0.0.1:%d&identity=system"
                                  "&identity_endpoint=http://127.0.0.1:%d" % (peer.port, machine.port))
    assert result.state == "OK", result
    no_secret(result, TOKEN)


@pytest.mark.parametrize("document", ("", "{}", "[]", "{\"value\": 1}", "{\"value\": [{}]}", "{\"value\": [",
                                      "{\"value\": [], \"nextLink\": \"https://management.azure.com/x\"}"))
def test_a_reply_that_is_none(ask, document):
    server = sql.Sql([sql.database("orders")], {"orders": 1800})
    server.document = document
    result = ask(server)
    assert result.state == "UNKNOWN" and result.says("cannot be used"), result


@pytest.mark.parametrize("uri, words", (
    ("azure-sql://sub-1", "azure-sql://SUBSCRIPTION/RESOURCEGROUP/SERVER"),
    ("azure-sql://sub-1/rg_1/SQL_1?token_file=x", "name of a server"),
    ("azure-sql://sub-1/rg_1/sql1?backups=all", "point-in-time or long-term"),
    ("azure-sql://sub-1/rg_1/sql1?backup=all", "has no parameter"),
))
def test_a_target_that_is_none(backup_freshness, uri, words):
    result = backup_freshness("-T", uri)
    assert result.state == "UNKNOWN" and result.says(words), result
