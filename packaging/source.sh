#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# source.sh FOLDER: makes the archive of this source in FOLDER, and beside it the recipes by which
# rpmbuild, makepkg and abuild build packages of it, and that for OpenWrt. Run it at the
# repository's top level.
set -eu

folder=$1
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
date=$(sed -n "s/^## $version (\(.*\))\$/\1/p" CHANGELOG.md)
[ -n "$date" ] || {
	echo "make source: CHANGELOG.md has no '## $version (DATE)'" >&2
	exit 1
}
name=xt-hmark-$version
archive=$folder/$name.tar.gz

mkdir -p "$folder/openwrt"
# The same bytes each time, whoever makes it and when. Leaves out modules that were built beside
# their source.
tar --create --exclude-from=packaging/left-out --transform="s,^\\.,$name," --sort=name \
	--mtime="$date" --owner=0 --group=0 --numeric-owner . | gzip --no-name >"$archive"
sha256=$(sha256sum "$archive" | cut -d ' ' -f 1)
sha512=$(sha512sum "$archive" | cut -d ' ' -f 1)

# recipe FILE PLACE: puts a recipe in the folder. The version is set in one place, so those in the
# repository do not have it.
recipe() {
	sed -e "s/@VERSION@/$version/" -e "s/@SHA256@/$sha256/" -e "s/@SHA512@/$sha512/" \
		-e "s/@DATE@/$(LC_ALL=C date -d "$date" '+%a %b %d %Y')/" "packaging/$1" >"$folder/$2"
	echo "$folder/$2"
}
echo "$archive"
recipe rpm/xt-hmark.spec xt-hmark.spec
recipe arch/PKGBUILD PKGBUILD
recipe alpine/APKBUILD APKBUILD
recipe openwrt/Makefile openwrt/Makefile
