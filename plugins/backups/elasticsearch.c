/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/http.h"
#include "common/module.h"
#include "plugins/backups/request.h"

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    (void)task, (void)facts;
    return dr_error_set(error, DR_ERR_INTERNAL, "not built yet");
}

extern const struct dr_source DR_SOURCE_SYMBOL(backups, elasticsearch);
const struct dr_source DR_SOURCE_SYMBOL(backups, elasticsearch) = {
    .abi = DR_SOURCE_ABI,
    .group = "backups",
    .name = "elasticsearch",
    .facts_size = sizeof(struct bak_facts),
    .library = dr_http_library,
    .probe = probe,
};
