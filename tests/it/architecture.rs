//! The house rules that the compiler does not know: layers point down only, SQL stays in the store, files stay
//! short. Every violation is listed at once.

mod paths;
mod source;

use source::Source;
use std::{collections::BTreeSet, fs, path::Path};

/// From the top; each row may use itself and the rows below. The documentation of `src/lib.rs` says the same.
const LAYERS: [&[&str]; 9] = [
    &["boot"],
    &["http", "listener"],
    &["api", "web", "cli"],
    &["gateway", "jobs"],
    &["upstream", "notify", "demo", "registry"],
    &["identity", "policy", "audit", "directory", "observe"],
    &["store", "net"],
    &["config"],
    &["core"],
];

const LONGEST: usize = 400;

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

#[test]
fn the_house_rules_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let sources = source::read_all(&root);
    assert!(sources.len() > 50, "only {} files were found", sources.len());

    let mut violations = BTreeSet::new();
    for source in &sources {
        violations.extend(layers(source));
        violations.extend(forbidden_words(source));
        violations.extend(sql(source));
        violations.extend(length(source));
    }
    violations.extend(folders(&root));
    let list: Vec<_> = violations.into_iter().collect();
    assert!(list.is_empty(), "{} violations:\n{}", list.len(), list.join("\n"));
}

#[test]
fn the_layers_stand_in_the_documentation_of_the_crate() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let mut rest: String = lib.lines().filter_map(|line| line.strip_prefix("//!")).collect();
    for module in LAYERS.iter().copied().flatten() {
        let (_, after) =
            rest.split_once(module).unwrap_or_else(|| panic!("{module} is missing or out of order"));
        rest = after.to_owned();
    }
}

/// Paths into modules of a higher row, or of none. Tests may reach for anything that the crate has.
fn layers(source: &Source) -> Vec<String> {
    let Some(own) = source.module.first().filter(|_| !source.is_root()) else { return Vec::new() };
    let Some(own_layer) = layer(own) else {
        return vec![format!("{}: the module {own} is in no layer; add it to LAYERS", source.path)];
    };
    let used = paths::into_the_crate(&source.tokens, &source.module);
    let tokens = used.into_iter().filter(|path| !path.in_test);
    tokens
        .filter_map(|path| match (layer(&path.top), path.top.as_str()) {
            (Some(other), _) if other >= own_layer => None,
            (Some(_), other) => {
                Some(format!("{}:{}: {own} uses {other}, which is above it", source.path, path.line))
            }
            // A name that stands in the root itself.
            (None, other) => Some(format!("{}:{}: {other} is in no layer", source.path, path.line)),
        })
        .collect()
}

fn forbidden_words(source: &Source) -> Vec<String> {
    let words = ["unsafe", "AssertSqlSafe"];
    let found =
        source.tokens.iter().filter(|token| words.contains(&token.text.as_str()) && !token.is_literal);
    found.map(|token| format!("{}:{}: has {}", source.path, token.line, token.text)).collect()
}

/// Literals that begin like a statement, outside `src/store`.
fn sql(source: &Source) -> Vec<String> {
    if source.module.first().is_some_and(|module| module == "store") {
        return Vec::new();
    }
    let starts = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "CREATE TABLE "];
    let is_sql = |text: &str| {
        let text = text.trim_start_matches(['r', '#', '"', 'b']).trim_start();
        starts.iter().any(|start| text.starts_with(start))
    };
    let found =
        source.tokens.iter().filter(|token| token.is_literal && !token.in_test && is_sql(&token.text));
    found.map(|token| format!("{}:{}: has SQL outside src/store", source.path, token.line)).collect()
}

fn length(source: &Source) -> Option<String> {
    (source.code_lines > LONGEST).then(|| {
        format!("{}: {} lines without its tests, more than {LONGEST}", source.path, source.code_lines)
    })
}

/// Each folder says in its `mod.rs`, or in the file of its name beside it, what lives there. One named `tests`
/// needs no words.
fn folders(root: &Path) -> Vec<String> {
    let mut violations = Vec::new();
    for folder in source::folders(root).into_iter().filter(|folder| !folder.ends_with("tests")) {
        let [inside, beside] = [folder.join("mod.rs"), folder.with_extension("rs")];
        let text = fs::read_to_string(&inside).or_else(|_| fs::read_to_string(beside)).unwrap_or_default();
        if !text.starts_with("//!") {
            violations.push(format!("{}: is missing or does not begin with //!", inside.display()));
        }
    }
    violations
}
