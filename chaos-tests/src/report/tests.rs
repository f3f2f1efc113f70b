use super::render;
use crate::checks::check;
use crate::checks::tests::story::{Story, fault, ip};
use crate::history::{History, What};

/// Whether every tag is closed in its order, and no character stands where none may.
fn assert_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let body = page.strip_prefix("<!DOCTYPE html>").expect("a page");
    let (mut rest, mut style) = (body, false);
    while let Some((text, after)) = rest.split_once('<') {
        assert!(style || !text.contains('>'), "a stray > in {text:?}");
        for entity in text.split('&').skip(1).filter(|_| !style) {
            let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
            assert!(
                known.iter().any(|one| entity.starts_with(one)),
                "{entity:?}"
            );
        }
        let (tag, after) = after.split_once('>').expect("a tag ends");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split([' ', '\n']).next().unwrap_or_default();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "before {after:.60}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        style = name == "style";
        rest = after;
    }
    assert!(open.is_empty(), "{open:?}");
}

fn page(history: &History) -> String {
    let page = render(history, &check(history));
    assert_well_formed(&page);
    page
}

#[test]
fn a_run_that_failed_shows_what_when_and_how_to_see_it_again() {
    let mut story = Story::new();
    story.run().commit = "0123abc".into();
    story.tell(What::FaultBegins(fault(1, "leader_killed")));
    story.tell(What::FaultProven(fault(1, "leader_killed")));
    story.add("a<b>&\"c", ip(10)).up("thief", ip(10)).wait(2000);
    story.tell(What::FaultEnds(fault(1, "leader_killed")));
    let page = page(story.end());
    let wanted = [
        "<h1 class=\"failed\">failed</h1>",
        "chaos replay 7",
        "0123abc",
        "leader_killed",
        "default/10.0.0.10",
        "class=\"violation\"",
        "class=\"rate\"",
        "lease-gc-1",
        "a&lt;b&gt;&amp;",
        "<span class=\"hit\">",
    ];
    for text in wanted {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("<b>&") && !page.contains("<script"));
}

#[test]
fn a_run_that_passed_or_is_void_says_so() {
    assert!(page(Story::new().end()).contains("<h1 class=\"passed\">passed</h1>"));
    let mut story = Story::of("real");
    story.run().least_operations = 1000;
    let page = page(story.end());
    assert!(page.contains("<h1 class=\"void\">void</h1>") && page.contains("1000 are the least"));
    assert!(page.contains("chaos replay real:7"));
    let nothing = render(&History::default(), &check(&History::default()));
    assert_well_formed(&nothing);
}

#[test]
fn a_planted_bug_belongs_to_the_command() {
    let mut story = Story::new();
    story.run().mutant = Some("blind_put".into());
    assert!(page(story.end()).contains("--mutant blind_put"));
}

#[test]
fn a_long_run_has_a_page_of_bounded_size() {
    let mut story = Story::new();
    for round in 0..50 {
        story.tell(What::FaultBegins(fault(round, "packets_lost")));
        story.tell(What::FaultProven(fault(round, "packets_lost")));
        for address in 60..180 {
            story.add(&format!("c{round}-{address}"), ip(address));
        }
        for address in 60..180 {
            let name = format!("c{round}-{address}");
            story.del(&name, ip(address)).up(&name, ip(address)).wait(3);
            story.down(&name, ip(address));
        }
        story
            .wait(4000)
            .tell(What::FaultEnds(fault(round, "packets_lost")));
    }
    let page = page(story.end());
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("more addresses are left out"));
}
