//! The seven families, as dashboards for registries expect them.

use super::Own;
use rack_gateway::observe::metrics::Metrics;

fn value(page: &str, series: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

#[tokio::test]
async fn every_family_moves() {
    let metrics = Metrics::install().unwrap();
    let before = metrics.render();
    let own = Own::start().await;
    let target = own.target();
    let upload = target.start("metrics/app").await;
    let piece = vec![1u8; 5_000_000];
    assert_eq!(target.request("PATCH", &upload).body(piece.clone()).send().await.unwrap().status(), 202);
    target.send("DELETE", &upload).await;
    let (_, _) = target.push_image("metrics/app", "v1", "metrics").await;
    let digest = target.push_blob("metrics/app", b"metrics").await;
    for _ in 0..2 {
        target.send("HEAD", &format!("/v2/metrics/app/blobs/{digest}")).await;
    }
    for path in ["/v2/", "/v2/_catalog", "/v2/metrics/app/tags/list", "/v2/metrics/app/manifests/v1"] {
        assert_eq!(target.get(path).await.status(), 200);
    }
    target.send("DELETE", &format!("/v2/metrics/app/blobs/{digest}")).await;

    let after = metrics.render();
    let rise = |series: &str| value(&after, series) - value(&before, series);
    for handler in ["base", "catalog", "tags", "manifest", "blob", "blob_upload", "blob_upload_chunk"] {
        for family in ["request_size_bytes", "response_size_bytes"] {
            let series = format!("registry_http_{family}_count{{handler=\"{handler}\"}}");
            assert!(rise(&series) >= 1.0, "{series}");
        }
        assert!(
            after.contains(&format!("registry_http_in_flight_requests{{handler=\"{handler}\"}}")),
            "{handler}"
        );
    }
    for series in [
        r#"registry_http_requests_total{handler="blob_upload",method="post",code="202"}"#,
        r#"registry_http_requests_total{handler="manifest",method="put",code="201"}"#,
        r#"registry_http_request_duration_seconds_count{handler="blob_upload_chunk",method="patch"}"#,
        r#"registry_http_request_duration_seconds_bucket{handler="blob_upload_chunk",method="put",le="60"}"#,
        r#"registry_storage_cache_total{type="Request"}"#,
        r#"registry_storage_cache_total{type="Hit"}"#,
        r#"registry_storage_cache_total{type="Miss"}"#,
    ] {
        assert!(rise(series) >= 1.0, "{series}\n{after}");
    }
    for action in ["GetContent", "PutContent", "Stat", "List", "Move", "Delete"] {
        let series =
            format!("registry_storage_action_seconds_count{{driver=\"filesystem\",action=\"{action}\"}}");
        assert!(rise(&series) >= 1.0, "{series}");
    }
    // Chunked uploads weigh what they weigh.
    assert!(
        rise(r#"registry_http_request_size_bytes_sum{handler="blob_upload_chunk"}"#) >= piece.len() as f64
    );
    // The directory of services has others, under names of its own.
    let is_of_images = |line: &&str| {
        line.starts_with("# HELP registry_http_") || line.starts_with("# HELP registry_storage_")
    };
    let families = after.lines().filter(is_of_images).count();
    assert_eq!(families, 7);
}
