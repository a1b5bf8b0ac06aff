use super::*;
use crate::gateway::target::BadPairs;

const URL_ENCODED: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

fn form(request: &str, content_type: &'static str, body: &str) -> Result<Form, BadParameter> {
    let content_type = HeaderValue::from_static(content_type);
    check_form(call(request).route, Some(&content_type), None, body.as_bytes())
}

fn fields(request: &str, body: &str) -> Result<Form, BadParameter> {
    form(request, "application/x-www-form-urlencoded", body)
}

#[test]
fn fields_are_read_in_order_and_written_anew() {
    let body = "description=a+b&env=A%3D1%0AB%3Dx%26y";
    let read =
        form("POST /apps/web/releases", "Application/X-WWW-Form-Urlencoded; charset=utf-8", body).unwrap();
    assert_eq!(read.get("env"), Some("A=1\nB=x&y"));
    assert_eq!(read.get("build"), None);
    assert_eq!(read.encode(), body);
    assert_eq!(format!("{read:?}"), "[\"description\", \"env\"]");

    let mut changed = read;
    changed.set("env", "C=;");
    changed.set("build", "B1");
    assert_eq!(changed.encode(), "description=a+b&env=C%3D%3B&build=B1");
}

#[test]
fn an_empty_body_is_an_empty_form_whatever_it_calls_itself() {
    let route = call("POST /apps").route;
    assert!(check_form(route, None, None, b"").unwrap().is_empty());
    assert!(form("POST /apps", "application/octet-stream", "").unwrap().is_empty());
}

#[test]
fn forms_hold_what_the_route_lists_once() {
    for (request, body, sentence) in [
        (
            "POST /apps",
            "name=a&owner=b",
            "the form field \"owner\" does not belong to POST /apps; it takes name, generation, timeout",
        ),
        ("POST /apps", "name=a&name=b", "the form field \"name\" is given more than once; send it once"),
        (
            "POST /apps",
            "name=%zz",
            "the form body has a percent sign that no two hexadecimal digits follow; write it as %25",
        ),
        ("POST /apps", "name=%ff", "the form body has bytes that are not UTF-8"),
        ("POST /apps", "name=a;generation=3", ""),
    ] {
        let outcome = fields(request, body);
        assert_eq!(outcome.map_or_else(|error| error.to_string(), |_| String::new()), sentence, "{body}");
    }
    let invalid = check_form(call("POST /apps").route, Some(&URL_ENCODED), None, b"name=\xff");
    assert_eq!(invalid, Err(BadParameter::BadForm(BadPairs::NotUtf8)));
}

#[test]
fn other_shapes_are_415_and_say_what_is_taken() {
    for content_type in
        ["application/json", "multipart/form-data; boundary=x", "application/octet-stream", "text/plain"]
    {
        let error = form("POST /apps", content_type, "{\"name\":\"a\"}").unwrap_err();
        assert_eq!(error.status(), 415, "{content_type}");
        assert!(
            error
                .to_string()
                .starts_with("POST /apps takes fields as application/x-www-form-urlencoded, not ")
        );
    }
    let untyped = check_form(call("POST /apps").route, None, None, b"name=a").unwrap_err();
    assert!(untyped.to_string().ends_with("not a body without a Content-Type"));
    let gzip = HeaderValue::from_static("gzip");
    let packed = check_form(call("POST /apps").route, Some(&URL_ENCODED), Some(&gzip), b"x").unwrap_err();
    assert_eq!(
        (packed.status().as_u16(), packed),
        (415, BadParameter::Encoded { route: "POST /apps".into() })
    );
}

#[test]
fn bytes_may_not_pose_as_a_form() {
    let raw = ["POST /apps/web/builds/import", "POST /apps/web/objects/tmp/a.tgz", "PUT /letsencrypt/config"];
    for request in raw {
        for content_type in
            ["application/x-www-form-urlencoded", "Multipart/Form-Data; boundary=x", "multipart/mixed"]
        {
            let error = refusal(request, &[("Content-Type", content_type)]);
            assert!(matches!(error, BadParameter::NotBytes { .. }), "{request} {content_type}");
        }
        for content_type in ["application/octet-stream", "application/gzip", "application/json"] {
            assert!(classified(request, &[("Content-Type", content_type)]).is_ok());
        }
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert!(classified("POST /custom/http/proxy/x", &form).is_ok());
}

#[test]
fn a_second_content_type_is_refused() {
    let two =
        [("Content-Type", "application/octet-stream"), ("Content-Type", "multipart/form-data; boundary=x")];
    assert_eq!(
        refusal("POST /apps/web/builds/import", &two).to_string(),
        "the header \"content-type\" is given more than once; send it once"
    );
}

#[test]
fn what_a_get_carries_is_dropped_and_elsewhere_refused() {
    assert!(call("GET /certificates").route.drops_body());
    assert!(call("SOCKET /apps/web/logs").route.drops_body());
    let cancel = call("POST /apps/web/cancel").route;
    assert!(!cancel.drops_body());
    assert_eq!(
        BadParameter::unexpected_body(cancel).to_string(),
        "POST /apps/{app}/cancel takes no body; send it without"
    );
    assert!(!call("POST /apps").route.drops_body());
}
