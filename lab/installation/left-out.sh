#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Kernels that the module cannot be built for are left out with a line that says why.
# left_out KERNEL LINE
left_out() {
	status=0
	dkms install -m xt-hmark -v "$V" -k "$1" > /tmp/said 2>&1 || status=$?
	cat /tmp/said
	test "$status" = 77
	test "$(grep -c '^xt-hmark: ' /tmp/said)" = 1
	grep -F "$2" /tmp/said
	# For apt that is none of its business.
	/etc/kernel/header_postinst.d/dkms "$1"
	dkms status | grep -x "xt-hmark/$V, $K, x86_64: installed.*"
	test "$(dkms status | wc -l)" = 1
}

# tree KERNEL LINE...: headers with another configuration
tree() {
	config=/lib/modules/$1/build/include/config
	mkdir -p "$config"
	shift
	printf '%s\n' "$@" > "$config/auto.conf"
}

series=$(echo "$K" | cut -d . -f 1,2)
rustc=CONFIG_RUSTC_VERSION_TEXT=\"$(rustc --version)\"
tree 6.12.1-none CONFIG_MODULES=y
left_out 6.12.1-none 'built without CONFIG_RUST'
tree 9.9.1-new CONFIG_RUST=y "$rustc"
left_out 9.9.1-new 'tested with Linux'
tree "$series.1-rustc" CONFIG_RUST=y 'CONFIG_RUSTC_VERSION_TEXT="rustc 1.99.0 (abc 2030-01-01)"'
left_out "$series.1-rustc" 'rustc-1.99'
tree "$series.1-headers" CONFIG_RUST=y "$rustc"
left_out "$series.1-headers" 'no Rust metadata'
# What was made for a kernel goes with it.
mkdir /var/cache/xt-hmark/6.12.1-none
run-parts --arg=6.12.1-none /etc/kernel/postrm.d
test ! -e /var/cache/xt-hmark/6.12.1-none
test -e /var/cache/xt-hmark/"$K"
rm -r /lib/modules/*-none /lib/modules/*-new /lib/modules/*-rustc /lib/modules/*-headers

# The stock kernel itself, with its source missing, and then of another version.
dkms uninstall -m xt-hmark -v "$V" -k "$K"
dkms unbuild -m xt-hmark -v "$V" -k "$K"
mv /var/cache/xt-hmark/"$K" /root/tree
source=linux-source-$series
missing() {
	dkms install -m xt-hmark -v "$V" -k "$K" > /tmp/said 2>&1 || test $? = 77
	cat /tmp/said
	grep -F "its source is ${1:-missing}; install $source=$KV" /tmp/said
}
dpkg-divert --quiet --local --rename --add /usr/bin/dpkg-query
for installed in '' 1.2.3; do
	printf '#!/bin/sh\ncase $* in *linux-source*) printf "%s" ;; *) exec dpkg-query.distrib "$@" ;; esac\n' \
		"$installed" > /usr/bin/dpkg-query
	chmod +x /usr/bin/dpkg-query
	missing "$installed"
done
rm /usr/bin/dpkg-query
dpkg-divert --quiet --local --rename --remove /usr/bin/dpkg-query
test "$(dkms status)" = "xt-hmark/$V: added"

# And back: what was made before serves again.
mv /root/tree /var/cache/xt-hmark/"$K"
dkms autoinstall -k "$K"
dkms status | grep -x "xt-hmark/$V, $K, x86_64: installed.*"
