# SPDX-License-Identifier: GPL-2.0-only
#
# HMARK in Rust: `make help` says what there is to make.

# Where things are built: KDIR is the kernel tree to build the module against
# (with Rust metadata), MO a folder for Kbuild's output other than the source's.
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
KDIR ?= /lib/modules/$(shell uname -r)/build
KMOD_DIR := $(or $(MO),xt_hmark_kmod)
LIB := $(TARGET_DIR)/release/libxt_HMARK.so
KO := $(KMOD_DIR)/xt_HMARK.ko

# Where things are installed.
PREFIX ?= /usr/local
XTLIBDIR ?= $(shell pkg-config --variable=xtlibdir xtables)

LAB = lab/enter.sh cargo run --profile tools --locked --package lab --

.PHONY: all lib kmod install install-files uninstall demo check clean help

all: lib kmod

lib:
	@cargo --version 2>&1 | awk -F '[ .]' '{ exit !($$2 == 1 && $$3 >= 85) }' || \
	{ echo "make lib: no cargo, or one that is too old: install rustc and cargo, 1.85 or newer" >&2; exit 1; }
	cargo build --release --locked --package libxt_HMARK

kmod:
	@xt_hmark_kmod/check-tree.sh "$(KDIR)"
	$(MAKE) -C "$(KDIR)" M="$(CURDIR)/xt_hmark_kmod" $(if $(MO),MO="$(abspath $(MO))") modules

install: all
	$(MAKE) install-files

# What `make` has built, without building it again.
install-files:
	packaging/install.sh install "$(LIB)" "$(XTLIBDIR)" "$(KO)" "$(PREFIX)/share/man/man8"

uninstall:
	packaging/install.sh uninstall "$(LIB)" "$(XTLIBDIR)" "$(KO)" "$(PREFIX)/share/man/man8"

demo check:
	$(LAB) $@

clean:
	rm -rf "$(TARGET_DIR)"
	git clean -fdXq xt_hmark_kmod

help:
	@echo 'make                the library and the module: make lib kmod'
	@echo 'make lib            $(LIB)'
	@echo 'make kmod           $(KO); KDIR=TREE, ARCH=um, MO=FOLDER'
	@echo 'make install        both, the man page and depmod; DESTDIR=, PREFIX=, XTLIBDIR='
	@echo 'make uninstall      back to the iptables and kernel packages'"'"' own'
	@echo 'make demo           -j HMARK on a stock kernel, shown with four gateways (root)'
	@echo 'make check          all tests (root)'
	@echo 'make clean          remove what was built; the lab stays'
