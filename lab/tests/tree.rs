// SPDX-License-Identifier: GPL-2.0-only
//! `packaging/dkms/tree.sh` with headers, a source and tools that only look like those of a kernel:
//! when it makes a tree, and when it says in one line why there is no module.

use std::fs::{self, Permissions};
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/dkms/tree.sh");

const KERNEL: &str = "7.3.4-none";

/// The status for DKMS of a kernel that the module is not for.
const SKIPPED: Option<i32> = Some(77);

/// The machine's own programs that the script may call. Every other program in its path is made by
/// the test.
const PROGRAMS: &str =
    "awk cat cp cut diff flock grep head ls mkdir mount mv nproc paste rm sed sh \
    sleep sort touch tr uname";

/// Stand-ins for tools: the name of each, and its script.
const TOOLS: [(&str, &str); 6] = [
    ("rustc", "echo 'rustc 1.99.0 (none)'"),
    ("bindgen", "echo bindgen"),
    ("dpkg-query", "printf 7.3.4-1"),
    ("df", "echo; echo / 9 9 9999999 9 /"),
    (
        "tar",
        r#"for word; do
        case $word in --directory=*) cd "${word#*=}" ;; esac
    done
    touch "$SITE/unpacked-${PWD##*/}"
    mkdir -p rust include/config
    . "$SITE/unpacking""#,
    ),
    (
        "make",
        r#"echo "$*" >> "$SITE/made"
    [ "$1" = -C ] && cd "$2" || exit 0
    case $* in
    *olddefconfig) cat "$SITE/configured" >> .config ;;
    *modules_prepare)
        echo 7.3.4-none > include/config/kernel.release
        touch rust/libcore.rmeta rust/libbindings.rmeta rust/libkernel.rmeta rust/libmacros.so
        . "$SITE/making" ;;
    esac"#,
    ),
];

/// A machine, below a folder of its own.
struct Site(PathBuf);

impl Site {
    /// A kernel without Rust metadata, and all that it can be made from.
    fn new(name: &str) -> Site {
        let folder = std::env::temp_dir().join(format!("hmark-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let site = Site(folder);
        // Of its own, so that no tool is ever written through a link.
        fs::create_dir_all(site.path("programs")).unwrap();
        for program in PROGRAMS.split_whitespace() {
            symlink(found(program), site.path("programs").join(program)).unwrap();
        }
        for (name, script) in TOOLS {
            site.tool(name, script);
        }
        site.configure("CONFIG_RUST=y\nCONFIG_RUSTC_VERSION_TEXT=\"rustc 1.99.0 (none)\"\n");
        site.write(
            "headers/.config",
            "CONFIG_RUST=y\nCONFIG_GCC_VERSION=140200\n",
        );
        site.write("headers/Module.symvers", "");
        site.write(
            "headers/include/generated/package.h",
            "#define LINUX_PACKAGE_ID \" Debian 7.3.4-1\"\n",
        );
        for hook in ["unpacking", "configured", "making"] {
            site.write(hook, "");
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn configure(&self, text: &str) {
        self.write("headers/include/config/auto.conf", text);
    }

    fn tool(&self, name: &str, script: &str) {
        let name = format!("tools/{name}");
        self.write(&name, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(self.path(&name), Permissions::from_mode(0o755)).unwrap();
    }

    /// A command that sees only this machine.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("env");
        command
            .args(["--ignore-environment", "--chdir"])
            .arg(&self.0)
            .arg(format!("PATH={0}/tools:{0}/programs", self.0.display()))
            .arg(format!("SITE={}", self.0.display()))
            .arg(format!("SCRIPT={SCRIPT}"))
            .arg(format!("HMARK_CACHE={}", self.path("cache").display()))
            .args(words);
        command
    }

    fn run(&self, verb: &str) -> Output {
        let output = self.command(&[SCRIPT, verb, KERNEL, "headers"]).output();
        output.unwrap()
    }

    /// Runs the script, which makes a tree or finds one.
    fn makes(&self, verb: &str) {
        let output = self.run(verb);
        assert!(output.status.success(), "{}", said(&output));
    }

    /// Runs the script, which says once that there is no module and why, and leaves nothing half-made.
    fn refuses(&self, verb: &str, why: &str) {
        let output = self.run(verb);
        assert_refused(&output, why);
        assert!(!self.path("cache").join(KERNEL).exists());
        assert!(!self.path("cache").join(format!("{KERNEL}.new")).exists());
    }

    /// What `make` was called with.
    fn made(&self) -> String {
        fs::read_to_string(self.path("made")).unwrap_or_default()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn found(program: &str) -> PathBuf {
    let folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
    let mut paths = folders.iter().map(|folder| Path::new(folder).join(program));
    paths.find(|path| path.exists()).expect(program)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn assert_refused(output: &Output, why: &str) {
    let said = said(output);
    assert_eq!(output.status.code(), SKIPPED, "{said}");
    let lines: Vec<_> = said
        .lines()
        .filter(|line| line.contains("no module"))
        .collect();
    assert!(matches!(lines[..], [line] if line.contains(why)), "{said}");
}

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
        "kmod KDIR={} CC=gcc",
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
    assert_eq!(site.made(), "kmod KDIR=headers CC=gcc RUSTC=rustc\n");
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
