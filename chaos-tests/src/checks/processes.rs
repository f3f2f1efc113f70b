//! How processes of ours behave.

use super::facts::{Facts, Map, Moment};
use super::{Found, Violation};
use crate::history::{Outcome, Process, What};

/// How many more files a process may have open at the end than at first: connections come and go.
const FILES: i64 = 16;

pub(super) fn check(facts: &Facts<'_>, found: &mut Found) {
    let calls: Map<_, _> = facts
        .calls
        .iter()
        .map(|call| (call.invoke.call, call))
        .collect();
    for (event, one) in facts.history.events.iter().enumerate() {
        let What::Process(process) = &one.what else {
            continue;
        };
        let call = process.call.and_then(|call| calls.get(&call));
        let outcome = call.and_then(|call| call.ended).map(|(_, outcome)| outcome);
        if let Some(what) = wrong(process, outcome) {
            let violation = Violation::new(Moment { event, at: one.at }, what);
            found.push(match call {
                Some(call) => violation.of(facts, call.who),
                None => violation,
            });
        }
    }
    if let Some((moment, end)) = facts.end {
        if end.zombies > 0 {
            let what = format!("{} processes are left over", end.zombies);
            found.push(Violation::new(moment, what));
        }
        if end.leaked_files > FILES {
            let what = format!(
                "a process has {} more files open than at first",
                end.leaked_files
            );
            found.push(Violation::new(moment, what));
        }
    }
}

fn wrong(process: &Process, outcome: Option<&Outcome>) -> Option<String> {
    let program = &process.program;
    if let Some(panic) = &process.panic {
        return Some(format!("{program} said: {panic}"));
    }
    if process.disturbed {
        return None;
    }
    if let Some(budget) = process.budget.filter(|budget| process.ran > *budget) {
        let ran = process.ran;
        return Some(format!(
            "{program} ran for {ran} ms, and {budget} are its budget"
        ));
    }
    match (process.signal, process.status, outcome) {
        (Some(signal), ..) => Some(format!("{program} ended by signal {signal}")),
        (None, Some(0), Some(Outcome::Failed { code, .. })) => Some(format!(
            "{program} said that it failed with {code}, and exited with 0"
        )),
        (None, Some(status), Some(Outcome::Ok { .. })) if status != 0 => {
            Some(format!("{program} succeeded, and exited with {status}"))
        }
        _ => None,
    }
}
