#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The rule that the stock library saved is here since the boot, by our module.
iptables -t mangle -S PREROUTING
iptables -t mangle -S PREROUTING | grep -e '--hmark-rnd 0x00000017 --hmark-mod 4 --hmark-offset 7'
test "$(cat /sys/module/xt_HMARK/version)" = "$V"
