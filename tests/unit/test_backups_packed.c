/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packed files of every packer: whole, cut at each byte, damaged in each byte, in a row. What the
 * formats of backups do is done here by a small one: a text that begins with BACKUP and ends with
 * END. */
#include "plugins/backups/proof_unpack.h"

#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FOLDER DR_TESTS "/samples/backup/packed/"
#define FILE_MAX 8192
#define PLAIN_MAX 8192

/* ---- the formats ---- */

static char plain[PLAIN_MAX];
static size_t plain_size;
static size_t formats_stop; /* reads no further than this; 0: all */

bool bak_formats_read(struct bak_flow *flow, struct bak_content *content, struct dr_error *error)
{
    size_t got = 1;
    bool ok = true;
    plain_size = 0;
    while (ok && got > 0 && (formats_stop == 0 || plain_size < formats_stop)) {
        ok = flow->more(flow->context, plain + plain_size, sizeof plain - plain_size, &got, error);
        plain_size += ok ? got : 0;
    }
    bool ours = plain_size >= 6 && memcmp(plain, "BACKUP", 6) == 0;
    bool whole = plain_size >= 4 && memcmp(plain + plain_size - 4, "END\n", 4) == 0;
    content->verdict = !ours ? BAK_UNKNOWN_KIND : whole ? BAK_WHOLE : BAK_CUT;
    if (ours) {
        snprintf(content->kind, sizeof content->kind, "a test of \"%s\"", flow->name);
        content->data = dr_real(1.7e9);
    }
    if (content->verdict == BAK_CUT)
        snprintf(content->why, sizeof content->why, "no END");
    return ok;
}

/* ---- a store of one file ---- */

struct memory_store {
    struct bak_store store;
    unsigned char *bytes;
    int64_t size;
    int64_t there; /* bytes of it that can be read; less than `size`: it became shorter */
    int reads;
    bool broken;
    bool slow; /* each read takes 400 ms */
};
static struct memory_store file;
static unsigned char held[FILE_MAX];
static unsigned char original[FILE_MAX];

static bool read_memory(struct bak_store *store, const char *name, int64_t offset, void *into,
                        size_t size, size_t *got, struct dr_error *error)
{
    (void)store, (void)name;
    file.reads++;
    if (file.slow)
        poll(NULL, 0, 400);
    if (file.broken)
        return dr_error_set(error, DR_ERR_PRIVILEGE, "dump: Input/output error");
    assert_true(offset >= 0);
    int64_t rest = offset < file.there ? file.there - offset : 0;
    *got = rest < (int64_t)size ? (size_t)rest : size;
    memcpy(into, file.bytes + (rest > 0 ? offset : 0), *got);
    return true;
}

static const struct bak_store_type memory_type = {.words = "memory", .read = read_memory};

static void load(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s%s", FOLDER, name);
    FILE *from = fopen(path, "rb");
    if (from == NULL)
        fail_msg("%s is not there", path);
    bool remote = file.store.remote;
    file = (struct memory_store){.store = {.type = &memory_type, .pattern = "", .remote = remote},
                                 .bytes = held};
    file.size = (int64_t)fread(held, 1, sizeof held, from);
    file.there = file.size;
    memcpy(original, held, sizeof original);
    fclose(from);
}

static void cut(int64_t size)
{
    file.size = size;
    file.there = size;
}

/* ---- looking, within a task ---- */

static const char *looked_name = "dump";
static struct bak_content content;
static struct dr_error error;
static enum bak_proof wanted;
static double timeout = 30;

static bool look(struct dr_task *task)
{
    struct bak_view view = {.name = looked_name,
                            .path = "dump",
                            .store = &file.store,
                            .size = file.size,
                            .head = file.bytes,
                            .head_size = (size_t)file.size,
                            .tail = file.bytes,
                            .tail_size = (size_t)file.size};
    file.store.task = task;
    content = (struct bak_content){.verdict = BAK_UNKNOWN_KIND};
    error = (struct dr_error){.class = DR_ERR_NONE};
    if (!bak_packed_knows(view.head, view.head_size))
        return true;
    return bak_packed_look(&view, wanted, &content, &error);
}

static void (*job)(struct dr_task *task);

static bool probe(struct dr_task *task, void *facts, struct dr_error *failure)
{
    (void)facts, (void)failure;
    job(task);
    return true;
}

/* A failed assertion must leave in the thread of the test: jobs count, tests assert. */
static void in_task(void (*what)(struct dr_task *task))
{
    static const struct dr_scheme scheme = {"file", "file", "none", false};
    struct dr_target target = {.scheme = &scheme, .label = (char *)"x"};
    struct dr_targets targets = {.items = &target, .count = 1};
    dr_probe *probes[] = {probe};
    struct dr_outcome outcome;
    char facts[1];
    struct dr_error failure = {.class = DR_ERR_NONE};
    const struct dr_run_plan plan = {.targets = &targets,
                                     .probes = probes,
                                     .facts = facts,
                                     .facts_size = sizeof facts,
                                     .started = dr_monotonic(),
                                     .timeout = timeout};
    job = what;
    struct dr_run *run = dr_run_targets(&plan, &outcome, &failure);
    assert_non_null(run);
    assert_true(outcome.finished);
    dr_run_free(run);
}

static bool looked;
static void look_once(struct dr_task *task)
{
    looked = look(task);
}

static void look_at(const char *name, enum bak_proof proof)
{
    load(name);
    wanted = proof;
    in_task(look_once);
}

/* ---- samples ---- */

static const struct sample {
    const char *name;
    const char *packer;
    int64_t first;   /* bytes of the first of two members: a walk takes a cut there for its end */
    int64_t padding; /* bytes at its end that it can do without */
    bool sums;
} samples[] = {
    {"one.gz", "gzip", 0, 0, true},        {"named.gz", "gzip", 0, 0, true},
    {"pigz.gz", "gzip", 0, 0, true},       {"two.gz", "gzip", 0, 0, true},
    {"padded.gz", "gzip", 0, 12, true},    {"one.zst", "zstd", 0, 0, true},
    {"two.zst", "zstd", 600, 0, true},     {"stream.zst", "zstd", 0, 0, false},
    {"pzstd.zst", "zstd", 12, 0, true},    {"one.xz", "xz", 0, 0, true},
    {"two.xz", "xz", 800, 4, true},        {"blocks.xz", "xz", 0, 0, true},
    {"unchecked.xz", "xz", 0, 0, false},   {"one.bz2", "bzip2", 0, 0, true},
    {"two.bz2", "bzip2", 700, 0, true},    {"one.lz4", "lz4", 0, 0, true},
    {"two.lz4", "lz4", 600, 0, true},      {"blocks.lz4", "lz4", 0, 0, true},
    {"unchecked.lz4", "lz4", 0, 0, false},
};

static void whole_ones(void **state)
{
    (void)state;
    for (int remote = 0; remote < 2; remote++) {
        for (size_t i = 0; i < COUNT(samples); i++) {
            const struct sample *sample = &samples[i];
            char kind[64];
            file.store.remote = remote == 1;
            snprintf(kind, sizeof kind, "%s of a test of \"dump\"", sample->packer);
            for (enum bak_proof proof = BAK_WELLFORMED; proof <= BAK_CHECKSUMMED; proof++) {
                look_at(sample->name, proof);
                if (!looked || content.verdict != BAK_WHOLE)
                    fail_msg("%s: %s%s", sample->name, error.text, content.why);
                assert_string_equal(content.kind, kind);
                assert_string_equal(content.why, "");
                assert_int_equal(content.proof, BAK_CHECKSUMMED);
                assert_true(content.data.known);
                assert_int_equal(content.content.value, 1542);
                assert_false(content.out_of_time);
                assert_string_equal(content.note, sample->sums ? "" : "packed without a checksum");
            }
        }
    }
    file.store.remote = false;
}

/* At each byte: never whole, always with a reason. */
static int64_t wrong_at;
static int64_t padding;

static void cut_everywhere(struct dr_task *task)
{
    wrong_at = -1;
    for (int64_t size = 1; size < file.size - padding;) {
        int64_t all = file.size;
        cut(size);
        bool known = bak_packed_knows(file.bytes, (size_t)size);
        bool ok = look(task);
        if (!ok || (known && (content.verdict != BAK_CUT || content.why[0] == '\0')) ||
            (!known && content.verdict != BAK_UNKNOWN_KIND))
            wrong_at = size;
        cut(all);
        size++;
    }
}

static void never_whole_when_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        load(samples[i].name);
        padding = samples[i].padding;
        wanted = i % 2 == 0 ? BAK_WELLFORMED : BAK_CHECKSUMMED;
        in_task(cut_everywhere);
        if (wrong_at >= 0)
            fail_msg("%s is taken for whole, or for nothing, cut at %d", samples[i].name,
                     (int)wrong_at);
    }
}

/* The same without unpacking: the headers alone must tell. */
static int walked_whole;
static int64_t walked_at;

static void walk_everywhere(struct dr_task *task)
{
    enum bak_packer packer = bak_packer_of(file.bytes, (size_t)file.size);
    struct bak_ending ending;
    file.store.task = task;
    walked_whole = 0;
    for (int64_t size = 1; size < file.size - padding; size++) {
        bool ok = bak_packed_walk(&file.store, "dump", size, packer, INFINITY, &ending, &error);
        if (!ok || ending.end == BAK_END_SEEN) {
            walked_whole++;
            walked_at = size;
        } else if (ending.why[0] == '\0') {
            walked_whole = 1000;
        }
    }
}

static void the_walk_alone_sees_it(void **state)
{
    static const char *const zips[] = {"one.zip", "two.zip", "zip64.zip", "stream.zip"};
    (void)state;
    for (size_t i = 0; i < COUNT(samples) + COUNT(zips); i++) {
        bool zip = i >= COUNT(samples);
        const char *name = zip ? zips[i - COUNT(samples)] : samples[i].name;
        bool two = !zip && samples[i].first > 0;
        if (!zip && strcmp(samples[i].packer, "gzip") == 0)
            continue; /* only unpacking tells */
        load(name);
        padding = zip ? 0 : samples[i].padding;
        in_task(walk_everywhere);
        /* Between two streams nobody can tell; xz may have four or eight zeros there. */
        int most = !two ? 0 : strcmp(name, "two.xz") == 0 ? 3 : 1;
        if (walked_whole != most)
            fail_msg("%s: whole %d times when cut, the last time at %d", name, walked_whole,
                     (int)walked_at);
    }
}

static struct bak_ending ending;
static void walk_once(struct dr_task *task)
{
    file.store.task = task;
    looked =
        bak_packed_walk(&file.store, "dump", file.size,
                        bak_packer_of(file.bytes, (size_t)file.size), INFINITY, &ending, &error);
}

/* What the stream says of how much is in it, where it does. */
static void sizes_inside(void **state)
{
    static const struct {
        const char *name;
        int64_t content; /* -1: it does not say */
    } rows[] = {{"one.zst", 1542},   {"two.zst", 1542},   {"stream.zst", -1}, {"one.xz", 1542},
                {"two.xz", 1542},    {"blocks.xz", 1542}, {"one.lz4", -1},    {"blocks.lz4", 1542},
                {"one.zip", 1542},   {"two.zip", 2313},   {"one.bz2", -1},    {"zip64.zip", -1},
                {"stream.zip", 1542}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        load(rows[i].name);
        in_task(walk_once);
        bool says = ending.content.known;
        if (ending.end == BAK_END_MISSING || says != (rows[i].content >= 0) ||
            (says && ending.content.value != rows[i].content))
            fail_msg("%s: %s, %d", rows[i].name, ending.why, (int)ending.content.value);
    }
}

/* A bit that is wrong is found, or changes nothing of what is in it. */
static int unfound;
static int found;
static char good[PLAIN_MAX];

static void flip_everywhere(struct dr_task *task)
{
    unfound = 0;
    found = 0;
    for (int64_t i = 0; i < file.size; i++) {
        file.bytes[i] = (unsigned char)(file.bytes[i] ^ 1u << (i % 8));
        bool ok = look(task);
        bool same = plain_size == 1542 && memcmp(plain, good, 1542) == 0;
        if (!ok || (content.verdict == BAK_WHOLE && content.proof == BAK_CHECKSUMMED && !same))
            unfound++;
        if (content.verdict == BAK_CUT)
            found++;
        file.bytes[i] = original[i];
    }
}

static void damage_is_found(void **state)
{
    (void)state;
    look_at("one.gz", BAK_CHECKSUMMED);
    memcpy(good, plain, sizeof good);
    for (size_t i = 0; i < COUNT(samples); i++) {
        if (!samples[i].sums)
            continue;
        load(samples[i].name);
        wanted = BAK_CHECKSUMMED;
        in_task(flip_everywhere);
        if (unfound > 0 || found < (int)file.size / 2)
            fail_msg("%s: of %d damaged bytes %d were found, %d were not", samples[i].name,
                     (int)file.size, found, unfound);
    }
}

/* What is behind the end of a stream and is none of it. */
static void something_follows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        load(samples[i].name);
        memcpy(file.bytes + file.size, "junk", 4);
        cut(file.size + 4);
        wanted = BAK_WELLFORMED;
        in_task(look_once);
        if (!looked || content.verdict != BAK_CUT || content.why[0] == '\0')
            fail_msg("%s with something behind it: %s", samples[i].name, content.why);
    }
}

/* The dump was killed, its packer ended well. */
static void cut_inside(void **state)
{
    (void)state;
    load("two.gz");
    /* The first half alone is a gzip. */
    for (int64_t size = 100; size < file.size; size++) {
        if (memcmp(file.bytes + size, "\x1f\x8b\x08", 3) == 0) {
            cut(size);
            break;
        }
    }
    wanted = BAK_WELLFORMED;
    in_task(look_once);
    assert_true(looked);
    assert_int_equal(content.verdict, BAK_CUT);
    assert_string_equal(content.why, "no END");
    assert_string_equal(content.kind, "gzip of a test of \"dump\"");
}

static void nothing_inside(void **state)
{
    static const unsigned char empty[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3,
                                          3,    0,    0, 0, 0, 0, 0, 0, 0, 0};
    (void)state;
    load("one.gz");
    memcpy(file.bytes, empty, sizeof empty);
    cut(sizeof empty);
    wanted = BAK_WELLFORMED;
    in_task(look_once);
    assert_true(looked);
    assert_int_equal(content.verdict, BAK_NO_BACKUP);
    assert_string_equal(content.why, "nothing is packed in it");
}

/* Formats that know enough early do not end the proof. */
static void the_rest_is_read(void **state)
{
    (void)state;
    load("two.gz");
    file.bytes[file.size - 6] ^= 1; /* in the checksum of the second half */
    formats_stop = 10;
    wanted = BAK_WELLFORMED;
    in_task(look_once);
    formats_stop = 0;
    assert_true(looked);
    assert_int_equal(content.verdict, BAK_CUT);
    assert_non_null(strstr(content.why, "damaged"));
}

static void a_store_that_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        load(samples[i].name);
        file.broken = true;
        wanted = BAK_WELLFORMED;
        in_task(look_once);
        assert_false(looked);
        assert_int_equal(error.class, DR_ERR_PRIVILEGE);
        assert_string_equal(error.text, "dump: Input/output error");
    }
}

static void it_becomes_shorter(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        load(samples[i].name);
        file.there -= 5;
        wanted = BAK_WELLFORMED;
        in_task(look_once);
        assert_true(looked);
        assert_int_equal(content.verdict, BAK_CUT);
    }
}

/* Without time nothing is said to be whole by what was not read. */
static void look_late(struct dr_task *task)
{
    while (dr_task_left(task) > 0)
        poll(NULL, 0, (int)(dr_task_left(task) * 1000) + 1);
    looked = look(task);
}

static void no_time(void **state)
{
    (void)state;
    load("one.gz");
    wanted = BAK_WELLFORMED;
    timeout = 0.5;
    in_task(look_late);
    timeout = 30;
    assert_true(looked);
    assert_true(content.out_of_time);
    assert_int_equal(content.proof, BAK_SIZED);
    assert_non_null(strstr(content.note, "no time was left"));
}

/* ---- the end of a gzip, without what is before it ---- */

#define TAIL_PLAIN ((size_t)3 * 1024 * 1024)

/* Lines of a dump: numbers that repeat in part. */
static unsigned char *make_gzip(int level, size_t *size)
{
    unsigned char *text = malloc(TAIL_PLAIN), *packed = malloc(TAIL_PLAIN);
    z_stream stream = {.zalloc = NULL};
    uint32_t number = 12345;
    size_t used = 0;
    while (used + 64 < TAIL_PLAIN) {
        number = number * 1664525u + 1013904223u;
        used += (size_t)snprintf((char *)text + used, 64, "%u\torder %u\tshipped\n", number >> 8,
                                 number % 1000);
    }
    assert_int_equal(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    stream.next_in = text;
    stream.avail_in = (uInt)used;
    stream.next_out = packed;
    stream.avail_out = (uInt)TAIL_PLAIN;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    *size = stream.total_out;
    deflateEnd(&stream);
    free(text);
    return packed;
}

/* Where it was cut the tail does not lead to its end, wherever that was. */
static void the_end_of_a_gzip(void **state)
{
    (void)state;
    for (int level = 1; level <= 6; level += 5) {
        size_t size;
        unsigned char *packed = make_gzip(level, &size);
        assert_true(size > BAK_TAIL_SIZE + 4096);
        assert_true(bak_codec_gzip.ends(packed + size - BAK_TAIL_SIZE, BAK_TAIL_SIZE));
        /* a quarter of it is enough to be tried */
        for (size_t less = 1; less <= 4096; less = less < 12 ? less + 1 : less * 2)
            assert_false(
                bak_codec_gzip.ends(packed + size - less - BAK_TAIL_SIZE / 4, BAK_TAIL_SIZE / 4));
        /* something behind it */
        unsigned char *behind = malloc(BAK_TAIL_SIZE);
        memcpy(behind, packed + size - BAK_TAIL_SIZE + 1, BAK_TAIL_SIZE - 1);
        behind[BAK_TAIL_SIZE - 1] = 'x';
        assert_false(bak_codec_gzip.ends(behind, BAK_TAIL_SIZE));
        free(behind);
        free(packed);
    }
}

/* A gzip that cannot be unpacked in the time there is: its end is seen, or that it has none. */
static void too_large_for_the_time(void **state)
{
    (void)state;
    size_t size;
    unsigned char *packed = make_gzip(6, &size);
    for (size_t less = 0; less <= 1000; less += 500) {
        file = (struct memory_store){
            .store = {.type = &memory_type, .pattern = ""}, .bytes = packed, .slow = true};
        cut((int64_t)(size - less));
        wanted = BAK_WELLFORMED;
        formats_stop = 4096;
        timeout = 4;
        in_task(look_once);
        timeout = 30;
        formats_stop = 0;
        assert_true(looked);
        assert_int_equal(content.verdict, BAK_WHOLE);
        assert_int_equal(content.proof, less == 0 ? BAK_WELLFORMED : BAK_SIZED);
        assert_int_equal(content.out_of_time, less > 0);
    }
    file = (struct memory_store){.bytes = NULL};
    free(packed);
}

/* What is no gzip, whatever it begins with. */
static void the_end_of_something_else(void **state)
{
    (void)state;
    unsigned char *bytes = malloc(BAK_TAIL_SIZE);
    uint64_t number = 88172645463325252u;
    for (int turn = 0; turn < 3; turn++) {
        for (size_t i = 0; i < BAK_TAIL_SIZE; i++) {
            number ^= number << 13;
            number ^= number >> 7;
            number ^= number << 17;
            bytes[i] = (unsigned char)(turn == 2 ? 0 : number >> 24);
        }
        assert_false(bak_codec_gzip.ends(bytes, BAK_TAIL_SIZE));
    }
    for (size_t size = 0; size < 20; size++)
        assert_false(bak_codec_gzip.ends(bytes, size));
    free(bytes);
}

/* A window of 512 MiB (zstd --long=29): its end is there, what is in it cannot be seen here. */
static void more_memory_than_is_used_here(void **state)
{
    static const unsigned char large[] = {0x28, 0xb5, 0x2f, 0xfd, 0,   19 << 3, 8 << 3 | 1, 0,  0,
                                          'B',  'A',  'C',  'K',  'U', 'P',     '\n',       'x'};
    (void)state;
    load("one.zst");
    memcpy(file.bytes, large, sizeof large);
    cut(sizeof large);
    wanted = BAK_WELLFORMED;
    in_task(look_once);
    assert_true(looked);
    assert_int_equal(content.verdict, BAK_UNKNOWN_KIND);
    assert_int_equal(content.proof, BAK_SIZED);
    assert_string_equal(content.kind, "zstd");
    assert_non_null(strstr(content.note, "a window of more than 128 MiB"));
    assert_false(content.out_of_time);
}

static void only_its_size_is_wanted(void **state)
{
    (void)state;
    look_at("one.gz", BAK_SIZED);
    assert_int_equal(file.reads, 0);
    assert_int_equal(content.proof, BAK_SIZED);
    assert_string_equal(content.kind, "gzip");
}

static void names_inside(void **state)
{
    static const char *const rows[][2] = {
        {"pg/x.sql.gz", "pg/x.sql"}, {"x.dump", "x.dump"}, {".gz", ".gz"}, {"a.tar.zst", "a.tar"}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char kind[64];
        looked_name = rows[i][0];
        look_at("one.gz", BAK_WELLFORMED);
        snprintf(kind, sizeof kind, "gzip of a test of \"%s\"", rows[i][1]);
        assert_string_equal(content.kind, kind);
    }
    looked_name = "dump";
}

static void zips(void **state)
{
    static const char *const names[] = {"one.zip", "two.zip", "zip64.zip", "stream.zip"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        look_at(names[i], BAK_WELLFORMED);
        if (!looked || content.verdict != BAK_WHOLE)
            fail_msg("%s: %s", names[i], content.why);
        assert_int_equal(content.proof, BAK_WELLFORMED);
        assert_string_equal(content.kind, "zip");
    }
}

/* The index and the footer of xz have checksums of their own: the walk needs no more than them. */
static void damage_at_the_end_of_xz(void **state)
{
    (void)state;
    load("one.xz");
    for (int64_t i = file.size - 24; i < file.size; i++) {
        file.bytes[i] = (unsigned char)(original[i] ^ 1u);
        in_task(walk_once);
        if (!looked || ending.end != BAK_END_MISSING)
            fail_msg("byte %d is wrong, and it is not seen", (int)i);
        file.bytes[i] = original[i];
    }
    in_task(walk_once);
    assert_int_equal(ending.end, BAK_END_SEEN);
}

/* The record at its end speaks of fewer entries than the directory has, or of more. */
static void a_zip_that_cannot_count(void **state)
{
    (void)state;
    for (int entries = 1; entries <= 3; entries++) {
        load("two.zip");
        int64_t at = file.size - 22;
        while (at > 0 && memcmp(file.bytes + at, "PK\5\6", 4) != 0)
            at--;
        assert_int_equal(file.bytes[at + 10], 2);
        file.bytes[at + 10] = (unsigned char)entries;
        in_task(walk_once);
        assert_true(looked);
        assert_int_equal(ending.end, entries == 2 ? BAK_END_SEEN : BAK_END_MISSING);
    }
}

static int64_t make_large(bool checksum)
{
    enum { BLOCKS = 100, BLOCK = 100000 };
    unsigned char *at = malloc(6 + BLOCKS * (3 + BLOCK) + 4);
    uint32_t random = 7;
    assert_non_null(at);
    file = (struct memory_store){.store = {.type = &memory_type, .pattern = "", .remote = true},
                                 .bytes = at};
    memcpy(at, checksum ? "\x28\xb5\x2f\xfd\x04\x58" : "\x28\xb5\x2f\xfd\x00\x58", 6);
    at += 6;
    for (int i = 0; i < BLOCKS; i++) {
        uint32_t head = (uint32_t)BLOCK << 3 | (i == BLOCKS - 1 ? 1 : 0);
        *at++ = (unsigned char)head;
        *at++ = (unsigned char)(head >> 8);
        *at++ = (unsigned char)(head >> 16);
        for (int j = 0; j < BLOCK; j++) {
            random = random * 1103515245u + 12345;
            *at++ = (unsigned char)(random >> 16);
        }
    }
    for (int i = 0; checksum && i < 4; i++)
        *at++ = 0;
    cut(at - file.bytes);
    return file.size;
}

/* Far away the last blocks are enough, and a cut in them or in front of them is not. */
static void the_end_from_far_away(void **state)
{
    (void)state;
    for (int checksum = 0; checksum < 2; checksum++) {
        int64_t size = make_large(checksum == 1);
        in_task(walk_once);
        assert_true(looked);
        assert_int_equal(ending.end, BAK_END_SEEN);
        assert_int_equal(file.reads, 2);
        for (int64_t less = 1; less < size - 8500000; less = less < 8 ? less + 1 : less * 3) {
            cut(size - less);
            in_task(walk_once);
            assert_true(looked);
            if (ending.end != BAK_END_UNSEEN)
                fail_msg("%d bytes less, and its end is %d", (int)less, ending.end);
        }
        free(file.bytes);
    }
    file.store.remote = false;
}

static void no_packer(void **state)
{
    static const char *const texts[] = {"", "P", "BZh9 is a good name", "\x1f\x8b", "BACKUP of x"};
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_false(bak_packed_knows((const unsigned char *)texts[i], strlen(texts[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_ones),
        cmocka_unit_test(never_whole_when_cut),
        cmocka_unit_test(the_walk_alone_sees_it),
        cmocka_unit_test(sizes_inside),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(something_follows),
        cmocka_unit_test(cut_inside),
        cmocka_unit_test(nothing_inside),
        cmocka_unit_test(the_rest_is_read),
        cmocka_unit_test(a_store_that_fails),
        cmocka_unit_test(it_becomes_shorter),
        cmocka_unit_test(no_time),
        cmocka_unit_test(the_end_of_a_gzip),
        cmocka_unit_test(the_end_of_something_else),
        cmocka_unit_test(too_large_for_the_time),
        cmocka_unit_test(more_memory_than_is_used_here),
        cmocka_unit_test(only_its_size_is_wanted),
        cmocka_unit_test(names_inside),
        cmocka_unit_test(zips),
        cmocka_unit_test(damage_at_the_end_of_xz),
        cmocka_unit_test(a_zip_that_cannot_count),
        cmocka_unit_test(the_end_from_far_away),
        cmocka_unit_test(no_packer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
