# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Each test sources this first. It sets V to the version of the module that DKMS has
# installed, and K to the kernel that the module is for.
set -eu

status=$(dkms status -m xt-hmark | head -n 1)
V=${status%%,*} V=${V#*/}
K=${status#*, } K=${K%%,*}

is_installed() {
	dkms status
	dkms status | grep -x "xt-hmark/$V, $K, $(uname -m): installed.*"
}

# Leaves the module without anything that was built of it.
unbuild() {
	dkms uninstall -m xt-hmark -v "$V" -k "$K"
	dkms unbuild -m xt-hmark -v "$V" -k "$K"
}

# says LINE FILE: whether LINE is in what the packages print as the one reason
says() {
	cat "$2"
	test "$(grep -c '^xt-hmark: no module for' "$2")" = 1
	grep '^xt-hmark: no module for' "$2" | grep -F "$1"
}

# is_by_c LINE: whether the module that is installed has the glue in C, for a reason that has LINE
is_by_c() {
	is_installed
	test "$(modinfo -k "$K" -F glue xt_HMARK)" = C
	log=/var/lib/dkms/xt-hmark/$V/$K/$(uname -m)/log/make.log
	test "$(grep -c "^xt-hmark: the module for $K" "$log")" = 1
	grep "^xt-hmark: the module for $K has the glue in C" "$log" | grep -F "$1"
}

is_installed
