#!/bin/sh
# Tries the two commands of the README where nobody has been before: a minimal Debian of this machine's release, a clean
# clone of what is committed, ./dev demo and ./dev test. Run by ./dev fresh, as root; takes many minutes, so it is no
# part of the suite. The package sources, proxies and certificates of this machine are lent to the new system.
#
#   ./dev fresh [--keep] [--no-test] [--for 60s]
set -eu

CHECKOUT=$(cd "$(dirname "$0")/../.." && pwd)
KEEP=${KEEP:-no}
TEST=${TEST:-yes}
TIME=${TIME:-60s}
while [ $# -gt 0 ]; do
    case $1 in
    --keep) KEEP=yes ;;
    --no-test) TEST=no ;;
    --for)
        TIME=${2:?--for needs a time}
        shift
        ;;
    *)
        sed -n '2,6s/^# \{0,1\}//p' "$0"
        exit 2
        ;;
    esac
    shift
done
[ "$(id -u)" = 0 ] || {
    echo "A fresh root needs root:  sudo ./dev fresh" >&2
    exit 1
}

# shellcheck source=/dev/null
RELEASE=$(. /etc/os-release && echo "$VERSION_CODENAME")
if [ "${FRESH_WORK:-}" = "" ]; then
    # In namespaces of its own, so that every mount and every process ends with it, and what is deleted here afterwards
    # holds nothing but the new system.
    FRESH_WORK=$(mktemp -d "${TMPDIR:-/tmp}/fresh.XXXXXX")
    export FRESH_WORK KEEP TEST TIME
    result=0
    unshare --mount --pid --ipc --uts --fork --kill-child --mount-proc sh "$0" || result=$?
    if [ "$KEEP" = yes ]; then
        echo "fresh: kept $FRESH_WORK/root"
    else
        rm -rf --one-file-system "$FRESH_WORK"
    fi
    exit "$result"
fi
ROOT=$FRESH_WORK/root

echo "fresh: a minimal Debian ($RELEASE)"
SOURCES=$(grep -lE "(^Suites:|^deb )(.* )?$RELEASE( |\$)" /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
    /etc/apt/sources.list.d/*.sources 2>/dev/null || true)
# git and certificates are what somebody who clones has; all the rest, Python too, is for ./dev to find missing.
# shellcheck disable=SC2086 # one path a word
mmdebstrap --quiet --mode=root --variant=minbase --include=git,ca-certificates "$RELEASE" "$ROOT" $SOURCES

# What this machine needs to reach packages, it has been told somewhere: the same places are used in there.
[ -z "$SOURCES" ] || {
    rm -f "$ROOT/etc/apt/sources.list" "$ROOT"/etc/apt/sources.list.d/*
    for file in $SOURCES; do
        cp "$file" "$ROOT$file"
    done
}
for file in /etc/apt/apt.conf.d/*proxy* /etc/apt/apt.conf /etc/apt/auth.conf /etc/pip.conf /etc/hosts /etc/resolv.conf; do
    [ ! -f "$file" ] || { rm -f "$ROOT$file" && cp -L "$file" "$ROOT$file"; }
done
if [ -f "${HOME:-/root}/.config/pip/pip.conf" ]; then
    mkdir -p "$ROOT/etc/xdg/pip" && cp "${HOME:-/root}/.config/pip/pip.conf" "$ROOT/etc/xdg/pip/pip.conf"
fi
cp -a /usr/local/share/ca-certificates/. "$ROOT/usr/local/share/ca-certificates/"
cp /etc/ssl/certs/ca-certificates.crt "$ROOT/etc/ssl/certs/ca-certificates.crt"

mount -t proc proc "$ROOT/proc"
mount --rbind /sys "$ROOT/sys"
mount --make-rslave "$ROOT/sys"
mount -t tmpfs -o mode=755 dev "$ROOT/dev"
for node in null zero full random urandom tty; do
    : >"$ROOT/dev/$node"
    mount --bind "/dev/$node" "$ROOT/dev/$node"
done
mkdir "$ROOT/dev/pts" "$ROOT/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$ROOT/dev/pts"
mount -t tmpfs shm "$ROOT/dev/shm"
ln -s pts/ptmx "$ROOT/dev/ptmx"
ln -s /proc/self/fd "$ROOT/dev/fd"
ln -s fd/0 "$ROOT/dev/stdin"
ln -s fd/1 "$ROOT/dev/stdout"
ln -s fd/2 "$ROOT/dev/stderr"
# Indexes that are directories of this machine are lent read-only at the same place, with the files beside the index.
for place in $(pip_places=$(/usr/bin/python3 -m pip config list 2>/dev/null || "$CHECKOUT/.venv/bin/python" -m pip config list)
    printf '%s\n' "$pip_places" | grep -oE "(file://)?/[^' \\]+" | sed 's#^file://##; s#/simple/*$##' | sort -u); do
    [ -d "$place" ] || continue
    mkdir -p "$ROOT$place"
    mount --bind -o ro "$place" "$ROOT$place"
done

git clone -q --no-hardlinks "$CHECKOUT" "$ROOT/hall-edge"

# inside NAME COMMAND: with the variables that say how to reach packages, and no others.
inside() {
    name=$1
    shift
    began=$(date +%s)
    status=0
    # shellcheck disable=SC2046 # one variable a word
    env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb CI=true \
        $(env | grep -E '^(PIP_[A-Z_]+|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY)=[^ ]*$' || true) \
        chroot "$ROOT" sh -c "cd /hall-edge && $*" || status=$?
    echo "fresh: $name ended with $status after $(($(date +%s) - began)) s"
    return "$status"
}

result=0
inside demo "./dev demo --for $TIME" || result=1
if [ "$TEST" = yes ]; then
    # A booted systemd inside a changed root does not get the control groups it needs: the nights of the units are left to the
    # suite outside, which runs them. All the rest of the suite runs here.
    inside test "./dev test --deselect tests/system/test_units.py::TestNight" || result=1
    inside "a second ./dev check" "./dev check >/dev/null" || result=1
fi
exit "$result"
