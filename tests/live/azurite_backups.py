# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness against Azurite: blobs, signatures and SAS by Microsoft's own code.

Not among the test_*.py, because node and npm have to be there: everything.py runs it as a part of its own, and says so
when it cannot."""

import base64
import email.utils
import hashlib
import hmac
import time
import urllib.parse
import urllib.request

import pytest

import azurite
import stub_azure_storage as stub
from conftest import no_secret
from test_queues_azure import private

VERSION = "2021-12-02"
DAY = 86400
# a plain dump, as pg_dump begins and ends it
DUMP = (b"--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 15.20\n-- Dumped by pg_dump version 15.20\n\n"
        + b"INSERT INTO t VALUES (1);\n" * 4000 + b"--\n-- PostgreSQL database dump complete\n--\n\n")


class Account:
    """The containers of Azurite's account."""

    def __init__(self, port):
        self.port = port

    def request(self, method, path, query=(), body=None, more=()):
        """Signed by the account key; the reply's headers."""
        path = "/%s/%s" % (azurite.ACCOUNT, urllib.parse.quote(path))
        headers = dict({"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": VERSION}, **dict(more))
        kind = "application/octet-stream" if body is not None else ""
        text = "\n".join([method, "", "", str(len(body)) if body else "", "", kind] + [""] * 6
                         + ["%s:%s" % item for item in sorted(headers.items())]
                         + ["/%s%s" % (azurite.ACCOUNT, path)] + ["%s:%s" % item for item in sorted(query)])
        digest = hmac.new(base64.b64decode(azurite.KEY), text.encode(), hashlib.sha256).digest()
        headers["Authorization"] = "SharedKey %s:%s" % (azurite.ACCOUNT, base64.b64encode(digest).decode())
        if body is not None:
            headers["Content-Type"] = kind
        url = "http://127.0.0.1:%d%s?%s" % (self.port, path, urllib.parse.urlencode(query))
        with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method)) as reply:
            return dict(reply.headers)

    def put(self, container, name, body=DUMP):
        self.request("PUT", "%s/%s" % (container, name), (), body, {"x-ms-blob-type": "BlockBlob"})

    def put_block(self, container, name, body=DUMP):
        """A block that nobody commits."""
        block = base64.b64encode(b"block-1").decode()
        self.request("PUT", "%s/%s" % (container, name), [("comp", "block"), ("blockid", block)], body)

    def uri(self, container, path="", query="", scheme="azure-blob", account=azurite.ACCOUNT):
        return "%s://%s/%s/%s?endpoint=http://127.0.0.1:%d/%s%s" % (
            scheme, azurite.ACCOUNT, container, path, self.port, account, "&" + query if query else "")


@pytest.fixture(scope="module")
def account():
    with azurite.running() as ports:
        yield Account(ports["blob"])


@pytest.fixture
def container(account, request):
    """A container of the test's own."""
    name = "c-%s" % hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:20]
    account.request("PUT", name, [("restype", "container")])
    return name


@pytest.fixture
def ask(backup_freshness, account, tmp_path):
    """Asks with the account key."""
    key = private(tmp_path, "key", azurite.KEY)

    def run(container, path="", *arguments, query="", scheme="azure-blob", **options):
        result = backup_freshness("-T", account.uri(container, path, query, scheme), "--password-file", key, *arguments,
                                  **options)
        print(result)
        no_secret(result, azurite.KEY)
        return result
    return run


def sas_of(container, seconds=3600, key=azurite.KEY, **other):
    """A SAS of one container: "Create a service SAS", version 2020-12-06 and later."""
    fields = {"sv": VERSION, "sr": "c", "sp": "rl",
              "se": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))}
    fields.update(other)
    text = "\n".join([fields["sp"], fields.get("st", ""), fields["se"], "/blob/%s/%s" % (azurite.ACCOUNT, container),
                      "", "", fields.get("spr", ""), fields["sv"], fields["sr"], "", "", "", "", "", "", ""])
    return stub.signed(fields, text, key)


def query_of(sas):
    return urllib.parse.urlencode(sas)


# ---- what is there ----

def test_good(ask, account, container):
    account.put(container, "pg/orders.sql")
    result = ask(container, "pg/*.sql")
    assert result.state == "OK" and result.says("orders.sql"), result


def test_name_without_a_wildcard(ask, account, container):
    """The name of one blob, and of what is in front of many."""
    account.put(container, "pg/orders.sql")
    assert ask(container, "pg/orders.sql").state == "OK"
    assert ask(container, "pg").state == "OK"
    assert ask(container, "pg/none.sql").state == "CRITICAL"


def test_truncated(ask, account, container):
    """What makes it a backup is read at both its ends."""
    account.put(container, "orders.sql", DUMP[:-60])
    result = ask(container, "*.sql")
    assert result.state == "CRITICAL" and result.says("orders.sql"), result


def test_empty_container_is_no_backup(ask, container):
    result = ask(container, "*.sql")
    assert result.state == "CRITICAL" and result.says("no backup"), result


def test_empty_blob(ask, account, container):
    account.put(container, "orders.sql", b"")
    result = ask(container, "*.sql")
    assert result.state == "CRITICAL", result


def test_no_such_container(ask):
    result = ask("nowhere", "*.sql")
    assert result.state == "UNKNOWN" and result.says("ContainerNotFound", "there is no such container"), result


def test_stale(ask, account, container):
    account.put(container, "orders.sql")
    result = ask(container, "*.sql", "--rpo", "1d", now=time.time() + 2 * DAY)
    assert result.state == "CRITICAL" and result.says("2d"), result


def test_odd_names(ask, account, container):
    name = "pg/a (1) +&=%20\u00fc<>.sql"
    account.put(container, name)
    result = ask(container, "pg/*.sql")
    assert result.state == "OK" and result.says("a (1) +&=%20"), result


def test_metadata_makes_nothing_fresh(ask, account, container):
    """An edit of metadata renews Last-Modified; the content is as old as it was."""
    account.put(container, "orders.sql")
    time_of = email.utils.parsedate_to_datetime
    before = account.request("HEAD", container + "/orders.sql")
    while True:  # the dates are whole seconds
        account.request("PUT", container + "/orders.sql", [("comp", "metadata")], b"", {"x-ms-meta-a": "b"})
        after = account.request("HEAD", container + "/orders.sql")
        if time_of(after["last-modified"]) > time_of(before["last-modified"]):
            break
    created = time_of(before["x-ms-creation-time"]).timestamp()
    result = ask(container, "*.sql", "--rpo", "1h", now=created + 3000)
    ages = [value for name, value in result.perfdata.items() if name.endswith("exposure")]
    assert ages and ages[0] == 3000, result


def test_uncommitted_blocks_are_no_backup(ask, account, container):
    account.put_block(container, "orders.sql")
    result = ask(container, "*.sql")
    assert result.state == "CRITICAL", result
    account.put(container, "yesterday.sql")
    result = ask(container, "*.sql")
    assert result.state == "OK" and result.says("yesterday.sql") and not result.says("size 0"), result
    result = ask(container, "*.sql", "--rpo", "7d", now=time.time() + 2 * DAY)
    assert result.state == "WARNING" and result.says("1 unfinished upload", "orders.sql"), result


def test_empty_blob_without_a_checksum(ask, account, container):
    """It looks like an upload that was begun, and is none."""
    account.request("PUT", container + "/orders.sql", [("comp", "blocklist")],
                    b"<?xml version=\"1.0\"?><BlockList></BlockList>")
    result = ask(container, "*.sql")
    assert result.state == "CRITICAL" and result.says("orders.sql"), result


def test_archive_tier(ask, account, container):
    """It is there, and hours away: nothing of it can be read."""
    account.put(container, "orders.sql")
    account.request("PUT", container + "/orders.sql", [("comp", "tier")], b"", {"x-ms-access-tier": "Archive"})
    result = ask(container, "*.sql")
    assert result.says("Archive") or result.says("archive tier"), result


def test_pages(ask, account, container):
    """More than the 5,000 of a page: the newest is in the second one."""
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: account.put(container, "a/%05d.txt" % number, b"x"), range(5000)))
    account.put(container, "z/orders.sql")
    result = ask(container, "*/*.sql")
    assert result.state == "OK" and result.says("orders.sql"), result
    result = ask(container, "*/*.sql", "--max-pages", "1")
    assert result.state in ("UNKNOWN", "CRITICAL") and result.says("incomplete"), result
    assert result.state == "UNKNOWN", result


# ---- who is let in ----

def test_wrong_key(backup_freshness, account, container, tmp_path):
    result = backup_freshness("-T", account.uri(container, "*.sql"), "--password-file",
                              private(tmp_path, "other", stub.OTHER_KEY))
    assert result.state == "UNKNOWN" and result.says("HTTP 403") and not result.says("no backup"), result
    no_secret(result, stub.OTHER_KEY)


@pytest.mark.parametrize("fields, words", (
    ({"seconds": 30 * DAY}, None),
    ({"seconds": -3 * DAY}, "the SAS expired 3d ago"),
    ({"sp": "r"}, "sp= has no l"),
    ({"st": "2090-01-01T00:00:00Z", "se": "2091-01-01T00:00:00Z"}, "not valid yet"),
    ({"spr": "https", "seconds": 30 * DAY}, "https only"),
))
def test_sas_of_a_container(backup_freshness, account, container, fields, words):
    account.put(container, "orders.sql")
    sas = sas_of(container, **fields)
    result = backup_freshness("-T", account.uri(container, "*.sql", query_of(sas)))
    print(result)
    no_secret(result, sas["sig"])
    assert result.state == ("OK" if words is None else "UNKNOWN"), result
    assert words is None or result.says(words), result


def test_sas_that_ends_soon(backup_freshness, account, container):
    account.put(container, "orders.sql")
    result = backup_freshness("-T", account.uri(container, "*.sql", query_of(sas_of(container, 3 * DAY))))
    assert result.state in ("WARNING", "CRITICAL") and result.says("credentials expire in"), result


def test_forged_sas(backup_freshness, account, container):
    account.put(container, "orders.sql")
    sas = sas_of(container, 30 * DAY, key=stub.OTHER_KEY)
    result = backup_freshness("-T", account.uri(container, "*.sql", query_of(sas)))
    assert result.state == "UNKNOWN" and result.says("HTTP 403") and not result.says("no backup"), result


def test_sas_of_the_account(backup_freshness, account, container):
    account.put(container, "orders.sql")
    sas = stub.make_sas(azurite.KEY, azurite.ACCOUNT, 30 * DAY, ss="b", srt="sco", sp="rl")
    assert backup_freshness("-T", account.uri(container, "*.sql", query_of(sas))).state == "OK"
    sas = stub.make_sas(azurite.KEY, azurite.ACCOUNT, 30 * DAY, ss="b", srt="so", sp="rl")
    result = backup_freshness("-T", account.uri(container, "*.sql", query_of(sas)))
    assert result.state == "UNKNOWN" and result.says("srt= has no c"), result


# ---- the other region ----

def test_secondary(ask, account, container):
    account.put(container, "orders.sql")
    result = ask(container, "*.sql", query="secondary=yes")
    assert result.state == "OK" and result.says("orders.sql"), result
