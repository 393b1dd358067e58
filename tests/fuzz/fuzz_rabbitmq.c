/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A list of queues in pieces, as listing, as figures and as totals; the same bytes as every other
 * reply of the management API. */
#include "tests/fuzz/fuzz.h"

#include "common/client/json_stream.h"
#include "common/client/rabbitmq_value.h"
#include "plugins/queues/rabbitmq_policies.h"
#include "plugins/queues/rabbitmq_queues.h"
#include "plugins/queues/rabbitmq_read.h"

#include <math.h>

static void check_outcome(bool ok, const struct dr_error *error)
{
    MUST(ok || error->class == DR_ERR_PROTOCOL);
    MUST(ok || (error->text[0] != '\0' && strpbrk(error->text, "\n\r\t") == NULL));
}

static void check_queue(const struct que_roster *roster, const struct que_queue *queue)
{
    MUST(queue->name != NULL && queue->name[0] != '\0');
    MUST(queue->vhost < roster->vhost_count && roster->vhosts[queue->vhost][0] != '\0');
    MUST(queue->policy == QUE_NONE || queue->policy < roster->policy_count);
    MUST(queue->leader >= QUE_LEADERLESS && queue->leader < (int)roster->node_count);
    MUST(queue->leader == QUE_LEADERLESS || (queue->traits & QUE_LEADER_KNOWN) != 0);
    MUST(queue->copies == QUE_NOBODY || (queue->traits & QUE_COPIES_KNOWN) != 0);
    MUST(queue->insync == QUE_NOBODY || (queue->traits & QUE_INSYNC_KNOWN) != 0);
    MUST((queue->traits & (QUE_LISTED | QUE_FIGURED)) != 0);
    que_nodes all =
        roster->node_count == QUE_NODES_MAX ? ~QUE_NOBODY : que_bit((int)roster->node_count) - 1;
    MUST(((queue->copies | queue->insync) & ~all) == 0);
    MUST(queue->kind != QUE_CLASSIC ||
         ((queue->copies | queue->insync) & que_bit(queue->leader)) == 0);
    for (int i = 0; i < QUE_FIGURES; i++) {
        struct dr_opt_real figure = que_figure(queue, (enum que_figure)i);
        MUST(!figure.known || (isfinite(figure.value) && figure.value >= 0));
    }
    /* the totals and the listing alone are no evidence of figures */
    MUST(queue->known == 0 || (queue->traits & QUE_FIGURED) != 0);
}

static void check_list(const char *text, size_t size, dr_json_element *take, size_t piece)
{
    struct que_roster *roster = que_roster_new();
    struct dr_json_stream stream;
    struct dr_error error = {.class = DR_ERR_NONE};
    MUST(roster != NULL);
    dr_json_stream_start(&stream, 1 << 16, take, roster);
    bool ok = true;
    for (size_t at = 0; ok && at < size; at += piece)
        ok = dr_json_stream_push(&stream, text + at, size - at < piece ? size - at : piece, &error);
    ok = ok && dr_json_stream_end(&stream, &error);
    check_outcome(ok, &error);
    MUST(!ok || roster->count <= stream.count);
    rabbitmq_age_heads(roster, dr_real(1795225000.0));
    for (size_t i = 0; i < roster->count; i++) {
        check_queue(roster, que_roster_at(roster, i));
        rabbitmq_is_fresh(que_roster_at(roster, i));
    }
    struct rabbitmq_policies policies = {.count = 0};
    error = (struct dr_error){.class = DR_ERR_NONE};
    ok = rabbitmq_read_policies(text, &policies, &error);
    check_outcome(ok, &error);
    if (ok)
        MUST(rabbitmq_apply_policies(roster, &policies, &policies));
    rabbitmq_policies_free(&policies);
    dr_json_stream_free(&stream);
    que_roster_free(roster);
}

static bool read_shovels(const char *text, struct que_view *view, struct dr_error *error)
{
    return rabbitmq_read_links(text, "shovel", view, error);
}

static void check_view(const char *text)
{
    static bool (*const readers[])(const char *, struct que_view *, struct dr_error *) = {
        rabbitmq_read_whoami,       rabbitmq_read_overview, rabbitmq_read_nodes,
        rabbitmq_read_alarms,       rabbitmq_read_vhosts,   read_shovels,
        rabbitmq_read_certificates, rabbitmq_read_defined,
    };
    struct que_facts facts = {.product = QUE_RABBITMQ};
    struct dr_rabbitmq_refusal refusal;
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        struct dr_error error = {.class = DR_ERR_NONE};
        check_outcome(readers[i](text, &facts.view, &error), &error);
    }
    for (size_t i = 0; i < facts.view.member_count; i++)
        MUST(facts.view.members[i].name != NULL);
    for (size_t i = 0; i < facts.view.vhost_count; i++)
        MUST(facts.view.vhosts[i] != NULL);
    size_t links = facts.view.link_count;
    rabbitmq_settle_links(&facts.view);
    MUST(facts.view.link_count <= links && (links == 0 || facts.view.link_count > 0));
    for (size_t i = 0; i < facts.view.link_count; i++)
        MUST(facts.view.links[i].name != NULL && facts.view.links[i].kind != NULL);
    dr_rabbitmq_read_refusal(text, &refusal);
    que_facts_free(&facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    check_list(text, size, rabbitmq_take_listed, 1 + size % 13);
    check_list(text, size, rabbitmq_take_figured, 4096);
    check_list(text, size, rabbitmq_take_totals, 100);
    check_view(text);
    free(text);
    return 0;
}
