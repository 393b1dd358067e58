/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Azure Blob Storage: "List Blobs", "Get Blob Properties" and "Get Blob" of the REST reference. */
#include "common/client/azure.h"
#include "common/client/xml.h"
#include "plugins/backups/store_azure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* 5,000 names of 1,024 characters, every one of them encoded, and what is said of each. */
#define PAGE_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define NAME_MAX_BYTES ((size_t)4096)
/* A legal hold ends when somebody lifts it: the last second of year 9999. */
#define NO_END 253402300799.0

/* ---- one page of the list ---- */

enum element {
    NAME = 0,
    SNAPSHOT,
    DELETED,
    CREATED,
    MODIFIED,
    SIZE,
    MD5,
    KIND,
    RESOURCE,
    COPY,
    TIER,
    EXPIRY,
    PREFIX,
    NEXT,
    ELEMENTS
};

#define BLOB "/EnumerationResults/Blobs/Blob"
#define BLOB_PREFIX "/EnumerationResults/Blobs/BlobPrefix"

static const struct dr_xml_element wanted[ELEMENTS] = {
    [NAME] = {.path = BLOB "/Name", .most = NAME_MAX_BYTES},
    [SNAPSHOT] = {.path = BLOB "/Snapshot"},
    [DELETED] = {.path = BLOB "/Deleted"},
    [CREATED] = {.path = BLOB "/Properties/Creation-Time"},
    [MODIFIED] = {.path = BLOB "/Properties/Last-Modified"},
    [SIZE] = {.path = BLOB "/Properties/Content-Length"},
    [MD5] = {.path = BLOB "/Properties/Content-MD5"},
    [KIND] = {.path = BLOB "/Properties/BlobType"},
    [RESOURCE] = {.path = BLOB "/Properties/ResourceType"},
    [COPY] = {.path = BLOB "/Properties/CopyStatus"},
    [TIER] = {.path = BLOB "/Properties/AccessTier"},
    [EXPIRY] = {.path = BLOB "/Properties/Expiry-Time"},
    [PREFIX] = {.path = BLOB_PREFIX "/Name", .most = NAME_MAX_BYTES},
    [NEXT] = {.path = "/EnumerationResults/NextMarker", .most = NAME_MAX_BYTES},
};

struct listing {
    struct bak_azure *azure;
    bool uncommitted; /* uploads that were begun are in it as well */
    const struct bak_listing *asked;
    bak_take *take;
    void *context;
    struct dr_buffer prefix; /* the whole one */
    struct dr_buffer marker; /* of the next page; "": the first */
    struct dr_buffer last;   /* the last name, of a sorted list */
    struct dr_xml xml;
    struct dr_xml_element elements[ELEMENTS];
};

static const char *text_of(const struct listing *listing, enum element element)
{
    return dr_buffer_text(&listing->elements[element].text);
}

static bool is_there(const struct listing *listing, enum element element)
{
    return listing->elements[element].count > 0;
}

/* When the content was written. Last-Modified is renewed by whoever edits metadata, which would
 * make an old backup look fresh; a block blob whose content is replaced is created anew. */
static struct dr_opt_real written(const char *kind, const char *created, const char *modified)
{
    struct dr_opt_real creation = bak_azure_moment(created);
    return strcmp(kind, "BlockBlob") == 0 && creation.known ? creation : bak_azure_moment(modified);
}

static const char *archive_tier(const char *tier)
{
    return strcmp(tier, "Archive") == 0 ? "Archive" : NULL;
}

/* The name below the root of the store; NULL, with the error set, where it is none. */
static const char *below_root(const struct listing *listing, enum element element,
                              struct dr_error *error)
{
    const struct dr_xml_element *name = &listing->elements[element];
    size_t length = strlen(listing->azure->root);
    if (name->text.size == 0) {
        dr_azure_unusable(error, "a blob without a name");
        return NULL;
    }
    if (name->encoded == 'Y' && !bak_azure_decode(name->text.text)) {
        dr_azure_unusable(error, "an encoded name that is none");
        return NULL;
    }
    const char *text = dr_buffer_text(&name->text);
    if (strncmp(text, dr_buffer_text(&listing->prefix), listing->prefix.size) != 0) {
        dr_azure_unusable(error, "a blob that does not begin with the prefix");
        return NULL;
    }
    return text + length;
}

/* Is it one to hand over? Sorted lists are merged with others: there a name out of order would be
 * taken for one that is missing. */
static bool hand_over(struct listing *listing, const struct bak_entry *entry,
                      struct dr_error *error)
{
    const struct bak_listing *asked = listing->asked;
    if (asked->after != NULL && strcmp(entry->name, asked->after) <= 0)
        return true;
    if (asked->sorted) {
        if (listing->last.size > 0 && strcmp(entry->name, dr_buffer_text(&listing->last)) < 0)
            return dr_azure_unusable(error, "names that are not in byte order, so that they cannot "
                                            "be compared");
        dr_buffer_clear(&listing->last);
        dr_buffer_add(&listing->last, entry->name);
    }
    return listing->take(listing->context, entry, error);
}

/* "a/b/" */
static bool take_prefix(struct listing *listing, struct dr_error *error)
{
    const char *name = below_root(listing, PREFIX, error);
    if (name == NULL)
        return false;
    char *copy = strdup(name);
    size_t length = copy != NULL ? strlen(copy) : 0;
    if (copy == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    if (length > 0 && copy[length - 1] == '/')
        copy[length - 1] = '\0';
    const struct bak_entry entry = {.name = copy, .directory = true};
    bool ok = hand_over(listing, &entry, error);
    free(copy);
    return ok;
}

/* Uncommitted blobs are listed without content and its MD5, as some empty ones are: which it is
 * shows when it is looked at, after the list. */
static bool may_be_begun(const struct listing *listing)
{
    return listing->uncommitted && listing->azure->begun_count < BAK_AZURE_BEGUN_MAX &&
           strcmp(text_of(listing, SIZE), "0") == 0 && text_of(listing, MD5)[0] == '\0';
}

static bool note_begun(struct listing *listing, const char *name, struct dr_error *error)
{
    struct bak_azure_begun *begun = &listing->azure->begun[listing->azure->begun_count];
    begun->name = strdup(name);
    if (begun->name == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    begun->moment = bak_azure_moment(text_of(listing, MODIFIED));
    if (!begun->moment.known)
        begun->moment = bak_azure_moment(text_of(listing, CREATED));
    listing->azure->begun_count++;
    return true;
}

static bool take_blob(struct listing *listing, struct dr_error *error)
{
    const char *name = below_root(listing, NAME, error);
    if (name == NULL)
        return false;
    size_t length = strlen(name);
    bool directory = strcmp(text_of(listing, RESOURCE), "directory") == 0 || length == 0 ||
                     name[length - 1] == '/';
    if (directory || is_there(listing, SNAPSHOT) || is_there(listing, DELETED))
        return true;
    struct bak_azure *azure = listing->azure;
    if (may_be_begun(listing))
        return note_begun(listing, name, error);
    struct bak_entry entry = {.name = name, .detailed = true};
    entry.size = bak_azure_size(text_of(listing, SIZE));
    entry.modified =
        written(text_of(listing, KIND), text_of(listing, CREATED), text_of(listing, MODIFIED));
    entry.arrived = entry.modified;
    entry.md5 = bak_azure_md5(text_of(listing, MD5), azure->md5) ? azure->md5 : NULL;
    entry.tier = archive_tier(text_of(listing, TIER));
    entry.expires = bak_azure_moment(text_of(listing, EXPIRY));
    return hand_over(listing, &entry, error);
}

static bool take_item(void *context, const char *which, struct dr_error *error)
{
    struct listing *listing = context;
    return strcmp(which, BLOB) == 0 ? take_blob(listing, error) : take_prefix(listing, error);
}

static bool ask_page(struct listing *listing, struct dr_error *error)
{
    struct bak_azure *azure = listing->azure;
    struct dr_azure_pair query[8] = {
        {"restype", "container"}, {"comp", "list"}, {"maxresults", BAK_AZURE_PAGE}};
    struct dr_buffer path = DR_BUFFER(DR_AZURE_BASE_MAX + 128);
    struct dr_http_reply reply = {.status = 0};
    size_t count = 3;
    if (listing->prefix.size > 0)
        query[count++] = (struct dr_azure_pair){"prefix", dr_buffer_text(&listing->prefix)};
    if (!listing->asked->recursive)
        query[count++] = (struct dr_azure_pair){"delimiter", "/"};
    if (listing->uncommitted)
        query[count++] = (struct dr_azure_pair){"include", "uncommittedblobs"};
    if (listing->marker.size > 0)
        query[count++] = (struct dr_azure_pair){"marker", dr_buffer_text(&listing->marker)};
    query[count] = (struct dr_azure_pair){NULL, NULL};
    dr_buffer_addf(&path, "%s%s", azure->access.path, azure->container);
    struct dr_azure_call call = bak_azure_call(azure, dr_buffer_text(&path), query, "list");
    call.sink = dr_xml_push;
    call.sink_context = &listing->xml;
    call.body_max = PAGE_BYTES_MAX;
    bool ok = bak_azure_ask(azure, &call, &reply, error) &&
              (reply.status == 200 ? dr_xml_finish(&listing->xml, error)
                                   : bak_azure_refused(azure, &reply, error));
    dr_http_reply_free(&reply);
    dr_buffer_free(&path);
    return ok;
}

/* Asks for one page, and keeps the marker of the next. */
static bool read_page(struct listing *listing, struct dr_error *error)
{
    memcpy(listing->elements, wanted, sizeof wanted);
    listing->xml = (struct dr_xml){.elements = listing->elements,
                                   .count = ELEMENTS,
                                   .item = BLOB,
                                   .item2 = BLOB_PREFIX,
                                   .take = take_item,
                                   .context = listing,
                                   .root = "EnumerationResults"};
    bool ok = dr_xml_start(&listing->xml, error) && ask_page(listing, error);
    const char *next = ok ? text_of(listing, NEXT) : "";
    if (ok && next[0] != '\0' && strcmp(next, dr_buffer_text(&listing->marker)) == 0)
        ok = dr_azure_unusable(error, "the list's next marker is the one before it");
    dr_buffer_clear(&listing->marker);
    if (ok && !dr_buffer_add(&listing->marker, next))
        ok = dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    dr_xml_end(&listing->xml);
    return ok;
}

static bool read_pages(struct listing *listing, struct dr_error *error)
{
    listing->prefix = DR_BUFFER(NAME_MAX_BYTES);
    listing->marker = DR_BUFFER(NAME_MAX_BYTES);
    listing->last = DR_BUFFER(NAME_MAX_BYTES);
    bool ok =
        dr_buffer_addf(&listing->prefix, "%s%s", listing->azure->root, listing->asked->prefix) ||
        listing->prefix.size == 0 || dr_error_set(error, DR_ERR_USAGE, "the prefix is too long");
    bool more = true;
    while (ok && more && bak_azure_may_go_on(listing->azure)) {
        ok = read_page(listing, error);
        more = listing->marker.size > 0;
    }
    dr_buffer_free(&listing->prefix);
    dr_buffer_free(&listing->marker);
    dr_buffer_free(&listing->last);
    return ok;
}

static bool look_at_blob(struct bak_store *store, const char *name, struct bak_entry *entry,
                         bool *found, struct dr_error *error);

/* Which of those that may be uploads are blobs, however empty: they are handed over after all. */
static bool settle_begun(struct listing *listing, struct dr_error *error)
{
    struct bak_azure *azure = listing->azure;
    size_t kept = 0;
    bool ok = true;
    for (size_t i = 0; i < azure->begun_count; i++) {
        struct bak_azure_begun begun = azure->begun[i];
        struct bak_entry entry;
        struct dr_error reason;
        bool found = false;
        if (ok && !look_at_blob(&azure->store, begun.name, &entry, &found, &reason) &&
            reason.class != DR_ERR_USAGE) {
            *error = reason;
            ok = false;
        }
        ok = ok && (!found || hand_over(listing, &entry, error));
        if (found)
            free(begun.name);
        else
            azure->begun[kept++] = begun;
    }
    azure->begun_count = kept;
    return ok;
}

static bool list_blobs(struct bak_store *store, const struct bak_listing *asked, bak_take *take,
                       void *context, struct dr_error *error)
{
    struct listing *listing = calloc(1, sizeof *listing);
    if (listing == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    listing->azure = (struct bak_azure *)store;
    listing->asked = asked;
    listing->take = take;
    listing->context = context;
    /* what is looked at afterwards cannot be in its place */
    listing->uncommitted = asked->recursive && !asked->sorted;
    if (listing->uncommitted)
        bak_azure_drop_begun(listing->azure);
    bool ok = read_pages(listing, error);
    if (listing->uncommitted) {
        ok = ok && settle_begun(listing, error);
        listing->azure->begun_known = ok;
    }
    free(listing);
    return ok;
}

static bool take_nothing(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    (void)context, (void)entry, (void)error;
    return true;
}

/* Uploads of blocks that were never put together. The list of blobs has shown them, where one was
 * made. */
static bool list_unfinished(struct bak_store *store, bak_take *take, void *context,
                            struct dr_error *error)
{
    static const struct bak_listing all = {.prefix = "", .recursive = true};
    struct bak_azure *azure = (struct bak_azure *)store;
    if (!azure->begun_known && !list_blobs(store, &all, take_nothing, NULL, error))
        return false;
    for (size_t i = 0; i < azure->begun_count; i++) {
        const struct bak_entry entry = {.name = azure->begun[i].name,
                                        .modified = azure->begun[i].moment};
        if (!take(context, &entry, error))
            return false;
    }
    return true;
}

/* ---- one blob ---- */

static struct dr_opt_real moment_of(const struct dr_http_reply *reply, const char *name)
{
    char text[64];
    dr_http_header(reply, name, text, sizeof text);
    return bak_azure_moment(text);
}

static bool is_true(const struct dr_http_reply *reply, const char *name)
{
    char text[16];
    return dr_http_header(reply, name, text, sizeof text) && strcmp(text, "true") == 0;
}

/* Object replication: a header for each rule, "x-ms-or-POLICY_RULE: complete". The worst counts. */
static const char *replication_of(const struct dr_http_reply *reply)
{
    const char *line = dr_buffer_text(&reply->header), *found = NULL;
    for (; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n' ? 1 : 0) {
        size_t length = strcspn(line, "\n");
        const char *colon = memchr(line, ':', length);
        if (strncasecmp(line, "x-ms-or-", 8) != 0 || colon == NULL ||
            strncasecmp(line, "x-ms-or-policy-id", 17) == 0)
            continue;
        const char *value = colon + 1 + strspn(colon + 1, " ");
        if (strncasecmp(value, "failed", 6) == 0)
            return "FAILED";
        if (strncasecmp(value, "complete", 8) == 0)
            found = "COMPLETED";
    }
    return found;
}

static bool look_at_blob(struct bak_store *store, const char *name, struct bak_entry *entry,
                         bool *found, struct dr_error *error)
{
    struct bak_azure *azure = (struct bak_azure *)store;
    struct dr_http_reply reply;
    char size[32], md5[32], kind[32], created[64], modified[64];
    *entry = (struct bak_entry){.name = name, .detailed = true};
    bool ok = bak_azure_head(azure, name, found, &reply, error);
    if (ok && *found) {
        dr_http_header(&reply, "Content-Length", size, sizeof size);
        dr_http_header(&reply, "Content-MD5", md5, sizeof md5);
        dr_http_header(&reply, "x-ms-blob-type", kind, sizeof kind);
        dr_http_header(&reply, "x-ms-creation-time", created, sizeof created);
        dr_http_header(&reply, "Last-Modified", modified, sizeof modified);
        dr_http_header(&reply, "x-ms-access-tier", azure->tier, sizeof azure->tier);
        entry->size = bak_azure_size(size);
        entry->modified = entry->arrived = written(kind, created, modified);
        entry->md5 = bak_azure_md5(md5, azure->md5) ? azure->md5 : NULL;
        entry->tier = archive_tier(azure->tier);
        entry->expires = moment_of(&reply, "x-ms-expiry-time");
        entry->locked = is_true(&reply, "x-ms-legal-hold")
                            ? dr_real(NO_END)
                            : moment_of(&reply, "x-ms-immutability-policy-until-date");
        entry->replication = replication_of(&reply);
    } else if (ok) {
        ok = dr_error_set(error, DR_ERR_USAGE, "there is no such blob");
    }
    dr_http_reply_free(&reply);
    return ok || dr_error_prefix(error, "%s", name);
}

/* ---- the container and its service ---- */

static const char *const no_such_blob[] = {"BlobNotFound", NULL};

static const struct bak_azure_kind blob_kind = {
    .type = {.list = list_blobs,
             .look = look_at_blob,
             .read = bak_azure_read,
             .load = bak_azure_load,
             .unfinished = list_unfinished,
             .close = bak_azure_close},
    .words = "Azure Blob container",
    .thing = "container",
    .form = {.usage = "azure-blob://ACCOUNT/CONTAINER/PATH",
             .sas_parameters = bak_azure_sas_parameters,
             .service = "blob"},
    .grant = {.sas = "the SAS must have sp=rl (read and list) for the whole container; one of the "
                     "account also ss=b and srt=sco",
              .role = "the role Storage Blob Data Reader",
              .no_secondary = "there is no secondary to read: the account needs RA-GRS or RA-GZRS"},
    .use = {.service = "b", .resource = "cd", .words = "a container"},
    .atomic = true,
    .version = DR_AZURE_VERSION,
    .missing = no_such_blob,
};

/* Soft delete keeps what is overwritten or deleted for a while. Where it is off, versioning, which
 * only ARM knows of, may do that: unknown. */
static void take_service(struct bak_azure *azure, const struct dr_http_reply *reply)
{
    struct dr_azure_element element = {"/StorageServiceProperties/DeleteRetentionPolicy/Enabled",
                                       DR_BUFFER(DR_AZURE_WORD_SIZE), 0};
    const struct dr_azure_document document = {.elements = &element, .count = 1};
    if (reply->status == 200 && dr_azure_read_xml(&reply->body, &document, NULL) &&
        strcmp(dr_buffer_text(&element.text), "true") == 0)
        azure->store.versioning = dr_bool(true);
    dr_buffer_free(&element.text);
}

static void take_container(struct bak_azure *azure, const struct dr_http_reply *reply)
{
    char policy[16], hold[16];
    if (reply->status != 200)
        return;
    bool known = dr_http_header(reply, "x-ms-has-immutability-policy", policy, sizeof policy) &&
                 dr_http_header(reply, "x-ms-has-legal-hold", hold, sizeof hold);
    bool locked = known && (strcmp(policy, "true") == 0 || strcmp(hold, "true") == 0);
    /* with versions, each of them may be locked by itself */
    bool by_version = is_true(reply, "x-ms-immutable-storage-with-versioning-enabled");
    if (known && (locked || !by_version))
        azure->store.locking = dr_bool(locked);
}

/* What protects the backups. Whoever may not see that does not know, and lists all the same. */
static bool ask_protection(struct bak_azure *azure, struct dr_error *error)
{
    static const struct dr_azure_pair service[] = {
        {"restype", "service"}, {"comp", "properties"}, {NULL, NULL}};
    static const struct dr_azure_pair container[] = {{"restype", "container"}, {NULL, NULL}};
    struct dr_buffer path = DR_BUFFER(DR_AZURE_BASE_MAX + 128);
    struct dr_http_reply replies[2] = {{.status = 0}, {.status = 0}};
    struct dr_error errors[2];
    bool ok[2] = {false, false};
    if (azure->access.sas != NULL && !azure->access.sas_of_account)
        return true; /* it opens a container's content, and nothing of this */
    dr_buffer_addf(&path, "%s%s", azure->access.path, azure->container);
    struct dr_azure_call calls[2] = {
        bak_azure_call(azure, azure->access.path, service, "ask for the service"),
        bak_azure_call(azure, dr_buffer_text(&path), container, "ask for the container")};
    calls[1].method = "HEAD";
    dr_task_stage(azure->store.task, "ask for the container");
    bool asked = dr_azure_ask_all(azure->http, calls, replies, errors, ok, 2, error);
    if (asked && ok[0])
        take_service(azure, &replies[0]);
    if (asked && ok[1])
        take_container(azure, &replies[1]);
    dr_http_reply_free(&replies[0]);
    dr_http_reply_free(&replies[1]);
    dr_buffer_free(&path);
    return asked;
}

/* A secondary that does not follow has an old state, or a part of one. */
static bool check_secondary(struct bak_azure *azure, struct dr_error *error)
{
    static const struct dr_azure_pair query[] = {
        {"restype", "service"}, {"comp", "stats"}, {NULL, NULL}};
    struct dr_azure_stats stats;
    struct dr_http_reply reply = {.status = 0};
    const struct dr_azure_call call =
        bak_azure_call(azure, azure->access.path, query, "ask for the statistics");
    bool ok = bak_azure_ask(azure, &call, &reply, error) &&
              (reply.status == 200 ? dr_azure_read_stats(&reply.body, &stats, error)
                                   : bak_azure_refused(azure, &reply, error));
    if (ok && strcmp(stats.status, "live") != 0)
        ok = dr_error_set(error, DR_ERR_SERVER,
                          "the secondary does not follow (%s): what it holds is old, or a part",
                          stats.status);
    dr_http_reply_free(&reply);
    return ok;
}

struct bak_store *bak_azure_blob_open(struct dr_task *task, const struct dr_uri *uri, bool whole,
                                      struct dr_error *error)
{
    bool secondary = false;
    if (!dr_uri_flag(uri, "secondary", &secondary, error))
        return NULL;
    struct bak_azure *azure = bak_azure_open(task, uri, &blob_kind, secondary, error);
    if (azure != NULL &&
        ((secondary && !check_secondary(azure, error)) ||
         !bak_azure_root(azure, uri->path, whole, error) || !ask_protection(azure, error))) {
        bak_azure_close(&azure->store);
        return NULL;
    }
    return azure != NULL ? &azure->store : NULL;
}
