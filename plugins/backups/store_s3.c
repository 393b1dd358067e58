/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/store.h"

const char *const bak_s3_parameters[] = {NULL};

struct bak_store *bak_s3_open(struct dr_task *task, const struct dr_uri *uri, bool whole,
                              struct dr_error *error)
{
    (void)task, (void)uri, (void)whole;
    dr_error_set(error, DR_ERR_INTERNAL, "not built yet");
    return NULL;
}
