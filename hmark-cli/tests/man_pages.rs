// SPDX-License-Identifier: GPL-2.0-only

//! The man pages have every command and option of `--help`, and no other; every name of the JSON
//! answers; and every finding of `hmark check`.

#![cfg(feature = "cli")]

mod fake_host;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fake_host::{list, FakeHost};
use hmark_cli::flow::Flow;
use hmark_cli::host::File;
use serde_json::Value;

const COMMANDS: [&str; 8] = [
    "check", "digest", "plan", "predict", "save", "scale", "watch", "weight",
];

const PLAN: &str = "
device = \"north\"
gateways = [ { name = \"a\", address4 = \"10.0.0.1\" } ]
[[match]]
destination = \"198.51.100.1\"
";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn hmark(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_hmark"))
        .args(arguments)
        .current_dir(folder("tests/hosts"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A page's source.
fn page(name: &str) -> String {
    let file = folder("../man").join(format!("{name}.8"));
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A section of a page.
fn section<'p>(page: &'p str, name: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("\n.Sh {name}\n")).expect(name);
    rest.split("\n.Sh ").next().unwrap()
}

/// The words of the section of a help that begins with this line.
fn help_lines<'h>(help: &'h str, heading: &'static str) -> impl Iterator<Item = &'h str> {
    let lines = help.lines().skip_while(move |line| *line != heading);
    lines
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with(' '))
}

/// The options of a command's help, but for the help's own.
fn options_of_help(command: &str) -> BTreeSet<String> {
    let help = hmark(&[command, "--help"]);
    let mut options = BTreeSet::new();
    for line in help_lines(&help, "Options:").map(str::trim_start) {
        let words = line.split([' ', ',', '=']);
        options.extend(
            words
                .take_while(|word| word.is_empty() || word.starts_with('-'))
                .map(str::to_owned),
        );
    }
    for other in ["", "-h", "--help"] {
        options.remove(other);
    }
    assert!(options.contains("--json"), "{command}: {help}");
    options
}

/// The options that lines of a page have by the macro Fl.
fn options<'p>(lines: impl Iterator<Item = &'p str>) -> BTreeSet<String> {
    let mut options = BTreeSet::new();
    for line in lines {
        let words: Vec<_> = line.trim_start_matches('.').split(' ').collect();
        for pair in words.windows(2).filter(|pair| pair[0] == "Fl") {
            options.insert(format!("-{}", pair[1].replace("\\-", "-")));
        }
    }
    options
}

#[test]
fn pages_have_the_options_of_the_help() {
    for command in COMMANDS {
        let page = page(&format!("hmark-{command}"));
        let of_help = options_of_help(command);
        let synopsis = options(section(&page, "SYNOPSIS").lines());
        assert_eq!(synopsis, of_help, "synopsis of hmark-{command}(8)");
        let items = page.lines().filter(|line| line.starts_with(".It Fl "));
        assert_eq!(options(items), of_help, "items of hmark-{command}(8)");
    }
}

#[test]
fn main_page_has_the_commands_of_the_help() {
    let help = hmark(&["--help"]);
    let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let mut of_help: Vec<_> = help_lines(&help, "Commands:")
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(first)
        .collect();
    of_help.retain(|command| command != "help");
    assert_eq!(of_help, COMMANDS);
    let page = page("hmark");
    let items = page.lines().filter_map(|line| line.strip_prefix(".It Cm "));
    assert_eq!(items.collect::<Vec<_>>(), COMMANDS);
    for command in COMMANDS {
        assert!(
            page.contains(&format!("\n.Xr hmark-{command} 8 .\n")),
            "{command}"
        );
    }
}

#[test]
fn save_names_its_files_and_their_commands() {
    let page = page("hmark-save");
    let mut expected = String::new();
    for file in File::ALL {
        expected += &format!(".It Pa {}\n.Ql {}\n", file.name(), file.command().join(" "));
    }
    assert!(page.contains(&expected), "{expected}");
}

#[test]
fn check_has_all_findings() {
    let page = page("hmark-check");
    let answer: Value = serde_json::from_str(&hmark(&["check", "--list", "--json"])).unwrap();
    let of_page: Vec<_> = section(&page, "FINDINGS")
        .lines()
        .filter_map(|line| line.strip_prefix(".It Cm "))
        .collect();
    let checks = answer["checks"].as_array().unwrap();
    let of_list: Vec<_> = checks
        .iter()
        .map(|check| {
            format!(
                "{} Pq {}",
                check["id"].as_str().unwrap(),
                check["severity"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(of_page, of_list);
}

/// The names of all fields of an answer.
fn names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| names(value, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                found.insert(name.clone());
                names(value, found);
            }
        }
        _ => {}
    }
}

/// A capture of NFLOG: one packet with a mark that no rule sets.
fn recorded() -> Vec<u8> {
    let flow: Flow = "tcp 10.0.0.1:1 10.0.0.2:2".parse().unwrap();
    let packet = flow.packet();
    let packet = packet.bytes();
    let payload = [packet.len() as u8 + 4, 0, 9, 0];
    let mark = [8, 0, 2, 0, 0, 0, 0, 7];
    let frame = [&[2, 0, 0, 0], &mark[..], &payload, packet].concat();
    let mut file = Vec::new();
    let len = frame.len() as u32;
    for word in [
        0xa1b2_c3d4u32,
        0x0004_0002,
        0,
        0,
        65_535,
        239,
        7,
        0,
        len,
        len,
    ] {
        file.extend(word.to_le_bytes());
    }
    file.extend(frame);
    file
}

#[test]
fn pages_have_the_names_of_the_json_answers() {
    let rule = "--hmark-mod 4 --hmark-offset 100";
    let gone = std::env::temp_dir().join(format!("hmark-page-{}", std::process::id()));
    let flows = gone.with_extension("csv");
    fs::write(
        &flows,
        "tcp,10.0.0.1,1,198.51.100.1,2,3,4\ntcp,10.0.0.1,2,198.51.100.1,2,3,4\n",
    )
    .unwrap();
    let flows = flows.to_str().unwrap();
    let nflog = gone.with_extension("pcap");
    fs::write(&nflog, recorded()).unwrap();
    let nflog = nflog.to_str().unwrap();
    let cluster = "pre-load-balancer/selector-a";
    let a = "gateways/selector-a";
    let one = [
        "predict",
        "--json",
        "--from",
        a,
        "--with",
        a,
        "tcp",
        "10.3.0.11:1",
        "203.0.113.80:80",
    ];
    let plan = gone.with_extension("toml");
    fs::write(&plan, PLAN).unwrap();
    let plan = plan.to_str().unwrap();
    let answers: [(&str, &[&str]); 12] = [
        ("predict", &one),
        (
            "predict",
            &[
                "predict",
                "--json",
                "--from",
                a,
                "esp",
                "10.3.0.11",
                "203.0.113.80",
                "spi",
                "1",
            ],
        ),
        (
            "predict",
            &[
                "predict",
                "--json",
                "--from",
                a,
                "icmp",
                "10.3.0.11",
                "203.0.113.80",
            ],
        ),
        (
            "predict",
            &["predict", "--json", "--flows", flows, "--rule", rule],
        ),
        (
            "predict",
            &["predict", "--json", "--pcap", nflog, "--rule", rule],
        ),
        (
            "predict",
            &[
                "predict", "--json", "--flows", flows, "--from", cluster, "--with", cluster,
            ],
        ),
        ("scale", &["scale", "--json", "--rule", rule, "--mod", "5"]),
        ("digest", &["digest", "--json", a]),
        ("check", &["check", "--json", a, "router/router"]),
        ("plan", &["plan", "--json", plan]),
        ("plan", &["plan", "--json", "--diff", "--from", a, plan]),
        ("save", &["save", "--json", gone.to_str().unwrap()]),
    ];
    for (command, arguments) in answers {
        documents(command, &hmark(arguments));
    }
    let host = FakeHost::new("gateways/border");
    host.write("list.json", &list());
    for arguments in [
        &["weight", "--json", "--dry-run", "1=0"][..],
        &["watch", "--json", "--interval", "0.1"],
    ] {
        let output = host.run(arguments);
        documents(arguments[0], &String::from_utf8(output.stdout).unwrap());
    }
    fs::remove_file(flows).unwrap();
    fs::remove_file(nflog).unwrap();
    fs::remove_file(plan).unwrap();
    fs::remove_dir_all(gone).unwrap();
}

/// The page of a command has the names of all fields of its answer.
fn documents(command: &str, answer: &str) {
    let page = page(&format!("hmark-{command}"));
    let documented: BTreeSet<_> = section(&page, "JSON").split_whitespace().collect();
    let answer: Value = serde_json::from_str(answer).expect(command);
    let mut found = BTreeSet::new();
    names(&answer, &mut found);
    assert_eq!(answer["version"], 1, "{command}");
    assert_eq!(answer["command"], command);
    for name in found {
        assert!(
            documented.contains(&*name),
            "hmark-{command}(8): {name} in {answer:#}"
        );
    }
}
