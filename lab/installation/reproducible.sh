#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Elsewhere, in another time zone and language, and with other permissions: the same bytes.
again=$(mktemp -d)
trap 'rm -rf "$again"' EXIT
(umask 027 && TZ=Pacific/Auckland LC_ALL=C packaging/deb.sh "$again")
for package in "$PACKAGES"/*.deb; do
	cmp "$package" "$again/${package##*/}"
done
