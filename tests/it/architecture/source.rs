//! Source files as tokens: identifiers, punctuation and literals with their lines, comments left out.

use std::{
    fs,
    path::{Path, PathBuf},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// An identifier, `::`, one character of punctuation, or a literal with its quotes.
    pub text: String,
    /// Counts from 1.
    pub line: usize,
    pub is_literal: bool,
    /// Inside an item marked `#[cfg(test)]`.
    pub in_test: bool,
}

#[derive(Debug)]
pub struct Source {
    /// As in `src/store/audit.rs`.
    pub path: String,
    /// As in `["store", "audit"]`.
    pub module: Vec<String>,
    pub tokens: Vec<Token>,
    /// Lines outside `#[cfg(test)]`.
    pub code_lines: usize,
}

impl Source {
    /// `lib.rs` and `main.rs` stand above all layers.
    pub fn is_root(&self) -> bool {
        self.module.len() == 1 && ["lib", "main"].contains(&self.module[0].as_str())
    }
}

pub fn folders(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(folders(&path));
            found.push(path);
        }
    }
    found
}

pub fn read_all(root: &Path) -> Vec<Source> {
    let mut files = Vec::new();
    for folder in folders(root).into_iter().chain([root.to_owned()]) {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "rs")));
    }
    files.sort();
    let mut sources: Vec<_> = files.iter().map(|file| read(root, file)).collect();
    let test_modules: Vec<_> = sources.iter().flat_map(test_modules).collect();
    for source in &mut sources {
        if test_modules.iter().any(|module| source.module.starts_with(module)) {
            source.tokens.iter_mut().for_each(|token| token.in_test = true);
            source.code_lines = 0;
        }
    }
    sources
}

fn read(root: &Path, file: &Path) -> Source {
    let text = fs::read_to_string(file).unwrap();
    let relative = file.strip_prefix(root).unwrap().with_extension("");
    let mut module: Vec<_> = relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    let mut tokens = tokens(&text);
    mark_tests(&mut tokens);
    let lines_of_tests = lines_of_tests(&tokens);
    let path = format!("src/{}", file.strip_prefix(root).unwrap().display());
    Source { path, module, tokens, code_lines: text.lines().count() - lines_of_tests }
}

/// Modules that a file declares by `#[cfg(test)] mod name;`.
fn test_modules(source: &Source) -> Vec<Vec<String>> {
    let declared = source
        .tokens
        .windows(3)
        .filter(|three| three[0].text == "mod" && three[2].text == ";" && three[0].in_test);
    declared.map(|three| [source.module.clone(), vec![three[1].text.clone()]].concat()).collect()
}

fn lines_of_tests(tokens: &[Token]) -> usize {
    let runs = tokens.chunk_by(|a, b| a.in_test == b.in_test).filter(|run| run[0].in_test);
    runs.map(|run| run[run.len() - 1].line - run[0].line + 1).sum()
}

/// Marks each item that `#[cfg(test)]` stands before, to its closing brace or semicolon.
fn mark_tests(tokens: &mut [Token]) {
    const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut at = 0;
    while at + CFG_TEST.len() <= tokens.len() {
        if !tokens[at..].iter().zip(CFG_TEST).all(|(token, wanted)| token.text == wanted) {
            at += 1;
            continue;
        }
        let end = end_of_item(tokens, at + CFG_TEST.len());
        tokens[at..end].iter_mut().for_each(|token| token.in_test = true);
        at = end;
    }
}

fn end_of_item(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0usize;
    for (index, token) in tokens.iter().enumerate().skip(start) {
        match token.text.as_str() {
            _ if token.is_literal => {}
            "{" | "(" | "[" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return index + 1;
                }
            }
            ";" if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Enough of Rust's lexer to tell code from comments and literals.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (length, kind) = next(rest, first);
        let (piece, after) = rest.split_at(length);
        if kind != Kind::Nothing {
            let is_literal = kind == Kind::Literal;
            tokens.push(Token { text: piece.to_owned(), line, is_literal, in_test: false });
        }
        line += piece.matches('\n').count();
        rest = after;
    }
    tokens
}

#[derive(PartialEq, Eq)]
enum Kind {
    Nothing,
    Code,
    Literal,
}

fn next(rest: &str, first: char) -> (usize, Kind) {
    if first.is_whitespace() {
        return (first.len_utf8(), Kind::Nothing);
    }
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), Kind::Nothing);
    }
    if rest.starts_with("/*") {
        return (end_of_block_comment(rest), Kind::Nothing);
    }
    if let Some(length) = end_of_string(rest) {
        return (length, Kind::Literal);
    }
    if first == '\'' {
        return end_of_quote(rest);
    }
    if first.is_alphanumeric() || first == '_' {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        return (end, Kind::Code);
    }
    (if rest.starts_with("::") { 2 } else { first.len_utf8() }, Kind::Code)
}

fn end_of_block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match rest.as_bytes().get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a string literal that begins here, raw and byte strings included.
fn end_of_string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        let after = rest.strip_prefix(prefix).unwrap_or_default().trim_start_matches('#');
        let hashes = rest.len() - prefix.len().min(rest.len()) - after.len();
        rest.starts_with(prefix) && after.starts_with('"') && (hashes == 0 || prefix.contains('r'))
    })?;
    if !prefix.contains('r') {
        let mut escaped = false;
        let body = rest.get(prefix.len() + 1..)?;
        let end = body.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        return Some(end.map_or(rest.len(), |end| prefix.len() + end + 2));
    }
    let hashes = rest[prefix.len()..].bytes().take_while(|byte| *byte == b'#').count();
    let start = prefix.len() + hashes + 1;
    let closing = format!("\"{}", "#".repeat(hashes));
    Some(rest[start..].find(&closing).map_or(rest.len(), |end| start + end + closing.len()))
}

/// A character literal, or the quote of a lifetime.
fn end_of_quote(rest: &str) -> (usize, Kind) {
    let mut characters = rest.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some(_)) => {
            // The escaped character may be a quote itself.
            let end = rest.get(3..).and_then(|tail| tail.find('\'')).map_or(rest.len(), |end| end + 4);
            (end, Kind::Literal)
        }
        (Some(_), Some((at, '\''))) => (at + 1, Kind::Literal),
        _ => (1, Kind::Code),
    }
}

#[test]
fn comments_and_literals_are_told_from_code() {
    let text = concat!(
        "a // crate::x\n/* crate::y /* in */ z */ \"crate::\\\"s\" 'c' '\\'' '\\u{7f}' &'a str ",
        "r#\"raw \" crate::r\"# b\"b\" br\"x\" r\"q\" crate::end\n"
    );
    let found = tokens(text);
    let code: Vec<_> = found.iter().filter(|token| !token.is_literal).map(|token| &*token.text).collect();
    assert_eq!(code, ["a", "&", "'", "a", "str", "crate", "::", "end"]);
    assert_eq!(found.iter().filter(|token| token.is_literal).count(), 8);
    assert_eq!(found.last().unwrap().line, 2);
}

#[test]
fn items_for_tests_are_marked_to_their_end() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() { [1, (2)] }\n}\nfn c() {}\n#[cfg(test)]\nmod d;\nfn e() {}\n#[cfg(test)]\nfn f(x: [u8; 2]) { g }";
    let mut found = tokens(text);
    mark_tests(&mut found);
    let marked = |name: &str| found.iter().find(|token| token.text == name).unwrap().in_test;
    assert_eq!(
        ["a", "b", "c", "d", "e", "f", "g"].map(marked),
        [false, true, false, true, false, true, true]
    );
    assert_eq!(lines_of_tests(&found), 4 + 2 + 2);
}
