/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/synchronous.h"

#include "tests/unit/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void how_many_are_waited_for(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        size_t needed;
    } cases[] = {
        {"", true, 0},
        {"   ", true, 0},
        {"db2", true, 1},
        {"db2, db3", true, 1},
        {"*", true, 1},
        {"\"db 2\"", true, 1},
        {"2 (db2, db3, db4)", true, 2},
        {"2(db2,db3)", true, 2},
        {"FIRST 2 (db2, db3)", true, 2},
        {"first 1 (*)", true, 1},
        {"ANY 3 (a, b, c, d)", true, 3},
        {"any 2(a,b)", true, 2},
        {"  ANY  2  ( a , b ) ", true, 2},
        {"FIRST", true, 1},    /* a standby of that name */
        {"any, db2", true, 1}, /* and of that */
        {"firsthand", true, 1},
        {"anything 2", true, 1},
        {"2nd, db3", true, 1}, /* a plain list whose first name starts with a digit */
        {"0 (db2)", false, 0},
        {"ANY 0 (db2)", false, 0},
        {"FIRST 1001 (a)", false, 0},
        {"ANY 99999999999999999999 (a)", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rep_synchronous wanted = {.needed = 77};
        bool ok = rep_synchronous_parse(cases[i].text, &wanted);
        if (ok != cases[i].ok || (ok && wanted.needed != cases[i].needed))
            fail_msg("\"%s\": %s, %zu", cases[i].text, ok ? "read" : "refused", wanted.needed);
    }
}

static void who_counts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum rep_stream_kind kind;
        const char *state;
        const char *sync_state;
        size_t counted;
        size_t unreported;
    } cases[] = {
        {"sync", REP_STREAM_STANDBY, "streaming", "sync", 1, 0},
        {"quorum", REP_STREAM_STANDBY, "streaming", "quorum", 1, 0},
        {"potential", REP_STREAM_STANDBY, "streaming", "potential", 0, 0},
        {"async", REP_STREAM_STANDBY, "streaming", "async", 0, 0},
        {"catching up", REP_STREAM_STANDBY, "catchup", "sync", 0, 0},
        {"a receiver can be synchronous, too", REP_STREAM_RECEIVER, "streaming", "sync", 1, 0},
        {"connecting", REP_STREAM_CONNECTING, "streaming", "async", 0, 1},
        {"connecting, not streaming yet", REP_STREAM_CONNECTING, "startup", "async", 0, 0},
        {"hidden", REP_STREAM_HIDDEN, NULL, NULL, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct world world;
        size_t unreported = 77;
        world_make(&world, PRIMARY);
        world.db1->stream_count = 1;
        world.streams[0][0].kind = cases[i].kind;
        world.streams[0][0].state = TEXT(cases[i].state);
        world.streams[0][0].sync_state = TEXT(cases[i].sync_state);
        size_t counted = rep_synchronous_count(world.db1, &unreported);
        if (counted != cases[i].counted || unreported != cases[i].unreported)
            fail_msg("%s: %zu counted, %zu unreported", cases[i].name, counted, unreported);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(how_many_are_waited_for),
        cmocka_unit_test(who_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
