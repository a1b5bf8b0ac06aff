//! Processes that are killed, and storage that goes away.

use super::{
    Own, new_bucket,
    target::{OCI_MANIFEST, Target, digest, header_of, refused, with_digest},
};
use crate::support::{
    registry::{Distribution, ProxyServer, RegistryServer},
    wire::{SOON, Wire},
};
use rack_gateway::{
    config::{Env as _, ProcessEnv, RegistryBucket},
    core::SystemClock,
    registry::{
        ReadOnly, Rules,
        embedded::Place,
        proxy::{Login, Redirects},
    },
    store::{self, Db},
};
use std::{
    fs,
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

const ROOT: &str = "TEST_REGISTRY_CHILD_ROOT";
/// What the process is a proxy to, if it is one.
const UPSTREAM: &str = "TEST_REGISTRY_CHILD_UPSTREAM";

/// A registry in a process of its own.
pub struct Process {
    child: Child,
    pub target: Target,
}

impl Process {
    pub async fn start(root: &Path) -> Self {
        Self::before(root, "").await
    }

    /// A proxy to `upstream`.
    pub async fn before(root: &Path, upstream: &str) -> Self {
        let address = root.join("address");
        drop(fs::remove_file(&address));
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["registry::damage::the_process_that_is_killed", "--exact", "--nocapture"])
            .env(ROOT, root)
            .env(UPSTREAM, upstream)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        loop {
            match fs::read_to_string(&address) {
                Ok(url) if url.ends_with('\n') => return Self { child, target: Target::open(url.trim()) },
                _ => assert!(begun.elapsed() < SOON, "the process does not start"),
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// The most memory that it ever had, in KiB.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// Not a test of its own: the program of `Process`, which serves until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let Some(root) = ProcessEnv.get(ROOT) else { return };
    let root = Path::new(&root);
    let (server, proxy, url);
    match ProcessEnv.get(UPSTREAM).filter(|upstream| !upstream.is_empty()) {
        None => {
            server = RegistryServer::in_directory(&root.join("data")).await;
            url = server.url();
        }
        Some(upstream) => {
            let place = store::Place::Sqlite(root.join("gateway.db"));
            let db = Db::open(&store::Options::new(place)).await.unwrap();
            db.migrate().await.unwrap();
            let rules = Rules::default();
            proxy = ProxyServer::on(&db, &upstream, Login::None, Redirects::Follow, rules).await;
            url = proxy.url();
        }
    }
    let (staged, address) = (root.join("address.new"), root.join("address"));
    fs::write(&staged, format!("{url}\n")).unwrap();
    fs::rename(staged, address).unwrap();
    std::future::pending().await
}

#[tokio::test]
async fn an_upload_outlives_the_process() {
    let root = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..6_000_000u32).map(|n| (n % 241) as u8).collect();
    let (repository, whole) = ("kill/me", digest(&bytes));

    let process = Process::start(root.path()).await;
    let upload = process.target.start(repository).await;
    let patch = process.target.request("PATCH", &upload).body(bytes[..2_000_000].to_vec());
    assert_eq!(patch.send().await.unwrap().status(), 202);
    // In the middle of the next chunk.
    let mut wire = Wire::open(process.target.address()).await;
    wire.send(format!("PATCH {upload} HTTP/1.1\r\nHost: r\r\nContent-Length: 4000000\r\n\r\n")).await;
    wire.send(&bytes[2_000_000..4_000_000]).await;
    sleep(Duration::from_millis(200)).await;
    process.kill().await;

    let process = Process::start(root.path()).await;
    let status = process.target.get(&upload).await;
    assert_eq!(status.status(), 204);
    let come: usize = header_of(&status, "range").strip_prefix("0-").unwrap().parse::<usize>().unwrap() + 1;
    assert!((2_000_000..=4_000_000).contains(&come), "{come}");
    let rest = process.target.request("PATCH", &upload);
    let rest =
        rest.header("content-range", format!("{come}-{}", bytes.len() - 1)).body(bytes[come..].to_vec());
    assert_eq!(rest.send().await.unwrap().status(), 202);
    process.kill().await;

    // The running hash is lost once more; the digest is still proved.
    let process = Process::start(root.path()).await;
    assert_eq!(process.target.send("PUT", &with_digest(&upload, &whole)).await.status(), 201);
    let answer = process.target.get(&format!("/v2/{repository}/blobs/{whole}")).await;
    assert!(answer.bytes().await.unwrap() == bytes);
}

/// Between two chunks an upload goes on where it was. In the middle of one, Debian's registry gives it up; the client is
/// told so at once and begins anew, and nothing of the torn one is published.
#[tokio::test]
async fn an_upload_outlives_a_proxy_that_is_killed() {
    let Some(registry) = Distribution::start().await else { return };
    let root = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..4_000_000u32).map(|n| (n % 239) as u8).collect();
    let whole = digest(&bytes);

    let process = Process::before(root.path(), &registry.url).await;
    let upload = process.target.start("kill/me").await;
    let patch = process.target.request("PATCH", &upload).body(bytes[..2_000_000].to_vec());
    assert_eq!(patch.send().await.unwrap().status(), 202);
    process.kill().await;

    let process = Process::before(root.path(), &registry.url).await;
    assert_eq!(header_of(&process.target.get(&upload).await, "range"), "0-1999999");
    let rest = process.target.request("PATCH", &upload).header("content-range", "2000000-3999999");
    assert_eq!(rest.body(bytes[2_000_000..].to_vec()).send().await.unwrap().status(), 202);
    assert_eq!(process.target.send("PUT", &with_digest(&upload, &whole)).await.status(), 201);
    let path = format!("/v2/kill/me/blobs/{whole}");
    assert!(process.target.get(&path).await.bytes().await.unwrap() == bytes);

    // In the middle of a chunk.
    let upload = process.target.start("kill/other").await;
    let mut wire = Wire::open(process.target.address()).await;
    wire.send(format!("PATCH {upload} HTTP/1.1\r\nHost: r\r\nContent-Length: 4000000\r\n\r\n")).await;
    wire.send(&bytes[..1_000_000]).await;
    sleep(Duration::from_millis(300)).await;
    process.kill().await;
    let process = Process::before(root.path(), &registry.url).await;
    refused(process.target.get(&upload).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
    refused(process.target.send("PUT", &with_digest(&upload, &whole)).await, 404, "BLOB_UPLOAD_UNKNOWN")
        .await;
    assert_eq!(process.target.push_blob("kill/other", &bytes).await, whole);
    process.kill().await;
}

/// Parts, what is too little for one, and neither; each step by a registry that has never seen the upload before.
#[tokio::test]
async fn an_upload_to_a_bucket_outlives_the_process() {
    let Some(bucket) = new_bucket().await else { return };
    let start = async || RegistryServer::start(Place::S3(bucket.clone()), Arc::new(SystemClock)).await;
    for (number, sizes) in
        [&[0][..], &[1_000], &[9_000_000, 1_000, 6_000_000, 20_000_000, 3]].into_iter().enumerate()
    {
        let repository = format!("bucket/app-{number}");
        let upload = Target::open(&start().await.url()).start(&repository).await;
        let (mut whole, mut offset) = (Vec::new(), 0);
        for size in sizes {
            let bytes: Vec<u8> = (0..*size).map(|n: usize| (n % 239) as u8).collect();
            let server = start().await;
            let target = Target::open(&server.url());
            assert_eq!(
                target.request("PATCH", &upload).body(bytes.clone()).send().await.unwrap().status(),
                202
            );
            offset += size;
            whole.extend(bytes);
            let server = start().await;
            let status = Target::open(&server.url()).get(&upload).await;
            assert_eq!(header_of(&status, "range"), format!("0-{}", offset.max(1) - 1));
        }
        let server = start().await;
        let target = Target::open(&server.url());
        let digest = digest(&whole);
        assert_eq!(target.send("PUT", &with_digest(&upload, &digest)).await.status(), 201);
        let answer = target.get(&format!("/v2/{repository}/blobs/{digest}")).await;
        assert!(answer.bytes().await.unwrap() == whole);
        refused(target.get(&upload).await, 404, "BLOB_UPLOAD_UNKNOWN").await;
    }
    assert_eq!(objects(&bucket, "uploads/").await, 0, "something is left of the uploads");
}

async fn objects(bucket: &RegistryBucket, prefix: &str) -> usize {
    let endpoint = bucket.endpoint.as_deref().unwrap();
    let list = format!("{endpoint}/{}?list-type=2&prefix={prefix}", bucket.name);
    let list = reqwest::get(list).await.unwrap().text().await.unwrap();
    assert!(list.contains("<KeyCount>"), "{list}");
    list.matches("<Key>").count()
}

#[tokio::test]
async fn bytes_that_change_on_the_disk_are_noticed_before_they_are_published() {
    let own = Own::start().await;
    let target = own.target();
    let upload = target.start("disk/fault").await;
    assert_eq!(target.request("PATCH", &upload).body("hello world").send().await.unwrap().status(), 202);
    let id = upload.rsplit('/').next().unwrap().to_owned();
    fs::write(own.root.path().join("uploads").join(&id).join("data"), "hello wörl").unwrap();
    let server = RegistryServer::in_directory(own.root.path()).await;
    let other = Target::open(&server.url());
    let answer = other.send("PUT", &with_digest(&upload, &digest(b"hello world"))).await;
    refused(answer, 400, "DIGEST_INVALID").await;
    assert_eq!(own.files(), (0, 0));
}

#[tokio::test]
async fn nothing_is_left_of_what_failed() {
    let own = Own::start().await;
    let target = own.target();
    let upload = target.start("tidy/app").await;
    refused(target.send("PUT", &with_digest(&upload, &digest(b"x"))).await, 400, "DIGEST_INVALID").await;
    let post =
        target.request("POST", &format!("/v2/tidy/app/blobs/uploads/?digest={}", digest(b"x"))).body("y");
    let post = post.header("content-type", "application/octet-stream");
    refused(post.send().await.unwrap(), 400, "DIGEST_INVALID").await;
    assert_eq!(own.files(), (0, 0));
    super::conformance::uploads::parallel_pushes_of_one_blob(&target).await;
    assert_eq!(own.files(), (1, 0));
}

/// Folders that become empty are removed while others store into them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_come_and_go() {
    let own = Own::start().await;
    let target = own.target();
    let (image, _) = target.push_image("busy/app", "v1", "busy").await;
    assert_eq!(target.send("DELETE", "/v2/busy/app/manifests/v1").await.status(), 202);
    let comings = (0..6).map(|number| {
        let (target, image) = (target.clone(), image.clone());
        async move {
            let path = format!("/v2/busy/app/manifests/t{number}");
            for round in 0..15 {
                let tagged =
                    target.put_manifest("busy/app", &format!("t{number}"), OCI_MANIFEST, &image).await;
                assert_eq!(tagged.status(), 201, "{}", tagged.text().await.unwrap());
                assert_eq!(target.send("DELETE", &path).await.status(), 202);
                let repository = format!("busy/own-{number}");
                let blob = target.push_blob(&repository, format!("{number} {round}").as_bytes()).await;
                let deleted = target.send("DELETE", &format!("/v2/{repository}/blobs/{blob}")).await;
                assert_eq!(deleted.status(), 202);
                assert_eq!(target.get("/v2/_catalog").await.status(), 200);
            }
        }
    });
    futures_util::future::join_all(comings).await;
}

#[tokio::test]
async fn a_storage_that_is_gone_takes_nothing_and_tells_no_path() {
    let own = Own::start().await;
    let target = own.target();
    let (image, _) = target.push_image("gone/app", "v1", "gone").await;
    let away = own.root.path().with_extension("away");
    fs::rename(own.root.path(), &away).unwrap();
    let start = target.send("POST", "/v2/gone/app/blobs/uploads/").await;
    refused(start, 503, "UNAVAILABLE").await;
    let put = target.put_manifest("gone/app", "v2", OCI_MANIFEST, &image).await;
    let document = refused(put, 503, "UNAVAILABLE").await;
    assert!(!document.to_string().contains(own.root.path().to_str().unwrap()));
    assert!(!own.root.path().exists(), "it was made anew, which hides that it is gone");
    fs::rename(&away, own.root.path()).unwrap();
    assert_eq!(target.get("/v2/gone/app/manifests/v1").await.status(), 200);
}

#[tokio::test]
async fn read_only_says_why() {
    let root = tempfile::tempdir().unwrap();
    let is_frozen = Arc::new(AtomicBool::new(false));
    let switch = is_frozen.clone();
    let read_only = ReadOnly::new("moving to another house until 12:00", move || switch.load(SeqCst));
    let rules = Rules { read_only, ..Rules::default() };
    let place = Place::Directory(root.path().to_owned());
    let server = RegistryServer::with_rules(place, Arc::new(SystemClock), rules).await;
    let target = Target::open(&server.url());
    let (image, digest) = target.push_image("frozen/app", "v1", "frozen").await;
    is_frozen.store(true, SeqCst);
    let refusals = [
        target.send("POST", "/v2/frozen/app/blobs/uploads/").await,
        target.put_manifest("frozen/app", "v2", OCI_MANIFEST, &image).await,
        target.send("DELETE", &format!("/v2/frozen/app/manifests/{digest}")).await,
    ];
    for answer in refusals {
        let document = refused(answer, 405, "UNSUPPORTED").await;
        assert!(document.to_string().contains("moving to another house until 12:00"), "{document}");
    }
    assert_eq!(target.get("/v2/frozen/app/manifests/v1").await.status(), 200);
    is_frozen.store(false, SeqCst);
    assert_eq!(target.send("DELETE", &format!("/v2/frozen/app/manifests/{digest}")).await.status(), 202);
}
