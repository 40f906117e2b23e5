// SPDX-License-Identifier: GPL-2.0-only

//! Flows as comma-separated values (RFC 4180), one a line.
//!
//! A first line of names says which column is which, and columns with other names do not matter. Without
//! it, they are `protocol,source,sport,destination,dport[,packets[,bytes]]`. Semicolons, tabs and `|`
//! separate, too.

use std::net::IpAddr;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::{shown, Listed};
use crate::flow::{Flow, Layer4, Protocol};

/// The most columns of a list.
const MOST_COLUMNS: usize = 256;

/// A column with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Protocol,
    Source,
    Sport,
    Destination,
    Dport,
    Packets,
    Bytes,
}

/// The columns of a list without names.
const PLAIN: [Column; 7] = [
    Column::Protocol,
    Column::Source,
    Column::Sport,
    Column::Destination,
    Column::Dport,
    Column::Packets,
    Column::Bytes,
];

/// Names of columns, in lower case and of letters and digits alone: plain ones, and those of IPFIX (RFC
/// 7012), nfdump, SiLK, Zeek and Wireshark.
const NAMES: [(Column, &str); 7] = [
    (
        Column::Protocol,
        "protocol proto prot pr protocolidentifier ipproto ipv6nxt",
    ),
    (
        Column::Source,
        "source src saddr srcaddr srcip sourceip sourceaddress sa sip sourceipv4address \
         sourceipv6address idorigh ipsrc ipv6src",
    ),
    (
        Column::Sport,
        "sport srcport sourceport sp sourcetransportport idorigp tcpsrcport udpsrcport",
    ),
    (
        Column::Destination,
        "destination dest dst daddr dstaddr dstip destinationip destinationaddress da dip \
         destinationipv4address destinationipv6address idresph ipdst ipv6dst",
    ),
    (
        Column::Dport,
        "dport dstport destport destinationport dp destinationtransportport idrespp tcpdstport udpdstport",
    ),
    (
        Column::Packets,
        "packets pkts ipkt packetdeltacount packettotalcount origpkts",
    ),
    (
        Column::Bytes,
        "bytes octets ibyt octetdeltacount octettotalcount origipbytes",
    ),
];

/// The columns of a list.
pub(super) struct Columns {
    separator: u8,
    columns: Vec<Option<Column>>,
}

/// Reads a line, of which the first decides the columns.
///
/// [`None`] if it is the line of names.
///
/// # Errors
/// A sentence that says what is wrong.
pub(super) fn read(line: &str, columns: &mut Option<Columns>) -> Result<Option<Listed>, String> {
    if let Some(columns) = columns {
        return columns.flow(line).map(Some);
    }
    // Some programs begin with a byte order mark.
    let line = line.trim_start_matches('\u{feff}');
    let (found, has_names) = Columns::of_first(line)?;
    let found = columns.insert(found);
    match has_names {
        true => Ok(None),
        false => found.flow(line).map(Some),
    }
}

impl Columns {
    /// The columns that the first line says, and whether it is one of names.
    fn of_first(line: &str) -> Result<(Self, bool), String> {
        let mut separators = [b',', b';', b'\t', b'|'].into_iter();
        let separator = separators
            .find(|&separator| line.contains(char::from(separator)))
            .ok_or_else(|| format!("\"{}\" has no commas between values", shown(line)))?;
        let fields = split(line, separator)?;
        if fields.iter().any(|field| field.parse::<IpAddr>().is_ok()) {
            let columns = PLAIN.map(Some).to_vec();
            return Ok((Self { separator, columns }, false));
        }
        let columns: Vec<_> = fields.iter().map(column).collect();
        let needed = [
            (Column::Protocol, "protocol"),
            (Column::Source, "source"),
            (Column::Destination, "destination"),
        ];
        for (column, name) in needed {
            if !columns.contains(&Some(column)) {
                return Err(format!(
                    "no column has the name \"{name}\": the first line names the columns, such as \
                     protocol,source,sport,destination,dport,packets,bytes"
                ));
            }
        }
        Ok((Self { separator, columns }, true))
    }

    fn flow(&self, line: &str) -> Result<Listed, String> {
        let fields = split(line, self.separator)?;
        // There may be several columns of one meaning, such as those of IPv4 and IPv6.
        let value = |wanted| {
            let mut columns = self.columns.iter().zip(&fields);
            let found =
                columns.find(|(column, value)| **column == Some(wanted) && !value.is_empty());
            found.map(|(_, value)| value)
        };
        let name = value(Column::Protocol).ok_or("there is no protocol")?;
        let protocol =
            Protocol::named(name).ok_or_else(|| format!("\"{}\" is no protocol", shown(name)))?;
        let source = address(value(Column::Source), "source")?;
        let destination = address(value(Column::Destination), "destination")?;
        let protocol = match (protocol, source) {
            // Many lists have one name for both.
            (Protocol::ICMP, IpAddr::V6(_)) => Protocol::ICMPV6,
            (protocol, _) => protocol,
        };
        let layer4 = match (protocol.echo_request(), protocol.has_ports()) {
            (Some(kind), _) => Layer4::Icmp {
                kind,
                code: 0,
                id: 0,
            },
            (None, true) => Layer4::Ports {
                source: port(value(Column::Sport), "source")?,
                destination: port(value(Column::Dport), "destination")?,
            },
            (None, false) => Layer4::None,
        };
        let flow = Flow::new(protocol, source, destination, layer4)
            .ok_or_else(|| format!("{source} and {destination} are not of one family"))?;
        Ok(Listed {
            flow,
            packets: count(value(Column::Packets), "packets")?,
            bytes: count(value(Column::Bytes), "bytes")?,
            entry: None,
        })
    }
}

fn address(text: Option<&str>, name: &str) -> Result<IpAddr, String> {
    let text = text.ok_or_else(|| format!("there is no {name}"))?;
    let address = text.parse();
    address.map_err(|_| format!("the {name} \"{}\" is no address", shown(text)))
}

fn port(text: Option<&str>, name: &str) -> Result<u16, String> {
    let text = text.ok_or_else(|| format!("there is no {name} port"))?;
    let port = text.parse();
    port.map_err(|_| {
        format!(
            "the {name} port \"{}\" is no number from 0 to 65535",
            shown(text)
        )
    })
}

fn count(text: Option<&str>, name: &str) -> Result<Option<u64>, String> {
    match text {
        // Zeek's word for no value.
        None | Some("-") => Ok(None),
        Some(text) => match text.parse() {
            Ok(count) => Ok(Some(count)),
            Err(_) => Err(format!("\"{}\" is no number of {name}", shown(text))),
        },
    }
}

/// The meaning of a column with this name.
fn column(name: &str) -> Option<Column> {
    let mut name = name.to_ascii_lowercase();
    name.retain(|char| char.is_ascii_alphanumeric());
    let named = |names: &str| names.split_ascii_whitespace().any(|known| known == name);
    let mut found = NAMES.iter().filter(|(_, names)| named(names));
    found.next().map(|(column, _)| *column)
}

/// The values of a line, without blanks around them.
fn split(line: &str, separator: u8) -> Result<StringRecord, String> {
    if line.matches('"').count() % 2 != 0 {
        return Err("a quote is not closed".to_owned());
    }
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .trim(Trim::All)
        .buffer_capacity(line.len())
        .from_reader(line.as_bytes());
    let mut values = StringRecord::new();
    let is_read = reader.read_record(&mut values);
    is_read.map_err(|error| error.to_string())?;
    match values.len() > MOST_COLUMNS {
        true => Err(format!("there are more than {MOST_COLUMNS} columns")),
        false => Ok(values),
    }
}
