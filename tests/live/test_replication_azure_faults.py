# SPDX-License-Identifier: GPL-3.0-or-later
"""check_replication_lag on Azure Storage against peers that misbehave, over TLS, without names, and with each field of a good
reply taken away."""

import os
import ssl
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import mutations  # noqa: E402
import peers  # noqa: E402
import stub_azure_storage as stub  # noqa: E402
from authority import Authority  # noqa: E402
from test_replication_azure import TOKEN, arm_uri, key_file, private, served, token_file, uri  # noqa: E402,F401

DEADLINE = 1.0


class Ends(peers.Honest):
    """Follows its script and closes: how a reply without a length ends."""

    def serve(self, connection):
        connection.follow(self.script)


def honest():
    return stub.Storage(services=("blob",)).session


# ---- peers that misbehave at once ----

# name: (peer, states, words of the message)
AT_ONCE = {
    "refuse": (lambda: peers.Refuse(), ("CRITICAL",), ("connect",)),
    "unreachable": (lambda: peers.Unreachable(), ("CRITICAL",), ("no answer", "connect")),
    "silent": (lambda: peers.Silent(), ("CRITICAL",), ("no answer", "ask for the statistics")),
    "never reads": (lambda: peers.NeverReads(), ("CRITICAL",), ("no answer",)),
    "close": (lambda: peers.Close(), ("CRITICAL",), ()),
    "reset": (lambda: peers.Reset(), ("CRITICAL",), ()),
    "drip": (lambda: peers.Drip(honest(), seconds=0.05), ("CRITICAL",), ("no answer",)),
    "zeros": (lambda: peers.Flood(), ("UNKNOWN", "CRITICAL"), ()),
}


@pytest.mark.parametrize("fault", AT_ONCE)
def test_at_once(lag, key_file, fault):  # noqa: F811
    make, states, said = AT_ONCE[fault]
    with make() as peer:
        result = lag("-T", uri(peer, "services=blob"), "--password-file", key_file, "-t", "%gs" % DEADLINE)
        assert result.state in states and result.says("acct-blob", *said), result
        assert result.within(DEADLINE), result
        assert fault in ("refuse", "unreachable") or peer.settled(5), "a connection outlived the process"


@pytest.mark.parametrize("state", ("ok", "unknown"))
def test_state_of_timeout(lag, key_file, state):  # noqa: F811
    with peers.Silent() as peer:
        result = lag("-T", uri(peer), "--password-file", key_file, "-t", "300ms:" + state)
    assert result.state == "UNKNOWN", result


@pytest.mark.parametrize("seed", range(8))
def test_garbage(lag, key_file, seed):  # noqa: F811
    with peers.Garbage(seed=seed) as peer:
        result = lag("-T", uri(peer, "services=blob"), "--password-file", key_file, "-t", "500ms")
    assert result.state in ("UNKNOWN", "CRITICAL") and "acct-blob" in result.first, result


@pytest.mark.parametrize("interim", (b"HTTP/1.1 100 Continue\r\nDate: x\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nAge: 9\r\n\r\n"))
def test_interim_reply(lag, key_file, interim):  # noqa: F811
    """What comes before the reply is no part of it."""
    def script(receive):
        for data in honest()(receive):
            yield interim + data

    with peers.Honest(script) as peer:
        result = lag("-T", uri(peer, "services=blob"), "--password-file", key_file)
    assert result.state == "OK", result


# ---- replies that are cut or damaged ----

@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Bytes of an honest reply."""
    import check
    key = private(tmp_path_factory.mktemp("azure"), "key", stub.KEY)
    with peers.Honest(honest()) as peer:
        assert check.run("check_replication_lag", "-T", uri(peer, "services=blob"), "--password-file", key).state == "OK"
        assert peer.settled(5)
    return peer.sent


@pytest.mark.parametrize("kind", (peers.Close, peers.Reset))
def test_cut_anywhere(lag, key_file, whole, kind):  # noqa: F811
    """Never OK, wherever it ends."""
    for place in sorted(set(range(1, whole, max(1, whole // 40))) | {whole - 1}):
        with kind(honest(), place) as peer:
            result = lag("-T", uri(peer, "services=blob"), "--password-file", key_file)
        assert result.state in ("CRITICAL", "UNKNOWN"), "%s after %d bytes: %s" % (kind.__name__, place, result)


def test_cut_without_a_length(lag, key_file):  # noqa: F811
    """A reply that only the end of the connection ends: an XML document still shows that it is cut."""
    server = stub.Storage(services=("blob",))
    server.headers.update({"Content-Length": None, "Connection": "close"})
    for cut in (0, 20, 60):
        def script(receive, cut=cut):
            for data in server.session(receive):
                yield data[:len(data) - cut]

        with Ends(script) as peer:
            result = lag("-T", uri(peer, "services=blob"), "--password-file", key_file)
        assert result.state == ("OK" if cut == 0 else "UNKNOWN"), (cut, result)


def test_half_a_reply_and_silence(lag, key_file, whole):  # noqa: F811
    for place in (1, whole // 2, whole - 1):
        with peers.Silent(honest(), place) as peer:
            result = lag("-T", uri(peer, "services=blob"), "--password-file", key_file, "-t", "300ms")
            assert result.state == "CRITICAL" and result.says("no answer"), (place, result)


def test_damaged_anywhere(lag, key_file, whole):  # noqa: F811
    """One byte is another one: nothing hangs or crashes."""
    for place in range(0, whole, max(1, whole // 60)):
        def change(offset, data, place=place):
            at = place - offset
            return data if not 0 <= at < len(data) else data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1:]

        with peers.Replace(honest(), change) as peer:
            result = lag("-T", uri(peer, "services=blob"), "--password-file", key_file, "-t", "500ms")
            assert result.within(0.5), (place, result)


# ---- names ----

@pytest.mark.parametrize("query, host", (("", "acct-secondary.blob.core.windows.net"),
                                         ("?endpoint_suffix=core.usgovcloudapi.net",
                                          "acct-secondary.queue.core.usgovcloudapi.net")))
def test_account_without_a_readable_secondary(lag, key_file, resolver, query, host):  # noqa: F811
    """Its name does not exist."""
    resolver("nxdomain")
    result = lag("-T", "azure-storage://acct" + query, "--password-file", key_file)
    assert result.state == "UNKNOWN" and result.says(host, "RA-GRS", "services="), result


def test_arm_by_its_name(lag, token_file, resolver):  # noqa: F811
    resolver("nxdomain")
    result = lag("-T", "azure-storage://acct?subscription=s&resource_group=r&token_file=" + token_file)
    assert result.state == "UNKNOWN" and result.says("management.azure.com"), result


def test_silent_resolver(lag, key_file, resolver):  # noqa: F811
    """A library that is stuck in name resolution cannot hold the check."""
    seconds = resolver("silent")
    result = lag("-T", "azure-storage://acct", "--password-file", key_file, "-t", "%gs" % DEADLINE)
    assert result.state == "CRITICAL" and result.says("acct-blob", "resolve the name"), result
    assert result.within(DEADLINE, seconds), result


# ---- TLS ----

class Tls(peers.Honest):
    """An honest peer behind TLS."""

    def __init__(self, script, key, certificate):
        super().__init__(script)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)

    def serve(self, connection):
        connection.sock = self.context.wrap_socket(connection.sock, server_side=True)
        super().serve(connection)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A folder with ca.crt, other.crt, and certificates by ca for localhost and for example.org."""
    folder = str(tmp_path_factory.mktemp("tls"))
    ca = Authority(folder)
    Authority(folder, "other")
    for host in ("localhost", "example.org"):
        ca.certificate(host, "DNS:" + host)
    return folder


# name: (certificate for, CA that is trusted (None: the system's), state, words)
TRUST = {
    "right": ("localhost", "ca", "OK", ()),
    "unknown CA": ("localhost", None, "UNKNOWN", ("certificate",)),
    "another CA": ("localhost", "other", "UNKNOWN", ("certificate",)),
    "another name": ("example.org", "ca", "UNKNOWN", ()),
    "no such file": ("localhost", "missing", "UNKNOWN", ("missing.crt",)),
}


@pytest.mark.parametrize("case", TRUST)
def test_tls(lag, key_file, certificates, case):  # noqa: F811
    host, authority, state, words = TRUST[case]
    server = stub.Storage(services=("blob",))
    paths = [os.path.join(certificates, host + ending) for ending in (".key", ".crt")]
    with Tls(server.session, *paths) as peer:
        query = "services=blob" + ("&cacert=%s/%s.crt" % (certificates, authority) if authority else "")
        result = lag("-T", uri(peer, query, endpoint="https://localhost:%d/{service}"), "--password-file", key_file)
    assert result.state == state and result.says("acct-blob", *words), result
    # The signature is not shown to somebody who cannot prove who he is.
    assert bool(server.requests) == (state == "OK")


def test_no_tls_where_it_is_expected(lag, key_file):  # noqa: F811
    with peers.Honest(honest()) as peer:
        result = lag("-T", uri(peer, "services=blob", endpoint="https://127.0.0.1:%d/{service}"), "--password-file", key_file,
                     "-t", "500ms")
    assert result.state in ("UNKNOWN", "CRITICAL") and "acct-blob" in result.first, result


# ---- each field taken away ----

STATS_NOT_NEEDED = {}
HEADERS_NOT_NEEDED = {
    r"Content-Type: .*": "what the body is shows in the body, which has to be a whole document of the right kind",
    r"Content-Length: removed": "the end of the connection ends the reply then, and the document shows when it is cut",
    r"Server: .*": "a name",
    r"x-ms-request-id: .*": "for Microsoft's support",
    r"x-ms-version: .*": "the request has said which one it wants",
    r"x-ms-client-request-id: removed": "a service that does not repeat it cannot prove that the reply is new; the Date still "
                                        "has to be there",
}
ACCOUNT_NOT_NEEDED = {
    r"(id|type|location|kind|sku\.tier): .*": "names",
    r"sku(\.name)?: .*": "the statistics prove that there is a secondary",
    r"properties\.(provisioningState|primaryLocation|secondaryLocation|statusOfPrimary): .*": "where it is, and how the "
    "primary is; the statistics are about the secondary",
    r"properties\.statusOfSecondary: .*": "says the same as the statistics' status; only a bad word of it counts",
    r"properties\.geoReplicationStats\.(canFailover|canPlannedFailover|postFailoverRedundancy|"
    r"postPlannedFailoverRedundancy): .*": "about the failover itself, not about what would be lost",
}


def test_each_field_of_the_statistics(lag, key_file):  # noqa: F811
    outcomes = {}
    for name, broken in mutations.of_xml(stub.stats("live", stub.Storage().now() - 5, bom=False)):
        server = stub.Storage(services=("blob",))
        server.document = broken
        with served(server) as peer:
            outcomes[name] = lag("-T", uri(peer, "services=blob"), "--password-file", key_file).state == "OK"
    assert len(outcomes) == 7 and mutations.unexplained(outcomes, STATS_NOT_NEEDED) == ([], []), outcomes


def test_each_header(lag, key_file):  # noqa: F811
    names = ("Content-Length", "Content-Type", "Server", "x-ms-request-id", "x-ms-version", "Date", "x-ms-client-request-id")
    outcomes = {}
    for name in names:
        for what, value in ((mutations.REMOVED, None), (mutations.EMPTIED, "")):
            server = stub.Storage(services=("blob",))
            server.headers[name] = value
            # Without a length the end of the connection is the end of the reply.
            with Ends(server.session) as peer:
                result = lag("-T", uri(peer, "services=blob"), "--password-file", key_file)
            outcomes["%s: %s" % (name, what)] = result.state == "OK"
    assert mutations.unexplained(outcomes, HEADERS_NOT_NEEDED) == ([], []), outcomes


def test_each_field_of_the_account(lag, token_file):  # noqa: F811
    server = stub.Arm()
    outcomes = {}
    for name, broken in mutations.of_json(stub.account(synced=server.now() - 5)):
        server.document = broken
        with served(server) as peer:
            outcomes[name] = lag("-T", arm_uri(peer, token_file)).state == "OK"
    assert len(outcomes) > 50 and mutations.unexplained(outcomes, ACCOUNT_NOT_NEEDED) == ([], []), outcomes
    assert TOKEN in server.requests[0].headers["authorization"]
