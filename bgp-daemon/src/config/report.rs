//! What is wrong with a configuration: every fault with its place, its line and a hint.

use std::fmt;

use super::text::{Source, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but does perhaps not do what was meant.
    Warning,
}

/// One fault.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where in the text; `None` when it is about the whole.
    pub(crate) span: Option<Span>,
    /// One line: what was found, with its value.
    pub message: String,
    /// What to do about it.
    pub hints: Vec<String>,
}

/// Every fault of one file, in the order of the text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    source: Source,
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    pub(crate) fn new(source: Source, mut diagnostics: Vec<Diagnostic>) -> Self {
        // What concerns the whole comes last; the sort keeps equal places in order of discovery.
        diagnostics.sort_by_key(|d| d.span.as_ref().map_or(usize::MAX, |span| span.start));
        Self { source, diagnostics }
    }

    /// A file that could not be read.
    pub(crate) fn unreadable(path: &std::path::Path, error: &std::io::Error) -> Self {
        let message = format!("cannot be read: {error}");
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => "name the file with `--config FILE`",
            std::io::ErrorKind::PermissionDenied => "run as a user who may read it",
            _ => "it must be a text file in UTF-8",
        };
        let diagnostic =
            Diagnostic { severity: Severity::Error, span: None, message, hints: vec![hint.to_owned()] };
        Self::new(Source::new(path, ""), vec![diagnostic])
    }

    /// The faults, in the order of the text.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Each fault in one line, for a log.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.diagnostics.iter().map(|diagnostic| format!("{}{}", self.place(diagnostic), diagnostic.message))
    }

    /// The first fault in one line, for places that have room for one.
    pub fn summary(&self) -> String {
        let Some(first) = self.diagnostics.first() else { return "no error".to_owned() };
        let more = match self.diagnostics.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        format!("{}{}{more}", self.place(first), first.message)
    }

    fn place(&self, diagnostic: &Diagnostic) -> String {
        let path = self.source.path.display();
        match &diagnostic.span {
            Some(span) => {
                let at = self.source.position(span.start);
                format!("{path}:{}:{}: ", at.line, at.column)
            }
            None => format!("{path}: "),
        }
    }
}

impl std::error::Error for Report {}

/// `error: PATH:LINE:COLUMN: …`, the line itself with a mark, and `hint:` lines, for every fault.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.diagnostics {
            let word = match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            writeln!(f, "{word}: {}{}", self.place(diagnostic), diagnostic.message)?;
            if let Some(span) = &diagnostic.span {
                writeln!(f, "{}", self.source.excerpt(span))?;
            }
            for hint in &diagnostic.hints {
                writeln!(f, "hint: {hint}")?;
            }
        }
        Ok(())
    }
}

/// Collects faults while reading goes on.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Sink {
    /// Adds an error; hints may be added to what is returned.
    pub(crate) fn error(&mut self, span: impl Into<Option<Span>>, message: impl Into<String>) -> Added<'_> {
        self.push(Severity::Error, span.into(), message.into())
    }

    /// Adds a warning.
    pub(crate) fn warning(&mut self, span: impl Into<Option<Span>>, message: impl Into<String>) -> Added<'_> {
        self.push(Severity::Warning, span.into(), message.into())
    }

    /// Whether anything makes the configuration unusable.
    pub(crate) fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }

    /// Whether something inside this place is wrong already.
    pub(crate) fn has_error_within(&self, place: &Span) -> bool {
        let within = |span: &Span| place.start <= span.start && span.end <= place.end;
        self.diagnostics.iter().any(|d| d.severity == Severity::Error && d.span.as_ref().is_some_and(within))
    }

    /// The errors alone.
    pub(crate) fn into_errors(self) -> Vec<Diagnostic> {
        self.diagnostics.into_iter().filter(|d| d.severity == Severity::Error).collect()
    }

    fn push(&mut self, severity: Severity, span: Option<Span>, message: String) -> Added<'_> {
        self.diagnostics.push(Diagnostic { severity, span, message, hints: Vec::new() });
        Added { sink: self }
    }
}

/// The fault just added.
pub(crate) struct Added<'a> {
    sink: &'a mut Sink,
}

impl Added<'_> {
    /// Adds a hint to it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        if let Some(last) = self.sink.diagnostics.last_mut() {
            last.hints.push(hint.into());
        }
        self
    }

    /// Adds `did you mean` when one of the known words is close to what was written.
    pub(crate) fn did_you_mean<'w>(self, written: &str, known: impl IntoIterator<Item = &'w str>) -> Self {
        match closest(written, known) {
            Some(word) => self.hint(format!("did you mean `{word}`?")),
            None => self,
        }
    }
}

/// The known word most like the written one, if any is like it at all.
pub(crate) fn closest<'w>(written: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let like = |word: &&str| strsim::jaro_winkler(&written.to_lowercase().replace('_', "-"), word);
    let best = known.into_iter().max_by(|a, b| like(a).total_cmp(&like(b)))?;
    (like(&best) > 0.82).then_some(best)
}
