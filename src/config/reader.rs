//! Looks one setting after the other up, in the environment, then in the file, then in the table of defaults,
//! and collects what is wrong, what is doubtful, and what was found where.

use super::{
    env::Env,
    errors::{ConfigError, Origin, quoted, without_credentials},
    prints::Prints,
    text_file,
    toml_file::{TomlFile, Value},
    values::Checked,
    variables::Variable,
};
use crate::core::redact::REDACTED;
use std::path::{Path, PathBuf};

/// Key, value (secrets as `[REDACTED]`) and source of one setting.
pub type SummaryRow = (String, String, String);

/// Where one setting may stand.
#[derive(Debug, Clone)]
pub(super) struct Place {
    env: Option<&'static str>,
    toml: Option<String>,
    default: &'static str,
    secret: bool,
}

impl From<&Variable> for Place {
    fn from(row: &Variable) -> Self {
        Self {
            env: Some(row.name),
            toml: (!row.key.is_empty()).then(|| format!("{}.{}", row.section.table(), row.key)),
            default: row.default,
            secret: row.is_secret(),
        }
    }
}

impl Place {
    pub fn new(row: &Variable, env: Option<&'static str>, toml: String) -> Self {
        Self { env, toml: Some(toml), default: row.default, secret: row.is_secret() }
    }

    /// A setting that only the environment knows.
    pub const fn in_environment(name: &'static str) -> Self {
        Self { env: Some(name), toml: None, default: "", secret: false }
    }

    /// A setting that only the file knows.
    pub fn in_file(toml: String) -> Self {
        Self { env: None, toml: Some(toml), default: "", secret: false }
    }

    /// The name by which messages call a setting that stands nowhere.
    fn label(&self) -> String {
        self.env.map(str::to_owned).or_else(|| self.toml.clone()).unwrap_or_default()
    }
}

/// A value before it is parsed.
#[derive(Debug)]
struct Found {
    key: String,
    origin: Origin,
    value: Value,
}

pub(super) struct Reader<'a> {
    env: &'a dyn Env,
    pub file: TomlFile,
    pub errors: Vec<ConfigError>,
    pub warnings: Vec<String>,
    pub summary: Vec<SummaryRow>,
    pub prints: Prints,
    /// Files of secrets that were read.
    pub files: Vec<PathBuf>,
}

impl<'a> Reader<'a> {
    pub fn new(env: &'a dyn Env, file: TomlFile, errors: Vec<ConfigError>) -> Self {
        Self {
            env,
            file,
            errors,
            warnings: Vec::new(),
            summary: Vec::new(),
            prints: Prints::default(),
            files: Vec::new(),
        }
    }

    /// The setting or its default. `None` means that an error was recorded.
    pub fn required<T>(
        &mut self,
        place: impl Into<Place>,
        parse: impl FnOnce(&str) -> Checked<T>,
    ) -> Option<T> {
        let place = place.into();
        if self.is_set(&place) {
            return self.optional(place, parse);
        }
        let (key, default) = (place.label(), place.default);
        let found = Found { key, origin: Origin::Default, value: Value::One(default.to_owned()) };
        self.parse_one(&found, &place, parse)
    }

    /// The setting, if it is set and right; a wrong one is recorded as an error.
    pub fn optional<T>(
        &mut self,
        place: impl Into<Place>,
        parse: impl FnOnce(&str) -> Checked<T>,
    ) -> Option<T> {
        let place = place.into();
        let found = self.find(&place)?;
        self.parse_one(&found, &place, parse)
    }

    /// A list: an array in the file, or one text with commas.
    pub fn list<T>(&mut self, place: impl Into<Place>, parse: impl Fn(&str) -> Checked<T>) -> Vec<T> {
        let place = place.into();
        let Some(found) = self.find(&place) else { return Vec::new() };
        let items: Vec<(String, Origin)> = match &found.value {
            Value::One(text) => text.split(',').map(|item| (item.to_owned(), found.origin.clone())).collect(),
            Value::Many(items) => {
                items.iter().map(|(item, line)| (item.clone(), self.file.origin(*line))).collect()
            }
        };
        let mut parsed = Vec::new();
        let mut shown = Vec::new();
        for (item, origin) in items {
            let item = item.trim();
            if item.is_empty() {
                continue;
            }
            shown.push(item.to_owned());
            match parse(item) {
                Ok(value) => parsed.push(value),
                Err(invalid) => self.complain(origin, &found.key, format!("{} {invalid}", quoted(item))),
            }
        }
        let shown = shown.join(",");
        self.prints.add(place.label(), &shown);
        self.summary.push((place.label(), shown, found.origin.to_string()));
        parsed
    }

    /// True when the setting stands somewhere, right or wrong.
    pub fn is_set(&self, place: &Place) -> bool {
        self.origin_of(place).is_some()
    }

    /// Where the strongest value of the setting stands.
    pub fn origin_of(&self, place: &Place) -> Option<Origin> {
        if self.in_env(place) {
            return Some(Origin::Environment);
        }
        let key = place.toml.as_deref()?;
        let entry =
            self.file.get(key).or_else(|| self.file.get(&format!("{key}_file")).filter(|_| place.secret));
        entry.map(|entry| self.file.origin(entry.line))
    }

    /// True when the environment sets it, itself or by `_FILE`.
    pub fn in_env(&self, place: &Place) -> bool {
        let Some(name) = place.env else { return false };
        self.env_text(name).is_some() || (place.secret && self.env_text(&format!("{name}_FILE")).is_some())
    }

    pub fn complain(&mut self, origin: Origin, key: &str, problem: String) {
        self.errors.push(ConfigError { origin, key: key.to_owned(), problem });
    }

    /// Records a problem with a setting where it stands; `problem` holds no value of a secret.
    pub fn complain_about(&mut self, place: impl Into<Place>, problem: String) {
        let (origin, key) = self.position(&place.into());
        self.complain(origin, &key, problem);
    }

    /// Records a doubt about a setting where it stands.
    pub fn warn_about(&mut self, place: &Place, doubt: &str) {
        let (origin, key) = self.position(place);
        self.warnings.push(format!("{origin}: {key}: {doubt}"));
    }

    fn position(&self, place: &Place) -> (Origin, String) {
        let origin = self.origin_of(place).unwrap_or(Origin::Default);
        let key = match (&origin, &place.toml) {
            (Origin::File { .. }, Some(key)) => key.clone(),
            _ => place.label(),
        };
        (origin, key)
    }

    fn parse_one<T>(
        &mut self,
        found: &Found,
        place: &Place,
        parse: impl FnOnce(&str) -> Checked<T>,
    ) -> Option<T> {
        let Value::One(text) = &found.value else {
            self.complain(found.origin.clone(), &found.key, "is a list; write one value".into());
            return None;
        };
        if text.trim().is_empty() {
            self.complain(
                found.origin.clone(),
                &found.key,
                "is empty; write a value or remove the key".into(),
            );
            return None;
        }
        self.prints.add(place.label(), text);
        let shown = if place.secret { REDACTED.to_owned() } else { without_credentials(text) };
        self.summary.push((place.label(), shown, found.origin.to_string()));
        match parse(text) {
            Ok(value) => Some(value),
            Err(invalid) => {
                let value = if place.secret { "the value".to_owned() } else { quoted(text) };
                self.complain(found.origin.clone(), &found.key, format!("{value} {invalid}"));
                None
            }
        }
    }

    fn find(&mut self, place: &Place) -> Option<Found> {
        if self.in_env(place) {
            return self.find_in_env(place.env?, place.secret);
        }
        self.find_in_file(place.toml.as_deref()?, place.secret)
    }

    fn find_in_env(&mut self, name: &str, secret: bool) -> Option<Found> {
        let path_name = format!("{name}_FILE");
        let direct = self.env_text(name);
        let path = self.env_text(&path_name).filter(|_| secret);
        if direct.as_ref().is_some_and(|text| text.contains(char::REPLACEMENT_CHARACTER)) {
            self.complain(Origin::Environment, name, "the value is not UTF-8 text; write it again".into());
            return None;
        }
        let (key, text) = match (direct, path) {
            (Some(_), Some(_)) => {
                let problem = format!("is set together with {path_name}; keep one of the two");
                self.complain(Origin::Environment, name, problem);
                return None;
            }
            (Some(text), None) if secret => (name.to_owned(), text),
            (Some(text), None) => (name.to_owned(), text.trim().to_owned()),
            (None, Some(path)) => {
                let text = self.secret_file(Origin::Environment, &path_name, &path)?;
                (path_name, text)
            }
            (None, None) => return None,
        };
        Some(Found { key, origin: Origin::Environment, value: Value::One(text) })
    }

    fn find_in_file(&mut self, key: &str, secret: bool) -> Option<Found> {
        let path_key = format!("{key}_file");
        let entry =
            |key: &str| self.file.get(key).map(|entry| (entry.value.clone(), self.file.origin(entry.line)));
        match (entry(key), entry(&path_key).filter(|_| secret)) {
            (Some((_, origin)), Some(_)) => {
                self.complain(origin, key, format!("is set together with {path_key}; keep one of the two"));
                None
            }
            (Some((value, origin)), None) => Some(Found { key: key.to_owned(), origin, value }),
            (None, Some((Value::One(path), origin))) => {
                let text = self.secret_file(origin.clone(), &path_key, &path)?;
                Some(Found { key: path_key, origin, value: Value::One(text) })
            }
            (None, Some((Value::Many(_), origin))) => {
                self.complain(origin, &path_key, "is a list; write one path".into());
                None
            }
            (None, None) => None,
        }
    }

    fn secret_file(&mut self, origin: Origin, key: &str, path: &str) -> Option<String> {
        self.files.push(PathBuf::from(path));
        match text_file::read_secret(Path::new(path)) {
            Ok(secret) => Some(secret),
            Err(problem) => {
                self.complain(origin, key, format!("{} {problem}", quoted(path)));
                None
            }
        }
    }

    /// An empty variable counts as one that is not set: orchestrators cannot unset one.
    fn env_text(&self, name: &str) -> Option<String> {
        self.env.get(name).filter(|text| !text.trim().is_empty())
    }
}
