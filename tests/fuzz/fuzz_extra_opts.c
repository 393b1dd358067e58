/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bytes are an INI file. */
#include "tests/fuzz/fuzz.h"

#include "common/extra_opts.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct dr_option rows[] = {
    {.letter = 'w', .name = "warning", .kind = DR_OPTION_TEXTS, .argument = "RANGE"},
    {.letter = 'c', .name = "critical", .kind = DR_OPTION_TEXTS, .argument = "RANGE"},
    {.name = "password", .kind = DR_OPTION_TEXT, .argument = "TEXT"},
    {.letter = 'v', .name = "verbose", .kind = DR_OPTION_COUNT},
    {.name = "extra-opts",
     .kind = DR_OPTION_TEXT,
     .argument = "[SECTION][@FILE]",
     .optional_argument = true},
};
static const struct dr_option_table table = {rows, sizeof rows / sizeof rows[0]};

/* "--name" or "--name=value" of an option of the table that may stand in a file. */
static void check_word(const char *word)
{
    size_t length = strcspn(word, "="), i = 0;
    MUST(strncmp(word, "--", 2) == 0 && strcspn(word, "\n") == strlen(word));
    while (i < table.count &&
           (strlen(rows[i].name) != length - 2 || strncmp(rows[i].name, word + 2, length - 2) != 0))
        i++;
    MUST(i < table.count && strcmp(rows[i].name, "extra-opts") != 0);
    bool value = word[length] == '=';
    MUST(value == (rows[i].argument != NULL));
    MUST(!value || word[length + 1] != '\0');
}

static void check_file(const char *path)
{
    char argument[64];
    snprintf(argument, sizeof argument, "--extra-opts=check_x@%s", path);
    char *argv[] = {(char *)"check_x", (char *)"-v", argument, (char *)"--warning=1", NULL};
    struct dr_arguments out = {0};
    struct dr_error error = {0};
    if (dr_extra_opts_expand(&table, NULL, 4, argv, &out, &error)) {
        MUST(error.text[0] == '\0');
        MUST(out.argc >= 3 && out.argv[0] == argv[0] && out.argv[out.argc] == NULL);
        MUST(out.argv[out.argc - 2] == argv[1] && out.argv[out.argc - 1] == argv[3]);
        for (int i = 1; i < out.argc - 2; i++)
            check_word(out.argv[i]);
    } else {
        MUST(error.class == DR_ERR_USAGE);
        MUST(strstr(error.text, path) != NULL && strpbrk(error.text, "\n\r") == NULL);
        MUST(strstr(error.text, " line ") != NULL || strstr(error.text, "no section") != NULL);
    }
    dr_arguments_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int file = memfd_create("fuzz.ini", MFD_CLOEXEC);
    MUST(file >= 0);
    MUST(write(file, data, size) == (ssize_t)size);
    /* both kinds of file: one that others may read, and one that may hold a password */
    MUST(fchmod(file, size % 2 == 0 ? 0600 : 0644) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    check_file(path);
    close(file);
    return 0;
}
