/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Azure Files over its REST interface: "List Directories and Files", "Get File Properties" and "Get
 * File" of the reference. A list is of one directory: what is below it is ours to walk. */
#include "common/client/azure.h"
#include "common/client/xml.h"
#include "plugins/backups/store_azure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first that takes bearer tokens, by x-ms-file-request-intent; 2020-04-08 has Timestamps. */
#define FILES_VERSION "2022-11-02"
#define PAGE_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define NAME_MAX_BYTES ((size_t)4096)
/* Directories that are still to be walked, and names of a list that is sorted: more are not kept.
 */
#define KEPT_MAX ((size_t)1000000)
#define AT_ONCE 4
_Static_assert(AT_ONCE <= DR_AZURE_CALLS_MAX, "they go out together");

enum element {
    FILE_NAME = 0,
    FILE_SIZE,
    FILE_WRITTEN,
    FILE_ARRIVED,
    DIRECTORY_NAME,
    NEXT,
    ELEMENTS
};

#define FILE_ITEM "/EnumerationResults/Entries/File"
#define DIRECTORY_ITEM "/EnumerationResults/Entries/Directory"

static const struct dr_xml_element wanted[ELEMENTS] = {
    [FILE_NAME] = {.path = FILE_ITEM "/Name", .most = NAME_MAX_BYTES},
    [FILE_SIZE] = {.path = FILE_ITEM "/Properties/Content-Length"},
    [FILE_WRITTEN] = {.path = FILE_ITEM "/Properties/LastWriteTime"},
    [FILE_ARRIVED] = {.path = FILE_ITEM "/Properties/Last-Modified"},
    [DIRECTORY_NAME] = {.path = DIRECTORY_ITEM "/Name", .most = NAME_MAX_BYTES},
    [NEXT] = {.path = "/EnumerationResults/NextMarker", .most = NAME_MAX_BYTES},
};

/* A name that is kept: of a directory to walk, or in a list that is to be sorted. */
struct kept {
    char *name;   /* below the root; of a directory with a "/" behind it */
    char *marker; /* of a directory: where its list goes on; NULL: at its beginning */
    struct dr_opt_int size;
    struct dr_opt_real written;
    struct dr_opt_real arrived;
};

struct heap {
    struct kept *items;
    size_t count;
    size_t space;
};

/* A whole listing. */
struct walk {
    struct bak_azure *azure;
    const struct bak_listing *asked;
    bak_take *take;
    void *context;
    struct heap todo;   /* directories, the next one last */
    struct heap sorted; /* what is in the directory that is being read, of a sorted list */
};

/* One page of one directory. */
struct page {
    struct walk *walk;
    struct kept directory;
    struct dr_buffer path;
    struct dr_azure_pair query[8];
    struct dr_xml xml;
    struct dr_xml_element elements[ELEMENTS];
};

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- names that are kept ---- */

static void drop(struct kept *kept)
{
    free(kept->name);
    free(kept->marker);
    *kept = (struct kept){.name = NULL};
}

static void drop_all(struct heap *heap)
{
    for (size_t i = 0; i < heap->count; i++)
        drop(&heap->items[i]);
    free(heap->items);
    *heap = (struct heap){.items = NULL};
}

/* Takes it over, also where it fails. */
static bool keep(struct heap *heap, struct kept kept, struct dr_error *error)
{
    if (kept.name == NULL || heap->count == KEPT_MAX) {
        drop(&kept);
        return heap->count < KEPT_MAX
                   ? out_of_memory(error)
                   : dr_error_set(error, DR_ERR_PROTOCOL,
                                  "the listing is incomplete: more than 1000000 names in one "
                                  "directory, or directories: name less in the target");
    }
    if (heap->count == heap->space) {
        size_t space = heap->space > 0 ? heap->space * 2 : 64;
        struct kept *items = realloc(heap->items, space * sizeof *items);
        if (items == NULL) {
            drop(&kept);
            return out_of_memory(error);
        }
        heap->items = items;
        heap->space = space;
    }
    heap->items[heap->count++] = kept;
    return true;
}

static bool is_directory(const struct kept *kept)
{
    return kept->name[strlen(kept->name) - 1] == '/';
}

/* ---- what a page says ---- */

/* Only names that begin with the prefix count, and directories that lead to them. */
static bool is_wanted(const struct walk *walk, const char *name, bool directory)
{
    const char *prefix = walk->asked->prefix;
    size_t length = strlen(name), most = strlen(prefix);
    if (directory && walk->asked->recursive && length < most)
        return strncmp(name, prefix, length) == 0;
    return strncmp(name, prefix, most) == 0;
}

static bool hand_over(struct walk *walk, const struct kept *kept, struct dr_error *error)
{
    struct bak_entry entry = {.name = kept->name,
                              .directory = is_directory(kept),
                              .detailed = !is_directory(kept),
                              .size = kept->size,
                              .modified = kept->written,
                              .arrived = kept->arrived};
    char *plain = NULL;
    if (entry.directory) {
        plain = strndup(kept->name, strlen(kept->name) - 1);
        if (plain == NULL)
            return out_of_memory(error);
        entry.name = plain;
    }
    bool behind = walk->asked->after == NULL || strcmp(entry.name, walk->asked->after) > 0;
    bool ok = !behind || walk->take(walk->context, &entry, error);
    free(plain);
    return ok;
}

/* In its turn. */
static bool settle(struct walk *walk, struct kept *kept, struct dr_error *error)
{
    bool ok = true;
    if (is_directory(kept) && walk->asked->recursive) {
        ok = keep(&walk->todo, *kept, error);
        *kept = (struct kept){.name = NULL};
        return ok;
    }
    ok = hand_over(walk, kept, error);
    drop(kept);
    return ok;
}

static bool take_entry(struct page *page, enum element element, struct dr_error *error)
{
    struct walk *walk = page->walk;
    struct dr_xml_element *said = &page->elements[element];
    bool directory = element == DIRECTORY_NAME;
    const char *name = dr_buffer_text(&said->text);
    if (said->text.size == 0 || (said->encoded == 'Y' && !bak_azure_decode(said->text.text)) ||
        strchr(name, '/') != NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return dr_azure_unusable(error, "a file without a name, or with one that is none");
    struct kept kept = {
        .name = dr_text_format("%s%s%s", page->directory.name, name, directory ? "/" : "")};
    if (kept.name == NULL)
        return out_of_memory(error);
    if (!is_wanted(walk, kept.name, directory)) {
        drop(&kept);
        return true;
    }
    if (!directory) {
        kept.size = bak_azure_size(dr_buffer_text(&page->elements[FILE_SIZE].text));
        kept.written = bak_azure_moment(dr_buffer_text(&page->elements[FILE_WRITTEN].text));
        kept.arrived = bak_azure_moment(dr_buffer_text(&page->elements[FILE_ARRIVED].text));
        if (!kept.written.known)
            kept.written = kept.arrived;
    }
    return walk->asked->sorted ? keep(&walk->sorted, kept, error) : settle(walk, &kept, error);
}

static bool take_item(void *context, const char *which, struct dr_error *error)
{
    return take_entry(context, strcmp(which, FILE_ITEM) == 0 ? FILE_NAME : DIRECTORY_NAME, error);
}

/* ---- pages ---- */

/* What all names have in common that can be in this directory: Azure leaves out the others. */
static const char *prefix_within(const struct page *page)
{
    const char *prefix = page->walk->asked->prefix;
    size_t length = strlen(page->directory.name);
    bool above = strlen(prefix) > length && strncmp(prefix, page->directory.name, length) == 0;
    return above && strchr(prefix + length, '/') == NULL ? prefix + length : "";
}

static bool prepare(struct page *page, struct dr_azure_call *call, struct dr_error *error)
{
    const struct bak_azure *azure = page->walk->azure;
    const char *prefix = prefix_within(page);
    size_t count = 0;
    page->query[count++] = (struct dr_azure_pair){"restype", "directory"};
    page->query[count++] = (struct dr_azure_pair){"comp", "list"};
    page->query[count++] = (struct dr_azure_pair){"include", "Timestamps,ETag"};
    page->query[count++] = (struct dr_azure_pair){"maxresults", BAK_AZURE_PAGE};
    if (prefix[0] != '\0')
        page->query[count++] = (struct dr_azure_pair){"prefix", prefix};
    if (page->directory.marker != NULL)
        page->query[count++] = (struct dr_azure_pair){"marker", page->directory.marker};
    page->query[count] = (struct dr_azure_pair){NULL, NULL};
    page->path = DR_BUFFER(NAME_MAX_BYTES * 4);
    if (!bak_azure_path(azure, page->directory.name, &page->path))
        return dr_error_set(error, DR_ERR_USAGE, "a name is too long for a request");
    while (page->path.text[page->path.size - 1] == '/')
        page->path.text[--page->path.size] = '\0';
    *call = bak_azure_call(azure, dr_buffer_text(&page->path), page->query, "list");
    memcpy(page->elements, wanted, sizeof wanted);
    page->xml = (struct dr_xml){.elements = page->elements,
                                .count = ELEMENTS,
                                .item = FILE_ITEM,
                                .item2 = DIRECTORY_ITEM,
                                .take = take_item,
                                .context = page,
                                .root = "EnumerationResults"};
    call->sink = dr_xml_push;
    call->sink_context = &page->xml;
    call->body_max = PAGE_BYTES_MAX;
    return dr_xml_start(&page->xml, error);
}

/* The list of a directory may go on. */
static bool take_next(struct page *page, struct dr_error *error)
{
    const char *next = dr_buffer_text(&page->elements[NEXT].text);
    const char *before = page->directory.marker;
    if (next[0] == '\0')
        return true;
    if (before != NULL && strcmp(before, next) == 0)
        return dr_azure_unusable(error, "the list's next marker is the one before it");
    struct kept more = {.name = strdup(page->directory.name), .marker = strdup(next)};
    if (more.marker == NULL) {
        drop(&more);
        return out_of_memory(error);
    }
    return keep(&page->walk->todo, more, error);
}

/* A directory that may not be read, below the first one: the rest is listed all the same. */
static bool pass_over(struct page *page, const struct dr_error *reason, struct dr_error *error)
{
    struct bak_store *store = &page->walk->azure->store;
    if (store->unreadable == NULL || page->directory.name[0] == '\0' ||
        reason->class != DR_ERR_PRIVILEGE) {
        *error = *reason;
        return false;
    }
    store->unreadable(store->unreadable_context, page->directory.name, reason->text);
    return true;
}

static bool finish(struct page *page, const struct dr_http_reply *reply, struct dr_error *error)
{
    struct bak_azure *azure = page->walk->azure;
    struct dr_error reason;
    if (reply->date.known)
        azure->store.clock = reply->date;
    /* also one that was deleted while we walked */
    if (bak_azure_is_missing(azure, reply))
        return true;
    if (reply->status != 200) {
        bak_azure_refused(azure, reply, &reason);
        return pass_over(page, &reason, error);
    }
    return dr_xml_finish(&page->xml, error) && take_next(page, error);
}

static bool read_pages(struct walk *walk, struct page *pages, size_t count, struct dr_error *error)
{
    struct dr_azure_call calls[AT_ONCE];
    struct dr_http_reply replies[AT_ONCE] = {{.status = 0}};
    struct dr_error errors[AT_ONCE];
    bool ok[AT_ONCE] = {false}, fine = true;
    for (size_t i = 0; i < count; i++)
        fine = prepare(&pages[i], &calls[i], error) && fine;
    dr_task_stage(walk->azure->store.task, "list");
    fine = fine && dr_azure_ask_all(walk->azure->http, calls, replies, errors, ok, count, error);
    for (size_t i = 0; i < count; i++) {
        if (fine && !ok[i]) {
            *error = errors[i];
            fine = false;
        }
        fine = fine && finish(&pages[i], &replies[i], error);
        dr_http_reply_free(&replies[i]);
        dr_xml_end(&pages[i].xml);
        dr_buffer_free(&pages[i].path);
    }
    return fine;
}

/* ---- the walk ---- */

/* Last first: the next directory is the last of those to walk. */
static int downwards(const void *a, const void *b)
{
    return strcmp(((const struct kept *)b)->name, ((const struct kept *)a)->name);
}

/* A sorted list goes through one tree after the other: the names of a directory, with the "/" of
 * those that are directories, are in the order of all that is below them. */
static bool walk_sorted(struct walk *walk, struct dr_error *error)
{
    struct heap waiting = {.items = NULL};
    bool ok = true;
    while (ok && (walk->todo.count > 0 || waiting.count > 0)) {
        struct page page = {.walk = walk};
        if (walk->todo.count == 0) { /* a directory is complete: what comes next? */
            struct kept *next = &waiting.items[--waiting.count];
            struct kept taken = *next;
            ok = settle(walk, &taken, error);
            continue;
        }
        page.directory = walk->todo.items[--walk->todo.count];
        if (!bak_azure_may_go_on(walk->azure)) {
            drop(&page.directory);
            break;
        }
        ok = read_pages(walk, &page, 1, error);
        drop(&page.directory);
        if (!ok || walk->todo.count > 0) /* its list goes on */
            continue;
        if (walk->sorted.count > 0)
            qsort(walk->sorted.items, walk->sorted.count, sizeof(struct kept), downwards);
        for (size_t i = 0; i < walk->sorted.count; i++) {
            ok = keep(&waiting, walk->sorted.items[i], error) && ok;
            walk->sorted.items[i] = (struct kept){.name = NULL};
        }
        walk->sorted.count = 0;
    }
    drop_all(&waiting);
    return ok;
}

/* Any order will do: several directories at once. */
static bool walk_any(struct walk *walk, struct dr_error *error)
{
    bool ok = true;
    while (ok && walk->todo.count > 0 && !walk->azure->store.cut) {
        struct page *pages = calloc(AT_ONCE, sizeof *pages);
        size_t count = 0;
        if (pages == NULL)
            return out_of_memory(error);
        for (; count < AT_ONCE && walk->todo.count > 0 && bak_azure_may_go_on(walk->azure);
             count++) {
            pages[count].walk = walk;
            pages[count].directory = walk->todo.items[--walk->todo.count];
        }
        ok = read_pages(walk, pages, count, error);
        for (size_t i = 0; i < count; i++)
            drop(&pages[i].directory);
        free(pages);
    }
    return ok;
}

static bool list_files(struct bak_store *store, const struct bak_listing *asked, bak_take *take,
                       void *context, struct dr_error *error)
{
    struct walk walk = {
        .azure = (struct bak_azure *)store, .asked = asked, .take = take, .context = context};
    const char *slash = strrchr(asked->prefix, '/');
    size_t length = slash != NULL ? (size_t)(slash - asked->prefix) + 1 : 0;
    struct kept first = {.name = strndup(asked->prefix, length)};
    bool ok = keep(&walk.todo, first, error) &&
              (asked->sorted ? walk_sorted(&walk, error) : walk_any(&walk, error));
    drop_all(&walk.todo);
    drop_all(&walk.sorted);
    return ok;
}

/* ---- one file ---- */

static bool look_at_file(struct bak_store *store, const char *name, struct bak_entry *entry,
                         bool *found, struct dr_error *error)
{
    struct bak_azure *azure = (struct bak_azure *)store;
    struct dr_http_reply reply;
    char size[32], md5[32], written[64], arrived[64];
    *entry = (struct bak_entry){.name = name, .detailed = true};
    bool ok = bak_azure_head(azure, name, found, &reply, error);
    if (ok && *found) {
        dr_http_header(&reply, "Content-Length", size, sizeof size);
        dr_http_header(&reply, "Content-MD5", md5, sizeof md5);
        dr_http_header(&reply, "x-ms-file-last-write-time", written, sizeof written);
        dr_http_header(&reply, "Last-Modified", arrived, sizeof arrived);
        entry->size = bak_azure_size(size);
        entry->modified = bak_azure_moment(written);
        entry->arrived = bak_azure_moment(arrived);
        if (!entry->modified.known)
            entry->modified = entry->arrived;
        entry->md5 = bak_azure_md5(md5, azure->md5) ? azure->md5 : NULL;
    } else if (ok) {
        ok = dr_error_set(error, DR_ERR_USAGE, "there is no such file");
    }
    dr_http_reply_free(&reply);
    return ok || dr_error_prefix(error, "%s", name);
}

static const char *const no_such_file[] = {"ResourceNotFound", "ParentNotFound", NULL};
static const struct dr_azure_pair intent[] = {{"x-ms-file-request-intent", "backup"}, {NULL, NULL}};

static const struct bak_azure_kind file_kind = {
    .type = {.list = list_files,
             .look = look_at_file,
             .read = bak_azure_read,
             .load = bak_azure_load,
             .close = bak_azure_close},
    .words = "Azure Files share",
    .thing = "share",
    .form = {.usage = "azure-files://ACCOUNT/SHARE/PATH",
             .sas_parameters = bak_azure_sas_parameters,
             .service = "file"},
    .grant = {.sas = "the SAS must have sp=rl (read and list) for the whole share; one of the "
                     "account also ss=f and srt=sco",
              .role = "the role Storage File Data Privileged Reader"},
    .use = {.service = "f", .resource = "s", .words = "a share"},
    .version = FILES_VERSION,
    .missing = no_such_file,
    .headers = intent,
};

struct bak_store *bak_azure_files_open(struct dr_task *task, const struct dr_uri *uri, bool whole,
                                       struct dr_error *error)
{
    if (dr_uri_param(uri, "secondary") != NULL) {
        dr_error_set(error, DR_ERR_USAGE, "azure-files has no secondary= to read");
        return NULL;
    }
    struct bak_azure *azure = bak_azure_open(task, uri, &file_kind, false, error);
    if (azure != NULL && !bak_azure_root(azure, uri->path, whole, error)) {
        bak_azure_close(&azure->store);
        return NULL;
    }
    return azure != NULL ? &azure->store : NULL;
}
