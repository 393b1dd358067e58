/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/manual.h"

const char bak_description[] =
    "Looks at backups where they are kept, without the tool that made them: files on disks, "
    "objects in "
    "S3 and Azure, repositories of pgBackRest, Barman, WAL-G, restic, Velero and Elasticsearch, "
    "snapshots of clouds and Kubernetes.";

const struct dr_example bak_examples[BAK_EXAMPLES] = {
    {"Nightly dumps", "-T 'file:///srv/backup/pg/*.dump' --rpo 24h --window 7d"},
    {"A pgBackRest repository in S3",
     "-T 'pgbackrest+s3://backups/pgbackrest?region=eu-central-1&stanza=main' --rpo 15m"},
    {"Is archiving alive, and is it in the archive?",
     "-T postgresql-archive://nagios@db1/postgres -T wal+file:///srv/archive --rpo 15m"},
    {"A bucket and its copy in the other region",
     "-T 's3://backups/?region=eu-central-1' --compare 's3://backups-dr/?region=eu-west-1'"},
    {"Managed databases", "-T rds://eu-central-1 --expect orders --rpo 15m"},
};

const struct dr_manual_section bak_manual[BAK_SECTIONS] = {
    {"WHAT IS MEASURED", "Exposure."},
    {"TARGETS", "Targets."},
};
