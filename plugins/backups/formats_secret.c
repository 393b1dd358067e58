/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What cannot be looked into without a key. That it was cut can be seen of some. */
#include "plugins/backups/formats.h"

#define AGE_MAGIC "age-encryption.org/v1\n"
#define AGE_ARMOR "-----BEGIN AGE ENCRYPTED FILE-----"
#define AGE_ARMOR_END "-----END AGE ENCRYPTED FILE-----"
#define AGE_NONCE 16
#define AGE_TAG 16
#define AGE_CHUNK (64 * 1024 + AGE_TAG)
#define GPG_ARMOR "-----BEGIN PGP MESSAGE-----"
#define GPG_ARMOR_END "-----END PGP MESSAGE-----"
#define SALTED "Salted__"
#define AES_BLOCK 16

static void cut(struct bak_content *content, const char *why)
{
    content->verdict = BAK_WHOLE;
    bak_content_cut(content, "%s", why);
}

/* Whether its last line, but for blanks and line feeds, is that text. */
static bool last_line_is(const struct bak_view *view, const char *text)
{
    size_t size = view->tail_size, length = strlen(text);
    while (size > 0 && strchr("\r\n\t ", view->tail[size - 1]) != NULL &&
           view->tail[size - 1] != '\0')
        size--;
    return size >= length && memcmp(view->tail + size - length, text, length) == 0;
}

/* ---- age: age-encryption.org/v1 ---- */

static bool knows_age(const char *name, const unsigned char *head, size_t size)
{
    (void)name;
    return bak_begins(head, size, AGE_MAGIC) || bak_begins(head, size, AGE_ARMOR);
}

static void recognise_age(const unsigned char *head, size_t size, struct bak_content *content)
{
    (void)head, (void)size;
    bak_content_kind(content, "age");
    content->verdict = BAK_ENCRYPTED;
}

/* Behind the header's last line, "--- MAC", a nonce and chunks, each with a tag. */
static void look_at_age(const struct bak_view *view, struct bak_content *content)
{
    const unsigned char *head = view->head;
    size_t at = 0;
    if (bak_begins(head, view->head_size, AGE_ARMOR)) {
        if (!last_line_is(view, AGE_ARMOR_END))
            cut(content, "no \"END AGE ENCRYPTED FILE\" at its end");
        return;
    }
    while (at < view->head_size && !bak_begins(head + at, view->head_size - at, "\n--- "))
        at++;
    const unsigned char *line =
        at + 1 < view->head_size ? memchr(head + at + 1, '\n', view->head_size - at - 1) : NULL;
    if (line == NULL) {
        if (view->size < (int64_t)BAK_EDGE_SIZE)
            cut(content, "it ends within its header");
        return;
    }
    int64_t left = view->size - (line + 1 - head) - AGE_NONCE;
    int64_t last = left % AGE_CHUNK;
    if (left < AGE_TAG || (last != 0 && last < AGE_TAG) || (last == AGE_TAG && left > AGE_TAG))
        cut(content, "its last part is cut");
}

const struct bak_format bak_format_age = {
    .knows = knows_age, .recognise = recognise_age, .look = look_at_age};

/* ---- OpenPGP: RFC 4880 ---- */

/* A message that is encrypted begins with a session key: for a public key (tag 1), or by a
 * passphrase (tag 3), version 3 or 4, or later 5 and 6. */
static bool begins_with_key(const unsigned char *head, size_t size)
{
    if (size < 8 || (head[0] & 0x80) == 0)
        return false;
    bool current = (head[0] & 0x40) != 0;
    int tag = current ? head[0] & 0x3f : head[0] >> 2 & 0x0f;
    size_t length_size = current ? (head[1] < 192   ? 1
                                    : head[1] < 224 ? 2
                                                    : 5)
                                 : (size_t)1 << (head[0] & 3);
    if (length_size > 2)
        return false;
    int version = head[1 + length_size];
    if (tag == 1)
        return version == 3 || version == 6;
    /* The cipher that follows is one of those that are defined. */
    return tag == 3 && ((version == 4 && head[2 + length_size] <= 13) || version == 5);
}

static bool knows_gpg(const char *name, const unsigned char *head, size_t size)
{
    return bak_begins(head, size, GPG_ARMOR) ||
           (begins_with_key(head, size) &&
            (bak_name_ends(name, ".gpg") || bak_name_ends(name, ".pgp") || head[0] == 0x8c ||
             head[0] == 0x84 || head[0] == 0x85 || head[0] == 0xc1 || head[0] == 0xc3));
}

static void recognise_gpg(const unsigned char *head, size_t size, struct bak_content *content)
{
    (void)head, (void)size;
    bak_content_kind(content, "gpg");
    content->verdict = BAK_ENCRYPTED;
}

static void look_at_gpg(const struct bak_view *view, struct bak_content *content)
{
    if (bak_begins(view->head, view->head_size, GPG_ARMOR) && !last_line_is(view, GPG_ARMOR_END))
        cut(content, "no \"END PGP MESSAGE\" at its end");
}

const struct bak_format bak_format_gpg = {
    .knows = knows_gpg, .recognise = recognise_gpg, .look = look_at_gpg};

/* ---- openssl enc ---- */

static bool knows_openssl(const char *name, const unsigned char *head, size_t size)
{
    (void)name;
    return bak_begins(head, size, SALTED);
}

static void recognise_openssl(const unsigned char *head, size_t size, struct bak_content *content)
{
    (void)head, (void)size;
    bak_content_kind(content, "openssl enc");
    content->verdict = BAK_ENCRYPTED;
}

/* Its default is CBC, which fills the last block up. */
static void look_at_openssl(const struct bak_view *view, struct bak_content *content)
{
    if (view->size % AES_BLOCK != 0)
        cut(content, "its size is no multiple of 16: cut (or by a stream cipher: --proof sized)");
    else if (view->size < 2 * AES_BLOCK)
        cut(content, "nothing but a salt");
}

const struct bak_format bak_format_openssl = {
    .knows = knows_openssl, .recognise = recognise_openssl, .look = look_at_openssl};
