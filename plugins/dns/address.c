/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/address.h"

#include <arpa/inet.h>
#include <string.h>

static size_t size_of(const struct dns_address *address)
{
    return address->family == 6 ? 16 : address->family == 4 ? 4 : 0;
}

bool dns_address_read(const char *text, struct dns_address *address)
{
    struct dns_address read = {.family = strchr(text, ':') == NULL ? 4 : 6};
    if (inet_pton(read.family == 4 ? AF_INET : AF_INET6, text, read.bytes) != 1)
        return false;
    *address = read;
    return true;
}

const char *dns_address_text(const struct dns_address *address, char buffer[DNS_ADDRESS_TEXT])
{
    if (size_of(address) == 0 || inet_ntop(address->family == 4 ? AF_INET : AF_INET6,
                                           address->bytes, buffer, DNS_ADDRESS_TEXT) == NULL)
        buffer[0] = '\0';
    return buffer;
}

/* Decimal digits alone; false beyond `most`. */
static bool number_of(const char *text, unsigned most, unsigned *number)
{
    unsigned value = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = 10 * value + (unsigned)(*text - '0');
        if (value > most)
            return false;
    }
    *number = value;
    return true;
}

/* The first `length` bytes as an address. */
static bool read_part(const char *text, size_t length, struct dns_address *address)
{
    char part[DNS_ADDRESS_TEXT];
    if (length >= sizeof part)
        return false;
    memcpy(part, text, length);
    part[length] = '\0';
    return dns_address_read(part, address);
}

/* Where the port begins, NULL where there is none; *start and *length: the address. */
static const char *cut_port(const char *text, const char **start, size_t *length)
{
    const char *close = text[0] == '[' ? strchr(text, ']') : NULL;
    if (close != NULL && (close[1] == '\0' || close[1] == ':')) {
        *start = text + 1;
        *length = (size_t)(close - *start);
        return close[1] == '\0' ? NULL : close + 2;
    }
    const char *colon = strchr(text, ':');
    *start = text;
    if (colon == NULL || strchr(colon + 1, ':') != NULL) {
        *length = strlen(text);
        return NULL;
    }
    *length = (size_t)(colon - text);
    return colon + 1;
}

bool dns_address_read_port(const char *text, struct dns_address *address, int *port,
                           struct dr_error *error)
{
    const char *start;
    size_t length;
    const char *digits = cut_port(text, &start, &length);
    struct dns_address read;
    bool bracketed = start != text;
    if (!read_part(start, length, &read) || (bracketed && read.family != 6))
        return dr_error_set(error, DR_ERR_USAGE,
                            "\"%.80s\" is no address: 192.0.2.1, 192.0.2.1:53, 2001:db8::1 and "
                            "[2001:db8::1]:53 are some",
                            text);
    unsigned number = 0;
    if (digits != NULL && (!number_of(digits, 65535, &number) || number == 0))
        return dr_error_set(error, DR_ERR_USAGE, "\"%.80s\": \"%.80s\" is no port (1 to 65535)",
                            text, digits);
    *address = read;
    *port = (int)number;
    return true;
}

bool dns_address_equal(const struct dns_address *a, const struct dns_address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, size_of(a)) == 0;
}

/* Sets the bits behind the first `bits` to 0. */
static void mask(struct dns_address *address, unsigned bits)
{
    for (unsigned i = 0; i < sizeof address->bytes; i++)
        if (8 * i >= bits)
            address->bytes[i] = 0;
        else if (8 * i + 8 > bits)
            address->bytes[i] = (uint8_t)(address->bytes[i] & 0xffU << (8 * i + 8 - bits));
}

bool dns_network_read(const char *text, struct dns_network *network, struct dr_error *error)
{
    const char *slash = strchr(text, '/');
    struct dns_network read;
    if (!read_part(text, slash == NULL ? strlen(text) : (size_t)(slash - text), &read.address))
        return dr_error_set(error, DR_ERR_USAGE, "\"%.80s\" is no address and no network", text);
    unsigned most = 8 * (unsigned)size_of(&read.address);
    read.bits = most;
    if (slash != NULL && !number_of(slash + 1, most, &read.bits))
        return dr_error_set(error, DR_ERR_USAGE,
                            "\"%.80s\": \"%.80s\" is no number of bits (0 to %u)", text, slash + 1,
                            most);
    struct dns_address given = read.address;
    mask(&read.address, read.bits);
    if (!dns_address_equal(&given, &read.address)) {
        char one[DNS_ADDRESS_TEXT];
        char all[DNS_ADDRESS_TEXT];
        return dr_error_set(
            error, DR_ERR_USAGE,
            "\"%.80s\" can be read in two ways: write %s/%u for the network, %s for the "
            "address",
            text, dns_address_text(&read.address, all), read.bits, dns_address_text(&given, one));
    }
    *network = read;
    return true;
}

bool dns_network_has(const struct dns_network *network, const struct dns_address *address)
{
    if (network->address.family != address->family)
        return false;
    struct dns_address masked = *address;
    mask(&masked, network->bits);
    return dns_address_equal(&masked, &network->address);
}

socklen_t dns_address_socket(const struct dns_address *address, int port,
                             struct sockaddr_storage *into)
{
    memset(into, 0, sizeof *into);
    if (address->family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)into;
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
        memcpy(&in->sin_addr, address->bytes, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)into;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons((uint16_t)port);
    memcpy(&in6->sin6_addr, address->bytes, 16);
    return sizeof *in6;
}
