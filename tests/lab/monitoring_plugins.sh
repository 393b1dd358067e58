#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Gets and builds a source tree of monitoring-plugins for `configure --with-monitoring-plugins=DIR`.
#
#     usage: monitoring_plugins.sh CACHE_DIR
#
# The upstream tarball comes from Debian's source package, from the mirror that this host's apt uses. Prints the
# directory of the built tree on stdout and nothing else; everything else goes to stderr. A tree that is there already
# is used again. Fails with the reason where no tree can be had.
set -eu

fail()
{
    echo "monitoring_plugins.sh: $*" >&2
    exit 1
}

[ $# -eq 1 ] || fail "usage: monitoring_plugins.sh CACHE_DIR"
mkdir -p "$1"
cache=$(cd "$1" && pwd)
tree=$cache/monitoring-plugins
if [ -f "$tree/.built" ]; then
    echo "$tree"
    exit 0
fi
for tool in apt-get make cc tar; do
    command -v $tool >/dev/null || fail "$tool is needed"
done

# Two runs at once must not build in one folder: the second waits for the first and then finds the tree.
exec 9>"$cache/monitoring-plugins.lock"
flock 9
if [ -f "$tree/.built" ]; then
    echo "$tree"
    exit 0
fi

work=$(mktemp -d "$cache/monitoring-plugins.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

mirror=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
    sed -n 's/^Debian|Debian|//p' | head -n 1)
[ -n "$mirror" ] || fail "apt knows no Debian mirror (run apt-get update first)"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || fail "$keyring is missing: install debian-archive-keyring"

# apt with lists and sources of its own: the host's are neither read nor changed, only its network settings hold.
# _apt, to which apt drops its privileges, must be able to reach the folder.
apt()
{
    apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User= \
        -o Acquire::Retries=5 "$@" >&2 9>&-
}

get()
{
    suite=$1
    rm -rf "$work/lists" "$work/cache"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    echo "deb-src [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
    apt update &&
        (cd "$work" && apt source --download-only --tar-only monitoring-plugins) &&
        ls "$work"/monitoring-plugins_*.orig.tar.* >/dev/null
}

got=
for suite in trixie sid trixie sid; do
    if get $suite; then
        got=$suite
        break
    fi
    echo "monitoring_plugins.sh: $suite did not give the source, trying on" >&2
    sleep 2
done
[ -n "$got" ] || fail "neither trixie nor sid gave the source package monitoring-plugins"

mkdir "$work/tree"
tar -xf "$work"/monitoring-plugins_*.orig.tar.* -C "$work/tree" --strip-components=1
(
    exec 9>&-
    cd "$work/tree"
    ./configure --without-perl --disable-nls >configure.out 2>&1 || {
        tail -n 20 configure.out >&2
        exit 1
    }
    for part in "-C gl" "-C lib" "-C plugins libnpcommon.a"; do
        make $part >make.out 2>&1 || {
            tail -n 20 make.out >&2
            exit 1
        }
    done
) || fail "the tree from $got does not build"

touch "$work/tree/.built"
rm -rf "$tree"
mv "$work/tree" "$tree"
echo "$tree"
