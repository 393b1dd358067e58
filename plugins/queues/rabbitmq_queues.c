/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/rabbitmq_queues.h"

#include "common/client/rabbitmq_value.h"
#include "plugins/queues/rabbitmq_policies.h"

#include <stdlib.h>
#include <string.h>

#define MEMBER_SIZE 64
#define FUTURE 60.0 /* seconds that a publisher's clock may be ahead */

const char rabbitmq_queue_columns[] =
    "name,vhost,type,durable,exclusive,auto_delete,node,leader,members,online,slave_nodes,"
    "synchronised_slave_nodes,state,policy,operator_policy,effective_policy_definition,messages,"
    "messages_ready,messages_unacknowledged,messages_persistent,message_bytes,consumers,"
    "head_message_timestamp,message_stats,sync_messages,arguments";

/* Which of the lists an element is from. */
enum origin { LISTING, FIGURES, TOTALS };

/* A set of nodes, when it was said. */
struct said_nodes {
    bool said;
    bool twice; /* with different values */
    que_nodes nodes;
};

/* A node's index; QUE_LEADERLESS for nobody. */
struct said_node {
    bool said;
    bool twice; /* with different values: it is not known */
    int node;
};

/* One element. */
struct row {
    struct que_roster *roster;
    char vhost[DR_RABBITMQ_NAME_SIZE];
    char name[DR_RABBITMQ_NAME_SIZE];
    char policy[DR_RABBITMQ_NAME_SIZE];
    char operator_policy[DR_RABBITMQ_NAME_SIZE];
    struct dr_buffer definition;
    bool policy_said;
    bool definition_said;
    enum que_kind kind;
    enum que_state state;
    struct dr_opt_bool durable;
    struct dr_opt_bool exclusive;
    struct dr_opt_bool auto_delete;
    struct said_node node;
    struct said_node leader;
    struct said_nodes members;
    struct said_nodes online;
    struct said_nodes mirrors;
    struct said_nodes synchronised;
    bool contradicted;  /* its state or its nature */
    bool figures_twice; /* with different values */
    bool sheds;
    uint32_t known;
    double figures[QUE_FIGURES];
};

/* ---- words ---- */

/* Each member of 100,000 queues is compared with every name: most differ in the first letter. */
static bool is(const char *word, const char *name)
{
    return word[0] == name[0] && strcmp(word, name) == 0;
}

struct word {
    const char *word;
    int value;
};

static int find_word(const struct word *words, const char *word, int otherwise)
{
    for (; words->word != NULL; words++) {
        if (is(words->word, word))
            return words->value;
    }
    return otherwise;
}

static const struct word kinds[] = {
    {"classic", QUE_CLASSIC}, {"quorum", QUE_QUORUM}, {"stream", QUE_STREAM}, {NULL, 0}};

static const struct word states[] = {{"live", QUE_LIVE},
                                     {"running", QUE_RUNNING},
                                     {"idle", QUE_IDLE},
                                     {"flow", QUE_FLOW},
                                     {"syncing", QUE_SYNCING},
                                     {"minority", QUE_MINORITY},
                                     {"down", QUE_DOWN},
                                     {"crashed", QUE_CRASHED},
                                     {"stopped", QUE_STOPPED},
                                     {"terminated", QUE_CRASHED},
                                     {NULL, 0}};

/* ---- values ---- */

/* Two values of one key: the worse one counts. */
static bool take_state(struct dr_json *reader, struct row *row, struct dr_error *error)
{
    char word[32];
    if (!dr_rabbitmq_text(reader, "state", word, sizeof word, error))
        return false;
    enum que_state state = (enum que_state)find_word(states, word, QUE_STATE_UNKNOWN);
    row->contradicted |= row->state != QUE_STATE_UNKNOWN && state != row->state;
    if (state > row->state)
        row->state = state;
    return true;
}

static bool take_kind(struct dr_json *reader, struct row *row, struct dr_error *error)
{
    char word[DR_RABBITMQ_NAME_SIZE];
    if (!dr_rabbitmq_text(reader, "type", word, sizeof word, error))
        return false;
    enum que_kind kind =
        word[0] == '\0' ? QUE_KIND_UNKNOWN : (enum que_kind)find_word(kinds, word, QUE_OTHER);
    if (row->kind != QUE_KIND_UNKNOWN && kind != row->kind)
        return dr_error_set(error, DR_ERR_PROTOCOL, "\"type\" twice, and not the same");
    row->kind = kind;
    return true;
}

static bool take_node(struct dr_json *reader, const char *what, struct row *row,
                      struct said_node *node, struct dr_error *error)
{
    char name[DR_RABBITMQ_NAME_SIZE];
    if (!dr_rabbitmq_text(reader, what, name, sizeof name, error) || reader->wrong != NULL)
        return reader->wrong != NULL;
    int index = name[0] != '\0' ? que_roster_node(row->roster, name) : QUE_LEADERLESS;
    if (name[0] != '\0' && index < 0)
        return dr_error_set(error, DR_ERR_PROTOCOL, "more than %d nodes", QUE_NODES_MAX);
    node->twice |= node->said && node->node != index;
    node->said = true;
    node->node = index;
    return true;
}

/* `wanted`: a set that is worse when it is larger (whose majority counts). */
static bool take_nodes(struct dr_json *reader, const char *what, struct row *row, bool wanted,
                       struct said_nodes *into, struct dr_error *error)
{
    que_nodes nodes = QUE_NOBODY;
    bool there;
    if (!dr_rabbitmq_array(reader, what, &there, error))
        return false;
    if (!there)
        return true;
    while (dr_json_item(reader)) {
        struct said_node node = {.said = false};
        if (!take_node(reader, what, row, &node, error))
            return false;
        nodes |= que_bit(node.node);
    }
    into->twice |= into->said && into->nodes != nodes;
    if (into->said)
        nodes = wanted ? nodes | into->nodes : nodes & into->nodes;
    into->said = true;
    into->nodes = nodes;
    return true;
}

/* The larger one of two: more messages are more to lose. */
static bool take_figure(struct dr_json *reader, const char *what, struct row *row,
                        enum que_figure figure, struct dr_error *error)
{
    struct dr_opt_real number;
    if (!dr_rabbitmq_number(reader, what, &number, error))
        return false;
    if (!number.known)
        return true;
    bool twice = (row->known >> figure & 1) != 0;
    double before = row->figures[figure];
    row->figures_twice |= twice && (before < number.value || before > number.value);
    if (!twice || number.value > before)
        row->figures[figure] = number.value;
    row->known |= UINT32_C(1) << figure;
    return true;
}

static bool take_flag(struct dr_json *reader, const char *what, struct row *row,
                      struct dr_opt_bool *flag, struct dr_error *error)
{
    struct dr_opt_bool before = *flag;
    if (!dr_rabbitmq_flag(reader, what, flag, error))
        return false;
    if (before.known && flag->known && before.value != flag->value) {
        row->contradicted = true;
        flag->known = false;
    }
    return true;
}

static bool take_name(struct dr_json *reader, const char *what, char *name, struct dr_error *error)
{
    char before[DR_RABBITMQ_NAME_SIZE];
    memcpy(before, name, sizeof before);
    return dr_rabbitmq_text(reader, what, name, DR_RABBITMQ_NAME_SIZE, error) &&
           (before[0] == '\0' || strcmp(before, name) == 0 || reader->wrong != NULL ||
            dr_error_set(error, DR_ERR_PROTOCOL, "\"%s\" twice, and not the same", what));
}

static bool take_policy(struct dr_json *reader, struct row *row, struct dr_error *error)
{
    row->policy_said = true;
    return dr_rabbitmq_text(reader, "policy", row->policy, sizeof row->policy, error);
}

static bool take_definition(struct dr_json *reader, struct row *row, struct dr_error *error)
{
    row->definition_said = true;
    return rabbitmq_read_definition(reader, &row->definition, error);
}

static bool take_arguments(struct dr_json *reader, struct row *row, struct dr_error *error)
{
    char name[MEMBER_SIZE];
    bool there;
    if (!dr_rabbitmq_object(reader, "arguments", &there, error))
        return false;
    while (there && dr_json_member(reader, name, sizeof name)) {
        row->sheds |= strncmp(name, "x-", 2) == 0 && rabbitmq_is_shedding(name + 2);
        dr_json_skip(reader);
    }
    return true;
}

/* ---- message_stats ---- */

/* What took messages out, summed: a message is acknowledged, or was delivered or got without. */
struct stats {
    struct dr_opt_real counters[4]; /* publish, ack, deliver_no_ack, get_no_ack */
    struct dr_opt_real rates[4];
};

static bool take_rate(struct dr_json *reader, const char *what, struct dr_opt_real *rate,
                      struct dr_error *error)
{
    char name[MEMBER_SIZE];
    bool there;
    if (!dr_rabbitmq_object(reader, what, &there, error))
        return false;
    while (there && dr_json_member(reader, name, sizeof name)) {
        if (strcmp(name, "rate") != 0)
            dr_json_skip(reader);
        else if (!dr_rabbitmq_number(reader, name, rate, error))
            return false;
    }
    return true;
}

static bool take_stat(struct dr_json *reader, const char *name, struct stats *stats,
                      struct dr_error *error)
{
    static const char *const counters[] = {"publish", "ack", "deliver_no_ack", "get_no_ack"};
    static const char *const rates[] = {"publish_details", "ack_details", "deliver_no_ack_details",
                                        "get_no_ack_details"};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(name, counters[i]) == 0)
            return dr_rabbitmq_number(reader, name, &stats->counters[i], error);
        if (strcmp(name, rates[i]) == 0)
            return take_rate(reader, name, &stats->rates[i], error);
    }
    dr_json_skip(reader);
    return true;
}

static void set_figure(struct row *row, enum que_figure figure, double value)
{
    row->figures[figure] = value;
    row->known |= UINT32_C(1) << figure;
}

/* The three ways out are counted from the first message on that takes one; until then only what
 * was published is there. */
static void sum(struct row *row, enum que_figure figure, const struct dr_opt_real *values)
{
    double total = 0;
    bool known = false;
    for (size_t i = 0; i < 4; i++) {
        known = known || values[i].known;
        total += i > 0 && values[i].known ? values[i].value : 0;
    }
    if (known)
        set_figure(row, figure, total);
}

static bool take_stats(struct dr_json *reader, struct row *row, struct dr_error *error)
{
    char name[MEMBER_SIZE];
    bool there;
    struct stats stats = {.rates = {{.known = false}}};
    if (!dr_rabbitmq_object(reader, "message_stats", &there, error))
        return false;
    while (there && dr_json_member(reader, name, sizeof name)) {
        if (!take_stat(reader, name, &stats, error))
            return false;
    }
    if (stats.counters[0].known)
        set_figure(row, QUE_PUBLISHED, stats.counters[0].value);
    if (stats.rates[0].known)
        set_figure(row, QUE_PUBLISH_RATE, stats.rates[0].value);
    sum(row, QUE_ACKED, stats.counters);
    sum(row, QUE_ACK_RATE, stats.rates);
    return true;
}

/* ---- an element ---- */

static bool take_number(struct dr_json *reader, const char *name, struct row *row, bool *taken,
                        struct dr_error *error)
{
    static const struct word figures[] = {{"messages", QUE_MESSAGES},
                                          {"messages_ready", QUE_READY},
                                          {"messages_unacknowledged", QUE_UNACKED},
                                          {"messages_persistent", QUE_PERSISTENT},
                                          {"message_bytes", QUE_BYTES},
                                          {"consumers", QUE_CONSUMERS},
                                          {"head_message_timestamp", QUE_HEAD_AGE},
                                          {"sync_messages", QUE_SYNCED},
                                          {NULL, 0}};
    int figure = find_word(figures, name, -1);
    *taken = figure >= 0;
    return !*taken || take_figure(reader, name, row, (enum que_figure)figure, error);
}

static bool take_place(struct dr_json *reader, const char *name, struct row *row, bool *taken,
                       struct dr_error *error)
{
    *taken = true;
    if (is(name, "node"))
        return take_node(reader, name, row, &row->node, error);
    if (is(name, "leader"))
        return take_node(reader, name, row, &row->leader, error);
    if (is(name, "members"))
        return take_nodes(reader, name, row, true, &row->members, error);
    if (is(name, "online"))
        return take_nodes(reader, name, row, false, &row->online, error);
    if (is(name, "slave_nodes"))
        return take_nodes(reader, name, row, false, &row->mirrors, error);
    if (is(name, "synchronised_slave_nodes"))
        return take_nodes(reader, name, row, false, &row->synchronised, error);
    *taken = false;
    return true;
}

static bool take_member(struct dr_json *reader, const char *name, struct row *row,
                        struct dr_error *error)
{
    bool taken;
    if (!take_number(reader, name, row, &taken, error))
        return false;
    if (!taken && !take_place(reader, name, row, &taken, error))
        return false;
    if (taken)
        return true;
    if (is(name, "name"))
        return take_name(reader, name, row->name, error);
    if (is(name, "vhost"))
        return take_name(reader, name, row->vhost, error);
    if (is(name, "type"))
        return take_kind(reader, row, error);
    if (is(name, "state"))
        return take_state(reader, row, error);
    if (is(name, "durable"))
        return take_flag(reader, name, row, &row->durable, error);
    if (is(name, "exclusive"))
        return take_flag(reader, name, row, &row->exclusive, error);
    if (is(name, "auto_delete"))
        return take_flag(reader, name, row, &row->auto_delete, error);
    if (is(name, "policy"))
        return take_policy(reader, row, error);
    if (is(name, "operator_policy"))
        return dr_rabbitmq_text(reader, name, row->operator_policy, sizeof row->operator_policy,
                                error);
    if (is(name, "effective_policy_definition"))
        return take_definition(reader, row, error);
    if (is(name, "arguments"))
        return take_arguments(reader, row, error);
    if (is(name, "message_stats"))
        return take_stats(reader, row, error);
    dr_json_skip(reader);
    return true;
}

static bool read_row(struct row *row, const char *text, struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    char name[MEMBER_SIZE];
    bool there, ok = dr_rabbitmq_object(&reader, "queue", &there, error);
    while (ok && there && dr_json_member(&reader, name, sizeof name))
        ok = take_member(&reader, name, row, error);
    if (ok && !dr_json_end(&reader, error))
        ok = false;
    if (ok && (row->name[0] == '\0' || row->vhost[0] == '\0'))
        ok = dr_error_set(error, DR_ERR_PROTOCOL, "\"name\" or \"vhost\" is missing");
    if (!ok && row->name[0] != '\0')
        return dr_error_prefix(error, "queue %s", row->name);
    return ok || dr_error_prefix(error, "a queue");
}

/* ---- into the roster ---- */

/* Where it lives. `node` of a quorum queue is where its figures come from, not its leader. */
static struct said_node leader_of(const struct row *row)
{
    if (row->kind == QUE_QUORUM || row->leader.said)
        return row->leader;
    return row->node;
}

/* What the listing says counts; the figures tell only what it does not. */
static bool counts(const struct que_queue *queue, enum origin origin, unsigned known)
{
    return origin == LISTING || (queue->traits & known) == 0;
}

/* `trait` is there where what was taken was said twice, and not the same. */
static void mark(struct que_queue *queue, unsigned known, unsigned trait, bool twice)
{
    queue->traits |= (uint16_t)known;
    if (twice)
        queue->traits |= (uint16_t)trait;
    else
        queue->traits &= (uint16_t)~trait;
}

static void merge_copies(struct que_queue *queue, const struct row *row, enum origin origin)
{
    bool classic = queue->kind == QUE_CLASSIC;
    const struct said_nodes *copies = classic ? &row->mirrors : &row->members;
    const struct said_nodes *insync = classic ? &row->synchronised : &row->online;
    if (copies->said && counts(queue, origin, QUE_COPIES_KNOWN)) {
        queue->copies = copies->nodes;
        mark(queue, QUE_COPIES_KNOWN | (classic ? QUE_MIRRORED : 0), QUE_COPIES_TWICE,
             copies->twice);
    }
    if (insync->said && counts(queue, origin, QUE_INSYNC_KNOWN)) {
        queue->insync = insync->nodes;
        mark(queue, QUE_INSYNC_KNOWN, QUE_INSYNC_TWICE, insync->twice);
    }
}

static void merge_leader(struct que_queue *queue, const struct row *row, enum origin origin)
{
    struct said_node leader = leader_of(row);
    if (leader.said && counts(queue, origin, QUE_LEADER_KNOWN)) {
        queue->leader = leader.twice ? queue->leader : (int8_t)leader.node;
        mark(queue, leader.twice ? 0 : QUE_LEADER_KNOWN, QUE_LEADER_TWICE, leader.twice);
    }
    if (queue->kind == QUE_CLASSIC) {
        queue->copies &= ~que_bit(queue->leader);
        queue->insync &= ~que_bit(queue->leader);
    }
}

/* Since 3.13 the listing knows more than that there is a record. What is bad in either list counts:
 * one may be old. */
static void merge_state(struct que_queue *queue, const struct row *row, enum origin origin)
{
    bool figured = (queue->traits & QUE_FIGURED) != 0;
    uint8_t worse = queue->state > row->state ? queue->state : (uint8_t)row->state;
    if (worse >= QUE_MINORITY)
        queue->state = worse;
    else if (origin != LISTING || !figured)
        queue->state = (uint8_t)row->state;
}

/* `figures`: those are taken, too. */
static void merge_traits(struct que_queue *queue, const struct row *row, bool figures)
{
    const struct {
        const struct dr_opt_bool *flag;
        unsigned trait;
    } flags[] = {{&row->durable, QUE_DURABLE},
                 {&row->exclusive, QUE_EXCLUSIVE},
                 {&row->auto_delete, QUE_AUTO_DELETE}};
    for (size_t i = 0; i < 3; i++) {
        if (flags[i].flag->known && flags[i].flag->value)
            queue->traits |= (uint16_t)flags[i].trait;
    }
    if (row->durable.known)
        queue->traits |= QUE_DURABLE_KNOWN;
    if (row->sheds)
        queue->traits |= QUE_SHEDS;
    if (row->contradicted || (figures && row->figures_twice))
        queue->traits |= QUE_CONTRADICTED;
    if (row->kind != QUE_KIND_UNKNOWN)
        queue->kind = (uint8_t)row->kind;
}

/* The definition where it is said, else only the name: rabbitmq_apply_policies does the rest. */
static bool merge_policy(struct que_queue *queue, const struct row *row)
{
    const struct que_policy *policy, *before = que_policy_of(row->roster, queue);
    const char *name = row->policy[0] != '\0' ? row->policy : row->operator_policy;
    if (row->definition_said && name[0] != '\0')
        policy = rabbitmq_add_policy(row->roster, name, dr_buffer_text(&row->definition));
    else if (name[0] != '\0' && (before == NULL || before->definition == NULL))
        policy = rabbitmq_add_policy(row->roster, name, NULL);
    else
        return true;
    if (policy != NULL)
        queue->policy = (uint16_t)(policy - row->roster->policies);
    return policy != NULL;
}

static void merge_figures(struct que_queue *queue, const struct row *row)
{
    for (unsigned i = 0; i < QUE_FIGURES; i++) {
        if ((row->known >> i & 1) != 0)
            que_set(queue, (enum que_figure)i, row->figures[i]);
    }
}

static bool merge(const struct row *row, enum origin origin)
{
    struct que_queue *queue = que_roster_add(row->roster, row->vhost, row->name);
    bool figures = origin != LISTING && row->state != QUE_STATE_UNKNOWN;
    if (queue == NULL || !merge_policy(queue, row))
        return false;
    merge_traits(queue, row, figures);
    if (origin != TOTALS) {
        merge_copies(queue, row, origin);
        merge_leader(queue, row, origin);
    }
    merge_state(queue, row, origin);
    if (figures)
        merge_figures(queue, row);
    /* While a node goes away its queues are said to have no messages, which nobody can know. */
    if (queue->state == QUE_DOWN && queue->totals[QUE_MESSAGES] <= 0)
        queue->known = 0;
    queue->traits = (uint16_t)(queue->traits | (origin == LISTING ? QUE_LISTED : QUE_FIGURED));
    return true;
}

static bool take(struct que_roster *roster, const char *text, enum origin origin,
                 struct dr_error *error)
{
    struct row row = {.roster = roster, .definition = DR_BUFFER(RABBITMQ_DEFINITION_MAX)};
    bool ok = read_row(&row, text, error) &&
              (merge(&row, origin) ||
               dr_error_set(error, DR_ERR_INTERNAL, "out of memory for the list of queues"));
    dr_buffer_free(&row.definition);
    return ok;
}

bool rabbitmq_take_listed(void *context, const char *text, size_t size, struct dr_error *error)
{
    (void)size;
    return take(context, text, LISTING, error);
}

bool rabbitmq_take_figured(void *context, const char *text, size_t size, struct dr_error *error)
{
    (void)size;
    return take(context, text, FIGURES, error);
}

bool rabbitmq_take_totals(void *context, const char *text, size_t size, struct dr_error *error)
{
    (void)size;
    return take(context, text, TOTALS, error);
}

static void raise_figure(struct que_queue *queue, const struct que_queue *totals,
                         enum que_figure figure)
{
    struct dr_opt_real own = que_figure(queue, figure);
    struct dr_opt_real total = {.known = false};
    if (totals != NULL)
        total = que_figure(totals, figure);
    if (own.known && total.known && total.value > own.value)
        que_set(queue, figure, total.value);
    else if (own.known && !total.known && !(own.value > 0))
        queue->known &= ~(UINT32_C(1) << figure);
}

void rabbitmq_raise_figures(struct que_roster *roster, const struct que_roster *totals)
{
    for (size_t i = 0; i < roster->count; i++) {
        struct que_queue *queue = que_roster_at(roster, i);
        if (queue->kind != QUE_QUORUM)
            continue;
        const struct que_queue *total =
            que_roster_find(totals, que_vhost_name(roster, queue), queue->name);
        raise_figure(queue, total, QUE_MESSAGES);
        raise_figure(queue, total, QUE_READY);
    }
}

void rabbitmq_age_heads(struct que_roster *roster, struct dr_opt_real now)
{
    const uint32_t bit = UINT32_C(1) << QUE_HEAD_AGE;
    for (size_t i = 0; i < roster->count; i++) {
        struct que_queue *queue = que_roster_at(roster, i);
        struct dr_opt_real written = que_figure(queue, QUE_HEAD_AGE);
        if (!written.known)
            continue;
        double age = now.value - written.value;
        if (now.known && age > -FUTURE)
            que_set(queue, QUE_HEAD_AGE, age > 0 ? age : 0);
        else
            queue->known &= ~bit;
    }
}

bool rabbitmq_is_fresh(const struct que_queue *queue)
{
    bool replicated = queue->kind == QUE_QUORUM || queue->kind == QUE_STREAM;
    if (!replicated || queue->state >= QUE_MINORITY || (queue->traits & QUE_FIGURED) == 0 ||
        que_figure(queue, QUE_MESSAGES).known)
        return false;
    if ((queue->traits & QUE_LEADER_KNOWN) != 0 && queue->leader != QUE_LEADERLESS)
        return true;
    bool known = (queue->traits & QUE_COPIES_KNOWN) != 0 && (queue->traits & QUE_INSYNC_KNOWN) != 0;
    return !known || que_count(queue->insync) * 2 > que_count(queue->copies);
}
