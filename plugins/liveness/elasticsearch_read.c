/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/elasticsearch_read.h"

#include "plugins/liveness/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- who it is ---- */

static bool read_version(const json_t *root, struct elastic_node *node, struct dr_error *error)
{
    char distribution[ELASTIC_NAME_SIZE];
    const json_t *version = json_object_get(root, "version");
    if (!liv_json_text(version, "number", node->version, sizeof node->version))
        return liv_json_lacks("version.number", error);
    size_t digits = strspn(node->version, "0123456789");
    if (digits == 0 || node->version[digits] != '.')
        return liv_json_lacks("version.number", error);
    liv_json_text(version, "distribution", distribution, sizeof distribution);
    node->opensearch = strcmp(distribution, "opensearch") == 0;
    node->manager = node->opensearch && strncmp(node->version, "1.", 2) != 0;
    return true;
}

static bool read_root(const json_t *root, struct elastic_node *node, struct dr_error *error)
{
    if (!liv_json_text(root, "name", node->name, sizeof node->name))
        return liv_json_lacks("name", error);
    if (!liv_json_text(root, "cluster_name", node->cluster_name, sizeof node->cluster_name))
        return liv_json_lacks("cluster_name", error);
    if (!liv_json_text(root, "cluster_uuid", node->cluster_uuid, sizeof node->cluster_uuid))
        return liv_json_lacks("cluster_uuid", error);
    if (strcmp(node->cluster_uuid, "_na_") == 0)
        node->cluster_uuid[0] = '\0';
    return read_version(root, node, error);
}

bool elastic_read_root(const struct dr_buffer *body, struct elastic_node *node,
                       struct dr_error *error)
{
    json_t *root = liv_json_load(body, error);
    bool ok = root != NULL && read_root(root, node, error);
    json_decref(root);
    return ok;
}

/* ---- its cluster ---- */

static bool read_status(const json_t *root, enum elastic_status *status, struct dr_error *error)
{
    static const char *const names[] = {
        [ELASTIC_GREEN] = "green", [ELASTIC_YELLOW] = "yellow", [ELASTIC_RED] = "red"};
    char text[ELASTIC_NAME_SIZE];
    if (!liv_json_text(root, "status", text, sizeof text))
        return liv_json_lacks("status", error);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(names[i], text) == 0) {
            *status = (enum elastic_status)i;
            return true;
        }
    }
    return liv_json_lacks("status", error);
}

static bool read_counts(const json_t *root, struct elastic_node *node, struct dr_error *error)
{
    const struct {
        const char *key;
        int64_t *into;
    } counts[] = {{"number_of_nodes", &node->nodes},
                  {"number_of_data_nodes", &node->data_nodes},
                  {"unassigned_shards", &node->unassigned},
                  {"number_of_pending_tasks", &node->pending}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct dr_opt_int count = liv_json_count(root, counts[i].key);
        if (!count.known)
            return liv_json_lacks(counts[i].key, error);
        *counts[i].into = count.value;
    }
    return true;
}

static bool read_health(const json_t *root, struct elastic_node *node, struct dr_error *error)
{
    char cluster[ELASTIC_NAME_SIZE];
    struct dr_opt_bool timed_out = liv_json_bool(root, "timed_out");
    if (!timed_out.known)
        return liv_json_lacks("timed_out", error);
    node->timed_out = timed_out.value;
    if (!liv_json_text(root, "cluster_name", cluster, sizeof cluster))
        return liv_json_lacks("cluster_name", error);
    /* a balancer in front of two clusters */
    if (strcmp(cluster, node->cluster_name) != 0)
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "one reply is of the cluster \"%s\", the next of \"%s\": ask the nodes "
                            "themselves, not what is in front of them",
                            node->cluster_name, cluster);
    return read_status(root, &node->status, error) && read_counts(root, node, error);
}

bool elastic_read_health(const struct dr_buffer *body, struct elastic_node *node,
                         struct dr_error *error)
{
    json_t *root = liv_json_load(body, error);
    bool ok = root != NULL && read_health(root, node, error);
    json_decref(root);
    return ok;
}

/* ---- its leader ---- */

static bool read_leader(const json_t *root, struct elastic_node *node, struct dr_error *error)
{
    char id[ELASTIC_NAME_SIZE];
    char name[ELASTIC_NAME_SIZE];
    if (!json_is_array(root) || json_array_size(root) != 1)
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "the reply cannot be used: it is no list of one leader");
    const json_t *row = json_array_get(root, 0);
    if (!liv_json_text(row, "id", id, sizeof id))
        return liv_json_lacks("id", error);
    if (!liv_json_text(row, "node", name, sizeof name))
        return liv_json_lacks("node", error);
    if (strcmp(id, "-") == 0) {
        node->leaderless = true;
        return true;
    }
    snprintf(node->leader, sizeof node->leader, "%s (%s)", name, id);
    return true;
}

bool elastic_read_leader(const struct dr_buffer *body, struct elastic_node *node,
                         struct dr_error *error)
{
    json_t *root = liv_json_load(body, error);
    bool ok = root != NULL && read_leader(root, node, error);
    json_decref(root);
    return ok;
}

/* ---- snapshots ---- */

static bool read_snapshots(const json_t *root, struct elastic_node *node, struct dr_error *error)
{
    const json_t *list = json_object_get(root, "snapshots");
    if (!json_is_array(list))
        return liv_json_lacks("snapshots", error);
    for (size_t i = 0; i < json_array_size(list); i++) {
        char name[ELASTIC_NAME_SIZE];
        if (!liv_json_text(json_array_get(list, i), "snapshot", name, sizeof name))
            return liv_json_lacks("snapshot", error);
        if (i == 0)
            memcpy(node->snapshot, name, sizeof name);
    }
    node->snapshots = (int64_t)json_array_size(list);
    node->snapshots_known = true;
    return true;
}

bool elastic_read_snapshots(const struct dr_buffer *body, struct elastic_node *node,
                            struct dr_error *error)
{
    json_t *root = liv_json_load(body, error);
    bool ok = root != NULL && read_snapshots(root, node, error);
    json_decref(root);
    return ok;
}

/* ---- refusals ---- */

void elastic_read_refusal(const struct dr_buffer *body, char type[ELASTIC_NAME_SIZE])
{
    json_t *root = json_loadb(dr_buffer_text(body), body->size, JSON_REJECT_DUPLICATES, NULL);
    liv_json_text(json_object_get(root, "error"), "type", type, ELASTIC_NAME_SIZE);
    json_decref(root);
}

bool elastic_is_leaderless(const char *type)
{
    /* "master_not_discovered_exception", "cluster_manager_not_discovered_exception"; while a
     * cluster forms its state is blocked */
    return strstr(type, "_not_discovered_exception") != NULL ||
           strcmp(type, "cluster_block_exception") == 0;
}

/* ---- facts ---- */

static void fill_status(const struct elastic_node *node, bool yellow_fits, struct liv_facts *facts,
                        struct liv_unit *unit)
{
    const char *unseen = node->snapshots_known
                             ? ""
                             : "; whether a snapshot is being taken is not known: that needs the "
                               "privilege monitor_snapshot";
    if (node->timed_out) {
        liv_facts_sign(facts, unit, LIV_NOT_TOLD,
                       "its leader was not done in time (timed_out): what it says may be old");
        return;
    }
    char missing[100] = "";
    if (node->unassigned > 0)
        snprintf(missing, sizeof missing, ", %" PRId64 " shards unassigned", node->unassigned);
    if (node->status == ELASTIC_YELLOW && yellow_fits)
        liv_facts_sign(facts, unit, LIV_ANSWERED, "yellow, as planned (yellow=ok)%s%s", missing,
                       unseen);
    else
        liv_facts_sign(facts, unit,
                       node->status == ELASTIC_GREEN    ? LIV_E_GREEN
                       : node->status == ELASTIC_YELLOW ? LIV_E_YELLOW
                                                        : LIV_E_RED,
                       "%" PRId64 " nodes%s%s", node->nodes, missing, unseen);
}

static void fill_cluster(const struct elastic_node *node, bool yellow_fits, struct liv_facts *facts,
                         struct liv_unit *unit)
{
    fill_status(node, yellow_fits, facts, unit);
    if (node->snapshots > 0)
        liv_facts_sign(facts, unit, LIV_E_SNAPSHOT, "%s", node->snapshot);
    liv_unit_figure(unit, LIV_NODES, (double)node->nodes);
    liv_unit_figure(unit, LIV_SHARDS_UNASSIGNED, (double)node->unassigned);
    liv_unit_figure(unit, LIV_PENDING_TASKS, (double)node->pending);
    if (unit != NULL)
        liv_facts_text(facts, &unit->leader, node->leader);
}

void elastic_fill(const struct elastic_node *node, const char *host, bool yellow_fits,
                  struct liv_facts *facts)
{
    struct liv_unit *unit = liv_facts_add(facts, LIV_MEMBER, node->name, NULL);
    if (unit == NULL)
        return;
    char what[ELASTIC_NAME_SIZE + 20];
    snprintf(what, sizeof what, "%s %s", node->opensearch ? "OpenSearch" : "Elasticsearch",
             node->version);
    liv_facts_text(facts, &facts->what, what);
    facts->complete = true;
    liv_facts_text(facts, &unit->version, node->version);
    liv_facts_text(facts, &unit->cluster,
                   node->cluster_uuid[0] != '\0' ? node->cluster_uuid : NULL);
    liv_facts_place(facts, unit, host, 1);
    liv_unit_figure(unit, LIV_TIME, node->seconds);
    if (node->leaderless || node->cluster_uuid[0] == '\0')
        liv_facts_sign(facts, unit, LIV_E_LEADERLESS, "%s",
                       node->leaderless ? node->why : "it has never been in a cluster");
    else
        fill_cluster(node, yellow_fits, facts, unit);
}
