#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A test of the packages, as autopkgtest runs it. One that reboots the machine leaves a mark in
# $MARK, and is run again after that.
set -eu
cd "$SOURCE"
AUTOPKGTEST_TMP=$(mktemp -d)
AUTOPKGTEST_ARTIFACTS=$(mktemp -d)
export AUTOPKGTEST_TMP AUTOPKGTEST_ARTIFACTS
if [ -e "$MARK" ]; then
	AUTOPKGTEST_REBOOT_MARK=$(cat "$MARK")
	export AUTOPKGTEST_REBOOT_MARK
	rm "$MARK"
fi
# shellcheck disable=SC2016 # for the test to expand
printf '#!/bin/sh\necho "$1" > %s\nkill -KILL $PPID\n' "$MARK" > /tmp/autopkgtest-reboot
chmod +x /tmp/autopkgtest-reboot
"debian/tests/$TEST" || test -e "$MARK"
rm -r "$AUTOPKGTEST_TMP" "$AUTOPKGTEST_ARTIFACTS"
