#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# warn.sh KERNEL: warns in one line if this kernel has no module of ours, and a rule, saved or in
# force, needs it: one of revision 1, which the kernel's own module refuses. At boot,
# iptables-restore would then load none of the rules that were saved with it.
set -u

kernel=$1
options='mask|from|weight|key|inner|reverse-errors'

# has_one: whether the rules on standard input have one of revision 1
has_one() {
	grep -qE -e "^[^#]* --hmark-($options)([ =]|\$)"
}

needing() {
	for file in /etc/iptables/rules.v4 /etc/iptables/rules.v6 /etc/sysconfig/iptables /etc/sysconfig/ip6tables; do
		! [ -r "$file" ] || ! has_one <"$file" || echo "$file"
	done
	for save in iptables-save ip6tables-save; do
		! "$save" 2>/dev/null | has_one || echo "the output of $save"
	done
}

# The kernel's own is below kernel/. While packages are configured, modules.dep need not be there yet.
modules=/lib/modules/$kernel
[ -z "$(find "$modules" -path "$modules/kernel" -prune -o -name 'xt_HMARK.ko*' -print 2>/dev/null)" ] || exit 0
rules=$(needing | paste -sd , | sed 's/,/, /g')
[ -n "$rules" ] || exit 0

if [ -e "/lib/modules/$kernel/build" ]; then
	advice="'dkms autoinstall -k $kernel' says why"
else
	advice="install its headers (linux-headers-$kernel)"
fi
hold='stay with the kernel that you have'
! architecture=$(dpkg --print-architecture 2>/dev/null) ||
	hold="hold this kernel back: apt-get remove linux-image-$kernel && apt-mark hold linux-image-$architecture"
echo "xt-hmark: warning: kernel $kernel has no module for rules of revision 1, which are in $rules: its boot would refuse these, and all that was saved with them; $advice, or $hold" >&2
