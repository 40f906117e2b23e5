/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel headers of the product's netfilter/, and no others.
 */
#include "netfilter/bindings_helper.h"
