/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HAProxy's statistics: columns by name, quoted texts, lists that are cut; and what each state of a
 * server and of its backend is taken for. */
#include "plugins/liveness/haproxy_units.h"

#include "common/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define IDLE 300.0

static char *sample(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, DR_TESTS "/samples/haproxy/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct dr_buffer text = DR_BUFFER(100000);
    char bytes[4096];
    size_t size;
    while ((size = fread(bytes, 1, sizeof bytes, file)) > 0)
        dr_buffer_add_bytes(&text, bytes, size);
    fclose(file);
    assert_false(text.cut);
    return dr_buffer_take(&text);
}

/* ---- what is read, and what became of it ---- */

struct reading {
    char *text;
    char *state_text;
    char *rest;
    struct liv_haproxy_table table;
    struct liv_facts facts;
    struct dr_error error;
    bool ok;
};

/* `states` may be NULL. */
static struct reading read_text(const char *text, const char *states, bool named)
{
    struct reading r = {.text = strdup(text), .error.class = DR_ERR_NONE};
    assert_non_null(r.text);
    r.ok = liv_haproxy_read_stat(r.text, &r.rest, &r.table, &r.error);
    if (r.ok && states != NULL) {
        r.state_text = strdup(states);
        assert_non_null(r.state_text);
        r.ok = liv_haproxy_read_states(r.state_text, &r.table, &r.error);
    }
    r.ok = r.ok && liv_haproxy_units(&r.table, IDLE, named, &r.facts, &r.error);
    assert_true(r.ok == (r.error.class == DR_ERR_NONE));
    assert_true(r.facts.complete == r.ok);
    return r;
}

static struct reading read_sample(const char *name, const char *states)
{
    char *text = sample(name);
    char *more = states != NULL ? sample(states) : NULL;
    struct reading r = read_text(text, more, false);
    free(text);
    free(more);
    if (!r.ok)
        fail_msg("%s: %s", name, r.error.text);
    return r;
}

static void end(struct reading *r)
{
    liv_haproxy_table_free(&r->table);
    liv_facts_free(&r->facts);
    free(r->text);
    free(r->state_text);
}

static const struct liv_unit *unit(const struct reading *r, const char *name)
{
    for (size_t i = 0; i < r->facts.unit_count; i++) {
        if (strcmp(r->facts.units[i].name, name) == 0)
            return &r->facts.units[i];
    }
    return NULL;
}

static const char *has(const struct liv_unit *unit, enum liv_sign_kind kind)
{
    for (size_t i = 0; unit != NULL && i < unit->sign_count; i++) {
        if (unit->signs[i].kind == kind)
            return unit->signs[i].text;
    }
    return NULL;
}

/* The unit has exactly these signs (LIV_SIGNS: one less), the first of which says this. */
static void assert_signs(const struct reading *r, const char *name, enum liv_sign_kind first,
                         enum liv_sign_kind second, const char *text)
{
    const struct liv_unit *found = unit(r, name);
    if (found == NULL)
        fail_msg("no unit %s", name);
    size_t count = second == LIV_SIGNS ? 1 : 2;
    if (has(found, first) == NULL || found->sign_count != count ||
        (count == 2 && has(found, second) == NULL))
        fail_msg("%s: sign %d (\"%s\") of %zu", name, (int)found->signs[0].kind,
                 found->signs[0].text, found->sign_count);
    if (text != NULL)
        assert_string_equal(has(found, first), text);
}

/* ---- lists as HAProxy writes them ---- */

static void test_sample(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum liv_sign_kind first;
        enum liv_sign_kind second;
        const char *text;
    } rows[] = {
        {"app/app1", LIV_LB_UP, LIV_SIGNS, "L7OK"},
        {"app/app2", LIV_LB_DOWN, LIV_SIGNS, "L4CON: Connection refused, for 34s"},
        {"app/app3", LIV_LB_MAINTENANCE, LIV_SIGNS, "for 31s"},
        {"app", LIV_LB_OPEN, LIV_LB_TRAFFIC, "UP"},
        {"dr/dr1", LIV_LB_MAINTENANCE, LIV_SIGNS, NULL},
        {"dr/dr2", LIV_LB_MAINTENANCE, LIV_SIGNS, NULL},
        {"dr", LIV_LB_CLOSED, LIV_LB_QUIET, "DOWN"},
        {"mixed/nocheck", LIV_LB_UNCHECKED, LIV_SIGNS, "no check, for 34s"},
        {"mixed/drained", LIV_LB_DRAINED, LIV_SIGNS, NULL},
        {"mixed/nolb", LIV_LB_DRAINED, LIV_SIGNS, NULL},
        {"mixed/standby", LIV_LB_UP, LIV_SIGNS, NULL},
        {"empty", LIV_LB_EMPTY, LIV_LB_QUIET, "the balancer says UP"},
        {"follow/tracker", LIV_LB_MAINTENANCE, LIV_SIGNS, "MAINT (via app/app3), for 31s"},
        {"follow", LIV_LB_CLOSED, LIV_LB_QUIET, NULL},
    };
    struct reading r = read_sample("show_stat.csv", "show_servers_state.txt");
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_signs(&r, rows[i].name, rows[i].first, rows[i].second, rows[i].text);
    static const char *const frontends[] = {"frontend web", "frontend web_pp", "frontend stats"};
    for (size_t i = 0; i < COUNT(frontends); i++)
        assert_signs(&r, frontends[i], LIV_LB_OPEN, LIV_SIGNS, "OPEN");
    assert_int_equal(r.facts.unit_count, COUNT(rows) + COUNT(frontends) + 1);
    assert_non_null(unit(&r, "mixed"));
    assert_true(unit(&r, "mixed/standby")->reserve);
    assert_false(unit(&r, "mixed/nolb")->reserve);
    assert_string_equal(unit(&r, "app/app1")->pool, "app");
    assert_string_equal(unit(&r, "app/app1")->places[0].host, "127.0.0.1");
    assert_int_equal(unit(&r, "app/app1")->places[0].alive, 1);
    assert_int_equal(unit(&r, "app/app2")->places[0].alive, 0);
    end(&r);
}

static void test_changes(void **state)
{
    (void)state;
    struct reading r = read_sample("show_stat_going_down.csv", NULL);
    assert_signs(&r, "app/app1", LIV_LB_FALLING, LIV_SIGNS, NULL);
    end(&r);
    r = read_sample("show_stat_going_up.csv", NULL);
    assert_signs(&r, "app/app1", LIV_LB_RISING, LIV_SIGNS, NULL);
    end(&r);
    r = read_sample("show_stat_all_down.csv", NULL);
    assert_signs(&r, "app/app1", LIV_LB_DOWN, LIV_SIGNS, NULL);
    assert_signs(&r, "app", LIV_LB_CLOSED, LIV_LB_TRAFFIC, NULL);
    end(&r);
}

/* A comma in the text of a check moves every column behind it for whoever just cuts at commas. */
static void test_quoted(void **state)
{
    (void)state;
    struct reading r = read_sample("show_stat_quoted.csv", NULL);
    assert_signs(&r, "t/s1", LIV_LB_DOWN, LIV_SIGNS,
                 "L7RSP: TCPCHK did not match content 'PONG' at step 3 comment: expect PONG, got "
                 "else, for 3s");
    assert_string_equal(unit(&r, "t/s1")->places[0].host, "127.0.0.1");
    end(&r);
}

/* A page without "stats show-legends" has no addresses: where a server lives is not known. */
static void test_page(void **state)
{
    (void)state;
    struct reading r = read_sample("stats_page.csv", NULL);
    assert_signs(&r, "app/app1", LIV_LB_UP, LIV_SIGNS, NULL);
    assert_int_equal(unit(&r, "app/app1")->place_count, 0);
    end(&r);
}

static void test_versions(void **state)
{
    (void)state;
    static const char *const versions[] = {"2.2", "2.6", "3.0", "3.2"};
    for (size_t i = 0; i < COUNT(versions); i++) {
        char name[40];
        const char *version;
        char *rest;
        struct dr_error error = {.class = DR_ERR_NONE};
        snprintf(name, sizeof name, "runtime-%s.txt", versions[i]);
        char *text = sample(name);
        if (!liv_haproxy_read_info(text, &rest, &version, &error))
            fail_msg("%s: %s", name, error.text);
        assert_true(strncmp(version, versions[i], 3) == 0);
        struct reading r = {.ok = true, .error.class = DR_ERR_NONE};
        if (!liv_haproxy_read_stat(rest, &r.rest, &r.table, &r.error) ||
            !liv_haproxy_read_states(r.rest, &r.table, &r.error) ||
            !liv_haproxy_units(&r.table, IDLE, false, &r.facts, &r.error))
            fail_msg("%s: %s", name, r.error.text);
        assert_signs(&r, "app/app1", LIV_LB_DOWN, LIV_SIGNS, NULL);
        assert_signs(&r, "app/app2", LIV_LB_UNCHECKED, LIV_SIGNS, NULL);
        assert_signs(&r, "app/app3", LIV_LB_UNCHECKED, LIV_SIGNS, NULL);
        assert_signs(&r, "app/app4", LIV_LB_MAINTENANCE, LIV_SIGNS, NULL);
        assert_signs(&r, "empty", LIV_LB_EMPTY, LIV_LB_QUIET, NULL);
        assert_int_equal(r.table.servers[3]->admin.value, 5);
        end(&r);
        free(text);
    }
}

/* ---- each state ---- */

#define HEADER                                                                                     \
    "# pxname,svname,type,status,scur,lastsess,check_status,slim,qcur,weight,bck,lastchg,tracked," \
    "last_chk,agent_status,last_agt,addr,\n"
#define BACKEND "p,BACKEND,1,UP,0,-1,,,0,1,0,5,,,,,,\n"
#define APP1 "app,app1,2,UP,0,-1,L7OK,,0,1,0,5,,,,,,\n"
#define APP "app,BACKEND,1,UP,0,-1,,,0,1,0,5,,,,,,\n"

static void test_states(void **state)
{
    (void)state;
    static const struct {
        const char *status;
        const char *check;
        const char *agent;
        const char *weight;
        enum liv_sign_kind sign;
    } rows[] = {
        {"UP", "L7OK", "", "1", LIV_LB_UP},
        {"UP", "* L4OK", "", "1", LIV_LB_UP},
        {"UP", "* L4CON", "", "1", LIV_LB_UP}, /* so HAProxy goes on sending requests */
        {"UP 2/3", "L7STS", "", "1", LIV_LB_FALLING},
        {"UP 1/3", "INI", "", "1", LIV_LB_UNCHECKED},
        {"UP", "* INI", "", "1", LIV_LB_UNCHECKED},
        {"UP", "UNK", "", "1", LIV_LB_UNCHECKED},
        {"UP", "", "", "1", LIV_LB_UNCHECKED},
        {"no check", "", "", "1", LIV_LB_UNCHECKED},
        {"no check", "", "L7OK", "1", LIV_LB_UP},
        {"no check", "", "L4CON", "1", LIV_LB_UNCHECKED},
        {"no check", "", "INI", "1", LIV_LB_UNCHECKED},
        {"no check", "", "", "0", LIV_LB_DRAINED},
        {"DOWN", "L4TOUT", "", "1", LIV_LB_DOWN},
        {"DOWN (agent)", "L7OK", "L7STS", "1", LIV_LB_DOWN},
        {"DOWN 1/2", "L7OK", "", "1", LIV_LB_RISING},
        {"NOLB", "L7OKC", "", "1", LIV_LB_DRAINED},
        {"NOLB 1/3", "L7OKC", "", "1", LIV_LB_DRAINED},
        {"DRAIN", "L7OK", "", "0", LIV_LB_DRAINED},
        {"DRAIN 1/3", "L7STS", "", "0", LIV_LB_DRAINED},
        {"DRAIN (agent)", "L7OK", "L7OK", "0", LIV_LB_DRAINED},
        {"MAINT", "", "", "1", LIV_LB_MAINTENANCE},
        {"MAINT (resolution)", "", "", "1", LIV_LB_LOST},
        {"MAINT (via app/app1)", "", "", "1", LIV_LB_ODD}, /* which is up */
        {"MAINT (via app/none)", "", "", "1", LIV_LB_ODD},
        {"MAINT (via app)", "", "", "1", LIV_LB_ODD},
        {"MAINT (via ", "", "", "1", LIV_LB_ODD},
        {"MAINT (later)", "", "", "1", LIV_LB_ODD},
        {"MAINT 1/2", "", "", "1", LIV_LB_ODD},
        {"", "L7OK", "", "1", LIV_LB_ODD},
        {"up", "L7OK", "", "1", LIV_LB_ODD},
        {"UPSIDE", "L7OK", "", "1", LIV_LB_ODD},
        {"UP ", "L7OK", "", "1", LIV_LB_ODD},
        {"UP 1/", "L7OK", "", "1", LIV_LB_ODD},
        {"UP 1/x", "L7OK", "", "1", LIV_LB_ODD},
        {"UP 1/2/3", "L7OK", "", "1", LIV_LB_ODD},
        {"OPEN", "L7OK", "", "1", LIV_LB_ODD},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = dr_text_format(HEADER "p,s,2,%s,0,-1,%s,,0,%s,0,5,,,%s,,,\n" BACKEND APP1 APP,
                                    rows[i].status, rows[i].check, rows[i].weight, rows[i].agent);
        struct reading r = read_text(text, NULL, false);
        if (!r.ok)
            fail_msg("%s: %s", rows[i].status, r.error.text);
        if (unit(&r, "p/s")->signs[0].kind != rows[i].sign)
            fail_msg("%s, %s: sign %d", rows[i].status, rows[i].check,
                     (int)unit(&r, "p/s")->signs[0].kind);
        assert_int_equal(unit(&r, "p/s")->place_count, 0);
        end(&r);
        free(text);
    }
}

/* A tracker goes by the checks of another, and has none of its own. */
static void test_tracking(void **state)
{
    (void)state;
    static const struct {
        const char *tracked; /* its state and check */
        const char *status;
        enum liv_sign_kind sign;
    } rows[] = {
        {"UP,0,-1,L7OK", "UP", LIV_LB_UP},
        {"UP,0,-1,INI", "UP", LIV_LB_UNCHECKED},
        {"no check,0,-1,", "UP", LIV_LB_UNCHECKED},
        {"MAINT,0,-1,", "MAINT (via app/app1)", LIV_LB_MAINTENANCE},
        {"MAINT (resolution),0,-1,", "MAINT (via app/app1)", LIV_LB_LOST},
        {"DOWN,0,-1,L4CON", "MAINT (via app/app1)", LIV_LB_ODD},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = dr_text_format(HEADER "app,app1,2,%s,,0,1,0,5,,,,,,\n" APP
                                           "p,s,2,%s,0,-1,,,0,1,0,5,app/app1,,,,,\n" BACKEND,
                                    rows[i].tracked, rows[i].status);
        struct reading r = read_text(text, NULL, false);
        assert_signs(&r, "p/s", rows[i].sign, LIV_SIGNS, NULL);
        end(&r);
        free(text);
    }
}

#define STATES                                                                                     \
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_fqdn "           \
    "srvrecord\n"

/* MAINT (resolution) hides that somebody has taken it out; a name with fewer addresses than servers
 * leaves some without. */
static void test_resolution(void **state)
{
    (void)state;
    static const char lost[] = ",2,MAINT (resolution),0,-1,,,0,1,0,5,,,,,,\n";
    char *text = dr_text_format(HEADER "p,forced%sp,lost%sp,s1,2,UP,0,-1,L4OK,,0,1,0,5,,,,,,\n"
                                       "p,s2%sp,s3%sp,r1,2,UP,0,-1,L4OK,,0,1,0,5,,,,,,\n"
                                       "p,r2%sp,x1%sp,x2%s" BACKEND,
                                lost, lost, lost, lost, lost, lost, lost);
    struct reading r = read_text(text,
                                 STATES "1 p 1 forced - 0 37 a.example -\n"
                                        "1 p 2 lost - 0 32 b.example -\n"
                                        "1 p 3 s1 192.0.2.1 2 0 c.example -\n"
                                        "1 p 4 s2 - 0 32 c.example -\n"
                                        "1 p 5 s3 - 0 33 c.example -\n"
                                        "1 p 6 r1 192.0.2.2 2 0 d.example _d._tcp.example\n"
                                        "1 p 7 r2 - 0 32 - _d._tcp.example\n"
                                        "1 p 8 x1 - 0 32 - _x._tcp.example\n"
                                        "1 p 9 x2 - 0 32 - _x._tcp.example\n"
                                        "1 p 10 new 192.0.2.3 2 0 - -\n\n",
                                 false);
    assert_true(r.ok);
    assert_signs(&r, "p/forced", LIV_LB_MAINTENANCE, LIV_NOT_READY, NULL);
    assert_signs(&r, "p/lost", LIV_LB_LOST, LIV_SIGNS, NULL);
    assert_signs(&r, "p/s1", LIV_LB_UP, LIV_SIGNS, NULL);
    assert_null(unit(&r, "p/s2"));
    assert_null(unit(&r, "p/s3"));
    assert_null(unit(&r, "p/r2"));
    assert_signs(&r, "p/x1", LIV_LB_LOST, LIV_SIGNS, NULL);
    assert_signs(&r, "p/x2", LIV_LB_LOST, LIV_SIGNS, NULL);
    assert_int_equal(r.facts.unit_count, 7);
    end(&r);
    free(text);
}

/* Without it, or of another version, nothing is known of them; a part of it is none of it. */
static void test_states_unusable(void **state)
{
    (void)state;
    static const struct {
        const char *states;
        bool ok;
    } rows[] = {
        {"Permission denied\n\n", true},
        {"", false},
        {"1", false},
        {"1\n# be_name srv_name", false},
        {"2\n# be_name srv_name srv_admin_state\np s 1\n\n", true},
        {"1\n# be_name srv_name\np s\n\n", true},
        {"1\nbe_name srv_name srv_admin_state\np s 1\n\n", true},
        {"1\n# be_name srv_name srv_admin_state\np s 1\n\n", true},
        {"1\n# be_name srv_name srv_admin_state\np s 1\n", false},
        {"1\n# be_name srv_name srv_admin_state\np s 1", false},
        {"1\n# be_name srv_name srv_admin_state\np s\n\n", false},
        {"1\n# be_name srv_name srv_admin_state\np s 1 1\n\n", false},
        {"1\n# be_name srv_name srv_admin_state\n", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct reading r =
            read_text(HEADER "p,s,2,MAINT (resolution),0,-1,,,0,1,0,5,,,,,,\n" BACKEND,
                      rows[i].states, false);
        if (r.ok != rows[i].ok)
            fail_msg("%s: %s", rows[i].states, r.error.text);
        enum liv_sign_kind wanted = i == 7 ? LIV_LB_MAINTENANCE : LIV_LB_LOST;
        assert_true(!r.ok || has(unit(&r, "p/s"), wanted) != NULL);
        end(&r);
    }
}

/* ---- backends and frontends ---- */

static void test_use(void **state)
{
    (void)state;
    static const struct {
        const char *cells; /* status, scur, lastsess */
        enum liv_sign_kind state;
        enum liv_sign_kind use;
    } rows[] = {
        {"UP,0,-1", LIV_LB_OPEN, LIV_LB_QUIET},       {"UP,0,300", LIV_LB_OPEN, LIV_LB_QUIET},
        {"UP,0,299", LIV_LB_OPEN, LIV_LB_TRAFFIC},    {"UP,0,0", LIV_LB_OPEN, LIV_LB_TRAFFIC},
        {"DOWN,1,-1", LIV_LB_CLOSED, LIV_LB_TRAFFIC}, {"DOWN,1,900", LIV_LB_CLOSED, LIV_LB_TRAFFIC},
        {"DOWN,,900", LIV_LB_CLOSED, LIV_NOT_TOLD},   {"DOWN,0,", LIV_LB_CLOSED, LIV_NOT_TOLD},
        {"DOWN,0,x", LIV_LB_CLOSED, LIV_NOT_TOLD},    {",0,-1", LIV_LB_ODD, LIV_LB_QUIET},
        {"DRAIN,0,-1", LIV_LB_ODD, LIV_LB_QUIET},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = dr_text_format(
            HEADER "p,s,2,UP,0,-1,L4OK,,0,1,0,5,,,,,,\np,BACKEND,1,%s,,,0,1,0,5,,,,,,\n",
            rows[i].cells);
        struct reading r = read_text(text, NULL, false);
        assert_true(r.ok);
        assert_signs(&r, "p", rows[i].state, rows[i].use, NULL);
        end(&r);
        free(text);
    }
}

static void test_figures(void **state)
{
    (void)state;
    struct reading r = read_text(HEADER "p,s1,2,UP,30,4,L4OK,40,3,1,0,5,,,,,192.0.2.1:80,\n"
                                        "p,s2,2,UP 1/3,10,9,L4OK,40,0,1,0,5,,,,,[2001:db8::1]:80,\n"
                                        "p,s3,2,DOWN,0,-1,L4CON,,0,1,0,5,,,,,unix,\n"
                                        "p,BACKEND,1,UP,40,4,,20,7,1,0,5,,,,,,\n",
                                 NULL, false);
    const struct liv_unit *s1 = unit(&r, "p/s1"), *pool = unit(&r, "p");
    assert_true(s1->figures[LIV_SESSIONS].value == 30 && s1->figures[LIV_QUEUED].value == 3);
    assert_true(s1->figures[LIV_IDLE].known && s1->figures[LIV_IDLE].value == 4);
    assert_false(unit(&r, "p/s3")->figures[LIV_IDLE].known);
    assert_non_null(has(s1, LIV_LB_TRAFFIC));
    assert_string_equal(s1->places[0].host, "192.0.2.1");
    assert_string_equal(unit(&r, "p/s2")->places[0].host, "2001:db8::1");
    assert_int_equal(unit(&r, "p/s3")->place_count, 0);
    /* of what the servers that take requests can have; a backend's own "slim" is no limit */
    assert_true(pool->figures[LIV_SESSIONS_USED].value == 50);
    assert_true(pool->figures[LIV_QUEUED].value == 7);
    end(&r);
    r = read_text(HEADER
                  "p,s1,2,UP,30,4,L4OK,40,3,1,0,5,,,,,,\np,s2,2,UP,0,-1,L4OK,,0,1,0,5,,,,,,\n"
                  "p,BACKEND,1,UP,40,4,,20,7,1,0,5,,,,,,\n",
                  NULL, false);
    assert_false(unit(&r, "p")->figures[LIV_SESSIONS_USED].known);
    end(&r);
    /* however large the numbers are */
    struct dr_buffer many = DR_BUFFER(10000);
    dr_buffer_add(&many, HEADER);
    for (int i = 0; i < 20; i++)
        dr_buffer_addf(
            &many, "p,s%d,2,UP,999999999999999999,4,L4OK,999999999999999999,3,1,0,5,,,,,,\n", i);
    dr_buffer_add(&many, "p,BACKEND,1,UP,999999999999999999,4,,20,7,1,0,5,,,,,,\n");
    r = read_text(dr_buffer_text(&many), NULL, false);
    assert_true(r.ok);
    assert_false(unit(&r, "p")->figures[LIV_SESSIONS_USED].known);
    dr_buffer_free(&many);
    end(&r);
    r = read_text(HEADER "web,FRONTEND,0,OPEN,50,,,200,,1,0,5,,,,,,\n" APP1 APP, NULL, false);
    assert_true(unit(&r, "frontend web")->figures[LIV_SESSIONS].value == 50);
    assert_true(unit(&r, "frontend web")->figures[LIV_SESSIONS_USED].value == 25);
    end(&r);
}

static void test_frontends(void **state)
{
    (void)state;
    static const struct {
        const char *cells; /* status, scur, lastsess, check_status, slim */
        enum liv_sign_kind sign;
        bool traffic;
    } rows[] = {
        {"OPEN,0,,,200", LIV_LB_OPEN, false},    {"OPEN,199,,,200", LIV_LB_OPEN, false},
        {"OPEN,200,,,200", LIV_LB_CLOSED, true}, {"FULL,200,,,200", LIV_LB_CLOSED, true},
        {"STOP,0,,,200", LIV_LB_CLOSED, false},  {"PAUSED,0,,,200", LIV_LB_CLOSED, false},
        {"WAITING,3,,,", LIV_LB_CLOSED, true},   {",0,,,200", LIV_LB_ODD, false},
        {"UP,0,,,200", LIV_LB_ODD, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text =
            dr_text_format(HEADER "web,FRONTEND,0,%s,0,1,0,5,,,,,,\n" APP1 APP, rows[i].cells);
        struct reading r = read_text(text, NULL, false);
        assert_true(r.ok);
        assert_signs(&r, "frontend web", rows[i].sign, rows[i].traffic ? LIV_LB_TRAFFIC : LIV_SIGNS,
                     NULL);
        end(&r);
        free(text);
    }
}

/* "listen stats" has neither servers nor a fault. */
static void test_sections_that_serve_by_themselves(void **state)
{
    (void)state;
    static const char text[] = HEADER "stats,FRONTEND,0,OPEN,0,,,200,,1,0,5,,,,,,\n"
                                      "stats,sock-1,3,OPEN,0,,,200,,1,0,5,,,,,,\n"
                                      "stats,BACKEND,1,UP,0,-1,,20,0,1,0,5,,,,,,\n" APP1 APP;
    struct reading r = read_text(text, NULL, false);
    assert_null(unit(&r, "stats"));
    assert_signs(&r, "frontend stats", LIV_LB_OPEN, LIV_SIGNS, NULL);
    assert_int_equal(r.facts.unit_count, 3);
    end(&r);
    r = read_text(text, NULL, true);
    assert_signs(&r, "stats", LIV_LB_EMPTY, LIV_LB_QUIET, NULL);
    end(&r);
}

/* ---- what is no list ---- */

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum dr_error_class class;
        const char *says;
    } rows[] = {
        {"", DR_ERR_PROTOCOL, "instead of its statistics"},
        {"\n", DR_ERR_PROTOCOL, "instead of its statistics"},
        {"<html><body>", DR_ERR_PROTOCOL, "HTML"},
        {"Permission denied\n\n", DR_ERR_PRIVILEGE, "level user"},
        {"Unknown command. Please enter one of\n", DR_ERR_PROTOCOL, "Unknown command"},
        {"# pxname,svname,\n", DR_ERR_PROTOCOL, "no column \"type\""},
        {HEADER, DR_ERR_PROTOCOL, "no line"},
        {HEADER "\n", DR_ERR_PROTOCOL, "no line"},
        {HEADER APP1, DR_ERR_PROTOCOL, "backend \"app\""},
        {HEADER APP1 BACKEND, DR_ERR_PROTOCOL, "backend \"app\""},
        {HEADER APP1 "app,BACKEND,1,UP,0,-1,,,0,1,0,5,,,,,,", DR_ERR_PROTOCOL, "cut"},
        {HEADER APP1 "app,BACKEND,1,UP", DR_ERR_PROTOCOL, "cut"},
        {HEADER APP1 "app,BACKEND,1,UP\n", DR_ERR_PROTOCOL, "4 columns"},
        {HEADER APP1 "app,BACKEND,1,UP,0,-1,,,0,1,0,5,,,,,,,\n", DR_ERR_PROTOCOL, "19 columns"},
        {HEADER APP1 "app,BACKEND,,UP,0,-1,,,0,1,0,5,,,,,,\n", DR_ERR_PROTOCOL, "type"},
        {HEADER APP1 "app,BACKEND,4,UP,0,-1,,,0,1,0,5,,,,,,\n", DR_ERR_PROTOCOL, "type"},
        {HEADER APP1 ",BACKEND,1,UP,0,-1,,,0,1,0,5,,,,,,\n", DR_ERR_PROTOCOL, "no name"},
        {HEADER "app,\"app1,2,UP,0,-1,L7OK,,0,1,0,5,,,,,,\n" APP, DR_ERR_PROTOCOL, "cut"},
        {HEADER "app,\"app1\"x,2,UP,0,-1,L7OK,,0,1,0,5,,,,,,\n" APP, DR_ERR_PROTOCOL, "quote"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct reading r = read_text(rows[i].text, NULL, false);
        if (r.ok || r.error.class != rows[i].class || strstr(r.error.text, rows[i].says) == NULL)
            fail_msg("row %zu: %d %s", i, r.ok, r.error.text);
        end(&r);
    }
}

/* A quote is written twice, and a line break is part of the text. */
static void test_quoting(void **state)
{
    (void)state;
    struct reading r = read_text(
        HEADER
        "app,app1,2,DOWN,0,-1,L7RSP,,0,1,0,5,,\"a \"\"b\"\", c\n\nd\",,,\"192.0.2.1:80\",\r\n" APP
        "\nrest",
        NULL, false);
    assert_true(r.ok);
    assert_signs(&r, "app/app1", LIV_LB_DOWN, LIV_SIGNS, "L7RSP: a \"b\", c  d, for 5s");
    assert_string_equal(unit(&r, "app/app1")->places[0].host, "192.0.2.1");
    assert_string_equal(r.rest, "rest");
    end(&r);
}

static void test_info(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *version; /* NULL: none */
        const char *rest;    /* NULL: refused */
    } rows[] = {
        {"Name: HAProxy\nVersion: 2.6.12-1\nUptime: 1\n\nrest", "2.6.12-1", "rest"},
        {"Name: HAProxy\nVersion: 2.4 \n\n", "2.4", ""},
        {"Name: HAProxy\nUptime: 1\n\n", NULL, ""},
        {"Name: HAProxy\nVersion: \n\n", NULL, ""},
        {"Name: HAProxy\nVersion: 2.6.12-1\n", NULL, NULL},
        {"Permission denied\n\n", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = strdup(rows[i].text), *rest = NULL;
        const char *version = NULL;
        struct dr_error error = {.class = DR_ERR_NONE};
        assert_non_null(text);
        assert_true(liv_haproxy_read_info(text, &rest, &version, &error) == (rows[i].rest != NULL));
        if (rows[i].rest != NULL)
            assert_string_equal(rest, rows[i].rest);
        assert_true((version != NULL) == (rows[i].version != NULL));
        if (version != NULL)
            assert_string_equal(version, rows[i].version);
        free(text);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    assert_true(liv_haproxy_number("-1").known && liv_haproxy_number("-1").value == -1);
    assert_true(liv_haproxy_number("999999999999999999").value == 999999999999999999);
    static const char *const none[] = {
        "", "-", "+1", " 1", "1 ", "1.5", "0x1", "1e3", "9999999999999999999"};
    for (size_t i = 0; i < COUNT(none); i++)
        assert_false(liv_haproxy_number(none[i]).known);
}

/* However long the names are. */
static void test_long_names(void **state)
{
    (void)state;
    char name[2000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    char *text = dr_text_format(HEADER "p,%s,2,MAINT (via %s/%s),0,-1,,,0,1,0,5,,,,,%s:80,\n"
                                       "p,BACKEND,1,UP,0,-1,,,0,1,0,5,,,,,,\n",
                                name, name, name, name);
    struct reading r = read_text(text, NULL, false);
    assert_true(r.ok);
    assert_int_equal(r.facts.unit_count, 2);
    assert_int_equal(r.facts.units[0].signs[0].kind, LIV_LB_ODD);
    end(&r);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_quoted),
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_tracking),
        cmocka_unit_test(test_resolution),
        cmocka_unit_test(test_states_unusable),
        cmocka_unit_test(test_use),
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_frontends),
        cmocka_unit_test(test_sections_that_serve_by_themselves),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
