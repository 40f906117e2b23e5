#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# by-hand.sh: builds and installs HMARK by the lines for Debian 13 without packages in README.md,
# with the glue in C, and then by those under "Building the module" in docs/install.md, in Rust alone, as they stand
# there. They are for the chroot's kernel in place of the running one, find the tree that the lab
# has made by tree.sh, and install below a folder. It mounts, so it wants a mount namespace of its
# own.
set -eu

kernel=$(find /boot -name 'vmlinuz-*' | sed 's/.*vmlinuz-//' | sort --version-sort | tail -n 1)
mkdir -p /var/cache/xt-hmark
mount --bind /var/cache/hmark-lab/tree /var/cache/xt-hmark

built=$CARGO_TARGET_DIR/by-hand
export DESTDIR="$built/root"
export CARGO_TARGET_DIR="$built"
rm -rf "$DESTDIR" "$built/kmod" "$built/kmod-c"
module=$DESTDIR/lib/modules/$kernel/updates/xt_HMARK.ko

uname() {
	echo "$kernel"
}

# The chroot has all that is to be installed.
apt() {
	shift
	dpkg-query --show "$@"
}

# Without a tree, it takes the headers of the running kernel, which have no Rust metadata.
make() {
	case "$*" in
	*KDIR=*) MO=$built/kmod ;;
	*)
		MO=$built/kmod-c
		set -- "$@" "KDIR=/lib/modules/$kernel/build"
		;;
	esac
	mkdir -p "$MO"
	export MO
	command make "$@"
}

modinfo() {
	command modinfo "$1" "$2" "$module"
}

# lines HEADING FILE: prints the commands below a heading
lines() {
	sed -n "/^### $1\$/,/^##/{ /^### $1\$/b; s/^    //p; }" "$2" | grep .
}

lines=$(lines 'Debian 13 without packages' README.md && lines 'Building the module' docs/install.md)
echo "$lines"
eval "$lines"

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
test "$(modinfo -F version)" = "$version"
test "$(modinfo -F vermagic | cut -d ' ' -f 1)" = "$kernel"
test -z "$(modinfo -F glue)"
test "$(command modinfo -F glue "$built/kmod-c/xt_HMARK.ko")" = C
test -e "$DESTDIR$(pkg-config --variable=xtlibdir xtables)/libxt_HMARK.so"
grep -F "HMARK in Rust $version" "$DESTDIR/usr/local/share/man/man8/libxt_HMARK.8"
