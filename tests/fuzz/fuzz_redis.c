/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reply to INFO; after a form feed the values of three settings, a line each; after another
 * one the INFO of a second look. */
#include "tests/fuzz/node.h"

#include "plugins/replication/redis_read.h"

struct input {
    char *first;
    char *second;
    char *values; /* the settings point into it */
    struct redis_settings settings;
};

static char *next_line(char **text)
{
    char *line = *text;
    *text += strcspn(*text, "\n");
    if (**text == '\n')
        *(*text)++ = '\0';
    return line;
}

static struct input take(const uint8_t *data, size_t size)
{
    struct input input = {.first = fuzz_part(&data, &size)};
    bool given = size > 0;
    input.values = fuzz_part(&data, &size);
    char *rest = input.values;
    input.settings.save = given ? next_line(&rest) : NULL;
    input.settings.min_replicas = dr_redis_number(next_line(&rest));
    struct dr_opt_int ping = dr_redis_number(next_line(&rest));
    if (ping.known)
        input.settings.ping_period = dr_real((double)ping.value);
    input.second = fuzz_part(&data, &size);
    return input;
}

static bool look(const char *text, struct rep_node *node, struct dr_error *error)
{
    struct dr_redis_info info;
    int64_t position = 0;
    MUST(dr_redis_info_read(&info, text));
    bool ok = redis_read_progress(&info, node, &position, error);
    MUST(!ok || node->role != REP_ROLE_STANDBY || node->receiver.running.known);
    dr_redis_info_free(&info);
    return ok;
}

static bool read_node(const struct input *input, struct rep_node *node, struct dr_error *error)
{
    struct dr_redis_info info;
    MUST(dr_redis_info_read(&info, input->first));
    for (size_t i = 0; i < DR_REDIS_KEYS; i++)
        MUST(info.values[i] == NULL || info.values[i][0] != '\0');
    bool ok = redis_read_node(&info, &input->settings, node, error);
    dr_redis_info_free(&info);
    return ok && look(input->first, node, error);
}

static void look_on(const struct input *input, struct rep_node *node)
{
    struct rep_node other = {.role = REP_ROLE_UNKNOWN};
    struct dr_error error = {0};
    fuzz_check_outcome(look(input->second, node, &error), &error);
    fuzz_check_node(node);
    error = (struct dr_error){0};
    if (!look(input->first, node, &error))
        return; /* its role has changed */
    MUST(read_node(input, &other, &error));
    fuzz_check_same(node, &other); /* nothing of the look between is left */
    rep_node_free(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rep_node node = {.role = REP_ROLE_UNKNOWN}, twin = {.role = REP_ROLE_UNKNOWN};
    struct dr_error error = {0}, same = {0};
    struct input input = take(data, size);
    bool ok = read_node(&input, &node, &error);
    fuzz_check_outcome(ok, &error);
    fuzz_check_node(&node);
    MUST(!ok || (node.role != REP_ROLE_UNKNOWN && node.unit == REP_BYTES));
    MUST(ok == read_node(&input, &twin, &same) && strcmp(error.text, same.text) == 0);
    fuzz_check_same(&node, &twin);
    if (ok)
        look_on(&input, &node);
    rep_node_free(&node);
    rep_node_free(&twin);
    free(input.first);
    free(input.second);
    free(input.values);
    return 0;
}
