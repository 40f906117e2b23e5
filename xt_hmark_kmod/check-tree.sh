#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# check-tree.sh KDIR: checks that the module can be built against this kernel
# tree. If not, one line says why, and what to do.
set -eu

kdir=$1
config=$kdir/include/config/auto.conf
rustc=${RUSTC:-rustc}

no() {
	echo "make kmod: $*" >&2
	exit 1
}

running=/lib/modules/$(uname -r)/build
[ -e "$kdir/Makefile" ] || [ "$kdir" != "$running" ] ||
	no "no kernel tree at $kdir: install linux-headers-$(uname -r), or name a tree with KDIR="
[ -e "$kdir/Makefile" ] ||
	no "no kernel tree at '$kdir', which KDIR= names"
[ -e "$config" ] ||
	no "the kernel tree $kdir is not configured: run 'make olddefconfig prepare modules_prepare' in it"
grep -qx 'CONFIG_RUST=y' "$config" ||
	no "the kernel of $kdir was built without CONFIG_RUST: it takes no Rust module; 'make install-lib' is for its own xt_HMARK"
(cd "$kdir/rust" && ls libcore.rmeta libbindings.rmeta libkernel.rmeta libmacros.so) >/dev/null 2>&1 ||
	no "the kernel tree $kdir has no Rust metadata, or not all (Debian's headers lack it): see 'Building the module' in README.md"
command -v "$rustc" >/dev/null ||
	no "there is no $rustc: install the rustc that the kernel was built with, or name it with RUSTC="
command -v "${BINDGEN:-bindgen}" >/dev/null ||
	no "there is no ${BINDGEN:-bindgen}: install the package bindgen, or name it with BINDGEN="

if grep -qx 'CONFIG_CC_IS_CLANG=y' "$config"; then
	case ${LLVM-}${CC-} in
	"" | *gcc*) no "the kernel of $kdir was built by clang: add LLVM=1" ;;
	esac
fi

built=$(sed -n 's/^CONFIG_RUSTC_VERSION_TEXT=//p' "$config" | tr -d \")
here=$("$rustc" --version)
[ "$built" = "$here" ] ||
	no "the kernel of $kdir was built with '$built', but $rustc is '$here': name the kernel's own with RUSTC="
