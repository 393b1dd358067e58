/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What files are by their bytes: complete ones, and each of them cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "plugins/backups/digest.h"
#include "plugins/backups/proof_parts.h"
#include "plugins/backups/walk.h"

#define SAMPLES DR_TESTS "/samples/backup/dumps/"
#define ROOM (1024 * 1024)
#define FILES 16

/* ---- a store in memory ---- */

struct memory_file {
    const char *name;
    const unsigned char *bytes;
    size_t size;
    bool forbidden;
    size_t hole; /* so many zeros follow the first 512 bytes */
};

struct memory_store {
    struct bak_store store; /* first */
    struct memory_file files[FILES];
    size_t count;
    int reads;
};

static struct dr_task *task; /* of the thread that the tests run in */
static struct memory_store memory;
static unsigned char space[ROOM];
static size_t used;

static struct memory_file *find(const char *name)
{
    for (size_t i = 0; i < memory.count; i++) {
        if (strcmp(memory.files[i].name, name) == 0)
            return &memory.files[i];
    }
    return NULL;
}

static bool list(struct bak_store *store, const struct bak_listing *listing, bak_take *take,
                 void *context, struct dr_error *error)
{
    (void)store;
    for (size_t i = 0; i < memory.count; i++) {
        const struct memory_file *file = &memory.files[i];
        const struct bak_entry entry = {
            .name = file->name, .detailed = true, .size = dr_int((int64_t)file->size)};
        if (strncmp(file->name, listing->prefix, strlen(listing->prefix)) == 0 &&
            !take(context, &entry, error))
            return false;
    }
    return true;
}

static bool look(struct bak_store *store, const char *name, struct bak_entry *entry, bool *found,
                 struct dr_error *error)
{
    const struct memory_file *file = find(name);
    (void)store, (void)error;
    *found = file != NULL;
    *entry = (struct bak_entry){.name = name};
    if (file != NULL)
        entry->size = dr_int((int64_t)file->size);
    return file != NULL;
}

static bool read_file(struct bak_store *store, const char *name, int64_t offset, void *into,
                      size_t size, size_t *got, struct dr_error *error)
{
    const struct memory_file *file = find(name);
    (void)store;
    memory.reads++;
    if (file == NULL || file->forbidden)
        return dr_error_set(error, DR_ERR_PRIVILEGE, "%s may not be read", name);
    if (file->hole > 0) {
        size_t at = (size_t)offset;
        for (*got = 0; *got < size && at < file->size + file->hole; at++, (*got)++)
            ((unsigned char *)into)[*got] = at < 512                ? file->bytes[at]
                                            : at < 512 + file->hole ? 0
                                                                    : file->bytes[at - file->hole];
        return true;
    }
    size_t left = offset < (int64_t)file->size ? file->size - (size_t)offset : 0;
    *got = size < left ? size : left;
    memcpy(into, file->bytes + offset, *got);
    return true;
}

static const struct bak_store_type memory_type = {
    .words = "memory", .list = list, .look = look, .read = read_file};

static void empty_store(void)
{
    memory = (struct memory_store){.store = {.type = &memory_type, .task = task}};
    used = 0;
}

static struct memory_file *put(const char *name, const void *bytes, size_t size)
{
    struct memory_file *file = find(name);
    if (file == NULL) {
        assert_true(memory.count < FILES);
        file = &memory.files[memory.count++];
    }
    *file = (struct memory_file){.name = name, .bytes = bytes, .size = size};
    return file;
}

/* A sample's bytes, which stay until the store is emptied. */
static const unsigned char *sample(const char *name, size_t *size)
{
    char path[600];
    snprintf(path, sizeof path, "%s%s", SAMPLES, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s cannot be opened", path);
    const unsigned char *bytes = space + used;
    *size = fread(space + used, 1, ROOM - used, file);
    used += *size;
    fclose(file);
    return bytes;
}

static struct bak_content judge(const char *name, enum bak_proof wanted)
{
    const struct memory_file *file = find(name);
    const struct bak_entry entry = {
        .name = name,
        .directory = file == NULL,
        .size = dr_int(file != NULL ? (int64_t)(file->size + file->hole) : 0)};
    struct bak_content content;
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!bak_proof_look(&memory.store, &entry, wanted, &content, &error))
        fail_msg("%s: %s", name, error.text);
    return content;
}

static struct bak_content judge_bytes(const char *name, const void *bytes, size_t size,
                                      enum bak_proof wanted)
{
    put(name, bytes, size);
    return judge(name, wanted);
}

static void assert_whole(struct bak_content content, const char *kind, enum bak_proof proof)
{
    assert_string_equal(content.why, "");
    assert_string_equal(content.kind, kind);
    assert_int_equal(content.verdict, BAK_WHOLE);
    assert_int_equal(content.proof, proof);
    assert_false(content.out_of_time);
}

static void assert_verdict(struct bak_content content, enum bak_verdict verdict, const char *why)
{
    if (strstr(content.why, why) == NULL)
        fail_msg("no \"%s\" in \"%s\"", why, content.why);
    assert_int_equal(content.verdict, verdict);
    assert_true(content.proof <= BAK_SIZED);
}

/* Whole as it is, and at no length below `harmless`: from there on nothing is lost but padding. */
static void check_cuts(const char *name, const unsigned char *bytes, size_t size, size_t harmless)
{
    for (int wanted = BAK_WELLFORMED; wanted <= BAK_CHECKSUMMED; wanted++) {
        struct bak_content content = judge_bytes(name, bytes, size, (enum bak_proof)wanted);
        if (content.verdict != BAK_WHOLE || content.proof < (enum bak_proof)wanted)
            fail_msg("%s: %s", name, content.why);
        for (size_t cut = 0; cut < harmless; cut++) {
            content = judge_bytes(name, bytes, cut, (enum bak_proof)wanted);
            if (content.verdict == BAK_WHOLE || content.proof >= BAK_WELLFORMED)
                fail_msg("%s: whole at %zu of %zu bytes", name, cut, size);
        }
    }
}

static size_t find_in(const unsigned char *bytes, size_t size, const char *text)
{
    for (size_t i = size - strlen(text); i > 0; i--) {
        if (memcmp(bytes + i, text, strlen(text)) == 0)
            return i;
    }
    fail_msg("no \"%s\" in the sample", text);
    return 0;
}

/* ---- checksums ---- */

static void known_vectors_of_checksums(void **state)
{
    struct bak_sha256 sha;
    unsigned char digest[32];
    static const unsigned char abc[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea};
    static const unsigned char million[] = {0xcd, 0xc7, 0x6e, 0x5c, 0x99, 0x14, 0xfb, 0x92};
    static const unsigned char two[] = {0x24, 0x8d, 0x6a, 0x61, 0xd2, 0x06, 0x38, 0xb8};
    (void)state;
    assert_int_equal(bak_crc32(0, "123456789", 9), 0xcbf43926u);
    assert_int_equal(bak_crc32(bak_crc32(0, "1234", 4), "56789", 5), 0xcbf43926u);
    assert_true(bak_crc64_ecma(0, "123456789", 9) == 0x995dc9bbdf1939fau);
    assert_true(bak_crc64_ecma(bak_crc64_ecma(0, "12", 2), "3456789", 7) == 0x995dc9bbdf1939fau);
    assert_true(bak_crc64_jones(0, "123456789", 9) == 0xe9c6d914c4b8d9cau);
    bak_sha256_begin(&sha);
    bak_sha256_add(&sha, "abc", 3);
    bak_sha256_end(&sha, digest);
    assert_memory_equal(digest, abc, sizeof abc);
    bak_sha256_begin(&sha);
    bak_sha256_add(&sha, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56);
    bak_sha256_end(&sha, digest);
    assert_memory_equal(digest, two, sizeof two);
    bak_sha256_begin(&sha);
    memset(space, 'a', 1000);
    for (int i = 0; i < 1000; i++)
        bak_sha256_add(&sha, space, 1000);
    bak_sha256_end(&sha, digest);
    assert_memory_equal(digest, million, sizeof million);
}

/* ---- text ---- */

static void plain_dumps(void **state)
{
    size_t size;
    (void)state;
    empty_store();
    const unsigned char *bytes = sample("plain.sql", &size);
    size_t trailer = find_in(bytes, size, "database dump complete\n");
    assert_whole(judge_bytes("a.sql", bytes, size, BAK_WELLFORMED), "pg_dump plain",
                 BAK_WELLFORMED);
    assert_whole(judge_bytes("a.sql", bytes, size, BAK_CHECKSUMMED), "pg_dump plain",
                 BAK_CHECKSUMMED);
    check_cuts("a.sql", bytes, size, trailer + strlen("database dump complete\n"));
    assert_verdict(judge_bytes("a.sql", bytes, 9000, BAK_WELLFORMED), BAK_CUT,
                   "no \"PostgreSQL database dump complete\" at its end");
}

/* What the data say is no trailer, and one that has been followed by more is none. */
static void trailers_in_the_data(void **state)
{
    static char text[20000];
    (void)state;
    empty_store();
    int size = snprintf(text, sizeof text,
                        "--\n-- PostgreSQL database dump\n--\n\nCOPY a (b) FROM stdin;\n"
                        "-- PostgreSQL database dump complete\n");
    assert_verdict(judge_bytes("a.sql", text, (size_t)size, BAK_WELLFORMED), BAK_CUT,
                   "no \"PostgreSQL");
    size = snprintf(text, sizeof text,
                    "--\n-- PostgreSQL database dump\n--\n\n--\n"
                    "-- PostgreSQL database dump complete\n--\n%05000d",
                    1);
    assert_verdict(judge_bytes("a.sql", text, (size_t)size, BAK_WELLFORMED), BAK_CUT,
                   "no \"PostgreSQL");
}

static void holes_in_text(void **state)
{
    size_t size;
    (void)state;
    empty_store();
    unsigned char *bytes = (unsigned char *)sample("plain.sql", &size);
    size_t middle = 200 * 1024;
    unsigned char *large = space + used;
    memcpy(large, bytes, 5000);
    memset(large + 5000, 'x', middle);
    memcpy(large + 5000 + middle, bytes + 5000, size - 5000);
    assert_whole(judge_bytes("a.sql", large, size + middle, BAK_CHECKSUMMED), "pg_dump plain",
                 BAK_CHECKSUMMED);
    memset(large + 100000, 0, 4096);
    assert_whole(judge_bytes("a.sql", large, size + middle, BAK_WELLFORMED), "pg_dump plain",
                 BAK_WELLFORMED);
    assert_verdict(judge_bytes("a.sql", large, size + middle, BAK_CHECKSUMMED), BAK_CUT,
                   "from byte 100000 on");
}

static void cluster_dumps(void **state)
{
    size_t size, plain_size, globals_size;
    (void)state;
    empty_store();
    const unsigned char *bytes = sample("cluster-dumpall-trimmed.sql", &size);
    const unsigned char *globals = sample("globals.sql", &globals_size);
    const unsigned char *plain = sample("plain.sql", &plain_size);
    static const char complete[] = "database cluster dump complete\n";
    check_cuts("all.sql", bytes, size, find_in(bytes, size, complete) + strlen(complete));
    check_cuts("roles.sql", globals, globals_size,
               find_in(globals, globals_size, complete) + strlen(complete));
    assert_whole(judge_bytes("all.sql", bytes, size, BAK_WELLFORMED), "pg_dumpall", BAK_WELLFORMED);
    /* Roles and one database in one file: whose trailer counts is the last one's. */
    unsigned char *both = space + used;
    memcpy(both, globals, globals_size);
    memcpy(both + globals_size, plain, plain_size);
    assert_whole(judge_bytes("both.sql", both, globals_size + plain_size, BAK_WELLFORMED),
                 "pg_dumpall and pg_dump plain", BAK_WELLFORMED);
    assert_verdict(judge_bytes("both.sql", both, globals_size + 9000, BAK_WELLFORMED), BAK_CUT,
                   "database dump complete");
}

static void times_in_text(void **state)
{
    static const char utc[] = "--\n-- PostgreSQL database dump\n--\n\n"
                              "-- Started on 2026-11-20 02:00:03 UTC\n\n--\n"
                              "-- PostgreSQL database dump complete\n--\n\n";
    static const char local[] = "--\n-- PostgreSQL database dump\n--\n\n"
                                "-- Started on 2026-11-20 02:00:03 CET\n\n--\n"
                                "-- PostgreSQL database dump complete\n--\n\n";
    (void)state;
    empty_store();
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    struct bak_content content = judge_bytes("a.sql", utc, strlen(utc), BAK_WELLFORMED);
    assert_true(content.data.known && content.data_zoned);
    assert_int_equal((int64_t)content.data.value, 1795140003);
    content = judge_bytes("a.sql", local, strlen(local), BAK_WELLFORMED);
    assert_true(content.data.known && !content.data_zoned);
    assert_int_equal((int64_t)content.data.value, 1795140003 - 3600);
    setenv("TZ", "UTC", 1);
    tzset();
}

static void mysql_dumps(void **state)
{
    static const char dump[] = "-- MySQL dump 10.13  Distrib 8.0.36\n--\nCREATE TABLE a (b int);\n"
                               "-- Dump completed on 2026-11-20  2:00:05\n";
    static const char maria[] =
        "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib\n--\n"
        "INSERT INTO a VALUES ('\n-- not a trailer: Dump completed');\n-- Dump completed\n";
    (void)state;
    empty_store();
    check_cuts("a.sql", (const unsigned char *)dump, strlen(dump), strlen(dump));
    check_cuts("a.sql", (const unsigned char *)maria, strlen(maria), strlen(maria));
    struct bak_content content = judge_bytes("a.sql", dump, strlen(dump), BAK_WELLFORMED);
    assert_whole(content, "mysqldump", BAK_WELLFORMED);
    assert_true(content.data.known);
    assert_int_equal((int64_t)content.data.value, 1795140005);
    content = judge_bytes("a.sql", maria, strlen(maria), BAK_WELLFORMED);
    assert_whole(content, "mariadb-dump", BAK_WELLFORMED);
    assert_false(content.data.known);
}

static void messages_are_no_backups(void **state)
{
    static const struct {
        const char *name, *text, *why;
        enum bak_verdict verdict;
    } rows[] = {
        {"a.dump", "pg_dump: error: connection to server failed\n", "pg_dump: error",
         BAK_NO_BACKUP},
        {"a.gz", "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>",
         "AccessDenied", BAK_NO_BACKUP},
        {"a", "<!DOCTYPE html><html><body>502 Bad Gateway", "502 Bad Gateway", BAK_NO_BACKUP},
        {"a", "{\"message\":\"unauthorized\"}", "unauthorized", BAK_NO_BACKUP},
        {"a", "{ \"error\": {\"code\": 500}}", "500", BAK_NO_BACKUP},
        {"a.gz", "hello", "by its name it is gzip, by its content it is not", BAK_NO_BACKUP},
        {"a.json", "{\"message\":\"a dashboard\"}", "", BAK_UNKNOWN_KIND},
        {"a.xml", "<?xml version=\"1.0\"?>\n<configuration/>", "", BAK_UNKNOWN_KIND},
        {"index.html", "<html>my page</html>", "", BAK_UNKNOWN_KIND},
        {"a.csv", "name,value\n1,2\n", "", BAK_UNKNOWN_KIND},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int wanted = BAK_NONE; wanted <= BAK_CHECKSUMMED; wanted++) {
            empty_store();
            struct bak_content content = judge_bytes(rows[i].name, rows[i].text,
                                                     strlen(rows[i].text), (enum bak_proof)wanted);
            assert_verdict(content, rows[i].verdict, rows[i].why);
            assert_int_equal(content.error_text, rows[i].verdict == BAK_NO_BACKUP &&
                                                     strcmp(rows[i].text, "hello") != 0);
        }
    }
    empty_store();
    assert_verdict(judge_bytes("a.sql", "", 0, BAK_WELLFORMED), BAK_NO_BACKUP, "size 0");
    memset(space, 0, 5000);
    assert_verdict(judge_bytes("a.img", space, 5000, BAK_WELLFORMED), BAK_NO_BACKUP, "zeros");
}

/* ---- pg_dump's archives ---- */

static void custom_dumps(void **state)
{
    static const char *const names[] = {"custom.dump", "custom-pipe.dump", "custom-z0.dump"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t size;
        empty_store();
        const unsigned char *bytes = sample(names[i], &size);
        struct bak_content content = judge_bytes("a.dump", bytes, size, BAK_WELLFORMED);
        assert_whole(content, "pg_dump custom 1.14", BAK_WELLFORMED);
        assert_true(content.data.known && !content.data_zoned);
        /* 2026-11-20, of the header. */
        assert_true(content.data.value >= 1795132800 && content.data.value < 1795132800 + 86400);
        check_cuts("a.dump", bytes, size, size);
    }
}

/* A killed dump: nothing was rewound, and its last bytes are any. */
static void killed_custom_dumps(void **state)
{
    size_t size, pipe_size;
    (void)state;
    empty_store();
    const unsigned char *whole = sample("custom.dump", &size);
    unsigned char *piped = (unsigned char *)sample("custom-pipe.dump", &pipe_size);
    /* Ends by chance as data do. */
    memset(piped + 6000, 0, 5);
    assert_verdict(judge_bytes("a.dump", piped, 6005, BAK_WELLFORMED), BAK_CUT,
                   "of 2 entries are there: killed, or cut");
    /* Something behind it. */
    unsigned char *longer = space + used;
    memcpy(longer, whole, size);
    memset(longer + size, 0, 5);
    assert_verdict(judge_bytes("a.dump", longer, size + 5, BAK_WELLFORMED), BAK_CUT,
                   "something follows its data");
    /* Only some of the places were written. */
    memcpy(longer, whole, size);
    for (size_t i = 0, changed = 0; i < 2000 && changed < 1; i++) {
        /* State 2 and an offset within the file, little-endian, in 8 bytes. */
        if (longer[i] == 2 && longer[i + 3] == 0 &&
            memcmp(longer + i + 3, "\0\0\0\0\0\0", 6) == 0 &&
            longer[i + 1] + 256 * longer[i + 2] > 1700 && ++changed == 1)
            longer[i] = 1;
    }
    assert_verdict(judge_bytes("a.dump", longer, size, BAK_WELLFORMED), BAK_CUT,
                   "missing for 1 of 2 entries: killed");
}

/* Bytes that have changed within packed data are found by those who read all of it. */
static void damaged_custom_dumps(void **state)
{
    size_t size;
    (void)state;
    empty_store();
    unsigned char *bytes = (unsigned char *)sample("custom.dump", &size);
    bytes[5000] ^= 1;
    assert_whole(judge_bytes("a.dump", bytes, size, BAK_WELLFORMED), "pg_dump custom 1.14",
                 BAK_WELLFORMED);
    assert_verdict(judge_bytes("a.dump", bytes, size, BAK_CHECKSUMMED), BAK_CUT,
                   "the packed data of entry 1 of 2 are damaged");
}

/* The header's time is local: --zone, which the executable has set, decides. */
static void the_zone_of_custom_dumps(void **state)
{
    size_t size;
    (void)state;
    empty_store();
    const unsigned char *bytes = sample("custom.dump", &size);
    double utc = judge_bytes("a.dump", bytes, size, BAK_WELLFORMED).data.value;
    setenv("TZ", "America/New_York", 1);
    tzset();
    double local = judge_bytes("a.dump", bytes, size, BAK_WELLFORMED).data.value;
    setenv("TZ", "UTC", 1);
    tzset();
    assert_int_equal((int64_t)(local - utc), 5 * 3600);
}

static void versions_that_are_not_known(void **state)
{
    size_t size;
    (void)state;
    empty_store();
    unsigned char *bytes = (unsigned char *)sample("custom.dump", &size);
    bytes[6] = 17;
    struct bak_content content = judge_bytes("a.dump", bytes, size, BAK_WELLFORMED);
    assert_whole(content, "pg_dump custom 1.17", BAK_WELLFORMED);
    assert_non_null(strstr(content.note, "not known here"));
    content = judge_bytes("a.dump", bytes, size - 3, BAK_WELLFORMED);
    assert_int_equal(content.verdict, BAK_UNKNOWN_KIND);
    assert_int_equal(content.proof, BAK_SIZED);
}

static void tar_dumps(void **state)
{
    size_t size;
    (void)state;
    empty_store();
    const unsigned char *bytes = sample("tar.tar", &size);
    struct bak_content content = judge_bytes("a.tar", bytes, size, BAK_WELLFORMED);
    assert_whole(content, "pg_dump tar 1.14", BAK_WELLFORMED);
    assert_true(content.data.known);
    check_cuts("a.tar", bytes, size, size);
    /* Without its last member, and ended well all the same. */
    size_t script = find_in(bytes, size, "restore.sql");
    unsigned char *other = space + used;
    memcpy(other, bytes, script);
    memset(other + script, 0, 1024);
    assert_verdict(judge_bytes("a.tar", other, script + 1024, BAK_WELLFORMED), BAK_CUT,
                   "restore.sql");
}

static void put_directory(void)
{
    static const char *const names[] = {"toc.dat", "3343.dat.gz", "3344.dat.gz"};
    static const char *const paths[] = {"d/toc.dat", "d/3343.dat.gz", "d/3344.dat.gz"};
    empty_store();
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        size_t size;
        snprintf(name, sizeof name, "directory.dump/%s", names[i]);
        const unsigned char *bytes = sample(name, &size);
        put(paths[i], bytes, size);
    }
}

static void directory_dumps(void **state)
{
    (void)state;
    put_directory();
    struct bak_content content = judge("d", BAK_WELLFORMED);
    assert_string_equal(content.kind, "pg_dump directory 1.14");
    assert_true(content.data.known);
    assert_string_equal(content.why, "");
    assert_int_equal(content.verdict, BAK_WHOLE);
    /* Each way to lack something. */
    find("d/3343.dat.gz")->name = "d/other";
    assert_verdict(judge("d", BAK_WELLFORMED), BAK_CUT, "3343.dat is not there");
    put_directory();
    find("d/3344.dat.gz")->size = 0;
    assert_verdict(judge("d", BAK_WELLFORMED), BAK_CUT, "3344.dat.gz is empty");
    put_directory();
    struct memory_file *toc = find("d/toc.dat");
    size_t size = toc->size;
    for (toc->size = 0; toc->size < size; toc->size++)
        assert_int_equal(judge("d", BAK_WELLFORMED).verdict, BAK_CUT);
    put_directory();
    put("d/3343.dat.gz", "pg_dump: error", 14);
    assert_verdict(judge("d", BAK_WELLFORMED), BAK_CUT, "not packed as its name says");
    put_directory();
    find("d/3343.dat.gz")->forbidden = true;
    const struct bak_entry entry = {.name = "d", .directory = true};
    struct dr_error error = {.class = DR_ERR_NONE};
    assert_false(bak_proof_look(&memory.store, &entry, BAK_WELLFORMED, &content, &error));
    assert_int_equal(error.class, DR_ERR_PRIVILEGE);
}

/* Data that are not packed end as COPY does. */
static void directories_that_are_not_packed(void **state)
{
    static const char data[] = "1\tone\n2\ttwo\n\\.\n\n\n";
    (void)state;
    put_directory();
    find("d/3343.dat.gz")->name = "d/3343.dat";
    find("d/3344.dat.gz")->name = "d/3344.dat";
    put("d/3343.dat", data, strlen(data));
    put("d/3344.dat", "\\.\n\n\n", 5);
    assert_whole(judge("d", BAK_WELLFORMED), "pg_dump directory 1.14", BAK_WELLFORMED);
    for (size_t cut = 0; cut < strlen(data); cut++) {
        put("d/3343.dat", data, cut);
        assert_int_equal(judge("d", BAK_WELLFORMED).verdict, BAK_CUT);
    }
}

/* ---- MongoDB ---- */

/* Bytes that are put together here. */
static unsigned char built[16384];
static size_t built_size;

static void add(const void *bytes, size_t size)
{
    assert_true(built_size + size <= sizeof built);
    memcpy(built + built_size, bytes, size);
    built_size += size;
}

static void add_number(uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++, number >>= 8)
        add(&(unsigned char){(unsigned char)number}, 1);
}

static size_t open_document(void)
{
    add_number(0, 4);
    return built_size - 4;
}

static void close_document(size_t at)
{
    add_number(0, 1);
    for (size_t i = 0, size = built_size - at; i < 4; i++)
        built[at + i] = (unsigned char)(size >> (8 * i));
}

static void add_text(const char *name, const char *text)
{
    add("\x02", 1);
    add(name, strlen(name) + 1);
    add_number(strlen(text) + 1, 4);
    add(text, strlen(text) + 1);
}

static void add_header(const char *db, const char *collection, bool end, uint64_t crc)
{
    size_t at = open_document();
    add_text("db", db);
    add_text("collection", collection);
    add("\x08"
        "EOF",
        5);
    add_number(end, 1);
    add("\x12"
        "CRC",
        5);
    add_number(crc, 8);
    close_document(at);
}

static uint64_t add_row(uint64_t crc, const char *text)
{
    size_t at = open_document();
    add_text("t", text);
    close_document(at);
    return bak_crc64_ecma(crc, built + at, built_size - at);
}

static uint64_t add_oplog(uint64_t crc, uint32_t seconds)
{
    size_t at = open_document();
    add("\x11"
        "ts",
        4);
    add_number(7, 4);
    add_number(seconds, 4);
    add_text("op", "i");
    close_document(at);
    return bak_crc64_ecma(crc, built + at, built_size - at);
}

/* Two collections whose parts alternate, and an oplog. */
static void build_archive(uint64_t damage)
{
    uint64_t a = 0, b = 0, log = 0;
    built_size = 0;
    add("\x6d\xe2\x99\x81", 4);
    size_t at = open_document();
    add_text("version", "0.1");
    close_document(at);
    static const char *const names[] = {"a", "b"};
    for (size_t i = 0; i < 2; i++) {
        at = open_document();
        add_text("db", "shop");
        add_text("collection", names[i]);
        add_text("metadata", "{\"indexes\":[]}");
        close_document(at);
    }
    add_number(0xffffffffu, 4);
    add_header("shop", "a", false, 0);
    a = add_row(a, "one");
    add_number(0xffffffffu, 4);
    add_header("shop", "b", false, 0);
    b = add_row(b, "eins");
    add_number(0xffffffffu, 4);
    add_header("shop", "a", false, 0);
    a = add_row(a, "two");
    add_number(0xffffffffu, 4);
    add_header("shop", "a", true, a ^ damage);
    add_number(0xffffffffu, 4);
    add_header("", "oplog", false, 0);
    log = add_oplog(log, 1795140000);
    log = add_oplog(log, 1795140060);
    add_number(0xffffffffu, 4);
    add_header("", "oplog", true, log);
    add_number(0xffffffffu, 4);
    add_header("shop", "b", true, b);
    add_number(0xffffffffu, 4);
}

static void mongodump_archives(void **state)
{
    (void)state;
    empty_store();
    build_archive(0);
    struct bak_content content = judge_bytes("a", built, built_size, BAK_CHECKSUMMED);
    assert_whole(content, "mongodump archive", BAK_CHECKSUMMED);
    assert_true(content.data.known && content.data_zoned);
    assert_int_equal((int64_t)content.data.value, 1795140060);
    check_cuts("a", built, built_size, built_size);
    build_archive(1);
    assert_int_equal(judge_bytes("a", built, built_size, BAK_WELLFORMED).verdict, BAK_WHOLE);
    assert_verdict(judge_bytes("a", built, built_size, BAK_CHECKSUMMED), BAK_CUT,
                   "the checksum of collection shop.a is wrong");
}

/* A name whose zero byte was lost has no end to be read to. */
static void mongodump_names_without_end(void **state)
{
    (void)state;
    static const char last[] = "\x02"
                               "db\0\x05\0\0\0shop";
    empty_store();
    build_archive(0);
    size_t at = built_size - sizeof last;
    while (memcmp(built + at, last, sizeof last) != 0)
        at--;
    built[at + sizeof last - 1] = 0x80;
    assert_verdict(judge_bytes("a", built, built_size, BAK_CHECKSUMMED), BAK_CUT,
                   "within the part at byte");
    /* In the list it would be a collection that nobody waits for. */
    build_archive(0);
    at = find_in(built, find_in(built, built_size, "metadata"), "shop");
    built[at + strlen("shop")] = 0x80;
    assert_verdict(judge_bytes("a", built, built_size, BAK_WELLFORMED), BAK_CUT,
                   "within its list of collections, or that is damaged");
}

static void mongodump_directories(void **state)
{
    (void)state;
    empty_store();
    built_size = 0;
    add_row(0, "one");
    add_row(0, "two");
    size_t rows = built_size;
    add_oplog(0, 1795140000);
    add_oplog(0, 1795140060);
    put("d/shop/a.bson", built, rows);
    put("d/shop/a.metadata.json", "{}", 2);
    put("d/shop/empty.bson", "", 0);
    put("d/oplog.bson", built + rows, built_size - rows);
    struct bak_content content = judge("d", BAK_CHECKSUMMED);
    assert_whole(content, "mongodump directory", BAK_CHECKSUMMED);
    assert_int_equal((int64_t)content.data.value, 1795140060);
    assert_whole(judge("d", BAK_WELLFORMED), "mongodump directory", BAK_WELLFORMED);
    for (size_t cut = 1; cut < rows; cut++) {
        if (cut == rows / 2)
            continue; /* between two documents: nothing tells */
        put("d/shop/a.bson", built, cut);
        assert_int_equal(judge("d", BAK_WELLFORMED).verdict, BAK_CUT);
        assert_int_equal(judge("d", BAK_CHECKSUMMED).verdict, BAK_CUT);
    }
}

/* ---- databases that are one file ---- */

static void build_redis(bool sum)
{
    built_size = 0;
    add("REDIS0009", 9);
    add("\xfa\x09redis-ver\x05"
        "7.0.1",
        17);
    add("\xfa\x05"
        "ctime\xc2",
        8);
    add_number(1795140000, 4);
    add("\xfe\x00\xfb\x01\x00\x00\x03key\x05value\xff", 17);
    add_number(sum ? bak_crc64_jones(0, built, built_size) : 0, 8);
}

static void redis_snapshots(void **state)
{
    (void)state;
    empty_store();
    build_redis(true);
    struct bak_content content = judge_bytes("dump.rdb", built, built_size, BAK_WELLFORMED);
    assert_whole(content, "Redis RDB 9", BAK_WELLFORMED);
    assert_true(content.data.known && content.data_zoned);
    assert_int_equal((int64_t)content.data.value, 1795140000);
    check_cuts("dump.rdb", built, built_size, built_size);
    built[40] ^= 1;
    assert_verdict(judge_bytes("dump.rdb", built, built_size, BAK_WELLFORMED), BAK_CUT,
                   "its checksum is wrong");
    build_redis(false);
    content = judge_bytes("dump.rdb", built, built_size, BAK_CHECKSUMMED);
    assert_whole(content, "Redis RDB 9", BAK_CHECKSUMMED);
    assert_non_null(strstr(content.note, "rdbchecksum no"));
}

/* Two pages that describe four of 1 KiB, then their SHA-256. */
static size_t build_bolt(unsigned char *into)
{
    struct bak_sha256 sha;
    memset(into, 0, 4096);
    for (size_t page = 0; page < 2; page++) {
        unsigned char *meta = into + 1024 * page + 16;
        memcpy(meta, "\xed\xda\x0c\xed", 4);
        meta[9] = 4;                           /* page size 1024 */
        meta[40] = page == 0 ? 4 : 3;          /* pages */
        meta[48] = (unsigned char)(20 - page); /* transaction */
    }
    memset(into + 2048, 'e', 2048);
    bak_sha256_begin(&sha);
    bak_sha256_add(&sha, into, 4096);
    bak_sha256_end(&sha, into + 4096);
    return 4096 + 32;
}

static void etcd_snapshots(void **state)
{
    (void)state;
    empty_store();
    size_t size = build_bolt(space);
    assert_whole(judge_bytes("s.db", space, size, BAK_WELLFORMED), "etcd snapshot", BAK_WELLFORMED);
    check_cuts("s.db", space, size, 4096);
    struct bak_content content = judge_bytes("s.db", space, 4096, BAK_WELLFORMED);
    assert_whole(content, "bbolt database", BAK_WELLFORMED);
    assert_non_null(strstr(content.note, "no checksum at its end"));
    for (size_t cut = 4097; cut < size; cut++)
        assert_int_equal(judge_bytes("s.db", space, cut, BAK_WELLFORMED).verdict, BAK_CUT);
    space[3000] ^= 1;
    assert_verdict(judge_bytes("s.db", space, size, BAK_CHECKSUMMED), BAK_CUT,
                   "its SHA-256 is wrong");
}

static void sqlite_files(void **state)
{
    size_t size;
    (void)state;
    empty_store();
    unsigned char *bytes = (unsigned char *)sample("sqlite.db", &size);
    assert_whole(judge_bytes("a.db", bytes, size, BAK_WELLFORMED), "SQLite", BAK_WELLFORMED);
    assert_string_equal(judge("a.db", BAK_WELLFORMED).note, "");
    check_cuts("a.db", bytes, size, size);
    bytes[18] = bytes[19] = 2;
    put("a.db", bytes, size);
    assert_non_null(strstr(judge("a.db", BAK_WELLFORMED).note, "without its -wal file"));
    put("a.db-wal", "", 0);
    assert_string_equal(judge("a.db", BAK_WELLFORMED).note, "");
}

/* ---- archives ---- */

static void build_tar_member(const char *name, char type, size_t size, char fill)
{
    unsigned char *header = space + used;
    unsigned sum = 0;
    memset(header, 0, 512);
    snprintf((char *)header, 100, "%s", name);
    snprintf((char *)header + 124, 12, "%011o", (unsigned)size);
    memcpy(header + 257,
           "ustar\0"
           "00",
           8);
    header[156] = (unsigned char)type;
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += header[i];
    snprintf((char *)header + 148, 8, "%06o", sum);
    memset(header + 512, fill, (size + 511) / 512 * 512);
    used += 512 + (size + 511) / 512 * 512;
}

/* A member of zeros looks like the end of an archive that is cut within. */
static void tar_archives(void **state)
{
    (void)state;
    empty_store();
    build_tar_member("folder", '5', 0, 0);
    build_tar_member("a", '0', 3000, 0);
    build_tar_member("b", '0', 700, 'b');
    size_t end = used;
    memset(space + used, 0, 10240);
    assert_whole(judge_bytes("a.tar", space, end + 1024, BAK_WELLFORMED), "tar", BAK_WELLFORMED);
    check_cuts("a.tar", space, end + 4096, end + 1024);
    space[512 + 512 + 3072 + 10] ^= 1;
    assert_verdict(judge_bytes("a.tar", space, end + 1024, BAK_WELLFORMED), BAK_CUT, "damaged");
}

static void seven_zips(void **state)
{
    (void)state;
    empty_store();
    built_size = 0;
    add("7z\xbc\xaf\x27\x1c\x00\x04", 8);
    add_number(0, 4);
    add_number(100, 8);
    add_number(20, 8);
    add_number(0, 4);
    for (unsigned char i = 0; i < 120; i++)
        add(&i, 1);
    uint32_t next = bak_crc32(0, built + 132, 20);
    for (size_t i = 0; i < 4; i++)
        built[28 + i] = (unsigned char)(next >> (8 * i));
    uint32_t first = bak_crc32(0, built + 12, 20);
    for (size_t i = 0; i < 4; i++)
        built[8 + i] = (unsigned char)(first >> (8 * i));
    assert_whole(judge_bytes("a.7z", built, built_size, BAK_WELLFORMED), "7z", BAK_WELLFORMED);
    check_cuts("a.7z", built, built_size, built_size);
    built[140] ^= 1;
    assert_verdict(judge_bytes("a.7z", built, built_size, BAK_WELLFORMED), BAK_CUT, "damaged");
}

static void encrypted_files(void **state)
{
    static const char salted[] = "Salted__12345678abcdefghijklmnop";
    static const char age[] = "age-encryption.org/v1\n-> X25519 abc\nxyz\n--- mac\n"
                              "0123456789abcdef0123456789abcdef-";
    static const char armor[] = "-----BEGIN PGP MESSAGE-----\n\nabcd\n-----END PGP MESSAGE-----\n";
    static const char gpg[] = "\x8c\x0d\x04\x09\x03\x08xxxxxxxxxxxx";
    struct bak_content content;
    (void)state;
    empty_store();
    content = judge_bytes("a.enc", salted, 32, BAK_WELLFORMED);
    assert_verdict(content, BAK_ENCRYPTED, "");
    assert_string_equal(content.kind, "openssl enc");
    assert_verdict(judge_bytes("a.enc", salted, 31, BAK_WELLFORMED), BAK_CUT, "multiple of 16");
    assert_verdict(judge_bytes("a.age", age, strlen(age), BAK_CHECKSUMMED), BAK_ENCRYPTED, "");
    for (size_t cut = 22; cut < strlen(age) - 1; cut++)
        assert_int_equal(judge_bytes("a.age", age, cut, BAK_WELLFORMED).verdict, BAK_CUT);
    assert_verdict(judge_bytes("a.asc", armor, strlen(armor), BAK_WELLFORMED), BAK_ENCRYPTED, "");
    assert_verdict(judge_bytes("a.asc", armor, strlen(armor) - 3, BAK_WELLFORMED), BAK_CUT,
                   "END PGP MESSAGE");
    assert_verdict(judge_bytes("a.gpg", gpg, strlen(gpg), BAK_WELLFORMED), BAK_ENCRYPTED, "");
    assert_verdict(judge_bytes("a.gpg", "plain text", 10, BAK_WELLFORMED), BAK_NO_BACKUP,
                   "by its name it is gpg");
}

/* A good backup under a wrong name is a good backup, and worth a word. */
static void names_that_promise_something_else(void **state)
{
    size_t size;
    (void)state;
    empty_store();
    const unsigned char *bytes = sample("plain.sql", &size);
    struct bak_content content = judge_bytes("a.sql.gz", bytes, size, BAK_WELLFORMED);
    assert_whole(content, "pg_dump plain", BAK_WELLFORMED);
    assert_string_equal(content.note, "by its name it is gzip, by its content pg_dump plain");
}

/* What may not be read is an error, not a verdict. */
static void unreadable_files(void **state)
{
    struct bak_content content;
    struct dr_error error = {.class = DR_ERR_NONE};
    const struct bak_entry entry = {.name = "a", .size = dr_int(100)};
    (void)state;
    empty_store();
    put("a", space, 100)->forbidden = true;
    for (int wanted = BAK_NONE; wanted <= BAK_CHECKSUMMED; wanted++) {
        error.class = DR_ERR_NONE;
        assert_false(
            bak_proof_look(&memory.store, &entry, (enum bak_proof)wanted, &content, &error));
        assert_int_equal(error.class, DR_ERR_PRIVILEGE);
    }
}

/* A cheap look at a file reads its edges, and little else. */
static void cheap_looks_are_cheap(void **state)
{
    (void)state;
    empty_store();
    build_tar_member("a", '0', 900 * 1024, 'a');
    size_t end = used;
    memset(space + end, 0, 1024);
    assert_whole(judge_bytes("a.tar", space, end + 1024, BAK_WELLFORMED), "tar", BAK_WELLFORMED);
    assert_int_equal(memory.reads, 2);
}

/* What is too large for a cheap look is judged by its edges, and that is said. */
static void large_files(void **state)
{
    (void)state;
    empty_store();
    memset(space, 0, 1024);
    build_redis(true);
    memcpy(space, built, 60);
    space[1024 - 9] = 0xff;
    put("dump.rdb", space, 1024)->hole = 100 * 1024 * 1024;
    struct bak_content content = judge("dump.rdb", BAK_WELLFORMED);
    assert_whole(content, "Redis RDB 9", BAK_WELLFORMED);
    assert_string_equal(content.note, "only its beginning and its end were looked at");
    assert_int_equal(memory.reads, 2);
    space[1024 - 9] = 0xfe;
    assert_verdict(judge("dump.rdb", BAK_WELLFORMED), BAK_CUT, "no end mark");
}

/* ---- */

static int failures;

static bool run_all(struct dr_task *of, void *facts, struct dr_error *error)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_vectors_of_checksums),
        cmocka_unit_test(plain_dumps),
        cmocka_unit_test(trailers_in_the_data),
        cmocka_unit_test(holes_in_text),
        cmocka_unit_test(cluster_dumps),
        cmocka_unit_test(times_in_text),
        cmocka_unit_test(mysql_dumps),
        cmocka_unit_test(messages_are_no_backups),
        cmocka_unit_test(custom_dumps),
        cmocka_unit_test(killed_custom_dumps),
        cmocka_unit_test(damaged_custom_dumps),
        cmocka_unit_test(the_zone_of_custom_dumps),
        cmocka_unit_test(versions_that_are_not_known),
        cmocka_unit_test(tar_dumps),
        cmocka_unit_test(directory_dumps),
        cmocka_unit_test(directories_that_are_not_packed),
        cmocka_unit_test(mongodump_archives),
        cmocka_unit_test(mongodump_names_without_end),
        cmocka_unit_test(mongodump_directories),
        cmocka_unit_test(redis_snapshots),
        cmocka_unit_test(etcd_snapshots),
        cmocka_unit_test(sqlite_files),
        cmocka_unit_test(tar_archives),
        cmocka_unit_test(seven_zips),
        cmocka_unit_test(encrypted_files),
        cmocka_unit_test(names_that_promise_something_else),
        cmocka_unit_test(unreadable_files),
        cmocka_unit_test(cheap_looks_are_cheap),
        cmocka_unit_test(large_files),
    };
    (void)facts, (void)error;
    task = of;
    failures = cmocka_run_group_tests(tests, NULL, NULL);
    return true;
}

static const struct dr_scheme schemes[] = {{"test", "test", "none", true}};

/* In the thread of a task, whose time what is looked at keeps to. */
int main(void)
{
    struct dr_error error;
    struct dr_secrets *secrets = dr_secrets_new();
    struct dr_targets targets = {.secrets = secrets};
    struct dr_outcome outcome;
    dr_probe *probes[] = {run_all};
    char facts[8], argument[] = "t=test://h";
    setenv("TZ", "UTC", 1);
    tzset();
    if (!dr_targets_add(&targets, schemes, 1, argument, &error))
        return EXIT_FAILURE;
    struct dr_run_plan plan = {.targets = &targets,
                               .probes = probes,
                               .facts = facts,
                               .facts_size = sizeof facts,
                               .started = dr_monotonic(),
                               .timeout = 300,
                               .secrets = secrets};
    struct dr_run *running = dr_run_targets(&plan, &outcome, &error);
    if (running == NULL || !outcome.finished)
        _Exit(EXIT_FAILURE);
    dr_run_free(running);
    dr_targets_free(&targets);
    dr_secrets_free(secrets);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
