// SPDX-License-Identifier: GPL-2.0-only
//! A machine for the scripts of `packaging/dkms/`: with headers, a source and tools that only look
//! like those of a kernel.

// Each file of tests has a part of it in use.
#![allow(dead_code)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The repository.
const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The scripts, which work on the source that they are in.
const SCRIPTS: [&str; 4] = [
    "packaging/dkms/build.sh",
    "packaging/dkms/compiler.sh",
    "packaging/dkms/tree.sh",
    "xt_hmark_kmod/check-tree.sh",
];

/// The kernel's release.
pub const KERNEL: &str = "7.3.4-none";

/// The configuration of a kernel that takes Rust modules.
pub const WITH_RUST: &str =
    "CONFIG_RUST=y\nCONFIG_RUSTC_VERSION_TEXT=\"rustc 1.99.0 (none)\"\nCONFIG_X86_64=y\n\
     CONFIG_NETFILTER_XTABLES=m\nCONFIG_NFT_COMPAT=m\nCONFIG_MITIGATION_RETHUNK=y\n";

/// The status for DKMS of a kernel that the module is not for.
pub const SKIPPED: Option<i32> = Some(77);

/// The machine's own programs that the script may call. Every other program in its path is made by
/// the test.
const PROGRAMS: &str =
    "awk cat cp cut diff dirname env flock grep head ls mkdir mount mv nproc paste rm sed sh \
    sleep sort touch tr uname";

/// Stand-ins for tools: the name of each, and its script.
const TOOLS: [(&str, &str); 7] = [
    ("rustc", "echo 'rustc 1.99.0 (none)'"),
    ("bindgen", "echo bindgen"),
    ("gcc", ""),
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
    case $2 in
    GLUE=rust) built=xt_hmark_kmod ;;
    GLUE=c) built=xt_hmark_shim ;;
    esac
    [ "$1" = -C ] && cd "$2" || { . "$SITE/building"; exit; }
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
pub struct Site(PathBuf);

impl Site {
    /// A kernel without Rust metadata, and all that it can be made from.
    pub fn new(name: &str) -> Site {
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
        for script in SCRIPTS {
            site.write(&format!("source/{script}"), "");
            let from = Path::new(REPOSITORY).join(script);
            fs::copy(from, site.path("source").join(script)).unwrap();
        }
        site.write("source/xt_hmark_shim/core.o_shipped", "");
        site.write("headers/Makefile", "");
        site.configure(WITH_RUST);
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
        site.write("building", "mkdir -p $built && touch $built/xt_HMARK.ko\n");
        site
    }

    /// A path on it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file on it, in a folder that need not be there.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Sets the configuration of the kernel.
    pub fn configure(&self, text: &str) {
        self.write("headers/include/config/auto.conf", text);
    }

    /// Makes a tool of it.
    pub fn tool(&self, name: &str, script: &str) {
        let name = format!("tools/{name}");
        self.write(&name, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(self.path(&name), Permissions::from_mode(0o755)).unwrap();
    }

    /// A command that sees only this machine.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("env");
        command
            .args(["--ignore-environment", "--chdir"])
            .arg(&self.0)
            .arg(format!("PATH={0}/tools:{0}/programs", self.0.display()))
            .arg(format!("SITE={}", self.0.display()))
            .arg(format!("SCRIPT={}", self.script("tree.sh").display()))
            .arg(format!(
                "HMARK_LOCKDOWN={}",
                self.path("lockdown").display()
            ))
            .arg(format!("HMARK_CACHE={}", self.path("cache").display()))
            .args(words);
        command
    }

    /// One of the scripts.
    fn script(&self, name: &str) -> PathBuf {
        self.path("source/packaging/dkms").join(name)
    }

    /// Runs one of the scripts for the kernel.
    pub fn run(&self, script: &str, verb: &str) -> Output {
        let script = self.script(script).display().to_string();
        let headers = self.path("headers").display().to_string();
        let output = self.command(&[&script, verb, KERNEL, &headers]).output();
        output.unwrap()
    }

    /// Runs tree.sh, which makes a tree or finds one.
    pub fn makes(&self, verb: &str) {
        let output = self.run("tree.sh", verb);
        assert!(output.status.success(), "{}", said(&output));
    }

    /// Runs tree.sh, which says once that there is no module and why, and leaves nothing half-made.
    pub fn refuses(&self, verb: &str, why: &str) {
        let output = self.run("tree.sh", verb);
        assert_refused(&output, why);
        assert!(!self.path("cache").join(KERNEL).exists());
        assert!(!self.path("cache").join(format!("{KERNEL}.new")).exists());
    }

    /// What `make` was called with.
    pub fn made(&self) -> String {
        fs::read_to_string(self.path("made")).unwrap_or_default()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Where the machine has a program.
pub fn found(program: &str) -> PathBuf {
    let folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
    let mut paths = folders.iter().map(|folder| Path::new(folder).join(program));
    paths.find(|path| path.exists()).expect(program)
}

/// The standard error of a command.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Checks that one line says that there is no module, and why.
pub fn assert_refused(output: &Output, why: &str) {
    let said = said(output);
    assert_eq!(output.status.code(), SKIPPED, "{said}");
    let lines: Vec<_> = said
        .lines()
        .filter(|line| line.contains("no module"))
        .collect();
    assert!(matches!(lines[..], [line] if line.contains(why)), "{said}");
}
