//! `docs/troubleshooting.md` has a section for every code that the plugin can return, and the messages
//! that it shows are those that the plugin prints.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

mod page;
mod provoked;

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::answer::Answer;

use crate::page::{Message, page};

/// Where the plugin gives each kind of failure its number, in a `match` that has to name all.
const NUMBERS: &str = include_str!("../../../ipam-plugin/src/cni/error.rs");

fn codes_of_the_plugin() -> BTreeSet<u64> {
    let arms = NUMBERS.lines().filter_map(|line| {
        let (kind, number) = line.trim().strip_suffix(',')?.split_once(" => ")?;
        kind.strip_prefix("Self::")?;
        number.parse().ok()
    });
    arms.collect()
}

#[test]
fn every_code_has_a_section_and_a_row() -> Result<()> {
    let codes = codes_of_the_plugin();
    ensure!(codes.len() > 10, "{codes:?}");
    let page = page();
    let sections: BTreeSet<_> = page.sections.iter().map(|section| section.code).collect();
    ensure!(sections == codes, "sections {sections:?}, codes {codes:?}");
    ensure!(
        sections.len() == page.sections.len(),
        "one code, two sections"
    );
    let rows: BTreeSet<_> = page.rows.iter().copied().collect();
    ensure!(rows == codes, "rows {rows:?}, codes {codes:?}");
    Ok(())
}

#[test]
fn every_section_says_what_is_seen_why_and_what_to_do() -> Result<()> {
    for section in page().sections {
        for part in ["**Why.**", "**Do.**", "**Check.**"] {
            let code = section.code;
            ensure!(section.text.contains(part), "section {code} has no {part}");
        }
        ensure!(
            !section.messages.is_empty(),
            "section {} shows no message",
            section.code
        );
    }
    Ok(())
}

#[test]
fn the_messages_are_those_that_the_plugin_prints() -> Result<()> {
    let mut shown = BTreeSet::new();
    for section in page().sections {
        for text in section.messages {
            shown.insert(Message::new(section.code, &text));
        }
    }
    let mut printed = BTreeSet::new();
    for provoke in [
        provoked::by_mistakes,
        provoked::by_ranges,
        provoked::by_stores,
        provoked::by_etcd,
    ] {
        for answer in provoke()? {
            printed.insert(message(&answer)?);
        }
    }
    let difference: Vec<_> = printed.symmetric_difference(&shown).collect();
    ensure!(
        difference.is_empty(),
        "either the page does not show what the plugin prints, or it shows something else: \
         {difference:#?}"
    );
    Ok(())
}

/// The failure as a runtime shows it to people: the message, and after it the details.
fn message(answer: &Answer) -> Result<Message> {
    let error = answer.json()?;
    let code = error["code"].as_u64();
    let code = code.with_context(|| format!("no failure: {:?}", answer.0))?;
    let part = |key: &str| error[key].as_str().map(str::to_owned);
    let parts: Vec<_> = ["msg", "details"].into_iter().filter_map(part).collect();
    Ok(Message::new(code, &parts.join("; ")))
}
