/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What catalogues of PostgreSQL backups say: the same text as backup.info of pgBackRest and of
 * Barman, as a sentinel of WAL-G, as a history file, and as the name of a WAL segment. */
#include "tests/fuzz/fuzz.h"

#include "plugins/backups/barman_info.h"
#include "plugins/backups/pgbackrest_info.h"
#include "plugins/backups/wal.h"
#include "plugins/backups/walg_sentinel.h"

#define SEGMENT ((uint64_t)16 * 1024 * 1024)

static void read_pgbackrest(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct bak_pgbackrest_info info;
    struct dr_error error = {.class = DR_ERR_NONE};
    bool ok = bak_pgbackrest_info_read(text, &info, &error);
    MUST(ok == (error.class == DR_ERR_NONE));
    MUST(info.database_count <= BAK_DATABASES_MAX);
    for (size_t i = 0; i < info.count; i++) {
        const struct bak_pgbackrest_backup *backup = &info.backups[i];
        enum bak_level level;
        MUST(bak_pgbackrest_label(backup->label, &level) && level == backup->level);
        MUST(backup->references == NULL ||
             (backup->references >= text &&
              backup->references + backup->references_size <= text + size));
        bak_pgbackrest_label_time(backup->label);
    }
    bak_pgbackrest_info_free(&info);
    free(text);
}

static void read_barman(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct bak_barman_info info;
    struct dr_error error = {.class = DR_ERR_NONE};
    bool ok = bak_barman_info_read(text, &info, &error);
    MUST(ok == (error.class == DR_ERR_NONE));
    MUST(!ok || info.status[0] != '\0');
    MUST(!info.size.known || info.size.value >= 0);
    free(text);
}

static void read_wal(const char *text)
{
    struct bak_wal_set set = {.count = 0};
    struct bak_segment segment;
    struct bak_wal_reach reach;
    struct dr_error error = {.class = DR_ERR_NONE};
    if (bak_wal_read(text, SEGMENT, &segment)) {
        char name[BAK_WAL_NAME_SIZE];
        bak_wal_name(&segment, SEGMENT, name);
        MUST(memcmp(name, text, 24) == 0);
        MUST(bak_wal_set_add(&set, &segment, dr_real(0)));
        bak_wal_set_reach(&set, &segment, &reach);
        MUST(reach.any && reach.missing_count == 0 && reach.through.number == segment.number);
    }
    segment = (struct bak_segment){.timeline = 1, .number = 0};
    bool ok = bak_wal_set_history(&set, 7, text, SEGMENT, &error);
    MUST(ok == (error.class == DR_ERR_NONE));
    for (uint32_t timeline = 1; timeline <= 7; timeline++) {
        segment.timeline = timeline;
        MUST(bak_wal_set_add(&set, &segment, dr_real(0)));
    }
    segment.timeline = 1;
    bak_wal_set_reach(&set, &segment, &reach);
    MUST(reach.through.timeline <= 7 || !reach.any ||
         reach.through.timeline == reach.last.timeline);
    bak_wal_set_free(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bak_walg_sentinel sentinel = {.start = 0};
    struct dr_error error = {.class = DR_ERR_NONE};
    char *text = fuzz_text(data, size);
    MUST(bak_walg_sentinel_read(text, &sentinel, &error) == (error.class == DR_ERR_NONE));
    MUST(!sentinel.size.known || sentinel.size.value > 0);
    read_wal(text);
    free(text);
    read_pgbackrest(data, size);
    read_barman(data, size);
    return 0;
}
