#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Where the kernel takes no Rust modules, there is no rustc either. Elsewhere apt would install what the package
# recommends, but in this root it does so only if told, and then what dkms recommends, too.
recommended=
test -n "$GLUE" || recommended=$(dpkg-deb --field "$PACKAGES"/xt-hmark-dkms_*.deb Recommends | tr -d ,)
apt-get update
# shellcheck disable=SC2086 # these are names of packages
apt-get install --yes --no-install-recommends $recommended \
	./"$PACKAGES"/xt-hmark-dkms_*.deb ./"$PACKAGES"/libxt-hmark_*.deb ./"$PACKAGES"/hmark_*.deb
dkms status
dkms status | grep -x "xt-hmark/$V, $K, x86_64: installed.*"
test "$(modinfo -k "$K" -n xt_HMARK)" = "/lib/modules/$K/updates/dkms/xt_HMARK.ko.xz"
test "$(modinfo -k "$K" -F version xt_HMARK)" = "$V"
test "$(modinfo -k "$K" -F glue xt_HMARK)" = "$GLUE"
grep "^xt-hmark: the module for $K ${GLUE:+has the glue in }${GLUE:-is in Rust alone}" \
	"/var/lib/dkms/xt-hmark/$V/$K/x86_64/log/make.log"
test -z "$GLUE" || ! command -v rustc
dpkg-divert --list "$EXTENSION"
