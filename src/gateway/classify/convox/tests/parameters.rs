use super::*;

fn refused(request: &str, given: &[(&str, &str)]) -> String {
    refusal(request, given).to_string()
}

#[test]
fn queries_hold_what_the_route_lists_once() {
    for request in [
        "GET /apps/web/releases?limit=1",
        "GET /apps/web/processes?release=R1&service=web",
        "GET /apps/web/objects?prefix=",
        "DELETE /apps/web/processes/p/files?files=/a,/b",
        "GET /v2/web/tags/list?n=1&last=a&last=b",
        "GET /apps?&&",
    ] {
        call(request);
    }
    for (request, sentence) in [
        (
            "GET /apps/web?name=x",
            "the query parameter \"name\" does not belong to GET /apps/{app}; it takes none",
        ),
        (
            "GET /apps/web/releases?Limit=1",
            "the query parameter \"Limit\" does not belong to GET /apps/{app}/releases; it takes limit",
        ),
        (
            "GET /apps/web/releases?limit=1&limit=2",
            "the query parameter \"limit\" is given more than once; send it once",
        ),
        (
            "POST /apps/web/releases?env=A%3D1",
            "\"env\" is a form field of POST /apps/{app}/releases; send it there, not as a query parameter",
        ),
        (
            "POST /system/jwt/token?role=admin&durationInHour=1",
            "\"role\" is a form field of POST /system/jwt/token; send it there, not as a query parameter",
        ),
        (
            "SOCKET /apps/web/processes/p/exec?command=sh",
            "\"command\" is a header of GET /apps/{app}/processes/{pid}/exec; send it there, not as a query parameter",
        ),
        (
            "POST /apps/web/services/web/processes?Command=sh",
            "\"Command\" is a header of POST /apps/{app}/services/{service}/processes; \
             send it there, not as a query parameter",
        ),
        ("GET /apps?%0a%1b[2J=1", "the query parameter \"…\" does not belong to GET /apps; it takes none"),
    ] {
        assert_eq!(refused(request, &[]), sentence, "{request}");
    }
}

#[test]
fn a_parameter_of_a_route_is_sent_once_among_the_headers() {
    assert_eq!(
        refused("SOCKET /apps/web/processes/p/exec", &[("Command", "ls"), ("command", "rm -rf /")]),
        "the header \"command\" is given more than once; send it once"
    );
    assert_eq!(
        refused("SOCKET /apps/web/logs", &[("Connection", "Upgrade, follow"), ("Follow", "false")]),
        "the Connection header names \"follow\", which GET /apps/{app}/logs takes as a parameter; leave it out there"
    );
}

#[test]
fn refusals_have_a_status() {
    assert_eq!(refusal("GET /apps?x=1", &[]).status(), 400);
    let posing = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(refusal("POST /apps/web/builds/import", &posing).status(), 415);
}
