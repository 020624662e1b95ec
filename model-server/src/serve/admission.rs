//! How many requests of a version may be in hand: as many as are answered soon, by how long others stayed.
//!
//! Whoever comes as number n is answered after about n times what each adds. That is one number, which every request that is done
//! moves a little; an update that is lost to another is made up for by the next, so that nothing is locked.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Who would wait longer is turned away: in nanoseconds,
const SOON: u64 = 40_000_000;
/// or, if that is more, in times what a request takes that finds nobody else.
const PATIENCE: u64 = 4;
/// So many for each thread may always be in hand: one that is computed, and one for when it ends.
const LEAST: usize = 2;

/// Who is in hand, and how long they stay.
#[derive(Debug)]
pub(super) struct Admission {
    in_hand: AtomicUsize,
    /// So many may be in hand at most.
    most: usize,
    threads: usize,
    /// How many are computed at once, as far as that is known beforehand.
    at_once: AtomicUsize,
    /// By how much each that is in hand delays a new one, in nanoseconds.
    each: AtomicU64,
    /// How long one stays that finds nobody else, in nanoseconds.
    alone: AtomicU64,
    /// When one was last answered, or begun without waiting; in nanoseconds since `start`.
    moved: AtomicU64,
    start: Instant,
}

/// A request's place among those in hand, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    admission: &'a Admission,
    /// How many were in hand when it came, itself included.
    number: usize,
    begun: Option<u64>,
    is_answered: bool,
}

impl Admission {
    pub(super) fn new(most: usize, threads: usize) -> Self {
        Self {
            in_hand: AtomicUsize::new(0),
            most,
            threads,
            at_once: AtomicUsize::new(threads),
            each: AtomicU64::new(0),
            alone: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            start: Instant::now(),
        }
    }

    /// What is expected of a model that nobody has asked yet: how long it takes, and how many requests it computes at once.
    pub(super) fn expect(&self, takes: Duration, at_once: usize) {
        let (takes, at_once) = (nanoseconds(takes), at_once.max(1));
        self.at_once.store(at_once, Relaxed);
        if self.alone.load(Relaxed) == 0 {
            self.alone.store(takes, Relaxed);
            self.each.store(takes / at_once as u64, Relaxed);
        }
    }

    /// A place, if whoever has it is answered soon. Who waits for a model to wake is not measured by that.
    pub(super) fn enter(&self, is_awake: impl FnOnce() -> bool) -> Option<Place<'_>> {
        let number = self.in_hand.fetch_add(1, Relaxed) + 1;
        // Dropped, it is free again.
        let place = Place { admission: self, number, begun: None, is_answered: false };
        let fits = number <= self.most
            && (number <= LEAST * self.threads || !is_awake() || number as u64 <= self.limit(self.now()));
        fits.then_some(place)
    }

    /// How many are answered soon. When none has been for long, what was learned is too little.
    fn limit(&self, now: u64) -> u64 {
        let still = now.saturating_sub(self.moved.load(Relaxed)) / self.at_once.load(Relaxed) as u64;
        let each = self.each.load(Relaxed).max(still).max(1);
        SOON.max(self.alone.load(Relaxed).saturating_mul(PATIENCE)) / each
    }

    pub(super) fn is_empty(&self) -> bool {
        self.in_hand.load(Relaxed) == 0
    }

    fn now(&self) -> u64 {
        nanoseconds(self.start.elapsed())
    }

    /// One that came as a number stayed so long. If it was not answered, it would have stayed longer.
    fn learn(&self, number: usize, stayed: u64, is_answered: bool) {
        // Who stays shorter among others would stay no longer alone: where nobody ever is, that is all there is to learn from.
        if is_answered && (number == 1 || stayed < self.alone.load(Relaxed)) {
            approach(&self.alone, stayed);
        }
        let each = self.each.load(Relaxed);
        // Who did not wait says nothing of those who do, but that they need not wait longer for it.
        let seen = if number <= self.threads { stayed.min(each) } else { stayed / number as u64 };
        if is_answered || seen > each {
            approach(&self.each, seen);
        }
    }
}

impl Place<'_> {
    /// The model is there: from now on it counts how long this takes.
    pub(super) fn begin(&mut self) {
        let now = self.admission.now();
        self.begun = Some(now);
        if self.number <= self.admission.threads {
            self.admission.moved.store(now, Relaxed);
        }
    }

    pub(super) fn answered(&mut self) {
        self.is_answered = true;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Self { admission, number, begun, is_answered } = *self;
        admission.in_hand.fetch_sub(1, Relaxed);
        if let Some(begun) = begun {
            let now = admission.now();
            admission.learn(number, now.saturating_sub(begun), is_answered);
            if is_answered {
                admission.moved.store(now, Relaxed);
            }
        }
    }
}

/// Moves a number towards another, but not far at once: one that is unlike all others says little.
fn approach(known: &AtomicU64, seen: u64) {
    let now = known.load(Relaxed);
    known.store(seen.clamp(now - now / 8, now.saturating_add(now / 4 + 1)), Relaxed);
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: u64 = 1_000_000;
    const THREADS: usize = 2;

    /// Of a model that takes so many milliseconds for its example.
    fn admission(milliseconds: u64, at_once: usize) -> Admission {
        let admission = Admission::new(256, THREADS);
        admission.expect(Duration::from_millis(milliseconds), at_once);
        admission
    }

    /// How many may be in hand where one was answered just now.
    fn limit(admission: &Admission) -> u64 {
        admission.limit(admission.moved.load(Relaxed))
    }

    /// As many come as may, and are answered in turn, so often; each takes so long on one of the threads.
    fn crowd(admission: &Admission, takes: u64, rounds: usize) {
        for _ in 0..rounds {
            let count = usize::try_from(limit(admission)).unwrap_or(usize::MAX).clamp(LEAST * THREADS, 256);
            for number in 1..=count {
                admission.learn(number, takes * number.div_ceil(THREADS) as u64, true);
            }
        }
    }

    #[test]
    fn as_many_are_in_hand_as_are_answered_soon_and_two_for_each_thread() {
        for (takes, wanted) in [(1, 64..=96), (10, 6..=10), (1_000, 6..=10)] {
            for expected in [1, 50] {
                let admission = admission(expected, THREADS);
                for _ in 0..100 {
                    admission.learn(1, takes * MILLISECOND, true);
                }
                crowd(&admission, takes * MILLISECOND, 40);
                assert!(wanted.contains(&limit(&admission)), "{takes} ms: {}", limit(&admission));
            }
        }
    }

    #[test]
    fn a_model_that_computes_many_at_once_takes_more_of_them() {
        let (one_by_one, together) = (admission(200, THREADS), admission(200, 16 * THREADS));
        assert_eq!((limit(&one_by_one), limit(&together)), (8, 128));
        // However many there are, they wait for one call and are answered by the next.
        for _ in 0..20 {
            for number in 1..=40 {
                one_by_one.learn(number, 400 * MILLISECOND, true);
            }
        }
        assert!(limit(&one_by_one) > 40, "{}", limit(&one_by_one));
    }

    #[test]
    fn a_model_whose_first_answer_took_long_is_not_waited_for_as_long_where_nobody_is_ever_alone() {
        let admission = admission(50, THREADS);
        assert_eq!(limit(&admission), 8);
        for _ in 0..50 {
            for number in 2..=4 {
                admission.learn(number, 14 * MILLISECOND, true);
            }
        }
        // Each adds 3.5 to 7 ms by now, and four times 14 ms are waited for.
        assert!((8..=16).contains(&limit(&admission)), "{}", limit(&admission));
        assert!(admission.alone.load(Relaxed) < 15 * MILLISECOND);
    }

    #[test]
    fn one_that_is_unlike_the_others_and_those_that_give_up_change_little() {
        let admission = admission(1, THREADS);
        let before = limit(&admission);
        admission.learn(3, 60_000 * MILLISECOND, true);
        assert!(limit(&admission) > before / 2);
        let before = limit(&admission);
        admission.learn(40, MILLISECOND, false);
        assert_eq!(limit(&admission), before, "it stays shortly because it gave up");
        for _ in 0..30 {
            admission.learn(40, 30_000 * MILLISECOND, false);
        }
        assert!(limit(&admission) < 4, "nobody is answered");
    }

    #[test]
    fn where_nothing_moves_few_are_let_in_though_all_was_quick_before() {
        let admission = admission(1, THREADS);
        let moved = admission.moved.load(Relaxed);
        assert_eq!(admission.limit(moved + MILLISECOND), 80);
        assert_eq!(admission.limit(moved + 50 * MILLISECOND), 1);
        assert_eq!(admission.limit(u64::MAX), 0);
    }

    #[test]
    fn a_place_is_given_back_and_while_a_model_wakes_only_their_number_counts() {
        let admission = Admission::new(6, 1);
        admission.expect(Duration::from_mins(1), 1);
        admission.each.store(u64::MAX, Relaxed);
        let mut places: Vec<_> = (0..2).map_while(|_| admission.enter(|| true)).collect();
        assert_eq!(places.len(), 2);
        assert!(admission.enter(|| true).is_none());
        places.extend((0..9).map_while(|_| admission.enter(|| false)));
        assert_eq!(places.len(), 6);
        drop(places);
        assert!(admission.is_empty() && admission.enter(|| true).is_some());
    }
}
