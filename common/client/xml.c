/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/xml.h"

#include <expat.h>
#include <stdio.h>
#include <string.h>

/* A tag or a comment is kept by the parser until its end comes. */
#define TOKEN_MAX ((size_t)64 * 1024)
/* Bytes that are parsed at once. */
#define SLICE ((size_t)16 * 1024)

static bool refuse(struct dr_xml *xml, const char *why)
{
    xml->failed = true;
    return dr_error_set(xml->error, DR_ERR_PROTOCOL, "the reply cannot be used: %s", why);
}

static void stop(struct dr_xml *xml, const char *why)
{
    refuse(xml, why);
    XML_StopParser(xml->parser, XML_FALSE);
}

static void stop_without_memory(struct dr_xml *xml)
{
    xml->failed = true;
    dr_error_set(xml->error, DR_ERR_INTERNAL, "out of memory");
    XML_StopParser(xml->parser, XML_FALSE);
}

static struct dr_xml_element *element_at(const struct dr_xml *xml, const char *path)
{
    for (size_t i = 0; i < xml->count; i++) {
        if (strcmp(xml->elements[i].path, path) == 0)
            return &xml->elements[i];
    }
    return NULL;
}

static bool is_below(const char *path, const char *item)
{
    size_t length = strlen(item);
    return strncmp(path, item, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static void check_root(struct dr_xml *xml, const char *name)
{
    char why[128];
    if (xml->root == NULL || strcmp(xml->root, name) == 0)
        return;
    snprintf(why, sizeof why, "it is <%.40s>, not <%.40s>", name, xml->root);
    stop(xml, why);
}

static void note_encoded(struct dr_xml_element *element, const XML_Char **attributes)
{
    element->encoded = '\0';
    for (; attributes[0] != NULL; attributes += 2) {
        if (strcmp(attributes[0], "Encoded") == 0 && strcmp(attributes[1], "true") == 0)
            element->encoded = 'Y';
    }
}

static void begin(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct dr_xml *xml = context;
    const char *colon = strrchr(name, ':');
    const char *local = colon != NULL ? colon + 1 : name;
    size_t size = strlen(local);
    if (xml->failed)
        return;
    if (xml->depth == DR_XML_DEPTH_MAX || xml->length + size + 2 > sizeof xml->path) {
        stop(xml, "XML of another kind (too deep)");
        return;
    }
    if (xml->depth == 0)
        check_root(xml, local);
    xml->depth++;
    xml->path[xml->length] = '/';
    memcpy(xml->path + xml->length + 1, local, size + 1);
    xml->length += size + 1;
    xml->current = element_at(xml, xml->path);
    if (xml->current == NULL || xml->failed)
        return;
    note_encoded(xml->current, attributes);
    if (xml->current->count++ > 0)
        stop(xml, "an element is there twice");
}

/* A whole item: handed over, and forgotten for the next. */
static void end_item(struct dr_xml *xml, const char *item)
{
    if (!xml->take(xml->context, item, xml->error)) {
        xml->failed = true;
        XML_StopParser(xml->parser, XML_FALSE);
        return;
    }
    for (size_t i = 0; i < xml->count; i++) {
        struct dr_xml_element *element = &xml->elements[i];
        if (is_below(element->path, item)) {
            dr_buffer_clear(&element->text);
            element->count = 0;
            element->encoded = '\0';
        }
    }
}

static void end(void *context, const XML_Char *name)
{
    (void)name;
    struct dr_xml *xml = context;
    if (xml->failed)
        return;
    xml->current = NULL;
    if (xml->item != NULL && strcmp(xml->item, xml->path) == 0)
        end_item(xml, xml->item);
    else if (xml->item2 != NULL && strcmp(xml->item2, xml->path) == 0)
        end_item(xml, xml->item2);
    while (xml->length > 0 && xml->path[xml->length - 1] != '/')
        xml->length--;
    if (xml->length > 0)
        xml->length--;
    xml->path[xml->length] = '\0';
    xml->depth--;
}

static void text(void *context, const XML_Char *data, int size)
{
    struct dr_xml *xml = context;
    if (xml->failed || xml->current == NULL)
        return;
    if (dr_buffer_add_bytes(&xml->current->text, data, (size_t)size))
        return;
    if (xml->current->text.no_memory)
        stop_without_memory(xml);
    else
        stop(xml, "an element is too long");
}

/* No reply that is read here has one, and it is where entities come from. */
static void document_type(void *context, const XML_Char *name, const XML_Char *system,
                          const XML_Char *public, int internal)
{
    (void)name, (void)system, (void)public, (void)internal;
    stop(context, "XML with a document type");
}

bool dr_xml_start(struct dr_xml *xml, struct dr_error *error)
{
    xml->error = error;
    for (size_t i = 0; i < xml->count; i++) {
        struct dr_xml_element *element = &xml->elements[i];
        element->text = DR_BUFFER(element->most > 0 ? element->most : DR_XML_TEXT_MAX);
        element->count = 0;
        element->encoded = '\0';
    }
    XML_Parser parser = XML_ParserCreate(NULL);
    xml->parser = parser;
    if (parser == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    XML_SetUserData(parser, xml);
    XML_SetElementHandler(parser, begin, end);
    XML_SetCharacterDataHandler(parser, text);
    XML_SetStartDoctypeDeclHandler(parser, document_type);
    return true;
}

/* The error is set where a handler has stopped the parser. */
static bool give_up(struct dr_xml *xml)
{
    enum XML_Error code = XML_GetErrorCode(xml->parser);
    if (xml->failed)
        return false;
    if (code == XML_ERROR_NO_MEMORY) {
        xml->failed = true;
        return dr_error_set(xml->error, DR_ERR_INTERNAL, "out of memory");
    }
    if (code == XML_ERROR_NO_ELEMENTS || code == XML_ERROR_UNCLOSED_TOKEN)
        return refuse(xml, xml->pushed == 0 ? "it is empty" : "it ends too early");
    return refuse(xml, XML_ErrorString(code));
}

/* Where the parser waits for the end of something: it does not say for how long already. */
static bool check_pending(struct dr_xml *xml)
{
    XML_Index at = XML_GetCurrentByteIndex(xml->parser);
    if (at >= 0)
        xml->begun = (size_t)at;
    return xml->pushed - xml->begun <= TOKEN_MAX || refuse(xml, "XML with an endless tag");
}

bool dr_xml_push(void *context, const char *data, size_t size, struct dr_error *error)
{
    struct dr_xml *xml = context;
    xml->error = error;
    while (size > 0 && !xml->failed) {
        size_t slice = size < SLICE ? size : SLICE;
        xml->pushed += slice;
        if (XML_Parse(xml->parser, data, (int)slice, 0) != XML_STATUS_OK)
            return give_up(xml);
        if (!check_pending(xml))
            return false;
        data += slice;
        size -= slice;
    }
    return !xml->failed || refuse(xml, "it was given up before");
}

bool dr_xml_finish(struct dr_xml *xml, struct dr_error *error)
{
    xml->error = error;
    if (xml->failed)
        return refuse(xml, "it was given up before");
    return XML_Parse(xml->parser, "", 0, 1) == XML_STATUS_OK || give_up(xml);
}

void dr_xml_end(struct dr_xml *xml)
{
    if (xml->parser != NULL)
        XML_ParserFree(xml->parser);
    xml->parser = NULL;
    for (size_t i = 0; i < xml->count; i++)
        dr_buffer_free(&xml->elements[i].text);
}

const char *dr_xml_text(const struct dr_xml *xml, const char *path)
{
    const struct dr_xml_element *element = element_at(xml, path);
    return element != NULL ? dr_buffer_text(&element->text) : "";
}

bool dr_xml_read(struct dr_xml *xml, const struct dr_buffer *body, struct dr_error *error)
{
    return dr_xml_start(xml, error) && dr_xml_push(xml, dr_buffer_text(body), body->size, error) &&
           dr_xml_finish(xml, error);
}
