# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Azure Storage and for ARM: one HTTP request, looked at as strictly as Azure does, and its reply.

    stub = Storage("acct", key=KEY)
    with peers.Honest(stub.session) as peer:
        lag("-T", "azure-storage://acct?endpoint=http://127.0.0.1:%d/{service}" % peer.port, ...)

What a request must look like is checked here from the REST reference ("Get Blob Service Stats", "Authorize with Shared
Key", "Create an account SAS"), by code that shares nothing with the check. A request that is not as it must be is answered
with Azure's own refusal; what no right client does at all (another method, unknown headers) is kept in `complaints` too.

Every reply can be changed: `document` (XML text or JSON object), `headers`, `status`, `date`."""

import base64
import calendar
import email.utils
import hashlib
import hmac
import json
import threading
import time
import urllib.parse

KEY = base64.b64encode(bytes(range(64))).decode()
OTHER_KEY = base64.b64encode(bytes(64)).decode()
REQUEST_MAX = 65536
SERVICES = ("blob", "queue", "table")
DATE_TOLERANCE = 900
OLDEST_VERSION = "2017-11-09"  # the first that takes bearer tokens
EXPECTED_HEADERS = {"host", "accept", "authorization", "x-ms-date", "x-ms-version", "x-ms-client-request-id",
                    "metadata"}


def http_date(moment):
    return email.utils.formatdate(moment, usegmt=True)


def stats(status="live", synced=None, bom=True):
    """The document as Azure sends it: with a byte order mark."""
    return "%s<?xml version=\"1.0\" encoding=\"utf-8\"?><StorageServiceStats><GeoReplication><Status>%s</Status>" \
        "<LastSyncTime>%s</LastSyncTime></GeoReplication></StorageServiceStats>" % (
            "\ufeff" if bom else "", status, "" if synced is None else http_date(synced))


def account(name="acct", sku="Standard_RAGRS", status="Live", synced=None, **properties):
    """ARM's account, with geoReplicationStats where the SKU has them."""
    document = {
        "id": "/subscriptions/sub-1/resourceGroups/rg_1/providers/Microsoft.Storage/storageAccounts/" + name,
        "name": name,
        "type": "Microsoft.Storage/storageAccounts",
        "location": "westeurope",
        "kind": "StorageV2",
        "sku": {"name": sku, "tier": "Standard"},
        "properties": {
            "provisioningState": "Succeeded",
            "primaryLocation": "westeurope",
            "statusOfPrimary": "available",
        },
    }
    if "GRS" in sku or "GZRS" in sku:
        moment = "" if synced is None else time.strftime("%Y-%m-%dT%H:%M:%S.1234567Z", time.gmtime(synced))
        document["properties"].update({
            "secondaryLocation": "northeurope",
            "statusOfSecondary": "available",
            "geoReplicationStats": {
                "status": status,
                "lastSyncTime": moment,
                "canFailover": True,
                "canPlannedFailover": True,
                "postFailoverRedundancy": "Standard_LRS",
                "postPlannedFailoverRedundancy": sku,
            },
        })
    document["properties"].update(properties)
    return document


class Refusal(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status = status
        self.code = code


class Request:
    def __init__(self, head):
        lines = head.decode("ascii").split("\r\n")
        self.method, self.target, self.version = lines[0].split(" ")
        self.path, _, query = self.target.partition("?")
        self.raw_query = query
        self.query = urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()

    def all(self, name):
        return [value for key, value in self.query if key == name]

    def one(self, name):
        values = self.all(name)
        return values[0] if len(values) == 1 else None


class Server:
    """What the data plane and ARM have in common."""

    def __init__(self):
        self.complaints = []
        self.requests = []
        self.clock = 0.0        # of the server, against ours
        self.headers = {}       # of the reply; None takes one out
        self.status = 200
        self.document = None    # text, bytes or an object; None: the healthy one
        self.refusal = None     # (status, code): answered whatever is asked

    def now(self):
        return time.time() + self.clock

    def complain(self, text):
        self.complaints.append(text)

    def session(self, receive):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += receive(1)
            if len(head) > REQUEST_MAX:
                raise EOFError("a request without an end")
        request = Request(head[:-4])
        self.requests.append(request)
        yield self.answer(request)

    def answer(self, request):
        if request.method != "GET":
            self.complain("method " + request.method)
        for name in set(request.headers) - EXPECTED_HEADERS:
            self.complain("header " + name)
        try:
            self.check(request)
            if self.refusal is not None:
                raise Refusal(*self.refusal)
            return self.reply(request, self.status, self.body(request), {})
        except Refusal as refusal:
            return self.reply(request, refusal.status, self.error(refusal), {"x-ms-error-code": refusal.code})

    def reply(self, request, status, body, more):
        body = body if isinstance(body, bytes) else body.encode()
        headers = {
            "Content-Length": str(len(body)),
            "Content-Type": self.content_type,
            "Server": "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
            "x-ms-request-id": "9ba4e3f5-001e-0026-5a36-1ab3f6000000",
            "x-ms-version": request.headers.get("x-ms-version", ""),
            "Date": http_date(self.now()),
        }
        if "x-ms-client-request-id" in request.headers:
            headers["x-ms-client-request-id"] = request.headers["x-ms-client-request-id"]
        headers.update(more)
        headers.update(self.headers)
        lines = ["HTTP/1.1 %d Whatever" % status]
        lines += ["%s: %s" % item for item in headers.items() if item[1] is not None]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Storage(Server):
    """The secondary endpoint of an account: one path for each service, "/blob/" and so on."""

    content_type = "application/xml"

    def __init__(self, name="acct", key=KEY, sas=None, token=None, services=SERVICES, prefix="/%s/"):
        super().__init__()
        self.name = name
        self.key = key
        self.sas = sas          # the parameters it was made of, with sig
        self.token = token
        self.wanted = {"restype": "service", "comp": "stats"}  # the query
        self.paths = {prefix % service: service for service in services}
        self.states = {service: ("live", 10.0) for service in services}  # status, age of the last sync; None: empty

    def check(self, request):
        if request.path not in self.paths:
            raise Refusal(404, "ResourceNotFound")
        if request.one("restype") != "service" or request.one("comp") != "stats":
            raise Refusal(400, "InvalidQueryParameterValue")
        if request.headers.get("x-ms-version", "") < OLDEST_VERSION:
            raise Refusal(400, "InvalidHeaderValue")
        self.check_authority(request)

    def check_authority(self, request):
        authorization = request.headers.get("authorization", "")
        if request.one("sig") is not None:
            self.check_sas(request)
        elif authorization.startswith("SharedKey "):
            self.check_key(request, authorization)
        elif authorization.startswith("Bearer "):
            if self.token is None or authorization != "Bearer " + self.token:
                raise Refusal(401, "InvalidAuthenticationInfo")
        else:
            raise Refusal(401, "NoAuthenticationInformation")

    def check_key(self, request, authorization):
        if {name for name, _ in request.query} != set(self.wanted):
            self.complain("query " + request.raw_query)
        try:
            moment = calendar.timegm(email.utils.parsedate(request.headers["x-ms-date"]))
        except (KeyError, TypeError):
            raise Refusal(403, "AuthenticationFailed") from None
        if abs(moment - self.now()) > DATE_TOLERANCE:
            raise Refusal(403, "AuthenticationFailed")
        if self.key is None:
            raise Refusal(403, "KeyBasedAuthenticationNotPermitted")
        text = self.table_text(request) if self.paths.get(request.path) == "table" else self.text(request)
        digest = hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest()
        expected = "SharedKey %s:%s" % (self.name, base64.b64encode(digest).decode())
        if not hmac.compare_digest(expected, authorization):
            raise Refusal(403, "AuthenticationFailed")

    def text(self, request):
        standard = [request.headers.get(name, "") for name in (
            "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
            "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range")]
        headers = ["%s:%s" % (name, value) for name, value in sorted(request.headers.items())
                   if name.startswith("x-ms-")]
        names = sorted({name.lower() for name, _ in request.query})
        resource = ["/%s%s" % (self.name, request.path)]
        resource += ["%s:%s" % (name, ",".join(sorted(request.all(name)))) for name in names]
        return "\n".join([request.method] + standard + headers + resource)

    def table_text(self, request):
        return "\n".join([request.method, request.headers.get("content-md5", ""), request.headers.get("content-type", ""),
                          request.headers["x-ms-date"], "/%s%s?comp=%s" % (self.name, request.path, request.one("comp"))])

    def check_sas(self, request):
        given = {name: value for name, value in request.query if name not in self.wanted}
        if self.sas is None or given.get("sig") != self.sas["sig"]:
            raise Refusal(403, "AuthenticationFailed")
        if given != self.sas:
            raise Refusal(403, "AuthenticationFailed")
        if "si" not in given and calendar.timegm(time.strptime(given["se"], "%Y-%m-%dT%H:%M:%SZ")) < self.now():
            raise Refusal(403, "AuthenticationFailed")
        self.check_sas_scope(request, given)

    def check_sas_scope(self, request, given):
        if self.paths[request.path][0] not in given["ss"]:
            raise Refusal(403, "AuthorizationServiceMismatch")
        if "s" not in given["srt"]:
            raise Refusal(403, "AuthorizationResourceTypeMismatch")
        if "r" not in given["sp"]:
            raise Refusal(403, "AuthorizationPermissionMismatch")

    def body(self, request):
        if self.document is not None:
            return self.document
        status, age = self.states[self.paths[request.path]]
        return stats(status, None if age is None else self.now() - age)

    def error(self, refusal):
        return "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>%s</Code><Message>In other words.\n" \
            "RequestId:9ba4e3f5</Message></Error>" % refusal.code


class Message:
    """One in a queue: its age in seconds, how often it was taken, its text as it stands in the XML."""

    def __init__(self, age=0.0, dequeues=0, text="aGVsbG8="):
        self.age = age
        self.dequeues = dequeues
        self.text = text


def messages(now, queue):
    """The document of those that can be seen, as "Peek Messages" sends it."""
    return "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><QueueMessagesList>%s</QueueMessagesList>" % "".join(
        "<QueueMessage><MessageId>44908087-c1e9-4444-95ee-%012d</MessageId><InsertionTime>%s</InsertionTime>"
        "<ExpirationTime>%s</ExpirationTime><DequeueCount>%d</DequeueCount><MessageText>%s</MessageText></QueueMessage>" % (
            number, http_date(now - message.age), http_date(now - message.age + 604800), message.dequeues, message.text)
        for number, message in enumerate(queue))


class Queues(Storage):
    """The queue service of an account, below `root`, and its secondary, "/ACCOUNT-secondary/", on a connection for any number
    of requests.

    `queues` {name: [Message, ...]} are those that can be seen, `hidden` {name: number} those in flight or delayed. Each
    reply can be changed by itself: `only` {"count": {"status": ..., "document": ..., "headers": ..., "refusal": ...}}, the
    others being "messages", "poison" and "stats"."""

    def __init__(self, name="acct", key=KEY, sas=None, token=None, queues=None, root="/acct/"):
        super().__init__(name, key, sas, token, (), "")
        self.root = root
        self.queues = {"orders": []} if queues is None else queues
        self.hidden = {}
        self.paths = {"/%s-secondary/" % name: "queue"}
        self.states = {"queue": ("live", 10.0)}
        self.sas_queue = "orders"
        self.only = {}
        self.lock = threading.Lock()  # requests come together

    def session(self, receive):
        while True:
            yield from super().session(receive)

    def kind(self, request):
        name, _, rest = request.path[len(self.root):].partition("/")
        if request.path in self.paths:
            return "stats"
        return "messages" if rest else "poison" if name.endswith("-poison") else "count"

    def answer(self, request):
        with self.lock:
            return self.answer_alone(request)

    def answer_alone(self, request):
        kind = self.kind(request)
        changes = self.only.get(kind, {})
        if request.method != ("HEAD" if kind in ("count", "poison") else "GET"):
            self.complain("method %s for %s" % (request.method, kind))
        before = dict(self.__dict__)
        self.__dict__.update({name: value for name, value in changes.items() if name != "headers"})
        self.headers = dict(self.headers, **changes.get("headers", {}))
        try:
            if self.refusal is not None:
                raise Refusal(*self.refusal)
            self.check(request)
            return self.reply(request, self.status, *self.content(request, kind))
        except Refusal as refusal:
            return self.reply(request, refusal.status, self.error(refusal), {"x-ms-error-code": refusal.code})
        finally:
            for name in list(changes) + ["headers"]:
                self.__dict__[name] = before[name]

    def reply(self, request, status, body, more):
        reply = super().reply(request, status, body, more)
        return reply if request.method != "HEAD" else reply[:reply.index(b"\r\n\r\n") + 4]

    def check(self, request):
        known = {"stats": {"restype": "service", "comp": "stats"}, "count": {"comp": "metadata"},
                 "poison": {"comp": "metadata"}, "messages": {"peekonly": "true", "numofmessages": "32"}}
        self.wanted = known[self.kind(request)]
        given = {name: value for name, value in request.query if name in self.wanted}
        if given != self.wanted:
            raise Refusal(400, "InvalidQueryParameterValue")
        for name in set(request.headers) - EXPECTED_HEADERS:
            self.complain("header " + name)
        self.check_authority(request)
        if self.kind(request) != "stats" and self.queue_of(request) not in self.queues:
            raise Refusal(404, "QueueNotFound")

    def queue_of(self, request):
        return request.path[len(self.root):].partition("/")[0]

    def check_sas_scope(self, request, given):
        if "ss" not in given:  # of one queue
            if self.kind(request) == "stats" or self.queue_of(request) != self.sas_queue:
                raise Refusal(403, "AuthenticationFailed")
        elif "q" not in given["ss"]:
            raise Refusal(403, "AuthorizationServiceMismatch")
        elif ("s" if self.kind(request) == "stats" else "o" if self.kind(request) == "messages" else "c") not in given["srt"]:
            raise Refusal(403, "AuthorizationResourceTypeMismatch")
        if "si" not in given and "r" not in given["sp"]:
            raise Refusal(403, "AuthorizationPermissionMismatch")

    def content(self, request, kind):
        """(body, headers)"""
        if kind in ("count", "poison"):
            name = self.queue_of(request)
            count = len(self.queues[name]) + self.hidden.get(name, 0)
            return "", {"x-ms-approximate-messages-count": str(count), "Cache-Control": "no-cache"}
        if self.document is not None:
            return self.document, {}
        return (self.body(request) if kind == "stats" else messages(self.now(), self.queues[self.queue_of(request)][:32])), {}


def make_sas(key=KEY, name="acct", seconds=3600, **other):
    """The parameters of an account SAS, with its signature; valid for so many seconds."""
    fields = {"sv": "2022-11-02", "ss": "bqt", "srt": "s", "sp": "r",
              "se": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))}
    fields.update(other)
    text = "\n".join([name, fields["sp"], fields["ss"], fields["srt"], fields.get("st", ""), fields["se"],
                      fields.get("sip", ""), fields.get("spr", ""), fields["sv"], "", ""])
    return signed(fields, text, key)


def make_queue_sas(key=KEY, name="acct", queue="orders", seconds=3600, **other):
    """Those of a SAS of one queue."""
    fields = {"sv": "2020-10-02", "sp": "r",
              "se": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))}
    fields = {name: value for name, value in dict(fields, **other).items() if value is not None}
    text = "\n".join([fields.get("sp", ""), fields.get("st", ""), fields.get("se", ""), "/queue/%s/%s" % (name, queue),
                      fields.get("si", ""), fields.get("sip", ""), fields.get("spr", ""), fields["sv"]])
    return signed(fields, text, key)


def signed(fields, text, key):
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return dict(fields, sig=base64.b64encode(digest).decode())


class Arm(Server):
    """management.azure.com, with one account in it."""

    content_type = "application/json; charset=utf-8"
    PATH = "/subscriptions/sub-1/resourceGroups/rg_1/providers/Microsoft.Storage/storageAccounts/acct"

    def __init__(self, token="eyJ0.eyJh.c2ln", document=None):
        super().__init__()
        self.token = token
        self.document = document if document is not None else account(synced=self.now() - 10)

    def check(self, request):
        authorization = request.headers.get("authorization", "")
        if authorization == "":
            raise Refusal(401, "AuthenticationFailedMissingToken")
        if authorization != "Bearer " + self.token:
            raise Refusal(401, "InvalidAuthenticationToken")
        if request.path != self.PATH:
            raise Refusal(404, "ResourceNotFound")
        if sorted(request.query) != [("$expand", "geoReplicationStats"), ("api-version", "2023-01-01")]:
            raise Refusal(400, "InvalidApiVersionParameter")

    def body(self, request):
        return self.document if isinstance(self.document, (bytes, str)) else json.dumps(self.document)

    def error(self, refusal):
        return json.dumps({"error": {"code": refusal.code, "message": "In other words."}})


class Metadata(Server):
    """The metadata service of a virtual machine, which gives out the tokens of its identity."""

    content_type = "application/json; charset=utf-8"

    def __init__(self, resource, token, client_id=None):
        super().__init__()
        self.token = token
        self.wanted = {"api-version": "2018-02-01", "resource": resource}
        if client_id is not None:
            self.wanted["client_id"] = client_id

    def check(self, request):
        if request.headers.get("metadata") != "true" or "authorization" in request.headers:
            raise Refusal(400, "invalid_request")
        if request.path != "/metadata/identity/oauth2/token" or dict(request.query) != self.wanted:
            raise Refusal(400, "invalid_request")

    def body(self, request):
        if self.document is not None:
            return self.document
        return json.dumps({"access_token": self.token, "expires_in": "86000", "token_type": "Bearer"})

    def error(self, refusal):
        return json.dumps({"error": refusal.code, "error_description": "Identity not found"})
