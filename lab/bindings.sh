#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# bindings.sh TREE: fails if the kernel builds its own bindings with something that the
# module's are built without: flags that bindgen is given or spared, targets, lints.
set -eu

kernel=$1/rust
missing=$({
	sed -n '/^bindgen_skip_c_flags/,/[^\\]$/p' "$kernel/Makefile" | tr -s '[:space:]' '\n' | grep '^-'
	sed -n 's/^BINDGEN_TARGET_.*:= \(.*-linux-.*\)/\1/p' "$kernel/Makefile"
	grep -o -e '--rust-target [0-9.]*' "$kernel/Makefile"
	sed -n '1,/^mod bindings_raw/p' "$kernel/bindings/lib.rs" | grep -o '[a-z:]*[a-z]*_[a-z_]*[a-z]' |
		grep -v -e '^no_std$' -e '^bindings_raw$' -e '^cfg_' -e '^cfi_'
} | sort -u | while read -r word; do
	grep -qF -e "$word" xt_hmark_kmod/Kbuild xt_hmark_kmod/bindings.rs || echo "$word"
done)
[ -z "$missing" ] || {
	echo "the kernel's rust/ has, and xt_hmark_kmod/ has not:" "$missing" >&2
	exit 1
}
