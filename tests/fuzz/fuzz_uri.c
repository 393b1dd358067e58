/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bytes are a URI; and they are what follows the beginning of a password in the argument of a
 * target. */
#include "tests/fuzz/fuzz.h"

#include "common/buffer.h"
#include "common/target.h"
#include "common/uri.h"

#define MARK "Sw0rdfish"

static const struct dr_scheme schemes[] = {{"x", "x", NULL, true}, {"y", "y", NULL, false}};

static void add_encoded(struct dr_buffer *out, const char *text, const char *plain)
{
    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL || (*text >= 'a' && *text <= 'z'))
            dr_buffer_add_char(out, *text);
        else
            dr_buffer_addf(out, "%%%02x", (unsigned char)*text);
    }
}

/* Writes the URI again from its parts. */
static void write_uri(struct dr_buffer *out, const struct dr_uri *uri)
{
    dr_buffer_addf(out, "%s://", uri->scheme);
    if (uri->user != NULL)
        add_encoded(out, uri->user, "");
    if (uri->password != NULL) {
        dr_buffer_add(out, ":");
        add_encoded(out, uri->password, "");
    }
    if (uri->user != NULL)
        dr_buffer_add(out, "@");
    for (size_t i = 0; i < uri->host_count; i++) {
        const char *name = uri->hosts[i].name, *zone = strchr(name, '%');
        bool address = strchr(name, ':') != NULL;
        int length = zone != NULL ? (int)(zone - name) : (int)strlen(name);
        /* the zone in its long form: the short one of "25eth0" would be that of "eth0" */
        dr_buffer_addf(out, "%s%s%.*s%s%s%s", i > 0 ? "," : "", address ? "[" : "", length, name,
                       zone != NULL ? "%25" : "", zone != NULL ? zone + 1 : "", address ? "]" : "");
        if (uri->hosts[i].port != 0)
            dr_buffer_addf(out, ":%d", uri->hosts[i].port);
    }
    add_encoded(out, uri->path, "/");
    for (size_t i = 0; i < uri->param_count; i++) {
        dr_buffer_add(out, i > 0 ? "&" : "?");
        add_encoded(out, uri->params[i].key, "");
        dr_buffer_add(out, "=");
        add_encoded(out, uri->params[i].value, "");
    }
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_same(const struct dr_uri *a, const struct dr_uri *b)
{
    MUST(same(a->scheme, b->scheme) && same(a->user, b->user) && same(a->password, b->password));
    MUST(same(a->path, b->path));
    MUST(a->host_count == b->host_count && a->param_count == b->param_count);
    for (size_t i = 0; i < a->host_count; i++) {
        MUST(same(a->hosts[i].name, b->hosts[i].name) && a->hosts[i].name[0] != '\0');
        MUST(a->hosts[i].port == b->hosts[i].port);
    }
    for (size_t i = 0; i < a->param_count; i++) {
        MUST(same(a->params[i].key, b->params[i].key) && a->params[i].key[0] != '\0');
        MUST(same(a->params[i].value, b->params[i].value));
    }
}

static void check_uri(const char *text)
{
    struct dr_uri uri = {0}, back = {0};
    struct dr_error error = {0};
    if (!dr_uri_parse(text, &uri, &error)) {
        fuzz_check_error(&error, text);
        MUST(uri.scheme == NULL);
        return;
    }
    struct dr_buffer again = DR_BUFFER(1 << 20);
    write_uri(&again, &uri);
    MUST(dr_uri_parse(dr_buffer_text(&again), &back, &error));
    check_same(&uri, &back);
    dr_buffer_free(&again);
    dr_uri_free(&uri);
    dr_uri_free(&back);
}

/* Whatever stands behind it: a password that has begun is shown nowhere and does not stay in the
 * argument. */
static void check_target(const char *text)
{
    struct dr_targets targets = {.secrets = dr_secrets_new()};
    struct dr_error error = {0};
    MUST(targets.secrets != NULL);
    char *argument = dr_text_format("x://u:" MARK "%s", text);
    MUST(argument != NULL);
    size_t length = strlen(argument);
    bool good = dr_targets_add(&targets, schemes, 2, argument, &error);
    MUST(strlen(argument) == length);
    MUST(strstr(argument, MARK) == NULL && strstr(error.text, MARK) == NULL);
    MUST(good == (targets.count > 0) && good == (error.text[0] == '\0'));
    for (size_t i = 0; i < targets.count; i++) {
        const char *label = targets.items[i].label;
        MUST(targets.items[i].password != NULL && targets.items[i].uri.password == NULL);
        MUST(label[0] != '\0' && strstr(label, MARK) == NULL);
        for (; *label != '\0'; label++)
            MUST(*label >= ' ' && *label <= '~');
    }
    dr_targets_settle(&targets, &error);
    MUST(strstr(error.text, MARK) == NULL);
    free(argument);
    dr_targets_free(&targets);
    dr_secrets_free(targets.secrets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    check_uri(text);
    if (strstr(text, MARK) == NULL)
        check_target(text);
    free(text);
    return 0;
}
