#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# watched.sh COMMAND [ARG...]: in a guest with a debug kernel, runs COMMAND, and
# has kmemleak look for memory that was lost meanwhile. What else is wrong, the
# kernel log has; but not that lockdep or kmemleak gave up, so that is looked at.

set -eu
leaks=/sys/kernel/debug/kmemleak
mount -t debugfs debugfs /sys/kernel/debug

# kmemleak tells of what has not changed between two scans and is older than 5
# seconds. What the boot lost is not ours.
scan() {
	echo scan > "$leaks"
	echo scan > "$leaks"
}

echo scan=off > "$leaks"
scan
echo clear > "$leaks"

status=0
"$@" || status=$?

# It does not see all that UML keeps, so a leak counts where our module allocated
# it: a line of its backtrace has the module's name, or, once that is unloaded, an
# address without one.
sleep 6
scan
awk '/^unreferenced/ { if (ours) printf "%s", object; object = ""; ours = 0 }
	{ object = object $0 "\n" }
	/\[xt_HMARK\]|^    0x[0-9a-f]+$/ { ours = 1 }
	END { if (ours) printf "%s", object }' "$leaks" > /tmp/leaks
if [ -s /tmp/leaks ]; then
	echo "kmemleak: the module lost memory" >&2
	cat /tmp/leaks >&2
	status=1
elif grep -q '^unreferenced' "$leaks" && ! grep -q '+0x' "$leaks"; then
	echo "kmemleak does not know who allocated what" >&2
	status=1
fi

# Lockdep prints one report and is off then, and also where its tables are full.
if [ -e /proc/lockdep_stats ] && ! grep -q 'debug_locks: *1$' /proc/lockdep_stats; then
	echo "lockdep is off" >&2
	status=1
fi
exit "$status"
