/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the death of a node does to a queue: one row for each type, state of its copies, policy and
 * kind of message. */
#include "tests/unit/broker.h"

#include "plugins/queues/loss.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct row {
    const char *queue;
    const char *dying; /* numbers of nodes */
    const char *down;  /* already */
    bool inert;        /* RabbitMQ 4 */
    enum que_fate fate;
    double lost;    /* below 0: not known */
    double waiting; /* below 0: not known */
};

static const struct row rows[] = {
    /* mirrored, its leader dies */
    {"q classic node=1 mirrors=2,3 sync=2,3 messages=9", "1", "", false, QUE_SURVIVES, 0, 0},
    {"q classic node=1 mirrors=2,3 sync=2 messages=9", "1", "", false, QUE_FRAGILE_AFTER, 0, 0},
    {"q classic node=1 mirrors=2 sync=2 messages=9", "1", "", false, QUE_FRAGILE_AFTER, 0, 0},
    {"q classic node=1 mirrors=2 sync=- messages=9 policy=ha-two", "1", "", false, QUE_LOSES, 9, 0},
    {"q classic node=1 mirrors=2 sync=- messages=9", "1", "", false, QUE_LOSES, 9, 0},
    {"q classic node=1 mirrors=2 sync=- messages=0", "1", "", false, QUE_LOSES, 0, 0},
    {"q classic node=1 mirrors=2 sync=-", "1", "", false, QUE_LOSES, -1, 0},
    {"q classic node=1 mirrors=2 sync=- messages=9 persistent=9 policy=ha-two-wait", "1", "", false,
     QUE_STOPS, 0, 9},
    {"q classic node=1 mirrors=2 sync=- messages=9 persistent=4 policy=ha-two-wait", "1", "", false,
     QUE_LOSES, 5, 4},
    {"q classic node=1 mirrors=- sync=- messages=9 persistent=9", "1", "", false, QUE_STOPS, 0, 9},
    /* the mirror that is synchronised runs on a node that is down: stale figures */
    {"q classic node=1 mirrors=2,3 sync=2 messages=9", "1", "2", false, QUE_LOSES, 9, 0},
    /* mirrored, a mirror dies */
    {"q classic node=1 mirrors=2,3 sync=2,3 messages=9", "2", "", false, QUE_SURVIVES, 0, 0},
    {"q classic node=1 mirrors=2 sync=2 messages=9", "2", "", false, QUE_FRAGILE_AFTER, 0, 0},
    {"q classic node=1 mirrors=2 sync=2 messages=9", "3", "", false, QUE_SURVIVES, 0, 0},
    /* mirrored, several die */
    {"q classic node=1 mirrors=2,3 sync=2,3 messages=9 persistent=9", "123", "", false, QUE_STOPS,
     0, 9},
    {"q classic node=1 mirrors=2,3 sync=2 messages=9", "12", "", false, QUE_LOSES, 9, 0},
    /* its mirrors are not known */
    {"q classic node=1 mirrors=2 messages=9", "1", "", false, QUE_FATE_UNKNOWN, -1, -1},
    {"q classic messages=9", "1", "", false, QUE_FATE_UNKNOWN, -1, -1},
    /* one copy */
    {"q classic node=1 messages=9 persistent=9", "1", "", false, QUE_STOPS, 0, 9},
    {"q classic node=1 messages=9 persistent=2", "1", "", false, QUE_LOSES, 7, 2},
    {"q classic node=1 messages=9 persistent=0", "1", "", false, QUE_LOSES, 9, 0},
    {"q classic node=1 messages=9", "1", "", false, QUE_STOPS, -1, 9},
    {"q classic node=1 messages=0", "1", "", false, QUE_STOPS, 0, 0},
    {"q classic node=1", "1", "", false, QUE_STOPS, -1, -1},
    {"q classic node=1 messages=9 persistent=9 transient", "1", "", false, QUE_LOSES, 9, 0},
    {"q classic node=1 messages=9 persistent=9", "2", "", false, QUE_SURVIVES, 0, 0},
    {"q classic node=1 messages=9 persistent=9", "23", "", false, QUE_SURVIVES, 0, 0},
    /* RabbitMQ 4 ignores mirrors, whatever is said of them */
    {"q classic node=1 mirrors=2 sync=2 messages=9 persistent=9", "1", "", true, QUE_STOPS, 0, 9},
    /* already away */
    {"q classic node=1 messages=9 down", "1", "", false, QUE_STOPPED_ALREADY, -1, -1},
    {"q classic node=1 messages=9", "2", "1", false, QUE_STOPPED_ALREADY, -1, -1},
    {"q classic node=1 messages=9 crashed", "2", "", false, QUE_STOPPED_ALREADY, -1, -1},
    /* quorum: a majority */
    {"q quorum members=1,2,3 online=1,2,3 leader=1 messages=9", "1", "", false, QUE_FRAGILE_AFTER,
     0, 0},
    {"q quorum members=1,2,3 online=1,2,3 leader=1 messages=9", "12", "", false, QUE_STOPS, 0, 9},
    {"q quorum members=1,2,3 online=1,2 leader=1 messages=9", "1", "", false, QUE_STOPS, 0, 9},
    {"q quorum members=1,2,3 online=1,2 leader=1 messages=9", "3", "", false, QUE_FRAGILE_AFTER, 0,
     0},
    {"q quorum members=1,2 online=1,2 leader=1 messages=9", "2", "", false, QUE_STOPS, 0, 9},
    {"q quorum members=1,2 online=1,2 leader=1 messages=9", "3", "", false, QUE_FRAGILE_AFTER, 0,
     0},
    {"q quorum members=1 online=1 leader=1 messages=9", "1", "", false, QUE_STOPS, 0, 9},
    {"q quorum members=1 online=1 leader=1", "1", "", false, QUE_STOPS, 0, -1},
    /* "running" does not mean that there is a majority (until 3.12) */
    {"q quorum members=1,2 online=2 leader=2 messages=9", "1", "", false, QUE_STOPPED_ALREADY, -1,
     -1},
    {"q quorum members=1,2,3 online=1,2,3 leader=1 messages=9", "2", "3", false, QUE_STOPS, 0, 9},
    {"q quorum members=1,2,3 online=1 leader=- stateless", "2", "", false, QUE_STOPPED_ALREADY, -1,
     -1},
    {"q quorum members=1,2,3 leader=1 messages=9", "2", "", false, QUE_FATE_UNKNOWN, -1, -1},
    {"q quorum leader=1 messages=9", "2", "", false, QUE_FATE_UNKNOWN, -1, -1},
    {"q quorum members=- online=- leader=1 messages=9", "2", "", false, QUE_FATE_UNKNOWN, -1, -1},
    /* a stream goes on in the same way */
    {"q stream members=1,2,3 online=1,2,3 node=1 messages=9", "1", "", false, QUE_FRAGILE_AFTER, 0,
     0},
    {"q stream members=1,2,3 online=2,3 node=2 messages=9", "2", "", false, QUE_STOPS, 0, 9},
    {"q stream node=1 messages=9", "1", "", false, QUE_FATE_UNKNOWN, -1, -1},
    {"q other node=1 messages=9", "1", "", false, QUE_FATE_UNKNOWN, -1, -1},
};

static bool is_same(struct dr_opt_real value, double wanted)
{
    return wanted < 0 ? !value.known : value.known && value.value == wanted;
}

static void fate(void **state)
{
    size_t failed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct que_roster *roster = broker_roster(row->queue);
        const struct que_world world = {
            .roster = roster, .down = broker_set(roster, row->down), .mirrors_inert = row->inert};
        const struct que_outcome outcome =
            que_outcome_of(&world, que_roster_at(roster, 0), broker_set(roster, row->dying));
        if (outcome.fate != row->fate || !is_same(outcome.lost, row->lost) ||
            !is_same(outcome.waiting, row->waiting)) {
            fprintf(stderr, "%s, %s dies: fate %d (expected %d), lost %d %.0f, waiting %d %.0f\n",
                    row->queue, row->dying, (int)outcome.fate, (int)row->fate, outcome.lost.known,
                    outcome.lost.value, outcome.waiting.known, outcome.waiting.value);
            failed++;
        }
        que_roster_free(roster);
    }
    assert_int_equal(failed, 0);
}

static void safe(void **state)
{
    static const struct {
        const char *queue;
        const char *down;
        bool known;
        int copies;
    } cases[] = {
        {"q classic node=1 mirrors=2,3 sync=2,3", "", true, 3},
        {"q classic node=1 mirrors=2,3 sync=2,3", "3", true, 2},
        {"q classic node=1 mirrors=2,3 sync=-", "", true, 1},
        {"q classic node=1 mirrors=2,3 sync=2", "1", true, 0},
        {"q classic node=1", "", true, 1},
        {"q classic node=1 mirrors=2", "", false, 0},
        {"q quorum members=1,2,3 online=1,2,3", "", true, 3},
        {"q quorum members=1,2,3 online=1", "", true, 0},
        {"q stream node=1", "", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool known;
        struct que_roster *roster = broker_roster(cases[i].queue);
        const struct que_world world = {.roster = roster,
                                        .down = broker_set(roster, cases[i].down)};
        que_nodes nodes = que_safe_copies(&world, que_roster_at(roster, 0), &known);
        assert_int_equal(known, cases[i].known);
        assert_int_equal(que_count(nodes), cases[i].copies);
        que_roster_free(roster);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fate),
        cmocka_unit_test(safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
