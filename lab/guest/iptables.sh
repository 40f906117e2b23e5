#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# iptables.sh RELEASE FOLDER COMMAND [ARG...]: in a guest, puts the packages in
# FOLDER, those of iptables of a Debian RELEASE, over its own and runs COMMAND.

set -eu
HMARK_IPTABLES=$1
export HMARK_IPTABLES
cp --archive "$2/." /
shift 2
exec "$@"
