/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Torture: each allocation fails in turn, alone and with all that follow it.
 *
 * The linker hands the allocations of the modules to the functions below (--wrap); those of the C
 * library itself are not seen. */
#include "common/report.h"
#include "common/state_file.h"
#include "plugins/dns/history.h"
#include "plugins/dns/site.h"
#include "plugins/liveness/condition.h"
#include "plugins/liveness/haproxy_units.h"
#include "plugins/queues/board.h"
#include "plugins/replication/azure_targets.h"

#include "tests/unit/broker.h"
#include "tests/unit/locale.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The next allocation that fails, counted from 1; 0: none. */
static size_t failing;
static bool and_all_later;
static size_t allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t most);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t most);

static bool fails(void)
{
    allocations++;
    return failing != 0 && (allocations == failing || (and_all_later && allocations > failing));
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t most)
{
    return fails() ? NULL : __real_strndup(text, most);
}

static void start_failing(size_t at, bool later)
{
    failing = at;
    and_all_later = later;
    allocations = 0;
}

/* Calls `part` with each of its allocations failing in turn; it returns true when it noticed
 * nothing. */
static void torture(bool (*part)(void))
{
    for (int later = 0; later < 2; later++) {
        size_t at = 0;
        bool whole = false;
        while (!whole) {
            start_failing(++at, later != 0);
            whole = part();
            size_t used = allocations;
            start_failing(0, false);
            /* It noticed exactly when there was something to notice. */
            assert_int_equal(whole, used < at);
        }
        assert_true(at > 3);
    }
}

/* ---- buffer ---- */

static bool use_buffers(void)
{
    struct dr_buffer buffer = DR_BUFFER(1000);
    dr_buffer_addf(&buffer, "%0100d", 5);
    dr_buffer_addf(&buffer, "%0100d", 5);
    char *taken = dr_buffer_take(&buffer);
    char *empty = dr_buffer_take(&buffer);
    char *text = dr_text_format("%0300d", 5);
    bool whole = taken != NULL && empty != NULL && text != NULL;
    assert_true(taken == NULL || strlen(taken) == 200);
    assert_true(empty == NULL || empty[0] == '\0');
    assert_true(text == NULL || strlen(text) == 300);
    free(taken);
    free(empty);
    free(text);
    return whole;
}

static void buffers_never_hand_out_half_a_text(void **state)
{
    (void)state;
    torture(use_buffers);
}

/* ---- secrets ---- */

static bool use_secrets(void)
{
    struct dr_secrets *secrets = dr_secrets_new();
    if (secrets == NULL)
        return false;
    bool whole =
        dr_secrets_add(secrets, "geheim") != NULL && dr_secrets_add(secrets, "other") != NULL;
    struct dr_buffer out = DR_BUFFER(1000);
    if (whole)
        dr_secrets_mask(secrets, "not geheim, not other", &out);
    whole = whole && !out.no_memory;
    assert_null(strstr(dr_buffer_text(&out), "geheim"));
    dr_buffer_free(&out);
    dr_secrets_free(secrets);
    return whole;
}

static void secrets_survive(void **state)
{
    (void)state;
    torture(use_secrets);
}

/* ---- finding and report ---- */

static const struct dr_metric loss = {"loss", DR_UNIT_SECONDS, "commits lost"};
static const char *secret_text = "my geheim text";
static enum dr_format format;
static struct dr_secrets *secrets;

static void judge(struct dr_result *result)
{
    dr_result_init(result, "TEST");
    dr_result_verdict(result, DR_OK, "all is %s", "well");
    for (int i = 0; i < 3; i++) {
        struct dr_finding *finding = dr_result_add(result, DR_OK, "node", "%s", secret_text);
        dr_finding_next(finding, "nothing %d", i);
    }
    dr_result_figure(result, NULL, &loss, 1, NULL);
    dr_result_figure(result, "db geheim", &loss, 2, NULL);
    dr_result_figure(result, "db2", &loss, 2, NULL);
}

static bool judge_and_report(void)
{
    struct dr_result result;
    judge(&result);
    struct dr_report_options options = {.format = format,
                                        .executable = "check_test",
                                        .version = "1",
                                        .runbook = "https://x",
                                        .trace = "one geheim\ntwo\n",
                                        .elapsed = 0.5,
                                        .secrets = secrets};
    struct dr_buffer out = DR_BUFFER(DR_REPORT_LIMIT);
    dr_report_write(&result, &options, &out);
    const char *text = dr_buffer_text(&out);
    bool ok = dr_result_state(&result) == DR_OK;
    const char *bad[] = {"TEST UNKNOWN - ", "TEST UNKNOWN - ", "\"state\":\"UNKNOWN\"",
                         "dr_check_state{service=\"test\"} 3\n"};
    const char *good[] = {"TEST OK - ", "TEST OK - ", "\"state\":\"OK\"",
                          "dr_check_state{service=\"test\"} 0\n"};
    /* What is printed and the exit code say the same; nothing at all is printed only where nothing
     * can be. */
    if (text[0] == '\0')
        assert_false(ok);
    else
        assert_non_null(strstr(text, ok ? good[format] : bad[format]));
    assert_true(text[0] == '\0' || text[strlen(text) - 1] == '\n');
    assert_null(strstr(text, "geheim"));
    assert_int_equal(text[0] == '\0', !ok && out.text == NULL);
    dr_buffer_free(&out);

    /* Once memory is there again it can be written again, and still is not OK. */
    start_failing(0, false);
    dr_report_write(&result, &options, &out);
    assert_int_equal(dr_result_state(&result), ok ? DR_OK : DR_UNKNOWN);
    text = dr_buffer_text(&out);
    assert_non_null(strstr(text, ok ? good[format] : bad[format]));
    assert_null(strstr(text, "geheim"));
    dr_buffer_free(&out);
    dr_result_free(&result);
    return ok;
}

static void torture_report(enum dr_format chosen)
{
    secrets = dr_secrets_new();
    dr_secrets_add(secrets, "geheim");
    format = chosen;
    for (int later = 0; later < 2; later++) {
        size_t at = 0;
        bool ok = false;
        while (!ok) {
            start_failing(++at, later != 0);
            ok = judge_and_report();
        }
        assert_true(at > 50);
    }
    dr_secrets_free(secrets);
}

static void text_is_never_ok(void **state)
{
    (void)state;
    torture_report(DR_FORMAT_TEXT);
}

static void a_line_is_never_ok(void **state)
{
    (void)state;
    torture_report(DR_FORMAT_LINE);
}

static void json_is_never_ok(void **state)
{
    (void)state;
    torture_report(DR_FORMAT_JSON);
}

static void openmetrics_is_never_ok(void **state)
{
    (void)state;
    torture_report(DR_FORMAT_OPENMETRICS);
}

/* ---- state file ---- */

static char directory[32];

static bool count_one_up(struct dr_state_file *file)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!dr_state_open(file, directory, "check_x", "identity", "lag", 1, &error)) {
        assert_int_equal(error.class, DR_ERR_INTERNAL);
        return false;
    }
    assert_int_equal(file->count, 2);
    const long long number = file->rows[1].numbers[0] + 1;
    dr_state_remove(file, "counter", NULL, NULL);
    if (!dr_state_add(file, "counter", &number, 1))
        return false;
    if (!dr_state_save(file, &error)) {
        assert_int_equal(error.class, DR_ERR_INTERNAL);
        return false;
    }
    return true;
}

static bool use_state_file(void)
{
    struct dr_state_file file;
    bool whole = count_one_up(&file);
    dr_state_close(&file);
    return whole;
}

static void write_first_state(void)
{
    struct dr_state_file file;
    struct dr_error error = {.class = DR_ERR_NONE};
    const long long zero = 0;
    assert_true(dr_state_open(&file, directory, "check_x", "identity", "lag", 1, &error));
    assert_true(dr_state_add(&file, "first", &zero, 1));
    assert_true(dr_state_add(&file, "counter", &zero, 1));
    assert_true(dr_state_save(&file, &error));
    dr_state_close(&file);
}

/* A run without memory changes nothing: the rows are as many, and the counter goes up by the two
 * good runs only. */
static void the_state_file_loses_nothing(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/dr-memory-XXXXXX");
    assert_non_null(mkdtemp(directory));
    write_first_state();
    torture(use_state_file);
    struct dr_state_file file;
    struct dr_error error = {.class = DR_ERR_NONE};
    assert_true(dr_state_open(&file, directory, "check_x", "identity", "lag", 1, &error));
    assert_int_equal(file.rows[1].numbers[0], 2);
    dr_state_close(&file);
    test_remove_tree(directory);
}

/* ---- targets ---- */

static bool use_azure_targets(void)
{
    static const struct dr_scheme schemes[] = {{"azure-storage", "azure", "libcurl4", false}};
    struct dr_targets targets = {.secrets = dr_secrets_new()};
    struct dr_error error = {.class = DR_ERR_NONE};
    char argument[] = "azure-storage://acct?services=blob,table&proxy=http://p";
    bool added = targets.secrets != NULL && dr_targets_add(&targets, schemes, 1, argument, &error);
    bool whole = added && azure_expand_targets(&targets, &error);
    assert_int_equal(targets.count, whole ? 2 : added ? 1 : 0);
    for (size_t i = 0; i < targets.count; i++)
        assert_string_equal(dr_uri_param(&targets.items[i].uri, "proxy"), "http://p");
    struct dr_secrets *kept = targets.secrets;
    dr_targets_free(&targets);
    dr_secrets_free(kept);
    return whole;
}

static void services_become_targets_or_an_error(void **state)
{
    (void)state;
    torture(use_azure_targets);
}

/* ---- queues ---- */

static bool use_roster(void)
{
    char name[32];
    bool added;
    struct que_roster *roster = que_roster_new();
    if (roster == NULL)
        return false;
    bool whole = que_roster_node(roster, "rabbit@mq1") >= 0 &&
                 que_roster_policy(roster, "ha", "{}", &added) != NULL &&
                 que_roster_policy(roster, "ha", NULL, &added) != NULL;
    for (int i = 0; i < 1500; i++) {
        snprintf(name, sizeof name, "queue.%d", i);
        whole = que_roster_add(roster, i < 700 ? "/" : "shop", name) != NULL && whole;
    }
    /* What is there can be found, whatever is missing. */
    for (size_t i = 0; i < roster->count; i++) {
        struct que_queue *queue = que_roster_at(roster, i);
        assert_ptr_equal(que_roster_find(roster, que_vhost_name(roster, queue), queue->name),
                         queue);
    }
    assert_int_equal(roster->count == 1500 && roster->node_count == 1 && roster->policy_count == 2,
                     whole);
    que_roster_free(roster);
    return whole;
}

static void the_roster_has_what_it_says(void **state)
{
    (void)state;
    torture(use_roster);
}

/* A list that could not be claimed is not taken, and nobody waits for it. */
static bool use_board(void)
{
    struct que_board *board = que_board_new(2);
    if (board == NULL)
        return false;
    bool first = que_board_claim(board, 0, "mq1", 1e18);
    que_board_done(board, 0, false);
    bool second = que_board_claim(board, 1, "mq1", 1e18);
    que_board_done(board, 1, true);
    que_board_free(board);
    return first && second;
}

static void nobody_waits_for_a_list(void **state)
{
    (void)state;
    torture(use_board);
}

static bool remember(void)
{
    struct que_history history;
    struct dr_error error = {.class = DR_ERR_NONE};
    const struct que_memory memory = {.messages = dr_int(50)};
    struct que_memory before;
    if (!que_history_open(&history, directory, "check_x", "mq1", &error)) {
        assert_int_equal(error.class, DR_ERR_INTERNAL);
        return false;
    }
    bool whole = que_history_find(&history, "//orders", &before);
    assert_true(!whole || before.messages.value == 50);
    whole = que_history_keep(&history, "//orders", &memory) && whole;
    /* Without room to write it the file stays as it was. */
    return que_history_close(&history, &error) && whole;
}

static bool use_history(void)
{
    bool whole = remember();
    size_t counted = allocations;
    size_t at = failing;
    start_failing(0, false);
    assert_true(remember() || !whole);
    failing = at;
    allocations = counted;
    return whole;
}

static void queues_are_remembered_or_not(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/dr-memory-XXXXXX");
    assert_non_null(mkdtemp(directory));
    remember();
    torture(use_history);
    test_remove_tree(directory);
}

/* ---- names ---- */

static bool is_noticed(bool good, const struct dr_error *error)
{
    assert_int_equal(error->class, good ? DR_ERR_NONE : DR_ERR_INTERNAL);
    return good;
}

static bool use_sites(void)
{
    struct dns_sites sites = {.count = 0};
    struct dr_error error = {.class = DR_ERR_NONE};
    char file[80], *name = NULL;
    double age;
    snprintf(file, sizeof file, "prod=@%s/list", directory);
    bool whole =
        is_noticed(dns_sites_add(&sites, "prod=192.0.2.0/24,app.example.com", &error), &error) &&
        is_noticed(dns_sites_add(&sites, "dr=2001:db8::/32,*.dr.example.com", &error), &error);
    size_t networks = sites.count > 0 ? sites.items[0].network_count : 0;
    whole = whole && is_noticed(dns_sites_add(&sites, file, &error), &error);
    /* all of the file, or nothing of it */
    assert_true(sites.count == 0 || sites.items[0].network_count == networks + (whole ? 2 : 0));
    assert_true(sites.count == 0 || (sites.items[0].as_of != NULL) == whole);
    snprintf(file, sizeof file, "%s/active", directory);
    whole = whole && is_noticed(dns_site_read_active(file, &name, &age, &error), &error);
    assert_int_equal(name != NULL, whole);
    free(name);
    dns_sites_free(&sites);
    return whole;
}

static void write_text(const char *name, const char *text)
{
    char path[80];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void half_a_site_is_none(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/dr-memory-XXXXXX");
    assert_non_null(mkdtemp(directory));
    write_text("list", "# as-of: 2026-11-01\n198.51.100.0/24\n203.0.113.0/24\n");
    write_text("active", "prod\n");
    torture(use_sites);
    test_remove_tree(directory);
}

static bool remember_names(void)
{
    struct dns_view view = {.server = (char *)"ns1", .origin = {.child = true}};
    struct dns_history history;
    struct dns_givens servers = {.count = 0};
    struct dr_error error = {.class = DR_ERR_NONE};
    uint64_t before;
    assert_true(dns_address_read("192.0.2.53", &view.address));
    if (!is_noticed(dns_history_open(&history, directory, "check_x", "zone", &error), &error))
        return false;
    bool whole = dns_history_servers(&history, 1.7e9, &servers);
    assert_true(!whole || servers.count == 1);
    dns_givens_free(&servers);
    (void)dns_history_wanted(&history, "prod", 1.7e9, &before);
    dns_history_keep_server(&history, &view, 1.7e9);
    /* of the first run alone: later ones carry it on, or leave the file as it is */
    assert_true(
        dns_history_said(&history, "ns1", DNS_V4, &(struct dns_said){.known = false}).known);
    assert_true(dns_history_switch(&history).known);
    return is_noticed(dns_history_close(&history, &error), &error) && whole;
}

static void remember_first_names(void)
{
    static const struct dns_said said = {.known = true, .site = 1, .ttl = 300, .at = 1.7e9};
    struct dns_view view = {.server = (char *)"ns1", .origin = {.child = true}};
    struct dns_history history;
    struct dr_error error = {.class = DR_ERR_NONE};
    assert_true(dns_address_read("192.0.2.53", &view.address));
    assert_true(dns_history_open(&history, directory, "check_x", "zone", &error));
    dns_history_keep_server(&history, &view, 1.7e9);
    dns_history_set_switch(&history, &said);
    (void)dns_history_said(&history, "ns1", DNS_V4, &said);
    assert_true(dns_history_close(&history, &error));
}

static void names_are_remembered_or_the_file_stays(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/dr-memory-XXXXXX");
    assert_non_null(mkdtemp(directory));
    remember_first_names();
    torture(remember_names);
    test_remove_tree(directory);
}

/* ---- balancers ---- */

/* Servers with a text, an address and a name, a backend, and a frontend. */
static bool read_balancer(void)
{
    char text[] = "# pxname,svname,type,status,scur,lastsess,check_status,last_chk,addr\n"
                  "web,FRONTEND,0,OPEN,0,,,,\n"
                  "app,app1,2,UP,3,1,L7OK,fine,192.0.2.1:80\n"
                  "app,app2,2,DOWN,0,-1,L4CON,\"refused, twice\",192.0.2.2:80\n"
                  "app,app3,2,MAINT (via app/app2),0,-1,,,\n"
                  "app,BACKEND,1,UP,0,1,,,\n\n"
                  "1\n# be_name srv_name srv_admin_state srv_fqdn\n"
                  "app app1 0 a.example\napp app2 32 a.example\n\n";
    struct liv_haproxy_table table;
    struct liv_facts facts = {.product = LIV_HAPROXY};
    struct dr_error error = {.class = DR_ERR_NONE};
    char *rest;
    bool whole = liv_haproxy_read_stat(text, &rest, &table, &error) &&
                 liv_haproxy_read_states(rest, &table, &error) &&
                 liv_haproxy_units(&table, 300, true, &facts, &error);
    assert_int_equal(error.class, whole ? DR_ERR_NONE : DR_ERR_INTERNAL);
    assert_int_equal(facts.complete, whole);
    assert_true(!whole || facts.unit_count == 4);
    liv_facts_free(&facts);
    liv_haproxy_table_free(&table);
    return whole;
}

static void half_a_balancer_is_none(void **state)
{
    (void)state;
    torture(read_balancer);
}

/* A cluster with one thing of each kind to say, and one to compare it with. */
#define TROUBLE                                                                                    \
    "orders classic node=1 mirrors=2,3 sync=2 messages=50 persistent=50 policy=ha-all\n"           \
    "payments quorum members=1,2,3 online=1 leader=1 messages=30 minority\n"                       \
    "plain classic node=1 messages=7 persistent=0\n"                                               \
    "events stream members=1,2,3 online=1,2,3 node=3 messages=200"

/* All that is said, one line each. */
static void write_down(const struct dr_result *result, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "%s\n", result->verdict);
    for (size_t i = 0; i < result->finding_count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%d %s\n", result->findings[i].state,
                                 result->findings[i].text);
    assert_true(used < size);
}

/* Allocations of a run of the judge in which those from `at` on fail; 0: none does. */
static size_t judge_once(size_t at, bool later, char *said, size_t size, bool *noticed)
{
    static struct broker broker;
    struct dr_result result;
    struct dr_error error;
    broker_make(&broker, TROUBLE);
    broker_add(&broker, "orders classic node=1 messages=1", true);
    broker_kill(&broker, 2);
    assert_true(que_history_open(&broker.history, directory, "check_x", "mq1", &error));
    start_failing(at, later);
    broker_judge(&broker, &result);
    size_t used = allocations;
    start_failing(0, false);
    /* A queue that could not be remembered is told of in a finding. */
    *noticed = result.out_of_memory || broker_says(&result, "state", "not remembered:");
    if (!*noticed)
        write_down(&result, said, size);
    assert_true(dr_result_state(&result) == DR_CRITICAL || dr_result_state(&result) == DR_UNKNOWN);
    dr_state_close(broker.history.file);
    free(broker.history.file);
    free(broker.history.rows);
    dr_result_free(&result);
    broker_forget(&broker);
    return used;
}

/* Either it is said that memory ran out, or all is said as it would have been. */
static void a_judge_without_memory_says_so(void **state)
{
    (void)state;
    static char whole[16384];
    static char said[16384];
    bool noticed;
    snprintf(directory, sizeof directory, "/tmp/dr-memory-XXXXXX");
    assert_non_null(mkdtemp(directory));
    size_t most = judge_once(0, false, whole, sizeof whole, &noticed);
    assert_false(noticed);
    assert_true(most > 50);
    for (size_t at = 1; at <= most; at++) {
        for (int later = 0; later < 2; later++) {
            judge_once(at, later != 0, said, sizeof said, &noticed);
            if (!noticed)
                assert_string_equal(said, whole);
        }
    }
    test_remove_tree(directory);
}

/* ---- conditions ---- */

static struct dr_http_reply the_reply;

/* Everything in them holds, so that what does not has found no memory. */
static bool test_conditions(void)
{
    char *texts[] = {(char[]){"/db=ok"},         (char[]){"/list/[name=a]/n?0<5"},
                     (char[]){"/none?0=0"},      (char[]){"header:X-Site~^prod$"},
                     (char[]){"!/nothing/here"}, (char[]){"body~ok"}};
    const struct dr_text_list list = {.items = texts, .count = sizeof texts / sizeof texts[0]};
    struct liv_reply reply = {.http = &the_reply};
    struct dr_error error = {.class = DR_ERR_NONE};
    struct liv_conditions *conditions = liv_conditions_new(&list, &error);
    bool whole = conditions != NULL;
    assert_int_equal(whole, error.class == DR_ERR_NONE);
    for (size_t i = 0; conditions != NULL && i < list.count; i++) {
        char why[100];
        enum liv_holds holds = liv_condition_test(conditions, i, &reply, why, sizeof why);
        assert_int_not_equal(holds, LIV_FAILS);
        whole = whole && holds == LIV_HOLDS;
    }
    char *value = liv_reply_value(&reply, "/db");
    whole = whole && value != NULL;
    free(value);
    liv_reply_free(&reply);
    liv_conditions_free(conditions);
    return whole;
}

static void conditions_hold_or_are_unknown(void **state)
{
    (void)state;
    the_reply =
        (struct dr_http_reply){.status = 200, .body = DR_BUFFER(1000), .header = DR_BUFFER(1000)};
    dr_buffer_add(&the_reply.body, "{\"db\": \"ok\", \"list\": [{\"name\": \"a\", \"n\": 1}]}");
    dr_buffer_add(&the_reply.header, "X-Site: prod\n");
    torture(test_conditions);
    dr_buffer_free(&the_reply.body);
    dr_buffer_free(&the_reply.header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_never_hand_out_half_a_text),
        cmocka_unit_test(secrets_survive),
        cmocka_unit_test(text_is_never_ok),
        cmocka_unit_test(a_line_is_never_ok),
        cmocka_unit_test(json_is_never_ok),
        cmocka_unit_test(openmetrics_is_never_ok),
        cmocka_unit_test(the_state_file_loses_nothing),
        cmocka_unit_test(services_become_targets_or_an_error),
        cmocka_unit_test(the_roster_has_what_it_says),
        cmocka_unit_test(nobody_waits_for_a_list),
        cmocka_unit_test(queues_are_remembered_or_not),
        cmocka_unit_test(half_a_site_is_none),
        cmocka_unit_test(names_are_remembered_or_the_file_stays),
        cmocka_unit_test(half_a_balancer_is_none),
        cmocka_unit_test(a_judge_without_memory_says_so),
        cmocka_unit_test(conditions_hold_or_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
