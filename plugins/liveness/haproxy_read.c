/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/haproxy_read.h"

#include "common/buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 1000
#define DIGITS_MAX 18

/* ---- what both lists have in common ---- */

/* Where each of the wanted columns stands in a header. */
struct columns {
    size_t count;                     /* of the header */
    size_t places[LIV_HAPROXY_CELLS]; /* SIZE_MAX: not there */
};

static void place_column(struct columns *columns, const char *const *names, size_t count,
                         const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (columns->places[i] == SIZE_MAX && strcmp(names[i], name) == 0)
            columns->places[i] = columns->count;
    }
    columns->count++;
}

static struct columns no_columns(void)
{
    struct columns columns = {.count = 0};
    for (size_t i = 0; i < LIV_HAPROXY_CELLS; i++)
        columns.places[i] = SIZE_MAX;
    return columns;
}

struct dr_opt_int liv_haproxy_number(const char *text)
{
    bool negative = text[0] == '-';
    size_t digits = strspn(text + negative, "0123456789");
    if (digits == 0 || digits > DIGITS_MAX || text[negative + digits] != '\0')
        return (struct dr_opt_int){.known = false};
    return dr_int(strtoll(text, NULL, 10));
}

/* What came instead of a list: its first words. */
static bool no_list(const char *text, const char *what, struct dr_error *error)
{
    text += strspn(text, "\n");
    if (strncmp(text, "Permission denied", 17) == 0)
        return dr_error_set(error, DR_ERR_PRIVILEGE,
                            "%s is not allowed: the socket needs \"level user\" at least", what);
    if (text[0] == '<')
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "a page of HTML instead of %s: is that the path of \"stats uri\"?",
                            what);
    char *shown = dr_text_clean(text, strcspn(text, "\n") < 80 ? strcspn(text, "\n") : 80);
    dr_error_set(error, DR_ERR_PROTOCOL, "\"%s\" instead of %s", shown != NULL ? shown : "", what);
    free(shown);
    return false;
}

/* ---- CSV ---- */

struct reader {
    char *at;
    size_t line;
    bool ended; /* the cell was the last one of its line */
    struct dr_error *error;
};

static bool cut(const struct reader *reader)
{
    return dr_error_set(reader->error, DR_ERR_PROTOCOL,
                        "the statistics are cut: line %zu does not end", reader->line);
}

/* Behind a cell: a comma or the end of the line, which is overwritten by the end of the cell. */
static bool end_cell(struct reader *reader, char *end)
{
    char *at = reader->at;
    if (at[0] == '\r' && at[1] == '\n')
        at++;
    if (*at == '\0')
        return cut(reader);
    if (*at != ',' && *at != '\n')
        return dr_error_set(reader->error, DR_ERR_PROTOCOL,
                            "the statistics cannot be read: line %zu: text behind a quote",
                            reader->line);
    reader->ended = *at == '\n';
    reader->line += reader->ended;
    reader->at = at + 1;
    *end = '\0';
    return true;
}

/* A quote inside is written twice; commas and line breaks are what they are. */
static bool read_quoted(struct reader *reader, char **cell)
{
    char *from = reader->at + 1, *to = from;
    *cell = from;
    for (; *from != '\0'; *to++ = *from++) {
        if (*from != '"')
            continue;
        if (from[1] != '"') {
            reader->at = from + 1;
            return end_cell(reader, to);
        }
        from++;
    }
    return cut(reader);
}

static bool read_cell(struct reader *reader, char **cell)
{
    *cell = reader->at;
    if (*reader->at == '"')
        return read_quoted(reader, cell);
    reader->at += strcspn(reader->at, ",\r\n");
    while (reader->at[0] == '\r' && reader->at[1] != '\n')
        reader->at += 1 + strcspn(reader->at + 1, ",\r\n");
    return end_cell(reader, reader->at);
}

static bool read_header(struct reader *reader, struct columns *columns)
{
    static const char *const names[LIV_HAPROXY_CELLS] = {
        [LIV_HAPROXY_PROXY] = "pxname",       [LIV_HAPROXY_NAME] = "svname",
        [LIV_HAPROXY_TYPE] = "type",          [LIV_HAPROXY_STATUS] = "status",
        [LIV_HAPROXY_SESSIONS] = "scur",      [LIV_HAPROXY_LAST] = "lastsess",
        [LIV_HAPROXY_CHECK] = "check_status", [LIV_HAPROXY_LIMIT] = "slim",
        [LIV_HAPROXY_QUEUE] = "qcur",         [LIV_HAPROXY_WEIGHT] = "weight",
        [LIV_HAPROXY_BACKUP] = "bck",         [LIV_HAPROXY_CHANGED] = "lastchg",
        [LIV_HAPROXY_TRACKED] = "tracked",    [LIV_HAPROXY_CHECK_TEXT] = "last_chk",
        [LIV_HAPROXY_AGENT] = "agent_status", [LIV_HAPROXY_AGENT_TEXT] = "last_agt",
        [LIV_HAPROXY_ADDRESS] = "addr",
    };
    if (strncmp(reader->at, "# ", 2) != 0)
        return no_list(reader->at, "its statistics", reader->error);
    reader->at += 2;
    *columns = no_columns();
    do {
        char *name;
        if (!read_cell(reader, &name))
            return false;
        if (columns->count == COLUMNS_MAX)
            return dr_error_set(reader->error, DR_ERR_PROTOCOL,
                                "the statistics cannot be read: more than %d columns", COLUMNS_MAX);
        place_column(columns, names, LIV_HAPROXY_CELLS, name);
    } while (!reader->ended);
    for (size_t i = 0; i < LIV_HAPROXY_ALL_NEEDED; i++) {
        if (columns->places[i] == SIZE_MAX)
            return dr_error_set(reader->error, DR_ERR_PROTOCOL,
                                "the statistics have no column \"%s\"", names[i]);
    }
    return true;
}

static bool read_cells(struct reader *reader, const struct columns *columns,
                       struct liv_haproxy_row *row)
{
    size_t line = reader->line, count = 0;
    for (size_t i = 0; i < LIV_HAPROXY_CELLS; i++)
        row->cells[i] = "";
    do {
        char *cell;
        if (!read_cell(reader, &cell))
            return false;
        for (size_t i = 0; i < LIV_HAPROXY_CELLS; i++) {
            if (columns->places[i] == count)
                row->cells[i] = cell;
        }
        count++;
    } while (!reader->ended);
    return count == columns->count ||
           dr_error_set(reader->error, DR_ERR_PROTOCOL,
                        "the statistics cannot be read: line %zu has %zu columns, the header %zu",
                        line, count, columns->count);
}

/* 0 frontend, 1 backend, 2 server, 3 a listener of a frontend, which says nothing that the frontend
 * does not. A type that is not known could be anything. */
static bool add_row(const struct reader *reader, struct liv_haproxy_table *table,
                    struct liv_haproxy_row *row)
{
    const char *type = row->cells[LIV_HAPROXY_TYPE];
    if (strlen(type) != 1 || *type < '0' || *type > '3' ||
        row->cells[LIV_HAPROXY_PROXY][0] == '\0' || row->cells[LIV_HAPROXY_NAME][0] == '\0')
        return dr_error_set(reader->error, DR_ERR_PROTOCOL,
                            "the statistics cannot be read: line %zu: the type \"%.20s\" is not "
                            "known, or there is no name",
                            reader->line - 1, type);
    if (*type == '3')
        return true;
    row->type = (enum liv_haproxy_type)(*type - '0');
    if ((table->count & (table->count - 1)) == 0) {
        size_t space = table->count == 0 ? 1 : 2 * table->count;
        struct liv_haproxy_row *more = realloc(table->rows, space * sizeof *more);
        if (more == NULL)
            return dr_error_set(reader->error, DR_ERR_INTERNAL, "out of memory");
        table->rows = more;
    }
    table->rows[table->count++] = *row;
    return true;
}

/* ---- servers by name ---- */

static int compare_names(const char *proxy, const char *name, const struct liv_haproxy_row *row)
{
    int order = strcmp(proxy, row->cells[LIV_HAPROXY_PROXY]);
    return order != 0 ? order : strcmp(name, row->cells[LIV_HAPROXY_NAME]);
}

static int compare_servers(const void *a, const void *b)
{
    const struct liv_haproxy_row *const *left = a, *const *right = b;
    return compare_names((*left)->cells[LIV_HAPROXY_PROXY], (*left)->cells[LIV_HAPROXY_NAME],
                         *right);
}

static bool sort_servers(struct liv_haproxy_table *table, struct dr_error *error)
{
    table->servers = calloc(table->count + 1, sizeof *table->servers);
    if (table->servers == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].type == LIV_HAPROXY_SERVER)
            table->servers[table->server_count++] = &table->rows[i];
    }
    qsort(table->servers, table->server_count, sizeof *table->servers, compare_servers);
    return true;
}

static struct liv_haproxy_row *find(const struct liv_haproxy_table *table, const char *proxy,
                                    const char *name)
{
    size_t from = 0, to = table->server_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = compare_names(proxy, name, table->servers[middle]);
        if (order == 0)
            return table->servers[middle];
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

const struct liv_haproxy_row *liv_haproxy_find(const struct liv_haproxy_table *table,
                                               const char *name)
{
    char proxy[300];
    size_t length = strcspn(name, "/");
    if (name[length] == '\0' || length >= sizeof proxy)
        return NULL;
    memcpy(proxy, name, length);
    proxy[length] = '\0';
    return find(table, proxy, name + length + 1);
}

bool liv_haproxy_read_stat(char *text, char **rest, struct liv_haproxy_table *table,
                           struct dr_error *error)
{
    struct reader reader = {.at = text, .line = 1, .error = error};
    struct columns columns = {.count = 0};
    *table = (struct liv_haproxy_table){.rows = NULL};
    if (!read_header(&reader, &columns))
        return false;
    while (*reader.at != '\0' && *reader.at != '\n') {
        struct liv_haproxy_row row = {.host = "", .source = ""};
        if (!read_cells(&reader, &columns, &row) || !add_row(&reader, table, &row))
            return false;
    }
    *rest = reader.at + (*reader.at == '\n');
    if (table->count == 0)
        return dr_error_set(error, DR_ERR_PROTOCOL, "the statistics have no line");
    return sort_servers(table, error);
}

void liv_haproxy_table_free(struct liv_haproxy_table *table)
{
    free(table->rows);
    free(table->servers);
    *table = (struct liv_haproxy_table){.rows = NULL};
}

/* ---- the other answers ---- */

bool liv_haproxy_read_info(char *text, char **rest, const char **version, struct dr_error *error)
{
    static const char key[] = "\nVersion: ";
    *version = NULL;
    if (strncmp(text, "Name: ", 6) != 0)
        return no_list(text, "\"show info\"", error);
    char *end = strstr(text, "\n\n");
    if (end == NULL)
        return dr_error_set(error, DR_ERR_PROTOCOL, "the answer to \"show info\" is cut");
    *end = '\0';
    *rest = end + 2;
    char *found = strstr(text, key);
    if (found != NULL) {
        found += sizeof key - 1;
        found[strcspn(found, "\n ")] = '\0';
        *version = *found != '\0' ? found : NULL;
    }
    return true;
}

enum state_cell {
    STATE_PROXY = 0,
    STATE_NAME,
    STATE_ADMIN,
    STATE_ADDRESS,
    STATE_PORT,
    STATE_FQDN,
    STATE_RECORD,
    STATE_CELLS
};

/* Cuts a line at its blanks, in place: false when it is not one line with that many words. */
static bool split_state(char *line, const struct columns *columns, const char **cells)
{
    size_t count = 0;
    for (char *word = line; word != NULL; count++) {
        char *blank = strchr(word, ' ');
        if (blank != NULL)
            *blank++ = '\0';
        for (size_t i = 0; i < STATE_CELLS; i++) {
            if (columns->places[i] == count)
                cells[i] = word;
        }
        word = blank;
    }
    return count == columns->count;
}

static bool has_word(const char *text)
{
    return text != NULL && strcmp(text, "-") != 0 && *text != '\0';
}

static void add_state(struct liv_haproxy_table *table, const char *const *cells)
{
    struct liv_haproxy_row *row = find(table, cells[STATE_PROXY], cells[STATE_NAME]);
    if (row == NULL) /* a server that was added in between */
        return;
    row->admin = liv_haproxy_number(cells[STATE_ADMIN]);
    if (has_word(cells[STATE_ADDRESS]))
        row->host = cells[STATE_ADDRESS];
    if (has_word(cells[STATE_PORT]))
        row->port = liv_haproxy_number(cells[STATE_PORT]);
    if (has_word(cells[STATE_RECORD]))
        row->source = cells[STATE_RECORD];
    else if (has_word(cells[STATE_FQDN]))
        row->source = cells[STATE_FQDN];
}

/* The columns of the header "# be_id be_name ..." of version 1. */
static bool read_state_header(char *line, struct columns *columns)
{
    static const char *const names[STATE_CELLS] = {
        "be_name", "srv_name", "srv_admin_state", "srv_addr", "srv_port", "srv_fqdn", "srvrecord"};
    *columns = no_columns();
    if (strncmp(line, "# ", 2) != 0)
        return false;
    for (char *word = line + 2; word != NULL;) {
        char *blank = strchr(word, ' ');
        if (blank != NULL)
            *blank++ = '\0';
        place_column(columns, names, STATE_CELLS, word);
        word = blank;
    }
    return columns->places[STATE_PROXY] != SIZE_MAX && columns->places[STATE_NAME] != SIZE_MAX &&
           columns->places[STATE_ADMIN] != SIZE_MAX;
}

/* The line, which ends with it; NULL at the end of the list. */
static char *next_line(char **at)
{
    char *line = *at;
    char *end = strchr(line, '\n');
    if (end == NULL || end == line)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return line;
}

static int compare_sources(const void *a, const void *b)
{
    const struct liv_haproxy_row *const *left = a, *const *right = b;
    int order = strcmp((*left)->cells[LIV_HAPROXY_PROXY], (*right)->cells[LIV_HAPROXY_PROXY]);
    return order != 0 ? order : strcmp((*left)->source, (*right)->source);
}

static bool has_no_address(const struct liv_haproxy_row *row)
{
    return row->admin.known && (row->admin.value & LIV_HAPROXY_RESOLUTION) != 0;
}

/* Servers of one backend that have their addresses from one name: where some have got one, the name
 * is known to the resolver, and there are just no more. */
static void find_spares(struct liv_haproxy_row **servers, size_t count)
{
    qsort(servers, count, sizeof *servers, compare_sources);
    for (size_t from = 0, to; from < count; from = to) {
        bool some = false;
        for (to = from; to < count && compare_sources(&servers[from], &servers[to]) == 0; to++)
            some = some || !has_no_address(servers[to]);
        for (size_t i = from; i < to; i++)
            servers[i]->spare = some && servers[i]->source[0] != '\0' && has_no_address(servers[i]);
    }
}

static bool mark_spares(struct liv_haproxy_table *table, struct dr_error *error)
{
    size_t size = table->server_count * sizeof *table->servers;
    struct liv_haproxy_row **servers = malloc(size + 1);
    if (servers == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    memcpy(servers, table->servers, size);
    find_spares(servers, table->server_count);
    free(servers);
    return true;
}

bool liv_haproxy_read_states(char *text, struct liv_haproxy_table *table, struct dr_error *error)
{
    struct columns columns = {.count = 0};
    char *at = text;
    size_t size = strlen(text);
    if (size < 2 || strcmp(text + size - 2, "\n\n") != 0)
        return dr_error_set(error, DR_ERR_PROTOCOL, "the answer to \"show servers state\" is cut");
    const char *version = next_line(&at);
    if (version == NULL || strcmp(version, "1") != 0)
        return true;
    char *line = next_line(&at);
    if (line == NULL || !read_state_header(line, &columns))
        return true;
    while ((line = next_line(&at)) != NULL) {
        const char *cells[STATE_CELLS] = {NULL};
        if (!split_state(line, &columns, cells))
            return dr_error_set(error, DR_ERR_PROTOCOL,
                                "the answer to \"show servers state\" cannot be read");
        add_state(table, cells);
    }
    if (*at != '\n')
        return dr_error_set(error, DR_ERR_PROTOCOL, "the answer to \"show servers state\" is cut");
    return mark_spares(table, error);
}
