/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/history.h"

#include "common/state_file.h"
#include "tests/unit/locale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1.7e9
#define DAY 86400.0
#define CHECK "check_dns_target"
#define IDENTITY "app.example.com"

struct place {
    char directory[40];
    struct dns_history history;
};

static void open_history(struct place *place)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!dns_history_open(&place->history, place->directory, CHECK, IDENTITY, &error))
        fail_msg("%s", error.text);
}

static int make(void **state)
{
    static struct place place;
    memset(&place, 0, sizeof place);
    strncpy(place.directory, "/tmp/dr-dns-history-XXXXXX", sizeof place.directory - 1);
    *state = &place;
    if (mkdtemp(place.directory) == NULL)
        return -1;
    open_history(&place);
    return 0;
}

static int clean(void **state)
{
    struct place *place = *state;
    dns_history_drop(&place->history);
    test_remove_tree(place->directory);
    return 0;
}

static void next_run(struct place *place)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!dns_history_close(&place->history, &error))
        fail_msg("%s", error.text);
    open_history(place);
}

/* ---- what is wanted ---- */

static void wanted_is(struct place *place, const char *site, double now, double since,
                      const char *before)
{
    uint64_t hash;
    struct dr_opt_real got = dns_history_wanted(&place->history, site, now, &hash);
    assert_true(got.known);
    if (got.value != since)
        fail_msg("%f instead of %f", got.value, since);
    assert_true(hash == dns_history_hash(before));
}

static void what_is_wanted_is_known_since_its_first_sight(void **state)
{
    wanted_is(*state, "prod", NOW, NOW, NULL);
    next_run(*state);
    wanted_is(*state, "prod", NOW + 60, NOW, NULL);
    next_run(*state);
    wanted_is(*state, "dr", NOW + 120, NOW + 120, "prod");
    next_run(*state);
    next_run(*state); /* one that did not get so far */
    wanted_is(*state, "dr", NOW + 180, NOW + 120, "prod");
    next_run(*state);
    wanted_is(*state, "prod", NOW + 240, NOW + 240, "dr");
}

static void a_clock_that_was_set_back(void **state)
{
    const struct dns_said said = {.known = true, .site = 1, .ttl = 60, .at = NOW};
    struct dns_said now = said;
    struct place *place = *state;
    wanted_is(place, "prod", NOW, NOW, NULL);
    (void)dns_history_said(&place->history, "ns1", DNS_V4, &said);
    dns_history_set_switch(&place->history, &said);
    next_run(place);
    now.at = NOW - 3600;
    wanted_is(place, "prod", NOW - 3600, NOW - 3600, NULL);
    assert_true(dns_history_switch(&place->history).at == NOW - 3600);
    assert_true(dns_history_said(&place->history, "ns1", DNS_V4, &now).at == NOW - 3600);
}

/* ---- what was said ---- */

static struct dns_said say(struct place *place, const char *label, enum dns_family family,
                           const char *site, double ttl, double at)
{
    const struct dns_said now = {
        .known = site != NULL, .site = dns_history_hash(site), .ttl = ttl, .at = at};
    return dns_history_said(&place->history, label, family, &now);
}

static void said_is(struct dns_said said, const char *site, double ttl, double at)
{
    assert_true(said.known);
    assert_true(said.site == dns_history_hash(site));
    assert_true(said.ttl == ttl);
    assert_true(said.at == at);
}

static void what_was_said(void **state)
{
    assert_false(say(*state, "ns1/192.0.2.53", DNS_V4, "prod", 300, NOW).known);
    assert_false(say(*state, "ns1/192.0.2.53", DNS_V6, "dr", 0.5, NOW).known);
    assert_false(say(*state, "ns2", DNS_V4, "", 60, NOW).known);
    /* what this run says is not what the last one said */
    assert_false(say(*state, "ns1/192.0.2.53", DNS_V4, "prod", 300, NOW).known);
    next_run(*state);
    said_is(say(*state, "ns1/192.0.2.53", DNS_V4, "dr", 60, NOW + 60), "prod", 300, NOW);
    said_is(say(*state, "ns1/192.0.2.53", DNS_V6, "dr", 60, NOW + 60), "dr", 0.5, NOW);
    next_run(*state);
    said_is(say(*state, "ns1/192.0.2.53", DNS_V4, "dr", 60, NOW + 120), "dr", 60, NOW + 60);
}

static void who_is_silent_once_is_not_forgotten(void **state)
{
    (void)say(*state, "ns1", DNS_V4, "prod", 300, NOW);
    (void)say(*state, "ns2", DNS_V4, "prod", 300, NOW);
    next_run(*state);
    said_is(say(*state, "ns1", DNS_V4, NULL, 0, NOW + 60), "prod", 300, NOW);
    (void)say(*state, "ns3", DNS_V4, "prod", 300, NOW + 60);
    next_run(*state);
    said_is(say(*state, "ns1", DNS_V4, NULL, 0, NOW + 120), "prod", 300, NOW);
    said_is(say(*state, "ns2", DNS_V4, NULL, 0, NOW + 120), "prod", 300, NOW);
    (void)say(*state, "ns3", DNS_V4, "prod", 300, NOW + 15 * DAY);
    next_run(*state);
    assert_false(say(*state, "ns1", DNS_V4, NULL, 0, NOW + 15 * DAY).known);
    assert_true(say(*state, "ns3", DNS_V4, NULL, 0, NOW + 15 * DAY).known);
}

/* Two labels that are too long for a key are not one. */
static void long_labels(void **state)
{
    char one[300], other[300];
    memset(one, 'a', sizeof one);
    one[sizeof one - 1] = '\0';
    memcpy(other, one, sizeof one);
    other[sizeof other - 2] = 'b';
    (void)say(*state, one, DNS_V4, "prod", 300, NOW);
    (void)say(*state, other, DNS_V4, "dr", 60, NOW);
    next_run(*state);
    said_is(say(*state, one, DNS_V4, NULL, 0, NOW), "prod", 300, NOW);
    said_is(say(*state, other, DNS_V4, NULL, 0, NOW), "dr", 60, NOW);
    assert_false(say(*state, one, DNS_V6, NULL, 0, NOW).known);
}

static void a_switch_is_remembered_until_it_is_over(void **state)
{
    struct place *place = *state;
    const struct dns_said said = {.known = true, .site = 7, .ttl = 300, .at = NOW};
    const struct dns_said over = {.known = false};
    assert_false(dns_history_switch(&place->history).known);
    dns_history_set_switch(&place->history, &said);
    next_run(place);
    next_run(place);
    struct dns_said got = dns_history_switch(&place->history);
    assert_true(got.known && got.site == 7 && got.ttl == 300 && got.at == NOW);
    dns_history_set_switch(&place->history, &over);
    dns_history_set_switch(&place->history, &said);
    next_run(place);
    assert_true(dns_history_switch(&place->history).known);
    dns_history_set_switch(&place->history, &said);
    dns_history_set_switch(&place->history, &over);
    next_run(place);
    assert_false(dns_history_switch(&place->history).known);
    assert_int_equal(place->history.file->count, 0);
}

/* ---- servers ---- */

static void keep(struct place *place, const char *server, const char *address, bool found,
                 double now)
{
    struct dns_view view = {.server = (char *)server, .origin = {.child = found, .given = !found}};
    if (address != NULL)
        assert_true(dns_address_read(address, &view.address));
    dns_history_keep_server(&place->history, &view, now);
}

/* The labels of all, with blanks between them. */
static void servers_are(struct place *place, double now, const char *labels)
{
    struct dns_givens servers = {.count = 0};
    char all[400] = "";
    assert_true(dns_history_servers(&place->history, now, &servers));
    for (size_t i = 0; i < servers.count; i++) {
        const struct dns_given *given = &servers.items[i];
        char text[DNS_ADDRESS_TEXT], label[300];
        assert_true(given->remembered);
        assert_int_equal(given->port, 0);
        snprintf(label, sizeof label, "%s/%s", given->server,
                 dns_address_text(&given->address, text));
        assert_string_equal(label, given->label);
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i > 0 ? " " : "", label);
    }
    dns_givens_free(&servers);
    assert_string_equal(all, labels);
}

static void servers_are_kept_for_a_time(void **state)
{
    struct place *place = *state;
    keep(place, "ns1.example.com", "192.0.2.53", true, NOW);
    keep(place, "ns1.example.com", "2001:db8:ffff::53", true, NOW);
    keep(place, "ns2.example.com", "255.255.255.255", true, NOW);
    servers_are(place, NOW, ""); /* of this run */
    next_run(place);
    servers_are(place, NOW + 13 * DAY,
                "ns1.example.com/192.0.2.53 ns1.example.com/2001:db8:ffff::53 "
                "ns2.example.com/255.255.255.255");
    servers_are(place, NOW + 15 * DAY, "");
    keep(place, "ns1.example.com", "2001:db8:ffff::53", true, NOW + 10 * DAY);
    next_run(place);
    servers_are(place, NOW + 15 * DAY, "ns1.example.com/2001:db8:ffff::53");
    keep(place, "ns3.example.com", "192.0.2.3", true, NOW + 15 * DAY);
    next_run(place);
    assert_int_equal(place->history.file->count, 2); /* the others are gone for good */
}

static void only_servers_that_were_found(void **state)
{
    struct place *place = *state;
    char name[254];
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    keep(place, "ns1.example.com", "192.0.2.53", false, NOW);
    keep(place, NULL, "192.0.2.54", true, NOW);
    keep(place, "ns2.example.com", NULL, true, NOW);
    keep(place, name, "192.0.2.55", true, NOW); /* longer than a key can be */
    next_run(place);
    servers_are(place, NOW, "");
    assert_int_equal(place->history.file->count, 0);
}

/* A server that was seen in what is now the future gets old as well. */
static void servers_of_the_future(void **state)
{
    struct place *place = *state;
    keep(place, "ns1.example.com", "192.0.2.53", true, NOW + 365 * DAY);
    next_run(place);
    servers_are(place, NOW, "ns1.example.com/192.0.2.53");
    wanted_is(place, "prod", NOW, NOW, NULL);
    next_run(place);
    servers_are(place, NOW + 15 * DAY, "");
}

/* ---- the file ---- */

static void row(struct place *place, const char *key, size_t count)
{
    static const long long numbers[DR_STATE_NUMBERS] = {4, 0, 0, (long long)(NOW * 1e6)};
    assert_true(dr_state_add(place->history.file, key, numbers, count));
}

static void rows_of_others_are_dropped(void **state)
{
    struct place *place = *state;
    row(place, "something", 3);
    row(place, "wanted", 2);
    row(place, "switch", 4);
    row(place, "A ns1", 2);
    row(place, "server no-address", 4);
    row(place, "server ns1/192.0.2.1", 3);
    struct dr_error error;
    assert_true(dr_state_save(place->history.file, &error));
    dns_history_drop(&place->history);
    open_history(place);
    assert_int_equal(place->history.before, 6);
    servers_are(place, NOW, "");
    assert_false(dns_history_switch(&place->history).known);
    wanted_is(place, "prod", NOW, NOW, NULL);
    assert_false(say(place, "ns1", DNS_V4, NULL, 0, NOW).known);
    next_run(place);
    assert_int_equal(place->history.file->count, 1);
}

static void a_damaged_file_reads_as_empty(void **state)
{
    struct place *place = *state;
    wanted_is(place, "prod", NOW, NOW, NULL);
    keep(place, "ns1.example.com", "192.0.2.53", true, NOW);
    next_run(place);
    char *path = strdup(place->history.file->path);
    assert_non_null(path);
    dns_history_drop(&place->history);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(truncate(path, status.st_size - 2), 0);
    free(path);
    open_history(place);
    servers_are(place, NOW, "");
    wanted_is(place, "dr", NOW + 60, NOW + 60, NULL);
    next_run(place);
    wanted_is(place, "dr", NOW + 120, NOW + 60, NULL);
}

/* What this run says comes before what is older. */
static void it_is_bounded(void **state)
{
    struct place *place = *state;
    char label[32];
    for (int i = 0; i < DNS_HISTORY_ROWS + 10; i++) {
        snprintf(label, sizeof label, "ns%d", i);
        (void)say(place, label, DNS_V4, "prod", 300, NOW);
    }
    next_run(place);
    assert_int_equal(place->history.file->count, DNS_HISTORY_ROWS);
    (void)say(place, "new", DNS_V4, "prod", 300, NOW + 1);
    next_run(place);
    assert_int_equal(place->history.file->count, DNS_HISTORY_ROWS);
    assert_true(say(place, "new", DNS_V4, NULL, 0, NOW + 2).known);
    assert_false(say(place, "ns999", DNS_V4, NULL, 0, NOW + 2).known);
}

static void what_is_dropped_is_not_written(void **state)
{
    struct place *place = *state;
    wanted_is(place, "prod", NOW, NOW, NULL);
    next_run(place);
    wanted_is(place, "dr", NOW + 60, NOW + 60, "prod");
    dns_history_drop(&place->history);
    dns_history_drop(&place->history);
    open_history(place);
    wanted_is(place, "prod", NOW + 120, NOW, NULL);
}

static void without_a_directory_nothing_is_known(void **state)
{
    struct dns_history none = {.open = false};
    struct dr_error error = {.text = ""};
    const struct dns_said said = {.known = true, .site = 1, .at = NOW};
    struct dns_givens servers = {.count = 0};
    uint64_t before = 7;
    (void)state;
    assert_false(dns_history_wanted(&none, "prod", NOW, &before).known);
    assert_true(before == 0);
    assert_false(dns_history_said(&none, "ns1", DNS_V4, &said).known);
    dns_history_set_switch(&none, &said);
    assert_false(dns_history_switch(&none).known);
    assert_true(dns_history_servers(&none, NOW, &servers));
    assert_int_equal(servers.count, 0);
    assert_true(dns_history_close(&none, &error));
    assert_false(dns_history_open(&none, "/nonexistent", CHECK, IDENTITY, &error));
    assert_true(strlen(error.text) > 0);
    dns_history_drop(&none);
}

static void hashes(void **state)
{
    (void)state;
    assert_true(dns_history_hash(NULL) == 0);
    assert_true(dns_history_hash("") != 0);
    assert_true(dns_history_hash("prod") != dns_history_hash("dr"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_wanted_is_known_since_its_first_sight),
        TEST(a_clock_that_was_set_back),
        TEST(what_was_said),
        TEST(who_is_silent_once_is_not_forgotten),
        TEST(long_labels),
        TEST(a_switch_is_remembered_until_it_is_over),
        TEST(servers_are_kept_for_a_time),
        TEST(only_servers_that_were_found),
        TEST(servers_of_the_future),
        TEST(rows_of_others_are_dropped),
        TEST(a_damaged_file_reads_as_empty),
        TEST(it_is_bounded),
        TEST(what_is_dropped_is_not_written),
        cmocka_unit_test(without_a_directory_nothing_is_known),
        cmocka_unit_test(hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
