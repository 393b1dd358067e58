/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/history.h"

#include "common/state_file.h"

#include <stdlib.h>
#include <string.h>

#define STATE_KIND "liveness"
#define STATE_VERSION 1
#define MICROSECONDS 1e6

enum number { WHAT, SINCE, NUMBERS };

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static void end(struct liv_history *history)
{
    dr_state_close(history->file);
    free(history->file);
    *history = (struct liv_history){.open = false};
}

bool liv_history_open(struct liv_history *history, const char *directory, const char *executable,
                      const char *identity, struct dr_error *error)
{
    *history = (struct liv_history){.open = false};
    history->file = calloc(1, sizeof *history->file);
    if (history->file == NULL)
        return no_memory(error);
    history->file->lock = -1;
    if (!dr_state_open(history->file, directory, executable, identity, STATE_KIND, STATE_VERSION,
                       error)) {
        end(history);
        return false;
    }
    history->before = history->file->count;
    history->open = true;
    return true;
}

/* The row of an earlier run; NULL. Of a few hundred at most. */
static const struct dr_state_row *find(const struct liv_history *history, const char *key)
{
    for (size_t i = 0; i < history->before; i++) {
        const struct dr_state_row *row = &history->file->rows[i];
        if (row->count == NUMBERS && strcmp(row->key, key) == 0)
            return row;
    }
    return NULL;
}

struct dr_opt_real liv_history_since(struct liv_history *history, const char *key, uint64_t what,
                                     double now)
{
    if (!history->open || history->kept >= LIV_HISTORY_ROWS)
        return (struct dr_opt_real){.known = false};
    const struct dr_state_row *row = find(history, key);
    double since = now;
    if (row != NULL && (uint64_t)row->numbers[WHAT] == what)
        since = (double)row->numbers[SINCE] / MICROSECONDS;
    /* a clock that was set back */
    if (since > now)
        since = now;
    const long long numbers[NUMBERS] = {
        [WHAT] = (long long)what, [SINCE] = (long long)(since * MICROSECONDS)};
    if (!dr_state_add(history->file, key, numbers, NUMBERS))
        return (struct dr_opt_real){.known = false};
    history->kept++;
    return dr_real(since);
}

bool liv_history_close(struct liv_history *history, struct dr_error *error)
{
    if (!history->open)
        return true;
    dr_state_remove_first(history->file, history->before);
    bool saved = dr_state_save(history->file, error);
    end(history);
    return saved;
}
