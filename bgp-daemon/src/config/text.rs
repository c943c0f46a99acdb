//! The text of a configuration file, and what an error shows of it.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Octets of the text, from the first to one past the last.
pub(crate) type Span = Range<usize>;

/// A file that has been read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source {
    /// As the operator named it.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

/// Place in a file, counted from one; columns count characters, as editors do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Character in that line.
    pub column: usize,
}

impl Source {
    /// Names a text.
    pub fn new(path: impl AsRef<Path>, text: impl Into<String>) -> Self {
        Self { path: path.as_ref().to_owned(), text: text.into() }
    }

    /// Line and column of an octet; the end of the text for anything beyond.
    pub fn position(&self, offset: usize) -> Position {
        let before = self.before(offset);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let in_line = before.get(line_start..).unwrap_or_default();
        Position { line: before.matches('\n').count() + 1, column: in_line.chars().count() + 1 }
    }

    /// The line an octet is in, with a mark under `span`; keys and their secrets are cut off.
    pub(crate) fn excerpt(&self, span: &Span) -> String {
        let at = self.position(span.start);
        let line = self.text.lines().nth(at.line - 1).unwrap_or_default();
        let shown = without_secret(line).replace('\t', " ");
        let room = shown.chars().count().saturating_sub(at.column - 1).max(1);
        let marked = self.text.get(span.clone()).unwrap_or_default();
        let marked = marked.lines().next().unwrap_or_default().chars().count().clamp(1, room);
        let number = at.line.to_string();
        let gutter = " ".repeat(number.len());
        let mut out = String::new();
        let indent = " ".repeat(at.column - 1);
        let marks = "^".repeat(marked);
        // Writing to a String cannot fail.
        let _ = write!(out, "{gutter} |\n{number} | {}\n{gutter} | {indent}{marks}", shown.trim_end());
        out
    }

    fn before(&self, offset: usize) -> &str {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.get(..end).unwrap_or_default()
    }
}

/// The line up to the value of a `password` key: an error must not carry a secret into a log.
fn without_secret(line: &str) -> String {
    const KEY: &str = "password";
    for (at, _) in line.match_indices(KEY) {
        let (head, rest) = line.split_at(at + KEY.len());
        let rest = rest.trim_start_matches(['"', '\'']).trim_start();
        if rest.starts_with('=') {
            return format!("{head} = …");
        }
    }
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let source = Source::new("f", "ä = 1\nö = 22\n");
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        let at = source.text.find("22").unwrap();
        assert_eq!(source.position(at), Position { line: 2, column: 5 });
        assert_eq!(source.position(1000), Position { line: 3, column: 1 });
    }

    #[test]
    fn an_excerpt_marks_the_span_and_stays_in_its_line() {
        let source = Source::new("f", "a = 1\nhold-tme = [\n 1 ]\n");
        assert_eq!(source.excerpt(&(6..14)), "  |\n2 | hold-tme = [\n  | ^^^^^^^^");
        assert_eq!(source.excerpt(&(17..22)), "  |\n2 | hold-tme = [\n  |            ^");
        assert_eq!(source.excerpt(&(900..901)), "  |\n4 | \n  | ^");
    }

    #[test]
    fn an_excerpt_never_shows_a_password() {
        for line in ["password = \"s3cret\"", "n = { password=\"s3cret\" }", "\"password\" = 's3cret'"] {
            let shown = Source::new("f", line).excerpt(&(0..1));
            assert!(!shown.contains("s3cret"), "{shown}");
        }
        assert!(Source::new("f", "password-file = \"/etc/k\"").excerpt(&(0..1)).contains("/etc/k"));
    }
}
