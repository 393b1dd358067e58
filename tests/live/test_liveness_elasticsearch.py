# SPDX-License-Identifier: GPL-3.0-or-later
"""check_liveness and Elasticsearch or OpenSearch: each node is asked, and what one says is true of its half only."""

import pytest

import mutations
import stub_elasticsearch as stub
from conftest import no_secret

USER = ("nagios", "open sesame")


@pytest.fixture
def cluster():
    with stub.Cluster() as cluster:
        yield cluster


@pytest.fixture
def password(tmp_path):
    path = tmp_path / "password"
    path.write_text(USER[1] + "\n")
    path.chmod(0o600)
    return str(path)


def about(result, name):
    return [(state, text) for state, text in result.findings if name in text.split(": ", 1)[0]]


def test_healthy(cluster, liveness):
    result = liveness("-T", cluster.uri())
    assert result.code == 0, result
    for name in ("es1", "es2", "es3"):
        assert [state for state, text in about(result, name) if "green" in text and "3 nodes" in text] == ["OK"], result
    labels = {label: value for label, value in result.perfdata.items() if label.endswith(("_nodes", "_unassigned"))}
    assert sorted(labels.values()) == [0, 0, 0, 3, 3, 3], result
    assert all(node.asked(question) == 1 for node in cluster.nodes for question in stub.MASTER), result


@pytest.mark.parametrize("scheme", ("opensearch", "elasticsearch"))
def test_opensearch(liveness, scheme):
    """The product says what it is, not the scheme."""
    with stub.Cluster(opensearch=True) as cluster:
        result = liveness("-T", cluster.uri(scheme=scheme))
        assert result.code == 0 and about(result, "es2"), result
        assert cluster["es2"].asked("leader") == 1, cluster["es2"].requests


def test_old_opensearch_has_a_master(liveness):
    with stub.Cluster(nodes=1) as cluster:
        cluster.reply("root", body=dict(stub.ROOT, version={"distribution": "opensearch", "number": "1.3.16"}))
        assert liveness("-T", cluster.uri()).code == 0


def test_prefix_and_trailing_slash(liveness):
    with stub.Cluster(nodes=1, prefix="/logs") as cluster:
        assert liveness("-T", cluster.uri()).code == 0
        assert liveness("-T", cluster.uri().replace("/logs", "/logs/")).code == 0


def test_tls_and_user(liveness, certificates, password):
    tls = (str(certificates / "server.crt"), str(certificates / "server.key"))
    with stub.Cluster(nodes=2, tls=tls, user=USER) as cluster:
        arguments = ["-T", cluster.uri("cacert=%s" % (certificates / "ca.crt")), "--password-file", password]
        result = liveness(*arguments, "-vvv")
        assert result.code == 0 and "GET" in result.output, result
        no_secret(result, USER[1])
        result = liveness("-T", cluster.uri(), "--password-file", password)
        assert result.code == 3 and "certificate" in result.output, result


def test_wrong_password(liveness, tmp_path):
    path = tmp_path / "wrong"
    path.write_text("hocus pocus\n")
    path.chmod(0o600)
    with stub.Cluster(nodes=1, user=USER) as cluster:
        result = liveness("-T", cluster.uri(), "--password-file", str(path))
        assert result.code == 3 and "401" in result.output, result
        assert "hocus pocus" not in result.output


def test_no_privilege(cluster, liveness):
    cluster.reply("health", **stub.NOT_ALLOWED)
    result = liveness("-T", cluster.uri())
    assert result.code == 3 and "cluster privilege monitor" in result.output, result


def test_no_privilege_for_snapshots(cluster, liveness):
    """That is said, and nothing else is unknown because of it."""
    cluster.reply("snapshots", **stub.NOT_ALLOWED)
    result = liveness("-T", cluster.uri())
    assert result.code == 0 and "monitor_snapshot" in result.output, result


def test_snapshot(cluster, liveness):
    cluster.reply("snapshots", body={"snapshots": [stub.SNAPSHOT]})
    result = liveness("-T", cluster.uri())
    assert result.code == 0 and "a snapshot is being taken: nightly-2024.05.01" in result.output, result


def test_yellow(cluster, liveness):
    cluster.health(status="yellow", unassigned_shards=12)
    result = liveness("-T", cluster.uri())
    assert result.code == 1 and "yellow: copies are missing" in result.output, result
    assert "12 shards unassigned" in result.output, result


def test_yellow_as_planned(liveness):
    with stub.Cluster(nodes=1) as cluster:
        cluster.health(status="yellow", number_of_nodes=1, number_of_data_nodes=1, unassigned_shards=12)
        result = liveness("-T", cluster.uri("yellow=ok"))
        assert result.code == 0 and "as planned" in result.output, result
        cluster.health(status="red", number_of_nodes=1)
        assert liveness("-T", cluster.uri("yellow=ok")).code == 2
        assert liveness("-T", cluster.uri("yellow=maybe")).code == 3


@pytest.mark.parametrize("wish", ("active", "passive"))
def test_red(cluster, liveness, wish):
    cluster.health(status="red", unassigned_shards=1)
    result = liveness("-T", cluster.uri(), "--expect", wish)
    assert result.code == 2 and "red: data is missing" in result.output, result


def test_in_a_passive_site(cluster, liveness):
    """A cluster has no passive state: alone it proves nothing of its site."""
    result = liveness("-T", cluster.uri(), "--expect", "passive")
    assert result.state == "UNKNOWN" and result.says("none of the targets can be active or passive"), result


def test_split_by_uuid(cluster, liveness):
    """Each half is green, and all of them answer."""
    cluster["es3"].reply("root", body=dict(stub.ROOT, name="es3", cluster_uuid="bbbbbbbbbbbbbbbbbbbbbb"))
    result = liveness("-T", cluster.uri())
    assert result.code == 2 and "split" in result.output and "bbbbbbbbbbbbbbbbbbbbbb" in result.output, result


def test_split_by_leader(cluster, liveness):
    cluster["es3"].reply("leader", body=[dict(stub.LEADER[0], id="other-id", node="es3")])
    result = liveness("-T", cluster.uri())
    assert result.code == 2 and "split" in result.output and "es3 (other-id)" in result.output, result


def test_two_clusters_are_no_split(liveness):
    """Each URI is a cluster of its own."""
    with stub.Cluster() as one, stub.Cluster() as other:
        for node in other.nodes:
            node.reply("root", body=dict(stub.ROOT, name=node.name, cluster_uuid="another"))
        result = liveness("-T", one.uri(), "-T", other.uri())
        assert result.code == 0, result


def test_node_without_a_leader(cluster, liveness):
    cluster["es3"].lose_leader()
    result = liveness("-T", cluster.uri())
    assert result.code == 2, result
    assert [text for state, text in about(result, "es3") if state == "CRITICAL" and "has no leader" in text], result


def test_leader_is_a_dash(cluster, liveness):
    """What _cat says when there is none."""
    cluster.reply("leader", body=[{"id": "-", "host": "-", "ip": "-", "node": "-"}])
    result = liveness("-T", cluster.uri())
    assert result.code == 2 and "has no leader" in result.output, result


def test_never_in_a_cluster(liveness):
    with stub.Cluster(nodes=1) as cluster:
        cluster.reply("root", body=dict(stub.ROOT, cluster_uuid="_na_"))
        result = liveness("-T", cluster.uri())
        assert result.code == 2 and "never been in a cluster" in result.output, result


def test_503_of_old_versions(liveness):
    with stub.Cluster(nodes=1) as cluster:
        cluster.reply("root", status=503, body=dict(stub.ROOT, version={"number": "6.8.23"}))
        result = liveness("-T", cluster.uri())
        assert result.code == 2 and "has no leader" in result.output, result


def test_timed_out(cluster, liveness):
    cluster.health(timed_out=True)
    result = liveness("-T", cluster.uri())
    assert result.code == 3 and "timed_out" in result.output, result


def test_balancer_in_front_of_two_clusters(liveness):
    with stub.Cluster(nodes=1) as cluster:
        cluster.health(cluster_name="metrics")
        result = liveness("-T", cluster.uri())
        assert result.code == 3 and "ask the nodes themselves" in result.output, result


def test_a_node_is_gone(cluster, liveness):
    cluster["es2"].stop()
    result = liveness("-T", cluster.uri())
    assert result.code == 1, result
    assert liveness("-T", cluster.uri(), "--min-alive", "3").code == 2


@pytest.mark.parametrize("question", ("root", "health", "leader"))
def test_hangs(liveness, question):
    with stub.Cluster(nodes=1) as cluster:
        cluster.reply(question, hangs=True)
        result = liveness("-T", cluster.uri(), "-t", "1s")
        assert result.code == 2 and result.seconds < 5, result


def test_hanging_snapshots_say_nothing_of_the_rest(liveness):
    with stub.Cluster(nodes=1) as cluster:
        cluster.reply("snapshots", hangs=True)
        result = liveness("-T", cluster.uri(), "-t", "2s")
        assert result.code == 0 and "whether a snapshot is being taken is not known" in result.output, result


@pytest.mark.parametrize("question", ("root", "health", "leader"))
@pytest.mark.parametrize("body", ("", "[", "[]", "null", "<html>", '{"name":"a","name":"b"}', "{}"))
def test_garbage(liveness, question, body):
    with stub.Cluster(nodes=1) as cluster:
        cluster.reply(question, body=body)
        assert liveness("-T", cluster.uri()).code == 3


@pytest.mark.parametrize("question", ("root", "health", "leader"))
def test_cut(liveness, question):
    with stub.Cluster(nodes=1) as cluster:
        cluster.reply(question, body=cluster.nodes[0].document(question), cut=20)
        assert liveness("-T", cluster.uri()).code in (2, 3)


@pytest.mark.parametrize("status", (302, 404, 500, 503))
@pytest.mark.parametrize("question", ("root", "health", "leader"))
def test_statuses(liveness, question, status):
    with stub.Cluster(nodes=1) as cluster:
        cluster.reply(question, status=status, body="")
        assert liveness("-T", cluster.uri()).code == (2 if status >= 500 else 3)


NOT_NEEDED = {
    "root": {
        r"tagline: .*": "for people",
        r"version\.(build_flavor|build_type|lucene_version|minimum_wire_compatibility_version): .*": "for people",
    },
    "health": {
        r"(active|relocating|initializing|delayed_unassigned)_[a-z_]*shards: .*": "the status puts them together",
        r"active_shards: .*": "the status puts them together",
        r"number_of_in_flight_fetch: .*": "work in progress",
        r"task_max_waiting_in_queue_millis: .*": "work in progress",
        r"active_shards_percent_as_number: .*": "work in progress",
    },
    "leader": {r"\[0\]\.(host|ip): .*": "its id tells it from others"},
    "snapshots": {r".*": "that it is not known whether one is being taken is said, and no more"},
}


@pytest.mark.parametrize("question", sorted(NOT_NEEDED))
def test_every_field(liveness, question):
    with stub.Cluster(nodes=1) as cluster:
        assert liveness("-T", cluster.uri()).code == 0
        outcomes = {}
        for name, changed in mutations.of_json(cluster.nodes[0].document(question)):
            cluster.reply(question, body=changed)
            outcomes[name] = liveness("-T", cluster.uri()).code == 0
    wrong, idle = mutations.unexplained(outcomes, NOT_NEEDED[question])
    assert not wrong, "OK without evidence: %s" % "\n".join(wrong)
    assert not idle, "needed after all: %s" % idle
