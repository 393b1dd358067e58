/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a command, and writes what it used.
 *
 *     measure FILE COMMAND...
 *
 * FILE: wall seconds, CPU seconds and the most memory that it had (ru_maxrss, KiB). That figure
 * begins with the memory of the process that starts the command: this one is smaller than any. The
 * exit code is the command's, 125 where a signal ended it or it could not be started. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define FAILED 125

extern char **environ;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

int main(int argc, char **argv)
{
    struct rusage used;
    pid_t child;
    int status;
    if (argc < 3)
        return FAILED;
    double started = now();
    if (posix_spawnp(&child, argv[2], NULL, NULL, argv + 2, environ) != 0 ||
        wait4(child, &status, 0, &used) != child)
        return FAILED;
    double wall = now() - started;
    FILE *file = fopen(argv[1], "we");
    if (file == NULL ||
        fprintf(file, "%.6f %.6f %ld\n", wall, seconds(used.ru_utime) + seconds(used.ru_stime),
                used.ru_maxrss) < 0 ||
        fclose(file) != 0)
        return FAILED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
}
