#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# deb.sh FOLDER [SUFFIX]: builds the Debian packages in FOLDER, with SUFFIX appended to
# the version. Run it at the repository's top level, on the Debian release that the
# packages are for. FOLDER keeps intermediate files to speed up the next build.
set -eu

folder=$1
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
entry=$(sed -n "/^## $version /,/^## [^v]/p" CHANGELOG.md)
date=$(echo "$entry" | sed -n '1s/.*(\(.*\))$/\1/p')
[ -n "$date" ] || {
	echo "make deb: CHANGELOG.md has no '## $version (DATE)'" >&2
	exit 1
}

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
source=$folder/source
mkdir -p "$source"
# Removes everything from an earlier run except the files that cargo built.
find "$source" -mindepth 1 -maxdepth 1 ! -name target -exec rm -rf {} +
# Leaves out modules that were built beside their source.
tar --create --exclude-from=packaging/left-out . |
	tar --extract --no-same-owner --directory="$source"
cp -r packaging/debian "$source/debian"
{
	echo "xt-hmark ($version${2-}) trixie; urgency=medium"
	echo
	# Puts each entry on one line, then folds it as in Debian's changelogs.
	echo "$entry" | sed -n '/^- /,$p' | sed ':a; N; s/\n  / /; ta; P; D' |
		fold --spaces --width=74 | sed 's/ $//' | sed 's/^- /  * /; t; /./s/^/    /'
	echo
	echo " -- $(sed -n 's/^Maintainer: //p' packaging/debian/control)  $(date -u -R -d "$date")"
} >"$source/debian/changelog"

rm -f "$folder"/*.deb "$folder"/*.buildinfo "$folder"/*.changes
(cd "$source" && dpkg-buildpackage --build=binary --no-sign)
ls "$folder"/*.deb
