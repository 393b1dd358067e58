/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/wal.h"

#include <stdio.h>

void bak_wal_name(const struct bak_segment *segment, uint64_t segment_size,
                  char name[BAK_WAL_NAME_SIZE])
{
    uint64_t each = 0x100000000u / segment_size;
    snprintf(name, BAK_WAL_NAME_SIZE, "%08X%08X%08X", (unsigned)segment->timeline,
             (unsigned)(segment->number / each), (unsigned)(segment->number % each));
}
