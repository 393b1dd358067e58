/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An argument of --site; after a form feed a file of items, which is also read as the one that says
 * which site is active. What is taken must be found again, and nothing be of two sites. */
#include "tests/fuzz/fuzz.h"

#include "plugins/dns/site.h"

#include <sys/mman.h>
#include <unistd.h>

static void check_error_line(const struct dr_error *error)
{
    MUST(error->class == DR_ERR_USAGE);
    MUST(*error->text != '\0' && strlen(error->text) < sizeof error->text);
    for (const char *c = error->text; *c != '\0'; c++)
        MUST((unsigned char)*c >= ' ' && *c != 0x7f);
}

static void check_site(const struct dns_sites *sites, size_t index)
{
    const struct dns_site *site = &sites->items[index];
    char text[DNS_NAME_TEXT];
    MUST(dns_site_find(sites, site->name) == index);
    MUST(site->network_count + site->host_count > 0);
    MUST(site->network_count + site->host_count <= DNS_SITE_ITEMS_MAX);
    MUST(site->as_of == NULL || (site->file != NULL && strlen(site->as_of) == 10));
    for (size_t i = 0; i < site->network_count; i++) {
        const struct dns_network *network = &site->networks[i];
        MUST(network->bits > 0 && network->bits <= (network->address.family == 4 ? 32 : 128));
        MUST(dns_network_has(network, &network->address));
        MUST(dns_site_of_address(sites, &network->address) == index);
    }
    for (size_t i = 0; i < site->host_count; i++) {
        struct dns_name below;
        dns_name_text(&site->hosts[i].name, text);
        if (!site->hosts[i].below)
            MUST(dns_site_of_name(sites, text) == index);
        else if (dns_name_prefix("x", &site->hosts[i].name, &below))
            MUST(dns_site_of_name(sites, dns_name_text(&below, text)) == index);
    }
}

static void add(struct dns_sites *sites, const char *argument)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    size_t before = sites->count;
    if (dns_sites_add(sites, argument, &error)) {
        MUST(error.class == DR_ERR_NONE);
        MUST(sites->count == before || sites->count == before + 1);
    } else {
        check_error_line(&error);
        MUST(sites->count == before);
    }
    for (size_t i = 0; i < sites->count; i++)
        check_site(sites, i);
}

/* Where the bytes can be read as a file; *fd is to be closed. */
static void make_file(const uint8_t *data, size_t size, char path[40], int *fd)
{
    *fd = memfd_create("fuzz", MFD_CLOEXEC);
    MUST(*fd >= 0 && write(*fd, data, size) == (ssize_t)size);
    snprintf(path, 40, "/proc/self/fd/%d", *fd);
}

static void read_active(const char *path)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    char *name = NULL;
    double age;
    if (!dns_site_read_active(path, &name, &age, &error)) {
        MUST(name == NULL);
        check_error_line(&error);
        return;
    }
    MUST(*name > '#' || *name == '!' || *name == '"');
    MUST(strpbrk(name, "|@/\n\r\t") == NULL && name[strlen(name) - 1] != ' ');
    free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *feed = size > 0 ? memchr(data, '\f', size) : NULL;
    size_t first = feed != NULL ? (size_t)(feed - data) : size;
    struct dns_sites sites = {.count = 0};
    char path[40], item[60];
    int fd;
    char *argument = fuzz_text(data, first);
    /* no files but ours */
    for (char *at = argument; (at = strchr(at, '@')) != NULL;)
        *at = '_';
    make_file(feed != NULL ? feed + 1 : data, feed != NULL ? size - first - 1 : 0, path, &fd);
    snprintf(item, sizeof item, "file=@%s", path);
    add(&sites, argument);
    add(&sites, argument);
    add(&sites, item);
    read_active(path);
    close(fd);
    free(argument);
    dns_sites_free(&sites);
    return 0;
}
