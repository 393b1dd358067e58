# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness on files: what is a backup, of which moment, since when; and what is none.

The clock of most runs stands at NOW, long ago: when files really came (ctime) is then in the future, and not believed."""
import os
import shutil
import stat
import subprocess
import threading
import time

import pytest

NOW = 1700000000.0  # 2023-11-14T22:13:20Z, a Tuesday
HOUR = 3600.0
DAY = 24 * HOUR
DUMP = b"--\n-- PostgreSQL database dump\n--\n\nSELECT 1;\n\n--\n-- PostgreSQL database dump complete\n--\n\n"
CUT = DUMP[:60]
OPAQUE = bytes(range(1, 200)) * 40
AS_NOBODY = "/usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups "
HELD_TO_RIGHTS = "/usr/bin/setpriv --bounding-set=-dac_override,-dac_read_search "


class Folder:
    """A directory of backups, and runs on it."""

    def __init__(self, run, root):
        self.run = run
        self.root = root

    def put(self, name, age=HOUR, content=DUMP):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(str(path), (NOW - age, NOW - age))
        return path

    def nightly(self, count=7, age=HOUR, name="pg-%d.dump"):
        for i in range(count):
            self.put(name % i, age + i * DAY)

    def look(self, pattern="*.dump", *arguments, now=NOW, zone="UTC"):
        return self.run("-T", "backup=file://%s/%s" % (self.root, pattern), "--zone", zone, *arguments, now=now)


@pytest.fixture
def folder(backup_freshness, tmp_path):
    root = tmp_path / "backups"
    root.mkdir()
    return Folder(backup_freshness, root)


@pytest.fixture
def rights(monkeypatch):
    """Root may read everything: then it goes without the capabilities that say so."""
    if os.geteuid() == 0:
        monkeypatch.setenv("DR_WRAPPER", HELD_TO_RIGHTS + os.environ.get("DR_WRAPPER", ""))
        return lambda path: os.chown(str(path), 1, 1) or path.chmod(0)
    return lambda path: path.chmod(0)


def expect(result, state, *words):
    assert result.state == state and result.says(*words), result


def points(result, label="points"):
    return result.perfdata[label]


# ---- there, and fresh ----

def test_fresh(folder):
    folder.nightly()
    result = folder.look()
    expect(result, "OK", "can be restored to 1h ago", "pg-0.dump", "well-formed")
    assert result.perfdata["exposure"] == pytest.approx(HOUR, abs=1)
    assert points(result) == 7


def test_stale(folder):
    folder.nightly(age=30 * HOUR)
    expect(folder.look(), "CRITICAL", "1d6h old")


def test_nothing_there(folder):
    result = folder.look()
    expect(result, "CRITICAL", "no backup", "0 looked at")


def test_nothing_matches(folder):
    folder.put("pg-1.sql")
    expect(folder.look(), "CRITICAL", "no backup")


def test_no_such_directory(folder):
    folder.root.rmdir()
    expect(folder.look(), "CRITICAL", "%s: no such directory" % folder.root)


def test_no_such_file(folder):
    folder.put("pg.dump")
    expect(folder.look("other.dump"), "CRITICAL", "no such directory")


@pytest.mark.parametrize("uri, words", [
    ("file://srv/backup", "three slashes"), ("file:///srv/backup?zone=UTC", "zone"), ("file://", "no path"),
])
def test_bad_uri(backup_freshness, uri, words):
    result = backup_freshness("-T", uri, now=NOW)
    assert result.code == 3 and words in result.output, result


def test_a_file_on_the_way(folder):
    folder.put("x")
    result = folder.look("x/*.dump")
    assert result.code == 3 and "not a directory" in result.output, result


# ---- what could not be read is not empty ----

def test_closed_directory(folder, rights):
    folder.nightly()
    rights(folder.root)
    result = folder.look()
    folder.root.chmod(0o700)
    expect(result, "UNKNOWN", str(folder.root), "Permission denied")


@pytest.mark.parametrize("pattern", ["*/*.dump", "**/*.dump", ""])
def test_closed_directory_among_others(folder, rights, pattern):
    folder.put("orders/pg.dump")
    folder.put("users/pg.dump")
    rights(folder.root / "users")
    result = folder.look(pattern)
    (folder.root / "users").chmod(0o700)
    expect(result, "UNKNOWN", "orders", "could not be read: users", "Permission denied")


def test_lost_and_found_is_nobodys(folder, rights):
    folder.put("pg.dump")
    (folder.root / "lost+found").mkdir()
    rights(folder.root / "lost+found")
    result = folder.look("")
    (folder.root / "lost+found").chmod(0o700)
    expect(result, "OK", "1h ago")


def test_closed_file(folder, rights):
    folder.nightly(2)
    path = folder.put("pg-9.dump", age=60 * 60)
    os.utime(str(path), (NOW - HOUR / 2, NOW - HOUR / 2))
    rights(path)
    result = folder.look()
    expect(result, "UNKNOWN", "pg-9.dump", "Permission denied")
    sized = folder.look("*.dump", "--proof", "sized")
    path.chmod(0o600)
    expect(sized, "OK", "30m ago")


# ---- not complete ----

def test_empty(folder):
    folder.nightly()
    folder.put("pg-new.dump", age=HOUR / 2, content=b"")
    result = folder.look()
    expect(result, "WARNING", "size 0: pg-new.dump")
    assert result.perfdata["exposure"] == pytest.approx(HOUR, abs=1), "the empty one counts: %s" % result


def test_only_empty(folder):
    folder.put("pg.dump", content=b"")
    expect(folder.look(), "CRITICAL", "no usable backup", "size 0")


def test_empty_and_just_begun(folder):
    folder.nightly()
    folder.put("pg-new.dump", age=20, content=b"")
    result = folder.look()
    expect(result, "OK", "1h ago")
    assert not result.says("size 0"), result


def test_cut(folder):
    folder.nightly()
    folder.put("pg-new.dump", age=HOUR / 2, content=CUT)
    result = folder.look()
    expect(result, "WARNING", "pg-new.dump", "at its end")
    assert result.perfdata["exposure"] == pytest.approx(HOUR, abs=1)


def test_being_written(folder):
    folder.nightly()
    folder.put("pg-new.dump", age=30, content=CUT)
    result = folder.look()
    expect(result, "OK", "1h ago")


def test_finished_a_moment_ago(folder):
    """Its end is there: nothing has to be waited for."""
    folder.nightly(age=HOUR)
    folder.put("pg-new.dump", age=30)
    result = folder.look()
    expect(result, "OK", "pg-new.dump")
    assert result.perfdata["exposure"] == pytest.approx(30, abs=1)


def test_young_and_opaque(folder):
    """Nobody can tell whether it is still being written: until --settle the one before it counts."""
    folder.put("pg-1.dump")
    folder.put("pg-2.dump", age=300, content=OPAQUE)
    assert folder.look("*.dump", "--proof", "sized").perfdata["exposure"] == pytest.approx(HOUR, abs=1)
    settled = folder.look("*.dump", "--proof", "sized", "--settle", "1m")
    assert settled.perfdata["exposure"] == pytest.approx(300, abs=1)


def test_only_cut(folder):
    folder.put("pg.dump", content=CUT)
    expect(folder.look(), "CRITICAL", "no usable backup", "pg.dump")


@pytest.mark.parametrize("name", ["pg-2.dump.part", ".pg-2.dump.Xy12Zq", "pg-2.dump.tmp"])
def test_unfinished_by_name(folder, name):
    folder.put("pg-1.dump")
    folder.put(name, age=60)
    result = folder.look()
    expect(result, "OK", "1h ago")
    os.utime(str(folder.root / name), (NOW - 3 * HOUR, NOW - 3 * HOUR))
    expect(folder.look(), "WARNING", "left over", name)


def test_error_text(folder):
    folder.put("pg-1.dump")
    folder.put("pg-2.dump", age=HOUR / 2, content=b"pg_dump: error: connection to server failed\n")
    expect(folder.look(), "WARNING", "an error message in the place of a backup", "pg-2.dump")


def test_sparse(folder):
    folder.put("pg-1.dump", age=2 * HOUR)
    path = folder.put("pg-2.dump")
    with open(str(path), "r+b") as file:
        file.seek(8 << 20)
        file.write(DUMP)
    os.utime(str(path), (NOW - HOUR, NOW - HOUR))
    expect(folder.look(), "WARNING", "sparse: pg-2.dump")


# ---- which moment ----

def test_future(folder):
    folder.nightly()
    folder.put("pg-new.dump", age=-HOUR)
    result = folder.look()
    expect(result, "WARNING", "dated in the future", "pg-new.dump")
    assert result.perfdata["exposure"] == pytest.approx(HOUR, abs=1)


def test_a_little_ahead(folder):
    """Clocks differ by seconds."""
    folder.put("pg.dump", age=-20)
    expect(folder.look("*.dump", "--settle", "0"), "OK")


def test_only_future(folder):
    folder.put("pg.dump", age=-2 * DAY)
    expect(folder.look(), "CRITICAL", "dated in the future")


def test_moment_of_the_name(folder):
    folder.put("pg-20231114T0200.dump", age=18 * HOUR)
    result = folder.look("*.dump", "--name-format", "pg-%Y%m%dT%H%M.dump")
    assert result.perfdata["exposure"] == pytest.approx(20 * HOUR + 800, abs=1), result
    berlin = folder.look("*.dump", "--name-format", "pg-%Y%m%dT%H%M.dump", zone="Europe/Berlin")
    assert berlin.perfdata["exposure"] == pytest.approx(21 * HOUR + 800, abs=1), berlin


def test_hour_that_comes_twice(folder):
    """2023-10-29 in Berlin: 02:30 is 00:30Z and 01:30Z. What was written at 01:40Z was begun at 01:30Z."""
    written = 1698543600.0
    folder.put("pg-20231029T0230.dump", age=NOW - written)
    result = folder.look("*.dump", "--name-format", "pg-%Y%m%dT%H%M.dump", zone="Europe/Berlin", now=written + HOUR)
    assert result.perfdata["exposure"] == pytest.approx(HOUR + 600, abs=1), result


def test_new_name_for_old_content(folder):
    """cp -p of the same old file each night."""
    folder.put("pg-20231114T2000.dump", age=10 * DAY)
    result = folder.look("*.dump", "--name-format", "pg-%Y%m%dT%H%M.dump")
    expect(result, "CRITICAL", "10d")


def test_name_with_a_day_alone(folder):
    """The hour is the one of the writing, where that is of the same day."""
    folder.put("pg-20231114.dump", age=2 * HOUR)
    result = folder.look("*.dump", "--name-format", "pg-%Y%m%d.dump")
    assert result.perfdata["exposure"] == pytest.approx(2 * HOUR, abs=1), result


def test_series_of_names(folder):
    folder.put("orders-20231114T2100.dump")
    folder.put("users-20231112T2100.dump", age=2 * DAY)
    result = folder.look("*.dump", "--name-format", "{}-%Y%m%dT%H%M.dump")
    expect(result, "CRITICAL", "users")
    assert ("OK" in [state for state, _ in result.about("orders")]) and result.about("users")[0][0] == "CRITICAL", result


def test_folders_of_days(folder):
    """A folder for each day is no series of its own, which would grow old: the format says what it is."""
    for i in range(5):
        folder.put("2023-11-%d/all.dump" % (14 - i), age=HOUR + i * DAY)
    result = folder.look("*/*.dump", "--name-format", "%Y-%m-%d/all.dump")
    expect(result, "OK", "can be restored to 1h ago", "2023-11-14/all.dump")
    assert points(result) == 5, result


def test_folders_of_days_of_each_host(folder):
    """What stands in front of the format's parts is the series."""
    for i in range(5):
        folder.put("web/2023/11-%d/all.dump" % (14 - i), age=HOUR + i * DAY)
        folder.put("db/2023/11-%d/all.dump" % (12 - i), age=2 * DAY + HOUR + i * DAY)
    result = folder.look("**", "--name-format", "%Y/%m-%d/*.dump")
    assert [state for state, _ in result.about("web")] == ["OK"], result
    assert [state for state, _ in result.about("db")] == ["CRITICAL"], result
    assert points(result, "web_points") == 5, result


def test_names_that_say_no_moment(folder):
    folder.put("pg-20231114T2100.dump")
    folder.put("manual.dump", age=60)
    folder.put("other.dump", age=60)
    result = folder.look("*.dump", "--name-format", "pg-%Y%m%dT%H%M.dump")
    expect(result, "WARNING", "no --name-format fits", "and 1 more")
    assert result.perfdata["exposure"] == pytest.approx(HOUR + 800, abs=1)
    result = folder.look("*.dump", "--name-format", "pg-%Y%m%dT%H%M.dump", "--exclude", "manual*", "--exclude", "o*.dump")
    expect(result, "OK")


def test_copied_late(backup_freshness, tmp_path):
    """rsync -t: the data is of ten hours ago, and has been here since now. On the real clock."""
    path = tmp_path / "pg.dump"
    path.write_bytes(DUMP)
    then = time.time() - 10 * HOUR
    os.utime(str(path), (then, then))
    result = backup_freshness("-T", "file://%s" % path)
    assert result.perfdata["exposure"] == pytest.approx(10 * HOUR, abs=60), result
    assert result.perfdata["age"] < 60, result


# ---- links ----

def test_links(folder):
    folder.nightly()
    os.symlink("pg-0.dump", str(folder.root / "latest.dump"))
    os.link(str(folder.root / "pg-0.dump"), str(folder.root / "newest.dump"))
    result = folder.look()
    expect(result, "OK")
    assert points(result) == 7, "a link is counted: %s" % result


def test_broken_link(folder):
    folder.nightly()
    os.symlink("nowhere", str(folder.root / "latest.dump"))
    expect(folder.look(), "WARNING", "a link that leads nowhere: latest.dump")


def test_links_are_followed_by_name(folder, tmp_path):
    folder.put("pg-0.dump")
    os.symlink(str(folder.root / "pg-0.dump"), str(tmp_path / "latest.dump"))
    os.symlink(str(folder.root), str(tmp_path / "link"))
    here = Folder(folder.run, tmp_path)
    expect(here.look("latest.dump"), "OK", "1h ago")
    expect(here.look("link/*.dump"), "OK", "1h ago")
    result = here.look("l*/*.dump")
    expect(result, "CRITICAL", "no backup")


def test_links_in_a_circle(folder):
    folder.put("a/pg.dump")
    os.symlink("..", str(folder.root / "a" / "up"))
    os.symlink("me", str(folder.root / "me"))
    result = folder.look("**")
    assert points(result) == 1, result
    expect(result, "WARNING", "a link that leads nowhere: me")


# ---- mounts ----

def test_mount(folder):
    folder.nightly()
    expect(folder.look("*.dump", "--expect-mount"), "CRITICAL", "nothing is mounted at %s" % folder.root)
    mounted = folder.run("-T", "file:///proc/version", "--expect-mount", now=NOW)
    assert not mounted.says("nothing is mounted"), mounted


# ---- dumps of several files ----

def test_directory_by_name(folder):
    """One point with the size of all that is in it, made when the last of it was."""
    folder.put("20231114/toc.dat", age=3 * HOUR)
    folder.put("20231114/3344.dat.gz", age=2 * HOUR)
    for pattern in ("2023*", "", "**"):
        result = folder.look(pattern, "--proof", "none")
        expect(result, "OK", "2h ago", "20231114")
        assert points(result) == 1 and points(result, "size") == 2 * len(DUMP), result


@pytest.mark.parametrize("pattern", ["", "**", "*/*", "mongo/*"])
def test_mongodump(folder, pattern):
    document = b"\x05\x00\x00\x00\x00"
    for database in ("orders", "users"):
        folder.put("mongo/2023-11-14/%s/items.bson" % database, content=document * 3)
        folder.put("mongo/2023-11-14/%s/items.metadata.json" % database, content=b'{"options":{},"indexes":[]}')
    result = folder.look(pattern)
    expect(result, "OK", "2023-11-14")
    assert points(result) == 1, result


def test_etcd_pair(folder):
    def put(day, snapshot=True):
        folder.put("snapshot_2023-11-%02d_200000.db" % day, age=(14 - day) * DAY + 2 * HOUR, content=OPAQUE)
        if snapshot:
            folder.put("static_kuberesources_2023-11-%02d_200000.tar.gz" % day, age=(14 - day) * DAY + 2 * HOUR)
    put(13)
    put(14, snapshot=False)
    result = folder.look("snapshot_*.db", "--proof", "sized")
    expect(result, "CRITICAL", "its other part is missing", "snapshot_2023-11-14_200000.db")
    put(14)
    expect(folder.look("snapshot_*.db", "--proof", "sized"), "OK")


def test_sidecars_are_no_backups(folder):
    folder.put("pg.dump", age=30 * HOUR)
    for ending in (".sha256", ".md5", "-wal", "-shm"):
        folder.put("pg.dump" + ending, age=60)
    result = folder.look("*")
    expect(result, "CRITICAL", "1d6h old")
    assert points(result) == 1, result


# ---- what a disk can hold ----

def test_special_files(folder):
    """A FIFO is not opened: that would wait for a writer."""
    folder.nightly()
    os.mkfifo(str(folder.root / "x.dump"))
    if os.geteuid() == 0:
        os.mknod(str(folder.root / "y.dump"), stat.S_IFCHR | 0o600, os.makedev(1, 3))
    result = folder.look()
    expect(result, "OK")
    assert points(result) == 7, result
    assert folder.look("x.dump").state == "CRITICAL"


@pytest.mark.parametrize("name", [b"a|b\nc\x1b[2J.dump", b"m\xc3\xa4rz.dump", b"\xff\xfe.dump", b"x" * 250 + b".dump",
                                  b"a'b\"c $(id).dump", b"-.dump"])
def test_names(folder, name):
    path = os.path.join(os.fsencode(str(folder.root)), name)
    with open(path, "wb") as file:
        file.write(CUT)
    os.utime(path, (NOW - HOUR, NOW - HOUR))
    result = folder.look()
    expect(result, "CRITICAL", "no usable backup")
    with open(path, "wb") as file:
        file.write(DUMP)
    os.utime(path, (NOW - HOUR, NOW - HOUR))
    result = folder.look()
    expect(result, "OK")
    assert result.output.isascii(), result


def test_deep(folder):
    folder.put("/".join("d%d" % i for i in range(100)) + "/pg.dump")
    expect(folder.look("**/*.dump"), "OK", "1h ago")


def test_deeper_than_a_path(folder):
    """What cannot be reached is not empty."""
    folder.put("pg.dump")
    here = os.open(str(folder.root), os.O_RDONLY)
    for _ in range(20):
        os.mkdir("x" * 250, dir_fd=here)
        below = os.open("x" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    result = folder.look("**")
    subprocess.run(["rm", "-r", "--", str(folder.root)], check=True)
    expect(result, "UNKNOWN", "could not be read", "too long")


def test_while_it_changes(folder):
    """Files that come, grow and go, directories that vanish: none of it is an alarm, or an end. On the real clock."""
    shift = NOW - time.time()
    folder.nightly(age=shift + HOUR)
    over = threading.Event()

    def change():
        i = 0
        while not over.is_set():
            folder.put("new/deep/x-%d.log" % i)
            path = folder.put("x-%d.dump" % (i % 5), age=shift, content=CUT * (1 + i % 1000))
            shutil.rmtree(str(folder.root / "new"))
            path.unlink()
            i += 1
    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(40):
            result = folder.look("**/*.dump", now=None)
            expect(result, "OK", "1h ago")
    finally:
        over.set()
        thread.join()


def test_include_and_exclude(folder):
    folder.put("orders/pg.dump")
    folder.put("orders/pg.log", age=60, content=b"done\n")
    folder.put("old/pg.dump", age=90 * DAY)
    assert folder.look("").state == "CRITICAL"
    expect(folder.look("", "--include", "*.dump", "--exclude", "old/*"), "OK", "orders")
    expect(folder.look("*/*.dump", "--exclude", "old"), "OK", "orders")
