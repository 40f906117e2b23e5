#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# One version: here of the packages, their man page and changelog; of the module once it is
# installed.
for package in "$PACKAGES"/*.deb; do
	test "$(dpkg-deb -f "$package" Version)" = "$V"
	dpkg-deb --fsys-tarfile "$package" | tar -xOf - --wildcards './usr/share/doc/*/changelog.gz' |
		zcat | grep -F "xt-hmark ($V) "
done
dpkg-deb --fsys-tarfile "$PACKAGES"/libxt-hmark_*.deb |
	tar -xOf - ./usr/share/man/man8/libxt_HMARK.8.gz | zcat | mandoc -T ascii | tail -n 1 |
	grep -F "HMARK in Rust $V "

# A tag's name is the version of what it is on. Packages' sources have no repository.
if [ -d .git ]; then
	for tag in $(git tag --list 'v*'); do
		git show "$tag:Cargo.toml" | grep -qx "version = \"${tag#v}\""
		git show "$tag:CHANGELOG.md" | grep -q "^## ${tag#v} "
	done
fi
