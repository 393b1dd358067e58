# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the file service of an account of Azure Storage, which no emulator has: "List Directories and Files", "Get
File Properties" and "Get File" of the REST reference, as strict as Azure about who asks and how.

    files = Files(tree={"pg/orders.sql": File(b"...", written=..., arrived=...)})
    with served(files) as peer: ...

A list is of one directory, at most `page` names of it at once."""

import email.utils
import hashlib
import re
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

import stub_azure_storage as stub

OLDEST_VERSION = "2020-04-08"  # the first that lists Timestamps
OLDEST_OF_TOKENS = "2022-11-02"
MORE_HEADERS = {"range", "if-match", "x-ms-file-request-intent"}


class File:
    """`written` is what a client over SMB sets, `arrived` what only the service does; `listed` the size that a list says,
    which may lag while a handle is open."""

    def __init__(self, content=b"", written=None, arrived=None, listed=None):
        self.content = content
        self.arrived = time.time() if arrived is None else arrived
        self.written = self.arrived if written is None else written
        self.listed = len(content) if listed is None else listed

    def etag(self):
        return '"0x%s"' % hashlib.sha256(self.content + repr(self.arrived).encode()).hexdigest()[:15].upper()


def iso(moment):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + ".0000000Z"


class Files(stub.Storage):
    def __init__(self, tree=None, name="acct", key=stub.KEY, sas=None, token=None, share="backups", page=5000):
        super().__init__(name, key, sas, token, (), "")
        self.tree = {} if tree is None else tree
        self.root = "/%s/%s" % (name, share)
        self.page = page
        self.denied = ()        # directories that may not be listed
        self.markers = None     # a marker that is given out again and again
        self.lock = threading.Lock()
        self.read_hook = None   # called with the path before a part is read

    def session(self, receive):
        while True:
            yield from super().session(receive)

    def complain_about(self, request):
        for name in set(request.headers) - stub.EXPECTED_HEADERS - MORE_HEADERS:
            self.complain("header " + name)
        for name, value in request.query:
            if value == "":
                self.complain("an empty parameter " + name)

    def answer(self, request):
        with self.lock:
            self.complain_about(request)
            try:
                if self.refusal is not None:
                    raise stub.Refusal(*self.refusal)
                return self.answer_alone(request)
            except stub.Refusal as refusal:
                return self.reply(request, refusal.status, self.error(refusal), {"x-ms-error-code": refusal.code})

    def reply(self, request, status, body, more):
        reply = super().reply(request, status, body, more)
        return reply if request.method != "HEAD" else reply[:reply.index(b"\r\n\r\n") + 4]

    def answer_alone(self, request):
        version = request.headers.get("x-ms-version", "")
        bearer = request.headers.get("authorization", "").startswith("Bearer ")
        if version < (OLDEST_OF_TOKENS if bearer else OLDEST_VERSION):
            raise stub.Refusal(400, "UnsupportedHeader" if bearer else "InvalidHeaderValue")
        if bearer and request.headers.get("x-ms-file-request-intent") != "backup":
            raise stub.Refusal(400, "MissingRequiredHeader")
        listing = request.one("comp") is not None
        names = ("restype", "comp", "include", "maxresults", "prefix", "marker") if listing else ()
        self.wanted = {name: value for name, value in request.query if name in names}
        self.paths = {request.path: "file"}
        self.check_authority(request)
        path = urllib.parse.unquote(request.path)
        if path != self.root and not path.startswith(self.root + "/"):
            raise stub.Refusal(404, "ShareNotFound")
        path = path[len(self.root):].lstrip("/")
        return self.listing(request, path) if listing else self.file(request, path)

    def check_sas_scope(self, request, given):
        if "l" not in given["sp"] and request.one("comp") is not None:
            raise stub.Refusal(403, "AuthorizationPermissionMismatch")

    # ---- lists ----

    def entries(self, path):
        """{name: File or None for a directory}"""
        found = {}
        for name, file in self.tree.items():
            if not name.startswith(path + "/" if path else ""):
                continue
            first, slash, _ = name[len(path) + 1 if path else 0:].partition("/")
            found[first] = None if slash else file
        return found

    def listing(self, request, path):
        if request.method != "GET" or request.one("restype") != "directory" or request.one("comp") != "list":
            raise stub.Refusal(400, "InvalidQueryParameterValue")
        if "Timestamps" not in (request.one("include") or ""):
            self.complain("a list without Timestamps: " + request.raw_query)
        if path in self.denied:
            raise stub.Refusal(403, "AuthorizationPermissionMismatch")
        found = self.entries(path)
        if path and not found and path not in self.tree:
            raise stub.Refusal(404, "ResourceNotFound")
        names = sorted(name for name in found if name.startswith(request.one("prefix") or ""))
        start = int(request.one("marker") or "0")
        most = min(self.page, int(request.one("maxresults") or "5000"))
        more = str(start + most) if start + most < len(names) else ""
        if self.markers is not None:
            more = self.markers
        body = "".join(self.entry(name, found[name]) for name in names[start:start + most])
        return self.reply(request, self.status, self.document if self.document is not None else (
            "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"http://x/\" "
            "ShareName=\"backups\" DirectoryPath=\"%s\"><MaxResults>5000</MaxResults><Entries>%s</Entries>"
            "<NextMarker>%s</NextMarker></EnumerationResults>" % (escape(path, {'"': "&quot;"}), body, more)), {})

    def entry(self, name, file):
        odd = any(ord(char) >= 0xFFFE for char in name)
        written = "<Name%s>%s</Name>" % (" Encoded=\"true\"" if odd else "",
                                         urllib.parse.quote(name) if odd else escape(name))
        if file is None:
            return "<Directory>%s<Properties/></Directory>" % written
        return "<File>%s<Properties><Content-Length>%d</Content-Length><CreationTime>%s</CreationTime><LastWriteTime>%s" \
            "</LastWriteTime><ChangeTime>%s</ChangeTime><Last-Modified>%s</Last-Modified><Etag>%s</Etag></Properties></File>" % (
                written, file.listed, iso(file.written), iso(file.written), iso(file.arrived),
                email.utils.formatdate(file.arrived, usegmt=True), escape(file.etag()))

    # ---- single files ----

    def file(self, request, path):
        if request.method not in ("GET", "HEAD"):
            self.complain("method " + request.method)
        if request.method == "GET" and self.read_hook is not None:
            self.read_hook(self, path)
        file = self.tree.get(path)
        if file is None:
            raise stub.Refusal(404, "ResourceNotFound")
        if request.headers.get("if-match", file.etag()) != file.etag():
            raise stub.Refusal(412, "ConditionNotMet")
        more = {"ETag": file.etag(), "Last-Modified": email.utils.formatdate(file.arrived, usegmt=True),
                "x-ms-file-last-write-time": iso(file.written), "x-ms-type": "File"}
        if request.method == "HEAD":
            return self.reply(request, 200, "", dict(more, **{"Content-Length": str(len(file.content))}))
        asked = request.headers.get("range")
        if asked is None:
            return self.reply(request, 200, file.content, more)
        match = re.fullmatch(r"bytes=([0-9]+)-([0-9]+)", asked)
        if match is None:
            self.complain("range " + asked)
            raise stub.Refusal(400, "InvalidHeaderValue")
        first, last = int(match.group(1)), min(int(match.group(2)), len(file.content) - 1)
        if first >= len(file.content):
            raise stub.Refusal(416, "InvalidRange")
        return self.reply(request, 206, file.content[first:last + 1], dict(more, **{
            "Content-Range": "bytes %d-%d/%d" % (first, last, len(file.content))}))


def make_share_sas(key=stub.KEY, name="acct", share="backups", seconds=30 * 86400, **other):
    """The parameters of a SAS of one share."""
    fields = {"sv": "2020-10-02", "sr": "s", "sp": "rl", "se": stub.time.strftime(
        "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))}
    fields.update(other)
    text = "\n".join([fields["sp"], fields.get("st", ""), fields["se"], "/file/%s/%s" % (name, share), "", "",
                      fields.get("spr", ""), fields["sv"], "", "", "", "", ""])
    return stub.signed(fields, text, key)
