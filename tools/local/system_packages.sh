#!/bin/sh
# Checks what `make setup` can't install from PyPI and npm, before it installs anything.
#
#   sh tools/local/system_packages.sh         Python, for everything
#   sh tools/local/system_packages.sh local   and what the system on this machine and the tests start
#
# Prints the Python to use: $PYTHON, or the first that fits. As root on Debian or Ubuntu it installs what is
# missing. Elsewhere it names all of it, with one command for each platform, and exits with 1.
set -u

find_python() {
    for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        # Debian has venv in the package of Python, and ensurepip, which it takes, in another.
        if "$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}

has() { command -v "$1" >/dev/null; }

# PyPI has a server with pgcrypto for Linux. On macOS it is Homebrew's, which is not linked into its bin.
has_postgres() {
    [ "$(uname)" != Darwin ] || has postgres ||
        ls /opt/homebrew/opt/postgresql@1[5-9]/bin/postgres /usr/local/opt/postgresql@1[5-9]/bin/postgres 2>/dev/null | grep -q .
}

# need NAME DEBIAN FEDORA MACOS: what is missing, and its package on each platform, none where it is always there
need() {
    names="${names:+$names, }$1"
    debian="$debian${2:+ $2}"
    fedora="$fedora${3:+ $3}"
    macos="$macos${4:+ $4}"
}

look() {
    names='' debian='' fedora='' macos=''
    python=$(find_python) || need 'Python 3.11 to 3.14 with venv and ensurepip' python3-venv python3.13 python@3.13
    [ "$1" = local ] || return 0
    has pgbouncer || need PgBouncer pgbouncer pgbouncer pgbouncer
    has git || need git git git git
    has ps || need ps procps procps-ng ''
    has_postgres || need 'PostgreSQL 15 or newer' '' '' postgresql@17
}

what=${1:-python}
look "$what"
if [ -n "$debian" ] && [ "$(id -u)" = 0 ] && has apt-get; then
    echo "Installing$debian" >&2
    # At this run level Debian's pooler doesn't start as a service: the local system starts its own.
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    # shellcheck disable=SC2086 - a list of packages
    { apt-get update; apt-get install -y --no-install-recommends $debian; } >&2
    look "$what"
fi
if [ -z "$names" ]; then
    echo "$python"
    exit
fi
{
    echo "Missing: $names. Install it, then try again:"
    if [ -n "$debian" ]; then echo "  Debian, Ubuntu:  sudo apt-get install -y$debian"; fi
    if [ -n "$fedora" ]; then echo "  Fedora:          sudo dnf install -y$fedora"; fi
    if [ -n "$macos" ]; then echo "  macOS:           brew install$macos"; fi
    case $names in Python*) echo '  A Python elsewhere: make PYTHON=/path/to/python3.13' ;; esac
} >&2
exit 1
