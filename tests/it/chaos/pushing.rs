//! A push that takes its time, layer by layer, while replicas come and go.

use super::site::{Site, request_id};
use crate::registry::target::{CONFIG, LAYER, OCI_MANIFEST, descriptor, digest, image, with_digest};
use futures_util::stream;
use rack_gateway::core::RequestId;
use reqwest::{Body, RequestBuilder, Response};
use std::{net::SocketAddr, time::Duration};

const PIECE: usize = 16 * 1024;
const PIECES: usize = 12;
const BETWEEN_PIECES: Duration = Duration::from_millis(50);

/// Pushes image `number`, reads it back, and returns the requests that the registry acknowledged. The layer goes up in
/// two halves of more than half a second each, so that every restart finds one under way.
pub async fn push(site: &Site, address: SocketAddr, number: usize) -> Result<Vec<RequestId>, String> {
    let mut push = Push { site, address, acknowledged: Vec::new() };
    let layer: Vec<u8> = (0..2 * PIECE * PIECES).map(|at| (at * 31 + number * 7 + at / 251) as u8).collect();
    let config = format!("{{\"number\":{number}}}");

    let (first, second) = layer.split_at(PIECE * PIECES);
    let upload = push.opened().await?;
    let upload = push.sent(&upload, first).await?;
    let upload = push.sent(&upload, second).await?;
    push.done("PUT", &with_digest(&upload, &digest(&layer)), |request| request).await?;
    let upload = push.opened().await?;
    let whole = |request: RequestBuilder| request.body(config.clone());
    push.done("PUT", &with_digest(&upload, &digest(config.as_bytes())), whole).await?;
    let image = image(&[descriptor(CONFIG, config.as_bytes()), descriptor(LAYER, &layer)]).to_string();
    let manifest = |request: RequestBuilder| request.header("content-type", OCI_MANIFEST).body(image.clone());
    push.done("PUT", &format!("/v2/rolling/app/manifests/{number}"), manifest).await?;

    let path = format!("/v2/rolling/app/blobs/{}", digest(&layer));
    let back = push.done("GET", &path, |request| request).await?;
    let back = back.bytes().await.map_err(|error| format!("the layer broke off: {error}"))?;
    if back != layer {
        return Err(format!("the layer came back as {} other bytes", back.len()));
    }
    Ok(push.acknowledged)
}

struct Push<'a> {
    site: &'a Site,
    address: SocketAddr,
    acknowledged: Vec<RequestId>,
}

impl Push<'_> {
    async fn opened(&mut self) -> Result<String, String> {
        let empty = |request: RequestBuilder| request.header("content-length", "0");
        onward(&self.done("POST", "/v2/rolling/app/blobs/uploads/", empty).await?)
    }

    async fn sent(&mut self, upload: &str, half: &[u8]) -> Result<String, String> {
        let pieces: Vec<_> = half.chunks(PIECE).map(<[u8]>::to_vec).collect();
        let slowly = stream::unfold(pieces.into_iter(), |mut pieces| async {
            let piece = pieces.next()?;
            tokio::time::sleep(BETWEEN_PIECES).await;
            Some((Ok::<_, std::io::Error>(piece), pieces))
        });
        let body = |request: RequestBuilder| request.body(Body::wrap_stream(slowly));
        onward(&self.done("PATCH", upload, body).await?)
    }

    async fn done(
        &mut self,
        method: &str,
        path: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, String> {
        let request = with(self.site.request_at(self.address, method, path));
        let answer = request.send().await.map_err(|error| format!("{method} {path}: {error:?}"))?;
        let status = answer.status();
        if !status.is_success() {
            let said = answer.text().await.unwrap_or_default();
            return Err(format!("{method} {path}: {status} {said}"));
        }
        self.acknowledged.push(request_id(&answer));
        Ok(answer)
    }
}

fn onward(answer: &Response) -> Result<String, String> {
    let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
    location.map(str::to_owned).ok_or_else(|| "an upload without a location".to_owned())
}
