#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# ansible.sh FOLDER COMMAND [ARG...]: in a guest, puts the packages in FOLDER, those of
# Ansible and ssh, below its own /usr and runs COMMAND. What the guest has itself stays.

set -eu
HMARK_ANSIBLE=1
export HMARK_ANSIBLE
packages=$1
shift
mkdir -p /run/usr/upper /run/usr/work /dev/shm
mount -t overlay -o "lowerdir=/usr:$packages/usr,upperdir=/run/usr/upper,workdir=/run/usr/work" overlay /usr
# For the locks of Python's processes.
mount -t tmpfs tmpfs /dev/shm
exec "$@"
