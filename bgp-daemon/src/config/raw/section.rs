//! Tables of keys: reading one, and telling about it.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::report::Sink;
use super::super::text::Span;
use super::super::unavailable;
use super::value::{FromToml, wrong_type};

/// What the reference page says about a key.
#[derive(Clone, Debug)]
pub(crate) struct KeyInfo {
    /// As written in the file.
    pub(crate) name: &'static str,
    /// What its value is.
    pub(crate) kind: String,
    /// What holds without it.
    pub(crate) default: &'static str,
    /// What it does.
    pub(crate) doc: String,
    /// Where it stands: `neighbor.bfd`.
    pub(crate) path: String,
}

/// A table with known keys.
pub(crate) trait Section: Sized {
    /// As errors call it: `[[neighbor]]`.
    const TITLE: &'static str;
    /// What the section is about.
    fn about() -> String;
    /// Its keys in the order of the reference.
    fn keys() -> Vec<KeyInfo>;
    /// Reads the known keys, reporting what is wrong with them.
    fn read_keys(table: &DeTable<'_>, at: Span, sink: &mut Sink) -> Self;

    /// Reads the whole table: known keys, and a fault for each unknown one.
    fn read(table: &DeTable<'_>, at: Span, sink: &mut Sink) -> Self {
        report_unknown(table, Self::TITLE, &Self::keys(), sink);
        Self::read_keys(table, at, sink)
    }
}

impl<T: Section> FromToml for T {
    fn kind() -> String {
        "table".to_owned()
    }

    fn from_toml(key: &str, value: &Spanned<DeValue<'_>>, sink: &mut Sink) -> Option<Self> {
        match value.get_ref() {
            DeValue::Table(table) => Some(T::read(table, value.span(), sink)),
            DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_table()) => {
                sink.error(value.span(), format!("`{key}` must be one table, found several"))
                    .hint(format!("write `[{key}]`, once"));
                None
            }
            _ => wrong_type::<T>(key, value, sink),
        }
    }

    const TABLE: bool = true;
}

/// One key of a table: `None` when it is absent or wrong.
pub(super) fn read_key<T: FromToml>(
    table: &DeTable<'_>,
    section: &str,
    key: &str,
    sink: &mut Sink,
) -> Option<Spanned<T>> {
    let (written, value) = table.get_key_value(key)?;
    unavailable::check(section, key, written.span(), value.get_ref(), sink);
    T::from_toml(key, value, sink).map(|read| Spanned::new(value.span(), read))
}

/// A fault for every key of the table that is not among the known.
pub(super) fn report_unknown(table: &DeTable<'_>, title: &str, known: &[KeyInfo], sink: &mut Sink) {
    for written in table.keys() {
        let name: &str = written.get_ref();
        if known.iter().any(|key| key.name == name) {
            continue;
        }
        let place = if title.is_empty() { String::new() } else { format!(" in {title}") };
        let added = sink.error(written.span(), format!("unknown key `{name}`{place}"));
        match super::super::report::closest(name, known.iter().map(|key| key.name)) {
            Some(word) => added.hint(format!("did you mean `{word}`?")),
            None => added.hint(format!("known here: {}", names(known))),
        };
    }
}

fn names(known: &[KeyInfo]) -> String {
    let names: Vec<&str> = known.iter().map(|key| key.name).collect();
    names.join(", ")
}

/// Declares a table: its title, its path, and each key with type, default and description.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $name:ident $title:literal $path:literal {
            $( $(#[doc = $doc:literal])+ $key:literal $field:ident: $type:ty = $default:literal, )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        #[allow(dead_code, reason = "keys of later releases are read and typed, then refused")]
        pub(crate) struct $name {
            $( $(#[doc = $doc])+ pub(crate) $field: Option<toml::Spanned<$type>>, )+
            /// Where the table is.
            pub(crate) at: $crate::config::text::Span,
            /// Keys that stand in the file, rightly or wrongly: not to be called missing.
            pub(crate) written: Vec<&'static str>,
        }

        impl $name {
            /// Whether the key stands in the file, be its value right or wrong.
            #[allow(dead_code, reason = "not every table has a required key")]
            pub(crate) fn has(&self, key: &str) -> bool {
                self.written.contains(&key)
            }
        }

        impl $crate::config::raw::section::Section for $name {
            const TITLE: &'static str = $title;

            fn about() -> String {
                [$($about),+].concat().trim().to_owned()
            }

            fn keys() -> Vec<$crate::config::raw::section::KeyInfo> {
                vec![$( $crate::config::raw::section::KeyInfo {
                    name: $key,
                    kind: <$type as $crate::config::raw::value::FromToml>::kind(),
                    default: $default,
                    doc: [$($doc),+].concat().trim().to_owned(),
                    path: if $path.is_empty() { $key.to_owned() } else { format!("{}.{}", $path, $key) },
                }, )+]
            }

            fn read_keys(
                table: &toml::de::DeTable<'_>,
                at: $crate::config::text::Span,
                sink: &mut $crate::config::report::Sink,
            ) -> Self {
                Self {
                    $( $field: $crate::config::raw::section::read_key(table, $path, $key, sink), )+
                    at,
                    written: [$($key),+].into_iter().filter(|key| table.contains_key(*key)).collect(),
                }
            }
        }
    };
}
pub(super) use section;
