# SPDX-License-Identifier: GPL-2.0-only
#
# What the stock library makes of rules where it differs from ours, as the man page names: each rule
# is also in the files of the folder above, which say what ours makes of it.
:PREROUTING
*mangle

# It has no defaults.
-j HMARK --hmark-mod 4;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1;;FAIL
-j HMARK --hmark-mod 4 --hmark-offset 100;;FAIL
-j HMARK --hmark-mod 4 --hmark-tuple src;;FAIL
-j HMARK --hmark-mod 4 --hmark-tuple ct;;FAIL

# A tuple overrides the mask that was given before.
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-sport-mask 1 --hmark-tuple sport;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-dport-mask 1 --hmark-tuple dport;-j HMARK --hmark-dport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-spi-mask 1 --hmark-tuple spi;-j HMARK --hmark-spi-mask 0xffffffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-proto-mask 1 --hmark-tuple proto;-j HMARK --hmark-proto-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK

# It does not restore what it saves of a netmask without length.
-j HMARK --hmark-src-prefix -1 --hmark-mod 4 --hmark-rnd 1;;FAIL
