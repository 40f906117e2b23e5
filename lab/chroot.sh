#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# chroot.sh ROOT COMMAND [ARG...]: runs COMMAND in ROOT with this repository at
# /srv/hmark. enter.sh starts it in mount and process namespaces of its own, so
# that nothing is left behind. It stays as their first process, which signals do
# not end by default, and COMMAND is its child: so an interrupt ends COMMAND.
set -eu

root=$1
shift
repo=$(cd "$(dirname "$0")/.." && pwd)

# share FILE PLACE: shows the host's FILE, where it has one, at PLACE in the root.
share() {
	if [ -e "$1" ]; then
		: >> "$root$2"
		mount --bind "$1" "$root$2"
	fi
}

mkdir -p "$root/srv/hmark" "$root/var/cache/cargo"
mount --bind "$repo" "$root/srv/hmark"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"

# What the host needs to reach the network, apt and cargo need too.
share /etc/resolv.conf /etc/resolv.conf
share /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
share "${CARGO_HOME:-$HOME/.cargo}/config.toml" /var/cache/cargo/config.toml
proxies=$(env | grep -iE '^(http|https|all|no)_proxy=' || true)

status=0
# shellcheck disable=SC2086 # one word a proxy variable
chroot "$root" /usr/bin/env -i -C /srv/hmark $proxies \
	PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
	CARGO_HOME=/var/cache/cargo CARGO_TARGET_DIR=/srv/hmark/target/lab \
	"$@" || status=$?
exit "$status"
