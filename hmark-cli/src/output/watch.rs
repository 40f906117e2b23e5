// SPDX-License-Identifier: GPL-2.0-only

//! Counted marks as text and JSON.

use hmark_cli::watch::{Report, Row, Sum};
use hmark_cli::Family;
use serde_json::{json, Value};

use super::table::{bar, lines as table, Side};

/// The width from which on there is room for bars.
const WIDE: usize = 100;

/// Characters of the longest bar.
const BAR: usize = 16;

/// The most marks of others that are named.
const OTHERS: usize = 5;

/// How text is to look.
pub struct Style {
    /// The most characters in a line.
    pub width: usize,
    /// Whether marks whose packets do not arrive are red.
    pub is_coloured: bool,
}

/// The report as lines, the first of which says what it is.
pub fn lines(host: &str, report: &Report, style: &Style) -> Vec<String> {
    let seconds = report.share_seconds;
    let mut lines = vec![(
        format!("hmark watch: {host}, shares of {seconds:.0} s"),
        false,
    )];
    for sum in &report.sums {
        lines.push((String::new(), false));
        lines.extend(family(sum).into_iter().map(|line| (line, false)));
        let of_family = |row: &&Row| row.family == sum.family;
        let rows: Vec<&Row> = report.rows.iter().filter(of_family).collect();
        let text = marks(&rows, style.width);
        // A line of the table's head comes first.
        let is_lost = |row: &&Row| report.lost().any(|lost| std::ptr::eq(lost, *row));
        let lost = std::iter::once(false).chain(rows.iter().map(is_lost));
        lines.extend(text.into_iter().zip(lost));
    }
    let style = |(line, is_lost): (String, bool)| {
        let line: String = line.chars().take(style.width).collect();
        match is_lost && style.is_coloured {
            true => format!("\x1b[31m{line}\x1b[0m"),
            false => line,
        }
    };
    lines.into_iter().map(style).collect()
}

/// A family as a whole, and what is wrong with it.
fn family(sum: &Sum) -> Vec<String> {
    let mut parts = vec![
        format!("{} packets/s", amount(sum.packets_per_second)),
        format!("{} bytes/s", amount(sum.bytes_per_second)),
    ];
    if let Some(share) = sum.unmarked_share {
        parts.push(format!("{:.1} % without a mark", share * 100.0));
    }
    let mut lines = vec![format!("{}: {}", sum.family, parts.join(", "))];
    if !sum.others.is_empty() {
        let mut others: Vec<_> = sum.others.iter().collect();
        others.sort_by_key(|(mark, packets)| (std::cmp::Reverse(**packets), **mark));
        let named = others.iter().take(OTHERS);
        let named: Vec<String> = named
            .map(|(mark, packets)| format!("{mark} ({packets} packets)"))
            .collect();
        let more = match others.len() > OTHERS {
            true => ", and more",
            false => "",
        };
        lines.push(format!(
            "Marks of no HMARK rule: {}{more}",
            named.join(", ")
        ));
    }
    lines
}

fn marks(rows: &[&Row], width: usize) -> Vec<String> {
    let mut columns = vec![
        ("mark", Side::Right),
        ("packets/s", Side::Right),
        ("bytes/s", Side::Right),
        ("share", Side::Right),
        ("expected", Side::Right),
        ("sigma", Side::Right),
    ];
    let is_wide = width >= WIDE;
    if is_wide {
        columns.push(("", Side::Left));
    }
    columns.extend([("neighbour", Side::Left), ("gateway", Side::Left)]);
    let shares = rows.iter().filter_map(|row| row.share);
    let longest = shares.fold(f64::MIN_POSITIVE, f64::max);
    let percent = |share: Option<f64>| match share {
        Some(share) => format!("{:.2} %", share * 100.0),
        None => "-".to_owned(),
    };
    let line = |row: &&Row| {
        let mut line = vec![
            row.mark.to_string(),
            amount(row.packets_per_second),
            amount(row.bytes_per_second),
            percent(row.share),
            percent(row.expected),
            row.sigma
                .map_or("-".to_owned(), |sigma| format!("{sigma:+.1}")),
        ];
        if is_wide {
            line.push(bar(row.share.unwrap_or(0.0) / longest, BAR));
        }
        line.extend([row.way.reach.to_string(), row.way.label()]);
        line
    };
    table(&columns, &rows.iter().map(line).collect::<Vec<_>>())
}

/// A number in few characters.
fn amount(number: f64) -> String {
    match number {
        number if number < 9_999.5 => format!("{number:.0}"),
        number if number < 999_950.0 => format!("{:.1} k", number / 1e3),
        number if number < 999_950_000.0 => format!("{:.1} M", number / 1e6),
        number => format!("{:.1} G", number / 1e9),
    }
}

/// The report as JSON.
pub fn json(host: &str, report: &Report) -> Value {
    let families: Vec<Value> = report
        .sums
        .iter()
        .map(|sum| {
            let others = sum.others.iter();
            let others: Vec<Value> = others
                .map(|(mark, packets)| json!({"mark": mark, "packets": packets}))
                .collect();
            let rows = report.rows.iter().filter(|row| row.family == sum.family);
            json!({
                "family": name(sum.family),
                "packets": sum.total.packets,
                "bytes": sum.total.bytes,
                "packets_per_second": sum.packets_per_second,
                "bytes_per_second": sum.bytes_per_second,
                "unmarked": sum.unmarked,
                "others": others,
                "marks": rows.map(mark).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "version": 1,
        "command": "watch",
        "host": host,
        "seconds": report.share_seconds,
        "families": families,
    })
}

fn mark(row: &Row) -> Value {
    let way = &row.way;
    json!({
        "mark": row.mark,
        "packets": row.total.packets,
        "bytes": row.total.bytes,
        "packets_per_second": row.packets_per_second,
        "bytes_per_second": row.bytes_per_second,
        "share": row.share,
        "expected_share": row.expected,
        "connections": row.connections,
        "sigma": row.sigma,
        "table": way.table,
        "gateway": way.gateway,
        "device": way.device,
        "neighbour": way.reach.to_string(),
        "arrives": way.reach.is_good(),
    })
}

fn name(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

#[cfg(test)]
mod tests {
    use hmark_cli::watch::{Count, Reach, Way};

    use super::*;

    fn report(gateway: &str, marks: u32) -> Report {
        let row = |mark: u32| Row {
            family: Family::Ipv6,
            mark,
            total: Count {
                packets: 12,
                bytes: 345,
                connections: 6,
            },
            packets_per_second: 1_234_567.0,
            bytes_per_second: 987_654_321.0,
            share: Some(0.0142),
            expected: Some(1.0 / 70.0),
            connections: 6,
            sigma: Some(-0.26),
            way: Way {
                table: Some("101".into()),
                gateway: Some(gateway.parse().unwrap()),
                device: Some("inner".into()),
                reach: Reach::Neighbour(if mark == 101 { "failed" } else { "reachable" }.into()),
            },
        };
        let sum = Sum {
            family: Family::Ipv6,
            total: Count::default(),
            packets_per_second: 1.0,
            bytes_per_second: 2.0,
            unmarked: 3,
            unmarked_share: Some(0.25),
            others: (1..8).map(|mark| (mark, u64::from(mark))).collect(),
        };
        Report {
            rate_seconds: 1.0,
            share_seconds: 60.2,
            sums: vec![sum],
            rows: (101..101 + marks).map(row).collect(),
        }
    }

    #[test]
    fn tables_fit_80_columns_with_all_but_the_longest_gateways() {
        let style = Style {
            width: 80,
            is_coloured: false,
        };
        let shown = lines("selector-a", &report("2001:db8::1:11", 70), &style);
        assert_eq!(shown[0], "hmark watch: selector-a, shares of 60 s");
        assert_eq!(
            shown[2],
            "IPv6: 1 packets/s, 2 bytes/s, 25.0 % without a mark"
        );
        assert_eq!(
            shown[3],
            "Marks of no HMARK rule: 7 (7 packets), 6 (6 packets), 5 (5 packets), 4 (4 packet"
        );
        assert_eq!(
            shown[4],
            "mark  packets/s  bytes/s   share  expected  sigma  neighbour  gateway"
        );
        assert_eq!(
            shown[5],
            " 101      1.2 M  987.7 M  1.42 %    1.43 %   -0.3  failed     2001:db8::1:11"
        );
        assert_eq!(shown.len(), 5 + 70);
        assert!(shown.iter().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn lost_marks_are_red_and_wide_screens_have_bars() {
        let style = Style {
            width: 120,
            is_coloured: true,
        };
        let shown = lines("a", &report("fd00::1", 2), &style);
        assert!(
            shown[5].starts_with("\x1b[31m 101 ") && shown[5].ends_with("\x1b[0m"),
            "{}",
            shown[5]
        );
        assert!(
            !shown[6].contains('\x1b') && shown[6].contains(&"#".repeat(BAR)),
            "{}",
            shown[6]
        );
    }

    #[test]
    fn amounts_are_short() {
        for (number, expected) in [
            (0.0, "0"),
            (9_999.4, "9999"),
            (9_999.6, "10.0 k"),
            (999_960.0, "1.0 M"),
            (2.5e9, "2.5 G"),
        ] {
            assert_eq!(amount(number), expected);
        }
    }
}
