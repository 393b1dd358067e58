# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a Kubernetes API server, over HTTPS, with the objects of one namespace.

    with Cluster(tls) as cluster:
        cluster.add(deployment("web", 3), pods("web", 3))
        cluster.change["deployments"] = lambda document: ...
        cluster.fault["pods"] = Reply(status=429)
        liveness("-T", cluster.uri(), ...)

Objects have the fields that the API's types give them (apps/v1, core/v1, batch/v1, autoscaling/v1), and leave out what
those leave out. Requests are looked at as the server does: bearer token, path, parameters, selectors, pages of `limit`
items with tokens to go on. What may be asked is what contrib/kubernetes/rbac.yaml allows, and nothing else: anything else
is answered by a Status, 403. What no right client sends is in `complaints`, and leaving the `with` block asserts that
there are none: any verb but GET, a watch, paths and parameters that do not exist."""

import base64
import copy
import datetime
import gzip
import http.server
import json
import os
import re
import socketserver
import ssl
import sys
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "lab"))

from postgresql import free_port  # noqa: E402

RBAC = os.path.join(HERE, os.pardir, os.pardir, "contrib", "kubernetes", "rbac.yaml")
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJkci1wbHVnaW5zIn0.c2lnbmF0dXJl"
ACCOUNT = "system:serviceaccount:monitoring:dr-plugins"
NAMESPACE = "shop"
OLD = 86400

# path, API group, version in replies, resource, kind
LISTS = {
    "deployments": ("apis/apps/v1", "apps", "apps/v1", "DeploymentList"),
    "statefulsets": ("apis/apps/v1", "apps", "apps/v1", "StatefulSetList"),
    "daemonsets": ("apis/apps/v1", "apps", "apps/v1", "DaemonSetList"),
    "cronjobs": ("apis/batch/v1", "batch", "batch/v1", "CronJobList"),
    "horizontalpodautoscalers": ("apis/autoscaling/v1", "autoscaling", "autoscaling/v1", "HorizontalPodAutoscalerList"),
    "pods": ("api/v1", "", "v1", "PodList"),
}


def granted(path=RBAC, count=1):
    """{(API group, resource)} that may be listed by the roles we ship; every right in them is one to list."""
    with open(path) as file:
        roles = [part for part in file.read().split("\n---\n")
                 if re.search(r"^kind: (Cluster)?Role$", part, re.MULTILINE)]
    assert len(roles) == count
    rules = re.findall(r'apiGroups: (\[.*\])\n\s+resources: (\[.*\])\n\s+verbs: (\[.*\])', "\n".join(roles))
    assert len(rules) == "\n".join(roles).count("apiGroups:")
    assert {verb for _, _, verbs in rules for verb in json.loads(verbs)} == {"list"}
    return {(group, resource) for groups, resources, _ in rules for group in json.loads(groups)
            for resource in json.loads(resources)}


# ---- objects ----

def moment(age):
    """A time so many seconds ago, as the API writes it."""
    at = datetime.datetime.fromtimestamp(time.time() - age, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def without_zeros(numbers):
    """What omitempty does."""
    return {name: value for name, value in numbers.items() if value}


def metadata(name, labels=None, age=OLD, generation=None, **more):
    meta = {"name": name, "namespace": NAMESPACE, "uid": "0f6a-" + name, "resourceVersion": "1071",
            "creationTimestamp": moment(age)}
    if generation is not None:
        meta["generation"] = generation
    if labels:
        meta["labels"] = labels
    meta["managedFields"] = [{"manager": "kubectl", "operation": "Update", "fieldsType": "FieldsV1",
                              "fieldsV1": {"f:spec": {"f:replicas": {}}}}]
    return dict(meta, **more)


def template(labels, images):
    return {"metadata": {"creationTimestamp": None, "labels": labels},
            "spec": {"containers": [{"name": "c%d" % number, "image": image, "resources": {}}
                                    for number, image in enumerate(images)],
                     "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "securityContext": {}}}


def deployment(name, replicas, ready=None, updated=None, observed=7, generation=7, labels=None, expressions=None,
               images=None, conditions=(), there=None, **spec):
    ready = replicas if ready is None else ready
    updated = replicas if updated is None else updated
    there = max(replicas, ready) if there is None else there
    labels = {"app": name} if labels is None else labels
    selector = {"matchLabels": labels}
    if expressions:
        selector["matchExpressions"] = expressions
    progress = [] if any(c["type"] == "Progressing" for c in conditions) else [
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", "message": "has progressed"}]
    return "deployments", {
        "metadata": metadata(name, labels, generation=generation),
        "spec": dict({"replicas": replicas, "selector": selector,
                      "template": template(labels, images or ["registry.example/%s:1.4" % name]),
                      "strategy": {"type": "RollingUpdate",
                                   "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
                      "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}, **spec),
        "status": dict(without_zeros({"observedGeneration": observed, "replicas": there, "updatedReplicas": updated,
                                      "readyReplicas": ready, "availableReplicas": ready,
                                      "unavailableReplicas": max(replicas - ready, 0)}),
                       conditions=list(conditions) + progress)}


def statefulset(name, replicas, ready=None, updated=None, there=None, strategy=None, observed=3):
    ready = replicas if ready is None else ready
    there = replicas if there is None else there
    labels = {"app": name}
    return "statefulsets", {
        "metadata": metadata(name, labels, generation=3),
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                 "template": template(labels, ["registry.example/%s:2" % name]), "serviceName": name,
                 "podManagementPolicy": "OrderedReady",
                 "updateStrategy": strategy or {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}},
        # replicas and availableReplicas are always there
        "status": dict(without_zeros({"observedGeneration": observed, "readyReplicas": ready,
                                      "currentReplicas": there,
                                      "updatedReplicas": there if updated is None else updated, "collisionCount": 0}),
                       replicas=there, availableReplicas=ready, currentRevision=name + "-1",
                       updateRevision=name + "-1")}


def daemonset(name, nodes, ready=None, updated=None):
    ready = nodes if ready is None else ready
    labels = {"app": name}
    return "daemonsets", {
        "metadata": metadata(name, labels, generation=2),
        "spec": {"selector": {"matchLabels": labels}, "template": template(labels, ["registry.example/%s:3" % name]),
                 "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}},
        # the first four are always there
        "status": dict({"currentNumberScheduled": nodes, "numberMisscheduled": 0, "desiredNumberScheduled": nodes,
                        "numberReady": ready},
                       **without_zeros({"observedGeneration": 2, "numberAvailable": ready,
                                        "updatedNumberScheduled": nodes if updated is None else updated,
                                        "numberUnavailable": nodes - ready}))}


def cronjob(name, suspend=False, active=()):
    return "cronjobs", {
        "metadata": metadata(name, {"app": name}, generation=1),
        "spec": {"schedule": "*/5 * * * *", "concurrencyPolicy": "Forbid", "suspend": suspend,
                 "jobTemplate": {"metadata": {"creationTimestamp": None}, "spec": {
                     "template": template({"app": name}, ["registry.example/%s:1" % name])}}},
        "status": dict({"lastScheduleTime": moment(100)}, **({"active": [
            {"kind": "Job", "namespace": NAMESPACE, "name": job, "apiVersion": "batch/v1"} for job in active]}
            if active else {}))}


def autoscaler(name, target, least=2, most=10, kind="Deployment", owner=None):
    owners = {"ownerReferences": [{"apiVersion": "keda.sh/v1alpha1", "kind": owner, "name": name, "uid": "1",
                                   "controller": True, "blockOwnerDeletion": True}]} if owner else {}
    return "horizontalpodautoscalers", {
        "metadata": metadata(name, **owners),
        "spec": {"scaleTargetRef": {"kind": kind, "name": target, "apiVersion": "apps/v1"}, "minReplicas": least,
                 "maxReplicas": most, "targetCPUUtilizationPercentage": 80},
        "status": {"currentReplicas": least, "desiredReplicas": least}}


def pod(name, app, node="node1", ready=True, phase="Running", owner=("ReplicaSet", None), age=OLD, ended=None,
        waiting=None, restarts=0, unschedulable=False, labels=None):
    """ended: seconds since its grace was over; below 0: it has so long to go."""
    labels = dict(labels or {"app": app}, **{"pod-template-hash": "6d4f"})
    more = {"ownerReferences": [{"apiVersion": "apps/v1", "kind": owner[0], "name": owner[1] or app + "-6d4f",
                                 "uid": "2", "controller": True, "blockOwnerDeletion": True}]} if owner else {}
    if ended is not None:
        more.update(deletionTimestamp=moment(ended), deletionGracePeriodSeconds=30)
    state = {"running": {"startedAt": moment(age)}}
    if waiting:
        state = {"waiting": {"reason": waiting, "message": "back-off"}}
    conditions = [{"type": "Ready", "status": "True" if ready else "False"},
                  {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes available"}
                  if unschedulable else {"type": "PodScheduled", "status": "True"}]
    spec = template(labels, ["registry.example/%s:1.4" % app])["spec"]
    return "pods", {
        "metadata": metadata(name, labels, age=age, **more),
        "spec": spec if unschedulable else dict(spec, nodeName=node),
        "status": {"phase": phase, "conditions": conditions, "startTime": moment(age),
                   "containerStatuses": [] if unschedulable else [
                       {"name": "c0", "state": state, "lastState": {}, "ready": ready, "restartCount": restarts,
                        "image": "registry.example/%s:1.4" % app, "imageID": "", "started": ready}]}}


def pods(app, count, nodes=3, kind="ReplicaSet", **options):
    """So many pods of a workload, spread over nodes."""
    return [pod("%s-%d" % (app, number), app, "node%d" % (number % nodes + 1),
                owner=(kind, None if kind == "ReplicaSet" else app), **options) for number in range(count)]


# ---- selectors ----

def terms(selector):
    """The requirements of a labelSelector; commas within brackets belong to them."""
    return re.findall(r"(?:[^,(]|\([^)]*\))+", selector)


def fulfils(term, labels):
    match = re.fullmatch(r"([\w./-]+) (in|notin) \(([\w./,-]*)\)", term)
    if match:
        key, operator, values = match.groups()
        inside = key in labels and labels[key] in values.split(",")
        return inside if operator == "in" else not inside
    match = re.fullmatch(r"([\w./-]+)=([\w./-]*)", term)
    if match:
        return labels.get(match.group(1)) == match.group(2)
    match = re.fullmatch(r"(!?)([\w./-]+)", term)
    assert match, "no selector: %r" % term
    return (match.group(2) in labels) != bool(match.group(1))


# ---- the server ----

class Reply:
    def __init__(self, body="", status=200, hangs=False, cut=None):
        self.body = body if isinstance(body, (str, bytes)) else json.dumps(body)
        self.status = status
        self.hangs = hangs
        self.cut = cut  # the connection closes after so many bytes


def status(code, reason, message, **details):
    """What the API answers instead of what was asked for."""
    return Reply({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
                  "reason": reason, "details": details, "code": code}, code)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        cluster = self.server.cluster
        reply = cluster.answer(self.path, self.headers)
        if reply.hangs:
            cluster.over.wait()
            self.close_connection = True
            return
        self.send(reply)

    def refuse(self):
        self.server.cluster.complaints.append("%s %s" % (self.command, self.path))
        self.send(status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = refuse

    def send(self, reply):
        body = reply.body if isinstance(reply.body, bytes) else reply.body.encode()
        packed = "gzip" in self.headers.get("Accept-Encoding", "") and len(body) > 128 * 1024
        if packed:
            body = gzip.compress(body, 1)
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body[:reply.cut])
        if reply.cut is not None:
            self.close_connection = True


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 50

    def handle_error(self, request, client_address):
        """A client that leaves is none of our business."""


class Cluster:
    lists = LISTS
    namespace = NAMESPACE
    cluster_wide = ()  # resources that are in no namespace
    rights = staticmethod(granted)

    def __init__(self, tls, token=TOKEN, prefix="", wants_certificate=None):
        self.port = free_port(set())
        self.token = token
        self.prefix = prefix
        self.objects = {resource: [] for resource in self.lists}
        self.change = {}  # resource: what is done to each page before it is sent
        self.fault = {}   # resource: Reply instead of it
        self.expired = set()  # resources whose next page has expired, once
        self.rights = self.rights()
        self.complaints = []
        self.requests = []
        self.over = threading.Event()
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.cluster = self
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls[1], tls[2])
        if wants_certificate:
            context.load_verify_locations(wants_certificate)
            context.verify_mode = ssl.CERT_REQUIRED
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        assert kind or not self.complaints, self.complaints

    def add(self, *things):
        for thing in things:
            for resource, item in thing if isinstance(thing, list) else [thing]:
                self.objects[resource].append(item)

    def asked(self, resource):
        return [query for asked, query in self.requests if asked == resource]

    def uri(self, query="", namespace=NAMESPACE):
        return "kubernetes://127.0.0.1:%d/%s%s" % (self.port, namespace, "?" + query if query else "")

    # ---- requests ----

    def complain(self, target):
        self.complaints.append(target)
        return Reply("404 page not found\n", 404)

    def answer(self, target, headers):
        path, _, query = target.partition("?")
        if self.token is not None and headers.get("Authorization") != "Bearer " + self.token:
            return status(401, "Unauthorized", "Unauthorized")
        match = re.fullmatch(re.escape(self.prefix) + r"/(apis?/[a-z0-9/.]+?)(?:/namespaces/([a-z0-9-]+))?/([a-z]+)", path)
        if not match or match.group(3) not in self.lists or self.lists[match.group(3)][0] != match.group(1) or \
                (match.group(2) is None) != (match.group(3) in self.cluster_wide):
            return self.complain(target)
        parameters = urllib.parse.parse_qs(query, keep_blank_values=True, strict_parsing=bool(query))
        if set(parameters) - {"limit", "continue", "labelSelector", "fieldSelector"} or any(
                len(values) > 1 for values in parameters.values()):
            return self.complain(target)
        return self.list(match.group(3), match.group(2), {name: values[0] for name, values in parameters.items()})

    def list(self, resource, namespace, query):
        self.requests.append((resource, query))
        path, group, version, kind = self.lists[resource]
        if (group, resource) not in self.rights:
            full = "%s.%s" % (resource, group) if group else resource
            return status(403, "Forbidden", '%s is forbidden: User "%s" cannot list resource "%s" in API group "%s" in '
                          'the namespace "%s"' % (full, ACCOUNT, resource, group, namespace), kind=resource, group=group)
        if resource in self.fault:
            return self.fault[resource]
        if "continue" in query and resource in self.expired:
            self.expired.discard(resource)
            return status(410, "Expired", "The provided continue parameter is too old to display a consistent list")
        items = self.objects[resource] if namespace in (self.namespace, None) else []
        page = self.page(items, query)
        page.update(kind=kind, apiVersion=version)
        document = copy.deepcopy({name: page[name] for name in ("kind", "apiVersion", "metadata", "items")})
        if resource in self.change:
            document = self.change[resource](document)
        return document if isinstance(document, Reply) else Reply(document)

    def page(self, items, query):
        for term in terms(query.get("labelSelector", "")):
            items = [item for item in items if fulfils(term, item["metadata"].get("labels", {}))]
        if "fieldSelector" in query:
            field, _, value = query["fieldSelector"].partition("=")
            assert field == "metadata.name", query
            items = [item for item in items if item["metadata"]["name"] == value]
        limit = int(query.get("limit", "0"))
        start = json.loads(base64.b64decode(query["continue"]))["start"] if "continue" in query else 0
        meta = {"resourceVersion": "1071"}
        if limit and len(items) > start + limit:
            token = json.dumps({"v": "meta.k8s.io/v1", "start": start + limit})
            meta["continue"] = base64.b64encode(token.encode()).decode()
            # with a selector the server does not count what is left
            if not {"labelSelector", "fieldSelector"} & set(query):
                meta["remainingItemCount"] = len(items) - start - limit
        return {"metadata": meta, "items": items[start:start + limit if limit else None]}
