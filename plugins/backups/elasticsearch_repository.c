/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/scan.h"

bool bak_elasticsearch_repository_read(struct dr_task *task, struct bak_store *store,
                                       struct bak_facts *facts, struct dr_error *error)
{
    (void)task, (void)store, (void)facts;
    return dr_error_set(error, DR_ERR_INTERNAL, "not built yet");
}
