//! The links and headings of a page in Markdown.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::repository::root;

/// What a page refers to, and what can be referred to in it.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) links: Vec<String>,
    pub(crate) anchors: BTreeSet<String>,
}

/// Reads a page of the repository.
pub(crate) fn read(path: &Path) -> Result<Page> {
    let text = std::fs::read_to_string(root().join(path));
    Ok(parse(&text.with_context(|| path.display().to_string())?))
}

fn parse(text: &str) -> Page {
    let mut page = Page::default();
    let mut times = BTreeMap::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(dest_url.into_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let slug = slug(&heading.take().unwrap_or_default());
                let time = times.entry(slug.clone()).or_insert(0);
                page.anchors.insert(match *time {
                    0 => slug,
                    again => format!("{slug}-{again}"),
                });
                *time += 1;
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
    }
    page
}

/// The anchor that hosting sites and mdbook give to a heading.
fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        letter => letter.is_alphanumeric().then_some(letter),
    });
    kept.flat_map(char::to_lowercase).collect()
}

#[test]
fn headings_are_told_apart() {
    let page = parse("# `addr`: an *address*\n\n## Twice\n\n## Twice\n\n[a](b.md#c) ![d](e.svg)\n");
    let anchors: Vec<_> = page.anchors.iter().map(String::as_str).collect();
    assert_eq!(anchors, ["addr-an-address", "twice", "twice-1"]);
    assert_eq!(page.links, ["b.md#c", "e.svg"]);
}

#[test]
fn a_link_in_code_is_none() {
    assert!(
        parse("`[a](b.md)`\n\n```\n[a](b.md)\n```\n")
            .links
            .is_empty()
    );
}
