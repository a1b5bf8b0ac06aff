//! Uploads in all the ways that clients have.

use super::super::target::{Target, descriptor, digest, header_of, location, refused, with_digest};
use crate::support::wire::Wire;
use futures_util::future::join_all;
use sha2::{Digest as _, Sha512};

const OCTETS: &str = "application/octet-stream";

async fn content(target: &Target, repository: &str, digest: &str) -> Vec<u8> {
    let answer = target.get(&format!("/v2/{repository}/blobs/{digest}")).await;
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap().to_vec()
}

async fn is_missing(target: &Target, repository: &str, digest: &str) {
    assert_eq!(target.send("HEAD", &format!("/v2/{repository}/blobs/{digest}")).await.status(), 404);
}

/// As docker does: chunked, without a type; then an empty PUT.
pub async fn in_one_patch(target: &Target) {
    let repository = target.repository("patch");
    let upload = target.start(&repository).await;
    let pieces: Vec<Result<&[u8], std::io::Error>> = vec![Ok(b"hello "), Ok(b""), Ok(b"world")];
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let answer = target.request("PATCH", &upload).body(body).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    assert_eq!(header_of(&answer, "range"), "0-10");
    assert!(!header_of(&answer, "docker-upload-uuid").is_empty());
    let digest = digest(b"hello world");
    let answer = target.send("PUT", &with_digest(&location(&answer), &digest)).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(header_of(&answer, "docker-content-digest"), digest);
    let place = location(&answer);
    assert!(place.ends_with(&format!("/v2/{repository}/blobs/{digest}")), "{place}");
    assert_eq!(target.get(&place).await.bytes().await.unwrap().as_ref(), b"hello world");
    // The upload is over.
    let again = target.get(&upload).await;
    refused(again, 404, "BLOB_UPLOAD_UNKNOWN").await;
}

pub async fn with_the_body_in_the_put(target: &Target) {
    let repository = target.repository("put");
    let digest = target.push_blob(&repository, b"all of it").await;
    assert_eq!(content(target, &repository, &digest).await, b"all of it");
}

pub async fn at_once_with_post(target: &Target) {
    let repository = target.repository("post");
    let bytes = vec![7u8; 300_000];
    let digest = digest(&bytes);
    let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
    let post =
        |kind: &'static str| target.request("POST", &path).header("content-type", kind).body(bytes.clone());
    refused(post("multipart/form-data; boundary=x").send().await.unwrap(), 400, "BLOB_UPLOAD_INVALID").await;
    let answer = post(OCTETS).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(content(target, &repository, &digest).await, bytes);
}

pub async fn in_chunks_with_status(target: &Target) {
    let repository = target.repository("chunks");
    let bytes: Vec<u8> = (0..11_000_000u32).map(|n| (n * 7 + n / 251) as u8).collect();
    let mut upload = target.start(&repository).await;
    let mut offset = 0;
    for chunk in bytes.chunks(1_100_000) {
        let range = format!("{offset}-{}", offset + chunk.len() - 1);
        let patch =
            target.request("PATCH", &upload).header("content-range", range).header("content-type", OCTETS);
        let answer = patch.body(chunk.to_vec()).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        offset += chunk.len();
        assert_eq!(header_of(&answer, "range"), format!("0-{}", offset - 1));
        upload = location(&answer);
        let status = target.get(&upload).await;
        assert_eq!(status.status(), 204);
        assert_eq!(header_of(&status, "range"), format!("0-{}", offset - 1));
        upload = location(&status);
    }
    let digest = digest(&bytes);
    assert_eq!(target.send("PUT", &with_digest(&upload, &digest)).await.status(), 201);
    assert_eq!(content(target, &repository, &digest).await, bytes);
}

pub async fn chunks_out_of_order_are_416(target: &Target) {
    let repository = target.repository("order");
    let upload = target.start(&repository).await;
    let chunk = |method: &str, path: &str, range: &str| {
        let request =
            target.request(method, path).header("content-range", range).header("content-type", OCTETS);
        request.body("01234").send()
    };
    refused(chunk("PATCH", &upload, "5-9").await.unwrap(), 416, "RANGE_INVALID").await;
    assert_eq!(chunk("PATCH", &upload, "0-4").await.unwrap().status(), 202);
    for range in ["0-4", "4-8", "10-14", "9-5", "a-b", "5-"] {
        refused(chunk("PATCH", &upload, range).await.unwrap(), 416, "RANGE_INVALID").await;
    }
    let answer = chunk("PUT", &with_digest(&upload, &digest(b"0123401234")), "7-11").await.unwrap();
    assert_eq!(header_of(&answer, "range"), "0-4");
    assert_eq!(location(&answer), upload);
    refused(answer, 416, "RANGE_INVALID").await;
    let answer = chunk("PUT", &with_digest(&upload, &digest(b"0123401234")), "5-9").await.unwrap();
    assert_eq!(answer.status(), 201);
}

pub async fn chunks_that_lie_about_their_length(target: &Target) {
    let repository = target.repository("lies");
    let upload = target.start(&repository).await;
    let patch = target.request("PATCH", &upload).header("content-range", "0-9").body("01234");
    refused(patch.send().await.unwrap(), 400, "SIZE_INVALID").await;
    assert_eq!(header_of(&target.get(&upload).await, "range"), "0-0");
    // Nothing was taken.
    assert_eq!(target.send("PUT", &with_digest(&upload, &digest(b""))).await.status(), 201);
}

pub async fn wrong_digest_publishes_nothing(target: &Target) {
    let repository = target.repository("wrong");
    let upload = target.start(&repository).await;
    let (right, wrong) = (digest(b"what was sent"), digest(b"something else"));
    let put = target.request("PUT", &with_digest(&upload, &wrong)).header("content-type", OCTETS);
    refused(put.body("what was sent").send().await.unwrap(), 400, "DIGEST_INVALID").await;
    is_missing(target, &repository, &right).await;
    is_missing(target, &repository, &wrong).await;
    let upload = target.start(&repository).await;
    refused(target.send("PUT", &upload).await, 400, "DIGEST_INVALID").await;
    refused(target.send("PUT", &with_digest(&upload, "sha256:x")).await, 400, "DIGEST_INVALID").await;
}

pub async fn an_empty_blob(target: &Target) {
    let repository = target.repository("empty");
    let digest = target.push_blob(&repository, b"").await;
    let answer = target.get(&format!("/v2/{repository}/blobs/{digest}")).await;
    assert_eq!((answer.status().as_u16(), header_of(&answer, "content-length")), (200, "0"));
    let ranged =
        target.request("GET", &format!("/v2/{repository}/blobs/{digest}")).header("range", "bytes=0-");
    refused(ranged.send().await.unwrap(), 416, "RANGE_INVALID").await;
}

pub async fn cancelled(target: &Target) {
    let repository = target.repository("cancel");
    let upload = target.start(&repository).await;
    let patched = target.request("PATCH", &upload).body("x").send().await.unwrap();
    assert_eq!(patched.status(), 202);
    // Some registries keep the state of an upload in its address.
    let upload = location(&patched);
    assert_eq!(target.send("DELETE", &upload).await.status(), 204);
    refused(target.get(&upload).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
    refused(target.send("DELETE", &upload).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
}

pub async fn unknown_and_moved_uploads(target: &Target) {
    let (own, other) = (target.repository("own"), target.repository("other"));
    let upload = target.start(&own).await;
    let moved = upload.replace(&own, &other);
    assert_ne!(upload, moved);
    for path in [moved, format!("/v2/{own}/blobs/uploads/01890a5d-ac96-774b-bcce-b302099a8057")] {
        for method in ["GET", "PATCH", "DELETE"] {
            refused(target.send(method, &path).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
        }
        refused(target.send("PUT", &with_digest(&path, &digest(b""))).await, 404, "BLOB_UPLOAD_UNKNOWN")
            .await;
    }
    let path = format!("/v2/{own}/blobs/uploads/not-an-upload");
    refused(target.send("PATCH", &path).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
    assert_eq!(target.get(&upload).await.status(), 204);
}

pub async fn sha512(target: &Target) {
    let repository = target.repository("sha512");
    let long = format!("sha512:{}", hex::encode(Sha512::digest(b"long")));
    for start in ["?digest-algorithm=sha512", ""] {
        let answer = target.send("POST", &format!("/v2/{repository}/blobs/uploads/{start}")).await;
        let patch = target.request("PATCH", &location(&answer)).body("long").send().await.unwrap();
        assert_eq!(target.send("PUT", &with_digest(&location(&patch), &long)).await.status(), 201);
    }
    assert_eq!(content(target, &repository, &long).await, b"long");
}

pub async fn mounts(target: &Target) {
    let (source, own) = (target.repository("source"), target.repository("mounts"));
    let digest = target.push_blob(&source, b"shared").await;
    let start = |query: String| async move { target.send("POST", &format!("/v2/{query}")).await };
    let answer = start(format!("{own}/blobs/uploads/?mount={digest}&from={source}")).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(header_of(&answer, "docker-content-digest"), digest);
    assert_eq!(content(target, &own, &digest).await, b"shared");
    // What the source has not, and a source that is not named, become plain uploads.
    let (missing, third) = (self::digest(b"missing"), target.repository("third"));
    for query in [format!("?mount={missing}&from={source}"), format!("?mount={digest}")] {
        let answer = start(format!("{third}/blobs/uploads/{query}")).await;
        assert_eq!(answer.status(), 202, "{query}");
        is_missing(target, &third, &digest).await;
    }
    // A mounted blob outlives its source.
    assert_eq!(target.send("DELETE", &format!("/v2/{source}/blobs/{digest}")).await.status(), 202);
    assert_eq!(content(target, &own, &digest).await, b"shared");
}

pub async fn parameters_in_a_body_do_not_mount(target: &Target) {
    let (source, own) = (target.repository("secret"), target.repository("thief"));
    let digest = target.push_blob(&source, b"secret").await;
    let form = format!("mount={}&from={source}", digest.replace(':', "%3A"));
    let parts = format!(
        "--x\r\nContent-Disposition: form-data; name=\"mount\"\r\n\r\n{digest}\r\n\
         --x\r\nContent-Disposition: form-data; name=\"from\"\r\n\r\n{source}\r\n--x--\r\n"
    );
    for query in ["", "?from=public", "?mount=&from="] {
        for (kind, body) in
            [("application/x-www-form-urlencoded", &form), ("multipart/form-data; boundary=x", &parts)]
        {
            let post = target.request("POST", &format!("/v2/{own}/blobs/uploads/{query}"));
            let answer = post.header("content-type", kind).body(body.clone()).send().await.unwrap();
            assert_eq!(answer.status(), 400, "{query} {kind}");
            is_missing(target, &own, &digest).await;
        }
    }
}

pub async fn doubled_parameters(target: &Target) {
    let own = target.repository("double");
    let digest = digest(b"");
    for query in [
        format!("?mount={digest}&from=a&from=b"),
        format!("?mount={digest}&mount={digest}&from=a"),
        format!("?digest={digest}&digest={digest}"),
    ] {
        let answer = target.send("POST", &format!("/v2/{own}/blobs/uploads/{query}")).await;
        refused(answer, 400, "UNSUPPORTED").await;
    }
}

pub async fn parallel_pushes_of_one_blob(target: &Target) {
    let repository = target.repository("parallel");
    let bytes = vec![42u8; 2_000_000];
    let pushes = (0..8).map(|_| target.push_blob(&repository, &bytes));
    let digests = join_all(pushes).await;
    assert!(digests.iter().all(|digest| *digest == digests[0]));
    assert_eq!(content(target, &repository, &digests[0]).await, bytes);
    assert_eq!(descriptor("x", &bytes)["digest"], digests[0]);
}

/// Both are served, one after the other, and no byte of one stands among those of the other.
pub async fn two_requests_on_one_upload(target: &Target) {
    let repository = target.repository("both");
    let upload = target.start(&repository).await;
    let patch = |byte: u8| target.request("PATCH", &upload).body(vec![byte; 700_000]).send();
    let (a, b) = tokio::join!(patch(b'a'), patch(b'b'));
    assert_eq!((a.unwrap().status().as_u16(), b.unwrap().status().as_u16()), (202, 202));
    let (a, b) = (vec![b'a'; 700_000], vec![b'b'; 700_000]);
    let orders = [[a.clone(), b.clone()].concat(), [b, a].concat()];
    let mut answers = Vec::new();
    // The first wrong guess ends the upload.
    answers.push(target.send("PUT", &with_digest(&upload, &digest(&orders[0]))).await.status().as_u16());
    if answers[0] == 400 {
        let upload = target.start(&repository).await;
        let again = target.request("PUT", &with_digest(&upload, &digest(&orders[1]))).body(orders[1].clone());
        answers.push(again.send().await.unwrap().status().as_u16());
    }
    assert_eq!(answers.last(), Some(&201), "{answers:?}");
}

/// The connection ends in the middle of a chunk; the client asks how far it came, and goes on from there.
pub async fn a_body_that_breaks_off_is_resumed(target: &Target) {
    let repository = target.repository("broken");
    let upload = target.start(&repository).await;
    let bytes: Vec<u8> = (0..2_000_000u32).map(|n| (n % 249) as u8).collect();
    let mut wire = Wire::open(target.address()).await;
    let head = format!("PATCH {upload} HTTP/1.1\r\nHost: r\r\nContent-Length: {}\r\n\r\n", bytes.len());
    wire.send(head).await;
    wire.send(&bytes[..1_234_567]).await;
    drop(wire);
    let mut come = 0;
    for _ in 0..400 {
        let status = target.get(&upload).await;
        if status.status() == 204 {
            come = header_of(&status, "range").strip_prefix("0-").unwrap().parse::<usize>().unwrap() + 1;
            if come == 1_234_567 {
                break;
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(come, 1_234_567);
    let rest =
        target.request("PATCH", &upload).header("content-range", format!("{come}-{}", bytes.len() - 1));
    assert_eq!(rest.body(bytes[come..].to_vec()).send().await.unwrap().status(), 202);
    let digest = digest(&bytes);
    assert_eq!(target.send("PUT", &with_digest(&upload, &digest)).await.status(), 201);
    assert_eq!(content(target, &repository, &digest).await, bytes);
}
