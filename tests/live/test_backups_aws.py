# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness against RDS and EBS (a stand-in that verifies signatures): fresh, stale, switched off, deleted,
copied, not allowed, and every field of good replies taken out."""

import pytest

import mutations
from conftest import no_secret
from stub_aws_query import (KEY, SECRET, AwsQuery, automated, cluster, cluster_snapshot, db_snapshot, instance, iso, snapshot,
                            volume)

NOW = 1795190400  # 2026-11-20T16:00:00Z
MINUTE, HOUR, DAY = 60, 3600, 86400
OTHER = "arn:aws:rds:eu-west-1:123456789012:"


@pytest.fixture
def aws():
    with AwsQuery(now=NOW) as stub:
        yield stub


@pytest.fixture
def ask(backup_freshness, aws):
    def run(target, *arguments, **options):
        return backup_freshness("-T", target, *(arguments or ("--rpo", "26h")), now=NOW, environment=aws.environment, **options)
    return run


def nightly(make, owner, age=5 * HOUR, count=6, **more):
    return [make(owner, NOW - age - n * DAY, **more) for n in range(count)]


def disks(of="vol-1", age=5 * HOUR, count=6, **more):
    return [snapshot("snap-%s%d" % (of[4:], n), of, NOW - age - n * DAY, **more) for n in range(count)]


# ---- RDS

def test_any_moment(aws, ask):
    aws.instances = [instance("orders", latest=NOW - 5 * MINUTE)]
    aws.db_snapshots = nightly(db_snapshot, "orders")
    aws.automated = [automated("orders", NOW - 5 * MINUTE, NOW - 7 * DAY)]
    result = ask(aws.rds(), "--rpo", "15m")
    assert result.state == "OK" and "orders can be restored to 5m ago (RPO 15m)" in result.first, result
    assert result.perfdata["points"] == 6 and result.perfdata["retention"] == pytest.approx(7 * DAY), result
    assert len(aws.requests) == 5, aws.requests
    no_secret(ask(aws.rds(), "-vvv"), KEY, SECRET)


def test_restorable_time_stands_still(aws, ask):
    aws.instances = [instance("orders", latest=NOW - 8 * HOUR)]
    result = ask(aws.rds(), "--rpo", "1h")
    assert result.state == "CRITICAL" and "orders: the newest data that can be restored is 8h old" in result.first, result
    aws.db_snapshots = nightly(db_snapshot, "orders")
    result = ask(aws.rds(), "--rpo", "1h")
    assert result.state != "OK" and result.perfdata["exposure"] == 5 * HOUR, result


def test_switched_off(aws, ask):
    aws.instances = [instance("orders", retention=0)]
    result = ask(aws.rds())
    assert result.state == "CRITICAL", result
    assert "automated backups are switched off: its retention period is 0" in result.output, result


def test_switched_off_with_snapshots(aws, ask):
    """Those of another tool count, and only those."""
    aws.instances = [instance("orders", retention=0)]
    aws.db_snapshots = nightly(db_snapshot, "orders", kind="awsbackup")
    result = ask(aws.rds())
    assert result.state == "OK" and "automated backups are off: snapshots only" in result.output, result
    aws.db_snapshots = nightly(db_snapshot, "orders", age=60 * HOUR, kind="awsbackup")
    assert ask(aws.rds()).state == "CRITICAL"


def test_restorable_time_not_said(aws, ask):
    aws.instances = [instance("orders")]
    result = ask(aws.rds())
    assert result.state in ("UNKNOWN", "CRITICAL"), result
    assert "RDS does not say up to when it can be restored" in result.output, result


def test_restorable_time_in_the_future(aws, ask):
    aws.instances = [instance("orders", latest=NOW + HOUR)]
    result = ask(aws.rds())
    assert result.state == "CRITICAL" and "dated in the future" in result.output, result


def test_new_instance(aws, ask):
    aws.instances = [instance("orders", latest=NOW - MINUTE), instance("fresh", status="creating")]
    result = ask(aws.rds())
    assert result.state == "OK" and "1 without any backup: fresh" in result.output, result
    result = ask(aws.rds(), "--rpo", "26h", "--expect", "fresh")
    assert result.state == "CRITICAL" and "fresh: it has no backup at all" in result.first, result


@pytest.mark.parametrize("status, state", [
    ("backing-up", "OK"), ("modifying", "OK"), ("storage-full", "WARNING"), ("inaccessible-encryption-credentials", "WARNING"),
])
def test_status(aws, ask, status, state):
    aws.instances = [instance("orders", latest=NOW - MINUTE, status=status)]
    result = ask(aws.rds())
    assert result.state == state and (state == "OK" or 'its status is "%s"' % status in result.first), result


def test_stopped(aws, ask):
    """Nothing is written to it, and nothing newer can be had."""
    aws.instances = [instance("orders", latest=NOW - 3 * DAY, status="stopped")]
    result = ask(aws.rds())
    assert result.state == "OK" and "stopped" in result.output, result


def test_replica(aws, ask):
    """A read replica has no backups of its own, on purpose; by its name it is judged."""
    aws.instances = [instance("orders", latest=NOW - MINUTE),
                     instance("orders-ro", retention=0, ReadReplicaSourceDBInstanceIdentifier="orders")]
    result = ask(aws.rds())
    assert result.state == "OK" and "1 read replica without backups" in result.output, result
    assert ask(aws.rds("orders-ro")).state == "CRITICAL"


def test_cluster(aws, ask):
    """Members have no moment of their own: the cluster's counts."""
    aws.clusters = [cluster("shop", latest=NOW - 2 * MINUTE, earliest=NOW - 7 * DAY)]
    aws.instances = [instance("shop-1", DBClusterIdentifier="shop"), instance("shop-2", DBClusterIdentifier="shop")]
    aws.cluster_snapshots = nightly(cluster_snapshot, "shop")
    result = ask(aws.rds(), "--rpo", "15m")
    assert result.state == "OK" and "shop can be restored to 2m ago" in result.first, result
    aws.clusters[0]["LatestRestorableTime"] = iso(NOW - 2 * DAY)
    aws.cluster_snapshots = []
    assert ask(aws.rds()).state == "CRITICAL"


def test_clusters_not_allowed(aws, ask):
    aws.refuse["DescribeDBClusters"] = (403, "AccessDenied")
    aws.instances = [instance("orders", latest=NOW - MINUTE)]
    result = ask(aws.rds())
    assert result.state == "OK" and "allow rds:DescribeDBClusters" in result.output, result
    aws.instances.append(instance("shop-1", DBClusterIdentifier="shop"))
    result = ask(aws.rds())
    assert result.state == "UNKNOWN" and "allow rds:DescribeDBClusters" in result.first, result
    no_secret(result, KEY)


def test_copied_snapshot(aws, ask):
    """Created when it was copied, an hour ago: the data are three days old."""
    source = OTHER + "snapshot:rds:orders-2026-11-17-16-00"
    aws.db_snapshots = [db_snapshot("orders", NOW - 3 * DAY, SourceDBSnapshotIdentifier=source, SnapshotCreateTime=iso(NOW - HOUR))]
    result = ask(aws.rds())
    assert result.state == "CRITICAL", result
    assert "eu-west-1/orders: the newest data that can be restored is 3d old" in result.first, result
    aws.db_snapshots = [db_snapshot("orders", NOW - 3 * HOUR, SourceDBSnapshotIdentifier=source, SnapshotCreateTime=iso(NOW - HOUR))]
    result = ask(aws.rds("orders"))
    assert result.state == "OK" and "eu-west-1/orders can be restored to 3h ago" in result.first, result


def test_copied_cluster_snapshot(aws, ask):
    """The copy says nothing; what RDS made by itself is named by its moment."""
    copy = cluster_snapshot("shop", NOW - HOUR, SourceDBClusterSnapshotArn=OTHER + "cluster-snapshot:rds:shop-2026-11-17-16-00")
    aws.cluster_snapshots = [copy]
    result = ask(aws.rds())
    assert result.state == "CRITICAL" and "is 3d old" in result.first, result
    copy["SourceDBClusterSnapshotArn"] = OTHER + "cluster-snapshot:by-hand"
    result = ask(aws.rds())
    assert result.state == "UNKNOWN" and "does not say when its original was made" in result.first, result


def test_another_regions_namesake(aws, ask):
    """A fresh database does not hide the stale copies of another region's of the same name."""
    aws.instances = [instance("orders", latest=NOW - MINUTE)]
    aws.automated = [automated("orders", NOW - 2 * DAY, NOW - 9 * DAY, region="eu-west-1", status="replicating")]
    result = ask(aws.rds())
    assert result.state == "CRITICAL" and "eu-west-1/orders: the newest data" in result.first, result
    aws.automated = [automated("orders", NOW - 10 * MINUTE, NOW - 7 * DAY, region="eu-west-1", status="replicating")]
    assert ask(aws.rds()).state == "OK"


def test_deleted_instance(aws, ask):
    """Its last snapshot grows older for ever, on purpose; by its name it is judged."""
    aws.instances = [instance("orders", latest=NOW - MINUTE)]
    aws.db_snapshots = [db_snapshot("legacy", NOW - 300 * DAY, kind="manual")]
    aws.automated = [automated("older", NOW - 20 * DAY, NOW - 27 * DAY, status="retained")]
    result = ask(aws.rds())
    assert result.state == "OK" and "2 backups of what was deleted since are left out" in result.output, result
    assert ask(aws.rds("legacy")).state == "CRITICAL"
    assert ask(aws.rds("older")).state == "CRITICAL"
    assert ask(aws.rds(), "--expect", "legacy").state == "CRITICAL"


@pytest.mark.parametrize("status, state, words", [
    ("creating", "OK", "one is being made since"),
    ("failed", "WARNING", 'its status is "failed"'),
    ("odd", "UNKNOWN", 'its status is "odd"'),
])
def test_snapshot_status(aws, ask, status, state, words):
    aws.instances = [instance("orders", retention=0)]
    aws.db_snapshots = nightly(db_snapshot, "orders") + [db_snapshot("orders", NOW - 10 * MINUTE, status=status)]
    result = ask(aws.rds())
    assert result.state == state and words in result.output and "data of 5h ago" in result.output, result
    aws.db_snapshots = [db_snapshot("orders", NOW - 10 * MINUTE, status=status)]
    assert ask(aws.rds()).state != "OK"


def test_pages(aws, ask):
    """The newest is on the last page of each list."""
    aws.pages = 4
    aws.instances = [instance("db%d" % n, retention=0) for n in range(9)]
    aws.db_snapshots = [row for n in range(9) for row in nightly(db_snapshot, "db%d" % n, age=2 * HOUR)][::-1]
    result = ask(aws.rds())
    assert result.state == "OK" and len(aws.asked("DescribeDBInstances")) == 3, result
    assert len(aws.asked("DescribeDBSnapshots")) == 14
    result = ask(aws.rds(), "--rpo", "26h", "--max-pages", "13")
    assert result.state != "OK" and "the listing is incomplete: list the DB snapshots: after 13 pages" in result.output, result


def test_pages_without_an_end(aws, ask):
    aws.instances = [instance("orders", latest=NOW - MINUTE)]
    aws.documents["DescribeDBInstances"] = lambda text: text.replace("<DBInstances>", "<Marker>same</Marker><DBInstances>")
    aws.document = lambda action, query=None, good=aws.document: good(action, {"Marker": "=0"})
    result = ask(aws.rds())
    assert result.state == "UNKNOWN" and "the list does not end: asked to list the DB instances" in result.first, result


@pytest.mark.parametrize("action", ["DescribeDBSnapshots", "DescribeDBClusterSnapshots"])
def test_snapshots_not_allowed(aws, ask, action):
    """Without them nobody knows whether there is one."""
    aws.instances = [instance("orders", retention=0)]
    aws.refuse[action] = (403, "AccessDenied")
    result = ask(aws.rds())
    assert result.state == "UNKNOWN" and "access denied: allow rds:%s" % action in result.first, result


def test_automated_not_allowed(aws, ask):
    aws.instances = [instance("orders", latest=NOW - MINUTE)]
    aws.refuse["DescribeDBInstanceAutomatedBackups"] = (403, "AccessDenied")
    result = ask(aws.rds())
    assert result.state == "OK" and "allow rds:DescribeDBInstanceAutomatedBackups" in result.output, result


def test_nothing(aws, ask):
    assert ask(aws.rds()).state == "CRITICAL"
    aws.instances = [instance("orders", latest=NOW - MINUTE)]
    result = ask(aws.rds("other"))
    assert result.state == "CRITICAL" and "no backup" in result.first, result


def test_include(aws, ask):
    aws.instances = [instance("orders", latest=NOW - MINUTE), instance("dev-1", retention=0)]
    assert ask(aws.rds()).state == "CRITICAL"
    assert ask(aws.rds(), "--rpo", "26h", "--exclude", "dev-*").state == "OK"
    assert ask(aws.rds(), "--rpo", "26h", "--include", "orders").state == "OK"
    assert ask(aws.rds("ord*")).state == "OK"


# ---- EBS

def test_volume(aws, ask):
    aws.volumes, aws.snapshots = [volume("vol-1"), volume("vol-2")], disks()
    result = ask(aws.ebs())
    assert result.state == "OK" and "vol-1 can be restored to 5h ago (RPO 1d2h)" in result.first, result
    assert "1 without any backup: vol-2" in result.output and result.perfdata["points"] == 6, result
    result = ask(aws.ebs(), "--rpo", "26h", "--expect", "vol-2")
    assert result.state == "CRITICAL" and "vol-2: it has no backup at all" in result.first, result
    no_secret(ask(aws.ebs(), "-vvv"), KEY, SECRET)


def test_stale_volume(aws, ask):
    aws.volumes, aws.snapshots = [volume("vol-1")], disks(age=60 * HOUR)
    result = ask(aws.ebs())
    assert result.state == "CRITICAL", result
    assert "vol-1: the newest data that can be restored is 2d12h old" in result.first, result


@pytest.mark.parametrize("status, state, words", [
    ("pending", "OK", "one is being made since 10m"),
    ("error", "WARNING", 'its status is "error"'),
    ("recoverable", "WARNING", 'its status is "recoverable"'),
    ("odd", "UNKNOWN", 'its status is "odd"'),
])
def test_volume_status(aws, ask, status, state, words):
    """One that is not complete is none."""
    young = snapshot("snap-x", "vol-1", NOW - 10 * MINUTE, status=status)
    aws.volumes, aws.snapshots = [volume("vol-1")], disks() + [young]
    result = ask(aws.ebs())
    assert result.state == state and words in result.output and "data of 5h ago" in result.output, result
    aws.snapshots = [young]
    assert ask(aws.ebs()).state != "OK"


def test_copied_volume(aws, ask):
    """The volume of a copy is an arbitrary one, and so is its moment: a tag says which it is."""
    copy = snapshot("snap-c", "vol-ffffffff", NOW - HOUR, description="[Copied snap-1 from eu-west-1] nightly",
                    tags={"taken": iso(NOW - 3 * DAY), "Name": "orders"})
    aws.volumes, aws.snapshots = [volume("vol-1")], [copy]
    result = ask(aws.ebs())
    assert result.state == "UNKNOWN" and "a copy, which does not say when its original was taken" in result.first, result
    result = ask(aws.ebs(tag="Name", time_tag="taken"))
    assert result.state == "CRITICAL" and "orders: the newest data that can be restored is 3d old" in result.first, result
    copy["tagSet"][0]["value"] = iso(NOW - 3 * HOUR)
    result = ask(aws.ebs(tag="Name", time_tag="taken"))
    assert result.state == "OK" and "orders can be restored to 3h ago" in result.first, result


def test_deleted_volume(aws, ask):
    aws.volumes, aws.snapshots = [volume("vol-1")], disks() + disks(of="vol-old", age=100 * DAY)
    result = ask(aws.ebs())
    assert result.state == "OK" and "6 backups of what was deleted since are left out" in result.output, result
    assert ask(aws.ebs("vol-old")).state == "CRITICAL"


def test_tags(aws, ask):
    """Volumes come and go; what they are for stays."""
    aws.snapshots = disks(of="vol-1", age=5 * HOUR, tags={"Name": "orders", "env": "prod"}) + \
        disks(of="vol-2", age=2 * HOUR, tags={"Name": "orders", "env": "prod"}) + \
        disks(of="vol-3", age=60 * HOUR, tags={"Name": "test", "env": "dev"}) + disks(of="vol-4", age=60 * HOUR)
    result = ask(aws.ebs() + "&tag=Name&tag=env%3Dprod")
    assert result.state == "OK" and "orders can be restored to 2h ago" in result.first and result.perfdata["points"] == 12, result
    result = ask(aws.ebs(tag="Name"))
    assert result.state == "CRITICAL" and "test: the newest data" in result.first, result
    aws.volumes = [volume("vol-1"), volume("vol-2")]
    assert ask(aws.ebs(tag="env=prod")).state == "OK"


def test_archive(aws, ask):
    aws.volumes, aws.snapshots = [volume("vol-1")], disks(storageTier="archive")
    result = ask(aws.ebs())
    assert "storage class archive: hours to the first byte" in result.output, result


def test_volume_pages(aws, ask):
    aws.pages = 3
    aws.volumes = [volume("vol-%d" % n) for n in range(7)]
    aws.snapshots = [row for n in range(7) for row in disks(of="vol-%d" % n, age=2 * HOUR)][::-1]
    assert ask(aws.ebs()).state == "OK"
    assert len(aws.asked("DescribeSnapshots")) == 14 and len(aws.asked("DescribeVolumes")) == 3
    result = ask(aws.ebs("vol-3"))
    assert result.state == "OK" and "vol-3" in result.first, result
    assert aws.requests[-1]["Filter.1.Name"] == "volume-id" and aws.requests[-1]["Filter.1.Value.1"] == "vol-3"


def test_many_snapshots(aws, ask):
    """Beyond what is kept all are counted, in any order."""
    aws.volumes = [volume("vol-1")]
    aws.snapshots = [snapshot("snap-%d" % n, "vol-1", NOW - HOUR - n * HOUR) for n in range(1500)]
    for rows in (aws.snapshots, aws.snapshots[::-1]):
        aws.snapshots = rows
        result = ask(aws.ebs())
        assert result.state == "OK" and result.perfdata["points"] == 1500, result
        assert result.perfdata["retention"] == pytest.approx(1500 * HOUR), result


def test_volumes_not_allowed(aws, ask):
    aws.snapshots = disks()
    aws.refuse["DescribeVolumes"] = (403, "UnauthorizedOperation")
    result = ask(aws.ebs())
    assert result.state == "OK" and "access denied: allow ec2:DescribeVolumes" in result.output, result


# ---- refusals

@pytest.mark.parametrize("status, code, state, words", [
    (403, "AccessDenied", "UNKNOWN", "list the DB instances: access denied: allow rds:DescribeDBInstances"),
    (403, "InvalidClientTokenId", "UNKNOWN", "the server does not know this key"),
    (403, "SignatureDoesNotMatch", "UNKNOWN", "the signature does not fit"),
    (400, "Throttling", "UNKNOWN", "the server is busy or limits us"),
    (500, "InternalFailure", "CRITICAL", "HTTP 500, InternalFailure"),
])
def test_refused(aws, ask, status, code, state, words):
    aws.refuse["DescribeDBInstances"] = (status, code)
    result = ask(aws.rds())
    assert result.state == state and words in result.first, result
    no_secret(result, KEY)


@pytest.mark.parametrize("code, words", [
    ("UnauthorizedOperation", "list the EBS snapshots: access denied: allow ec2:DescribeSnapshots"),
    ("AuthFailure", "the server does not know this key"),
])
def test_disks_refused(aws, ask, code, words):
    aws.refuse["DescribeSnapshots"] = (403, code)
    result = ask(aws.ebs())
    assert result.state == "UNKNOWN" and words in result.first, result


@pytest.mark.parametrize("document, words", [
    ("<html><body>Welcome</body></html>", "it is <html>, not <DescribeDBInstancesResponse>"),
    ("<!DOCTYPE html><html/>", "XML with a document type"),
    ("", "it is empty"),
    ("<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances>", "it ends too early"),
    ("<DescribeDBInstancesResponse/>", "it has no <DBInstances>"),
    ("{}", "the reply cannot be used"),
])
def test_something_else(aws, ask, document, words):
    aws.documents["DescribeDBInstances"] = document
    result = ask(aws.rds())
    assert result.state == "UNKNOWN" and "the reply cannot be used" in result.first and words in result.first, result


def test_cut(aws, ask):
    """A list that ends early is none."""
    aws.volumes, aws.snapshots = [volume("vol-1")], disks()
    aws.documents["DescribeSnapshots"] = lambda text: text[:len(text) // 2]
    assert ask(aws.ebs()).state == "UNKNOWN"


def test_wrong_secret(aws, backup_freshness):
    aws.instances = [instance("orders", latest=NOW - MINUTE)]
    result = backup_freshness("-T", aws.rds(), now=NOW, environment=dict(aws.environment, AWS_SECRET_ACCESS_KEY="another"))
    assert result.state == "UNKNOWN" and "the signature does not fit" in result.first, result
    no_secret(result, KEY, "another")


def test_down(aws, ask):
    aws.stop()
    assert ask(aws.rds()).state == "CRITICAL"


@pytest.mark.parametrize("uri, words", [
    ("rds://", "which region?"),
    ("ebs://EU_1", "which region?"),
    ("rds://eu-central-1?endpoint=ftp://x", "endpoint= is https://HOST"),
    ("rds://eu-central-1?tag=a", "tag"),
    ("ebs://eu-central-1?tag=a&tag=b", "tag= without a value is there twice"),
    ("ebs://eu-central-1?tag=", "tag= is KEY or KEY%3DVALUE"),
])
def test_usage(aws, ask, uri, words):
    result = ask(uri)
    assert result.state == "UNKNOWN" and words in result.first, result


# ---- what may be missing, and why

NOT_NEEDED = {
    "DescribeDBInstances": {
        r".*/(ResponseMetadata|RequestId)(/.*)?: .*": "nothing is judged by it",
        r".*/(DBInstanceClass|Engine|AllocatedStorage|PreferredBackupWindow): .*": "nothing is judged by it",
    },
    "DescribeDBSnapshots": {
        r".*/(ResponseMetadata|RequestId)(/.*)?: .*": "nothing is judged by it",
        r".*/(SnapshotType|PercentProgress|AllocatedStorage|Encrypted): .*": "nothing is judged by it",
        r".*/SnapshotCreateTime: .*": "the original's moment is known",
        r".*/(OriginalSnapshotCreateTime|SnapshotDatabaseTime): .*": "either is the moment of the data",
    },
    "DescribeDBClusters": {
        r".*/(ResponseMetadata|RequestId)(/.*)?: .*": "nothing is judged by it",
        r".*/(Engine|EarliestRestorableTime): .*": "the RPO is not judged by it",
    },
    "DescribeVolumes": {
        r".*/requestId: .*": "nothing is judged by it",
        r".*/(size|status): .*": "nothing is judged by it",
    },
    "DescribeSnapshots": {
        r".*/requestId: .*": "nothing is judged by it",
        r".*/(progress|ownerId|volumeSize|encrypted|fullSnapshotSizeInBytes|storageTier): .*": "nothing is judged by it",
        r".*/(description|tagSet)(/.*)?: .*": "it is none of a copy, and series go by volumes",
        r".*/completionTime: .*": "its status says that it is complete",
    },
}


@pytest.mark.parametrize("action", sorted(NOT_NEEDED))
def test_fields(aws, ask, action):
    """Each field of a good reply taken out, and emptied."""
    if action == "DescribeDBClusters":
        aws.clusters = [cluster("shop", latest=NOW - MINUTE, earliest=NOW - DAY)]
    else:
        aws.instances = [instance("orders", latest=NOW - MINUTE) if action == "DescribeDBInstances" else
                         instance("orders", retention=0)]
    aws.db_snapshots = [db_snapshot("orders", NOW - 2 * HOUR)] if action == "DescribeDBSnapshots" else []
    aws.volumes = [volume("vol-1")]
    aws.snapshots = [snapshot("snap-1", "vol-1", NOW - 2 * HOUR, tags={"a": "b"})]
    target = aws.ebs() if action in ("DescribeSnapshots", "DescribeVolumes") else aws.rds()
    assert ask(target).state == "OK"
    outcomes = {}
    for name, body in mutations.of_xml(aws.document(action)):
        aws.documents[action] = body
        outcomes[name] = ask(target).state == "OK"
    assert len(outcomes) > 12
    assert mutations.unexplained(outcomes, NOT_NEEDED[action]) == ([], [])
