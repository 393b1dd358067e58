/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/names.h"

#include <string.h>

/* ---- globs ---- */

/* The end of a set, behind its "]"; NULL where it has none: a "[" of its own then. */
static const char *set_end(const char *set)
{
    const char *at = set + 1;
    if (*at == '!' || *at == '^')
        at++;
    if (*at == ']')
        at++;
    while (*at != '\0' && *at != ']' && *at != '/')
        at++;
    return *at == ']' ? at + 1 : NULL;
}

static bool set_has(const char *set, const char *end, char c)
{
    const char *at = set + 1;
    bool negated = *at == '!' || *at == '^';
    bool found = false;
    if (negated)
        at++;
    while (at < end - 1) {
        bool range = at + 2 < end - 1 && at[1] == '-';
        unsigned char first = (unsigned char)at[0];
        unsigned char last = (unsigned char)(range ? at[2] : at[0]);
        found = found || ((unsigned char)c >= first && (unsigned char)c <= last);
        at += range ? 3 : 1;
    }
    return c != '/' && found != negated;
}

/* One byte of a name against one step of a glob, which is no star: where the glob goes on; NULL
 * where it does not match. */
static const char *match_one(const char *glob, char c)
{
    const char *end = *glob == '[' ? set_end(glob) : NULL;
    if (end != NULL)
        return set_has(glob, end, c) ? end : NULL;
    if (*glob == '?')
        return c != '/' ? glob + 1 : NULL;
    return *glob == c ? glob + 1 : NULL;
}

/* Where to go on after a mismatch: behind a star, with one byte more of the name for it. */
struct retry {
    const char *glob; /* NULL: there was none */
    const char *name;
    bool parts; /* a star and a "/": it takes whole parts of a name */
};

/* A star that crosses parts makes room for all that the one within a part could not take. */
static bool retry_far(struct retry *far, const char **glob, const char **name)
{
    if (far->glob == NULL)
        return false;
    const char *next = far->parts ? strchr(far->name, '/') : far->name;
    if (next == NULL || *next == '\0')
        return false;
    far->name = next + 1;
    *glob = far->glob;
    *name = far->name;
    return true;
}

static bool is_special(char c)
{
    return c == '*' || c == '?' || c == '[' || c == '/';
}

static bool retry_near(struct retry *near, const char **glob, const char **name)
{
    if (near->glob == NULL || *near->name == '\0' || *near->name == '/')
        return false;
    near->name++;
    /* what the next byte of the glob cannot be is passed at once */
    if (near->glob[0] != '\0' && !is_special(near->glob[0])) {
        const char *begin = near->name;
        near->name = strchrnul(begin, near->glob[0]);
        const char *slash = memchr(begin, '/', (size_t)(near->name - begin));
        if (slash != NULL)
            near->name = slash;
    }
    *glob = near->glob;
    *name = near->name;
    return true;
}

bool bak_glob_match(const char *glob, const char *name)
{
    const char *start = glob;
    struct retry near = {.glob = NULL};
    struct retry far = {.glob = NULL};
    if (*glob == '\0')
        return true;
    for (;;) {
        if (glob[0] == '*' && glob[1] == '*') {
            bool parts = glob[2] == '/' && (glob == start || glob[-1] == '/');
            glob += parts ? 3 : 2;
            far = (struct retry){.glob = glob, .name = name, .parts = parts};
            near.glob = NULL;
            continue;
        }
        if (*glob == '*') {
            near = (struct retry){.glob = ++glob, .name = name};
            continue;
        }
        const char *next = *name != '\0' ? match_one(glob, *name) : NULL;
        if (next != NULL) {
            glob = next;
            name++;
            continue;
        }
        if (*glob == '\0' && *name == '\0')
            return true;
        if (retry_near(&near, &glob, &name))
            continue;
        near.glob = NULL;
        if (!retry_far(&far, &glob, &name))
            return false;
    }
}

size_t bak_glob_root(const char *glob)
{
    size_t plain = strcspn(glob, "*?[");
    if (glob[plain] == '\0')
        return plain;
    while (plain > 0 && glob[plain - 1] != '/')
        plain--;
    return plain;
}

/* ---- names that are not finished ---- */

/* rsync writes ".NAME.XXXXXX": six letters and digits by chance. Six small letters are taken for a
 * word (".profile.backup"). */
static bool is_of_rsync(const char *part, size_t length)
{
    bool chance = false;
    if (length < 9 || part[0] != '.' || part[length - 7] != '.')
        return false;
    for (size_t i = length - 6; i < length; i++) {
        bool small = part[i] >= 'a' && part[i] <= 'z';
        bool other = (part[i] >= 'A' && part[i] <= 'Z') || (part[i] >= '0' && part[i] <= '9');
        if (!small && !other)
            return false;
        chance = chance || other;
    }
    return chance;
}

/* How many bytes at the end of a part say that it is not finished. */
static size_t marks_of(const char *part, size_t length)
{
    static const struct {
        const char *text;
        size_t size;
    } endings[] = {
#define ENDING(text) {text, sizeof(text) - 1}
        ENDING(".tmp"),        ENDING(".part"),     ENDING(".partial"),    ENDING(".inprogress"),
        ENDING(".incomplete"), ENDING(".filepart"), ENDING(".crdownload"), ENDING("~"),
#undef ENDING
    };
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t size = endings[i].size;
        if (length > size && part[length - size] == endings[i].text[0] &&
            memcmp(part + length - size, endings[i].text, size) == 0)
            return size;
    }
    return is_of_rsync(part, length) ? 7 : 0;
}

bool bak_name_unfinished(const char *name)
{
    for (;;) {
        size_t length = (size_t)(strchrnul(name, '/') - name);
        if (marks_of(name, length) > 0)
            return true;
        if (name[length] == '\0')
            return false;
        name += length + 1;
    }
}

bool bak_name_finished(const char *name, char *finished, size_t size)
{
    size_t used = 0;
    for (;;) {
        size_t length = strcspn(name, "/");
        size_t marks = marks_of(name, length);
        size_t dot = is_of_rsync(name, length) ? 1 : 0;
        size_t kept = length - marks - dot;
        if (used + kept + 2 > size)
            return false;
        memcpy(finished + used, name + dot, kept);
        used += kept;
        finished[used] = name[length];
        if (name[length] == '\0')
            return true;
        used++;
        name += length + 1;
    }
}
