//! What the page says.

const PAGE: &str = include_str!("../../../docs/troubleshooting.md");

/// The page, as far as it can be compared.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The codes of the table.
    pub(crate) rows: Vec<u64>,
    pub(crate) sections: Vec<Section>,
}

/// What stands under `## 100: the range is full`.
#[derive(Debug, Default)]
pub(crate) struct Section {
    pub(crate) code: u64,
    pub(crate) text: String,
    /// Its quotations, each on one line.
    pub(crate) messages: Vec<String>,
}

/// A failure with everything that is another each time left open.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Message(u64, Vec<String>);

impl Message {
    pub(crate) fn new(code: u64, text: &str) -> Self {
        let varies =
            |word: &str| word.contains(|letter: char| letter.is_ascii_digit() || letter == '/');
        let word = |word: &str| (if varies(word) { "…" } else { word }).to_owned();
        Self(code, text.split_whitespace().map(word).collect())
    }
}

/// Reads the page.
pub(crate) fn page() -> Page {
    let mut page = Page::default();
    let mut quoting = false;
    for line in PAGE.lines() {
        if let Some((code, _)) = line.strip_prefix("| [").and_then(|row| row.split_once(']')) {
            page.rows.extend(code.parse::<u64>());
        }
        if let Some(heading) = line.strip_prefix("## ") {
            let (code, _) = heading.split_once(':').unwrap_or_default();
            // A heading without a code begins what is no section of a code.
            page.sections.push(Section {
                code: code.parse().unwrap_or_default(),
                ..Section::default()
            });
        }
        let Some(section) = page.sections.last_mut() else {
            continue;
        };
        section.text.push_str(line);
        section.text.push('\n');
        let quoted = line.strip_prefix("> ");
        match (quoted, section.messages.last_mut().filter(|_| quoting)) {
            (Some(text), Some(message)) => {
                message.push(' ');
                message.push_str(text);
            }
            (Some(text), None) => section.messages.push(text.to_owned()),
            (None, _) => {}
        }
        quoting = quoted.is_some();
    }
    page.sections.retain(|section| section.code != 0);
    page
}
