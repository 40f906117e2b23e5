# SPDX-License-Identifier: GPL-2.0-only
#
# `make -f xt_hmark_shim/shipped.mk OBJ=FOLDER` compiles the core to FOLDER/core.o_shipped, which packages bring
# with them: a host then needs gcc and its kernel's headers, and a kernel update depends on no rustc there,
# such as none in Debian 12 that would do. The object knows nothing of any kernel's structures. It has each
# mitigation for x86-64 kernels, which costs those without it next to nothing; only return thunks must be in
# the kernel. There objtool looks at it as at any other, and lists what the kernel patches.

shim := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
obj := $(OBJ)
comma := ,
depfile = $(obj)/core.d

SRCARCH := x86
CONFIG_X86_KERNEL_IBT := y
CONFIG_MITIGATION_RETHUNK := y
CONFIG_MITIGATION_SLS := y
CONFIG_MITIGATION_RETPOLINE := y
CONFIG_CALL_PADDING := y
CONFIG_FUNCTION_PADDING_BYTES := 16
include $(shim)/core.mk

$(obj)/core.o_shipped: $(shim)/core.rs $(obj)/libcore.rmeta $(wildcard $(shim)/*.rs $(shim)/core.mk $(shim)/../hmark/src/*.rs $(shim)/../hmark/src/*/*.rs)
	$(cmd_hmark_core)

$(obj)/libcore.rmeta: $(shim)/core.mk
	mkdir -p $(obj)
	$(cmd_hmark_libcore)

.DEFAULT_GOAL := $(obj)/core.o_shipped
