//! The memory of the processes that serve: predictions take many small pieces of it for a moment, and mimalloc is quicker at
//! them than the system's allocator. Whoever calls this has it.

use std::ffi::c_long;

use libmimalloc_sys::{mi_option_set_default, mi_option_t};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc 3, which the bindings leave out.
const PURGE_DELAY: mi_option_t = 15;
/// After how many milliseconds memory that nobody uses goes back to the system. At mimalloc's own 1,000 a server whose callers
/// send much at once grows by half as much again as they send; at 10 answers of a thousand rows take 3 to 8 % longer.
const SOON: c_long = 100;

/// Gives unused memory back soon, unless the environment says otherwise (`MIMALLOC_PURGE_DELAY`). For the beginning of `main`:
/// mimalloc reads the number without a lock.
#[expect(unsafe_code, reason = "the bindings have no safe form of it")]
pub fn give_back_soon() {
    // SAFETY: it sets a number in a table of its own. It is not made for several threads; there is only this one yet.
    unsafe { mi_option_set_default(PURGE_DELAY, SOON) };
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "the bindings have no safe form of it")]
    fn the_option_is_the_one_that_mimalloc_means() {
        // SAFETY: reads a number; nobody sets it but this test.
        let delay = || unsafe { mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), 1000, "no other option has this default");
        give_back_soon();
        assert_eq!(delay(), SOON);
    }
}
