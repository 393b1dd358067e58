# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command from a small process, and writes what it used.

    python3 -I -S measure.py FILE COMMAND...

FILE: wall seconds, CPU seconds and the most memory that it had (ru_maxrss, KiB). That figure begins with the memory of the
process that starts the command: one with a list of 100,000 queues of its own would measure itself. The exit code is the
command's, 125 where a signal ended it.

Of a small command it says what Python itself has, some 8 MiB: the benches use measure.c, which must be built."""

import os
import sys
import time

started = time.monotonic()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
wall = time.monotonic() - started
with open(sys.argv[1], "w", encoding="ascii") as file:
    file.write("%.6f %.6f %d\n" % (wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss))
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 125)
