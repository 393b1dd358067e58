/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/site.h"

#include "common/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_BYTES (1024 * 1024)
#define ACTIVE_BYTES (64 * 1024)
#define BLANKS " \t\r"

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static void site_free(struct dns_site *site)
{
    free(site->name);
    free(site->networks);
    free(site->hosts);
    free(site->as_of);
    free(site->file);
}

void dns_sites_free(struct dns_sites *sites)
{
    for (size_t i = 0; i < sites->count; i++)
        site_free(&sites->items[i]);
    free(sites->items);
    *sites = (struct dns_sites){.items = NULL};
}

/* ---- files ---- */

/* Reads what is there, at most `most` bytes; false with errno. */
static bool read_bytes(int fd, char *text, size_t most, size_t *size)
{
    *size = 0;
    while (*size < most) {
        ssize_t more = read(fd, text + *size, most - *size);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return false;
        if (more == 0)
            break;
        *size += (size_t)more;
    }
    return true;
}

static char *read_open_file(int fd, const char *path, size_t most, struct dr_error *error)
{
    size_t size = 0;
    char *text = malloc(most + 1);
    if (text == NULL) {
        no_memory(error);
        return NULL;
    }
    bool good = read_bytes(fd, text, most, &size);
    if (!good)
        dr_error_set(error, DR_ERR_USAGE, "%s cannot be read: %s", path, strerror(errno));
    else if (memchr(text, '\0', size) != NULL)
        good = dr_error_set(error, DR_ERR_USAGE, "%s is no text: it holds a byte 0", path);
    text[size] = '\0';
    if (!good)
        free(text);
    return good ? text : NULL;
}

/* The text of a regular file, without a byte order mark, and when it was written; the caller frees
 * it. NULL with the error. */
static char *read_file(const char *path, size_t most, double *written, struct dr_error *error)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) != 0) {
        dr_error_set(error, DR_ERR_USAGE, "%s cannot be read: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    char *text = NULL;
    if (!S_ISREG(status.st_mode))
        dr_error_set(error, DR_ERR_USAGE, "%s is no regular file", path);
    else if (status.st_size > (off_t)most)
        dr_error_set(error, DR_ERR_USAGE, "%s is larger than %zu bytes", path, most);
    else
        text = read_open_file(fd, path, (size_t)status.st_size, error);
    close(fd);
    *written = (double)status.st_mtim.tv_sec + (double)status.st_mtim.tv_nsec / 1e9;
    if (text != NULL && strncmp(text, "\xef\xbb\xbf", 3) == 0)
        memmove(text, text + 3, strlen(text + 3) + 1);
    return text;
}

/* Without blanks around it. */
static char *trim(char *text)
{
    text += strspn(text, BLANKS);
    size_t length = strlen(text);
    while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL)
        text[--length] = '\0';
    return text;
}

/* Cuts the next part off, which ends at `end`, without blanks around it; NULL behind the last. */
static char *take_part(char **text, char end)
{
    char *part = *text;
    if (part == NULL)
        return NULL;
    char *close = strchr(part, end);
    *text = close == NULL ? NULL : close + 1;
    if (close != NULL)
        *close = '\0';
    return trim(part);
}

/* ---- items ---- */

static bool add_network(struct dns_site *site, const struct dns_network *network,
                        struct dr_error *error)
{
    struct dns_network *networks =
        realloc(site->networks, (site->network_count + 1) * sizeof *networks);
    if (networks == NULL)
        return no_memory(error);
    networks[site->network_count++] = *network;
    site->networks = networks;
    return true;
}

static bool add_host(struct dns_site *site, const struct dns_host *host, struct dr_error *error)
{
    struct dns_host *hosts = realloc(site->hosts, (site->host_count + 1) * sizeof *hosts);
    if (hosts == NULL)
        return no_memory(error);
    hosts[site->host_count++] = *host;
    site->hosts = hosts;
    return true;
}

/* ::ffff:0:0/96 (RFC 4291, 2.5.5.2) */
static bool is_mapped(const struct dns_network *network)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return network->address.family == 6 && network->bits >= 96 &&
           memcmp(network->address.bytes, prefix, sizeof prefix) == 0;
}

static bool read_network(struct dns_site *site, const char *text, struct dr_error *error)
{
    struct dns_network network;
    if (!dns_network_read(text, &network, error))
        return false;
    if (network.bits == 0)
        return dr_error_set(error, DR_ERR_USAGE,
                            "\"%s\" is every address there is: that an answer lies in it says "
                            "nothing",
                            text);
    if (is_mapped(&network))
        return dr_error_set(error, DR_ERR_USAGE,
                            "\"%s\" is an IPv6 address that stands for an IPv4 one, which no "
                            "record leads to: write the IPv4 address",
                            text);
    return add_network(site, &network, error);
}

static bool read_host(struct dns_site *site, const char *text, struct dr_error *error)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    struct dns_host host = {.below = strncmp(text, "*.", 2) == 0};
    const char *name = text + (host.below ? 2 : 0);
    if (*name == '\0' || strcmp(name, ".") == 0)
        return dr_error_set(error, DR_ERR_USAGE, "\"%s\" is no host name", text);
    /* what is no ASCII is refused with better words by whoever reads the name */
    unsigned char odd = (unsigned char)name[strspn(name, plain)];
    if (odd != 0 && odd < 0x80)
        return dr_error_set(error, DR_ERR_USAGE,
                            "\"%.80s\" is no address, no network and no host name", text);
    if (!dns_name_read(name, &host.name, error))
        return false;
    return add_host(site, &host, error);
}

/* A name whose last label is a number would be an address to everybody else. */
static bool is_numeric(const char *text)
{
    return text[strspn(text, "0123456789.")] == '\0';
}

static bool read_item(struct dns_site *site, const char *text, struct dr_error *error)
{
    if (site->network_count + site->host_count >= DNS_SITE_ITEMS_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "more than %d addresses, networks and names",
                            DNS_SITE_ITEMS_MAX);
    if (strpbrk(text, ":/") != NULL || is_numeric(text))
        return read_network(site, text, error);
    return read_host(site, text, error);
}

/* ---- a file of items ---- */

/* "YYYY-MM-DD" */
static bool is_date(const char *text)
{
    static const char shape[] = "dddd-dd-dd";
    size_t i = 0;
    for (; shape[i] != '\0'; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (shape[i] == 'd' ? !digit : text[i] != shape[i])
            return false;
    }
    int month = 10 * (text[5] - '0') + text[6] - '0', day = 10 * (text[8] - '0') + text[9] - '0';
    return text[i] == '\0' && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* What a comment is worth: as-of and origin. A site of several files is as old as the oldest. */
static bool read_comment(struct dns_site *site, const char *comment, struct dr_error *error)
{
    static const char as_of[] = "as-of:", origin[] = "origin:";
    comment += strspn(comment, "#" BLANKS);
    if (strncmp(comment, origin, sizeof origin - 1) == 0) {
        comment += sizeof origin - 1 + strspn(comment + sizeof origin - 1, BLANKS);
        site->hides = strcmp(comment, "hidden") == 0;
        return site->hides || dr_error_set(error, DR_ERR_USAGE,
                                           "\"origin: %.40s\": only \"hidden\" is known", comment);
    }
    if (strncmp(comment, as_of, sizeof as_of - 1) != 0)
        return true;
    comment += sizeof as_of - 1 + strspn(comment + sizeof as_of - 1, BLANKS);
    if (!is_date(comment))
        return dr_error_set(error, DR_ERR_USAGE,
                            "\"as-of: %.40s\" is no date: YYYY-MM-DD is wanted", comment);
    if (site->as_of != NULL && strcmp(site->as_of, comment) <= 0)
        return true;
    free(site->as_of);
    site->as_of = strdup(comment);
    return site->as_of != NULL || no_memory(error);
}

static bool read_lines(struct dns_site *site, const char *path, char *text, struct dr_error *error)
{
    size_t before = site->network_count + site->host_count, number = 0;
    char *line;
    while ((line = take_part(&text, '\n')) != NULL) {
        number++;
        bool good = line[0] != '#' || read_comment(site, line, error);
        line[strcspn(line, "#")] = '\0';
        line = trim(line);
        if (!good || (*line != '\0' && !read_item(site, line, error)))
            return dr_error_prefix(error, "%s:%zu", path, number);
    }
    return site->network_count + site->host_count > before ||
           dr_error_set(error, DR_ERR_USAGE, "%s names no address, no network and no host", path);
}

static bool read_items_of(struct dns_site *site, const char *path, struct dr_error *error)
{
    double written;
    char *text = read_file(path, FILE_BYTES, &written, error);
    if (text == NULL)
        return false;
    char *dated = site->as_of;
    bool good = read_lines(site, path, text, error);
    free(text);
    /* The file that is named is the one whose date is. */
    if (good && (site->file == NULL || site->as_of != dated)) {
        free(site->file);
        site->file = strdup(path);
        good = site->file != NULL || no_memory(error);
    }
    return good;
}

/* ---- an argument ---- */

/* Words of the verdict, which no site can be called. */
static bool is_reserved(const char *name)
{
    static const char *const words[] = {"mixed", "none", "unknown"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(name, words[i]) == 0)
            return true;
    }
    return false;
}

static bool check_name(const char *name, struct dr_error *error)
{
    if (!dr_site_name_check(name, error))
        return false;
    if (is_reserved(name))
        return dr_error_set(error, DR_ERR_USAGE,
                            "no site can be called \"%s\": that is what is said of an answer that "
                            "is of no single site",
                            name);
    return true;
}

static bool read_argument(struct dns_site *site, char *items, struct dr_error *error)
{
    char *item;
    while ((item = take_part(&items, ',')) != NULL) {
        if (*item == '\0' || strcmp(item, "@") == 0)
            return dr_error_set(error, DR_ERR_USAGE,
                                "an item is empty: addresses, networks, names of hosts and @FILE "
                                "are wanted, with commas between them");
        bool good =
            *item == '@' ? read_items_of(site, item + 1, error) : read_item(site, item, error);
        if (!good)
            return false;
    }
    return true;
}

/* ---- several sites ---- */

/* A network of a site, among those of all. */
struct placed {
    const struct dns_network *network;
    const struct dns_site *site;
};

/* By family, address and size: each network stands behind those that hold it. */
static int compare_placed(const void *a, const void *b)
{
    const struct dns_network *x = ((const struct placed *)a)->network;
    const struct dns_network *y = ((const struct placed *)b)->network;
    if (x->address.family != y->address.family)
        return x->address.family - y->address.family;
    int order = memcmp(x->address.bytes, y->address.bytes, sizeof x->address.bytes);
    return order != 0 ? order : (x->bits > y->bits) - (x->bits < y->bits);
}

static bool holds(const struct dns_network *outer, const struct dns_network *inner)
{
    return outer->bits <= inner->bits && dns_network_has(outer, &inner->address);
}

static bool say_overlap(const struct placed *outer, const struct placed *inner,
                        struct dr_error *error)
{
    char one[DNS_ADDRESS_TEXT], other[DNS_ADDRESS_TEXT];
    return dr_error_set(error, DR_ERR_USAGE,
                        "%s/%u of site \"%s\" lies in %s/%u of site \"%s\": an answer would be of "
                        "both",
                        dns_address_text(&inner->network->address, one), inner->network->bits,
                        inner->site->name, dns_address_text(&outer->network->address, other),
                        outer->network->bits, outer->site->name);
}

/* Networks are equal, one in the other, or apart: walking along the sorted list, those that hold
 * the next one are on a stack. Only the innermost needs a look, since it was compared before. */
static bool check_placed(struct placed *all, size_t count, struct dr_error *error)
{
    size_t *open = calloc(count + 1, sizeof *open), depth = 0;
    bool good = open != NULL || no_memory(error);
    qsort(all, count, sizeof *all, compare_placed);
    for (size_t i = 0; good && i < count; i++) {
        while (depth > 0 && !holds(all[open[depth - 1]].network, all[i].network))
            depth--;
        if (depth > 0 && all[open[depth - 1]].site != all[i].site)
            good = say_overlap(&all[open[depth - 1]], &all[i], error);
        open[depth++] = i;
    }
    free(open);
    return good;
}

static size_t place(struct placed *all, size_t count, const struct dns_site *site)
{
    for (size_t i = 0; i < site->network_count; i++)
        all[count++] = (struct placed){.network = &site->networks[i], .site = site};
    return count;
}

/* No network of `site` overlaps with one of another site. Those of its own name count as its own:
 * they are left out, and were compared when they came. */
static bool check_networks(const struct dns_sites *sites, const struct dns_site *site,
                           struct dr_error *error)
{
    size_t total = site->network_count, count = 0;
    for (size_t i = 0; i < sites->count; i++)
        total += sites->items[i].network_count;
    struct placed *all = calloc(total + 1, sizeof *all);
    if (all == NULL)
        return no_memory(error);
    for (size_t i = 0; i < sites->count; i++) {
        if (strcmp(sites->items[i].name, site->name) != 0)
            count = place(all, count, &sites->items[i]);
    }
    count = place(all, count, site);
    bool good = check_placed(all, count, error);
    free(all);
    return good;
}

static bool covers(const struct dns_host *outer, const struct dns_host *inner)
{
    if (!outer->below)
        return !inner->below && dns_name_equal(&outer->name, &inner->name);
    return dns_name_within(&inner->name, &outer->name) &&
           (inner->below || !dns_name_equal(&inner->name, &outer->name));
}

static bool check_hosts(const struct dns_site *other, const struct dns_site *site,
                        struct dr_error *error)
{
    char text[DNS_NAME_TEXT];
    for (size_t i = 0; i < site->host_count; i++) {
        for (size_t k = 0; k < other->host_count; k++) {
            if (covers(&other->hosts[k], &site->hosts[i]) ||
                covers(&site->hosts[i], &other->hosts[k]))
                return dr_error_set(
                    error, DR_ERR_USAGE, "%s%.255s of site \"%s\" is of site \"%s\" as well",
                    site->hosts[i].below ? "*." : "", dns_name_text(&site->hosts[i].name, text),
                    site->name, other->name);
        }
    }
    return true;
}

static bool check_others(const struct dns_sites *sites, const struct dns_site *site,
                         struct dr_error *error)
{
    for (size_t i = 0; i < sites->count; i++) {
        const struct dns_site *other = &sites->items[i];
        if (strcmp(other->name, site->name) != 0 && !check_hosts(other, site, error))
            return false;
    }
    return check_networks(sites, site, error);
}

/* Moves what a draft holds to the site of that name. */
static bool merge(struct dns_site *site, struct dns_site *draft, struct dr_error *error)
{
    size_t networks = site->network_count + draft->network_count;
    size_t hosts = site->host_count + draft->host_count;
    if (networks + hosts > DNS_SITE_ITEMS_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "more than %d addresses, networks and names",
                            DNS_SITE_ITEMS_MAX);
    void *room = realloc(site->networks, (networks + 1) * sizeof *site->networks);
    if (room == NULL)
        return no_memory(error);
    site->networks = room;
    room = realloc(site->hosts, (hosts + 1) * sizeof *site->hosts);
    if (room == NULL)
        return no_memory(error);
    site->hosts = room;
    for (size_t i = 0; i < draft->network_count; i++)
        site->networks[site->network_count++] = draft->networks[i];
    for (size_t i = 0; i < draft->host_count; i++)
        site->hosts[site->host_count++] = draft->hosts[i];
    site->hides = site->hides || draft->hides;
    bool older =
        draft->as_of != NULL && (site->as_of == NULL || strcmp(draft->as_of, site->as_of) < 0);
    if (older || site->file == NULL) {
        char *as_of = site->as_of, *file = site->file;
        site->as_of = draft->as_of;
        site->file = draft->file;
        draft->as_of = as_of;
        draft->file = file;
    }
    return true;
}

static bool append(struct dns_sites *sites, struct dns_site *draft, struct dr_error *error)
{
    if (sites->count >= DNS_SITES_MAX)
        return dr_error_set(error, DR_ERR_USAGE, "more than %d sites", DNS_SITES_MAX);
    struct dns_site *items = realloc(sites->items, (sites->count + 1) * sizeof *items);
    if (items == NULL)
        return no_memory(error);
    sites->items = items;
    items[sites->count++] = *draft;
    *draft = (struct dns_site){.name = NULL};
    return true;
}

static bool add(struct dns_sites *sites, struct dns_site *draft, char *items,
                struct dr_error *error)
{
    if (!check_name(draft->name, error))
        return false;
    if (!read_argument(draft, items, error))
        return dr_error_prefix(error, "site \"%.40s\"", draft->name);
    if (!check_others(sites, draft, error))
        return false;
    size_t there = dns_site_find(sites, draft->name);
    if (there == DNS_SITE_NONE)
        return append(sites, draft, error);
    return merge(&sites->items[there], draft, error) ||
           dr_error_prefix(error, "site \"%.40s\"", draft->name);
}

bool dns_sites_add(struct dns_sites *sites, const char *argument, struct dr_error *error)
{
    const char *equals = strchr(argument, '=');
    if (equals == NULL)
        return dr_error_set(error, DR_ERR_USAGE,
                            "\"%.80s\": NAME=ITEM[,ITEM...] is wanted, as in "
                            "prod=192.0.2.0/24,2001:db8:1::/48",
                            argument);
    struct dns_site draft = {.name = strndup(argument, (size_t)(equals - argument))};
    char *items = strdup(equals + 1);
    bool good =
        draft.name != NULL && items != NULL ? add(sites, &draft, items, error) : no_memory(error);
    site_free(&draft);
    free(items);
    return good;
}

/* ---- which site is it ---- */

size_t dns_site_find(const struct dns_sites *sites, const char *name)
{
    for (size_t i = 0; i < sites->count; i++) {
        if (strcmp(sites->items[i].name, name) == 0)
            return i;
    }
    return DNS_SITE_NONE;
}

size_t dns_site_of_address(const struct dns_sites *sites, const struct dns_address *address)
{
    for (size_t i = 0; i < sites->count; i++) {
        for (size_t k = 0; k < sites->items[i].network_count; k++) {
            if (dns_network_has(&sites->items[i].networks[k], address))
                return i;
        }
    }
    return DNS_SITE_NONE;
}

size_t dns_site_of_name(const struct dns_sites *sites, const char *name)
{
    struct dns_host host = {.below = false};
    if (!dns_name_read(name, &host.name, NULL))
        return DNS_SITE_NONE;
    for (size_t i = 0; i < sites->count; i++) {
        for (size_t k = 0; k < sites->items[i].host_count; k++) {
            if (covers(&sites->items[i].hosts[k], &host))
                return i;
        }
    }
    return DNS_SITE_NONE;
}

/* ---- the active site ---- */

/* The only line of the text that says something; NULL with the error. */
static char *only_line(const char *path, char *text, struct dr_error *error)
{
    char *line, *name = NULL;
    while ((line = take_part(&text, '\n')) != NULL) {
        if (*line == '\0' || *line == '#')
            continue;
        if (name != NULL) {
            dr_error_set(error, DR_ERR_USAGE, "%s names more than one site: \"%.40s\", \"%.40s\"",
                         path, name, line);
            return NULL;
        }
        name = line;
    }
    if (name == NULL)
        dr_error_set(error, DR_ERR_USAGE, "%s names no site", path);
    return name;
}

bool dns_site_read_active(const char *path, char **name, double *age, struct dr_error *error)
{
    double written;
    struct timespec now;
    char *text = read_file(path, ACTIVE_BYTES, &written, error);
    if (text == NULL)
        return false;
    char *line = only_line(path, text, error);
    bool good = line != NULL && check_name(line, error);
    if (line != NULL && !good)
        dr_error_prefix(error, "%s", path);
    if (good) {
        *name = strdup(line);
        good = *name != NULL || no_memory(error);
    }
    free(text);
    clock_gettime(CLOCK_REALTIME, &now);
    *age = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - written;
    return good;
}
