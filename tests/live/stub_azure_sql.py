# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for what ARM says of a server of Azure SQL: Microsoft.Sql of the REST reference, version 2021-11-01.

    sql = Sql(databases=[database("orders")], recoverable={"orders": moment})
    with served(sql) as peer: ..."""

import json
import threading
import time
import urllib.parse

import stub_azure_storage as stub

VERSION = "2021-11-01"
GROUP = "/subscriptions/sub-1/resourceGroups/rg_1/providers/Microsoft.Sql"
SERVER = GROUP + "/servers/sql1"


def iso(moment):
    return None if moment is None else time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + ".123Z"


def database(name, earliest=7 * 86400, tier="GeneralPurpose", status="Online", **properties):
    """`earliest`: so many seconds ago; None: there is no backup."""
    now = time.time()
    return {
        "name": name,
        "type": "Microsoft.Sql/servers/databases",
        "location": "westeurope",
        "sku": {"name": "GP_Gen5", "tier": tier, "capacity": 2},
        "properties": dict({
            "status": status,
            "creationDate": iso(now - 400 * 86400),
            "earliestRestoreDate": None if earliest is None else iso(now - earliest),
            "currentBackupStorageRedundancy": "Geo",
        }, **properties),
    }


class Sql(stub.Server):
    content_type = "application/json; charset=utf-8"

    def __init__(self, databases=(), recoverable=None, points=None, long_term=(), token="eyJ0.eyJh.c2ln", page=100):
        super().__init__()
        self.token = token
        self.databases = list(databases)
        self.recoverable = {} if recoverable is None else recoverable  # {name: seconds ago}
        self.points = {} if points is None else points                 # {name: [seconds ago, ...]}
        self.long_term = list(long_term)                               # (database, seconds ago, expires in)
        self.page = page
        self.denied = None      # the end of a path that may not be read
        self.lock = threading.Lock()

    def session(self, receive):
        while True:
            yield from super().session(receive)

    def answer(self, request):
        with self.lock:
            return super().answer(request)

    def check(self, request):
        authorization = request.headers.get("authorization", "")
        if authorization == "":
            raise stub.Refusal(401, "AuthenticationFailedMissingToken")
        if authorization != "Bearer " + self.token:
            raise stub.Refusal(401, "InvalidAuthenticationToken")
        names = [name for name, _ in request.query]
        if request.one("api-version") != VERSION or set(names) - {"api-version", "$skipToken"} or len(names) != len(set(names)):
            raise stub.Refusal(400, "InvalidApiVersionParameter")
        if self.denied is not None and request.path.endswith(self.denied):
            raise stub.Refusal(403, "AuthorizationFailed")
        if request.path != SERVER and self.items(request) is None:
            raise stub.Refusal(404, "ResourceNotFound")

    def items(self, request):
        now = time.time()
        path = urllib.parse.unquote(request.path)
        if path == SERVER + "/databases":
            return self.databases
        if path == SERVER + "/recoverableDatabases":
            return [{"name": name, "properties": {"edition": "GeneralPurpose", "lastAvailableBackupDate": iso(now - age)}}
                    for name, age in self.recoverable.items()]
        if path == GROUP + "/locations/westeurope/longTermRetentionServers/sql1/longTermRetentionBackups":
            return [{"name": "%d;%d" % (number, age), "properties": {
                "serverName": "sql1", "databaseName": name, "backupTime": iso(now - age),
                "backupExpirationTime": iso(now + left)}} for number, (name, age, left) in enumerate(self.long_term)]
        for name, ages in self.points.items():
            if path == "%s/databases/%s/restorePoints" % (SERVER, name):
                return [{"name": str(age), "properties": {
                    "restorePointType": "DISCRETE", "restorePointCreationDate": iso(now - age)}} for age in ages]
        return None

    def body(self, request):
        if self.document is not None:
            return self.document
        if request.path == SERVER:
            return json.dumps({"name": "sql1", "location": "westeurope", "properties": {"state": "Ready"}})
        items = self.items(request)
        start = int(request.one("$skipToken") or "0")
        answer = {"value": items[start:start + self.page]}
        if start + self.page < len(items):
            answer["nextLink"] = "https://management.azure.com%s?api-version=%s&%%24skipToken=%d" % (
                request.path, VERSION, start + self.page)
        return json.dumps(answer)

    def error(self, refusal):
        return json.dumps({"error": {"code": refusal.code, "message": "In other words."}})
