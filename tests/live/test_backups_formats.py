# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness on what the real tools write: complete, killed while they wrote, cut, without a part.

What is damaged is as old as a nightly dump in the morning: nobody is still writing to it."""
import os
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

import redis
from postgresql import wait_until

HOUR = 3600


def tool(*command, stdout=None, environment=None, stdin=None):
    """Runs a tool to its end; it must succeed."""
    done = subprocess.run(command, stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE, input=stdin, timeout=60,
                          env=dict(os.environ, LC_ALL="C", **(environment or {})))
    assert done.returncode == 0, (command, done.stderr)


class Dumps:
    """A server with something in it, and its tools."""

    def __init__(self, lab):
        self.lab = lab
        self.server = lab.primary("dumps")
        self.server.sql("create table big as select i, md5(i::text) a, md5((-i)::text) b"
                        " from generate_series(1, 300000) i")
        self.server.sql("create table small (i int primary key, t text)")
        self.server.sql("insert into small select i, 'row ' || i from generate_series(1, 50) i")
        self.server.sql("create table nothing_in_it (i int)")
        self.server.sql("select lo_from_bytea(0, decode(repeat('ab', 5000), 'hex')) from generate_series(1, 3)")
        self.server.sql("create database other")

    def command(self, program, *options):
        return [self.lab.bin(program), "-h", "127.0.0.1", "-p", str(self.server.port), "-U", "postgres"] + list(options)

    def dump(self, path, *options):
        tool(*self.command("pg_dump", "-f", str(path), *options), "postgres")

    def small(self, path, *options):
        """Without the table that takes its time; it is in the table of contents all the same."""
        self.dump(path, "--exclude-table-data=big", *options)

    def kill(self, path, watched, size, *options):
        """A pg_dump that is killed when what it writes has reached that size."""
        process = subprocess.Popen(self.command("pg_dump", "-f", str(path), *options, "postgres"))
        try:
            wait_until(lambda: process.poll() is not None or watched() >= size, "the dump has begun", poll=0.001)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == -signal.SIGKILL, "it was done before it could be killed"


@pytest.fixture(scope="module")
def dumps(lab):
    dumps = Dumps(lab)
    yield dumps
    dumps.server.remove()


class Folder:
    def __init__(self, run, root):
        self.run = run
        self.root = root

    def age(self, seconds=HOUR):
        then = time.time() - seconds
        for path, _, names in os.walk(str(self.root)):
            for name in names:
                os.utime(os.path.join(path, name), (then, then))
            os.utime(path, (then, then))

    def look(self, *arguments, pattern="*"):
        self.age()
        return self.run("-T", "backup=file://%s/%s" % (self.root, pattern), *arguments)


@pytest.fixture
def folder(backup_freshness, tmp_path):
    root = tmp_path / "backups"
    root.mkdir()
    return Folder(backup_freshness, root)


def good(result, kind):
    assert result.state == "OK" and result.says(kind), result


def bad(result, *words):
    """Nothing else is there: what is damaged does not count."""
    assert result.state == "CRITICAL" and result.says(*words), result
    assert result.perfdata["points"] == 0, result


def cut(path, size):
    """Its first bytes; a share of it below 1, all but so many where negative."""
    whole = os.path.getsize(str(path))
    with open(str(path), "r+b") as file:
        file.truncate(whole + size if size < 0 else int(whole * size) if size < 1 else size)


PROOFS = ("wellformed", "checksummed")


def check(folder, kind):
    for proof in PROOFS:
        good(folder.look("--proof", proof), kind)


# ---- pg_dump, complete ----

@pytest.mark.parametrize("options, kind", [
    (["-Fp"], "pg_dump plain"),
    (["-Fp", "-v"], "pg_dump plain"),
    (["-Fp", "-Z", "6"], "gzip of pg_dump plain"),
    (["-Fc"], "pg_dump custom 1."),
    (["-Fc", "-Z", "0"], "pg_dump custom 1."),
    (["-Fc", "--schema-only"], "pg_dump custom 1."),
    (["-Ft"], "pg_dump tar 1."),
    (["-Ft", "--no-blobs"], "pg_dump tar 1."),
    (["-Fd"], "pg_dump directory 1."),
    (["-Fd", "-Z", "0"], "pg_dump directory 1."),
    (["-Fd", "-Z", "0", "--inserts"], "pg_dump directory 1."),
    (["-Fd", "-j", "2"], "pg_dump directory 1."),
])
def test_complete(folder, dumps, options, kind):
    dumps.small(folder.root / "nightly.dump", *options)
    for proof in PROOFS:
        result = folder.look("--proof", proof)
        assert result.state == "OK" and kind in result.output, result


def test_complete_with_all_data(folder, dumps):
    dumps.dump(folder.root / "nightly.dump", "-Fc")
    for proof in PROOFS:
        result = folder.look("--proof", proof)
        assert result.state == "OK" and "pg_dump custom" in result.output, result


def test_piped(folder, dumps):
    with open(str(folder.root / "nightly.dump"), "wb") as file:
        dumping = subprocess.Popen(dumps.command("pg_dump", "-Fc", "postgres"), stdout=subprocess.PIPE)
        tool("cat", stdout=file, stdin=dumping.stdout.read())
        assert dumping.wait() == 0
    for proof in PROOFS:
        result = folder.look("--proof", proof)
        assert result.state == "OK" and "pg_dump custom" in result.output, result


def test_cluster(folder, dumps):
    tool(*dumps.command("pg_dumpall", "-f", str(folder.root / "all.sql")))
    check(folder, "pg_dumpall")
    cut(folder.root / "all.sql", -2000)
    bad(folder.look(), "no \"PostgreSQL database cluster dump complete\" at its end")


def test_roles_only(folder, dumps):
    tool(*dumps.command("pg_dumpall", "-g", "-f", str(folder.root / "roles.sql")))
    check(folder, "pg_dumpall")


# ---- pg_dump, cut: pg_restore -l takes each of them for good ----

@pytest.mark.parametrize("options", [["-Fp"], ["-Fp", "-Z", "6"], ["-Fc"], ["-Fc", "-Z", "0"], ["-Ft"]])
@pytest.mark.parametrize("size", [0.3, 0.9, -600])
def test_cut(folder, dumps, options, size):
    dumps.small(folder.root / "nightly.dump", *options)
    cut(folder.root / "nightly.dump", size)
    for proof in PROOFS:
        bad(folder.look("--proof", proof))


def test_cut_by_a_byte(folder, dumps):
    dumps.dump(folder.root / "nightly.dump", "-Fc")
    cut(folder.root / "nightly.dump", -1)
    tool(dumps.lab.bin("pg_restore"), "-l", str(folder.root / "nightly.dump"))
    bad(folder.look(), "cut")


@pytest.mark.parametrize("packed, damage, words", [
    (True, "lose", "is not there: killed, or lost"),
    (False, "lose", "is not there: killed, or lost"),
    (True, "cut", ""),
    (False, "cut", "is cut: no end of its data"),
])
def test_directory_without_a_part(folder, dumps, packed, damage, words):
    dumps.dump(folder.root / "nightly", "-Fd", "-Z", "6" if packed else "0")
    parts = [name for name in os.listdir(str(folder.root / "nightly")) if name[0].isdigit()]
    assert len(parts) == 3
    largest = max(parts, key=lambda name: os.path.getsize(str(folder.root / "nightly" / name)))
    if damage == "lose":
        os.unlink(str(folder.root / "nightly" / largest))
    else:
        cut(folder.root / "nightly" / largest, -5)
    tool(dumps.lab.bin("pg_restore"), "-l", str(folder.root / "nightly"))
    for proof in PROOFS:
        bad(folder.look("--proof", proof), *([words] if words else []))


def test_large_objects_without_one(folder, dumps):
    dumps.small(folder.root / "nightly", "-Fd")
    name = [name for name in os.listdir(str(folder.root / "nightly")) if name.startswith("blob_")][0]
    os.unlink(str(folder.root / "nightly" / name))
    bad(folder.look(), "is not there: killed, or lost")


# ---- pg_dump, killed ----

@pytest.mark.parametrize("options", [["-Fp"], ["-Fc", "-Z", "9"], ["-Fc", "-Z", "0"]])
def test_killed(folder, dumps, options):
    path = folder.root / "nightly.dump"
    dumps.kill(path, lambda: path.exists() and path.stat().st_size, 200000, *options)
    for proof in PROOFS:
        bad(folder.look("--proof", proof))


def test_killed_directory(folder, dumps):
    path = folder.root / "nightly"

    def written():
        return path.exists() and sum(each.stat().st_size for each in path.iterdir())
    dumps.kill(path, written, 300000, "-Fd", "-Z", "9")
    assert (path / "toc.dat").exists()
    bad(folder.look())


# ---- other databases ----

def test_sqlite(folder):
    path = str(folder.root / "grafana.db")
    with sqlite3.connect(path) as database:
        database.execute("create table rows (a, b)")
        database.executemany("insert into rows values (?, ?)", [(i, "x" * 50) for i in range(500)])
    database.close()
    check(folder, "SQLite")
    cut(path, -100)
    bad(folder.look(), "cut")


def test_sqlite_without_its_log(folder, tmp_path):
    source = str(tmp_path / "grafana.db")
    database = sqlite3.connect(source)
    database.execute("pragma journal_mode = wal")
    database.execute("create table rows (a)")
    database.commit()
    # As a copy that is taken while it is in use: the rows are in the other file.
    shutil.copy(source, str(folder.root / "grafana.db"))
    wal = source + "-wal"
    assert os.path.getsize(wal) > 0
    database.close()
    database = sqlite3.connect(source)
    database.execute("insert into rows values (1)")
    database.commit()
    shutil.copy(source, str(folder.root / "grafana.db"))
    assert open(str(folder.root / "grafana.db"), "rb").read(19)[18] == 2
    good(folder.look(), "WAL mode, without its -wal file")
    shutil.copy(wal, str(folder.root / "grafana.db-wal"))
    database.close()
    result = folder.look(pattern="*.db")
    assert result.state == "OK" and not result.says("without its -wal file"), result


def test_redis(folder):
    with redis.Lab() as lab:
        server = lab.server("r1")
        for i in range(100):
            server.call("SET", "key%d" % i, "value" * 10)
        before = time.time()
        server.call("SAVE")
        path = os.path.join(server.call("CONFIG", "GET", "dir")[1], "dump.rdb")
        shutil.copy(path, str(folder.root / "dump.rdb"))
    for proof in PROOFS:
        # Its own time counts, not that of the file.
        result = folder.look("--proof", proof)
        good(result, "Redis RDB")
        assert result.perfdata["exposure"] <= time.time() - before + 1, result
    content = (folder.root / "dump.rdb").read_bytes()
    (folder.root / "dump.rdb").write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    bad(folder.look(), "its checksum is wrong")
    (folder.root / "dump.rdb").write_bytes(content[:-20])
    bad(folder.look())


# ---- archives, and what cannot be looked into ----

@pytest.mark.parametrize("form", ["gnu", "pax", "ustar"])
def test_tar(folder, tmp_path, form):
    source = tmp_path / "source"
    source.mkdir()
    (source / "zeros").write_bytes(bytes(100000))
    (source / ("long" * 20)).write_bytes(b"x" * 3000)
    (source / "link").symlink_to("zeros")
    path = folder.root / "nightly.tar"
    tool("tar", "-C", str(source), "--format", form, "-cf", str(path), ".")
    check(folder, "tar")
    # Where the file of zeros is cut, the end looks like that of a tar.
    with open(str(path), "rb") as file:
        zeros = file.read().index(bytes(99000))
    cut(path, zeros // 512 * 512 + 51200)
    for proof in PROOFS:
        bad(folder.look("--proof", proof), "it ends within the member")


def test_sparse_tar(folder, tmp_path):
    with open(str(tmp_path / "image"), "wb") as file:
        for i in range(40):
            file.seek(i * 1000000)
            file.write(b"x" * 5000)
    for form in ("gnu", "pax"):
        tool("tar", "-C", str(tmp_path), "--format", form, "--sparse", "-cf", str(folder.root / "nightly.tar"), "image")
        check(folder, "tar")


def test_openssl(folder, tmp_path):
    (tmp_path / "plain").write_bytes(b"x" * 5000)
    path = folder.root / "nightly.sql.enc"
    tool("openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-pass", "pass:secret", "-in", str(tmp_path / "plain"),
         "-out", str(path))
    result = folder.look()
    assert result.says("openssl enc") and result.state != "CRITICAL", result
    cut(path, -5)
    bad(folder.look(), "multiple of 16")


# ---- what cannot be told ----

def test_no_known_format(folder):
    """Nobody knows what that is, however large it is: asked for less, its being there is enough."""
    (folder.root / "nightly.bin").write_bytes(bytes(range(1, 255)) * 40)
    result = folder.look()
    assert result.state == "UNKNOWN" and result.says("nightly.bin is not proven to be a backup"), result
    assert result.says("no format that is known here") and not result.says("was not looked at"), result


def test_not_unpacked(folder, tmp_path):
    (tmp_path / "plain").write_bytes(b"x" * 5000)
    tool("zip", "-q", "-j", str(folder.root / "nightly.zip"), str(tmp_path / "plain"))
    result = folder.look("--proof", "checksummed")
    assert result.state == "UNKNOWN" and result.says("(well-formed): a zip is not unpacked here"), result


# ---- what is no backup ----

def test_message_of_a_failed_dump(folder, dumps):
    """2>&1, of a database that is not there."""
    with open(str(folder.root / "nightly.sql"), "wb") as file:
        subprocess.run(dumps.command("pg_dump", "no_such_database"), stdout=file, stderr=subprocess.STDOUT, timeout=60)
    bad(folder.look(), "an error message in the place of a backup", "pg_dump: error")


def test_nothing_of_a_failed_dump(folder, dumps):
    with open(str(folder.root / "nightly.sql"), "wb") as file:
        subprocess.run(dumps.command("pg_dump", "no_such_database"), stdout=file, stderr=subprocess.PIPE, timeout=60)
    bad(folder.look(), "size 0")
