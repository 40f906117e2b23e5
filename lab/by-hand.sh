#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# by-hand.sh: builds and installs HMARK by the lines under "Building the module" in README.md, as
# they stand there. They are for the chroot's kernel in place of the running one, find the tree
# that the lab has made by tree.sh, and install below a folder. It mounts, so it wants a mount
# namespace of its own.
set -eu

kernel=$(find /boot -name 'vmlinuz-*' | sed 's/.*vmlinuz-//' | sort --version-sort | tail -n 1)
mkdir -p /var/cache/xt-hmark
mount --bind /var/cache/hmark-lab/tree /var/cache/xt-hmark

export DESTDIR="$CARGO_TARGET_DIR/by-hand/root"
export MO="$CARGO_TARGET_DIR/by-hand/kmod"
export CARGO_TARGET_DIR="$CARGO_TARGET_DIR/by-hand"
rm -rf "$DESTDIR" "$MO"
mkdir -p "$MO"

uname() {
	echo "$kernel"
}

# The chroot has all that is to be installed.
apt() {
	shift
	dpkg-query --show "$@"
}

lines=$(sed -n '/^### Building the module/,/^## /s/^    //p' README.md)
echo "$lines"
eval "$lines"

module=$DESTDIR/lib/modules/$kernel/updates/xt_HMARK.ko
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
test "$(modinfo -F version "$module")" = "$version"
test "$(modinfo -F vermagic "$module" | cut -d ' ' -f 1)" = "$kernel"
test -e "$DESTDIR$(pkg-config --variable=xtlibdir xtables)/libxt_HMARK.so"
grep -F "HMARK in Rust $version" "$DESTDIR/usr/local/share/man/man8/libxt_HMARK.8"
