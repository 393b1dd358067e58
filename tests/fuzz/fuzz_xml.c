/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XML, whole and in pieces, as lists of S3 and refusals: both ways come to the same. */
#include "tests/fuzz/fuzz.h"

#include "common/client/xml.h"

struct seen {
    struct dr_xml xml;
    struct dr_xml_element elements[4];
    struct dr_buffer text;
};

static bool take(void *context, const char *which, struct dr_error *error)
{
    struct seen *seen = context;
    (void)error;
    dr_buffer_addf(&seen->text, "%s=%s,", which, dr_xml_text(&seen->xml, "/L/C/K"));
    return true;
}

static bool read_pieces(struct seen *seen, const char *text, size_t size, size_t piece)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    *seen = (struct seen){.text = DR_BUFFER(1000000)};
    seen->elements[0] = (struct dr_xml_element){.path = "/L/C/K", .most = 100};
    seen->elements[1] = (struct dr_xml_element){.path = "/L/P/K"};
    seen->elements[2] = (struct dr_xml_element){.path = "/L/T"};
    seen->elements[3] = (struct dr_xml_element){.path = "/Error/Code"};
    seen->xml = (struct dr_xml){.elements = seen->elements,
                                .count = 4,
                                .item = "/L/C",
                                .item2 = "/L/P",
                                .take = take,
                                .context = seen};
    bool ok = dr_xml_start(&seen->xml, &error);
    MUST(ok);
    for (size_t at = 0; ok && at < size; at += piece)
        ok = dr_xml_push(&seen->xml, text + at, size - at < piece ? size - at : piece, &error);
    ok = ok && dr_xml_finish(&seen->xml, &error);
    MUST(ok || error.class == DR_ERR_PROTOCOL);
    MUST(ok || strstr(error.text, "the reply cannot be used: ") == error.text);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct seen whole, pieces;
    bool ok = read_pieces(&whole, text, size, size > 0 ? size : 1);
    MUST(read_pieces(&pieces, text, size, 3) == ok);
    if (ok)
        MUST(strcmp(dr_buffer_text(&whole.text), dr_buffer_text(&pieces.text)) == 0 &&
             strcmp(dr_xml_text(&whole.xml, "/L/T"), dr_xml_text(&pieces.xml, "/L/T")) == 0);
    dr_xml_end(&whole.xml);
    dr_xml_end(&pieces.xml);
    dr_buffer_free(&whole.text);
    dr_buffer_free(&pieces.text);
    free(text);
    return 0;
}
