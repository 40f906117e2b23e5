#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# /init of the qemu guest's initramfs: the stock kernel has 9p as modules, so
# this loads them and hands over to init.sh on the chroot, which qemu exports, or
# to LAB_INIT of another root. The debug kernel has all that it needs.

/bin/busybox mount -t devtmpfs devtmpfs /dev
modules=/modules/$(/bin/busybox uname -r)
if [ -d "$modules" ]; then
	while read -r module; do
		/bin/busybox insmod "$modules/$module" || exit 1
	done < "$modules/order"
fi
/bin/busybox mount -t 9p -o "${LAB_ACCESS:-ro}",trans=virtio,version=9p2000.L,msize=512000,cache=loose root /root || exit 1
exec /bin/busybox switch_root /root "${LAB_INIT:-/srv/hmark/lab/guest/init.sh}"
