//! Tables for people: numbers to the right, no boxes, nothing told by colour.

/// Where the text of a column goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A column by its heading.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    heading: &'static str,
    align: Align,
}

/// A column of words.
pub const fn left(heading: &'static str) -> Column {
    Column { heading, align: Align::Left }
}

/// A column of numbers.
pub const fn right(heading: &'static str) -> Column {
    Column { heading, align: Align::Right }
}

/// Lays out rows under headings.
///
/// Widths are those of the rows added until the first [`Table::take`]; later rows keep to them, so
/// that a table of a million rows is written as it comes.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    widths: Option<Vec<usize>>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), widths: None, rows: Vec::new() }
    }

    /// Adds a row; cells beyond the columns are dropped, missing ones are empty.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The text of the rows added since the last call, with the headings before the first.
    pub fn take(&mut self) -> String {
        let rows = std::mem::take(&mut self.rows);
        let mut out = String::new();
        let widths = match self.widths.take() {
            Some(widths) => widths,
            None => {
                let widths = self.measure(&rows);
                let headings: Vec<String> = self.columns.iter().map(|c| c.heading.to_owned()).collect();
                self.line(&headings, &widths, &mut out);
                widths
            }
        };
        for row in &rows {
            self.line(row, &widths, &mut out);
        }
        self.widths = Some(widths);
        out
    }

    fn measure(&self, rows: &[Vec<String>]) -> Vec<usize> {
        let of_column = |(index, column): (usize, &Column)| {
            let cells = rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count());
            cells.max().unwrap_or(0).max(column.heading.len())
        };
        self.columns.iter().enumerate().map(of_column).collect()
    }

    fn line(&self, cells: &[String], widths: &[usize], out: &mut String) {
        let mut line = String::new();
        for (index, (column, width)) in self.columns.iter().zip(widths).enumerate() {
            let cell = cells.get(index).map_or("", String::as_str);
            if index > 0 {
                line.push_str("  ");
            }
            let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
            match column.align {
                Align::Left => line.extend([cell, &pad]),
                Align::Right => line.extend([pad.as_str(), cell]),
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// A span of time: `00:03:09`, from a day on `3d04h`.
pub fn age(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    if days > 0 {
        return format!("{days}d{hours:02}h");
    }
    format!("{hours:02}:{:02}:{:02}", seconds / 60 % 60, seconds % 60)
}

/// Octets with a unit: `512 B`, `1.5 MiB`.
pub fn octets(count: u64) -> String {
    let mut rest = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if rest < 1024.0 {
            return if unit == "B" { format!("{count} B") } else { format!("{rest:.1} {unit}") };
        }
        rest /= 1024.0;
    }
    format!("{rest:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_on_the_right_and_no_line_ends_in_blanks() {
        let mut table = Table::new([left("NAME"), right("COUNT"), left("STATE")]);
        table.row(vec!["a".into(), "5".into(), "up".into()]);
        table.row(vec!["longer".into(), "12345678".into(), String::new()]);
        assert_eq!(table.take(), "NAME       COUNT  STATE\na              5  up\nlonger  12345678\n");
    }

    #[test]
    fn rows_that_come_later_keep_the_widths() {
        let mut table = Table::new([left("A"), right("B")]);
        table.row(vec!["xx".into(), "1".into()]);
        assert_eq!(table.take(), "A   B\nxx  1\n");
        table.row(vec!["y".into(), "2".into()]);
        table.row(vec!["wider".into(), "333".into()]);
        assert_eq!(table.take(), "y   2\nwider  333\n");
    }

    #[test]
    fn ages_have_two_forms() {
        for (seconds, shown) in [(0, "00:00:00"), (189, "00:03:09"), (86_399, "23:59:59"), (273_600, "3d04h")]
        {
            assert_eq!(age(seconds), shown);
        }
    }

    #[test]
    fn octets_have_one_decimal_from_a_kibibyte_on() {
        for (count, shown) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 40, "5.0 TiB")] {
            assert_eq!(octets(count), shown);
        }
    }
}
