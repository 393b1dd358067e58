# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness on VolumeSnapshots: ready, failed, bound to nothing; claims without any."""

import pytest

import mutations
import stub_kubernetes
import stub_velero as stub
from stub_kubernetes import status
from stub_velero import DAY, claim, snapshot


@pytest.fixture(scope="module")
def tls(certificates):
    return tuple(str(certificates / name) for name in ("ca.crt", "server.crt", "server.key"))


@pytest.fixture
def cluster(tls):
    with stub.Volumes(tls) as cluster:
        cluster.add(claim("db"))
        yield cluster


@pytest.fixture
def ask(backup_freshness, tls, tmp_path):
    token = tmp_path / "token"
    token.write_text(stub_kubernetes.TOKEN + "\n")
    token.chmod(0o600)

    def run(cluster, *arguments, **options):
        result = backup_freshness("-T", cluster.uri("cacert=%s&token-file=%s" % (tls[0], token)), *arguments, **options)
        assert stub_kubernetes.TOKEN not in result.output
        return result
    return run


def daily(age=3600, count=8, name="db", **options):
    return [thing for number in range(count)
            for thing in snapshot("%s-%d" % (name, count - number), name, age + number * DAY, **options)]


def test_daily(cluster, ask):
    cluster.add(daily())
    result = ask(cluster)
    assert result.state == "OK" and result.says("db can be restored to 1h", "deletionPolicy Delete of 8"), result
    assert result.perfdata["points"] == 8
    assert [len(cluster.asked(resource)) for resource in cluster.lists] == [1, 1, 1]


def test_kept_by_policy(cluster, ask):
    cluster.add(daily(policy="Retain"))
    result = ask(cluster)
    assert result.state == "OK" and not result.says("deletionPolicy"), result


def test_stale(cluster, ask):
    cluster.add(daily(age=3 * DAY))
    result = ask(cluster)
    assert result.state == "CRITICAL" and result.says("db: the newest data that can be restored is 3d"), result


def test_no_snapshot_at_all(cluster, ask):
    assert ask(cluster).state != "OK"
    cluster.add(claim("web"), daily())
    result = ask(cluster)
    assert result.state == "OK" and result.says("web"), result
    result = ask(cluster, "--expect", "*")
    assert result.state == "CRITICAL" and result.says("web: it has no backup at all"), result
    assert ask(cluster, "--expect", "*", "--exclude", "web").state == "OK"


def test_several_claims(cluster, ask):
    cluster.add(claim("web"), daily(), daily(age=5 * DAY, name="web"))
    result = ask(cluster)
    assert result.state == "CRITICAL" and result.says("web: the newest data"), result
    assert ask(cluster, "--include", "db").state == "OK"


def test_not_ready_yet(cluster, ask):
    cluster.add(daily(age=DAY + 300), snapshot("db-9", "db", 300, ready=False))
    result = ask(cluster)
    assert result.state == "OK" and result.says("db-8"), result


def test_never_ready(cluster, ask):
    """The one before it is too old."""
    cluster.add(daily(age=3 * DAY), snapshot("db-9", "db", 2 * DAY, ready=False))
    assert ask(cluster).state == "CRITICAL"


def test_failed(cluster, ask):
    cluster.add(daily(age=DAY), snapshot("db-9", "db", 600, error="quota exceeded"))
    result = ask(cluster)
    assert result.state == "WARNING" and result.says("the latest, db-9, is no backup: quota exceeded"), result


def test_being_deleted(cluster, ask):
    cluster.add(snapshot("db-1", "db", 600, deletionTimestamp=stub_kubernetes.moment(5)))
    assert ask(cluster).state == "CRITICAL"
    cluster.add(daily())
    assert ask(cluster).state == "OK"


@pytest.mark.parametrize("how", ("gone", "another"))
def test_bound_to_nothing(cluster, ask, how):
    things = snapshot("db-9", "db", 600, back="other" if how == "another" else None)
    cluster.add(daily(age=DAY), things[:1] if how == "gone" else things)
    result = ask(cluster)
    assert result.state == "CRITICAL" and result.says("VolumeSnapshotContent snapcontent-db-9 of db-9"), result


def test_its_claim_is_gone(cluster, ask):
    """Its snapshots were kept, and get old: that is no alarm, unless somebody counts on it."""
    cluster.add(daily(), daily(name="old", age=90 * DAY))
    result = ask(cluster)
    assert result.state == "OK" and result.says("1 not there any more, and not judged: old"), result
    result = ask(cluster, "--expect", "old")
    assert result.state == "CRITICAL" and "old: no backup of it is there" in result.first, result


@pytest.mark.parametrize("resource", stub.Volumes.lists)
def test_a_right_that_is_missing(cluster, ask, resource):
    cluster.add(daily())
    cluster.rights.discard((stub.Volumes.lists[resource][1], resource))
    result = ask(cluster)
    assert result.state == "UNKNOWN" and result.says("list " + resource, "rbac-backups.yaml"), result


def test_no_such_api(cluster, ask):
    cluster.fault["volumesnapshots"] = status(404, "NotFound", "the server could not find the requested resource")
    result = ask(cluster)
    assert result.state == "UNKNOWN" and result.says("status 404"), result


def test_pages(cluster, ask):
    cluster.add(daily(count=700, age=60))
    result = ask(cluster)
    assert result.state == "OK" and len(cluster.asked("volumesnapshots")) == 2, result
    assert result.perfdata["points"] == 700, result


def test_unknown_parameter(cluster, backup_freshness):
    result = backup_freshness("-T", cluster.uri("schedule=a"))
    assert result.state == "UNKNOWN" and result.says("schedule"), result


@pytest.mark.fuzzed
def test_every_field(cluster, ask):
    cluster.add(snapshot("db-1", "db", 3600))
    outcomes = {}
    for resource in ("volumesnapshots", "volumesnapshotcontents"):
        original = {}
        cluster.change[resource] = lambda document, original=original: original.setdefault("document", document)
        assert ask(cluster).state == "OK"
        for name, broken in mutations.of_json(original["document"]):
            cluster.change[resource] = lambda _, broken=broken: broken
            outcomes["%s %s" % (resource, name)] = ask(cluster).state == "OK"
        del cluster.change[resource]
    wrong, idle = mutations.unexplained(outcomes, {
        r"\w+ metadata\.resourceVersion: emptied": "that it is there marks a list",
        r"volumesnapshots items\[0\]\.metadata\.(namespace|uid|resourceVersion|creationTimestamp)(: .*)?": "not used",
        r"volumesnapshots items\[0\]\.metadata\.managedFields.*": "not used",
        r"volumesnapshots items\[0\]\.spec(\.source(\.persistentVolumeClaimName)?)?: .*": "of an unnamed claim",
        r"volumesnapshots items\[0\]\.spec\.volumeSnapshotClassName: .*": "not used",
        r"volumesnapshots items\[0\]\.status\.restoreSize: .*": "may be unknown",
        r"volumesnapshotcontents items\[0\]\.metadata\.resourceVersion: .*": "not used",
        r"volumesnapshotcontents items\[0\]\.spec\.(deletionPolicy|driver|source.*|volumeSnapshotRef\.kind): .*":
            "said only",
        r"volumesnapshotcontents items\[0\]\.status(\..*)?: .*": "the snapshot says it",
    })
    assert not wrong and not idle, (wrong, idle)
