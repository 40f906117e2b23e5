# SPDX-License-Identifier: GPL-2.0-only
#
# HMARK in Rust: `make help` lists the targets.

# Build locations: KDIR is the kernel tree to build the module against; MO is a folder for
# Kbuild's output (Linux 6.13 and newer), by default the source's own.
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
KDIR ?= /lib/modules/$(shell uname -r)/build
# The glue between HMARK and the kernel: in Rust if the tree has Rust metadata, otherwise in C.
GLUE ?= $(if $(wildcard $(KDIR)/rust/libkernel.rmeta),rust,c)
GLUE_rust := xt_hmark_kmod
GLUE_c := xt_hmark_shim
GLUE_DIR := $(or $(GLUE_$(GLUE)),$(error GLUE is rust or c, not $(GLUE)))
KMOD_DIR := $(or $(MO),$(GLUE_DIR))
LIB := $(TARGET_DIR)/release/libxt_HMARK.so
KO := $(KMOD_DIR)/xt_HMARK.ko
CORE := $(TARGET_DIR)/core/core.o_shipped
TOOL := $(TARGET_DIR)/release/hmark

# Installation folders.
PREFIX ?= /usr/local
XTLIBDIR ?= $(shell pkg-config --variable=xtlibdir xtables)
MAN8DIR := $(PREFIX)/share/man/man8

LAB = lab/enter.sh cargo run --profile tools --locked --package lab --

.PHONY: all lib kmod core hmark install install-lib install-hmark install-dkms install-files uninstall deb source demo lanes check check-arm64 check-debug check-install check-large check-older check-own check-packages check-testing bench fuzz docs clean help

all: lib kmod

# Fails if cargo is too old for the target.
has_cargo = @cargo --version 2>&1 | awk -F '[ .]' '{ exit !($$2 == 1 && $$3 >= 85) }' || \
	{ echo "make $@: no cargo, or one that is too old: install rustc and cargo, 1.85 or newer" >&2; exit 1; }

lib:
	$(has_cargo)
	cargo build --release --locked --package libxt_HMARK

kmod:
	@xt_hmark_kmod/check-tree.sh $(GLUE) "$(KDIR)"
	$(MAKE) -C "$(KDIR)" M="$(CURDIR)/$(GLUE_DIR)" $(if $(MO),MO="$(abspath $(MO))") modules

core:
	$(MAKE) -f xt_hmark_shim/shipped.mk OBJ="$(patsubst %/,%,$(dir $(CORE)))"

# One file that needs no library, and so runs on any Linux.
hmark:
	$(has_cargo)
	cargo rustc --release --locked --package hmark-cli --bin hmark -- -C target-feature=+crt-static -C strip=symbols

install: all
	$(MAKE) install-files

install-lib: lib
	packaging/install.sh lib "$(LIB)" "$(XTLIBDIR)" "$(MAN8DIR)"

install-hmark: hmark
	packaging/install.sh hmark "$(TOOL)" "$(PREFIX)"

install-dkms: core
	packaging/install.sh dkms "/usr/src/xt-hmark-$(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)" "$(CORE)"

# Installs the files that `make` has built, without building them again.
install-files:
	packaging/install.sh lib "$(LIB)" "$(XTLIBDIR)" "$(MAN8DIR)"
	packaging/install.sh kmod "$(KO)"

uninstall:
	packaging/install.sh uninstall "$(XTLIBDIR)" "$(MAN8DIR)" "$(PREFIX)"

source:
	packaging/source.sh "$(TARGET_DIR)/source"

deb:
	lab/enter.sh packaging/deb.sh target/deb

demo check-install:
	$(LAB) $@

check:
	$(LAB) check $(LANES)

check-arm64 check-debug check-large check-older check-packages:
	$(LAB) check $@

lanes:
	@$(LAB) lanes

check-own:
	$(LAB) check-install --debian trixie-own

check-testing:
	$(LAB) check-install --debian testing

bench:
	$(LAB) $@ $(if $(BENCH_KERNEL),--kernel $(BENCH_KERNEL)) $(if $(filter c,$(BENCH_GLUE)),--glue-c) $(BENCH)

fuzz:
	$(LAB) $@ $(if $(FUZZ_PACKETS),--packets $(FUZZ_PACKETS)) $(if $(FUZZ_CASE),--case $(FUZZ_CASE))

docs:
	lab/enter.sh docs/html.sh target/docs

clean:
	rm -rf "$(TARGET_DIR)"
	cd xt_hmark_kmod && rm -f bindings_generated.rs *.ko *.mod *.mod.c *.o modules.order Module.symvers .*.cmd .*.d
	cd xt_hmark_shim && rm -f *.rmeta *.ko *.mod *.mod.c *.o modules.order Module.symvers .*.cmd .*.d

help:
	@echo 'make                builds the library and the module: make lib kmod'
	@echo 'make lib            builds $(LIB)'
	@echo 'make hmark          builds $(TOOL), the operator'"'"'s tool, which is one file'
	@echo 'make kmod           builds $(KO); KDIR=TREE, GLUE=rust or c, ARCH=um or ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-, MO=FOLDER, RUSTC=, BINDGEN='
	@echo 'make install        installs both and the man page, and runs depmod; DESTDIR=, PREFIX=, XTLIBDIR='
	@echo 'make install-lib    installs only the library and the man page, for the kernel'"'"'s own xt_HMARK'
	@echo 'make install-hmark  installs the operator'"'"'s tool, its man pages and completions; DESTDIR=, PREFIX='
	@echo 'make install-dkms   installs the source that DKMS builds the module from, and its core compiled for x86-64; DESTDIR='
	@echo 'make install-files  installs the files that make has built, without building again; MO=, LIB='
	@echo 'make uninstall      goes back to the files of the iptables and kernel packages, and removes the tool'
	@echo 'make deb            builds Debian 13 packages of all three, in target/deb (root)'
	@echo 'make source         makes the archive of the source, and recipes for rpmbuild, makepkg, abuild and OpenWrt, in $(TARGET_DIR)/source'
	@echo 'make demo           shows -j HMARK on a stock kernel with four gateways (root)'
	@echo 'make check          runs all tests (root); LANES="clippy fuzz" runs only these lanes'
	@echo 'make lanes          lists all lanes, with the time that each takes and its needs (root)'
	@echo 'make check-arm64    tests the module and the library on a stock arm64 kernel (root)'
	@echo 'make check-debug    tests the module on kernels that watch memory and locks (root)'
	@echo 'make check-large    tests the set-ups of docs/ with 70 gateways and 100,000 connections (root)'
	@echo 'make check-older    tests the module on the kernel of Debian 12, which takes no Rust modules, and random packets on that of Debian 13 (root)'
	@echo 'make check-packages builds RPM packages, and looks those and the PKGBUILD over (root)'
	@echo 'make check-install  installs and removes the Debian packages as a user would (root)'
	@echo 'make check-own      installs them on Debian 13 with its own kernel, which takes no Rust modules (root)'
	@echo 'make check-testing  does the same on Debian testing, with its kernel and rustc (root)'
	@echo 'make bench          compares the cost of packets, rules and routing with C, the stock library and ECMP (root); BENCH="packets revisions chains rules routing", BENCH_KERNEL=uml, uml-size or stock, BENCH_GLUE=c'
	@echo 'make fuzz           gives random packets and rules to our module and to C or a naive one (root); FUZZ_PACKETS=, FUZZ_CASE='
	@echo 'make docs           makes HTML of the README and docs/, in target/docs (root)'
	@echo 'make clean          removes the built files, but keeps the lab'
