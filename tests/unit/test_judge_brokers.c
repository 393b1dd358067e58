/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge of check_queue_mirrors on what is no RabbitMQ management API: Redis under Celery, Azure
 * queues, AMQP listeners; on what two runs tell (--state-dir), and on two clusters (--compare).
 * Each thing that can be wrong has a row, and its healthy counterpart another one. */
#include "tests/unit/broker.h"

#include "tests/unit/locale.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MIB (1024.0 * 1024)
#define DAY 86400.0

struct scene {
    const char *name;
    void (*change)(struct broker *broker);
    enum dr_state state;
    const char *subject; /* NULL: the verdict */
    const char *words;   /* NULL: nothing is said about the subject */
};

static void nothing(struct broker *broker)
{
    (void)broker;
}

static void unanswered(struct broker *broker, size_t number, enum dr_error_class class,
                       const char *text)
{
    broker->asked[number].answered = false;
    dr_error_set(&broker->errors[number], class, "%s", text);
}

/* ---- what the rows run on ---- */

static void start(struct broker *broker)
{
    memset(broker, 0, sizeof *broker);
    broker->evidence = (struct que_evidence){
        .asked = broker->asked, .history = &broker->history, .now = BROKER_NOW};
    broker->rules = (struct que_rules){.thresholds = broker->thresholds,
                                       .must_replicate = broker->must,
                                       .limits = broker->limits,
                                       .min_copies = 2,
                                       .unsynced_for = dr_real(600),
                                       .visibility_timeout = 3600};
}

/* One more target that answered: a group of its own, or one with the target before it. */
static struct que_facts *target(struct broker *broker, const char *label, enum que_product product,
                                bool alone)
{
    size_t i = broker->evidence.count++;
    broker->facts[i].product = product;
    broker->asked[i] =
        (struct que_asked){.label = label,
                           .host = label,
                           .product = product,
                           .group = alone || i == 0 ? label : broker->asked[i - 1].group,
                           .answered = true,
                           .facts = &broker->facts[i],
                           .error = &broker->errors[i]};
    return &broker->facts[i];
}

static void limit_least(struct broker *broker, enum que_metric metric, double warning,
                        double critical)
{
    broker->thresholds[metric].warning =
        (struct dr_limit){.given = true, .range = {.start = warning, .end = INFINITY}};
    broker->thresholds[metric].critical =
        (struct dr_limit){.given = true, .range = {.start = critical, .end = INFINITY}};
}

static bool is_said(const struct dr_result *result, const struct scene *scene)
{
    if (scene->words != NULL)
        return broker_says(result, scene->subject, scene->words);
    return !broker_says(result, scene->subject, "");
}

/* How many of the rows are judged otherwise than they should be. */
static size_t run(const struct scene *scenes, size_t count, void (*make)(struct broker *broker))
{
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        struct dr_result result;
        static struct broker broker;
        const struct scene *scene = &scenes[i];
        make(&broker);
        scene->change(&broker);
        broker_judge(&broker, &result);
        if (dr_result_state(&result) != scene->state || !is_said(&result, scene)) {
            fprintf(stderr, "%s: expected %s, %s: \"%s\"\n", scene->name,
                    dr_state_name(scene->state),
                    scene->subject != NULL ? scene->subject : "verdict",
                    scene->words != NULL ? scene->words : "nothing");
            broker_print(&result);
            failed++;
        }
        dr_result_free(&result);
        broker_forget(&broker);
    }
    return failed;
}

#define RUN(scenes, make) assert_int_equal(run(scenes, sizeof(scenes) / sizeof(scenes)[0], make), 0)

/* ---- Celery on Redis ---- */

static void add_replica(struct que_store *store, const char *address, int64_t behind)
{
    store->replicas =
        realloc(store->replicas, (store->replica_count + 1) * sizeof *store->replicas);
    store->replicas[store->replica_count++] = (struct que_replica){
        .address = strdup(address), .online = true, .behind = dr_int(behind), .age = dr_real(1)};
}

static void make_store(struct que_facts *facts, const char *queues)
{
    facts->roster = broker_roster(queues);
    facts->store = (struct que_store){.version = strdup("7.0.15"),
                                      .primary = true,
                                      .replicas_known = true,
                                      .append_only = dr_bool(true),
                                      .append_ok = dr_bool(true),
                                      .snapshots = dr_bool(true),
                                      .snapshot_ok = dr_bool(true),
                                      .snapshot_age = dr_real(100),
                                      .snapshot_after = dr_int(3),
                                      .memory_used = dr_int(50),
                                      .memory_limit = dr_int(100),
                                      .eviction = strdup("noeviction"),
                                      .in_flight = dr_int(2),
                                      .in_flight_age = dr_real(30),
                                      .in_flight_late = dr_int(0),
                                      .in_flight_eta = dr_int(0)};
}

#define LISTS "celery list ready=5 messages=5\nbilling list ready=0 messages=0"

/* A primary with an append-only file, and a replica that has everything. */
static void celery(struct broker *broker)
{
    start(broker);
    broker_limit(broker, QUE_LOST, true, 0);
    broker_limit(broker, QUE_UNAVAILABLE, false, 0);
    broker_limit(broker, QUE_LAG_BYTES, false, MIB);
    broker_limit(broker, QUE_LAG_BYTES, true, 64 * MIB);
    make_store(target(broker, "r1", QUE_CELERY, true), LISTS);
    add_replica(&broker->facts[0].store, "r2:6379", 0);
}

static struct que_store *store_of(struct broker *broker)
{
    return &broker->facts[0].store;
}

static void alone(struct broker *broker)
{
    struct que_store *store = store_of(broker);
    free(store->replicas[0].address);
    store->replica_count = 0;
}

static void behind_a_little(struct broker *broker)
{
    store_of(broker)->replicas[0].behind = dr_int(1000);
}

static void behind(struct broker *broker)
{
    store_of(broker)->replicas[0].behind = dr_int((int64_t)(2 * MIB));
}

static void far_behind(struct broker *broker)
{
    store_of(broker)->replicas[0].behind = dr_int((int64_t)(65 * MIB));
}

static void behind_but_another_near(struct broker *broker)
{
    far_behind(broker);
    add_replica(store_of(broker), "r3:6379", 10);
}

static void behind_not_said(struct broker *broker)
{
    store_of(broker)->replicas[0].behind.known = false;
}

static void silent_replica(struct broker *broker)
{
    store_of(broker)->replicas[0].age = dr_real(12);
}

static void nearly_silent_replica(struct broker *broker)
{
    store_of(broker)->replicas[0].age = dr_real(11);
}

static void offline_replica(struct broker *broker)
{
    store_of(broker)->replicas[0].online = false;
}

static void replicas_not_said(struct broker *broker)
{
    alone(broker);
    store_of(broker)->replicas_known = false;
}

static void allow_stops(struct broker *broker)
{
    alone(broker);
    broker->thresholds[QUE_UNAVAILABLE].warning.given = false;
}

static void other_queues(struct broker *broker, const char *queues)
{
    que_roster_free(broker->facts[0].roster);
    broker->facts[0].roster = broker_roster(queues);
}

static void no_log(struct broker *broker)
{
    allow_stops(broker);
    store_of(broker)->append_only = dr_bool(false);
}

static void no_log_all_saved(struct broker *broker)
{
    no_log(broker);
    store_of(broker)->snapshot_after = dr_int(0);
}

static void no_log_never_saved(struct broker *broker)
{
    no_log(broker);
    store_of(broker)->snapshot_age.known = false;
}

/* What it says of changes then counts from its start. */
static void nothing_saved(struct broker *broker)
{
    no_log_never_saved(broker);
    store_of(broker)->snapshots = dr_bool(false);
}

/* A job of the site's own, with BGSAVE. */
static void saved_by_hand(struct broker *broker)
{
    no_log(broker);
    store_of(broker)->snapshots = dr_bool(false);
}

static void nothing_saved_nothing_there(struct broker *broker)
{
    nothing_saved(broker);
    store_of(broker)->in_flight = dr_int(0);
    other_queues(broker, "celery list ready=0");
}

static void no_log_changes_unknown(struct broker *broker)
{
    no_log(broker);
    store_of(broker)->snapshot_after.known = false;
}

static void log_unknown(struct broker *broker)
{
    no_log(broker);
    store_of(broker)->append_only.known = false;
}

static void log_unknown_with_replica(struct broker *broker)
{
    store_of(broker)->append_only.known = false;
}

static void no_log_with_replica(struct broker *broker)
{
    store_of(broker)->append_only = dr_bool(false);
}

static void log_fails(struct broker *broker)
{
    store_of(broker)->append_ok = dr_bool(false);
}

static void log_off_and_fails(struct broker *broker)
{
    no_log_with_replica(broker);
    log_fails(broker);
}

static void snapshot_fails(struct broker *broker)
{
    store_of(broker)->snapshot_ok = dr_bool(false);
}

static void evicts(struct broker *broker)
{
    free(store_of(broker)->eviction);
    store_of(broker)->eviction = strdup("allkeys-lru");
}

static void evicts_without_limit(struct broker *broker)
{
    evicts(broker);
    store_of(broker)->memory_limit = dr_int(0);
}

static void evicts_what_expires(struct broker *broker)
{
    free(store_of(broker)->eviction);
    store_of(broker)->eviction = strdup("volatile-lru");
}

static void eviction_not_said(struct broker *broker)
{
    free(store_of(broker)->eviction);
    store_of(broker)->eviction = NULL;
}

static void memory_limited(struct broker *broker)
{
    broker_limit(broker, QUE_MEMORY_USED, false, 40);
}

static void in_flight_not_said(struct broker *broker)
{
    store_of(broker)->in_flight.known = false;
}

static void in_flight_late(struct broker *broker)
{
    store_of(broker)->in_flight_late = dr_int(1);
}

static void in_flight_old(struct broker *broker)
{
    broker_limit(broker, QUE_IN_FLIGHT_AGE, true, 20);
}

static void in_flight_waits(struct broker *broker)
{
    store_of(broker)->in_flight_eta = dr_int(2);
    store_of(broker)->in_flight_age.known = false;
}

static void loading(struct broker *broker)
{
    store_of(broker)->loading = true;
}

static void is_replica(struct broker *broker)
{
    alone(broker);
    store_of(broker)->primary = false;
    store_of(broker)->upstream = strdup("r9:6379");
    store_of(broker)->upstream_up = dr_bool(true);
}

static void is_cut_off(struct broker *broker)
{
    is_replica(broker);
    store_of(broker)->upstream_up = dr_bool(false);
}

static void refused(struct broker *broker)
{
    unanswered(broker, 0, DR_ERR_CONNECT, "connection refused");
    que_roster_free(broker->facts[0].roster);
    broker->facts[0].roster = NULL;
}

static void no_queue(struct broker *broker)
{
    other_queues(broker, "");
}

static void queue_never_made(struct broker *broker)
{
    other_queues(broker, "celery list ready=5\nbiling list");
}

static void two_primaries(struct broker *broker)
{
    make_store(target(broker, "r2", QUE_CELERY, false), LISTS);
}

static void replica_first(struct broker *broker)
{
    two_primaries(broker);
    add_replica(&broker->facts[1].store, "r1:6379", 0);
    is_replica(broker);
}

static void replica_beside_it(struct broker *broker)
{
    two_primaries(broker);
    broker->facts[1].store.primary = false;
}

static const struct scene celery_scenes[] = {
    {"a replica has everything", nothing, DR_OK, NULL,
     "7 tasks in 2 queues live on if r1 dies now: replica r2:6379 is 0 B behind"},
    {"a little behind", behind_a_little, DR_OK, NULL, "replica r2:6379 is 1 kB behind"},
    {"behind", behind, DR_WARNING, NULL, "replica r2:6379 is 2.1 MB behind"},
    {"far behind", far_behind, DR_CRITICAL, NULL, "replica r2:6379 is 68.2 MB behind"},
    {"another one is near", behind_but_another_near, DR_OK, NULL, "replica r3:6379 is 10 B behind"},
    {"how far is not said", behind_not_said, DR_UNKNOWN, "r1",
     "replica r2:6379: not known how far behind"},
    {"does not report", silent_replica, DR_WARNING, "r1", "replica r2:6379 has not reported for"},
    {"does not report: it takes nothing over", silent_replica, DR_WARNING, NULL,
     "until it is back: no replica that reports"},
    {"reports once in a while", nearly_silent_replica, DR_OK, NULL, "live on if r1 dies now"},
    {"not online", offline_replica, DR_WARNING, "r1", "replica r2:6379 is not online"},
    {"replicas are not said", replicas_not_said, DR_UNKNOWN, NULL,
     "cannot tell what is lost if r1 dies now"},
    {"alone", alone, DR_WARNING, NULL,
     "2 queues with 7 tasks stop if r1 dies now, until it is back: no replica, only the "
     "append-only file on its disk"},
    {"alone, and allowed to stop", allow_stops, DR_OK, NULL, "only the append-only file"},
    {"no append-only file", no_log, DR_CRITICAL, NULL,
     "loses up to 3 of 7 tasks if r1 dies now: no replica, no append-only file, last snapshot "
     "1m40s ago"},
    {"no append-only file, but all is saved", no_log_all_saved, DR_OK, NULL,
     "nothing is waiting that its last snapshot lacks"},
    {"no append-only file, never saved", no_log_never_saved, DR_CRITICAL, NULL,
     "loses up to 7 of 7 tasks"},
    {"never saved: when is not known", no_log_never_saved, DR_CRITICAL, NULL,
     "last snapshot an unknown time ago"},
    {"no append-only file, no snapshots", nothing_saved, DR_CRITICAL, NULL,
     "loses up to 7 of 7 tasks if r1 dies now: no replica, no append-only file, no snapshots"},
    {"saved by hand", saved_by_hand, DR_CRITICAL, NULL,
     "loses up to 3 of 7 tasks if r1 dies now: no replica, no append-only file, snapshots off, "
     "last snapshot 1m40s ago"},
    {"nothing would be saved, and nothing is there", nothing_saved_nothing_there, DR_OK, NULL,
     "nothing is waiting, and what comes would be lost: no append-only file, no snapshots"},
    {"what the snapshot lacks is not said", no_log_changes_unknown, DR_CRITICAL, NULL,
     "loses up to 7 of 7 tasks"},
    {"an append-only file is not said", log_unknown, DR_CRITICAL, NULL, "loses up to 3 of 7 tasks"},
    {"an append-only file is not said, beside a replica", log_unknown_with_replica, DR_UNKNOWN,
     "r1", "does not say whether it keeps an append-only file"},
    {"no append-only file, but a replica", no_log_with_replica, DR_OK, NULL, "live on"},
    {"the append-only file cannot be written", log_fails, DR_CRITICAL, "r1",
     "its append-only file cannot be written"},
    {"there is none that could not be written", log_off_and_fails, DR_OK, NULL, "live on"},
    {"a snapshot failed", snapshot_fails, DR_WARNING, "r1", "its last snapshot failed"},
    {"drops tasks", evicts, DR_WARNING, "r1", "drops tasks when its memory is full"},
    {"would drop tasks, but has no limit", evicts_without_limit, DR_OK, NULL, "live on"},
    {"drops only what expires, which tasks do not", evicts_what_expires, DR_OK, NULL, "live on"},
    {"what it drops is not said", eviction_not_said, DR_UNKNOWN, "r1",
     "does not say its maxmemory-policy"},
    {"memory", memory_limited, DR_WARNING, "r1", "memory in use: 50 %, warning above 40 %"},
    {"with workers", nothing, DR_OK, "in flight", "2 tasks with workers, the oldest for 30 s"},
    {"with workers: not said", in_flight_not_said, DR_UNKNOWN, "in flight", "is not known"},
    {"with workers for too long", in_flight_late, DR_WARNING, "in flight",
     "1 task for longer than the visibility timeout of 1h: will run twice"},
    {"with workers beyond the limit", in_flight_old, DR_CRITICAL, "in flight",
     "the oldest has been with a worker for 30 s, critical above 20 s"},
    {"with workers until their time has come", in_flight_waits, DR_OK, "in flight",
     "2 tasks with workers, 2 wait for their time"},
    {"loading", loading, DR_CRITICAL, "r1", "is loading its data"},
    {"a replica", is_replica, DR_UNKNOWN, "r1", "is a replica of r9:6379"},
    {"a replica: the verdict", is_replica, DR_UNKNOWN, NULL,
     "cannot tell from a replica what dies with its primary r9:6379"},
    {"a replica that is cut off", is_cut_off, DR_CRITICAL, "r1", "is cut off from r9:6379"},
    {"refused", refused, DR_CRITICAL, "r1", "connection refused"},
    {"refused: the verdict", refused, DR_CRITICAL, NULL,
     "cannot tell what is lost if r1 dies now: r1: connection refused"},
    {"no queue", no_queue, DR_UNKNOWN, NULL, "no queue of Celery was found on r1"},
    {"a queue that nobody made", queue_never_made, DR_UNKNOWN, "queues",
     "1 queue is not there: no list, no binding: biling"},
    {"two primaries", two_primaries, DR_WARNING, "r2", "is a primary like r1"},
    {"the primary counts, whichever comes first", replica_first, DR_OK, NULL,
     "7 tasks in 2 queues live on if r2 dies now"},
    {"a replica beside its primary", replica_beside_it, DR_OK, "r2", NULL},
};

static void judged_celery(void **state)
{
    (void)state;
    RUN(celery_scenes, celery);
}

/* ---- Azure Queue Storage ---- */

static struct que_cloud *cloud_of(struct broker *broker)
{
    return &broker->facts[0].cloud;
}

static void azure(struct broker *broker)
{
    start(broker);
    broker_limit(broker, QUE_SYNC_AGE, false, 900);
    broker_limit(broker, QUE_SYNC_AGE, true, 1800);
    broker_limit(broker, QUE_POISON, false, 0);
    limit_least(broker, QUE_SAS_LEFT, 7 * DAY, DAY);
    target(broker, "orders", QUE_AZURE_QUEUE, true)->cloud =
        (struct que_cloud){.count = dr_int(7),
                           .peeked = dr_int(7),
                           .oldest = dr_real(90),
                           .dequeues = dr_int(1),
                           .poison_there = dr_bool(false),
                           .geo_status = strdup("live"),
                           .sync_age = dr_real(120)};
    broker->facts[0].roster = broker_roster("orders list messages=7");
}

static void geo(struct broker *broker, const char *status)
{
    free(cloud_of(broker)->geo_status);
    cloud_of(broker)->geo_status = status != NULL ? strdup(status) : NULL;
}

static void sync_late(struct broker *broker)
{
    cloud_of(broker)->sync_age = dr_real(1000);
}

static void sync_too_late(struct broker *broker)
{
    cloud_of(broker)->sync_age = dr_real(3600);
}

static void sync_not_said(struct broker *broker)
{
    cloud_of(broker)->sync_age.known = false;
}

static void bootstrap(struct broker *broker)
{
    geo(broker, "bootstrap");
}

static void unavailable(struct broker *broker)
{
    geo(broker, "unavailable");
}

static void with_objective(struct broker *broker)
{
    broker->rules.rpo = dr_real(900);
}

static void one_region(struct broker *broker)
{
    geo(broker, NULL);
    cloud_of(broker)->geo_absent = true;
}

static void one_region_with_objective(struct broker *broker)
{
    one_region(broker);
    with_objective(broker);
}

static void one_region_count_not_said(struct broker *broker)
{
    one_region(broker);
    cloud_of(broker)->count.known = false;
}

static void geo_forbidden(struct broker *broker)
{
    geo(broker, NULL);
    snprintf(cloud_of(broker)->geo_text, sizeof cloud_of(broker)->geo_text, "not authorised");
}

static void count_not_said(struct broker *broker)
{
    cloud_of(broker)->count.known = false;
}

static void not_peeked(struct broker *broker)
{
    cloud_of(broker)->peeked.known = false;
}

static void all_taken(struct broker *broker)
{
    cloud_of(broker)->peeked = dr_int(0);
    cloud_of(broker)->oldest.known = false;
    cloud_of(broker)->dequeues.known = false;
}

static void retried(struct broker *broker)
{
    cloud_of(broker)->dequeues = dr_int(5);
    broker_limit(broker, QUE_DEQUEUES, false, 4);
}

static void poisoned(struct broker *broker)
{
    cloud_of(broker)->poison_there = dr_bool(true);
    cloud_of(broker)->poison = dr_int(3);
}

static void poison_empty(struct broker *broker)
{
    poisoned(broker);
    cloud_of(broker)->poison = dr_int(0);
}

static void poison_not_said(struct broker *broker)
{
    cloud_of(broker)->poison_there.known = false;
}

static void poison_not_counted(struct broker *broker)
{
    poisoned(broker);
    cloud_of(broker)->poison.known = false;
}

static void sas_new(struct broker *broker)
{
    cloud_of(broker)->sas_left = dr_real(30 * DAY);
}

static void sas_old(struct broker *broker)
{
    cloud_of(broker)->sas_left = dr_real(3 * DAY);
}

static void sas_nearly_over(struct broker *broker)
{
    cloud_of(broker)->sas_left = dr_real(3600);
}

static void region_gone(struct broker *broker)
{
    unanswered(broker, 0, DR_ERR_CONNECT, "connection refused");
}

static void not_authorised(struct broker *broker)
{
    geo(broker, NULL);
    unanswered(broker, 0, DR_ERR_AUTH, "not authorised");
}

static const struct scene azure_scenes[] = {
    {"a copy in the other region", nothing, DR_OK, NULL,
     "loses up to 2m of messages if the region of orders is lost now"},
    {"what is in it", nothing, DR_OK, "orders", "about 7 messages, the oldest 1m30s old"},
    {"late", sync_late, DR_WARNING, NULL, "loses up to 16m40s of messages"},
    {"too late", sync_too_late, DR_CRITICAL, NULL, "loses up to 1h of messages"},
    {"with an objective", with_objective, DR_OK, NULL, "is lost now (RPO 15m)"},
    {"not said how late", sync_not_said, DR_UNKNOWN, NULL,
     "cannot tell how old the copy of orders in the other region is"},
    {"being made", bootstrap, DR_WARNING, NULL, "its replication is bootstrap"},
    {"not replicated", unavailable, DR_CRITICAL, NULL,
     "orders has no copy in another region now: its replication is unavailable"},
    {"one region", one_region, DR_OK, NULL,
     "orders: about 7 messages; of a copy in another region nothing is known"},
    {"one region, with an objective", one_region_with_objective, DR_UNKNOWN, NULL,
     "cannot tell what is lost with the region of orders (RPO 15m)"},
    {"one region, and not how many", one_region_count_not_said, DR_UNKNOWN, "orders",
     "does not say how many messages it has"},
    {"the other region may not be asked", geo_forbidden, DR_UNKNOWN, NULL,
     "cannot tell what is lost with the region of orders: not authorised"},
    {"how many is not said", count_not_said, DR_UNKNOWN, "orders",
     "does not say how many messages it has"},
    {"not looked at", not_peeked, DR_UNKNOWN, "orders", "its messages could not be looked at"},
    {"all of them taken", all_taken, DR_OK, "orders", "all of them taken or delayed"},
    {"taken again and again", retried, DR_WARNING, "orders", "times that one message was taken: 5"},
    {"no poison", nothing, DR_OK, "poison", NULL},
    {"poison", poisoned, DR_WARNING, "poison", "messages that were given up: 3"},
    {"no message in it", poison_empty, DR_OK, "poison", "0 messages given up"},
    {"poison: not said whether", poison_not_said, DR_OK, "poison", "may not be looked at"},
    {"poison: not said how many", poison_not_counted, DR_OK, "poison", "may not be looked at"},
    {"no signature to expire", nothing, DR_OK, "access", NULL},
    {"a new signature", sas_new, DR_OK, "access", "expires in 30d"},
    {"a signature of three days", sas_old, DR_WARNING, "access", "expires in 3d"},
    {"a signature of an hour", sas_nearly_over, DR_CRITICAL, "access", "expires in 1h"},
    {"the region is gone", region_gone, DR_CRITICAL, "orders", "connection refused"},
    {"the region is gone: its copy still tells", region_gone, DR_CRITICAL, NULL,
     "loses up to 2m of messages if the region of orders is lost now"},
    {"not authorised", not_authorised, DR_UNKNOWN, NULL,
     "cannot tell what is lost with the region of orders: orders: not authorised"},
};

static void judged_azure(void **state)
{
    (void)state;
    RUN(azure_scenes, azure);
}

/* ---- AMQP listeners ---- */

static void trip(struct broker *broker, size_t number, enum que_trip_end end)
{
    broker->facts[number].amqp.quorum = (struct que_trip){.end = end};
    if (end == QUE_TRIP_DONE)
        broker->facts[number].amqp.quorum.confirm = dr_real(0.02);
}

/* Three listeners, of one cluster; nothing was published. */
static void amqp(struct broker *broker)
{
    start(broker);
    for (size_t i = 0; i < 3; i++) {
        static const char *const labels[] = {"mq1", "mq2", "mq3"};
        struct que_amqp *facts = &target(broker, labels[i], QUE_AMQP, i == 0)->amqp;
        facts->product = strdup("RabbitMQ");
        facts->version = strdup("3.10.8");
    }
}

static void confirmed(struct broker *broker)
{
    for (size_t i = 0; i < 3; i++)
        trip(broker, i, QUE_TRIP_DONE);
    broker->facts[1].amqp.quorum.confirm = dr_real(0.5);
}

static void slow(struct broker *broker)
{
    confirmed(broker);
    broker_limit(broker, QUE_PROBE_TIME, false, 0.1);
}

static void at_once(struct broker *broker)
{
    confirmed(broker);
    for (size_t i = 0; i < 3; i++)
        broker->facts[i].amqp.quorum.confirm = dr_real(i == 1 ? 0.007 : 0.0002);
}

static void other_product(struct broker *broker)
{
    free(broker->facts[0].amqp.product);
    broker->facts[0].amqp.product = strdup("LavinMQ");
}

static void product_not_said(struct broker *broker)
{
    free(broker->facts[0].amqp.product);
    broker->facts[0].amqp.product = NULL;
}

static void unconfirmed(struct broker *broker)
{
    confirmed(broker);
    trip(broker, 0, QUE_TRIP_UNCONFIRMED);
}

static void returned(struct broker *broker)
{
    confirmed(broker);
    trip(broker, 0, QUE_TRIP_RETURNED);
}

static void lost(struct broker *broker)
{
    confirmed(broker);
    trip(broker, 0, QUE_TRIP_LOST);
}

static void forbidden(struct broker *broker)
{
    confirmed(broker);
    trip(broker, 2, QUE_TRIP_FORBIDDEN);
}

static void forbidden_twice(struct broker *broker)
{
    struct que_amqp *facts = &broker->facts[2].amqp;
    forbidden(broker);
    snprintf(facts->quorum.text, sizeof facts->quorum.text, "rabbitmqctl set_permissions");
    facts->classic = facts->quorum;
}

static void clash(struct broker *broker)
{
    confirmed(broker);
    trip(broker, 2, QUE_TRIP_CLASH);
}

static void lost_and_forbidden(struct broker *broker)
{
    lost(broker);
    trip(broker, 2, QUE_TRIP_FORBIDDEN);
}

static void forbidden_and_lost(struct broker *broker)
{
    confirmed(broker);
    trip(broker, 0, QUE_TRIP_FORBIDDEN);
    trip(broker, 2, QUE_TRIP_LOST);
}

static void blocked(struct broker *broker)
{
    broker->facts[1].amqp.blocked = strdup("low on memory");
}

static void listener_refused(struct broker *broker)
{
    confirmed(broker);
    unanswered(broker, 2, DR_ERR_CONNECT, "connection refused");
}

static void listener_in_maintenance(struct broker *broker)
{
    listener_refused(broker);
    broker->texts[0] = TEXT("mq3");
    broker->rules.maintenance = (struct dr_text_list){broker->texts, 1};
}

static void no_listener(struct broker *broker)
{
    for (size_t i = 0; i < 3; i++)
        unanswered(broker, i, DR_ERR_AUTH, "log-in failed");
}

static const struct scene amqp_scenes[] = {
    {"log-ins", nothing, DR_OK, NULL, "3 of 3 AMQP listeners take log-ins"},
    {"log-ins: nothing is claimed of messages", nothing, DR_OK, "mq1",
     "takes log-ins; nothing was published (--probe)"},
    {"confirmed", confirmed, DR_OK, NULL, "published on 3 of 3 listeners, confirmed within 0.5 s"},
    {"confirmed at once", at_once, DR_OK, NULL, "3 of 3 listeners, confirmed within 7 ms"},
    {"confirmed at once: each", at_once, DR_OK, "mq1", "quorum queue: confirmed in 0.2 ms"},
    {"the product", nothing, DR_OK, "mq1", "RabbitMQ 3.10.8"},
    {"another product", other_product, DR_OK, "mq1", "LavinMQ 3.10.8"},
    {"a product that is not said", product_not_said, DR_OK, "mq1", "(--probe), version 3.10.8"},
    {"slow", slow, DR_WARNING, "mq2", "confirmed only after 0.5 s, warning above 0.1 s"},
    {"no confirm", unconfirmed, DR_CRITICAL, "mq1", "published, and no confirm came"},
    {"no confirm: the verdict", unconfirmed, DR_CRITICAL, NULL,
     "a message published on mq1 does not get through"},
    {"not taken", returned, DR_CRITICAL, "mq1", "the broker did not take the message"},
    {"did not come back", lost, DR_CRITICAL, "mq1", "the message did not come back"},
    {"forbidden", forbidden, DR_UNKNOWN, NULL, "cannot tell whether mq3 takes messages"},
    {"forbidden twice: one grant", forbidden_twice, DR_UNKNOWN, "mq3",
     "temporary and quorum queue: a permission is missing: rabbitmqctl set_permissions"},
    {"another queue of that name", clash, DR_UNKNOWN, "mq3", "is there with other arguments"},
    {"the worst is named", lost_and_forbidden, DR_CRITICAL, NULL, "published on mq1 does not"},
    {"the worst is named, also the last", forbidden_and_lost, DR_CRITICAL, NULL,
     "published on mq3 does not"},
    {"blocked", blocked, DR_CRITICAL, "mq2", "publishers are blocked: low on memory"},
    {"refused", listener_refused, DR_CRITICAL, "mq3", "connection refused"},
    {"refused, on purpose", listener_in_maintenance, DR_OK, NULL, "published on 2 of 3 listeners"},
    {"nobody", no_listener, DR_UNKNOWN, NULL,
     "no AMQP listener of 3 could be asked: mq1: log-in failed"},
};

static void judged_amqp(void **state)
{
    (void)state;
    RUN(amqp_scenes, amqp);
}

/* ---- two clusters ---- */

#define QUORUM "payments quorum members=1,2,3 online=1,2,3 leader=2 messages=30 persistent=30"
#define MIRRORED                                                                                   \
    "ha.orders classic node=1 mirrors=2,3 sync=2,3 messages=50 persistent=50 policy=ha-all"

static void compared(struct broker *broker, const char *here, const char *there)
{
    broker_make(broker, here);
    broker_add(broker, there, true);
}

static void clusters(struct broker *broker)
{
    compared(broker, QUORUM "\n" MIRRORED, QUORUM "\n" MIRRORED "\nmore quorum members=1,2,3");
}

static void other_reference(struct broker *broker, const char *queues)
{
    que_roster_free(broker->facts[3].roster);
    broker->facts[3].roster = broker_roster(queues);
    broker->facts[3].view.queues = dr_int((int64_t)broker->facts[3].roster->count);
}

static void queue_missing(struct broker *broker)
{
    other_reference(broker, QUORUM);
}

static void queue_missing_must(struct broker *broker)
{
    queue_missing(broker);
    broker_must(broker, "^ha");
}

static void queue_missing_left_out(struct broker *broker)
{
    struct dr_error error;
    queue_missing(broker);
    dr_selection_add(&broker->rules.selection, true, "^ha", &error);
}

static void other_kind(struct broker *broker)
{
    other_reference(broker, "payments classic node=1 policy=ha-all\n" MIRRORED);
}

static void other_policy(struct broker *broker)
{
    other_reference(broker, QUORUM "\nha.orders classic node=1 mirrors=2 sync=2 policy=ha-two");
}

static void no_reference_list(struct broker *broker)
{
    que_roster_free(broker->facts[3].roster);
    broker->facts[3].roster = NULL;
}

static void reference_refused(struct broker *broker)
{
    for (size_t i = 3; i < 6; i++)
        unanswered(broker, i, DR_ERR_CONNECT, "connection refused");
    no_reference_list(broker);
}

static void hidden_there(struct broker *broker)
{
    broker->facts[3].view.queues = dr_int(9);
}

static void link_state(struct broker *broker, size_t number, const char *state)
{
    struct que_view *view = &broker->facts[number].view;
    view->links = calloc(1, sizeof *view->links);
    view->link_count = 1;
    view->links[0] = (struct que_link){.vhost = strdup("/"),
                                       .name = strdup("to-dr"),
                                       .kind = strdup("shovel"),
                                       .state = strdup(state)};
}

static void link_runs(struct broker *broker)
{
    link_state(broker, 0, "running");
}

static void link_stopped(struct broker *broker)
{
    link_state(broker, 0, "terminated");
}

static void links_refused(struct broker *broker)
{
    broker->facts[3].view.replies[QUE_ASK_SHOVELS] =
        (struct que_reply){.answer = QUE_REFUSED, .text = "not a monitor"};
}

static void links_absent(struct broker *broker)
{
    broker->facts[3].view.replies[QUE_ASK_SHOVELS].answer = QUE_ABSENT;
    broker->facts[0].view.replies[QUE_ASK_FEDERATION].answer = QUE_ABSENT;
}

static const struct scene compare_scenes[] = {
    {"the same", nothing, DR_OK, "dr1", "2 queues are the same there"},
    {"missing", queue_missing, DR_WARNING, "dr1 queues",
     "1 queue is missing there: ha.orders (classic)"},
    {"missing, and must be replicated", queue_missing_must, DR_CRITICAL, "dr1 queues",
     "1 queue is missing there"},
    {"missing, and left out", queue_missing_left_out, DR_OK, "dr1", "1 queue is the same there"},
    {"another type", other_kind, DR_WARNING, "dr1 queues", "payments (quorum, there classic)"},
    {"another policy", other_policy, DR_WARNING, "dr1 queues", "ha.orders (ha-all, there ha-two)"},
    {"no list there", no_reference_list, DR_UNKNOWN, "dr1", "cannot be compared"},
    {"nobody there", reference_refused, DR_CRITICAL, "dr2", "connection refused"},
    {"some are hidden there", hidden_there, DR_UNKNOWN, "dr1 queues", "may see only"},
    {"a shovel runs", link_runs, DR_OK, "dr1", "are the same there"},
    {"a shovel is terminated", link_stopped, DR_CRITICAL, NULL, ""},
    {"shovels may not be asked for", links_refused, DR_UNKNOWN, "dr1 shovels",
     "not known whether they run: not a monitor"},
    {"there are no shovels", links_absent, DR_OK, "dr1", "are the same there"},
};

static void judged_clusters(void **state)
{
    (void)state;
    RUN(compare_scenes, clusters);
}

/* ---- two runs ---- */

struct look {
    const char *name;
    const char *before;
    const char *now;
    double seconds; /* between the two */
    enum dr_state state;
    const char *subject;
    const char *words; /* NULL: nothing is said */
};

#define AT(node, mirrors, rest)                                                                    \
    "q classic node=" node " mirrors=" mirrors " policy=ha-all persistent=0 " rest

static const struct look looks[] = {
    {"nothing happened", AT("1", "2,3", "sync=2,3 messages=50 acked=5"),
     AT("1", "2,3", "sync=2,3 messages=50 acked=5"), 60, DR_OK, "queues", NULL},
    {"consumed", AT("1", "2,3", "sync=2,3 messages=50 acked=5"),
     AT("1", "2,3", "sync=2,3 messages=0 acked=55"), 60, DR_OK, "queues", NULL},
    {"consumed beside a move of the leader", AT("1", "2,3", "sync=2,3 messages=50 acked=5"),
     AT("2", "1,3", "sync=1,3 messages=10 acked=45"), 60, DR_OK, "queues", NULL},
    {"the counters say less than was taken from a leader that moved to a synchronised mirror",
     AT("1", "2,3", "sync=2,3 messages=50 acked=5"), AT("2", "1,3", "sync=1,3 messages=10 acked=5"),
     60, DR_OK, "queues", NULL},
    {"lost with its leader", AT("1", "2,3", "sync=- messages=50 acked=5"),
     AT("2", "1,3", "sync=1,3 messages=10 acked=5"), 60, DR_CRITICAL, "queues",
     "1 queue lost messages when its leader moved: q (40 messages, 0 s ago)"},
    {"the counters began anew with a new leader, some are left",
     AT("1", "2,3", "sync=- messages=50 acked=500"),
     AT("2", "1,3", "sync=1,3 messages=10 acked=30"), 60, DR_OK, "queues", NULL},
    {"emptied with a new leader", AT("1", "2,3", "sync=- messages=50 acked=500"),
     AT("2", "1,3", "sync=1,3 messages=0 acked=0"), 60, DR_CRITICAL, "queues",
     "lost messages when its leader moved"},
    {"emptied, and nobody took anything", AT("1", "2,3", "sync=2,3 messages=50 acked=5"),
     AT("1", "2,3", "sync=2,3 messages=0 acked=5"), 60, DR_WARNING, "queues",
     "1 queue was emptied, and nobody took its messages: q (50 messages"},
    {"messages that expire", AT("1", "2,3", "sheds sync=2,3 messages=50 acked=5"),
     AT("1", "2,3", "sheds sync=2,3 messages=0 acked=5"), 60, DR_OK, "queues", NULL},
    {"how many is not said", AT("1", "2,3", "sync=2,3 messages=50 acked=5"),
     AT("2", "1,3", "sync=1,3 acked=5"), 60, DR_OK, "queues", NULL},
    {"unsynchronised for a while", AT("1", "2,3", "sync=2 messages=1"),
     AT("1", "2,3", "sync=2 messages=1"), 500, DR_WARNING, "queues",
     "1 queue has a mirror that is not synchronised: q (rmq3)"},
    {"unsynchronised for too long", AT("1", "2,3", "sync=2 messages=1"),
     AT("1", "2,3", "sync=2 messages=1"), 700, DR_CRITICAL, "queues",
     "1 queue's mirror has not been synchronised for too long: q (for 11m40s)"},
    {"synchronised again", AT("1", "2,3", "sync=2 messages=1"),
     AT("1", "2,3", "sync=2,3 messages=1"), 700, DR_OK, "queues", NULL},
    {"our clock was set back", AT("1", "2,3", "sync=2 messages=1 head=7"),
     AT("1", "2,3", "sync=2 messages=1 head=7"), -86400, DR_WARNING, "queues",
     "1 queue has a mirror that is not synchronised: q (rmq3)"},
    {"the same head for long", AT("1", "2,3", "sync=2,3 messages=5 head=7"),
     AT("1", "2,3", "sync=2,3 messages=5 head=7"), 700, DR_WARNING, "queues", "q (11m40s"},
    {"another head", AT("1", "2,3", "sync=2,3 messages=5 head=7"),
     AT("1", "2,3", "sync=2,3 messages=5 head=8"), 700, DR_OK, "queues", NULL},
};

static void look(struct broker *broker, const char *directory, const char *queues, double now,
                 struct dr_result *result)
{
    struct dr_error error;
    broker_make(broker, queues);
    broker->thresholds[QUE_LOST].critical.given = false;
    broker->thresholds[QUE_LOST_QUEUES].critical.given = false;
    if (strstr(queues, "head=") != NULL)
        broker_limit(broker, QUE_QUEUE_OLDEST, false, 600);
    broker->evidence.now = now;
    assert_true(
        que_history_open(&broker->history, directory, "check_queue_mirrors", "mq1", &error));
    broker_judge(broker, result);
    assert_true(que_history_close(&broker->history, &error));
    broker_forget(broker);
}

static void judged_over_time(void **state)
{
    size_t failed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        struct dr_result result;
        static struct broker broker;
        const struct look *row = &looks[i];
        char directory[] = "/tmp/dr-judge-XXXXXX";
        assert_non_null(mkdtemp(directory));
        look(&broker, directory, row->before, BROKER_NOW, &result);
        dr_result_free(&result);
        look(&broker, directory, row->now, BROKER_NOW + row->seconds, &result);
        const struct scene scene = {.subject = row->subject, .words = row->words};
        if (dr_result_state(&result) != row->state || !is_said(&result, &scene)) {
            fprintf(stderr, "%s: expected %s, %s: \"%s\"\n", row->name, dr_state_name(row->state),
                    row->subject, row->words != NULL ? row->words : "nothing");
            broker_print(&result);
            failed++;
        }
        dr_result_free(&result);
        test_remove_tree(directory);
    }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judged_celery),    cmocka_unit_test(judged_azure),
        cmocka_unit_test(judged_amqp),      cmocka_unit_test(judged_clusters),
        cmocka_unit_test(judged_over_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
