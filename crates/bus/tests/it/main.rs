//! The bus through its public face: what holds on every back-end, and what is Redis's own.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod logs;
mod queue;
mod redis_away;
mod redis_logs;
mod sqlite;
mod world;

/// Each of these tests, on every back-end.
macro_rules! on_every_backend {
    ($($name:ident)*) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::world::World::embedded().await).await;
            })*
        }
        mod redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::world::World::redis().await).await;
            })*
        }
    };
}
pub(crate) use on_every_backend;
