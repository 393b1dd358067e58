/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/history.h"

#include "common/state_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_KIND "dns"
#define STATE_VERSION 1
#define MICROSECONDS 1e6
#define KEY_SIZE (DR_STATE_KEY_MAX + 1)

/* The rows: "wanted", "switch", "A <view>", "AAAA <view>", "server <name>/<address>". */
#define WANTED "wanted"
#define SWITCH "switch"
#define SERVER "server "
static const char *const said_prefixes[DNS_FAMILIES] = {[DNS_V4] = "A ", [DNS_V6] = "AAAA "};

enum wanted_number { WANTED_SITE, WANTED_SINCE, WANTED_BEFORE, WANTED_NUMBERS };
enum said_number { SAID_SITE, SAID_TTL, SAID_AT, SAID_NUMBERS };
enum server_number { SERVER_FAMILY, SERVER_HIGH, SERVER_LOW, SERVER_SEEN, SERVER_NUMBERS };

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

void dns_history_drop(struct dns_history *history)
{
    if (history->file != NULL)
        dr_state_close(history->file);
    free(history->file);
    *history = (struct dns_history){.open = false};
}

bool dns_history_open(struct dns_history *history, const char *directory, const char *executable,
                      const char *identity, struct dr_error *error)
{
    *history = (struct dns_history){.open = false};
    history->file = calloc(1, sizeof *history->file);
    if (history->file == NULL)
        return no_memory(error);
    history->file->lock = -1;
    if (!dr_state_open(history->file, directory, executable, identity, STATE_KIND, STATE_VERSION,
                       error)) {
        dns_history_drop(history);
        return false;
    }
    history->before = history->file->count;
    history->open = true;
    return true;
}

/* ---- rows ---- */

/* The row of that key among those from `first` to `end`; NULL. */
static struct dr_state_row *find(const struct dns_history *history, const char *key, size_t first,
                                 size_t end)
{
    for (size_t i = first; i < end; i++) {
        if (strcmp(history->file->rows[i].key, key) == 0)
            return &history->file->rows[i];
    }
    return NULL;
}

/* Of an earlier run, with so many numbers; NULL. */
static const struct dr_state_row *recall(const struct dns_history *history, const char *key,
                                         size_t count)
{
    const struct dr_state_row *row = history->open ? find(history, key, 0, history->before) : NULL;
    return row != NULL && row->count == count ? row : NULL;
}

/* A row of this run, once. */
static void keep(struct dns_history *history, const char *key, const long long *numbers,
                 size_t count)
{
    if (!history->open)
        return;
    struct dr_state_row *row = find(history, key, history->before, history->file->count);
    if (row != NULL) {
        memcpy(row->numbers, numbers, count * sizeof *numbers);
        row->count = count;
    } else if (history->file->count - history->before < DNS_HISTORY_ROWS &&
               !dr_state_add(history->file, key, numbers, count)) {
        history->no_memory = true;
    }
}

/* One without numbers is taken out when it is closed. */
static void forget(struct dns_history *history, const char *key)
{
    static const long long none[1];
    keep(history, key, none, 0);
}

static double seconds_of(long long number)
{
    return (double)number / MICROSECONDS;
}

/* Of what is not negative. */
static long long number_of(double seconds)
{
    return (long long)(seconds * MICROSECONDS + 0.5);
}

/* Time as this run has it: a clock that was set back makes nothing that is to come. */
static double not_after(double at, double now)
{
    return at > now ? now : at;
}

/* FNV-1a, 64 bits (draft-eastlake-fnv). */
uint64_t dns_history_hash(const char *site)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    if (site == NULL)
        return 0;
    for (; *site != '\0'; site++) {
        hash ^= (unsigned char)*site;
        hash *= UINT64_C(0x100000001b3);
    }
    return hash != 0 ? hash : 1;
}

/* ---- what is remembered ---- */

struct dr_opt_real dns_history_wanted(struct dns_history *history, const char *site, double now,
                                      uint64_t *before)
{
    *before = 0;
    if (!history->open)
        return (struct dr_opt_real){.known = false};
    const struct dr_state_row *row = recall(history, WANTED, WANTED_NUMBERS);
    uint64_t hash = dns_history_hash(site);
    double since = now;
    if (row != NULL && (uint64_t)row->numbers[WANTED_SITE] == hash) {
        since = not_after(seconds_of(row->numbers[WANTED_SINCE]), now);
        *before = (uint64_t)row->numbers[WANTED_BEFORE];
    } else if (row != NULL) {
        *before = (uint64_t)row->numbers[WANTED_SITE];
    }
    const long long numbers[WANTED_NUMBERS] = {[WANTED_SITE] = (long long)hash,
                                               [WANTED_SINCE] = number_of(since),
                                               [WANTED_BEFORE] = (long long)*before};
    keep(history, WANTED, numbers, WANTED_NUMBERS);
    history->now = now;
    return dr_real(since);
}

static struct dns_said said_of(const struct dr_state_row *row)
{
    if (row == NULL)
        return (struct dns_said){.known = false};
    return (struct dns_said){.known = true,
                             .site = (uint64_t)row->numbers[SAID_SITE],
                             .ttl = seconds_of(row->numbers[SAID_TTL]),
                             .at = seconds_of(row->numbers[SAID_AT])};
}

static void keep_said(struct dns_history *history, const char *key, const struct dns_said *said)
{
    const long long numbers[SAID_NUMBERS] = {[SAID_SITE] = (long long)said->site,
                                             [SAID_TTL] = number_of(said->ttl),
                                             [SAID_AT] = number_of(said->at)};
    keep(history, key, numbers, SAID_NUMBERS);
}

/* A label that is too long for a key stands there as its hash. */
static void said_key(const char *label, enum dns_family family, char key[KEY_SIZE])
{
    int length = snprintf(key, KEY_SIZE, "%s%s", said_prefixes[family], label);
    if (length >= KEY_SIZE)
        snprintf(key, KEY_SIZE, "%s#%016" PRIx64, said_prefixes[family], dns_history_hash(label));
}

struct dns_said dns_history_said(struct dns_history *history, const char *label,
                                 enum dns_family family, const struct dns_said *now)
{
    char key[KEY_SIZE];
    said_key(label, family, key);
    struct dns_said said = said_of(recall(history, key, SAID_NUMBERS));
    if (now->known) {
        said.at = not_after(said.at, now->at);
        keep_said(history, key, now);
        history->now = now->at;
    }
    return said;
}

struct dns_said dns_history_switch(struct dns_history *history)
{
    struct dns_said said = said_of(recall(history, SWITCH, SAID_NUMBERS));
    if (history->now > 0)
        said.at = not_after(said.at, history->now);
    return said;
}

void dns_history_set_switch(struct dns_history *history, const struct dns_said *said)
{
    if (said->known)
        keep_said(history, SWITCH, said);
    else
        forget(history, SWITCH);
}

/* ---- servers of the zone ---- */

static uint64_t half_of(const uint8_t *bytes)
{
    uint64_t half = 0;
    for (size_t i = 0; i < 8; i++)
        half = half << 8 | bytes[i];
    return half;
}

static void fill_half(uint8_t *bytes, uint64_t half)
{
    for (size_t i = 8; i-- > 0; half >>= 8)
        bytes[i] = (uint8_t)(half & 0xff);
}

static bool is_server(const struct dr_state_row *row)
{
    return row->count == SERVER_NUMBERS && strncmp(row->key, SERVER, sizeof SERVER - 1) == 0 &&
           strchr(row->key, '/') != NULL &&
           (row->numbers[SERVER_FAMILY] == 4 || row->numbers[SERVER_FAMILY] == 6);
}

static bool is_old(double seen, double now)
{
    return now - seen > DNS_HISTORY_SERVERS;
}

static bool append(struct dns_givens *servers, const struct dr_state_row *row)
{
    char *label = row->key + sizeof SERVER - 1;
    struct dns_given given = {.label = label,
                              .server = strndup(label, (size_t)(strrchr(label, '/') - label)),
                              .address = {.family = (int)row->numbers[SERVER_FAMILY]},
                              .remembered = true};
    fill_half(given.address.bytes, (uint64_t)row->numbers[SERVER_HIGH]);
    fill_half(given.address.bytes + 8, (uint64_t)row->numbers[SERVER_LOW]);
    bool appended = given.server != NULL && dns_givens_append(servers, &given);
    free(given.server);
    return appended;
}

bool dns_history_servers(const struct dns_history *history, double now, struct dns_givens *servers)
{
    for (size_t i = 0; history->open && i < history->before; i++) {
        const struct dr_state_row *row = &history->file->rows[i];
        if (is_server(row) && !is_old(seconds_of(row->numbers[SERVER_SEEN]), now) &&
            !append(servers, row))
            return false;
    }
    return true;
}

/* False where it has no name, or one that is too long. */
static bool server_key(const struct dns_view *view, char key[KEY_SIZE])
{
    char address[DNS_ADDRESS_TEXT];
    if (view->server == NULL || view->address.family == 0)
        return false;
    return snprintf(key, KEY_SIZE, SERVER "%s/%s", view->server,
                    dns_address_text(&view->address, address)) < KEY_SIZE;
}

void dns_history_keep_server(struct dns_history *history, const struct dns_view *view, double now)
{
    char key[KEY_SIZE];
    if (!(view->origin.parent || view->origin.child) || !server_key(view, key))
        return;
    const long long numbers[SERVER_NUMBERS] = {
        [SERVER_FAMILY] = view->address.family,
        [SERVER_HIGH] = (long long)half_of(view->address.bytes),
        [SERVER_LOW] = (long long)half_of(view->address.bytes + 8),
        [SERVER_SEEN] = number_of(now)};
    keep(history, key, numbers, SERVER_NUMBERS);
    history->now = now;
}

void dns_history_forget_server(struct dns_history *history, const struct dns_view *view)
{
    char key[KEY_SIZE];
    if (server_key(view, key))
        forget(history, key);
}

/* ---- closing ---- */

static bool is_said(const struct dr_state_row *row)
{
    for (size_t i = 0; i < DNS_FAMILIES; i++) {
        if (strncmp(row->key, said_prefixes[i], strlen(said_prefixes[i])) == 0)
            return row->count == SAID_NUMBERS;
    }
    return false;
}

/* The place of the moment by which a row gets old; the count of its numbers where it does not. */
static size_t age_number(const struct dr_state_row *row)
{
    return is_server(row) ? (size_t)SERVER_SEEN : is_said(row) ? (size_t)SAID_AT : row->count;
}

/* It is of use to the next run: one of ours, and young enough. */
static bool is_of_use(const struct dr_state_row *row, double now)
{
    size_t at = age_number(row);
    if (at < row->count)
        return !is_old(seconds_of(row->numbers[at]), now);
    return (strcmp(row->key, WANTED) == 0 && row->count == WANTED_NUMBERS) ||
           (strcmp(row->key, SWITCH) == 0 && row->count == SAID_NUMBERS);
}

/* What this run did not speak of stays: a server that was silent once, a switch under way. */
static void carry(struct dns_history *history)
{
    for (size_t i = 0; i < history->before; i++) {
        struct dr_state_row row = history->file->rows[i];
        if (find(history, row.key, history->before, history->file->count) != NULL ||
            !is_of_use(&row, history->now))
            continue;
        size_t at = age_number(&row);
        if (at < row.count && history->now > 0)
            row.numbers[at] = number_of(not_after(seconds_of(row.numbers[at]), history->now));
        keep(history, row.key, row.numbers, row.count);
    }
}

static bool is_forgotten(const struct dr_state_row *row, const void *context)
{
    (void)context;
    return row->count == 0;
}

bool dns_history_close(struct dns_history *history, struct dr_error *error)
{
    if (!history->open)
        return true;
    carry(history);
    if (history->no_memory) {
        dns_history_drop(history);
        return no_memory(error);
    }
    dr_state_remove_first(history->file, history->before);
    dr_state_remove(history->file, NULL, is_forgotten, NULL);
    bool saved = dr_state_save(history->file, error);
    dns_history_drop(history);
    return saved;
}
