//! Few clients who want to take all.

use super::{APPS, raw, unlimited};
use crate::support::{
    exchange::{Wire, exchange},
    gateway::TestGateway,
    wire::SOON,
};
use futures_util::future::join_all;
use std::{
    io::Write as _,
    time::{Duration, Instant},
};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// CVE-2026-26999 and CVE-2026-22045: connections that send a byte now and then are cut, and hold nobody up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cve_2026_22045_dripping_connections_are_cut_while_health_answers() {
    let gateway = TestGateway::with([("HEADER_TIMEOUT", "1s"), ("BODY_IDLE_TIMEOUT", "1s")]).await;
    let (address, admin) = (gateway.address(), gateway.token("admin").await);
    let drip = |number: usize| {
        let head = match number % 2 {
            0 => format!("{APPS} HTTP/1.1\r\nHost: gateway\r\nX-Slow: ").into_bytes(),
            _ => raw("POST /api/v1/rack-proxy/apps", &admin, &format!("{FORM}Content-Length: 1000\r\n")),
        };
        async move {
            let mut wire = Wire::open(address).await;
            wire.send(&head).await;
            let started = Instant::now();
            while started.elapsed() < SOON {
                let reply = wire.rest(Duration::from_millis(100)).await;
                if !reply.is_empty() || !wire.send(b"a").await {
                    return Some(started.elapsed());
                }
            }
            None
        }
    };
    let dripping = join_all((0..200).map(drip));
    let probing = async {
        let mut times = Vec::new();
        for _ in 0..20 {
            let asked = Instant::now();
            let answer = exchange(address, b"GET /api/v1/health HTTP/1.0\r\n\r\n").await;
            assert_eq!(answer.status, 200);
            times.push(asked.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        times.sort_unstable();
        times
    };
    let (cut, times) = tokio::join!(dripping, probing);
    assert!(times[10] < Duration::from_secs(2), "probes took {times:?}");
    let left = cut.iter().filter(|cut| cut.is_none()).count();
    assert_eq!(left, 0, "still open after {SOON:?}");
    assert_eq!(gateway.rack.requests(), []);
}

/// GHSA-q8g9-jc4c-jp6q and RUSTSEC-2022-0055 (CVE-2022-3212): a body was read before anybody asked whose it is.
#[tokio::test]
async fn cve_2022_3212_nobody_uploads_without_a_credential() {
    let gateway = unlimited().await;
    let uploads = (0..16).map(|number| {
        let path =
            ["/apps/web/objects/x", "/apps", "/apps/web/builds/import", "/apps/web/resources/database/data"]
                [number % 4];
        let method = if path.ends_with("/data") { "PUT" } else { "POST" };
        let framing =
            if number % 8 < 4 { "Content-Length: 1073741824" } else { "Transfer-Encoding: chunked" };
        let head =
            format!("{method} /api/v1/rack-proxy{path} HTTP/1.1\r\nHost: gateway\r\n{FORM}{framing}\r\n\r\n");
        let address = gateway.address();
        async move {
            let mut wire = Wire::open(address).await;
            wire.send(head.as_bytes()).await;
            let status = wire.answer().await.unwrap().status;
            let block = [b"40000\r\n".as_slice(), &[b'x'; 0x40000], b"\r\n"].concat();
            let mut taken = 0;
            let pushing = async {
                while taken < 1 << 30 && wire.send(&block).await {
                    taken += block.len();
                }
            };
            // It may read on for a moment, so that the client sees the answer; it must not go on and on.
            let _ = tokio::time::timeout(Duration::from_secs(3), pushing).await;
            (status, taken)
        }
    });
    for (status, taken) in join_all(uploads).await {
        assert_eq!(status, 401, "before the first byte of the body");
        assert!(taken < 64 << 20, "{taken} bytes were taken");
    }
    assert_eq!(gateway.rack.requests(), []);
}

/// A client that waits for leave to send gets its refusal instead.
#[tokio::test]
async fn cve_2022_3212_nobody_is_asked_to_continue_who_will_be_refused() {
    let gateway = unlimited().await;
    let viewer = gateway.token("viewer").await;
    let request = "POST /api/v1/rack-proxy/apps/web/objects/x";
    let expecting = "Expect: 100-continue\r\nContent-Length: 1073741824\r\n";
    let denied = exchange(gateway.address(), &raw(request, &viewer, expecting)).await;
    assert_eq!(denied.status, 403);
    let stranger = exchange(gateway.address(), &raw(request, "rgw_no", expecting)).await;
    assert_eq!(stranger.status, 401);
    let admin = gateway.token("admin").await;
    let mut wire = Wire::open(gateway.address()).await;
    wire.send(&raw(request, &admin, "Expect: 100-continue\r\nContent-Length: 2\r\n")).await;
    assert_eq!(wire.rest(Duration::from_millis(500)).await, "HTTP/1.1 100 Continue\r\n\r\n");
    wire.send(b"hi").await;
    assert_eq!(wire.answer().await.unwrap().status, 200);
}

/// What a stranger writes into the path does not fill the log.
#[tokio::test]
async fn long_names_are_cut_where_they_are_repeated() {
    let gateway = unlimited().await;
    let admin = gateway.token("admin").await;
    let long = "n".repeat(15_000);
    for path in [
        format!("racks/{long}/proxy/apps"),
        format!("rack-proxy/apps?{long}=1"),
        format!("rack-proxy/apps/{long}/nope"),
    ] {
        let answer = exchange(gateway.address(), &raw(&format!("GET /api/v1/{path}"), &admin, "")).await;
        assert!(matches!(answer.status, 400 | 404), "{}", answer.status);
        assert!(answer.body.len() < 1_000, "{} bytes", answer.body.len());
    }
    let viewer = gateway.token("viewer").await;
    let delete = raw(&format!("DELETE /api/v1/rack-proxy/apps/{long}"), &viewer, "");
    let denied = exchange(gateway.address(), &delete).await;
    assert_eq!((denied.status, denied.body.len() < 1_000), (403, true), "{}", denied.text());
    let agent = format!("User-Agent: {}\r\n", "u".repeat(60_000));
    let denied =
        exchange(gateway.address(), &raw(&format!("GET /api/v1/rack-proxy/apps/{long}"), "rgw_no", &agent))
            .await;
    assert_eq!(denied.status, 401);
    let record =
        gateway.lines.wait_for(|record| record["http_status"] == 401 && record["action"] == "app.read").await;
    assert!(record.to_string().len() < 4_000, "{} bytes a record", record.to_string().len());
    assert!(gateway.lines.text().lines().all(|line| line.len() < 4_000));
}

/// CVE-2025-6203 and CVE-2025-59043, with forms in the place of JSON: small to send, long to think about.
#[tokio::test]
async fn cve_2025_6203_form_bombs_are_refused_quickly() {
    let gateway = unlimited().await;
    let admin = gateway.token("admin").await;
    let limit = 10 * 1024 * 1024;
    let numbered = |count: usize| (0..count).map(|n| format!("f{n}=x&")).collect::<String>();
    for (name, body, statuses) in [
        ("one byte too long", "a".repeat(limit + 1), &[413][..]),
        ("a hundred thousand fields", numbered(100_000), &[400]),
        ("a hundred thousand times one field", "name=x&".repeat(100_000), &[400]),
        ("a hundred thousand empty fields", "=&".repeat(100_000), &[400]),
        ("nothing but separators", "&".repeat(limit), &[200, 400, 409]),
        ("deep escapes", format!("name={}", "%25".repeat(limit / 4)), &[200, 400, 409]),
        ("half escapes", format!("name={}", "%".repeat(limit / 2)), &[400]),
        ("no name", "=".repeat(limit), &[400]),
    ] {
        let length = body.len();
        for framing in ["length", "chunks"] {
            let (lines, body) = match framing {
                "length" => (format!("{FORM}Content-Length: {length}\r\n"), body.clone().into_bytes()),
                _ => (
                    format!("{FORM}Transfer-Encoding: chunked\r\n"),
                    format!("{length:x}\r\n{body}\r\n0\r\n\r\n").into_bytes(),
                ),
            };
            let started = Instant::now();
            let mut wire = Wire::open(gateway.address()).await;
            wire.send(&raw("POST /api/v1/rack-proxy/apps", &admin, &lines)).await;
            wire.send(&body).await;
            let answer = wire.answer().await.unwrap();
            assert!(
                statuses.contains(&answer.status),
                "{name} by {framing}: {} {}",
                answer.status,
                answer.text()
            );
            assert!(answer.body.len() < 10_000, "{name}: the answer repeats the attack");
            assert!(started.elapsed() < SOON, "{name} took {:?}", started.elapsed());
        }
    }
}

/// CVE-2026-39396, CVE-2024-28180 and CVE-2026-55078: a thousandfold compressed body is never unpacked here.
#[tokio::test]
async fn cve_2026_39396_compressed_bodies_stay_compressed() {
    let gateway = unlimited().await;
    let admin = gateway.token("admin").await;
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    (0..64).for_each(|_| bomb.write_all(&[0; 1 << 20]).unwrap());
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < (64 << 20) / 900);
    let length = bomb.len() as u64;
    let upload =
        gateway.call(&admin, "POST /apps/web/objects/tmp/bomb.tgz").header("content-encoding", "gzip");
    assert_eq!(upload.body(bomb.clone()).send().await.unwrap().status(), 200);
    assert_eq!(gateway.rack.requests()[0].body_length, length);
    let form = gateway.call(&admin, "POST /apps").header("content-encoding", "gzip");
    let form = form.header("content-type", "application/x-www-form-urlencoded").body(bomb);
    assert_eq!(form.send().await.unwrap().status(), 415);
    assert_eq!(gateway.rack.requests().len(), 1);
}

/// CVE-2026-40303: cookies in endless pieces were put together.
#[tokio::test]
async fn cve_2026_40303_four_megabytes_of_cookies_are_not_read() {
    let gateway = unlimited().await;
    let admin = gateway.token("admin").await;
    let cookies = format!("Cookie: c={}\r\n", "x".repeat(4_000)).repeat(1_000);
    let one = format!("Cookie: c={}\r\n", "x".repeat(4 << 20));
    for lines in [cookies, one] {
        let mut wire = Wire::open(gateway.address()).await;
        wire.send(&raw(APPS, &admin, &lines)).await;
        assert_eq!(wire.answer().await.unwrap().status, 431);
    }
    let own = exchange(gateway.address(), &raw("GET /api/v1/me", &admin, "Cookie: a=b\r\n")).await;
    assert_eq!(own.header("set-cookie"), None);
    assert_eq!(gateway.rack.requests(), []);
}
