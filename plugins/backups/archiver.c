/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/module.h"
#include "plugins/backups/request.h"

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    (void)task, (void)facts;
    return dr_error_set(error, DR_ERR_INTERNAL, "not built yet");
}

static const char *library(void)
{
    return "none";
}

extern const struct dr_source DR_SOURCE_SYMBOL(backups, archiver);
const struct dr_source DR_SOURCE_SYMBOL(backups, archiver) = {
    .abi = DR_SOURCE_ABI,
    .group = "backups",
    .name = "archiver",
    .facts_size = sizeof(struct bak_facts),
    .library = library,
    .probe = probe,
};
