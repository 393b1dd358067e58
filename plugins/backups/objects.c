/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source for objects and repositories in object stores. */
#include "common/client/http.h"
#include "common/module.h"
#include "plugins/backups/scan.h"

#include <string.h>

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    const char *scheme = dr_task_target(task)->scheme->scheme;
    const char *plus = strrchr(scheme, '+');
    const char *store = plus != NULL ? plus + 1 : scheme;
    if (strcmp(store, "s3") == 0)
        return bak_scan(task, bak_s3_open, bak_s3_parameters, facts, error);
    return bak_scan(task,
                    strcmp(store, "azure-blob") == 0 ? bak_azure_blob_open : bak_azure_files_open,
                    bak_azure_parameters, facts, error);
}

extern const struct dr_source DR_SOURCE_SYMBOL(backups, objects);
const struct dr_source DR_SOURCE_SYMBOL(backups, objects) = {
    .abi = DR_SOURCE_ABI,
    .group = "backups",
    .name = "objects",
    .facts_size = sizeof(struct bak_facts),
    .library = dr_http_library,
    .probe = probe,
};
