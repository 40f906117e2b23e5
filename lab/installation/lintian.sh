#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
lintian --allow-root --fail-on error,warning "$PACKAGES"/*.deb
