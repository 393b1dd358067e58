/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of a signed zone (tests/samples/dns/signed): what is secure, what is not, and in what
 * words. */
#include "plugins/dns/validate.h"

#include "tests/unit/dns_reply.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW 1795256430.0    /* 2026-11-21: the signatures are valid */
#define BEGIN 1767225600.0  /* 2026-01-01 */
#define EXPIRE 1798761600.0 /* 2027-01-01 */

static const char *const validities[] = {"not validated", "secure", "insecure", "invalid",
                                         "indeterminate"};

static size_t load(const char *path, uint8_t *bytes, size_t size)
{
    char full[1024];
    snprintf(full, sizeof full, DR_TESTS "/samples/dns/signed/%s", path);
    FILE *file = fopen(full, "rb");
    if (file == NULL)
        fail_msg("%s: not there", full);
    size_t count = fread(bytes, 1, size, file);
    fclose(file);
    assert_true(count > 12 && count < size);
    return count;
}

static void load_message(const char *path, struct dns_message *message)
{
    uint8_t bytes[8192];
    struct dr_error error = {.class = DR_ERR_NONE};
    size_t size = load(path, bytes, sizeof bytes);
    if (!dns_message_read(bytes, size, message, &error))
        fail_msg("%s: %s", path, error.text);
}

/* Where the DS, the keys and the reply come from; NULL: there is none. */
struct scene {
    const char *ds, *keys, *reply;
    double now;
};

static enum dns_validity validate_message(const struct dns_anchor *anchor, const char *keys,
                                          const struct dns_message *reply, double now, char **words)
{
    struct dns_name zone = built_read_name("dr.example");
    struct dns_message message = {.size = 0};
    if (keys != NULL)
        load_message(keys, &message);
    enum dns_validity validity =
        dns_validate(anchor, &zone, keys != NULL ? &message : NULL, reply, now, words);
    dns_message_free(&message);
    return validity;
}

static struct dns_anchor *load_anchor(const char *path)
{
    struct dns_name zone = built_read_name("dr.example");
    struct dr_error error = {.class = DR_ERR_NONE};
    struct dns_message ds = {.size = 0};
    if (path != NULL)
        load_message(path, &ds);
    struct dns_anchor *anchor = dns_anchor_read(path != NULL ? &ds : NULL, NULL, &zone, &error);
    if (anchor == NULL)
        fail_msg("%s: %s", path, error.text);
    dns_message_free(&ds);
    return anchor;
}

static enum dns_validity validate(const struct scene *scene, char **words)
{
    struct dns_message reply;
    struct dns_anchor *anchor = load_anchor(scene->ds);
    load_message(scene->reply, &reply);
    enum dns_validity validity = validate_message(anchor, scene->keys, &reply, scene->now, words);
    dns_message_free(&reply);
    dns_anchor_free(anchor);
    return validity;
}

/* The words have tags of keys in them, which are new whenever the samples are: a "#" in what is
 * expected stands for a number. */
static bool is_like(const char *text, const char *expected)
{
    for (; *expected != '\0'; expected++) {
        if (*expected == '#') {
            if (*text < '0' || *text > '9')
                return false;
            while (*text >= '0' && *text <= '9')
                text++;
        } else if (*text++ != *expected) {
            return false;
        }
    }
    return *text == '\0';
}

static void check(const char *title, enum dns_validity validity, char *words,
                  enum dns_validity expected, const char *expected_words)
{
    if (validity != expected || (words == NULL) != (expected_words == NULL) ||
        (words != NULL && !is_like(words, expected_words)))
        fail_msg("%s: %s, %s", title, validities[validity], words);
    free(words);
}

/* All replies of a healthy zone, by both kinds of denial. */
static void test_secure(void **state)
{
    static const char *const zones[] = {"nsec", "nsec3"};
    static const char *const replies[] = {
        "dnskey",      "soa",   "app",  "app-nodata", "www",       "www-nodata",
        "nowhere",     "away",  "gone", "wild",       "wild-deep", "wild-nodata",
        "wild-itself", "alias", "ent",  "gone-deep",  "dname"};
    (void)state;
    for (size_t zone = 0; zone < COUNT(zones); zone++) {
        for (size_t i = 0; i < COUNT(replies); i++) {
            char ds[64], keys[64], reply[64], *words;
            snprintf(ds, sizeof ds, "%s/ds", zones[zone]);
            snprintf(keys, sizeof keys, "%s/dnskey", zones[zone]);
            snprintf(reply, sizeof reply, "%s/%s", zones[zone], replies[i]);
            struct scene scene = {ds, keys, reply, NOW};
            enum dns_validity validity = validate(&scene, &words);
            check(reply, validity, words, DNS_SECURE, NULL);
        }
    }
}

static void test_rows(void **state)
{
    static const struct {
        const char *title;
        struct scene scene;
        enum dns_validity validity;
        const char *words;
    } rows[] = {
        {"at the first second", {"nsec/ds", "nsec/dnskey", "nsec/app", BEGIN}, DNS_SECURE, NULL},
        {"at the last second", {"nsec/ds", "nsec/dnskey", "nsec/app", EXPIRE}, DNS_SECURE, NULL},
        {"expired",
         {"nsec/ds", "nsec/dnskey", "nsec/app", EXPIRE + 3 * 3600},
         DNS_INVALID,
         "the signature of dr.example DNSKEY by key # expired 3h ago"},
        {"not yet valid",
         {"nsec/ds", "nsec/dnskey", "nsec/app", BEGIN - 120},
         DNS_INVALID,
         "the signature of dr.example DNSKEY by key # is not yet valid: it begins in 2m"},
        {"DS of another key",
         {"nsec3/ds", "nsec/dnskey", "nsec/app", NOW},
         DNS_INVALID,
         "no DNSKEY matches DS #"},
        {"two DS of other keys",
         {"optout/ds", "nsec/dnskey", "nsec/app", NOW},
         DNS_INVALID,
         "no DNSKEY matches DS #, DS #"},
        {"signed by other keys",
         {"nsec/ds", "nsec/dnskey", "sha1/app", NOW},
         DNS_INVALID,
         "the signature of app.dr.example A by key # has no key among the zone's DNSKEY records"},
        {"not signed",
         {"nsec/ds", "nsec/dnskey", "nsec/app-bare", NOW},
         DNS_INVALID,
         "app.dr.example A is not signed"},
        {"not signed, of a server without keys",
         {"nsec/ds", "plain/dnskey", "plain/app", NOW},
         DNS_INVALID,
         "the zone has no DNSKEY record, and should match DS #"},
        {"keys not had",
         {"nsec/ds", NULL, "nsec/app", NOW},
         DNS_INDETERMINATE,
         "the zone's DNSKEY records were not had"},
        {"no DS",
         {NULL, "plain/dnskey", "plain/app", NOW},
         DNS_INSECURE,
         "the parent zone has no DS record of dr.example"},
        {"no DS, says the parent",
         {"plain/ds", "plain/dnskey", "plain/app", NOW},
         DNS_INSECURE,
         "the parent zone has no DS record of dr.example"},
        {"no denial",
         {"nsec/ds", "nsec/dnskey", "nsec/sub", NOW},
         DNS_INVALID,
         "no NSEC or NSEC3 record proves that x.sub.dr.example has no A record"},
        {"SHA-1 alone",
         {"sha1/ds", "sha1/dnskey", "sha1/app", NOW},
         DNS_INDETERMINATE,
         "DS #: an algorithm or digest that is not supported here"},
        {"SHA-1 beside SHA-256, and Ed25519",
         {"optout/ds", "optout/dnskey", "optout/app", NOW},
         DNS_SECURE,
         NULL},
        {"opt-out, a name that is there",
         {"optout/ds", "optout/dnskey", "optout/app-nodata", NOW},
         DNS_SECURE,
         NULL},
        {"opt-out, a name that may be there",
         {"optout/ds", "optout/dnskey", "optout/gone", NOW},
         DNS_SECURE,
         "opt-out"},
        {"an answer without a denial is not dear",
         {"dear/ds", "dear/dnskey", "dear/app", NOW},
         DNS_SECURE,
         NULL},
        {"opt-out beside a wildcard",
         {"optout/ds", "optout/dnskey", "optout/wild", NOW},
         DNS_SECURE,
         "opt-out"},
        {"opt-out beside a wildcard, further down",
         {"optout/ds", "optout/dnskey", "optout/wild-deep", NOW},
         DNS_SECURE,
         "opt-out"},
        {"opt-out beside a wildcard without the type",
         {"optout/ds", "optout/dnskey", "optout/wild-nodata", NOW},
         DNS_SECURE,
         "opt-out"},
        {"too many iterations",
         {"dear/ds", "dear/dnskey", "dear/gone", NOW},
         DNS_INDETERMINATE,
         "gone.dr.example is denied by NSEC# with more than # iterations, or an unknown hash"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *words;
        enum dns_validity validity = validate(&rows[i].scene, &words);
        check(rows[i].title, validity, words, rows[i].validity, rows[i].words);
    }
}

/* Each byte of what is signed is changed in turn: nothing of that is secure, but for bytes that are
 * not signed (TTLs count by the signature's; the case of names is not kept). */
static void test_changed(void **state)
{
    uint8_t bytes[8192];
    size_t size = load("nsec/app", bytes, sizeof bytes), read = 0, invalid = 0;
    struct dns_anchor *anchor = load_anchor("nsec/ds");
    (void)state;
    for (size_t at = 2; at < size; at++) {
        struct dns_message reply;
        struct dr_error error = {.class = DR_ERR_NONE};
        char *words;
        bytes[at] ^= 1;
        if (dns_message_read(bytes, size, &reply, &error)) {
            enum dns_validity validity =
                validate_message(anchor, "nsec/dnskey", &reply, NOW, &words);
            for (size_t i = 0; validity == DNS_SECURE && i < reply.record_count; i++) {
                const struct dns_record *record = &reply.records[i];
                if (record->type == DNS_A && record->is.address[3] != 10 &&
                    record->is.address[3] != 11)
                    fail_msg("byte %zu: another address is secure", at);
            }
            read++;
            invalid += validity == DNS_INVALID;
            assert_true((words == NULL) == (validity == DNS_SECURE));
            free(words);
            dns_message_free(&reply);
        }
        bytes[at] ^= 1;
    }
    /* Two addresses and their signature, of 64 bytes, are most of it. */
    assert_true(read > 100 && invalid > 70);
    dns_anchor_free(anchor);
}

/* Without any one of its records a denial proves nothing, but a reply with a record less is never
 * secure by accident either. */
static void test_denial_without(void **state)
{
    static const char *const replies[] = {"app-nodata", "gone",        "gone-deep", "wild",
                                          "alias",      "wild-nodata", "ent",       "nowhere"};
    static const char *const zones[] = {"nsec", "nsec3", "optout"};
    (void)state;
    for (size_t i = 0; i < COUNT(replies) * COUNT(zones); i++) {
        char path[64], keys[64], ds[64], *words;
        struct dns_message reply;
        snprintf(path, sizeof path, "%s/%s", zones[i % COUNT(zones)], replies[i / COUNT(zones)]);
        snprintf(keys, sizeof keys, "%s/dnskey", zones[i % COUNT(zones)]);
        snprintf(ds, sizeof ds, "%s/ds", zones[i % COUNT(zones)]);
        struct dns_anchor *anchor = load_anchor(ds);
        load_message(path, &reply);
        size_t kept = 0;
        for (size_t k = 0; k < reply.record_count; k++) {
            unsigned type = reply.records[k].type;
            bool denial = type == 47 || type == 50;
            if (!denial)
                reply.records[kept++] = reply.records[k];
        }
        assert_true(kept < reply.record_count);
        reply.record_count = kept;
        enum dns_validity validity = validate_message(anchor, keys, &reply, NOW, &words);
        if (validity != DNS_INVALID || strncmp(words, "no NSEC or NSEC3 record proves", 30) != 0)
            fail_msg("%s: %s, %s", path, validities[validity], words);
        free(words);
        dns_message_free(&reply);
        dns_anchor_free(anchor);
    }
}

/* A denial of one name is none of another: NSEC and NSEC3 of other replies. */
static void test_denial_of_another(void **state)
{
    static const struct {
        const char *reply, *name;
        unsigned type;
    } others[] = {
        {"gone", "app.dr.example", DNS_A},       /* it exists */
        {"gone", "x.wild.dr.example", DNS_A},    /* there is a wildcard */
        {"app-nodata", "app.dr.example", DNS_A}, /* it has that type */
        {"app-nodata", "www.dr.example", DNS_A}, /* another name */
        {"ent", "a.ent.dr.example", DNS_A},      /* the name below */
        {"wild-nodata", "x.wild.dr.example", DNS_A},
    };
    static const char *const zones[] = {"nsec", "nsec3"};
    (void)state;
    for (size_t i = 0; i < COUNT(others) * COUNT(zones); i++) {
        char path[64], keys[64], ds[64], *words;
        struct dns_message reply;
        snprintf(path, sizeof path, "%s/%s", zones[i % 2], others[i / 2].reply);
        snprintf(keys, sizeof keys, "%s/dnskey", zones[i % 2]);
        snprintf(ds, sizeof ds, "%s/ds", zones[i % 2]);
        struct dns_anchor *anchor = load_anchor(ds);
        load_message(path, &reply);
        reply.question = built_read_name(others[i / 2].name);
        reply.question_type = others[i / 2].type;
        enum dns_validity validity = validate_message(anchor, keys, &reply, NOW, &words);
        if (validity != DNS_INVALID)
            fail_msg("%s for %s: %s", path, others[i / 2].name, validities[validity]);
        free(words);
        dns_message_free(&reply);
        dns_anchor_free(anchor);
    }
}

static void test_anchor_file(void **state)
{
    static const struct {
        const char *text; /* NULL: the sample */
        const char *error;
    } files[] = {
        {NULL, NULL},
        {"dr.example. IN DS 4711 13 2 "
         "0000000000000000000000000000000000000000000000000000000000000000\n",
         NULL},
        {"", "no DS or DNSKEY record of dr.example"},
        {"; nothing\n\nother.example. IN DS 4711 13 2 00\n", "no DS or DNSKEY record of"},
        {"dr.example. IN A 192.0.2.1\n", "no DS or DNSKEY record of dr.example"},
        {"; comment\ndr.example. IN DS what\n", "line 2: not a DS or DNSKEY record"},
    };
    struct dns_name zone = built_read_name("dr.example");
    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[] = "/tmp/dr-anchor-XXXXXX";
        struct dr_error error = {.class = DR_ERR_NONE};
        if (files[i].text != NULL) {
            int fd = mkstemp(path);
            FILE *file = fdopen(fd, "w");
            assert_non_null(file);
            fputs(files[i].text, file);
            fclose(file);
        }
        struct dns_anchor *anchor = dns_anchor_read(
            NULL, files[i].text != NULL ? path : DR_TESTS "/samples/dns/signed/nsec/anchor.key",
            &zone, &error);
        if (files[i].text != NULL)
            remove(path);
        if (files[i].error == NULL && anchor == NULL)
            fail_msg("%s: %s", files[i].text, error.text);
        if (files[i].error != NULL &&
            (anchor != NULL || strstr(error.text, files[i].error) == NULL ||
             error.class != DR_ERR_USAGE))
            fail_msg("%s: %s", files[i].text, error.text);
        if (files[i].text == NULL) {
            struct dns_message reply;
            char *words;
            load_message("nsec/app", &reply);
            enum dns_validity validity =
                validate_message(anchor, "nsec/dnskey", &reply, NOW, &words);
            check("by a key", validity, words, DNS_SECURE, NULL);
            validity = validate_message(anchor, "sha1/dnskey", &reply, NOW, &words);
            check("by another key", validity, words, DNS_INVALID,
                  "no DNSKEY matches the trusted key #");
            dns_message_free(&reply);
        }
        dns_anchor_free(anchor);
    }
    struct dr_error error = {.class = DR_ERR_NONE};
    assert_null(dns_anchor_read(NULL, "/nonexistent/anchor", &zone, &error));
    assert_int_equal(error.class, DR_ERR_USAGE);
    assert_string_equal(error.text, "/nonexistent/anchor: No such file or directory");
}

/* A question for the DS that failed does not say that there is none. */
static void test_anchor_reply(void **state)
{
    struct dns_name zone = built_read_name("dr.example");
    struct dns_message message;
    struct dr_error error = {.class = DR_ERR_NONE};
    (void)state;
    dns_build_message("dr.example", DNS_DS, "servfail", &message);
    assert_null(dns_anchor_read(&message, NULL, &zone, &error));
    assert_int_equal(error.class, DR_ERR_PROTOCOL);
    assert_string_equal(error.text, "the question for the zone's DS: SERVFAIL");
    dns_message_free(&message);
}

/* A record that comes twice is one record. */
static void test_twice(void **state)
{
    struct dns_anchor *anchor = load_anchor("nsec/ds");
    struct dns_record records[8];
    struct dns_message reply;
    char *words;
    (void)state;
    load_message("nsec/app", &reply);
    struct dns_record *own = reply.records;
    assert_true(reply.record_count > 1 && reply.record_count < COUNT(records));
    memcpy(records, own, reply.record_count * sizeof *own);
    records[reply.record_count] = own[0];
    reply.records = records;
    reply.record_count++;
    enum dns_validity validity = validate_message(anchor, "nsec/dnskey", &reply, NOW, &words);
    check("twice", validity, words, DNS_SECURE, NULL);
    reply.records = own;
    dns_message_free(&reply);
    dns_anchor_free(anchor);
}

/* A zone below has keys of its own, which were not asked for; an algorithm may be a new one. */
static void test_not_computed(void **state)
{
    struct dns_anchor *anchor = load_anchor("nsec/ds");
    struct dns_message reply;
    char *words;
    (void)state;
    dns_build_message("a.sub.dr.example", DNS_A,
                      "aa; an a.sub.dr.example 60 A 192.0.2.1; an a.sub.dr.example 60 RRSIG A 4 "
                      "1798761600 1767225600 sub.dr.example",
                      &reply);
    enum dns_validity validity = validate_message(anchor, "nsec/dnskey", &reply, NOW, &words);
    check("a zone below", validity, words, DNS_INDETERMINATE,
          "the signature of a.sub.dr.example A by key # is of the zone sub.dr.example");
    dns_message_free(&reply);
    load_message("nsec/app", &reply);
    for (size_t i = 0; i < reply.record_count; i++) {
        if (reply.records[i].type == DNS_RRSIG)
            reply.records[i].is.rrsig.algorithm = 7;
    }
    validity = validate_message(anchor, "nsec/dnskey", &reply, NOW, &words);
    check("algorithm", validity, words, DNS_INDETERMINATE,
          "the signature of app.dr.example A by key # uses algorithm #, which is not supported "
          "here");
    dns_message_free(&reply);
    dns_anchor_free(anchor);
}

/* The zone's own DS, which a server of both zones says, is signed by the other. */
static void test_own_ds(void **state)
{
    struct dns_anchor *anchor = load_anchor("nsec/ds");
    struct dns_message reply;
    char *words;
    (void)state;
    load_message("nsec/ds", &reply);
    enum dns_validity validity = validate_message(anchor, "nsec/dnskey", &reply, NOW, &words);
    check("DS", validity, words, DNS_SECURE, NULL);
    dns_message_free(&reply);
    dns_anchor_free(anchor);
}

/* Replies that are no answers, and one of another zone. */
static void test_no_answer(void **state)
{
    struct dns_anchor *anchor = load_anchor("nsec/ds");
    (void)state;
    static const struct {
        const char *name, *reply;
        const char *words;
    } replies[] = {
        {"app.dr.example", "servfail", "not an answer from the zone dr.example"},
        {"app.dr.example", "aa tc", "not an answer from the zone dr.example"},
        {"app.other.example", "aa", "not an answer from the zone dr.example"},
    };
    for (size_t i = 0; i < COUNT(replies); i++) {
        struct dns_message reply;
        char *words;
        dns_build_message(replies[i].name, DNS_A, replies[i].reply, &reply);
        enum dns_validity validity = validate_message(anchor, "nsec/dnskey", &reply, NOW, &words);
        check(replies[i].reply, validity, words, DNS_INDETERMINATE, replies[i].words);
        dns_message_free(&reply);
    }
    dns_anchor_free(anchor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secure),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_denial_without),
        cmocka_unit_test(test_denial_of_another),
        cmocka_unit_test(test_anchor_file),
        cmocka_unit_test(test_anchor_reply),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_not_computed),
        cmocka_unit_test(test_own_ds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
