//! Proofs about the Merkle tree: an entry is in the log; an old log is the beginning of a new one.
//!
//! The tree and the shape of the proofs are those of RFC 6962 section 2.1, the checking algorithms those
//! of RFC 9162 sections 2.1.3.2 and 2.1.4.2. What a newcomer would get wrong: a proof is nothing without
//! a root that somebody has signed or kept; here it is only computed which root a proof leads to.

use std::ops::Range;

use super::{Frontier, node};
use crate::digest::Digest;

/// Builds one proof from the leaves of a log, read once and in order, in little memory.
///
/// A proof is a list of hashes of subtrees. Each subtree is a run of leaves, so a proof needs no more
/// than one [`Frontier`] for each of its hashes, at most 64.
///
/// ```
/// use countersign_core::audit::{Prover, leaf, root_of_inclusion, Frontier};
///
/// let leaves: Vec<_> = ["a", "b", "c"].iter().map(|it| leaf(it.as_bytes())).collect();
/// let mut log = Frontier::default();
/// let mut prover = Prover::inclusion(1, 3).unwrap(); // entry 1 in a log of three
/// for (seq, leaf) in (0..).zip(&leaves) {
///     log.append(*leaf);
///     prover.take(seq, *leaf);
/// }
/// let proof = prover.finish().unwrap();
/// assert_eq!(root_of_inclusion(1, 3, leaves[1], &proof), Some(log.root()));
/// ```
#[derive(Debug, Clone)]
pub struct Prover {
    subtrees: Vec<(Range<u64>, Frontier)>,
}

impl Prover {
    /// A proof that entry `index` is in the log of `size` entries; none if it cannot be.
    pub fn inclusion(index: u64, size: u64) -> Option<Self> {
        if index >= size {
            return None;
        }
        let mut ranges = Vec::new();
        let mut whole = 0..size;
        while let Some(split) = split(&whole) {
            if index < split {
                ranges.push(split..whole.end);
                whole.end = split;
            } else {
                ranges.push(whole.start..split);
                whole.start = split;
            }
        }
        Some(Self::of(ranges))
    }

    /// A proof that the log of `old` entries is the beginning of the log of `new` ones; none if it is longer.
    ///
    /// The proof from an empty log, and that from a log to itself, are empty.
    pub fn consistency(old: u64, new: u64) -> Option<Self> {
        if old > new {
            return None;
        }
        let mut ranges = Vec::new();
        let mut whole = 0..new;
        if old > 0 {
            while whole.end != old {
                let Some(split) = split(&whole) else { break };
                if old <= split {
                    ranges.push(split..whole.end);
                    whole.end = split;
                } else {
                    ranges.push(whole.start..split);
                    whole.start = split;
                }
            }
            // The old root itself is known to whoever checks; any other subtree must be told.
            if whole.start > 0 {
                ranges.push(whole);
            }
        }
        Some(Self::of(ranges))
    }

    /// The ranges were found from the root down; a proof names them from the leaf up.
    fn of(ranges: Vec<Range<u64>>) -> Self {
        let with_frontier = |it| (it, Frontier::default());
        Self {
            subtrees: ranges.into_iter().rev().map(with_frontier).collect(),
        }
    }

    /// Takes the leaf of entry `seq`. Leaves must come in order; others than those needed are ignored.
    pub fn take(&mut self, seq: u64, leaf: Digest) {
        let subtree = self.subtrees.iter_mut().find(|(range, _)| range.contains(&seq));
        if let Some((range, frontier)) = subtree
            && range.start.checked_add(frontier.size()) == Some(seq)
        {
            frontier.append(leaf);
        }
    }

    /// The proof, if every leaf that it needs was given, in order.
    pub fn finish(self) -> Option<Vec<Digest>> {
        let complete = |(range, frontier): &(Range<u64>, Frontier)| {
            Some(frontier.size()) == range.end.checked_sub(range.start)
        };
        self.subtrees.iter().all(complete).then(|| {
            self.subtrees
                .iter()
                .map(|(_, frontier)| frontier.root())
                .collect()
        })
    }
}

/// Where the tree over these leaves is split: after the largest power of two that leaves something over.
fn split(range: &Range<u64>) -> Option<u64> {
    let length = range.end.checked_sub(range.start).filter(|it| *it > 1)?;
    let left = 1_u64.checked_shl(length.saturating_sub(1).checked_ilog2()?)?;
    range.start.checked_add(left)
}

/// The root that an inclusion proof leads to (RFC 9162 section 2.1.3.2); none if it has not the shape of a
/// proof for entry `index` of a log of `size` entries. Whoever trusts a root of that size compares it.
///
/// ```
/// use countersign_core::audit::{leaf, root_of_inclusion};
///
/// // A log of one entry: its root is its leaf.
/// let only = leaf(b"entry");
/// assert_eq!(root_of_inclusion(0, 1, only, &[]), Some(only));
/// assert_eq!(root_of_inclusion(0, 1, only, &[only]), None);
/// ```
pub fn root_of_inclusion(index: u64, size: u64, leaf: Digest, proof: &[Digest]) -> Option<Digest> {
    let mut last = size.checked_sub(1).filter(|it| index <= *it)?;
    let mut at = index;
    let mut root = leaf;
    for step in proof {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            root = node(step, &root);
            climb_to_right_child(&mut at, &mut last);
        } else {
            root = node(&root, step);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

/// Whether a consistency proof (RFC 9162 section 2.1.4.2) shows that the log with `old` (size and root) is
/// the beginning of the log with `new`.
///
/// ```
/// use countersign_core::audit::{Frontier, is_consistent, leaf};
///
/// let mut log = Frontier::default();
/// log.append(leaf(b"one"));
/// let old = (log.size(), log.root());
/// log.append(leaf(b"two"));
/// assert!(is_consistent(old, (log.size(), log.root()), &[leaf(b"two")]));
/// assert!(!is_consistent(old, (log.size(), log.root()), &[leaf(b"another")]));
/// ```
pub fn is_consistent(old: (u64, Digest), new: (u64, Digest), proof: &[Digest]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == 0 {
        return old_root == Frontier::default().root() && proof.is_empty();
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size > new_size {
        return false;
    }
    let (mut at, mut last) = (old_size - 1, new_size - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    // A log whose size is a power of two is a subtree of the new one, and the proof leaves it out.
    let own = old_size.is_power_of_two().then_some(&old_root);
    let mut steps = own.into_iter().chain(proof);
    let Some(first) = steps.next() else {
        return false;
    };
    let (mut from, mut to) = (*first, *first);
    for step in steps {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            from = node(step, &from);
            to = node(step, &to);
            climb_to_right_child(&mut at, &mut last);
        } else {
            to = node(&to, step);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && from == old_root && to == new_root
}

/// A last node without a sibling is its own parent: go up to where it is a right child.
fn climb_to_right_child(at: &mut u64, last: &mut u64) {
    while *at & 1 == 0 && *at != 0 {
        *at >>= 1;
        *last >>= 1;
    }
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
    use sha2::Sha256;

    use super::super::leaf;
    use super::*;

    /// How many entries the longest log here has: past 128, so that every shape of a ragged tree occurs.
    const MOST: u64 = 130;

    fn entry(seq: u64) -> Vec<u8> {
        format!("entry {seq}").into_bytes()
    }

    fn leaves(size: u64) -> Vec<Digest> {
        (0..size).map(|it| leaf(&entry(it))).collect()
    }

    fn root(leaves: &[Digest]) -> Digest {
        let mut frontier = Frontier::default();
        for leaf in leaves {
            frontier.append(*leaf);
        }
        frontier.root()
    }

    fn proved(mut prover: Prover, leaves: &[Digest]) -> Vec<Digest> {
        (0..).zip(leaves).for_each(|(seq, leaf)| prover.take(seq, *leaf));
        prover.finish().unwrap()
    }

    /// The tree of another implementation.
    fn judge(size: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
        let mut tree = MemoryBackedTree::new();
        (0..size).for_each(|it| tree.push(entry(it)));
        tree
    }

    fn bytes(proof: &[Digest]) -> Vec<u8> {
        proof.iter().flat_map(|it| *it.bytes()).collect()
    }

    fn foreign_root(root: &Digest, size: u64) -> RootHash<Sha256> {
        RootHash::new((*root.bytes()).into(), size)
    }

    #[test]
    fn every_inclusion_proof_equals_that_of_ct_merkle() {
        for size in 1..=MOST {
            let (leaves, tree) = (leaves(size), judge(size));
            let root = root(&leaves);
            assert_eq!(tree.root().as_bytes().as_slice(), root.bytes(), "root of {size}");
            for index in 0..size {
                let proof = proved(Prover::inclusion(index, size).unwrap(), &leaves);
                let at = usize::try_from(index).unwrap();
                assert_eq!(
                    bytes(&proof),
                    tree.prove_inclusion(at).as_bytes(),
                    "{index} of {size}"
                );
                assert_eq!(root_of_inclusion(index, size, leaves[at], &proof), Some(root));
                let foreign = InclusionProof::<Sha256>::try_from_bytes(bytes(&proof)).unwrap();
                foreign_root(&root, size)
                    .verify_inclusion(&entry(index), index, &foreign)
                    .unwrap();
            }
        }
    }

    #[test]
    fn every_consistency_proof_equals_that_of_ct_merkle() {
        for new in 1..=MOST {
            let (leaves, tree) = (leaves(new), judge(new));
            let new_root = root(&leaves);
            for old in 0..=new {
                let old_root = root(&leaves[..usize::try_from(old).unwrap()]);
                let proof = proved(Prover::consistency(old, new).unwrap(), &leaves);
                assert!(
                    is_consistent((old, old_root), (new, new_root), &proof),
                    "{old} to {new}"
                );
                if old == 0 || old == new {
                    assert!(proof.is_empty());
                    continue;
                }
                let theirs = tree.prove_consistency(usize::try_from(new - old).unwrap());
                assert_eq!(bytes(&proof), theirs.as_bytes(), "{old} to {new}");
                let foreign = ConsistencyProof::<Sha256>::try_from_bytes(bytes(&proof)).unwrap();
                foreign_root(&new_root, new)
                    .verify_consistency(&foreign_root(&old_root, old), &foreign)
                    .unwrap();
            }
        }
    }

    #[test]
    fn a_changed_proof_leads_elsewhere() {
        for size in 2..40 {
            let leaves = leaves(size);
            let root = root(&leaves);
            for index in 0..size {
                let leaf = leaves[usize::try_from(index).unwrap()];
                let proof = proved(Prover::inclusion(index, size).unwrap(), &leaves);
                for place in 0..proof.len() {
                    let mut changed = proof.clone();
                    changed[place] = super::super::leaf(changed[place].bytes());
                    assert_ne!(root_of_inclusion(index, size, leaf, &changed), Some(root));
                    let mut short = proof.clone();
                    short.remove(place);
                    assert_ne!(root_of_inclusion(index, size, leaf, &short), Some(root));
                }
                let long = [proof.clone(), vec![leaf]].concat();
                assert_eq!(root_of_inclusion(index, size, leaf, &long), None);
                assert_ne!(root_of_inclusion(index ^ 1, size, leaf, &proof), Some(root));
            }
        }
    }

    #[test]
    fn a_changed_log_is_not_consistent() {
        for new in 2..40 {
            let leaves = leaves(new);
            let new_root = root(&leaves);
            for old in 1..new {
                let old_root = root(&leaves[..usize::try_from(old).unwrap()]);
                let proof = proved(Prover::consistency(old, new).unwrap(), &leaves);
                for place in 0..proof.len() {
                    let mut changed = proof.clone();
                    changed[place] = leaf(changed[place].bytes());
                    assert!(!is_consistent((old, old_root), (new, new_root), &changed));
                }
                assert!(!is_consistent((old, leaf(b"x")), (new, new_root), &proof));
                assert!(!is_consistent((old, old_root), (new, leaf(b"x")), &proof));
                assert!(!is_consistent((new, new_root), (old, old_root), &proof));
                assert!(!is_consistent((0, old_root), (new, new_root), &[]));
            }
        }
    }

    #[test]
    fn a_proof_needs_all_its_leaves_in_order() {
        let leaves = leaves(9);
        let mut shuffled = Prover::inclusion(8, 9).unwrap();
        (0..9).rev().for_each(|it| shuffled.take(it, leaves[0]));
        assert_eq!(shuffled.finish(), None);
        let mut short = Prover::inclusion(0, 9).unwrap();
        (0..8).for_each(|it| short.take(it, leaves[0]));
        assert_eq!(short.finish(), None);
        assert!(Prover::inclusion(9, 9).is_none() && Prover::inclusion(0, 0).is_none());
        assert!(Prover::consistency(10, 9).is_none());
        assert!(Prover::inclusion(u64::MAX - 1, u64::MAX).is_some());
    }
}
