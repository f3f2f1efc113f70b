//! The documentation as a book: every page is in it, and every link leads somewhere, both where the
//! repository is hosted and in the pages that mdbook makes.

mod html;
mod markdown;
mod repository;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::skip::skipped;

use crate::repository::{files, resolve, root};

const CONTENTS: &str = "docs/SUMMARY.md";

/// Whether a file is to be a page of the book.
fn is_page(path: &Path) -> bool {
    let is_readme = path.ends_with("README.md");
    let at_the_top = path.components().count() == 1;
    path.extension().is_some_and(|end| end == "md")
        && path != Path::new(CONTENTS)
        && (at_the_top || path.starts_with("docs") || path.starts_with("deploy") && is_readme)
}

#[test]
fn every_link_of_the_repository_leads_somewhere() -> Result<()> {
    let mut broken = Vec::new();
    let mut seen = 0;
    for page in files(&root())? {
        if page.extension().is_none_or(|end| end != "md") {
            continue;
        }
        for link in markdown::read(&page)?.links {
            seen += 1;
            if let Err(error) = follow(&page, &link) {
                broken.push(format!("{}: {link}: {error}", page.display()));
            }
        }
    }
    ensure!(broken.is_empty(), "{}", broken.join("\n"));
    ensure!(seen > 50, "only {seen} links were found");
    Ok(())
}

/// Fails unless a link of that page leads to a file of the repository, and to a heading in it.
fn follow(page: &Path, link: &str) -> Result<()> {
    let Some((path, anchor)) = resolve(page, link)? else {
        return Ok(());
    };
    ensure!(root().join(&path).exists(), "there is no such file");
    if let Some(anchor) = anchor {
        let anchors = markdown::read(&path)?.anchors;
        ensure!(anchors.contains(&anchor), "there is no such heading");
    }
    Ok(())
}

#[test]
fn the_contents_name_every_page_once() -> Result<()> {
    let pages: BTreeSet<_> = files(&root())?
        .into_iter()
        .filter(|at| is_page(at))
        .collect();
    let mut listed = BTreeSet::new();
    for link in markdown::read(Path::new(CONTENTS))?.links {
        let (path, _) = resolve(Path::new(CONTENTS), &link)?.context("a page elsewhere")?;
        ensure!(listed.insert(path), "{CONTENTS} names {link} twice");
    }
    let difference: Vec<_> = pages.symmetric_difference(&listed).collect();
    ensure!(
        difference.is_empty(),
        "either a page that {CONTENTS} does not name, or no page: {difference:?}"
    );
    Ok(())
}

#[test]
fn every_link_of_the_book_leads_somewhere() -> Result<()> {
    let test = "every_link_of_the_book_leads_somewhere";
    let mdbook = match mdbook() {
        Ok(directory) => directory,
        Err(reason) => {
            skipped(test, &reason);
            return Ok(());
        }
    };
    let book = tempfile::Builder::new().prefix("book-").tempdir()?;
    let built = Command::new(root().join("scripts/build-book.sh"))
        .arg(book.path())
        .env("MDBOOK_BIN_DIR", mdbook)
        .output()?;
    ensure!(built.status.success(), "{built:?}");

    let mut pages = html::Pages::default();
    let mut broken = Vec::new();
    let mut seen = 0;
    for page in files(book.path())? {
        if page.extension().is_none_or(|end| end != "html") {
            continue;
        }
        for link in pages.read(book.path(), &page)?.links {
            seen += 1;
            if let Err(error) = pages.follow(book.path(), &page, &link) {
                broken.push(format!("{}: {link}: {error}", page.display()));
            }
        }
    }
    ensure!(broken.is_empty(), "{}", broken.join("\n"));
    ensure!(seen > 500, "only {seen} links were found");
    Ok(())
}

/// Where mdbook is, or why there is none.
fn mdbook() -> Result<PathBuf, String> {
    let directory = std::env::var_os("MDBOOK_BIN_DIR").map(PathBuf::from);
    let found = directory.filter(|directory| directory.join("mdbook").is_file());
    found.ok_or_else(|| {
        std::env::var("MDBOOK_FETCH_ERROR")
            .unwrap_or_else(|_| "no mdbook in MDBOOK_BIN_DIR".to_owned())
    })
}
