#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A kernel of another series is installed later, its source later still, and goes again.
series=$(echo "$K" | cut -d . -f 1,2)
suffix=${K#"${K%%+*}"}
other=$(apt-cache pkgnames linux-headers- | sed -n "s/^linux-headers-\([0-9.]*\)$suffix\$/\1$suffix/p" |
	grep -v "^$series\." | sort --version-sort | tail -n 1)
other_version=$(apt-cache show "linux-headers-$other" | sed -n 's/^Version: //p' | head -n 1)
other_source=linux-source-$(echo "$other" | cut -d . -f 1,2)=$other_version

# is_installed GLUE
is_installed() {
	dkms status | grep -x "xt-hmark/$V, $other, x86_64: installed.*"
	test "$(modinfo -k "$other" -F version xt_HMARK)" = "$V"
	test "$(modinfo -k "$other" -F glue xt_HMARK)" = "$1"
}

# Without its source, there is no Rust metadata.
apt-get install --yes "linux-image-$other" "linux-headers-$other"
is_installed C
grep -F "its source is missing; install $other_source" "/var/lib/dkms/xt-hmark/$V/$other/x86_64/log/make.log"

# As README.Debian has it.
apt-get install --yes "$other_source"
is_installed C
dkms unbuild "xt-hmark/$V" -k "$other"
dkms install "xt-hmark/$V" -k "$other"
is_installed ''

apt-get purge --yes "linux-image-$other" "linux-headers-$other" "${other_source%%=*}"
test "$(dkms status | wc -l)" = 1
dkms status | grep -x "xt-hmark/$V, $K, x86_64: installed.*"
test ! -e "/var/cache/xt-hmark/$other"
# What it came with has a package of its own, which stays until apt autoremove.
modules=$(find "/lib/modules/$other" -name 'xt_HMARK*')
test "$modules" = "/lib/modules/$other/kernel/net/netfilter/xt_HMARK.ko.xz"
