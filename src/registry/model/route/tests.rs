use super::*;
use crate::registry::model::{Page, Reference};

const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn read(line: &str) -> Result<Operation, Problem> {
    let (method, target) = line.split_once(' ').unwrap();
    let target = target.replace("{D}", D).replace("{ID}", ID);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    parse(&method.parse().unwrap(), path, query)
}

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn tag(text: &str) -> Reference {
    text.parse().unwrap()
}

#[test]
fn every_route() {
    let (digest, upload): (Digest, UploadId) = (D.parse().unwrap(), ID.parse().unwrap());
    let repository = || name("team/app");
    let reference = || tag("v1");
    for (line, expected) in [
        ("GET /v2/", Operation::Ping),
        ("HEAD /v2", Operation::Ping),
        (
            "GET /v2/_catalog?n=5&last=a",
            Operation::Catalog { page: Page { size: Some(5), last: Some("a".into()) } },
        ),
        ("GET /v2/team/app/tags/list", Operation::Tags { repository: repository(), page: Page::default() }),
        (
            "GET /v2/team/app/manifests/v1",
            Operation::ManifestGet { repository: repository(), reference: reference() },
        ),
        (
            "HEAD /v2/team/app/manifests/v1",
            Operation::ManifestHead { repository: repository(), reference: reference() },
        ),
        (
            "PUT /v2/team/app/manifests/v1",
            Operation::ManifestPut { repository: repository(), reference: reference(), tags: vec![] },
        ),
        (
            "DELETE /v2/team/app/manifests/v1",
            Operation::ManifestDelete { repository: repository(), reference: reference() },
        ),
        (
            "GET /v2/team/app/blobs/{D}",
            Operation::BlobGet { repository: repository(), digest: digest.clone() },
        ),
        (
            "HEAD /v2/team/app/blobs/sha256%3Ae3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            Operation::BlobHead { repository: repository(), digest: digest.clone() },
        ),
        (
            "DELETE /v2/team/app/blobs/{D}",
            Operation::BlobDelete { repository: repository(), digest: digest.clone() },
        ),
        ("GET /v2/team/app/blobs/uploads/{ID}", Operation::UploadStatus { repository: repository(), upload }),
        (
            "PATCH /v2/team/app/blobs/uploads/{ID}?_state=x",
            Operation::UploadPatch { repository: repository(), upload },
        ),
        (
            "PUT /v2/team/app/blobs/uploads/{ID}?digest={D}",
            Operation::UploadPut { repository: repository(), upload, digest: digest.clone() },
        ),
        (
            "DELETE /v2/team/app/blobs/uploads/{ID}",
            Operation::UploadCancel { repository: repository(), upload },
        ),
        (
            "GET /v2/team/app/referrers/{D}?artifactType=application/vnd.a+json",
            Operation::Referrers {
                repository: repository(),
                digest,
                artifact_type: Some("application/vnd.a+json".into()),
                after: None,
            },
        ),
    ] {
        assert_eq!(read(line).unwrap(), expected, "{line}");
    }
}

#[test]
fn starts_of_uploads() {
    let digest: Digest = D.parse().unwrap();
    let asked = Mount::Asked { digest: digest.clone(), from: name("other/app") };
    for (query, expected) in [
        ("/", Start::Session(Algorithm::Sha256)),
        ("", Start::Session(Algorithm::Sha256)),
        ("/?digest-algorithm=sha512", Start::Session(Algorithm::Sha512)),
        ("/?digest={D}", Start::Whole(digest.clone())),
        ("/?mount={D}&from=other/app&origin=h", Start::Mount(asked.clone())),
        ("/?mount={D}&from=other%2Fapp", Start::Mount(asked)),
        ("/?mount={D}", Start::Session(Algorithm::Sha256)),
        ("/?from=other/app", Start::Session(Algorithm::Sha256)),
    ] {
        let expected = Operation::UploadStart { repository: name("a"), start: expected };
        assert_eq!(read(&format!("POST /v2/a/blobs/uploads{query}")).unwrap(), expected, "{query}");
    }
}

#[test]
fn a_mount_must_be_granted() {
    let operation = read("POST /v2/a/blobs/uploads/?mount={D}&from=b").unwrap();
    assert_eq!(operation.mount_source(), Some(&name("b")));
    let granted = operation.clone().grant_mount();
    assert_ne!(granted, operation);
    assert_eq!(granted.mount_source(), Some(&name("b")));
}

#[test]
fn names_that_look_like_routes() {
    for (line, expected) in [
        ("GET /v2/a/manifests/tags/list", "a/manifests"),
        ("GET /v2/a/tags/list/manifests/latest", "a/tags/list"),
        ("GET /v2/blobs/uploads/tags/list", "blobs/uploads"),
        ("POST /v2/blobs/uploads/blobs/uploads/", "blobs/uploads"),
        ("PATCH /v2/a/blobs/uploads/blobs/uploads/{ID}", "a/blobs/uploads"),
        ("GET /v2/v2/blobs/{D}", "v2"),
        ("GET /v2/manifests/manifests/manifests", "manifests"),
    ] {
        assert_eq!(read(line).unwrap().repository(), Some(&name(expected)), "{line}");
    }
}

#[test]
fn refused() {
    use ErrorCode as C;
    for (line, code) in [
        ("GET /v2/a/b", C::NotFound),
        ("GET /v1/search?q=x", C::NotFound),
        ("GET /v2/_oci/ext/discover", C::NotFound),
        ("GET /v2x", C::NotFound),
        ("GET /v2/tags/list", C::NotFound),
        ("GET /v2/manifests/x", C::NotFound),
        ("POST /v2/blobs/uploads/", C::NotFound),
        ("GET /v2/secret%2Frepo/tags/list", C::NameInvalid),
        ("GET /v2/a%252Fb/tags/list", C::NameInvalid),
        ("GET /v2/a/%2e%2e/tags/list", C::NameInvalid),
        ("GET /v2/a/../b/tags/list", C::NameInvalid),
        ("GET /v2/a/./b/tags/list", C::NameInvalid),
        ("GET /v2/a//b/tags/list", C::NameInvalid),
        ("GET /v2//tags/list", C::NameInvalid),
        ("GET /v2/Team/app/tags/list", C::NameInvalid),
        ("GET /v2/a%3Ab/tags/list", C::NameInvalid),
        ("GET /v2/a/manifests/sha256:abc", C::DigestInvalid),
        ("GET /v2/a/manifests/.x", C::TagInvalid),
        ("GET /v2/a/manifests/", C::TagInvalid),
        ("GET /v2/a/blobs/uploads", C::DigestInvalid),
        ("GET /v2/a/blobs/latest", C::DigestInvalid),
        ("GET /v2/a/blobs/uploads/", C::Unsupported),
        ("PATCH /v2/a/blobs/uploads/nothing", C::BlobUploadUnknown),
        ("PATCH /v2/a/blobs/uploads/01890A5D-AC96-774B-BCCE-B302099A8057", C::BlobUploadUnknown),
        ("PUT /v2/a/blobs/uploads/{ID}", C::DigestInvalid),
        ("PUT /v2/a/blobs/uploads/{ID}?digest=sha256:x", C::DigestInvalid),
        ("PUT /v2/a/tags/list", C::Unsupported),
        ("POST /v2/a/manifests/v1", C::Unsupported),
        ("OPTIONS /v2/", C::Unsupported),
        ("GET /v2/a/tags/list?n=-1", C::PaginationNumberInvalid),
        ("GET /v2/a/tags/list?n=", C::PaginationNumberInvalid),
        ("GET /v2/a/tags/list?n=1&n=2", C::Unsupported),
        ("POST /v2/a/blobs/uploads/?mount={D}&from=b&from=c", C::Unsupported),
        ("POST /v2/a/blobs/uploads/?mount={D}&from=B", C::NameInvalid),
        ("POST /v2/a/blobs/uploads/?mount=x&from=b", C::DigestInvalid),
        ("POST /v2/a/blobs/uploads/?mount={D}&digest={D}", C::BlobUploadInvalid),
        ("POST /v2/a/blobs/uploads/?digest-algorithm=md5", C::DigestInvalid),
        ("PUT /v2/a/manifests/{D}?tag=ok&tag=-no", C::TagInvalid),
        ("GET /v2/a/referrers/latest", C::DigestInvalid),
    ] {
        assert_eq!(read(line).unwrap_err().code, code, "{line}");
    }
}

#[test]
fn numbers_beyond_reason_are_taken_as_the_greatest() {
    let line = "GET /v2/_catalog?n=99999999999999999999999999";
    assert_eq!(read(line).unwrap(), Operation::Catalog { page: Page { size: Some(u64::MAX), last: None } });
}
