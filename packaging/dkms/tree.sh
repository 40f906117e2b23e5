#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# tree.sh check KERNEL HEADERS     fails, with one line that says why, if the module cannot be built
# tree.sh make KERNEL HEADERS      makes the tree that the module is built against
# tree.sh module KERNEL HEADERS    builds the module against that tree
#
# KERNEL is a release as `uname -r` prints it, and HEADERS its build folder. If HEADERS
# has Rust metadata, it is the tree. Debian's has none, so a tree is made from the
# kernel's own source, and kept.
set -eu

# The Linux versions that the module is tested with: the Rust interfaces change with each.
tested='7.2 7.3'

cache=${HMARK_CACHE:-/var/cache/xt-hmark}
space_gb=3
verb=$1
kernel=$2
headers=$3
tree=$cache/$kernel
config=$headers/include/config/auto.conf

say() {
	echo "xt-hmark: $*" >&2
}

no() {
	say "no module for $kernel: $*"
	exit 1
}

# setting NAME: prints its value in the kernel's configuration
setting() {
	sed -n "s/^CONFIG_$1=//p" "$config" | tr -d \"
}

# version PACKAGE: prints the version of PACKAGE if it is installed
version() {
	dpkg-query -W -f '${Version}' "$1" 2>/dev/null || true
}

kernel_series=$(echo "$kernel" | cut -d . -f 1,2)
source=linux-source-$kernel_series
# Empty for kernels other than Debian's, whose headers have metadata.
built=$(version "linux-headers-$kernel")

# Sets rustc to the rustc that the kernel was built with, under the name that its package gives it.
find_rustc() {
	rustc_text=$(setting RUSTC_VERSION_TEXT)
	rustc_series=$(echo "$rustc_text" | sed 's/^rustc \([0-9]*\.[0-9]*\).*/\1/')
	for rustc in /usr/bin/rustc "/usr/bin/rustc-$rustc_series" \
		"/usr/lib/rust-$rustc_series/bin/rustc"; do
		[ "$("$rustc" --version 2>/dev/null)" != "$rustc_text" ] || return 0
	done
	return 1
}

# Prints the C compiler that DKMS found the kernel to be built with, or else the default one.
compiler() {
	echo "${CC:-gcc}"
}

has_metadata() {
	[ -e "$headers/rust/libkernel.rmeta" ]
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
	# Without headers, DKMS itself says which to install.
	[ -e "$config" ] || return 0
	[ "$(setting RUST)" = y ] ||
		no "it is built without CONFIG_RUST and keeps its own xt_HMARK; install a kernel with Rust, as linux-image-$(dpkg --print-architecture 2>/dev/null || uname -m) of Debian's backports is"
	echo "$tested" | tr ' ' '\n' | grep -qxF "$kernel_series" ||
		no "it is tested with Linux $tested only; to try it, write BUILD_EXCLUSIVE_KERNEL= to /etc/dkms/xt-hmark.conf"
	find_rustc ||
		no "it is built with '$rustc_text', here is '$(/usr/bin/rustc --version 2>/dev/null || echo no rustc)'; install that version of the package rustc, or rustc-$rustc_series"
	command -v bindgen >/dev/null ||
		no "there is no bindgen; install the package bindgen"
	! has_metadata || return 0
	[ -n "$built" ] ||
		no "$headers has no Rust metadata (rust/libkernel.rmeta); install the package of $kernel that has it"
	! is_made || return 0
	here=$(version "$source")
	[ "$here" = "$built" ] ||
		no "its headers have no Rust metadata, and its source is ${here:-missing}; install $source=$built"
	mkdir -p "$cache"
	[ "$(df -Pk "$cache" | awk 'NR == 2 { print $4 }')" -ge $((space_gb * 1024 * 1024)) ] ||
		no "making its Rust metadata needs $space_gb GB in $cache; free some, and run 'dkms autoinstall -k $kernel'"
	say "the headers of $kernel have no Rust metadata: making it from $source, which takes minutes"
}

# step WORDS COMMAND [ARG...]: logs WORDS and runs COMMAND
step() {
	echo "xt-hmark: $1"
	shift
	"$@"
}

make_tree() {
	find_rustc
	if has_metadata || is_made; then
		return
	fi
	# Removes trees of kernels that are gone, and leftovers of an interrupted run.
	for old in "$cache"/*; do
		[ -e "/lib/modules/${old##*/}" ] || rm -rf "$old"
	done
	new=$tree.new
	rm -rf "$new" "$tree"
	trap 'rm -rf "$new"' EXIT
	mkdir -p "$new"
	# Leaves out half of the source, which nothing here is made from.
	step "unpacking $source" \
		tar --extract --file="/usr/src/$source.tar.xz" --strip-components=1 --directory="$new" \
		--exclude='*/boot/dts/*' --exclude="$source/Documentation/*/*" \
		--exclude="$source/tools/testing/*" --exclude="$source/drivers/gpu/drm/amd/include/*" \
		--exclude="$source/drivers/*.c" --exclude="$source/fs/*.c" --exclude="$source/net/*.c" \
		--exclude="$source/sound/*.c"
	cp "$headers/.config" "$headers/Module.symvers" "$new"
	step "making Rust metadata" \
		make -C "$new" -j"$(nproc)" CC="$(compiler)" RUSTC="$rustc" LOCALVERSION="${kernel#"${kernel%%[!0-9.]*}"}" \
		olddefconfig prepare modules_prepare
	[ "$(cat "$new/include/config/kernel.release")" = "$kernel" ] ||
		no "the source is of $(cat "$new/include/config/kernel.release")"
	[ -e "$new/rust/libkernel.rmeta" ] ||
		no "the source turned CONFIG_RUST off: 'make rustavailable' in it says why"
	step "removing files that no module build needs" prune "$new"
	key >"$new/hmark-key"
	mv "$new" "$tree"
}

# prune TREE: removes the folders that no module build needs
prune() (
	cd "$1"
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
	has_metadata || headers=$tree
	make kmod KDIR="$headers" CC="$(compiler)" RUSTC="$rustc"
}

case $verb in
check) check ;;
make) make_tree ;;
module) module ;;
esac
