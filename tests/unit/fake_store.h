/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store of a few files in memory, and a reader of scan.h run over it in the thread of a task. */
#ifndef TESTS_UNIT_FAKE_STORE_H
#define TESTS_UNIT_FAKE_STORE_H

#include "common/buffer.h"
#include "plugins/backups/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fake_file {
    char *name;
    char *text; /* its content; NULL: `size` bytes of nothing in particular */
    int64_t size;
    double modified;
};

/* What a test sets: files, what may not be read, the request and the URI's parameters. */
struct fake {
    struct fake_file *files;
    size_t count;
    const char *forbidden;  /* a name, or a prefix that ends with "/", that may not be read */
    const char *parameters; /* "?stanza=main"; NULL */
    bool remote;
    struct bak_request request;
    bak_reader *reader;
    int calls;  /* of the store, since the beginning */
    int listed; /* names that it handed over */
    /* what came of it */
    struct bak_facts facts;
    struct dr_error error;
    bool ok;
};

static struct fake fake;

static inline void fake_add(const char *name, const char *text, double modified)
{
    if ((fake.count & (fake.count - 1)) == 0) {
        fake.files =
            realloc(fake.files, (fake.count == 0 ? 1 : 2 * fake.count) * sizeof *fake.files);
        assert_non_null(fake.files);
    }
    fake.files[fake.count++] = (struct fake_file){
        .name = dr_text_format("%s", name),
        .text = text != NULL ? dr_text_format("%s", text) : NULL,
        .size = text != NULL ? (int64_t)strlen(text) : 1000,
        .modified = modified,
    };
}

static inline struct fake_file *fake_find(const char *name)
{
    for (size_t i = 0; i < fake.count; i++) {
        if (strcmp(fake.files[i].name, name) == 0)
            return &fake.files[i];
    }
    return NULL;
}

/* Takes a file away, or with a "/" at its end all below it; there must be some. */
static inline void fake_remove(const char *name)
{
    bool all = name[strlen(name) - 1] == '/';
    size_t left = 0;
    for (size_t i = 0; i < fake.count; i++) {
        struct fake_file *file = &fake.files[i];
        if (all ? strncmp(file->name, name, strlen(name)) == 0 : strcmp(file->name, name) == 0) {
            free(file->name);
            free(file->text);
        } else {
            fake.files[left++] = *file;
        }
    }
    assert_true(left < fake.count);
    fake.count = left;
}

static inline void fake_set(const char *name, const char *text)
{
    struct fake_file *file = fake_find(name);
    assert_non_null(file);
    free(file->text);
    file->text = dr_text_format("%s", text);
    file->size = (int64_t)strlen(text);
}

/* ---- the store ---- */

static inline bool fake_forbids(const char *name, struct dr_error *error)
{
    fake.calls++;
    if (fake.forbidden == NULL || strncmp(name, fake.forbidden, strlen(fake.forbidden)) != 0)
        return true;
    return dr_error_set(error, DR_ERR_PRIVILEGE, "%s: permission denied", name);
}

static int fake_compare(const void *a, const void *b)
{
    return strcmp(((const struct fake_file *)a)->name, ((const struct fake_file *)b)->name);
}

static bool fake_list(struct bak_store *store, const struct bak_listing *listing, bak_take *take,
                      void *context, struct dr_error *error)
{
    char last[600] = "";
    (void)store;
    if (!fake_forbids(listing->prefix, error))
        return false;
    for (size_t i = 0; i < fake.count; i++) {
        const struct fake_file *file = &fake.files[i];
        size_t length = strlen(listing->prefix);
        if (strncmp(file->name, listing->prefix, length) != 0 ||
            (listing->after != NULL && strcmp(file->name, listing->after) <= 0))
            continue;
        struct bak_entry entry = {.name = file->name, .detailed = true};
        const char *slash = strchr(file->name + length, '/');
        char directory[600];
        if (!listing->recursive && slash != NULL) {
            snprintf(directory, sizeof directory, "%.*s", (int)(slash - file->name), file->name);
            if (strcmp(directory, last) == 0)
                continue;
            snprintf(last, sizeof last, "%s", directory);
            entry.name = directory;
            entry.directory = true;
        } else {
            entry.size = dr_int(file->size);
            entry.modified = dr_real(file->modified);
        }
        fake.listed++;
        if (!take(context, &entry, error))
            return false;
    }
    return true;
}

static bool fake_look(struct bak_store *store, const char *name, struct bak_entry *entry,
                      bool *found, struct dr_error *error)
{
    const struct fake_file *file = fake_find(name);
    (void)store;
    *found = file != NULL;
    if (!fake_forbids(name, error))
        return false;
    if (file == NULL)
        return dr_error_set(error, DR_ERR_USAGE, "%s: not there", name);
    *entry = (struct bak_entry){.name = file->name,
                                .detailed = true,
                                .size = dr_int(file->size),
                                .modified = dr_real(file->modified)};
    return true;
}

static bool fake_read(struct bak_store *store, const char *name, int64_t offset, void *into,
                      size_t size, size_t *got, struct dr_error *error)
{
    const struct fake_file *file = fake_find(name);
    (void)store;
    *got = 0;
    if (!fake_forbids(name, error))
        return false;
    if (file == NULL)
        return dr_error_set(error, DR_ERR_USAGE, "%s: not there", name);
    if (offset < file->size)
        *got = (size_t)(file->size - offset) < size ? (size_t)(file->size - offset) : size;
    if (file->text != NULL)
        memcpy(into, file->text + offset, *got);
    else
        memset(into, 0, *got);
    return true;
}

static bool fake_load(struct bak_store *store, const char *const *names, size_t count, size_t most,
                      struct dr_buffer *texts, bool *found, struct dr_error *error)
{
    (void)store;
    for (size_t i = 0; i < count; i++) {
        const struct fake_file *file = fake_find(names[i]);
        texts[i] = DR_BUFFER(most);
        found[i] = file != NULL;
        if (!fake_forbids(names[i], error))
            return false;
        if (file != NULL && file->text != NULL)
            dr_buffer_add(&texts[i], file->text);
    }
    return true;
}

static void fake_close(struct bak_store *store)
{
    (void)store;
}

static const struct bak_store_type fake_type = {
    .words = "a store in memory",
    .list = fake_list,
    .look = fake_look,
    .read = fake_read,
    .load = fake_load,
    .close = fake_close,
};

/* ---- a run ---- */

static bool fake_probe(struct dr_task *task, void *facts, struct dr_error *error)
{
    struct bak_store store = {.type = &fake_type, .task = task, .remote = fake.remote};
    return fake.reader(task, &store, facts, error);
}

/* Reads all of it anew. */
static inline void fake_run(void)
{
    static const struct dr_scheme schemes[] = {{"fake", "fake", "none", false}};
    struct dr_secrets *secrets = dr_secrets_new();
    struct dr_targets targets = {.secrets = secrets};
    struct dr_outcome outcome;
    dr_probe *probes[] = {fake_probe};
    char *argument = dr_text_format("fake:///%s", fake.parameters != NULL ? fake.parameters : "");
    struct dr_error error = {.class = DR_ERR_NONE};
    bak_facts_free(&fake.facts);
    fake.calls = 0;
    fake.listed = 0;
    if (fake.count > 1)
        qsort(fake.files, fake.count, sizeof *fake.files, fake_compare);
    if (!dr_targets_add(&targets, schemes, 1, argument, &error))
        fail_msg("%s", error.text);
    struct dr_run_plan plan = {.targets = &targets,
                               .probes = probes,
                               .facts = &fake.facts,
                               .facts_size = sizeof fake.facts,
                               .request = &fake.request,
                               .started = dr_monotonic(),
                               .timeout = 60,
                               .secrets = secrets};
    struct dr_run *run = dr_run_targets(&plan, &outcome, &error);
    assert_non_null(run);
    assert_true(outcome.finished);
    fake.ok = outcome.ok;
    fake.error = outcome.error;
    dr_run_free(run);
    dr_targets_free(&targets);
    dr_secrets_free(secrets);
    free(argument);
}

static inline int fake_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < fake.count; i++) {
        free(fake.files[i].name);
        free(fake.files[i].text);
    }
    free(fake.files);
    bak_facts_free(&fake.facts);
    memset(&fake, 0, sizeof fake);
    return 0;
}

/* ---- what came of it ---- */

static inline struct bak_series *fake_series(const char *name)
{
    for (size_t i = 0; i < fake.facts.series_count; i++) {
        if (strcmp(fake.facts.series[i].name, name) == 0)
            return &fake.facts.series[i];
    }
    fail_msg("no series \"%s\" (%s)", name, fake.error.text);
    return NULL;
}

/* NULL where it is not there. */
static inline struct bak_point *fake_point(const struct bak_series *series, const char *name)
{
    for (size_t i = 0; i < series->point_count; i++) {
        if (strcmp(series->points[i].name, name) == 0)
            return &series->points[i];
    }
    return NULL;
}

static inline bool fake_signed(const struct bak_sign *signs, size_t count, enum bak_sign_kind kind,
                               const char *words)
{
    for (size_t i = 0; i < count; i++) {
        if (signs[i].kind == kind && strstr(signs[i].text, words) != NULL)
            return true;
    }
    return false;
}

/* The content of a file of tests/samples, at most `most` bytes. */
static inline char *fake_sample(const char *name, size_t most)
{
    char path[1024];
    snprintf(path, sizeof path, DR_TESTS "/samples/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct dr_buffer text = DR_BUFFER(most);
    char bytes[4096];
    size_t size;
    while ((size = fread(bytes, 1, sizeof bytes, file)) > 0)
        dr_buffer_add_bytes(&text, bytes, size);
    fclose(file);
    assert_false(text.cut);
    return dr_buffer_take(&text);
}

#endif
