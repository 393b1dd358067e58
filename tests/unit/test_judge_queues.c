/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge of check_queue_mirrors on a RabbitMQ cluster: one row for each thing that can be wrong,
 * and for each that looks wrong and is not. */
#include "tests/unit/broker.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Everything is where it should be. */
#define MIRRORED                                                                                   \
    "ha.orders classic node=1 mirrors=2,3 sync=2,3 messages=50 persistent=50 policy=ha-all"
#define QUORUM "payments quorum members=1,2,3 online=1,2,3 leader=2 messages=30 persistent=30"
#define STREAM "events stream members=1,2,3 online=1,2,3 node=3 messages=200"
#define HEALTHY MIRRORED "\n" QUORUM "\n" STREAM

struct scene {
    const char *name;
    const char *queues;
    void (*change)(struct broker *broker);
    enum dr_state state;
    const char *subject; /* NULL: the verdict */
    const char *words;
};

static void nothing(struct broker *broker)
{
    (void)broker;
}

static struct que_view *view_of(struct broker *broker, size_t number)
{
    return &broker->facts[number].view;
}

static void must_all(struct broker *broker)
{
    broker_must(broker, "^(ha|payments|events)");
}

static void must_orders(struct broker *broker)
{
    broker_must(broker, "orders");
}

static void must_nobody(struct broker *broker)
{
    broker_must(broker, "^ordres");
}

static void three_copies(struct broker *broker)
{
    must_orders(broker);
    broker->rules.min_copies = 3;
}

static void version_4(struct broker *broker)
{
    for (size_t i = 0; i < BROKER_NODES; i++) {
        free(view_of(broker, i)->version);
        view_of(broker, i)->version = strdup("4.0.5");
    }
}

static void must_in_4(struct broker *broker)
{
    version_4(broker);
    must_orders(broker);
}

static void zones(struct broker *broker)
{
    broker_zone(broker, "az1", "12");
    broker_zone(broker, "az2", "3");
}

static void zones_and_must(struct broker *broker)
{
    zones(broker);
    must_orders(broker);
}

static void zone_without_node(struct broker *broker)
{
    broker_zone(broker, "az1", "12");
}

static void zone_of_nobody(struct broker *broker)
{
    zones(broker);
    broker->zones[1].nodes[0] = TEXT("rmq9");
}

static void node_down(struct broker *broker)
{
    broker_kill(broker, 2);
}

static void node_in_maintenance(struct broker *broker)
{
    broker_kill(broker, 2);
    broker->texts[0] = TEXT("rmq3");
    broker->rules.maintenance = (struct dr_text_list){broker->texts, 1};
}

static void unanswered(struct broker *broker, size_t number, enum dr_error_class class,
                       const char *text)
{
    broker->asked[number].answered = false;
    dr_error_set(&broker->errors[number], class, "%s", text);
}

static void target_refused(struct broker *broker)
{
    unanswered(broker, 2, DR_ERR_CONNECT, "connection refused");
}

static void target_in_maintenance(struct broker *broker)
{
    target_refused(broker);
    broker->texts[0] = TEXT("rabbit@mq3");
    broker->rules.maintenance = (struct dr_text_list){broker->texts, 1};
}

static void domain_in_maintenance(struct broker *broker)
{
    target_in_maintenance(broker);
    broker->asked[2].host = "mq3.example.com";
}

static void other_in_maintenance(struct broker *broker)
{
    target_in_maintenance(broker);
    broker->asked[2].host = "mq33.example.com";
}

/* The node is down on purpose, and how many other deaths that makes dangerous is not asked. */
static void rested(struct broker *broker)
{
    node_in_maintenance(broker);
    broker->thresholds[QUE_UNAVAILABLE].warning.given = false;
}

static void all_refused(struct broker *broker)
{
    for (size_t i = 0; i < BROKER_NODES; i++) {
        unanswered(broker, i, DR_ERR_CONNECT, "connection refused");
        broker->asked[i].facts = NULL;
    }
}

static void wrong_password(struct broker *broker)
{
    unanswered(broker, 1, DR_ERR_AUTH, "user nagios: log-in failed");
    broker->asked[1].facts = NULL;
}

static void drained(struct broker *broker)
{
    for (size_t i = 0; i < BROKER_NODES; i++)
        view_of(broker, i)->members[2].drained = dr_bool(true);
}

static void just_started(struct broker *broker)
{
    for (size_t i = 0; i < BROKER_NODES; i++)
        view_of(broker, i)->members[2].reporting = false;
}

static void disagree(struct broker *broker)
{
    view_of(broker, 0)->members[2].running = dr_bool(false);
}

static void partitioned(struct broker *broker)
{
    broker_kill(broker, 1);
    for (size_t i = 0; i < BROKER_NODES; i++)
        view_of(broker, i)->members[1].partitions = strdup("rmq1@a, rmq3@c");
}

/* As the majority sees it. */
static void cut_off(struct broker *broker)
{
    broker_kill(broker, 1);
    for (size_t i = 0; i < BROKER_NODES; i++)
        view_of(broker, i)->members[0].partitions = strdup("rmq2@b");
}

static void partitions_not_said(struct broker *broker)
{
    for (size_t i = 0; i < BROKER_NODES; i++)
        view_of(broker, i)->members[1].partitions_known = false;
}

static void expected(struct broker *broker)
{
    broker->texts[0] = TEXT("rmq1");
    broker->texts[1] = TEXT("rmq4");
    broker->rules.expect_node = (struct dr_text_list){broker->texts, 2};
}

static void expected_by_host(struct broker *broker)
{
    broker->texts[0] = TEXT("a");
    broker->texts[1] = TEXT("rmq2@b");
    broker->rules.expect_node = (struct dr_text_list){broker->texts, 2};
}

static void expected_by_all(struct broker *broker)
{
    static const char *const names[BROKER_NODES] = {"rabbit@a", "rabbit@b", "rabbit@c"};
    for (size_t i = 0; i < BROKER_NODES; i++) {
        free(broker->facts[0].roster->nodes[i]);
        broker->facts[0].roster->nodes[i] = strdup(names[i]);
        for (size_t v = 0; v < BROKER_NODES; v++) {
            free(view_of(broker, v)->members[i].name);
            view_of(broker, v)->members[i].name = strdup(names[i]);
        }
    }
    broker->texts[0] = TEXT("rabbit");
    broker->rules.expect_node = (struct dr_text_list){broker->texts, 1};
}

static void alarm(struct broker *broker)
{
    view_of(broker, 1)->alarms = strdup("memory on rmq2@b");
}

static void alarm_in_flags(struct broker *broker)
{
    for (size_t i = 0; i < BROKER_NODES; i++) {
        view_of(broker, i)->replies[QUE_ASK_ALARMS].answer = QUE_ABSENT;
        view_of(broker, i)->members[1].disk_alarm = dr_bool(true);
    }
}

static void no_health_checks(struct broker *broker)
{
    for (size_t i = 0; i < BROKER_NODES; i++) {
        view_of(broker, i)->replies[QUE_ASK_ALARMS].answer = QUE_ABSENT;
        view_of(broker, i)->replies[QUE_ASK_CERTIFICATES].answer = QUE_ABSENT;
        for (size_t m = 0; m < BROKER_NODES; m++) {
            view_of(broker, i)->members[m].memory_alarm = dr_bool(false);
            view_of(broker, i)->members[m].disk_alarm = dr_bool(false);
        }
    }
}

/* One that is dead says nothing, and has no alarm. */
static void no_health_checks_and_a_node_down(struct broker *broker)
{
    no_health_checks(broker);
    node_in_maintenance(broker);
    for (size_t i = 0; i < BROKER_NODES; i++) {
        view_of(broker, i)->members[2].memory_alarm.known = false;
        view_of(broker, i)->members[2].disk_alarm.known = false;
    }
}

static void no_health_checks_nor_a_flag(struct broker *broker)
{
    no_health_checks(broker);
    for (size_t i = 0; i < BROKER_NODES; i++)
        view_of(broker, i)->members[1].disk_alarm.known = false;
}

static void not_in_its_own_list(struct broker *broker)
{
    struct que_view *view = view_of(broker, 1);
    free(view->node);
    view->node = strdup("rmq9@d");
}

static void alarms_not_said(struct broker *broker)
{
    view_of(broker, 0)->replies[QUE_ASK_ALARMS].answer = QUE_FAILED;
}

static void frozen(struct broker *broker)
{
    for (size_t i = 0; i < 2; i++) {
        struct que_view *view = view_of(broker, i);
        view->replies[QUE_ASK_OVERVIEW].answer = QUE_HUNG;
        view->replies[QUE_ASK_NODES].answer = QUE_HUNG;
        view->replies[QUE_ASK_FIGURES].answer = QUE_HUNG;
        view->queues.known = false;
    }
    broker->facts[0].roster->figured = false;
    unanswered(broker, 2, DR_ERR_TIMEOUT, "no answer within 10 s");
    broker->asked[2].facts = NULL;
}

static void frozen_must(struct broker *broker)
{
    frozen(broker);
    must_all(broker);
}

static void frozen_three(struct broker *broker)
{
    frozen_must(broker);
    broker->rules.min_copies = 3;
}

static void not_monitor(struct broker *broker)
{
    for (size_t i = 0; i < BROKER_NODES; i++) {
        struct que_reply *reply = &view_of(broker, i)->replies[QUE_ASK_NODES];
        reply->answer = QUE_REFUSED;
        snprintf(reply->text, sizeof reply->text, "Not monitor user");
    }
}

static void descriptors(struct broker *broker)
{
    for (size_t i = 0; i < BROKER_NODES; i++)
        view_of(broker, i)->members[0].fd_used = dr_int(900);
}

static void certificate(struct broker *broker)
{
    view_of(broker, 0)->certificates = strdup("amqp/ssl on port 5671 in 3 days");
}

static void one_more_queue(struct broker *broker)
{
    view_of(broker, 0)->queues = dr_int(9);
    view_of(broker, 0)->vhosts = calloc(2, sizeof(char *));
    view_of(broker, 0)->vhosts[0] = strdup("/");
    view_of(broker, 0)->vhosts[1] = strdup("billing");
    view_of(broker, 0)->vhost_count = 2;
}

static void fewer_queues(struct broker *broker)
{
    view_of(broker, 0)->queues = dr_int(1);
}

static void totals_unknown(struct broker *broker)
{
    view_of(broker, 0)->queues.known = false;
}

static void no_list(struct broker *broker)
{
    que_roster_free(broker->facts[0].roster);
    broker->facts[0].roster = NULL;
    struct que_reply *reply = &view_of(broker, 0)->replies[QUE_ASK_QUEUES];
    reply->answer = QUE_FAILED;
    snprintf(reply->text, sizeof reply->text, "the list ends in the middle");
}

static void no_figures(struct broker *broker)
{
    broker->facts[0].roster->figured = false;
    view_of(broker, 0)->replies[QUE_ASK_FIGURES].answer = QUE_HUNG;
}

static void include_nothing(struct broker *broker)
{
    struct dr_error error;
    dr_selection_add(&broker->rules.selection, false, "^nobody", &error);
    broker->rules.selected = true;
}

static void exclude_jobs(struct broker *broker)
{
    struct dr_error error;
    dr_selection_add(&broker->rules.selection, true, "jobs", &error);
}

static void exclude_vhost(struct broker *broker)
{
    struct dr_error error;
    dr_selection_add(&broker->rules.vhosts, true, "^test$", &error);
}

static void limit(struct broker *broker, const char *pattern, enum que_metric metric, bool critical,
                  double least, double most)
{
    struct dr_error error;
    struct que_limit *one = &broker->limits[broker->rules.limit_count++];
    struct dr_limit range = {.given = true, .range = {.start = least, .end = most}};
    *one = (struct que_limit){
        .pattern = dr_pattern_new(pattern, &error), .text = pattern, .metric = metric};
    *(critical ? &one->threshold.critical : &one->threshold.warning) = range;
}

static void messages_limited(struct broker *broker)
{
    broker_limit(broker, QUE_QUEUE_MESSAGES, false, 40);
}

static void messages_of_orders(struct broker *broker)
{
    broker_limit(broker, QUE_QUEUE_MESSAGES, false, 40);
    limit(broker, "orders", QUE_QUEUE_MESSAGES, false, 0, 100);
    limit(broker, "events", QUE_QUEUE_MESSAGES, false, 0, 1000);
}

static void consumers_of_orders(struct broker *broker)
{
    limit(broker, "orders", QUE_QUEUE_CONSUMERS, true, 1, INFINITY);
}

static void limit_of_nobody(struct broker *broker)
{
    limit(broker, "^nobody", QUE_QUEUE_CONSUMERS, true, 1, INFINITY);
}

static void oldest_limited(struct broker *broker)
{
    broker_limit(broker, QUE_QUEUE_OLDEST, true, 300);
}

static void bytes_limited(struct broker *broker)
{
    broker_limit(broker, QUE_LOST_BYTES, true, 1000);
    broker->thresholds[QUE_LOST].critical.given = false;
    broker->thresholds[QUE_LOST_QUEUES].critical.given = false;
    broker->thresholds[QUE_UNAVAILABLE].warning.given = false;
}

static void waiting_limited(struct broker *broker)
{
    broker_limit(broker, QUE_UNAVAILABLE_MESSAGES, true, 1000);
    broker->thresholds[QUE_UNAVAILABLE].warning.given = false;
}

static void loss_allowed(struct broker *broker)
{
    broker_limit(broker, QUE_LOST, true, 100);
    broker->thresholds[QUE_LOST_QUEUES].critical.given = false;
}

static void take_all(struct broker *broker)
{
    broker->rules.all_queues = true;
}

static const struct scene scenes[] = {
    /* healthy, in every shape */
    {"healthy", HEALTHY, nothing, DR_OK, NULL,
     "any one of 3 nodes can die now: 3 queues with 280 messages live on"},
    {"healthy, proven", HEALTHY, must_all, DR_OK, "must replicate",
     "3 queues proven to have 2 or more safe copies"},
    {"healthy, with zones: a quorum of three lives in two zones",
     "payments quorum members=1,2,3 online=1,2,3 leader=1 messages=3", zones, DR_WARNING, NULL,
     "1 queue with 3 messages stops if zone az1 dies now; nothing is lost if it comes back"},
    {"mirrors in both zones", MIRRORED, zones, DR_OK, NULL, "and so with any zone"},
    {"no queues at all", "", nothing, DR_OK, NULL, "the broker has no queues, so none can be lost"},
    {"no queues at all: proven", "", nothing, DR_OK, "queues",
     "there are none, as the broker's own count says"},
    {"no queue that we may see", "", one_more_queue, DR_UNKNOWN, NULL,
     "cannot tell what would be lost: nagios may see only 0 of 9 queues"},
    {"only queues that are not meant to last",
     "amq.gen-x classic node=1 messages=2 transient exclusive", nothing, DR_OK, "queues",
     "1 are not meant to last"},
    {"they count when asked for", "celeryev.x classic node=1 messages=2 persistent=2", take_all,
     DR_WARNING, NULL, "1 queue with 2 messages stops if rmq1 dies now"},
    {"an empty queue loses nothing", "a classic node=1 mirrors=2 sync=- messages=0 policy=ha-two",
     nothing, DR_WARNING, NULL, "lives on"},
    {"being synchronised is no alarm by itself",
     "a classic node=1 mirrors=2,3 sync=2 messages=9 persistent=9 policy=ha-all syncing", nothing,
     DR_OK, "queues", "1 queue is being synchronised: a"},
    {"a fresh leader has no figures yet, and needs none",
     "payments quorum members=1,2,3 online=1,2,3 leader=2 stateless", nothing, DR_OK, NULL,
     "1 queue with an unknown number of messages lives on"},

    /* who dies, what is lost */
    {"unsynchronised", "ha.jobs classic node=2 mirrors=3 sync=- messages=50 policy=ha-two\n" QUORUM,
     nothing, DR_CRITICAL, NULL, "loses up to 50 messages in 1 queue if rmq2 dies now"},
    {"unsynchronised: where and why",
     "ha.jobs classic node=2 mirrors=3 sync=- messages=50 policy=ha-two", nothing, DR_CRITICAL,
     "rmq2", "ha.jobs (up to 50: rmq3 not synchronised, has only what came since it joined)"},
    {"the node that matters is named, the others are fine",
     "ha.jobs classic node=2 mirrors=3 sync=- messages=50 policy=ha-two", nothing, DR_CRITICAL,
     "rmq1", "its death loses nothing and stops nothing"},
    {"how many is not known: still an alarm",
     "ha.jobs classic node=2 mirrors=3 sync=- policy=ha-two", nothing, DR_CRITICAL, NULL,
     "loses an unknown number of messages in 1 queue if rmq2 dies now"},
    {"several queues",
     "a classic node=2 mirrors=3 sync=- messages=50 policy=ha-two\n"
     "b classic node=2 mirrors=1 sync=- messages=10 policy=ha-two",
     nothing, DR_CRITICAL, NULL, "loses up to 60 messages in 2 queues if rmq2 dies now"},
    {"promotion only when synchronised: waits",
     "a classic node=2 mirrors=3 sync=- messages=50 persistent=50 policy=ha-two-wait", nothing,
     DR_WARNING, NULL, "1 queue with 50 messages stops if rmq2 dies now"},
    {"a loss that the user allows", "a classic node=2 mirrors=3 sync=- messages=50 policy=ha-two",
     loss_allowed, DR_WARNING, NULL, "loses up to 50 messages in 1 queue if rmq2 dies now"},
    {"a loss that may be more than is allowed", "a classic node=2 mirrors=3 sync=- policy=ha-two",
     loss_allowed, DR_UNKNOWN, NULL, "loses an unknown number of messages"},
    {"one copy", "plain classic node=3 messages=20 persistent=20", nothing, DR_WARNING, NULL,
     "1 queue with 20 messages stops if rmq3 dies now; nothing is lost if it comes back"},
    {"one copy, not persistent", "plain classic node=3 messages=20 persistent=5", nothing,
     DR_CRITICAL, NULL, "loses 15 messages in 1 queue if rmq3 dies now"},
    {"one copy, not persistent: what is left waits",
     "plain classic node=3 messages=20 persistent=5", nothing, DR_CRITICAL, "rmq3",
     "loses 15 messages in 1 queue: plain (15 not persistent, no other copy); and stops 1 queue "
     "with 5 messages: plain (5: no other copy)"},
    {"waits by its policy, and what is not persistent is lost",
     "a classic node=2 mirrors=3 sync=- messages=9 persistent=7 policy=ha-two-wait", nothing,
     DR_CRITICAL, "rmq2",
     "loses 2 messages in 1 queue: a (2 not persistent, rmq3 not synchronised); and stops 1 queue "
     "with 7 messages: a (7: rmq3 not synchronised, waits by its policy)"},
    {"bytes are limited, and not known", "plain classic node=3 messages=20 persistent=5",
     bytes_limited, DR_UNKNOWN, NULL, "loses 15 messages in 1 queue if rmq3 dies now"},
    {"what waits is limited, and not known", "q.two quorum members=1,2 online=1,2 leader=1",
     waiting_limited, DR_UNKNOWN, NULL, "1 queue with an unknown number of messages stops"},
    {"one copy, of which nobody says what is persistent", "plain classic node=3 messages=20",
     nothing, DR_UNKNOWN, NULL,
     "1 queue with 20 messages stops if rmq3 dies now; how many of them are not persistent, and "
     "lost, is not known"},
    {"one copy, and nobody asked for more",
     "plain classic node=3 messages=20 persistent=5\n" HEALTHY, must_orders, DR_OK, "queues",
     "1 are neither replicated nor asked to be"},
    {"what cannot be used now comes first",
     "gone classic node=1 down\n"
     "q.two quorum members=1,2 online=1,2 leader=1 messages=9",
     nothing, DR_CRITICAL, NULL,
     "1 queue cannot be used now; 1 queue with 9 messages stops if rmq1 dies now"},
    {"two members", "q.two quorum members=1,2 online=1,2 leader=1 messages=9", nothing, DR_WARNING,
     NULL, "1 queue with 9 messages stops if rmq1 dies now"},
    {"a zone", "ha.x classic node=1 mirrors=2 sync=2 messages=9 persistent=9 policy=ha-two", zones,
     DR_WARNING, "zone az1", "its death stops 1 queue with 9 messages: ha.x (9: no other copy)"},
    {"a node in no zone", HEALTHY, zone_without_node, DR_WARNING, "zones", "rmq3 in no --zone"},
    {"a zone of nobody", HEALTHY, zone_of_nobody, DR_UNKNOWN, "az2",
     "--zone names rmq9, and no node goes by that"},
    {"copies are not said", "x classic node=1 mirrors=2 messages=3", nothing, DR_UNKNOWN, "queues",
     "1 queue does not say where its copies are: x"},
    {"copies are not said: the verdict", "x classic node=1 mirrors=2 messages=3", nothing,
     DR_UNKNOWN, NULL, "cannot tell what would be lost of 1 queues"},

    /* what must be replicated */
    {"one copy", "orders classic node=1 messages=3 persistent=3 policy=ttl", must_orders,
     DR_CRITICAL, "queues",
     "1 of 1 that must be replicated has fewer than 2 safe copies: orders (1 copy, its policy "
     "mirrors "
     "nothing: ttl)"},
    {"one copy, no policy", "orders classic node=1 messages=3 persistent=3", must_orders,
     DR_CRITICAL, "queues", "orders (1 copy, no policy)"},
    {"unsynchronised", "orders classic node=1 mirrors=2 sync=- messages=0 policy=ha-two",
     must_orders, DR_CRITICAL, "queues", "orders (1 copy, mirrors not synchronised)"},
    {"one member", "orders quorum members=1 online=1 leader=1 messages=3", must_orders, DR_CRITICAL,
     "queues", "orders (1 copy, created with one member)"},
    {"down", "orders classic node=1 down", must_orders, DR_CRITICAL, "queues", "orders (0 copies"},
    {"two are not three", "orders quorum members=1,2,3 online=1,2 leader=1 messages=0",
     three_copies, DR_CRITICAL, "queues",
     "fewer than 3 safe copies: orders (2 copies, members away)"},
    {"not said", "orders stream node=1 messages=3", must_orders, DR_UNKNOWN, "queues",
     "that must be replicated is not proven to be"},
    {"matches nothing", HEALTHY, must_nobody, DR_UNKNOWN, "must replicate",
     "no queue matches ^ordres"},
    {"all copies in one zone",
     "orders classic node=1 mirrors=2 sync=2 messages=9 persistent=9 policy=ha-two", zones_and_must,
     DR_CRITICAL, "queues", "all safe copies in one zone: orders (all copies in az1)"},
    {"matches a queue that is else left out", "amq.orders classic node=1 messages=3 transient",
     must_orders, DR_CRITICAL, "queues", "amq.orders (1 copy"},
    {"RabbitMQ 4 ignores mirrors", "orders classic node=1 messages=3 persistent=3 policy=ha-all",
     must_in_4, DR_CRITICAL, "queues",
     "orders (1 copy, its policy for mirrors is ignored by RabbitMQ 4)"},
    {"RabbitMQ 4 ignores mirrors: said by itself",
     "orders classic node=1 messages=3 persistent=3 policy=ha-all", version_4, DR_WARNING, "queues",
     "1 queue has a policy for mirrors, which RabbitMQ 4 ignores: orders (ha-all)"},

    /* each queue now */
    {"down", "a classic node=1 down\n" QUORUM, nothing, DR_CRITICAL, "queues",
     "1 queue is down: its only copy is on a node that is down: a (rmq1)"},
    {"down, and its mirrors run", "a classic node=1 mirrors=2 sync=- down policy=ha-two-wait",
     nothing, DR_CRITICAL, "queues",
     "1 queue's leader is on a node that is down, and no mirror has taken over: a (rmq1)"},
    {"down, outside the plan", "a classic node=1 down\n" MIRRORED, must_orders, DR_WARNING,
     "queues", "1 queue is down"},
    {"crashed", "a classic node=1 messages=1 crashed", nothing, DR_CRITICAL, "queues",
     "1 queue has crashed or was stopped: a (crashed)"},
    {"no majority, though it says running (until 3.12)",
     "q.two quorum members=1,2 online=2 leader=2 messages=9", nothing, DR_CRITICAL, "queues",
     "1 queue has no majority of its members: nobody can publish or consume: q.two (1 of 2 members "
     "online, not rmq1)"},
    {"minority (3.13)", "q quorum members=1,2,3 online=1 leader=- minority", nothing, DR_CRITICAL,
     "queues", "q (1 of 3 members online, not rmq2, rmq3)"},
    {"no leader", "q quorum members=1,2,3 online=1,2,3 leader=-", nothing, DR_WARNING, "queues",
     "1 queue has no leader: q (3 of 3 members online)"},
    {"a member away", "q quorum members=1,2,3 online=1,3 leader=1 messages=1", nothing, DR_WARNING,
     "queues", "1 queue is without some of its members: q (not rmq2)"},
    {"a stream's member away", "s stream members=1,2,3 online=1,2 node=1 messages=1", nothing,
     DR_WARNING, "queues", "s (not rmq3)"},
    {"no mirror left", "a classic node=1 mirrors=- sync=- messages=3 persistent=3 policy=ha-all",
     nothing, DR_WARNING, "queues",
     "1 queue has no mirror left, though its policy wants some: a (ha-all)"},
    {"one of two mirrors not synchronised",
     "a classic node=1 mirrors=2,3 sync=2 messages=3 persistent=3 policy=ha-all", nothing,
     DR_WARNING, "queues", "1 queue has a mirror that is not synchronised: a (rmq3)"},
    {"fewer than the policy wants",
     "a classic node=1 mirrors=2 sync=2 messages=3 persistent=3 policy=ha-all", nothing, DR_WARNING,
     "queues", "1 queue has fewer copies than its policy wants: a (2 of 3 by ha-all)"},
    {"exactly two", "a classic node=1 mirrors=2 sync=2 messages=3 persistent=3 policy=ha-two",
     nothing, DR_OK, NULL, "1 queue with 3 messages lives on"},

    /* nodes */
    {"a node down", HEALTHY, node_down, DR_CRITICAL, "rmq3",
     "is a member of the cluster, and is down"},
    {"a node down on purpose", MIRRORED, node_in_maintenance, DR_OK, "rmq3",
     "down, in maintenance, as said"},
    {"a node down on purpose: what it takes away is told",
     MIRRORED "\nq quorum members=1,2,3 online=1,2 leader=1 messages=1", node_in_maintenance,
     DR_WARNING, NULL, "1 queue with 1 message stops if rmq1 dies now"},
    {"a node down on purpose, and members elsewhere are away, too",
     "q quorum members=1,2,3 online=1 leader=- messages=1", node_in_maintenance, DR_CRITICAL,
     "queues", "no majority"},
    {"a target refuses", HEALTHY, target_refused, DR_CRITICAL, "mq3", "connection refused"},
    {"a target refuses, on purpose", HEALTHY, target_in_maintenance, DR_OK, "mq3",
     "in maintenance, as said"},
    {"a target with a domain refuses, on purpose", HEALTHY, domain_in_maintenance, DR_OK, "mq3",
     "in maintenance, as said"},
    {"a target of another name refuses", HEALTHY, other_in_maintenance, DR_CRITICAL, "mq3",
     "connection refused"},
    {"a member away on purpose", "q quorum members=1,2,3 online=1,2 leader=1 messages=1", rested,
     DR_OK, "queues", "1 queue is without some of its members: q (not rmq3)"},
    {"a mirror away on purpose",
     "a classic node=1 mirrors=2 sync=2 messages=3 persistent=3 policy=ha-all", rested, DR_OK,
     "queues", "a (2 of 3 by ha-all)"},
    {"two mirrors away, one of them on purpose",
     "a classic node=1 mirrors=- sync=- messages=3 persistent=3 policy=ha-all", rested, DR_WARNING,
     "queues", "1 queue has no mirror left"},
    {"nobody answers", HEALTHY, all_refused, DR_CRITICAL, NULL,
     "cannot tell what would be lost: no node gave its list of queues"},
    {"wrong password for one", HEALTHY, wrong_password, DR_UNKNOWN, "mq2", "log-in failed"},
    {"drained", HEALTHY, drained, DR_WARNING, "rmq3", "is drained for maintenance"},
    {"just started", HEALTHY, just_started, DR_WARNING, "rmq3", "it has just started"},
    {"views differ", HEALTHY, disagree, DR_CRITICAL, "rmq3",
     "mq3 sees it running, mq1 sees it down"},
    {"partition", HEALTHY, partitioned, DR_CRITICAL, "rmq2",
     "network partition: it does not see rmq1@a, rmq3@c"},
    {"partition: the verdict", HEALTHY, partitioned, DR_CRITICAL, NULL, "the cluster is split"},
    {"views differ: the verdict", HEALTHY, disagree, DR_CRITICAL, NULL, "the cluster is split"},
    {"on the other side of a partition", HEALTHY, cut_off, DR_CRITICAL, "rmq2",
     "is on the other side of the network partition"},
    {"partitions are not said", HEALTHY, partitions_not_said, DR_UNKNOWN, "rmq2",
     "does not say whether it is partitioned"},
    {"expected, and not there", HEALTHY, expected, DR_CRITICAL, "rmq4",
     "expected, but not a member of the cluster"},
    {"expected by a name of several", HEALTHY, expected_by_all, DR_UNKNOWN, "rabbit",
     "expected, but 3 nodes go by that: say all of the name"},
    {"expected by host and by name", HEALTHY, expected_by_host, DR_OK, NULL, "can die now"},
    {"alarm", HEALTHY, alarm, DR_CRITICAL, NULL, "nobody can publish: memory on rmq2@b"},
    {"alarm, by the flags alone", HEALTHY, alarm_in_flags, DR_CRITICAL, "alarms", "disk on rmq2@b"},
    {"no health checks: the flags say it", HEALTHY, no_health_checks, DR_OK, NULL, ""},
    {"no health checks, and a node down on purpose", MIRRORED, no_health_checks_and_a_node_down,
     DR_OK, "rmq3", "down, in maintenance"},
    {"no health checks, and a flag is missing", HEALTHY, no_health_checks_nor_a_flag, DR_UNKNOWN,
     "mq1", "its alarms: not there"},
    {"a node that is not in its own list", HEALTHY, not_in_its_own_list, DR_UNKNOWN, "mq2",
     "rmq9@d is missing in its own list of nodes"},
    {"alarms are not said", HEALTHY, alarms_not_said, DR_UNKNOWN, "mq1", "its alarms: not there"},
    {"a frozen peer", HEALTHY, frozen, DR_CRITICAL, "cluster",
     "mq1, mq2: alive, but statistics hang: waiting for a node that is frozen or cut off, it seems "
     "mq3"},
    {"a frozen peer: the verdict", HEALTHY, frozen, DR_CRITICAL, NULL,
     "the cluster waits for a node that is frozen or cut off"},
    {"a frozen peer: copies are proven all the same", HEALTHY, frozen_must, DR_CRITICAL,
     "must replicate", "3 queues proven to have 2 or more safe copies"},
    {"a frozen peer: three copies are not proven", HEALTHY, frozen_three, DR_CRITICAL, "queues",
     "3 that must be replicated are not proven to be"},
    {"who runs is not said", HEALTHY, not_monitor, DR_UNKNOWN, NULL,
     "cannot tell what would be lost: no node says which nodes run"},
    {"the tag is missing", HEALTHY, not_monitor, DR_UNKNOWN, "mq1",
     "does not show the list of nodes to nagios: Not monitor user"},
    {"descriptors", HEALTHY, descriptors, DR_WARNING, "rmq1",
     "file descriptors in use: 90 %, warning above 80 %"},
    {"a certificate", HEALTHY, certificate, DR_WARNING, "mq1", "amqp/ssl on port 5671 in 3 days"},

    /* is it all? */
    {"a queue that we may not see", HEALTHY, one_more_queue, DR_UNKNOWN, "queues",
     "nagios may see only 3 of the 9 that there are; no queue is shown of the virtual hosts "
     "billing"},
    {"a queue that we may not see: the verdict", HEALTHY, one_more_queue, DR_UNKNOWN, NULL,
     "cannot tell what would be lost: nagios may see only 3 of 9 queues"},
    {"deleted between two requests", HEALTHY, fewer_queues, DR_OK, NULL, "can die now"},
    {"how many there are is not said", HEALTHY, totals_unknown, DR_UNKNOWN, "queues",
     "3 were seen, but not how many there are"},
    {"a queue whose node is down is not in the totals", "a classic node=1 down\n" QUORUM,
     fewer_queues, DR_CRITICAL, NULL, "1 of 2 queues cannot be used now; the others live on"},
    {"no list", HEALTHY, no_list, DR_UNKNOWN, "mq1",
     "gave no list of queues: the list ends in the middle"},
    {"no figures", HEALTHY, no_figures, DR_UNKNOWN, "queues",
     "where their copies are is known, but not how many messages they hold"},
    {"nothing is selected", HEALTHY, include_nothing, DR_UNKNOWN, "queues",
     "none of 3 is selected by --include and --vhost"},
    {"left out", "jobs classic node=2 mirrors=3 sync=- messages=50 policy=ha-two\n" QUORUM,
     exclude_jobs, DR_OK, NULL, "1 queue with 30 messages lives on"},
    {"virtual host left out",
     "test/jobs classic node=2 mirrors=3 sync=- messages=50 policy=ha-two\n" QUORUM, exclude_vhost,
     DR_OK, NULL, "1 queue with 30 messages lives on"},
    {"virtual host named", "shop/jobs classic node=2 mirrors=3 sync=- messages=50 policy=ha-two",
     nothing, DR_CRITICAL, "rmq2", "shop/jobs (up to 50:"},

    /* limits */
    {"too many messages", HEALTHY, messages_limited, DR_WARNING, "queues",
     "2 queues break the limit of messages: ha.orders (50, warning above 40), events (200, warning "
     "above 40)"},
    {"more are allowed by name", HEALTHY, messages_of_orders, DR_OK, NULL, "can die now"},
    {"consumers are not said", HEALTHY, consumers_of_orders, DR_UNKNOWN, "queues",
     "1 queue does not say its consumers: ha.orders"},
    {"no consumer", MIRRORED " consumers=0", consumers_of_orders, DR_CRITICAL, "queues",
     "1 queue breaks the limit of consumers: ha.orders (0, critical below 1)"},
    {"a consumer", MIRRORED " consumers=2", consumers_of_orders, DR_OK, NULL, "can die now"},
    {"a limit for nobody", HEALTHY, limit_of_nobody, DR_UNKNOWN, "limits",
     "no queue matches ^nobody, whose consumers is to be judged"},
    {"too old", MIRRORED " oldest=400", oldest_limited, DR_CRITICAL, "queues",
     "ha.orders (6m40s, critical above 5m)"},
    {"age not said", MIRRORED, oldest_limited, DR_UNKNOWN, "queues",
     "1 queue does not say its oldest"},
    {"empty, so nothing is old", "a classic node=1 mirrors=2,3 sync=2,3 messages=0 policy=ha-all",
     oldest_limited, DR_OK, NULL, "can die now"},
};

/* ---- with a cluster that takes over, which is dr1 to dr3 ---- */

static struct que_view *other_view(struct broker *broker)
{
    return view_of(broker, BROKER_NODES);
}

static void unseen(struct broker *broker)
{
    other_view(broker)->queues = dr_int(3);
    must_all(broker);
}

static void other_alarm(struct broker *broker)
{
    other_view(broker)->alarms = strdup("disk on rmq1@a");
}

static void other_definition(struct broker *broker)
{
    struct que_policy *policy = &broker->facts[BROKER_NODES].roster->policies[0];
    free(policy->definition);
    policy->definition = strdup("ha-all, but manually");
}

static void other_expected(struct broker *broker)
{
    broker->texts[0] = TEXT("rmq3");
    broker->rules.expect_node = (struct dr_text_list){broker->texts, 1};
    for (size_t i = BROKER_NODES; i < 2 * BROKER_NODES; i++) {
        struct que_view *view = view_of(broker, i);
        while (view->member_count > 1)
            free(view->members[--view->member_count].name);
        free(view->node);
        view->node = strdup(view->members[0].name);
    }
}

static void linked(struct broker *broker, const char *state)
{
    struct que_view *view = view_of(broker, 0);
    view->links = calloc(1, sizeof *view->links);
    view->link_count = 1;
    view->links[0] = (struct que_link){
        .name = strdup("to-dr"), .kind = strdup("shovel"), .state = state ? strdup(state) : NULL};
    view->replies[QUE_ASK_SHOVELS].answer = QUE_ANSWERED;
    view->replies[QUE_ASK_DEFINED].answer = QUE_ANSWERED;
}

static void shovel_runs(struct broker *broker)
{
    linked(broker, "running");
}

static void shovel_starts(struct broker *broker)
{
    linked(broker, "starting");
}

static void link_fails(struct broker *broker)
{
    linked(broker, "error");
}

static void shovel_ended(struct broker *broker)
{
    linked(broker, "terminated");
}

static void shovel_never_started(struct broker *broker)
{
    linked(broker, NULL);
}

static void shovels_unlisted(struct broker *broker)
{
    linked(broker, NULL);
    view_of(broker, 0)->replies[QUE_ASK_SHOVELS].answer = QUE_ABSENT;
}

static void definitions_refused(struct broker *broker)
{
    linked(broker, "running");
    view_of(broker, 0)->replies[QUE_ASK_DEFINED].answer = QUE_REFUSED;
}

static void definitions_hang(struct broker *broker)
{
    linked(broker, "running");
    view_of(broker, 0)->replies[QUE_ASK_DEFINED].answer = QUE_HUNG;
}

static const struct comparison {
    struct scene scene;
    const char *there;
} comparisons[] = {
    {{"the same", HEALTHY, nothing, DR_OK, "dr1", "3 queues are the same there"}, HEALTHY},
    {{"the judged cluster is called the same with it", HEALTHY, nothing, DR_OK, "rmq1",
      "its death loses nothing"},
     HEALTHY},
    {{"nothing there", HEALTHY, nothing, DR_WARNING, "dr1 queues", "3 queues are missing there"},
     ""},
    {{"nothing there that must be", HEALTHY, must_all, DR_CRITICAL, "dr1 queues",
      "3 queues are missing there"},
     ""},
    {{"nothing that we may see there", HEALTHY, unseen, DR_UNKNOWN, "dr1 queues",
      "3 queues are not seen there, and may be there"},
     ""},
    {{"another type", QUORUM, nothing, DR_WARNING, "dr1 queues",
      "payments (quorum, there classic)"},
     "payments classic node=1 mirrors=2 sync=2 messages=0 policy=ha-two"},
    {{"another policy", MIRRORED, nothing, DR_WARNING, "dr1 queues", "(ha-all, there ha-two)"},
     "ha.orders classic node=1 mirrors=2 sync=2 messages=0 policy=ha-two"},
    {{"the same policy, defined otherwise", MIRRORED, other_definition, DR_WARNING, "dr1 queues",
      "ha.orders (ha-all, there with another definition)"},
     MIRRORED},
    {{"nobody can publish there", HEALTHY, other_alarm, DR_CRITICAL, NULL,
      "dr1: nobody can publish: disk on rmq1@a"},
     HEALTHY},
    {{"nodes are expected here alone", HEALTHY, other_expected, DR_OK, "dr1",
      "3 queues are the same there"},
     HEALTHY},
    {{"a shovel runs", HEALTHY, shovel_runs, DR_OK, "links", "1 of 1 shovels"}, HEALTHY},
    {{"a shovel that does not get beyond its start", HEALTHY, shovel_starts, DR_WARNING, "shovel",
      "to-dr is starting: it is not connected"},
     HEALTHY},
    {{"a federation link that cannot log in", HEALTHY, link_fails, DR_CRITICAL, "shovel",
      "to-dr is in error"},
     HEALTHY},
    {{"a shovel that nobody lists", HEALTHY, shovel_never_started, DR_WARNING, "shovel",
      "to-dr is defined, and runs on no node"},
     HEALTHY},
    {{"... is none that runs", HEALTHY, shovel_never_started, DR_WARNING, "links",
      "0 of 1 shovels"},
     HEALTHY},
    {{"shovels without the plugin that lists them", HEALTHY, shovels_unlisted, DR_UNKNOWN,
      "shovels", "1 are defined, and whether they run cannot be seen"},
     HEALTHY},
    {{"definitions that we may not see are no fault", HEALTHY, definitions_refused, DR_OK,
      "shovels", "cannot be seen without the tag policymaker"},
     HEALTHY},
    {{"definitions that do not come", HEALTHY, definitions_hang, DR_UNKNOWN, "shovels",
      "not known whether all that are defined run"},
     HEALTHY},
    {{"a shovel that ended", HEALTHY, shovel_ended, DR_CRITICAL, "shovel", "to-dr is terminated"},
     HEALTHY},
};

/* Returns whether it came out as it should. */
static bool play(const struct scene *scene, const char *there)
{
    struct dr_result result;
    static struct broker broker;
    broker_make(&broker, scene->queues);
    if (there != NULL)
        broker_add(&broker, there, true);
    scene->change(&broker);
    broker_judge(&broker, &result);
    bool right = dr_result_state(&result) == scene->state &&
                 broker_says(&result, scene->subject, scene->words);
    if (!right) {
        fprintf(stderr, "%s: expected %s, %s: \"%s\"\n", scene->name, dr_state_name(scene->state),
                scene->subject != NULL ? scene->subject : "verdict", scene->words);
        broker_print(&result);
    }
    dr_result_free(&result);
    broker_forget(&broker);
    return right;
}

static void compared(void **state)
{
    size_t failed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++)
        failed += play(&comparisons[i].scene, comparisons[i].there) ? 0 : 1;
    assert_int_equal(failed, 0);
}

static void judged(void **state)
{
    size_t failed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++)
        failed += play(&scenes[i], NULL) ? 0 : 1;
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judged),
        cmocka_unit_test(compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
