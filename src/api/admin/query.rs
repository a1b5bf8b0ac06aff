//! Parameters behind the question mark, and pages.

use super::super::ApiError;

/// The parameters of one call; each mistake names its field.
#[derive(Debug)]
pub struct Query {
    given: Vec<(String, String)>,
}

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

impl Query {
    /// Reads what stands behind the question mark, where only `known` names may be, each once.
    pub fn read(raw: Option<&str>, known: &[&str]) -> Result<Self, ApiError> {
        let mut given: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
            let name: String = name.chars().take(60).collect();
            if !known.contains(&name.as_str()) {
                return Err(ApiError::field(name, format!("is not known here; use {}", known.join(", "))));
            }
            if given.iter().any(|(one, _)| *one == name) {
                return Err(ApiError::field(name, "is given twice"));
            }
            given.push((name, value.into_owned()));
        }
        Ok(Self { given })
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    pub fn one_of(&self, name: &str, words: &[&'static str]) -> Result<Option<&'static str>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let found = words.iter().find(|word| **word == value);
        let problem = || ApiError::field(name, format!("must be one of {}", words.join(", ")));
        found.copied().map(Some).ok_or_else(problem)
    }

    fn limit(&self) -> Result<usize, ApiError> {
        let Some(text) = self.get("limit") else { return Ok(DEFAULT_LIMIT) };
        let number = text.parse().ok().filter(|number| (1..=MAX_LIMIT).contains(number));
        number.ok_or_else(|| ApiError::field("limit", format!("is not a whole number from 1 to {MAX_LIMIT}")))
    }
}

/// The page that `limit` and `cursor` of the query mean, and the cursor of the next one. `items` are in the order of
/// `key`, which no two share; the cursor is the key of the last item of a page, so nothing that comes or goes between
/// two pages shifts the others.
pub fn page<T>(
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String,
    query: &Query,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let limit = query.limit()?;
    let after = query.get("cursor");
    let mut rest = items.filter(|item| after.is_none_or(|after| key(item).as_str() > after));
    let page: Vec<T> = rest.by_ref().take(limit).collect();
    let next = rest.next().and_then(|_| page.last().map(&key));
    Ok((page, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(raw: &str) -> Result<Query, ApiError> {
        Query::read(Some(raw), &["user", "limit", "cursor"])
    }

    #[test]
    fn pages_follow_each_other() {
        let items = ["a", "b", "c", "d", "e"];
        let turn = |raw: &str| {
            let query = query(raw).unwrap();
            page(items.into_iter(), |item| (*item).to_owned(), &query).unwrap()
        };
        assert_eq!(turn("limit=2"), (vec!["a", "b"], Some("b".to_owned())));
        assert_eq!(turn("limit=2&cursor=b"), (vec!["c", "d"], Some("d".to_owned())));
        assert_eq!(turn("limit=2&cursor=bb").0, ["c", "d"], "what the cursor stood on may be gone");
        assert_eq!(turn("limit=3&cursor=b"), (vec!["c", "d", "e"], None));
        assert_eq!(turn("cursor=e"), (vec![], None));
    }

    #[test]
    fn mistakes_name_their_field() {
        for (raw, field) in [("page=1", "page"), ("user=a&user=b", "user")] {
            let error = query(raw).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{field}: ")), "{error}");
        }
        for raw in ["limit=0", "limit=1001", "limit=x", "limit=-1", "limit="] {
            let error = page([1].into_iter(), ToString::to_string, &query(raw).unwrap()).unwrap_err();
            assert!(error.to_string().starts_with("limit: "), "{raw}: {error}");
        }
        let query = Query::read(Some("state=odd"), &["state"]).unwrap();
        assert_eq!(
            query.one_of("state", &["active", "locked"]).unwrap_err().to_string(),
            "state: must be one of active, locked"
        );
    }
}
