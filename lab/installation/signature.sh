#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Signed with the key that DKMS made, whose certificate names it.
modinfo -k "$K" xt_HMARK
test "$(modinfo -k "$K" -F signer xt_HMARK)" = "DKMS module signing key"
serial=$(openssl x509 -inform DER -in /var/lib/dkms/mok.pub -noout -serial)
key=$(modinfo -k "$K" -F sig_key xt_HMARK | tr -d :)
test "$serial" = "serial=$key"
