#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What our library saved is here since the boot, by the stock one and the kernel's own module.
iptables -t mangle -S PREROUTING
iptables -t mangle -S PREROUTING | grep -e '--hmark-rnd 0xc175a3b8 --hmark-mod 4 --hmark-offset 100'
test -e /sys/module/xt_HMARK
test ! -e /sys/module/xt_HMARK/version
