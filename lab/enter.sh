#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# enter.sh COMMAND [ARG...]: runs COMMAND in the lab's Debian 13 chroot, with this
# repository at /srv/hmark, and makes the chroot first where it is missing,
# half-made or made from other lists (packages, dpkg.cfg). All else is in the
# chroot. It is kept while the lists stay the same: to take a newer kernel from the
# archive, remove ${XDG_CACHE_HOME:-~/.cache}/hmark-lab.
set -eu

suite=trixie
disk_gb=8
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
here=$(cd "$(dirname "$0")" && pwd)
lab=${XDG_CACHE_HOME:-$HOME/.cache}/hmark-lab
chroot=$lab/chroot
packages=$(sed '/^#/d; /^$/d' "$here/packages")
key=$(printf '%s\n' "$suite" "$packages" "$(cat "$here/dpkg.cfg")" | sha256sum | cut -d ' ' -f 1)

say() {
	echo "lab: $*" >&2
}

die() {
	say "error: $*"
	exit 1
}

# lock --shared|--exclusive
lock() {
	flock --nonblock "$1" 9 || { say "waiting for another run in the lab" && flock "$1" 9; }
}

# in_root ROOT COMMAND [ARG...]
in_root() {
	unshare --mount --pid --fork --kill-child --propagation private -- "$here/chroot.sh" "$@"
}

# The stamp is written last, so a half-made chroot has none.
is_current() {
	[ "$(cat "$chroot/etc/hmark-lab" 2> /dev/null)" = "$key" ]
}

host_mirror() {
	# shellcheck disable=SC2016 # for apt to expand
	apt-get indextargets --format '$(SITE)' \
		'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1
}

has_keys() {
	ls /usr/share/keyrings/debian-archive-"$suite"-stable.* > /dev/null 2>&1
}

prepare_host() {
	# A fresh machine may have no package lists, and then names no mirror.
	if [ -z "$(host_mirror)" ] || ! command -v mmdebstrap > /dev/null || ! has_keys; then
		say "installing mmdebstrap on this machine"
		apt-get -qq update || die "'apt-get update' failed: is there a network?"
		DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends \
			mmdebstrap debian-archive-keyring > /dev/null ||
			die "cannot install mmdebstrap, see apt above: is there a network?"
	fi
	has_keys || die "debian-archive-keyring has no keys of $suite: upgrade this machine to its newest point release"
	mirror=$(host_mirror)
	[ -n "$mirror" ] || die "apt has no lists of a Debian archive: add one to this machine's apt sources, or is there a network?"
	/usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "$mirror/dists/$suite/InRelease" "$lab/InRelease" > /dev/null ||
		die "cannot reach $mirror: check the network and the proxy"
}

make_chroot() {
	free_kb=$(df -Pk "$lab" | awk 'NR == 2 { print $4 }')
	[ "$free_kb" -ge $((disk_gb * 1024 * 1024)) ] ||
		die "$lab has $((free_kb / 1024 / 1024)) GB free and the lab needs $disk_gb: free some, or set XDG_CACHE_HOME"
	prepare_host

	say "making a Debian $suite chroot (2 minutes)"
	new=$chroot.new
	rm -rf --one-file-system "$new"
	# Proxies and the like; which indexes this machine wants is its own affair.
	apt-config dump --no-empty Acquire | grep -v IndexTargets > "$lab/apt.conf"
	mmdebstrap --variant=minbase --architectures=amd64 \
		--include="$(echo "$packages" | paste -sd ,)" \
		--aptopt="$lab/apt.conf" --aptopt='APT::Install-Recommends "false"' \
		--aptopt='Acquire::Retries "3"' \
		--dpkgopt="$here/dpkg.cfg" "$suite" "$new" \
		"deb [signed-by=$keyring] $mirror $suite main" \
		"deb [signed-by=$keyring arch=amd64] $mirror $suite-backports main" ||
		die "mmdebstrap failed, see above: run this again once that is mended"

	# shellcheck disable=SC2016 # expanded in the chroot
	in_root "$new" sh -euc '
		version=$(dpkg-query -W -f "\${Version}" linux-image-amd64)
		series=$(echo "$version" | cut -d . -f 1,2)
		echo "lab: adding linux-source-$series $version" >&2
		apt-get -qq update
		DEBIAN_FRONTEND=noninteractive apt-get -qq install "linux-source-$series=$version" > /dev/null
		apt-get clean
		rm -rf /var/lib/apt/lists/*' ||
		die "the archive has no source of its newest kernel, or it broke off: try again later"

	echo "$key" > "$new/etc/hmark-lab"
	sync -f "$new"
	rm -rf --one-file-system "$chroot"
	mv "$new" "$chroot"
}

case ${1-} in
"" | -h | --help)
	say "usage: $0 COMMAND [ARG...], such as: $0 cargo lab --help"
	[ $# -gt 0 ]
	exit
	;;
esac
[ "$(id -u)" = 0 ] || die "must run as root: it makes a chroot and mounts in it"
command -v apt-get > /dev/null || die "needs Debian 12 or 13: this machine has no apt-get"
[ "$(dpkg --print-architecture)" = amd64 ] || die "needs an amd64 machine, not $(dpkg --print-architecture)"
unshare --mount true 2> /dev/null || die "this root may not mount (a container without privileges?)"

# Held, shared, until COMMAND ends: nobody makes the chroot anew under it.
mkdir -p "$lab"
exec 9> "$lab/lock"
lock --shared
if ! is_current; then
	lock --exclusive
	is_current || make_chroot
	lock --shared
fi
in_root "$chroot" "$@"
