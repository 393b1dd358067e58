/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/state_file.h"

#include "tests/unit/locale.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534
#define HEADING "dr-plugins state 1 lag 3\n"

static char directory[32];
static char path[PATH_MAX]; /* of the state file of the service under test */
static char lock_path[PATH_MAX];

/* The name is a contract: FNV-1a 64 of "foobar" is 85944171f73967e8 (draft-eastlake-fnv, test
 * vectors). */
static int make_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/dr-state-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/check_x-85944171f73967e8.state", directory);
    snprintf(lock_path, sizeof lock_path, "%s/check_x-85944171f73967e8.lock", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    test_remove_tree(directory);
    return 0;
}

static bool open_state(struct dr_state_file *file, struct dr_error *error)
{
    return dr_state_open(file, directory, "check_x", "foobar", "lag", 3, error);
}

static void assert_open(struct dr_state_file *file)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!open_state(file, &error))
        fail_msg("%s", error.text);
}

static void assert_save(struct dr_state_file *file)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!dr_state_save(file, &error))
        fail_msg("%s", error.text);
}

static void write_file(const void *bytes, size_t size)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
}

static char *read_file(void)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, 2 * DR_STATE_BYTES);
    assert_true(fread(text, 1, 2 * DR_STATE_BYTES - 1, file) > 0);
    fclose(file);
    return text;
}

static size_t files_in_directory(void)
{
    size_t count = 0;
    DIR *dir = opendir(directory);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* Opens, expects no rows and the note, and that saving makes a good file of it all the same. */
static void assert_reads_as_empty(const char *note)
{
    struct dr_state_file file;
    assert_open(&file);
    assert_int_equal(file.count, 0);
    if (strstr(file.note, note) == NULL)
        fail_msg("the note says \"%s\", not \"%s\"", file.note, note);
    dr_state_close(&file);
}

/* ---- what is written is read ---- */

static void rows_come_back(void **state)
{
    (void)state;
    static const long long numbers[] = {0, -1, LLONG_MAX, LLONG_MIN, 1792022400, 6};
    static const char *const keys[] = {"db1", "a b\tc\n%41", "M\xc3\xbcller\x7f", "end"};
    struct dr_state_file file;
    assert_open(&file);
    assert_string_equal(file.note, "there is none yet");
    for (size_t i = 0; i < 4; i++)
        assert_true(dr_state_add(&file, keys[i], numbers, 2 * i));
    assert_save(&file);
    dr_state_close(&file);
    dr_state_close(&file);

    char *text = read_file();
    assert_string_equal(text, HEADING "db1\n"
                                      "a%20b%09c%0A%2541 0 -1\n"
                                      "M%C3%BCller%7F 0 -1 9223372036854775807 "
                                      "-9223372036854775808\n"
                                      "end 0 -1 9223372036854775807 -9223372036854775808 "
                                      "1792022400 6\n"
                                      "end 4\n");
    free(text);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(stat(lock_path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(files_in_directory(), 2);

    assert_open(&file);
    assert_string_equal(file.note, "");
    assert_int_equal(file.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(file.rows[i].key, keys[i]);
        assert_int_equal(file.rows[i].count, 2 * i);
        assert_memory_equal(file.rows[i].numbers, numbers, 2 * i * sizeof numbers[0]);
    }
    assert_save(&file);
    dr_state_close(&file);
}

static void no_rows_are_a_good_file(void **state)
{
    (void)state;
    struct dr_state_file file;
    assert_open(&file);
    assert_save(&file);
    dr_state_close(&file);
    char *text = read_file();
    assert_string_equal(text, HEADING "end 0\n");
    free(text);
    assert_open(&file);
    assert_string_equal(file.note, "");
    dr_state_close(&file);
}

static void services_are_kept_apart(void **state)
{
    (void)state;
    struct dr_state_file one;
    struct dr_state_file other;
    struct dr_error error;
    assert_open(&one);
    assert_true(dr_state_open(&other, directory, "check_x", "foobaz", "lag", 3, &error));
    assert_string_not_equal(one.path, other.path);
    assert_string_equal(one.path, path);
    dr_state_close(&other);
    assert_true(dr_state_open(&other, directory, "check_y", "foobar", "lag", 3, &error));
    assert_string_not_equal(one.path, other.path);
    dr_state_close(&other);
    dr_state_close(&one);
}

static void rows_out_of_bounds_are_refused(void **state)
{
    (void)state;
    static const long long numbers[DR_STATE_NUMBERS + 1] = {0};
    char key[DR_STATE_KEY_MAX + 2];
    memset(key, '%', sizeof key);
    key[DR_STATE_KEY_MAX + 1] = '\0';
    struct dr_state_file file;
    assert_open(&file);
    assert_false(dr_state_add(&file, key, numbers, 1));
    assert_false(dr_state_add(&file, "", numbers, 1));
    assert_false(dr_state_add(&file, "k", numbers, DR_STATE_NUMBERS + 1));
    assert_int_equal(file.count, 0);
    key[DR_STATE_KEY_MAX] = '\0';
    assert_true(dr_state_add(&file, key, numbers, DR_STATE_NUMBERS));
    assert_save(&file);
    dr_state_close(&file);
    assert_open(&file);
    assert_int_equal(file.count, 1);
    assert_string_equal(file.rows[0].key, key);
    dr_state_close(&file);
}

static bool is_below(const struct dr_state_row *row, const void *context)
{
    const long long *limit = context;
    return row->numbers[0] < *limit;
}

static void rows_are_removed(void **state)
{
    (void)state;
    struct dr_state_file file;
    assert_open(&file);
    for (long long i = 0; i < 10; i++)
        assert_true(dr_state_add(&file, i % 2 == 0 ? "even" : "odd", &i, 1));
    const long long five = 5;
    dr_state_remove_first(&file, 0);
    assert_int_equal(file.count, 10);
    dr_state_remove(&file, "even", is_below, &five);
    assert_int_equal(file.count, 7);
    dr_state_remove(&file, "none", NULL, NULL);
    assert_int_equal(file.count, 7);
    dr_state_remove(&file, NULL, is_below, &five);
    static const long long left[] = {5, 6, 7, 8, 9};
    assert_int_equal(file.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(file.rows[i].numbers[0], left[i]);
    dr_state_remove_first(&file, 1);
    assert_int_equal(file.count, 4);
    assert_int_equal(file.rows[0].numbers[0], 6);
    dr_state_remove(&file, "odd", NULL, NULL);
    assert_int_equal(file.count, 2);
    dr_state_remove(&file, NULL, NULL, NULL);
    assert_int_equal(file.count, 0);
    dr_state_close(&file);
}

static void the_oldest_rows_make_room(void **state)
{
    (void)state;
    struct dr_state_file file;
    assert_open(&file);
    for (long long i = 0; i < 20000; i++) {
        long long numbers[] = {i, LLONG_MIN};
        assert_true(dr_state_add(&file, "a key", numbers, 2));
    }
    assert_save(&file);
    dr_state_close(&file);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_in_range(status.st_size, DR_STATE_BYTES - 200, DR_STATE_BYTES);
    assert_open(&file);
    assert_string_equal(file.note, "");
    assert_in_range(file.count, 5000, 19999);
    assert_int_equal(file.rows[file.count - 1].numbers[0], 19999);
    assert_int_equal(file.rows[0].numbers[0], 20000 - (long long)file.count);
    dr_state_close(&file);
}

/* ---- damage ---- */

static void damaged_files_read_as_empty(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *note;
    } cases[] = {
        {"", "is empty"},
        {"\n", "another format"},
        {"garbage", "another format"},
        {"dr-plugins state 1 lag 3", "another format"},
        {"dr-plugins state 2 lag 3\nend 0\n", "another format or version"},
        {"dr-plugins state 1 lag 4\nend 0\n", "another format or version"},
        {"dr-plugins state 1 lags 3\nend 0\n", "another format or version"},
        {"dr-plugins state 1 lag 3\r\nend 0\r\n", "another format or version"},
        {HEADING, "its end is missing"},
        {HEADING "a 1\n", "its end is missing"},
        {HEADING "a 1\nb 2", "its end is missing"},
        {HEADING "a 1\nend 1", "its end is missing"},
        {HEADING "a 1\nend 2\n", "its end is missing"},
        {HEADING "a 1\nend 1\nb 2\n", "its end is missing"},
        {HEADING "a 1\nend 1\n\n", "damaged"},
        {HEADING "a\x01 1\n\nend 1\n", "line 3 is damaged"},
        {HEADING "\nend 1\n", "line 2 is damaged"},
        {HEADING " 1\nend 1\n", "line 2 is damaged"},
        {HEADING "a 1\nb  2\nend 2\n", "line 3 is damaged"},
        {HEADING "a 1 \nend 1\n", "line 2 is damaged"},
        {HEADING "a +1\nend 1\n", "line 2 is damaged"},
        {HEADING "a 1.5\nend 1\n", "line 2 is damaged"},
        {HEADING "a 0x10\nend 1\n", "line 2 is damaged"},
        {HEADING "a -\nend 1\n", "line 2 is damaged"},
        {HEADING "a \t1\nend 1\n", "line 2 is damaged"},
        {HEADING "a 9223372036854775808\nend 1\n", "line 2 is damaged"},
        {HEADING "a 1 2 3 4 5 6 7 8 9 10 11\nend 1\n", "line 2 is damaged"},
        {HEADING "a% 1\nend 1\n", "line 2 is damaged"},
        {HEADING "a%2 1\nend 1\n", "line 2 is damaged"},
        {HEADING "a%zz 1\nend 1\n", "line 2 is damaged"},
        {HEADING "a%00 1\nend 1\n", "line 2 is damaged"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(cases[i].text, strlen(cases[i].text));
        assert_reads_as_empty(cases[i].note);
    }
}

/* What one good file is cut to, or with a byte zeroed, is never read as something else. */
static void no_cut_and_no_zeroed_byte_makes_other_rows(void **state)
{
    (void)state;
    static const char good[] = HEADING "db1 10 20\ndb2 30\nend 2\n";
    size_t size = sizeof good - 1;
    for (size_t cut = 0; cut < size; cut++) {
        write_file(good, cut);
        assert_reads_as_empty(" ");
    }
    for (size_t at = 0; at < size; at++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        text[at] = '\0';
        write_file(text, size);
        assert_reads_as_empty(" ");
    }
}

static void binary_garbage_and_huge_files_read_as_empty(void **state)
{
    (void)state;
    size_t size = DR_STATE_BYTES + 1;
    char *bytes = malloc(size);
    unsigned seed = 1;
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1103515245u + 12345u;
        bytes[i] = (char)(seed >> 16);
    }
    write_file(bytes, 5000);
    assert_reads_as_empty("another format");
    write_file(bytes, DR_STATE_BYTES);
    assert_reads_as_empty("another format");
    write_file(bytes, size);
    assert_reads_as_empty("larger than");
    free(bytes);
    assert_int_equal(truncate(path, 1LL << 40), 0);
    assert_reads_as_empty("larger than");
}

static void a_damaged_file_is_replaced(void **state)
{
    (void)state;
    write_file("garbage", 7);
    struct dr_state_file file;
    assert_open(&file);
    const long long one = 1;
    assert_true(dr_state_add(&file, "k", &one, 1));
    assert_save(&file);
    dr_state_close(&file);
    char *text = read_file();
    assert_string_equal(text, HEADING "k 1\nend 1\n");
    free(text);
}

/* ---- things in the way ---- */

static void a_link_in_the_place_of_the_file_is_refused(void **state)
{
    (void)state;
    char target[PATH_MAX];
    snprintf(target, sizeof target, "%s/target", directory);
    write_file(HEADING "end 0\n", strlen(HEADING "end 0\n"));
    assert_int_equal(rename(path, target), 0);
    assert_int_equal(symlink("target", path), 0);
    struct dr_state_file file;
    struct dr_error error = {.class = DR_ERR_NONE};
    assert_false(open_state(&file, &error));
    assert_int_equal(error.class, DR_ERR_USAGE);
    assert_non_null(strstr(error.text, "symbolic link"));
    assert_non_null(strstr(error.text, path));
    dr_state_close(&file);
    unlink(path);

    unlink(lock_path);
    assert_int_equal(symlink("target", lock_path), 0);
    assert_false(open_state(&file, &error));
    assert_non_null(strstr(error.text, "symbolic link"));
    assert_non_null(strstr(error.text, lock_path));
    dr_state_close(&file);
}

static void what_is_no_file_reads_as_empty_and_never_blocks(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_reads_as_empty("not a regular file");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_reads_as_empty("not a regular file");
    struct dr_state_file file;
    struct dr_error error = {.class = DR_ERR_NONE};
    assert_open(&file);
    assert_false(dr_state_save(&file, &error));
    assert_non_null(strstr(error.text, path));
    dr_state_close(&file);
    assert_int_equal(files_in_directory(), 2);
}

static void what_a_killed_run_left_is_no_obstacle(void **state)
{
    (void)state;
    char left[PATH_MAX + 8];
    snprintf(left, sizeof left, "%s.new", path);
    assert_int_equal(symlink("/nonexistent/elsewhere", left), 0);
    struct dr_state_file file;
    assert_open(&file);
    assert_save(&file);
    dr_state_close(&file);
    char *text = read_file();
    assert_string_equal(text, HEADING "end 0\n");
    free(text);
    assert_int_equal(files_in_directory(), 2);
}

static void a_directory_that_is_none_is_an_error(void **state)
{
    (void)state;
    static const char *const names[] = {"/nonexistent/dr", "/dev/null", ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct dr_state_file file;
        struct dr_error error = {.class = DR_ERR_NONE};
        assert_false(dr_state_open(&file, names[i], "check_x", "foobar", "lag", 3, &error));
        assert_int_equal(error.class, DR_ERR_USAGE);
        assert_non_null(strstr(error.text, "state directory"));
        dr_state_close(&file);
    }
}

static void saving_what_is_not_open_is_an_error(void **state)
{
    (void)state;
    struct dr_state_file file;
    assert_open(&file);
    assert_save(&file);
    struct dr_error error = {.class = DR_ERR_NONE};
    assert_false(dr_state_save(&file, &error));
    assert_int_equal(error.class, DR_ERR_INTERNAL);
    dr_state_close(&file);
}

/* ---- in a child of its own: other users, other limits ---- */

/* Runs `part` in a child process; true when it returned true. */
static bool in_child(bool (*part)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(part() ? 0 : 1);
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static bool as_nobody(void)
{
    return geteuid() != 0 || (setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
}

static bool cannot_write_to_the_directory(void)
{
    struct dr_state_file file;
    struct dr_error error = {.class = DR_ERR_NONE};
    bool ok = as_nobody() && !open_state(&file, &error) && error.class == DR_ERR_USAGE &&
              strstr(error.text, "cannot be written to") != NULL;
    dr_state_close(&file);
    return ok;
}

static void a_directory_that_is_not_ours_is_an_error(void **state)
{
    (void)state;
    /* With files of earlier runs in it. */
    struct dr_state_file file;
    assert_open(&file);
    assert_save(&file);
    dr_state_close(&file);
    assert_int_equal(chmod(directory, 0555), 0);
    bool ok = in_child(cannot_write_to_the_directory);
    chmod(directory, 0700);
    assert_true(ok);
}

static void the_file_of_another_user_is_ignored(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("only root can give a file away: not tested\n");
        skip();
    }
    write_file(HEADING "a 1\nend 1\n", strlen(HEADING "a 1\nend 1\n"));
    assert_int_equal(chown(path, NOBODY, NOBODY), 0);
    assert_reads_as_empty("belongs to another user (uid 65534)");
}

static bool reads_and_saves_as_nobody(void)
{
    struct dr_state_file file;
    struct dr_error error = {.class = DR_ERR_NONE};
    bool ok =
        as_nobody() && open_state(&file, &error) && file.count == 1 && dr_state_save(&file, &error);
    dr_state_close(&file);
    return ok;
}

static void a_run_by_root_does_not_lock_the_owner_out(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("only root can become another user: not tested\n");
        skip();
    }
    assert_int_equal(chown(directory, NOBODY, NOBODY), 0);
    struct dr_state_file file;
    for (int round = 0; round < 2; round++) {
        assert_open(&file);
        assert_int_equal(file.count, round);
        const long long one = 1;
        if (round == 0)
            assert_true(dr_state_add(&file, "k", &one, 1));
        assert_save(&file);
        dr_state_close(&file);
        assert_true(in_child(reads_and_saves_as_nobody));
    }
}

static bool fails_to_save_beyond_the_limit(void)
{
    signal(SIGXFSZ, SIG_IGN);
    struct dr_state_file file;
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!open_state(&file, &error))
        return false;
    for (long long i = 0; i < 1000; i++) {
        if (!dr_state_add(&file, "new", &i, 1))
            return false;
    }
    const struct rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};
    bool ok = setrlimit(RLIMIT_FSIZE, &limit) == 0 && !dr_state_save(&file, &error) &&
              strstr(error.text, strerror(EFBIG)) != NULL;
    dr_state_close(&file);
    return ok;
}

static void the_old_file_stays_when_the_disk_is_full(void **state)
{
    (void)state;
    static const char good[] = HEADING "old 1\nend 1\n";
    write_file(good, sizeof good - 1);
    assert_true(in_child(fails_to_save_beyond_the_limit));
    char *text = read_file();
    assert_string_equal(text, good);
    free(text);
    assert_int_equal(files_in_directory(), 2);
}

/* ---- many at once ---- */

#define WRITERS 8
#define INCREMENTS 50

static bool increment_many_times(void)
{
    for (int i = 0; i < INCREMENTS; i++) {
        struct dr_state_file file;
        struct dr_error error;
        /* That the lock was not had in time is an answer; nothing must be lost all the same. */
        while (!open_state(&file, &error)) {
            if (strstr(error.text, "is in use") == NULL)
                return false;
        }
        long long number = file.count == 1 ? file.rows[0].numbers[0] + 1 : 1;
        dr_state_remove(&file, "counter", NULL, NULL);
        if (!dr_state_add(&file, "counter", &number, 1) || !dr_state_save(&file, &error))
            return false;
        dr_state_close(&file);
    }
    return true;
}

static void concurrent_writers_lose_nothing(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t children[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(increment_many_times() ? 0 : 1);
        assert_true(children[i] > 0);
    }
    bool ok = true;
    for (int i = 0; i < WRITERS; i++) {
        int status = 1;
        ok = waitpid(children[i], &status, 0) == children[i] && status == 0 && ok;
    }
    assert_true(ok);
    struct dr_state_file file;
    assert_open(&file);
    assert_int_equal(file.count, 1);
    assert_int_equal(file.rows[0].numbers[0], WRITERS * INCREMENTS);
    dr_state_close(&file);
}

static void a_lock_that_is_held_is_waited_for_a_second(void **state)
{
    (void)state;
    struct dr_state_file holder;
    assert_open(&holder);
    struct timespec before;
    struct timespec after;
    struct dr_state_file file;
    struct dr_error error = {.class = DR_ERR_NONE};
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_false(open_state(&file, &error));
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_non_null(strstr(error.text, "is in use"));
    double waited =
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    assert_true(waited >= 0.9);
    dr_state_close(&file);
    dr_state_close(&holder);
    assert_open(&file);
    dr_state_close(&file);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_come_back),
        TEST(no_rows_are_a_good_file),
        TEST(services_are_kept_apart),
        TEST(rows_out_of_bounds_are_refused),
        TEST(rows_are_removed),
        TEST(the_oldest_rows_make_room),
        TEST(damaged_files_read_as_empty),
        TEST(no_cut_and_no_zeroed_byte_makes_other_rows),
        TEST(binary_garbage_and_huge_files_read_as_empty),
        TEST(a_damaged_file_is_replaced),
        TEST(a_link_in_the_place_of_the_file_is_refused),
        TEST(what_is_no_file_reads_as_empty_and_never_blocks),
        TEST(what_a_killed_run_left_is_no_obstacle),
        TEST(a_directory_that_is_none_is_an_error),
        TEST(saving_what_is_not_open_is_an_error),
        TEST(a_directory_that_is_not_ours_is_an_error),
        TEST(the_file_of_another_user_is_ignored),
        TEST(a_run_by_root_does_not_lock_the_owner_out),
        TEST(the_old_file_stays_when_the_disk_is_full),
        TEST(concurrent_writers_lose_nothing),
        TEST(a_lock_that_is_held_is_waited_for_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
