/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Build-time check that the C compiler, which built libxtables, and bindgen
 * agree on every structure that crosses between them. Yields no code.
 */
#include "bindings.h"

#define SIZE(type, size) \
	_Static_assert(sizeof(struct type) == (size), \
		       "Rust disagrees on the size of struct " #type)

#define OFFSET(type, field, offset) \
	_Static_assert(offsetof(struct type, field) == (offset), \
		       "Rust disagrees on the offset of " #type "." #field)

/* One SIZE or OFFSET a line, written by build.rs from bindgen's output. */
#include "layout.h"
