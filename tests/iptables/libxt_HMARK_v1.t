# SPDX-License-Identifier: GPL-2.0-only
#
# Rules with options of revision 1, for either family; libxt_HMARK.t says more. They need our library and
# our module: the stock library knows none of these options.
:PREROUTING
*mangle

# Accepted.
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-mask 0x3f00;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-mask 0x3f00;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 64 --hmark-mask 16128;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 64 --hmark-mask 0x3f00;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-mask 0xffffffff;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-mask 0xffffffff;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 2 --hmark-offset 0x80000000 --hmark-mask 0xc0000000;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 2 --hmark-offset 2147483648 --hmark-mask 0xc0000000;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 1 --hmark-mask 1;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 1 --hmark-mask 0x1;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 71 --hmark-from 64;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 71 --hmark-from 64;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4294967295 --hmark-from 0xffffffff;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4294967295 --hmark-from 4294967295;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 70 --hmark-weight 12=50,35=0,64-69=25;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 70 --hmark-weight 12=50,35=0,64-69=25;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 70 --hmark-weight 69=25,64-68=25,35=0,12=50,1=100;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 70 --hmark-weight 12=50,35=0,64-69=25;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 70 --hmark-weight 0x40-0x45=031;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 70 --hmark-weight 64-69=25;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 70 --hmark-weight 1=2 --hmark-weight 2=2;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 70 --hmark-weight 1-2=2;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 256 --hmark-weight 0=0,255=99;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 256 --hmark-weight 0=0,255=99;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 2 --hmark-weight 0=0,1=1;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 2 --hmark-weight 0=0,1=1;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 70 --hmark-weight 0-69=100;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 70;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-inner gtpu,vxlan,geneve,gre,ipip;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-inner gtpu,vxlan,geneve,gre,ipip;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-inner ipip,gre,geneve:6081,vxlan:8472,gtpu:2152;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-inner gtpu,vxlan:8472,geneve,gre,ipip;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-inner vxlan:65535,geneve:1;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-inner vxlan:65535,geneve:1;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-reverse-errors;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-reverse-errors;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 70 --hmark-offset 256 --hmark-mask 0x7f00 --hmark-from 64 --hmark-weight 3=7 --hmark-inner gre --hmark-reverse-errors;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 70 --hmark-offset 256 --hmark-mask 0x7f00 --hmark-from 64 --hmark-weight 3=7 --hmark-inner gre --hmark-reverse-errors;OK
-j HMARK --hmark-sport-mask 0xffff --hmark-key 00112233445566778899aabbccddeeff --hmark-mod 4;=;OK
-j HMARK --hmark-tuple sport --hmark-mod 4 --hmark-key 00112233445566778899AABBCCDDEEFF;-j HMARK --hmark-sport-mask 0xffff --hmark-key 00112233445566778899aabbccddeeff --hmark-mod 4;OK
-j HMARK --hmark-tuple ct,sport --hmark-mod 4 --hmark-key 00000000000000000000000000000000 --hmark-mask 0xf0;-j HMARK --hmark-sport-mask 0xffff --hmark-key 00000000000000000000000000000000 --hmark-mod 4 --hmark-mask 0xf0 --hmark-tuple ct;OK
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-from 2 --hmark-mask 0xf0;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-mask 0xf0 --hmark-from 2;OK

# Abbreviated: --hmark-m and --hmark-r mean what they meant before there were these options.
-j HMARK --hmark-tuple sport --hmark-r 1 --hmark-m 4 --hmark-ma 0xf --hmark-f 2 --hmark-w 1=2 --hmark-i gre --hmark-re;-j HMARK --hmark-sport-mask 0xffff --hmark-rnd 0x00000001 --hmark-mod 4 --hmark-mask 0xf --hmark-from 2 --hmark-weight 1=2 --hmark-inner gre --hmark-reverse-errors;OK
-j HMARK --hmark-tuple sport --hmark-k 00112233445566778899aabbccddeeff --hmark-mo 4;-j HMARK --hmark-sport-mask 0xffff --hmark-key 00112233445566778899aabbccddeeff --hmark-mod 4;OK

# Values that the option cannot have.
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-mask 0;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-mask 0x3f01;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-mask 5;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-mask 0x100000000;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-mask x;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-mask=;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-from 0;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-from -1;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-weight 2=101;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-weight =;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-weight 1;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-weight 1=;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-weight 300=5;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-weight 3-2=5;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-weight 1=5,1=6;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-weight 1=5,;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-weight 1=5,,2=5;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-weight 0-2=5,1=100;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-weight=;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-inner gretap;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-inner GRE;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-inner gre,gre;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-inner vxlan:0;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-inner vxlan:65536;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-inner vxlan:;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-inner gre:47;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-inner ,gre;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-inner=;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-reverse-errors=1;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-reverse-errors 1;;FAIL
-j HMARK --hmark-tuple sport --hmark-mod 4 --hmark-key=0000000000000000000000000000000;;FAIL
-j HMARK --hmark-tuple sport --hmark-mod 4 --hmark-key=000000000000000000000000000000000;;FAIL
-j HMARK --hmark-tuple sport --hmark-mod 4 --hmark-key=0000000000000000000000000000000g;;FAIL
-j HMARK --hmark-tuple sport --hmark-mod 4 --hmark-key=0x000000000000000000000000000000;;FAIL
-j HMARK --hmark-tuple sport --hmark-mod 4 --hmark-key=;;FAIL

# Values that do not go together.
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 65 --hmark-mask 0x3f00;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 64 --hmark-mask 0x3f00 --hmark-offset 0x100;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-mask 0x3f00 --hmark-offset 1;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-mask 0x3f00 --hmark-offset 0x4000;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-from 5;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 257 --hmark-weight 0=5;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 70 --hmark-weight 70=50;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 70 --hmark-weight 70=100;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-weight 0-3=0;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-inner vxlan:6081,geneve;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-key 00112233445566778899aabbccddeeff;;FAIL
-j HMARK --hmark-tuple ct,sport --hmark-mod 4 --hmark-inner gre;;FAIL
-j HMARK --hmark-tuple ct,sport --hmark-mod 4 --hmark-reverse-errors;;FAIL

# Given twice, or inverted.
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 1 --hmark-mask 1 --hmark-mask 1;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-from 1 --hmark-from 1;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-weight 1=5 --hmark-weight 1=5;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-inner gre --hmark-inner ipip;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-reverse-errors --hmark-reverse-errors;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 1 ! --hmark-mask 1;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 ! --hmark-reverse-errors;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 ! --hmark-inner gre;;FAIL
-j HMARK --hmark-tuple sport --hmark-rnd 1 --hmark-mod 4 --hmark-weights 1=1;;FAIL
-j HMARK --hmark-tuple sport --hmark-mod 4 --hmark-key 00112233445566778899aabbccddeeff --hmark-key 00112233445566778899aabbccddeeff;;FAIL
