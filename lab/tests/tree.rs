// SPDX-License-Identifier: GPL-2.0-only
//! `packaging/dkms/tree.sh`: when it makes a tree, and when it says in one line why there is none.

mod site;

use site::{assert_refused, found, Site};
use std::fs;
use std::process::Command;

#[test]
fn tree_is_made_once() {
    let site = Site::new("once");
    site.makes("make");
    let made = site.made();
    assert_eq!(made.lines().count(), 2, "{made}");
    assert!(
        made.contains("CC=gcc RUSTC=rustc LOCALVERSION=-none prepare"),
        "{made}"
    );
    assert!(site.path("cache/7.3.4-none/rust/libkernel.rmeta").exists());
    assert!(!site.path("cache/7.3.4-none.log").exists());
    site.makes("make");
    site.makes("tree");
    assert_eq!(site.made(), made);
    site.makes("module");
    let kmod = format!(
        "kmod GLUE=rust KDIR={} CC=gcc",
        site.path("cache/7.3.4-none").display()
    );
    assert!(site.made().contains(&kmod), "{}", site.made());
}

#[test]
fn headers_with_metadata_are_the_tree() {
    let site = Site::new("metadata");
    // Some of it is none of it.
    site.write("headers/rust/libkernel.rmeta", "");
    site.write("headers/include/generated/package.h", "");
    site.refuses("make", "no Rust metadata");
    for part in ["libcore.rmeta", "libbindings.rmeta", "libmacros.so"] {
        site.write(&format!("headers/rust/{part}"), "");
    }
    site.makes("make");
    site.makes("module");
    let kmod = format!(
        "kmod GLUE=rust KDIR={} CC=gcc RUSTC=rustc\n",
        site.path("headers").display()
    );
    assert_eq!(site.made(), kmod);
}

#[test]
fn clang_builds_for_a_kernel_that_it_built() {
    let site = Site::new("clang");
    site.configure(
        "CONFIG_RUST=y\nCONFIG_CC_IS_CLANG=y\nCONFIG_RUSTC_VERSION_TEXT=\"rustc 1.99.0 (none)\"\n",
    );
    site.refuses("make", "install the packages clang, lld and llvm");
    for tool in ["clang", "ld.lld", "llvm-nm"] {
        site.tool(tool, "");
    }
    site.makes("make");
    site.makes("module");
    let made = site.made();
    assert_eq!(made.lines().count(), 3, "{made}");
    assert!(made.lines().all(|line| line.contains(" LLVM=1 ")), "{made}");
}

#[test]
fn another_rustc_is_refused() {
    let site = Site::new("rustc");
    site.tool("rustc", "echo 'rustc 1.99.1 (none)'");
    for verb in ["make", "tree"] {
        site.refuses(
            verb,
            "install that version of the package rustc, or rustc-1.99",
        );
    }
    site.tool("rustc-1.99", "echo 'rustc 1.99.0 (none)'");
    site.makes("make");
    assert!(
        site.made().contains(" RUSTC=rustc-1.99 "),
        "{}",
        site.made()
    );
}

#[test]
fn changed_configuration_is_refused() {
    let site = Site::new("configuration");
    site.write(
        "configured",
        "CONFIG_GCC_VERSION=140300\n# CONFIG_KASAN is not set\n",
    );
    site.refuses("make", "change its configuration (KASAN)");
    site.write("configured", "CONFIG_GCC_VERSION=140300\n");
    site.makes("make");
}

#[test]
fn source_of_another_release_is_refused() {
    let site = Site::new("release");
    site.write(
        "making",
        "echo 7.3.5-none > include/config/kernel.release\n",
    );
    site.refuses("make", "the source is of 7.3.5-none");
    site.write("making", "rm rust/libcore.rmeta\n");
    site.refuses("make", "broke off");
}

#[test]
fn killed_compiler_is_no_error() {
    let site = Site::new("killed");
    site.write("making", "sh -c 'kill -KILL $$'; exit 2\n");
    for verb in ["make", "tree"] {
        site.refuses(verb, "broke off");
    }
    site.write("making", "");
    site.makes("make");
}

#[test]
fn interruption_is_no_error() {
    let site = Site::new("interrupted");
    site.write("making", "kill -TERM $PPID\n");
    site.refuses("tree", "broke off");
}

#[test]
fn full_disk_is_no_error() {
    let site = Site::new("full");
    site.write("unpacking", "head --bytes=2000000 /dev/zero > big\n");
    fs::create_dir(site.path("cache")).unwrap();
    // In a chroot, whose root is no mount point, nothing can be made private; the lab's is already.
    let script = "mount --make-rprivate / 2>&-
        mount -t tmpfs -o size=1m tmpfs cache && $SCRIPT make 7.3.4-none headers
        status=$?
        ls cache && exit $status";
    let mut command = Command::new("unshare");
    let output = command
        .args(["--mount", "--propagation", "unchanged"])
        .arg(site.command(&[]).get_program())
        .args(site.command(&["sh", "-c", script]).get_args())
        .output()
        .unwrap();
    assert_refused(&output, "broke off");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "7.3.4-none.log\n");
}

#[test]
fn tree_of_another_build_stays() {
    let site = Site::new("two");
    site.tool(
        "flock",
        &format!(
            "touch $SITE/locked-$PPID; exec {} $*",
            found("flock").display()
        ),
    );
    // While the first makes its tree, the second waits for the lock, or unpacks if there is none.
    site.write(
        "making",
        "[ -e $SITE/second ] || {
            touch $SITE/second
            $SCRIPT tree 7.3.5-none headers 9>&- &
            until [ -e $SITE/locked-$! ] || [ -e $SITE/unpacked-7.3.5-none.new ]; do sleep 0.1; done
        }\n",
    );
    site.makes("tree");
    assert!(site.path("second").exists());
}
