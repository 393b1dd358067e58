/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of the Kubernetes API: what is left out is zero only where the API leaves zeros out, a list
 * that is not whole is none, and each state of a workload has its sign. */
#include "plugins/liveness/kubernetes_units.h"

#include "common/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW 1714557600.0 /* 2024-05-01T10:00:00Z */
#define META "\"metadata\":{\"resourceVersion\":\"1\"}"

/* ---- times ---- */

static void test_times(void **state)
{
    static const struct {
        const char *text;
        double seconds; /* below 0: none */
    } rows[] = {{"2024-05-01T10:00:00Z", NOW},
                {"1970-01-01T00:00:00Z", 0},
                {"2024-02-29T23:59:60Z", 1709251200},
                {"2023-02-29T00:00:00Z", -1},
                {"2024-13-01T10:00:00Z", -1},
                {"2024-00-01T10:00:00Z", -1},
                {"2024-05-01T24:00:00Z", -1},
                {"2024-05-01T10:00:00.000Z", -1},
                {"2024-05-01T10:00:00+02:00", -1},
                {"2024-05-01T10:00:00Zx", -1},
                {"2024-05-01", -1},
                {"", -1}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dr_opt_real time = dr_kubernetes_read_time(rows[i].text);
        assert_int_equal(time.known, rows[i].seconds >= 0);
        assert_true(!time.known || time.value == rows[i].seconds);
    }
}

/* ---- lists ---- */

static void test_lists(void **state)
{
    static const struct {
        const char *text;
        const char *wrong; /* NULL: it is one */
    } rows[] = {
        {"{\"kind\":\"PodList\",\"apiVersion\":\"v1\"," META ",\"items\":[]}", NULL},
        {"{\"items\":[],\"new\":{\"a\":[1]}," META ",\"apiVersion\":\"v1\",\"kind\":\"PodList\"}",
         NULL},
        {"{\"kind\":\"PodList\",\"apiVersion\":\"v1\"," META ",\"items\":null}", "\"items\""},
        {"{\"kind\":\"PodList\",\"apiVersion\":\"v1\"," META "}", "\"items\""},
        {"{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[]}",
         "metadata.resourceVersion"},
        {"{\"kind\":\"PodList\",\"apiVersion\":\"v2\"," META ",\"items\":[]}", "\"apiVersion\""},
        {"{\"kind\":\"Pod\",\"apiVersion\":\"v1\"," META ",\"items\":[]}", "\"kind\""},
        {"{\"kind\":\"PodListX\",\"apiVersion\":\"v1\"," META ",\"items\":[]}", "\"kind\""},
        {"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{}}", "\"kind\""},
        {"{\"kind\":\"PodList\",\"apiVersion\":\"v1\"," META ",\"items\":[1]}", "no object"},
        {"{\"kind\":\"PodList\",\"apiVersion\":\"v1\"," META ",\"items\":[{}]}", "without a name"},
        {"{\"kind\":\"PodList\",\"apiVersion\":\"v1\"," META ",\"items\":[]", "position"},
        {"{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"1\","
         "\"remainingItemCount\":3},\"items\":[]}",
         "not complete"},
        {"{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"1\","
         "\"continue\":null},\"items\":[]}",
         "next page"},
        {"[]", "\"kind\""},
        {"", "position"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct kubernetes_pods pods = {.items = NULL};
        struct dr_kubernetes_page page;
        struct dr_error error = {.class = DR_ERR_NONE};
        bool ok = kubernetes_read_pods(rows[i].text, &pods, &page, &error);
        if (ok != (rows[i].wrong == NULL) || (!ok && strstr(error.text, rows[i].wrong) == NULL))
            fail_msg("row %zu: %s", i, error.text);
        assert_true(ok || error.class == DR_ERR_PROTOCOL);
        kubernetes_pods_free(&pods);
    }
}

static void test_pages(void **state)
{
    static const char first[] =
        "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"1\","
        "\"continue\":\"abc\",\"remainingItemCount\":1},\"items\":[{\"metadata\":{\"name\":\"a\"}}]"
        "}";
    static const char last[] = "{\"kind\":\"PodList\",\"apiVersion\":\"v1\"," META
                               ",\"items\":[{\"metadata\":{\"name\":\"b\"}}]}";
    struct kubernetes_pods pods = {.items = NULL};
    struct dr_kubernetes_page page;
    (void)state;
    assert_true(kubernetes_read_pods(first, &pods, &page, NULL));
    assert_string_equal(page.next, "abc");
    assert_true(kubernetes_read_pods(last, &pods, &page, NULL));
    assert_string_equal(page.next, "");
    assert_int_equal(pods.count, 2);
    assert_string_equal(pods.items[0].name, "a");
    assert_string_equal(pods.items[1].name, "b");
    kubernetes_pods_free(&pods);
}

static void test_status(void **state)
{
    struct dr_kubernetes_status status;
    (void)state;
    assert_true(dr_kubernetes_read_status(
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
        "\"message\":\"no\\nway\",\"reason\":\"Forbidden\",\"code\":403}",
        &status));
    assert_string_equal(status.reason, "Forbidden");
    assert_string_equal(status.message, "no way");
    assert_false(dr_kubernetes_read_status("{\"kind\":\"Pod\",\"message\":\"x\"}", &status));
    assert_string_equal(status.message, "");
    assert_false(dr_kubernetes_read_status("404 page not found", &status));
}

/* ---- workloads ---- */

static void read_one(enum kubernetes_kind kind, const char *spec, const char *status_text,
                     struct kubernetes_workloads *list)
{
    struct dr_kubernetes_page page;
    struct dr_error error = {.class = DR_ERR_NONE};
    char *text = dr_text_format("{\"kind\":\"%sList\",\"apiVersion\":\"apps/v1\"," META
                                ",\"items\":[{\"metadata\":{\"name\":\"web\",\"generation\":4},"
                                "\"spec\":{%s},\"status\":{%s}}]}",
                                kubernetes_kinds[kind].kind, spec, status_text);
    assert_non_null(text);
    if (!kubernetes_read_workloads(text, kind, list, &page, &error))
        fail_msg("%s: %s", text, error.text);
    free(text);
    assert_int_equal(list->count, 1);
}

static void test_zeros(void **state)
{
    struct kubernetes_workloads list = {.items = NULL};
    (void)state;
    read_one(KUBERNETES_DEPLOYMENT, "", "", &list);
    const struct kubernetes_workload *w = &list.items[0];
    assert_true(w->replicas.known && w->ready.known && w->available.known && w->updated.known &&
                w->unavailable.known && w->observed.known);
    assert_false(w->wanted.known);
    kubernetes_workloads_free(&list);

    read_one(KUBERNETES_STATEFULSET, "\"replicas\":0", "", &list);
    w = &list.items[0];
    assert_true(w->wanted.known && w->ready.known && w->updated.known);
    assert_false(w->replicas.known || w->available.known);
    kubernetes_workloads_free(&list);

    read_one(KUBERNETES_DAEMONSET, "", "", &list);
    w = &list.items[0];
    assert_true(w->available.known && w->updated.known && w->observed.known);
    assert_false(w->wanted.known || w->replicas.known || w->ready.known);
    kubernetes_workloads_free(&list);

    read_one(KUBERNETES_DEPLOYMENT, "\"replicas\":-1",
             "\"readyReplicas\":\"3\",\"replicas\":1.5,\"availableReplicas\":null", &list);
    w = &list.items[0];
    assert_false(w->wanted.known || w->ready.known || w->replicas.known || w->available.known);
    kubernetes_workloads_free(&list);
}

static void test_selectors(void **state)
{
    static const struct {
        const char *selector;
        const char *text; /* NULL: none that can be used */
    } rows[] = {
        {"{\"matchLabels\":{\"app\":\"web\",\"a.b/c\":\"\"}}", "app=web,a.b/c="},
        {"{\"matchExpressions\":[{\"key\":\"t\",\"operator\":\"In\",\"values\":[\"a\",\"b\"]},"
         "{\"operator\":\"Exists\",\"key\":\"u\"},{\"key\":\"v\",\"operator\":\"DoesNotExist\","
         "\"values\":null},{\"key\":\"w\",\"operator\":\"NotIn\",\"values\":[\"c\"]}]}",
         "t in (a,b),u,!v,w notin (c)"},
        {"{}", NULL},
        {"null", NULL},
        {"{\"matchLabels\":{}}", NULL},
        {"{\"matchLabels\":{\"app\":\"a,b\"}}", NULL},
        {"{\"matchLabels\":{\"\":\"a\"}}", NULL},
        {"{\"matchLabels\":{\"app\":1}}", NULL},
        {"{\"matchLabels\":{\"app\":\"a\"},\"matchExpressions\":[{\"key\":\"t\"}]}", NULL},
        {"{\"matchExpressions\":[{\"key\":\"t\",\"operator\":\"In\",\"values\":[]}]}", NULL},
        {"{\"matchExpressions\":[{\"key\":\"t\",\"operator\":\"In\",\"values\":[\"a)\"]}]}", NULL},
        {"{\"matchExpressions\":[5,{\"key\":\"t\",\"operator\":\"Exists\"}]}", NULL},
        {"{\"matchExpressions\":[{\"key\":\"t\",\"operator\":\"Gt\",\"values\":[\"1\"]}]}", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct kubernetes_workloads list = {.items = NULL};
        char *spec = dr_text_format("\"selector\":%s", rows[i].selector);
        read_one(KUBERNETES_DEPLOYMENT, spec, "", &list);
        free(spec);
        const char *text = list.items[0].selector;
        if ((text == NULL) != (rows[i].text == NULL) ||
            (text != NULL && strcmp(text, rows[i].text) != 0))
            fail_msg("row %zu: %s", i, text != NULL ? text : "none");
        kubernetes_workloads_free(&list);
    }
}

static void test_images(void **state)
{
    struct kubernetes_workloads list = {.items = NULL};
    (void)state;
    read_one(KUBERNETES_DEPLOYMENT,
             "\"template\":{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"x\",\"image\":"
             "\"web:2\"},{\"image\":\"log:1\"},{}]}}",
             "", &list);
    assert_string_equal(list.items[0].images, "log:1, web:2");
    kubernetes_workloads_free(&list);
}

/* ---- signs ---- */

static struct kubernetes_workload workload(int wanted, int there, int updated, int ready)
{
    return (struct kubernetes_workload){.kind = KUBERNETES_STATEFULSET,
                                        .name = "web",
                                        .generation = dr_int(4),
                                        .observed = dr_int(4),
                                        .wanted = dr_int(wanted),
                                        .replicas = dr_int(there),
                                        .updated = dr_int(updated),
                                        .ready = dr_int(ready),
                                        .available = dr_int(ready),
                                        .unavailable = dr_int(0),
                                        .selector = (char[]){"a=b"}};
}

static struct kubernetes_pod running(double age)
{
    return (struct kubernetes_pod){
        .name = "web-0", .node = "node1", .ready = true, .created = dr_real(NOW - age)};
}

static struct kubernetes_pod ending(double overdue)
{
    struct kubernetes_pod pod = running(9999);
    pod.terminating = true;
    pod.deadline = dr_real(NOW + overdue * -1);
    return pod;
}

static void expect_sign(const struct kubernetes_workload *w, struct kubernetes_pod *pods,
                        size_t count, struct dr_opt_real now, enum liv_sign_kind wanted,
                        const char *line)
{
    const struct kubernetes_pods list = {.items = pods, .count = count};
    const struct kubernetes_autoscalers none = {.items = NULL};
    const struct kubernetes_around around = {
        .pods = &list, .autoscalers = &none, .no_autoscalers = "", .now = now, .named = true};
    struct liv_facts facts = {.units = NULL};
    kubernetes_add_workload(&facts, w, &around);
    assert_int_equal(facts.unit_count, 1);
    assert_int_equal(facts.units[0].sign_count, 1);
    if (facts.units[0].signs[0].kind != wanted)
        fail_msg("%s: sign %d (%s), not %d", line, (int)facts.units[0].signs[0].kind,
                 facts.units[0].signs[0].text, (int)wanted);
    liv_facts_free(&facts);
}

/* The same workload by what its pods do: those that are young or end in their time excuse it, as
 * far as the server's clock is known. */
static void test_signs(void **state)
{
    const struct dr_opt_real now = dr_real(NOW), unknown = {.known = false};
    struct kubernetes_pod old[3] = {running(9999), running(9999), running(9999)};
    struct kubernetes_pod young[3] = {running(9999), running(9999), running(20)};
    struct kubernetes_pod leaving[3] = {running(9999), running(9999), ending(-20)};
    struct kubernetes_pod hanging[3] = {running(9999), running(9999), ending(600)};
    struct kubernetes_pod failing[3] = {running(9999), running(9999), running(20)};
    struct kubernetes_workload whole = workload(3, 3, 3, 3), short_of_one = workload(3, 3, 3, 2);
    struct kubernetes_workload half_updated = workload(3, 3, 1, 3), none = workload(0, 0, 0, 0);
    struct kubernetes_workload surplus = workload(2, 3, 3, 3);
    (void)state;
    young[2].ready = failing[2].ready = false;
    snprintf(failing[2].trouble, sizeof failing[2].trouble, "ImagePullBackOff");
    expect_sign(&whole, old, 3, now, LIV_K_SETTLED, "whole");
    expect_sign(&whole, old, 2, now, LIV_K_SHORT, "a pod is not listed");
    expect_sign(&short_of_one, old, 2, now, LIV_K_SHORT, "one is missing");
    expect_sign(&short_of_one, young, 3, now, LIV_K_ROLLING, "one is young");
    expect_sign(&short_of_one, young, 3, unknown, LIV_K_SHORT, "no clock");
    expect_sign(&short_of_one, leaving, 3, now, LIV_K_ROLLING, "one is being ended");
    expect_sign(&short_of_one, leaving, 3, unknown, LIV_K_STUCK, "being ended, no clock");
    expect_sign(&short_of_one, hanging, 3, now, LIV_K_STUCK, "one never ends");
    expect_sign(&short_of_one, failing, 3, now, LIV_K_STUCK, "one does not start");
    expect_sign(&half_updated, old, 3, now, LIV_K_STUCK, "nothing moves");
    expect_sign(&half_updated, young, 3, now, LIV_K_ROLLING, "a rollout");
    expect_sign(&surplus, old, 3, now, LIV_K_STUCK, "one too many");
    expect_sign(&none, NULL, 0, now, LIV_K_ZERO, "zero");
    expect_sign(&none, leaving, 3, now, LIV_K_LEFTOVER, "zero, and pods");
    none.replicas = dr_int(1);
    expect_sign(&none, NULL, 0, now, LIV_K_LEFTOVER, "zero, and a status that is not");
    whole.observed = dr_int(3);
    expect_sign(&whole, old, 3, now, LIV_K_ROLLING, "not looked at yet");
    whole.observed = dr_int(0);
    expect_sign(&whole, old, 3, now, LIV_NOT_TOLD, "numbers of no generation");
    whole.observed = dr_int(4);
    whole.deleting = true;
    expect_sign(&whole, old, 3, now, LIV_K_SHORT, "being deleted");
}

static void test_missing(void **state)
{
    struct kubernetes_pod old[3] = {running(9999), running(9999), running(9999)};
    (void)state;
    for (size_t i = 0; i < 7; i++) {
        struct kubernetes_workload w = workload(3, 3, 3, 3);
        struct dr_opt_int *fields[7] = {&w.generation, &w.observed,  &w.wanted,     &w.replicas,
                                        &w.ready,      &w.available, &w.unavailable};
        fields[i]->known = false;
        expect_sign(&w, old, 3, dr_real(NOW), LIV_NOT_TOLD, "a number is missing");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),   cmocka_unit_test(test_lists),
        cmocka_unit_test(test_pages),   cmocka_unit_test(test_status),
        cmocka_unit_test(test_zeros),   cmocka_unit_test(test_selectors),
        cmocka_unit_test(test_images),  cmocka_unit_test(test_signs),
        cmocka_unit_test(test_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
