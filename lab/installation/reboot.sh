#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The rules are here since the boot.
for tables in iptables ip6tables; do
	$tables -t mangle -S PREROUTING
	$tables -t mangle -S PREROUTING | grep -e '--hmark-mod 4 --hmark-offset 100'
done
test "$(cat /sys/module/xt_HMARK/version)" = "$V"
