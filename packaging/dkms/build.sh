#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# build.sh check KERNEL HEADERS    says in one line why there can be no module for this kernel, if so
# build.sh build KERNEL HEADERS    builds xt_HMARK.ko at the top of the source
#
# KERNEL is a release as `uname -r` prints it, and HEADERS its build folder. The module is in Rust
# alone where the kernel has Rust, and its metadata is there or can be made; otherwise, or if that
# fails, it has the glue in C. No kernel is too new to be tried. One line says which it is and why.
# Status 77 is for DKMS a kernel that the module is not for.
set -eu

verb=$1
kernel=$2
headers=$3
lockdown=${HMARK_LOCKDOWN:-/sys/kernel/security/lockdown}
certificate=/var/lib/dkms/mok.pub
cd "$(dirname "$0")/../.."

say() {
	echo "xt-hmark: $*" >&2
}

no() {
	say "no module for $kernel: $*"
	exit 77
}

# against GLUE: why the tree does not do for it; nothing if it does
against() {
	said=$(env "$compiler" xt_hmark_kmod/check-tree.sh "$1" "$headers" 2>&1) || echo "${said#make kmod: }"
}

against_rust() {
	said=$(packaging/dkms/tree.sh check "$kernel" "$headers" 2>&1) ||
		echo "${said#"xt-hmark: no module in Rust for $kernel: "}"
}

# Rules that need the module would fail at the boot after this.
warn_of_lockdown() {
	case $(cat "$lockdown" 2>/dev/null) in
	*"[integrity]"* | *"[confidentiality]"*) ;;
	*) return 0 ;;
	esac
	case $(mokutil --test-key "$certificate" 2>/dev/null) in
	*"already enrolled"*) ;;
	*) say "this machine loads only modules whose key is enrolled: run 'mokutil --import $certificate' before you boot $kernel" ;;
	esac
}

check() {
	# Of an unconfigured tree nothing can be said. Without headers, DKMS itself says which to install.
	[ -e "$headers/include/config/auto.conf" ] || return 0
	compiler=$(packaging/dkms/compiler.sh "$headers")
	any=$(against any)
	[ -z "$any" ] || no "$any"
	rust=$(against_rust)
	if [ -n "$rust" ]; then
		c=$(against c)
		[ -z "$c" ] || no "in Rust: $rust; with the glue in C: $c"
	fi
	warn_of_lockdown
}

build() {
	compiler=$(packaging/dkms/compiler.sh "$headers")
	failed="it was tried, and broke off as said above"
	rust=$(against_rust)
	if [ -z "$rust" ]; then
		if packaging/dkms/tree.sh make "$kernel" "$headers" && packaging/dkms/tree.sh module "$kernel" "$headers"; then
			mv xt_hmark_kmod/xt_HMARK.ko .
			say "the module for $kernel is in Rust alone"
			return
		fi
		rust=$failed
	fi
	c=$(against c)
	if [ -z "$c" ]; then
		if make kmod GLUE=c KDIR="$headers" "$compiler"; then
			mv xt_hmark_shim/xt_HMARK.ko .
			say "the module for $kernel has the glue in C, and is not in Rust alone: $rust"
			return
		fi
		c=$failed
	fi
	no "in Rust: $rust; with the glue in C: $c"
}

# As many jobs as there are CPUs, unless the caller's make has its own idea.
export MAKEFLAGS="${MAKEFLAGS:--j$(nproc)}"

"$verb"
