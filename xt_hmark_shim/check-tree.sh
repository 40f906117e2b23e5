#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# check-tree.sh KDIR: checks that the module with the glue in C can be built against
# this kernel tree. If not, one line says why, and what to do.
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
grep -q '^CONFIG_NETFILTER_XTABLES=' "$config" ||
	no "the kernel of $kdir was built without xtables (CONFIG_NETFILTER_XTABLES)"
grep -qx 'CONFIG_X86_64=y' "$config" ||
	no "the kernel of $kdir is not for x86-64, as the glue in C is; GLUE=rust needs a tree with Rust metadata"
if grep -qx 'CONFIG_CC_IS_CLANG=y' "$config"; then
	case ${LLVM-}${CC-} in
	"" | *gcc*) no "the kernel of $kdir was built by clang: add LLVM=1" ;;
	esac
	! grep -qx 'CONFIG_CFI=y\|CONFIG_CFI_CLANG=y' "$config" ||
		no "the kernel of $kdir has CFI, which the glue in C does not support"
fi

release=$("$rustc" --version 2>/dev/null | sed -n 's/^rustc 1\.\([0-9]*\).*/\1/p')
[ -n "$release" ] ||
	no "there is no $rustc: install the package rustc, 1.85 or newer, or name it with RUSTC="
[ "$release" -ge 85 ] ||
	no "$rustc is 1.$release: install 1.85 or newer, or name one with RUSTC="
[ -e "$("$rustc" --print sysroot)/lib/rustlib/src/rust/library/core/src/lib.rs" ] ||
	no "the source of Rust's core library is missing: install the package rust-src"
