/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/vectors.h"

#include "common/buffer.h"
#include "common/target.h"

static const struct dr_scheme schemes[] = {
    {"postgresql", "postgresql", "libpq5", true},
    {"mongodb", "mongodb", "libmongoc", false},
    {"file", "file", NULL, true},
};
#define SCHEMES (sizeof schemes / sizeof schemes[0])

struct fixture {
    struct dr_targets targets;
    struct dr_error error;
    char argument[4096]; /* of the last addition */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    *state = fixture;
    if (fixture == NULL)
        return -1;
    fixture->targets.secrets = dr_secrets_new();
    return fixture->targets.secrets != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    dr_targets_free(&fixture->targets);
    dr_secrets_free(fixture->targets.secrets);
    free(fixture);
    return 0;
}

static bool add(struct fixture *fixture, const char *argument)
{
    snprintf(fixture->argument, sizeof fixture->argument, "%s", argument);
    return dr_targets_add(&fixture->targets, schemes, SCHEMES, fixture->argument, &fixture->error);
}

static void taken(struct fixture *fixture, const char *argument)
{
    if (!add(fixture, argument))
        fail_msg("%s is refused: %s", argument, fixture->error.text);
}

static void refused(struct fixture *fixture, const char *argument, const char *expected)
{
    size_t before = fixture->targets.count;
    if (add(fixture, argument))
        fail_msg("%s is taken", argument);
    if (strstr(fixture->error.text, expected) == NULL)
        fail_msg("%s: %s", argument, fixture->error.text);
    assert_int_equal(fixture->targets.count, before);
    assert_null(strstr(fixture->error.text, "s3c"));
    assert_null(strstr(fixture->argument, "s3c"));
    assert_int_equal(strspn(fixture->argument, " "), strlen(fixture->argument));
}

static void labels_are(struct fixture *fixture, const char *expected)
{
    struct dr_buffer labels = DR_BUFFER(4096);
    if (!dr_targets_settle(&fixture->targets, &fixture->error))
        fail_msg("%s", fixture->error.text);
    for (size_t i = 0; i < fixture->targets.count; i++)
        dr_buffer_addf(&labels, "%s%s", i > 0 ? " " : "", fixture->targets.items[i].label);
    assert_string_equal(dr_buffer_text(&labels), expected);
    dr_buffer_free(&labels);
}

static void unsettled(struct fixture *fixture, const char *expected)
{
    assert_false(dr_targets_settle(&fixture->targets, &fixture->error));
    if (strstr(fixture->error.text, expected) == NULL)
        fail_msg("%s", fixture->error.text);
}

static void test_each_host_becomes_a_target(void **state)
{
    struct fixture *f = *state;
    taken(f, "postgresql://mon@db1,db2:5433/app?sslmode=require");
    assert_int_equal(f->targets.count, 2);
    assert_int_equal(f->targets.items[1].host, 1);
    assert_string_equal(f->targets.items[1].uri.hosts[1].name, "db2");
    assert_string_equal(f->targets.items[1].uri.user, "mon");
    assert_string_equal(dr_uri_param(&f->targets.items[1].uri, "sslmode"), "require");
    assert_ptr_equal(f->targets.items[0].scheme, &schemes[0]);
    assert_null(f->targets.items[0].password);
    labels_are(f, "db1 db2");
}

static void test_a_target_stands_in_a_site(void **state)
{
    struct fixture *f = *state;
    static const char *const arguments[] = {"prod=postgresql://db1:1,db1:2/x?y=z",
                                            "prod/main=postgresql://db2", "dr=postgresql://db1:1"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(f->argument, sizeof f->argument, "%s", arguments[i]);
        assert_true(dr_targets_add_site(&f->targets, schemes, SCHEMES, f->argument, &f->error));
    }
    taken(f, "postgresql://db3");
    labels_are(f, "prod-db1:1 prod-db1:2 prod-main dr-db1:1 db3");
    assert_string_equal(f->targets.items[1].site, "prod");
    assert_string_equal(f->targets.items[2].site, "prod");
    assert_string_equal(f->targets.items[3].site, "dr");
    assert_null(f->targets.items[4].site);
}

static void test_bad_sites_are_refused_and_wiped(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *argument;
        const char *words;
    } rows[] = {
        {"postgresql://u:s3c@db1", "SITE[/NAME]=URI is wanted"},
        {"postgresql://u:s3c@db1/?a=b", "SITE[/NAME]=URI is wanted"},
        {"=postgresql://u:s3c@db1", "bad target name"},
        {"prod/=postgresql://u:s3c@db1", "bad target name"},
        {"pr|od=postgresql://u:s3c@db1", "bad target name, position 3"},
        {"prod=nosuch://u:s3c@db1", "unknown scheme"},
        {"prod/x=postgresql://u:s3c@db1,db2", "a name stands for one host"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(f->argument, sizeof f->argument, "%s", rows[i].argument);
        assert_false(dr_targets_add_site(&f->targets, schemes, SCHEMES, f->argument, &f->error));
        assert_non_null(strstr(f->error.text, rows[i].words));
        assert_null(strstr(f->argument, "s3c"));
        assert_int_equal(f->targets.count, 0);
    }
}

static void test_a_scheme_may_keep_its_hosts_together(void **state)
{
    struct fixture *f = *state;
    taken(f, "mongodb://a,b,c/?replicaSet=rs0");
    assert_int_equal(f->targets.count, 1);
    assert_int_equal(f->targets.items[0].uri.host_count, 3);
    labels_are(f, "a");
}

static void test_labels(void **state)
{
    struct fixture *f = *state;
    taken(f, "main=postgresql://db1");
    taken(f, "postgresql://db1:5432");
    taken(f, "postgresql://db1:5433");
    taken(f, "postgresql://db2:5432");
    taken(f, "postgresql://db3");
    taken(f, "postgresql://[::1]:5432,[::1]:5433");
    taken(f, "postgresql:///?service=prod");
    taken(f, "file:///srv/backup");
    taken(f, "postgresql://");
    labels_are(f,
               "main db1:5432 db1:5433 db2 db3 [::1]:5432 [::1]:5433 prod /srv/backup postgresql");
}

static void test_a_port_that_is_not_given_is_not_made_up(void **state)
{
    struct fixture *f = *state;
    taken(f, "postgresql://db1,db1:5433");
    labels_are(f, "db1 db1:5433");
}

static void test_a_name_stays(void **state)
{
    struct fixture *f = *state;
    taken(f, "db1=postgresql://db1:5432");
    taken(f, "postgresql://db1:5433");
    labels_are(f, "db1 db1:5433");
    assert_true(f->targets.items[0].named);
    assert_false(f->targets.items[1].named);
}

static void test_the_same_label_twice_is_refused(void **state)
{
    struct fixture *f = *state;
    taken(f, "postgresql://db1/a");
    taken(f, "postgresql://db1/b");
    unsettled(f, "two targets are called \"db1\": name them (-T NAME=URI)");
}

static void test_labels_differ_in_perfdata(void **state)
{
    struct fixture *f = *state;
    taken(f, "db_1=postgresql://a");
    taken(f, "db 1=postgresql://b");
    unsettled(f, "\"db_1\" and \"db 1\" would be the same in perfdata");
}

static void test_labels_are_printable_ascii(void **state)
{
    struct fixture *f = *state;
    taken(f, "file:///srv/b%C3%BCcher%7C1");
    labels_are(f, "/srv/b??cher 1");
    refused(f, "b\xc3\xbc=file:///x", "bad target name, position 2");
    refused(f, "a|b=file:///x", "bad target name, position 2");
    refused(f, "a\tb=file:///x", "bad target name, position 2");
    refused(f, "=file:///x", "1 to 200 characters");
}

static void test_the_password_moves_to_the_secrets(void **state)
{
    struct fixture *f = *state;
    taken(f, "one=postgresql://mon:a%40s3cret@db1/app?sslmode=require");
    assert_string_equal(f->targets.items[0].password, "a@s3cret");
    assert_null(f->targets.items[0].uri.password);
    assert_string_equal(f->targets.items[0].uri.user, "mon");
    assert_string_equal(f->argument, "one=postgresql://mon:          @db1/app?sslmode=require");
    struct dr_buffer masked = DR_BUFFER(100);
    dr_secrets_mask(f->targets.secrets, "it is a@s3cret", &masked);
    assert_string_equal(dr_buffer_text(&masked), "it is ***");
    dr_buffer_free(&masked);
}

static void test_every_host_gets_the_password(void **state)
{
    struct fixture *f = *state;
    taken(f, "postgresql://mon:s3cret@db1,db2/app");
    assert_string_equal(f->targets.items[0].password, "s3cret");
    assert_string_equal(f->targets.items[1].password, "s3cret");
    assert_null(strstr(f->argument, "s3c"));
}

static void test_a_password_with_an_at_sign_is_wiped_whole(void **state)
{
    struct fixture *f = *state;
    taken(f, "postgresql://mon:a@b:s3cret@db1");
    assert_string_equal(f->targets.items[0].password, "a@b:s3cret");
    assert_string_equal(f->argument, "postgresql://mon:          @db1");
}

static void test_secret_parameters_are_wiped(void **state)
{
    struct fixture *f = *state;
    taken(f, "postgresql://db1/?sslmode=require&password=s3cret");
    assert_string_equal(f->targets.items[0].password, "s3cret");
    assert_null(dr_uri_param(&f->targets.items[0].uri, "password"));
    assert_string_equal(dr_uri_param(&f->targets.items[0].uri, "sslmode"), "require");
    assert_null(strstr(f->argument, "s3c"));
    taken(f, "postgresql://db2/?sslpassword=s3cret2");
    assert_null(f->targets.items[1].password);
    assert_string_equal(dr_uri_param(&f->targets.items[1].uri, "sslpassword"), "s3cret2");
    assert_null(strstr(f->argument, "s3c"));
    taken(f, "postgresql://db4/?sv=1&sig=s3cret4");
    assert_string_equal(dr_uri_param(&f->targets.items[2].uri, "sig"), "s3cret4");
    assert_null(strstr(f->argument, "s3c"));
    taken(f, "postgresql://db3/?%70assword=s3cret3");
    assert_string_equal(f->targets.items[3].password, "s3cret3");
    assert_null(strstr(f->argument, "s3c"));
    struct dr_buffer masked = DR_BUFFER(100);
    dr_secrets_mask(f->targets.secrets, "s3cret2 s3cret4", &masked);
    assert_null(strstr(dr_buffer_text(&masked), "s3c"));
    dr_buffer_free(&masked);
}

static void test_without_a_secret_nothing_is_wiped(void **state)
{
    struct fixture *f = *state;
    taken(f, "one=postgresql://mon@db1:5432/app?sslmode=require");
    assert_string_equal(f->argument, "one=postgresql://mon@db1:5432/app?sslmode=require");
}

static void test_what_is_refused_is_wiped_and_not_shown(void **state)
{
    struct fixture *f = *state;
    refused(f, "mysql://u:s3cret@h",
            "unknown scheme \"mysql\"; the schemes are: postgresql, mongodb, file");
    refused(f, "postgresql://u:s3c/ret@h", "%2F");
    refused(f, "postgresql://u:s3cret@h:x", "1 to 65535");
    refused(f, "postgresql:/u:s3cret@h", "begins with scheme://");
    refused(f, "postgresql//u:s3cret@h/?a=b", "bad target name, position 11");
    refused(f, "u:s3cret@h=postgresql://db1", "bad target name, position 9");
    refused(f, "one=postgresql://u:s3cret@a,b", "a name stands for one host");
    refused(f, "", "begins with scheme://");
}

static void test_at_most_64_targets(void **state)
{
    struct fixture *f = *state;
    char argument[64];
    for (int i = 0; i < DR_TARGETS_MAX - 1; i++) {
        snprintf(argument, sizeof argument, "postgresql://h%d", i);
        taken(f, argument);
    }
    refused(f, "postgresql://a,b", "more than 64 targets");
    taken(f, "postgresql://a");
    refused(f, "postgresql://b", "more than 64 targets");
}

static bool add_host(struct fixture *f, const char *hosts, const char *port, const char *user,
                     const char *path)
{
    return dr_targets_add_host(&f->targets, schemes, SCHEMES, "postgresql", hosts, port, user, path,
                               &f->error);
}

static void test_hosts_from_options(void **state)
{
    struct fixture *f = *state;
    assert_true(add_host(f, "db1,db2:5433,::1,[::2],[::3]:5434,10.0.0.1", "5432", "do\\m@in:x",
                         "/postgres"));
    assert_int_equal(f->targets.count, 6);
    static const int ports[] = {5432, 5433, 5432, 5432, 5434, 5432};
    for (size_t i = 0; i < 6; i++) {
        const struct dr_target *target = &f->targets.items[i];
        assert_int_equal(target->uri.hosts[target->host].port, ports[i]);
        assert_string_equal(target->uri.user, "do\\m@in:x");
        assert_string_equal(target->uri.path, "/postgres");
        assert_null(target->password);
        assert_false(target->named);
    }
    labels_are(f, "db1 db2 ::1 ::2 ::3 10.0.0.1");
}

static void test_hosts_without_the_rest(void **state)
{
    struct fixture *f = *state;
    assert_true(add_host(f, "db1", NULL, NULL, NULL));
    assert_int_equal(f->targets.items[0].uri.hosts[0].port, 0);
    assert_null(f->targets.items[0].uri.user);
    assert_string_equal(f->targets.items[0].uri.path, "");
}

static void test_bad_hosts_from_options(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *hosts, *port;
    } rows[] = {{"", NULL},      {"db1,", NULL},  {",db1", NULL},    {"db1/x", NULL},
                {"u@db1", NULL}, {"db1?x", NULL}, {"db 1", NULL},    {"db1", "0"},
                {"db1", "x"},    {"db1", "5,6"},  {"db1", "5432/x"}, {"db1:", NULL},
                {"[::1", NULL},  {"db1#", NULL},  {"1:2:3:4", NULL}, {"db1", ""},
                {"/run/x", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        f->error = (struct dr_error){0};
        if (add_host(f, rows[i].hosts, rows[i].port, NULL, NULL))
            fail_msg("%s %s is taken", rows[i].hosts, rows[i].port);
        assert_int_equal(f->error.class, DR_ERR_USAGE);
        assert_true(strlen(f->error.text) > 20);
    }
    assert_int_equal(f->targets.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_host_becomes_a_target),
        TEST(test_a_target_stands_in_a_site),
        TEST(test_bad_sites_are_refused_and_wiped),
        TEST(test_a_scheme_may_keep_its_hosts_together),
        TEST(test_labels),
        TEST(test_a_port_that_is_not_given_is_not_made_up),
        TEST(test_a_name_stays),
        TEST(test_the_same_label_twice_is_refused),
        TEST(test_labels_differ_in_perfdata),
        TEST(test_labels_are_printable_ascii),
        TEST(test_the_password_moves_to_the_secrets),
        TEST(test_every_host_gets_the_password),
        TEST(test_a_password_with_an_at_sign_is_wiped_whole),
        TEST(test_secret_parameters_are_wiped),
        TEST(test_without_a_secret_nothing_is_wiped),
        TEST(test_what_is_refused_is_wiped_and_not_shown),
        TEST(test_at_most_64_targets),
        TEST(test_hosts_from_options),
        TEST(test_hosts_without_the_rest),
        TEST(test_bad_hosts_from_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
