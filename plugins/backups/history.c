/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/history.h"

#include "common/state_file.h"

#include <stdlib.h>

#define STATE_KIND "backups"
#define STATE_VERSION 1

bool bak_history_open(struct bak_history *history, const char *directory, const char *executable,
                      const char *identity, struct dr_error *error)
{
    *history = (struct bak_history){.open = false};
    history->file = calloc(1, sizeof *history->file);
    if (history->file == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    history->file->lock = -1;
    if (!dr_state_open(history->file, directory, executable, identity, STATE_KIND, STATE_VERSION,
                       error)) {
        bak_history_drop(history);
        return false;
    }
    history->before = history->file->count;
    history->open = true;
    return true;
}

bool bak_history_close(struct bak_history *history, struct dr_error *error)
{
    if (!history->open)
        return true;
    bool ok = dr_state_save(history->file, error);
    bak_history_drop(history);
    return ok;
}

void bak_history_drop(struct bak_history *history)
{
    if (history->file != NULL)
        dr_state_close(history->file);
    free(history->file);
    *history = (struct bak_history){.open = false};
}
