use super::*;
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use std::io::{Seek as _, Write as _};
use tar::{Builder, EntryType, Header};

type Tar = Builder<Vec<u8>>;

fn document(namespace: &str) -> String {
    json!({"name": "husky", "namespace": namespace, "type": "quality", "version": "1.0.0", "priority": 1})
        .to_string()
}

fn put(tar: &mut Tar, kind: EntryType, name: &str, content: &[u8]) {
    let mut header = Header::new_gnu();
    // Past the checks of the library, which writes no unsafe names.
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    tar.append(&header, content).unwrap();
}

fn put_file(tar: &mut Tar, name: &str, content: &str) {
    put(tar, EntryType::Regular, name, content.as_bytes());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn look(bytes: &[u8]) -> Result<Contents, String> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    inspect(file).map_err(|problem| format!("{} {}", problem.code, problem.message))
}

fn packed(fill: impl FnOnce(&mut Tar)) -> Result<Contents, String> {
    let mut tar = Builder::new(Vec::new());
    fill(&mut tar);
    look(&gzip(&tar.into_inner().unwrap()))
}

#[test]
fn a_package_says_where_it_belongs() {
    let expected = Contents { package: "team/quality/husky".to_owned(), version: "1.0.0".to_owned() };
    let plain = packed(|tar| {
        put_file(tar, "index.ts", "x");
        put_file(tar, "registry.json", &document("@team"));
    });
    assert_eq!(plain, Ok(expected.clone()));
    let with_folders = packed(|tar| {
        put(tar, EntryType::Directory, "./", b"");
        put(tar, EntryType::Directory, "./src/", b"");
        put_file(tar, "./registry.json", &document("@team"));
    });
    assert_eq!(with_folders, Ok(expected));
    let elsewhere = packed(|tar| {
        let document = document("@team").replace("\"type\"", "\"path\":\"a/b/husky\",\"type\"");
        put_file(tar, "registry.json", &document);
    });
    assert_eq!(elsewhere.unwrap().package, "team/a/b/husky");
    let long = "d/".repeat(80) + "file.ts";
    let named = packed(|tar| {
        tar.append_data(&mut header(1), &long, &b"x"[..]).unwrap();
        put_file(tar, "registry.json", &document("@team"));
    });
    assert!(named.is_ok(), "{named:?}");
}

fn header(size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    let good = || document("@team");
    let evil = || document("@other");
    let pax = |text: &str| format!("{} {text}\n", text.len() + 4);
    let refused: [(&str, Result<Contents, String>, &str); 12] = [
        (
            "two documents",
            packed(|tar| {
                put_file(tar, "registry.json", &good());
                put_file(tar, "./registry.json", &evil());
            }),
            "INVALID_ARCHIVE",
        ),
        (
            "a link",
            packed(|tar| {
                put_file(tar, "registry.json", &good());
                put(tar, EntryType::Symlink, "index.ts", b"");
            }),
            "UNSAFE_FILE",
        ),
        ("a hard link", packed(|tar| put(tar, EntryType::Link, "registry.json", b"")), "UNSAFE_FILE"),
        (
            "a way up",
            packed(|tar| {
                put_file(tar, "registry.json", &good());
                put_file(tar, "a/../registry.json", &evil());
            }),
            "INVALID_ARCHIVE",
        ),
        ("an absolute name", packed(|tar| put_file(tar, "/registry.json", &good())), "INVALID_ARCHIVE"),
        ("a backslash", packed(|tar| put_file(tar, "a\\registry.json", &good())), "INVALID_ARCHIVE"),
        ("its folder packed", packed(|tar| put_file(tar, "husky/registry.json", &good())), "UPLOAD_FAILED"),
        (
            "a name from two descriptions",
            packed(|tar| {
                put(tar, EntryType::GNULongName, "x", b"index.ts\0");
                put(tar, EntryType::XHeader, "x", pax("path=registry.json").as_bytes());
                put_file(tar, "y", &evil());
                put_file(tar, "registry.json", &good());
            }),
            "INVALID_ARCHIVE",
        ),
        (
            "a description that says it twice",
            packed(|tar| {
                let twice = pax("path=index.ts") + &pax("path=registry.json");
                put(tar, EntryType::XHeader, "x", twice.as_bytes());
                put_file(tar, "y", &evil());
                put_file(tar, "registry.json", &good());
            }),
            "INVALID_ARCHIVE",
        ),
        (
            "another length",
            packed(|tar| {
                put(tar, EntryType::XHeader, "x", pax("size=0").as_bytes());
                put_file(tar, "registry.json", &good());
            }),
            "INVALID_ARCHIVE",
        ),
        (
            "a description of everything",
            packed(|tar| {
                put(tar, EntryType::XGlobalHeader, "x", pax("path=registry.json").as_bytes());
                put_file(tar, "registry.json", &good());
            }),
            "UNSAFE_FILE",
        ),
        (
            "a namespace that is said twice",
            packed(|tar| {
                let twice = good().replacen('{', "{\"namespace\":\"@other\",", 1);
                put_file(tar, "registry.json", &twice);
            }),
            "UPLOAD_FAILED",
        ),
    ];
    for (what, result, code) in refused {
        let error = result.expect_err(what);
        assert!(error.starts_with(code), "{what}: {error}");
    }
}

#[test]
fn nothing_hides_behind_the_end() {
    let archive = |namespace: &str| {
        let mut tar = Builder::new(Vec::new());
        put_file(&mut tar, "registry.json", &document(namespace));
        tar.into_inner().unwrap()
    };
    let (good, evil) = (archive("@team"), archive("@other"));
    assert!(look(&gzip(&good)).is_ok());
    for hidden in [
        gzip(&[good.clone(), evil.clone()].concat()),
        [gzip(&good), gzip(&evil)].concat(),
        [gzip(&good), b"x".to_vec()].concat(),
    ] {
        assert!(look(&hidden).unwrap_err().starts_with("INVALID_ARCHIVE"), "{:?}", look(&hidden));
    }
    for broken in [&b""[..], b"not an archive", &gzip(&good)[..40], &gzip(b"plain text")] {
        assert!(look(broken).is_err());
    }
}

#[test]
fn a_bomb_is_defused() {
    const LIMIT: u64 = 1_000_000;
    let unpacking_to = |size: u64| {
        let mut tar = Builder::new(Vec::new());
        put_file(&mut tar, "registry.json", &document("@team"));
        let mut big = header(size);
        big.set_path("zeros").unwrap();
        big.set_cksum();
        tar.append(&big, io::repeat(0).take(size)).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&gzip(&tar.into_inner().unwrap())).unwrap();
        file.rewind().unwrap();
        inspect_within(file, LIMIT)
    };
    assert!(unpacking_to(LIMIT - 10_000).is_ok());
    let problem = unpacking_to(LIMIT * 20).unwrap_err();
    assert!(problem.message.contains("unpacks to too much"), "{}", problem.message);
}

#[test]
fn documents_are_checked() {
    for (from, to) in [
        ("@team", "team"),
        ("@team", "@team/../other"),
        ("1.0.0", "one"),
        ("husky", "Husky"),
        ("\"type\"", "\"path\":\"a/other\",\"type\""),
        ("\"type\"", "\"path\":\"../other/husky\",\"type\""),
        ("\"version\"", "\"release\""),
    ] {
        let result = packed(|tar| put_file(tar, "registry.json", &document("@team").replace(from, to)));
        assert!(result.as_ref().unwrap_err().starts_with("UPLOAD_FAILED"), "{to}: {result:?}");
    }
}
