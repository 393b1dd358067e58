# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the API server of a cluster with Velero, and with snapshots of volumes: see stub_kubernetes.

    with Velero(tls) as cluster:
        cluster.add(location(), schedule("nightly"), backup("nightly-1", 3600))

Objects have the fields that Velero's types and those of the external snapshotter give them, and leave out
what those leave out. What may be listed is what contrib/kubernetes/rbac-backups.yaml allows."""

import os

import stub_kubernetes
from stub_kubernetes import HERE, moment, without_zeros

RBAC = os.path.join(HERE, os.pardir, os.pardir, "contrib", "kubernetes", "rbac-backups.yaml")
DAY = 86400
ROLES = 3


def rights():
    return stub_kubernetes.granted(RBAC, ROLES)


class Velero(stub_kubernetes.Cluster):
    namespace = "velero"
    lists = {
        "backups": ("apis/velero.io/v1", "velero.io", "velero.io/v1", "BackupList"),
        "schedules": ("apis/velero.io/v1", "velero.io", "velero.io/v1", "ScheduleList"),
        "podvolumebackups": ("apis/velero.io/v1", "velero.io", "velero.io/v1", "PodVolumeBackupList"),
        "datauploads": ("apis/velero.io/v2alpha1", "velero.io", "velero.io/v2alpha1", "DataUploadList"),
        "backupstoragelocations": ("apis/velero.io/v1", "velero.io", "velero.io/v1", "BackupStorageLocationList"),
    }
    rights = staticmethod(rights)

    def uri(self, query="", namespace="velero"):
        return "velero://127.0.0.1:%d/%s%s" % (self.port, namespace, "?" + query if query else "")


class Volumes(stub_kubernetes.Cluster):
    lists = {
        "volumesnapshots": ("apis/snapshot.storage.k8s.io/v1", "snapshot.storage.k8s.io", "snapshot.storage.k8s.io/v1",
                            "VolumeSnapshotList"),
        "volumesnapshotcontents": ("apis/snapshot.storage.k8s.io/v1", "snapshot.storage.k8s.io",
                                   "snapshot.storage.k8s.io/v1", "VolumeSnapshotContentList"),
        "persistentvolumeclaims": ("api/v1", "", "v1", "PersistentVolumeClaimList"),
    }
    cluster_wide = ("volumesnapshotcontents",)
    rights = staticmethod(rights)

    def uri(self, query="", namespace=stub_kubernetes.NAMESPACE):
        return "volume-snapshot://127.0.0.1:%d/%s%s" % (self.port, namespace, "?" + query if query else "")


# ---- Velero ----

def metadata(name, labels=None, age=DAY, **more):
    return dict({"name": name, "namespace": "velero", "uid": "7d1c-" + name, "resourceVersion": "90210",
                 "creationTimestamp": moment(age)}, **dict({"labels": labels} if labels else {}, **more))


def backup_object(name, age, phase="Completed", of="nightly", took=600, items=240, done=None, expires=30 * DAY,
                  started=True, moment=moment, **numbers):
    """Began so many seconds ago. numbers: of the status, left out where they are zero."""
    labels = {"velero.io/storage-location": "default"}
    if of:
        labels["velero.io/schedule-name"] = of
    running = phase in ("New", "Queued", "ReadyToStart", "FailedValidation")
    status = dict({"version": 1, "formatVersion": "1.1.0", "phase": phase}, **without_zeros(numbers))
    if expires is not None:
        status["expiration"] = moment(age - expires)
    if started and not running:
        status["startTimestamp"] = moment(age)
        status["progress"] = without_zeros({"totalItems": items, "itemsBackedUp": items if done is None else done})
    if phase in ("Completed", "PartiallyFailed", "Failed", "Deleting"):
        status["completionTimestamp"] = moment(age - took)
    return {"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": metadata(name, labels, age),
            "spec": {"storageLocation": "default", "ttl": "720h0m0s", "snapshotVolumes": True, "hooks": {}},
            "status": status}


def backup(name, age, *arguments, **options):
    return "backups", backup_object(name, age, *arguments, **options)


def nightly(count=8, age=3600, of="nightly", **options):
    """One each day, the newest so many seconds ago."""
    return [backup("%s-%02d" % (of, count - number), age + number * DAY, of=of, **options) for number in range(count)]


def schedule(name="nightly", cron="0 2 * * *", phase="Enabled", age=90 * DAY, **spec):
    return "schedules", {"metadata": metadata(name, age=age),
                         "spec": dict({"schedule": cron, "template": {"ttl": "720h0m0s"}}, **spec),
                         "status": {"phase": phase, "lastBackup": moment(3600)}}


def location(name="default", phase="Available", looked=30, **status):
    return "backupstoragelocations", {
        "metadata": metadata(name), "spec": {"provider": "aws", "default": True, "objectStorage": {"bucket": "velero"}},
        "status": dict({"phase": phase, "lastSyncedTime": moment(looked), "lastValidationTime": moment(looked)},
                       **status)}


def volume(backup, phase="Completed", total=1 << 30, done=None, kind="podvolumebackups", name="a"):
    owner = [{"apiVersion": "velero.io/v1", "kind": "Backup", "name": backup, "uid": "1", "controller": True}]
    spec = {"pod": {"kind": "Pod", "name": "db-0", "namespace": "shop"}, "volume": "data"} \
        if kind == "podvolumebackups" else {"sourceNamespace": "shop", "sourcePVC": "data-db-0"}
    return kind, {"metadata": metadata("%s-%s" % (backup, name), {"velero.io/backup-name": backup},
                                       ownerReferences=owner),
                  "spec": spec, "status": {"phase": phase, "progress": without_zeros(
                      {"totalBytes": total, "bytesDone": total if done is None else done})}}


# ---- snapshots of volumes ----

def claim(name):
    return "persistentvolumeclaims", {"metadata": stub_kubernetes.metadata(name), "spec": {"volumeName": "pv-" + name},
                                      "status": {"phase": "Bound"}}


def snapshot(name, claim, age, ready=True, policy="Delete", error=None, back=None, size="10Gi", **meta):
    """With the object that it is bound to; back: the snapshot that this points back to."""
    content = "snapcontent-" + name
    status = {"boundVolumeSnapshotContentName": content, "readyToUse": ready, "creationTime": moment(age),
              "restoreSize": size}
    if error:
        status.update(readyToUse=False, error={"time": moment(age), "message": error})
    return [("volumesnapshots", {
        "metadata": stub_kubernetes.metadata(name, age=age, **meta),
        "spec": {"source": {"persistentVolumeClaimName": claim}, "volumeSnapshotClassName": "csi"}, "status": status}),
        ("volumesnapshotcontents", {
            "metadata": {"name": content, "resourceVersion": "5"},
            "spec": {"deletionPolicy": policy, "driver": "csi.example", "source": {"volumeHandle": "vol-1"},
                     "volumeSnapshotRef": {"kind": "VolumeSnapshot", "name": back or name,
                                           "namespace": stub_kubernetes.NAMESPACE}},
            "status": {"readyToUse": ready, "snapshotHandle": "snap-1"}})]
