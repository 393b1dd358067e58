# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of the demo share: headings, commands as they are run, outputs as they are."""

import os
import shlex
import subprocess
import sys
import textwrap

from postgresql import LabError

STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
COLOURS = {"OK": "32", "WARNING": "33", "CRITICAL": "31", "UNKNOWN": "35"}


def paint(text, code):
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        return "\033[%sm%s\033[0m" % (code, text)
    return text


def show(text=""):
    print(text, flush=True)


class Stage:
    """One executable on one lab. `targets` are the arguments that $NODES stands for in what is shown."""

    def __init__(self, folder, name, targets):
        self.name = name
        self.executable = os.path.join(folder, name)
        self.targets = targets
        self.number = 0

    def scene(self, heading, story):
        self.number += 1
        show()
        show(paint("%d. %s" % (self.number, heading), "1"))
        for line in textwrap.wrap(story, 96, initial_indent="   ", subsequent_indent="   "):
            show(line)
        show()

    def show_targets(self):
        show("   NODES=\"%s\"" % "\n          ".join(
            " ".join(self.targets[i:i + 2]) for i in range(0, len(self.targets), 2)))

    def check(self, *arguments, quiet=False):
        """Shows the command, its output and its exit code; returns the output. `quiet`: shows nothing."""
        arguments = list(arguments)
        if not quiet:
            show(paint("   $ %s %s%s" % (self.name, "$NODES " if self.targets else "", " ".join(map(shlex.quote, arguments))), "36"))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        ended = subprocess.run([self.executable] + self.targets + arguments, env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, universal_newlines=True)
        if ended.returncode not in range(4):
            raise LabError("%s ended with %d" % (self.name, ended.returncode))
        if not quiet:
            state = STATES[ended.returncode]
            show(ended.stdout.rstrip("\n"))
            show("   exit code %d, %s" % (ended.returncode, paint(state, COLOURS[state])))
        return ended.stdout
