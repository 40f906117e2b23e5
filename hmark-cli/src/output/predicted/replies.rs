// SPDX-License-Identifier: GPL-2.0-only

//! The marks that replies get on another host, as text or JSON.

use hmark_cli::predict::both::{Flows, Pair, Replies};
use serde_json::{json, Value};

use crate::output::count::{count, verb};
use crate::output::table::{lines as table, Side};

/// The most pairs of marks that are shown.
const MOST_PAIRS: usize = 20;

/// How many flows have one mark both ways, and a table of the others.
pub fn lines(host: &str, replies: &Replies) -> Vec<String> {
    let mut lines = vec![format!(
        "replies on {host}: {} {} the same mark both ways, {} {} not",
        count(replies.same, "flow"),
        verb(replies.same, "has", "have"),
        replies.different,
        verb(replies.different, "has", "have")
    )];
    if replies.without > 0 {
        lines.push(format!(
            "{} {}",
            count(replies.without, "flow"),
            verb(replies.without, "has no reply", "have no replies")
        ));
    }
    for (reason, flows) in &replies.cannot_tell {
        lines.push(format!("{}: cannot tell: {reason}", count(*flows, "flow")));
    }
    if !replies.pairs.is_empty() {
        let columns = [
            ("mark", Side::Right),
            ("reply's", Side::Right),
            ("flows", Side::Right),
            ("for example", Side::Left),
        ];
        let rows = greatest(replies).take(MOST_PAIRS);
        let rows = rows.map(|((mark, reply), flows)| {
            let reply = reply.map_or("dropped".to_owned(), |mark| mark.to_string());
            let count = flows.count.to_string();
            vec![mark.to_string(), reply, count, flows.first.to_string()]
        });
        lines.extend(table(&columns, &rows.collect::<Vec<_>>()));
    }
    let more = replies.pairs.len().saturating_sub(MOST_PAIRS);
    if more > 0 {
        lines.push(format!("and {more} pairs of marks more"));
    }
    lines
}

/// The pairs, those of the most flows first.
fn greatest(replies: &Replies) -> impl Iterator<Item = (&Pair, &Flows)> {
    let mut pairs: Vec<_> = replies.pairs.iter().collect();
    pairs.sort_by_key(|(_, flows)| std::cmp::Reverse(flows.count));
    pairs.into_iter()
}

/// The same as JSON.
pub fn value(host: &str, replies: &Replies) -> Value {
    let pairs = greatest(replies).map(|((mark, reply), flows)| {
        json!({
            "mark": mark,
            "reply_mark": reply,
            "flows": flows.count,
            "example": flows.first.to_string(),
        })
    });
    let reasons = replies.cannot_tell.iter();
    let reasons = reasons.map(|(reason, flows)| json!({ "reason": reason, "flows": flows }));
    json!({
        "host": host,
        "same": replies.same,
        "different": replies.different,
        "without": replies.without,
        "pairs": pairs.collect::<Vec<_>>(),
        "cannot_tell": reasons.collect::<Vec<_>>(),
    })
}
