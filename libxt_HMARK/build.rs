// SPDX-License-Identifier: GPL-2.0-only

//! Binds libxtables and the HMARK ABI, has C check the layouts, and sets how the extension is
//! linked.

use std::env;
use std::fmt::Write;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::exit;

const HEADER: &str = "src/bindings.h";
const LEFT_OUT: &str = "src/left_out.ld";
const ABI: &str = "../include";

/// The structures that cross between the extension and libxtables or the kernel.
const STRUCTS: [&str; 10] = [
    "xtables_target",
    "xt_entry_target",
    "xt_option_entry",
    "xt_option_call",
    "xt_fcheck_call",
    "xt_xlate_tg_params",
    "xt_hmark_info",
    "xt_hmark_info_v1",
    "ipt_ip",
    "ip6t_ip6",
];

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut includes = vec![PathBuf::from(ABI)];
    includes.extend(find_xtables());

    let bindings = bind(&includes);
    write(&out.join("bindings.rs"), &bindings);
    write(&out.join("layout.h"), &layout(&bindings));
    let compiled = cc::Build::new()
        .file("src/layout.c")
        .includes(&includes)
        .include(&out)
        .try_compile("layout");
    if let Err(error) = compiled {
        fail(&format!(
            "src/layout.c does not compile (if there is no C compiler, install the Debian package \
             gcc): {error}"
        ));
    }
    println!("cargo::rerun-if-changed=src/layout.c");

    // Only for what is shipped: cargo 1.85 links unit tests with these, too, and they cannot do
    // without C's start-up files. The extension can, since `.init_array` works without. Padding
    // each segment to a page of its own would nearly double its size; padding what is read-only after
    // relocation to a page, and the tables for unwinding, would each add some KiB.
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        let folder = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
        for flag in [
            "-nostartfiles",
            "-Wl,-z,noseparate-code",
            "-Wl,-z,norelro",
            "-Wl,--strip-all",
            "-Wl,--no-eh-frame-hdr",
            &format!("-Wl,-T,{folder}/{LEFT_OUT}"),
        ] {
            println!("cargo::rustc-cdylib-link-arg={flag}");
        }
        println!("cargo::rerun-if-changed={LEFT_OUT}");
    }
}

/// Finds libxtables, has it linked, and returns its include folders.
fn find_xtables() -> Vec<PathBuf> {
    match pkg_config::Config::new()
        .atleast_version("1.8")
        .probe("xtables")
    {
        Ok(library) => library.include_paths,
        Err(pkg_config::Error::Command { .. }) => {
            fail("cannot run pkg-config: install the Debian package pkgconf")
        }
        Err(_) => {
            fail("no xtables.h of iptables 1.8 or newer: install the Debian package libxtables-dev")
        }
    }
}

/// Binds what the extension uses of libxtables and of the ABI header.
fn bind(includes: &[PathBuf]) -> String {
    // clang-sys panics, with a long text, where it finds no libclang.
    panic::set_hook(Box::new(|_| {}));
    if panic::catch_unwind(bindgen::clang_version).is_err() {
        fail(
            "no libclang, which bindgen reads xtables.h with: \
             install the Debian package libclang-dev",
        );
    }
    let _ = panic::take_hook();

    let mut builder = bindgen::builder()
        .header(HEADER)
        .clang_args(includes.iter().map(|path| format!("-I{}", path.display())))
        .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()))
        .allowlist_function("xtables_(register_targets|find_target|option_parse)|xt_xlate_add")
        .allowlist_var("stderr|xt_params|XTABLES_VERSION|XT_HMARK_.*")
        .allowlist_var("NFPROTO_IPV[46]|XT_INV_PROTO|IP6?T_SO_GET_REVISION_TARGET")
        .allowlist_type("_xt_align")
        .use_core()
        .formatter(bindgen::Formatter::None)
        .generate_cstr(true)
        .generate_comments(false)
        .prepend_enum_name(false);
    for name in STRUCTS {
        builder = builder.allowlist_type(name);
    }
    match builder.generate() {
        Ok(bindings) => bindings.to_string(),
        Err(error) => fail(&format!(
            "bindgen cannot read {HEADER} (if stddef.h is missing, install the Debian package \
             libclang-dev): {error}"
        )),
    }
}

/// Turns the sizes and offsets that bindgen asserts into the same assertions in C.
fn layout(bindings: &str) -> String {
    let mut asserts = String::new();
    // Each is `["Size of x"][size_of::<x>() - 8usize];`, wherever the line breaks.
    for test in bindings.split("[\"").skip(1) {
        let Some((what, number)) = test.split_once("\"]").and_then(|(what, rest)| {
            let (difference, _) = rest.split_once("usize]")?;
            let (_, number) = difference.rsplit_once("- ")?;
            Some((what, number))
        }) else {
            continue;
        };
        if let Some(name) = what.strip_prefix("Size of ") {
            if STRUCTS.contains(&name) {
                writeln!(asserts, "SIZE({name}, {number});").unwrap();
            }
        } else if let Some((name, field)) = what
            .strip_prefix("Offset of field: ")
            .and_then(|field| field.split_once("::"))
        {
            // Unnamed members have no name in C either.
            if STRUCTS.contains(&name) && !field.starts_with("__bindgen") {
                let field = field.trim_end_matches('_'); // `type_` is C's `type`
                writeln!(asserts, "OFFSET({name}, {field}, {number});").unwrap();
            }
        }
    }
    for name in STRUCTS {
        if !asserts.contains(&format!("SIZE({name},"))
            || !asserts.contains(&format!("OFFSET({name},"))
        {
            fail(&format!("bindgen gave no layout test for struct {name}"));
        }
    }
    asserts
}

fn write(path: &Path, text: &str) {
    if let Err(error) = fs::write(path, text) {
        fail(&format!("cannot write {}: {error}", path.display()));
    }
}

fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    // Cargo then fails the build with this one line, and none of the script's output.
    exit(0)
}
