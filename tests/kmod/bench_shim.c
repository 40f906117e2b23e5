// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kbuild allows an object in only one module: this is shim.c for the second.
 */
#include "shim.c"
