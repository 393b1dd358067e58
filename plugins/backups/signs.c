/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/signs.h"

static const struct bak_meaning meanings[BAK_SIGNS] = {
    [BAK_UNREADABLE] = {DR_UNKNOWN, "could not be read:",
                        "let the monitoring user read it: what cannot be seen is not counted"},
    [BAK_LISTING_CUT] = {DR_UNKNOWN, "the listing is incomplete:",
                         "name less in the target, or allow more by --max-pages and --timeout"},
    [BAK_ARCHIVE_UNSEEN] = {DR_WARNING, "only the server says so, nobody looked at the archive:",
                            "give the archive as a target, too: pgbackrest+file://, "
                            "wal+s3://BUCKET/PATH (or --proof none)"},
    [BAK_MOUNT_MISSING] = {DR_CRITICAL, "nothing is mounted at",
                           "mount it, and see where the last "
                           "backups went meanwhile"},
    [BAK_EMPTY_FILE] = {DR_WARNING, "size 0:", "see the log of the job that wrote it"},
    [BAK_ERROR_TEXT] = {DR_WARNING, "an error message in the place of a backup:",
                        "see the log of the job that wrote it"},
    [BAK_SPARSE] = {DR_WARNING, "sparse:",
                    "was the disk full, or the file made in advance? compare it with the source"},
    [BAK_FUTURE] = {DR_WARNING, "dated in the future, and not counted:",
                    "set the clock, or the zone (--zone), of whoever writes it"},
    [BAK_BROKEN_LINK] = {DR_WARNING, "a link that leads nowhere:", NULL},
    [BAK_LEFTOVER] = {DR_WARNING, "left over from a run that did not finish:",
                      "see why it was killed; delete what is left of it"},
    [BAK_CLOCK_SKEW] = {DR_WARNING, "clocks differ:", "synchronise both with NTP"},
    [BAK_NAME_UNREAD] = {DR_WARNING, "no --name-format fits:",
                         "correct --name-format, or leave the name out by --exclude"},
    [BAK_PAIR_MISSING] = {DR_CRITICAL, "its other part is missing:",
                          "a restore needs both: see the job that writes them"},
    [BAK_REPLICATION_FAILED] = {DR_WARNING, "not replicated by the store:",
                                "it is not tried again: copy it by hand, and see the rule's role"},
    [BAK_CHAIN_BROKEN] = {DR_CRITICAL, "the chain is broken:",
                          "make a full backup now; what hangs on the missing one is lost"},
    [BAK_CATALOGUE_LIES] = {DR_CRITICAL, "in the catalogue, and not in the store:",
                            "make a full backup now, and see who deletes there"},
    [BAK_BACKUP_ERROR] = {DR_CRITICAL, "errors while it was made:",
                          "see the tool's log: damaged pages were copied"},
    [BAK_NO_SUCH_SERIES] = {DR_CRITICAL,
                            "not there:", "is the name right, and was it ever set up?"},
    [BAK_STALE_LOCK] = {DR_WARNING,
                        "an old lock:", "if no run of the tool is alive, remove it with the tool"},
    [BAK_HOLLOW] = {DR_CRITICAL, "complete by name only:", "see the tool's log of that backup"},
    [BAK_LOG_GAP] = {DR_CRITICAL, "WAL is missing:",
                     "make a base backup now: nothing behind the gap can be restored"},
    [BAK_LOG_FOREIGN] = {DR_CRITICAL, "WAL of another cluster:",
                         "two servers archive to one place: give each its own"},
    [BAK_LOG_DROPPED] = {DR_CRITICAL, "WAL was given up:",
                         "make a base backup now, and see why the archive was too slow"},
    [BAK_ARCHIVER_OFF] = {DR_CRITICAL, "nothing is archived:",
                          "set archive_mode and archive_command, then make a base backup"},
    [BAK_ARCHIVER_FAILING] = {DR_WARNING, "archiving fails:",
                              "see the server's log for what archive_command says"},
    [BAK_ARCHIVER_HOLLOW] = {DR_CRITICAL, "archived by the server's word, and not in the archive:",
                             "does archive_command do anything? make a base backup when it does"},
    [BAK_NO_PITR] = {DR_CRITICAL, "automated backups are switched off:",
                     "set the retention period to a day at least"},
    [BAK_STORAGE_AWAY] = {DR_CRITICAL, "the place for backups is not available:", NULL},
    [BAK_SCHEDULE_PAUSED] = {DR_WARNING, "the schedule is paused:",
                             "resume it, or leave it out by "
                             "--exclude"},
    [BAK_SCHEDULE_FAILING] = {DR_WARNING, "the last run failed:", "see the tool's log of that run"},
    [BAK_SOURCE_BROKEN] = {DR_WARNING, "no backup can be made of it as it is:", NULL},
    [BAK_NOTE] = {DR_OK, "", NULL},
};

const struct bak_meaning *bak_sign_meaning(enum bak_sign_kind kind)
{
    return &meanings[kind];
}
