// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kbuild wants an object in one module only: this is shim.c for the second.
 */
#include "shim.c"
