/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The replies of tests/samples/dns. */
#ifndef TESTS_UNIT_DNS_SAMPLES_H
#define TESTS_UNIT_DNS_SAMPLES_H

#include <stdint.h>
#include <stdio.h>

#define DNS_SAMPLE_MAX 4096

static const char *const dns_samples[] = {"bind-a",
                                          "bind-chain-signed",
                                          "bind-dname",
                                          "bind-dnskey",
                                          "bind-formerr",
                                          "bind-nxdomain-signed",
                                          "bind-plain",
                                          "bind-referral",
                                          "bind-refused",
                                          "knot-a",
                                          "knot-badvers",
                                          "knot-chain-signed",
                                          "knot-dname",
                                          "knot-dnskey",
                                          "knot-ds",
                                          "knot-many-tcp",
                                          "knot-mx",
                                          "knot-nodata",
                                          "knot-ns",
                                          "knot-nxdomain-signed",
                                          "knot-plain",
                                          "knot-referral",
                                          "knot-refused",
                                          "knot-soa",
                                          "knot-truncated",
                                          "knot-wildcard",
                                          "nsd-a",
                                          "nsd-chain-signed",
                                          "nsd-dname",
                                          "nsd-dnskey",
                                          "nsd-formerr",
                                          "nsd-nxdomain-signed",
                                          "nsd-plain",
                                          "nsd-referral",
                                          "nsd-refused",
                                          "unbound-a",
                                          "unbound-chain-signed",
                                          "unbound-nxdomain",
                                          "unbound-refused",
                                          "unbound-servfail"};

#define DNS_SAMPLES (sizeof dns_samples / sizeof *dns_samples)

/* Its size. */
static inline size_t dns_sample(const char *name, uint8_t bytes[DNS_SAMPLE_MAX])
{
    char path[1024];
    snprintf(path, sizeof path, DR_TESTS "/samples/dns/%s.bin", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, DNS_SAMPLE_MAX, file);
    fclose(file);
    assert_true(size >= 12 && size < DNS_SAMPLE_MAX);
    return size;
}

#endif
