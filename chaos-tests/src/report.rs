//! A run as one page: the verdict, the numbers, and a timeline.
//!
//! The page needs nothing but a browser, runs no script, and is of bounded size whatever happened: what it
//! leaves out it says.

mod events;
mod html;
mod numbers;
mod timeline;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use self::html::escape;
use crate::checks::facts::Facts;
use crate::checks::{CHECKS, Finish, Verdict};
use crate::history::{History, Run};

/// The page of a run.
pub fn render(history: &History, verdict: &Verdict) -> String {
    let mut page = String::new();
    let facts = Facts::new(history);
    let unknown = Run::default();
    let run = facts.as_ref().map_or(&unknown, |facts| facts.run);
    head(&mut page, run, verdict);
    if let Some(facts) = &facts {
        events::violations(&mut page, verdict);
        timeline::draw(&mut page, facts, verdict);
        events::windows(&mut page, facts, verdict);
        numbers::calls(&mut page, facts);
        numbers::work(&mut page, facts);
        numbers::faults(&mut page, facts);
    }
    checkers(&mut page, verdict);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// The command that runs it again.
fn replay(run: &Run) -> String {
    let seed = run.seed;
    match (run.leg.as_str(), &run.mutant) {
        ("simulation", None) => format!("chaos replay {seed}"),
        ("simulation", Some(mutant)) => {
            format!("chaos simulate --seed {seed} --seeds 1 --mutant {mutant}")
        }
        _ => format!("chaos replay real:{seed}"),
    }
}

fn head(page: &mut String, run: &Run, verdict: &Verdict) {
    let Run {
        leg,
        seed,
        commit,
        mutant,
        workload,
        ..
    } = run;
    let finish = verdict.finish;
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{finish}: {} seed {seed}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n\
         <h1 class=\"{finish}\">{finish}</h1>\n<p class=\"facts\">",
        escape(leg),
        include_str!("report/style.css"),
    );
    let commit = if commit.is_empty() { "unknown" } else { commit };
    let mutant = mutant.as_deref().unwrap_or("none");
    let pairs = [
        ("leg", leg.as_str()),
        ("seed", &seed.to_string()),
        ("workload", workload),
        ("commit", commit),
        ("planted bug", mutant),
        ("again", &replay(run)),
    ];
    for (name, value) in pairs {
        let _ = write!(page, "<span>{name} <code>{}</code></span> ", escape(value));
    }
    page.push_str("</p>\n");
    if !verdict.void.is_empty() {
        let heading = if finish == Finish::Void {
            "Why it says nothing"
        } else {
            "What else is wrong with the run"
        };
        let _ = writeln!(page, "<h2>{heading}</h2>\n<ul>");
        for reason in verdict.void.iter().take(MOST_REASONS) {
            let _ = writeln!(page, "<li>{}</li>", escape(reason));
        }
        page.push_str("</ul>\n");
        html::left_out(page, verdict.void.len(), MOST_REASONS, "reasons");
    }
}

/// How many reasons for a void run are told.
const MOST_REASONS: usize = 30;

fn checkers(page: &mut String, verdict: &Verdict) {
    page.push_str(
        "<h2>Checkers</h2>\n<table>\n<tr><th>checker</th><th>promise</th><th>broken</th></tr>\n",
    );
    for check in CHECKS {
        let of_it = verdict.violations.iter();
        let broken = of_it.filter(|one| one.check == check.name).count();
        let class = if broken > 0 { " class=\"failed\"" } else { "" };
        let (name, promise) = (check.name, escape(check.promise));
        let _ = writeln!(
            page,
            "<tr{class}><td><code>{name}</code></td><td>{promise}</td><td class=\"n\">{broken}</td></tr>"
        );
    }
    page.push_str("</table>\n");
}
