/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The row about the server, after a form feed the rows about the links, after another one the host
 * that was asked. Lines of cells with a tab between them, the names of the columns first; \N is
 * NULL. */
#include "tests/fuzz/node.h"

#include "plugins/replication/mssql_read.h"

#define CELLS_MAX 2000

/* Cells of their own, so that a byte read too far is found. */
static struct dr_tds_result read_table(char *text)
{
    struct dr_tds_result result = {.columns = 1};
    size_t size = strcspn(text, "\n");
    for (size_t i = 0; i < size; i++)
        result.columns += text[i] == '\t';
    size_t count = 0, room = CELLS_MAX - CELLS_MAX % result.columns;
    char **all = calloc(CELLS_MAX, sizeof *all);
    MUST(all != NULL);
    for (const char *cell = text; *cell != '\0' && count < room; count++) {
        size_t length = strcspn(cell, "\t\n");
        bool null = length == 2 && strncmp(cell, "\\N", 2) == 0 && count >= result.columns;
        all[count] = null ? NULL : strndup(cell, length);
        cell += length + (cell[length] != '\0' ? 1 : 0);
    }
    for (; count < result.columns || count % result.columns != 0; count++)
        all[count] = strdup("");
    free(text);
    result.rows = count / result.columns - 1;
    result.names = all;
    result.cells = all + result.columns;
    return result;
}

static void free_table(struct dr_tds_result *result)
{
    for (size_t i = 0; i < (result->rows + 1) * result->columns; i++)
        free(result->names[i]);
    free(result->names);
}

static bool read_all(const struct dr_tds_result *about, const struct dr_tds_result *links,
                     const char *host, struct rep_node *node, struct dr_error *error)
{
    struct mssql_server server = {.geo = false};
    bool ok = mssql_read_server(about, host, node, &server, error) &&
              mssql_read_links(links, node, &server, error);
    fuzz_check_outcome(ok, error);
    fuzz_check_node(node);
    if (!ok)
        return false;
    MUST(node->role != REP_ROLE_UNKNOWN);
    for (size_t i = 0; i < node->stream_count; i++) {
        const struct rep_stream *stream = &node->streams[i];
        MUST(stream->name != NULL && stream->state != NULL);
        MUST(!stream->loss.known || stream->loss.value >= 0);
        MUST(stream->kind != REP_STREAM_COPYING || !stream->loss.known);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rep_node node = {.role = REP_ROLE_UNKNOWN}, twin = {.role = REP_ROLE_UNKNOWN};
    struct dr_error error = {0}, same = {0};
    char *parts[] = {fuzz_part(&data, &size), fuzz_part(&data, &size), fuzz_part(&data, &size)};
    if (memchr(parts[0], '\t', strcspn(parts[0], "\n")) == NULL) /* no table */
        parts[0][0] = '\0';
    struct dr_tds_result about = read_table(parts[0]), links = read_table(parts[1]);
    bool ok = read_all(&about, &links, parts[2], &node, &error);
    MUST(ok == read_all(&about, &links, parts[2], &twin, &same));
    MUST(strcmp(error.text, same.text) == 0);
    fuzz_check_same(&node, &twin);
    error = (struct dr_error){0};
    if (ok && read_all(&about, &links, parts[2], &node, &error)) /* a second look */
        fuzz_check_same(&node, &twin);
    rep_node_free(&node);
    rep_node_free(&twin);
    free_table(&about);
    free_table(&links);
    free(parts[2]);
    return 0;
}
