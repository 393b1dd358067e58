# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for what Swift cannot do of S3: a million objects, pages that lie, object lock, storage classes, servers
that know no ranges; and for the services that hand out credentials to machines and containers.

    with Bucket({"pg/a.sql": b"..."}, now=NOW) as bucket:
        backup_freshness("-T", bucket.uri("pg/*.sql"), now=NOW, environment=bucket.environment)

The signature of each request is computed anew from the documentation ("AWS Signature Version 4", "ListObjectsV2"), by
code that shares nothing with the check; a request that is not as it must be is refused as AWS does. `change(query,
text)` may change any document."""

import bisect
import contextlib
import email.utils
import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time
import urllib.parse
import xml.sax.saxutils

from swift_lab import place

KEY = "AKIALABLABLABLABLAB1"
SECRET = "stub/secret+of/the/lab"
TOKEN = "session/token+of=the/lab"
REGION = "us-east-1"
EMPTY = hashlib.sha256(b"").hexdigest()


def iso(moment):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(moment))


def quote(text):
    return urllib.parse.quote(text, safe="-._~")


class Numbered:
    """Keys that are never all in memory: `directories` with `each` objects, in the order of their bytes."""

    def __init__(self, directories, each, top="pg/"):
        self.directories, self.each, self.top = directories, each, top

    def __len__(self):
        return self.directories * self.each

    def __getitem__(self, index):
        return "%s%05d/%06d.sql" % (self.top, index // self.each, index % self.each)


class Refusal(Exception):
    def __init__(self, status, code, more=""):
        super().__init__(code)
        self.status, self.code, self.more = status, code, more


class Bucket:
    def __init__(self, objects=None, keys=None, now=None, tls=None, token=None, name="backups", size=300000):
        self.objects = objects or {}
        self.keys = keys if keys is not None else sorted(self.objects)
        self.name, self.now, self.token, self.size = name, now, token, size
        self.headers = {}        # key: more headers of its replies
        self.classes = {}        # key: storage class
        self.modified = {}       # key: when it was written
        self.documents = {"versioning": "<VersioningConfiguration/>"}
        self.refuse = {}         # name of a parameter, or "get": Refusal
        self.change = lambda query, text: text
        self.ranges = "right"    # "wrong": another part; "none": always all of it
        self.requests = []       # (method, path, query as a dict, headers)
        self.lists = 0           # pages of lists
        self.flying = 0          # requests being answered
        self.most = 0            # of those at once
        self.lock = threading.Lock()
        self.tls = tls
        self.environment = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
                            "AWS_EC2_METADATA_DISABLED": "true"}
        if token:
            self.environment["AWS_SESSION_TOKEN"] = token

    def __enter__(self):
        bucket = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                bucket.serve(self)

            do_HEAD = do_PUT = do_POST = do_GET

            def date_time_string(self, timestamp=None):
                return email.utils.formatdate(bucket.clock(), usegmt=True)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def clock(self):
        return time.time() if self.now is None else self.now

    @property
    def endpoint(self):
        return "%s://127.0.0.1:%d" % ("https" if self.tls else "http", self.port)

    def uri(self, path="", **parameters):
        return place(self.endpoint, self.name, path, **parameters)

    # ---- a request

    def serve(self, handler):
        with self.lock:
            self.flying += 1
            self.most = max(self.most, self.flying)
        url = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.requests.append((handler.command, urllib.parse.unquote(url.path), query, dict(handler.headers)))
        try:
            self.check(handler, url)
            status, headers, body = self.answer(handler, urllib.parse.unquote(url.path), query)
        except Refusal as refusal:
            status, headers = refusal.status, {"Content-Type": "application/xml"}
            body = "<?xml version=\"1.0\"?><Error><Code>%s</Code><AWSAccessKeyId>%s</AWSAccessKeyId>%s</Error>" % (
                refusal.code, KEY, refusal.more)
        with self.lock:
            self.flying -= 1
        body = body.encode() if isinstance(body, str) else body
        with contextlib.suppress(OSError):
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name, value)
            if "Content-Length" not in headers:
                handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            if handler.command != "HEAD":
                handler.wfile.write(body)

    def check(self, handler, url):
        """The signature, from the documentation."""
        given = handler.headers
        authorization = given.get("Authorization", "")
        if not authorization.startswith("AWS4-HMAC-SHA256 "):
            raise Refusal(403, "AccessDenied")
        parts = dict(part.strip().split("=", 1) for part in authorization.split(" ", 1)[1].split(","))
        key, date, region, service, end = parts["Credential"].split("/")
        if key != KEY:
            raise Refusal(403, "InvalidAccessKeyId")
        if region != REGION:
            raise Refusal(400, "AuthorizationHeaderMalformed", "<Region>%s</Region>" % REGION)
        if given.get("x-amz-content-sha256") != EMPTY or service != "s3" or end != "aws4_request":
            raise Refusal(400, "InvalidRequest")
        if self.token and given.get("x-amz-security-token") != self.token:
            raise Refusal(400, "InvalidToken")
        stamp = given["x-amz-date"]
        sent = time.mktime(time.strptime(stamp + " UTC", "%Y%m%dT%H%M%SZ %Z")) - time.timezone
        if abs(sent - self.clock()) > 900:
            raise Refusal(403, "RequestTimeTooSkewed")
        names = parts["SignedHeaders"].split(";")
        if names != sorted(names) or "host" not in names or any(
                name.lower().startswith("x-amz-") and name.lower() not in names for name in given):
            raise Refusal(403, "AccessDenied")
        canonical = "\n".join([
            handler.command, url.path,
            "&".join(sorted("%s=%s" % (quote(name), quote(value)) for name, value in urllib.parse.parse_qsl(
                url.query, keep_blank_values=True))),
            "".join("%s:%s\n" % (name, " ".join(given[name].split())) for name in names), ";".join(names), EMPTY])
        if "/" + "/".join(quote(urllib.parse.unquote(part)) for part in url.path.split("/")[1:]) != url.path:
            raise Refusal(403, "SignatureDoesNotMatch")
        scope = "/".join((date, region, service, end))
        text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
        secret = ("AWS4" + SECRET).encode()
        for word in (date, region, service, end):
            secret = hmac.new(secret, word.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(hmac.new(secret, text.encode(), hashlib.sha256).hexdigest(), parts["Signature"]):
            raise Refusal(403, "SignatureDoesNotMatch", "<StringToSign>%s</StringToSign>" % text)

    def answer(self, handler, path, query):
        parts = path.split("/", 2)
        if parts[1] != self.name:
            raise Refusal(404, "NoSuchBucket")
        key = parts[2] if len(parts) > 2 else ""
        for name in query:
            if name in self.refuse:
                raise self.refuse[name]
        if key:
            return self.object(handler, key)
        for name in ("versioning", "object-lock", "uploads"):
            if name in query:
                if name not in self.documents:
                    raise Refusal(404, {"object-lock": "ObjectLockConfigurationNotFoundError"}.get(name, "NoSuchKey"))
                return 200, {}, self.change(query, self.documents[name])
        return 200, {"Content-Type": "application/xml"}, self.change(query, self.list(query))

    # ---- lists

    def list(self, query):
        with self.lock:
            self.lists += 1
        assert query.get("list-type") == "2", query
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        most = min(int(query.get("max-keys", "1000")), 1000)
        after = query.get("continuation-token", query.get("start-after", ""))
        at = bisect.bisect_left(self.keys, prefix)
        at = max(at, bisect.bisect_right(self.keys, after)) if after else at
        show = quote if query.get("encoding-type") == "url" else xml.sax.saxutils.escape
        objects, groups, last, more = [], [], "", False
        while at < len(self.keys):
            key = self.keys[at]
            if not key.startswith(prefix):
                break
            if len(objects) + len(groups) == most:
                more = True
                break
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            if end >= 0:
                last = key[:end + 1] + "\U0010ffff"
                groups.append("<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>" % show(key[:end + 1]))
                at = bisect.bisect_left(self.keys, last)
            else:
                last = key
                objects.append(self.item(key, show))
                at += 1
        return ("<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                "<Name>%s</Name>%s%s<IsTruncated>%s</IsTruncated>%s</ListBucketResult>") % (
                    self.name, "".join(objects), "".join(groups), "true" if more else "false",
                    "<NextContinuationToken>%s</NextContinuationToken>" % xml.sax.saxutils.escape(last) if more else "")

    def item(self, key, show):
        size = len(self.objects[key]) if key in self.objects else self.size
        return ("<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>\"%s\"</ETag><Size>%d</Size>"
                "<StorageClass>%s</StorageClass></Contents>") % (
                    show(key), iso(self.modified.get(key, self.clock() - 3600)), "0" * 32, size,
                    self.classes.get(key, "STANDARD"))

    # ---- objects

    def object(self, handler, key):
        if "get" in self.refuse:
            raise self.refuse["get"]
        if key not in self.objects:
            raise Refusal(404, "NoSuchKey")
        body = self.objects[key]
        headers = {"ETag": "\"%s\"" % hashlib.md5(body).hexdigest(),
                   "x-amz-storage-class": self.classes.get(key, "STANDARD"),
                   "Last-Modified": email.utils.formatdate(self.modified.get(key, self.clock() - 3600), usegmt=True)}
        headers.update(self.headers.get(key, {}))
        wanted = handler.headers.get("Range")
        if handler.headers.get("If-Match", headers["ETag"]) != headers["ETag"]:
            raise Refusal(412, "PreconditionFailed")
        if handler.command == "HEAD" or wanted is None or self.ranges == "none":
            return 200, dict(headers, **{"Content-Length": str(len(body))}), body
        first, last = (int(number) for number in wanted[len("bytes="):].split("-"))
        if first >= len(body):
            raise Refusal(416, "InvalidRange")
        last = min(last, len(body) - 1)
        if self.ranges == "wrong":
            first, last = 0, last - first
        headers["Content-Range"] = "bytes %d-%d/%d" % (first, last, len(body))
        return 206, headers, body[first:last + 1]


class Credentials:
    """The metadata service of a machine (version 2 only) and that of a container, on one port."""

    def __init__(self, session="imds-session-token", authorization=None):
        self.session, self.authorization = session, authorization
        self.asked = []
        self.document = {"Code": "Success", "AccessKeyId": KEY, "SecretAccessKey": SECRET, "Token": TOKEN,
                         "Expiration": "2099-01-01T00:00:00Z"}

    def __enter__(self):
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = service.answer(self)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_PUT = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, handler):
        self.asked.append((handler.command, handler.path))
        if handler.path == "/container":
            fits = handler.headers.get("Authorization") == self.authorization
            return (200, json.dumps(self.document)) if fits else (401, "no")
        if handler.path == "/latest/api/token":
            fits = handler.command == "PUT" and handler.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
            return (200, self.session) if fits else (405, "")
        if handler.headers.get("X-aws-ec2-metadata-token") != self.session:
            return 401, "no"
        if handler.path == "/latest/meta-data/iam/security-credentials/":
            return 200, "backup-role"
        if handler.path == "/latest/meta-data/iam/security-credentials/backup-role":
            return 200, json.dumps(self.document)
        return 404, ""
