# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag on Azure Storage: what it asks, and what it makes of each answer."""

import contextlib
import os
import sys
import urllib.parse

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import peers  # noqa: E402
import stub_azure_storage as stub  # noqa: E402
from conftest import no_secret  # noqa: E402

TOKEN = "eyJ0.eyJh.c2ln"
HOUR = 3600


def private(folder, name, text):
    path = folder / name
    path.write_text(text + "\n")
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def key_file(tmp_path):
    return private(tmp_path, "key", stub.KEY)


@pytest.fixture
def token_file(tmp_path):
    return private(tmp_path, "token", TOKEN)


@contextlib.contextmanager
def served(server, kind=peers.Honest):
    """The server on a port of its own; a request that no right client sends is an error of the test."""
    with kind(server.session) as peer:
        yield peer
    assert not server.complaints


def uri(peer, query="", account="acct", endpoint="http://127.0.0.1:%d/{service}"):
    return "azure-storage://%s?endpoint=%s%s" % (account, endpoint % peer.port, "&" + query if query else "")


def arm_uri(peer, token_file, query=""):
    return "azure-storage://acct?subscription=sub-1&resource_group=rg_1&token_file=%s&endpoint=http://127.0.0.1:%d%s" % (
        token_file, peer.port, "&" + query if query else "")


@pytest.fixture
def ask(lag, key_file):
    """Asks a stub of the data plane with the account key."""
    def run(server, *arguments, query="", **options):
        with served(server) as peer:
            return lag("-T", uri(peer, query), "--password-file", key_file, *arguments, **options)
    return run


@pytest.fixture
def ask_arm(lag, token_file):
    def run(server, *arguments, **options):
        with served(server) as peer:
            return lag("-T", arm_uri(peer, token_file), *arguments, **options)
    return run


# ---- healthy ----

def test_healthy(ask):
    server = stub.Storage()
    server.states["queue"] = ("live", 20.0)
    result = ask(server, "--rpo", "1m")
    assert result.state == "OK", result
    assert 10 <= result.perfdata["acct-blob_loss"] <= 12 and 20 <= result.perfdata["acct-queue_loss"] <= 22, result
    assert result.says("acct-blob: primary, Azure Storage (blob)", "acct-table secondary: live"), result
    # One request for each service, and nothing else.
    assert sorted(request.path for request in server.requests) == ["/blob/", "/queue/", "/table/"]


def test_synced_this_second(ask):
    server = stub.Storage()
    server.states = {service: ("live", -0.5) for service in stub.SERVICES}
    result = ask(server)
    assert result.state == "OK" and result.perfdata["acct-blob_loss"] == 0, result


def test_one_service(ask):
    server = stub.Storage(services=("table",))
    result = ask(server, "--expect-standby", "secondary", "--expect-count", "1", query="services=table")
    assert result.state == "OK" and len(server.requests) == 1, result


def test_a_name_and_two_accounts(lag, key_file):
    first, second = stub.Storage(), stub.Storage("other")
    second.states["blob"] = ("live", 300.0)
    with served(first) as one, served(second) as two:
        result = lag("-T", "prod=" + uri(one, "services=blob"), "-T", uri(two, "services=blob,queue", "other"), "--rpo", "1m",
                     "--password-file", key_file)
    assert result.state == "CRITICAL" and "other-blob" in result.first, result
    assert {"prod-blob_loss", "other-blob_loss", "other-queue_loss"} <= set(result.perfdata), result


def test_memory_of_earlier_runs(ask, tmp_path):
    for _ in range(2):
        result = ask(stub.Storage(), "--state-dir", str(tmp_path))
        assert result.state == "OK", result


@pytest.mark.parametrize("bom", (True, False))
def test_with_and_without_byte_order_mark(ask, bom):
    server = stub.Storage()
    server.document = stub.stats("live", server.now() - 5, bom)
    assert ask(server).state == "OK"


# ---- behind, or of no use ----

# name: (status, age of the last sync, state, words)
SECONDARIES = {
    "behind": ("live", 3 * HOUR, "CRITICAL", ("acct-queue: 3h",)),
    "at 80 %": ("live", 50, "WARNING", ()),
    "bootstrap": ("bootstrap", None, "CRITICAL", ("bootstrap",)),
    "bootstrap with a time": ("bootstrap", 5, "CRITICAL", ("bootstrap",)),
    "unavailable": ("unavailable", None, "CRITICAL", ("nothing reaches it: unavailable",)),
    "unavailable with a fresh time": ("unavailable", 5, "CRITICAL", ("nothing reaches it: unavailable",)),
    "no time": ("live", None, "UNKNOWN", ("cannot tell",)),
    "a word we do not know": ("degraded", 5, "UNKNOWN", ("\"degraded\"",)),
    "an empty word": ("", 5, "UNKNOWN", ("no state of a secondary",)),
    "ahead by an hour": ("live", -3600, "UNKNOWN", ("cannot tell",)),
}


@pytest.mark.parametrize("case", SECONDARIES)
def test_secondary(ask, case):
    status, age, state, words = SECONDARIES[case]
    server = stub.Storage()
    server.states["queue"] = (status, age)
    result = ask(server, "--rpo", "1m")
    assert result.state == state and result.says("acct-queue", *words), result
    assert ("acct-queue_secondary_loss" in result.perfdata) == (status in ("live", "unavailable") and (age or -1) > 0), result


@pytest.mark.parametrize("moment", ("Mon, 01 Jan 0001 00:00:00 GMT", "Mon, 01 Jan 1601 00:00:00 GMT",
                                    "Thu, 01 Jan 1970 00:00:00 GMT"))
def test_default_time_is_no_time(ask, moment):
    server = stub.Storage()
    server.document = stub.stats("live", 0).replace(stub.http_date(0), moment)
    result = ask(server)
    assert result.state == "UNKNOWN" and result.says("cannot tell"), result


@pytest.mark.parametrize("moment", ("soon", "Sun, 31 Feb 2040 00:00:00 GMT", "2040-13-01T00:00:00Z",
                                    "Sun, 01 Jan 2040 00:00:00 +0100"))
def test_no_date(ask, moment):
    server = stub.Storage()
    server.document = stub.stats("live", 0).replace(stub.http_date(0), moment)
    result = ask(server)
    assert result.state == "UNKNOWN" and result.says("LastSyncTime is no date"), result


# ---- clocks ----

@pytest.mark.parametrize("clock", (-7200.0, 7200.0))
def test_only_azures_clock_counts(lag, tmp_path, token_file, clock):
    """Our clock is two hours off: the age is the one on Azure's."""
    server = stub.Storage(token=TOKEN)
    server.clock = clock
    with served(server) as peer:
        result = lag("-T", uri(peer, "token_file=" + token_file))
    assert result.state == "OK" and 10 <= result.perfdata["acct-blob_loss"] <= 12, result


def test_clock_too_far_off_for_a_signature(ask):
    server = stub.Storage()
    server.clock = 3600
    result = ask(server)
    assert result.state == "UNKNOWN" and result.says("this host's clock is more than 15 minutes off"), result


@pytest.mark.parametrize("date", (None, "yesterday"))
def test_reply_without_a_clock(ask, date):
    server = stub.Storage()
    server.headers["Date"] = date
    result = ask(server)
    assert result.state == "UNKNOWN" and result.says("it has no Date"), result


@pytest.mark.parametrize("header", ({"Age": "120"}, {"x-ms-client-request-id": "of-another-request"}))
def test_reply_of_a_cache(ask, header):
    """What a cache kept is as old as the request it was kept for: its Date and LastSyncTime never age."""
    server = stub.Storage()
    server.headers.update(header)
    result = ask(server)
    assert result.state == "UNKNOWN" and result.says("a cache stands between us and Azure"), result


# ---- who may ask ----

def test_wrong_key(lag, tmp_path):
    with served(stub.Storage()) as peer:
        result = lag("-T", uri(peer), "--password-file", private(tmp_path, "key", stub.OTHER_KEY), "-vvv")
    assert result.state == "UNKNOWN" and result.says("AuthenticationFailed", "acct-blob"), result
    no_secret(result, stub.OTHER_KEY)


@pytest.mark.parametrize("key", ("not base64!", "AAAA====", "QUJ", "=AAA"))
def test_no_key(lag, tmp_path, key):
    with served(stub.Storage()) as peer:
        result = lag("-T", uri(peer), "--password-file", private(tmp_path, "key", key))
        assert result.state == "UNKNOWN" and result.says("the account key is not base64"), result
        assert peer.connections == 0


def test_nothing_to_authorise_with(lag):
    with served(stub.Storage()) as peer:
        result = lag("-T", uri(peer))
        assert peer.connections == 0
    assert result.state == "UNKNOWN" and result.says("account key", "sas_file=", "token_file="), result


def test_keys_are_switched_off(ask):
    result = ask(stub.Storage(key=None))
    assert result.state == "UNKNOWN" and result.says("the account takes no keys: use token_file="), result


def test_key_from_the_environment(lag):
    with served(stub.Storage()) as peer:
        result = lag("-T", uri(peer), "-vvv", environment={"AZURE_STORAGE_KEY": stub.KEY})
    assert result.state == "OK", result
    no_secret(result, stub.KEY)


def test_key_in_the_uri(lag):
    with served(stub.Storage()) as peer:
        result = lag("-T", uri(peer).replace("//", "//:%s@" % urllib.parse.quote(stub.KEY, safe=""), 1), "-vvv")
    assert result.state == "OK" and result.says("a password stood there"), result
    no_secret(result, stub.KEY)


def sas_text(fields):
    return urllib.parse.urlencode(fields)


@pytest.mark.parametrize("mark", ("", "?"))
def test_sas_file(lag, tmp_path, mark):
    sas = stub.make_sas()
    server = stub.Storage(key=None, sas=sas)
    with served(server) as peer:
        result = lag("-T", uri(peer, "sas_file=" + private(tmp_path, "sas", mark + sas_text(sas))), "-vvv")
    assert result.state == "OK", result
    no_secret(result, sas["sig"], urllib.parse.quote(sas["sig"], safe=""))
    assert all("authorization" not in request.headers for request in server.requests)


def test_sas_pasted_into_the_target(lag):
    sas = stub.make_sas()
    with served(stub.Storage(key=None, sas=sas)) as peer:
        result = lag("-T", uri(peer, sas_text(sas)), "-vvv")
    assert result.state == "OK", result
    no_secret(result, sas["sig"], urllib.parse.quote(sas["sig"], safe=""))


def test_sas_from_the_environment(lag):
    sas = stub.make_sas()
    with served(stub.Storage(key=None, sas=sas)) as peer:
        result = lag("-T", uri(peer), "-vvv", environment={"AZURE_STORAGE_SAS_TOKEN": sas_text(sas)})
    assert result.state == "OK", result
    no_secret(result, sas["sig"])


# What is wrong with the SAS: (its fields, words)
SAS_FAULTS = {
    "expired": ({"se": "2024-01-01T00:00:00Z"}, ("the SAS has expired",)),
    "not for queues": ({"ss": "bt"}, ("acct-queue", "ss=bqt")),
    "not for services": ({"srt": "co"}, ("srt=s",)),
    "not for reading": ({"sp": "w"}, ("sp=r",)),
}


@pytest.mark.parametrize("fault", SAS_FAULTS)
def test_sas_that_does_not_do(lag, tmp_path, fault):
    fields, words = SAS_FAULTS[fault]
    sas = stub.make_sas(**fields)
    with served(stub.Storage(key=None, sas=sas)) as peer:
        result = lag("-T", uri(peer, "sas_file=" + private(tmp_path, "sas", sas_text(sas))))
    assert result.state == "UNKNOWN" and result.says(*words), result


@pytest.mark.parametrize("text", ("sv=2022-11-02&sp=r", "sig=abc", "hello", "sv=1&sig=", "sv=1&sig=a b"))
def test_no_sas(lag, tmp_path, text):
    with served(stub.Storage()) as peer:
        result = lag("-T", uri(peer, "sas_file=" + private(tmp_path, "sas", text)))
        assert result.state == "UNKNOWN" and result.says("the SAS is not one"), result
        assert peer.connections == 0


def test_sas_file_that_others_can_read(lag, tmp_path):
    path = private(tmp_path, "sas", sas_text(stub.make_sas()))
    os.chmod(path, 0o644)
    with served(stub.Storage()) as peer:
        result = lag("-T", uri(peer, "sas_file=" + path))
        assert result.state == "UNKNOWN" and result.says("sas_file", "chmod 0600"), result
        assert peer.connections == 0


def test_wrong_token(lag, token_file):
    with served(stub.Storage(token="another")) as peer:
        result = lag("-T", uri(peer, "token_file=" + token_file), "-vvv")
    assert result.state == "UNKNOWN" and result.says("InvalidAuthenticationInfo"), result
    no_secret(result, TOKEN)


@pytest.mark.parametrize("text", ("two words", "a\\tb", "token|x"))
def test_no_token(lag, tmp_path, text):
    with served(stub.Storage()) as peer:
        result = lag("-T", uri(peer, "token_file=" + private(tmp_path, "token", text)))
        assert result.state == "UNKNOWN" and result.says("no bearer token in it"), result
        assert peer.connections == 0


# ---- refusals ----

# (status, code): (state, words)
REFUSALS = {
    (403, "AuthorizationFailure"): ("UNKNOWN", ("network rules",)),
    (403, "AuthorizationPermissionMismatch"): ("UNKNOWN", ("role",)),
    (403, "AuthorizationSourceIPMismatch"): ("UNKNOWN", ("sip=",)),
    (403, "AccountIsDisabled"): ("CRITICAL", ("the storage account is disabled",)),
    (403, "SomethingNew"): ("UNKNOWN", ("HTTP 403", "SomethingNew")),
    (400, "InvalidQueryParameterValue"): ("UNKNOWN", ("RA-GRS",)),
    (409, "FeatureNotSupportedForAccount"): ("UNKNOWN", ("RA-GRS",)),
    (404, "ResourceNotFound"): ("UNKNOWN", ("no such storage account",)),
    (503, "ServerBusy"): ("CRITICAL", ("busy",)),
    (500, "InternalError"): ("CRITICAL", ("error of its own",)),
    (500, "OperationTimedOut"): ("CRITICAL", ("ran out of time",)),
    (502, "SomethingNew"): ("CRITICAL", ("HTTP 502",)),
    (418, "SomethingNew"): ("UNKNOWN", ("HTTP 418",)),
}


@pytest.mark.parametrize("header", (True, False), ids=("code in a header", "code in the body"))
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: "%d %s" % refusal)
def test_refusal(ask, refusal, header):
    state, words = REFUSALS[refusal]
    server = stub.Storage()
    server.refusal = refusal
    if not header:
        server.headers["x-ms-error-code"] = None
    result = ask(server, query="services=blob")
    assert result.state == state and result.says("acct-blob", *words), result


def test_refusal_of_the_table_service(ask):
    """Its errors have another document, and no header."""
    server = stub.Storage(services=("table",))
    server.status = 403
    server.document = '<?xml version="1.0"?><m:error xmlns:m="http://schemas.example/metadata"><m:code>AuthenticationFailed' \
        '</m:code><m:message xml:lang="en-US">No.</m:message></m:error>'
    result = ask(server, query="services=table")
    assert result.state == "UNKNOWN" and result.says("AuthenticationFailed", "not accepted"), result


@pytest.mark.parametrize("body", ("", "<html>502</html>", "\0\0", "{\"error\": 5}", "<Error><Code>a|b\n</Code></Error>"))
def test_refusal_without_a_code(ask, body):
    server = stub.Storage()
    server.status, server.document = 503, body
    result = ask(server, query="services=blob")
    assert result.state == "CRITICAL" and result.says("HTTP 503"), result


@pytest.mark.parametrize("status", (301, 302, 307, 308))
def test_redirect_is_not_followed(ask, status):
    server = stub.Storage()
    server.status = status
    with peers.Honest(stub.Storage().session) as other:
        server.headers["Location"] = "http://127.0.0.1:%d/blob/?restype=service&comp=stats" % other.port
        result = ask(server, query="services=blob")
        assert other.connections == 0, "the key was about to be shown to somebody else"
    assert result.state == "UNKNOWN" and result.says("redirect", "not followed"), result


@pytest.mark.parametrize("status", (201, 204, 206))
def test_success_of_another_kind(ask, status):
    server = stub.Storage()
    server.status = status
    result = ask(server, query="services=blob")
    assert result.state == "UNKNOWN", result


# ---- replies that are none ----

GOOD = "<?xml version=\"1.0\"?>%s<StorageServiceStats><GeoReplication>%s</GeoReplication></StorageServiceStats>"
FIELDS = "<Status>live</Status><LastSyncTime>Sun, 01 Jan 2040 00:00:00 GMT</LastSyncTime>"
BOMB = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\">%s]>" % "".join(
    "<!ENTITY %s \"%s\">" % (chr(98 + level), "&%s;" % chr(97 + level) * 10) for level in range(9))
REPLIES = {
    "empty": "",
    "blank": "   ",
    "a page": "<html><body>Sign in to the network</body></html>",
    "JSON": "{\"Status\": \"live\"}",
    "cut": (GOOD % ("", FIELDS))[:-30],
    "more behind it": (GOOD % ("", FIELDS)) + "<x/>",
    "a status twice": GOOD % ("", FIELDS + "<Status>live</Status>"),
    "a time twice": GOOD % ("", FIELDS + "<LastSyncTime/>"),
    "two secondaries": (GOOD % ("", FIELDS)).replace("</GeoReplication>", "</GeoReplication><GeoReplication/>", 1),
    "another root": (GOOD % ("", FIELDS)).replace("StorageServiceStats", "StorageServiceProperties"),
    "fields elsewhere": (GOOD % ("", FIELDS)).replace("GeoReplication", "Other"),
    "deep": "<a>" * 5000,
    "deep inside": GOOD % ("", "<b>" * 500),
    "a bomb": GOOD % (BOMB, "<Status>&j;</Status>"),
    "a file": GOOD % ("<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>", "<Status>&f;</Status>"),
    "a document type": GOOD % ("<!DOCTYPE x>", FIELDS),
    "an unknown entity": GOOD % ("", "<Status>&nope;</Status>"),
    "a long status": GOOD % ("", "<Status>%s</Status>" % ("x" * 10000)),
    "NUL": "\0" * 100,
    "bad UTF-8": b"<?xml version=\"1.0\"?><StorageServiceStats>\xff\xfe</StorageServiceStats>",
}


@pytest.mark.parametrize("reply", REPLIES)
def test_reply_that_is_none(ask, reply):
    server = stub.Storage()
    server.document = REPLIES[reply]
    result = ask(server, query="services=blob")
    assert result.state == "UNKNOWN" and result.says("the reply cannot be used"), result
    assert "root:" not in result.output, result


def test_reply_without_an_end(ask):
    server = stub.Storage()
    server.document = "<?xml version=\"1.0\"?>" + "<!-- more -->" * 100000
    result = ask(server, query="services=blob")
    assert result.state == "UNKNOWN" and result.says("more than 256 KiB of body"), result


def test_headers_without_an_end(ask):
    server = stub.Storage()
    server.headers = {"x-ms-more-%d" % number: "x" * 1000 for number in range(90)}
    result = ask(server, query="services=blob")
    assert result.state == "UNKNOWN" and result.says("more than 64 KiB of headers"), result


def test_text_of_the_server_is_made_harmless(ask):
    server = stub.Storage()
    server.document = stub.stats("a|b\nOK", server.now())
    result = ask(server, query="services=blob")
    assert result.state == "UNKNOWN" and len(result.output.split("|")) == 2, result


# ---- ARM ----

@pytest.mark.parametrize("sku", ("Standard_GRS", "Standard_RAGRS", "Standard_GZRS", "Standard_RAGZRS"))
def test_arm(ask_arm, sku):
    server = stub.Arm()
    server.document = stub.account(sku=sku, synced=server.now() - 30)
    result = ask_arm(server, "--expect-standby", "northeurope")
    assert result.state == "OK" and 29 <= result.perfdata["loss"] < 45, result
    assert len(server.requests) == 1


@pytest.mark.parametrize("sku", ("Standard_LRS", "Standard_ZRS", "Premium_LRS"))
def test_arm_account_without_a_secondary(ask_arm, sku):
    server = stub.Arm()
    server.document = stub.account(sku=sku)
    result = ask_arm(server)
    assert result.state == "CRITICAL" and "loss" not in result.perfdata, result


# name: (how the account differs, state, words)
ACCOUNTS = {
    "behind": (dict(age=3 * HOUR), "CRITICAL", ("3h",)),
    "bootstrap": (dict(status="Bootstrap", age=None), "CRITICAL", ("bootstrap",)),
    "unavailable": (dict(status="Unavailable"), "CRITICAL", ("unavailable",)),
    "another word": (dict(status="Resting"), "UNKNOWN", ("\"resting\"",)),
    "no time": (dict(age=None), "UNKNOWN", ("cannot tell",)),
    "ahead": (dict(age=-3600), "UNKNOWN", ("cannot tell",)),
    "secondary location down": (dict(statusOfSecondary="unavailable"), "CRITICAL", ("secondary location unavailable",)),
    "failing over": (dict(failoverInProgress=True), "CRITICAL", ("failover in progress",)),
    "no statistics": (dict(geoReplicationStats=None), "UNKNOWN", ("no geoReplicationStats",)),
    "statistics of another kind": (dict(geoReplicationStats="Live"), "UNKNOWN", ("no geoReplicationStats",)),
    "another account": (dict(name="acct2"), "UNKNOWN", ("not about this storage account",)),
}


@pytest.mark.parametrize("case", ACCOUNTS)
def test_arm_account(ask_arm, case):
    changes, state, words = ACCOUNTS[case]
    changes = dict(changes)
    age = changes.pop("age", 10)
    server = stub.Arm()
    server.document = stub.account(synced=None if age is None else server.now() - age, **changes)
    result = ask_arm(server, "--rpo", "1m")
    assert result.state == state and result.says(*words), result


@pytest.mark.parametrize("arguments, state", (((), "WARNING"), (("--exclude", "^failover$"), "OK")))
def test_arm_account_that_cannot_fail_over(ask_arm, arguments, state):
    server = stub.Arm()
    server.document["properties"]["geoReplicationStats"]["canFailover"] = False
    result = ask_arm(server, *arguments)
    assert result.state == state and result.says("canFailover") == (state == "WARNING"), result


# name: (reply, words)
NO_ACCOUNTS = {
    "empty": ("", ("no JSON",)),
    "a page": ("<html></html>", ("no JSON",)),
    "a list": ("[]", ("not about this storage account",)),
    "a key twice": ('{"name": "acct", "name": "acct", "sku": {"name": "Standard_LRS"}}', ("no JSON",)),
    "cut": ('{"name": "acct", "sku": {"name": "Standard_LRS"}', ("no JSON",)),
    "deep": ("[" * 100000, ("no JSON",)),
    "neither": ('{"name": "acct"}', ("neither geoReplicationStats nor sku",)),
}


@pytest.mark.parametrize("case", NO_ACCOUNTS)
def test_arm_reply_that_is_none(ask_arm, case):
    reply, words = NO_ACCOUNTS[case]
    server = stub.Arm()
    server.document = reply
    result = ask_arm(server)
    assert result.state == "UNKNOWN" and result.says(*words), result


ARM_REFUSALS = {
    (401, "ExpiredAuthenticationToken"): ("UNKNOWN", ("the token has expired",)),
    (401, "InvalidAuthenticationTokenTenant"): ("UNKNOWN", ("another tenant",)),
    (403, "AuthorizationFailed"): ("UNKNOWN", ("role Reader", "Microsoft.Storage/storageAccounts/read")),
    (404, "ResourceGroupNotFound"): ("UNKNOWN", ("no such resource group",)),
    (404, "SubscriptionNotFound"): ("UNKNOWN", ("no such subscription",)),
    (429, "TooManyRequests"): ("UNKNOWN", ("asked too often",)),
    (500, "InternalServerError"): ("CRITICAL", ("HTTP 500",)),
}


@pytest.mark.parametrize("refusal", ARM_REFUSALS, ids=lambda refusal: "%d %s" % refusal)
def test_arm_refusal(ask_arm, refusal):
    state, words = ARM_REFUSALS[refusal]
    server = stub.Arm()
    server.refusal = refusal
    server.headers["x-ms-error-code"] = None
    result = ask_arm(server)
    assert result.state == state and result.says(*words), result


def test_arm_token(lag, tmp_path, token_file):
    with served(stub.Arm(token="renewed")) as peer:
        result = lag("-T", arm_uri(peer, token_file), "-vvv")
    assert result.state == "UNKNOWN" and result.says("InvalidAuthenticationToken"), result
    no_secret(result, TOKEN)


def test_arm_takes_no_key(lag, key_file):
    with served(stub.Arm()) as peer:
        result = lag("-T", "azure-storage://acct?subscription=s&resource_group=r&endpoint=http://127.0.0.1:%d" % peer.port,
                     "--password-file", key_file)
        assert peer.connections == 0
    assert result.state == "UNKNOWN" and result.says("token_file="), result


# ---- the identity of a virtual machine ----

ARM_RESOURCE = "https://management.azure.com/"
STORAGE_RESOURCE = "https://storage.azure.com/"


def by_identity(peer, metadata, identity="system"):
    return "azure-storage://acct?subscription=sub-1&resource_group=rg_1&endpoint=http://127.0.0.1:%d&identity=%s" \
        "&identity_endpoint=http://127.0.0.1:%d" % (peer.port, identity, metadata.port)


@pytest.mark.parametrize("client", (None, "6d1f2e3c-0000-4000-8000-000000000001"))
def test_arm_by_identity(lag, client):
    with served(stub.Metadata(ARM_RESOURCE, TOKEN, client)) as metadata, served(stub.Arm()) as peer:
        result = lag("-T", by_identity(peer, metadata, client or "system"), "-vvv")
    assert result.state == "OK", result
    no_secret(result, TOKEN)


def test_storage_by_identity(lag):
    with served(stub.Metadata(STORAGE_RESOURCE, TOKEN)) as metadata, served(stub.Storage(token=TOKEN)) as peer:
        result = lag("-T", uri(peer, "identity=system&identity_endpoint=http://127.0.0.1:%d" % metadata.port))
    assert result.state == "OK", result


# name: (status, reply, words)
NO_TOKENS = {
    "no such identity": (400, None, ("gives no token", "HTTP 400", "assign it the identity")),
    "no JSON": (200, "hello", ("no token in it",)),
    "no token": (200, "{}", ("no token in it",)),
    "an empty token": (200, '{"access_token": ""}', ("no token in it",)),
    "a number": (200, '{"access_token": 7}', ("no token in it",)),
    "a line break": (200, '{"access_token": "a\\r\\nx-evil: 1"}', ("no token in it",)),
    "a redirect": (302, "", ("HTTP 302",)),
}


@pytest.mark.parametrize("case", NO_TOKENS)
def test_no_token_for_the_identity(lag, case):
    status, reply, words = NO_TOKENS[case]
    server = stub.Metadata(ARM_RESOURCE, TOKEN)
    server.status, server.document = status, reply
    with served(server) as metadata, served(stub.Arm()) as peer:
        result = lag("-T", by_identity(peer, metadata))
        assert peer.connections == 0
    assert result.state == "UNKNOWN" and result.says(*words), result


def test_no_virtual_machine(lag):
    with peers.Refuse() as metadata, served(stub.Arm()) as peer:
        result = lag("-T", by_identity(peer, metadata))
    assert result.state == "UNKNOWN" and result.says("metadata service of this machine"), result


@pytest.mark.parametrize("query", ("identity=", "identity=a%26b", "identity=system&identity_endpoint=http://192.0.2.1",
                                   "identity=system&identity_endpoint=https://127.0.0.1"))
def test_identity_usage(lag, query):
    result = lag("-T", "azure-storage://acct?" + query)
    assert result.state == "UNKNOWN" and "identity" in result.first, result


# ---- how it is asked for ----

USAGE = {
    "services=file": "blob, queue and table",
    "services=": "blob, queue and table",
    "services=blob,blob": "blob is there twice",
    "service=blob": "no parameter \"service\"",
    "subscription=s": "both subscription= and resource_group=",
    "resource_group=r": "both subscription= and resource_group=",
    "subscription=s&resource_group=a/b&token_file=x": "no name",
    "endpoint=ftp://127.0.0.1/": "no http:// or https:// URL",
    "endpoint=http://": "no http:// or https:// URL",
    "endpoint=http://user:x%4010.0.0.1/": "no http:// or https:// URL",
    "endpoint=http://192.0.2.1/": "plain_http=yes",
    "endpoint=http://127.0.0.1.example.org/": "plain_http=yes",
    "endpoint=http://localhost.example.org/": "plain_http=yes",
    "endpoint_suffix=a/b": "no domain name",
}


@pytest.mark.parametrize("query", USAGE)
def test_usage(lag, key_file, query):
    result = lag("-T", "azure-storage://acct?" + query, "--password-file", key_file)
    assert result.state == "UNKNOWN" and USAGE[query] in result.output, result


@pytest.mark.parametrize("account", ("ab", "Acct", "a-b", "acct.example.org", "acct:443", "a1,b1",
                                     "abcdefghijklmnopqrstuvwxy"))
def test_no_account(lag, key_file, account):
    result = lag("-T", "azure-storage://%s?services=blob" % account, "--password-file", key_file)
    assert result.state == "UNKNOWN" and result.says("azure-storage://ACCOUNT"), result


def test_no_heartbeat(ask):
    server = stub.Storage()
    result = ask(server, "--heartbeat")
    assert result.state == "UNKNOWN" and result.says("--heartbeat measures nothing on Azure Storage"), result
    assert not server.requests


def test_proxy_of_the_environment_is_not_used(ask):
    with peers.Refuse() as nobody:
        proxy = "http://127.0.0.1:%d" % nobody.port
        result = ask(stub.Storage(), environment={"http_proxy": proxy, "HTTP_PROXY": proxy, "all_proxy": proxy})
    assert result.state == "OK", result


def test_proxy_that_is_asked_for(ask):
    with peers.Refuse() as nobody:
        server = stub.Storage()
        result = ask(server, query="proxy=http://127.0.0.1:%d" % nobody.port)
    assert result.state == "CRITICAL" and result.says("connect") and not server.requests, result


def test_one_of_three_does_not_answer(ask):
    """It stays itself: the others' verdicts are theirs, and the worst one shows."""
    server = stub.Storage(services=("blob", "table"))
    result = ask(server)
    assert result.state == "UNKNOWN" and "acct-queue" in result.first, result
    assert {"acct-blob_loss", "acct-table_loss"} <= set(result.perfdata), result
