#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# packagers.sh: builds packages by rpmbuild, has rpmlint look them over, iptables take their library,
# and makepkg read the PKGBUILD, in a copy of the chroot that has these programs too and is gone
# afterwards. It mounts, so it wants a mount namespace of its own.
set -eu

# In the copy.
if [ "${1-}" = inside ]; then
	folder=target/lab/packagers
	export CARGO_TARGET_DIR="$PWD/$folder/cargo"
	apt-get -qq update
	DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends rpm rpmlint makepkg >/dev/null
	rm -rf "$folder/source" "$folder/rpm"
	packaging/source.sh "$folder/source"

	# The packages here are none of rpm's.
	rpmbuild --nodeps -bb -D "_topdir $PWD/$folder/rpm" -D "_sourcedir $PWD/$folder/source" \
		"$folder/source/xt-hmark.spec"
	rpmlint --ignore-unused-rpmlintrc --rpmlintrc packaging/rpm/rpmlintrc \
		"$folder/source/xt-hmark.spec" "$folder"/rpm/RPMS/*/*.rpm
	for package in "$folder"/rpm/RPMS/*/*.rpm; do
		rpm --query --package --list "$package"
	done | tee "$folder/files"
	for file in bin/hmark share/man/man8/hmark.8.gz src/xt-hmark-.*/xt_hmark_shim/core.o_shipped; do
		grep -qx "/usr/$file" "$folder/files"
	done

	# iptables takes the library before the stock one, which is in the same folder.
	cp -r /usr/lib/x86_64-linux-gnu/xtables "$folder/rpm"
	rpm2cpio "$folder"/rpm/RPMS/*/libxt-hmark-*.rpm | cpio --quiet --extract --make-directories -D "$folder/rpm"
	cp -P "$folder"/rpm/usr/lib64/xtables/* "$folder/rpm/xtables"
	for program in iptables-legacy ip6tables-legacy iptables-nft ip6tables-nft; do
		XTABLES_LIBDIR=$folder/rpm/xtables $program -j HMARK --help | grep -e --hmark-weight
	done

	# makepkg does not run as root, and wants to write where it runs. It would ask pacman, which is
	# not there, only for what it needs to build.
	home=$(mktemp -d)
	cp "$folder"/source/PKGBUILD "$folder"/source/*.tar.gz "$home"
	chown -R 65534:65534 "$home"
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		env -C "$home" HOME="$home" PACMAN=true makepkg --printsrcinfo
	exit
fi

copy=$(mktemp -d)
mount -t tmpfs packagers "$copy"
mkdir "$copy/upper" "$copy/work" "$copy/root"
mount -t overlay packagers -o "lowerdir=/,upperdir=$copy/upper,workdir=$copy/work" "$copy/root"
exec lab/chroot.sh "$copy/root" lab/packagers.sh inside
