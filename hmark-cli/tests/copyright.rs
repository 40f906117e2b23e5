// SPDX-License-Identifier: GPL-2.0-only

//! The package of the tool names the crates that are linked into it, each with a licence of its own that goes
//! with GPL-2.0.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The crates of the program with their licences as Cargo.toml has them, without those of the project.
fn linked() -> BTreeMap<String, String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--package", "hmark-cli"])
        .args(["--edges", "normal,no-proc-macro", "--prefix", "none"])
        .args(["--format", "{p}|{l}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut crates = BTreeMap::new();
    for line in text.lines() {
        let (package, licence) = line.split_once('|').unwrap();
        // Those of the project have a path in place of a registry.
        if !package.contains("(/") {
            let name = package.split(' ').next().unwrap();
            crates.insert(name.to_owned(), licence.trim_end_matches(" (*)").to_owned());
        }
    }
    crates
}

#[test]
fn package_names_each_crate_with_its_licence() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/debian/hmark.copyright");
    let text = fs::read_to_string(file).unwrap();
    let mut named = BTreeMap::new();
    for paragraph in text.split("\n\n") {
        let field = |name: &str| {
            let at = paragraph.find(&format!("\n{name}:"))?;
            let value = paragraph.get(at + name.len() + 2..)?;
            // Lines that begin with a space go on.
            let end = value.find("\n").filter(|_| name == "License");
            Some(value.get(..end.unwrap_or(value.len()))?.trim())
        };
        let words = paragraph.split_ascii_whitespace();
        for name in words.filter_map(|word| word.strip_prefix("crates/")) {
            let name = name.strip_suffix("/*").unwrap_or(name);
            if let Some(licence) = field("License") {
                named.insert(name.to_owned(), licence.to_owned());
            }
        }
    }
    let linked = linked();
    assert!(linked.len() > 20, "{linked:?}");
    assert_eq!(
        named.keys().collect::<Vec<_>>(),
        linked.keys().collect::<Vec<_>>()
    );
    for (name, licence) in linked {
        // Debian's name for MIT is Expat.
        let options: Vec<_> = licence
            .split([' ', '/'])
            .filter(|word| *word != "OR")
            .collect();
        let chosen = named[&name]
            .split(" or ")
            .next()
            .unwrap()
            .replace("Expat", "MIT");
        assert!(options.contains(&&*chosen), "{name}: {licence}, {chosen}");
        // Apache-2.0 and Unlicense alone are not among them: the former does not go with GPL-2.0.
        assert!(["MIT", "BSL-1.0"].contains(&&*chosen), "{name}: {licence}");
    }
}
