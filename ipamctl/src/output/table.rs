//! Tables like kubectl's: columns, no lines, no colours, nothing wrapped.

use std::fmt::Write as _;
use std::io::{self, Write};

use unicode_width::UnicodeWidthStr as _;

use super::Text;
use crate::text::printable;

/// What stands in a cell that has nothing to say, so that every line has as many words as columns.
const NOTHING_TO_SAY: &str = "-";

/// How wide the gap between two columns is.
const GAP: usize = 3;

/// What stands between two cells that are not laid out yet. A cell never holds it: it is escaped.
const SEPARATOR: char = '\t';

/// On which side the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// A column, and how wide it is on a terminal.
struct Column {
    align: Align,
    width: usize,
}

/// A table in the making. All cells stand in one text, however many there are.
pub struct Table {
    columns: Vec<Column>,
    lines: String,
}

impl Table {
    /// A table with these columns and no rows.
    pub fn new<const N: usize>(columns: [(&str, Align); N]) -> Self {
        let mut table = Self {
            columns: columns.iter().map(|(_, align)| column(*align)).collect(),
            lines: String::new(),
        };
        let names = columns.map(|(name, _)| name.to_owned());
        add_row(&mut table.lines, &mut table.columns, names, "");
        table
    }

    /// Adds a row of as many cells as there are columns.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        add_row(&mut self.lines, &mut self.columns, cells, NOTHING_TO_SAY);
    }

    /// The whole table, each line without blanks at its end.
    pub fn render(&self) -> String {
        self.laid_out().map(|line| line + "\n").collect()
    }

    fn laid_out(&self) -> impl Iterator<Item = String> {
        self.lines.lines().map(|line| lay_out(line, &self.columns))
    }
}

impl Text for Table {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.laid_out().try_for_each(|line| writeln!(out, "{line}"))
    }
}

/// A table whose rows come one by one: each column is as wide as it had to be so far.
pub struct Growing {
    columns: Vec<Column>,
}

impl Growing {
    /// Columns of texts, at first as wide as these cells.
    pub fn new<const N: usize>(widest: [&str; N]) -> Self {
        let columns = widest.map(|cell| Column {
            align: Align::Left,
            width: cell.width(),
        });
        Self {
            columns: columns.into(),
        }
    }

    /// One more row, without a line break at its end.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) -> String {
        let mut line = String::new();
        add_row(&mut line, &mut self.columns, cells, NOTHING_TO_SAY);
        lay_out(line.trim_end_matches('\n'), &self.columns)
    }
}

const fn column(align: Align) -> Column {
    Column { align, width: 0 }
}

/// Adds a line of cells to `lines`, and makes room for them in their columns. `nothing` stands in
/// empty ones.
fn add_row(
    lines: &mut String,
    columns: &mut [Column],
    cells: impl IntoIterator<Item = String>,
    nothing: &'static str,
) {
    for (place, (cell, column)) in cells.into_iter().zip(columns).enumerate() {
        let cell = match cell.as_str() {
            "" => nothing.into(),
            cell => printable(cell),
        };
        column.width = column.width.max(cell.width());
        if place > 0 {
            lines.push(SEPARATOR);
        }
        lines.push_str(&cell);
    }
    lines.push('\n');
}

/// The cells of a line, each in its column, without blanks at the end.
fn lay_out(line: &str, columns: &[Column]) -> String {
    let mut row = String::new();
    let mut gap = 0;
    for (cell, column) in line.split(SEPARATOR).zip(columns) {
        let missing = column.width.saturating_sub(cell.width());
        let (before, after) = match column.align {
            Align::Left => (0, missing),
            Align::Right => (missing, 0),
        };
        // Writing to a String cannot fail. Blanks are written only before something else.
        let _ = write!(row, "{:gap$}{cell}", "", gap = gap + before);
        gap = after + GAP;
    }
    row.truncate(row.trim_end().len());
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_apart_and_nothing_trails() {
        let mut table = Table::new([
            ("NAME", Align::Left),
            ("COUNT", Align::Right),
            ("NOTE", Align::Left),
        ]);
        table.row(["a".into(), "1".into(), "short".into()]);
        table.row(["a-long-name".into(), "1000000".into(), String::new()]);
        table.row(["\u{1b}[31m\n\t".into(), "0".into(), "x".into()]);
        table.row(["網路".into(), "2".into(), "two cells a character".into()]);
        let text = "\
NAME               COUNT   NOTE
a                      1   short
a-long-name      1000000   -
\\u{1b}[31m\\n\\t         0   x
網路                   2   two cells a character
";
        assert_eq!(table.render(), text);
        let mut written = Vec::new();
        table.write(&mut written).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), text);
    }

    #[test]
    fn without_rows_the_header_stands_alone() {
        let table = Table::new([("A", Align::Left), ("B", Align::Left)]);
        assert_eq!(table.render(), "A   B\n");
    }

    #[test]
    fn rows_that_come_one_by_one_stand_below_each_other() {
        let mut table = Growing::new(["10.0.0.0", "node"]);
        let rows = [["ADDRESS", "NODE"], ["10.0.0.1", "n"], ["fd00:0::1", ""]];
        let rows = rows.map(|cells| table.row(cells.map(str::to_owned)));
        assert_eq!(rows, ["ADDRESS    NODE", "10.0.0.1   n", "fd00:0::1   -"]);
        let later = table.row(["::".into(), "n2".into()]);
        assert_eq!(later, "::          n2");
    }
}
