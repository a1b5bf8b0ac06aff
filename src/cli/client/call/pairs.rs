//! `--key=value` as a query or as a JSON document.

use serde_json::{Map, Number, Value, map::Entry};

/// Keys may nest so deep.
const DEEPEST: usize = 8;

/// `--flag` alone means `--flag=true`.
pub fn read(words: &[String]) -> Result<Vec<(String, String)>, String> {
    words.iter().map(|word| pair(word)).collect()
}

fn pair(word: &str) -> Result<(String, String), String> {
    let rest = word.strip_prefix("--").ok_or_else(|| {
        let shown: String = word.chars().take(80).collect();
        format!("{shown} is not --key=value; options of the program itself stand before the path")
    })?;
    let (key, value) = rest.split_once('=').unwrap_or((rest, "true"));
    if key.is_empty() || key.split('.').any(str::is_empty) || key.split('.').count() > DEEPEST {
        return Err(format!("--{key} names no key; write for example --slug=web or --check.type=http"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Dots nest, dashes are part of the key, a key that comes again makes a list.
pub fn document(pairs: &[(String, String)]) -> Result<Value, String> {
    let mut root = Map::new();
    for (key, text) in pairs {
        let mut place = &mut root;
        let mut path: Vec<_> = key.split('.').collect();
        let last = path.pop().unwrap_or_default();
        for part in path {
            let inner = place.entry(part).or_insert_with(|| Value::Object(Map::new()));
            place = inner.as_object_mut().ok_or_else(|| conflict(key))?;
        }
        match place.entry(last) {
            Entry::Vacant(vacant) => {
                vacant.insert(value(text));
            }
            Entry::Occupied(mut occupied) => {
                add(occupied.get_mut(), value(text)).map_err(|()| conflict(key))?
            }
        }
    }
    Ok(Value::Object(root))
}

fn add(there: &mut Value, more: Value) -> Result<(), ()> {
    match there {
        Value::Object(_) => return Err(()),
        Value::Array(list) => list.push(more),
        one => *one = Value::Array(vec![one.take(), more]),
    }
    Ok(())
}

fn conflict(key: &str) -> String {
    format!("--{key} contradicts another key, which makes it a value and an object at once")
}

/// JSON where it is one of its values, text where not; numbers that JSON could not keep as they are stay text.
fn value(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Number(number)) if !is_exact(&number, text) => Value::String(text.to_owned()),
        Ok(value) => value,
        Err(_) => Value::String(text.to_owned()),
    }
}

fn is_exact(number: &Number, text: &str) -> bool {
    number.is_i64() || number.is_u64() || (number.as_f64().is_some_and(f64::is_finite) && text.len() <= 17)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(words: &[&str]) -> Result<Value, String> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        document(&read(&words)?)
    }

    #[test]
    fn values_are_json_where_they_look_like_it() {
        let all = of(&[
            "--id=inst_1",
            "--port=8080",
            "--share=0.5",
            "--on",
            "--off=false",
            "--none=null",
            "--tags=[\"a\",\"b\"]",
            "--check={\"type\":\"http\"}",
            "--version=\"12\"",
            "--x-id=kept-with-dashes",
            "--url=http://web:8080/a?b=c",
            "--empty=",
            "--long=123456789012345678901234567890",
            "--lead=007",
        ]);
        let expected = json!({
            "id": "inst_1", "port": 8080, "share": 0.5, "on": true, "off": false, "none": null, "tags": ["a", "b"],
            "check": {"type": "http"}, "version": "12", "x-id": "kept-with-dashes", "url": "http://web:8080/a?b=c",
            "empty": "", "long": "123456789012345678901234567890", "lead": "007",
        });
        assert_eq!(all.unwrap(), expected);
    }

    #[test]
    fn dots_nest_and_repeated_keys_make_lists() {
        let made = of(&["--check.type=http", "--check.http.path=/live", "--tags=a", "--tags=b", "--tags=3"])
            .unwrap();
        assert_eq!(
            made,
            json!({"check": {"type": "http", "http": {"path": "/live"}}, "tags": ["a", "b", 3]})
        );
        assert_eq!(of(&[]).unwrap(), json!({}));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for words in [
            &["slug=web"][..],
            &["-o"],
            &["--"],
            &["--=x"],
            &["--a..b=1"],
            &["--.a=1"],
            &["--a=1", "--a.b=2"],
            &["--a.b=2", "--a=1"],
            &["--a.b.c.d.e.f.g.h.i=1"],
        ] {
            assert!(of(words).is_err(), "{words:?}");
        }
    }
}
