//! Many histories at once.

use std::{
    num::NonZero,
    panic,
    sync::{Mutex, PoisonError},
    thread,
};

use crate::threads;

/// How much is judged together, at most: this many items, until they weigh so much.
///
/// To hand something over to the thread that replays it costs about as much as to replay a short history. Longer ones
/// go there one by one, so that all cores have something to do until the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) items: usize,
    pub(super) weight: usize,
}

/// Judges every item, on all cores, and answers in the order of the items. `prepare` makes what can be judged of an item and
/// says what it weighs. There are never more items in memory than one share for each core: they are taken from the iterator
/// when a core is free for them.
pub(super) fn on_all_cores<T, P, R: Send>(
    items: impl Iterator<Item = T> + Send,
    share: Share,
    prepare: impl Fn(T) -> (P, usize) + Sync,
    judge: impl Fn(Vec<P>) -> Vec<R> + Sync,
) -> Vec<R> {
    let items = Mutex::new(items.enumerate());
    let work = || {
        let mut judged = Vec::new();
        loop {
            let (mut indices, mut prepared, mut weight) = (Vec::new(), Vec::new(), 0);
            while prepared.len() < share.items && weight < share.weight {
                // A statement of its own, so that the others can take theirs meanwhile.
                let next = items.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((index, item)) = next else { break };
                let (item, weighs) = prepare(item);
                indices.push(index);
                prepared.push(item);
                weight += weighs;
            }
            if prepared.is_empty() {
                return judged;
            }
            judged.extend(indices.into_iter().zip(judge(prepared)));
        }
    };
    let mut judged = thread::scope(|scope| {
        let more = thread::available_parallelism().map_or(1, NonZero::get) - 1;
        let others: Vec<_> =
            (0..more).filter_map(|_| threads::namesake().spawn_scoped(scope, work).ok()).collect();
        let mut judged = work();
        for other in others {
            judged.extend(other.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
        }
        judged
    });
    judged.sort_by_key(|(index, _)| *index);
    judged.into_iter().map(|(_, judged)| judged).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const SHARE: Share = Share { items: 4, weight: 10 };

    fn each<R>(judge: impl Fn(usize) -> R) -> impl Fn(Vec<usize>) -> Vec<R> {
        move |items| items.into_iter().map(&judge).collect()
    }

    #[test]
    fn the_order_is_that_of_the_items() {
        let judge = each(|number| {
            // The first ones take longest.
            (0..(1_000 - number) * 20).for_each(|it| _ = std::hint::black_box(it));
            number * 2
        });
        let doubled = on_all_cores(0..1_000, SHARE, |item| (item, 1), judge);
        assert!(doubled.into_iter().eq((0..1_000).map(|number| number * 2)));
    }

    #[test]
    fn heavy_items_are_judged_alone() {
        let most = |weight: usize| {
            let most = AtomicUsize::new(0);
            let judge = |items: Vec<usize>| {
                most.fetch_max(items.len(), Ordering::SeqCst);
                items
            };
            on_all_cores(0..100, SHARE, |item| (item, weight), judge);
            most.into_inner()
        };
        assert_eq!((most(1), most(5), most(10)), (4, 2, 1));
    }

    #[test]
    fn no_more_items_are_taken_than_a_share_for_each_core() {
        let (taken, judged, most) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let items = (0..1_000).inspect(|_| {
            let ahead = taken.fetch_add(1, Ordering::SeqCst) + 1 - judged.load(Ordering::SeqCst);
            most.fetch_max(ahead, Ordering::SeqCst);
        });
        on_all_cores(items, SHARE, |item| (item, 1), each(|_| judged.fetch_add(1, Ordering::SeqCst)));
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        assert!(most.load(Ordering::SeqCst) <= SHARE.items * cores, "{most:?} for {cores} cores");
    }

    #[test]
    #[should_panic(expected = "the third")]
    fn a_panic_is_passed_on() {
        on_all_cores(0..10, SHARE, |item| (item, 1), each(|number| assert_ne!(number, 2, "the third")));
    }
}
