# SPDX-License-Identifier: GPL-3.0-or-later
"""check_queue_mirrors against Azurite, which checks signatures by Microsoft's own code.

Not among the test_*.py, because node and npm have to be there: everything.py runs it as a part of its own, and says so
when it cannot."""

import base64
import email.utils
import hashlib
import hmac
import urllib.parse
import urllib.request

import pytest

import azurite
import stub_azure_storage as stub
from test_queues_azure import DAY, facts, private, queues  # noqa: F401

VERSION = "2020-10-02"


class Account:
    """The queues of Azurite's account."""

    def __init__(self, port):
        self.port = port

    def request(self, method, path, query=(), body=b""):
        """Signed by the account key; the reply's body."""
        path = "/%s/%s" % (azurite.ACCOUNT, path)
        headers = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": VERSION}
        kind = "application/xml" if body else ""
        text = "\n".join([method, "", "", str(len(body)) if body else "", "", kind] + [""] * 6
                         + ["%s:%s" % item for item in sorted(headers.items())]
                         + ["/%s%s" % (azurite.ACCOUNT, path)] + ["%s:%s" % item for item in sorted(query)])
        digest = hmac.new(base64.b64decode(azurite.KEY), text.encode(), hashlib.sha256).digest()
        headers["Authorization"] = "SharedKey %s:%s" % (azurite.ACCOUNT, base64.b64encode(digest).decode())
        if body:
            headers["Content-Type"] = kind
        url = "http://127.0.0.1:%d%s?%s" % (self.port, path, urllib.parse.urlencode(query))
        with urllib.request.urlopen(urllib.request.Request(url, body or None, headers, method=method)) as reply:
            return reply.read()

    def put(self, queue, text="aGVsbG8=", delay=0):
        self.request("POST", queue + "/messages", [("visibilitytimeout", str(delay))],
                     b"<QueueMessage><MessageText>%s</MessageText></QueueMessage>" % text.encode())

    def take(self, queue, seconds):
        """One message, which nobody else sees for so many seconds."""
        return self.request("GET", queue + "/messages", [("numofmessages", "1"), ("visibilitytimeout", str(seconds))])

    def uri(self, queue, query=""):
        return "azure-queue://%s/%s?endpoint=http://127.0.0.1:%d/%s%s" % (
            azurite.ACCOUNT, queue, self.port, azurite.ACCOUNT, "&" + query if query else "")


@pytest.fixture(scope="module")
def account():
    with azurite.running() as ports:
        yield Account(ports["queue"])


@pytest.fixture
def queue(account, request):
    """A queue of the test's own."""
    name = "q-%s" % hashlib.sha256(request.node.name.encode()).hexdigest()[:20]
    account.request("PUT", name)
    return name


@pytest.fixture
def ask(queues, account, tmp_path):  # noqa: F811
    key = private(tmp_path, "key", azurite.KEY)

    def run(queue):
        return queues("-T", account.uri(queue), "--password-file", key, "-v")
    return run


def test_messages(ask, account, queue):
    for _ in range(3):
        account.put(queue)
    result = ask(queue)
    seen = facts(result)
    assert result.state == "OK" and (seen["messages"], seen["seen"], seen["taken"], seen["poison"]) == (3, 3, 0, "none"), result
    assert 0 <= seen["oldest"] <= 30 and seen["region"] == "live" and 0 <= seen["synced"] <= 2, result


def test_empty_queue(ask, queue):
    seen = facts(ask(queue))
    assert (seen["messages"], seen["seen"], seen["oldest"]) == (0, 0, "unknown")


def test_in_flight_and_delayed(ask, account, queue):
    """Counted, but not to be seen."""
    account.put(queue)
    account.take(queue, 3600)
    account.put(queue, delay=3600)
    result = ask(queue)
    seen = facts(result)
    assert result.state == "OK" and (seen["messages"], seen["seen"], seen["taken"]) == (2, 0, "unknown"), result


def test_taken_and_given_back(ask, account, queue):
    account.put(queue)
    reply = account.take(queue, 3600).decode()
    identity, receipt = [reply.split("<%s>" % name)[1].split("</")[0] for name in ("MessageId", "PopReceipt")]
    account.request("PUT", "%s/messages/%s" % (queue, identity), [("popreceipt", receipt), ("visibilitytimeout", "0")],
                    b"<QueueMessage><MessageText>eA==</MessageText></QueueMessage>")
    seen = facts(ask(queue))
    assert (seen["messages"], seen["seen"], seen["taken"]) == (1, 1, 1)


def test_looking_changes_nothing(ask, account, queue):
    account.put(queue)
    first, second = facts(ask(queue)), facts(ask(queue))
    assert (first["seen"], first["taken"]) == (second["seen"], second["taken"]) == (1, 0)


def test_more_than_can_be_seen(ask, account, queue):
    for _ in range(35):
        account.put(queue)
    seen = facts(ask(queue))
    assert (seen["messages"], seen["seen"]) == (35, 32)


def test_message_with_markup(ask, account, queue):
    account.put(queue, "&lt;QueueMessage&gt;&amp;")
    assert facts(ask(queue))["seen"] == 1


def test_poison_queue(ask, account, queue):
    account.request("PUT", queue + "-poison")
    assert facts(ask(queue))["poison"] == 0
    account.put(queue + "-poison")
    assert facts(ask(queue))["poison"] == 1


def test_missing_queue(ask):
    result = ask("missing")
    assert result.state == "UNKNOWN" and result.says("QueueNotFound", "there is no such queue"), result


def test_wrong_key(queues, account, queue, tmp_path):  # noqa: F811
    result = queues("-T", account.uri(queue), "--password-file", private(tmp_path, "key", stub.OTHER_KEY))
    assert result.state == "UNKNOWN" and result.says("AuthenticationFailed"), result


# fields of a SAS of the account: (state, words)
ACCOUNT_SAS = {
    "reads": ({}, "OK", ()),
    "expired": ({"se": "2024-01-01T00:00:00Z"}, "UNKNOWN", ("the SAS has expired",)),
    "processes": ({"sp": "p"}, "UNKNOWN", ("sp=r",)),
    "is for blobs": ({"ss": "b"}, "UNKNOWN", ("ss=q",)),
    "is for services": ({"srt": "s"}, "UNKNOWN", ("srt=co",)),
}


@pytest.mark.parametrize("case", ACCOUNT_SAS)
def test_account_sas(queues, account, queue, case):  # noqa: F811
    fields, state, words = ACCOUNT_SAS[case]
    sas = stub.make_sas(azurite.KEY, azurite.ACCOUNT, **dict({"srt": "sco", "ss": "q", "seconds": 60 * DAY}, **fields))
    result = queues("-T", account.uri(queue, urllib.parse.urlencode(sas)), "-v")
    assert result.state == state and result.says(*words), result
    assert case != "reads" or facts(result)["region"] == "live", result


@pytest.mark.parametrize("fields, words", (({}, None), ({"sp": "p"}, ("sp=r", "Storage Queue Data Reader")),
                                           ({"se": "2024-01-01T00:00:00Z"}, ("the SAS has expired",))))
def test_sas_of_the_queue(queues, account, queue, fields, words):  # noqa: F811
    account.put(queue)
    sas = stub.make_queue_sas(azurite.KEY, azurite.ACCOUNT, queue, **dict({"seconds": 60 * DAY}, **fields))
    result = queues("-T", account.uri(queue, urllib.parse.urlencode(sas)), "-v")
    if words is None:
        seen = facts(result)
        assert (seen["messages"], seen["seen"], seen["poison"], seen["region"]) == (1, 1, "unknown", "unknown"), result
    else:
        assert result.state == "UNKNOWN" and result.says(*words), result
