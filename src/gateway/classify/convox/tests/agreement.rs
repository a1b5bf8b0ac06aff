//! A rack's router, written as plainly as possible, must find the route that was authorised.

use super::*;
use crate::policy::Demanding as _;
use proptest::prelude::*;

/// First match wins, over the decoded path; `{x}` is one segment with something in it, `{x:*}` anything.
fn naive(verb: Verb, path: &str) -> Option<&'static Route> {
    routes().find(|route| route.verb == verb && fits(route.template, path))
}

fn fits(template: &str, path: &str) -> bool {
    let Some((literal, rest)) = template.split_once('{') else { return template == path };
    let Some(after) = path.strip_prefix(literal) else { return false };
    let (name, rest) = rest.split_once('}').unwrap();
    if name.ends_with(":*") {
        return true;
    }
    let segment_ends = after.find('/').unwrap_or(after.len());
    (1..=segment_ends).filter(|end| after.is_char_boundary(*end)).any(|end| fits(rest, &after[end..]))
}

fn any_request() -> impl Strategy<Value = (Verb, String)> {
    let verb = prop::sample::select(vec![
        Verb::Get,
        Verb::Head,
        Verb::Post,
        Verb::Put,
        Verb::Patch,
        Verb::Delete,
        Verb::Options,
        Verb::Socket,
    ]);
    let words: Vec<_> = routes().flat_map(|route| route.template.split('/')).map(str::to_owned).collect();
    let word = prop_oneof![
        6 => prop::sample::select(words),
        1 => prop::sample::select(vec!["", "x.tgz", ".tgz", "a;b", "%61pps", "https:", "é", "system"]).prop_map(str::to_owned),
    ];
    let glued = prop::collection::vec(word, 0..8).prop_map(|words| format!("/{}", words.join("/")));
    let templates: Vec<_> = routes().map(|route| route.template).collect();
    let spoiled = (prop::sample::select(templates), "[a-z/.%]{0,3}", any::<prop::sample::Index>()).prop_map(
        |(template, spoil, at)| {
            let at = at.index(template.len());
            format!("{}{spoil}{}", &template[..=at], &template[at + 1..])
        },
    );
    (verb, prop_oneof![glued, spoiled])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_is_sent_is_routed_as_it_was_authorised((verb, raw) in any_request()) {
        let Ok(target) = ParsedTarget::parse(&raw) else { return Ok(()) };
        let (rack, method) = (Arc::from("staging"), verb.as_str().parse().unwrap());
        let upgrade = if verb == Verb::Socket { Upgrade::WebSocket } else { Upgrade::None };
        let outcome = classify(&rack, &method, upgrade, &target, &HeaderMap::new());
        let decoded = target.segments().iter().map(|segment| format!("/{segment}")).collect::<String>();
        let expected = naive(verb, &decoded).or_else(|| naive(Verb::Get, &decoded).filter(|_| verb == Verb::Socket));
        match outcome {
            Ok(call) => {
                prop_assert_eq!(Some(call.route.template), expected.map(|route| route.template));
                prop_assert_eq!(call.route.verb, expected.unwrap().verb);
                prop_assert!(!call.demands().is_empty());

                let resent = ParsedTarget::parse(&call.path_and_query).unwrap();
                let again = classify(&rack, &method, upgrade, &resent, &HeaderMap::new()).unwrap();
                prop_assert_eq!(again.demands(), call.demands());
                prop_assert_eq!(again.path_and_query, call.path_and_query);
            }
            Err(Unclassified::Preflight) => prop_assert!(decoded == "/machines" || decoded == "/racks"),
            Err(_) => prop_assert!(expected.is_none(), "{} {} is {:?}", verb.as_str(), raw, expected),
        }
    }
}
