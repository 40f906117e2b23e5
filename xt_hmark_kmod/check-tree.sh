#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# check-tree.sh rust|c|any KDIR: checks that the module with this glue can be built against
# this kernel tree; with `any`, only what both glues need. If not, one line says why, and
# what to do.
set -eu

glue=$1
kdir=$2
config=$kdir/include/config/auto.conf
rustc=${RUSTC:-rustc}

no() {
	echo "make kmod: $*" >&2
	exit 1
}

# has LINE: whether the configuration has it
has() {
	grep -qx "$1" "$config"
}

running=/lib/modules/$(uname -r)/build
[ -e "$kdir/Makefile" ] || [ "$kdir" != "$running" ] ||
	no "no kernel tree at $kdir: install linux-headers-$(uname -r), or name a tree with KDIR="
[ -e "$kdir/Makefile" ] ||
	no "no kernel tree at '$kdir', which KDIR= names"
[ -e "$config" ] ||
	no "the kernel tree $kdir is not configured: run 'make olddefconfig prepare modules_prepare' in it"

has 'CONFIG_NETFILTER_XTABLES=.*' ||
	no "the kernel of $kdir was built without xtables (CONFIG_NETFILTER_XTABLES)"
has 'CONFIG_\(NFT_COMPAT\|IP6\{0,1\}_NF_MANGLE\)=.*' ||
	no "the kernel of $kdir takes no rules of iptables: it was built with neither CONFIG_NFT_COMPAT nor CONFIG_IP_NF_MANGLE"

if [ "$glue" = rust ]; then
	has 'CONFIG_RUST=y' ||
		no "the kernel of $kdir was built without CONFIG_RUST: it takes no Rust module; 'make install-lib' is for its own xt_HMARK"
	(cd "$kdir/rust" && ls libcore.rmeta libbindings.rmeta libkernel.rmeta libmacros.so) >/dev/null 2>&1 ||
		no "the kernel tree $kdir has no Rust metadata, or not all (Debian's headers lack it): see 'Building the module' in docs/install.md"
	command -v "$rustc" >/dev/null ||
		no "there is no $rustc: install the rustc that the kernel was built with, or name it with RUSTC="
	command -v "${BINDGEN:-bindgen}" >/dev/null ||
		no "there is no ${BINDGEN:-bindgen}: install the package bindgen, or name it with BINDGEN="
elif [ "$glue" = c ]; then
	has 'CONFIG_X86_64=y' ||
		no "the kernel of $kdir is not for x86-64, as the glue in C is; GLUE=rust needs a tree with Rust metadata"
fi

if has 'CONFIG_CC_IS_CLANG=y'; then
	case ${LLVM-}${CC-} in
	"" | *gcc*) no "the kernel of $kdir was built by clang: add LLVM=1" ;;
	esac
	[ "${LLVM-}" != 1 ] || { command -v clang && command -v ld.lld && command -v llvm-nm; } >/dev/null ||
		no "the kernel of $kdir was built by clang: install the packages clang, lld and llvm"
elif [ -z "${LLVM-}" ]; then
	cc=${CC:-${CROSS_COMPILE-}gcc}
	command -v "${cc%% *}" >/dev/null ||
		no "there is no ${cc%% *}: install the package gcc"
fi

if [ "$glue" = rust ]; then
	built=$(sed -n 's/^CONFIG_RUSTC_VERSION_TEXT=//p' "$config" | tr -d \")
	here=$("$rustc" --version)
	[ "$built" = "$here" ] ||
		no "the kernel of $kdir was built with '$built', but $rustc is '$here': name the kernel's own with RUSTC="
elif [ "$glue" = c ]; then
	! has 'CONFIG_CFI=y\|CONFIG_CFI_CLANG=y' ||
		no "the kernel of $kdir has CFI, which the glue in C does not support"
	# The core that packages bring with them, as xt_hmark_shim/Kbuild takes it.
	! [ -e "${0%/*}/../xt_hmark_shim/core.o_shipped" ] || ! has 'CONFIG_\(MITIGATION_\)\{0,1\}RETHUNK=y' || exit 0
	release=$("$rustc" --version 2>/dev/null | sed -n 's/^rustc 1\.\([0-9]*\).*/\1/p')
	[ -n "$release" ] ||
		no "there is no $rustc: install the package rustc, 1.85 or newer, or name it with RUSTC="
	[ "$release" -ge 85 ] ||
		no "$rustc is 1.$release: install 1.85 or newer, or name one with RUSTC="
	[ -e "$("$rustc" --print sysroot)/lib/rustlib/src/rust/library/core/src/lib.rs" ] ||
		no "the source of Rust's core library is missing: install the package rust-src"
fi
