//! Connections on loan: one of a pool's, or the one of a lane.

use std::{
    fmt,
    io::ErrorKind,
    ops::{Deref, DerefMut},
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{Any, AnyConnection, AnyPool, Connection, any::AnyPoolOptions, pool::PoolConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{
    StoreError,
    db::database::{PATIENCE, in_time},
    db::dialect::Dialect,
};

/// After how long a connection is tried before it is used. It was sound when it came back; one that rested since may have
/// lost its other end.
const RESTED: Duration = Duration::from_millis(500);

/// How soon a database that was starting is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// A pool that makes its connections when they are needed.
pub(crate) fn pool(dialect: Dialect, size: u32, url: &str) -> Result<AnyPool, StoreError> {
    let options = AnyPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(PATIENCE)
        .max_lifetime(dialect.connection_lifetime())
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > RESTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| Box::pin(configure(dialect, connection)));
    Ok(options.connect_lazy(url)?)
}

pub(crate) async fn configure(dialect: Dialect, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(dialect.settings()).execute(connection).await?;
    Ok(())
}

/// One connection, for one at a time, in order, for as long as it is sound and young. A pool of one would ask the database after every loan whether the connection
/// still answers, and the next who wants it would wait for that. Clones share it.
#[derive(Clone)]
pub(crate) struct Lane {
    dialect: Dialect,
    url: Arc<str>,
    place: Arc<Mutex<Place>>,
}

/// Where a lane's connection rests.
#[derive(Debug)]
pub(crate) enum Place {
    /// It was not made yet, or was lost.
    Empty,
    Resting(LaneConnection),
    Closed,
}

/// A lane's connection.
#[derive(Debug)]
pub(crate) struct LaneConnection {
    connection: AnyConnection,
    made: Instant,
    /// When it came back.
    rests_since: Instant,
}

/// Without the address, which may have a password.
impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Lane {
    /// A lane that makes its connection when it is needed.
    pub(crate) fn new(dialect: Dialect, url: &str) -> Self {
        Self { dialect, url: url.into(), place: Arc::new(Mutex::new(Place::Empty)) }
    }

    /// Lends the connection, in time.
    pub(crate) async fn lend(&self) -> Result<Loan, StoreError> {
        in_time(async {
            let mut place = self.place.clone().lock_owned().await;
            let resting = match std::mem::replace(&mut *place, Place::Empty) {
                Place::Closed => {
                    *place = Place::Closed;
                    return Err(sqlx::Error::PoolClosed);
                }
                Place::Resting(old) if self.dialect.connection_lifetime().is_some_and(|life| old.made.elapsed() > life) => {
                    // Nothing is under way on it.
                    let _ = old.connection.close().await;
                    None
                }
                Place::Resting(rested) if rested.rests_since.elapsed() <= RESTED => Some(rested),
                Place::Resting(mut rested) => rested.connection.ping().await.is_ok().then_some(rested),
                Place::Empty => None,
            };
            let connection = match resting {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            Ok(Loan::OfLane(connection, place))
        })
        .await
    }

    /// A database that is starting is waited for, as a pool would.
    async fn connect(&self) -> Result<LaneConnection, sqlx::Error> {
        loop {
            match AnyConnection::connect(&self.url).await {
                Ok(mut connection) => {
                    configure(self.dialect, &mut connection).await?;
                    let now = Instant::now();
                    return Ok(LaneConnection { connection, made: now, rests_since: now });
                }
                Err(sqlx::Error::Io(error)) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(sqlx::Error::Database(error)) if error.is_transient_in_connect_phase() => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Waits until the connection came back, and closes it for good.
    pub(crate) async fn close(&self) {
        if let Place::Resting(rested) = std::mem::replace(&mut *self.place.lock().await, Place::Closed) {
            // Nothing is under way on it.
            let _ = rested.connection.close().await;
        }
    }
}

/// A connection on loan. It goes back only if the operation came to its end and says so: one that was cut off may be in the
/// middle of an answer or of a transaction, or have nobody at its other end, and is closed. The lane's next may be lent before
/// the database heard of that; it waits for the lock that the one before held.
pub(crate) enum Loan {
    OfPool(Pooled),
    OfLane(LaneConnection, OwnedMutexGuard<Place>),
}

/// A pool's connection, which goes back to it unless it is told otherwise.
pub(crate) struct Pooled {
    connection: PoolConnection<Any>,
    sound: bool,
}

impl Loan {
    pub(crate) async fn of(pool: &AnyPool) -> Result<Self, StoreError> {
        Ok(Self::OfPool(Pooled { connection: pool.acquire().await?, sound: false }))
    }

    /// Gives it back.
    pub(crate) fn end(self) {
        match self {
            Self::OfPool(mut pooled) => pooled.sound = true,
            Self::OfLane(lent, mut place) => *place = Place::Resting(LaneConnection { rests_since: Instant::now(), ..lent }),
        }
    }

    /// Undoes the open transaction and gives the connection back.
    pub(crate) async fn roll_back(mut self) -> Result<(), StoreError> {
        in_time(sqlx::raw_sql("ROLLBACK").execute(&mut *self)).await?;
        self.end();
        Ok(())
    }
}

impl Deref for Loan {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        match self {
            Self::OfPool(pooled) => &pooled.connection,
            Self::OfLane(lent, _) => &lent.connection,
        }
    }
}

impl DerefMut for Loan {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        match self {
            Self::OfPool(pooled) => &mut pooled.connection,
            Self::OfLane(lent, _) => &mut lent.connection,
        }
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if !self.sound {
            self.connection.close_on_drop();
        }
    }
}
