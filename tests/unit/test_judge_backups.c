/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge of check_backup_freshness: each way in which a backup, a schedule, a log or a copy can
 * be wrong has a row, and its healthy counterpart another one. */
#include "tests/unit/locale.h"
#include "tests/unit/scene_backups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct row {
    const char *name;
    const char *scene;
    const char *options; /* blank-separated, see set_option */
    enum dr_state state;
    const char *verdict;  /* a part of it */
    const char *words[3]; /* parts of lines that must be there, "SUBJECT: TEXT"; "-" and what must
                             not */
};

#define PG "target pg files\nseries -\n"
#define NIGHTLY(age) PG "runs 8 " age " 1d took=1h\n"

static const struct row rows[] = {
    /* ---- how old ---- */
    {"all right",
     NIGHTLY("5h"),
     "rpo=26h",
     DR_OK,
     "pg can be restored to 5h ago (RPO 1d2h), worst 1d1h in 7d",
     {"pg: data of 5h ago, run0"}},
    {"just before the next one: as usual, and no warning",
     NIGHTLY("24h30m"),
     "rpo=26h",
     DR_OK,
     "pg can be restored to 1d1h ago",
     {0}},
    {"late, and within the RPO",
     NIGHTLY("27h"),
     "rpo=28h",
     DR_WARNING,
     "is 1d3h old, warning above",
     {0}},
    {"too old",
     NIGHTLY("60h"),
     "rpo=26h",
     DR_CRITICAL,
     "pg: the newest data that can be restored is 2d12h old, critical above 1d2h; 1 run was missed",
     {"pg: the newest data"}},
    {"a single one, fresh", PG "point a 1h\n", "rpo=26h", DR_OK, "can be restored to 1h ago", {0}},
    {"a single one (overwritten each night), 80 %: nothing says when the next is due",
     PG "point a 22h\n",
     "rpo=26h",
     DR_OK,
     "can be restored to 22h ago",
     {0}},
    {"... and none came", PG "point a 27h\n", "rpo=26h", DR_CRITICAL, "is 1d3h old", {0}},
    {"on Sunday, where nothing runs at weekends: as a week ago",
     PG "runs 5 65h 1d took=1h\nruns 5 233h 1d took=1h\n",
     "rpo=80h window=14d",
     DR_OK,
     "can be restored to 2d17h ago",
     {0}},
    {"... and on Monday night, which is new",
     PG "runs 5 76h 1d took=1h\nruns 5 244h 1d took=1h\n",
     "rpo=80h window=14d",
     DR_WARNING,
     "is 3d4h old, warning above 2d16h",
     {0}},
    {"a log has no pauses: 80 % is a warning",
     "target pg pgbackrest\nseries main\nruns 8 5h 1d took=1h\nlog through=13m missing=0\n",
     "rpo=15m",
     DR_WARNING,
     "main: the newest data that can be restored is 13m old, warning above 12m",
     {0}},
    {"of several the worst is said first, and how many there are",
     "target pg files\nseries a\npoint a1 30h\nseries b\npoint b1 60h\nseries c\npoint c1 1h\n",
     "rpo=26h",
     DR_CRITICAL,
     "b: the newest data that can be restored is 2d12h old, critical above 1d2h; 2 of 3 are "
     "CRITICAL",
     {0}},
    {"none at all is worse than an old one",
     "target pg files\nseries a\npoint a1 30h\nseries b\npoint b1 1h status=partial why=cut\n",
     "rpo=26h",
     DR_CRITICAL,
     "b has no usable backup: b1: cut; 2 of 2 are CRITICAL",
     {0}},
    {"a limit of the user's goes before",
     NIGHTLY("5h"),
     "rpo=26h critical=exposure:4h",
     DR_CRITICAL,
     "is 5h old, critical above 4h",
     {0}},
    /* ---- the promise over the window ---- */
    {"a schedule that cannot meet the RPO",
     NIGHTLY("5h"),
     "rpo=24h",
     DR_WARNING,
     "pg: an RPO of 1d cannot be met by this schedule, which gives 1d1h at best",
     {"pg: an RPO of 1d cannot be met"}},
    {"... by what is known of the window, and no more",
     PG "runs 3 5h 1d took=1h\n",
     "rpo=24h",
     DR_WARNING,
     "cannot be met",
     {"(worst 1d1h in 2d5h)", "-worst 1d1h in 7d"}},
    {"... and no alarm at night", NIGHTLY("24h30m"), "rpo=24h", DR_WARNING, "cannot be met", {0}},
    {"... but one when a run is late", NIGHTLY("27h"), "rpo=24h", DR_CRITICAL, "is 1d3h old", {0}},
    {"a missed run in the window",
     PG "runs 3 5h 1d took=1h\nruns 4 101h 1d took=1h\n",
     "rpo=26h",
     DR_WARNING,
     "pg: the RPO was broken: up to 2d1h would have been lost before",
     {"1 run missed"}},
    {"older ones were thinned out by retention",
     PG "runs 4 5h 1d took=1h\npoint weekly1 10d took=1h\npoint weekly2 17d took=1h\n"
        "point weekly3 24d took=1h\n",
     "rpo=26h window=30d",
     DR_OK,
     "can be restored to 5h ago",
     {0}},
    {"extra runs by hand are no schedule",
     PG "point x1 4h30m\npoint x2 4h50m\nruns 5 5h 1d took=1h\n",
     "rpo=26h",
     DR_OK,
     "can be restored to 4h30m ago",
     {0}},
    {"a few at once, and nothing since: not thousands of missed runs",
     PG "runs 5 30h 2s\n",
     "rpo=26h",
     DR_CRITICAL,
     "is 1d6h old, critical above 1d2h",
     {"-missed"}},
    /* ---- is it a backup ---- */
    {"nothing is there",
     "target pg files\n",
     "rpo=26h",
     DR_CRITICAL,
     "pg: no backup is there",
     {"pg: no backup: nothing that matches is there"}},
    {"nothing was seen",
     "target pg files incomplete\nsign cut after_10_pages\n",
     "rpo=26h",
     DR_UNKNOWN,
     "pg: the listing is incomplete: after 10 pages",
     {0}},
    {"only a partial one",
     PG "point a 1h status=partial why=no_trailer\n",
     "rpo=26h",
     DR_CRITICAL,
     "pg has no usable backup: a: no trailer",
     {"next: make a backup now"}},
    {"only one that could not be read",
     PG "point a 1h status=unseen why=permission_denied\nsign unreadable a\n",
     "rpo=26h",
     DR_UNKNOWN,
     "pg has no usable backup: a: permission denied",
     {"next: let the monitoring user", "-make a backup now"}},
    {"only one in the future",
     PG "point a 2h future\nsign future a\n",
     "rpo=26h",
     DR_CRITICAL,
     "pg has no usable backup",
     {"dated in the future"}},
    {"one that is cut, and dated in the future: the latest is no backup",
     PG "point b 1d future status=partial why=cut\nruns 4 5h 1d took=1h\n",
     "rpo=26h",
     DR_WARNING,
     "pg: the latest, b, is no backup: cut",
     {0}},
    {"a little ahead is no future", PG "point a 2m future\n", "rpo=26h", DR_OK, "0 s ago", {0}},
    {"only one, still running",
     PG "point a 1h status=running why=no_end_yet\n",
     "rpo=26h",
     DR_CRITICAL,
     "the first, a, is still being made: no end yet",
     {"next: wait", "-make a backup now"}},
    {"the latest is cut, the one before is good",
     PG "point b 1h status=partial why=cut\nruns 4 25h 1d took=1h\n",
     "rpo=50h",
     DR_WARNING,
     "pg: the latest, b, is no backup: cut",
     {0}},
    {"an older one that is cut is the past",
     PG "point b 30h status=partial why=cut\nruns 4 5h 1d took=1h\n",
     "rpo=26h",
     DR_OK,
     "can be restored to 5h ago",
     {0}},
    {"not proven",
     PG "point a 1h proof=sized why=unknown_format\n",
     "rpo=26h",
     DR_UNKNOWN,
     "pg: a is not proven to be a backup: unknown format",
     {0}},
    {"not proven, and that is enough",
     PG "point a 1h proof=sized\n",
     "rpo=26h proof=sized",
     DR_OK,
     "can be restored",
     {0}},
    {"encrypted",
     PG "point a 1h proof=sized encrypted\n",
     "rpo=26h",
     DR_OK,
     "can be restored",
     {"pg: encrypted: its content is not verifiable"}},
    {"encrypted, and checksums are wanted",
     PG "point a 1h proof=sized encrypted\n",
     "rpo=26h proof=checksummed",
     DR_WARNING,
     "a (encrypted): its content is not verifiable",
     {0}},
    {"a service says so itself",
     "target db rds\nseries orders\npoint a 1h proof=none\n",
     "rpo=26h",
     DR_OK,
     "orders can be restored",
     {0}},
    {"expired", PG "point a 1h expires=0\n", "rpo=26h", DR_CRITICAL, "no usable backup", {0}},
    {"deleted before the next",
     PG "point now 1h took=1h expires=2h\nruns 5 25h 1d took=1h\n",
     "rpo=26h",
     DR_WARNING,
     "deleted in 2h, before the next one is usable",
     {0}},
    /* ---- running ---- */
    {"running as usual",
     PG "point now 1h status=running\nruns 5 24h 1d took=1h\n",
     "rpo=26h",
     DR_OK,
     "can be restored",
     {"one is being made since 1h"}},
    {"a weekly full one takes longer than the incremental ones, and is not stuck",
     PG "point now 2h status=running level=full\npoint f3 15d took=3h\npoint f2 8d took=3h\n"
        "point i1 3d took=5m level=incr parent=f2\npoint i2 2d took=5m level=incr parent=i1\n"
        "point i3 26h took=5m level=incr parent=i2\npoint i4 7h took=5m level=incr parent=i3\n",
     "rpo=26h window=2d",
     DR_OK,
     "can be restored to 7h ago",
     {"one is being made since 2h"}},
    {"an incremental one that takes as long as a full one is",
     PG "point now 2h status=running level=incr\npoint f2 4d took=3h\n"
        "point i1 3d took=5m level=incr parent=f2\npoint i2 2d took=5m level=incr parent=i1\n"
        "point i3 26h took=5m level=incr parent=i2\npoint i4 7h took=5m level=incr parent=i3\n",
     "rpo=26h window=2d",
     DR_WARNING,
     "pg: a backup is stuck: running for 2h, usually it takes 5m",
     {0}},
    {"differential ones grow until the next full one, and begin anew",
     PG "point f2 25h size=9000 level=full\npoint d7 2d1h size=900 level=diff parent=f1\n"
        "point d6 3d1h size=800 level=diff parent=f1\npoint d5 4d1h size=700 level=diff parent=f1\n"
        "point f1 8d size=9000 level=full\npoint d1 1h size=100 level=diff parent=f2\n",
     "rpo=26h",
     DR_OK,
     "can be restored to 1h ago",
     {"-changed"}},
    {"stuck",
     PG "point now 4h status=running\nruns 5 24h 1d took=1h\n",
     "rpo=30h",
     DR_WARNING,
     "pg: a backup is stuck: running for 4h, usually it takes 1h",
     {0}},
    {"stuck, where a catalogue dates points by their end",
     PG "point now 9h status=running\nruns 5 24h 1d lasted=1h\n",
     "rpo=30h",
     DR_WARNING,
     "pg: a backup is stuck: running for 9h, usually it takes 1h",
     {0}},
    {"a listing that was cut, and what is known is old",
     "target pg files incomplete\nseries -\npoint a 60h\n",
     "rpo=26h",
     DR_UNKNOWN,
     "is 2d12h old, critical above 1d2h, as far as could be seen",
     {0}},
    {"in an archive tier, which cannot be read",
     PG "point a 1h proof=sized tier=GLACIER\n",
     "rpo=26h",
     DR_OK,
     "can be restored",
     {"GLACIER: its content is not verifiable"}},
    /* ---- chains ---- */
    {"a whole chain",
     PG "point f 25h level=full\npoint i1 13h level=incr parent=f\npoint i2 1h level=incr "
        "parent=i1\n",
     "rpo=26h",
     DR_OK,
     "can be restored to 1h ago",
     {0}},
    {"a chain whose middle is gone",
     PG "point f 25h level=full\npoint i2 1h level=incr parent=i1\n",
     "rpo=40h",
     DR_WARNING,
     "i2 cannot be restored without i1",
     {0}},
    {"a chain whose full one is cut",
     PG "point f 25h level=full status=partial why=cut\npoint i 1h level=incr parent=f\n",
     "rpo=26h",
     DR_CRITICAL,
     "no usable backup: f: cut",
     {0}},
    {"a chain in a circle",
     PG "point a 2h level=incr parent=b\npoint b 1h level=incr parent=a\n",
     "rpo=26h",
     DR_CRITICAL,
     "no usable backup",
     {0}},
    {"the full one is too old",
     PG "point f 20d level=full\npoint i 1h level=incr parent=f\n",
     "rpo=26h full=8d",
     DR_CRITICAL,
     "the age of the newest full backup: 20d, critical above 8d",
     {0}},
    /* ---- size, count, retention ---- */
    {"half the size",
     PG "point now 1h size=400000\nruns 5 25h 1d size=1000000\n",
     "rpo=26h",
     DR_WARNING,
     "the size of the newest changed by -60 %",
     {0}},
    {"a little smaller",
     PG "point now 1h size=900000\nruns 5 25h 1d size=1000000\n",
     "rpo=26h",
     DR_OK,
     "can be restored",
     {0}},
    {"one odd one in between is not the measure",
     PG "point now 1h size=1000000\npoint odd 25h size=10\nruns 5 49h 1d size=1000000\n",
     "rpo=26h",
     DR_OK,
     "can be restored",
     {0}},
    {"an incremental one varies",
     PG "point f 25h size=1000000\npoint now 1h size=10 level=incr parent=f\nruns 5 49h 1d\n",
     "rpo=26h",
     DR_OK,
     "can be restored",
     {0}},
    {"too small",
     PG "point now 1h size=10\n",
     "rpo=26h size=1000",
     DR_CRITICAL,
     "the size of the newest:",
     {0}},
    {"too few",
     NIGHTLY("5h"),
     "rpo=26h least=9",
     DR_CRITICAL,
     "usable restore points: 8, critical below 9",
     {0}},
    {"does not go back far enough",
     NIGHTLY("5h"),
     "rpo=26h retention=30d",
     DR_CRITICAL,
     "goes back 7d5h, critical below 30d",
     {0}},
    {"goes back far enough", NIGHTLY("5h"), "rpo=26h retention=7d", DR_OK, "can be restored", {0}},
    /* ---- logs ---- */
    {"a log goes further than its base",
     "target repo pgbackrest\nseries main\npoint f 20h\nlog through=3m last=10\n",
     "rpo=15m",
     DR_OK,
     "main can be restored to 3m ago",
     {0}},
    {"a log without a base is of no use",
     "target repo pgbackrest\nseries main\nlog through=3m last=10\n",
     "rpo=15m",
     DR_CRITICAL,
     "no usable backup",
     {0}},
    {"an archive that is silent: idle or dead",
     "target repo pgbackrest\nseries main\npoint f 20h\nlog through=1h last=10\n",
     "rpo=15m",
     DR_UNKNOWN,
     "no WAL came since",
     {0}},
    {"... with a gap it is dead",
     "target repo pgbackrest\nseries main\npoint f 20h\nlog through=1h last=10 missing=2\nsign gap "
     "3\n",
     "rpo=15m",
     DR_CRITICAL,
     "main: the newest data that can be restored is 1h old",
     {0}},
    {"... and its server says that it is idle",
     "target repo pgbackrest\nseries main\npoint f 20h\nlog through=1h last=10 system=7\n"
     "target db archiver\nseries -\nlog through=1h last=10 system=7 idle\n",
     "rpo=15m",
     DR_OK,
     "all 2 can be restored to 0 s ago",
     {0}},
    {"... and its server says that it is not",
     "target repo pgbackrest\nseries main\npoint f 20h\nlog through=1h last=10 system=7\n"
     "target db archiver\nseries -\nlog through=1h last=10 system=7 busy\n",
     "rpo=15m",
     DR_CRITICAL,
     "is 1h old",
     {0}},
    {"an archiver alone is only its word",
     "target db archiver\nseries -\nlog through=1m last=10 system=7\n",
     "rpo=15m",
     DR_WARNING,
     "db says that it archives, and nobody looked at the archive",
     {0}},
    {"... which may be enough",
     "target db archiver\nseries -\nlog through=1m last=10 system=7\n",
     "rpo=15m proof=none",
     DR_OK,
     "db can be restored to 1m ago",
     {0}},
    {"an archiver that archives nothing",
     "target repo wal\nseries main\nlog through=2m last=10 system=7\n"
     "target db archiver\nseries -\nlog through=1m last=20 system=7 idle\n",
     "rpo=15m",
     DR_CRITICAL,
     "db says that 000000010000000000000014 is archived, and repo/main ends",
     {0}},
    {"an archiver that has never archived",
     "target repo wal\nseries main\nlog through=2m last=10 system=7\n"
     "target db archiver\nseries -\nlog busy system=7\n",
     "rpo=15m",
     DR_UNKNOWN,
     "db: when it last archived is not known",
     {0}},
    {"another cluster's archive proves nothing",
     "target repo wal\nseries main\nlog through=2m last=10 system=8\n"
     "target db archiver\nseries -\nlog through=1m last=10 system=7\n",
     "rpo=15m",
     DR_WARNING,
     "nobody looked at the archive",
     {0}},
    {"a service restores to any moment",
     "target db rds\nseries orders restorable=4m earliest=7d\n",
     "rpo=15m retention=6d",
     DR_OK,
     "orders can be restored to 4m ago",
     {0}},
    {"a service that stands still since before the last nightly snapshot",
     "target db rds\nseries orders restorable=8h\nruns 6 5h 1d took=10m\n",
     "rpo=1h",
     DR_CRITICAL,
     "orders: the newest data that can be restored is 5h old, critical above 1h",
     {0}},
    {"an archive that stands still since the last base backup: not a schedule that is too slow",
     "target repo pgbackrest\nseries main\nruns 6 5h 1d took=0\nlog through=5h last=10 missing=0\n",
     "rpo=15m",
     DR_UNKNOWN,
     "main: the newest data that can be restored is 5h old",
     {0}},
    /* ---- signs ---- */
    {"a sign of the target",
     PG "point a 1h\ntarget x files\nsign mount /srv\nseries -\npoint b 1h\n",
     "rpo=26h",
     DR_CRITICAL,
     "x: nothing is mounted at /srv",
     {0}},
    {"a part could not be read",
     "target pg files\nsign unreadable sub:_denied\nseries -\npoint a "
     "1h\n",
     "rpo=26h",
     DR_UNKNOWN,
     "pg: could not be read: sub: denied",
     {0}},
    {"a note is no alarm",
     PG "point a 1h\nsign note kept_for_ever\n",
     "rpo=26h",
     DR_OK,
     "can be restored",
     {"kept for ever"}},
    {"a target that does not answer",
     "target pg files down=connect\n",
     "rpo=26h",
     DR_CRITICAL,
     "pg: connect failed",
     {0}},
    {"a target that may not be seen",
     "target pg files down=privilege\n",
     "rpo=26h",
     DR_UNKNOWN,
     "pg: privilege failed",
     {0}},
    {"one of two does not answer",
     NIGHTLY("5h") "target b objects down=auth\n",
     "rpo=26h",
     DR_UNKNOWN,
     "b: auth failed",
     {"pg: data of 5h ago"}},
    /* ---- the store ---- */
    {"versioning is on",
     "target s objects versioning=on\nseries -\npoint a 1h\n",
     "rpo=26h require=versioning",
     DR_OK,
     "can be restored",
     {"s: versioning is on"}},
    {"versioning is off",
     "target s objects versioning=off\nseries -\npoint a 1h\n",
     "rpo=26h require=versioning",
     DR_CRITICAL,
     "s: versioning is off",
     {0}},
    {"versioning cannot be seen",
     "target s objects\nseries -\npoint a 1h\n",
     "rpo=26h require=versioning",
     DR_UNKNOWN,
     "whether versioning is on cannot be seen",
     {0}},
    {"object lock is off",
     "target s objects lock=off\nseries -\npoint a 1h\n",
     "rpo=26h require=lock",
     DR_CRITICAL,
     "object lock is off",
     {0}},
    {"the SAS ends soon",
     "target s objects credential=3d\nseries -\npoint a 1h\n",
     "rpo=26h",
     DR_WARNING,
     "s: the credentials expire in 3d",
     {0}},
    {"the SAS ends today",
     "target s objects credential=3h\nseries -\npoint a 1h\n",
     "rpo=26h",
     DR_CRITICAL,
     "s: the credentials expire in 3h",
     {0}},
    /* ---- the copy ---- */
    {"a whole copy",
     "target s objects compared\ncompare objects=10 bytes=1000\nseries -\npoint a 1h\ntarget dr "
     "objects copy\n",
     "rpo=26h",
     DR_OK,
     "can be restored",
     {"s to dr: 10 of 10 objects and 100 % of the bytes"}},
    {"what is young is on its way",
     "target s objects compared\ncompare objects=10 missing=1 bytes=1000 lacking=100 oldest=1h\n"
     "series -\npoint a 1h\ntarget dr objects copy\n",
     "rpo=26h",
     DR_OK,
     "can be restored",
     {"1 objects (100 B) are still to be copied"}},
    {"a copy of the small ones only",
     "target s objects compared\ncompare objects=31 missing=28 bytes=1000 lacking=970 "
     "oldest=124d\nseries -\npoint a 1h\ntarget dr objects copy\n",
     "rpo=26h",
     DR_CRITICAL,
     "s: the copy lacks 28 objects (970 B), the oldest for 124d",
     {"3 of 31 objects and 3 % of the bytes"}},
    {"an empty copy of what is young",
     "target s objects compared\ncompare objects=3 missing=3 bytes=1000 lacking=1000 oldest=1h\n"
     "series -\npoint a 1h\ntarget dr objects copy\n",
     "rpo=26h",
     DR_WARNING,
     "s: nothing of it is in the copy",
     {0}},
    {"nothing to compare",
     "target s objects compared\ncompare objects=0\nseries -\npoint a 1h\ntarget dr objects copy\n",
     "rpo=26h",
     DR_UNKNOWN,
     "there is nothing to compare with its copy",
     {0}},
    {"not compared to the end",
     "target s objects compared\ncompare objects=9 undone\nseries -\npoint a 1h\ntarget dr objects "
     "copy\n",
     "rpo=26h",
     DR_UNKNOWN,
     "could not be compared with its copy",
     {0}},
    /* ---- what is expected ---- */
    {"all that is expected is there",
     "target db rds\nseries orders\npoint a 1h\nseries users\npoint a 1h\n",
     "rpo=26h expect=orders expect=users",
     DR_OK,
     "all 2 can be restored",
     {0}},
    {"something has no backup at all",
     "target db rds\nseries orders\npoint a 1h\n",
     "rpo=26h expect=orders expect=users",
     DR_CRITICAL,
     "users: no backup of it is there",
     {0}},
    {"... as far as could be seen",
     "target db rds incomplete\nseries orders\npoint a 1h\n",
     "rpo=26h expect=users",
     DR_UNKNOWN,
     "users: no backup of it is there",
     {0}},
    {"a volume that nobody backs up, and nobody asked",
     "target k ebs\nseries a\npoint s 1h\nseries b expected\n",
     "rpo=26h",
     DR_OK,
     "a can be restored",
     {"k: 1 without any backup: b"}},
    {"a volume that nobody backs up, and all should be",
     "target k ebs\nseries a\npoint s 1h\nseries b expected\n",
     "rpo=26h expect=*",
     DR_CRITICAL,
     "b: it has no backup at all",
     {0}},
    {"a volume that was deleted, and its last snapshots",
     "target k ebs\nseries a\npoint s 1h\nseries b gone\npoint t 90d\n",
     "rpo=26h",
     DR_OK,
     "a can be restored",
     {"k: 1 not there any more, and not judged: b"}},
    {"... and it was expected",
     "target k ebs\nseries a\npoint s 1h\nseries b gone\npoint t 90d\n",
     "rpo=26h expect=b",
     DR_CRITICAL,
     "b: no backup of it is there",
     {0}},
    {"all of it was deleted",
     "target k ebs\nseries b gone\npoint t 90d\n",
     "rpo=26h",
     DR_CRITICAL,
     "k: no backup is there",
     {0}},
    {"nothing of it is backed up",
     "target k ebs\nseries a expected\nseries b expected\n",
     "rpo=26h",
     DR_CRITICAL,
     "k: no backup is there",
     {0}},
    /* ---- the service ---- */
    {"the weakest part",
     "target db rds\nseries - restorable=5m\ntarget files files\nseries -\npoint a 3h\n",
     "rpo=26h",
     DR_OK,
     "all 2 can be restored to 3h ago (RPO 1d2h); oldest: files",
     {0}},
    {"a log adds no skew",
     "target db rds\nseries - restorable=5m\ntarget files files\nseries -\npoint a 3h\n",
     "rpo=26h critical=skew:1h",
     DR_OK,
     "all 2",
     {0}},
    {"too far apart",
     "target a files\nseries -\npoint a 3h\ntarget b files\nseries -\npoint a 1h\n",
     "rpo=26h critical=skew:1h",
     DR_CRITICAL,
     "too far apart",
     {0}},
    /* ---- restore ---- */
    {"a drill that succeeded",
     NIGHTLY("5h"),
     "rpo=26h drill=20d:ok",
     DR_OK,
     "can be restored",
     {"restore test: succeeded 20d ago"}},
    {"a drill that failed",
     NIGHTLY("5h"),
     "rpo=26h drill=20d:bad",
     DR_CRITICAL,
     "the last restore test, 20d ago, failed",
     {0}},
    {"a drill long ago",
     NIGHTLY("5h"),
     "rpo=26h drill=120d:ok",
     DR_WARNING,
     "the last restore test was 120d ago, warning above 100d",
     {0}},
    {"a drill that says nothing",
     NIGHTLY("5h"),
     "rpo=26h drill=20d:silent",
     DR_UNKNOWN,
     "no result of a restore test: it does not say how it ended",
     {0}},
    {"restored is wanted, and no drill is given",
     NIGHTLY("5h"),
     "rpo=26h proof=restored",
     DR_UNKNOWN,
     "--proof restored needs --drill",
     {0}},
    {"restored is wanted, and was",
     NIGHTLY("5h"),
     "rpo=26h proof=restored drill=20d:ok",
     DR_OK,
     "can be restored",
     {0}},
    {"a restore takes too long, by the drill",
     NIGHTLY("5h"),
     "rpo=26h rto=10m drill=20d:ok drillbytes=1000 drillseconds=1",
     DR_CRITICAL,
     "a restore is expected to take 16m40s, critical above 10m",
     {0}},
    {"a restore takes too long, by the backups",
     NIGHTLY("5h"),
     "rpo=26h rto=30m",
     DR_CRITICAL,
     "a restore is expected to take 1h",
     {"optimistic"}},
    {"how long a restore takes is not known",
     PG "point a 1h\n",
     "rpo=26h rto=30m",
     DR_UNKNOWN,
     "how long a restore takes is not known",
     {0}},
    {"an archive tier takes hours",
     PG "point a 1h tier=GLACIER\n",
     "rpo=26h rto=4h drill=20d:ok drillbytes=1000000 drillseconds=1",
     DR_CRITICAL,
     "a restore is expected to take 15h",
     {"storage class GLACIER"}},
    /* ---- limits that need a figure ---- */
    {"a figure that is not known is not well",
     PG "point a 1h\n",
     "rpo=26h critical=size_change:5",
     DR_UNKNOWN,
     "size_change is not known, and has a limit",
     {0}},
};

static void set_limit(struct scene *scene, const char *text)
{
    char name[64], argument[96];
    struct dr_error error;
    snprintf(name, sizeof name, "%s", text);
    name[strcspn(name, ":")] = '\0';
    snprintf(argument, sizeof argument, "%s=%s", name, strchr(text, ':') + 1);
    if (!dr_threshold_set(bak_metrics, BAK_METRICS, scene->thresholds, true, argument, &error)) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
}

static void set_drill(struct scene *scene, char *text)
{
    char *word = strchr(text, ':');
    struct bak_drill *drill = &scene->rules.drill;
    *word++ = '\0';
    drill->given = true;
    drill->time = scene_ago(scene, text);
    if (strcmp(word, "silent") != 0)
        drill->success = dr_bool(strcmp(word, "ok") == 0);
}

static void set_option(struct scene *scene, char *word)
{
    struct bak_rules *rules = &scene->rules;
    char *value;
    if ((value = scene_value(word, "rpo")) != NULL)
        rules->rpo = scene_time(value);
    else if ((value = scene_value(word, "rto")) != NULL)
        rules->rto = dr_real(scene_time(value));
    else if ((value = scene_value(word, "window")) != NULL)
        rules->window = scene_time(value);
    else if ((value = scene_value(word, "retention")) != NULL)
        rules->retention = dr_real(scene_time(value));
    else if ((value = scene_value(word, "full")) != NULL)
        rules->full = dr_real(scene_time(value));
    else if ((value = scene_value(word, "least")) != NULL)
        rules->least = dr_int(atoi(value));
    else if ((value = scene_value(word, "size")) != NULL)
        rules->least_size = dr_int(atoi(value));
    else if ((value = scene_value(word, "proof")) != NULL)
        rules->proof = (enum bak_proof)SCENE_FIND(scene_proofs, value);
    else if ((value = scene_value(word, "require")) != NULL)
        *(strcmp(value, "lock") == 0 ? &rules->locking : &rules->versioning) = true;
    else if ((value = scene_value(word, "expect")) != NULL) {
        scene->expected[rules->expected_count++] =
            (struct bak_expected){.glob = value, .from = "--expect"};
        rules->expected = scene->expected;
    } else if ((value = scene_value(word, "drill")) != NULL)
        set_drill(scene, value);
    else if ((value = scene_value(word, "drillbytes")) != NULL)
        rules->drill.bytes = dr_int(atoi(value));
    else if ((value = scene_value(word, "drillseconds")) != NULL)
        rules->drill.seconds = dr_real(atof(value));
    else if ((value = scene_value(word, "critical")) != NULL)
        set_limit(scene, value);
    else
        abort();
}

static void prepare(struct scene *scene, char *options, double now)
{
    memset(scene, 0, sizeof *scene);
    scene->now = now;
    scene->timeout_state = DR_CRITICAL;
    scene->rules = (struct bak_rules){.thresholds = scene->thresholds,
                                      .window = 7 * 86400.0,
                                      .proof = BAK_WELLFORMED,
                                      .stuck = 3,
                                      .skew = 300};
    for (char *word; (word = strsep(&options, " ")) != NULL;)
        set_option(scene, word);
    bak_limits_set(&scene->rules, scene->thresholds);
}

static bool has_line(const struct dr_result *result, const char *words)
{
    char line[2000];
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct dr_finding *finding = &result->findings[i];
        snprintf(line, sizeof line, "%s: %s [%s] next: %s",
                 finding->subject != NULL ? finding->subject : "", finding->text,
                 finding->detail != NULL ? finding->detail : "",
                 finding->next != NULL ? finding->next : "-");
        if (strstr(line, words) != NULL)
            return true;
    }
    return false;
}

static bool check(const struct row *row, const struct dr_result *result)
{
    bool ok = dr_result_state(result) == row->state &&
              (row->verdict == NULL || strstr(result->verdict, row->verdict) != NULL);
    for (size_t i = 0; i < 3 && row->words[i] != NULL; i++) {
        bool absent = row->words[i][0] == '-';
        ok = ok && has_line(result, row->words[i] + (absent ? 1 : 0)) != absent;
    }
    if (ok)
        return true;
    fprintf(stderr, "%s: %s, \"%s\"\n", row->name, dr_state_name(dr_result_state(result)),
            result->verdict != NULL ? result->verdict : "");
    for (size_t i = 0; i < result->finding_count; i++)
        fprintf(stderr, "  [%s] %s: %s [%s]\n", dr_state_name(result->findings[i].state),
                result->findings[i].subject, result->findings[i].text, result->findings[i].detail);
    return false;
}

static void test_rows(void **state)
{
    static struct scene scene;
    size_t wrong = 0;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dr_result result;
        char options[400];
        snprintf(options, sizeof options, "%s", rows[i].options);
        prepare(&scene, options, SCENE_NOW);
        scene_read(&scene, rows[i].scene);
        scene_judge(&scene, &result);
        wrong += check(&rows[i], &result) ? 0 : 1;
        dr_result_free(&result);
        scene_end(&scene);
    }
    assert_int_equal(wrong, 0);
}

/* ---- with --state-dir ---- */

struct step {
    double at;
    const char *scene;
    enum dr_state state;
    const char *verdict;
};

static void run_steps(const struct step *steps, size_t count, const char *option)
{
    static struct scene scene;
    char directory[] = "/tmp/dr-backups-XXXXXX";
    struct dr_error error = {.class = DR_ERR_NONE};
    size_t wrong = 0;
    assert_non_null(mkdtemp(directory));
    for (size_t i = 0; i < count; i++) {
        struct dr_result result;
        char options[200];
        snprintf(options, sizeof options, "%s", option);
        const struct row row = {
            .name = steps[i].verdict, .state = steps[i].state, .verdict = steps[i].verdict};
        prepare(&scene, options, SCENE_NOW + steps[i].at);
        assert_true(
            bak_history_open(&scene.history, directory, "check_backup_freshness", "x", &error));
        scene_read(&scene, steps[i].scene);
        scene_judge(&scene, &result);
        assert_true(bak_history_close(&scene.history, &error));
        wrong += check(&row, &result) ? 0 : 1;
        dr_result_free(&result);
        scene_end(&scene);
    }
    test_remove_tree(directory);
    assert_int_equal(wrong, 0);
}

/* What retention has deleted since is remembered: it was there, and no run was missed. */
static void test_deleted_since(void **state)
{
    static const struct step steps[] = {
        {0, PG "runs 3 1h 1d took=30m\n", DR_OK, "worst 1d1h in 2d1h"},
        {86400, PG "point run 1h took=30m\npoint run2 2d1h took=30m\npoint run3 3d1h took=30m\n",
         DR_OK, "worst 1d1h in 3d1h"},
    };
    (void)state;
    run_steps(steps, 2, "rpo=26h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_deleted_since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
