// SPDX-License-Identifier: GPL-2.0-only

//! A host of programs that stand in for iptables, ip and nft: they read and write files of a folder, so that
//! commands that change a host can be tested without root, and without a host that is changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A host; its folder is removed on drop.
pub struct FakeHost {
    /// The files: `rules4` and `rules6`, with counters; `tried4` and `restored4`, the inputs of
    /// iptables-restore; `routes4`, those of `ip -batch`; and so on.
    pub folder: PathBuf,
}

/// iptables-restore: replaces rules as it does. A file `refuse4` has words; an input with one of them is
/// refused. With a file `fail4` all is taken by `--test`, and fails then.
const RESTORE: &str = r#"#!/bin/sh
cat > "$DIR/input$FAMILY"
case "$*" in
*--test*) kind=tried ;;
*) kind=restored ;;
esac
cat "$DIR/input$FAMILY" >> "$DIR/${kind}$FAMILY"
if test -e "$DIR/refuse$FAMILY" && grep -q -f "$DIR/refuse$FAMILY" "$DIR/input$FAMILY"; then
    echo "iptables-restore v1.8.11 (nf_tables): HMARK: no such option" >&2
    exit 2
fi
if test $kind = restored && test -e "$DIR/fail$FAMILY"; then
    echo "iptables-restore: the kernel says no" >&2
    exit 4
fi
test $kind = restored || exit 0
awk -v input="$DIR/input$FAMILY" '
BEGIN { while ((getline line < input) > 0) {
    if (match(line, /-R [^ ]+ [0-9]+ /)) {
        split(substr(line, RSTART, RLENGTH), words, " ")
        counters = line ~ /^\[/ ? substr(line, 1, index(line, "]")) : "[0:0]"
        new[words[2], words[3]] = counters " -A " words[2] " " substr(line, RSTART + RLENGTH)
    }
} }
/^\[[0-9:]*\] -A / { count[$3]++; if (($3, count[$3]) in new) { print new[$3, count[$3]]; next } }
{ print }' "$DIR/rules$FAMILY" > "$DIR/next$FAMILY"
mv "$DIR/next$FAMILY" "$DIR/rules$FAMILY"
"#;

/// iptables-save. A file `later4` has the rules that somebody else makes after the first look.
const SAVE: &str = r#"#!/bin/sh
cat "$DIR/rules$FAMILY" || exit 1
if test -e "$DIR/later$FAMILY"; then mv "$DIR/later$FAMILY" "$DIR/rules$FAMILY"; fi
"#;

/// ip. A file `later-neigh.json` has the neighbours after the first look.
const IP: &str = r#"#!/bin/sh
case "$*" in
*-batch*)
    case "$*" in *-6*) family=6 ;; *) family=4 ;; esac
    cat >> "$DIR/routes$family"
    if test -e "$DIR/fail-ip$family"; then
        echo "Error: Nexthop has invalid gateway." >&2
        exit 1
    fi ;;
"-j -4 rule") cat "$DIR/ip-rule.json" ;;
"-j -6 rule") cat "$DIR/ip6-rule.json" ;;
"-j -4 route show table all") cat "$DIR/ip-route.json" ;;
"-j -6 route show table all") cat "$DIR/ip6-route.json" ;;
"-j neigh")
    cat "$DIR/ip-neigh.json"
    if test -e "$DIR/later-neigh.json"; then mv "$DIR/later-neigh.json" "$DIR/ip-neigh.json"; fi ;;
"-j addr") cat "$DIR/ip-addr.json" ;;
*) exit 1 ;;
esac
"#;

/// nft's interactive mode: `list.json` is the list of any table.
const NFT: &str = r#"#!/bin/sh
echo $$ > "$DIR/nft.pid"
while read -r line; do
    echo "$line" >> "$DIR/nft.input"
    case $line in
    "list table "*)
        if test -e "$DIR/nft.error"; then cat "$DIR/nft.error" >&2; else cat "$DIR/list.json"; fi ;;
    esac
done
echo end >> "$DIR/nft.input"
"#;

impl FakeHost {
    /// The host whose files are in `tests/hosts/`, with counters.
    pub fn new(saved: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hmark-fake-{}-{number}", std::process::id());
        let host = Self {
            folder: std::env::temp_dir().join(name),
        };
        let programs = host.folder.join("bin");
        fs::create_dir_all(&programs).unwrap();
        let saved = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/hosts")
            .join(saved);
        for file in fs::read_dir(&saved).unwrap().flatten() {
            fs::copy(file.path(), host.folder.join(file.file_name())).unwrap();
        }
        for (family, program) in [("4", "iptables"), ("6", "ip6tables")] {
            let rules = fs::read_to_string(saved.join(format!("{program}-save"))).unwrap();
            let rules = rules.lines().map(|line| match line.starts_with("-A") {
                true => format!("[7:700] {line}\n"),
                false => format!("{line}\n"),
            });
            host.write(&format!("rules{family}"), &rules.collect::<String>());
            for (end, script) in [("-save", SAVE), ("-restore", RESTORE)] {
                let script = script.replace("$FAMILY", family);
                host.program(&format!("{program}{end}"), &script);
            }
        }
        host.program("ip", IP);
        host.program("nft", NFT);
        host
    }

    fn program(&self, name: &str, script: &str) {
        let file = self.folder.join("bin").join(name);
        let script = script.replace("$DIR", self.folder.to_str().unwrap());
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    /// A file's text; nothing if there is none.
    #[allow(dead_code)]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    /// `hmark` on this host.
    pub fn hmark(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hmark"));
        let path = std::env::var("PATH").unwrap_or_default();
        let programs = self.folder.join("bin");
        command
            .args(arguments)
            .stdin(Stdio::null())
            .env("PATH", format!("{}:{path}", programs.display()));
        command
    }

    /// Runs `hmark` to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.hmark(arguments).output().unwrap()
    }
}

impl Drop for FakeHost {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The list of a table that counted packets of the marks 101 to 103, of both families.
#[allow(dead_code)]
pub fn list() -> String {
    let count = |packets: u32| {
        format!(
            r#""counter":{{"packets":{packets},"bytes":{}}}"#,
            packets * 100
        )
    };
    let set = |name: &str, counts: [u32; 3]| {
        let elements = (101..)
            .zip(counts)
            .map(|(mark, packets)| format!(r#"{{"elem":{{"val":{mark},{}}}}}"#, count(packets)));
        let elements = elements.collect::<Vec<_>>().join(",");
        format!(r#"{{"set":{{"name":"{name}","elem":[{elements}]}}}}"#)
    };
    let mut objects = Vec::new();
    for group in 0..2 {
        objects.push(set(&format!("packets{group}"), [300, 330, 270]));
        objects.push(set(&format!("connections{group}"), [30, 33, 27]));
    }
    for family in ["ipv4", "ipv6"] {
        for counter in ["all", "unmarked"] {
            objects.push(format!(
                r#"{{"counter":{{"name":"{counter}-{family}","packets":1000,"bytes":100000}}}}"#
            ));
        }
        objects.push(format!(r#"{{"set":{{"name":"others-{family}"}}}}"#));
    }
    objects.push(set("others-ipv4", [5, 0, 0]));
    format!("{{\"nftables\":[{}]}}\n", objects.join(","))
}
