//! Manifests, read for what a registry must know: their type, what they need, and what they refer to. The bytes are
//! stored as they came.

use super::{
    descriptor::Descriptor,
    media_type::{self, DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, essence, is_foreign_layer},
};
use crate::registry::error::{ErrorCode, Problem};
use http::StatusCode;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, fmt};

/// The largest document that is taken.
pub const MAX_MANIFEST_BYTES: usize = 4 * 1_024 * 1_024;

#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// One of `media_type::MANIFESTS`.
    pub media_type: &'static str,
    pub parts: Vec<Part>,
    pub subject: Option<Descriptor>,
    /// What kind of artifact it is, for those that list referrers.
    pub artifact_type: Option<String>,
    pub annotations: Option<Map<String, Value>>,
}

/// Content that must be in the repository.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Blob(Descriptor),
    Manifest(Descriptor),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Option<Map<String, Value>>,
    fs_layers: Option<de::IgnoredAny>,
}

impl Manifest {
    /// `content_type` is the header's value. It and the document must agree, and the document must have the fields of
    /// its type and none of another's, lest two clients see two images in it.
    pub fn parse(content_type: Option<&str>, bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(too_large());
        }
        refuse_ambiguous_keys(bytes)?;
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|error| invalid(format!("the manifest cannot be read: {error}")))?;
        let media_type = media_type(content_type, &document)?;
        if document.schema_version != Some(2) {
            return Err(invalid("schemaVersion is not 2"));
        }
        match media_type {
            OCI_INDEX | DOCKER_LIST => document.into_index(media_type),
            _ => document.into_image(media_type),
        }
    }
}

impl Document {
    fn into_image(self, media_type: &'static str) -> Result<Manifest, Problem> {
        let (Some(config), Some(layers), None, None) =
            (self.config, self.layers, self.manifests, self.fs_layers)
        else {
            return Err(invalid(
                "an image manifest has config and layers, and neither manifests nor fsLayers",
            ));
        };
        let artifact_type = self.artifact_type.or_else(|| Some(config.media_type.clone()));
        let layers = layers.into_iter().filter(|layer| !is_foreign_layer(&layer.media_type));
        let parts = std::iter::once(config).chain(layers).map(Part::Blob).collect();
        let Self { subject, annotations, .. } = self;
        Ok(Manifest { media_type, parts, subject, artifact_type, annotations })
    }

    fn into_index(self, media_type: &'static str) -> Result<Manifest, Problem> {
        let (Some(manifests), None, None, None) = (self.manifests, self.config, self.layers, self.fs_layers)
        else {
            return Err(invalid("an index has manifests, and none of config, layers and fsLayers"));
        };
        let parts = manifests.into_iter().map(Part::Manifest).collect();
        let Self { subject, annotations, artifact_type, .. } = self;
        Ok(Manifest { media_type, parts, subject, artifact_type, annotations })
    }
}

fn media_type(content_type: Option<&str>, document: &Document) -> Result<&'static str, Problem> {
    let header = content_type.map(essence);
    let inside = document.media_type.as_deref();
    let named = match (header.as_deref(), inside) {
        (Some(header), Some(inside)) if header != inside => {
            return Err(invalid(format!(
                "Content-Type is {header}, but the manifest says mediaType {inside}"
            )));
        }
        (Some(named), _) | (None, Some(named)) => named,
        (None, None) => return Err(invalid("neither Content-Type nor mediaType says what it is")),
    };
    let known = media_type::MANIFESTS.into_iter().find(|known| *known == named);
    let types = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST].join(", ");
    known.ok_or_else(|| {
        invalid(format!("{named:?} is not a type of manifest that is kept here; these are: {types}"))
    })
}

/// Some readers of JSON take `Layers` for `layers`, and of two equal keys the last.
fn refuse_ambiguous_keys(bytes: &[u8]) -> Result<(), Problem> {
    const KNOWN: [&str; 9] = [
        "schemaVersion",
        "mediaType",
        "artifactType",
        "config",
        "layers",
        "manifests",
        "subject",
        "annotations",
        "fsLayers",
    ];
    let Keys(keys) = serde_json::from_slice(bytes)
        .map_err(|error| invalid(format!("the manifest is not a JSON object: {error}")))?;
    let mut seen = BTreeSet::new();
    for key in keys {
        let folded = key.to_ascii_lowercase();
        let stray = KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(&key) && *known != key);
        if let Some(known) = stray {
            return Err(invalid(format!("the key {key:?} is written {known:?}")));
        }
        if !seen.insert(folded) {
            return Err(invalid(format!("the key {key:?} stands in it twice")));
        }
    }
    Ok(())
}

/// The keys of an object, as often as they stand in it.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, de::IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

pub(crate) fn too_large() -> Problem {
    let message = format!("a manifest has at most {MAX_MANIFEST_BYTES} bytes");
    Problem::new(ErrorCode::ManifestInvalid, message).status(StatusCode::PAYLOAD_TOO_LARGE)
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(ErrorCode::ManifestInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn descriptor(media_type: &str) -> Value {
        json!({"mediaType": media_type, "digest": D, "size": 0})
    }

    fn image() -> Value {
        json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json"),
            "layers": [
                descriptor("application/vnd.oci.image.layer.v1.tar+gzip"),
                descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar"),
            ],
        })
    }

    fn parse(content_type: &str, document: &Value) -> Result<Manifest, Problem> {
        Manifest::parse(Some(content_type), document.to_string().as_bytes())
    }

    #[test]
    fn an_image_needs_its_config_and_its_own_layers() {
        let manifest = parse(OCI_MANIFEST, &image()).unwrap();
        assert_eq!(manifest.parts.len(), 2);
        assert_eq!(manifest.artifact_type.as_deref(), Some("application/vnd.oci.image.config.v1+json"));
        assert!(parse("Application/vnd.oci.image.manifest.v1+json; charset=utf-8", &image()).is_ok());
        assert!(Manifest::parse(None, image().to_string().as_bytes()).is_ok());
    }

    #[test]
    fn an_index_needs_its_manifests() {
        let index = json!({"schemaVersion": 2, "manifests": [descriptor(OCI_MANIFEST)], "subject": descriptor(OCI_MANIFEST)});
        let manifest = parse(OCI_INDEX, &index).unwrap();
        assert!(matches!(manifest.parts.as_slice(), [Part::Manifest(_)]));
        assert!(manifest.subject.is_some());
    }

    #[test]
    fn one_document_cannot_be_two_things() {
        let with = |key: &str, value: Value| {
            let mut document = image();
            document[key] = value;
            document
        };
        for (document, expected) in [
            (with("manifests", json!([])), "neither manifests"),
            (with("fsLayers", json!([])), "neither manifests"),
            (with("Manifests", json!([])), "written"),
            (with("mediaType", json!(OCI_INDEX)), "but the manifest says"),
            (with("schemaVersion", json!(1)), "schemaVersion"),
            (with("layers", json!(null)), "has config and layers"),
            (with("layers", json!("x")), "cannot be read"),
            (
                with("config", json!({"mediaType": "x", "digest": "sha256:../..", "size": 1})),
                "cannot be read",
            ),
            (with("config", json!({"mediaType": "x", "digest": D, "size": -1})), "cannot be read"),
        ] {
            let problem = parse(OCI_MANIFEST, &document).unwrap_err();
            assert_eq!(problem.code, ErrorCode::ManifestInvalid);
            assert!(problem.message.contains(expected), "{}", problem.message);
        }
        assert!(parse(OCI_INDEX, &image()).is_err());
        assert!(parse("application/vnd.docker.distribution.manifest.v1+prettyjws", &image()).is_err());
    }

    #[test]
    fn equal_keys_are_refused() {
        let twice = format!(r#"{{"schemaVersion":2,"config":{0},"layers":[],"x":1,"x":2}}"#, descriptor("a"));
        let problem = Manifest::parse(Some(OCI_MANIFEST), twice.as_bytes()).unwrap_err();
        assert!(problem.message.contains("twice"), "{}", problem.message);
    }

    #[test]
    fn what_is_no_object() {
        for bytes in [&b""[..], b"[]", b"null", b"{", b"\xff\xfe", &[b'['; 100_000]] {
            assert_eq!(
                Manifest::parse(Some(OCI_MANIFEST), bytes).unwrap_err().code,
                ErrorCode::ManifestInvalid
            );
        }
        let large = vec![b' '; MAX_MANIFEST_BYTES + 1];
        assert_eq!(Manifest::parse(None, &large).unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
