#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The first process of a guest, qemu or UML: puts a writable layer over the
# chroot, runs the command that `lab run` left in /run/lab, powers off.

set -e
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

# The chroot is mounted read-only. What a guest writes goes with it.
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
cd /mnt/root
pivot_root . mnt

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir /run/lab
mount -t "$LAB_TYPE" -o "$LAB_OPTIONS" run /run/lab
ip link set lo up

# The modules of a kernel that is not installed in the chroot. The roots that packages are tested in may have others
# of the same release.
release=$(uname -r)
for modules in /var/cache/hmark-lab/*/usr/lib/modules/"$release"; do
	case $modules in
	/var/cache/hmark-lab/debian-* | /var/cache/hmark-lab/user-*) ;;
	*) [ -e "/usr/lib/modules/$release" ] || ln -s "$modules" /usr/lib/modules/ ;;
	esac
done

stty -F "/dev/$LAB_TTY" raw
{
	status=0
	sh /run/lab/command || status=$?
	echo "$status" > /run/lab/status
} < /dev/null 2>&1 | cat > "/dev/$LAB_TTY"

sync
busybox poweroff -f
