//! What was found, and what to do about it.

use serde::Serialize;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// It keeps pods from getting addresses or addresses from being freed, or soon will.
    Problem,
    /// It is not as it should be.
    Warning,
    /// It is as it should be.
    Ok,
}

/// One thing that was looked at. The fields' names are those of the JSON.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// A stable name of what was looked at.
    pub(super) check: &'static str,
    /// What is so.
    pub(super) what: String,
    /// What to do about it; nothing where all is well.
    pub(super) advice: Option<String>,
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// All is well.
    pub(super) fn ok(&mut self, check: &'static str, what: impl Into<String>) {
        self.add(Severity::Ok, check, what.into(), None);
    }

    /// It should be otherwise.
    pub(super) fn warn(
        &mut self,
        check: &'static str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(Severity::Warning, check, what.into(), Some(advice.into()));
    }

    /// It must be otherwise.
    pub(super) fn problem(
        &mut self,
        check: &'static str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(Severity::Problem, check, what.into(), Some(advice.into()));
    }

    /// Whether anything but well was found by a check so far.
    pub(super) fn has(&self, check: &str) -> bool {
        let mut bad = self.0.iter().filter(|one| one.severity != Severity::Ok);
        bad.any(|one| one.check == check)
    }

    /// Everything, the worst first and otherwise in the order in which it was found.
    pub(super) fn sorted(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|one| one.severity);
        self.0
    }

    fn add(
        &mut self,
        severity: Severity,
        check: &'static str,
        what: String,
        advice: Option<String>,
    ) {
        self.0.push(Finding {
            severity,
            check,
            what,
            advice,
        });
    }
}

#[cfg(test)]
impl Findings {
    /// What is not well, in short: `problem store: it is frozen`.
    pub(super) fn bad(self) -> Vec<String> {
        let bad = self.sorted().into_iter().filter_map(|one| {
            let severity = match one.severity {
                Severity::Problem => "problem",
                Severity::Warning => "warning",
                Severity::Ok => return None,
            };
            assert!(one.advice.is_some_and(|advice| !advice.is_empty()));
            Some(format!("{severity} {}: {}", one.check, one.what))
        });
        bad.collect()
    }
}
