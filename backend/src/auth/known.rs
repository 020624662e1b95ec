//! Who was asked for a moment ago: a program that predicts a thousand times a second is looked up once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::Caller;

/// How long somebody is taken to be who they were. Another backend may have revoked their key meanwhile.
const KEPT: Duration = Duration::from_secs(1);
/// How many are kept.
const MOST: usize = 8192;

/// Callers by the SHA-256 of what they show. Who is unknown is never remembered as such.
#[derive(Debug, Default)]
pub(crate) struct Callers(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Grows when something was changed here: what was looked up before is not kept after.
    generation: u64,
    callers: HashMap<String, (Instant, Arc<Caller>)>,
}

impl Callers {
    /// Who it was a moment ago; else, what [`Callers::keep`] wants to know, and whether they were known at all.
    pub(super) fn find(&self, digest: &str) -> Result<Arc<Caller>, (u64, bool)> {
        let kept = self.lock();
        match kept.callers.get(digest) {
            Some((at, caller)) if at.elapsed() < KEPT => Ok(Arc::clone(caller)),
            found => Err((kept.generation, found.is_some())),
        }
    }

    /// Remembers who it is, unless something was changed since they were asked for.
    pub(super) fn keep(&self, digest: String, generation: u64, caller: &Arc<Caller>) {
        let mut kept = self.lock();
        if kept.generation != generation {
            return;
        }
        if kept.callers.len() >= MOST {
            kept.callers.retain(|_, (at, _)| at.elapsed() < KEPT);
        }
        if kept.callers.len() < MOST {
            kept.callers.insert(digest, (Instant::now(), Arc::clone(caller)));
        }
    }

    /// Forgets one that is unknown by now.
    pub(super) fn drop(&self, digest: &str) {
        self.lock().callers.remove(digest);
    }

    /// Forgets all, because somebody's rights were changed.
    pub(crate) fn forget(&self) {
        let mut kept = self.lock();
        kept.generation += 1;
        kept.callers.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_up_before_a_change_is_not_kept_after_it() {
        let (callers, caller) = (Callers::default(), Arc::new(Caller::home()));
        let Err((before, false)) = callers.find("a") else { panic!("nobody is known") };
        callers.keep("a".to_owned(), before, &caller);
        assert!(callers.find("a").is_ok());
        callers.forget();
        callers.keep("a".to_owned(), before, &caller);
        assert!(callers.find("a").is_err());
    }

    #[test]
    fn never_more_than_so_many_are_kept() {
        let (callers, caller) = (Callers::default(), Arc::new(Caller::home()));
        for number in 0..MOST + 10 {
            callers.keep(number.to_string(), 0, &caller);
        }
        assert!(callers.lock().callers.len() <= MOST);
    }
}
