/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One document, as BSON or as JSON, which has the replies by the names of their commands. */
#include "tests/fuzz/node.h"

#include "plugins/replication/mongodb_read.h"

struct input {
    bson_t *all;
    bson_t status, config, server;
    struct mongo_replies replies;
};

static bool take(const bson_t *all, const char *command, bson_t *reply)
{
    bson_iter_t it;
    const uint8_t *bytes = NULL;
    uint32_t size = 0;
    if (!bson_iter_init_find(&it, all, command) || !BSON_ITER_HOLDS_DOCUMENT(&it))
        return false;
    bson_iter_document(&it, &size, &bytes);
    return bytes != NULL && bson_init_static(reply, bytes, size);
}

static bool read_all(const struct input *input, struct rep_node *node, struct dr_error *error)
{
    struct mongo_extra extra = {.position = {.known = false}};
    bool ok = mongo_read_node(&input->replies, node, &extra, error);
    fuzz_check_outcome(ok, error);
    fuzz_check_node(node);
    if (!ok)
        return false;
    MUST(node->role != REP_ROLE_UNKNOWN && node->set.name != NULL && extra.server_time.known);
    MUST(node->role != REP_ROLE_PRIMARY || extra.position.known);
    MUST(node->role == REP_ROLE_PRIMARY || node->stream_count == 0);
    for (size_t i = 0; i < node->set.member_count; i++)
        MUST(node->set.members[i].name != NULL);
    for (size_t i = 0; i < node->stream_count; i++)
        MUST(node->streams[i].name != NULL);
    return true;
}

static void check_node(const struct input *input)
{
    struct rep_node node = {.role = REP_ROLE_UNKNOWN}, twin = {.role = REP_ROLE_UNKNOWN};
    struct dr_error error = {0}, same = {0};
    bool ok = read_all(input, &node, &error);
    MUST(ok == read_all(input, &twin, &same) && strcmp(error.text, same.text) == 0);
    fuzz_check_same(&node, &twin);
    error = (struct dr_error){0};
    MUST(ok == read_all(input, &node, &error)); /* a second look */
    if (ok)
        fuzz_check_same(&node, &twin);
    rep_node_free(&node);
    rep_node_free(&twin);
}

static void check_arbiter(const bson_t *hello)
{
    struct rep_node node = {.role = REP_ROLE_UNKNOWN};
    bool arbiter = mongo_read_arbiter(hello, &node);
    fuzz_check_node(&node);
    MUST(arbiter == (node.role == REP_ROLE_WITNESS) && arbiter == (node.set.name != NULL));
    mongo_read_operation_time(hello);
    rep_node_free(&node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.all = NULL};
    char *copy = fuzz_text(data, size);
    if (size > 0 && *data == '{')
        input.all = bson_new_from_json((const uint8_t *)copy, (ssize_t)size, NULL);
    else if (size > 0)
        input.all = bson_new_from_data((const uint8_t *)copy, size);
    free(copy);
    if (input.all == NULL)
        return 0;
    if (take(input.all, "replSetGetConfig", &input.config))
        input.replies.config = &input.config;
    if (take(input.all, "serverStatus", &input.server))
        input.replies.server = &input.server;
    if (take(input.all, "replSetGetStatus", &input.status)) {
        input.replies.status = &input.status;
        check_node(&input);
    }
    check_arbiter(input.all);
    bson_destroy(input.all);
    return 0;
}
