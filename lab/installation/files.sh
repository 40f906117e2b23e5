#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The files that iptables and the kernel come with.
sha256sum "$EXTENSION" "$MODULE" > /root/stock.sha256
