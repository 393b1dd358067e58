/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/module.h"

#include "tests/unit/locale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define FACTS 4711

static const struct dr_scheme scheme = {"fake", "fake", "libfake1", true};

static bool probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    (void)task;
    (void)facts;
    (void)error;
    return true;
}

static const char *library(void)
{
    return "libfake 1.0";
}

static struct dr_source source(unsigned abi, const char *group, const char *name, size_t facts)
{
    return (struct dr_source){abi, group, name, facts, library, probe};
}

/* ---- linked in ---- */

static void one_that_is_linked_in(void **state)
{
    (void)state;
    struct dr_error error = {.class = DR_ERR_NONE};
    struct dr_source other = source(DR_SOURCE_ABI, "group", "other", FACTS);
    struct dr_source right = source(DR_SOURCE_ABI, "group", "fake", FACTS);
    const struct dr_source *list[] = {&other, &right, NULL};
    assert_ptr_equal(dr_source_load(list, "group", FACTS, &scheme, &error), &right);
    assert_int_equal(error.class, DR_ERR_NONE);
}

static void ones_that_do_not_fit(void **state)
{
    (void)state;
    struct dr_source wrong[] = {
        source(DR_SOURCE_ABI, "group", "other", FACTS),
        source(DR_SOURCE_ABI, "other", "fake", FACTS),
        source(DR_SOURCE_ABI, "group", "fake", FACTS + 1),
        source(DR_SOURCE_ABI + 1, "group", "fake", FACTS),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct dr_error error = {.class = DR_ERR_NONE};
        const struct dr_source *list[] = {&wrong[i], NULL};
        assert_null(dr_source_load(list, "group", FACTS, &scheme, &error));
        assert_int_equal(error.class, DR_ERR_MODULE);
        assert_non_null(strstr(error.text, "fake"));
        assert_non_null(strstr(error.text, "libfake1"));
    }
    struct dr_error error = {.class = DR_ERR_NONE};
    const struct dr_source *none[] = {NULL};
    assert_null(dr_source_load(none, "group", FACTS, &scheme, &error));
    assert_int_equal(error.class, DR_ERR_MODULE);
}

/* ---- files ---- */

static char directory[] = "/tmp/dr-module-XXXXXX";

static int make(void **state)
{
    (void)state;
    memcpy(strrchr(directory, '-') + 1, "XXXXXX", 6);
    return mkdtemp(directory) != NULL && setenv("DR_PLUGINS_MODULE_DIR", directory, 1) == 0 ? 0
                                                                                            : -1;
}

static int clean(void **state)
{
    (void)state;
    unsetenv("DR_PLUGINS_MODULE_DIR");
    test_remove_tree(directory);
    return 0;
}

static void write_module(const void *content, size_t size)
{
    char path[100];
    snprintf(path, sizeof path, "%s/group-fake.so", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void assert_refused(const char *words, const char *cure)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    assert_null(dr_source_load(NULL, "group", FACTS, &scheme, &error));
    assert_int_equal(error.class, DR_ERR_MODULE);
    if (strstr(error.text, words) == NULL || strstr(error.text, cure) == NULL ||
        strstr(error.text, directory) == NULL)
        fail_msg("%s", error.text);
}

static void one_that_is_missing(void **state)
{
    (void)state;
    assert_refused("is not installed", "libfake1");
}

static void one_that_is_broken(void **state)
{
    (void)state;
    write_module("", 0);
    assert_refused("cannot load group-fake.so", "libfake1");
    write_module("this is no shared object, but long enough to be looked at as one, is it not", 64);
    assert_refused("cannot load group-fake.so", "libfake1");
}

static void copy_module(void)
{
    static char content[1024 * 1024];
    FILE *file = fopen(DR_TEST_MODULES "/group-fake.so", "r");
    assert_non_null(file);
    size_t size = fread(content, 1, sizeof content, file);
    assert_true(size > 0 && size < sizeof content);
    assert_int_equal(fclose(file), 0);
    write_module(content, size);
}

static void one_that_is_there(void **state)
{
    (void)state;
    struct dr_error error = {.class = DR_ERR_NONE};
    copy_module();
    const struct dr_source *found = dr_source_load(NULL, "group", FACTS, &scheme, &error);
    assert_non_null(found);
    assert_string_equal(found->name, "fake");
    assert_string_equal(found->library(), "libfake 1.0");
    assert_int_equal(error.class, DR_ERR_NONE);
    /* Loaded twice it is the same, and stays. */
    assert_ptr_equal(dr_source_load(NULL, "group", FACTS, &scheme, &error), found);
}

/* Facts of another size: a module that was left behind by an upgrade. */
static void one_of_another_build(void **state)
{
    (void)state;
    struct dr_error error = {.class = DR_ERR_NONE};
    copy_module();
    assert_null(dr_source_load(NULL, "group", FACTS + 8, &scheme, &error));
    assert_int_equal(error.class, DR_ERR_MODULE);
    assert_non_null(strstr(error.text, "build"));
}

/* A module is taken from the directory that is named, and from the one of the installation where
 * the name is empty. */
static void where_it_is_looked_for(void **state)
{
    (void)state;
    struct dr_error error = {.class = DR_ERR_NONE};
    assert_int_equal(setenv("DR_PLUGINS_MODULE_DIR", "", 1), 0);
    assert_null(dr_source_load(NULL, "group", FACTS, &scheme, &error));
    assert_null(strstr(error.text, directory));
    assert_non_null(strstr(error.text, DR_MODULE_DIR "/group-fake.so"));
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, make, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_linked_in), cmocka_unit_test(ones_that_do_not_fit),
        WITH_FILES(one_that_is_missing),         WITH_FILES(one_that_is_broken),
        WITH_FILES(one_that_is_there),           WITH_FILES(one_of_another_build),
        WITH_FILES(where_it_is_looked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
