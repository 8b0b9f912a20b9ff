//! Tables without borders: one heading per column, two blanks between columns, further lines of a cell below its first.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The blanks between two columns.
pub(super) const GAP: usize = 2;

/// Columns of cells.
#[derive(Debug, Default)]
pub(super) struct Table {
    headings: Vec<&'static str>,
    /// Each as long as `headings`.
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of these columns, each with a cell per row.
    pub(super) fn of_columns(columns: &[(&'static str, Vec<String>)]) -> Table {
        let rows = columns.first().map_or(0, |(_, cells)| cells.len());
        let row = |index: usize| {
            columns
                .iter()
                .map(|(_, cells)| cells[index].clone())
                .collect()
        };
        Table {
            headings: columns.iter().map(|(heading, _)| *heading).collect(),
            rows: (0..rows).map(row).collect(),
        }
    }

    /// The width in characters.
    pub(super) fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    /// The table as lines, each with its end.
    pub(super) fn text(&self) -> String {
        let widths = self.widths();
        let headings: Vec<String> = self.headings.iter().map(ToString::to_string).collect();
        std::iter::once(&headings)
            .chain(&self.rows)
            .map(|row| row_text(row, &widths))
            .collect()
    }

    fn widths(&self) -> Vec<usize> {
        let column = |index: usize| {
            let cells = self
                .rows
                .iter()
                .flat_map(|row| row[index].lines())
                .map(UnicodeWidthStr::width);
            cells
                .chain([self.headings[index].width()])
                .max()
                .unwrap_or(0)
        };
        (0..self.headings.len()).map(column).collect()
    }
}

fn row_text(row: &[String], widths: &[usize]) -> String {
    let height = row
        .iter()
        .map(|cell| cell.lines().count())
        .max()
        .unwrap_or(0)
        .max(1);
    let mut text = String::new();
    for number in 0..height {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let part = cell.lines().nth(number).unwrap_or_default();
            line.push_str(part);
            line.push_str(&" ".repeat(width - part.width() + GAP));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The beginning of a text that is at most so many columns wide.
pub(super) fn cut(text: &str, width: usize) -> String {
    let mut taken = 0;
    text.chars()
        .take_while(|c| {
            taken += UnicodeWidthChar::width(*c).unwrap_or(0);
            taken <= width
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(heading: &'static str, cells: &[&str]) -> (&'static str, Vec<String>) {
        (heading, cells.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_line() {
        let table = Table::of_columns(&[
            column("NAME", &["a", "höher", "世界"]),
            column("PORTS", &["1\n22", "", "3"]),
            column("X", &["x", "y", ""]),
        ]);
        let expected = "\
NAME   PORTS  X
a      1      x
       22
höher         y
世界   3
";
        assert_eq!(table.text(), expected);
        assert_eq!(table.width(), 15);
    }

    #[test]
    fn a_text_is_cut_by_its_width() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abc", 2), "ab");
        assert_eq!(cut("世界", 3), "世");
        assert_eq!(cut("", 0), "");
    }

    #[test]
    fn a_table_without_rows_has_headings() {
        assert_eq!(
            Table::of_columns(&[column("NAME", &[]), column("STATE", &[])]).text(),
            "NAME  STATE\n"
        );
    }
}
