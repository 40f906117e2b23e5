// SPDX-License-Identifier: GPL-2.0-only

//! A report in Prometheus' text format, version 0.0.4, for the textfile collector of node_exporter.

use std::fmt::Write;

use hmark::Family;

use super::{Report, Row, Sum};

/// A metric of each mark.
struct OfMark {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    /// The value of a mark; none if it is not known.
    value: fn(&Row) -> Option<f64>,
}

const OF_MARKS: [OfMark; 8] = [
    OfMark {
        name: "hmark_mark_packets_total",
        kind: "counter",
        help: "Packets with the mark.",
        value: |row| Some(row.total.packets as f64),
    },
    OfMark {
        name: "hmark_mark_bytes_total",
        kind: "counter",
        help: "Bytes of packets with the mark, from the network header on.",
        value: |row| Some(row.total.bytes as f64),
    },
    OfMark {
        name: "hmark_mark_connections_total",
        kind: "counter",
        help: "New TCP connections with the mark.",
        value: |row| Some(row.total.connections as f64),
    },
    OfMark {
        name: "hmark_mark_share_ratio",
        kind: "gauge",
        help: "Share of the mark in the packets with marks of its rule.",
        value: |row| row.share,
    },
    OfMark {
        name: "hmark_mark_expected_share_ratio",
        kind: "gauge",
        help: "Share of flows that the mark is to have by the weights of its rule.",
        value: |row| row.expected,
    },
    OfMark {
        name: "hmark_mark_deviation_sigmas",
        kind: "gauge",
        help:
            "Standard deviations that the share of new TCP connections is off the expected share.",
        value: |row| row.sigma,
    },
    OfMark {
        name: "hmark_mark_has_rule",
        kind: "gauge",
        help: "1 if a routing rule leads to a table for the mark, 0 if not.",
        value: |row| Some(f64::from(u8::from(row.way.table.is_some()))),
    },
    OfMark {
        name: "hmark_mark_gateway_up",
        kind: "gauge",
        help: "1 if the gateway of the mark is there as far as the host knows, 0 if not.",
        value: |row| {
            row.way
                .reach
                .is_good()
                .map(|is_good| f64::from(u8::from(is_good)))
        },
    },
];

/// A metric of each family.
struct OfFamily {
    name: &'static str,
    help: &'static str,
    value: fn(&Sum) -> u64,
}

const OF_FAMILIES: [OfFamily; 3] = [
    OfFamily {
        name: "hmark_packets_total",
        help: "Packets before they were routed.",
        value: |sum| sum.total.packets,
    },
    OfFamily {
        name: "hmark_bytes_total",
        help: "Bytes of packets before they were routed, from the network header on.",
        value: |sum| sum.total.bytes,
    },
    OfFamily {
        name: "hmark_unmarked_packets_total",
        help: "Packets with the mark 0.",
        value: |sum| sum.unmarked,
    },
];

/// The report as text. A value that is not known has no line.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    for metric in &OF_MARKS {
        head(&mut text, metric.name, metric.kind, metric.help);
        for row in &report.rows {
            if let Some(value) = (metric.value)(row) {
                let (family, mark) = (family(row.family), row.mark);
                let gateway = escaped(&row.way.label());
                let labels = format!(r#"family="{family}",mark="{mark}",gateway="{gateway}""#);
                let _ = writeln!(text, "{}{{{labels}}} {value}", metric.name);
            }
        }
    }
    for metric in &OF_FAMILIES {
        head(&mut text, metric.name, "counter", metric.help);
        for sum in &report.sums {
            let (family, value) = (family(sum.family), (metric.value)(sum));
            let _ = writeln!(text, "{}{{family=\"{family}\"}} {value}", metric.name);
        }
    }
    text
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn family(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

/// A label's value, in which a device's name may have anything but a slash.
fn escaped(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::report::tests::two_marks;

    #[test]
    fn marks_are_lines_with_labels() {
        let text = text(&two_marks());
        for line in [
            "# TYPE hmark_mark_packets_total counter",
            r#"hmark_mark_packets_total{family="ipv4",mark="103",gateway="10.2.0.13"} 1600"#,
            r#"hmark_mark_bytes_total{family="ipv4",mark="104",gateway=""} 100000"#,
            r#"hmark_mark_expected_share_ratio{family="ipv4",mark="104",gateway=""} 0.5"#,
            r#"hmark_mark_has_rule{family="ipv4",mark="104",gateway=""} 0"#,
            r#"hmark_mark_gateway_up{family="ipv4",mark="104",gateway=""} 0"#,
            r#"hmark_packets_total{family="ipv4"} 2700"#,
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
        }
    }

    /// The rules of `promtool check metrics` that this text could break, and those of the format.
    #[test]
    fn text_is_as_promtool_wants_it() {
        let text = text(&two_marks());
        let mut kind = (String::new(), String::new());
        let mut names = Vec::new();
        for line in text.lines() {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words.as_slice() {
                ["#", "HELP", name, help] => {
                    assert!(
                        !names.contains(&(*name).to_owned()),
                        "{name} is there twice"
                    );
                    assert!(help.ends_with('.') && !help.contains('\\'), "{line}");
                    names.push((*name).to_owned());
                }
                ["#", "TYPE", name, of] => {
                    assert_eq!(names.last().unwrap(), name);
                    // Counters end with _total, and nothing else does.
                    assert_eq!(*of == "counter", name.ends_with("_total"), "{line}");
                    assert!(matches!(*of, "counter" | "gauge"));
                    for unit in [
                        "_milliseconds",
                        "_ms",
                        "_kb",
                        "_percent",
                        "_bits",
                        "_count",
                        "_sum",
                        "_bucket",
                    ] {
                        assert!(!name.contains(unit), "{line}");
                    }
                    assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
                    kind = ((*name).to_owned(), (*of).to_owned());
                }
                _ => {
                    let (series, value) = line.rsplit_once(' ').unwrap();
                    assert!(value.parse::<f64>().unwrap().is_finite(), "{line}");
                    let (name, labels) = series.split_once('{').unwrap();
                    assert_eq!(name, kind.0, "{line}");
                    assert!(labels.ends_with('}'));
                }
            }
        }
        assert!(text.ends_with('\n') && names.len() == OF_MARKS.len() + OF_FAMILIES.len());
    }

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escaped("dev a\"b\\c\n"), "dev a\\\"b\\\\c\\n");
    }
}
