#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
apt-get remove --yes xt-hmark-dkms libxt-hmark hmark
sha256sum --check /root/stock.sha256
test -z "$(dkms status)"
test -z "$(dpkg-divert --list "*HMARK*")"
test ! -e "$EXTENSION.distrib"
test ! -e /var/cache/xt-hmark
test ! -e "/lib/modules/$K/updates"
test ! -e /var/lib/dkms/xt-hmark
ls /usr/src
test -z "$(find /usr/src -maxdepth 1 -name 'xt-hmark*')"
