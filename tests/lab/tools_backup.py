# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories of the real restic and borg, in a folder of a test, or of another system (root), which has other versions
of them."""

import os
import shutil
import subprocess

SECONDS = 60


class Tool:
    """A tool with its own home, so that nothing of the machine's is read or changed."""

    def __init__(self, folder, name, root="/", **environment):
        self.root = str(root)
        found = [shutil.which(name)] if self.root == "/" else ["chroot", self.root, "/usr/bin/" + name]
        assert found[0], "%s is missing (./quickstart installs it)" % name
        self.command = found
        self.folder = str(folder)
        self.repository = os.path.join(self.folder, name)
        self.source = os.path.join(self.folder, name + "-source")
        home = os.path.join(self.folder, "home")
        self.environment = dict(os.environ, HOME=self.inside(home), TZ="UTC", **environment)
        if self.root != "/":
            self.environment.pop("TMPDIR", None)
        os.makedirs(home, exist_ok=True)
        os.makedirs(self.source)
        self.write("first")

    def inside(self, path):
        """The path as the tool sees it."""
        return path if self.root == "/" else "/" + os.path.relpath(path, self.root)

    def write(self, text, name="file"):
        with open(os.path.join(self.source, name), "w") as file:
            file.write(text)

    def run(self, *arguments, environment=None):
        """The completed process, which has succeeded; its output is bytes."""
        done = subprocess.run(self.command + list(arguments), env=environment or self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS)
        assert done.returncode == 0, done
        return done

    def start(self, *arguments):
        return subprocess.Popen(self.command + list(arguments), env=self.environment, stdin=subprocess.PIPE,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Restic(Tool):
    def __init__(self, folder, root="/"):
        super().__init__(folder, "restic", root, RESTIC_PASSWORD="open sesame")
        self.run("init", *self.options)

    @property
    def options(self):
        return ("-r", self.inside(self.repository), "--no-cache", "--quiet")

    def backup(self, *arguments):
        self.run("backup", *self.options, self.inside(self.source), *arguments)

    def list(self, *arguments):
        """The document that a check reads."""
        return self.run("snapshots", "-r", self.inside(self.repository), "--no-lock", "--no-cache", "--json",
                        *arguments).stdout

    def backup_from_pipe(self):
        """A backup that goes on until its stdin ends: (process), with the lock it holds."""
        return self.start("backup", "--stdin", *self.options)

    def names(self, folder):
        return sorted(os.listdir(os.path.join(self.repository, folder)))


class Borg(Tool):
    def __init__(self, folder, root="/"):
        super().__init__(folder, "borg", root, BORG_PASSPHRASE="open sesame", BORG_RELOCATED_REPO_ACCESS_IS_OK="yes",
                         BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes")
        self.run("init", "-e", "repokey", self.place)

    @property
    def place(self):
        return self.inside(self.repository)

    def create(self, name, *arguments):
        self.run("create", *arguments, "%s::%s" % (self.place, name), self.inside(self.source))

    def list(self, *arguments):
        """As another user, whose cache nobody holds."""
        home = dict(self.environment, HOME=self.inside(os.path.join(self.folder, "reader")))
        return self.run("--bypass-lock", "list", "--json", *arguments, self.place, environment=home).stdout
