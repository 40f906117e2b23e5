// SPDX-License-Identifier: GPL-2.0-only
//! `packaging/dkms/build.sh`: which module a kernel gets, and when it gets none.

mod site;

use site::{assert_refused, said, Site, KERNEL, WITH_RUST};

/// Whether the module is built, and one line says which it is and why.
fn builds(site: &Site, line: &str) {
    let checked = site.run("build.sh", "check");
    assert!(checked.status.success(), "{}", said(&checked));
    assert_eq!(said(&checked), "");
    let built = site.run("build.sh", "build");
    let said = said(&built);
    assert!(built.status.success(), "{said}");
    let begin = format!("xt-hmark: the module for {KERNEL} ");
    let lines: Vec<_> = said
        .lines()
        .filter_map(|line| line.strip_prefix(&begin))
        .collect();
    assert!(
        matches!(lines[..], [said] if said.starts_with(line)),
        "{said}"
    );
    std::fs::remove_file(site.path("source/xt_HMARK.ko")).unwrap();
}

fn builds_with_c(site: &Site, why: &str) {
    builds(
        site,
        &format!("has the glue in C, and is not in Rust alone: {why}"),
    );
    let headers = site.path("headers");
    let made = site.made();
    let last = made.lines().last().unwrap_or_default();
    let kmod = format!("kmod GLUE=c KDIR={} ", headers.display());
    assert!(last.starts_with(&kmod), "{made}");
}

#[test]
fn rust_comes_first() {
    let site = Site::new("first");
    builds(&site, "is in Rust alone");
    assert!(!site.made().contains("GLUE=c"), "{}", site.made());
}

#[test]
fn what_rust_lacks_is_said() {
    let site = Site::new("lacks");
    site.configure(&WITH_RUST.replace("CONFIG_RUST=y\n", ""));
    builds_with_c(&site, "it is built without CONFIG_RUST");
    site.configure(WITH_RUST);
    site.tool("df", "echo; echo / 9 9 999999 9 /");
    builds_with_c(&site, "making its Rust metadata needs 3 GB");
    site.tool("dpkg-query", "exit 1");
    builds_with_c(
        &site,
        "its headers have no Rust metadata, and its source is missing",
    );
    site.tool("bindgen", "exit 1");
    std::fs::remove_file(site.path("tools/bindgen")).unwrap();
    builds_with_c(&site, "there is no bindgen");
    site.tool("rustc", "echo 'rustc 1.99.1 (none)'");
    builds_with_c(&site, "it is built with 'rustc 1.99.0 (none)', here is");
}

#[test]
fn broken_off_in_rust_is_built_with_c() {
    let site = Site::new("broken");
    // What kills the compiler, here of the metadata, kills no more than that.
    site.write("making", "sh -c 'kill -KILL $$'; exit 2\n");
    builds_with_c(&site, "it was tried, and broke off");
    site.write("making", "");
    // A newer kernel, with which the module does not compile.
    site.write(
        "building",
        "[ $built = xt_hmark_shim ] && touch $built/xt_HMARK.ko\n",
    );
    builds_with_c(&site, "it was tried, and broke off");
    site.write("building", "exit 2\n");
    assert_refused_last(
        &site,
        "in Rust: it was tried, and broke off as said above; with the glue in C: it was tried, and broke off",
    );
}

/// Checks that the last line says why there is no module.
fn assert_refused_last(site: &Site, why: &str) {
    let output = site.run("build.sh", "build");
    let said = said(&output);
    assert_eq!(output.status.code(), site::SKIPPED, "{said}");
    let begin = format!("xt-hmark: no module for {KERNEL}: {why}");
    assert_eq!(said.matches("no module for").count(), 1, "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with(&begin), "{said}");
}

#[test]
fn kernel_without_iptables_is_refused_at_once() {
    let site = Site::new("iptables");
    let refuses = |without: &str, why| {
        site.configure(&WITH_RUST.replace(without, ""));
        assert_refused(&site.run("build.sh", "check"), why);
    };
    refuses("CONFIG_NETFILTER_XTABLES=m\n", "was built without xtables");
    refuses("CONFIG_NFT_COMPAT=m\n", "takes no rules of iptables");
    for table in ["CONFIG_IP_NF_MANGLE=m\n", "CONFIG_IP6_NF_MANGLE=y\n"] {
        site.configure(&WITH_RUST.replace("CONFIG_NFT_COMPAT=m\n", table));
        assert!(site.run("build.sh", "check").status.success());
    }
    // The headers are those of no kernel yet.
    std::fs::remove_file(site.path("headers/include/config/auto.conf")).unwrap();
    assert!(site.run("build.sh", "check").status.success());
    assert_eq!(site.made(), "");
}

#[test]
fn without_either_both_reasons_are_said() {
    let site = Site::new("neither");
    let refuses = |configuration: &str, why| {
        site.configure(configuration);
        assert_refused(&site.run("build.sh", "check"), why);
    };
    let without_rust = WITH_RUST.replace("CONFIG_RUST=y\n", "");
    refuses(
        &without_rust.replace("CONFIG_X86_64=y\n", ""),
        "in Rust: it is built without CONFIG_RUST; with the glue in C: the kernel of",
    );
    refuses(&(without_rust.clone() + "CONFIG_CFI_CLANG=y\n"), "has CFI");
    let clang = without_rust.clone() + "CONFIG_CC_IS_CLANG=y\n";
    refuses(&clang, "was built by clang: install the packages clang");
    for tool in ["clang", "ld.lld", "llvm-nm"] {
        site.tool(tool, "");
    }
    builds_with_c(&site, "it is built without CONFIG_RUST");
    assert!(site.made().ends_with(" LLVM=1\n"), "{}", site.made());
    std::fs::remove_file(site.path("tools/gcc")).unwrap();
    refuses(&without_rust, "there is no gcc");
}

#[test]
fn compiled_core_needs_no_rustc() {
    let site = Site::new("core");
    site.configure(&WITH_RUST.replace("CONFIG_RUST=y\n", ""));
    std::fs::remove_file(site.path("tools/rustc")).unwrap();
    builds_with_c(&site, "it is built without CONFIG_RUST");
    // Its returns need what this kernel lacks.
    site.configure("CONFIG_X86_64=y\nCONFIG_NETFILTER_XTABLES=m\nCONFIG_NFT_COMPAT=m\n");
    assert_refused(&site.run("build.sh", "check"), "there is no rustc");
    site.configure(&WITH_RUST.replace("CONFIG_RUST=y\n", ""));
    std::fs::remove_file(site.path("source/xt_hmark_shim/core.o_shipped")).unwrap();
    assert_refused(&site.run("build.sh", "check"), "there is no rustc");
}

#[test]
fn unenrolled_key_is_told_under_lockdown() {
    let site = Site::new("lockdown");
    let checks = || {
        let output = site.run("build.sh", "check");
        assert!(output.status.success());
        said(&output)
    };
    for state in ["[none] integrity confidentiality\n", ""] {
        site.write("lockdown", state);
        assert_eq!(checks(), "");
    }
    for state in [
        "none [integrity] confidentiality\n",
        "none integrity [confidentiality]\n",
    ] {
        site.write("lockdown", state);
        let said = checks();
        assert!(
            said.contains("mokutil --import /var/lib/dkms/mok.pub"),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    site.tool("mokutil", "echo \"$2 is not enrolled\"");
    assert_eq!(checks().lines().count(), 1);
    site.tool("mokutil", "echo \"$2 is already enrolled\"; exit 1");
    assert_eq!(checks(), "");
}
