/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts of check_backup_freshness: for --help, the manual page and what is generated. */
#ifndef BACKUPS_MANUAL_H
#define BACKUPS_MANUAL_H

#include "common/plugin.h"

extern const char bak_description[];
#define BAK_EXAMPLES 5
extern const struct dr_example bak_examples[BAK_EXAMPLES];

#define BAK_SECTIONS 16
extern const struct dr_manual_section bak_manual[BAK_SECTIONS];

#endif
