# SPDX-License-Identifier: GPL-3.0-or-later
"""check_liveness on Kubernetes: what it asks, and what it makes of each state of a workload."""

import base64
import os
import re
import shlex

import pytest

import mutations
import stub_kubernetes as stub
import web
from stub_kubernetes import (Reply, autoscaler, cronjob, daemonset, deployment, pod, pods, statefulset, status)

WEB = "deployment/web"


@pytest.fixture(scope="module")
def tls(certificates):
    return tuple(str(certificates / name) for name in ("ca.crt", "server.crt", "server.key"))


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(stub.TOKEN + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def cluster(tls):
    with stub.Cluster(tls) as cluster:
        yield cluster


@pytest.fixture
def ask(liveness, tls, token_file):
    """Runs the check against a stub; the token must show nowhere."""
    def run(cluster, query="", *arguments, namespace=stub.NAMESPACE, **options):
        result = liveness("-T", cluster.uri(query, namespace), "--cacert", tls[0], "--token-file", str(token_file),
                          *arguments, **options)
        assert stub.TOKEN not in result.output
        return result
    return run


def unit(result, name):
    """The state and the words of a unit's own line."""
    lines = [(state, text) for state, text in result.findings if text.startswith(name + ": ")]
    assert lines, "nothing about %s in\n%s" % (name, result)
    return lines[0]


# ---- healthy ----

def test_everything_as_wanted(cluster, ask):
    cluster.add(deployment("web", 3), pods("web", 3), statefulset("db", 2), pods("db", 2, kind="StatefulSet"),
                daemonset("logs", 3), pods("logs", 3, kind="DaemonSet"), cronjob("report"))
    result = ask(cluster)
    assert result.state == "OK", result
    assert result.perfdata["deployment_web_ready"] == 3 and result.perfdata["statefulset_db_wanted"] == 2
    assert result.perfdata["daemonset_logs_available"] == 3
    assert [len(cluster.asked(resource)) for resource in stub.LISTS] == [1, 1, 1, 1, 0, 3]


def test_only_what_is_asked_for(cluster, ask):
    cluster.add(deployment("web", 3), pods("web", 3), deployment("broken", 3, ready=0))
    assert ask(cluster, "deployment=web").state == "OK"
    assert cluster.asked("deployments") == [{"limit": "500", "fieldSelector": "metadata.name=web"}]
    assert not cluster.asked("statefulsets") and not cluster.asked("cronjobs")


def test_several_names(cluster, ask):
    cluster.add(deployment("web", 3), pods("web", 3), deployment("api", 1), pods("api", 1),
                deployment("broken", 1, ready=0))
    result = ask(cluster, "deployment=web&deployment=api")
    assert result.state == "OK" and result.says(WEB, "deployment/api") and not result.says("broken"), result


def test_a_selector(cluster, ask):
    cluster.add(deployment("web", 3), pods("web", 3), deployment("broken", 3, ready=0))
    result = ask(cluster, "selector=app%3Dweb")
    assert result.state == "OK" and result.says(WEB), result
    assert cluster.asked("deployments") == [{"limit": "500", "labelSelector": "app=web"}]


def test_nothing_matches_a_selector(cluster, ask):
    cluster.add(deployment("web", 3), pods("web", 3))
    result = ask(cluster, "selector=app%3Dwbe")
    assert result.state == "CRITICAL" and result.says("not there"), result
    assert ask(cluster, "selector=app%3Dwbe", "--expect", "passive").state == "UNKNOWN"
    assert ask(cluster, "statefulset=&selector=app%3Dweb").state == "CRITICAL"


def test_a_name_that_is_not_there(cluster, ask):
    cluster.add(deployment("web", 3), pods("web", 3))
    result = ask(cluster, "deployment=web&deployment=wbe")
    assert result.state == "CRITICAL" and unit(result, "deployment/wbe")[0] == "WARNING", result
    assert ask(cluster, "statefulset=web", "--expect", "passive").state == "UNKNOWN"
    assert ask(cluster, "cronjob=report").state == "WARNING"


def test_an_empty_namespace(cluster, ask):
    """One that does not exist is answered in the same way."""
    for arguments in ((), ("--expect", "passive")):
        assert ask(cluster, "", *arguments, namespace="nowhere").state in ("CRITICAL", "UNKNOWN")


def test_pods_are_selected_by_labels_and_expressions(cluster, ask):
    cluster.add(deployment("web", 2, labels={"app": "web"}, expressions=[
        {"key": "tier", "operator": "In", "values": ["front", "edge"]},
        {"key": "track", "operator": "NotIn", "values": ["canary"]},
        {"key": "app", "operator": "Exists"}, {"key": "legacy", "operator": "DoesNotExist"}]))
    cluster.add([pod("web-%d" % number, "web", labels={"app": "web", "tier": "front"}) for number in range(2)])
    cluster.add(pod("web-c", "web", labels={"app": "web", "tier": "front", "track": "canary"}, restarts=7))
    assert ask(cluster, "deployment=web").state == "OK"
    assert cluster.asked("pods")[0]["labelSelector"] == \
        "app=web,tier in (front,edge),track notin (canary),app,!legacy"


def test_no_selector_that_can_be_used(cluster, ask):
    """It would be the pods of everybody."""
    for selector in ({}, {"matchLabels": {}}, {"matchLabels": {"app": "web,x"}}, None,
                     {"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}):
        resource, item = deployment("web", 1)
        item["spec"]["selector"] = selector
        cluster.objects["deployments"] = [item]
        assert unit(ask(cluster, "deployment=web"), WEB)[0] == "UNKNOWN"
    assert not cluster.asked("pods")


def test_pods_of_others_do_not_count(cluster, ask):
    cluster.add(deployment("web", 2), pods("web", 1), pod("web-job", "web", owner=("Job", "web-job")))
    assert ask(cluster, "deployment=web").state == "WARNING"
    cluster.objects["deployments"] = []
    cluster.add(deployment("web", 0))
    cluster.objects["pods"] = [pod("web-job", "web", owner=("Job", "web-job"))[1]]
    assert ask(cluster, "deployment=web", "--expect", "passive").state == "OK"


# ---- short, rolling, stuck ----

def test_l15_a_stateful_set_without_a_ready_pod(cluster, ask):
    """readyReplicas is left out at zero: the set before it must not lend its own."""
    cluster.add(statefulset("db", 3), pods("db", 3, kind="StatefulSet"),
                statefulset("queue", 3, ready=0), pods("queue", 3, kind="StatefulSet", ready=False))
    result = ask(cluster, "statefulset=")
    assert result.state == "CRITICAL" and result.says("statefulset/queue"), result
    assert unit(result, "statefulset/db")[0] == "OK"
    assert result.perfdata["statefulset_queue_ready"] == 0


def test_l16_deployments_at_zero_and_short(cluster, ask):
    cluster.add(deployment("web", 0), deployment("api", 4, ready=3), pods("api", 3), pod("api-3", "api", ready=False))
    result = ask(cluster, "deployment=")
    assert result.state == "CRITICAL", result
    assert unit(result, WEB)[0] == "CRITICAL" and unit(result, WEB)[1].count("zero")
    assert unit(result, "deployment/api")[0] == "WARNING" and result.says("3 of 4 ready")


def test_available_says_true_and_one_is_missing(cluster, ask):
    """The condition allows for a quarter of them."""
    cluster.add(deployment("web", 4, ready=3, conditions=[
        {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}]), pods("web", 3))
    assert unit(ask(cluster, "deployment=web"), WEB)[0] == "WARNING"


def test_fewer_than_the_plan_needs(cluster, ask):
    cluster.add(deployment("web", 4, ready=1), pods("web", 1))
    assert ask(cluster, "deployment=web", "--pool", WEB + "=2").state == "CRITICAL"
    assert ask(cluster, "deployment=web", "--pool", WEB + "=1").state == "WARNING"


def test_all_on_one_node(cluster, ask):
    cluster.add(deployment("web", 3), pods("web", 3, nodes=1))
    result = ask(cluster, "deployment=web", "--survive-host")
    assert result.state == "WARNING" and result.says("node1"), result
    cluster.objects["pods"] = [item for _, item in pods("web", 3, nodes=3)]
    assert ask(cluster, "deployment=web", "--survive-host").state == "OK"


def test_rolling_out(cluster, ask):
    cluster.add(deployment("web", 3, updated=1, there=4, conditions=[
        {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}]), pods("web", 3),
        pod("web-new", "web", ready=False, age=20))
    result = ask(cluster, "deployment=web")
    assert result.state == "OK" and result.says("rolling out"), result
    assert ask(cluster, "deployment=web", "--expect", "passive").state == "CRITICAL"


def test_the_controller_has_not_looked(cluster, ask):
    cluster.add(deployment("web", 3, observed=6), pods("web", 3))
    result = ask(cluster, "deployment=web")
    assert result.state == "OK" and result.says("rolling out"), result


def test_scaled_up_a_moment_ago(cluster, ask):
    """An autoscaler does that all day."""
    cluster.add(deployment("web", 5, ready=3, updated=5, there=5), pods("web", 3),
                pod("web-3", "web", ready=False, age=10), pod("web-4", "web", ready=False, age=10))
    assert ask(cluster, "deployment=web").state == "OK"
    for item in cluster.objects["pods"]:
        item["metadata"]["creationTimestamp"] = stub.moment(600)
    assert ask(cluster, "deployment=web").state == "WARNING"


def test_nothing_is_ready_while_it_rolls_out(cluster, ask):
    cluster.add(deployment("web", 3, ready=0, there=3),
                [pod("web-%d" % number, "web", ready=False, age=5) for number in range(3)])
    assert ask(cluster, "deployment=web").state == "CRITICAL"


@pytest.mark.parametrize("condition", [
    {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "has timed out"},
    {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: pods=10"},
])
def test_stuck(cluster, ask, condition):
    """The old pods still serve: the new version never comes."""
    cluster.add(deployment("web", 3, updated=1, there=4, conditions=[condition]), pods("web", 3))
    result = ask(cluster, "deployment=web")
    assert result.state == "WARNING" and result.says("does not get on", condition["reason"]), result


@pytest.mark.parametrize("trouble", [{"waiting": "CrashLoopBackOff"}, {"waiting": "ImagePullBackOff"},
                                     {"waiting": "CreateContainerConfigError"}, {"unschedulable": True}])
def test_a_pod_that_does_not_start(cluster, ask, trouble):
    """A set has no deadline of its own: without its pods it would be rolling out for ever."""
    cluster.add(statefulset("db", 3, ready=2, updated=1), pods("db", 2, kind="StatefulSet"),
                pod("db-2", "db", ready=False, age=60, owner=("StatefulSet", "db"), phase="Pending", **trouble))
    result = ask(cluster, "statefulset=db")
    assert result.state == "WARNING" and result.says("db-2", trouble.get("waiting", "Unschedulable")), result


def test_a_set_whose_rollout_has_stopped(cluster, ask):
    cluster.add(statefulset("db", 3, updated=1), pods("db", 3, kind="StatefulSet"))
    result = ask(cluster, "statefulset=db")
    assert result.state == "WARNING" and result.says("nothing moves"), result


def test_sets_that_are_updated_in_part_on_purpose(cluster, ask):
    cluster.add(statefulset("db", 3, updated=1, strategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}),
                pods("db", 3, kind="StatefulSet"),
                statefulset("log", 2, updated=0, strategy={"type": "OnDelete"}), pods("log", 2, kind="StatefulSet"))
    assert ask(cluster, "statefulset=").state == "OK"


def test_a_paused_rollout(cluster, ask):
    cluster.add(deployment("web", 3, updated=1, paused=True), pods("web", 3))
    result = ask(cluster, "deployment=web")
    assert result.state == "OK" and result.says("paused"), result


def test_a_pod_that_never_ends(cluster, ask):
    """Its node is gone: the set waits for it, for ever."""
    cluster.add(statefulset("db", 3, ready=2, there=3), pods("db", 2, kind="StatefulSet"),
                pod("db-2", "db", owner=("StatefulSet", "db"), ended=1200))
    result = ask(cluster, "statefulset=db")
    assert result.state == "WARNING" and result.says("db-2"), result


def test_a_pod_is_replaced(cluster, ask):
    cluster.add(statefulset("db", 3, ready=2, there=2), pods("db", 2, kind="StatefulSet"),
                pod("db-2", "db", owner=("StatefulSet", "db"), ended=-25))
    result = ask(cluster, "statefulset=db")
    assert result.state == "OK" and result.says("db-2") and result.perfdata["statefulset_db_terminating"] == 1, result


def test_pods_that_have_ended_do_not_count(cluster, ask):
    cluster.add(deployment("web", 2), pods("web", 2), pod("web-x", "web", phase="Failed", ready=False),
                pod("web-y", "web", phase="Succeeded", ready=False))
    assert ask(cluster, "deployment=web").state == "OK"


def test_status_and_pods_contradict_each_other(cluster, ask):
    cluster.add(deployment("web", 3), pods("web", 2))
    result = ask(cluster, "deployment=web")
    assert result.state == "WARNING" and result.says("2 of 3 ready"), result


def test_being_deleted(cluster, ask):
    resource, item = deployment("web", 3)
    item["metadata"].update(deletionTimestamp=stub.moment(5), deletionGracePeriodSeconds=0)
    cluster.add((resource, item), pods("web", 3))
    assert ask(cluster, "deployment=web").state == "WARNING"


def test_daemon_sets(cluster, ask):
    cluster.add(daemonset("logs", 3, ready=2), pods("logs", 2, kind="DaemonSet"), daemonset("gpu", 0))
    result = ask(cluster)
    assert unit(result, "daemonset/logs")[0] == "WARNING" and not result.says("gpu"), result
    cluster.objects["daemonsets"] = [daemonset("logs", 3)[1], daemonset("gpu", 0)[1]]
    cluster.add(pod("logs-2", "logs", owner=("DaemonSet", "logs")))
    assert ask(cluster).state == "OK"
    assert ask(cluster, "daemonset=gpu").state == "CRITICAL"
    assert ask(cluster, "daemonset=gpu", "--expect", "passive").state == "OK"


# ---- passive ----

def test_zero(cluster, ask):
    cluster.add(deployment("web", 0), statefulset("db", 0), cronjob("report", suspend=True))
    result = ask(cluster, "", "--expect", "passive")
    assert result.state == "OK" and result.says("scaled to zero"), result
    assert ask(cluster).state == "CRITICAL"


def test_zero_with_pods_left(cluster, ask):
    """Its status counts those that are not being ended: zero, while they still work."""
    cluster.add(deployment("web", 0), pod("web-0", "web", ended=-20), pod("web-1", "web", ended=-20, ready=False))
    result = ask(cluster, "deployment=web", "--expect", "passive")
    assert result.state == "CRITICAL" and result.says("pods are left", "web-0", "web-1"), result
    cluster.objects["pods"] = [pod("web-x", "web", owner=None)[1]]
    assert ask(cluster, "deployment=web", "--expect", "passive").state == "CRITICAL"
    cluster.objects["pods"] = [pod("web-x", "web", phase="Succeeded", ready=False)[1]]
    assert ask(cluster, "deployment=web", "--expect", "passive").state == "OK"


def test_zero_that_the_status_does_not_confirm(cluster, ask):
    cluster.add(deployment("web", 0, ready=2, there=2, observed=6))
    assert ask(cluster, "deployment=web", "--expect", "passive").state == "CRITICAL"


def test_one_of_two_is_passive(cluster, ask):
    cluster.add(deployment("web", 0), deployment("api", 1), pods("api", 1))
    result = ask(cluster, "", "--expect", "passive")
    assert result.state == "CRITICAL" and result.says("deployment/api"), result


def test_an_autoscaler_leaves_a_zero_alone(cluster, ask):
    cluster.add(deployment("web", 0), autoscaler("web-scaler", "web"))
    result = ask(cluster, "deployment=web", "--expect", "passive")
    assert result.state == "OK" and result.says("web-scaler"), result


@pytest.mark.parametrize("scaler", [{"least": 0}, {"least": 1, "owner": "ScaledObject"}])
def test_an_autoscaler_that_wakes(cluster, ask, scaler):
    cluster.add(deployment("web", 0), autoscaler("web-scaler", "web", **scaler))
    result = ask(cluster, "deployment=web", "--expect", "passive")
    assert result.state == "WARNING" and result.says("web-scaler"), result


def test_autoscalers_of_others(cluster, ask):
    cluster.add(deployment("web", 0), autoscaler("a", "api", least=0),
                autoscaler("b", "web", least=0, kind="StatefulSet"))
    assert ask(cluster, "deployment=web", "--expect", "passive").state == "OK"


def test_autoscalers_are_asked_for_where_something_is_at_zero(cluster, ask):
    cluster.add(deployment("web", 1), pods("web", 1))
    cluster.rights.discard(("autoscaling", "horizontalpodautoscalers"))
    result = ask(cluster)
    assert result.state == "OK" and not result.says("autoscalers"), result
    assert not cluster.asked("horizontalpodautoscalers")


def test_autoscalers_that_cannot_be_read(cluster, ask):
    """That it is passive is proven without them; that it stays so is said to be unknown."""
    cluster.add(deployment("web", 0))
    cluster.rights.discard(("autoscaling", "horizontalpodautoscalers"))
    result = ask(cluster, "deployment=web", "--expect", "passive")
    assert result.state == "OK" and result.says("autoscalers not readable", "horizontalpodautoscalers"), result
    cluster.rights = stub.granted()
    cluster.fault["horizontalpodautoscalers"] = Reply("404 page not found\n", 404)
    result = ask(cluster, "deployment=web", "--expect", "passive")
    assert result.state == "OK" and result.says("autoscalers not readable"), result


def test_cron_jobs(cluster, ask):
    cluster.add(deployment("web", 0), cronjob("report"))
    result = ask(cluster, "", "--expect", "passive")
    assert result.state == "CRITICAL" and result.says("cronjob/report"), result


def test_suspending_does_not_stop_a_job(cluster, ask):
    cluster.add(cronjob("report", suspend=True, active=["report-28"]))
    result = ask(cluster, "cronjob=report", "--expect", "passive")
    assert result.state == "CRITICAL" and result.says("report-28"), result
    cluster.objects["cronjobs"] = [cronjob("report", suspend=True)[1]]
    assert ask(cluster, "cronjob=report", "--expect", "passive").state == "OK"


def test_a_suspended_job_in_the_active_site(cluster, ask):
    cluster.add(deployment("web", 1), pods("web", 1), cronjob("report", suspend=True))
    assert ask(cluster).state == "OK"
    assert ask(cluster, "deployment=&cronjob=report").state == "WARNING"


def test_another_image_in_the_other_site(cluster, tls, liveness, token_file):
    """It is passive, and would come up as something else."""
    with stub.Cluster(tls) as other:
        cluster.add(deployment("web", 2), pods("web", 2))
        other.add(deployment("web", 0, images=["registry.example/web:1.3"]))
        result = liveness("--site", "prod=" + cluster.uri(), "--site", "dr=" + other.uri(), "--cacert", tls[0],
                          "--token-file", str(token_file))
        assert result.state == "WARNING" and result.says("registry.example/web:1.3"), result


def test_two_sites(cluster, tls, liveness, token_file):
    with stub.Cluster(tls) as other:
        cluster.add(deployment("web", 2), pods("web", 2))
        other.add(deployment("web", 0))
        arguments = ("--site", "prod=" + cluster.uri(), "--site", "dr=" + other.uri(), "--cacert", tls[0],
                     "--token-file", str(token_file))
        assert liveness(*arguments).state == "OK"
        other.objects["deployments"] = [deployment("web", 2)[1]]
        other.add(pods("web", 2))
        assert liveness(*arguments).state == "CRITICAL"


# ---- pages ----

def test_three_pages(cluster, ask):
    cluster.add(deployment("web", 1200), pods("web", 1200))
    result = ask(cluster, "deployment=web")
    assert result.state == "OK" and result.perfdata["deployment_web_ready"] == 1200, result
    assert [query.get("limit") for query in cluster.asked("pods")] == ["500"] * 3
    assert sum("continue" in query for query in cluster.asked("pods")) == 2


def test_a_page_that_has_expired(cluster, ask):
    """From the beginning, in one piece; nothing is counted twice."""
    cluster.add(deployment("web", 700), pods("web", 700))
    cluster.expired.add("pods")
    result = ask(cluster, "deployment=web")
    assert result.state == "OK" and result.perfdata["deployment_web_ready"] == 700, result
    assert [query["limit"] for query in cluster.asked("pods")] == ["500", "500", "0"]


def test_always_expired(cluster, ask):
    cluster.add(deployment("web", 1), pods("web", 1))
    cluster.fault["deployments"] = status(410, "Expired", "too old")
    assert ask(cluster, "deployment=web").state == "UNKNOWN"


def test_pages_of_workloads(cluster, ask):
    for number in range(502):
        cluster.add(cronjob("job-%d" % number))
    result = ask(cluster, "cronjob=", "--exclude", "^cronjob/job-[0-9]{1,2}$")
    assert result.state == "OK", result
    assert len(cluster.asked("cronjobs")) == 2


def test_a_list_that_is_cut_is_no_list(cluster, ask):
    for number in range(502):
        cluster.add(cronjob("job-%d" % number))

    def cut(document):
        document["metadata"].pop("continue", None)
        return document
    cluster.change["cronjobs"] = cut
    assert ask(cluster, "cronjob=").state == "UNKNOWN"


def test_many_workloads(cluster, ask):
    for number in range(30):
        cluster.add(deployment("web%d" % number, 1), pods("web%d" % number, 1))
    result = ask(cluster, "deployment=")
    assert result.state == "OK" and len(cluster.asked("pods")) == 30, result


# ---- who may ask ----

@pytest.mark.parametrize("right", sorted(stub.granted() - {("autoscaling", "horizontalpodautoscalers")}))
def test_each_right_is_needed(cluster, ask, right):
    cluster.add(deployment("web", 1), pods("web", 1), cronjob("report"))
    assert ask(cluster).state == "OK"
    cluster.rights.discard(right)
    result = ask(cluster)
    assert result.state == "UNKNOWN", result
    assert result.says("not allowed to list " + right[1], "rbac.yaml", "is forbidden"), result


def test_what_pods_have_in_their_environment_is_not_traced(cluster, ask):
    cluster.add(deployment("web", 1), pods("web", 1))
    for item in cluster.objects["pods"] + cluster.objects["deployments"]:
        spec = item["spec"].get("template", item)["spec"]
        spec["containers"][0]["env"] = [{"name": "DB_PASSWORD", "value": "hush-hush"}]
    result = ask(cluster, "", "-vvv")
    assert result.state == "OK" and "hush" not in result.output and "/pods?" in result.output, result


def test_a_token_that_is_not_accepted(cluster, ask, token_file):
    cluster.add(deployment("web", 1), pods("web", 1))
    token_file.write_text("b2xk\n")
    result = ask(cluster)
    assert result.state == "UNKNOWN" and result.says("401", "expired"), result
    assert "b2xk" not in result.output


def test_a_token_that_is_replaced(cluster, ask, token_file):
    """It is read at each run."""
    cluster.add(deployment("web", 1), pods("web", 1))
    assert ask(cluster).state == "OK"
    cluster.token = "bmV3"
    assert ask(cluster).state == "UNKNOWN"
    token_file.write_text("bmV3\n")
    assert ask(cluster).state == "OK"


def test_in_a_pod(cluster, liveness, tls, token_file):
    """Its service account's files are named here, because this is none."""
    cluster.add(deployment("web", 1), pods("web", 1))
    target = "kubernetes:///%s?token-file=%s&cacert=%s" % (stub.NAMESPACE, token_file, tls[0])
    environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(cluster.port)}
    assert liveness("-T", target, environment=environment).state == "OK"
    result = liveness("-T", target)
    assert result.state == "UNKNOWN" and result.says("KUBERNETES_SERVICE_HOST"), result


POD = '''mount -t tmpfs none /run && mkdir -p "$0/serviceaccount" && cp "$1"/* "$0/serviceaccount" && shift && exec "$@"'''
MOUNTED = "/run/secrets/kubernetes.io"


def test_the_files_of_a_service_account(cluster, liveness, tls, tmp_path, monkeypatch):
    """Where Kubernetes mounts them, for everybody to read."""
    cluster.add(deployment("web", 1), pods("web", 1))
    folder = tmp_path / "account"
    folder.mkdir()
    for name, text in (("token", stub.TOKEN), ("namespace", stub.NAMESPACE), ("ca.crt", open(tls[0]).read())):
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
    inside = ["unshare", "--mount", "--propagation", "private", "sh", "-c", POD, MOUNTED, str(folder)]
    monkeypatch.setenv("DR_WRAPPER", "%s %s" % (shlex.join(inside), os.environ.get("DR_WRAPPER", "")))
    environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(cluster.port)}
    result = liveness("-T", "kubernetes:///", environment=environment)
    assert result.state == "OK" and stub.TOKEN not in result.output, result


# ---- kubeconfig ----

CONFIG = """
apiVersion: v1
kind: Config
current-context: prod
contexts:
- name: prod
  context: {cluster: main, user: checker, namespace: shop}
- {name: broken, context: {cluster: nowhere, user: checker}}
- {name: plugin, context: {cluster: main, user: cloud}}
clusters:
- name: other
  cluster: {server: "https://192.0.2.1:6443"}
- cluster:
    server: https://127.0.0.1:%(port)d%(prefix)s/
    %(authority)s
  name: main
users:
- name: checker
  user: {%(user)s}
- name: cloud
  user:
    exec: {command: aws, apiVersion: client.authentication.k8s.io/v1}
"""


@pytest.fixture
def kubeconfig(tmp_path, tls, cluster):
    def write(user="token: " + stub.TOKEN, authority=None, prefix="", text=CONFIG, mode=0o600):
        path = tmp_path / "config"
        path.write_text(text % {"port": cluster.port, "prefix": prefix, "user": user,
                                "authority": authority or "certificate-authority: " + tls[0]})
        path.chmod(mode)
        return str(path)
    return write


def configured(liveness, path, query="", namespace="", **options):
    result = liveness("-T", "kubernetes:///%s?kubeconfig=%s%s" % (namespace, path, query), **options)
    assert stub.TOKEN not in result.output
    return result


def test_a_kubeconfig(cluster, liveness, kubeconfig):
    cluster.add(deployment("web", 1), pods("web", 1))
    path = kubeconfig()
    result = configured(liveness, path)
    assert result.state == "OK" and result.says(WEB), result
    assert configured(liveness, path, "&context=prod", "shop").state == "OK"


def takes_texts():
    """libcurl knows CURLOPT_CAINFO_BLOB from 7.77 on."""
    return web.libcurl_version() >= (7, 77)


def test_a_kubeconfig_with_its_authority_in_it(cluster, liveness, kubeconfig, tls, certificates):
    cluster.add(deployment("web", 1), pods("web", 1))
    for authority, state in ((tls[0], "OK"), (str(certificates / "stranger.crt"), "UNKNOWN")):
        with open(authority, "rb") as file:
            data = base64.b64encode(file.read()).decode()
        result = configured(liveness, kubeconfig(authority="certificate-authority-data: " + data))
        assert result.state == (state if takes_texts() else "UNKNOWN"), result
        assert takes_texts() or result.says("from files only"), result


def test_a_kubeconfig_with_files(cluster, liveness, kubeconfig, tls, tmp_path, token_file):
    """Relative to its own folder."""
    cluster.add(deployment("web", 1), pods("web", 1))
    (tmp_path / "ca.pem").write_text(open(tls[0]).read())
    path = kubeconfig("tokenFile: token, token: b2xk", "certificate-authority: ca.pem")
    assert configured(liveness, path).state == "OK"


def test_a_kubeconfig_with_a_client_certificate(tls, liveness, kubeconfig, certificates, cluster):
    with stub.Cluster(tls, token=None, wants_certificate=tls[0]) as strict:
        strict.add(deployment("web", 1), pods("web", 1))
        cluster.port = strict.port
        data = [base64.b64encode((certificates / ("client." + end)).read_bytes()).decode() for end in ("crt", "key")]
        path = kubeconfig('client-certificate-data: "%s", client-key-data: "%s"' % tuple(data))
        result = configured(liveness, path)
        assert result.state == "OK", result
        files = (certificates / "client.crt", certificates / "client.key")
        assert configured(liveness, kubeconfig("client-certificate: %s, client-key: %s" % files)).state == "OK"
        assert configured(liveness, kubeconfig()).state == "UNKNOWN"


def test_a_kubeconfig_behind_a_path(tls, liveness, kubeconfig, cluster):
    with stub.Cluster(tls, prefix="/k8s/clusters/c-1") as proxied:
        proxied.add(deployment("web", 1), pods("web", 1))
        cluster.port = proxied.port
        assert configured(liveness, kubeconfig(prefix="/k8s/clusters/c-1")).state == "OK"


@pytest.mark.parametrize("change, words", [
    (dict(query="&context=plugin"), '"exec" is not supported'),
    (dict(query="&context=broken"), "no cluster for the context broken"),
    (dict(query="&context=nobody"), "no context nobody"),
    (dict(query="&cacert=/x"), "exclude each other"),
    (dict(user="auth-provider: {name: gcp}"), '"auth-provider" is not supported'),
    (dict(user="username: admin, password: hush"), '"username" is not supported'),
    (dict(user="client-key-data: '!!!'"), "client-key-data is not base64"),
    (dict(user='token: "a b"'), "no bearer token"),
    (dict(authority="tls-server-name: kubernetes"), '"tls-server-name" is not supported'),
    (dict(text="a: [\n"), "line"),
    (dict(text="- 1\n"), "no kubeconfig"),
    (dict(text="kind: Config\n"), "no current-context"),
    (dict(mode=0o644), "may be read by others"),
])
def test_a_kubeconfig_that_cannot_be_used(cluster, liveness, kubeconfig, change, words):
    query = change.pop("query", "")
    result = configured(liveness, kubeconfig(**change), query)
    assert result.state == "UNKNOWN" and words in result.output, result
    assert "hush" not in result.output and not cluster.requests


# ---- targets ----

@pytest.mark.parametrize("uri, words", [
    ("kubernetes://127.0.0.1:%d/", "which namespace"),
    ("kubernetes://127.0.0.1:%d/shop/web", "a namespace is one name"),
    ("kubernetes://127.0.0.1:%d/Shop", "a namespace is one name"),
    ("kubernetes://127.0.0.1:%d/shop?deploy=web", "deploy"),
    ("kubernetes://127.0.0.1:%d/shop?deployment=we%%2Fb", "deployment="),
    ("kubernetes://127.0.0.1:%d/shop?selector=", "selector= is empty"),
    ("kubernetes://127.0.0.1:%d/shop?deployment=web&selector=app%%3Dweb", "selector="),
    ("kubernetes://127.0.0.1:%d/shop?context=x", "context= without kubeconfig="),
    ("kubernetes://127.0.0.1:%d/shop?kubeconfig=/x", "kubeconfig= says where"),
    ("kubernetes://127.0.0.1:%d,192.0.2.1/shop", "one host"),
])
def test_targets_that_are_wrong(cluster, liveness, uri, words):
    result = liveness("-T", uri % cluster.port)
    assert result.state == "UNKNOWN" and words in result.output, result
    assert not cluster.requests


# ---- faults ----

def test_a_certificate_that_is_not_trusted(cluster, liveness, certificates, token_file):
    for authority in ((), ("--cacert", str(certificates / "stranger.crt"))):
        result = liveness("-T", cluster.uri(), "--token-file", str(token_file), *authority)
        assert result.state == "UNKNOWN" and not cluster.requests, result


def test_nobody_listens(ask, tls):
    with stub.Cluster(tls) as cluster:
        pass
    assert ask(cluster).state == "CRITICAL"
    assert ask(cluster, "", "--expect", "passive").state == "UNKNOWN"


@pytest.mark.parametrize("resource", ["deployments", "pods"])
@pytest.mark.parametrize("fault, wanted", [
    (dict(hangs=True), {"CRITICAL"}),
    (dict(body='{"kind":"', cut=5), {"CRITICAL"}),
    (dict(body="<html>"), {"UNKNOWN"}),
    (dict(body=""), {"UNKNOWN"}),
    (dict(body="{}"), {"UNKNOWN"}),
    (dict(body='{"kind":"DeploymentList","apiVersion":"apps/v1","metadata":{},"items":null}'), {"UNKNOWN"}),
    (dict(body='{"kind":"DeploymentList","apiVersion":"apps/v1beta1","metadata":{},"items":[]}'), {"UNKNOWN"}),
    (dict(body='{"kind":"DeploymentList","apiVersion":"apps/v1","metadata":{"continue":5},"items":[]}'), {"UNKNOWN"}),
    (dict(body="no", status=503), {"CRITICAL"}),
    (dict(status=302), {"UNKNOWN"}),
])
def test_replies_that_are_none(cluster, ask, resource, fault, wanted):
    cluster.add(deployment("web", 1), pods("web", 1))
    cluster.fault[resource] = Reply(**fault)
    for arguments, states in (((), wanted), (("--expect", "passive"), {"UNKNOWN"})):
        result = ask(cluster, "deployment=web", "--timeout", "2s", *arguments)
        assert result.state in states, result


def test_too_many_requests(cluster, ask):
    """It protects itself; nothing is known of the workloads."""
    cluster.add(deployment("web", 1), pods("web", 1))
    cluster.fault["pods"] = status(429, "TooManyRequests", "Too many requests, please try again later.")
    result = ask(cluster)
    assert result.state == "UNKNOWN" and result.says("429"), result


def test_errors_of_the_server(cluster, ask):
    cluster.fault["deployments"] = status(500, "InternalError", "etcdserver: request timed out")
    result = ask(cluster, "deployment=web")
    assert result.state == "CRITICAL" and result.says("etcdserver: request timed out"), result


# ---- every field ----

UNUSED = "nothing is concluded from it"
NO_PODS = "none of its pods is there"
METADATA = r"\.metadata\.(namespace|uid|resourceVersion|creationTimestamp|labels|managedFields).*"
OMITTED = "the API leaves it out when it is zero, null or empty"

NOT_NEEDED = {
    "active": {
        r"deployments/items\[0\]" + METADATA: UNUSED,
        r"deployments/items\[0\]\.spec\.(strategy|revisionHistoryLimit|progressDeadlineSeconds|template).*": UNUSED,
        r"deployments/items\[0\]\.status\.conditions.*": "what it counts says that it is complete",
        r"deployments/metadata\.resourceVersion: emptied": UNUSED,
        r"pods/metadata\.resourceVersion: emptied": UNUSED,
        r"pods/items\[0\]" + METADATA: UNUSED,
        r"pods/items\[0\]\.metadata\.ownerReferences.*": "pods that nobody controls count: the selector means them",
        r"pods/items\[0\]\.spec.*": "where it runs is unknown then",
        r"pods/items\[0\]\.status\.(phase|startTime|containerStatuses|conditions\[1\]).*": UNUSED,
    },
    "passive": {
        r"deployments/items\[0\]" + METADATA: UNUSED,
        r"deployments/items\[0\]\.spec\.(strategy|revisionHistoryLimit|progressDeadlineSeconds|template).*": UNUSED,
        r"deployments/items\[0\]\.status\.conditions.*": "none is wanted",
        r"deployments/items\[0\]\.status(: emptied|\.observedGeneration: removed)": NO_PODS,
        r"deployments/items\[0\]\.spec\.selector\.matchLabels\.app: emptied": "an empty value is a value",
        r"deployments/metadata\.resourceVersion: emptied": UNUSED,
        r"cronjobs/items\[0\]" + METADATA: UNUSED,
        r"cronjobs/items\[0\]\.metadata\.generation: .*": UNUSED,
        r"cronjobs/items\[0\]\.spec\.(schedule|concurrencyPolicy|jobTemplate).*": UNUSED,
        r"cronjobs/items\[0\]\.status.*": OMITTED,
        r"cronjobs/metadata\.resourceVersion: emptied": UNUSED,
        r"horizontalpodautoscalers/.*": "that it is passive is proven without them",
        r"pods/metadata\.resourceVersion: emptied": UNUSED,
    },
}


def every_change(cluster, resources):
    """(name, what to do) of everything that can be missing in the replies."""
    for resource in resources:
        path, group, version, kind = stub.LISTS[resource]
        document = dict(cluster.page(cluster.objects[resource], {}), kind=kind, apiVersion=version)
        for name, changed in mutations.of_json(document):
            yield "%s/%s" % (resource, name), resource, changed


@pytest.mark.one_build
@pytest.mark.parametrize("role", ["active", "passive"])
def test_every_field(cluster, ask, role):
    if role == "active":
        cluster.add(deployment("web", 1), pods("web", 1))
    else:
        cluster.add(deployment("web", 0), cronjob("report", suspend=True), autoscaler("scaler", "web"))
    query = "deployment=web" + ("&cronjob=report" if role == "passive" else "")
    arguments = (query, "--expect", role)
    assert ask(cluster, *arguments).state == "OK"
    outcomes = {}
    resources = ("deployments", "pods") + (("horizontalpodautoscalers", "cronjobs") if role == "passive" else ())
    for name, resource, changed in every_change(cluster, resources):
        cluster.change = {resource: lambda _, changed=changed: changed}
        outcomes[name] = ask(cluster, *arguments).state == "OK"
    wrong, idle = mutations.unexplained(outcomes, NOT_NEEDED[role])
    assert not wrong, "OK without evidence: %s" % "\n".join(wrong)
    assert not idle, "needed after all: %s" % idle


def test_the_rights_we_ship():
    """Lists of five kinds, and nothing that shows a secret."""
    assert stub.granted() == {("apps", "deployments"), ("apps", "statefulsets"), ("apps", "daemonsets"), ("", "pods"),
                              ("batch", "cronjobs"), ("autoscaling", "horizontalpodautoscalers")}
    assert not re.search(r"secrets|\*", " ".join(resource for _, resource in stub.granted()))
    assert os.path.exists(stub.RBAC)
