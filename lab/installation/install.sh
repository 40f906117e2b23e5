#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
apt-get update
apt-get install --yes ./"$PACKAGES"/xt-hmark-dkms_*.deb ./"$PACKAGES"/libxt-hmark_*.deb ./"$PACKAGES"/hmark_*.deb
dkms status
dkms status | grep -x "xt-hmark/$V, $K, x86_64: installed.*"
test "$(modinfo -k "$K" -n xt_HMARK)" = "/lib/modules/$K/updates/dkms/xt_HMARK.ko.xz"
test "$(modinfo -k "$K" -F version xt_HMARK)" = "$V"
dpkg-divert --list "$EXTENSION"
