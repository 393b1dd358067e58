/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/secret.h"

#include "tests/unit/locale.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- masking ---- */

static void assert_masked(const char *secret, const char *other, const char *text, const char *want)
{
    struct dr_secrets *secrets = dr_secrets_new();
    assert_string_equal(dr_secrets_add(secrets, secret), secret);
    if (other != NULL)
        assert_string_equal(dr_secrets_add(secrets, other), other);
    struct dr_buffer out = DR_BUFFER(1000);
    dr_secrets_mask(secrets, text, &out);
    assert_string_equal(dr_buffer_text(&out), want);
    dr_buffer_free(&out);
    dr_secrets_free(secrets);
}

static void secrets_are_masked(void **state)
{
    (void)state;
    static const struct {
        const char *secret;
        const char *other; /* NULL: one secret alone */
        const char *text;
        const char *want;
    } cases[] = {
        {"geheim", NULL, "password=geheim host=db", "password=*** host=db"},
        {"geheim", NULL, "geheim", "***"},
        {"geheim", NULL, "geheimgeheim geheim", "****** ***"},
        {"geheim", NULL, "gehei", "gehei"},
        {"geheim", NULL, "gegeheim", "ge***"},
        {"geheim", NULL, "", ""},
        {"aab", NULL, "aaab", "a***"},
        /* Percent-encoded: as it must be, more than it must be, in both cases of the digits. */
        {"p@ss w/rd", NULL, "postgres://u:p%40ss%20w%2Frd@db/", "postgres://u:***@db/"},
        {"p@ss w/rd", NULL, "u:p%40ss%20w%2frd@db", "u:***@db"},
        {"geheim", NULL, "%67%65heim!", "***!"},
        {"100%sure", NULL, "u:100%25sure@", "u:***@"},
        {"100%sure", NULL, "u:100%sure@", "u:***@"},
        {"a%25b", NULL, "a%25b", "***"},
        {"a%25b", NULL, "a%2525b", "***"},
        {"a%41b", NULL, "a%41b aAb", "*** aAb"},
        {"geheim", NULL, "%6 %zz %", "%6 %zz %"},
        /* As dr_text_clean leaves it. */
        {"p\xc3\xa4ss", NULL, "p\xc3\xa4ss p??ss p%C3%A4ss", "*** *** ***"},
        {"a|b\tc", NULL, "a|b\tc a b c", "*** ***"},
        /* Several. */
        {"abc", "abcdef", "abcdef abcde", "*** ***de"},
        {"abcdef", "abc", "abcdef", "***"},
        {"abcd", "cdef", "xabcdefx", "x***x"},
        {"abc", "abc", "abc", "***"},
        /* Too short to be masked. */
        {"ab", NULL, "ab cab", "ab cab"},
        {"", NULL, "anything", "anything"},
        {"abc", NULL, "xabcx", "x***x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_masked(cases[i].secret, cases[i].other, cases[i].text, cases[i].want);
}

static void without_secrets_text_stays(void **state)
{
    (void)state;
    struct dr_buffer out = DR_BUFFER(1000);
    dr_secrets_mask(NULL, "a%41|b", &out);
    struct dr_secrets *secrets = dr_secrets_new();
    dr_secrets_mask(secrets, "\xff", &out);
    assert_string_equal(dr_buffer_text(&out), "a%41|b\xff");
    dr_buffer_free(&out);
    dr_secrets_free(secrets);
    dr_secrets_free(NULL);
}

static void a_full_buffer_never_shows_half_a_secret(void **state)
{
    (void)state;
    struct dr_secrets *secrets = dr_secrets_new();
    dr_secrets_add(secrets, "geheim");
    for (size_t limit = 0; limit < 10; limit++) {
        struct dr_buffer out = DR_BUFFER(limit);
        dr_secrets_mask(secrets, "a geheim b", &out);
        assert_memory_equal(dr_buffer_text(&out), "a *** b", out.size);
        dr_buffer_free(&out);
    }
    dr_secrets_free(secrets);
}

#define THREADS 8
#define EACH 200

struct registering {
    struct dr_secrets *secrets;
    int number;
    int showed; /* secrets that were registered and not masked */
};

static void *register_many(void *argument)
{
    struct registering *job = argument;
    for (int i = 0; i < EACH; i++) {
        char secret[40];
        snprintf(secret, sizeof secret, "secret-%d-%03d.", job->number, i);
        dr_secrets_add(job->secrets, secret);
        struct dr_buffer out = DR_BUFFER(100);
        dr_secrets_mask(job->secrets, secret, &out);
        if (strcmp(dr_buffer_text(&out), "***") != 0)
            job->showed++;
        dr_buffer_free(&out);
    }
    return NULL;
}

static void threads_may_register_at_once(void **state)
{
    (void)state;
    struct dr_secrets *secrets = dr_secrets_new();
    pthread_t threads[THREADS];
    struct registering jobs[THREADS];
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (struct registering){.secrets = secrets, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, register_many, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(jobs[i].showed, 0);
    }
    for (int i = 0; i < THREADS * EACH; i++) {
        char secret[40];
        snprintf(secret, sizeof secret, "secret-%d-%03d.", i / EACH, i % EACH);
        struct dr_buffer out = DR_BUFFER(100);
        dr_secrets_mask(secrets, secret, &out);
        assert_string_equal(dr_buffer_text(&out), "***");
        dr_buffer_free(&out);
    }
    dr_secrets_free(secrets);
}

/* ---- wiping ---- */

static void memory_is_wiped(void **state)
{
    (void)state;
    char memory[] = "geheim!";
    dr_wipe(memory, 6);
    assert_memory_equal(memory, "\0\0\0\0\0\0!", sizeof memory);
    char argument[] = "-pgeheim";
    dr_wipe_argument(argument + 2);
    assert_string_equal(argument, "-p      ");
}

/* ---- reading ---- */

static char directory[] = "/tmp/dr-secret-XXXXXX";
static char path[sizeof directory + 16];

static int make_directory(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s", mkdtemp(directory));
    snprintf(path, sizeof path, "%s/password", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    test_remove_tree(directory);
    return 0;
}

static void write_file(const void *bytes, size_t size, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void assert_read(const char *want)
{
    struct dr_secrets *secrets = dr_secrets_new();
    const char *value = NULL;
    struct dr_error error = {.class = DR_ERR_NONE};
    assert_true(dr_secrets_read_file(secrets, path, &value, &error));
    assert_string_equal(value, want);
    struct dr_buffer out = DR_BUFFER(10000);
    dr_secrets_mask(secrets, want, &out);
    assert_string_equal(dr_buffer_text(&out), "***");
    dr_buffer_free(&out);
    dr_secrets_free(secrets);
}

/* The error names the file and says what is wrong. */
static void assert_refused(const char *reason)
{
    struct dr_secrets *secrets = dr_secrets_new();
    const char *value = "untouched";
    struct dr_error error = {.class = DR_ERR_NONE};
    assert_false(dr_secrets_read_file(secrets, path, &value, &error));
    assert_string_equal(value, "untouched");
    assert_int_equal(error.class, DR_ERR_USAGE);
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, reason));
    dr_secrets_free(secrets);
}

static void the_first_line_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *want;
    } cases[] = {
        {"geheim\n", "geheim"},           {"geheim", "geheim"},         {"geheim\r\n", "geheim"},
        {"geheim\nmore\n", "geheim"},     {" ge heim \n", " ge heim "}, {"ge\rheim\n", "ge\rheim"},
        {"p\xc3\xa4ss\n", "p\xc3\xa4ss"}, {"geheim\r", "geheim\r"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(cases[i].file, strlen(cases[i].file), 0600);
        assert_read(cases[i].want);
    }
}

static void the_longest_line_is_read_and_no_longer_one(void **state)
{
    (void)state;
    char text[DR_SECRET_MAX + 3];
    memset(text, 'x', sizeof text);
    char want[DR_SECRET_MAX + 1];
    memset(want, 'x', DR_SECRET_MAX);
    want[DR_SECRET_MAX] = '\0';
    write_file(text, DR_SECRET_MAX, 0600);
    assert_read(want);
    memcpy(text + DR_SECRET_MAX, "\r\nx", 3);
    write_file(text, sizeof text, 0600);
    assert_read(want);
    memcpy(text + DR_SECRET_MAX, "xx\n", 3);
    write_file(text, sizeof text, 0600);
    assert_refused("longer than 4096 bytes");
    write_file(text, DR_SECRET_MAX + 1, 0600);
    assert_refused("longer than 4096 bytes");
}

static void what_is_no_password_is_refused(void **state)
{
    (void)state;
    write_file("", 0, 0600);
    assert_refused("is empty");
    write_file("\ngeheim\n", 8, 0600);
    assert_refused("is empty");
    write_file("\r\n", 2, 0600);
    assert_refused("is empty");
    write_file("ge\0heim\n", 8, 0600);
    assert_refused("NUL");
    write_file("\0\n", 2, 0600);
    assert_refused("NUL");
    unlink(path);
    assert_refused("No such file");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused("not a regular file");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused("not a regular file");
    rmdir(path);
}

static void others_must_not_read_it(void **state)
{
    (void)state;
    static const mode_t refused[] = {0604, 0602, 0601, 0620, 0610, 0644, 0660, 0666, 0777};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        write_file("geheim\n", 7, refused[i]);
        assert_refused("chmod 0600");
    }
    write_file("geheim\n", 7, 0400);
    assert_read("geheim");
    write_file("geheim\n", 7, 0640);
    if (geteuid() == 0)
        assert_read("geheim");
    else
        assert_refused("chmod 0600");
}

static void the_group_may_read_only_what_root_owns(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("only root can give a file away: not tested\n");
        skip();
    }
    write_file("geheim\n", 7, 0640);
    assert_int_equal(chown(path, 65534, 65534), 0);
    assert_refused("chmod 0600");
    assert_int_equal(chmod(path, 0600), 0);
    assert_read("geheim");
}

static void a_link_to_a_good_file_is_followed(void **state)
{
    (void)state;
    char target[sizeof path + 8];
    snprintf(target, sizeof target, "%s.target", path);
    write_file("geheim\n", 7, 0600);
    assert_int_equal(rename(path, target), 0);
    assert_int_equal(symlink(target, path), 0);
    assert_read("geheim");
    assert_int_equal(chmod(target, 0644), 0);
    assert_refused("chmod 0600");
    unlink(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_masked),
        cmocka_unit_test(without_secrets_text_stays),
        cmocka_unit_test(a_full_buffer_never_shows_half_a_secret),
        cmocka_unit_test(threads_may_register_at_once),
        cmocka_unit_test(memory_is_wiped),
        cmocka_unit_test(the_first_line_is_read),
        cmocka_unit_test(the_longest_line_is_read_and_no_longer_one),
        cmocka_unit_test(what_is_no_password_is_refused),
        cmocka_unit_test(others_must_not_read_it),
        cmocka_unit_test(the_group_may_read_only_what_root_owns),
        cmocka_unit_test(a_link_to_a_good_file_is_followed),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
