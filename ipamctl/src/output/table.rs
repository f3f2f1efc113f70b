//! Tables like kubectl's: columns, no lines, no colours, nothing wrapped.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement};

use crate::text::printable;

/// What stands in a cell that has nothing to say, so that every line has as many words as columns.
const NOTHING_TO_SAY: &str = "-";

/// How wide the gap between two columns is.
const GAP: u16 = 3;

/// On which side the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// A table in the making.
pub struct Table(comfy_table::Table);

impl Table {
    /// A table with these columns and no rows.
    pub fn new<const N: usize>(columns: [(&str, Align); N]) -> Self {
        let mut table = comfy_table::Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(columns.map(|(name, _)| name));
        for (column, (_, align)) in table.column_iter_mut().zip(columns) {
            column.set_padding((0, GAP));
            column.set_cell_alignment(match align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
        }
        Self(table)
    }

    /// Adds a row of as many cells as there are columns.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.add_row(cells.into_iter().map(|cell| {
            if cell.is_empty() {
                NOTHING_TO_SAY.to_owned()
            } else {
                printable(&cell).into_owned()
            }
        }));
    }

    /// The whole table, each line without blanks at its end.
    pub fn render(&self) -> String {
        self.0.lines().fold(String::new(), |mut text, line| {
            text.push_str(line.trim_end());
            text.push('\n');
            text
        })
    }
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
        table.row(["\u{1b}[31m\n".into(), "0".into(), "x".into()]);
        assert_eq!(
            table.render(),
            "NAME             COUNT   NOTE\n\
             a                    1   short\n\
             a-long-name    1000000   -\n\
             \\u{1b}[31m\\n         0   x\n"
        );
    }

    #[test]
    fn without_rows_the_header_stands_alone() {
        let table = Table::new([("A", Align::Left), ("B", Align::Left)]);
        assert_eq!(table.render(), "A   B\n");
    }
}
