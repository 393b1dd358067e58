# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the Query APIs of Amazon's RDS and EC2; the replies have the members of their API references.

    with AwsQuery(now=NOW) as aws:
        aws.instances = [instance("orders", latest=NOW - 300)]
        backup_freshness("-T", aws.rds(), now=NOW, environment=aws.environment)

The signature of each request is computed anew from the documentation ("AWS Signature Version 4"), by code that shares
nothing with the check. A request that is not signed as it must be, for another region, or with a parameter that the
action does not have is refused as AWS does. `refuse[action]` is a status and a code, `documents[action]` a whole reply
(or a function of the good one), `pages` the items of a page."""

import email.utils
import hashlib
import hmac
import http.server
import os
import sys
import threading
import time
import urllib.parse
import xml.sax.saxutils

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lab"))

from postgresql import free_port  # noqa: E402

KEY = "AKIALABLABLABLABLAB2"
SECRET = "query/secret+of/the/lab"
REGION = "eu-central-1"
PORTS = set()
EMPTY = hashlib.sha256(b"").hexdigest()
VERSIONS = {"rds": "2014-10-31", "ec2": "2016-11-15"}
# action: service, name of the list, of an item, parameters that it has
ACTIONS = {
    "DescribeDBInstances": ("rds", "DBInstances", "DBInstance"),
    "DescribeDBClusters": ("rds", "DBClusters", "DBCluster"),
    "DescribeDBSnapshots": ("rds", "DBSnapshots", "DBSnapshot"),
    "DescribeDBClusterSnapshots": ("rds", "DBClusterSnapshots", "DBClusterSnapshot"),
    "DescribeDBInstanceAutomatedBackups": ("rds", "DBInstanceAutomatedBackups", "DBInstanceAutomatedBackup"),
    "DescribeVolumes": ("ec2", "volumeSet", "item"),
    "DescribeSnapshots": ("ec2", "snapshotSet", "item"),
}


def iso(moment):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(moment))


def element(name, value):
    """A dict, a list of dicts (of "item"), or a text."""
    if value is None:
        return ""
    if isinstance(value, dict):
        text = "".join(element(key, child) for key, child in value.items())
    elif isinstance(value, list):
        text = "".join(element("item", child) for child in value)
    else:
        text = xml.sax.saxutils.escape(str(value))
    return "<%s>%s</%s>" % (name, text, name)


def instance(name, latest=None, retention=7, status="available", **more):
    return dict({"DBInstanceIdentifier": name, "DBInstanceClass": "db.t3.medium", "Engine": "postgres", "DBInstanceStatus": status,
                 "AllocatedStorage": 100, "BackupRetentionPeriod": retention, "PreferredBackupWindow": "03:00-03:30",
                 "LatestRestorableTime": None if latest is None else iso(latest)}, **more)


def cluster(name, latest=None, earliest=None, retention=7, status="available", **more):
    return dict({"DBClusterIdentifier": name, "Engine": "aurora-postgresql", "Status": status, "BackupRetentionPeriod": retention,
                 "EarliestRestorableTime": None if earliest is None else iso(earliest),
                 "LatestRestorableTime": None if latest is None else iso(latest)}, **more)


def db_snapshot(owner, moment, status="available", kind="automated", **more):
    """Created when it was finished; its data is a minute older."""
    return dict({"DBSnapshotIdentifier": "rds:%s-%s" % (owner, time.strftime("%Y-%m-%d-%H-%M", time.gmtime(moment))),
                 "DBInstanceIdentifier": owner, "Status": status, "SnapshotType": kind, "SnapshotCreateTime": iso(moment + 60),
                 "OriginalSnapshotCreateTime": iso(moment + 60), "SnapshotDatabaseTime": iso(moment), "PercentProgress": 100,
                 "AllocatedStorage": 100, "Encrypted": "true"}, **more)


def cluster_snapshot(owner, moment, status="available", kind="automated", **more):
    return dict({"DBClusterSnapshotIdentifier": "rds:%s-%s" % (owner, time.strftime("%Y-%m-%d-%H-%M", time.gmtime(moment))),
                 "DBClusterIdentifier": owner, "Status": status, "SnapshotType": kind, "SnapshotCreateTime": iso(moment),
                 "PercentProgress": 100}, **more)


def automated(owner, latest, earliest, region=REGION, status="active"):
    return {"DBInstanceIdentifier": owner, "Region": region, "Status": status, "Engine": "postgres",
            "RestoreWindow": {"EarliestTime": iso(earliest), "LatestTime": iso(latest)}}


def volume(name):
    return {"volumeId": name, "size": 100, "status": "in-use"}


def snapshot(name, of, moment, status="completed", tags=None, took=600, description="nightly", **more):
    return dict({"snapshotId": name, "volumeId": of, "status": status, "startTime": iso(moment),
                 "completionTime": iso(moment + took) if status == "completed" else None,
                 "progress": "100%" if status == "completed" else "43%", "ownerId": "123456789012", "volumeSize": 100,
                 "description": description, "storageTier": "standard", "encrypted": "true", "fullSnapshotSizeInBytes": 53687091200,
                 "tagSet": [{"key": key, "value": value} for key, value in (tags or {}).items()]}, **more)


class Refusal(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


class AwsQuery:
    def __init__(self, now):
        self.now = now
        self.instances, self.clusters, self.db_snapshots, self.cluster_snapshots, self.automated = [], [], [], [], []
        self.volumes, self.snapshots = [], []
        self.pages = None
        self.refuse, self.documents, self.requests = {}, {}, []
        self.complaints = []
        self.port = free_port(PORTS)
        self.environment = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_EC2_METADATA_DISABLED": "true"}

    def __enter__(self):
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self):
                stub.serve(self)

            do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

            def date_time_string(self, timestamp=None):
                return email.utils.formatdate(stub.now, usegmt=True)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, kind, *_):
        self.stop()
        assert kind or not self.complaints, self.complaints

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def uri(self, scheme, name, parameters):
        more = "".join("&%s=%s" % (key.replace("_", "-"), urllib.parse.quote(value)) for key, value in parameters.items())
        return "%s://%s%s?endpoint=http://127.0.0.1:%d%s" % (scheme, REGION, "/" + name if name else "", self.port, more)

    def rds(self, name="", **parameters):
        return self.uri("rds", name, parameters)

    def ebs(self, name="", **parameters):
        return self.uri("ebs", name, parameters)

    def asked(self, action):
        return [query for query in self.requests if query.get("Action") == action]

    # ---- a request

    def serve(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        service = ACTIONS.get(query.get("Action"), ("",))[0]
        self.requests.append(query)
        try:
            self.check(handler, url, service)
            status, body = 200, self.answer(query)
        except Refusal as refusal:
            status, body = refusal.status, self.refusal(service, refusal.code)
        body = body.encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "text/xml")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    @staticmethod
    def refusal(service, code):
        """Each has its own form, and says who asked."""
        if service == "ec2":
            return "<Response><Errors><Error><Code>%s</Code><Message>%s may not</Message></Error></Errors></Response>" % (code, KEY)
        return ("<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>" % (
                    code, "try again" if code == "InternalFailure" else "User: %s is not authorized" % KEY))

    def check(self, handler, url, service):
        if handler.command != "GET" or url.path != "/" or not service or handler.headers.get("Content-Length", "0") != "0":
            self.complaints.append("%s %s" % (handler.command, handler.path))
            raise Refusal(400, "InvalidAction")
        parts = dict(part.strip().split("=", 1)
                     for part in handler.headers.get("Authorization", "AWS4 a=b").split(" ", 1)[1].split(","))
        if "Credential" not in parts:
            raise Refusal(403, "MissingAuthenticationToken")
        key, date, region, signed, end = parts["Credential"].split("/")
        if key != KEY:
            raise Refusal(403, "InvalidClientTokenId" if service == "rds" else "AuthFailure")
        if (region, signed, end) != (REGION, service, "aws4_request"):
            raise Refusal(403, "SignatureDoesNotMatch")
        names = parts["SignedHeaders"].split(";")
        if names != sorted(names) or "host" not in names or "x-amz-date" not in names:
            raise Refusal(403, "SignatureDoesNotMatch")
        pairs = urllib.parse.parse_qsl(url.query, keep_blank_values=True)
        canonical = "\n".join([
            "GET", "/", "&".join(sorted("%s=%s" % (urllib.parse.quote(name, safe="-._~"), urllib.parse.quote(value, safe="-._~"))
                                        for name, value in pairs)),
            "".join("%s:%s\n" % (name, " ".join(handler.headers[name].split())) for name in names), ";".join(names), EMPTY])
        stamp = handler.headers["x-amz-date"]
        text = "\n".join(("AWS4-HMAC-SHA256", stamp, "/".join((date, region, signed, end)),
                          hashlib.sha256(canonical.encode()).hexdigest()))
        secret = ("AWS4" + SECRET).encode()
        for word in (date, region, signed, end):
            secret = hmac.new(secret, word.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(hmac.new(secret, text.encode(), hashlib.sha256).hexdigest(), parts["Signature"]):
            raise Refusal(403, "SignatureDoesNotMatch")

    def answer(self, query):
        action = query["Action"]
        service, name, item = ACTIONS[action]
        if action in self.refuse:
            raise Refusal(*self.refuse[action])
        known = {"Action", "Version"} | ({"MaxRecords", "Marker"} if service == "rds" else {"MaxResults", "NextToken"})
        odd = [key for key in query if key not in known and not (
            action == "DescribeSnapshots" and (key == "OwnerId.1" or key.startswith("Filter.")))]
        if odd or query["Version"] != VERSIONS[service] or (action == "DescribeSnapshots" and query.get("OwnerId.1") != "self"):
            self.complaints.append(query)
            raise Refusal(400, "InvalidParameterCombination")
        document = self.documents.get(action)
        if isinstance(document, str):
            return document
        good = self.document(action, query)
        return document(good) if document else good

    def items(self, action, query):
        found = {"DescribeDBInstances": self.instances, "DescribeDBClusters": self.clusters, "DescribeDBSnapshots": self.db_snapshots,
                 "DescribeDBClusterSnapshots": self.cluster_snapshots, "DescribeDBInstanceAutomatedBackups": self.automated,
                 "DescribeVolumes": self.volumes, "DescribeSnapshots": self.snapshots}[action]
        for number in range(1, 10):
            name, value = query.get("Filter.%d.Name" % number), query.get("Filter.%d.Value.1" % number)
            if name == "volume-id":
                found = [row for row in found if row["volumeId"] == value]
            elif name == "tag-key":
                found = [row for row in found if any(tag["key"] == value for tag in row["tagSet"])]
            elif name:
                found = [row for row in found if {"key": name[len("tag:"):], "value": value} in row["tagSet"]]
        return found

    def document(self, action, query=None):
        service, name, item = ACTIONS[action]
        query = query or {}
        token = "Marker" if service == "rds" else "NextToken"
        found = self.items(action, query)
        begin = int(query.get(token, "page/+=0").rsplit("=", 1)[1])
        end = begin + (self.pages or len(found))
        more = "page/+=%d" % end if end < len(found) else None
        rows = "".join(element(item, row) for row in found[begin:end])
        if service == "rds":
            return "<%sResponse><%sResult>%s<%s>%s</%s></%sResult>%s</%sResponse>" % (
                action, action, element("Marker", more), name, rows, name, action,
                element("ResponseMetadata", {"RequestId": "d2b8e2c1"}), action)
        return "<%sResponse><requestId>d2b8e2c1</requestId><%s>%s</%s>%s</%sResponse>" % (
            action, name, rows, name, element("nextToken", more), action)
