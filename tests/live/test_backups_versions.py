# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness on what pgBackRest, Barman, restic and borg of other Debian suites have made: older and newer
than those of this one. Their programs run in the suites' folders (tests/lab/roots.py), the executable is ours."""

import glob
import os
import shutil
import tempfile
import time

import pytest

import barman
import pgbackrest
import postgresql
import roots
from postgresql import wait_until
from tools_backup import Borg, Restic

DAY = 86400
BUNDLES = (2, 46)  # pgBackRest, with blocks
INCREMENTAL = (3, 11)  # Barman, with PostgreSQL 17

pytestmark = pytest.mark.one_build


@pytest.fixture(scope="module", params=roots.SUITES)
def suite(request):
    return request.param


@pytest.fixture(scope="module")
def lab_there(suite):
    root = str(roots.root_path(suite))
    with postgresql.Lab(prefix=roots.prefix(root), root=root) as lab:
        yield lab


# ---- pgBackRest ----

made_by_pgbackrest = pytest.mark.made_in_suite("pgbackrest", "postgresql")


def layouts(suite):
    """Every way in which this version can lay out a repository: {name: its settings}."""
    ways = {"plain": {}, "sealed": {"repo1_cipher_type": "aes-256-cbc", "repo1_cipher_pass": "a secret"}}
    if roots.version(suite, "pgbackrest") >= BUNDLES:
        ways["bundles"] = {"repo1_bundle": "y", "repo1_block": "y", "compress_type": "zst"}
    return ways


@pytest.fixture(scope="module")
def repositories(suite, lab_there):
    """{layout: a repository with a full, a differential and an incremental backup of main, and WAL behind them}."""
    made = {}
    for layout, settings in layouts(suite).items():
        repository = made[layout] = pgbackrest.Repository(lab_there, layout, **settings)
        server = repository.add("main")
        repository.labels = []
        for kind in ("full", "diff", "incr"):
            repository.labels.append(repository.backup("main", kind))
            repository.archived("main")
        repository.wal = [repository.archived("main") for _ in range(3)]
        repository.document = repository.run("main", "info", "--output=json")
        process, repository.killed = repository.stopped("main", "full")
        repository.running = repository.copy(os.path.join(repository.home, "running"))
        pgbackrest.kill(process)
        shutil.rmtree(os.path.join(repository.folder, "backup", "main", repository.killed))
        server.remove()
    return made


@pytest.fixture
def copies(repositories, tmp_path):
    """[(repository, path of a copy)], which a test may damage."""
    return [(repository, repository.copy(tmp_path / layout)) for layout, repository in repositories.items()]


def sealed(repository):
    return "repo1_cipher_type" in repository.settings


def look(run, repository, path, *arguments, **options):
    proof = ["--proof", "sized"] if sealed(repository) else []
    return run("-T", "pgbackrest+file://" + path, *proof, *arguments, **options)


@made_by_pgbackrest
def test_pgbackrest_good(backup_freshness, copies):
    for repository, path in copies:
        result = look(backup_freshness, repository, path)
        assert result.state == "OK" and result.says(repository.labels[2]), result
        assert result.perfdata["points"] == 3 and result.perfdata["wal_missing"] == 0, result
        assert sealed(repository) or result.perfdata["chain"] == 3, result


@made_by_pgbackrest
def test_pgbackrest_stale(backup_freshness, copies):
    for repository, path in copies:
        result = look(backup_freshness, repository, path, "-c", "1h", now=time.time() + 3 * 3600)
        assert result.state == "CRITICAL" and result.says("critical above 1h"), result


@made_by_pgbackrest
def test_pgbackrest_running_and_killed(backup_freshness, repositories):
    for repository in repositories.values():
        result = look(backup_freshness, repository, repository.running)
        assert result.state == "OK" and result.says("one is being made"), result
        assert result.perfdata["points"] == 3, result
        result = look(backup_freshness, repository, repository.running, "--rpo", "9d", now=time.time() + 2 * DAY)
        assert result.state == "WARNING" and result.says("left over", repository.killed), result


@made_by_pgbackrest
def test_pgbackrest_wal_is_gone(backup_freshness, copies):
    for repository, path in copies:
        name = repository.wal[1]
        found = glob.glob(os.path.join(path, "archive", "main", "*", name[:16], name + "-*"))
        assert len(found) == 1
        os.unlink(found[0])
        result = look(backup_freshness, repository, path)
        assert result.state == "CRITICAL" and result.says("WAL is missing"), result
        assert result.perfdata["wal_missing"] == 1, result


@made_by_pgbackrest
def test_pgbackrest_needed_wal_is_gone(backup_freshness, copies):
    """In what is encrypted nobody can see what a backup needs."""
    for repository, path in copies:
        if sealed(repository):
            continue
        with open(os.path.join(path, "backup", "main", "backup.info")) as file:
            line = [line for line in file if line.startswith(repository.labels[2] + "=")][0]
        name = line.split('"backup-archive-stop":"')[1][:24]
        for found in glob.glob(os.path.join(path, "archive", "main", "*", name[:16], name + "-*")):
            os.unlink(found)
        result = look(backup_freshness, repository, path)
        assert result.state == "CRITICAL" and result.says("which %s needs" % repository.labels[2]), result
        assert result.perfdata["points"] == 2, result


@made_by_pgbackrest
def test_pgbackrest_data_is_gone(backup_freshness, copies):
    """All but the manifest: of the full one, on which the others hang."""
    for repository, path in copies:
        for found in glob.glob(os.path.join(path, "backup", "main", repository.labels[0], "*", "")):
            shutil.rmtree(found)
        result = look(backup_freshness, repository, path)
        assert result.state == "CRITICAL" and result.says(repository.labels[0]), result
        assert result.perfdata["points"] == 0, result


@made_by_pgbackrest
def test_pgbackrest_info(backup_freshness, repositories, tmp_path):
    for layout, repository in repositories.items():
        document = tmp_path / (layout + ".json")
        document.write_text(repository.document)
        result = backup_freshness("-T", "x=pgbackrest+json://%s" % document, "--rpo", "1d")
        assert result.state == "OK" and result.says(repository.labels[2]), result
        assert result.perfdata["points"] == 3, result
        result = backup_freshness("-T", "x=pgbackrest+json://%s" % document, "--rpo", "1d", now=time.time() + 3 * DAY)
        assert result.state == "CRITICAL", result


# ---- Barman ----

made_by_barman = pytest.mark.made_in_suite("barman", "postgresql")


@pytest.fixture(scope="module")
def home(suite, lab_there):
    """A home with two backups of the server demo, the second incremental where there is such a thing, WAL behind them,
    and a third one that was killed (in the folder `started`)."""
    home = barman.Home(lab_there, "whole")
    home.incremental = roots.version(suite, "barman") >= INCREMENTAL
    server = home.add("demo")
    if home.incremental:
        server.set(summarize_wal="on")
    home.done = [home.backup("demo")]
    home.done.append(home.backup("demo", *(["--incremental", home.done[0]] if home.incremental else [])))
    home.wal = [home.archive("demo") for _ in range(3)]
    home.document = home.run("-f", "json", "list-backup", "demo")
    good = home.copy(home.folder + "-good")
    home.killed("demo")
    home.started, home.folder = home.folder, good
    server.remove()
    return home


@pytest.fixture
def home_copy(home, tmp_path):
    return home.copy(tmp_path / "home")


def segment(path, name):
    return os.path.join(path, "demo", "wals", name[:16], name)


def end_wal(path, backup):
    """The last segment that it needs, by its backup.info: since 3.13 that is in meta/."""
    found = [name for name in (os.path.join(path, "demo", "meta", backup + "-backup.info"),
                               os.path.join(path, "demo", "base", backup, "backup.info")) if os.path.exists(name)]
    with open(found[0]) as file:
        return [line.split("=")[1].strip() for line in file if line.startswith("end_wal=")][0]


@made_by_barman
def test_barman_good_and_stale(backup_freshness, home, home_copy):
    result = backup_freshness("-T", "barman+file://" + home_copy)
    assert result.state == "OK" and result.says(home.done[1]), result
    assert result.perfdata["points"] == 2 and result.perfdata["wal_missing"] == 0, result
    assert not home.incremental or result.perfdata["chain"] == 2, result
    result = backup_freshness("-T", "barman+file://" + home_copy, "-c", "1h", now=time.time() + 3 * 3600)
    assert result.state == "CRITICAL" and result.says("critical above 1h"), result


@made_by_barman
def test_barman_running_and_killed(backup_freshness, home):
    result = backup_freshness("-T", "barman+file://" + home.started)
    assert result.state == "OK" and result.says("being made") and result.perfdata["points"] == 2, result
    result = backup_freshness("-T", "barman+file://" + home.started, "--rpo", "9d", now=time.time() + 4 * DAY)
    assert result.state == "WARNING" and result.says("left over", "STARTED"), result


@made_by_barman
def test_barman_wal_is_gone(backup_freshness, home, home_copy):
    os.unlink(segment(home_copy, home.wal[1]))
    result = backup_freshness("-T", "barman+file://" + home_copy)
    assert result.state == "CRITICAL" and result.says("WAL is missing", home.wal[1]), result
    assert result.perfdata["wal_missing"] == 1, result


@made_by_barman
def test_barman_needed_wal_is_gone(backup_freshness, home, home_copy):
    name = end_wal(home_copy, home.done[1])
    os.unlink(segment(home_copy, name))
    result = backup_freshness("-T", "barman+file://" + home_copy)
    assert result.state == "CRITICAL" and result.says("WAL is missing", name), result
    assert result.perfdata["points"] == 1, result


@made_by_barman
def test_barman_data_is_gone(backup_freshness, home, home_copy):
    """Of the first: an incremental one is lost with it."""
    shutil.rmtree(os.path.join(home_copy, "demo", "base", home.done[0], "data"))
    result = backup_freshness("-T", "barman+file://" + home_copy)
    assert result.state == "CRITICAL" and result.says(home.done[0]), result
    assert result.perfdata["points"] == (0 if home.incremental else 1), result


@made_by_barman
def test_barman_list(backup_freshness, home, tmp_path):
    path = tmp_path / "list.json"
    path.write_text(home.document)
    result = backup_freshness("-T", "x=barman+json://%s" % path, "--rpo", "1d")
    assert result.state == "OK" and result.perfdata["points"] == 2 and result.says(home.done[1]), result
    result = backup_freshness("-T", "x=barman+json://%s" % path, "--rpo", "1d", now=time.time() + 2 * DAY)
    assert result.state == "CRITICAL", result


# ---- restic ----

made_by_restic = pytest.mark.made_in_suite("restic")


@pytest.fixture(scope="module")
def folder_there(suite):
    """A folder in the suite's /tmp."""
    path = tempfile.mkdtemp(prefix="dr-tools-", dir=str(roots.root_path(suite) / "tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def snapshots(suite, folder_there):
    """A repository with two snapshots."""
    restic = Restic(folder_there, roots.root_path(suite))
    restic.backup()
    restic.write("second")
    restic.backup()
    restic.document = restic.list()
    return restic


def look_restic(run, path, *arguments, **options):
    return run("-T", "r=restic+file://%s" % path, "--rpo", "1d", *arguments, **options)


@pytest.fixture
def snapshots_copy(snapshots, tmp_path):
    shutil.copytree(snapshots.repository, str(tmp_path / "repository"))
    return str(tmp_path / "repository")


def newest_in(path):
    return max(glob.glob(os.path.join(path, "snapshots", "*")), key=os.path.getmtime)


@made_by_restic
def test_restic_good_and_stale(backup_freshness, snapshots_copy):
    result = look_restic(backup_freshness, snapshots_copy)
    assert result.state == "OK" and result.perfdata["points"] == 2, result
    assert result.says("encrypted", os.path.basename(newest_in(snapshots_copy))[:8]), result
    result = look_restic(backup_freshness, snapshots_copy, now=time.time() + 3 * DAY)
    assert result.state == "CRITICAL" and result.says("3d"), result


@made_by_restic
def test_restic_damaged(backup_freshness, snapshots_copy):
    """Whatever the format of the repository, a snapshot's name is the SHA-256 of its file."""
    path = newest_in(snapshots_copy)
    then = os.path.getmtime(path)
    os.chmod(path, 0o600)
    os.truncate(path, os.path.getsize(path) - 1)
    os.utime(path, (then, then))
    result = look_restic(backup_freshness, snapshots_copy)
    assert result.state == "WARNING" and result.says(os.path.basename(path)[:8], "SHA-256"), result
    assert result.perfdata["points"] == 1, result


@made_by_restic
@pytest.mark.parametrize("folder, words", [("index", "no index"), ("data", "no data"), ("keys", "no key")])
def test_restic_hollow(backup_freshness, snapshots_copy, folder, words):
    shutil.rmtree(os.path.join(snapshots_copy, folder))
    os.mkdir(os.path.join(snapshots_copy, folder))
    result = look_restic(backup_freshness, snapshots_copy)
    assert result.state == "CRITICAL" and result.says(words), result


@made_by_restic
def test_restic_killed(backup_freshness, suite, snapshots, tmp_path):
    process = snapshots.backup_from_pipe()
    try:
        wait_until(lambda: snapshots.names("locks"), "restic takes its lock")
        result = look_restic(backup_freshness, snapshots.repository)
        assert result.state == "OK" and result.says("holds a lock"), result
    finally:
        process.kill()
        process.communicate()
    result = look_restic(backup_freshness, snapshots.repository, now=time.time() + 3600)
    locks = snapshots.names("locks")
    for name in locks:
        os.unlink(os.path.join(snapshots.repository, "locks", name))
    assert locks and result.state == "WARNING" and result.says("an old lock"), result
    assert result.perfdata["points"] == 2, result


@made_by_restic
def test_restic_list(backup_freshness, snapshots, tmp_path):
    path = tmp_path / "list.json"
    path.write_bytes(snapshots.document)
    arguments = ("-T", "x=restic+json://%s" % path, "--rpo", "1d")
    result = backup_freshness(*arguments)
    assert result.state == "OK" and result.perfdata["points"] == 2, result
    assert backup_freshness(*arguments, now=time.time() + 2 * DAY).state == "CRITICAL"


# ---- borg ----

made_by_borg = pytest.mark.made_in_suite("borgbackup")


@pytest.fixture(scope="module")
def archives(suite, folder_there):
    borg = Borg(folder_there, roots.root_path(suite))
    borg.create("db1-{now:%Y-%m-%dT%H:%M:%S}")
    borg.document = borg.list()
    borg.info = borg.run("info", "--json", "--last", "5", borg.place).stdout
    borg.create("db1-{now:%Y-%m-%dT%H:%M:%S}.checkpoint")
    # An older one lists them always.
    borg.checkpoints = borg.list(*["--consider-checkpoints"] * (roots.version(suite, "borgbackup") >= (1, 2)))
    return borg


@pytest.fixture
def listed(backup_freshness, tmp_path):
    def run(content, **options):
        path = tmp_path / "list.json"
        path.write_bytes(content)
        return backup_freshness("-T", "x=borg+json://%s" % path, "--rpo", "1d", **options)
    return run


@made_by_borg
def test_borg_list(archives, listed):
    for document in (archives.document, archives.info):
        result = listed(document)
        assert result.state == "OK" and result.perfdata["points"] == 1, result
        assert listed(document, now=time.time() + 2 * DAY).state == "CRITICAL"
    assert listed(archives.info).perfdata["size"] > 0


@made_by_borg
def test_borg_checkpoint(archives, listed):
    result = listed(archives.checkpoints)
    assert result.state != "UNKNOWN" and result.perfdata["points"] == 1 and result.says("interrupted"), result
