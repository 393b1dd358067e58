# SPDX-License-Identifier: GPL-3.0-or-later
"""check_liveness and services that tell their state over HTTP: Grafana, Airflow, Jenkins, Rundeck, any scheduler."""

import urllib.parse

import pytest

import mutations
import stub_elasticsearch
import stub_grafana
import stub_schedulers as stub
from conftest import no_secret

GARBAGE = ("", "[", "[]", "null", "<html>", '{"database":"ok","database":"ok"}', "{}")


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text(stub.TOKEN + "\n")
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def ask(liveness, token):
    """ask(service, scheme, ..., query=...): with the token."""
    def run(service, scheme, *arguments, query=""):
        result = liveness("-T", service.uri(scheme, query), "--token-file", token, *arguments)
        no_secret(result, stub.TOKEN)
        return result
    return run


def changes_of(service, question, run):
    """{name of a mutation: whether the verdict was OK}"""
    outcomes = {}
    reply = service.replies[question]
    for name, changed in mutations.of_json(service.document(question)):
        service.reply(question, body=changed, headers=reply.headers)
        outcomes[name] = run().code == 0
    service.replies[question] = reply
    return outcomes


# ---- Grafana ----


def test_grafana(liveness):
    with stub_grafana.Grafana() as grafana:
        result = liveness("-T", grafana.uri("grafana"))
        assert result.code == 0 and "its database is ok" in result.output, result
        result = liveness("-T", grafana.uri("grafana"), "--expect", "passive")
        assert result.state == "UNKNOWN" and result.says("none of the targets can be active or passive"), result


def test_grafana_hides_its_version(liveness):
    with stub_grafana.Grafana() as grafana:
        grafana.reply("health", body={"database": "ok"})
        assert liveness("-T", grafana.uri("grafana")).code == 0


def test_grafana_below_a_path(liveness):
    with stub_grafana.Grafana(prefix="/monitoring/grafana") as grafana:
        assert liveness("-T", grafana.uri("grafana")).code == 0


@pytest.mark.parametrize("status, body", [
    (503, stub_grafana.FAILING), (200, stub_grafana.FAILING), (503, stub_grafana.HEALTH), (503, "Service Unavailable")])
def test_grafana_fails(liveness, status, body):
    with stub_grafana.Grafana() as grafana:
        grafana.reply("health", status=status, body=body)
        result = liveness("-T", grafana.uri("grafana"))
        assert result.code == 2, result


def test_grafana_is_gone(liveness):
    with stub_grafana.Grafana() as grafana:
        grafana.stop()
        assert liveness("-T", grafana.uri("grafana")).code == 2


def test_grafana_tls(liveness, certificates):
    tls = (str(certificates / "server.crt"), str(certificates / "server.key"))
    with stub_grafana.Grafana(tls=tls) as grafana:
        assert liveness("-T", grafana.uri("grafana", "cacert=%s" % (certificates / "ca.crt"))).code == 0
        assert liveness("-T", grafana.uri("grafana"), "--cacert", str(certificates / "ca.crt")).code == 0
        result = liveness("-T", grafana.uri("grafana", "cacert=%s" % (certificates / "stranger.crt")))
        assert result.code == 3 and "certificate" in result.output, result


@pytest.mark.parametrize("status", (302, 401, 403, 404))
def test_grafana_is_not_there(liveness, status):
    """Amazon's managed one has no /api/health."""
    with stub_grafana.Grafana() as grafana:
        grafana.reply("health", status=status, body=stub_grafana.HEALTH)
        assert liveness("-T", grafana.uri("grafana")).code == 3


@pytest.mark.parametrize("body", GARBAGE + ("Ok", '{"database":true}'))
def test_grafana_garbage(liveness, body):
    with stub_grafana.Grafana() as grafana:
        grafana.reply("health", body=body)
        assert liveness("-T", grafana.uri("grafana")).code == 3


def test_grafana_every_field(liveness):
    table = {r"(version|commit): .*": "hide_version takes them away"}
    with stub_grafana.Grafana() as grafana:
        outcomes = changes_of(grafana, "health", lambda: liveness("-T", grafana.uri("grafana")))
    wrong, idle = mutations.unexplained(outcomes, table)
    assert not wrong and not idle, (wrong, idle)


@pytest.mark.parametrize("scheme, port", [
    ("grafana+http", 3000), ("grafana", 443), ("airflow+http", 8080), ("jenkins+http", 8080), ("rundeck+http", 4440),
    ("rundeck", 443), ("scheduler+http", 80), ("elasticsearch", 9200), ("opensearch+http", 9200)])
def test_ports(liveness, scheme, port):
    """Nobody listens there on this address; what was tried is said."""
    uri = "%s://127.9.9.9/%s" % (scheme, "?running=/a" if scheme.startswith("scheduler") else "")
    result = liveness("-T", uri)
    # libcurl 8.23 says it in the other form
    assert result.code == 2 and ("port %d" % port in result.output or ":%d" % port in result.output), result


# ---- Airflow ----


@pytest.mark.parametrize("old", (False, True), ids=("3", "2"))
def test_airflow_runs(ask, old):
    with stub.Airflow(old=old, running=3, paused=2) as airflow:
        result = ask(airflow, "airflow")
        assert result.code == 0 and "3 of 5 DAGs" in result.output, result
        assert ask(airflow, "airflow", "--expect", "passive").code == 2
        assert [value for label, value in result.perfdata.items() if "heartbeat_age" in label][0] < 30, result


@pytest.mark.parametrize("old", (False, True), ids=("3", "2"))
def test_airflow_is_paused(ask, old):
    with stub.Airflow(old=old, running=0, paused=5) as airflow:
        result = ask(airflow, "airflow", "--expect", "passive")
        assert result.code == 0 and "all 5 DAGs" in result.output, result
        assert ask(airflow, "airflow").code == 2


def test_airflow_writes_moments_with_a_blank(ask):
    with stub.Airflow() as airflow:
        airflow.health(space=True)
        assert ask(airflow, "airflow").code == 0


def test_airflow_status_is_always_200(ask):
    with stub.Airflow() as airflow:
        airflow.health(metadatabase="unhealthy")
        result = ask(airflow, "airflow")
        assert result.code == 2 and "its metadatabase is unhealthy" in result.output, result
        airflow.health(age=120)
        result = ask(airflow, "airflow")
        assert result.code == 2 and "no sign of life: the scheduler's last heartbeat was" in result.output, result


def test_airflow_heartbeat(ask):
    """Its own status counts, and 30 s at most, unless it is said otherwise."""
    with stub.Airflow() as airflow:
        airflow.health(age=120)
        assert ask(airflow, "airflow", "--heartbeat", "5m").code == 0
        airflow.health(age=20)
        assert ask(airflow, "airflow", "--heartbeat", "10s").code == 2


@pytest.mark.parametrize("age, status, arguments, active", [
    (120, "healthy", [], 3), (20, "unhealthy", [], 2), (20, "healthy", ["--heartbeat", "10s"], 2)])
def test_airflow_contradicts_itself(ask, age, status, arguments, active):
    """A scheduler that may well run makes no site passive."""
    with stub.Airflow() as airflow:
        airflow.health(age=age, scheduler=status)
        assert ask(airflow, "airflow", *arguments).code == active
        assert ask(airflow, "airflow", *arguments, "--expect", "passive").code == 3


def test_airflow_is_dead(ask):
    """Nothing is started there, paused or not."""
    with stub.Airflow(running=3) as airflow:
        airflow.health(age=3600)
        assert ask(airflow, "airflow", "--expect", "passive").code == 0
        airflow.health(age=3600, metadatabase="unhealthy")
        assert ask(airflow, "airflow", "--expect", "passive").code == 3


def test_airflow_from_the_future(ask):
    with stub.Airflow() as airflow:
        airflow.health(age=-3600)
        assert ask(airflow, "airflow").code == 3


def test_airflow_without_a_clock(ask):
    with stub.Airflow() as airflow:
        airflow.dated = False
        result = ask(airflow, "airflow")
        assert result.code == 3 and "no Date header" in result.output, result


def test_airflow_never_had_a_scheduler(ask):
    with stub.Airflow() as airflow:
        body = airflow.document("health")
        body["scheduler"] = {"status": None, "latest_scheduler_heartbeat": None}
        airflow.reply("health", body=body)
        assert ask(airflow, "airflow").code == 2


@pytest.mark.parametrize("wish", ("active", "passive"))
def test_airflow_without_a_token(liveness, wish):
    """That its scheduler lives is open to all; whether anything is scheduled is not."""
    with stub.Airflow() as airflow:
        result = liveness("-T", airflow.uri("airflow"), "--expect", wish)
        assert result.code == 3 and "Viewer" in result.output, result


@pytest.mark.parametrize("wish", ("active", "passive"))
def test_airflow_that_does_not_filter(ask, wish):
    with stub.Airflow(running=0, paused=5, filters=False) as airflow:
        assert ask(airflow, "airflow", "--expect", wish).code == 3


@pytest.mark.parametrize("wish", ("active", "passive"))
def test_airflow_without_dags(ask, wish):
    with stub.Airflow(running=0, paused=0) as airflow:
        assert ask(airflow, "airflow", "--expect", wish).code == 3


@pytest.mark.parametrize("question", ("health", "all", "open", "runs"))
@pytest.mark.parametrize("body", GARBAGE)
def test_airflow_garbage(ask, question, body):
    with stub.Airflow(running=0, paused=3) as airflow:
        airflow.reply(question, body=body)
        assert ask(airflow, "airflow", "--expect", "passive").code == 3


def test_airflow_still_runs(ask):
    """Pausing ends nothing."""
    with stub.Airflow(running=0, paused=3) as airflow:
        airflow.runs(2)
        result = ask(airflow, "airflow", "--expect", "passive")
        assert result.code == 2 and "2 runs of DAGs" in result.output, result


AIRFLOW_NOT_NEEDED = {
    ("active", "health"): {r"triggerer(\..*)?: .*": "it starts nothing"},
    ("active", "all"): {r"dags(\[0\].*)?: (removed|emptied|null)": "the count is what tells"},
    ("active", "open"): {r"dags\[0\]\.dag_id: .*": "for people"},
    ("passive", "health"): {r"triggerer(\..*)?: .*": "it starts nothing"},
    ("passive", "all"): {r"dags(\[0\].*)?: (removed|emptied|null)": "the count is what tells"},
    ("passive", "open"): {},
    ("passive", "runs"): {},
}


@pytest.mark.parametrize("wish, question", sorted(AIRFLOW_NOT_NEEDED))
def test_airflow_every_field(ask, wish, question):
    running, paused = (3, 1) if wish == "active" else (0, 4)
    with stub.Airflow(running=running, paused=paused) as airflow:
        run = lambda: ask(airflow, "airflow", "--expect", wish)  # noqa: E731
        assert run().code == 0
        wrong, idle = mutations.unexplained(changes_of(airflow, question, run), AIRFLOW_NOT_NEEDED[wish, question])
    assert not wrong, "OK without evidence: %s" % "\n".join(wrong)
    assert not idle, "needed after all: %s" % idle


# ---- Jenkins, Rundeck ----


@pytest.fixture(params=("jenkins", "rundeck"))
def kind(request):
    return request.param


def scheduler(kind, runs=True):
    if kind == "jenkins":
        return stub.Jenkins(quiet=not runs, token=stub.TOKEN)
    return stub.Rundeck(mode="active" if runs else "passive")


def test_runs(ask, kind):
    with scheduler(kind) as service:
        assert ask(service, kind).code == 0
        assert ask(service, kind, "--expect", "passive").code == 2


def test_is_paused(ask, kind):
    with scheduler(kind, runs=False) as service:
        result = ask(service, kind, "--expect", "passive")
        assert result.code == 0 and "paused" in result.output, result
        assert ask(service, kind).code == 2


def test_jenkins_still_builds(ask):
    with stub.Jenkins(quiet=True, busy=2, token=stub.TOKEN) as jenkins:
        result = ask(jenkins, "jenkins", "--expect", "passive")
        assert result.code == 2 and "2 builds" in result.output, result
        outcomes = changes_of(jenkins, "busy", lambda: ask(jenkins, "jenkins", "--expect", "passive"))
        assert not any(outcomes.values()), outcomes
        for body in GARBAGE:
            jenkins.reply("busy", body=body)
            assert ask(jenkins, "jenkins", "--expect", "passive").code == 3


def test_sites(liveness, token, kind):
    with scheduler(kind) as prod, scheduler(kind, runs=False) as dr:
        arguments = ["--token-file", token, "--site", "prod=" + prod.uri(kind), "--site"]
        result = liveness(*arguments, "dr=" + dr.uri(kind))
        assert result.code == 0 and "prod is active" in result.first, result
    with scheduler(kind) as prod, scheduler(kind) as dr:
        result = liveness("--token-file", token, "--site", "prod=" + prod.uri(kind), "--site", "dr=" + dr.uri(kind))
        assert result.code == 2 and "split brain" in result.first, result


def test_sites_with_a_cluster_in_each(liveness, token):
    """Elasticsearch and Grafana are up in both, which makes neither active and is no split brain."""
    with scheduler("jenkins") as prod, scheduler("jenkins", runs=False) as dr, \
            stub_elasticsearch.Cluster(nodes=1) as one, stub_elasticsearch.Cluster(nodes=1) as other, \
            stub_grafana.Grafana() as first, stub_grafana.Grafana() as second:
        other.reply("root", body=dict(stub_elasticsearch.ROOT, cluster_uuid="another"))
        roleless = ["--site", "prod/es=" + one.uri(), "--site", "dr/es=" + other.uri(),
                    "--site", "prod/dash=" + first.uri("grafana"), "--site", "dr/dash=" + second.uri("grafana")]
        result = liveness(*roleless)
        assert result.code == 3 and "no site is known to be active" in result.first, result
        # no token is sent to those that want none
        jobs = ["--site", "prod/jobs=" + prod.uri("jenkins", "token-file=" + token),
                "--site", "dr/jobs=" + dr.uri("jenkins", "token-file=" + token)]
        result = liveness(*roleless, *jobs)
        assert result.code == 0 and "prod is active, dr is passive" in result.first, result
        other.health(status="red")
        result = liveness(*roleless, *jobs)
        assert result.code == 2 and "not ready" in result.first, result


def test_secrets_stay_secret(ask, kind):
    with scheduler(kind) as service:
        result = ask(service, kind, "-vvv")
        assert result.code == 0 and "GET" in result.output, result


def test_without_a_token(liveness, kind):
    with scheduler(kind) as service:
        result = liveness("-T", service.uri(kind))
        assert result.code == 3 and "grant" in result.output, result


@pytest.mark.parametrize("body", GARBAGE)
@pytest.mark.parametrize("wish", ("active", "passive"))
def test_garbage(ask, kind, body, wish):
    with scheduler(kind) as service:
        service.reply("state" if kind == "jenkins" else "mode", body=body)
        assert ask(service, kind, "--expect", wish).code == 3


@pytest.mark.parametrize("runs", (True, False))
def test_every_field(ask, kind, runs):
    table = {r"_class: .*": "for people"} if kind == "jenkins" else {}
    with scheduler(kind, runs) as service:
        run = lambda: ask(service, kind, "--expect", "active" if runs else "passive")  # noqa: E731
        assert run().code == 0
        outcomes = changes_of(service, "state" if kind == "jenkins" else "mode", run)
    wrong, idle = mutations.unexplained(outcomes, table)
    assert not wrong and not idle, (wrong, idle)


def test_hangs_and_refuses(ask, kind):
    with scheduler(kind) as service:
        service.reply("state" if kind == "jenkins" else "mode", hangs=True)
        result = ask(service, kind, "-t", "1s")
        assert result.code == 2 and result.seconds < 5, result
        service.stop()
        assert ask(service, kind).code == 2


@pytest.mark.parametrize("wish", ("active", "passive"))
def test_nobody_there(ask, kind, wish):
    """No answer is no pause."""
    with scheduler(kind) as service:
        service.stop()
        assert ask(service, kind, "--expect", wish).code == (2 if wish == "active" else 3)


def test_rundeck_api(ask):
    with stub.Rundeck() as rundeck:
        assert ask(rundeck, "rundeck", query="api=47").code == 0
        assert rundeck.requests[-1][1].startswith("/api/47/"), rundeck.requests
        for wrong in ("api=", "api=4", "api=1e3", "api=99999999999999999999", "version=47"):
            assert ask(rundeck, "rundeck", query=wrong).code == 3


# ---- any scheduler ----

RUNNING = "running=/scheduler/state=RUNNING"
PAUSED = "paused=/scheduler/state=PAUSED"


def suite_uri(suite, *parameters, query="query=State"):
    return "scheduler+http://127.0.0.1:%d/adeptia/control?%s" % (suite.port, "&".join((query,) + parameters))


def test_conditions_in_the_uri(liveness):
    """They are not sent, whatever is around them."""
    for state, code in (("RUNNING", 0), ("PAUSED", 2)):
        with stub.Suite(state) as suite:
            for uri in (suite_uri(suite, RUNNING, PAUSED),
                        suite_uri(suite).replace("?", "?%s&" % RUNNING) + "&" + PAUSED,
                        suite_uri(suite, urllib.parse.quote(RUNNING, safe="="), PAUSED)):
                result = liveness("-T", uri)
                assert result.code == code, result
                assert liveness("-T", uri, "--expect", "passive").code == 2 - code, result


def test_conditions_by_option(liveness):
    with stub.Suite("PAUSED") as suite:
        arguments = ["-T", suite_uri(suite), "--active", RUNNING[8:], "--passive", PAUSED[7:]]
        assert liveness(*arguments, "--expect", "passive").code == 0
        assert liveness(*arguments).code == 2


@pytest.mark.parametrize("state", ("STARTING", "", None, 1))
@pytest.mark.parametrize("wish", ("active", "passive"))
def test_neither(liveness, state, wish):
    with stub.Suite(state) as suite:
        result = liveness("-T", suite_uri(suite, RUNNING, PAUSED), "--expect", wish)
        assert result.code == 3 and "neither running nor paused" in result.output, result


@pytest.mark.parametrize("wish", ("active", "passive"))
def test_both(liveness, wish):
    with stub.Suite() as suite:
        assert liveness("-T", suite_uri(suite, RUNNING, "paused=/scheduler/state"), "--expect", wish).code == 3


@pytest.mark.parametrize("body", GARBAGE)
@pytest.mark.parametrize("wish", ("active", "passive"))
def test_garbage_of_any(liveness, body, wish):
    with stub.Suite() as suite:
        suite.reply("state", body=body)
        assert liveness("-T", suite_uri(suite, RUNNING, PAUSED), "--expect", wish).code == 3


def test_without_conditions(liveness):
    with stub.Suite() as suite:
        result = liveness("-T", suite_uri(suite))
        assert result.code == 3 and "running=CONDITION" in result.output, result
        assert not suite.requests


@pytest.mark.parametrize("query", (
    "query=Pause", "query=resume", "query=%50ause", "a=b&cmd=STOP", "shutdown", "query=start", "q=restart"))
def test_never_pauses(liveness, query):
    """What is paused by a GET is never asked for; the stand-in would complain."""
    with stub.Suite() as suite:
        result = liveness("-T", suite_uri(suite, RUNNING, query=query))
        assert result.code == 3 and "that may pause or start the scheduler" in result.output, result
        assert not suite.requests


@pytest.mark.parametrize("path", ("/api/experimental/dags/x/paused/true", "/scheduler/Pause", "/%70ause", "/stop/"))
def test_never_pauses_by_path(liveness, path):
    with stub.Suite() as suite:
        result = liveness("-T", "scheduler+http://127.0.0.1:%d%s?%s" % (suite.port, path, RUNNING))
        assert result.code == 3 and not suite.requests, result


@pytest.mark.parametrize("status", (302, 401, 403, 404, 500, 503))
def test_status_of_any(liveness, status):
    """A reply that looks right with a status that is wrong."""
    with stub.Suite() as suite:
        suite.reply("state", status=status, body={"scheduler": {"state": "RUNNING"}})
        result = liveness("-T", suite_uri(suite, RUNNING, PAUSED))
        assert result.code == (2 if status >= 500 else 3), result
