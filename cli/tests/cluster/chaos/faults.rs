//! Something is killed, or paused for longer than a lease, every few seconds; a supervisor starts it again.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use testkit::{Cluster, Program};

use super::random::Random;

/// One fault after the other.
const EVERY: Duration = Duration::from_secs(5);
/// How much longer than the lease a pause is.
const LONGER: Duration = Duration::from_secs(2);
/// How long a program may take to come back.
const REVIVE: Duration = Duration::from_mins(1);
/// How often the supervisor looks.
const LOOK: Duration = Duration::from_millis(100);

/// The faults of a run. Dropped, they end, and everything runs again.
pub(crate) struct Faults {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<String>>>,
}

/// The names of the programs that a fault has.
type Afflicted = Arc<Mutex<BTreeSet<String>>>;

impl Faults {
    /// Begins them, for some time.
    pub(crate) fn start(cluster: &Arc<Cluster>, seed: u64, time: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (cluster, stop) = (cluster.clone(), stop.clone());
            move || run(&cluster, seed, time, &stop)
        });
        Self { stop, thread: Some(thread) }
    }

    /// Waits until their time is over and everything runs again; answers what ended by itself.
    pub(crate) fn end(mut self) -> Vec<String> {
        self.thread.take().map_or_else(Vec::new, |thread| thread.join().expect("the faults end"))
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A test that has failed already says why.
            let _ = thread.join();
        }
    }
}

fn run(cluster: &Arc<Cluster>, seed: u64, time: Duration, stop: &AtomicBool) -> Vec<String> {
    let (mut random, afflicted) = (Random::new(seed), Afflicted::default());
    let (began, mut next, mut threads, mut ended) = (Instant::now(), EVERY, Vec::new(), Vec::new());
    while began.elapsed() < time && !stop.load(Ordering::Relaxed) {
        if began.elapsed() >= next {
            next += EVERY;
            threads.extend(afflict(cluster, &mut random, &afflicted));
        }
        supervise(cluster, &afflicted, &mut ended);
        std::thread::sleep(LOOK);
    }
    for thread in threads {
        thread.join().expect("a fault heals");
    }
    supervise(cluster, &afflicted, &mut ended);
    cluster.timeline.say("everything runs again");
    ended
}

/// Chooses a kind of program, one of that kind, and what happens to it. None if it is afflicted already.
fn afflict(cluster: &Arc<Cluster>, random: &mut Random, afflicted: &Afflicted) -> Option<JoinHandle<()>> {
    let kinds = ["worker", "backend", "redis", "postgres", "model-server"];
    let kind = kinds[usize::try_from(random.below(5)).expect("small")];
    let programs = cluster.programs();
    let some: Vec<&str> = programs.iter().map(|program| program.name()).filter(|name| name.starts_with(kind)).collect();
    let name = some[usize::try_from(random.below(some.len() as u64)).expect("small")].to_owned();
    let (killed, after) = (random.below(2) == 0, Duration::from_millis(1000 + random.below(2000)));
    if !lock(afflicted).insert(name.clone()) {
        cluster.timeline.say(format!("fault: {name} has one already"));
        return None;
    }
    let (cluster, afflicted) = (cluster.clone(), afflicted.clone());
    Some(std::thread::spawn(move || {
        let program = named(&cluster, &name);
        if killed {
            cluster.timeline.say(format!("fault: {name} is killed for {:.1} s", after.as_secs_f64()));
            program.kill();
            std::thread::sleep(after);
            revive(&cluster, program);
        } else {
            let pause = cluster.lease() + LONGER;
            cluster.timeline.say(format!("fault: {name} is paused for {:.1} s", pause.as_secs_f64()));
            program.pause();
            std::thread::sleep(pause);
            program.wake();
        }
        cluster.timeline.say(format!("fault: {name} goes on"));
        lock(&afflicted).remove(&name);
    }))
}

/// Starts a program, again and again while something that it needs is unavailable.
fn revive(cluster: &Cluster, program: &Program) {
    let deadline = Instant::now() + REVIVE;
    program.launch();
    while !program.is_ready() {
        if !program.is_running() {
            cluster.timeline.say(format!("{} ended at its start", program.name()));
            program.kill();
            program.launch();
        }
        assert!(Instant::now() < deadline, "{} does not come back", program.name());
        std::thread::sleep(LOOK);
    }
}

/// Starts what has ended without a fault, and keeps its name.
fn supervise(cluster: &Cluster, afflicted: &Afflicted, ended: &mut Vec<String>) {
    for program in cluster.programs() {
        // Held, so that no fault begins meanwhile.
        let afflicted = lock(afflicted);
        if !afflicted.contains(program.name()) && !program.is_running() {
            cluster.timeline.say(format!("{} ended by itself", program.name()));
            ended.push(program.name().to_owned());
            program.kill();
            program.launch();
        }
    }
}

fn named<'a>(cluster: &'a Cluster, name: &str) -> &'a Program {
    cluster.programs().into_iter().find(|program| program.name() == name).expect("a program of the cluster")
}

fn lock(afflicted: &Afflicted) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
    afflicted.lock().unwrap_or_else(PoisonError::into_inner)
}
