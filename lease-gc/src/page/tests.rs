use super::*;
use crate::report::{
    Conflict, Count, DamagedKey, OpenBreaker, RangeReport, Release, SweepReport, SweepResult,
};
use crate::status::Status;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::time::Duration;

fn now() -> Zoned {
    "2026-11-20T16:33:05+01:00[Europe/Berlin]".parse().unwrap()
}

fn at(minutes: i64) -> Timestamp {
    now().timestamp() - SignedDuration::from_mins(minutes)
}

fn range(space: &str, range: &str, counts: [u128; 4]) -> RangeReport {
    let [allocated, resting, reserved, free] = counts.map(Count);
    RangeReport {
        space: space.to_owned(),
        range: range.to_owned(),
        capacity: Count(counts.iter().sum()),
        allocated,
        resting,
        reserved,
        free,
    }
}

fn release(owner: &str, pod: Option<&str>) -> Release {
    Release {
        at: at(3),
        addresses: vec![
            "192.168.20.14".parse().unwrap(),
            "2001:db8::14".parse().unwrap(),
        ],
        owner: owner.to_owned(),
        pod: pod.map(str::to_owned),
        evidence: "pod_gone",
    }
}

/// Everything that the page can show, with `text` wherever somebody else chose the words.
fn everything(text: &str) -> Snapshot {
    let status = Status::new(text.into(), text.into(), text.into());
    status.leads(at(90));
    status.next_sweep(Some(at(-2)));
    let mut report = SweepReport::new(at(3));
    report.result = SweepResult::Breaker;
    report.duration = Duration::from_millis(420);
    report.error = Some(text.to_owned());
    report.frozen = Some(text.to_owned());
    report.records = 1234;
    report.release(release(text, Some(text)));
    report.release(release(text, None));
    report.conflicts.push(Conflict {
        address: "10.0.0.1".parse().unwrap(),
        holder: text.to_owned(),
        pod: text.to_owned(),
    });
    report.breakers.push(OpenBreaker {
        kind: "pods",
        found: 40,
        limit: 10,
    });
    report.damaged.push(DamagedKey {
        key: text.to_owned(),
        reason: text.to_owned(),
    });
    report.ranges.push(range(text, text, [3, 2, 1, 4]));
    status.swept(report);
    status.snapshot()
}

/// Everything of a document that is markup.
fn tags(html: &str) -> Vec<&str> {
    let opened = html.split('<').skip(1);
    opened.map(|rest| rest.split('>').next().unwrap()).collect()
}

#[test]
fn the_page_says_what_is_known() {
    let page = render(&everything("some-name"), &now());
    for shown in [
        "<title>lease-gc · some-name</title>",
        "leads",
        "in 2 min",
        "The store is frozen",
        "The breaker <code>pods</code> is open",
        "The last sweep is breaker.",
        "1 address is used by two",
        "1 key of the store cannot be read",
        "<b>60 %</b> of 10",
        "style=\"width:30.00%\"",
        "420 ms",
        "1\u{202f}234",
        "192.168.20.14<br>2001:db8::14",
        "pod gone",
    ] {
        assert!(page.contains(shown), "{shown} in\n{page}");
    }
}

#[test]
fn a_process_that_has_done_nothing_has_a_page_too() {
    let status = Status::new("gc-1".into(), "default".into(), "* * * * *".into());
    let page = render(&status.snapshot(), &now());
    assert!(page.contains("no leader known"), "{page}");
    status.follows(Some("gc-2".to_owned()));
    let page = render(&status.snapshot(), &now());
    assert!(
        page.contains("stands by") && page.contains("gc-2"),
        "{page}"
    );
}

#[test]
fn the_fullest_ranges_come_first_and_not_too_many() {
    let status = Status::new("gc-1".into(), "default".into(), "* * * * *".into());
    let mut report = SweepReport::new(at(3));
    report.result = SweepResult::Complete;
    for number in 0..130 {
        report
            .ranges
            .push(range("s", &format!("r{number}."), [number, 0, 0, 200]));
    }
    status.swept(report);
    let page = render(&status.snapshot(), &now());
    let place = |text| page.find(text);
    assert!(place("r129.") < place("r128.") && place("r30.").is_some());
    assert_eq!(place("r29."), None);
    assert!(page.contains("and 30 that are less full"), "{page}");
}

#[test]
fn names_cannot_become_markup() {
    let hostile = "</style><script>alert(1)</script>\" onload='x' &lt;";
    let page = render(&everything(hostile), &now());
    let harmless = render(&everything("x"), &now());
    assert_eq!(tags(&page), tags(&harmless));
    assert!(page.contains("&lt;script&gt;"), "{page}");
}

proptest! {
    #[test]
    fn no_text_changes_the_markup(text in r#"([<>&"'/= a-z]|\PC){0,40}"#) {
        let page = render(&everything(&text), &now());
        let harmless = render(&everything("x"), &now());
        prop_assert_eq!(tags(&page), tags(&harmless));
    }
}
