/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What replies of Azure have in common: XML documents, the statistics of a service, errors. */
#ifndef DR_CLIENT_AZURE_READ_H
#define DR_CLIENT_AZURE_READ_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/optional.h"

#define DR_AZURE_WORD_SIZE 64

/* An element of an XML document whose text is wanted. */
struct dr_azure_element {
    const char *path;      /* "/StorageServiceStats/GeoReplication/Status", names without prefix */
    struct dr_buffer text; /* its limit is the longest text that is taken; the caller's to free */
    unsigned count;        /* how often it was there: at most once */
};

struct dr_azure_document {
    struct dr_azure_element *elements;
    size_t count;
    const char *item; /* an element that may be there more than once; NULL: none */
    /* Called at the end of each: the elements below it hold those of this one. NULL, or static text
     * that says why the document is of no use. */
    const char *(*take)(void *context);
    void *context;
};

/* Reads an XML document. False with a PROTOCOL error when it is none, has a document type
 * (entities), a wanted element twice, or one that is too long. */
bool dr_azure_read_xml(const struct dr_buffer *body, const struct dr_azure_document *document,
                       struct dr_error *error);

/* Sets the PROTOCOL error "the reply cannot be used: ..."; returns false. */
bool dr_azure_unusable(struct dr_error *error, const char *why);

/* What Azure says about the copy in the other region. */
struct dr_azure_stats {
    char status[DR_AZURE_WORD_SIZE]; /* Azure's word, in lower case: "live" */
    struct dr_opt_real synced;       /* LastSyncTime, seconds since the epoch: what was written
                                        before is on the secondary. Unknown where it is empty or the
                                        default of year 1 */
};

/* "Get Blob Service Stats" and its twins of queue and table: XML. False with a PROTOCOL error when
 * it is no such document. */
bool dr_azure_read_stats(const struct dr_buffer *body, struct dr_azure_stats *stats,
                         struct dr_error *error);

/* Seconds since the last sync time at `now`, the server's clock when it answered. False where it is
 * unknown or still to come. */
bool dr_azure_sync_age(const struct dr_azure_stats *stats, double now, double *age);

/* Copies a word as lower case, without blanks around it; false when it does not fit. */
bool dr_azure_take_word(const char *from, char word[DR_AZURE_WORD_SIZE]);

/* Reads a last sync time; "" and a default are left unknown. False when it is no date. */
bool dr_azure_take_moment(const char *from, struct dr_opt_real *moment);

/* The access_token in a reply of the metadata service, which the caller wipes and frees; NULL. */
char *dr_azure_read_token(const struct dr_buffer *body);

/* The code in an error's body ("AuthenticationFailed"), XML or JSON; "" where there is none. */
void dr_azure_read_code(const struct dr_buffer *body, char code[DR_AZURE_WORD_SIZE]);

/* Copies a code if it looks like one (letters and digits); else leaves what is there. */
void dr_azure_clean_code(const char *from, char code[DR_AZURE_WORD_SIZE]);

#endif
