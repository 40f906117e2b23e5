// SPDX-License-Identifier: GPL-2.0-only

//! One option of a rule: its value is read, and stored in the rule.

use hmark::rule::v1::Info;
use hmark::Family;

use crate::kind::Kind;
use crate::options::Row;
use crate::selectors;
use crate::sentences::Error;

/// Reads the value of an option, and stores it in a rule, nothing else of which changes.
///
/// # Errors
///
/// [`Error::Value`] if the value is not one of the option's, and [`Error::GivenBefore`] or
/// [`Error::Repeated`] if the rule has the option already, by itself or by its selector. The rule is
/// then as it was.
pub fn set<'v>(
    rule: &mut Info,
    option: &'static Row,
    value: &'v [u8],
    family: Family,
) -> Result<(), Error<'v>> {
    let bad = |value| Error::Value {
        option,
        value,
        family,
    };
    let given_before = Error::GivenBefore { option, value };
    if let Kind::Selectors = option.kind {
        let flags = selectors::read(value).map_err(bad)?;
        // Otherwise the list would silently win over a mask.
        if rule.has(flags) {
            return Err(given_before);
        }
        selectors::select(rule, flags, family);
        return Ok(());
    }
    match option.kind {
        // Its parts are checked one by one.
        Kind::Weights => {}
        _ if !rule.has(option.flag) => {}
        Kind::Switch => return Err(Error::Repeated(option)),
        _ => return Err(given_before),
    }
    option.kind.read(rule, value, family).map_err(bad)?;
    rule.masked.v0.flags |= option.flag;
    Ok(())
}
