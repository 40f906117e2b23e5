/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel headers of the module, for bindgen.
 */
#include "netfilter/bindings_helper.h"
#include <linux/netfilter/xt_HMARK.h>
#include <linux/netfilter/xt_HMARK_v1.h>
