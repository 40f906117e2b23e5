// SPDX-License-Identifier: GPL-2.0-only

//! `hmark scale`, `hmark check` and `hmark digest` as they are run: what they print, and their exit status.

#![cfg(feature = "cli")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn hosts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts")
}

fn hmark(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hmark"))
        .args(arguments)
        .current_dir(hosts())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = hmark(arguments);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["version"], 1);
    value
}

const RULE: &str = "--hmark-mod 70 --hmark-offset 100";

#[test]
fn scale_says_what_moves_and_what_moves_less() {
    let output = hmark(&["scale", "--rule", RULE, "--mod", "71"]);
    let shown = text(&output);
    for line in [
        "moves      50.00 % of flows (exact: all 2^32 hashes)",
        "must move  1.41 %",
        "needless   48.59 %",
        "Better: --hmark-mod 71 --hmark-from 70",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    assert_eq!(status(&output), 0);
    let answer = json(&["scale", "--rule", RULE, "--mod", "71", "--json"]);
    assert_eq!(answer["flows"], 1_u64 << 32);
    let least = answer["least"]["moved_share"].as_f64().unwrap();
    assert!((least - 1.0 / 71.0).abs() < 0.001, "{least}");
    let commands = answer["least"]["commands"].as_array().unwrap();
    assert_eq!(commands.iter().filter(|line| *line == "COMMIT").count(), 2);
}

/// A host whose rules are in a chain of `hmark plan`; its routing rules have this protocol.
fn planned_host(name: &str, protocol: &str) -> PathBuf {
    let name = format!("hmark-scale-{name}-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    for file in ["iptables-save", "ip6tables-save"] {
        write(
            file,
            "*mangle\n:PREROUTING ACCEPT [0:0]\n:HMARK-plan - [0:0]\n-A HMARK-plan -i lan -j HMARK --hmark-mod \
             4 --hmark-offset 256\n-A PREROUTING -j HMARK-plan\nCOMMIT\n",
        );
    }
    for file in ["ip-rule.json", "ip6-rule.json"] {
        write(
            file,
            &format!(
                r#"[{{"priority":7200,"src":"all","fwmark":"0x100","table":"7200","protocol":"{protocol}"}}]"#
            ),
        );
    }
    folder
}

#[test]
fn scale_leaves_the_rules_of_a_plan_to_its_file() {
    let folder = planned_host("planned", "72");
    let host = folder.to_str().unwrap();
    let shown = text(&hmark(&["scale", "--from", host, "--mod", "5"]));
    let edits = "\nThe rules of the chain HMARK-plan are of hmark plan. Edit its file:\n\n\
        gateways: one more, at the end of the list\nfrom = 4\n\n\
        Then, on all hosts that must agree, where FILE is the file's name:\n\n\
        hmark plan --diff FILE\nhmark plan FILE | sh\n";
    assert!(shown.ends_with(edits), "{shown}");
    assert!(!shown.contains("iptables-restore"), "{shown}");
    let answer = json(&["scale", "--from", host, "--weight", "1=0", "--json"]);
    let none = serde_json::json!([]);
    assert_eq!((&answer["commands"], &answer["ways"]), (&none, &none));
    assert_eq!(
        answer["plan"],
        serde_json::json!({"chain": "HMARK-plan", "edits": ["gateway 1, counted from 0: weight = 0"]})
    );
    std::fs::remove_dir_all(&folder).unwrap();
    // The chain of somebody who only took such a name.
    let folder = planned_host("by-hand", "static");
    let host = folder.to_str().unwrap();
    let shown = text(&hmark(&["scale", "--from", host, "--mod", "5"]));
    assert!(shown.contains("-R HMARK-plan 1 -i lan -j HMARK"), "{shown}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn scale_fails_where_more_moves_than_may() {
    let run = |change: &[&str], max: &str| {
        let mut arguments = vec!["scale", "--rule", RULE, "--max", max];
        arguments.extend(change);
        status(&hmark(&arguments))
    };
    assert_eq!(run(&["--weight", "35=0"], "2%"), 0);
    assert_eq!(run(&["--weight", "35=0"], "1%"), 1);
    assert_eq!(run(&["--mod", "71"], "49.9"), 1);
    assert_eq!(run(&["--mod", "71", "--from-marks", "70"], "2"), 0);
    assert_eq!(run(&["--rnd", "7"], "98"), 1);
    assert_eq!(run(&["--rnd", "7"], "100%"), 0);
}

/// A share that is estimated is over the limit if that is more than chance.
#[test]
fn the_limit_allows_for_samples() {
    let grow = [
        "scale",
        "--rule",
        "--hmark-mod 3",
        "--mod",
        "4",
        "--from-marks",
        "3",
    ];
    // By which side of 25 % the samples are is chance, and 1000 of them have an error of 1.4 %.
    for samples in ["1000", "1001", "1009", "100000"] {
        let run = |max| {
            status(&hmark(
                &[&grow[..], &["--samples", samples, "--max", max]].concat(),
            ))
        };
        assert_eq!(run("25%"), 0, "{samples}");
        assert_eq!(run("20%"), 1, "{samples}");
    }
}

#[test]
fn scale_refuses_a_device_that_the_host_does_not_have() {
    let host = ["scale", "--from", "gateways/selector-a", "--mod", "4"];
    let output = hmark(&[&host[..], &["-i", "nosuch"]].concat());
    assert_eq!(status(&output), 64);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("-i: selector-a has no device \"nosuch\": it has lo, blades, inner"),
        "{said}"
    );
}

#[test]
fn scale_gives_new_marks_a_way_and_says_what_it_needs() {
    let arguments = ["scale", "--from", "gateways/selector-a", "--mod", "4"];
    let shown = text(&hmark(&arguments));
    for lines in [
        "--hmark-from needs revision 1 of HMARK on each host, of the module and of the library.\n",
        "the ways of new marks, where GATEWAY is the address of a mark's gateway:\n\n\
         ip route add default via GATEWAY table 104\n\
         ip rule add pref 32763 fwmark 104 table 104\n\
         ip -6 route add default via GATEWAY table 104\n\
         ip -6 rule add pref 32763 fwmark 104 table 104\n\n\
         Then, on all hosts that must agree:\n",
    ] {
        assert!(shown.contains(lines), "{lines}: {shown}");
    }
    let answer = json(&[&arguments[..], &["--json"]].concat());
    assert_eq!(answer["ways"].as_array().unwrap().len(), 4);
    assert_eq!(
        (&answer["revision"], &answer["least"]["revision"]),
        (&0.into(), &1.into())
    );
    let shown = text(&hmark(&["scale", "--rule", RULE, "--mod", "69"]));
    assert!(!shown.contains("GATEWAY"), "{shown}");
}

/// Rules that differ in their seeds alone are told apart by them.
#[test]
fn rules_to_choose_from_are_one_a_line() {
    let folder = std::env::temp_dir().join(format!("hmark-choose-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let rule = |options: &str| {
        format!("-A PREROUTING -j HMARK --hmark-mod 4 --hmark-offset 100 {options}\n")
    };
    let rules = [rule("--hmark-rnd 0x1"), rule("--hmark-rnd 0x2")].concat();
    let text = format!("*mangle\n:PREROUTING ACCEPT [0:0]\n{rules}COMMIT\n");
    std::fs::write(folder.join("iptables-save"), text).unwrap();
    let output = hmark(&["scale", "--from", folder.to_str().unwrap(), "--mod", "5"]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(status(&output), 64);
    let error = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines.len(), 3, "{error}");
    for (line, end) in lines[1..]
        .iter()
        .zip(["--hmark-rnd 0x1)", "--hmark-rnd 0x2)"])
    {
        assert!(line.ends_with(end), "{error}");
    }
}

#[test]
fn mistakes_are_usage() {
    for (arguments, words) in [
        (&["scale", "--rule", RULE][..], "nothing changes"),
        (
            &["scale", "--rule", RULE, "--mod", "0"],
            "bad value \"0\" for option \"--hmark-mod\": give a number from 1 to 4294967295",
        ),
        (
            &["scale", "--rule", "--hmark-mod x", "--mod", "5"],
            "--rule: bad value \"x\" for option \"--hmark-mod\"",
        ),
        (
            &["scale", "--rule", RULE, "--to", "--hmark-mood 4"],
            "--to: unknown option \"--hmark-mood\"",
        ),
        (
            &["scale", "--rule", RULE, "--mod", "71", "--max", "x"],
            "give a number from 0 to 100",
        ),
        (
            &[
                "scale",
                "--from",
                "gateways/border",
                "--number",
                "9",
                "--mod",
                "5",
            ],
            "1: IPv4 mangle PREROUTING rule 1",
        ),
    ] {
        let output = hmark(arguments);
        let error = String::from_utf8(output.stderr.clone()).unwrap();
        assert!(error.contains(words), "{arguments:?}: {error}");
        assert_eq!(status(&output), 64, "{arguments:?}");
    }
    assert_eq!(
        status(&hmark(&["scale", "--from", "nowhere", "--mod", "5"])),
        2
    );
}

#[test]
fn scale_on_a_host_changes_all_rules_with_the_same_marks() {
    let answer = json(&[
        "scale",
        "--from",
        "gateways/border",
        "--mod",
        "4",
        "--from-marks",
        "3",
        "--json",
    ]);
    let commands: Vec<&str> = answer["commands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .collect();
    let changed: Vec<&&str> = commands
        .iter()
        .filter(|line| line.starts_with("-R "))
        .collect();
    assert_eq!(changed.len(), 5, "{commands:#?}");
    assert!(changed
        .iter()
        .all(|line| line.contains("--hmark-mod 4") && line.contains("--hmark-from 3")));
    assert!(changed
        .iter()
        .any(|line| line.starts_with("-R OUTPUT 1 -d fd00:3::/64 -p ipv6-icmp -j HMARK ")));
}

#[test]
fn scale_counts_the_flows_of_a_list() {
    let list = std::env::temp_dir().join(format!("hmark-scale-{}.csv", std::process::id()));
    let flows = (1..=500).map(|port| format!("tcp,10.3.0.11,{port},203.0.113.80,80\n"));
    let flows = flows.collect::<Vec<_>>().concat();
    std::fs::write(&list, flows).unwrap();
    let svg = list.with_extension("svg");
    let (list_name, svg_name) = (list.to_str().unwrap(), svg.to_str().unwrap());
    let answer = json(&[
        "scale",
        "--from",
        "gateways/selector-a",
        "-i",
        "blades",
        "--flows",
        list_name,
        "--weight",
        "1=0",
        "--svg",
        svg_name,
        "--json",
    ]);
    assert_eq!(
        (&answer["looked_at"], &answer["flows"]),
        (&Value::from("flows"), &Value::from(500))
    );
    let drawn = std::fs::read_to_string(&svg).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.contains("--hmark-weight 1=0"));
    let moved = answer["moved"].as_u64().unwrap();
    let of_102 = answer["marks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|mark| mark["mark"] == 102)
        .unwrap();
    assert_eq!(
        (of_102["loses"].as_u64(), of_102["gets"].as_u64()),
        (Some(moved), Some(0))
    );
    assert!((100..250).contains(&moved), "{moved}");
    // Without the device, the host's rule is not decided.
    let output = hmark(&[
        "scale",
        "--from",
        "gateways/selector-a",
        "--flows",
        list_name,
        "--weight",
        "1=0",
    ]);
    assert_eq!(status(&output), 3);
    std::fs::remove_file(&list).unwrap();
    std::fs::remove_file(&svg).unwrap();
}

#[test]
fn digests_are_what_sha256sum_makes_of_the_text() {
    let selectors = [
        "pre-load-balancer/selector-a",
        "pre-load-balancer/selector-b",
        "pre-load-balancer/selector-c",
    ];
    let output = hmark(&[&["digest"], &selectors[..]].concat());
    assert_eq!(status(&output), 0);
    let shown = text(&output);
    let digests: Vec<&str> = shown.lines().map(|line| &line[..8]).collect();
    assert!(
        digests.len() == 3 && digests.iter().all(|digest| *digest == digests[0]),
        "{shown}"
    );
    let explained = hmark(&["digest", "--explain", selectors[0]]);
    let file = std::env::temp_dir().join(format!("hmark-digest-{}.txt", std::process::id()));
    std::fs::write(&file, &explained.stdout).unwrap();
    let summed = Command::new("sha256sum").arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(text(&summed).starts_with(digests[0]), "{}", text(&summed));
    let output = hmark(&[
        "digest",
        selectors[0],
        selectors[1],
        "pre-load-balancer/selector-s",
    ]);
    assert_eq!(status(&output), 1);
    let remarked: Vec<bool> = text(&output)
        .lines()
        .map(|line| line.ends_with("differs"))
        .collect();
    assert_eq!(remarked, [false, false, true]);
    let answer = json(&[
        "digest",
        "--json",
        "--scope",
        "marks",
        selectors[0],
        "gateways/border",
    ]);
    assert_eq!(
        (&answer["equal"], &answer["scope"]),
        (&Value::from(false), &Value::from("marks"))
    );
}

#[test]
fn check_says_what_is_wrong_by_its_status() {
    let output = hmark(&["check", "router/router", "gateways/border"]);
    // They are of two clusters, and have other rules.
    assert_eq!(status(&output), 0);
    let shown = text(&output);
    assert_eq!(
        shown,
        "router: nothing found (4 HMARK rules)\nborder: nothing found (5 HMARK rules)\n\
         roles, hosts with the same HMARK rules: router; border\n"
    );
    let answer = json(&["check", "--json", "router/router", "gateways/border"]);
    assert_eq!(answer["roles"][1][0], "border");
    assert_eq!(answer["hosts"][0]["notes"], serde_json::json!([]));
    // The folder above those of hosts.
    let output = hmark(&["check", "gateways"]);
    assert_eq!(status(&output), 2);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        error,
        "hmark: gateways has no files of a host, but its folders have: did you mean gateways/border \
         gateways/selector-a gateways/selector-b?\n"
    );
    assert_eq!(status(&hmark(&["check", "router/router"])), 0);
    let copy = std::env::temp_dir().join(format!("hmark-check-{}", std::process::id()));
    std::fs::create_dir_all(&copy).unwrap();
    for file in std::fs::read_dir(hosts().join("router/router")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    let name = copy.to_str().unwrap();
    std::fs::remove_file(copy.join("ip-neigh.json")).unwrap();
    assert_eq!(status(&hmark(&["check", name])), 3);
    std::fs::write(copy.join("ip-neigh.json"), "[{\"dst\":").unwrap();
    let output = hmark(&["check", name]);
    assert!(text(&output).contains("error: "), "{}", text(&output));
    assert_eq!(status(&output), 2);
    std::fs::write(copy.join("ip-neigh.json"), "[]").unwrap();
    std::fs::write(copy.join("ip6-rule.json"), "[]").unwrap();
    let answer = json(&["check", "--json", name]);
    let findings = answer["hosts"][0]["findings"].as_array().unwrap();
    assert!(findings
        .iter()
        .any(|finding| finding["id"] == "mark-without-ip-rule" && finding["family"] == "ipv6"));
    assert_eq!(status(&hmark(&["check", name])), 2);
    std::fs::remove_dir_all(&copy).unwrap();
    let listed = text(&hmark(&["check", "--list"]));
    assert!(listed.lines().count() >= 40, "{listed}");
}

#[test]
fn check_draws_what_it_looks_at() {
    let svg = std::env::temp_dir().join(format!("hmark-check-{}.svg", std::process::id()));
    let name = svg.to_str().unwrap();
    let output = hmark(&["check", "--svg", name, "router/router"]);
    assert_eq!(status(&output), 0);
    // The answer is printed all the same.
    assert_eq!(text(&output), "router: nothing found (4 HMARK rules)\n");
    let drawn = std::fs::read_to_string(&svg).unwrap();
    std::fs::remove_file(&svg).unwrap();
    assert!(
        drawn.starts_with("<?xml") && drawn.contains(">75 %</text>"),
        "{drawn}"
    );
    let output = hmark(&["check", "--svg", "nowhere/file.svg", "router/router"]);
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(
        error.starts_with("hmark: cannot write nowhere/file.svg: "),
        "{error}"
    );
    assert_eq!(status(&output), 2);
    assert_eq!(status(&hmark(&["check", "--svg", name, "--list"])), 64);
    // The standard output has the findings.
    let output = hmark(&["check", "--svg", "-", "router/router"]);
    assert_eq!((status(&output), text(&output).as_str()), (64, ""));
    assert!(!hosts().join("-").exists());
}
