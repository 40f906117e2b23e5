#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# check-tree.sh KDIR: can the module be built against this kernel tree? If not,
# one line says why, and what to do.
set -eu

kdir=$1
config=$kdir/include/config/auto.conf
rustc=${RUSTC:-rustc}

no() {
	echo "make kmod: $*" >&2
	exit 1
}

[ -e "$kdir/Makefile" ] ||
	no "no kernel tree at $kdir: install linux-headers-$(uname -r), or name a tree with KDIR="
[ -e "$config" ] ||
	no "the kernel tree $kdir is not configured: run 'make olddefconfig prepare modules_prepare' in it"
grep -qx 'CONFIG_RUST=y' "$config" ||
	no "the kernel of $kdir was built without CONFIG_RUST: it takes no Rust module; the library works with its own xt_HMARK"
command -v "$rustc" >/dev/null ||
	no "rustc is not installed: install the one that the kernel was built with"
command -v "${BINDGEN:-bindgen}" >/dev/null ||
	no "bindgen is not installed: install the package bindgen"

built=$(sed -n 's/^CONFIG_RUSTC_VERSION_TEXT=//p' "$config" | tr -d \")
here=$("$rustc" --version)
[ "$built" = "$here" ] ||
	no "the kernel of $kdir was built with '$built', but $rustc is '$here': set RUSTC= to the kernel's own"
[ -e "$kdir/rust/libkernel.rmeta" ] ||
	no "the kernel tree $kdir has no Rust metadata (Debian's headers lack it): see 'Building the module' in README.md"
