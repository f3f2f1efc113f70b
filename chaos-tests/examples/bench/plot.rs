//! Plots as SVG: lines over a few values of one thing, on a logarithmic scale.

use std::fmt::{self, Display};

/// The picture, and where the lines are drawn in it.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 56.0;

/// Colours that can be told apart without seeing red or green (Okabe and Ito).
const COLOURS: [&str; 7] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#000000",
];

/// Some lines.
pub(crate) struct Plot {
    title: String,
    x: Axis,
    y_label: String,
    lines: Vec<Line>,
}

struct Axis {
    label: String,
    values: Vec<String>,
}

struct Line {
    name: String,
    /// The place on the x axis, the value, and what only one in a hundred exceeds.
    points: Vec<(usize, f64, f64)>,
}

impl Plot {
    /// An empty plot; `values` are those of the x axis.
    pub(crate) fn new<T: ToString>(
        title: &str,
        x_label: &str,
        values: &[T],
        y_label: &str,
    ) -> Self {
        Self {
            title: title.to_owned(),
            x: Axis {
                label: x_label.to_owned(),
                values: values.iter().map(T::to_string).collect(),
            },
            y_label: y_label.to_owned(),
            lines: Vec::new(),
        }
    }

    /// One more point of a line.
    pub(crate) fn point(&mut self, line: &str, place: usize, value: f64, most: f64) {
        let point = (place, value, most);
        match self.lines.iter_mut().find(|known| known.name == line) {
            Some(known) => known.points.push(point),
            None => self.lines.push(Line {
                name: line.to_owned(),
                points: vec![point],
            }),
        }
    }

    /// The powers of ten below and above all that is shown.
    fn decades(&self) -> (i32, i32) {
        let points = self.lines.iter().flat_map(|line| &line.points);
        let (low, high) = points.fold((f64::INFINITY, 0.0_f64), |(low, high), point| {
            (low.min(point.1), high.max(point.2))
        });
        let power = |bound: f64| -> i32 {
            (-6..=6)
                .find(|power| 10_f64.powi(*power) >= bound)
                .unwrap_or(6)
        };
        let (low, high) = (power(low) - 1, power(high));
        (low, high.max(low + 1))
    }

    fn x(&self, place: usize) -> f64 {
        let count = u32::try_from(self.x.values.len()).unwrap_or(u32::MAX);
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let step = (WIDTH - LEFT - RIGHT) / f64::from(count.max(1));
        step.mul_add(f64::from(place) + 0.5, LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        let (low, high) = self.decades();
        let share = (value.log10() - f64::from(low)) / f64::from(high - low);
        (TOP + BOTTOM - HEIGHT).mul_add(share, HEIGHT - BOTTOM)
    }

    fn axes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.decades();
        for power in low..=high {
            let value = 10_f64.powi(power);
            let y = self.y(value);
            writeln!(
                f,
                r##"<line x1="{LEFT}" y1="{y:.1}" x2="{:.1}" y2="{y:.1}" stroke="#ddd"/>"##,
                WIDTH - RIGHT
            )?;
            text(f, (LEFT - 8.0, y + 4.0), "end", &value.to_string())?;
        }
        for (place, value) in self.x.values.iter().enumerate() {
            text(f, (self.x(place), HEIGHT - BOTTOM + 18.0), "middle", value)?;
        }
        let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
        text(f, (middle, HEIGHT - 12.0), "middle", &self.x.label)?;
        text(f, (LEFT, TOP - 10.0), "end", &self.y_label)?;
        writeln!(
            f,
            r#"<text x="{middle:.1}" y="18" text-anchor="middle" font-weight="bold">{}</text>"#,
            escaped(&self.title)
        )
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, line: &Line, index: usize) -> fmt::Result {
        let colour = COLOURS.iter().cycle().nth(index).unwrap_or(&"#000000");
        // Side by side, so that none hides another.
        let row = f64::from(u32::try_from(index).unwrap_or(u32::MAX));
        let shift = 3.0 * row;
        let points = line.points.iter().map(|(place, value, _)| {
            format!("{:.1},{:.1}", self.x(*place) + shift, self.y(*value))
        });
        writeln!(
            f,
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/>"#,
            points.collect::<Vec<_>>().join(" ")
        )?;
        for (place, value, most) in &line.points {
            let (x, y) = (self.x(*place) + shift, self.y(*value));
            writeln!(
                f,
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.5" fill="{colour}"/><line x1="{x:.1}" y1="{y:.1}" x2="{x:.1}" y2="{:.1}" stroke="{colour}"/>"#,
                self.y(*most)
            )?;
        }
        let (x, y) = (WIDTH - RIGHT + 16.0, 20.0_f64.mul_add(row, TOP + 10.0));
        writeln!(
            f,
            r#"<circle cx="{x}" cy="{:.1}" r="4" fill="{colour}"/>"#,
            y - 4.0
        )?;
        text(f, (x + 10.0, y), "start", &line.name)
    }
}

impl Display for Plot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">"#
        )?;
        writeln!(f, r#"<rect width="100%" height="100%" fill="white"/>"#)?;
        self.axes(f)?;
        for (index, line) in self.lines.iter().enumerate() {
            self.line(f, line, index)?;
        }
        writeln!(f, "</svg>")
    }
}

fn text(f: &mut fmt::Formatter<'_>, (x, y): (f64, f64), anchor: &str, text: &str) -> fmt::Result {
    let text = escaped(text);
    writeln!(
        f,
        r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
