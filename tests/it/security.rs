//! The table of attacks in `docs/SECURITY.md`, compared with the tests: each row has tests that exist and name a
//! precedent of the row, and each test that is named after a precedent stands in a row of it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

struct Row {
    what: String,
    precedents: BTreeSet<String>,
    /// File and function.
    tests: Vec<(String, String)>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rows() -> Vec<Row> {
    let page = fs::read_to_string(root().join("docs/SECURITY.md")).unwrap();
    let (_, table) = page.split_once("| What happens | Precedent | Test |").expect("the table of attacks");
    table.lines().skip(2).take_while(|line| line.starts_with('|')).map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [what, precedents, tests] = cells[..] else { panic!("not three cells: {line}") };
    let test = |word: &str| {
        let (file, name) =
            word.trim_matches('`').split_once("::").unwrap_or_else(|| panic!("no test: {word}"));
        (file.to_owned(), name.to_owned())
    };
    Row {
        what: what.to_owned(),
        precedents: precedents.split(", ").map(str::to_owned).collect(),
        tests: tests.split(' ').map(test).collect(),
    }
}

/// The text from the test's comments to its name, when there is such a test.
fn heading<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    let end = source.find(&format!("fn {name}("))?;
    let before = &source[..end];
    let is_attached = |line: &&str| line.starts_with("///") || line.starts_with("#[");
    let attached = before.lines().rev().skip(1).map(str::trim_start).take_while(is_attached).count();
    let from = before.lines().count().saturating_sub(attached + 1);
    let start: usize = before.split_inclusive('\n').take(from).map(str::len).sum();
    let text = &source[start..end + "fn ".len() + name.len()];
    text.contains("test").then_some(text)
}

/// `cve_2026_33496_…` and `rustsec_2026_0033_…` as they were published.
fn published(name: &str) -> Option<String> {
    let (kind, rest) = name.split_once('_')?;
    let mut parts = rest.split('_');
    let (year, number) = (parts.next()?, parts.next()?);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (matches!(kind, "cve" | "rustsec") && is_number(year) && is_number(number))
        .then(|| format!("{}-{year}-{number}", kind.to_uppercase()))
}

#[test]
fn every_attack_of_the_table_has_a_test_that_names_it() {
    let rows = rows();
    assert!(rows.len() >= 42, "only {}", rows.len());
    let mut wrong = Vec::new();
    for row in rows {
        let mut is_named = false;
        for (file, name) in &row.tests {
            let source = fs::read_to_string(root().join(file)).unwrap_or_default();
            let Some(heading) = heading(&source, name) else {
                wrong.push(format!("{}: {file} has no test {name}", row.what));
                continue;
            };
            // Cases of one test may each have a comment of their own.
            let says = |precedent: &String| {
                heading.contains(precedent.as_str()) || source.contains(precedent.as_str())
            };
            is_named |= published(name).is_some_and(|number| row.precedents.contains(&number));
            is_named |= row.precedents.iter().any(says);
        }
        if !is_named {
            wrong.push(format!("{}: no test says {:?}", row.what, row.precedents));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_test_named_after_a_precedent_stands_in_the_table() {
    let known: BTreeSet<_> = rows().into_iter().flat_map(|row| row.precedents).collect();
    let mut missing = BTreeSet::new();
    let mut folders = vec![root().join("src"), root().join("tests/it")];
    let mut found = 0;
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                for number in named_in(&path) {
                    found += 1;
                    missing.extend(Some(number).filter(|number| !known.contains(number)));
                }
            }
        }
    }
    assert!(found > 40, "only {found}");
    assert!(missing.is_empty(), "no row of docs/SECURITY.md has {missing:?}");
}

fn named_in(path: &PathBuf) -> Vec<String> {
    let source = fs::read_to_string(path).unwrap();
    let names =
        source.lines().filter_map(|line| line.trim_start().trim_start_matches("async ").strip_prefix("fn "));
    names.filter_map(published).collect()
}
