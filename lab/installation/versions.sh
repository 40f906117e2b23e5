#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# One version: here of the packages, their man pages and changelog; of the module once it is
# installed.
for package in "$PACKAGES"/*.deb; do
	test "$(dpkg-deb -f "$package" Version)" = "$V"
	dpkg-deb --fsys-tarfile "$package" | tar -xOf - --wildcards './usr/share/doc/*/changelog.gz' |
		zcat | grep -F "xt-hmark ($V) "
done
for page in libxt-hmark:libxt_HMARK.8 hmark:hmark.8; do
	dpkg-deb --fsys-tarfile "$PACKAGES/${page%:*}"_*.deb |
		tar -xOf - "./usr/share/man/man8/${page#*:}.gz" | zcat | mandoc -T ascii | tail -n 1 |
		grep -F "HMARK in Rust $V "
done

# A tag's name is the version of what it is on. Packages' sources have no repository.
if [ -d .git ]; then
	for tag in $(git tag --list 'v*'); do
		git show "$tag:Cargo.toml" | grep -qx "version = \"${tag#v}\""
		git show "$tag:CHANGELOG.md" | grep -q "^## ${tag#v} "
	done
fi
