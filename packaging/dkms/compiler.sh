#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# compiler.sh HEADERS: prints the variable by which make is told of the C compiler that the kernel
# was built with. DKMS says so too, but not to a script that it runs.
set -eu
config=$1/include/config/auto.conf
name=$(sed -n 's/^CONFIG_CC_VERSION_TEXT="*\([^" ]*\).*/\1/p' "$config")
if grep -qx 'CONFIG_CC_IS_CLANG=y' "$config"; then
	echo LLVM=1
elif command -v "$name" >/dev/null; then
	echo "CC=$name"
else
	echo "CC=${CROSS_COMPILE-}gcc"
fi
