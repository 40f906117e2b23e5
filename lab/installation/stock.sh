#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A rule that the stock library and the kernel's own module save.
iptables -t mangle -A PREROUTING -j HMARK --hmark-tuple src,dst,sport,dport,proto \
	--hmark-mod 4 --hmark-offset 7 --hmark-rnd 0x17
netfilter-persistent save
test -e /sys/module/xt_HMARK
test ! -e /sys/module/xt_HMARK/version
