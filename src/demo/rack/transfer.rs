//! Builds that leave one rack as a file and come into another.

use super::{
    archive::{self, Unreadable},
    builds,
    call::{Call, Counted},
    reply::{self, Answer, Refusal},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http_body_util::BodyExt as _;
use std::io::{self, Read, Write as _};
use tokio::sync::mpsc;

const DESCRIPTION: &str = "build.json";
const MANIFEST: &str = "convox.yml";
const OUTPUT: &str = "output.txt";
const WAITING_CHUNKS: usize = 8;

/// Streams a gzipped tar, without telling its length.
pub async fn export(call: Call, app: &str, id: &str) -> Answer {
    let build = call.world().app(app)?.build(id)?.clone();
    let described = serde_json::to_vec_pretty(&build).map_err(Refusal::Encode)?;
    let files = [
        (DESCRIPTION, described.as_slice()),
        (MANIFEST, build.manifest.as_bytes()),
        (OUTPUT, build.output.as_bytes()),
    ];
    reply::chunked(gzip(&archive::pack(files).map_err(Refusal::Body)?).map_err(Refusal::Body)?.into())
}

/// Reads an export of any size, keeping only its description, manifest and log.
pub async fn import(call: Call, app: &str) -> Answer {
    call.world().app(app)?;
    let (sender, receiver) = mpsc::channel(WAITING_CHUNKS);
    let reading = tokio::task::spawn_blocking(move || read(Chunks { receiver, current: Bytes::new() }));
    forward(call.body, sender).await?;
    let read = reading.await.map_err(|error| Refusal::Body(io::Error::other(error)))?;
    let mut texts = read.map_err(|error| Refusal::Invalid(error.to_string()))?.into_iter();
    let mut next = || texts.next().flatten();
    let (described, manifest, output) = (next(), next(), next());
    let described =
        described.ok_or_else(|| Refusal::Invalid(format!("the archive holds no {DESCRIPTION}")))?;
    let described = serde_json::from_str(&described)
        .map_err(|error| Refusal::Invalid(format!("{DESCRIPTION} cannot be read: {error}")))?;

    let now = call.shared.now();
    let mut world = call.shared.world();
    let (manifest, output) = (manifest.unwrap_or_default(), output.unwrap_or_default());
    reply::json(&builds::imported(world.app_mut(app)?, now, &described, manifest, output))
}

fn read(chunks: Chunks) -> Result<Vec<Option<String>>, Unreadable> {
    archive::inspect(chunks, &[DESCRIPTION, MANIFEST, OUTPUT]).map(|contents| contents.texts)
}

/// Feeds the body to the reader. A reader that gave up is no reason to leave the client's bytes on the line.
async fn forward(mut body: Counted, sender: mpsc::Sender<Bytes>) -> Result<(), Refusal> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refusal::Body(io::Error::other(error)))?;
        if let Ok(data) = frame.into_data() {
            let _ = sender.send(data).await;
        }
    }
    Ok(())
}

fn gzip(data: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data)?;
    encoder.finish()
}

/// A body as a blocking reader.
struct Chunks {
    receiver: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl Read for Chunks {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            let Some(next) = self.receiver.blocking_recv() else { return Ok(0) };
            self.current = next;
        }
        let chunk = self.current.split_to(self.current.len().min(out.len()));
        for (to, from) in out.iter_mut().zip(&chunk) {
            *to = *from;
        }
        Ok(chunk.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Client;
    use super::{archive, gzip};
    use serde_json::Value;

    #[tokio::test]
    async fn an_export_can_be_imported() {
        let client = Client::start().await;
        let export = client.request("GET", "/apps/web/builds/B000000001.tgz").send().await.unwrap();
        assert_eq!(export.headers()["transfer-encoding"], "chunked");
        let file = export.bytes().await.unwrap();
        let import = client.request("POST", "/apps/api/builds/import").body(file).send().await.unwrap();
        let build: Value = import.json().await.unwrap();
        assert_eq!((&build["app"], &build["status"]), (&"api".into(), &"complete".into()));
        assert!(build["manifest"].as_str().unwrap().contains("bin/worker"));
        let release = client.get(&format!("/apps/api/releases/{}", build["release"].as_str().unwrap())).await;
        assert_eq!(release["build"], build["id"]);
    }

    #[tokio::test]
    async fn large_and_broken_imports_are_read_to_their_end() {
        let client = Client::start().await;
        let image = super::super::noise(8 * 1024 * 1024);
        let files = [("image.tar", image.as_slice()), ("build.json", b"{\"description\": \"big\"}")];
        let file = gzip(&archive::pack(files).unwrap()).unwrap();
        let import = client.request("POST", "/apps/web/builds/import").body(file).send().await.unwrap();
        assert_eq!(import.json::<Value>().await.unwrap()["description"], "big");
        let import = client.request("POST", "/apps/web/builds/import").body(image).send().await.unwrap();
        assert_eq!(import.status(), 400);
        assert!(import.text().await.unwrap().contains("not a gzipped tar"));
        assert_eq!(client.rack.requests()[1].body_length, 8 * 1024 * 1024);
    }
}
