//! How much a namespace holds: what its repositories link, by the sizes that the storage has.

use super::{Inner, layout};
use crate::registry::error::Result;
use futures_util::TryStreamExt as _;
use std::collections::HashSet;

impl Inner {
    /// Two listings and no object is read.
    pub(super) async fn usage(&self, namespace: &str) -> Result<u64> {
        let mut linked = HashSet::new();
        let mut links = self.storage.list(&layout::namespace(namespace));
        while let Some(entry) = links.try_next().await? {
            linked.extend(layout::digest_of_link(&entry.path));
        }
        drop(links);
        let mut bytes = 0;
        if linked.is_empty() {
            return Ok(bytes);
        }
        let mut contents = self.storage.list(&layout::contents());
        while let Some(entry) = contents.try_next().await? {
            if layout::digest_of_content(&entry.path).is_some_and(|digest| linked.contains(&digest)) {
                bytes += entry.size;
            }
        }
        Ok(bytes)
    }
}
