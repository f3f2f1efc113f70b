//! `docs/configuration.md` lists exactly the flags that `lease-gc --help` does.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy takes the functions beside the tests for code that is shipped"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use clap::{Arg, CommandFactory as _};
use lease_gc::cli::Cli;

const TABLE: &str = include_str!("../../docs/configuration.md");

/// The flags that a program has anyway.
const OF_EVERY_PROGRAM: [&str; 2] = ["help", "version"];

/// What the table says of a flag.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    variable: String,
    default: String,
}

fn flags() -> BTreeMap<String, Row> {
    let mut command = Cli::command();
    command.build();
    let arguments = command.get_arguments();
    let named = arguments.filter_map(|argument| Some((argument.get_long()?, argument)));
    named
        .filter(|(name, _)| !OF_EVERY_PROGRAM.contains(name))
        .map(|(name, argument)| {
            let row = Row {
                variable: format!("LEASE_GC_{}", name.replace('-', "_").to_uppercase()),
                default: default(argument),
            };
            (format!("--{name}"), row)
        })
        .collect()
}

/// The default, unless `--help` tells it in other words.
fn default(argument: &Arg) -> String {
    if argument.is_hide_default_value_set() {
        return String::new();
    }
    let values = argument.get_default_values().iter();
    let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
    values.join(",")
}

fn rows() -> BTreeMap<String, Row> {
    let header = "| flag | variable | default | meaning |";
    let rows = TABLE.lines().skip_while(|line| *line != header).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [flag, variable, default, meaning] = cells[..] else {
                panic!("{line} has {} cells", cells.len());
            };
            assert!(!meaning.is_empty(), "{line}");
            let bare = |cell: &str| cell.trim_matches('`').to_owned();
            let row = Row {
                variable: bare(variable),
                default: bare(default),
            };
            (bare(flag), row)
        })
        .collect()
}

#[test]
fn the_table_lists_exactly_the_flags_and_their_defaults() {
    let (flags, rows) = (flags(), rows());
    for (flag, row) in &flags {
        assert_eq!(rows.get(flag), Some(row), "{flag} in docs/configuration.md");
    }
    for flag in rows.keys() {
        assert!(flags.contains_key(flag), "there is no {flag}");
    }
    assert!(flags.len() > 25, "{flags:?}");
}

#[test]
fn help_tells_every_flag_and_default_of_the_table() {
    let error = Cli::load(["lease-gc", "--help"].map(OsString::from), |_| None).unwrap_err();
    // What has spaces in it is quoted.
    let help = error.to_string().replace('"', "");
    let words: Vec<_> = help.split_whitespace().collect();
    let help = words.join(" ");
    for (flag, row) in rows() {
        assert!(help.contains(&flag), "{flag} is missing in {help}");
        let default = format!("[default: {}]", row.default);
        let told = row.default.is_empty() || help.contains(&default);
        assert!(told, "{default} of {flag} is missing in {help}");
    }
}

#[test]
fn the_variables_of_the_table_are_those_that_are_read() {
    let read = RefCell::new(BTreeSet::new());
    let variable = |name: &str| {
        read.borrow_mut().insert(name.to_owned());
        None
    };
    // Whether the flags suffice is looked at afterwards.
    let _ = Cli::load([OsString::from("lease-gc")], variable);
    let listed = rows().into_values().map(|row| row.variable).collect();
    assert_eq!(read.into_inner(), listed);
}
