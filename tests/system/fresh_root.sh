#!/bin/sh
# ./dev fresh: a minimal Debian that has never seen this project; in it, on a clean clone, the README's two commands.
#
# Only what this machine uses to reach its package registries is carried over (sources, apt and pip settings, certificates).
# Takes minutes and needs root; not part of the suite. FRESH_DEMO=60s sets how long the demo plays.
set -eu

cd "$(dirname "$0")/../.."
CHECKOUT=$(pwd)
ROOT=${1:-$CHECKOUT/build/fresh-root}
PLAY=${FRESH_DEMO:-60s}
RELEASE=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")

[ "$(id -u)" = 0 ] || { echo "./dev fresh needs root" >&2; exit 1; }

away() {
    for place in /dev /sys /proc ""; do
        mountpoint -q "$ROOT$place" && umount --recursive --lazy "$ROOT$place"
    done
    return 0
}
trap away EXIT
away
rm -rf "$ROOT"

echo "--- a minimal $RELEASE"
# shellcheck disable=SC2046 # one file a word
mmdebstrap --quiet --mode=root --variant=minbase --include=ca-certificates "$RELEASE" "$ROOT" \
    $(grep -l "$RELEASE" /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null)

git clone -q --no-local "$CHECKOUT" "$ROOT/root/hall-edge"

# How this machine reaches its registries. Nothing else of it.
for path in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/xdg/pip /root/.config/pip /etc/apt/sources.list \
    /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/auth.conf.d /etc/ssl/certs /usr/local/share/ca-certificates; do
    [ -e "$path" ] || continue
    mkdir -p "$ROOT$(dirname "$path")"
    cp -aL "$path" "$ROOT$(dirname "$path")/" 2>/dev/null || true
done

# A root must be a mount of its own, or systemd-nspawn inside cannot make its own tree private.
mount --bind "$ROOT" "$ROOT"
mount --make-rprivate "$ROOT"
mount -t proc proc "$ROOT/proc"
mount --rbind /sys "$ROOT/sys"
mount --rbind /dev "$ROOT/dev"
mount --make-rslave "$ROOT/sys"
mount --make-rslave "$ROOT/dev"

inside() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 ${PIP_CERT:+PIP_CERT=$PIP_CERT} \
        ${SSL_CERT_FILE:+SSL_CERT_FILE=$SSL_CERT_FILE} "$@" chroot "$ROOT" sh -c "cd /root/hall-edge && $COMMAND"
}

echo "--- ./dev demo --for $PLAY"
COMMAND="./dev demo --for $PLAY" inside
# A systemd does not come up in a container inside this changed root (it waits for its cgroups): the nights of the units are
# left to the suite outside. Everything else runs here.
echo "--- ./dev test (without the booted units)"
COMMAND="./dev test --deselect tests/system/test_units.py::TestNight" inside CI=true
echo "--- both passed on a fresh $RELEASE"
