#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of check_backup_freshness costs.

    bench_backups.py CHECK_BACKUP_FRESHNESS [PROGRAM...]      (make bench)

The tables are those of bench_queues.py: the first row is what all others are compared with.

1. a directory of FILES files. minimal_getdents reads the names, and with statx the details of each: nobody can list
   with less. Goals: with --name-format, where details are asked for of the newest alone, at most GOAL_NAMES times
   the names;
   without it at most GOAL_DETAILS times the names with their details; GOAL_MIB more memory than a run on one file
2. a bucket of as many objects: how many calls, beside curl, which asks for the same pages one after the other on one
   connection and throws them away. The server is ours, and takes part of the same processors
3. all of a compressed dump of DUMP_MB read and looked at, beside the tools that only test it; and what the structure of
   it costs, which is what a run looks at by itself
4. what other plugins say of one dump, of a pgBackRest repository, and of a server's archiving

The directory is made in TMPDIR. Nothing here fails: figures are for people."""

import contextlib
import http.server
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
for folder in ("lab", "live", "bench"):
    sys.path.insert(0, str(HERE.parent / folder))

import pgbackrest  # noqa: E402
import postgresql  # noqa: E402
import stub_s3_pages  # noqa: E402
from bench_queues import Command, installed, table  # noqa: E402
from postgresql import LabError  # noqa: E402

FILES = 1000000
GOAL_NAMES, GOAL_DETAILS, GOAL_MIB = 1.3, 1.2, 16
PAGE = 1000  # objects in one, which is the most that S3 gives
DUMP_MB = 200
FEW = 3
NOW = 1700000000
FORMAT = "pg-%Y%m%dT%H%M%S.dump"
BEGIN = b"--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 15.14\n" \
        b"-- Dumped by pg_dump version 15.14\n\n"
END = b"--\n-- PostgreSQL database dump complete\n--\n\n"
MARK = "@@@@@@"  # in the page that all are made of: the number of a page


def say(text):
    print("  " + text, flush=True)


class Pages:
    """A bucket of which each page is the same but for its number: it is sent as fast as a server of Python's can, and
    nothing is verified."""

    def __init__(self, count):
        self.count = count
        self.lists = 0
        modified = stub_s3_pages.iso(NOW - 600)
        item = "<Contents><Key>pg/%s-%06d.dump</Key><LastModified>%s</LastModified><ETag>&quot;%032x&quot;</ETag>" \
               "<Size>300000</Size><StorageClass>STANDARD</StorageClass></Contents>"
        self.items = "".join(item % (MARK, i, modified, i) for i in range(PAGE))
        self.environment = {"AWS_ACCESS_KEY_ID": stub_s3_pages.KEY, "AWS_SECRET_ACCESS_KEY": stub_s3_pages.SECRET,
                            "AWS_EC2_METADATA_DISABLED": "true", "DR_PLUGINS_NOW": str(NOW)}

    def page(self, number):
        more = number + 1 < self.count
        token = "<NextContinuationToken>%06d</NextContinuationToken>" % (number + 1) if more else ""
        return ('<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>backups'
                '</Name>%s<IsTruncated>%s</IsTruncated>%s</ListBucketResult>' % (
                    self.items.replace(MARK, "%06d" % number), "true" if more else "false", token)).encode()

    def answer(self, query):
        """(status, body)"""
        if "versioning" in query:
            return 200, b"<VersioningConfiguration/>"
        if query.get("list-type") != "2":
            return 404, b"<Error><Code>NoSuchKey</Code></Error>"
        self.lists += 1
        return 200, self.page(int(query.get("continuation-token", "0")))

    def __enter__(self):
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                query = urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, keep_blank_values=True)
                status, body = pages.answer(dict(query))
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def date_time_string(self, timestamp=None):
                return super().date_time_string(NOW)

            def log_message(self, *_):
                pass

        Handler.wbufsize = -1  # head and body in one: no waiting for an acknowledgement in between
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        self.place = "http://127.0.0.1:%d" % self.server.server_address[1]
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def uri(self, pattern):
        return stub_s3_pages.place(self.place, "backups", pattern)

    def curl(self):
        """The same pages, which curl counts through."""
        url = "%s/backups?list-type=2&continuation-token=[0-%d]" % (self.place, self.count - 1)
        return Command([shutil.which("curl") or "curl", "--silent", "--output", "/dev/null", url])


class Bench:
    def __init__(self, check, programs, scratch):
        self.check = check
        self.programs = programs  # {name: path}
        self.scratch = scratch

    def ours(self, target, *arguments, environment=None, codes=(0,)):
        return Command([self.check, "-T", target, "--timeout", "10m", "--zone", "UTC"] + list(arguments),
                       environment, codes)

    def minimal(self, name, *arguments):
        path = self.programs.get(name)
        return Command([path] + list(arguments)) if path else "it is not among the programs given"

    # ---- a directory ----

    def fill(self):
        """A file for each minute: the two newest are dumps, the others have one byte."""
        root = self.scratch / "many"
        root.mkdir()
        here = os.open(str(root), os.O_RDONLY)
        started = time.monotonic()
        for i in range(FILES):
            moment = NOW - 600 - 60 * i
            file = os.open(time.strftime(FORMAT, time.gmtime(moment)), os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=here)
            os.write(file, BEGIN + END if i < 2 else b"x")
            os.utime(file, (moment, moment))
            os.close(file)
        os.close(here)
        say("(it took %.0f s to make %d files)" % (time.monotonic() - started, FILES))
        return root

    def directory(self):
        at = {"DR_PLUGINS_NOW": str(NOW)}
        root = self.fill()
        one = self.scratch / "one"
        one.mkdir()
        newest = root / time.strftime(FORMAT, time.gmtime(NOW - 600))
        shutil.copy2(str(newest), str(one))
        formats = ("--name-format", FORMAT)
        small = self.ours("file://%s/pg-*.dump" % one, *formats, environment=at)
        names = self.ours("file://%s/pg-*.dump" % root, *formats, environment=at)
        details = self.ours("file://%s/pg-*.dump" % root, environment=at)
        table("%d files, their names" % FILES, [
            ("minimal_getdents", self.minimal("minimal_getdents", root)),
            ("check_backup_freshness, --name-format", names),
            ("  one file", small)], FEW)
        table("%d files, with the details of each" % FILES, [
            ("minimal_getdents, statx", self.minimal("minimal_getdents", root, "statx")),
            ("check_backup_freshness", details)], FEW)
        if small.used and names.used and details.used:
            say("more memory than for one file: %.1f MiB, %.1f MiB with details (goal: %d)" % (
                names.memory() - small.memory(), details.memory() - small.memory(), GOAL_MIB))
        shutil.rmtree(str(root))

    # ---- a bucket ----

    def bucket(self):
        rows, calls = [], []
        with Pages(FILES // PAGE) as many, Pages(1) as few:
            for pages in (many, few):
                command = self.ours(pages.uri("pg/*.dump"), "--proof", "none", "--window", "1h",
                                    environment=pages.environment)
                command.run()
                calls.append(pages.lists)
                rows.append(command)
            table("%d objects, %d calls" % (FILES, calls[0]), [
                ("curl, the same pages", many.curl()), ("check_backup_freshness", rows[0]),
                ("  %d objects, %d calls" % (PAGE, calls[1]), rows[1])], FEW)

    # ---- the whole of a dump ----

    def dump(self, path):
        """DUMP_MB of text, as pg_dump writes it, pressed to a quarter or so, as orders are."""
        with open(str(path), "wb") as file:
            file.write(BEGIN + b"COPY public.orders (id, token, at, state) FROM stdin;\n")
            row = 0
            while file.tell() < DUMP_MB * 1000000:
                file.write(b"".join(b"%d\t%s\t2023-11-14 22:%02d:20+00\tshipped to the customer\n" % (
                    row + i, os.urandom(6).hex().encode(), i % 60) for i in range(10000)))
                row += 10000
            file.write(b"\\.\n\n" + END)

    def proof(self):
        plain = self.scratch / "orders.sql"
        self.dump(plain)
        size = plain.stat().st_size / 1e6
        for program, ending in (("zstd", ".zst"), ("gzip", ".gz"), ("xz", ".xz")):
            if shutil.which(program) is None:
                say("%s: NOT MEASURED, it is not installed" % program)
                continue
            path = "%s%s" % (plain, ending)
            with open(path, "wb") as file:
                fast = "-0" if program == "xz" else "-1"
                subprocess.run([program, fast, "-q", "-c", str(plain)], stdout=file, check=True)
            whole = self.ours("file://" + path, "--proof", "checksummed")
            table("a dump of %.0f MB, %.0f MB of %s" % (size, os.path.getsize(path) / 1e6, program), [
                (program + " -t", Command([shutil.which(program), "-q", "-t", path])),
                ("check_backup_freshness --proof checksummed", whole),
                ("  --proof wellformed", self.ours("file://" + path))], FEW)
            os.unlink(path)

    # ---- other plugins ----

    def pgactivity(self, server, *words):
        """As a superuser, which some of its services need."""
        return installed(["check_pgactivity", "--status-file", self.scratch / "check_pgactivity", "-h", "127.0.0.1",
                          "-p", str(server.port), "-U", "postgres", "-d", "postgres"] + list(words))

    def one_dump(self, lab, primary):
        path = self.scratch / "postgres-20260101.dump"
        subprocess.run([lab.bin("pg_dump"), "-Fc", "-d", primary.uri(), "-f", str(path)], check=True)
        table("one dump on disk, pg_dump -Fc", [
            ("check_file_age", installed(["check_file_age", "-w", "3600", "-c", "7200", "-f", str(path)])),
            ("check_pgactivity pg_dump_backup, asks a server too", self.pgactivity(
                primary, "-s", "pg_dump_backup", "--path", self.scratch / "*.dump", "--pattern", r"(\w+)-\d+.dump",
                "--dbinclude", "^postgres$", "-w", "newest=1h", "-c", "newest=2h")),
            ("check_backup_freshness", self.ours("file://%s" % path)),
            ("  --proof checksummed", self.ours("file://%s" % path, "--proof", "checksummed"))])

    def repository(self, lab):
        repository = pgbackrest.Repository(lab, "bench")
        server = repository.add("main")
        for kind in ("full", "incr"):
            repository.backup("main", kind)
            repository.archived("main", 1)

        def peer(service, *words):
            return installed(["check_pgbackrest", "--service", service, "--stanza", "main",
                              "--config", repository.config()] + list(words))
        table("a pgBackRest repository, a full and an incremental backup", [
            ("check_pgbackrest retention", peer("retention", "--retention-full", "1")),
            ("check_pgbackrest archives", peer("archives")),
            ("check_backup_freshness, both", self.ours("pgbackrest+file://%s?stanza=main" % repository.folder))])
        return server

    def archiver(self, server):
        server.sql("create role monitor login; grant pg_monitor to monitor")
        place = server.uri("monitor")
        table("a server's archiving", [
            ("minimal_libpq", self.minimal("minimal_libpq", place)),
            ("check_pgactivity archiver", self.pgactivity(server, "-s", "archiver")),
            ("check_backup_freshness", self.ours(place.replace("postgresql://", "postgresql-archive://"),
                                                 "--proof", "none", "--rpo", "1h"))])

    def others(self):
        with postgresql.Lab() as lab:
            if lab.root != "/":
                raise LabError("the servers see another root than the plugins")
            self.one_dump(lab, lab.primary("dumped"))
            self.archiver(self.repository(lab))


def main():
    programs = {os.path.basename(path): os.path.abspath(path) for path in sys.argv[2:]}
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(os.path.abspath(sys.argv[1]), programs, pathlib.Path(scratch))
        print("What check_backup_freshness costs (goals: at most %.1f times the names, %.1f times the details)" % (
            GOAL_NAMES, GOAL_DETAILS))
        for part in (bench.directory, bench.bucket, bench.proof, bench.others):
            try:
                part()
            except (LabError, subprocess.CalledProcessError) as error:
                print("\n%s: NOT MEASURED, %s" % (part.__name__, error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
