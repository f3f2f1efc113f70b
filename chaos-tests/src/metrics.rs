//! Metrics in [Prometheus's text format](https://prometheus.io/docs/instrumenting/exposition_formats/).

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use anyhow::{Context as _, Result, ensure};

/// All samples of one scrape.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    samples: Vec<Sample>,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric's name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Metrics {
    /// Reads a scrape.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().map(str::trim);
        let samples = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(Self {
            samples: samples
                .map(|line| parse_sample(line).with_context(|| format!("no metric: {line}")))
                .collect::<Result<_>>()?,
        })
    }

    /// The sum over the samples of a metric that have at least these labels; `None` if there is
    /// none.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut found = self
            .with(name, labels)
            .map(|sample| sample.value)
            .peekable();
        found.peek()?;
        Some(found.sum())
    }

    /// The samples of a metric that have at least these labels.
    pub fn with(&self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| {
            let mut labels = labels.iter();
            sample.name == name
                && labels.all(|(label, value)| {
                    let found = sample.labels.get(*label);
                    found.is_some_and(|found| found == value)
                })
        })
    }

    /// All samples, in the order of the text.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }
}

fn parse_sample(line: &str) -> Result<Sample> {
    let end = line.find(['{', ' ']).context("no value")?;
    let (name, rest) = line.split_at_checked(end).context("no name")?;
    let mut rest = rest.chars().peekable();
    let labels = if rest.next_if_eq(&'{').is_some() {
        parse_labels(&mut rest)?
    } else {
        BTreeMap::new()
    };
    let rest: String = rest.collect();
    // A timestamp may follow.
    let value = rest.split_ascii_whitespace().next().context("no value")?;
    let value = match value {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        number => number.parse()?,
    };
    Ok(Sample {
        name: name.to_owned(),
        labels,
        value,
    })
}

/// `name="value",…}`.
fn parse_labels(from: &mut Peekable<Chars<'_>>) -> Result<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    while from.next_if_eq(&'}').is_none() {
        let name: String = from.by_ref().take_while(|&letter| letter != '=').collect();
        ensure!(from.next() == Some('"'), "{name}: no value");
        let mut value = String::new();
        loop {
            match from.next().context("a label does not end")? {
                '"' => break,
                '\\' => value.push(match from.next().context("a label does not end")? {
                    'n' => '\n',
                    other => other,
                }),
                letter => value.push(letter),
            }
        }
        from.next_if_eq(&',');
        labels.insert(name.trim().to_owned(), value);
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAPE: &str = "\
# HELP sweeps Sweeps.
# TYPE sweeps counter
sweeps{result=\"done\"} 3
sweeps{result=\"void\", why=\"a \\\"quoted\\\"\\\\ } text\\n\",} 2 1790000000000

leader 1
le_bucket{le=\"+Inf\"} 1.5e3
none NaN
";

    #[test]
    fn a_scrape_is_read_by_name_and_labels() {
        let metrics = Metrics::parse(SCRAPE).unwrap();
        assert_eq!(metrics.samples().len(), 5);
        assert_eq!(metrics.value("sweeps", &[]), Some(5.0));
        assert_eq!(metrics.value("sweeps", &[("result", "done")]), Some(3.0));
        assert_eq!(metrics.value("sweeps", &[("result", "other")]), None);
        assert_eq!(metrics.value("leader", &[]), Some(1.0));
        assert_eq!(metrics.value("le_bucket", &[("le", "+Inf")]), Some(1500.0));
        assert!(metrics.value("none", &[]).unwrap().is_nan());
        let void = metrics
            .with("sweeps", &[("result", "void")])
            .next()
            .unwrap();
        assert_eq!(void.labels["why"], "a \"quoted\"\\ } text\n");
    }

    #[test]
    fn what_is_no_scrape_is_refused() {
        for text in [
            "sweeps",
            "sweeps{result=\"done} 1",
            "sweeps{result} 1",
            "a b",
        ] {
            assert!(Metrics::parse(text).is_err(), "{text}");
        }
    }
}
