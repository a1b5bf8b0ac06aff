//! "Did you mean …?" for misspelt names.

/// The candidate nearest to `name`, if it is near enough to be a slip of the fingers: at most one edit for
/// each three characters.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, one row at a time.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut beside = index + 1;
        next.push(beside);
        for (pair, to) in row.windows(2).zip(&right) {
            let &[diagonal, above] = pair else { continue };
            beside = (beside + 1).min(above + 1).min(diagonal + usize::from(from != *to));
            next.push(beside);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (left, right, edits) in [("", "", 0), ("abc", "abc", 0), ("", "abc", 3), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(left, right), edits, "{left} {right}");
            assert_eq!(distance(right, left), edits, "{right} {left}");
        }
    }

    #[test]
    fn near_ones_only() {
        let keys = ["listen", "ops_listen", "domain"];
        assert_eq!(nearest("lisen", keys), Some("listen"));
        assert_eq!(nearest("domian", keys), Some("domain"));
        assert_eq!(nearest("colour", keys), None);
    }
}
