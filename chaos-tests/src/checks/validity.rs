//! Whether a run says anything at all.

use super::facts::{Call, Facts};

/// Why it does not.
pub(super) fn reasons(facts: &Facts<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    let run = facts.run;
    let acknowledged = facts.acknowledged();
    if acknowledged < run.least_operations {
        let least = run.least_operations;
        reasons.push(format!(
            "{acknowledged} calls were acknowledged, and {least} are the least"
        ));
    }
    for fault in &facts.faults {
        let number = fault.number;
        if fault.proven.is_none() {
            reasons.push(format!(
                "fault {number}, {}, was not seen to have an effect",
                fault.kind
            ));
        }
        if fault.end.is_none() {
            reasons.push(format!(
                "fault {number}, {}, was not taken back",
                fault.kind
            ));
        }
    }
    if let Some((event, gap)) = facts.lives.gaps.first() {
        let more = facts.lives.gaps.len() - 1;
        reasons.push(format!("event {event}: {gap}, and {more} more gaps"));
    }
    if run.sweep_every > 0 && facts.lives.sweeps == 0 {
        reasons.push("no collector swept".to_owned());
    }
    match facts.healed {
        Some(healed) => {
            for verb in ["ADD", "DEL"] {
                let mut calls = facts.calls.iter().rev();
                let last = calls.find(|call| call.is(verb) && call.began > healed);
                if last.and_then(Call::acknowledged).is_none() {
                    reasons.push(format!("the last {verb} after the faults did not succeed"));
                }
            }
        }
        None => reasons.push("the faults were never all taken back".to_owned()),
    }
    if facts.end.is_none() {
        reasons.push("the history has no end".to_owned());
    }
    reasons
}
