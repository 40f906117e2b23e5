# SPDX-License-Identifier: GPL-2.0-only
#
# How the core is compiled, by a kernel's configuration: for Kbuild and shipped.mk, which set shim, obj,
# SRCARCH and CONFIG_*.

RUSTC ?= rustc
rust_src := $(shell $(RUSTC) --print sysroot)/lib/rustlib/src/rust/library
# As the kernel's own rust/Makefile has it.
export RUSTC_BOOTSTRAP := 1

# The core has the mitigations of the code around it. Names before 6.9 have no MITIGATION_.
config = $(filter y,$(CONFIG_$(1)) $(CONFIG_MITIGATION_$(1)))
release := $(shell $(RUSTC) --version | sed 's/^rustc 1\.\([0-9]*\).*/\1/')
newer = $(shell test $(release) -ge $(1) && echo y)

hmark_rustflags := --edition=2021 -Copt-level=2 -Cpanic=abort -Ccodegen-units=1 -Cdebug-assertions=n \
	-Coverflow-checks=n -Cforce-unwind-tables=n -Crelocation-model=static -Cembed-bitcode=n \
	-Csymbol-mangling-version=v0 -Zfunction-sections=n -Zplt=y -Awarnings
hmark_rustflags += $(if $(CONFIG_CC_OPTIMIZE_FOR_SIZE),-Copt-level=s)
hmark_target_x86 := x86_64-unknown-none
# UML's module loader supports neither GOT entries nor far calls.
hmark_target_um := x86_64-unknown-none
hmark_rustflags_um := -Ccode-model=large -Cno-redzone=y
hmark_target := $(hmark_target_$(SRCARCH))
hmark_rustflags += --target=$(hmark_target)

hmark_rustflags += $(hmark_rustflags_$(SRCARCH))

ifeq ($(SRCARCH),x86)
hmark_rustflags += -Ccode-model=kernel -Cno-redzone=y
hmark_rustflags += $(if $(CONFIG_X86_KERNEL_IBT),-Zcf-protection=branch)
hmark_rustflags += $(if $(call newer,93),-Cjump-tables=n,-Zno-jump-tables)
hmark_rustflags += $(if $(call config,RETHUNK),-Zfunction-return=thunk-extern)
hmark_rustflags += $(if $(call config,SLS),-Ctarget-feature=+harden-sls-ijmp$(comma)+harden-sls-ret)
hmark_rustflags += $(if $(call config,RETPOLINE),-Ctarget-feature=+retpoline-external-thunk$(comma)+retpoline-indirect-branches$(comma)+retpoline-indirect-calls)
padding := $(CONFIG_FUNCTION_PADDING_BYTES)
hmark_rustflags += $(if $(CONFIG_CALL_PADDING),-Zpatchable-function-entry=$(padding)$(comma)$(padding))
endif

# The core library's interface alone: of its code only what is inlined is used, so that anything else
# that the object refers to, such as a panic, is missing when the module is linked.
core_edition = $(shell sed -n 's/^edition = "\(.*\)"/\1/p' $(rust_src)/core/Cargo.toml)
quiet_cmd_hmark_libcore = RUSTC L $@
      cmd_hmark_libcore = \
	echo '\#![feature(compiler_builtins, no_core)] \#![compiler_builtins] \#![no_core]' | \
	$(RUSTC) $(filter-out --edition=%,$(hmark_rustflags)) --crate-name compiler_builtins --crate-type rlib \
		--emit=metadata=$(obj)/libcompiler_builtins.rmeta - && \
	$(RUSTC) $(filter-out --edition=%,$(hmark_rustflags)) --edition=$(core_edition) --crate-name core \
		--crate-type rlib -Zalways-encode-mir --cap-lints=allow --cfg no_fp_fmt_parse \
		--emit=metadata=$@ $(rust_src)/core/src/lib.rs

quiet_cmd_hmark_core = RUSTC   $@
      cmd_hmark_core = $(RUSTC) $(hmark_rustflags) --cfg MODULE --crate-name hmark_core --crate-type rlib \
	--sysroot=/dev/null -L$(obj) --extern core=$(obj)/libcore.rmeta \
	--emit=obj=$@ --emit=dep-info=$(depfile) $< $(cmd_objtool)
