//! Which event of one history is which event of another.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use similar::{Algorithm, DiffOp, capture_diff_slices};
use temporalio_common::protos::temporal::api::enums::v1::EventType;

use super::{
    compare::Comparison,
    entity::{Role, Subject, role},
};
use crate::history::History;

/// The indices of an event in both histories.
pub(super) type Pair = (usize, usize);

/// What stands at one place of the aligned histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    Left(usize),
    Right(usize),
    Both { left: usize, right: usize, moved: bool },
}

/// Pairs the events of two histories.
///
/// First come the events that begin something. Those that are the same in all their fields are the surest, so
/// they come first; between them those that are about the same thing; between these those with the same name.
/// What is left over may have moved, if it is the same elsewhere; it may be something else of the same kind; or it
/// may have moved and changed. What became of a thing goes with the event that began it, and the events of
/// workflow tasks fill the gaps.
pub(super) fn align(left: &History, right: &History, comparison: &Comparison) -> Vec<Pair> {
    let (left, right) = (Side::of(left, comparison), Side::of(right, comparison));
    let mut pairs = beginnings(&left, &right);
    let followers = followers(&left, &right, &pairs);
    pairs.extend(followers);
    pairs.sort_unstable();
    let routine = routine(&left, &right, &in_order(&pairs));
    pairs.extend(routine);
    pairs.sort_unstable();
    pairs
}

/// The events of both histories in one sequence.
pub(super) fn rows(pairs: &[Pair], left_events: usize, right_events: usize) -> Vec<Row> {
    let anchors = in_order(pairs);
    let left_of: BTreeMap<usize, usize> = pairs.iter().map(|(left, right)| (*right, *left)).collect();
    let is_paired: BTreeMap<usize, usize> = pairs.iter().copied().collect();
    let mut rows = Vec::new();
    let (mut next_left, mut next_right) = (0, 0);
    let end = (left_events, right_events);
    for (index, (left, right)) in anchors.iter().copied().chain([end]).enumerate() {
        // Those that have moved are shown where the other history has them.
        rows.extend((next_left..left).filter(|index| !is_paired.contains_key(index)).map(Row::Left));
        rows.extend((next_right..right).map(|right| match left_of.get(&right) {
            Some(left) => Row::Both { left: *left, right, moved: true },
            None => Row::Right(right),
        }));
        if index < anchors.len() {
            rows.push(Row::Both { left, right, moved: false });
        }
        (next_left, next_right) = (left + 1, right + 1);
    }
    rows
}

/// One history, ready to be aligned.
struct Side {
    event_types: Vec<EventType>,
    roles: Vec<Role>,
    /// The events that begin something.
    begins: Vec<Begins>,
}

struct Begins {
    index: usize,
    subject: Subject,
    content: String,
}

impl Side {
    fn of(history: &History, comparison: &Comparison) -> Self {
        let events = history.events();
        let roles: Vec<_> = events.iter().map(|event| role(event)).collect();
        let begins = roles.iter().zip(events).enumerate().filter_map(|(index, (role, event))| match role {
            Role::Begins(subject) => {
                Some(Begins { index, subject: subject.clone(), content: comparison.content(event) })
            }
            _ => None,
        });
        Self {
            event_types: events.iter().map(|event| event.event_type()).collect(),
            begins: begins.collect(),
            roles,
        }
    }

    /// The routine events within a range of indices.
    fn routine(&self, range: Range<usize>) -> Vec<usize> {
        range.filter(|index| matches!(self.roles.get(*index), Some(Role::Routine))).collect()
    }

    fn event_type(&self, index: usize) -> EventType {
        self.event_types.get(index).copied().unwrap_or_default()
    }
}

fn beginnings(left: &Side, right: &Side) -> Vec<Pair> {
    let mut matching = Matching { left, right, ordered: Vec::new(), moved: Vec::new() };
    matching.refine(|it| (it.subject.event_type, "", "", it.content.as_str()));
    matching.refine(|it| (it.subject.event_type, &*it.subject.name, &*it.subject.id, ""));
    matching.refine(|it| (it.subject.event_type, &*it.subject.name, "", ""));
    matching.find_moved(|it| (&it.subject, it.content.as_str()));
    matching.refine(|it| (it.subject.event_type, "", "", ""));
    matching.find_moved(|it| (&it.subject, ""));
    let pairs = matching.ordered.into_iter().chain(matching.moved);
    pairs
        .filter_map(|(one, other)| Some((left.begins.get(one)?.index, right.begins.get(other)?.index)))
        .collect()
}

/// Which beginnings are paired, by their places among the beginnings.
struct Matching<'a> {
    left: &'a Side,
    right: &'a Side,
    /// Pairs in the same order on both sides.
    ordered: Vec<Pair>,
    /// Pairs across those.
    moved: Vec<Pair>,
}

impl<'a> Matching<'a> {
    /// Pairs, in each gap between the ordered pairs, the free beginnings with equal keys.
    fn refine<K: Ord + std::hash::Hash>(&mut self, key: impl Fn(&'a Begins) -> K) {
        let (moved_left, moved_right): (BTreeSet<usize>, BTreeSet<usize>) =
            self.moved.iter().copied().unzip();
        let mut more = Vec::new();
        for (ones, others) in gaps(&self.ordered, self.left.begins.len(), self.right.begins.len()) {
            let ones: Vec<_> = ones.filter(|index| !moved_left.contains(index)).collect();
            let others: Vec<_> = others.filter(|index| !moved_right.contains(index)).collect();
            let keys = |side: &'a Side, indices: &[usize]| -> Vec<K> {
                indices.iter().filter_map(|index| side.begins.get(*index)).map(&key).collect()
            };
            let equal = equal(&keys(self.left, &ones), &keys(self.right, &others));
            more.extend(
                equal.into_iter().filter_map(|(one, other)| Some((*ones.get(one)?, *others.get(other)?))),
            );
        }
        self.ordered.extend(more);
        self.ordered.sort_unstable();
    }

    /// Pairs free beginnings with equal keys, whatever stands between.
    fn find_moved<K: Ord>(&mut self, key: impl Fn(&'a Begins) -> K) {
        let paired = self.ordered.iter().chain(&self.moved).copied();
        let (paired_left, paired_right): (BTreeSet<usize>, BTreeSet<usize>) = paired.unzip();
        let mut candidates: BTreeMap<K, Vec<usize>> = BTreeMap::new();
        for (index, begins) in self.right.begins.iter().enumerate().rev() {
            if !paired_right.contains(&index) {
                candidates.entry(key(begins)).or_default().push(index);
            }
        }
        for (index, begins) in self.left.begins.iter().enumerate() {
            if !paired_left.contains(&index)
                && let Some(other) = candidates.get_mut(&key(begins)).and_then(Vec::pop)
            {
                self.moved.push((index, other));
            }
        }
    }
}

/// Pairs what became of the things whose beginnings are paired.
fn followers(left: &Side, right: &Side, beginnings: &[Pair]) -> Vec<Pair> {
    type Place = (i64, EventType, usize);
    fn places(side: &Side) -> BTreeMap<Place, usize> {
        let mut counts: BTreeMap<(i64, EventType), usize> = BTreeMap::new();
        let mut places = BTreeMap::new();
        for (index, role) in side.roles.iter().enumerate() {
            if let Role::Follows(event_id) = role {
                let event_type = side.event_type(index);
                let count = counts.entry((*event_id, event_type)).or_default();
                places.insert((*event_id, event_type, *count), index);
                *count += 1;
            }
        }
        places
    }
    // Event ids count from 1, indices from 0.
    let event_id = |index: usize| i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1);
    let on_the_right: BTreeMap<i64, i64> =
        beginnings.iter().map(|(one, other)| (event_id(*one), event_id(*other))).collect();
    let others = places(right);
    places(left)
        .into_iter()
        .filter_map(|((began, event_type, count), index)| {
            let other = others.get(&(*on_the_right.get(&began)?, event_type, count))?;
            Some((index, *other))
        })
        .collect()
}

/// Pairs the events of workflow tasks in the gaps between what is paired in order.
fn routine(left: &Side, right: &Side, anchors: &[Pair]) -> Vec<Pair> {
    let mut found = Vec::new();
    for (ones, others) in gaps(anchors, left.roles.len(), right.roles.len()) {
        let (ones, others) = (left.routine(ones), right.routine(others));
        let types = |side: &Side, indices: &[usize]| -> Vec<EventType> {
            indices.iter().map(|index| side.event_type(*index)).collect()
        };
        let equal = equal(&types(left, &ones), &types(right, &others));
        found.extend(
            equal.into_iter().filter_map(|(one, other)| Some((*ones.get(one)?, *others.get(other)?))),
        );
    }
    found
}

/// The ranges between pairs, and before the first and behind the last.
fn gaps(pairs: &[Pair], left: usize, right: usize) -> Vec<(Range<usize>, Range<usize>)> {
    let mut gaps = Vec::new();
    let mut start = (0, 0);
    for (one, other) in pairs.iter().copied().chain([(left, right)]) {
        gaps.push((start.0..one, start.1..other));
        start = (one + 1, other + 1);
    }
    gaps
}

/// The pairs of a longest common subsequence.
fn equal<K: Ord + std::hash::Hash>(left: &[K], right: &[K]) -> Vec<Pair> {
    if left.is_empty() || right.is_empty() {
        return Vec::new();
    }
    let mut pairs = Vec::new();
    for operation in capture_diff_slices(Algorithm::Patience, left, right) {
        if let DiffOp::Equal { old_index, new_index, len } = operation {
            pairs.extend((0..len).map(|offset| (old_index + offset, new_index + offset)));
        }
    }
    pairs
}

/// The pairs that are in the same order on both sides, as many as possible. They must be sorted by the left.
fn in_order(pairs: &[Pair]) -> Vec<Pair> {
    // The longest increasing subsequence of the right sides, by patience sorting: `ends[n]` is the pair that
    // ends the best sequence of n + 1, `before[i]` the pair that precedes pair i in its sequence.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    let right = |index: usize| pairs.get(index).map(|(_, right)| *right);
    for (index, (_, other)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| right(*end) < Some(*other));
        before.push(length.checked_sub(1).and_then(|previous| ends.get(previous).copied()));
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut chain = Vec::new();
    let mut next = ends.last().copied();
    while let Some(index) = next {
        chain.extend(pairs.get(index).copied());
        next = before.get(index).copied().flatten();
    }
    chain.reverse();
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_pairs_as_possible_stay_in_order() {
        assert_eq!(in_order(&[]), []);
        assert_eq!(in_order(&[(0, 2), (1, 0), (2, 1)]), [(1, 0), (2, 1)]);
        assert_eq!(in_order(&[(0, 0), (3, 9), (4, 5), (6, 6)]), [(0, 0), (4, 5), (6, 6)]);
    }

    #[test]
    fn what_has_moved_is_shown_where_the_right_has_it() {
        let both = |left, right, moved| Row::Both { left, right, moved };
        assert_eq!(
            rows(&[(0, 0), (1, 2), (2, 1), (3, 3)], 5, 5),
            [
                both(0, 0, false),
                both(2, 1, false),
                both(1, 2, true),
                both(3, 3, false),
                Row::Left(4),
                Row::Right(4)
            ]
        );
    }
}
