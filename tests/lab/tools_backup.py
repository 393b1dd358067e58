# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories of the real restic and borg, in a folder of a test."""

import os
import shutil
import subprocess

SECONDS = 60


class Tool:
    """A tool with its own home, so that nothing of the machine's is read or changed."""

    def __init__(self, folder, name, **environment):
        self.program = shutil.which(name)
        assert self.program, "%s is missing (./quickstart installs it)" % name
        self.folder = str(folder)
        self.repository = os.path.join(self.folder, name)
        self.source = os.path.join(self.folder, name + "-source")
        self.environment = dict(os.environ, HOME=os.path.join(self.folder, "home"), TZ="UTC", **environment)
        os.makedirs(self.environment["HOME"], exist_ok=True)
        os.makedirs(self.source)
        self.write("first")

    def write(self, text, name="file"):
        with open(os.path.join(self.source, name), "w") as file:
            file.write(text)

    def run(self, *arguments, environment=None):
        """The completed process, which has succeeded; its output is bytes."""
        done = subprocess.run([self.program, *arguments], env=environment or self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS)
        assert done.returncode == 0, done
        return done

    def start(self, *arguments):
        return subprocess.Popen([self.program, *arguments], env=self.environment, stdin=subprocess.PIPE,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Restic(Tool):
    def __init__(self, folder):
        super().__init__(folder, "restic", RESTIC_PASSWORD="open sesame")
        self.run("init", *self.options)

    @property
    def options(self):
        return ("-r", self.repository, "--no-cache", "--quiet")

    def backup(self, *arguments):
        self.run("backup", *self.options, self.source, *arguments)

    def list(self, *arguments):
        """The document that a check reads."""
        return self.run("snapshots", "-r", self.repository, "--no-lock", "--no-cache", "--json", *arguments).stdout

    def backup_from_pipe(self):
        """A backup that goes on until its stdin ends: (process), with the lock it holds."""
        return self.start("backup", "--stdin", *self.options)

    def names(self, folder):
        return sorted(os.listdir(os.path.join(self.repository, folder)))


class Borg(Tool):
    def __init__(self, folder):
        super().__init__(folder, "borg", BORG_PASSPHRASE="open sesame", BORG_RELOCATED_REPO_ACCESS_IS_OK="yes",
                         BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes")
        self.run("init", "-e", "repokey", self.repository)

    def create(self, name, *arguments):
        self.run("create", *arguments, "%s::%s" % (self.repository, name), self.source)

    def list(self, *arguments):
        """As another user, whose cache nobody holds."""
        home = dict(self.environment, HOME=os.path.join(self.folder, "reader"))
        return self.run("--bypass-lock", "list", "--json", *arguments, self.repository, environment=home).stdout
