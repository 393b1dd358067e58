/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/history.h"

#include "common/buffer.h"
#include "common/state_file.h"

#include <stdlib.h>
#include <string.h>

#define STATE_KIND "backups"
#define STATE_VERSION 1
#define MICROSECONDS 1e6
/* Files whose content was read to its end, of which most are deleted by now. */
#define PAID_MAX 300
#define POINT_PREFIX "point "
#define PAID_KEY "paid"

enum point_number { DATA, USABLE, SIZE, POINT_NUMBERS };
enum paid_number { IDENTITY, PROOF, PAID_NUMBERS };

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

/* ---- points ---- */

static char *point_key(const char *key)
{
    char *whole = dr_text_format(POINT_PREFIX "%s", key);
    if (whole != NULL && strlen(whole) > DR_STATE_KEY_MAX)
        whole[DR_STATE_KEY_MAX] = '\0';
    return whole;
}

void bak_history_points(const struct bak_history *history, const char *key,
                        void (*take)(void *context, const struct bak_remembered *point),
                        void *context)
{
    char *whole = point_key(key);
    for (size_t i = 0; whole != NULL && i < history->before; i++) {
        const struct dr_state_row *row = &history->file->rows[i];
        if (row->count != POINT_NUMBERS || strcmp(row->key, whole) != 0)
            continue;
        const struct bak_remembered point = {.data = (double)row->numbers[DATA] / MICROSECONDS,
                                             .usable = (double)row->numbers[USABLE] / MICROSECONDS,
                                             .size = row->numbers[SIZE]};
        take(context, &point);
    }
    free(whole);
}

bool bak_history_keep_point(struct bak_history *history, const char *key,
                            const struct bak_remembered *point)
{
    char *whole = point_key(key);
    const long long numbers[POINT_NUMBERS] = {[DATA] = (long long)(point->data * MICROSECONDS),
                                              [USABLE] = (long long)(point->usable * MICROSECONDS),
                                              [SIZE] = point->size};
    bool ok = whole != NULL && history->open && history->kept < BAK_HISTORY_ROWS &&
              dr_state_add(history->file, whole, numbers, POINT_NUMBERS);
    history->kept += ok ? 1 : 0;
    free(whole);
    return ok;
}

/* ---- what was paid for ---- */

bool bak_history_paid(const struct bak_history *history, struct bak_paid **paid, size_t *count)
{
    *count = 0;
    *paid = calloc(history->before + 1, sizeof **paid);
    for (size_t i = 0; *paid != NULL && i < history->before; i++) {
        const struct dr_state_row *row = &history->file->rows[i];
        if (row->count != PAID_NUMBERS || strcmp(row->key, PAID_KEY) != 0 ||
            row->numbers[PROOF] < BAK_WELLFORMED || row->numbers[PROOF] > BAK_RESTORED)
            continue;
        (*paid)[(*count)++] = (struct bak_paid){.identity = (uint64_t)row->numbers[IDENTITY],
                                                .proof = (enum bak_proof)row->numbers[PROOF]};
    }
    return *paid != NULL;
}

bool bak_history_keep_paid(struct bak_history *history, const struct bak_paid *paid)
{
    const long long numbers[PAID_NUMBERS] = {
        [IDENTITY] = (long long)paid->identity, [PROOF] = paid->proof};
    bool ok = history->open && history->kept < BAK_HISTORY_ROWS &&
              dr_state_add(history->file, PAID_KEY, numbers, PAID_NUMBERS);
    history->kept += ok ? 1 : 0;
    return ok;
}

/* ---- the end ---- */

/* A row of this run stands for the same thing. */
static bool is_renewed(const struct bak_history *history, const struct dr_state_row *row)
{
    for (size_t i = history->before; i < history->file->count; i++) {
        const struct dr_state_row *later = &history->file->rows[i];
        if (later->count == row->count && later->numbers[0] == row->numbers[0] &&
            strcmp(later->key, row->key) == 0)
            return true;
    }
    return false;
}

static bool is_worth_keeping(const struct dr_state_row *row, double begin, size_t *paid)
{
    if (row->count == PAID_NUMBERS && strcmp(row->key, PAID_KEY) == 0)
        return ++*paid <= PAID_MAX;
    return row->count == POINT_NUMBERS &&
           strncmp(row->key, POINT_PREFIX, strlen(POINT_PREFIX)) == 0 &&
           (double)row->numbers[DATA] / MICROSECONDS >= begin;
}

void bak_history_carry(struct bak_history *history, double begin)
{
    size_t paid = 0;
    for (size_t i = history->before; history->open && i-- > 0;) {
        const struct dr_state_row row = history->file->rows[i];
        if (history->kept >= BAK_HISTORY_ROWS || is_renewed(history, &row) ||
            !is_worth_keeping(&row, begin, &paid))
            continue;
        history->kept += dr_state_add(history->file, row.key, row.numbers, row.count) ? 1 : 0;
    }
}

bool bak_history_close(struct bak_history *history, struct dr_error *error)
{
    if (!history->open)
        return true;
    dr_state_remove_first(history->file, history->before);
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
