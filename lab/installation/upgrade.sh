#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
made=$(stat -c %Y /var/cache/xt-hmark/"$K"/hmark-key)
apt-get install --yes ./"$UPGRADE"/*.deb
dkms status
test "$(dkms status | wc -l)" = 1
dkms status | grep -x "xt-hmark/$V$SUFFIX, $K, x86_64: installed.*"
# Nothing that takes minutes.
test "$made" = "$(stat -c %Y /var/cache/xt-hmark/"$K"/hmark-key)"

# iptables is upgraded under it: the extension that is loaded stays ours.
ours=$(sha256sum "$EXTENSION")
stock=$(sha256sum "$EXTENSION.distrib")
apt-get install --yes --reinstall iptables
test "$ours" = "$(sha256sum "$EXTENSION")"
test "$stock" = "$(sha256sum "$EXTENSION.distrib")"
