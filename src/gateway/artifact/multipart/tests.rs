use super::*;
use http::HeaderValue;
use http_body_util::{Full, StreamBody};
use sha2::{Digest as _, Sha256};

const SUM: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn file(content: &str) -> String {
    format!(
        "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.tgz\"\r\n\
         Content-Type: application/gzip\r\n\r\n{content}\r\n"
    )
}

fn checksum(text: &str) -> String {
    format!("--X\r\nContent-Disposition: form-data; name=checksum\r\n\r\n{text}\r\n")
}

async fn read(body: &str) -> Result<Upload, String> {
    let directory = tempfile::tempdir().unwrap();
    let room = Room { directory: directory.path(), limit: 100 };
    let body = Full::new(Bytes::from(body.to_owned()));
    receive(body, "X", room, |_| {}).await.map_err(|problem| format!("{} {}", problem.code, problem.message))
}

#[tokio::test]
async fn in_either_order_and_written_anew() {
    for body in [
        format!("{}{}--X--\r\n", file("hello"), checksum(SUM)),
        format!("{}{}--X--", checksum(SUM), file("hello")),
        format!("\r\n{}{}--X--", checksum(SUM), file("hello")).trim_start().to_owned(),
    ] {
        let upload = read(&body).await.unwrap();
        let (content_type, body) = upload.rewritten().unwrap();
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(&content_type).unwrap())]);
        let boundary = boundary(&headers).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let room = Room { directory: directory.path(), limit: 5 };
        let again = receive(body, &boundary, room, |_| {}).await.ok().unwrap();
        assert_eq!(again.archive.checksum(), SUM);
    }
}

/// However the bytes are cut on their way.
#[tokio::test]
async fn boundaries_across_pieces_are_found() {
    let content = "\r\n--x\r\n-\r\n--Y\r\n\r\r\n--";
    let sum = hex::encode(Sha256::digest(content));
    let whole = format!("{}{}--X--\r\n", file(content), checksum(&sum));
    for size in 1..40 {
        let pieces: Vec<_> = whole
            .as_bytes()
            .chunks(size)
            .map(|piece| Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        let directory = tempfile::tempdir().unwrap();
        let room = Room { directory: directory.path(), limit: 100 };
        let body = StreamBody::new(futures_util::stream::iter(pieces));
        let heard = std::sync::atomic::AtomicUsize::new(0);
        let count = |bytes| {
            heard.fetch_add(bytes, std::sync::atomic::Ordering::SeqCst);
        };
        let upload = receive(body, "X", room, count).await.map_err(|problem| problem.message);
        assert_eq!(upload.map(|upload| upload.archive.length).unwrap(), content.len() as u64, "{size}");
        assert_eq!(heard.into_inner(), whole.len());
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let (good, sum) = (file("hello"), checksum(SUM));
    for (body, code) in [
        (format!("{sum}--X--"), "MISSING_FILE"),
        (format!("{good}--X--"), "MISSING_CHECKSUM"),
        (format!("{good}{}--X--", checksum(&SUM.to_uppercase())), "CHECKSUM_MISMATCH"),
        (format!("{good}{}--X--", checksum(&"a".repeat(300))), "CHECKSUM_MISMATCH"),
        (format!("{}{sum}--X--", good.replace("gzip", "json")), "INVALID_FILE_TYPE"),
        (format!("{}{sum}--X--", file(&"a".repeat(101))), "FILE_TOO_LARGE"),
        (format!("{good}{good}{sum}--X--"), "INVALID_MULTIPART"),
        (format!("{good}{sum}{sum}--X--"), "INVALID_MULTIPART"),
        (format!("{good}{sum}"), "INVALID_MULTIPART"),
        (format!("{good}{sum}--X--\r\nmore"), "INVALID_MULTIPART"),
        (format!("preamble\r\n{good}{sum}--X--"), "INVALID_MULTIPART"),
        (format!("{good}{}--X--", sum.replace("checksum", "namespace")), "INVALID_MULTIPART"),
        (format!("{good}{sum}--X--").replace("--X\r\n", "--X \r\n"), "INVALID_MULTIPART"),
        (
            format!("{good}{sum}--X--")
                .replace("Content-Type", "Content-Disposition: form-data; name=\"checksum\"\r\nContent-Type"),
            "INVALID_MULTIPART",
        ),
        (
            format!("{good}{sum}--X--")
                .replace("Content-Type", "Content-Transfer-Encoding: base64\r\nContent-Type"),
            "INVALID_MULTIPART",
        ),
        (String::new(), "INVALID_MULTIPART"),
    ] {
        let error = read(&body).await.err().unwrap_or_default();
        assert!(error.starts_with(code), "{body}: {error}");
    }
}

#[test]
fn one_boundary_in_one_header() {
    let of = |values: &[&'static str]| {
        let headers =
            HeaderMap::from_iter(values.iter().map(|value| (CONTENT_TYPE, HeaderValue::from_static(value))));
        boundary(&headers).map_err(|problem| problem.status.as_u16())
    };
    assert_eq!(of(&["multipart/form-data; boundary=----a"]), Ok("----a".to_owned()));
    assert_eq!(of(&["Multipart/Form-Data; charset=x; boundary=\"a:b\""]), Ok("a:b".to_owned()));
    for value in [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=\"a\"b",
        "multipart/form-data; boundary=\"a",
        "multipart/form-data; boundary=a b",
        "multipart/mixed; boundary=a",
    ] {
        assert_eq!(of(&[value]), Err(415), "{value}");
    }
    assert_eq!(of(&[]), Err(415));
    // `append`, not `insert`: two lines are two values.
    let mut headers = HeaderMap::new();
    headers.append(CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=a"));
    headers.append(CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=b"));
    assert!(boundary(&headers).is_err());
}
