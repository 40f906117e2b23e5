#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The packages, and those of an upgrade. What cargo built for one serves for the other.
packaging/deb.sh "$PACKAGES" "$SUFFIX"
rm -rf "$UPGRADE"
mkdir "$UPGRADE"
mv "$PACKAGES"/*.deb "$UPGRADE"
packaging/deb.sh "$PACKAGES"
