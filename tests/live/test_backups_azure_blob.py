# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness on blobs, where Azurite does not answer as Azure does: what protects a container, the copy in the
other region, names that XML cannot hold, lists that lie. The rest is in azurite_backups.py."""

import email.utils
import time

import pytest

import stub_azure_files as files
import stub_azure_storage as stub
from conftest import no_secret
from test_backups_azure_files import DAY, DUMP, aged
from test_queues_azure import private, served

ROOT = "/acct/box"


class Blobs(files.Files):
    """One container, "box", and its service; the secondary is below "/acct-secondary/"."""

    def __init__(self, tree=None, **other):
        super().__init__(tree, share="box", **other)
        self.soft_delete = False
        self.container = {"x-ms-has-immutability-policy": "false", "x-ms-has-legal-hold": "false"}
        self.status = 200
        self.geo = ("live", 10.0)
        self.names = {}     # what stands in the list for a name
        self.more = {}      # elements of a blob's properties

    def answer_alone(self, request):
        self.wanted = {name: value for name, value in request.query if name in (
            "restype", "comp", "include", "maxresults", "prefix", "marker", "delimiter")}
        self.paths = {request.path: "blob"}
        self.check_authority(request)
        if request.one("restype") == "service":
            return self.reply(request, 200, self.service(request), {})
        if request.path.startswith("/acct-secondary/"):
            request.path = request.path.replace("-secondary", "", 1)
        if request.one("restype") == "container" and request.method == "HEAD":
            return self.reply(request, 200, "", self.container)
        if request.one("comp") == "list":
            return self.reply(request, 200, self.blobs(request), {})
        return self.file(request, request.path[len(ROOT) + 1:])

    def check_sas_scope(self, request, given):
        pass

    def service(self, request):
        if request.one("comp") == "stats":
            if not request.path.startswith("/acct-secondary/"):
                raise stub.Refusal(400, "InvalidQueryParameterValue")
            return stub.stats(self.geo[0], None if self.geo[1] is None else self.now() - self.geo[1])
        return "<StorageServiceProperties><DeleteRetentionPolicy><Enabled>%s</Enabled></DeleteRetentionPolicy>" \
            "</StorageServiceProperties>" % str(self.soft_delete).lower()

    def blobs(self, request):
        text = "".join("<Blob>%s<Properties><Creation-Time>%s</Creation-Time><Last-Modified>%s</Last-Modified><Content-Length>%d"
                       "</Content-Length><BlobType>%s</BlobType>%s</Properties></Blob>" % (
                           self.names.get(name, "<Name>%s</Name>" % name),
                           email.utils.formatdate(file.written, usegmt=True),
                           email.utils.formatdate(file.arrived, usegmt=True), file.listed, "BlockBlob",
                           self.more.get(name, "")) for name, file in sorted(self.tree.items()))
        return "\ufeff<?xml version=\"1.0\"?><EnumerationResults ContainerName=\"box\"><Blobs>%s</Blobs><NextMarker>%s" \
            "</NextMarker></EnumerationResults>" % (text, self.markers or "")


@pytest.fixture
def ask(backup_freshness, tmp_path):
    key = private(tmp_path, "key", stub.KEY)

    def run(server, *arguments, query="", path="*.sql"):
        with served(server) as peer:
            result = backup_freshness("-T", "azure-blob://acct/box/%s?endpoint=http://127.0.0.1:%d/acct%s" % (
                path, peer.port, "&" + query if query else ""), "--password-file", key, *arguments)
        print(result)
        no_secret(result, stub.KEY)
        return result
    return run


def test_good(ask):
    assert ask(Blobs({"orders.sql": aged(3600)})).state == "OK"


def test_metadata_makes_nothing_fresh(ask):
    now = time.time()
    result = ask(Blobs({"orders.sql": files.File(DUMP, written=now - 3 * DAY, arrived=now - 60)}), "--rpo", "1d")
    assert result.state == "CRITICAL" and result.says("3d"), result


def test_a_name_that_xml_cannot_hold(ask):
    server = Blobs({"orders%EF%BF%BF.sql": aged(3600)})
    server.names = {"orders%EF%BF%BF.sql": "<Name Encoded=\"true\">orders%EF%BF%BF.sql</Name>"}
    assert ask(server).state == "OK"
    server.names = {"orders%EF%BF%BF.sql": "<Name Encoded=\"true\">orders%EF%B.sql%</Name>"}
    result = ask(server)
    assert result.state == "UNKNOWN" and result.says("an encoded name that is none"), result


def test_a_marker_that_comes_again(ask):
    server = Blobs({"orders.sql": aged(3600)})
    server.markers = "m"
    result = ask(server)
    assert result.state == "UNKNOWN" and result.says("marker"), result


def test_directories_of_a_file_system_are_no_blobs(ask):
    server = Blobs({"orders.sql": aged(3600), "z.sql": aged(1, b"")})
    server.more = {"z.sql": "<ResourceType>directory</ResourceType>"}
    assert ask(server).state == "OK"


@pytest.mark.parametrize("container, state", (
    ({"x-ms-has-immutability-policy": "true", "x-ms-has-legal-hold": "false"}, "OK"),
    ({"x-ms-has-immutability-policy": "false", "x-ms-has-legal-hold": "true"}, "OK"),
    ({"x-ms-has-immutability-policy": "false", "x-ms-has-legal-hold": "false"}, "CRITICAL"),
    ({"x-ms-has-immutability-policy": "false", "x-ms-has-legal-hold": "false",
      "x-ms-immutable-storage-with-versioning-enabled": "true"}, "UNKNOWN"),
    ({}, "UNKNOWN"),
))
def test_lock(ask, container, state):
    server = Blobs({"orders.sql": aged(3600)})
    server.container = container
    assert ask(server, "--require", "lock").state == state


def test_soft_delete(ask):
    """Where it is off, versioning may be on: only ARM knows."""
    server = Blobs({"orders.sql": aged(3600)})
    server.soft_delete = True
    assert ask(server, "--require", "versioning").state == "OK"
    server.soft_delete = False
    assert ask(server, "--require", "versioning").state == "UNKNOWN"


@pytest.mark.parametrize("geo, state", ((("live", 10.0), "OK"), (("bootstrap", None), "CRITICAL"),
                                        (("unavailable", None), "CRITICAL")))
def test_secondary(ask, geo, state):
    server = Blobs({"orders.sql": aged(3600)})
    server.geo = geo
    result = ask(server, query="secondary=yes")
    assert result.state == state and (state == "OK" or result.says("does not follow", geo[0])), result
    assert all(request.path.startswith("/acct") for request in server.requests)
