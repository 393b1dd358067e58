/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Four replies of a Sentinel with a form feed after each: the primary, its replicas, the other
 * Sentinels, and the quorum's. A reply that begins with "-", "+", ":" or "_" is an error, a status,
 * a number or nothing; else it is entries with an empty line between them, and an entry is a line
 * for each name and each value, to which the same applies. */
#include "tests/fuzz/node.h"

#include "plugins/replication/redis_sentinel.h"

static redisReply *new_reply(int type)
{
    redisReply *reply = calloc(1, sizeof *reply);
    MUST(reply != NULL);
    reply->type = type;
    return reply;
}

static redisReply *new_text(int type, const char *text, size_t size)
{
    redisReply *reply = new_reply(type);
    reply->str = strndup(text, size);
    MUST(reply->str != NULL);
    reply->len = strlen(reply->str);
    return reply;
}

static redisReply *read_word(const char *text, size_t size)
{
    switch (size > 0 ? *text : '\0') {
    case '-':
        return new_text(REDIS_REPLY_ERROR, text + 1, size - 1);
    case '+':
        return new_text(REDIS_REPLY_STATUS, text + 1, size - 1);
    case ':':
        return new_reply(REDIS_REPLY_INTEGER);
    case '_':
        return new_reply(REDIS_REPLY_NIL);
    case '*':
        return new_reply(REDIS_REPLY_ARRAY);
    default:
        return new_text(REDIS_REPLY_STRING, text, size);
    }
}

static void add(redisReply *array, redisReply *item)
{
    redisReply **more = realloc(array->element, (array->elements + 1) * sizeof(redisReply *));
    MUST(more != NULL);
    array->element = more;
    more[array->elements++] = item;
}

/* The lines up to an empty one, or to the end. */
static redisReply *read_entry(const char **text)
{
    redisReply *entry = new_reply(REDIS_REPLY_ARRAY);
    while (**text != '\0' && **text != '\n') {
        size_t size = strcspn(*text, "\n");
        add(entry, read_word(*text, size));
        *text += size + ((*text)[size] == '\n' ? 1 : 0);
    }
    *text += **text == '\n' ? 1 : 0;
    return entry;
}

static bool is_word(const char *text)
{
    return *text != '\0' && strchr("-+:_", *text) != NULL;
}

static redisReply *read_one(char *text)
{
    const char *rest = text;
    redisReply *reply = is_word(text) ? read_word(text, strlen(text)) : read_entry(&rest);
    free(text);
    return reply;
}

static redisReply *read_list(char *text)
{
    const char *rest = text;
    if (is_word(text))
        return read_one(text);
    redisReply *list = new_reply(REDIS_REPLY_ARRAY);
    while (*rest != '\0')
        add(list, *rest == '*' ? read_word(rest++, 1) : read_entry(&rest));
    free(text);
    return list;
}

static void check_set(const struct rep_set *set)
{
    MUST(set->name != NULL && set->votes.known && set->needed.known && set->present.known);
    MUST(set->needed.value > set->votes.value / 2);
    MUST(set->member_count > 0 && set->members[0].name != NULL);
    for (size_t i = 0; i < set->member_count; i++)
        MUST(set->members[i].name != NULL && set->members[i].votes.known);
    MUST(set->obstacle == NULL || (set->can_elect.known && !set->can_elect.value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rep_node nodes[2] = {{.role = REP_ROLE_UNKNOWN}, {.role = REP_ROLE_UNKNOWN}};
    redisReply *primary = read_one(fuzz_part(&data, &size));
    redisReply *replicas = read_list(fuzz_part(&data, &size));
    redisReply *sentinels = read_list(fuzz_part(&data, &size));
    redisReply *quorum = read_one(fuzz_part(&data, &size));
    const struct redis_sentinel_replies replies = {primary, replicas, sentinels, quorum};
    for (int i = 0; i < 2; i++) {
        struct dr_error error = {0};
        bool ok = redis_read_set(&replies, &nodes[i].set, &error);
        fuzz_check_outcome(ok, &error);
        fuzz_check_node(&nodes[i]);
        if (ok)
            check_set(&nodes[i].set);
    }
    fuzz_check_same(&nodes[0], &nodes[1]);
    rep_node_free(&nodes[0]);
    rep_node_free(&nodes[1]);
    freeReplyObject(primary);
    freeReplyObject(replicas);
    freeReplyObject(sentinels);
    freeReplyObject(quorum);
    return 0;
}
