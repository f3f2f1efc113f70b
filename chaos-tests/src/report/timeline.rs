//! The timeline: faults, leaders, writes, and one lane for each address.

use std::fmt::Write as _;

use super::html::{escape, left_out, seconds};
use super::numbers::gaps;
use crate::checks::Verdict;
use crate::checks::facts::{Facts, Holder, How, Place};

/// Sizes in the picture's own units.
const LABELS: u64 = 190;
const WIDTH: u64 = 1400;
const LANE: u64 = 13;
const BAR: u64 = 9;
const RATE: u64 = 60;

/// How many lanes, and how many bars in them all, are drawn.
const LANES: usize = 80;
const BARS: usize = 6000;

/// How many rows of faults are drawn, and into how many steps the write rate is cut.
const ROWS: usize = 8;
const STEPS: u64 = 400;

/// How many colours attachments have; `style.css` knows as many.
const COLOURS: usize = 12;

struct Picture<'f, 'a> {
    facts: &'f Facts<'a>,
    /// The run's length (milliseconds).
    length: u64,
    /// How far down it has been drawn.
    y: u64,
    svg: String,
}

pub(super) fn draw(page: &mut String, facts: &Facts<'_>, verdict: &Verdict) {
    let length = facts
        .history
        .events
        .last()
        .map_or(1, |event| event.at.max(1));
    let mut picture = Picture {
        facts,
        length,
        y: 0,
        svg: String::new(),
    };
    picture.axis();
    let faults_from = picture.y;
    let undrawn_faults = picture.faults();
    picture.leaders();
    picture.rate();
    let lanes = Lanes::of(facts, verdict);
    let undrawn_bars = picture.lanes(&lanes, verdict);
    picture.shade(faults_from, verdict);
    let height = picture.y + 4;
    let _ = write!(
        page,
        "<h2>Timeline</h2>\n<p>Bars: what etcd holds for an attachment; the dark line in them: a container \
         that has the address; hatched: the address rests. Hold the pointer on something to see what it \
         is.</p>\n<div class=\"wide\"><svg viewBox=\"0 0 {} {height}\" role=\"img\" \
         aria-label=\"timeline\" xmlns=\"http://www.w3.org/2000/svg\">\n\
         <defs><pattern id=\"rest\" width=\"4\" height=\"4\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><rect class=\"hatch\" width=\"1.2\" height=\"4\"/></pattern></defs>\n\
         {}</svg></div>\n",
        LABELS + WIDTH + 10,
        picture.svg
    );
    left_out(page, lanes.all, LANES, "addresses");
    left_out(page, undrawn_faults, 0, "faults of the timeline");
    left_out(page, undrawn_bars, 0, "bars of the timeline");
}

/// Which addresses are drawn: those where a promise was broken first, then those that were used most.
struct Lanes {
    places: Vec<Place>,
    all: usize,
}

impl Lanes {
    fn of(facts: &Facts<'_>, verdict: &Verdict) -> Self {
        let broken: Vec<_> = verdict
            .violations
            .iter()
            .filter_map(|one| one.address.as_deref())
            .collect();
        let mut places: Vec<_> = (0..facts.names.addresses.len())
            .map(|place| {
                let used = facts.holdings_of.of(place).len() + facts.ups_at.of(place).len();
                (broken.contains(&name(facts, place).as_str()), used, place)
            })
            .collect();
        let all = places.len();
        places.sort_unstable_by_key(|(broken, used, place)| (!broken, usize::MAX - used, *place));
        places.truncate(LANES);
        let mut places: Vec<_> = places.into_iter().map(|(_, _, place)| place).collect();
        places.sort_unstable_by_key(|place| facts.names.addresses[*place]);
        Self { places, all }
    }
}

fn name(facts: &Facts<'_>, place: Place) -> String {
    let (space, address) = facts.names.addresses[place];
    format!("{space}/{address}")
}

impl Picture<'_, '_> {
    /// Where a time lies, in tenths.
    fn tenths(&self, at: u64) -> u64 {
        let at = u128::from(at.min(self.length));
        let tenths = at * u128::from(WIDTH * 10) / u128::from(self.length);
        LABELS * 10 + u64::try_from(tenths).unwrap_or(WIDTH * 10)
    }

    fn x(&self, at: u64) -> String {
        let tenths = self.tenths(at);
        format!("{}.{}", tenths / 10, tenths % 10)
    }

    /// How wide a stretch of time is; what is short can be seen all the same.
    fn width(&self, from: u64, until: u64) -> String {
        let tenths = self.tenths(until).saturating_sub(self.tenths(from)).max(8);
        format!("{}.{}", tenths / 10, tenths % 10)
    }

    fn label(&mut self, text: &str) {
        let (x, y) = (LABELS - 6, self.y + BAR);
        let text = escape(text);
        let _ = writeln!(
            self.svg,
            "<text class=\"label\" x=\"{x}\" y=\"{y}\">{text}</text>"
        );
    }

    /// A bar of the present row.
    fn bar(&mut self, class: &str, (from, until): (u64, u64), title: &str) {
        let (x, width) = (self.x(from), self.width(from, until));
        let y = self.y + 1;
        let title = escape(title);
        let _ = writeln!(
            self.svg,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BAR}\">\
             <title>{title}</title></rect>"
        );
    }

    fn axis(&mut self) {
        // About twelve steps, of a length that people count in.
        let steps = [
            1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400,
        ];
        let step = steps
            .into_iter()
            .map(|step| step * 1000)
            .find(|step| self.length / step <= 14)
            .unwrap_or(self.length);
        for at in (0..=self.length / step).map(|number| number * step) {
            let x = self.x(at);
            let seconds = at / 1000;
            let _ = writeln!(
                self.svg,
                "<text class=\"axis\" x=\"{x}\" y=\"10\">{seconds} s</text>"
            );
        }
        self.y = 16;
    }

    /// The bands of the faults, those that overlap in rows of their own; how many found no row.
    fn faults(&mut self) -> usize {
        let facts = self.facts;
        let top = self.y;
        let mut rows: Vec<u64> = Vec::new();
        let mut undrawn = 0;
        for fault in &facts.faults {
            let (from, until) = (fault.begin.at, fault.end.map_or(self.length, |end| end.at));
            // A label needs some room behind a short band.
            let room = self.length / 9;
            let free = rows.iter().position(|end| *end <= from);
            let row = free.unwrap_or(rows.len());
            if row >= ROWS {
                undrawn += 1;
                continue;
            }
            if row == rows.len() {
                rows.push(0);
            }
            rows[row] = until.max(from + room);
            self.y = top + LANE * u64::try_from(row).unwrap_or(0);
            let proof = fault
                .proven
                .map_or("no effect was seen".to_owned(), |proven| {
                    format!("its effect was seen at {} s", seconds(proven.at))
                });
            let title = format!(
                "{} {}: {} s to {} s, {proof}",
                fault.number,
                fault.kind,
                seconds(from),
                seconds(until)
            );
            let class = if fault.proven.is_some() {
                "fault"
            } else {
                "fault unproven"
            };
            self.bar(class, (from, until), &title);
            if let Some(proven) = fault.proven {
                let (x, y) = (self.x(proven.at), self.y);
                let _ = writeln!(
                    self.svg,
                    "<path class=\"proof\" d=\"M{x} {y}v{}\"/>",
                    BAR + 2
                );
            }
            let (x, y) = (self.x(from), self.y + BAR);
            let kind = escape(fault.kind);
            let _ = writeln!(
                self.svg,
                "<text class=\"kind\" x=\"{x}\" dx=\"2\" y=\"{y}\">{kind}</text>"
            );
        }
        self.y = top;
        if !rows.is_empty() {
            self.label("faults");
        }
        self.y = top + LANE * u64::try_from(rows.len()).unwrap_or(0) + 4;
        undrawn
    }

    /// Who led, a lane for each cluster.
    fn leaders(&mut self) {
        let facts = self.facts;
        let reigns = &facts.lives.reigns;
        let mut clusters: Vec<_> = reigns.iter().map(|reign| reign.cluster).collect();
        clusters.sort_unstable();
        clusters.dedup();
        for cluster in clusters.into_iter().take(ROWS) {
            self.label(&format!("leader of {cluster}"));
            let of_it: Vec<_> = reigns.iter().filter(|one| one.cluster == cluster).collect();
            let ends = of_it.iter().skip(1).map(|next| next.moment.at);
            let ends: Vec<_> = ends.chain([self.length]).collect();
            for (reign, until) in of_it.iter().zip(ends).take(BARS) {
                let Some(identity) = reign.identity else {
                    continue;
                };
                let from = reign.moment.at;
                let known = facts
                    .lives
                    .identities
                    .iter()
                    .position(|one| *one == identity);
                let class = format!("c{}", known.unwrap_or(0) % COLOURS);
                let title = format!("{identity}: {} s to {} s", seconds(from), seconds(until));
                self.bar(&class, (from, until), &title);
            }
            self.y += LANE;
        }
        self.y += 4;
    }

    /// How many transactions etcd committed, and when it committed none although somebody waited.
    fn rate(&mut self) {
        let facts = self.facts;
        let step = (self.length / STEPS).max(1);
        let mut counts = vec![0_u64; usize::try_from(self.length / step + 1).unwrap_or(1)];
        for commit in &facts.log.commits {
            let index = usize::try_from(commit.moment.at / step).unwrap_or(0);
            if let Some(count) = counts.get_mut(index) {
                *count += 1;
            }
        }
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        let bottom = self.y + RATE;
        self.label(&format!("writes, most {}/s", most * 1000 / step));
        for (from, until) in gaps(facts) {
            let (x, width, y) = (self.x(from), self.width(from, until), self.y);
            let length = seconds(until - from);
            let _ = writeln!(
                self.svg,
                "<rect class=\"gap\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{RATE}\">\
                 <title>nothing was committed for {length} s</title></rect>"
            );
        }
        let mut path = format!("M{LABELS} {bottom}");
        for (count, at) in counts
            .iter()
            .zip((0..).step_by(usize::try_from(step).unwrap_or(1)))
        {
            let y = bottom - count * RATE / most;
            let _ = write!(path, "L{} {y}", self.x(at));
        }
        let _ = writeln!(
            self.svg,
            "<path class=\"rate\" d=\"{path}L{} {bottom}Z\"/>",
            self.x(self.length)
        );
        self.y = bottom + 6;
    }

    /// One lane for each address; how many bars found no room.
    fn lanes(&mut self, lanes: &Lanes, verdict: &Verdict) -> usize {
        let mut drawn = 0;
        let mut undrawn = 0;
        for place in &lanes.places {
            let lane = name(self.facts, *place);
            self.label(&lane);
            let bars = self.bars(*place);
            let room = bars.len().min(BARS - drawn);
            undrawn += bars.len() - room;
            drawn += room;
            for (class, stretch, title) in &bars[..room] {
                self.bar(class, *stretch, title);
            }
            self.ups(*place);
            let broken = verdict.violations.iter();
            for violation in broken.filter(|one| one.address.as_ref() == Some(&lane)) {
                let from = violation.at.saturating_sub(self.length / 400);
                let what = format!("{}: {}", violation.check, violation.what);
                self.bar("violation", (from, violation.at), &what);
            }
            self.y += LANE;
        }
        undrawn
    }

    /// What stood at an address. A restore that changes nothing does not interrupt it.
    fn bars(&self, place: Place) -> Vec<(String, (u64, u64), String)> {
        let facts = self.facts;
        let mut bars: Vec<(String, (u64, u64), String)> = Vec::new();
        for holding in facts.holdings_of.of(place) {
            let holding = &facts.lives.holdings[*holding];
            let from = holding.begin.moment.at;
            let until = holding.end.map_or(self.length, |end| end.moment.at);
            let (class, holder) = match holding.holder {
                Holder::Who(who) => (format!("c{}", who % COLOURS), facts.names.name(who)),
                Holder::Resting(_) | Holder::Nobody | Holder::Unreadable => {
                    ("rest".to_owned(), "rests".to_owned())
                }
            };
            if let Some((before, stretch, _)) = bars.last_mut()
                && *before == class
                && holding.begin.how == How::Line
                && stretch.1 == from
            {
                stretch.1 = until;
                continue;
            }
            let title = format!("{holder}: {} s to {} s", seconds(from), seconds(until));
            bars.push((class, (from, until), title));
        }
        bars
    }

    /// When containers had an address.
    fn ups(&mut self, place: Place) {
        let facts = self.facts;
        let mut path = String::new();
        let y = self.y + 1 + BAR / 2;
        for up in facts.ups_at.of(place).iter().take(BARS / 10) {
            let up = &facts.ups[*up];
            let until = up.end.map_or(self.length, |end| end.at);
            let (x, width) = (self.x(up.begin.at), self.width(up.begin.at, until));
            let _ = write!(path, "M{x} {y}h{width}");
        }
        if !path.is_empty() {
            let _ = writeln!(self.svg, "<path class=\"up\" d=\"{path}\"/>");
        }
    }

    /// Faults and violations, seen through all the lanes.
    fn shade(&mut self, top: u64, verdict: &Verdict) {
        let facts = self.facts;
        let height = self.y - top;
        for fault in facts.faults.iter().take(100) {
            let until = fault.end.map_or(self.length, |end| end.at);
            let (x, width) = (self.x(fault.begin.at), self.width(fault.begin.at, until));
            let _ = writeln!(
                self.svg,
                "<rect class=\"shade\" x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>"
            );
        }
        for violation in verdict.violations.iter().take(100) {
            let x = self.x(violation.at);
            let _ = writeln!(
                self.svg,
                "<path class=\"broken\" d=\"M{x} {top}v{height}\"/>"
            );
        }
        if let Some(healed) = facts.healed {
            let x = self.x(healed.at);
            let _ = writeln!(
                self.svg,
                "<path class=\"healed\" d=\"M{x} {top}v{height}\"/>"
            );
        }
    }
}
