/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/site.h"

#include "common/buffer.h"
#include "tests/unit/locale.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ROWS(rows) (sizeof(rows) / sizeof(rows)[0])

struct scene {
    char directory[40];
    char path[60];
    struct dns_sites sites;
};

static int make(void **state)
{
    static struct scene scene;
    memset(&scene, 0, sizeof scene);
    strncpy(scene.directory, "/tmp/dr-dns-site-XXXXXX", sizeof scene.directory - 1);
    *state = &scene;
    if (mkdtemp(scene.directory) == NULL)
        return -1;
    snprintf(scene.path, sizeof scene.path, "%s/list", scene.directory);
    return 0;
}

static int clean(void **state)
{
    struct scene *scene = *state;
    dns_sites_free(&scene->sites);
    test_remove_tree(scene->directory);
    return 0;
}

static void write_bytes(const struct scene *scene, const char *bytes, size_t size)
{
    FILE *file = fopen(scene->path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_file(const struct scene *scene, const char *text)
{
    write_bytes(scene, text, strlen(text));
}

static void add(struct scene *scene, const char *argument)
{
    struct dr_error error = {.text = ""};
    if (!dns_sites_add(&scene->sites, argument, &error))
        fail_msg("%s: %s", argument, error.text);
}

/* Adds "NAME=@the file". */
static bool add_file(struct scene *scene, const char *name, struct dr_error *error)
{
    char argument[200];
    snprintf(argument, sizeof argument, "%s=@%s", name, scene->path);
    return dns_sites_add(&scene->sites, argument, error);
}

static void says(const char *what, const struct dr_error *error, const char *text)
{
    assert_int_equal(error->class, DR_ERR_USAGE);
    if (strstr(error->text, text) == NULL)
        fail_msg("%s: %s", what, error->text);
}

static void refused(struct scene *scene, const char *argument, const char *text)
{
    struct dr_error error = {.text = ""};
    size_t count = scene->sites.count;
    if (dns_sites_add(&scene->sites, argument, &error))
        fail_msg("\"%s\" was read", argument);
    says(argument, &error, text);
    assert_int_equal(scene->sites.count, count);
}

/* The file is refused, with "FILE:LINE: " before the text where a line is given. */
static void file_refused(struct scene *scene, unsigned line, const char *text)
{
    struct dr_error error = {.text = ""};
    char where[100];
    if (add_file(scene, "cdn", &error))
        fail_msg("the file was read, and not refused with: %s", text);
    says("file", &error, text);
    snprintf(where, sizeof where, line > 0 ? "site \"cdn\": %s:%u: " : "site \"cdn\": %s",
             scene->path, line);
    says("file", &error, where);
    assert_int_equal(scene->sites.count, 0);
}

static void site_is(const struct scene *scene, const char *text, const char *name)
{
    struct dns_address address;
    size_t site = dns_address_read(text, &address) ? dns_site_of_address(&scene->sites, &address)
                                                   : dns_site_of_name(&scene->sites, text);
    const char *got = site == DNS_SITE_NONE ? "nowhere" : scene->sites.items[site].name;
    if (strcmp(got, name) != 0)
        fail_msg("%s: %s instead of %s", text, got, name);
}

static void test_addresses_and_names(void **state)
{
    struct scene *scene = *state;
    add(scene, "prod=192.0.2.0/24, 2001:db8:1::/48");
    add(scene, "dr=198.51.100.7,lb-dr.example.com");
    add(scene, "cdn=*.cdn.example.net");
    site_is(scene, "192.0.2.200", "prod");
    site_is(scene, "2001:db8:1:0:0::1", "prod");
    site_is(scene, "198.51.100.7", "dr");
    site_is(scene, "198.51.100.70", "nowhere");
    site_is(scene, "2001:db8:2::1", "nowhere");
    site_is(scene, "LB-DR.example.com.", "dr");
    site_is(scene, "x.lb-dr.example.com", "nowhere");
    site_is(scene, "a.b.cdn.example.net", "cdn");
    site_is(scene, "cdn.example.net", "nowhere");
    site_is(scene, "acdn.example.net", "nowhere");
    site_is(scene, "example..com", "nowhere");
    assert_int_equal(dns_site_find(&scene->sites, "dr"), 1);
    assert_int_equal(dns_site_find(&scene->sites, "DR"), DNS_SITE_NONE);
}

/* An address of IPv6 that stands for one of IPv4 is of no site for IPv4, and cannot be an item. */
static void test_mapped_addresses(void **state)
{
    struct scene *scene = *state;
    add(scene, "prod=192.0.2.0/24");
    site_is(scene, "::ffff:192.0.2.1", "nowhere");
    refused(scene, "dr=::ffff:192.0.2.1", "stands for an IPv4 one");
    refused(scene, "dr=::ffff:0:0/96", "stands for an IPv4 one");
}

static void test_bad_items(void **state)
{
    static const struct {
        const char *argument, *error;
    } rows[] = {
        {"", "NAME=ITEM"},
        {"prod", "NAME=ITEM"},
        {"=192.0.2.1", "bad site name"},
        {"a|b=192.0.2.1", "bad site name, position 2"},
        {"a/b=192.0.2.1", "bad site name, position 2"},
        {"#a=192.0.2.1", "bad site name \"#a\""},
        {"a =192.0.2.1", "bad site name \"a \""},
        {" a=192.0.2.1", "bad site name \" a\""},
        {"mixed=192.0.2.1", "no site can be called \"mixed\""},
        {"None=192.0.2.1", "no site can be called \"None\""},
        {"UNKNOWN=192.0.2.1", "no site can be called \"UNKNOWN\""},
        {"prod=", "site \"prod\": an item is empty"},
        {"prod=192.0.2.1,", "an item is empty"},
        {"prod=,192.0.2.1", "an item is empty"},
        {"prod=192.0.2.1, ,192.0.2.2", "an item is empty"},
        {"prod=@", "an item is empty"},
        {"prod=192.0.2.300", "site \"prod\": \"192.0.2.300\" is no address and no network"},
        {"prod=192.0.2", "\"192.0.2\" is no address and no network"},
        {"prod=2001:db8::/32,fe80::1%eth0", "\"fe80::1%eth0\" is no address"},
        {"prod=http://app.example.com", "no address and no network"},
        {"prod=app.example.com:443", "no address and no network"},
        {"prod=192.0.2.1/24", "192.0.2.0/24 for the network, 192.0.2.1 for the address"},
        {"prod=0.0.0.0/0", "\"0.0.0.0/0\" is every address there is"},
        {"prod=::/0", "\"::/0\" is every address there is"},
        {"prod=*", "\"*\" is no address, no network and no host name"},
        {"prod=*.", "\"*.\" is no host name"},
        {"prod=*..", "\"*..\" is no host name"},
        {"prod=.", "no address and no network"},
        {"prod=app.*.example.com", "no address, no network and no host name"},
        {"prod=app example.com", "no address, no network and no host name"},
        {"prod=app\\.example.com", "no address, no network and no host name"},
        {"prod=app..example.com", "app..example.com"},
        {"prod=b\xc3\xbc"
         "cher.example",
         "xn--"},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        refused(*state, rows[i].argument, rows[i].error);
}

static void test_the_same_site_again_adds(void **state)
{
    struct scene *scene = *state;
    add(scene, "prod=192.0.2.0/25");
    add(scene, "dr=198.51.100.0/24");
    add(scene, "prod=192.0.2.128/25,app.example.com");
    add(scene, "prod=192.0.2.0/24");
    assert_int_equal(scene->sites.count, 2);
    assert_int_equal(scene->sites.items[0].network_count, 3);
    site_is(scene, "192.0.2.200", "prod");
    site_is(scene, "app.example.com", "prod");
    /* what is refused adds nothing of what stands before it */
    refused(scene, "prod=203.0.113.1,203.0.113.999", "203.0.113.999");
    site_is(scene, "203.0.113.1", "nowhere");
}

static void test_sites_do_not_overlap(void **state)
{
    struct scene *scene = *state;
    add(scene, "prod=192.0.2.0/24,10.0.0.0/8,2001:db8:1::/48,*.prod.example.com");
    add(scene, "dr=198.51.100.0/24,lb.dr.example.com");
    refused(scene, "x=192.0.2.7",
            "192.0.2.7/32 of site \"x\" lies in 192.0.2.0/24 of site \"prod\"");
    refused(scene, "x=192.0.0.0/16",
            "192.0.2.0/24 of site \"prod\" lies in 192.0.0.0/16 of site \"x\"");
    refused(scene, "x=192.0.2.0/24", "192.0.2.0/24 of site");
    refused(scene, "dr=203.0.113.1,10.255.0.0/16",
            "10.255.0.0/16 of site \"dr\" lies in 10.0.0.0/8 of site \"prod\"");
    refused(scene, "dr=2001:db8:1:2::/64", "lies in 2001:db8:1::/48 of site \"prod\"");
    /* one behind another that it does not lie in, and both within a third */
    refused(scene, "x=10.1.0.0/16,192.0.0.0/8", "\"x\"");
    refused(scene, "x=a.prod.example.com", "a.prod.example.com of site \"x\" is of site \"prod\"");
    refused(scene, "x=*.example.com", "*.example.com of site \"x\" is of site \"prod\" as well");
    refused(scene, "x=*.a.prod.example.com", "is of site \"prod\" as well");
    refused(scene, "x=LB.dr.example.com", "is of site \"dr\" as well");
    add(scene, "x=prod.example.com,192.0.3.0/24,11.0.0.0/8,2001:db8:2::/48,*.lb.dr.example.com");
    site_is(scene, "203.0.113.1", "nowhere");
}

static void test_a_file(void **state)
{
    struct scene *scene = *state;
    struct dr_error error;
    write_file(scene, "\xef\xbb\xbf# as-of: 2026-11-01\r\n#origin: hidden\r\n\r\n"
                      "  192.0.2.0/24\t# the first\r\n2001:db8::/32\r\n\t\r\n*.cdn.example.net");
    assert_true(add_file(scene, "cdn", &error));
    const struct dns_site *site = &scene->sites.items[0];
    assert_int_equal(site->network_count, 2);
    assert_int_equal(site->host_count, 1);
    assert_string_equal(site->as_of, "2026-11-01");
    assert_string_equal(site->file, scene->path);
    assert_true(site->hides);
    site_is(scene, "192.0.2.9", "cdn");
    site_is(scene, "a.cdn.example.net", "cdn");
}

static void test_a_file_that_says_nothing_of_itself(void **state)
{
    struct scene *scene = *state;
    struct dr_error error;
    write_file(scene, "# the ranges as of: late, origin hidden\n192.0.2.0/24 # origin: hidden\n");
    assert_true(add_file(scene, "cdn", &error));
    assert_null(scene->sites.items[0].as_of);
    assert_string_equal(scene->sites.items[0].file, scene->path);
    assert_false(scene->sites.items[0].hides);
}

/* A site of several files is as old as the oldest of them. */
static void test_several_files(void **state)
{
    static const char *const texts[] = {"192.0.2.1\n", "# as-of: 2026-11-01\n192.0.2.2\n",
                                        "# as-of: 2025-12-31\n192.0.2.3\n",
                                        "# as-of: 2026-02-02\n# origin: hidden\n192.0.2.4\n"};
    struct scene *scene = *state;
    struct dr_error error;
    for (size_t i = 0; i < ROWS(texts); i++) {
        snprintf(scene->path, sizeof scene->path, "%s/list%zu", scene->directory, i);
        write_file(scene, texts[i]);
        assert_true(add_file(scene, "cdn", &error));
    }
    assert_int_equal(scene->sites.items[0].network_count, 4);
    assert_string_equal(scene->sites.items[0].as_of, "2025-12-31");
    assert_string_equal(strrchr(scene->sites.items[0].file, '/'), "/list2");
    assert_true(scene->sites.items[0].hides);
}

/* What is installed is readable, and what it should be. */
static void test_the_list_of_cloudflare(void **state)
{
    struct scene *scene = *state;
    add(scene, "cloudflare=@" DR_TESTS "/../contrib/ranges/cloudflare.txt");
    const struct dns_site *site = &scene->sites.items[0];
    assert_int_equal(site->network_count, 22);
    assert_non_null(site->as_of);
    assert_true(site->hides);
    site_is(scene, "104.16.0.1", "cloudflare");
    site_is(scene, "104.27.255.255", "cloudflare");
    site_is(scene, "104.28.0.0", "nowhere"); /* was in the list until 2021 */
    site_is(scene, "2606:4700::6810:1", "cloudflare");
    site_is(scene, "192.0.2.1", "nowhere");
}

static void test_bad_lines(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *error;
    } rows[] = {
        {"192.0.2.0/24\n192.0.2.1/24\n", 2, "can be read in two ways"},
        {"# a\n\n192.0.2.0/24,192.0.3.0/24\n", 3, "no number of bits"},
        {"192.0.2.0/24 192.0.3.0/24\n", 1, "no number of bits"},
        {"<!DOCTYPE html>\n", 1, "<!DOCTYPE html>"},
        {"192.0.2.0\n{\"ranges\": []}\n", 2, "ranges"},
        {"192.0.2.0\n@other\n", 2, "@other"},
        {"192.0.2.0\n0.0.0.0/0\n", 2, "every address there is"},
        {"# as-of: 2026-13-01\n192.0.2.0\n", 1, "\"as-of: 2026-13-01\" is no date"},
        {"# as-of: 2026-11-1\n192.0.2.0\n", 1, "is no date"},
        {"# as-of: 2026-11-01 12:00\n192.0.2.0\n", 1, "is no date"},
        {"# as-of:\n192.0.2.0\n", 1, "is no date"},
        {"# origin: hiden\n192.0.2.0\n", 1, "\"origin: hiden\": only \"hidden\" is known"},
        {"", 0, "names no address, no network and no host"},
        {"\xef\xbb\xbf", 0, "names no address"},
        {"# as-of: 2026-11-01\n\n \n", 0, "names no address"},
    };
    struct scene *scene = *state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        write_file(scene, rows[i].text);
        file_refused(scene, rows[i].line, rows[i].error);
    }
    write_bytes(scene,
                "\xff\xfe"
                "1\0",
                4);
    file_refused(scene, 0, "is no text");
}

static void add_many(struct dr_buffer *text, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        dr_buffer_addf(text, "10.%u.%u.1\n", i / 256, i % 256);
}

static void test_long_files(void **state)
{
    struct scene *scene = *state;
    struct dr_error error;
    struct dr_buffer text = DR_BUFFER(2 * 1024 * 1024);
    add_many(&text, DNS_SITE_ITEMS_MAX + 1);
    write_file(scene, dr_buffer_text(&text));
    file_refused(scene, DNS_SITE_ITEMS_MAX + 1, "more than 4096");
    dr_buffer_clear(&text);
    add_many(&text, DNS_SITE_ITEMS_MAX);
    write_file(scene, dr_buffer_text(&text));
    assert_true(add_file(scene, "cdn", &error));
    site_is(scene, "10.15.255.1", "cdn");
    refused(scene, "cdn=192.0.2.1", "site \"cdn\": more than 4096");
    refused(scene, "dr=192.0.2.1,10.15.255.0/24", "of site \"dr\"");
    dns_sites_free(&scene->sites);
    while (text.size <= 1024 * 1024)
        dr_buffer_add(&text, "# a comment of no worth\n");
    write_file(scene, dr_buffer_text(&text));
    file_refused(scene, 0, "is larger than 1048576 bytes");
    dr_buffer_free(&text);
}

static void test_files_that_cannot_be_read(void **state)
{
    struct scene *scene = *state;
    file_refused(scene, 0, "cannot be read: No such file");
    assert_int_equal(mkdir(scene->path, 0700), 0);
    file_refused(scene, 0, "is no regular file");
    assert_int_equal(rmdir(scene->path), 0);
    assert_int_equal(mkfifo(scene->path, 0600), 0);
    file_refused(scene, 0, "is no regular file");
    assert_int_equal(unlink(scene->path), 0);
    write_file(scene, "192.0.2.1\n");
    assert_int_equal(chmod(scene->path, 0), 0);
    if (geteuid() == 0)
        assert_int_equal(seteuid(65534), 0);
    struct dr_error error = {.text = ""};
    bool good = add_file(scene, "cdn", &error);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_false(good);
    says("no permission", &error, "cannot be read: Permission denied");
}

static void test_so_many_sites(void **state)
{
    struct scene *scene = *state;
    for (unsigned i = 0; i < DNS_SITES_MAX; i++) {
        char argument[40];
        snprintf(argument, sizeof argument, "site%u=10.0.0.%u", i, i);
        add(scene, argument);
    }
    refused(scene, "one-more=192.0.2.1", "more than 32 sites");
    add(scene, "site31=192.0.2.1");
}

/* ---- the active site ---- */

static void active_is(const struct scene *scene, const char *text, const char *name)
{
    char *got = NULL;
    double age = -1;
    struct dr_error error = {.text = ""};
    write_file(scene, text);
    if (!dns_site_read_active(scene->path, &got, &age, &error))
        fail_msg("%s: %s", text, error.text);
    assert_string_equal(got, name);
    free(got);
}

static void active_refused(const struct scene *scene, const char *text)
{
    char *got = NULL;
    double age;
    struct dr_error error = {.text = ""};
    if (dns_site_read_active(scene->path, &got, &age, &error))
        fail_msg("%s is active, not refused with: %s", got, text);
    says("active", &error, text);
    says("active", &error, scene->path);
    assert_null(got);
}

static void test_active_site(void **state)
{
    active_is(*state, "prod\n", "prod");
    active_is(*state, "prod", "prod");
    active_is(*state, "\xef\xbb\xbf# written by hand\r\n\r\n  dr\t\r\n# end\r\n", "dr");
    active_is(*state, "data center 1\n", "data center 1");
}

static void test_no_active_site(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"", "names no site"},
        {"# prod\n\n", "names no site"},
        {"prod\ndr\n", "names more than one site: \"prod\", \"dr\""},
        {"prod\nprod\n", "names more than one site"},
        {"mixed\n", "no site can be called \"mixed\""},
        {"a|b\n", "bad site name"},
        {"<!DOCTYPE html>\n<html>\n", "names more than one site"},
    };
    struct scene *scene = *state;
    active_refused(scene, "cannot be read: No such file");
    for (size_t i = 0; i < ROWS(rows); i++) {
        write_file(scene, rows[i].text);
        active_refused(scene, rows[i].error);
    }
    assert_int_equal(truncate(scene->path, 64 * 1024 + 1), 0);
    active_refused(scene, "is larger than 65536 bytes");
    assert_int_equal(unlink(scene->path), 0);
    assert_int_equal(mkdir(scene->path, 0700), 0);
    active_refused(scene, "is no regular file");
}

static void age_is(const struct scene *scene, double least, double most)
{
    char *name;
    double age;
    struct dr_error error;
    assert_true(dns_site_read_active(scene->path, &name, &age, &error));
    free(name);
    if (age < least || age > most)
        fail_msg("%g", age);
}

static void test_age_of_the_file(void **state)
{
    struct scene *scene = *state;
    struct timespec times[2];
    write_file(scene, "prod\n");
    age_is(scene, -1, 60);
    clock_gettime(CLOCK_REALTIME, &times[1]);
    times[1].tv_sec -= 3600;
    times[0] = times[1];
    assert_int_equal(utimensat(AT_FDCWD, scene->path, times, 0), 0);
    age_is(scene, 3600, 3660);
    times[1].tv_sec += 7200;
    assert_int_equal(utimensat(AT_FDCWD, scene->path, times, 0), 0);
    age_is(scene, -3600, -3540);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, make, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_addresses_and_names),
        TEST(test_mapped_addresses),
        TEST(test_bad_items),
        TEST(test_the_same_site_again_adds),
        TEST(test_sites_do_not_overlap),
        TEST(test_a_file),
        TEST(test_a_file_that_says_nothing_of_itself),
        TEST(test_several_files),
        TEST(test_the_list_of_cloudflare),
        TEST(test_bad_lines),
        TEST(test_long_files),
        TEST(test_files_that_cannot_be_read),
        TEST(test_so_many_sites),
        TEST(test_active_site),
        TEST(test_no_active_site),
        TEST(test_age_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
