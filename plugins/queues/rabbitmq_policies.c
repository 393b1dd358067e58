/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/rabbitmq_policies.h"

#include "common/client/rabbitmq_value.h"

#include <stdlib.h>
#include <string.h>

#define MEMBER_SIZE 64
#define KEYS_MAX 64 /* RabbitMQ 4 knows some 35 */

/* ---- one definition ---- */

struct pair {
    char key[MEMBER_SIZE];
    const char *value; /* as it is written */
    size_t size;
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

static bool read_pairs(struct dr_json *reader, struct pair *pairs, size_t *count,
                       struct dr_error *error)
{
    struct pair pair;
    for (*count = 0; dr_json_member(reader, pair.key, sizeof pair.key);) {
        if (*count == KEYS_MAX || pair.key[0] == '\0')
            return dr_error_set(error, DR_ERR_PROTOCOL, "a definition with too many or long keys");
        if (dr_json_raw(reader, &pair.value, &pair.size))
            pairs[(*count)++] = pair;
    }
    return true;
}

bool rabbitmq_read_definition(struct dr_json *reader, struct dr_buffer *definition,
                              struct dr_error *error)
{
    struct pair pairs[KEYS_MAX];
    size_t count = 0;
    bool there;
    dr_buffer_clear(definition);
    if (!dr_rabbitmq_object(reader, "definition", &there, error) ||
        (there && !read_pairs(reader, pairs, &count, error)))
        return false;
    qsort(pairs, count, sizeof *pairs, by_key);
    for (size_t i = 0; i < count; i++) {
        dr_buffer_addf(definition, "%s\"%s\":", i == 0 ? "{" : ",", pairs[i].key);
        dr_buffer_add_bytes(definition, pairs[i].value, pairs[i].size);
    }
    if (count > 0)
        dr_buffer_add_char(definition, '}');
    return !definition->cut || dr_error_set(error, DR_ERR_PROTOCOL, "a definition is too long");
}

static enum que_promote promote_of(const char *word)
{
    return strcmp(word, "always") == 0        ? QUE_PROMOTE_ALWAYS
           : strcmp(word, "when-synced") == 0 ? QUE_PROMOTE_WHEN_SYNCED
                                              : QUE_PROMOTE_UNKNOWN;
}

bool rabbitmq_is_shedding(const char *key)
{
    static const char *const keys[] = {"message-ttl",         "expires", "max-length",
                                       "max-length-bytes",    "max-age", "delivery-limit",
                                       "dead-letter-exchange"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(key, keys[i]) == 0)
            return true;
    }
    return false;
}

/* What a definition says of mirrors and of messages that leave by themselves; false when out of
 * memory. The default of ha-promote-on-failure is always, of ha-sync-mode manual (RabbitMQ 3.13
 * manual, "Classic Queue Mirroring"). */
static bool read_keys(struct que_policy *policy)
{
    struct dr_json reader = dr_json_start(policy->definition);
    char key[MEMBER_SIZE], word[32], promote[32] = "always";
    if (policy->definition[0] == '\0' || !dr_json_object(&reader))
        return true;
    while (dr_json_member(&reader, key, sizeof key)) {
        policy->sheds = policy->sheds || rabbitmq_is_shedding(key);
        if (strcmp(key, "ha-mode") == 0 && dr_json_text(&reader, word, sizeof word)) {
            free(policy->ha_mode);
            policy->ha_mode = strdup(word);
            if (policy->ha_mode == NULL)
                return false;
        } else if (strcmp(key, "ha-params") == 0) {
            policy->ha_count = dr_json_int(&reader);
        } else if (strcmp(key, "ha-promote-on-failure") == 0) {
            dr_json_text(&reader, promote, sizeof promote);
        } else if (strcmp(key, "ha-sync-mode") == 0) {
            policy->sync_automatic =
                dr_json_text(&reader, word, sizeof word) && strcmp(word, "automatic") == 0;
        } else if (strcmp(key, "ha-mode") != 0) {
            dr_json_skip(&reader);
        }
    }
    if (policy->ha_mode != NULL)
        policy->on_failure = promote_of(promote);
    return true;
}

struct que_policy *rabbitmq_add_policy(struct que_roster *roster, const char *name,
                                       const char *definition)
{
    bool added;
    struct que_policy *policy = que_roster_policy(roster, name, definition, &added);
    if (policy != NULL && added && definition != NULL && !read_keys(policy))
        return NULL;
    return policy;
}

/* ---- the lists ---- */

static bool take_policy(struct dr_json *reader, const char *name, struct rabbitmq_policy *policy,
                        struct dr_error *error)
{
    if (strcmp(name, "vhost") == 0)
        return dr_rabbitmq_copy(reader, name, &policy->vhost, error);
    if (strcmp(name, "name") == 0)
        return dr_rabbitmq_copy(reader, name, &policy->name, error);
    if (strcmp(name, "definition") != 0) {
        dr_json_skip(reader);
        return true;
    }
    struct dr_buffer definition = DR_BUFFER(RABBITMQ_DEFINITION_MAX);
    bool ok = rabbitmq_read_definition(reader, &definition, error);
    if (ok) {
        free(policy->definition);
        policy->definition = strdup(dr_buffer_text(&definition));
        ok = policy->definition != NULL || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    }
    dr_buffer_free(&definition);
    return ok;
}

static bool add_policy(struct dr_json *reader, struct rabbitmq_policies *policies,
                       struct dr_error *error)
{
    char name[MEMBER_SIZE];
    struct rabbitmq_policy *more = realloc(policies->items, (policies->count + 1) * sizeof *more);
    if (more == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    policies->items = more;
    struct rabbitmq_policy *policy = &more[policies->count++];
    *policy = (struct rabbitmq_policy){.name = NULL};
    while (dr_json_member(reader, name, sizeof name)) {
        if (!take_policy(reader, name, policy, error))
            return false;
    }
    return (policy->vhost != NULL && policy->name != NULL && policy->definition != NULL) ||
           reader->wrong != NULL ||
           dr_error_set(error, DR_ERR_PROTOCOL,
                        "a policy without \"name\", \"vhost\" or "
                        "\"definition\"");
}

bool rabbitmq_read_policies(const char *text, struct rabbitmq_policies *policies,
                            struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    bool there, object;
    if (!dr_rabbitmq_array(&reader, "reply", &there, error))
        return false;
    while (there && dr_json_item(&reader)) {
        if (!dr_rabbitmq_object(&reader, "policy", &object, error))
            return false;
        if (object ? !add_policy(&reader, policies, error)
                   : dr_rabbitmq_wrong("policy", "object", error))
            return false;
    }
    return dr_json_end(&reader, error) && (there || dr_rabbitmq_wrong("reply", "list", error));
}

void rabbitmq_policies_free(struct rabbitmq_policies *policies)
{
    for (size_t i = 0; i < policies->count; i++) {
        free(policies->items[i].vhost);
        free(policies->items[i].name);
        free(policies->items[i].definition);
    }
    free(policies->items);
    *policies = (struct rabbitmq_policies){.items = NULL};
}

/* ---- to the queues ---- */

static const struct rabbitmq_policy *find(const struct rabbitmq_policies *policies,
                                          const char *vhost, const char *name)
{
    for (size_t i = 0; i < policies->count; i++) {
        if (strcmp(policies->items[i].vhost, vhost) == 0 &&
            strcmp(policies->items[i].name, name) == 0)
            return &policies->items[i];
    }
    return NULL;
}

static bool operator_mirrors(const struct rabbitmq_policies *operators, const char *vhost)
{
    for (size_t i = 0; operators != NULL && i < operators->count; i++) {
        if (strcmp(operators->items[i].vhost, vhost) == 0 &&
            strstr(operators->items[i].definition, "\"ha-") != NULL)
            return true;
    }
    return operators == NULL;
}

bool rabbitmq_apply_policies(struct que_roster *roster, const struct rabbitmq_policies *policies,
                             const struct rabbitmq_policies *operators)
{
    for (size_t i = 0; i < roster->count; i++) {
        struct que_queue *queue = que_roster_at(roster, i);
        const struct que_policy *named = que_policy_of(roster, queue);
        if (named == NULL || named->definition != NULL)
            continue;
        const char *vhost = que_vhost_name(roster, queue);
        const struct rabbitmq_policy *found = find(policies, vhost, named->name);
        if (found == NULL || operator_mirrors(operators, vhost))
            continue;
        const struct que_policy *policy =
            rabbitmq_add_policy(roster, found->name, found->definition);
        if (policy == NULL)
            return false;
        queue->policy = (uint16_t)(policy - roster->policies);
    }
    return true;
}
