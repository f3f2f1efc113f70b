//! The sections of the documentation to which the doctor sends people are there.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes the functions beside the tests for code that is shipped"
)]

use std::fs;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The doctor's sources, each string on one line.
fn sources() -> Vec<String> {
    let commands = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/command");
    let parts = fs::read_dir(commands.join("doctor")).unwrap();
    let parts = parts.map(|part| part.unwrap().path());
    let files = parts
        .filter(|path| path.is_file())
        .chain([commands.join("doctor.rs")]);
    files
        .map(|path| {
            let text = fs::read_to_string(path).unwrap();
            let lines = text
                .lines()
                .map(str::trim_start)
                .collect::<Vec<_>>()
                .join("\n");
            lines.replace("\\\n", "")
        })
        .collect()
}

/// The page and the title of each reference. A title stands in escaped quotation marks within the
/// string that names the page, or is given to `section`, which writes of operations.
fn references() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for source in sources() {
        for line in source.lines() {
            let (before, after) = line.split_once("docs/").unwrap_or((line, ""));
            if let Some((page, text)) = after.split_once(".md") {
                let titles = text.split("\\\"").skip(1).step_by(2);
                let titles = titles.filter(|title| !title.contains('{'));
                found.extend(titles.map(|title| (page.to_owned(), title.to_owned())));
            }
            let given = before.split("section(\"").skip(1);
            let given = given.filter_map(|text| Some(text.split_once("\")")?.0.to_owned()));
            found.extend(given.map(|title| ("operations".to_owned(), title)));
        }
    }
    found
}

#[test]
fn every_section_that_the_doctor_names_is_there() {
    let references = references();
    for (page, title) in &references {
        let text = fs::read_to_string(repository().join(format!("docs/{page}.md"))).unwrap();
        let mut headings = text.lines().filter_map(|line| line.strip_prefix("##"));
        let there = headings.any(|heading| {
            heading
                .trim_start_matches('#')
                .trim()
                .eq_ignore_ascii_case(title)
        });
        assert!(there, "docs/{page}.md has no section {title:?}");
    }
    assert!(references.len() > 7, "{references:?}");
}
