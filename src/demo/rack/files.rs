//! `convox cp`: files in and out of a process, as plain tars.

use super::{
    archive,
    blob::LARGEST_KEPT,
    call::Call,
    reply::{self, Answer, Refusal},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use std::io;

pub async fn upload(call: Call, app: &str, pid: &str) -> Answer {
    call.world().app(app)?.process(pid)?;
    let tar = Limited::new(call.body, LARGEST_KEPT as usize).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() { too_large() } else { Refusal::Body(io::Error::other(error)) }
    })?;
    let files = archive::files(&tar.to_bytes()).map_err(|error| Refusal::Invalid(error.to_string()))?;
    let mut world = call.shared.world();
    let process = world.app_mut(app)?.process_mut(pid)?;
    let held: u64 = process.files.values().map(|file| file.len() as u64).sum();
    let new: u64 = files.iter().map(|(_, file)| file.len() as u64).sum();
    if held + new > LARGEST_KEPT {
        return Err(too_large());
    }
    process.files.extend(files);
    reply::ok()
}

/// A file, or all files below a folder.
pub async fn download(call: Call, app: &str, pid: &str) -> Answer {
    let wanted = call.query("file").ok_or_else(|| Refusal::Invalid("file is required".into()))?;
    let path = format!("/{}", archive::clean(&wanted));
    let world = call.world();
    let files = world.app(app)?.process(pid)?.files.iter();
    let chosen: Vec<(&str, &[u8])> = files
        .filter(|(name, _)| is_at_or_below(name, &path))
        .map(|(name, content)| (name.as_str(), content.as_ref()))
        .collect();
    if chosen.is_empty() {
        return Err(Refusal::no_such("file", wanted));
    }
    reply::chunked(Bytes::from(archive::pack(chosen).map_err(Refusal::Body)?))
}

pub async fn delete(call: Call, app: &str, pid: &str) -> Answer {
    let paths = call.query("files").ok_or_else(|| Refusal::Invalid("files is required".into()))?;
    let mut world = call.world();
    let process = world.app_mut(app)?.process_mut(pid)?;
    for path in paths.split(',') {
        let path = format!("/{}", archive::clean(path));
        process.files.retain(|name, _| !is_at_or_below(name, &path));
    }
    reply::ok()
}

fn is_at_or_below(name: &str, path: &str) -> bool {
    name.strip_prefix(path.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn too_large() -> Refusal {
    Refusal::TooLarge(format!("a process of the demo rack holds at most {LARGEST_KEPT} bytes of files"))
}

#[cfg(test)]
mod tests {
    use super::super::{archive, testing::Client};
    use bytes::Bytes;

    const FILES: &str = "/apps/web/processes/web-6f9d-abcde/files";

    #[tokio::test]
    async fn copies_in_and_out() {
        let client = Client::start().await;
        let tar = archive::pack([("tmp/d/a", b"one".as_slice()), ("tmp/d/b", &[0xff, 0]), ("tmp/dd", b"x")])
            .unwrap();
        let up = client
            .request("POST", &format!("{FILES}?tar-extra=--no-same-owner"))
            .body(tar)
            .send()
            .await
            .unwrap();
        assert_eq!(up.text().await.unwrap(), "ok\n");
        let down = client.request("GET", &format!("{FILES}?file=%2Ftmp%2Fd")).send().await.unwrap();
        let files = archive::files(&down.bytes().await.unwrap()).unwrap();
        let expected = [("/tmp/d/a", b"one".as_slice()), ("/tmp/d/b", &[0xff, 0])];
        assert_eq!(files, expected.map(|(path, content)| (path.to_owned(), Bytes::copy_from_slice(content))));
        let seen = client.exec("/apps/web/processes/web-6f9d-abcde/exec", "cat /tmp/d/a").await;
        assert!(seen.starts_with("one"), "{seen}");

        client.form_ok("DELETE", &format!("{FILES}?files=/tmp/d,/tmp/none"), &[]).await;
        let gone = client.request("GET", &format!("{FILES}?file=/tmp/d")).send().await.unwrap();
        assert_eq!(gone.status(), 404);
        let left = client.request("GET", &format!("{FILES}?file=/")).send().await.unwrap();
        assert_eq!(archive::files(&left.bytes().await.unwrap()).unwrap().len(), 1);
    }

    #[tokio::test]
    async fn refuses_what_is_no_tar() {
        let client = Client::start().await;
        let up = client.request("POST", FILES).body(vec![7; 2048]).send().await.unwrap();
        assert_eq!(up.status(), 400);
        assert_eq!(client.request("GET", FILES).send().await.unwrap().status(), 400);
    }
}
