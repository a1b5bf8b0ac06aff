//! The TOML file, flattened to `server.listen` → value and line; unknown keys are found here.

use super::{
    errors::{ConfigError, Origin, quoted},
    section::Section,
    suggest, values, variables,
};
use std::{collections::BTreeMap, ops::Range, sync::Arc};
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

/// A value as it stands in the file, still as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    One(String),
    /// Each with its line.
    Many(Vec<(String, usize)>),
}

#[derive(Debug)]
pub(super) struct Entry {
    pub value: Value,
    pub line: usize,
}

#[derive(Debug)]
pub(super) struct TomlFile {
    path: Arc<str>,
    entries: BTreeMap<String, Entry>,
    /// `racks.<name>` and its like, each with the line of its table.
    named: BTreeMap<String, usize>,
    /// The line of each `[[group_roles]]`.
    group_roles: Vec<usize>,
    is_readable: bool,
}

type Keyed<'s, 'i> = (&'s Spanned<DeString<'i>>, &'s Spanned<DeValue<'i>>);

impl TomlFile {
    /// No file was asked for.
    pub fn none() -> Self {
        Self {
            path: "".into(),
            entries: BTreeMap::new(),
            named: BTreeMap::new(),
            group_roles: Vec::new(),
            is_readable: true,
        }
    }

    /// A file was asked for and is not there, or is not TOML.
    pub fn unreadable() -> Self {
        Self { is_readable: false, ..Self::none() }
    }

    pub fn is_readable(&self) -> bool {
        self.is_readable
    }

    /// Reads all it can; what it cannot goes to `errors`.
    pub fn parse(path: &str, text: &str, errors: &mut Vec<ConfigError>) -> Self {
        let mut walk = Walk { text, file: Self { path: path.into(), ..Self::none() }, errors };
        let (root, syntax) = DeTable::parse_recoverable(text);
        walk.file.is_readable = syntax.is_empty();
        if syntax.is_empty() {
            walk.root(root.get_ref());
        }
        for error in syntax {
            // The message only: the error's own display repeats the line, which may hold a secret.
            let message = format!("{}; correct the TOML", error.message());
            walk.complain(error.span().unwrap_or_default(), "syntax", message);
        }
        walk.file
    }

    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    pub fn racks(&self) -> Vec<String> {
        self.named(Section::Racks)
    }

    /// The names of the tables of a section that has one for each thing.
    pub fn named(&self, section: Section) -> Vec<String> {
        let prefix = format!("{}.", section.table());
        self.named.keys().filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned).collect()
    }

    /// Where each `[[group_roles]]` begins; its entries are `group_roles.<index>.<key>`.
    pub fn group_roles(&self) -> Vec<Origin> {
        self.group_roles.iter().map(|line| self.origin(*line)).collect()
    }

    pub fn origin(&self, line: usize) -> Origin {
        Origin::File { path: Arc::clone(&self.path), line }
    }

    /// Where `[racks.<name>]` begins.
    pub fn rack_origin(&self, name: &str) -> Option<Origin> {
        self.named_origin(Section::Racks, name)
    }

    /// Where a named table begins.
    pub fn named_origin(&self, section: Section, name: &str) -> Option<Origin> {
        self.named.get(&format!("{}.{name}", section.table())).map(|line| self.origin(*line))
    }
}

struct Walk<'a> {
    text: &'a str,
    file: TomlFile,
    errors: &'a mut Vec<ConfigError>,
}

impl Walk<'_> {
    fn root(&mut self, root: &DeTable<'_>) {
        for (key, value) in root {
            let name: &str = key.get_ref();
            let section = Section::ALL.into_iter().find(|section| section.table() == name);
            match (section, value.get_ref()) {
                (Some(section), DeValue::Table(tables)) if section.is_named() => self.named(section, tables),
                (Some(Section::GroupRoles), DeValue::Array(items)) => self.group_roles(items),
                (Some(Section::GroupRoles), _) => {
                    self.complain(key.span(), name, "is not a list; write each as [[group_roles]]".into());
                }
                (Some(section), DeValue::Table(table)) => self.table(name, section, table),
                (Some(_), _) => {
                    let mend = format!("is not a table; write it as [{name}]");
                    self.complain(key.span(), name, mend);
                }
                (None, _) => self.unknown(key, name, &all_keys()),
            }
        }
    }

    fn named(&mut self, section: Section, tables: &DeTable<'_>) {
        let one = match section {
            Section::Racks => "rack",
            Section::Webhooks => "webhook",
            _ => "provider",
        };
        let all = section.table();
        for (key, value) in tables {
            let name: &str = key.get_ref();
            let full = format!("{all}.{name}");
            let DeValue::Table(table) = value.get_ref() else {
                let problem =
                    format!("is not a {one}; write a table for each {one}, for example [{all}.staging]");
                self.complain(key.span(), &full, problem);
                continue;
            };
            if let Err(invalid) = values::name(name) {
                self.complain(key.span(), all, format!("{} {invalid}", quoted(name)));
                continue;
            }
            self.file.named.insert(full.clone(), self.line(key.span()));
            self.table(&full, section, table);
        }
    }

    fn group_roles(&mut self, items: &[Spanned<DeValue<'_>>]) {
        for item in items {
            let DeValue::Table(table) = item.get_ref() else {
                self.complain(
                    item.span(),
                    "group_roles",
                    "is not a table; write each as [[group_roles]]".into(),
                );
                continue;
            };
            let index = self.file.group_roles.len();
            self.file.group_roles.push(self.line(item.span()));
            self.table(&format!("group_roles.{index}"), Section::GroupRoles, table);
        }
    }

    fn table(&mut self, prefix: &str, section: Section, table: &DeTable<'_>) {
        let known = variables::keys(section);
        for (key, value) in table {
            let full = format!("{prefix}.{}", key.get_ref());
            if !known.iter().any(|known| known == key.get_ref()) {
                let candidates: Vec<_> = known.iter().map(|known| format!("{prefix}.{known}")).collect();
                self.unknown(key, &full, &[candidates, all_keys()].concat());
                continue;
            }
            self.entry(full, (key, value));
        }
    }

    fn entry(&mut self, full: String, (key, value): Keyed<'_, '_>) {
        let line = self.line(key.span());
        let value = match value.get_ref() {
            DeValue::Array(items) => {
                let texts = items.iter().map(|item| Some((scalar(item.get_ref())?, self.line(item.span()))));
                texts.collect::<Option<_>>().map(Value::Many)
            }
            single => scalar(single).map(Value::One),
        };
        match value {
            Some(value) => {
                self.file.entries.insert(full, Entry { value, line });
            }
            None => self.complain(key.span(), &full, "is a table or a date; write one value".into()),
        }
    }

    fn unknown(&mut self, key: &Spanned<DeString<'_>>, full: &str, candidates: &[String]) {
        let last = full.rsplit('.').next().unwrap_or(full);
        let same_end =
            candidates.iter().map(String::as_str).find(|known| known.rsplit('.').next() == Some(last));
        let near = suggest::nearest(full, candidates.iter().map(String::as_str)).or(same_end);
        let mend = match near {
            Some(near) => format!("did you mean {near}?"),
            None => "remove it".into(),
        };
        self.complain(key.span(), full, format!("is not a known key; {mend}"));
    }

    fn complain(&mut self, at: Range<usize>, key: &str, problem: String) {
        let origin = self.file.origin(self.line(at));
        self.errors.push(ConfigError { origin, key: key.to_owned(), problem });
    }

    fn line(&self, at: Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..at.start).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(switch) => Some(switch.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// Section names, and the full keys outside the racks.
fn all_keys() -> Vec<String> {
    let mut all = Vec::new();
    for section in Section::ALL.into_iter().filter(|section| *section != Section::File) {
        all.push(section.table().to_owned());
        if !section.is_named() && section != Section::GroupRoles {
            all.extend(variables::keys(section).iter().map(|key| format!("{}.{key}", section.table())));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (TomlFile, Vec<String>) {
        let mut errors = Vec::new();
        let file = TomlFile::parse("gateway.toml", text, &mut errors);
        (file, errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn flattens_and_remembers_lines() {
        let (file, errors) = parse(
            "[server]\nlisten = \"127.0.0.1:1\"\nworker_threads = 1_0\n\n[access]\nadmin_users = [\n  \"a@b\",\n  \"c@d\",\n]\n\
             [racks.staging]\nurl = 'x'\ndefault = true\n[sentry]\ntraces_sample_rate = 0.5\n",
        );
        assert_eq!(errors, Vec::<String>::new());
        let one = |key: &str| file.get(key).map(|entry| (entry.value.clone(), entry.line)).unwrap();
        assert_eq!(one("server.listen"), (Value::One("127.0.0.1:1".into()), 2));
        assert_eq!(one("server.worker_threads"), (Value::One("10".into()), 3));
        assert_eq!(one("access.admin_users"), (Value::Many(vec![("a@b".into(), 7), ("c@d".into(), 8)]), 6));
        assert_eq!(one("racks.staging.default"), (Value::One("true".into()), 12));
        assert_eq!(one("sentry.traces_sample_rate"), (Value::One("0.5".into()), 14));
        assert_eq!(file.racks(), ["staging"]);
        assert_eq!(file.rack_origin("staging").unwrap().to_string(), "gateway.toml:10");
    }

    #[test]
    fn unknown_keys_get_a_suggestion() {
        for (text, expected) in [
            (
                "[server]\nlisten = ''\nlistn = ''",
                "3: server.listn: is not a known key; did you mean server.listen?",
            ),
            ("[servr]\nlisten = ''", "1: servr: is not a known key; did you mean server?"),
            ("listen = ''", "1: listen: is not a known key; did you mean server.listen?"),
            ("[log]\nlisten = ''", "2: log.listen: is not a known key; did you mean server.listen?"),
            ("[racks.a]\nurll = ''", "2: racks.a.urll: is not a known key; did you mean racks.a.url?"),
            ("[racks.a]\ntoken = 'x'", "2: racks.a.token: is not a known key; remove it"),
            ("colour = 'x'", "1: colour: is not a known key; remove it"),
        ] {
            assert_eq!(parse(text).1, [format!("gateway.toml:{expected}")], "{text}");
        }
    }

    #[test]
    fn wrong_shapes() {
        for (text, expected) in [
            ("server = 1", "1: server: is not a table; write it as [server]"),
            (
                "[racks]\nstaging = 'x'",
                "2: racks.staging: is not a rack; write a table for each rack, for example [racks.staging]",
            ),
            (
                "[racks.'A b']\n",
                "1: racks: \"A b\" is not a name; write 1 to 40 of the characters a-z, 0-9 and -",
            ),
            ("[server]\nlisten = {a = 1}", "2: server.listen: is a table or a date; write one value"),
            ("[server]\nlisten = [[1]]", "2: server.listen: is a table or a date; write one value"),
            ("[server]\nlisten = 2020-01-01", "2: server.listen: is a table or a date; write one value"),
        ] {
            assert_eq!(parse(text).1, [format!("gateway.toml:{expected}")], "{text}");
        }
    }

    #[test]
    fn syntax_errors_have_a_line_and_leak_nothing() {
        let (_, errors) = parse("[racks.a]\n\npassword = \"hunter2\nurl = 1");
        assert!(!errors.is_empty());
        for error in &errors {
            assert!(error.starts_with("gateway.toml:3: syntax: "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let (_, errors) = parse("[log]\nlevel = 'info'\nlevel = 'warn'");
        assert!(errors[0].starts_with("gateway.toml:3: syntax: duplicate key"), "{errors:?}");
    }
}
