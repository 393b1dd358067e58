/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A locale whose decimal separator is a comma, compiled for the test: the machine need not have
 * one. */
#ifndef TESTS_UNIT_LOCALE_H
#define TESTS_UNIT_LOCALE_H

#include <fcntl.h>
#include <ftw.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static inline int test_remove_one(const char *path, const struct stat *status, int type,
                                  struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

/* Removes a directory with all that is in it. */
static inline void test_remove_tree(const char *path)
{
    nftw(path, test_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline bool test_compile_locale(const char *source, const char *into)
{
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execlp("localedef", "localedef", "-i", source, "-f", "UTF-8", into, (char *)NULL);
        _exit(127);
    }
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) <= 1; /* 1: with warnings */
}

/* Compiles a locale ("de_DE") and makes it that of the process; false where the machine has no
 * localedef or no source for it. test_locale_end undoes it. */
static inline bool test_locale_begin(const char *source)
{
    char directory[] = "/tmp/dr-locale-XXXXXX";
    char path[sizeof directory + 32];
    char name[32];
    if (mkdtemp(directory) == NULL)
        return false;
    snprintf(name, sizeof name, "%s.UTF-8", source);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    setenv("LOCPATH", directory, 1);
    bool ok = test_compile_locale(source, path) && setlocale(LC_ALL, name) != NULL;
    unsetenv("LOCPATH");
    test_remove_tree(directory);
    return ok;
}

static inline void test_locale_end(void)
{
    setlocale(LC_ALL, "C");
}

#endif
