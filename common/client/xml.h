/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XML documents (expat), read while they come in: the texts of the elements that are wanted, and
 * for lists each item as soon as it is complete, so that a list of any length needs little memory.
 *
 * Names are compared without prefix and namespace: servers differ in those. Refused are documents
 * with a document type (entities), deeper than DR_XML_DEPTH_MAX, with a wanted text, a tag or a
 * comment that is too long, or with a wanted element twice that is in no item. */
#ifndef DR_CLIENT_XML_H
#define DR_CLIENT_XML_H

#include "common/buffer.h"
#include "common/error.h"

#define DR_XML_DEPTH_MAX 32

/* An element whose text is wanted. */
struct dr_xml_element {
    const char *path; /* "/ListBucketResult/Contents/Key" */
    size_t most;      /* bytes of its text; 0: DR_XML_TEXT_MAX */
    struct dr_buffer text;
    unsigned count; /* how often it was there: at most once, or once in each item */
    char encoded;   /* 'Y': it had an attribute Encoded="true" */
};
#define DR_XML_TEXT_MAX 4096

struct dr_xml {
    struct dr_xml_element *elements;
    size_t count;
    const char *item; /* path of an element that may be there more than once; NULL: none. A second
                         one may follow: */
    const char *item2;
    /* Called at the end of each: the elements below it hold those of this one, and are empty again
     * afterwards. False with the error set ends the reading. `which` is the path of the item. */
    bool (*take)(void *context, const char *which, struct dr_error *error);
    void *context;
    const char *root; /* name that the root must have; NULL: any. Another one is a PROTOCOL error
                         that names it */
    /* Its own: */
    void *parser;
    struct dr_xml_element *current; /* whose text is coming in; NULL */
    char path[512];                 /* where the reading is */
    size_t length;
    unsigned depth;
    size_t pushed; /* bytes that the parser was handed */
    size_t begun;  /* of those: in front of what is not complete yet */
    struct dr_error *error;
    bool failed;
};

/* Starts reading: what the caller has not set must be zero. False (INTERNAL) without memory. End
 * with dr_xml_end in any case. */
bool dr_xml_start(struct dr_xml *xml, struct dr_error *error);
/* The next piece, of any size: may be a dr_http_sink (its context is the struct dr_xml). False with
 * a PROTOCOL error ("the reply cannot be used: ..."), or that of `take`. */
bool dr_xml_push(void *xml, const char *data, size_t size, struct dr_error *error);
/* True when the document was complete; false with the PROTOCOL error that it is not. */
bool dr_xml_finish(struct dr_xml *xml, struct dr_error *error);
/* Frees the parser and the texts. */
void dr_xml_end(struct dr_xml *xml);

/* The text of one element by its path; "" where it was not there. */
const char *dr_xml_text(const struct dr_xml *xml, const char *path);

/* A whole document at once: start, push, finish. The texts stay until dr_xml_end. */
bool dr_xml_read(struct dr_xml *xml, const struct dr_buffer *body, struct dr_error *error);

#endif
