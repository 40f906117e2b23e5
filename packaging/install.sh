#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# install.sh install|uninstall LIB XTLIBDIR KO MANDIR: puts the built library,
# module and man page where iptables, modprobe and man look, or takes them away
# again. What the distribution has of them is kept aside, or left where it is.
set -eu

action=$1 lib=$2 xtlibdir=$3 ko=$4 mandir=$5
root=${DESTDIR:-}
extension=$xtlibdir/libxt_HMARK.so

no() {
	echo "make $action: $*" >&2
	exit 1
}

[ -n "$xtlibdir" ] || no "the xtables folder is unknown: install libxtables-dev and pkgconf, or set XTLIBDIR="
[ -n "$root" ] || [ "$(id -u)" = 0 ] || no "not root: run it as root, or set DESTDIR="

# The iptables package has an extension of that name: dpkg moves it aside, and
# keeps it there when that package is upgraded.
divert() {
	if [ -z "$root" ] && command -v dpkg-divert >/dev/null; then
		dpkg-divert --quiet --local --rename --divert "$extension.distrib" "--$1" "$extension"
	fi
}

case $action in
install)
	[ -e "$lib" ] || no "$lib is not built: run 'make lib'"
	[ -e "$ko" ] || no "$ko is not built: run 'make kmod'"
	# The kernel that it was built for, which need not be the one that runs.
	release=$(modinfo -F vermagic "$ko")
	release=${release%% *}
	module=/lib/modules/$release/updates/xt_HMARK.ko

	divert add
	install -D -m 644 "$lib" "$root$extension"
	install -D -m 644 "$ko" "$root$module"
	strip --strip-debug "$root$module"
	install -D -m 644 man/libxt_HMARK.8 "$root$mandir/libxt_HMARK.8"
	[ -n "$root" ] || depmod "$release"
	printf '%s\n' "$root$extension" "$root$module" "$root$mandir/libxt_HMARK.8"
	;;
uninstall)
	rm -f "$root$extension" "$root$mandir/libxt_HMARK.8"
	divert remove
	for module in "$root"/lib/modules/*/updates/xt_HMARK.ko; do
		[ -e "$module" ] || continue
		rm -f "$module"
		release=${module%/updates/xt_HMARK.ko}
		[ -n "$root" ] || depmod "${release##*/}"
	done
	;;
*)
	no "the action is install or uninstall"
	;;
esac
