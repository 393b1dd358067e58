/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts of check_dns_target: for --help, the manual page and what is generated. */
#ifndef DNS_MANUAL_H
#define DNS_MANUAL_H

#include "common/plugin.h"

extern const char dns_description[];
#define DNS_EXAMPLES 5
extern const struct dr_example dns_examples[DNS_EXAMPLES];

#define DNS_SECTIONS 13
extern const struct dr_manual_section dns_manual[DNS_SECTIONS];

#endif
