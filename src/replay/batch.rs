//! Many histories at once.

use std::{
    num::NonZero,
    panic,
    sync::{Mutex, PoisonError},
    thread,
};

use crate::threads;

/// Judges every item, on all cores, and answers in the order of the items. There are never more items in memory than cores:
/// one is taken from the iterator when a core is free for it.
pub(super) fn on_all_cores<T, R: Send>(
    items: impl Iterator<Item = T> + Send,
    judge: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let items = Mutex::new(items.enumerate());
    let work = || {
        let mut judged = Vec::new();
        loop {
            // A statement of its own, so that the others can take theirs meanwhile.
            let next = items.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((index, item)) = next else { return judged };
            judged.push((index, judge(item)));
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

    #[test]
    fn the_order_is_that_of_the_items() {
        let doubled = on_all_cores(0..1_000, |number| {
            // The first ones take longest.
            (0..(1_000 - number) * 20).for_each(|it| _ = std::hint::black_box(it));
            number * 2
        });
        assert!(doubled.into_iter().eq((0..1_000).map(|number| number * 2)));
    }

    #[test]
    fn no_more_items_are_taken_than_there_are_cores() {
        let (taken, judged, most) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let items = (0..1_000).inspect(|_| {
            let ahead = taken.fetch_add(1, Ordering::SeqCst) + 1 - judged.load(Ordering::SeqCst);
            most.fetch_max(ahead, Ordering::SeqCst);
        });
        on_all_cores(items, |_| judged.fetch_add(1, Ordering::SeqCst));
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        assert!(most.load(Ordering::SeqCst) <= cores, "{most:?} of {cores}");
    }

    #[test]
    #[should_panic(expected = "the third")]
    fn a_panic_is_passed_on() {
        on_all_cores(0..10, |number| assert_ne!(number, 2, "the third"));
    }
}
