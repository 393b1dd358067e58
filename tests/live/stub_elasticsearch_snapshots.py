# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a node of Elasticsearch or OpenSearch and a snapshot repository of it; the replies are those of the
documentation.

    with Node() as node:
        node.snapshots = nightly()
        backup_freshness("-T", node.uri())

It answers as the real one does: newest first and page by page (Elasticsearch from 7.14 on), or refuses those parameters
(`old`), and lists names without times with verbose=false. Requests that no right client sends are in `complaints`."""

import json
import time
import urllib.parse

import stub_service

DAY = 86400
REPOSITORY = "s3-nightly"
LIST = r"/_snapshot/[^/?]+/[^/?]+(\?[^/]*)?"


def refusal(kind, status, reason):
    return stub_service.Reply({"error": {"root_cause": [{"type": kind, "reason": reason}], "type": kind,
                                         "reason": reason}, "status": status}, status)


def snapshot(name, age, state="SUCCESS", took=600, policy="nightly", total=12, failed=0, failures=(), **more):
    started = int((time.time() - age) * 1000)
    running = state == "IN_PROGRESS"
    document = {
        "snapshot": name, "uuid": "u-" + name.replace(".", ""), "repository": REPOSITORY, "version": "8.13.4",
        "indices": ["logs-1", "logs-2"], "include_global_state": True, "state": state, "start_time_in_millis": started,
        "end_time_in_millis": 0 if running else started + took * 1000,
        "duration_in_millis": 0 if running else took * 1000,
        "failures": list(failures), "shards": {"total": total, "failed": failed, "successful": total - failed}}
    if policy:
        document["metadata"] = {"policy": policy}
    return dict(document, **more)


def nightly(count=8, age=3600, name="nightly", **options):
    return [snapshot("%s-2026.11.%02d" % (name, count - number), age + number * DAY, **options)
            for number in range(count)]


def slm(name="nightly", success=3600, failure=None, schedule="0 30 1 * * ?", repository=REPOSITORY,
        following=20 * 3600):
    def run(age):
        return {"snapshot_name": "nightly-x", "time": int((time.time() - age) * 1000)}
    document = {"version": 1, "modified_date_millis": 1, "next_execution_millis": int((time.time() + following) * 1000),
                "policy": {"name": "<nightly-{now/d}>", "schedule": schedule, "repository": repository, "config": {}}}
    if success is not None:
        document["last_success"] = run(success)
    if failure is not None:
        document["last_failure"] = dict(run(failure), details='{"type":"snapshot_exception","reason":"disk full"}')
    return {name: document}


class Node(stub_service.Service):
    QUESTIONS = {"list": LIST, "policy": "/_slm/policy/[^/?]+", "mode": "/_slm/status"}

    def __init__(self, old=False, **options):
        super().__init__({"list": {}, "policy": {}, "mode": {"operation_mode": "RUNNING"}}, **options)
        self.old = old
        self.snapshots = []
        self.policies = {}
        self.fault = {}   # question: Reply instead of it
        self.change = None  # what is done to a list before it is sent
        self.lists = []   # what was asked of it

    def uri(self, query="", scheme="elasticsearch", repository=REPOSITORY):
        return "%s%s://%s127.0.0.1:%d%s/%s%s" % (
            scheme, "" if self.tls else "+http", self.user[0] + "@" if self.user else "", self.port, self.prefix,
            repository, "?" + query if query else "")

    def refusal(self, headers):
        return refusal("security_exception", 401, "missing authentication credentials")

    def answer(self, target, headers):
        reply = super().answer(target, headers)
        path, _, query = target[len(self.prefix):].partition("?")
        if reply.status != 200:
            return reply
        if path.startswith("/_snapshot/"):
            self.lists.append(target)
            return self.fault.get("list") or self.list(path, dict(urllib.parse.parse_qsl(query, strict_parsing=True)))
        if path.startswith("/_slm/policy/"):
            name = path.rpartition("/")[2]
            if name not in self.policies:
                return self.fault.get("policy") or refusal("resource_not_found_exception", 404,
                                                           "snapshot lifecycle policies [%s] not found" % name)
            return self.fault.get("policy") or stub_service.Reply({name: self.policies[name]})
        return self.fault.get(path.strip("/").replace("_slm/status", "mode")) or reply

    def list(self, path, query):
        _, _, repository, wanted = path.split("/")
        if urllib.parse.unquote(repository) != REPOSITORY:
            return refusal("repository_missing_exception", 404, "[%s] missing" % repository)
        if self.old and set(query) - {"verbose", "ignore_unavailable"}:
            return refusal("illegal_argument_exception", 400, "request [%s] contains unrecognized parameters: [order], "
                           "[size], [sort]" % path)
        if set(query) - {"sort", "order", "size", "after", "verbose", "ignore_unavailable"}:
            self.complaints.append("%s %s" % (path, query))
        document = self.names() if query.get("verbose") == "false" else self.details(wanted, query)
        if self.change:
            document = self.change(document)
        return document if isinstance(document, stub_service.Reply) else stub_service.Reply(document)

    def names(self):
        return {"snapshots": [{name: item[name] for name in ("snapshot", "uuid", "indices", "state")}
                              for item in sorted(self.snapshots, key=lambda item: item["snapshot"])]}

    def details(self, wanted, query):
        if wanted != "_all":
            names = [urllib.parse.unquote(name) for name in wanted.split(",")]
            return {"snapshots": [item for item in self.snapshots if item["snapshot"] in names]}
        if self.old:
            return {"snapshots": self.snapshots}
        assert query.get("sort") == "start_time" and query.get("order") == "desc", query
        items = sorted(self.snapshots, key=lambda item: -item["start_time_in_millis"])
        start, size = int(query.get("after", "0")), int(query["size"])
        document = {"snapshots": items[start:start + size], "total": len(items),
                    "remaining": max(0, len(items) - start - size)}
        if document["remaining"]:
            document["next"] = str(start + size)
        return document


# ---- a repository without a node ----

class Repository:
    """Its files, in a directory."""
    STATES = {"IN_PROGRESS": 0, "SUCCESS": 1, "FAILED": 2, "PARTIAL": 3, "INCOMPATIBLE": 4}

    def __init__(self, path):
        self.path = path
        path.mkdir()

    def write(self, snapshots, generation=7, latest=None, times=True):
        entries = []
        for item in snapshots:
            entry = {"name": item["snapshot"], "uuid": item["uuid"], "state": self.STATES[item["state"]],
                     "version": item["version"], "index_metadata_lookup": {}}
            if times:
                entry.update(start_time_millis=item["start_time_in_millis"], end_time_millis=item["end_time_in_millis"])
            if "metadata" in item:
                entry["slm_policy"] = item["metadata"]["policy"]
            entries.append(entry)
            for kind in ("snap", "meta"):
                (self.path / ("%s-%s.dat" % (kind, item["uuid"]))).write_bytes(b":)\n\x05")
        document = {"min_version": "7.12.0", "uuid": "r1", "cluster_id": "c1", "snapshots": entries,
                    "indices": {"logs-1": {"id": "i1", "snapshots": [], "shard_generations": []}},
                    "index_metadata_identifiers": {}}
        self.catalogue(generation).write_text(json.dumps(document))
        (self.path / "index.latest").write_bytes((generation if latest is None else latest).to_bytes(8, "big"))

    def catalogue(self, generation=7):
        return self.path / ("index-%d" % generation)

    def uri(self):
        return "elasticsearch+file://%s" % self.path


