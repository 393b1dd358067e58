/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gateway's list of functions: numbers that are left out are zero, others that are none are
 * unknown. */
#include "plugins/liveness/openfaas_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_functions(void **state)
{
    struct openfaas_functions list = {.items = NULL};
    struct dr_error error;
    (void)state;
    assert_true(openfaas_read_functions(
        "[{\"name\":\"resize\",\"image\":\"r:1\",\"replicas\":2,\"availableReplicas\":1,"
        "\"invocationCount\":12.0,\"limits\":{\"cpu\":\"1\"}},{\"name\":\"mail\"},"
        "{\"name\":\"odd\",\"replicas\":\"1\",\"availableReplicas\":-1,\"invocationCount\":null}]",
        &list, &error));
    assert_int_equal(list.count, 3);
    const struct openfaas_function *resize = openfaas_find(&list, "resize");
    assert_string_equal(resize->image, "r:1");
    assert_int_equal(resize->replicas.value, 2);
    assert_int_equal(resize->available.value, 1);
    assert_true(resize->calls.known && resize->calls.value == 12);
    const struct openfaas_function *mail = openfaas_find(&list, "mail");
    assert_true(mail->replicas.known && mail->replicas.value == 0);
    assert_true(mail->available.known && mail->calls.known);
    const struct openfaas_function *odd = openfaas_find(&list, "odd");
    assert_false(odd->replicas.known || odd->available.known || odd->calls.known);
    assert_null(openfaas_find(&list, "nobody"));
    openfaas_functions_free(&list);
}

static void test_no_lists(void **state)
{
    static const char *const texts[] = {
        "", "{}", "null", "[1]", "[{}", "[{\"a\":1}]", "[{\"name\":\"\"}]", "[] x"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct openfaas_functions list = {.items = NULL};
        struct dr_error error = {.class = DR_ERR_NONE};
        assert_false(openfaas_read_functions(texts[i], &list, &error));
        assert_int_equal(error.class, DR_ERR_PROTOCOL);
        openfaas_functions_free(&list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_functions),
                                       cmocka_unit_test(test_no_lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
