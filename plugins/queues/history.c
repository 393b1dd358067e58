/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/history.h"

#include "common/buffer.h"
#include "common/state_file.h"

#include <stdlib.h>
#include <string.h>

#define STATE_KIND "queues"
#define STATE_VERSION 1
#define MICROSECONDS 1e6
#define UNKNOWN (-1LL)

enum number {
    UNSYNCED_SINCE,
    HEAD_SINCE,
    HEAD,
    LEADER,
    MESSAGES,
    ACKED,
    LOST_AT,
    LOST,
    LOST_WITH_LEADER,
    NUMBERS
};

bool que_history_open(struct que_history *history, const char *directory, const char *executable,
                      const char *identity, struct dr_error *error)
{
    *history = (struct que_history){.open = false};
    history->file = calloc(1, sizeof *history->file);
    if (history->file == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    history->file->lock = -1;
    if (!dr_state_open(history->file, directory, executable, identity, STATE_KIND, STATE_VERSION,
                       error)) {
        dr_state_close(history->file);
        free(history->file);
        history->file = NULL;
        return false;
    }
    history->open = true;
    history->before = history->file->count;
    return true;
}

static struct dr_opt_int number_of(long long value)
{
    return (struct dr_opt_int){.known = value >= 0, .value = value};
}

bool que_history_find(const struct que_history *history, const char *key, struct que_memory *memory)
{
    for (size_t i = 0; history->open && i < history->before; i++) {
        const struct dr_state_row *row = &history->file->rows[i];
        if (row->count != NUMBERS || strcmp(row->key, key) != 0)
            continue;
        *memory = (struct que_memory){
            .unsynced_since = (double)row->numbers[UNSYNCED_SINCE] / MICROSECONDS,
            .head_since = (double)row->numbers[HEAD_SINCE] / MICROSECONDS,
            .head = (uint64_t)row->numbers[HEAD],
            .leader = (uint64_t)row->numbers[LEADER],
            .messages = number_of(row->numbers[MESSAGES]),
            .acked = number_of(row->numbers[ACKED]),
            .lost_at = (double)row->numbers[LOST_AT] / MICROSECONDS,
            .lost = row->numbers[LOST],
            .lost_with_leader = row->numbers[LOST_WITH_LEADER] != 0,
        };
        return true;
    }
    return false;
}

bool que_history_keep(struct que_history *history, const char *key, const struct que_memory *memory)
{
    if (!history->open || history->kept >= QUE_HISTORY_QUEUES)
        return false;
    const long long numbers[NUMBERS] = {
        [UNSYNCED_SINCE] = (long long)(memory->unsynced_since * MICROSECONDS),
        [HEAD_SINCE] = (long long)(memory->head_since * MICROSECONDS),
        [HEAD] = (long long)memory->head,
        [LEADER] = (long long)memory->leader,
        [MESSAGES] = memory->messages.known ? memory->messages.value : UNKNOWN,
        [ACKED] = memory->acked.known ? memory->acked.value : UNKNOWN,
        [LOST_AT] = (long long)(memory->lost_at * MICROSECONDS),
        [LOST] = memory->lost,
        [LOST_WITH_LEADER] = memory->lost_with_leader ? 1 : 0,
    };
    bool kept = dr_state_add(history->file, key, numbers, NUMBERS);
    history->kept += kept ? 1 : 0;
    return kept;
}

/* The rows of earlier runs are the first ones: `context` counts them down. */
static bool is_old(const struct dr_state_row *row, const void *context)
{
    size_t *left = *(size_t *const *)context;
    (void)row;
    if (*left == 0)
        return false;
    (*left)--;
    return true;
}

bool que_history_close(struct que_history *history, struct dr_error *error)
{
    if (!history->open)
        return true;
    size_t *left = &history->before;
    dr_state_remove(history->file, NULL, is_old, &left);
    bool saved = dr_state_save(history->file, error);
    dr_state_close(history->file);
    free(history->file);
    *history = (struct que_history){.open = false};
    return saved;
}
