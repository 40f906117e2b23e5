# SPDX-License-Identifier: GPL-2.0-only
#
# Rules, and how they are saved, in the format of iptables' own tests: a line has the rule to add,
# the rule that is saved (`=` for the same), and whether the first is accepted. They are for our
# library: files in stock/ have those of which the stock one makes something else. Rules that only
# one family accepts, or that each saves in its own way, are in libipt_HMARK.t and libip6t_HMARK.t.
#
# `hmark-system text::files` runs all lines, and `text::edges` compares the libraries by them. With
# module and library installed, root can also run them by the scripts of iptables' sources:
#
#     iptables-test.py --host tests/iptables/*.t
#     xlate-test.py --host tests/iptables/libxt_HMARK.txlate
:PREROUTING
*mangle

# Accepted.
-j HMARK --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-tuple ct;=;OK
-j HMARK --hmark-spi-mask 0x0000ffff --hmark-proto-mask 0xff --hmark-rnd 0xc175a3b8 --hmark-mod 2;=;OK
-j HMARK --hmark-mod 4 --hmark-tuple ct;-j HMARK --hmark-rnd 0xc175a3b8 --hmark-mod 4 --hmark-tuple ct;OK
-j HMARK --hmark-mod 4 --hmark-src-prefix 8;-j HMARK --hmark-src-prefix 8 --hmark-rnd 0xc175a3b8 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-spi 1;-j HMARK --hmark-spi 0x00000001 --hmark-rnd 0xc175a3b8 --hmark-mod 4;OK
-j HMARK --hmark-tuple ct --hmark-sport 1 --hmark-mod 4 --hmark-rnd 1;-j HMARK --hmark-sport 0x0001 --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-tuple ct;OK
-j HMARK --hmark-spi 1 --hmark-sport-mask 1 --hmark-mod 4 --hmark-rnd 1;-j HMARK --hmark-sport-mask 0x0001 --hmark-spi 0x00000001 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-spi-mask 1 --hmark-sport 1 --hmark-mod 4 --hmark-rnd 1;-j HMARK --hmark-spi-mask 0x00000001 --hmark-sport 0x0001 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-sr 8 --hmark-ds 9;-j HMARK --hmark-src-prefix 8 --hmark-dst-prefix 9 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-sport- 8 --hmark-dport-m 9;-j HMARK --hmark-sport-mask 0x0008 --hmark-dport-mask 0x0009 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-spi- 8 --hmark-p 9;-j HMARK --hmark-spi-mask 0x00000008 --hmark-proto-mask 0x09 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-sport-mask 0 --hmark-proto-mask 0 --hmark-src-prefix 0;-j HMARK --hmark-src-prefix 0 --hmark-sport-mask 0x0000 --hmark-proto-mask 0x00 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 0xffffffff --hmark-rnd 1 --hmark-tuple sport;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4294967295;OK
-j HMARK --hmark-mod 010 --hmark-rnd 010 --hmark-tuple dport;-j HMARK --hmark-dport-mask 0xffff --hmark-rnd 0x00000008 --hmark-mod 8;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple sport,proto;-j HMARK --hmark-sport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple spi;-j HMARK --hmark-spi-mask 0xffffffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple ct,sport;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-tuple ct;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple CT,DP;-j HMARK --hmark-dport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-tuple ct;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix 24 --hmark-dst-prefix 0;-j HMARK --hmark-src-prefix 24 --hmark-dst-prefix 0 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-sport-mask 0xff00 --hmark-dport-mask 255;-j HMARK --hmark-sport-mask 0xff00 --hmark-dport-mask 0x00ff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-spi-mask 0xffff0000 --hmark-spi 0x80000001;-j HMARK --hmark-spi-mask 0xffff0000 --hmark-spi 0x80000001 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple sport --hmark-sport 80 --hmark-dport 0x1f90;-j HMARK --hmark-sport-mask 0xffff --hmark-sport 0x0050 --hmark-dport 0x1f90 --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-proto-mask 0xf;-j HMARK --hmark-proto-mask 0x0f --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple proto --hmark-offset 4294967295;-j HMARK --hmark-proto-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-offset 4294967295;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix 32;-j HMARK --hmark-src-prefix 32 --hmark-rnd 0x00000001 --hmark-mod 4;OK

# The number of marks is missing.
-j HMARK;;FAIL
-j HMARK --hmark-rnd 1;;FAIL
-j HMARK --hmark-tuple src;;FAIL
-j HMARK --hmark-rnd 1 --hmark-tuple src;;FAIL

# Values that the option cannot have.
-j HMARK --hmark-mod 0 --hmark-rnd 1 --hmark-tuple src;;FAIL
-j HMARK --hmark-mod= --hmark-rnd=1 --hmark-tuple=src;;FAIL
-j HMARK --hmark-src-prefix -1 --hmark-mod 4 --hmark-rnd 1;;FAIL
-j HMARK --hmark-mod 4294967296;;FAIL
-j HMARK --hmark-mod -1;;FAIL
-j HMARK --hmark-mod 0x;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 4294967296 --hmark-tuple src;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-sport-mask 65536;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-spi-mask 4294967296;;FAIL
-j HMARK --hmark-mod 4 --hmark-sport 65536;;FAIL
-j HMARK --hmark-mod 4 --hmark-sport http;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-proto-mask 65536;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple proto --hmark-offset 4294967296;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix 129;;FAIL
-j HMARK --hmark-mod 4 --hmark-dst-prefix abc;;FAIL
-j HMARK --hmark-mod 4 --hmark-tuple src,colour;;FAIL
-j HMARK --hmark-mod 4 --hmark-tuple src,,dst;;FAIL

# Given twice.
-j HMARK --hmark-mod 4 --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src;;FAIL
-j HMARK --hmark-tuple src --hmark-src-prefix 8 --hmark-mod 4 --hmark-rnd 1;;FAIL
-j HMARK --hmark-src-prefix 8 --hmark-tuple src --hmark-mod 4 --hmark-rnd 1;;FAIL
-j HMARK --hmark-tuple spi --hmark-spi-mask 1 --hmark-mod 4 --hmark-rnd 1;;FAIL
-j HMARK --hmark-spi-mask 1 --hmark-tuple spi --hmark-mod 4 --hmark-rnd 1;;FAIL
-j HMARK --hmark-sport-mask 1 --hmark-tuple sport,dport --hmark-mod 4 --hmark-rnd 1;;FAIL
-j HMARK --hmark-proto-mask 1 --hmark-tuple proto --hmark-mod 4 --hmark-rnd 1;;FAIL
-j HMARK --hmark-tuple ct --hmark-tuple src --hmark-mod 4 --hmark-rnd 1;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src --hmark-offs 5 --hmark-offset 5;;FAIL
-j HMARK --hmark-mod 4 --hmark-tuple src --hmark-tuple dst;;FAIL
-j HMARK --hmark-mod 4 --hmark-src-prefix 8 --hmark-tuple dst,src;;FAIL
-j HMARK --hmark-offs 1 --hmark-offset 2 --hmark-mod 4;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-src-prefix 8 --hmark-tuple src;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-dst-prefix 8 --hmark-tuple dst;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-sport-mask 1 --hmark-tuple sport;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-dport-mask 1 --hmark-tuple dport;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-spi-mask 1 --hmark-tuple spi;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-proto-mask 1 --hmark-tuple proto;;FAIL

# An SPI and a port.
-j HMARK --hmark-spi 1 --hmark-sport 1 --hmark-dport 1 --hmark-mod 4 --hmark-rnd 1;;FAIL
-j HMARK --hmark-mod 4 --hmark-tuple spi,sport;;FAIL
-j HMARK --hmark-mod 4 --hmark-tuple spi --hmark-dport-mask 1;;FAIL
-j HMARK --hmark-mod 4 --hmark-spi-mask 1 --hmark-tuple dport;;FAIL
-j HMARK --hmark-mod 4 --hmark-spi 1 --hmark-dport 1;;FAIL

# Inverted.
-j HMARK ! --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src;;FAIL
-j HMARK --hmark-mod ! 4 --hmark-rnd 1 --hmark-tuple src;;FAIL
-j HMARK --hmark-mod 4 ! --hmark-rnd 1 --hmark-tuple src;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 ! --hmark-tuple src;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 ! --hmark-src-prefix 8;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 ! --hmark-sport 8;;FAIL
-j HMARK ! ! --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src !;;FAIL

# No option, or an abbreviation of more than one.
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-s 8;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-d 8;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-sp 8;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-spo 8;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-dp 8;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src --hmark-offsets 5;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src --hmark- 5;;FAIL
-j HMARK --HMARK-MOD 4 --hmark-rnd 1 --hmark-tuple src;;FAIL
-j HMARK --hmark-modulus 4 --hmark-rnd 1 --hmark-tuple src;;FAIL
-j HMARK --hmark-colour 4 --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src;;FAIL

# An option without a value, or a value without an option.
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple;;FAIL
-j HMARK --hmark-rnd 1 --hmark-tuple src --hmark-mod;;FAIL
-j HMARK --hmark-mod 4 5 --hmark-rnd 1 --hmark-tuple src;;FAIL
-j HMARK src --hmark-mod 4 --hmark-rnd 1;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src --hmark-src-prefix;;FAIL

# Tuples.
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple ct;-j HMARK --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-tuple ct;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple sport;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple dport;-j HMARK --hmark-dport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple proto;-j HMARK --hmark-proto-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple c;-j HMARK --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-tuple ct;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple sp;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple dp;-j HMARK --hmark-dport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple p;-j HMARK --hmark-proto-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple spo;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple spor;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple dpor;-j HMARK --hmark-dport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple prot;-j HMARK --hmark-proto-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4;OK
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple ct,ct;-j HMARK --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-tuple ct;OK

# No tuples.
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple srcs;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple sports;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple ctx;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple spi,sport;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple dport,spi;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple sp,spi;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple ,;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple ,src;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src,;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src,,dst;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src,dst,;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src dst;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple src|dst;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple !src;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple source;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple all;;FAIL
-j HMARK --hmark-mod 4 --hmark-rnd 1 --hmark-tuple %s;;FAIL
