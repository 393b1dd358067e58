/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void an_empty_buffer_has_a_text(void **state)
{
    (void)state;
    struct dr_buffer buffer = DR_BUFFER(10);
    assert_string_equal(dr_buffer_text(&buffer), "");
    char *taken = dr_buffer_take(&buffer);
    assert_string_equal(taken, "");
    free(taken);
    dr_buffer_free(&buffer);
}

static void every_way_to_add_keeps_the_limit(void **state)
{
    (void)state;
    struct dr_buffer buffer = DR_BUFFER(10);
    assert_true(dr_buffer_add(&buffer, "abc"));
    assert_true(dr_buffer_add_char(&buffer, 'd'));
    assert_true(dr_buffer_add_bytes(&buffer, "efgh", 2));
    assert_true(dr_buffer_addf(&buffer, "%d%s", 12, ""));
    assert_string_equal(dr_buffer_text(&buffer), "abcdef12");
    assert_false(buffer.cut);
    assert_false(dr_buffer_add(&buffer, "xyz"));
    assert_string_equal(dr_buffer_text(&buffer), "abcdef12xy");
    assert_true(buffer.cut);
    assert_false(dr_buffer_add_char(&buffer, '!'));
    assert_false(dr_buffer_addf(&buffer, "%d", 1));
    assert_true(dr_buffer_add(&buffer, ""));
    assert_int_equal(buffer.size, 10);
    assert_false(buffer.no_memory);
    dr_buffer_clear(&buffer);
    assert_string_equal(dr_buffer_text(&buffer), "");
    assert_false(buffer.cut);
    dr_buffer_free(&buffer);
}

static void printf_is_cut_at_every_size(void **state)
{
    (void)state;
    const char whole[] = "0123456789";
    for (size_t limit = 0; limit <= 12; limit++) {
        struct dr_buffer buffer = DR_BUFFER(limit);
        size_t fits = limit < 10 ? limit : 10;
        assert_int_equal(dr_buffer_addf(&buffer, "%s%d", "01234", 56789), limit >= 10);
        assert_int_equal(buffer.size, fits);
        assert_memory_equal(dr_buffer_text(&buffer), whole, fits);
        assert_int_equal(dr_buffer_text(&buffer)[fits], '\0');
        assert_int_equal(buffer.cut, limit < 10);
        dr_buffer_free(&buffer);
    }
}

static void it_grows_over_many_additions(void **state)
{
    (void)state;
    struct dr_buffer buffer = DR_BUFFER(SIZE_MAX);
    for (int i = 0; i < 5000; i++)
        assert_true(dr_buffer_addf(&buffer, "%04d", i));
    assert_int_equal(buffer.size, 20000);
    assert_int_equal(strlen(dr_buffer_text(&buffer)), 20000);
    assert_memory_equal(dr_buffer_text(&buffer) + 4 * 4321, "4321", 4);
    char *taken = dr_buffer_take(&buffer);
    assert_int_equal(buffer.size, 0);
    assert_null(buffer.text);
    assert_int_equal(strlen(taken), 20000);
    free(taken);
}

static void bytes_may_hold_nul(void **state)
{
    (void)state;
    struct dr_buffer buffer = DR_BUFFER(10);
    assert_true(dr_buffer_add_bytes(&buffer, "a\0b", 3));
    assert_int_equal(buffer.size, 3);
    assert_memory_equal(dr_buffer_text(&buffer), "a\0b", 4);
    dr_buffer_free(&buffer);
}

static void text_is_cleaned(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t most;
        const char *clean;
    } cases[] = {
        {"plain ~text", 100, "plain ~text"},
        {"", 100, ""},
        {"a|b\nc\rd\te\x7f\x1b[31m", 100, "a b c d e  [31m"},
        {"M\xc3\xbcller", 100, "M??ller"},
        {"\xff\xfe", 100, "??"},
        {"0123456789", 10, "0123456789"},
        {"0123456789a", 10, "0123456..."},
        {"0123456789", 4, "0..."},
        {"0123456789", 3, "012"},
        {"0123456789", 0, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *clean = dr_text_clean(cases[i].text, cases[i].most);
        assert_string_equal(clean, cases[i].clean);
        free(clean);
    }
    assert_null(dr_text_clean(NULL, 10));
}

static void every_byte_is_cleaned_to_ascii(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        char clean = dr_char_clean((char)c);
        assert_true(clean >= ' ' && clean < 0x7f && clean != '|');
        if (c >= ' ' && c < 0x7f && c != '|')
            assert_int_equal(clean, c);
    }
}

static void texts_are_formatted(void **state)
{
    (void)state;
    char *text = dr_text_format("%s=%d", "a", 5);
    assert_string_equal(text, "a=5");
    free(text);
    text = dr_text_format("%s", "");
    assert_string_equal(text, "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_has_a_text),
        cmocka_unit_test(every_way_to_add_keeps_the_limit),
        cmocka_unit_test(printf_is_cut_at_every_size),
        cmocka_unit_test(it_grows_over_many_additions),
        cmocka_unit_test(bytes_may_hold_nul),
        cmocka_unit_test(text_is_cleaned),
        cmocka_unit_test(every_byte_is_cleaned_to_ascii),
        cmocka_unit_test(texts_are_formatted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
