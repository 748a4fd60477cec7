#!/bin/sh
# Installs the gateway as services: on this machine, or in the root of another system (--root DIR). Run by ./dev install.
#
# Every version gets an environment of its own in /opt/hall-edge/versions; /opt/hall-edge/venv names the one that runs,
# so that a failed installation changes nothing and the way back is one link. A second run with nothing new changes
# nothing. What the site owns (configuration, credentials, drop-ins) is made once and never overwritten.
set -eu
umask 022

SOURCE=$(cd "$(dirname "$0")/.." && pwd)
ROOT=
START=yes
KEEP=3

say() { printf '%s\n' "$*"; }

die() {
    say "$*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
    --root)
        ROOT=$(cd "${2:?--root needs a directory}" && pwd) || exit 1
        START=no
        shift
        ;;
    --no-start) START=no ;;
    -h | --help)
        say "./dev install [--root DIR] [--no-start]"
        say "  --root DIR   into this system (it needs python3 and python3-venv of the release built on) and do not start it"
        say "  --no-start   install, but start nothing"
        exit 0
        ;;
    *) die "unknown: $1 (see ./dev install --help)" ;;
    esac
    shift
done

[ "$(id -u)" = 0 ] || die "Installing needs root:  sudo ./dev install"
[ "$ROOT" != / ] || ROOT=

# Without the variables of whoever builds: what pip takes in the target is what lies beside it there.
inside() {
    if [ -n "$ROOT" ]; then
        env -i PATH="$PATH" PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1 chroot "$ROOT" "$@"
    else
        "$@"
    fi
}

inside /usr/bin/python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' ||
    die "The target needs Python 3.11 or later with venv:  apt-get install python3-venv"

# --- the program --------------------------------------------------------------------------------------------------

ID=$(
    cd "$SOURCE"
    find edge protocols sync simulators pyproject.toml requirements/run.txt -type f ! -name '*.pyc' -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-12
)
VERSIONS=/opt/hall-edge/versions
if [ ! -e "$ROOT$VERSIONS/$ID/complete" ]; then
    WORK=$(mktemp -d)
    trap 'rm -rf "$WORK" "$ROOT$VERSIONS/$ID.wheels"' EXIT
    mkdir "$WORK/source"
    # A copy, because a build in the checkout would pack what an earlier build left there.
    (cd "$SOURCE" && tar -c --exclude=__pycache__ edge protocols sync simulators pyproject.toml README.md) |
        tar -x -C "$WORK/source"
    say "hall-edge: collecting version $ID"
    "$SOURCE/.venv/bin/python" -m pip wheel -qq --no-deps --no-build-isolation --no-index \
        -w "$WORK/program" "$WORK/source"
    "$SOURCE/.venv/bin/python" -m pip download -qq --require-hashes -d "$WORK/wheels" -r "$SOURCE/requirements/run.txt"
    rm -rf "${ROOT:?}$VERSIONS/$ID" "$ROOT$VERSIONS/$ID.wheels"
    mkdir -p "$ROOT$VERSIONS/$ID.wheels"
    cp "$WORK"/wheels/* "$WORK"/program/*.whl "$SOURCE/requirements/run.txt" "$ROOT$VERSIONS/$ID.wheels/"
    inside /usr/bin/python3 -m venv "$VERSIONS/$ID"
    inside "$VERSIONS/$ID/bin/python" -m pip install -qq --no-index --find-links "$VERSIONS/$ID.wheels" \
        --require-hashes -r "$VERSIONS/$ID.wheels/run.txt"
    inside "$VERSIONS/$ID/bin/python" -m pip install -qq --no-index --no-deps --find-links "$VERSIONS/$ID.wheels" hall-edge
    inside "$VERSIONS/$ID/bin/python" -m compileall -q "$VERSIONS/$ID/lib" || true
    : >"$ROOT$VERSIONS/$ID/complete"
fi
NEW=no
if [ "$(readlink "$ROOT/opt/hall-edge/venv" 2>/dev/null)" != "versions/$ID" ]; then
    NEW=yes
    ln -sfn "versions/$ID" "$ROOT/opt/hall-edge/venv.next"
    mv -T "$ROOT/opt/hall-edge/venv.next" "$ROOT/opt/hall-edge/venv"
fi
mkdir -p "$ROOT/usr/local/bin"
for name in hall-edge hallctl; do
    ln -sfn "/opt/hall-edge/venv/bin/$name" "$ROOT/usr/local/bin/$name"
done
# The version that runs and the last ones before it stay: the way back is a link.
find "$ROOT$VERSIONS" -mindepth 1 -maxdepth 1 -name '????????????' ! -name "$ID" -printf '%T@ %p\n' |
    sort -rn | tail -n +$KEEP | cut -d' ' -f2- | while read -r old; do rm -rf "$old"; done

# --- user, directories, units -------------------------------------------------------------------------------------

put() { install -D -m 0644 "$SOURCE/systemd/$1" "$ROOT$2"; }
put hall-edge.sysusers /etc/sysusers.d/hall-edge.conf
put hall-edge.tmpfiles /etc/tmpfiles.d/hall-edge.conf
put hall-edge.modules-load /etc/modules-load.d/hall-edge.conf
put 99-hall-edge.rules /etc/udev/rules.d/99-hall-edge.rules
put journald-hall-edge.conf /etc/systemd/journald.conf.d/hall-edge.conf
put hall-edge.service /etc/systemd/system/hall-edge.service
put hall-edge-front.service /etc/systemd/system/hall-edge-front.service
put hall-edge-backup.service /etc/systemd/system/hall-edge-backup.service
put hall-edge-backup.timer /etc/systemd/system/hall-edge-backup.timer
for example in hall-edge-device-servers.conf.example hall-edge-front-site.conf.example \
    hall-edge-backup-disk.conf.example; do
    put $example "/usr/local/share/doc/hall-edge/$example"
done
systemd-sysusers --root="${ROOT:-/}" hall-edge.conf
# Exit 73 and 65 are lines of others that cannot be made here.
systemd-tmpfiles --root="${ROOT:-/}" --create hall-edge.conf || [ $? -ge 64 ]

if [ ! -e "$ROOT/etc/hall-edge/config.toml" ]; then
    install -m 0640 "$SOURCE/config.example.toml" "$ROOT/etc/hall-edge/config.toml"
    inside chgrp hall-edge /etc/hall-edge/config.toml
    say "hall-edge: /etc/hall-edge/config.toml is an example; change it before the first start"
    START=no
fi
ACCESS_KEY=$ROOT/etc/hall-edge/credentials/hall_edge__access_key
if [ ! -e "$ACCESS_KEY" ]; then
    (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$ACCESS_KEY.new")
    mv "$ACCESS_KEY.new" "$ACCESS_KEY"
fi
# systemd refuses to start a unit whose credential is absent, so exactly those that exist are named.
DROPIN=$ROOT/etc/systemd/system/hall-edge-front.service.d/credentials.conf
mkdir -p "$(dirname "$DROPIN")"
{
    echo "# Written by the installation from /etc/hall-edge/credentials."
    echo "[Service]"
    for file in "$ROOT"/etc/hall-edge/credentials/hall_edge__*; do
        # What seals backups opens them: only the job has it.
        [ "$(basename "$file")" != hall_edge__backup_key ] || continue
        echo "LoadCredential=$(basename "$file"):/etc/hall-edge/credentials/$(basename "$file")"
    done
} >"$DROPIN"
BACKUP_KEY=/etc/hall-edge/credentials/hall_edge__backup_key
DROPIN=$ROOT/etc/systemd/system/hall-edge-backup.service.d/credentials.conf
rm -f "$DROPIN"
if [ -e "$ROOT$BACKUP_KEY" ]; then
    mkdir -p "$(dirname "$DROPIN")"
    printf '[Service]\nLoadCredential=%s:%s\n' hall_edge__backup_key "$BACKUP_KEY" >"$DROPIN"
fi
systemctl ${ROOT:+--root="$ROOT"} --quiet enable hall-edge.service hall-edge-front.service hall-edge-backup.timer

if [ -z "$ROOT" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    udevadm control --reload 2>/dev/null || true
    if [ $NEW = yes ] && [ $START = yes ]; then
        systemctl restart hall-edge.service
        systemctl start hall-edge-backup.timer
    fi
fi
say "hall-edge: version $ID is installed${ROOT:+ in $ROOT}"
