#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# install.sh lib LIB XTLIBDIR MANDIR    installs the built library and its man page
# install.sh kmod KO                    installs the built module
# install.sh hmark TOOL PREFIX          installs the built tool, its man pages and completions
# install.sh dkms FOLDER [CORE]         installs the source that DKMS builds the module from, with the core compiled
# install.sh uninstall XTLIBDIR MANDIR PREFIX  removes all of them
#
# Puts files where iptables, man, modprobe and shells look, below DESTDIR, and prints their names.
# The distribution's own files are moved aside, or left where they are.
#
# In the environment, BESIDE=1 gives the library the names by which iptables looks first, for
# packages that must not have a file of another's name. ZSHDIR is the folder of zsh's completions.
set -eu

root=${DESTDIR:-}

no() {
	echo "make install: $*" >&2
	exit 1
}

# need COMMAND PACKAGE: fails if COMMAND, which is in PACKAGE, is missing
need() {
	command -v "$1" >/dev/null || no "$1 is missing: install the package $2"
}

# divert add|remove PATH: the iptables package has an extension of the same name.
# dpkg moves it aside, and keeps it there when that package is upgraded.
divert() {
	if [ -z "$root" ] && command -v dpkg-divert >/dev/null; then
		dpkg-divert --quiet --local --rename --divert "$2.distrib" "--$1" "$2"
	fi
}

# place FILE PATH: installs FILE as PATH and prints where
place() {
	install -D -m 644 "$1" "$root$2"
	echo "$root$2"
}

# place_page FILE PATH: installs a man page as PATH. The version is set in one place, so the
# page in the repository does not have it.
place_page() {
	place "$1" "$2"
	version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
	sed -i "s/@VERSION@/$version/" "$root$2"
}

# completions PREFIX: prints the shells that the tool has completions for, and their files
completions() {
	echo "bash $1/share/bash-completion/completions/hmark"
	echo "fish $1/share/fish/vendor_completions.d/hmark.fish"
	# Debian's zsh looks elsewhere than one that was built by hand.
	case $1 in
	/usr) zsh=vendor-completions ;;
	*) zsh=site-functions ;;
	esac
	echo "zsh ${ZSHDIR:-$1/share/zsh/$zsh}/_hmark"
}

known_xtlibdir() {
	[ -n "$1" ] || no "the xtables folder is unknown: install libxtables-dev and pkgconf, or set XTLIBDIR="
}

# The tool may be installed in a home folder.
[ "$1" = hmark ] || [ -n "$root" ] || [ "$(id -u)" = 0 ] || no "not root: run it as root, or set DESTDIR="

case $1 in
lib)
	lib=$2 extension=$3/libxt_HMARK.so
	known_xtlibdir "$3"
	[ -e "$lib" ] || no "$lib is not built: run 'make lib'"
	if [ "${BESIDE:-}" = 1 ]; then
		place "$lib" "$3/libipt_HMARK.so"
		ln -sf libipt_HMARK.so "$root$3/libip6t_HMARK.so"
		echo "$root$3/libip6t_HMARK.so"
	else
		divert add "$extension"
		place "$lib" "$extension"
	fi
	place_page man/libxt_HMARK.8 "$4/libxt_HMARK.8"
	;;
kmod)
	ko=$2
	[ -e "$ko" ] || no "$ko is not built: run 'make kmod', or 'make install-lib' for only the library"
	need modinfo kmod
	need strip binutils
	# The kernel that the module was built for, which need not be the running one.
	release=$(modinfo -F vermagic "$ko")
	release=${release%% *}
	module=/lib/modules/$release/updates/xt_HMARK.ko
	place "$ko" "$module"
	strip --strip-debug "$root$module"
	[ -n "$root" ] || depmod "$release"
	if [ -z "$root" ] && [ -e /sys/module/xt_HMARK ]; then
		echo "make install: an xt_HMARK is loaded and stays: flush its rules and run 'modprobe -r xt_HMARK'" >&2
	fi
	;;
hmark)
	tool=$2 prefix=$3
	[ -e "$tool" ] || no "$tool is not built: run 'make hmark'"
	place "$tool" "$prefix/bin/hmark"
	chmod 755 "$root$prefix/bin/hmark"
	for page in man/hmark*.8; do
		place_page "$page" "$prefix/share/man/man8/${page#man/}"
	done
	completions "$prefix" | while read -r shell file; do
		mkdir -p "$root${file%/*}"
		"$tool" completions "$shell" >"$root$file"
		echo "$root$file"
	done
	;;
dkms)
	folder=$root$2 core=${3-}
	version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
	mkdir -p "$folder"
	find Cargo.toml Makefile include hmark/src packaging/dkms xt_hmark_kmod xt_hmark_shim -type f ! -name '.*' \
		! -name '*.o' ! -name '*.ko' ! -name '*.mod*' ! -name '*.rmeta' ! -name '*.symvers' \
		! -name modules.order ! -name bindings_generated.rs ! -name dkms.conf \
		-exec cp --parents --preserve=mode {} "$folder" \;
	sed "s/#MODULE_VERSION#/$version/" packaging/dkms/dkms.conf >"$folder/dkms.conf"
	[ -z "$core" ] || install -m 644 "$core" "$folder/xt_hmark_shim/core.o_shipped"
	echo "$folder"
	;;
uninstall)
	known_xtlibdir "$2"
	rm -f "$root$2/libxt_HMARK.so" "$root$2/libipt_HMARK.so" "$root$2/libip6t_HMARK.so" "$root$3/libxt_HMARK.8"
	rm -f "$root$4/bin/hmark" "$root$4/share/man/man8/hmark.8" "$root$4/share/man/man8/hmark"-*.8
	completions "$4" | while read -r _ file; do
		rm -f "$root$file"
	done
	divert remove "$2/libxt_HMARK.so"
	for module in "$root"/lib/modules/*/updates/xt_HMARK.ko; do
		[ -e "$module" ] || continue
		rm -f "$module"
		release=${module%/updates/xt_HMARK.ko}
		[ -n "$root" ] || depmod "${release##*/}"
	done
	;;
esac
