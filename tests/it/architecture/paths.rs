//! Which modules of the crate a file names, by `crate::`, or by `super::` far enough up.

use super::source::Token;

#[derive(Debug, PartialEq, Eq)]
pub struct Used {
    /// The module just below the root of the crate.
    pub top: String,
    pub line: usize,
    pub in_test: bool,
}

/// Every path of `tokens` that leads into a module just below the root. `module` is the file's own.
pub fn into_the_crate(tokens: &[Token], module: &[String]) -> Vec<Used> {
    let mut used = Vec::new();
    let mut inside = module.to_vec();
    let mut braces: Vec<bool> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            _ if token.is_literal => {}
            "{" => {
                // `mod name {` opens a module, any other brace does not.
                let opens = at >= 2 && tokens[at - 2].text == "mod";
                if opens {
                    inside.push(tokens[at - 1].text.clone());
                }
                braces.push(opens);
            }
            "}" if braces.pop() == Some(true) => {
                inside.pop();
            }
            "crate" | "super" if is_start(tokens, at) => {
                let mut paths = Vec::new();
                at = tree(tokens, at, &[], &mut paths);
                let tops = paths.iter().filter_map(|path| resolve(path, &inside));
                let (line, in_test) = (token.line, token.in_test);
                used.extend(tops.map(|top| Used { top, line, in_test }));
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    used
}

/// `pub(crate)` and `pub(super)` are no paths.
fn is_start(tokens: &[Token], at: usize) -> bool {
    let follows = tokens.get(at + 1).is_some_and(|token| token.text == "::");
    let continues = at > 0 && tokens[at - 1].text == "::";
    follows && !continues
}

/// Reads `a::b::{c, d::e}` from `at` and gives the place after it. A path in code ends before anything else.
fn tree(tokens: &[Token], at: usize, before: &[String], out: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    let mut at = at;
    loop {
        match tokens.get(at).map(|token| token.text.as_str()) {
            Some("{") => return group(tokens, at + 1, &path, out),
            Some(name) if name.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                path.push(name.to_owned());
                at += 1;
            }
            // `*`, the end of a group, or the `<` of a turbofish.
            _ => break,
        }
        if tokens.get(at).is_none_or(|token| token.text != "::") {
            break;
        }
        at += 1;
    }
    out.push(path);
    at
}

fn group(tokens: &[Token], start: usize, before: &[String], out: &mut Vec<Vec<String>>) -> usize {
    let mut at = start;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "}" => return at + 1,
            // A renamed import: the new name is no path.
            "as" => at += 2,
            "," | "*" => at += 1,
            _ => {
                let after = tree(tokens, at, before, out);
                at = after.max(at + 1);
            }
        }
    }
    at
}

/// The module just below the root that `path` leads into; `None` for one that stays in its own.
fn resolve(path: &[String], inside: &[String]) -> Option<String> {
    if path.first()? == "crate" {
        return path.get(1).cloned();
    }
    let ups = path.iter().take_while(|part| *part == "super").count();
    match inside.len().checked_sub(ups)? {
        0 => path.get(ups).cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::source::tokens, *};

    fn tops(text: &str, module: &[&str]) -> Vec<String> {
        let module: Vec<_> = module.iter().map(|part| (*part).to_owned()).collect();
        into_the_crate(&tokens(text), &module).into_iter().map(|used| used.top).collect()
    }

    #[test]
    fn paths_by_crate() {
        let text = "use crate::{core::{Secret, id::UserId}, identity::email as mail, policy};\n\
             pub(crate) fn f() { crate::store::open::<u8>(); $crate::config::x!{} }\n\
             use other::krate::{a}; impl crate::audit::Sink for X {}";
        assert_eq!(tops(text, &["cli"]), ["core", "core", "identity", "policy", "store", "config", "audit"]);
    }

    #[test]
    fn paths_by_super() {
        assert_eq!(tops("use super::boot::Boot;", &["cli"]), ["boot"]);
        assert_eq!(tops("use super::context::Admin;", &["cli", "users"]), Vec::<String>::new());
        assert_eq!(tops("use super::super::boot;", &["cli", "users"]), ["boot"]);
        assert_eq!(tops("mod tests { use super::super::x; } use super::y;", &["cli"]), ["x", "y"]);
        assert_eq!(tops("use super::{super::boot, output};", &["cli", "users"]), ["boot"]);
    }
}
