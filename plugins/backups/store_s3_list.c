/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of S3 (ListObjectsV2), read while they come in, page by page.
 *
 * A page leads to the next one, so that a long list is as slow as all its pages. Where nothing
 * says where to begin, and the first page shows that there is much below each prefix, the prefixes
 * are read beside each other. */
#include "common/client/xml.h"
#include "common/moment.h"
#include "plugins/backups/names.h"
#include "plugins/backups/store_s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOT "/ListBucketResult"
#define KEYS_OF_A_PAGE 1000
#define PAGE_SIZE "1000"
/* Prefixes that are read at once. */
#define CHAINS 8
/* Pages without anything in them that may follow each other. */
#define EMPTY_MAX 16
#define TOKEN_MAX 2048
#define NAME_SIZE (BAK_S3_NAME_MAX + 1)

enum element { KEY = 0, MODIFIED, SIZE, CLASS, COMMON, TRUNCATED, TOKEN, ELEMENTS };

/* What all pages of one listing have in common. */
struct walk {
    struct bak_s3 *s3;
    const struct bak_listing *listing;
    bak_take *take;
    void *context;
    struct dr_buffer prefixes; /* of a page with a delimiter: each ended by a NUL */
    bool keep_prefixes;        /* collect them instead of handing them over */
};

/* Pages that follow each other. Names in it are whole keys. */
struct chain {
    struct walk *walk;
    struct dr_xml xml;
    struct dr_xml_element elements[ELEMENTS];
    char prefix[NAME_SIZE];
    char from[NAME_SIZE];  /* the first page begins behind it; "": at the beginning */
    char first[NAME_SIZE]; /* the first key that was there */
    char last[NAME_SIZE];  /* the last one */
    char last_prefix[NAME_SIZE];
    char behind[NAME_SIZE]; /* keys and prefixes up to these were handed over before */
    char behind_prefix[NAME_SIZE];
    char token[TOKEN_MAX]; /* of the next page; "" of the first */
    bool delimiter;
    bool more;
    unsigned entries; /* of this page */
    unsigned empty;   /* pages without any, in a row */
};

static bool broken(const struct chain *chain, struct dr_error *error, const char *why)
{
    return dr_error_set(error, DR_ERR_PROTOCOL, "list %s: the list cannot be trusted: %s",
                        chain->walk->s3->words, why);
}

/* "a+b%20c" as it was meant, in place. */
static bool decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        unsigned value;
        char digits[3] = "";
        if (*from == '+') {
            *to++ = ' ';
        } else if (*from == '%') {
            char *end;
            memcpy(digits, from + 1, strnlen(from + 1, 2));
            value = (unsigned)strtoul(digits, &end, 16);
            if (end != digits + 2 || value == 0)
                return false;
            *to++ = (char)value;
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return true;
}

/* A key or a common prefix, checked and remembered: they come in the order of their bytes. */
static bool take_key(struct chain *chain, enum element which, char *last, struct dr_error *error)
{
    char key[3 * BAK_S3_NAME_MAX + 1];
    const struct dr_buffer *text = &chain->elements[which].text;
    if (text->size == 0 || text->size >= sizeof key)
        return broken(chain, error, "a key without a name");
    memcpy(key, text->text, text->size + 1);
    if (chain->walk->s3->encoded && !decode(key))
        return broken(chain, error, "a key is not encoded as it should be");
    if (strlen(key) > BAK_S3_NAME_MAX)
        return broken(chain, error, "a key is too long");
    if (strncmp(key, chain->prefix, strlen(chain->prefix)) != 0)
        return broken(chain, error, "it has keys that were not asked for");
    if (strcmp(key, last) <= 0)
        return broken(chain, error, "its keys do not go on in the order of their bytes");
    memcpy(last, key, strlen(key) + 1);
    return true;
}

static bool take_object(struct chain *chain, struct dr_error *error)
{
    struct walk *walk = chain->walk;
    if (!take_key(chain, KEY, chain->last, error))
        return false;
    if (chain->first[0] == '\0')
        memcpy(chain->first, chain->last, sizeof chain->first);
    chain->entries++;
    if (strcmp(chain->last, chain->behind) <= 0)
        return true;
    const char *name = chain->last + strlen(walk->s3->root);
    const char *digits = dr_xml_text(&chain->xml, ROOT "/Contents/Size");
    struct dr_opt_real modified =
        dr_moment_read(dr_xml_text(&chain->xml, ROOT "/Contents/LastModified"));
    char *end;
    double size = strtod(digits, &end);
    bool sized = digits[0] >= '0' && digits[0] <= '9' && *end == '\0' && size < 9e15;
    /* what a console makes for a folder */
    if (name[0] == '\0' || (chain->last[strlen(chain->last) - 1] == '/' && sized && size < 1))
        return true;
    const struct bak_entry entry = {
        .name = name,
        .detailed = true,
        .size = {.known = sized, .value = sized ? (int64_t)size : 0},
        .modified = modified,
        .arrived = modified,
        .tier = bak_s3_tier(dr_xml_text(&chain->xml, ROOT "/Contents/StorageClass")),
    };
    return walk->take(walk->context, &entry, error);
}

static bool take_prefix(struct chain *chain, struct dr_error *error)
{
    struct walk *walk = chain->walk;
    if (!take_key(chain, COMMON, chain->last_prefix, error))
        return false;
    chain->entries++;
    if (strcmp(chain->last_prefix, chain->behind_prefix) <= 0)
        return true;
    size_t length = strlen(chain->last_prefix);
    if (walk->keep_prefixes)
        return dr_buffer_add_bytes(&walk->prefixes, chain->last_prefix, length + 1) ||
               dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    char name[NAME_SIZE];
    memcpy(name, chain->last_prefix, length + 1);
    while (length > 0 && name[length - 1] == '/')
        name[--length] = '\0';
    if (length <= strlen(walk->s3->root))
        return true;
    const struct bak_entry entry = {.name = name + strlen(walk->s3->root), .directory = true};
    return walk->take(walk->context, &entry, error);
}

static bool take_item(void *context, const char *which, struct dr_error *error)
{
    return strcmp(which, ROOT "/Contents") == 0 ? take_object(context, error)
                                                : take_prefix(context, error);
}

static bool start_page(struct chain *chain, struct dr_error *error)
{
    static const char *const paths[ELEMENTS] = {
        [KEY] = ROOT "/Contents/Key",
        [MODIFIED] = ROOT "/Contents/LastModified",
        [SIZE] = ROOT "/Contents/Size",
        [CLASS] = ROOT "/Contents/StorageClass",
        [COMMON] = ROOT "/CommonPrefixes/Prefix",
        [TRUNCATED] = ROOT "/IsTruncated",
        [TOKEN] = ROOT "/NextContinuationToken",
    };
    for (size_t i = 0; i < ELEMENTS; i++)
        chain->elements[i] = (struct dr_xml_element){.path = paths[i]};
    chain->xml = (struct dr_xml){.elements = chain->elements,
                                 .count = ELEMENTS,
                                 .item = ROOT "/Contents",
                                 .item2 = ROOT "/CommonPrefixes",
                                 .take = take_item,
                                 .context = chain,
                                 .root = "ListBucketResult"};
    chain->entries = 0;
    return dr_xml_start(&chain->xml, error);
}

static void fill_query(const struct chain *chain, struct dr_aws_pair *query)
{
    size_t count = 0;
    query[count++] = (struct dr_aws_pair){"list-type", "2"};
    query[count++] = (struct dr_aws_pair){"max-keys", PAGE_SIZE};
    if (chain->prefix[0] != '\0')
        query[count++] = (struct dr_aws_pair){"prefix", chain->prefix};
    if (chain->delimiter)
        query[count++] = (struct dr_aws_pair){"delimiter", "/"};
    if (chain->walk->s3->encoded)
        query[count++] = (struct dr_aws_pair){"encoding-type", "url"};
    if (chain->token[0] != '\0')
        query[count++] = (struct dr_aws_pair){"continuation-token", chain->token};
    else if (chain->from[0] != '\0')
        query[count++] = (struct dr_aws_pair){"start-after", chain->from};
    query[count] = (struct dr_aws_pair){NULL, NULL};
}

/* Whether there is another page, which must get us further. */
static bool end_page(struct chain *chain, struct dr_error *error)
{
    const char *truncated = dr_xml_text(&chain->xml, ROOT "/IsTruncated");
    const char *token = dr_xml_text(&chain->xml, ROOT "/NextContinuationToken");
    chain->more = strcmp(truncated, "true") == 0;
    if (!chain->more && strcmp(truncated, "false") != 0)
        return broken(chain, error, "it does not say whether there is more");
    if (!chain->more)
        return true;
    if (token[0] == '\0')
        return broken(chain, error, "there is more, and it does not say how to get it");
    if (strcmp(token, chain->token) == 0)
        return broken(chain, error, "a page leads to itself");
    chain->empty = chain->entries == 0 ? chain->empty + 1 : 0;
    if (chain->empty > EMPTY_MAX)
        return broken(chain, error, "its pages are empty, and there are always more");
    if (strlen(token) >= sizeof chain->token)
        return broken(chain, error, "a token is too long");
    memcpy(chain->token, token, strlen(token) + 1);
    return true;
}

/* False where no more pages may be read. */
static bool count_pages(struct bak_s3 *s3, size_t *count)
{
    struct bak_store *store = &s3->store;
    if (store->page_limit > 0 && store->pages + (int64_t)*count > store->page_limit)
        *count = (size_t)(store->page_limit - store->pages);
    store->cut = store->cut || *count == 0;
    store->pages += (int64_t)*count;
    return *count > 0;
}

/* Keys may hold characters that XML cannot: then the page is asked for again, encoded. */
static bool ask_again(struct chain *chain, const struct dr_error *error)
{
    if (chain->walk->s3->encoded || error->class != DR_ERR_PROTOCOL ||
        (strstr(error->text, "invalid token") == NULL &&
         strstr(error->text, "invalid character number") == NULL))
        return false;
    memcpy(chain->behind, chain->last, sizeof chain->behind);
    memcpy(chain->behind_prefix, chain->last_prefix, sizeof chain->behind_prefix);
    chain->last[0] = chain->last_prefix[0] = '\0';
    chain->more = true;
    return true;
}

/* The reply of one page, whose entries went through the sink. */
static bool finish_page(struct chain *chain, const struct dr_http_reply *reply, bool asked,
                        struct dr_error *error)
{
    struct bak_s3 *s3 = chain->walk->s3;
    bool ok = asked;
    if (ok && reply->status != 200)
        ok = bak_s3_refused(s3, reply, "list", "s3:ListBucket", error);
    else if (ok)
        ok = dr_xml_finish(&chain->xml, error) && end_page(chain, error);
    dr_xml_end(&chain->xml);
    if (!ok && ask_again(chain, error))
        s3->encoded = ok = true;
    return ok;
}

/* The next page of each of them. */
static bool read_pages(struct walk *walk, struct chain *const *chains, size_t count,
                       struct dr_error *error)
{
    struct dr_aws_call calls[CHAINS];
    struct dr_aws_pair query[CHAINS][8];
    struct dr_http_reply replies[CHAINS];
    struct dr_error errors[CHAINS] = {{.class = DR_ERR_NONE}};
    bool answered[CHAINS] = {false}, ok = true;
    size_t started = 0;
    char path[sizeof walk->s3->base + 2];
    snprintf(path, sizeof path, "%s/", walk->s3->base);
    for (; ok && started < count; started++) {
        ok = start_page(chains[started], error);
        fill_query(chains[started], query[started]);
        calls[started] = bak_s3_call(walk->s3, path, query[started], "list the bucket");
        calls[started].body_max = BAK_S3_PAGE_MAX;
        calls[started].sink = dr_xml_push;
        calls[started].sink_context = &chains[started]->xml;
    }
    dr_task_stage(walk->s3->store.task, "list the bucket");
    bool asked = ok && dr_aws_ask_all(walk->s3->http, calls, &walk->s3->credentials, replies,
                                      errors, answered, count, error);
    for (size_t i = 0; i < started; i++) {
        if (!asked) {
            dr_xml_end(&chains[i]->xml);
            continue;
        }
        if (replies[i].date.known)
            walk->s3->store.clock = replies[i].date;
        bool good = finish_page(chains[i], &replies[i], answered[i], &errors[i]);
        if (!good && ok)
            *error = errors[i];
        ok = ok && good;
        dr_http_reply_free(&replies[i]);
    }
    return asked && ok;
}

/* The rest of one chain. */
static bool read_chain(struct walk *walk, struct chain *chain, struct dr_error *error)
{
    bool ok = true;
    for (size_t one = 1; ok && chain->more && count_pages(walk->s3, &one);)
        ok = read_pages(walk, &chain, 1, error);
    return ok;
}

static bool start_chain(struct chain *chain, struct walk *walk, const char *prefix,
                        const char *from, struct dr_error *error)
{
    *chain = (struct chain){.walk = walk, .more = true};
    return (strlen(prefix) <= BAK_S3_NAME_MAX && strlen(from) <= BAK_S3_NAME_MAX &&
            snprintf(chain->prefix, sizeof chain->prefix, "%s", prefix) >= 0 &&
            snprintf(chain->from, sizeof chain->from, "%s", from) >= 0) ||
           dr_error_set(error, DR_ERR_USAGE, "a name is too long for S3");
}

/* The prefixes that a page has collected, several at once. */
static bool read_prefixes(struct walk *walk, const char *after, struct dr_error *error)
{
    struct chain *chains = calloc(CHAINS, sizeof *chains);
    struct chain *active[CHAINS];
    size_t at = 0, count = 0;
    bool ok = chains != NULL || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    for (size_t i = 0; ok && i < CHAINS; i++)
        chains[i].more = false;
    do {
        count = 0;
        for (size_t i = 0; ok && i < CHAINS; i++) {
            while (ok && !chains[i].more && at < walk->prefixes.size) {
                const char *prefix = walk->prefixes.text + at;
                size_t length = strlen(prefix);
                at += length + 1;
                /* what the first page has shown already */
                bool inside = strncmp(after, prefix, length) == 0;
                if (inside || strcmp(prefix, after) > 0)
                    ok = start_chain(&chains[i], walk, prefix, inside ? after : "", error);
            }
            if (chains[i].more)
                active[count++] = &chains[i];
        }
        if (ok && count > 0 && count_pages(walk->s3, &count))
            ok = read_pages(walk, active, count, error);
    } while (ok && count > 0 && !walk->s3->store.cut);
    free(chains);
    return ok;
}

/* The directory that all keys of a page are in: sorted, the first and the last have it in common.
 */
static size_t common_directory(const struct chain *chain)
{
    size_t length = 0, directory = 0;
    for (; chain->first[length] != '\0' && chain->first[length] == chain->last[length]; length++) {
        if (chain->first[length] == '/')
            directory = length + 1;
    }
    return directory;
}

/* Whether a page of prefixes shows nothing but one that the keys of the first page are all in, so
 * that the prefixes below it are what to look for. */
static bool leads_on(const struct walk *walk, const struct chain *groups, const struct chain *first)
{
    size_t length = strlen(groups->last_prefix);
    return !groups->more && groups->entries == 1 && length > strlen(groups->prefix) &&
           walk->prefixes.size == length + 1 && length < common_directory(first) &&
           strncmp(first->last, groups->last_prefix, length) == 0;
}

static bool start_groups(struct walk *walk, struct chain *groups, const char *prefix,
                         const struct chain *first, struct dr_error *error)
{
    char whole[NAME_SIZE];
    memcpy(whole, prefix, strlen(prefix) + 1);
    if (!start_chain(groups, walk, whole, "", error))
        return false;
    groups->delimiter = true;
    memcpy(groups->behind, first->last, sizeof groups->behind);
    return true;
}

/* Objects right below the prefix come from these pages, what is in directories from theirs. */
static bool fan_out(struct walk *walk, const struct chain *first, struct dr_error *error)
{
    struct chain *groups = malloc(sizeof *groups);
    bool ok = groups != NULL ? start_groups(walk, groups, first->prefix, first, error)
                             : dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    walk->keep_prefixes = true;
    for (size_t one = 1; ok && groups->more && count_pages(walk->s3, &one);) {
        struct chain *const only = groups;
        dr_buffer_clear(&walk->prefixes);
        ok = read_pages(walk, &only, 1, error);
        if (ok && leads_on(walk, groups, first))
            ok = start_groups(walk, groups, groups->last_prefix, first, error);
        else if (ok)
            ok = read_prefixes(walk, first->last, error);
    }
    free(groups);
    return ok;
}

static bool list_below(struct walk *walk, struct chain *chain, struct dr_error *error)
{
    size_t one = 1;
    if (!count_pages(walk->s3, &one))
        return true;
    if (!read_pages(walk, &chain, 1, error))
        return false;
    /* Beside each other only where that takes hardly more calls: where a prefix fills a page. */
    if (chain->more && chain->from[0] == '\0' && !walk->listing->sorted &&
        chain->entries == KEYS_OF_A_PAGE && common_directory(chain) > strlen(chain->prefix))
        return fan_out(walk, chain, error);
    return read_chain(walk, chain, error);
}

static bool list_level(struct walk *walk, struct chain *chain, struct dr_error *error)
{
    chain->delimiter = true;
    return read_chain(walk, chain, error);
}

bool bak_s3_list(struct bak_store *store, const struct bak_listing *listing, bak_take *take,
                 void *context, struct dr_error *error)
{
    struct bak_s3 *s3 = (struct bak_s3 *)store;
    struct walk walk = {.s3 = s3,
                        .listing = listing,
                        .take = take,
                        .context = context,
                        .prefixes = DR_BUFFER((KEYS_OF_A_PAGE + 1) * (BAK_S3_NAME_MAX + 1))};
    struct dr_buffer prefix = DR_BUFFER(4 * BAK_S3_NAME_MAX),
                     after = DR_BUFFER(4 * BAK_S3_NAME_MAX);
    struct chain *chain = malloc(sizeof *chain);
    dr_buffer_addf(&prefix, "%s%s", s3->root, listing->prefix != NULL ? listing->prefix : "");
    if (listing->after != NULL)
        dr_buffer_addf(&after, "%s%s", s3->root, listing->after);
    bool ok = chain != NULL || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    ok = ok && start_chain(chain, &walk, dr_buffer_text(&prefix), dr_buffer_text(&after), error) &&
         (listing->recursive ? list_below(&walk, chain, error) : list_level(&walk, chain, error));
    free(chain);
    dr_buffer_free(&prefix);
    dr_buffer_free(&after);
    dr_buffer_free(&walk.prefixes);
    return ok;
}
