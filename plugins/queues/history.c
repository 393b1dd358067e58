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

/* A row of an earlier run: the file's own move when one is added. */
struct que_row {
    const char *key;
    size_t row;
};

static int compare_rows(const void *a, const void *b)
{
    return strcmp(((const struct que_row *)a)->key, ((const struct que_row *)b)->key);
}

/* By key, because each of 100,000 queues is looked for. */
static bool sort_rows(struct que_history *history)
{
    history->before = history->file->count;
    history->rows = calloc(history->before + 1, sizeof *history->rows);
    for (size_t i = 0; history->rows != NULL && i < history->before; i++) {
        const struct dr_state_row *row = &history->file->rows[i];
        if (row->count == NUMBERS)
            history->rows[history->row_count++] = (struct que_row){.key = row->key, .row = i};
    }
    if (history->rows != NULL)
        qsort(history->rows, history->row_count, sizeof *history->rows, compare_rows);
    return history->rows != NULL;
}

static void end(struct que_history *history)
{
    dr_state_close(history->file);
    free(history->file);
    free(history->rows);
    *history = (struct que_history){.open = false};
}

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
        end(history);
        return false;
    }
    if (!sort_rows(history)) {
        end(history);
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    }
    history->open = true;
    return true;
}

static struct dr_opt_int number_of(long long value)
{
    return (struct dr_opt_int){.known = value >= 0, .value = value};
}

bool que_history_find(const struct que_history *history, const char *key, struct que_memory *memory)
{
    const struct que_row wanted = {.key = key};
    const struct que_row *found =
        history->row_count > 0
            ? bsearch(&wanted, history->rows, history->row_count, sizeof wanted, compare_rows)
            : NULL;
    if (found == NULL)
        return false;
    const long long *numbers = history->file->rows[found->row].numbers;
    *memory = (struct que_memory){
        .unsynced_since = (double)numbers[UNSYNCED_SINCE] / MICROSECONDS,
        .head_since = (double)numbers[HEAD_SINCE] / MICROSECONDS,
        .head = (uint64_t)numbers[HEAD],
        .leader = (uint64_t)numbers[LEADER],
        .messages = number_of(numbers[MESSAGES]),
        .acked = number_of(numbers[ACKED]),
        .lost_at = (double)numbers[LOST_AT] / MICROSECONDS,
        .lost = numbers[LOST],
        .lost_with_leader = numbers[LOST_WITH_LEADER] != 0,
    };
    return true;
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

bool que_history_close(struct que_history *history, struct dr_error *error)
{
    if (!history->open)
        return true;
    dr_state_remove_first(history->file, history->before);
    bool saved = dr_state_save(history->file, error);
    end(history);
    return saved;
}
