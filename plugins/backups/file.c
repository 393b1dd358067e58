/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for files and repositories on a disk. */
#include "common/module.h"
#include "plugins/backups/scan.h"

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    return bak_scan(task, bak_disk_open, bak_disk_parameters, facts, error);
}

static const char *library(void)
{
    return "none";
}

extern const struct dr_source DR_SOURCE_SYMBOL(backups, file);
const struct dr_source DR_SOURCE_SYMBOL(backups, file) = {
    .abi = DR_SOURCE_ABI,
    .group = "backups",
    .name = "file",
    .facts_size = sizeof(struct bak_facts),
    .library = library,
    .probe = probe,
};
