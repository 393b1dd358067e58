/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is read as a whole is all of the file, or nothing and the reason. */
#include "common/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MOST 10000

static char path[] = "/tmp/test_file_XXXXXX";

static void put(const char *bytes, size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void check_refused(const char *name, const char *reason)
{
    const char *why = NULL;
    assert_null(dr_file_read(name, MOST, &why));
    assert_non_null(why);
    assert_string_equal(why, reason);
}

static void test_whole_file(void **state)
{
    char bytes[MOST + 1];
    const char *why = "unset";
    (void)state;
    memset(bytes, 'x', sizeof bytes);
    bytes[MOST] = '\0';
    put(bytes, MOST);
    char *text = dr_file_read(path, MOST, &why);
    assert_non_null(text);
    assert_null(why);
    assert_string_equal(text, bytes);
    free(text);
}

static void test_one_byte_too_long(void **state)
{
    char bytes[MOST + 1];
    (void)state;
    memset(bytes, 'x', sizeof bytes);
    put(bytes, sizeof bytes);
    check_refused(path, "it is too long");
}

/* In the second piece that is read, too, and with more behind it. */
static void test_nul(void **state)
{
    char bytes[MOST - 1];
    (void)state;
    put("key\0more", 8);
    check_refused(path, "it is no text");
    memset(bytes, 'x', sizeof bytes);
    bytes[5000] = '\0';
    put(bytes, sizeof bytes);
    check_refused(path, "it is no text");
}

static void test_nothing_to_read(void **state)
{
    (void)state;
    put("", 0);
    check_refused(path, "it is empty");
    check_refused("/tmp", "it cannot be read");
    check_refused("/tmp/there is/no such file", "No such file or directory");
}

static int make(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int end(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_file), cmocka_unit_test(test_one_byte_too_long),
        cmocka_unit_test(test_nul), cmocka_unit_test(test_nothing_to_read)};
    return cmocka_run_group_tests(tests, make, end);
}
