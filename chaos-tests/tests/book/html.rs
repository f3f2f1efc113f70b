//! The links and places of a page that mdbook made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::repository::resolve;

/// What a page refers to, and what can be referred to in it.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) links: Vec<String>,
    places: Vec<String>,
}

/// The pages that were read.
#[derive(Debug, Default)]
pub(crate) struct Pages(BTreeMap<PathBuf, Page>);

impl Pages {
    /// Reads a page of a book.
    pub(crate) fn read(&mut self, book: &Path, page: &Path) -> Result<Page> {
        if let Some(page) = self.0.get(page) {
            return Ok(page.clone());
        }
        let text = std::fs::read_to_string(book.join(page))?;
        let mut links = values(&text, " href=\"");
        links.extend(values(&text, " src=\""));
        let places = values(&text, " id=\"");
        let read = Page { links, places };
        self.0.insert(page.to_owned(), read.clone());
        Ok(read)
    }

    /// Fails unless a link of that page leads to a file of the book, and to a place in it.
    pub(crate) fn follow(&mut self, book: &Path, page: &Path, link: &str) -> Result<()> {
        let Some((mut path, anchor)) = resolve(page, link)? else {
            return Ok(());
        };
        // What a server shows then.
        if book.join(&path).is_dir() {
            path.push("index.html");
        }
        ensure!(book.join(&path).is_file(), "there is no such file");
        if let Some(anchor) = anchor {
            let places = self.read(book, &path)?.places;
            ensure!(places.contains(&anchor), "there is no such place");
        }
        Ok(())
    }
}

/// The values of an attribute, in the form in which mdbook writes all of them.
fn values(text: &str, attribute: &str) -> Vec<String> {
    let found = text.split(attribute).skip(1);
    let value = |rest: &str| Some(rest.split_once('"')?.0.replace("&amp;", "&"));
    found.filter_map(value).collect()
}
