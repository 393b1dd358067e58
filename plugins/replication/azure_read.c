/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/azure_read.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The text of a key; "" where it is missing, null or no text. */
static const char *text_of(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL ? value : "";
}

static bool is_geo_redundant(const char *sku)
{
    return strstr(sku, "grs") != NULL || strstr(sku, "gzrs") != NULL; /* RA-GRS, RA-GZRS too */
}

static bool read_geo(const json_t *stats, struct azure_replication *replication,
                     struct dr_error *error)
{
    const json_t *can = json_object_get(stats, "canFailover");
    if (json_is_boolean(can))
        replication->can_fail_over = dr_bool(json_is_true(can));
    if (text_of(stats, "status")[0] == '\0')
        return dr_azure_unusable(error, "no status in geoReplicationStats");
    if (!dr_azure_take_word(text_of(stats, "status"), replication->stats.status))
        return dr_azure_unusable(error, "the status is too long");
    return dr_azure_take_moment(text_of(stats, "lastSyncTime"), &replication->stats.synced) ||
           dr_azure_unusable(error, "lastSyncTime is no date");
}

static bool read_account(const json_t *root, const char *account,
                         struct azure_replication *replication, struct dr_error *error)
{
    const json_t *properties = json_object_get(root, "properties");
    const json_t *stats = json_object_get(properties, "geoReplicationStats");
    if (strcasecmp(text_of(root, "name"), account) != 0)
        return dr_azure_unusable(error, "it is not about this storage account");
    if (!dr_azure_take_word(text_of(json_object_get(root, "sku"), "name"), replication->sku) ||
        !dr_azure_take_word(text_of(properties, "secondaryLocation"), replication->location))
        return dr_azure_unusable(error, "a name is too long");
    replication->geo = json_is_object(stats) || is_geo_redundant(replication->sku);
    if (!replication->geo && replication->sku[0] == '\0')
        return dr_azure_unusable(error, "neither geoReplicationStats nor sku in it");
    if (!replication->geo)
        return true;
    if (!json_is_object(stats))
        return dr_azure_unusable(error, "no geoReplicationStats in it");
    if (json_is_true(json_object_get(properties, "failoverInProgress")))
        dr_azure_take_word("failover in progress", replication->broken);
    else if (strcasecmp(text_of(properties, "statusOfSecondary"), "unavailable") == 0)
        dr_azure_take_word("secondary location unavailable", replication->broken);
    return read_geo(stats, replication, error);
}

bool azure_read_account(const struct dr_buffer *body, const char *account,
                        struct azure_replication *replication, struct dr_error *error)
{
    json_error_t reason;
    json_t *root = json_loadb(dr_buffer_text(body), body->size, JSON_REJECT_DUPLICATES, &reason);
    *replication = (struct azure_replication){.geo = false};
    if (root == NULL) {
        char *clean = dr_text_clean(reason.text, 100);
        dr_error_set(error, DR_ERR_PROTOCOL, "the reply cannot be used: no JSON: %s",
                     clean != NULL ? clean : "out of memory");
        free(clean);
        return false;
    }
    bool ok = read_account(root, account, replication, error);
    json_decref(root);
    return ok;
}

/* ---- facts ---- */

static bool kind_of(const struct azure_replication *replication, enum rep_stream_kind *kind)
{
    static const struct {
        const char *status;
        enum rep_stream_kind kind;
    } known[] = {
        {"live", REP_STREAM_STANDBY},
        {"bootstrap", REP_STREAM_COPYING},
        {"unavailable", REP_STREAM_BROKEN},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].status, replication->stats.status) == 0) {
            *kind = replication->broken[0] != '\0' ? REP_STREAM_BROKEN : known[i].kind;
            return true;
        }
    }
    return false;
}

bool azure_fill(const struct azure_replication *replication, double now, const char *host,
                struct rep_node *node, struct dr_error *error)
{
    enum rep_stream_kind kind;
    if (!replication->geo)
        return true;
    if (!kind_of(replication, &kind))
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "the reply cannot be used: \"%s\" is no state of a secondary that we "
                            "know",
                            replication->stats.status);
    struct rep_stream *stream = rep_node_add_stream(node);
    bool stays = replication->can_fail_over.known && !replication->can_fail_over.value;
    if (stream == NULL || (stays && !rep_node_add_trait(node, REP_TRAIT_NO_FAILOVER, NULL)))
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    stream->kind = kind;
    stream->name = strdup("secondary");
    stream->hostname = host != NULL ? strdup(host) : NULL;
    stream->state =
        strdup(replication->broken[0] != '\0' ? replication->broken : replication->stats.status);
    stream->address = replication->location[0] != '\0' ? strdup(replication->location) : NULL;
    if (stream->name == NULL || stream->state == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    double loss;
    if (kind != REP_STREAM_COPYING && dr_azure_sync_age(&replication->stats, now, &loss))
        stream->loss = dr_real(loss);
    return true;
}
