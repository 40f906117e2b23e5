// SPDX-License-Identifier: GPL-2.0-only

//! The options of saved HMARK rules.

/// The options of a text, each with its value.
pub fn options(text: &str) -> Vec<String> {
    let mut options: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match options.last_mut() {
            Some(option) if !word.starts_with("--") => {
                option.push(' ');
                option.push_str(word);
            }
            _ => options.push(word.to_owned()),
        }
    }
    options
}
