#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# tree.sh check KERNEL HEADERS     says in one line why there can be no tree for the module in Rust, if so
# tree.sh make KERNEL HEADERS      makes the tree
# tree.sh module KERNEL HEADERS    builds the module in Rust against it
#
# KERNEL is a release as `uname -r` prints it, and HEADERS its build folder. If HEADERS
# has Rust metadata, it is the tree. Debian's has none, so a tree is made from the
# kernel's own source, and kept. Where that cannot be done, one line says why, and the
# status is 77.
set -eu

cache=${HMARK_CACHE:-/var/cache/xt-hmark}
space_gb=3
verb=$1
kernel=$2
headers=$3
tree=$cache/$kernel
new=$tree.new
log=$tree.log
config=$headers/include/config/auto.conf

say() {
	echo "xt-hmark: $*" >&2
}

no() {
	say "no module in Rust for $kernel: $*"
	exit 77
}

# setting NAME: prints its value in the kernel's configuration
setting() {
	sed -n "s/^CONFIG_$1=//p" "$config" | tr -d \"
}

kernel_series=$(echo "$kernel" | cut -d . -f 1,2)
source=linux-source-$kernel_series
# The version of the headers' package. Empty for kernels other than Debian's, whose headers
# have metadata.
built=$(sed -n 's/.*LINUX_PACKAGE_ID " Debian \(.*\)"/\1/p' "$headers/include/generated/package.h" 2>/dev/null) || true

# Sets rustc to the rustc that the kernel was built with, under the name that its package gives it,
# and compiler to the C compiler, as make is told of it.
find_rustc() {
	compiler=$("${0%/*}/compiler.sh" "$headers")
	rustc_text=$(setting RUSTC_VERSION_TEXT)
	rustc_series=$(echo "$rustc_text" | sed 's/^rustc \([0-9]*\.[0-9]*\).*/\1/')
	for rustc in rustc /usr/bin/rustc "rustc-$rustc_series" "/usr/lib/rust-$rustc_series/bin/rustc"; do
		[ "$("$rustc" --version 2>/dev/null)" != "$rustc_text" ] || return 0
	done
	no "it is built with '$rustc_text', here is '$(rustc --version 2>/dev/null || echo no rustc)'; install that version of the package rustc, or rustc-$rustc_series"
}

# has_metadata TREE: whether all of its Rust metadata is there
has_metadata() {
	(cd "$1/rust" && ls libcore.rmeta libbindings.rmeta libkernel.rmeta libmacros.so) >/dev/null 2>&1
}

# Identifies the sources and tools that the tree is made from.
key() {
	echo "$kernel $built $rustc_text"
	bindgen --version
}

is_made() {
	[ "$(cat "$tree/hmark-key" 2>/dev/null)" = "$(key)" ]
}

check() {
	[ "$(setting RUST)" = y ] ||
		no "it is built without CONFIG_RUST"
	find_rustc
	command -v bindgen >/dev/null ||
		no "there is no bindgen; install the package bindgen"
	[ "$compiler" != LLVM=1 ] || { command -v clang && command -v ld.lld && command -v llvm-nm; } >/dev/null ||
		no "it is built by clang; install the packages clang, lld and llvm"
	! has_metadata "$headers" || return 0
	[ -n "$built" ] ||
		no "$headers has no Rust metadata (rust/libkernel.rmeta and what belongs to it); install the package of $kernel that has it"
	! is_made || return 0
	here=$(dpkg-query -W -f '${Version}' "$source" 2>/dev/null) || true
	[ "$here" = "$built" ] ||
		no "its headers have no Rust metadata, and its source is ${here:-missing}; install $source=$built"
	mkdir -p "$cache"
	[ "$(df -Pk "$cache" | awk 'NR == 2 { print $4 }')" -ge $((space_gb * 1024 * 1024)) ] ||
		no "making its Rust metadata needs $space_gb GB in $cache; free some"
}

# Makes the tree, with the output in a file, so that the one line stands out.
make_tree() {
	check
	if has_metadata "$headers" || is_made; then
		return
	fi
	say "the headers of $kernel have no Rust metadata: making it from $source, which takes minutes"
	"$0" tree "$kernel" "$headers" >"$log" 2>&1 || {
		sed -n "s,^xt-hmark: no module in Rust.*,&; $log says more,p" "$log" | grep . >&2 ||
			say "no module in Rust for $kernel: $log says why"
		exit 77
	}
	rm -f "$log"
}

# step WORDS COMMAND [ARG...]: logs WORDS and runs COMMAND
step() {
	echo "xt-hmark: $1"
	shift
	"$@"
}

make_in_new() {
	make -C "$new" "$compiler" RUSTC="$rustc" LOCALVERSION="${kernel#"${kernel%%[!0-9.]*}"}" "$@"
}

# Cleans up when the tree is made or broken off. What broke it off, such as a full disk, may
# be gone the next time, so the kernel is skipped.
ended() {
	status=$?
	rm -rf "$new"
	[ $status = 0 ] || [ $status = 77 ] ||
		no "making its Rust metadata in $cache broke off (is memory or the disk full?)"
}

unlocked_tree() {
	find_rustc
	if has_metadata "$headers" || is_made; then
		return
	fi
	trap ended EXIT
	trap 'exit 1' HUP INT TERM
	# Removes trees of kernels that are gone, and leftovers of an interrupted run.
	for old in "$cache"/*; do
		name=${old##*/}
		[ "$old" = "$log" ] || [ -e "/lib/modules/${name%.log}" ] || rm -rf "$old"
	done
	rm -rf "$tree"
	mkdir "$new"
	# Leaves out half of the source, which nothing here is made from.
	step "unpacking $source" \
		tar --extract --file="/usr/src/$source.tar.xz" --strip-components=1 --directory="$new" \
		--exclude='*/boot/dts/*' --exclude="$source/Documentation/*/*" \
		--exclude="$source/tools/testing/*" --exclude="$source/drivers/gpu/drm/amd/include/*" \
		--exclude="$source/drivers/*.c" --exclude="$source/fs/*.c" --exclude="$source/net/*.c" \
		--exclude="$source/sound/*.c"
	cp "$headers/.config" "$headers/Module.symvers" "$new"
	step "configuring it" make_in_new olddefconfig
	# Other versions of the tools are harmless, but not an option that they turn on or off:
	# structures may differ by it.
	changed=$(diff "$headers/.config" "$new/.config" |
		sed -n 's/^[<>] \(# \)\{0,1\}CONFIG_\([^ =]*\).*/\2/p' |
		sort -u | grep -v -e '_VERSION$' -e '_VERSION_TEXT$' | head -n 5 | paste -sd ' ') || true
	[ -z "$changed" ] ||
		no "the tools here change its configuration ($changed); install those that it was built with"
	step "making Rust metadata" make_in_new prepare modules_prepare
	[ "$(cat "$new/include/config/kernel.release")" = "$kernel" ] ||
		no "the source is of $(cat "$new/include/config/kernel.release")"
	has_metadata "$new"
	step "removing files that no module build needs" prune
	key >"$new/hmark-key"
	mv "$new" "$tree"
}

# Removes the folders that no module build needs.
prune() (
	cd "$new"
	srcarch=$(sed -n 's,^# *Linux/\([a-z0-9]*\) .*,\1,p' .config | head -n 1)
	for folder in */ arch/*/ tools/*/; do
		case $folder in
		arch/ | include/ | rust/ | scripts/ | tools/ | "arch/$srcarch/" | tools/objtool/) ;;
		*) rm -rf "$folder" ;;
		esac
	done
)

module() {
	find_rustc
	has_metadata "$headers" || headers=$tree
	make kmod GLUE=rust KDIR="$headers" "$compiler" RUSTC="$rustc"
}

# As many jobs as there are CPUs, unless the caller's make has its own idea.
export MAKEFLAGS="${MAKEFLAGS:--j$(nproc)}"

case $verb in
check) check ;;
make) make_tree ;;
tree)
	# One at a time: each removes what another would be making.
	mkdir -p "$cache"
	exec 9>"$cache/.lock"
	flock 9
	unlocked_tree
	;;
module) module ;;
esac
