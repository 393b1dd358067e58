/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/history.h"

#include "common/buffer.h"

#include <stdlib.h>
#include <string.h>

#define STATE_KIND "replication"
#define STATE_VERSION 1
#define SAMPLES_MAX 720
#define MICROSECONDS 1e6
/* The shortest time a rate is worth being taken over, seconds. */
#define RATE_SPAN 10.0
#define SLOPE_SPAN 5.0
#define RATE_WINDOW 3600.0

static long long to_us(double seconds)
{
    return (long long)(seconds * MICROSECONDS);
}

static double from_us(long long us)
{
    return (double)us / MICROSECONDS;
}

/* Whatever a file says: no overflow. */
static double difference(long long a, long long b)
{
    return (double)a - (double)b;
}

bool rep_history_open(struct rep_history *history, const char *directory, const char *executable,
                      const char *identity, struct dr_error *error)
{
    *history = (struct rep_history){.open = false};
    history->file.lock = -1;
    if (!dr_state_open(&history->file, directory, executable, identity, STATE_KIND, STATE_VERSION,
                       error))
        return false;
    history->open = true;
    return true;
}

void rep_history_system(struct rep_history *history, const char *system)
{
    free(history->system);
    history->system = system != NULL ? strdup(system) : NULL;
}

/* The key of the samples; NULL without history or without a system. The caller frees it. */
static char *sample_key(const struct rep_history *history)
{
    if (!history->open || history->system == NULL)
        return NULL;
    return dr_text_format("position:%s", history->system);
}

struct samples {
    const struct dr_state_row *rows[SAMPLES_MAX + 1];
    size_t count;
};

static void find_samples(const struct rep_history *history, struct samples *samples)
{
    samples->count = 0;
    char *key = sample_key(history);
    for (size_t i = 0; key != NULL && i < history->file.count; i++) {
        const struct dr_state_row *row = &history->file.rows[i];
        if (row->count >= 2 && strcmp(row->key, key) == 0 && samples->count <= SAMPLES_MAX)
            samples->rows[samples->count++] = row;
    }
    free(key);
}

/* Every second sample of the older half goes. `context` is the list of samples that is thinned. */
static bool is_thinned(const struct dr_state_row *row, const void *context)
{
    const struct samples *samples = context;
    for (size_t i = 1; i < samples->count / 2; i += 2) {
        if (samples->rows[i]->numbers[0] == row->numbers[0])
            return true;
    }
    return false;
}

static bool is_later(const struct dr_state_row *row, const void *context)
{
    return row->numbers[0] >= *(const long long *)context;
}

void rep_history_sample(struct rep_history *history, double time, int64_t position)
{
    char *key = sample_key(history);
    if (key == NULL)
        return;
    long long numbers[] = {to_us(time), position};
    /* Our clock was set back: what lies ahead of it cannot be ordered any more. */
    dr_state_remove(&history->file, key, is_later, &numbers[0]);
    struct samples samples;
    find_samples(history, &samples);
    if (samples.count >= SAMPLES_MAX) {
        struct samples copy = samples;
        struct dr_state_row values[SAMPLES_MAX + 1];
        for (size_t i = 0; i < copy.count; i++) {
            values[i] = *copy.rows[i];
            copy.rows[i] = &values[i];
        }
        dr_state_remove(&history->file, key, is_thinned, &copy);
    }
    dr_state_add(&history->file, key, numbers, 2);
    free(key);
}

struct dr_opt_real rep_history_when(const struct rep_history *history, int64_t position)
{
    struct samples samples;
    find_samples(history, &samples);
    if (samples.count == 0 || position < samples.rows[0]->numbers[1])
        return (struct dr_opt_real){.known = false};
    size_t i = samples.count - 1;
    while (i > 0 && samples.rows[i]->numbers[1] > position)
        i--;
    const long long *before = samples.rows[i]->numbers;
    if (i + 1 == samples.count || before[1] == position)
        return dr_real(from_us(before[0]));
    const long long *after = samples.rows[i + 1]->numbers;
    double share = difference(position, before[1]) / difference(after[1], before[1]);
    return dr_real(from_us(before[0]) + share * (from_us(after[0]) - from_us(before[0])));
}

bool rep_history_newest(const struct rep_history *history, double *time, int64_t *position)
{
    struct samples samples;
    find_samples(history, &samples);
    if (samples.count == 0)
        return false;
    *time = from_us(samples.rows[samples.count - 1]->numbers[0]);
    *position = samples.rows[samples.count - 1]->numbers[1];
    return true;
}

struct dr_opt_real rep_history_rate(const struct rep_history *history, double now)
{
    struct samples samples;
    find_samples(history, &samples);
    for (size_t i = 0; i + 1 < samples.count; i++) {
        const long long *first = samples.rows[i]->numbers;
        const long long *last = samples.rows[samples.count - 1]->numbers;
        double span = from_us(last[0]) - from_us(first[0]);
        if (now - from_us(first[0]) > RATE_WINDOW || span < RATE_SPAN || last[1] < first[1])
            continue;
        return dr_real(difference(last[1], first[1]) / span);
    }
    return (struct dr_opt_real){.known = false};
}

static const struct dr_state_row *find_row(const struct rep_history *history, const char *key)
{
    for (size_t i = 0; history->open && key != NULL && i < history->file.count; i++) {
        if (strcmp(history->file.rows[i].key, key) == 0)
            return &history->file.rows[i];
    }
    return NULL;
}

static void replace_row(struct rep_history *history, const char *key, const long long *numbers,
                        size_t count)
{
    dr_state_remove(&history->file, key, NULL, NULL);
    dr_state_add(&history->file, key, numbers, count);
}

struct dr_opt_real rep_history_since(struct rep_history *history, const char *condition, bool holds,
                                     double now)
{
    struct dr_opt_real age = {.known = false};
    char *key = dr_text_format("since:%s", condition);
    const struct dr_state_row *row = find_row(history, key);
    if (history->open && key != NULL && !holds) {
        dr_state_remove(&history->file, key, NULL, NULL);
    } else if (history->open && key != NULL) {
        long long first = row != NULL && row->count >= 1 ? row->numbers[0] : to_us(now);
        if (first > to_us(now))
            first = to_us(now);
        replace_row(history, key, &first, 1);
        age = dr_real(now - from_us(first));
    }
    free(key);
    return age;
}

struct dr_opt_real rep_history_slope(struct rep_history *history, const char *name, double now,
                                     int64_t value)
{
    struct dr_opt_real slope = {.known = false};
    char *key = dr_text_format("value:%s", name);
    if (history->open && key != NULL) {
        const struct dr_state_row *row = find_row(history, key);
        double span = row != NULL && row->count >= 2 ? now - from_us(row->numbers[0]) : -1;
        if (span >= SLOPE_SPAN)
            slope = dr_real(difference(value, row->numbers[1]) / span);
        if (span < 0 || span >= SLOPE_SPAN) {
            long long numbers[] = {to_us(now), value};
            replace_row(history, key, numbers, 2);
        }
    }
    free(key);
    return slope;
}

struct dr_opt_int rep_history_swap(struct rep_history *history, const char *name, int64_t value)
{
    struct dr_opt_int before = {.known = false};
    char *key = dr_text_format("last:%s", name);
    if (history->open && key != NULL) {
        const struct dr_state_row *row = find_row(history, key);
        if (row != NULL && row->count >= 1)
            before = dr_int(row->numbers[0]);
        long long number = value;
        replace_row(history, key, &number, 1);
    }
    free(key);
    return before;
}

#define PRIMARY "primary:"
#define STANDBY "standby:"

static const struct dr_state_row *find_prefix(const struct rep_history *history, const char *prefix)
{
    for (size_t i = 0; history->open && i < history->file.count; i++) {
        if (strncmp(history->file.rows[i].key, prefix, strlen(prefix)) == 0)
            return &history->file.rows[i];
    }
    return NULL;
}

/* What the key of a primary begins with: "primary:", or "primary of GROUP:". The caller frees it.
 */
static char *primary_prefix(const char *group)
{
    return group != NULL ? dr_text_format("primary of %s:", group) : strdup(PRIMARY);
}

char *rep_history_primary(struct rep_history *history, const char *group, const char *label)
{
    char *prefix = history->open ? primary_prefix(group) : NULL;
    if (prefix == NULL)
        return NULL;
    const struct dr_state_row *row = find_prefix(history, prefix);
    char *before = NULL;
    if (row == NULL || strcmp(row->key + strlen(prefix), label) != 0) {
        char *old = row != NULL ? strdup(row->key) : NULL;
        char *key = dr_text_format("%s%s", prefix, label);
        if (old != NULL) {
            before = strdup(old + strlen(prefix));
            dr_state_remove(&history->file, old, NULL, NULL);
        }
        if (key != NULL)
            dr_state_add(&history->file, key, NULL, 0);
        free(key);
        free(old);
    }
    free(prefix);
    return before;
}

char *rep_history_last_primary(const struct rep_history *history, const char *group, double *time)
{
    char *prefix = history->open ? primary_prefix(group) : NULL;
    const struct dr_state_row *row = prefix != NULL ? find_prefix(history, prefix) : NULL;
    int64_t position;
    char *label = NULL;
    if (row != NULL && rep_history_newest(history, time, &position))
        label = strdup(row->key + strlen(prefix));
    free(prefix);
    return label;
}

void rep_history_standby(struct rep_history *history, const char *name, double now)
{
    if (!history->open)
        return;
    char *key = dr_text_format(STANDBY "%s", name);
    long long number = to_us(now);
    if (key != NULL)
        replace_row(history, key, &number, 1);
    free(key);
}

static bool is_standby(const struct dr_state_row *row, const void *context)
{
    (void)context;
    return strncmp(row->key, STANDBY, strlen(STANDBY)) == 0;
}

void rep_history_forget_standbys(struct rep_history *history)
{
    if (history->open)
        dr_state_remove(&history->file, NULL, is_standby, NULL);
}

void rep_history_standbys(const struct rep_history *history, double now, double within,
                          void (*visit)(const char *name, double last_seen, void *context),
                          void *context)
{
    for (size_t i = 0; history->open && i < history->file.count; i++) {
        const struct dr_state_row *row = &history->file.rows[i];
        if (is_standby(row, NULL) && row->count >= 1 && now - from_us(row->numbers[0]) <= within)
            visit(row->key + strlen(STANDBY), from_us(row->numbers[0]), context);
    }
}

bool rep_history_close(struct rep_history *history, struct dr_error *error)
{
    bool ok = !history->open || dr_state_save(&history->file, error);
    if (history->open)
        dr_state_close(&history->file);
    free(history->system);
    *history = (struct rep_history){.open = false};
    return ok;
}
