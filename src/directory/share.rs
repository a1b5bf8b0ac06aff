//! Which replica looks after an instance: rendezvous hashing, so that each has one, and that when a replica comes or
//! goes only its own instances move.

use sha2::{Digest as _, Sha256};

/// True when of all `nodes` and `own`, `own` is the one for `id`. Every replica that knows the same nodes agrees.
pub(super) fn is_ours(own: &str, nodes: &[String], id: &str) -> bool {
    let ours = score(own, id);
    nodes.iter().filter(|node| *node != own).all(|node| score(node, id) < ours)
}

/// The whole hash, so that two nodes do not share one.
fn score(node: &str, id: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update((node.len() as u64).to_be_bytes());
    hash.update(node);
    hash.update(id);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(nodes: &[String], id: &str) -> String {
        let owners: Vec<_> = nodes.iter().filter(|node| is_ours(node, nodes, id)).collect();
        assert_eq!(owners.len(), 1, "{id} has one owner");
        owners[0].clone()
    }

    #[test]
    fn each_has_one_owner_and_only_those_of_the_dead_move() {
        let nodes = ["node_a", "node_b", "node_c"].map(str::to_owned);
        let ids: Vec<_> = (0..600).map(|index| format!("inst_{index}")).collect();
        let before: Vec<_> = ids.iter().map(|id| owner(&nodes, id)).collect();
        for node in &nodes {
            let count = before.iter().filter(|one| *one == node).count();
            assert!((120..280).contains(&count), "{node} has {count} of 600");
        }
        let [a, b, _] = &nodes;
        let left = [a.clone(), b.clone()];
        for (id, was) in ids.iter().zip(before) {
            let is = owner(&left, id);
            assert!(was == "node_c" || was == is, "{id} moved from {was} to {is}");
        }
        assert!(is_ours("node_a", &[], "inst_1"), "who is alone has all");
    }
}
