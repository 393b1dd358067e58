/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/dns/address.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(rows) (sizeof(rows) / sizeof(rows)[0])

static struct dns_address address_of(const char *text)
{
    struct dns_address address;
    if (!dns_address_read(text, &address))
        fail_msg("%s was not read", text);
    return address;
}

static struct dns_network network_of(const char *text)
{
    struct dns_network network;
    struct dr_error error = {.text = ""};
    if (!dns_network_read(text, &network, &error))
        fail_msg("%s: %s", text, error.text);
    return network;
}

static void test_addresses_are_read_and_written(void **state)
{
    (void)state;
    static const struct {
        const char *text, *written;
        int family;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", 4},
        {"0.0.0.0", "0.0.0.0", 4},
        {"::", "::", 6},
        {"0:0:0:0:0:0:0:0", "::", 6},
        {"2001:DB8:0:0::1", "2001:db8::1", 6},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1", 6},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char buffer[DNS_ADDRESS_TEXT];
        struct dns_address address = address_of(rows[i].text);
        assert_int_equal(address.family, rows[i].family);
        assert_string_equal(dns_address_text(&address, buffer), rows[i].written);
    }
    char buffer[DNS_ADDRESS_TEXT] = "x";
    assert_string_equal(dns_address_text(&(struct dns_address){.family = 0}, buffer), "");
}

static void test_what_is_no_address(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",           " ",           "192.0.2",      "192.0.2.1 ",
        " 192.0.2.1", "192.0.2.256", "192.0.2.1.1",  "0xc0.0.2.1",
        "1",          "2001:db8",    "2001:db8:::1", "::1%lo",
        "[::1]",      "localhost",   "192.0.2.1/32",
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct dns_address address = {.family = 77};
        if (dns_address_read(rows[i], &address))
            fail_msg("\"%s\" was read", rows[i]);
        assert_int_equal(address.family, 77);
    }
}

static void test_equal_by_bytes(void **state)
{
    (void)state;
    struct dns_address a = address_of("2001:db8::1"), b = address_of("2001:0db8:0::0:1");
    struct dns_address near = address_of("10.0.0.1"), far = address_of("10.0.0.10");
    struct dns_address plain = address_of("192.0.2.1"), mapped = address_of("::ffff:192.0.2.1");
    assert_true(dns_address_equal(&a, &b));
    assert_false(dns_address_equal(&near, &far));
    assert_false(dns_address_equal(&plain, &mapped));
    /* the bytes that IPv4 leaves are not looked at */
    plain.bytes[15] = 1;
    struct dns_address same = address_of("192.0.2.1");
    assert_true(dns_address_equal(&plain, &same));
}

static void test_ports(void **state)
{
    (void)state;
    static const struct {
        const char *text, *address;
        int port;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", 0},         {"192.0.2.1:5353", "192.0.2.1", 5353},
        {"2001:db8::1", "2001:db8::1", 0},     {"[2001:db8::1]", "2001:db8::1", 0},
        {"[2001:db8::1]:1", "2001:db8::1", 1}, {"[::1]:65535", "::1", 65535},
        {"::1:5353", "::1:5353", 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct dns_address address, wanted = address_of(rows[i].address);
        struct dr_error error = {.text = ""};
        int port = -1;
        if (!dns_address_read_port(rows[i].text, &address, &port, &error))
            fail_msg("%s: %s", rows[i].text, error.text);
        assert_true(dns_address_equal(&address, &wanted));
        assert_int_equal(port, rows[i].port);
    }
}

static void test_bad_ports(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"", "no address"},
        {"ns1.example.com", "no address"},
        {"[192.0.2.1]:53", "no address"},
        {"[::1", "no address"},
        {"::1]:53", "no address"},
        {":53", "no address"},
        {"192.0.2.1:", "\"\" is no port (1 to 65535)"},
        {"192.0.2.1:0", "\"0\" is no port"},
        {"192.0.2.1:65536", "\"65536\" is no port"},
        {"192.0.2.1:99999999999999999999", "is no port"},
        {"192.0.2.1:+53", "\"+53\" is no port"},
        {"192.0.2.1:53x", "\"53x\" is no port"},
        {"[::1]53", "no address"},
        {"[::1]:", "\"\" is no port"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct dns_address address;
        struct dr_error error = {.text = ""};
        int port = -1;
        if (dns_address_read_port(rows[i].text, &address, &port, &error))
            fail_msg("\"%s\" was read", rows[i].text);
        assert_int_equal(error.class, DR_ERR_USAGE);
        if (strstr(error.text, rows[i].error) == NULL)
            fail_msg("\"%s\": %s", rows[i].text, error.text);
        assert_int_equal(port, -1);
    }
}

static void test_networks_have_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *network, *address;
        bool has;
    } rows[] = {
        {"192.0.2.0/24", "192.0.2.0", true},
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.128/25", "192.0.2.200", true},
        {"10.0.0.1", "10.0.0.1", true},
        {"10.0.0.1", "10.0.0.10", false},
        {"10.0.0.1/32", "10.0.0.10", false},
        {"172.16.0.0/12", "172.31.255.255", true},
        {"172.16.0.0/12", "172.32.0.0", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "192.0.2.1", false},
        /* what other checks take for OK: any IPv6 address in any IPv6 network */
        {"fd00:dead::/32", "2001:db8:1::10", false},
        {"fd00:dead::/32", "fd00:dead:ffff::1", true},
        {"2001:db8:1::/48", "2001:db8:1:ffff::1", true},
        {"2001:db8:1::/48", "2001:db8:2::1", false},
        {"2001:db8::1", "2001:db8::1", true},
        {"2001:db8::1/128", "2001:db8::2", false},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"192.0.2.0/24", "::ffff:192.0.2.1", false},
        {"::ffff:0:0/96", "192.0.2.1", false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct dns_network network = network_of(rows[i].network);
        struct dns_address address = address_of(rows[i].address);
        if (dns_network_has(&network, &address) != rows[i].has)
            fail_msg("%s, %s", rows[i].network, rows[i].address);
    }
    struct dns_network all = network_of("0.0.0.0/0");
    assert_false(dns_network_has(&all, &(struct dns_address){.family = 0}));
}

static void test_what_is_no_network(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"", "no address and no network"},
        {"app.example.com", "no address and no network"},
        {"app.example.com/24", "no address and no network"},
        {"192.0.2/24", "no address and no network"},
        {"/24", "no address and no network"},
        {"192.0.2.0/", "\"\" is no number of bits (0 to 32)"},
        {"192.0.2.0/33", "\"33\" is no number of bits (0 to 32)"},
        {"192.0.2.0/-1", "\"-1\" is no number of bits"},
        {"192.0.2.0/24/24", "\"24/24\" is no number of bits"},
        {"192.0.2.0/255.255.255.0", "no number of bits"},
        {"192.0.2.0/4294967320", "no number of bits"},
        {"2001:db8::/129", "\"129\" is no number of bits (0 to 128)"},
        {"192.0.2.1/24",
         "can be read in two ways: write 192.0.2.0/24 for the network, 192.0.2.1 for the address"},
        {"2001:db8::1/32", "write 2001:db8::/32 for the network, 2001:db8::1 for the address"},
        {"192.0.2.1/0", "write 0.0.0.0/0 for the network, 192.0.2.1 for the address"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct dns_network network = {.bits = 77};
        struct dr_error error = {.text = ""};
        if (dns_network_read(rows[i].text, &network, &error))
            fail_msg("\"%s\" was read", rows[i].text);
        assert_int_equal(error.class, DR_ERR_USAGE);
        if (strstr(error.text, rows[i].error) == NULL)
            fail_msg("\"%s\": %s", rows[i].text, error.text);
        assert_int_equal(network.bits, 77);
    }
}

static void test_sockets(void **state)
{
    (void)state;
    struct sockaddr_storage storage;
    struct dns_address four = address_of("192.0.2.1"), six = address_of("2001:db8::1");
    assert_int_equal(dns_address_socket(&four, 5353, &storage), sizeof(struct sockaddr_in));
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&storage;
    assert_int_equal(in->sin_family, AF_INET);
    assert_int_equal(ntohs(in->sin_port), 5353);
    assert_int_equal(ntohl(in->sin_addr.s_addr), 0xc0000201);
    assert_int_equal(dns_address_socket(&six, 53, &storage), sizeof(struct sockaddr_in6));
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&storage;
    assert_int_equal(in6->sin6_family, AF_INET6);
    assert_int_equal(ntohs(in6->sin6_port), 53);
    assert_int_equal(in6->sin6_scope_id, 0);
    assert_memory_equal(&in6->sin6_addr, six.bytes, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_read_and_written),
        cmocka_unit_test(test_what_is_no_address),
        cmocka_unit_test(test_equal_by_bytes),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_bad_ports),
        cmocka_unit_test(test_networks_have_addresses),
        cmocka_unit_test(test_what_is_no_network),
        cmocka_unit_test(test_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
