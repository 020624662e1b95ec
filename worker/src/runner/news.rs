//! A Job and its pod, watched: lists once, then follows; reconnects, and lists again when the server has forgotten
//! where it was.

use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{
    Api, Resource,
    runtime::watcher::{self, Event},
};

use super::api::{Backoff, Cluster};

/// How long a watch lasts before it is asked for anew; a connection that died silently is noticed a little later.
pub(super) const WATCH: Duration = Duration::from_secs(30);

/// What happened.
pub(super) enum News {
    Job(Box<Event<Job>>),
    Pod(Box<Event<Pod>>),
    /// The server can't be followed; it is tried again.
    Deaf(String),
}

/// News of a Job and of the pods that are its own.
pub(super) fn of(cluster: &Cluster, name: &str, uid: &str) -> impl Stream<Item = News> + Send + Unpin + use<> {
    let job = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let pods = watcher::Config::default().labels(&format!("batch.kubernetes.io/controller-uid={uid}"));
    let jobs =
        endless(cluster.jobs.clone(), job).map(|event| event.map_or_else(News::Deaf, |event| News::Job(Box::new(event))));
    let pods =
        endless(cluster.pods.clone(), pods).map(|event| event.map_or_else(News::Deaf, |event| News::Pod(Box::new(event))));
    stream::select(jobs.boxed(), pods.boxed())
}

type Events<K> = stream::BoxStream<'static, watcher::Result<Event<K>>>;

fn endless<K>(api: Api<K>, config: watcher::Config) -> impl Stream<Item = Result<Event<K>, String>> + Send
where
    K: Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let seconds = u32::try_from(WATCH.as_secs()).unwrap_or(u32::MAX);
    let open = move || watcher::watcher(api.clone(), config.clone().timeout(seconds)).boxed();
    let first: Events<K> = open();
    stream::unfold((first, open, Backoff::default(), false), |(mut events, open, mut backoff, failed)| async move {
        if failed {
            backoff.wait().await;
        }
        match events.next().await {
            // It says only that a list is about to be asked for.
            Some(Ok(event)) => {
                let backoff = if matches!(event, Event::Init) { backoff } else { Backoff::default() };
                Some((Ok(event), (events, open, backoff, false)))
            }
            Some(Err(error)) => {
                // The watcher itself lists again only when it is told so within a watch, not when one is refused.
                if is_gone(&error) {
                    events = open();
                }
                Some((Err(error.to_string()), (events, open, backoff, true)))
            }
            None => Some((Err("the watch ended".to_owned()), (open(), open, backoff, true))),
        }
    })
}

fn is_gone(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status)) if status.code == 410)
}

/// What the API last showed of one object.
#[derive(Debug)]
pub(super) struct Watched<K> {
    /// As it was when last seen.
    pub last: Option<K>,
    /// Whether it was seen and is no more.
    pub gone: bool,
    /// Whether a list has been read to its end.
    pub listed: bool,
    in_list: bool,
}

impl<K> Watched<K> {
    /// An object that is known to be there, or one still to come.
    pub fn new(last: Option<K>) -> Self {
        Self { last, gone: false, listed: false, in_list: false }
    }

    /// Takes an event in.
    pub fn hear(&mut self, event: Event<K>) {
        match event {
            Event::Apply(object) | Event::InitApply(object) => {
                *self = Self { last: Some(object), gone: false, listed: self.listed, in_list: true };
            }
            Event::Delete(object) => (self.last, self.gone) = (Some(object), true),
            Event::Init => self.in_list = false,
            Event::InitDone => (self.listed, self.gone) = (true, self.last.is_some() && !self.in_list),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_new_list_lacks_is_gone() {
        let mut watched = Watched::new(Some("job"));
        for event in [Event::Init, Event::InitApply("job"), Event::InitDone, Event::Apply("job"), Event::Init] {
            watched.hear(event);
            assert!(!watched.gone);
        }
        watched.hear(Event::InitDone);
        assert!(watched.gone);
        assert_eq!(watched.last, Some("job"));
    }

    #[test]
    fn what_was_never_there_is_not_gone() {
        let mut watched = Watched::<&str>::new(None);
        watched.hear(Event::Init);
        watched.hear(Event::InitDone);
        assert!(watched.listed && !watched.gone);
    }
}
