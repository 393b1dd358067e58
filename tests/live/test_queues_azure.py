# SPDX-License-Identifier: GPL-3.0-or-later
"""check_queue_mirrors on Azure Queue Storage: what it asks, and what it makes of each answer."""

import contextlib
import os
import re
import sys
import urllib.parse

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import check  # noqa: E402
import mutations  # noqa: E402
import peers  # noqa: E402
import stub_azure_storage as stub  # noqa: E402
from conftest import no_secret  # noqa: E402

TOKEN = "eyJ0.eyJh.c2ln"
DAY = 86400
SEEN = re.compile(r"messages: (\S+), seen: (\S+), oldest: (\S+) s, taken: (\S+) times, poison: (\S+), other region: (\S+), "
                  r"synced: (\S+) s ago, SAS: (\S+) s left")
NAMES = ("messages", "seen", "oldest", "taken", "poison", "region", "synced", "sas")


def facts(result):
    """What -v says was found: {name: number or word}."""
    match = SEEN.search(result.output)
    assert match, result
    return {name: int(word) if re.fullmatch("-?[0-9]+", word) else word for name, word in zip(NAMES, match.groups())}


def private(folder, name, text):
    path = folder / name
    path.write_text(text + "\n")
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def queues():
    """Runs check_queue_mirrors; check.Result."""
    def run(*arguments, **options):
        result = check.run("check_queue_mirrors", *arguments, service="QUEUES", **options)
        print(result)  # pytest shows it when the test fails
        return result
    return run


@pytest.fixture
def key_file(tmp_path):
    return private(tmp_path, "key", stub.KEY)


@contextlib.contextmanager
def served(server, kind=peers.Honest):
    """The server on a port of its own; a request that no right client sends is an error of the test."""
    with kind(server.session) as peer:
        yield peer
    assert not server.complaints


def uri(peer, query="", queue="orders", endpoint="http://127.0.0.1:%d/acct"):
    return "azure-queue://acct/%s?endpoint=%s%s" % (queue, endpoint % peer.port, "&" + query if query else "")


@pytest.fixture
def ask(queues, key_file):
    """Asks a stub with the account key."""
    def run(server, *arguments, query="", queue="orders", **options):
        with served(server) as peer:
            return queues("-T", uri(peer, query, queue), "--password-file", key_file, "-v", *arguments, **options)
    return run


def with_messages(*messages, **other):
    return stub.Queues(queues=dict({"orders": list(messages)}, **other))


# ---- healthy ----

def test_messages(ask):
    server = with_messages(stub.Message(120, 1), stub.Message(300, 4), stub.Message(10))
    result = ask(server)
    assert result.state == "OK", result
    seen = facts(result)
    assert (seen["messages"], seen["seen"], seen["taken"], seen["poison"]) == (3, 3, 4, "none"), result
    assert 300 <= seen["oldest"] <= 302 and seen["region"] == "live" and 10 <= seen["synced"] <= 12, result
    assert seen["sas"] == "unknown", result
    # Four requests, and nothing else.
    assert sorted((request.method, request.path) for request in server.requests) == [
        ("GET", "/acct-secondary/"), ("GET", "/acct/orders/messages"), ("HEAD", "/acct/orders"), ("HEAD", "/acct/orders-poison")]


def test_empty_queue(ask):
    result = ask(stub.Queues())
    seen = facts(result)
    assert result.state == "OK" and (seen["messages"], seen["seen"], seen["oldest"]) == (0, 0, "unknown"), result


def test_all_in_flight_or_delayed(ask):
    server = stub.Queues()
    server.hidden["orders"] = 7
    result = ask(server)
    seen = facts(result)
    assert result.state == "OK" and (seen["messages"], seen["seen"], seen["taken"]) == (7, 0, "unknown"), result


def test_more_than_can_be_seen(ask):
    result = ask(with_messages(*[stub.Message(age) for age in range(40)]))
    seen = facts(result)
    assert (seen["messages"], seen["seen"]) == (40, 32) and 31 <= seen["oldest"] <= 33, result


def test_poison(ask):
    server = stub.Queues(queues={"orders": [], "orders-poison": [stub.Message()] * 3})
    assert facts(ask(server))["poison"] == 3


def test_empty_poison_queue(ask):
    assert facts(ask(stub.Queues(queues={"orders": [], "orders-poison": []})))["poison"] == 0


@pytest.mark.parametrize("length", (56, 57, 63))
def test_name_too_long_for_a_poison_queue(ask, length):
    """There can be none, and Azure refuses to look for it."""
    name = "q" * length
    server = stub.Queues(queues={name: []})
    assert facts(ask(server, queue=name))["poison"] == "none"
    assert len(server.requests) == (4 if length == 56 else 3)


def test_message_of_the_other_servers_clock(ask):
    """A message can be some seconds younger than the reply's Date."""
    assert facts(ask(with_messages(stub.Message(-20))))["oldest"] == 0


def test_longest_messages(ask):
    """32 of 64 KiB, with everything that XML has to write in another way."""
    result = ask(with_messages(*[stub.Message(5, text="&quot;" * 65536)] * 32))
    assert result.state == "OK" and facts(result)["seen"] == 32, result


def test_messages_are_nobodys_business(ask):
    result = ask(with_messages(stub.Message(text="cGVyc29uYWwgZGF0YQ==")), "-vvv")
    assert facts(result)["seen"] == 1
    no_secret(result, "cGVyc29uYWwgZGF0YQ", stub.KEY)


# ---- the other region ----

# name: (status, age of the last sync, what is said of it, synced)
REGIONS = {
    "live": ("live", 10, "live", True),
    "behind": ("live", 7200, "live", True),
    "bootstrap": ("bootstrap", None, "bootstrap", False),
    "bootstrap with a time": ("bootstrap", 5, "bootstrap", False),
    "unavailable": ("unavailable", None, "unavailable", False),
    "unavailable with a time": ("unavailable", 5, "unavailable", True),
    "no time": ("live", None, "live", False),
    "ahead by an hour": ("live", -3600, "live", False),
    "a word we do not know": ("degraded", 5, "unknown", False),
    "an empty word": ("", 5, "unknown", False),
}


@pytest.mark.parametrize("case", REGIONS)
def test_region(ask, case):
    status, age, region, synced = REGIONS[case]
    server = stub.Queues()
    server.states["queue"] = (status, age)
    result = ask(server, "--rpo", "15m")
    seen = facts(result)
    assert seen["region"] == region and (age <= seen["synced"] <= age + 2 if synced else seen["synced"] == "unknown"), result
    assert (result.state == "OK") == (case == "live"), result


# name: (changes of the reply, region, words)
NO_STATISTICS = {
    "feature missing": ({"refusal": (409, "FeatureNotSupportedForAccount")}, "none", ("RA-GRS",)),
    "no secondary endpoint": ({"refusal": (400, "InvalidQueryParameterValue")}, "unknown", ("this is no secondary endpoint",)),
    "refused": ({"refusal": (403, "AuthorizationPermissionMismatch")}, "unknown", ("srt=sco",)),
    "firewall": ({"refusal": (403, "AuthorizationFailure")}, "unknown", ("network rules",)),
    "busy": ({"refusal": (503, "ServerBusy")}, "unknown", ("busy",)),
    "no date": ({"headers": {"Date": None}}, "unknown", ("no Date",)),
    "a cache": ({"headers": {"Age": "60"}}, "unknown", ("a cache stands between us and Azure",)),
    "a redirect": ({"status": 302, "document": ""}, "unknown", ("a redirect",)),
    "no XML": ({"document": "hello"}, "unknown", ("cannot be used",)),
    "a document type": ({"document": "<!DOCTYPE a [<!ENTITY b \"c\">]><StorageServiceStats/>"}, "unknown", ("document type",)),
    "cut": ({"document": stub.stats("live", 0)[:-10]}, "unknown", ("cannot be used",)),
    "messages": ({"document": "<QueueMessagesList/>"}, "unknown", ("no Status",)),
}


@pytest.mark.parametrize("case", NO_STATISTICS)
def test_no_statistics(ask, case):
    """What the queue holds is known all the same."""
    changes, region, words = NO_STATISTICS[case]
    server = with_messages(stub.Message())
    server.only["stats"] = changes
    result = ask(server, "--rpo", "15m")
    assert result.state == "UNKNOWN" and result.says(*words), result
    seen = facts(result)
    assert (seen["region"], seen["messages"]) == (region, 1), result


def test_endpoint_without_the_account(queues, key_file):
    with served(stub.Queues(root="/other/")) as peer:
        result = queues("-T", uri(peer, endpoint="http://127.0.0.1:%d/other"), "--password-file", key_file, "-v")
    assert result.says("endpoint= does not name the account") and facts(result)["messages"] == 0, result


def under_names(folder, hosts, nsswitch):
    """A DR_WRAPPER under which these are all the names there are."""
    paths = []
    for name, text in (("hosts", hosts), ("nsswitch.conf", nsswitch),
                       ("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")):
        (folder / name).write_text(text)
        if os.path.exists("/etc/" + name):
            paths.append("mount --bind %s %s" % (folder / name, os.path.realpath("/etc/" + name)))
    script = private(folder, "run", "%s && exec \"$@\"" % " && ".join(paths))
    return "unshare %s /bin/sh %s %s" % ("-m" if os.geteuid() == 0 else "-rm", script, os.environ.get("DR_WRAPPER", ""))


@pytest.mark.parametrize("sources, region", (("hosts: files\n", "none"), ("hosts: files dns\n", "unknown")))
def test_secondary_without_a_name(queues, key_file, tmp_path, monkeypatch, sources, region):
    """It is absent where its name does not exist; a resolver that is down says nothing of it."""
    monkeypatch.setenv("DR_WRAPPER", under_names(tmp_path, "127.0.0.1 acct.queue.test\n", sources))
    with served(stub.Queues(root="/")) as peer:
        result = queues("-T", uri(peer, "plain_http=yes", endpoint="http://acct.queue.test:%d"),
                        "--password-file", key_file, "-v", "--rpo", "15m")
    assert result.state == "UNKNOWN" and result.says("acct-secondary.queue.test"), result
    assert facts(result)["region"] == region and facts(result)["messages"] == 0, result


# ---- clocks ----

@pytest.mark.parametrize("clock", (-7200.0, 7200.0))
def test_only_azures_clock_counts(queues, tmp_path, clock):
    """Our clock is two hours off: every age is one on Azure's."""
    server = stub.Queues(token=TOKEN, queues={"orders": [stub.Message(60)]})
    server.clock = clock
    with served(server) as peer:
        result = queues("-T", uri(peer, "token_file=" + private(tmp_path, "token", TOKEN)), "-v")
    seen = facts(result)
    assert result.state == "OK" and 60 <= seen["oldest"] <= 62 and 10 <= seen["synced"] <= 12, result


def test_clock_too_far_off_for_a_signature(ask):
    server = stub.Queues()
    server.clock = 3600
    result = ask(server)
    assert result.state == "UNKNOWN" and result.says("this host's clock is more than 15 minutes off"), result


# ---- replies of no use ----

# name: (which reply, its changes, words)
OF_NO_USE = {
    "count without a Date": ("count", {"headers": {"Date": None}}, ("no Date",)),
    "messages without a Date": ("messages", {"headers": {"Date": None}}, ("no Date",)),
    "count of a cache": ("count", {"headers": {"Age": "9"}}, ("a cache stands between us and Azure",)),
    "messages of a cache": ("messages", {"headers": {"x-ms-client-request-id": "other"}},
                            ("a cache stands between us and Azure",)),
    "poison queue of a cache": ("poison", {"headers": {"Age": "9"}}, ("orders-poison", "a cache stands")),
    "no count": ("count", {"headers": {"x-ms-approximate-messages-count": None}}, ("no count of messages",)),
    "an empty count": ("count", {"headers": {"x-ms-approximate-messages-count": ""}}, ("no count of messages",)),
    "a count that is none": ("count", {"headers": {"x-ms-approximate-messages-count": "-1"}}, ("no count of messages",)),
    "a count of 17 digits": ("count", {"headers": {"x-ms-approximate-messages-count": "1" * 17}}, ("no count of messages",)),
    "no XML": ("messages", {"document": "hello"}, ("cannot be used",)),
    "nothing": ("messages", {"document": ""}, ("cannot be used",)),
    "another document": ("messages", {"document": "<EnumerationResults/>"}, ("no list of messages",)),
    "a page of HTML": ("messages", {"document": "<html><body>Log in</body></html>"}, ("no list of messages",)),
    "a document type": ("messages", {"document": "<!DOCTYPE a [<!ENTITY b \"c\">]><QueueMessagesList/>"}, ("document type",)),
    "a billion laughs": ("messages", {"document": "<!DOCTYPE a [<!ENTITY b \"ha\"><!ENTITY c \"%s\">]><QueueMessagesList>&c;"
                                      "</QueueMessagesList>" % ("&b;" * 1000)}, ("document type",)),
    "deep": ("messages", {"document": "<a>" * 9999}, ("too deep",)),
    "cut": ("messages", {"document": stub.messages(0, [stub.Message()])[:-30]}, ("cannot be used",)),
    "two times": ("messages", {"document": stub.messages(0, [stub.Message()]).replace(
        "<DequeueCount>", "<DequeueCount>1</DequeueCount><DequeueCount>")}, ("twice",)),
    "no count of takes": ("messages", {"document": stub.messages(0, [stub.Message()]).replace(
        "<DequeueCount>0", "<DequeueCount>many")}, ("DequeueCount",)),
    "another date": ("messages", {"document": stub.messages(0, [stub.Message()]).replace(
        "<InsertionTime>Thu, 01 Jan 1970", "<InsertionTime>1970-01-01")}, ("InsertionTime",)),
    "too long": ("messages", {"document": "<QueueMessagesList>%s</QueueMessagesList>" % (" " * (17 << 20))}, ()),
    "a message from the future": ("messages", {"document": stub.messages(stub.Storage().now() + 9999, [stub.Message()])},
                                  ("from the future",)),
}


@pytest.mark.parametrize("case", OF_NO_USE)
def test_of_no_use(ask, case):
    which, changes, words = OF_NO_USE[case]
    server = stub.Queues(queues={"orders": [], "orders-poison": []})
    server.only[which] = changes
    result = ask(server)
    assert result.state == "UNKNOWN" and result.says(*words), result


# ---- refusals ----

# (status, code): (state, words)
REFUSALS = {
    (404, "QueueNotFound"): ("UNKNOWN", ("there is no such queue",)),
    (403, "AuthorizationPermissionMismatch"): ("UNKNOWN", ("sp=r", "Storage Queue Data Reader")),
    (403, "AuthorizationFailure"): ("UNKNOWN", ("network rules",)),
    (403, "AuthenticationFailed"): ("UNKNOWN", ("not accepted",)),
    (403, "AccountIsDisabled"): ("CRITICAL", ("disabled",)),
    (403, "SomethingNew"): ("UNKNOWN", ("HTTP 403", "SomethingNew")),
    (503, "ServerBusy"): ("CRITICAL", ("busy",)),
    (500, "InternalError"): ("CRITICAL", ("error of its own",)),
    (400, "InvalidQueryParameterValue"): ("UNKNOWN", ("HTTP 400: InvalidQueryParameterValue",)),
    (404, ""): ("UNKNOWN", ("HTTP 404",)),
    (502, ""): ("CRITICAL", ("HTTP 502",)),
    (418, ""): ("UNKNOWN", ("HTTP 418",)),
}


@pytest.mark.parametrize("which", ("count", "messages"))
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: "%d %s" % refusal)
def test_refusal(ask, refusal, which):
    state, words = REFUSALS[refusal]
    server = stub.Queues()
    server.only[which] = {"refusal": refusal}
    result = ask(server)
    assert result.state == state and result.says(*words), result
    # What the other region says is known all the same.
    assert facts(result)["region"] == "live", result


@pytest.mark.parametrize("refusal, state", (((403, "AuthorizationPermissionMismatch"), "OK"),
                                            ((401, "NoAuthenticationInformation"), "OK"),
                                            ((404, ""), "UNKNOWN"), ((503, "ServerBusy"), "CRITICAL")))
def test_refusal_of_the_poison_queue(ask, refusal, state):
    """Only QueueNotFound says that there is none. A role of one queue does not open the other: the rest is known."""
    server = stub.Queues()
    server.only["poison"] = {"refusal": refusal}
    result = ask(server)
    assert result.state == state and facts(result)["poison"] == "unknown" and result.says("orders-poison"), result
    if state == "OK":
        limited = ask(server, "-c", "poison=10")
        assert limited.state == "UNKNOWN" and limited.says("how many messages were given up is not known"), limited
    assert facts(result)["messages"] == 0, result


def test_secondary_that_is_not_wanted(ask):
    """secondary=no: nobody asks for a copy, unless an RPO is to be shown."""
    result = ask(stub.Queues(), query="secondary=no")
    assert result.state == "OK" and result.says("not asked for: secondary=no"), result
    assert ask(stub.Queues(), "--rpo", "15m", query="secondary=no").state == "UNKNOWN"
    assert ask(stub.Queues(), query="secondary=maybe").says("secondary= is yes or no")


def test_missing_queue(ask):
    result = ask(stub.Queues(queues={}))
    assert result.state == "UNKNOWN" and result.says("QueueNotFound", "there is no such queue"), result


def test_primary_is_gone(queues, key_file):
    with peers.Refuse() as peer:
        result = queues("-T", uri(peer), "--password-file", key_file, "-v")
    assert result.state == "CRITICAL" and result.says("connect"), result


# name: (peer, states, words)
AT_ONCE = {
    "unreachable": (peers.Unreachable, ("CRITICAL",), ("no answer",)),
    "silent": (peers.Silent, ("CRITICAL",), ("no answer",)),
    "never reads": (peers.NeverReads, ("CRITICAL",), ("no answer",)),
    "close": (peers.Close, ("CRITICAL",), ()),
    "reset": (peers.Reset, ("CRITICAL",), ()),
    "drip": (lambda: peers.Drip(stub.Queues().session), ("CRITICAL",), ("no answer",)),
    "zeros": (peers.Flood, ("UNKNOWN", "CRITICAL"), ()),
    "garbage": (peers.Garbage, ("UNKNOWN", "CRITICAL"), ()),
}


@pytest.mark.parametrize("fault", AT_ONCE)
def test_peer_that_misbehaves(queues, key_file, fault):
    make, states, words = AT_ONCE[fault]
    with make() as peer:
        result = queues("-T", uri(peer), "--password-file", key_file, "-t", "500ms")
        assert result.state in states and result.says("acct", *words), result
        assert result.within(0.5), result


def test_secondary_that_hangs(queues, key_file):
    """It holds the run until its end, and nothing of what is known is lost."""
    server = with_messages(stub.Message())

    def session(receive):
        for request in server.session(receive):
            if server.requests[-1].path == "/acct-secondary/":
                receive(1 << 20)
            yield request

    with peers.Honest(session) as peer:
        result = queues("-T", uri(peer), "--password-file", key_file, "-v", "-t", "1s", "--rpo", "15m")
    assert result.state == "UNKNOWN" and facts(result)["messages"] == 1 and facts(result)["region"] == "unknown", result


@pytest.mark.parametrize("kind", (peers.Close, peers.Reset))
def test_cut_anywhere(queues, key_file, kind):
    """Never OK, wherever a connection ends."""
    with peers.Honest(with_messages(stub.Message()).session) as peer:
        assert queues("-T", uri(peer), "--password-file", key_file).state == "OK"
        assert peer.settled(5)
    # the shortest reply is the poison queue's; the length of each connection's is its own
    for place in range(1, 300, 23):
        with kind(with_messages(stub.Message()).session, place) as peer:
            result = queues("-T", uri(peer), "--password-file", key_file)
        assert result.state in ("CRITICAL", "UNKNOWN"), (place, result)


# ---- who may ask ----

def sas_text(fields):
    return urllib.parse.urlencode(fields)


def test_account_sas(queues, tmp_path):
    sas = stub.make_sas(srt="sco", seconds=60 * DAY)
    server = stub.Queues(key=None, sas=sas)
    with served(server) as peer:
        result = queues("-T", uri(peer, "sas_file=" + private(tmp_path, "sas", sas_text(sas))), "-vvv")
    seen = facts(result)
    assert result.state == "OK" and seen["region"] == "live" and 60 * DAY - 20 <= seen["sas"] <= 60 * DAY, result
    no_secret(result, sas["sig"], urllib.parse.quote(sas["sig"], safe=""))


def test_sas_of_the_queue(queues):
    """It opens neither the poison queue nor the statistics: they stay unknown, and are not asked for."""
    sas = stub.make_queue_sas(seconds=60 * DAY)
    server = stub.Queues(key=None, sas=sas)
    server.hidden["orders"] = 3
    with served(server) as peer:
        result = queues("-T", uri(peer, sas_text(sas)), "-v")
    seen = facts(result)
    assert (seen["poison"], seen["region"], seen["messages"]) == ("unknown", "unknown", 3), result
    assert result.state == "UNKNOWN" and result.says("a SAS of one queue does not open the statistics", "srt=sco"), result
    assert sorted(request.path for request in server.requests) == ["/acct/orders", "/acct/orders/messages"]


def test_sas_by_a_stored_policy(queues):
    """When it expires is in the policy."""
    sas = stub.make_queue_sas(si="monitoring", se=None, sp=None)
    with served(stub.Queues(key=None, sas=sas)) as peer:
        result = queues("-T", uri(peer, sas_text(sas)), "-v")
    assert (facts(result)["messages"], facts(result)["sas"]) == (0, "unknown"), result


SAS_FAULTS = {
    "expired": ({"se": "2024-01-01T00:00:00Z"}, ("the SAS has expired",)),
    "process": ({"sp": "p"}, ("sp=r",)),
    "not for queues": ({"ss": "bt"}, ("ss=q",)),
    "not for messages": ({"srt": "sc"}, ("srt=co",)),
    "not for queues' metadata": ({"srt": "so"}, ("srt=co",)),
}


@pytest.mark.parametrize("fault", SAS_FAULTS)
def test_sas_that_does_not_do(queues, fault):
    fields, words = SAS_FAULTS[fault]
    sas = stub.make_sas(**dict({"srt": "sco"}, **fields))
    with served(stub.Queues(key=None, sas=sas)) as peer:
        result = queues("-T", uri(peer, sas_text(sas)), "-v")
    assert result.state == "UNKNOWN" and result.says(*words), result
    assert fault != "expired" or facts(result)["sas"] < -1000000, result


def test_identity(queues):
    metadata = stub.Metadata("https://storage.azure.com/", TOKEN)
    with served(metadata) as service, served(stub.Queues(token=TOKEN)) as peer:
        result = queues("-T", uri(peer, "identity=system&identity_endpoint=http://127.0.0.1:%d" % service.port), "-vvv")
    assert result.state == "OK", result
    no_secret(result, TOKEN)


def test_wrong_key(queues, tmp_path):
    with served(stub.Queues()) as peer:
        result = queues("-T", uri(peer), "--password-file", private(tmp_path, "key", stub.OTHER_KEY), "-vvv")
    assert result.state == "UNKNOWN" and result.says("AuthenticationFailed"), result
    no_secret(result, stub.OTHER_KEY)


def test_key_that_is_none(queues, tmp_path):
    with served(stub.Queues()) as peer:
        result = queues("-T", uri(peer), "--password-file", private(tmp_path, "key", "not base64!"))
        assert peer.connections == 0
    assert result.state == "UNKNOWN" and result.says("the account key is not base64"), result


def test_nothing_to_authorise_with(queues):
    with served(stub.Queues()) as peer:
        result = queues("-T", uri(peer))
        assert peer.connections == 0
    assert result.state == "UNKNOWN" and result.says("account key", "sas_file=", "token_file="), result


# ---- how it is asked for ----

@pytest.mark.parametrize("name", ("", "ab", "Orders", "or_ders", "a/b", "orders/messages", "-orders", "orders-", "or--ders",
                                  "or%20ders", "or.ders", "q" * 64, "orders%3Fcomp=acl", ".."))
def test_no_name_of_a_queue(queues, key_file, name):
    with peers.Honest(stub.Queues().session) as peer:
        result = queues("-T", uri(peer, queue=name), "--password-file", key_file)
        assert peer.connections == 0
    assert result.state == "UNKNOWN" and result.says("azure-queue://ACCOUNT/QUEUE", "3 to 63 lower case letters"), result


@pytest.mark.parametrize("query", ("services=queue", "subscription=s", "resource_group=r", "queue=orders"))
def test_no_such_parameter(queues, key_file, query):
    result = queues("-T", "azure-queue://acct/orders?" + query, "--password-file", key_file)
    assert result.state == "UNKNOWN" and result.says("azure-queue has no parameter"), result


@pytest.mark.parametrize("account", ("ab", "Acct", "acct:443", "a1,b1"))
def test_no_account(queues, key_file, account):
    result = queues("-T", "azure-queue://%s/orders" % account, "--password-file", key_file)
    assert result.state == "UNKNOWN" and result.says("azure-queue://ACCOUNT/QUEUE"), result


@pytest.mark.parametrize("query, host", (("", "acct.queue.core.windows.net"),
                                         ("?endpoint_suffix=core.usgovcloudapi.net", "acct.queue.core.usgovcloudapi.net")))
def test_hosts(queues, key_file, resolver, query, host):
    resolver("nxdomain")
    result = queues("-T", "azure-queue://acct/orders" + query, "--password-file", key_file, "-v")
    assert result.state == "UNKNOWN" and result.says(host, host.replace("acct", "acct-secondary")), result


# ---- each field taken away ----

MESSAGES_NOT_NEEDED = {
    r".*/(MessageId|ExpirationTime|MessageText): .*": "what it is and until when it lives; only its age and how often it was "
                                                      "taken are judged",
    r"QueueMessagesList: emptied": "a queue whose messages are all in flight or delayed",
    r"QueueMessagesList/QueueMessage(\[2\])?: removed": "one message less that can be seen: taken in that moment",
}
STATS_NOT_NEEDED = {}
HEADERS_NOT_NEEDED = {
    r".* (Content-Type|Server|x-ms-request-id|x-ms-version|Cache-Control): .*": "what a body is shows in the body; the rest are "
                                                                             "names",
    r"(count|poison) Content-Length: .*": "there is no body",
    r".* Content-Length: removed": "the end of the connection ends the reply then, and the document shows when it is cut",
    r".* x-ms-client-request-id: removed": "a service that does not repeat it cannot prove that the reply is new; the Date still "
                                           "has to be there",
}


class Ends(peers.Honest):
    """Answers one request on each connection and closes it: how a reply without a length ends."""

    def __init__(self, server):
        super().__init__(super(stub.Queues, server).session)

    def serve(self, connection):
        connection.follow(self.script)


def mutated(queues, key_file, which, changes):
    server = stub.Queues(queues={"orders": [stub.Message(5), stub.Message(3)], "orders-poison": []})
    server.only[which] = changes
    with Ends(server) as peer:
        result = queues("-T", uri(peer), "--password-file", key_file, "--rpo", "15m")
    assert not server.complaints
    return result.state == "OK"


def test_each_field_of_the_messages(queues, key_file):
    whole = stub.messages(stub.Storage().now(), [stub.Message(5), stub.Message(3)]).lstrip("\ufeff")
    outcomes = {name: mutated(queues, key_file, "messages", {"document": broken}) for name, broken in mutations.of_xml(whole)}
    assert len(outcomes) > 20 and mutations.unexplained(outcomes, MESSAGES_NOT_NEEDED) == ([], []), outcomes


def test_each_field_of_the_statistics(queues, key_file):
    whole = stub.stats("live", stub.Storage().now() - 5, bom=False)
    outcomes = {name: mutated(queues, key_file, "stats", {"document": broken}) for name, broken in mutations.of_xml(whole)}
    assert len(outcomes) == 7 and mutations.unexplained(outcomes, STATS_NOT_NEEDED) == ([], []), outcomes


def test_each_header(queues, key_file):
    names = ("Content-Length", "Content-Type", "Server", "x-ms-request-id", "x-ms-version", "Date", "x-ms-client-request-id",
             "x-ms-approximate-messages-count", "Cache-Control")
    outcomes = {}
    for which in ("count", "messages", "poison", "stats"):
        for name in names[:7] if which in ("messages", "stats") else names:
            for what, value in ((mutations.REMOVED, None), (mutations.EMPTIED, "")):
                outcomes["%s %s: %s" % (which, name, what)] = mutated(queues, key_file, which, {"headers": {name: value}})
    assert mutations.unexplained(outcomes, HEADERS_NOT_NEEDED) == ([], []), outcomes
