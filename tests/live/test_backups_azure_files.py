# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness on Azure Files: what it asks, and what it makes of each answer."""

import time
import urllib.parse

import pytest

import stub_azure_files as files
import stub_azure_storage as stub
from conftest import no_secret
from test_queues_azure import private, served

DAY = 86400
TOKEN = "eyJ0.eyJh.c2ln"
DUMP = (b"--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 15.20\n-- Dumped by pg_dump version 15.20\n\n"
        + b"INSERT INTO t VALUES (1);\n" * 4000 + b"--\n-- PostgreSQL database dump complete\n--\n\n")


def aged(seconds, content=DUMP, **other):
    now = time.time()
    return files.File(content, written=now - seconds, arrived=now - seconds, **other)


def uri(peer, path="", query="", share="backups", scheme="azure-files"):
    return "%s://acct/%s/%s?endpoint=http://127.0.0.1:%d/acct%s" % (scheme, share, path, peer.port,
                                                                    "&" + query if query else "")


@pytest.fixture
def ask(backup_freshness, tmp_path):
    """Asks a stub with the account key."""
    key = private(tmp_path, "key", stub.KEY)

    def run(server, path="", *arguments, query="", share="backups", with_key=True, **options):
        with served(server) as peer:
            words = ("--password-file", key) if with_key else ()
            result = backup_freshness("-T", uri(peer, path, query, share), *words, *arguments, **options)
        print(result)
        no_secret(result, stub.KEY)
        return result
    return run


def test_good(ask):
    result = ask(files.Files({"pg/orders.sql": aged(3600)}), "pg/*.sql")
    assert result.state == "OK" and result.says("orders.sql"), result


def test_name_without_a_wildcard(ask):
    tree = {"pg/orders.sql": aged(3600)}
    assert ask(files.Files(tree), "pg/orders.sql").state == "OK"
    assert ask(files.Files(tree), "pg").state == "OK"
    assert ask(files.Files(tree), "pg/none.sql").state == "CRITICAL"


def test_directories_below(ask):
    """A list is of one directory: those below it are walked."""
    tree = {"a/%d/%d/orders.sql" % (i, j): aged(DAY * 10 + 100 * i + j) for i in range(4) for j in range(3)}
    tree["a/2/9/orders.sql"] = aged(3600)
    server = files.Files(tree)
    result = ask(server, "a/**/*.sql", "--rpo", "1d")
    ages = [value for name, value in result.perfdata.items() if name.endswith("exposure")]
    assert result.says("a/2/9") or result.says("2/9/orders.sql"), result
    assert min(ages) == pytest.approx(3600, abs=120), result


@pytest.mark.parametrize("page", (1, 3))
def test_pages(ask, page):
    tree = {"pg/%02d.txt" % i: aged(DAY, b"x") for i in range(7)}
    tree["pg/zz.sql"] = aged(3600)
    result = ask(files.Files(tree, page=page), "pg/*.sql")
    assert result.state == "OK" and result.says("zz.sql"), result


def test_too_many_pages(ask):
    tree = {"pg/%02d.sql" % i: aged(DAY * 2) for i in range(7)}
    result = ask(files.Files(tree, page=1), "pg/*.sql", "--max-pages", "3")
    assert result.state in ("UNKNOWN", "CRITICAL") and result.says("incomplete"), result


def test_a_marker_that_comes_again(ask):
    server = files.Files({"pg/orders.sql": aged(3600)})
    server.markers = "1"
    result = ask(server, "pg/*.sql")
    assert result.state == "UNKNOWN" and result.says("marker"), result


def test_what_a_client_sets_and_what_the_service_does(ask):
    """A copy that keeps times: old data that came late."""
    now = time.time()
    tree = {"pg/orders.sql": files.File(DUMP, written=now - 3 * DAY, arrived=now - 600)}
    result = ask(files.Files(tree), "pg/*.sql", "--rpo", "1d")
    assert result.state == "CRITICAL" and result.says("3d"), result


def test_truncated(ask):
    result = ask(files.Files({"pg/orders.sql": aged(3600, DUMP[:-60])}), "pg/*.sql")
    assert result.state == "CRITICAL" and result.says("orders.sql"), result


def test_written_anew_while_it_is_read(ask):
    """Its beginning and its end would be of two files."""
    server = files.Files({"pg/orders.sql": aged(3600)})
    count = []

    def change(stand_in, path):
        count.append(path)
        stand_in.tree[path] = files.File(DUMP + b"-- %d\n" % len(count), written=time.time() - 3600)
    server.read_hook = change
    result = ask(server, "pg/*.sql")
    assert result.state != "OK", result


def test_nothing_there(ask):
    assert ask(files.Files({"other/x": aged(1)}), "pg/*.sql").state == "CRITICAL"
    assert ask(files.Files({"pg/readme.txt": aged(1)}), "pg/*.sql").state == "CRITICAL"


def test_no_such_share(ask):
    result = ask(files.Files({"pg/orders.sql": aged(3600)}), "pg/*.sql", share="elsewhere")
    assert result.state == "UNKNOWN" and result.says("there is no such share"), result


def test_a_directory_that_may_not_be_read(ask):
    """What cannot be seen is no empty directory."""
    server = files.Files({"a/orders.sql": aged(3600), "a/secret/orders.sql": aged(60)})
    server.denied = ("a/secret",)
    result = ask(server, "a/**/*.sql")
    assert result.state == "UNKNOWN" and result.says("secret"), result
    server = files.Files({"pg/orders.sql": aged(3600)})
    server.denied = ("pg",)
    result = ask(server, "pg/*.sql")
    assert result.state == "UNKNOWN" and not result.says("no backup"), result


def test_odd_names(ask):
    tree = {"pg/a (1) +&=%20\u00fc\uffff.sql": aged(3600)}
    result = ask(files.Files(tree), "pg/*.sql")
    assert result.state == "OK" and result.says("a (1) +&=%20"), result


@pytest.mark.parametrize("document", ("", "<EnumerationResults><Entries>", "<html/>",
                                      "<EnumerationResults><Entries><File><Name></Name></File></Entries></EnumerationResults>",
                                      "<EnumerationResults><Entries><File><Name>../x</Name></File></Entries>"
                                      "</EnumerationResults>"))
def test_a_reply_that_is_none(ask, document):
    server = files.Files({"pg/orders.sql": aged(3600)})
    server.document = document
    result = ask(server, "pg/*.sql")
    assert result.state == "UNKNOWN" and result.says("the reply cannot be used"), result


# ---- who is let in ----

def test_wrong_key(ask):
    result = ask(files.Files({"pg/orders.sql": aged(3600)}, key=stub.OTHER_KEY), "pg/*.sql")
    assert result.state == "UNKNOWN" and result.says("AuthenticationFailed"), result


def test_token(ask, tmp_path):
    """Files take one only with the intent of a backup."""
    path = private(tmp_path, "token", TOKEN)
    server = files.Files({"pg/orders.sql": aged(3600)}, token=TOKEN)
    result = ask(server, "pg/*.sql", query="token_file=" + path, with_key=False)
    assert result.state == "OK", result
    no_secret(result, TOKEN)
    assert all(request.headers.get("x-ms-file-request-intent") == "backup" for request in server.requests)


def test_intent_is_for_tokens_alone(ask):
    server = files.Files({"pg/orders.sql": aged(3600)})
    ask(server, "pg/*.sql")
    assert server.requests and not any("x-ms-file-request-intent" in request.headers for request in server.requests)


def test_sas_of_a_share(ask):
    sas = files.make_share_sas()
    server = files.Files({"pg/orders.sql": aged(3600)}, sas=sas)
    result = ask(server, "pg/*.sql", query=urllib.parse.urlencode(sas), with_key=False)
    assert result.state == "OK", result
    no_secret(result, sas["sig"])


@pytest.mark.parametrize("fields, words", (({"seconds": -3 * DAY}, "the SAS expired 3d ago"), ({"sp": "r"}, "sp= has no l"),
                                           ({"sr": "f"}, "not for a share"), ({"spr": "https"}, "https only")))
def test_sas_that_says_it_will_not_do(ask, fields, words):
    """Known without a request."""
    sas = files.make_share_sas(**fields)
    server = files.Files({"pg/orders.sql": aged(3600)}, sas=sas)
    result = ask(server, "pg/*.sql", query=urllib.parse.urlencode(sas), with_key=False)
    assert result.state == "UNKNOWN" and result.says(words), result
    assert not server.requests


def test_refused_with_a_reason(ask):
    """Azure says why in a text of which nothing but the reason is shown."""
    server = files.Files({"pg/orders.sql": aged(3600)})
    server.refusal = (403, "AuthenticationFailed")
    server.error = lambda refusal: (
        "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>M</Message><AuthenticationErrorDetail>The MAC "
        "signature found in the HTTP request 'c2VjcmV0' is not the same as any computed signature. Server used following "
        "string to sign: 'GET'.</AuthenticationErrorDetail></Error>")
    result = ask(server, "pg/*.sql")
    assert result.state == "UNKNOWN" and result.says("the account key is not one of this account's"), result
    assert not result.says("c2VjcmV0"), result
