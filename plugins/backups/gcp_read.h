/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of Google's Compute Engine API (v1): snapshots of disks, and the disks there are. */
#ifndef BACKUPS_GCP_READ_H
#define BACKUPS_GCP_READ_H

#include "plugins/backups/request.h"

#define GCP_NAME_SIZE 256
#define GCP_TOKEN_SIZE 2048

/* What the list of disks shows of a series: the greatest of what its pages show. */
enum gcp_disk {
    GCP_UNLISTED = 0, /* nothing */
    GCP_GONE,         /* its zone was listed, without the disk */
    GCP_UNSEEN,       /* its zone could not be listed */
    GCP_THERE
};

/* What of a project is looked at. */
struct gcp_wanted {
    const struct bak_request *request;
    const char *disk;     /* a glob of "ZONE/DISK" or "DISK"; "": all */
    enum gcp_disk *disks; /* of the series that had a snapshot, in their order: gcp_read_disks
                             fills it */
    size_t disk_count;
};

/* snapshots.list: adds the snapshots of a page to the series of their disks ("ZONE/DISK"), and
 * copies the token of the next page ("": it was the last). False with a PROTOCOL error for anything
 * that is no such list, or has a snapshot without name, status, disk or date. */
bool gcp_read_snapshots(const char *text, const struct gcp_wanted *wanted, struct bak_facts *facts,
                        char next[GCP_TOKEN_SIZE], struct dr_error *error);

/* disks.aggregatedList: adds the disks that have no snapshot, as series that are only expected, and
 * notes what it shows of the others. A zone that could not be listed is a note. */
bool gcp_read_disks(const char *text, const struct gcp_wanted *wanted, struct bak_facts *facts,
                    char next[GCP_TOKEN_SIZE], struct dr_error *error);

/* After the last page: takes the series out whose disks are gone, and names them in a note. Their
 * snapshots are kept as a schedule does (onSourceDiskDelete, KEEP_AUTO_SNAPSHOTS by default): they
 * grow old, and no new one can be made. A disk that was asked for by its name stays, with a note.
 */
void gcp_set_aside(const struct gcp_wanted *wanted, struct bak_facts *facts);

/* The access_token of a reply of the token's endpoint, which the caller wipes and frees; NULL. */
char *gcp_read_token(const char *text);

/* What an error says of itself: {"error": {"message": ...}}, or {"error_description": ...}; "".
 * True where one of its reasons is that too much was asked: Google sends that with status 403, too.
 */
bool gcp_read_message(const char *text, char message[GCP_NAME_SIZE]);

#endif
