/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/extra_opts.h"

#include "common/buffer.h"
#include "common/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192
#define LINES_MAX 100000
#define ARGUMENTS_MAX 1000

/* One INI file while it is read. */
struct reading {
    const struct dr_option_table *table;
    const char *path;
    const char *section;
    FILE *file;
    bool private; /* nobody else can read it */
    size_t line_number;
    char line[LINE_MAX_BYTES + 2];
    bool inside; /* in the section that was asked for */
    bool found;  /* it is in the file */
    bool failed;
    struct dr_arguments *out;
    struct dr_error *error;
};

/* ---- the list of arguments ---- */

static bool no_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory while the extra-opts were read");
}

static char *copy_bytes(const char *text, size_t size, struct dr_error *error)
{
    char *new = strndup(text, size);
    if (new == NULL)
        no_memory(error);
    return new;
}

static char *copy(const char *text, struct dr_error *error)
{
    return copy_bytes(text, strlen(text), error);
}

/* Appends a string made here; takes it over. */
static bool own(struct dr_arguments *out, char *text, struct dr_error *error)
{
    char **owned = realloc(out->owned, (out->owned_count + 1) * sizeof *owned);
    if (text == NULL || owned == NULL) {
        free(text);
        out->owned = owned != NULL ? owned : out->owned;
        return no_memory(error);
    }
    out->owned = owned;
    out->owned[out->owned_count++] = text;
    return true;
}

void dr_arguments_free(struct dr_arguments *arguments)
{
    for (size_t i = 0; i < arguments->owned_count; i++) {
        dr_wipe(arguments->owned[i], strlen(arguments->owned[i]));
        free(arguments->owned[i]);
    }
    free(arguments->joined);
    free(arguments->owned);
    *arguments = (struct dr_arguments){.argc = 0};
}

/* ---- one file ---- */

__attribute__((format(printf, 2, 3))) static bool bad_line(struct reading *reading,
                                                           const char *format, ...)
{
    if (reading->failed)
        return false;
    reading->failed = true;
    struct dr_buffer text = DR_BUFFER(300);
    va_list args;
    va_start(args, format);
    dr_buffer_addv(&text, format, args);
    va_end(args);
    dr_error_set(reading->error, DR_ERR_USAGE, "%s line %zu: %s", reading->path,
                 reading->line_number, dr_buffer_text(&text));
    dr_buffer_free(&text);
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

static char *trim(char *text)
{
    while (is_blank(*text))
        text++;
    size_t size = strlen(text);
    while (size > 0 && is_blank(text[size - 1]))
        text[--size] = '\0';
    return text;
}

/* Reads the next line into reading->line, without its line break; false at the end and after an
 * error. */
static bool next_line(struct reading *reading)
{
    size_t size = 0;
    int c = getc(reading->file);
    reading->line_number++;
    if (c == EOF)
        return ferror(reading->file) != 0 && bad_line(reading, "it cannot be read");
    if (reading->line_number > LINES_MAX)
        return bad_line(reading, "the file has more than %d lines", LINES_MAX);
    for (; c != EOF && c != '\n'; c = getc(reading->file)) {
        if (c == '\0')
            return bad_line(reading, "it holds a NUL byte");
        if (size == LINE_MAX_BYTES)
            return bad_line(reading, "it is longer than %d bytes", LINE_MAX_BYTES);
        reading->line[size++] = (char)c;
    }
    reading->line[size] = '\0';
    return true;
}

/* scheme://user:password@host, or a parameter of that name */
static bool has_password(const char *value)
{
    if (strcasestr(value, "password=") != NULL)
        return true;
    const char *authority = strstr(value, "://");
    if (authority == NULL)
        return false;
    authority += 3;
    size_t size = strcspn(authority, "/?");
    const char *at = memchr(authority, '@', size);
    return at != NULL && memchr(authority, ':', (size_t)(at - authority)) != NULL;
}

/* The option's long form with its value, as it would be typed. */
static bool add_option(struct reading *reading, const char *key, const char *value)
{
    struct dr_error unknown;
    const struct dr_option *option =
        key[1] == '\0' ? dr_options_find_letter(reading->table, key[0]) : NULL;
    if (option == NULL)
        option = dr_options_find(reading->table, key, strlen(key), &unknown);
    if (option == NULL)
        return bad_line(reading, "%s", unknown.text);
    if (strcmp(option->name, "extra-opts") == 0)
        return bad_line(reading, "extra-opts cannot stand in a file");
    bool takes = dr_option_takes_argument(option);
    if (!takes && value[0] != '\0')
        return bad_line(reading, "option '%s' takes no value", option->name);
    if (takes && !option->optional_argument && value[0] == '\0')
        return bad_line(reading, "option '%s' needs a value: %s", option->name, option->argument);
    if (!reading->private && (strcmp(option->name, "password") == 0 || has_password(value)))
        return bad_line(reading, "a password in a file that others may read: chmod 600 (or 640, "
                                 "owned by root)");
    if (reading->out->owned_count >= ARGUMENTS_MAX)
        return bad_line(reading, "more than %d options", ARGUMENTS_MAX);
    char *text = value[0] != '\0' ? dr_text_format("--%s=%s", option->name, value)
                                  : dr_text_format("--%s", option->name);
    if (!own(reading->out, text, reading->error)) {
        reading->failed = true;
        return false;
    }
    return true;
}

static bool read_heading(struct reading *reading, char *text)
{
    char *end = strchr(text, ']');
    if (end == NULL)
        return bad_line(reading, "the section's name has no ']'");
    const char *behind = trim(end + 1);
    if (behind[0] != '\0' && behind[0] != '#' && behind[0] != ';')
        return bad_line(reading, "there is text behind the section's name");
    *end = '\0';
    reading->inside = strcmp(trim(text + 1), reading->section) == 0;
    reading->found = reading->found || reading->inside;
    return true;
}

/* The line that was read: a heading, a comment, or "key", "key = value" in some section. */
static bool read_line(struct reading *reading)
{
    char *text = reading->line;
    if (reading->line_number == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    text = trim(text);
    if (text[0] == '[')
        return read_heading(reading, text);
    if (!reading->inside || text[0] == '\0' || text[0] == '#' || text[0] == ';')
        return true;
    char *equals = strchr(text, '=');
    if (equals != NULL)
        *equals = '\0';
    const char *key = trim(text);
    if (key[0] == '\0' || strpbrk(key, " \t:;") != NULL)
        return bad_line(reading, "this is neither a section nor 'option = value'");
    return add_option(reading, key, equals != NULL ? trim(equals + 1) : "");
}

static bool is_private(FILE *file)
{
    struct stat status;
    if (fstat(fileno(file), &status) != 0)
        return false;
    if (!S_ISREG(status.st_mode))
        return true;
    return (status.st_mode & (status.st_uid == 0 ? 0027 : 0077)) == 0;
}

static bool read_file(const struct dr_option_table *table, const char *path, FILE *file,
                      const char *section, struct dr_arguments *out, struct dr_error *error)
{
    struct reading *reading = malloc(sizeof *reading);
    if (reading == NULL)
        return no_memory(error);
    *reading = (struct reading){.table = table,
                                .path = path,
                                .section = section,
                                .file = file,
                                .private = is_private(file),
                                .out = out,
                                .error = error};
    while (!reading->failed && next_line(reading) && read_line(reading))
        ;
    bool good = !reading->failed;
    if (good && !reading->found)
        good = dr_error_set(error, DR_ERR_USAGE, "%s has no section [%s]", path, section);
    dr_wipe(reading, sizeof *reading);
    free(reading);
    return good;
}

/* ---- which file ---- */

static const char *const fixed_paths[] = {
    "/usr/local/etc/monitoring-plugins/monitoring-plugins.ini",
    "/usr/local/etc/monitoring-plugins.ini",
    "/etc/monitoring-plugins/monitoring-plugins.ini",
    "/etc/monitoring-plugins.ini",
    "/etc/nagios/plugins.ini",
    "/usr/local/nagios/etc/plugins.ini",
    "/usr/local/etc/nagios/plugins.ini",
    "/etc/opt/nagios/plugins.ini",
    "/etc/nagios-plugins.ini",
    "/usr/local/etc/nagios-plugins.ini",
    "/etc/opt/nagios-plugins.ini",
};

static const char *const file_names[] = {"monitoring-plugins.ini", "plugins.ini",
                                         "nagios-plugins.ini"};

/* The first of the three files in one of the directories, as a new string; NULL. */
static char *find_in_directories(const char *list)
{
    while (*list != '\0') {
        size_t size = strcspn(list, ":");
        for (size_t i = 0; size > 0 && i < sizeof file_names / sizeof *file_names; i++) {
            char *path = dr_text_format("%.*s/%s", (int)size, list, file_names[i]);
            if (path != NULL && access(path, F_OK) == 0)
                return path;
            free(path);
        }
        list += size;
        list += *list == ':' ? 1 : 0;
    }
    return NULL;
}

/* The default file as a new string; NULL with the places that were looked at. */
static char *find_default(struct dr_error *error)
{
    const char *file = getenv("MP_CONFIG_FILE");
    if (file != NULL && file[0] != '\0')
        return copy(file, error);
    const char *directories = getenv("NAGIOS_CONFIG_PATH");
    char *path = directories != NULL ? find_in_directories(directories) : NULL;
    for (size_t i = 0; path == NULL && i < sizeof fixed_paths / sizeof *fixed_paths; i++) {
        if (access(fixed_paths[i], F_OK) == 0)
            return copy(fixed_paths[i], error);
    }
    if (path == NULL)
        dr_error_set(error, DR_ERR_USAGE,
                     "--extra-opts: no INI file found: neither MP_CONFIG_FILE nor "
                     "NAGIOS_CONFIG_PATH leads to one, and there is none of the customary files, "
                     "from %s to %s; name it: --extra-opts=SECTION@FILE",
                     fixed_paths[2], fixed_paths[sizeof fixed_paths / sizeof *fixed_paths - 1]);
    return path;
}

static bool read_path(const struct dr_option_table *table, const char *path, const char *section,
                      struct dr_arguments *out, struct dr_error *error)
{
    if (strcmp(path, "-") == 0)
        return read_file(table, "standard input", stdin, section, out, error);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return dr_error_set(error, DR_ERR_USAGE, "--extra-opts: %s: %s", path, strerror(errno));
    bool good = read_file(table, path, file, section, out, error);
    fclose(file);
    return good;
}

/* One --extra-opts; `argument` is NULL or "[section][@file]". */
static bool read_extra(const struct dr_option_table *table, const char *argument,
                       const char *section, struct dr_arguments *out, struct dr_error *error)
{
    const char *text = argument != NULL ? argument : "";
    const char *at = strchr(text, '@');
    size_t size = at != NULL ? (size_t)(at - text) : strlen(text);
    char *named = size > 0 ? copy_bytes(text, size, error) : copy(section, error);
    char *path = at != NULL && at[1] != '\0' ? copy(at + 1, error) : find_default(error);
    bool good = named != NULL && path != NULL && read_path(table, path, trim(named), out, error);
    free(named);
    free(path);
    return good;
}

/* ---- the command line ---- */

/* What one word of the command line is. */
struct word {
    int words;         /* it and its argument: 1 or 2 */
    const char *extra; /* the argument ("" without) of an --extra-opts; NULL */
    bool help;         /* --help or --version */
};

static bool is_help(const struct dr_option *option)
{
    return strcmp(option->name, "help") == 0 || strcmp(option->name, "version") == 0;
}

static struct word scan_long(const struct dr_option_table *table, const char *word)
{
    size_t length = strcspn(word, "=");
    const struct dr_option *option = dr_options_find(table, word, length, NULL);
    if (option == NULL)
        return (struct word){.words = 1};
    const char *value = word[length] == '=' ? word + length + 1 : NULL;
    struct word scanned = {.words = 1, .help = is_help(option)};
    if (strcmp(option->name, "extra-opts") == 0)
        scanned.extra = value != NULL ? value : "";
    if (dr_option_takes_argument(option) && !option->optional_argument && value == NULL)
        scanned.words = 2;
    return scanned;
}

static struct word scan_word(const struct dr_option_table *table, const char *word)
{
    struct word scanned = {.words = 1};
    if (strncmp(word, "--", 2) == 0)
        return scan_long(table, word + 2);
    for (const char *p = word + 1; word[0] == '-' && *p != '\0'; p++) {
        const struct dr_option *option = dr_options_find_letter(table, *p);
        if (option == NULL)
            continue;
        scanned.help = scanned.help || is_help(option);
        if (!dr_option_takes_argument(option))
            continue;
        if (p[1] == '\0' && !option->optional_argument)
            scanned.words = 2;
        break;
    }
    return scanned;
}

/* Whoever asks for help gets it, whatever is wrong with a file. */
static bool asks_for_help(const struct dr_option_table *table, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0;) {
        struct word scanned = scan_word(table, argv[i]);
        if (scanned.help)
            return true;
        i += scanned.words;
    }
    return false;
}

/* Reads the files into out->owned, and marks the words of argv that stay; *extras counts the
 * others. */
static bool expand_words(const struct dr_option_table *table, const char *section, int argc,
                         char **argv, bool *stays, size_t *extras, struct dr_arguments *out,
                         struct dr_error *error)
{
    bool options = true;
    for (int i = 1; i < argc;) {
        options = options && strcmp(argv[i], "--") != 0;
        struct word scanned = options ? scan_word(table, argv[i]) : (struct word){.words = 1};
        if (scanned.extra != NULL && !read_extra(table, scanned.extra, section, out, error))
            return false;
        *extras += scanned.extra != NULL ? 1 : 0;
        for (; scanned.words > 0 && i < argc; scanned.words--)
            stays[i++] = scanned.extra == NULL;
    }
    return true;
}

/* argv[0], the file's options, then what stays of the command line. */
static bool join(int argc, char **argv, const bool *stays, struct dr_arguments *out)
{
    char **joined = calloc((size_t)argc + out->owned_count + 1, sizeof *joined);
    if (joined == NULL)
        return false;
    int count = 0;
    joined[count++] = argv[0];
    for (size_t i = 0; i < out->owned_count; i++)
        joined[count++] = out->owned[i];
    for (int i = 1; i < argc; i++) {
        if (stays[i])
            joined[count++] = argv[i];
    }
    out->argc = count;
    out->argv = joined;
    out->joined = joined;
    return true;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

bool dr_extra_opts_expand(const struct dr_option_table *table, const char *section, int argc,
                          char **argv, struct dr_arguments *out, struct dr_error *error)
{
    *out = (struct dr_arguments){.argc = argc, .argv = argv};
    if (argc < 2 || asks_for_help(table, argc, argv))
        return true;
    bool *stays = calloc((size_t)argc, sizeof *stays);
    if (stays == NULL)
        return no_memory(error);
    size_t extras = 0;
    bool good = expand_words(table, section != NULL ? section : base_name(argv[0]), argc, argv,
                             stays, &extras, out, error);
    if (good && extras > 0 && !join(argc, argv, stays, out))
        good = no_memory(error);
    free(stays);
    return good;
}
