//! `mlsys artifacts move`: all models' files to another store, and then every row that names their old address, at once.
//!
//! Files are copied and verified first, while rows name the old store; whatever is cut off before the rows change has changed
//! nothing, and goes on where it was when it is run again. Nothing is removed.

use std::{collections::BTreeMap, io::IsTerminal, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use artifacts::{Error, VersionLocation};
use futures_util::{StreamExt, stream};
use store::{Addresses, Readdressed, Store};
use tokio::time::Instant;

use crate::{home::Home, settings::Settings};

/// How many versions are on their way at the same time.
const AT_ONCE: usize = 4;
/// How often it is looked for what was registered since the last look.
const LOOKS: u32 = 10;
/// How many versions that can't be moved are named.
const NAMED: usize = 10;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Copy the files of all models to another store, and have mlsys know them there
    Move(MoveArgs),
}

#[derive(clap::Args)]
pub(crate) struct MoveArgs {
    /// The new store: a folder, `s3://BUCKET/PREFIX` or `gs://BUCKET/PREFIX`, as for `MLSYS_ARTIFACTS`
    #[arg(long)]
    to: String,
    /// The old store, if it is another than `MLSYS_ARTIFACTS`
    #[arg(long)]
    from: Option<String>,
    /// Look at everything, copy and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on without versions whose files are gone or damaged; they can't be served from the new store either
    #[arg(long)]
    skip_broken: bool,
}

pub(crate) async fn run(Command::Move(args): Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    let artifacts = settings.artifacts();
    let open = |address: &str| artifacts::Store::open(address, artifacts.access());
    let from = args.from.as_deref().unwrap_or(&artifacts.address);
    let (old, new) = (open(from).context("the old store")?, open(&args.to).context("the new store")?);
    let home = Home::open(&settings.home)?;
    // Nobody else works with the home's own database as long as the home's lock is ours.
    let lock = settings.get("DATABASE_URL").is_none().then(|| home.lock()).transpose()?;
    let store = Store::open(&settings.database_url()?).await?;
    if lock.is_some() {
        // Who held these is dead.
        store.pipelines.release_all_leases().await?;
        store.serving.expire_locks().await?;
    }
    let moving = Moving { args: &args, from, old, new, store: &store };
    let moved = moving.run().await;
    store.close().await;
    moved.map(|()| ExitCode::SUCCESS)
}

struct Moving<'a> {
    args: &'a MoveArgs,
    from: &'a str,
    old: artifacts::Store,
    new: artifacts::Store,
    store: &'a Store,
}

/// A version or a package to copy.
struct Item {
    at: VersionLocation,
    /// Whether it may be gone.
    is_package: bool,
}

/// What became of what was to be copied.
#[derive(Default)]
struct Copied {
    count: usize,
    bytes: u64,
    /// What can't be copied, and why.
    broken: Vec<String>,
}

impl Moving<'_> {
    async fn run(&self) -> anyhow::Result<()> {
        let (serving, mut done) = (&self.store.serving, Copied::default());
        let mut addresses: BTreeMap<String, String> = BTreeMap::new();
        for _ in 0..LOOKS {
            if !self.args.dry_run && serving.is_changing().await? {
                bail!(BUSY);
            }
            let items = self.items(serving.addresses().await?, &mut addresses)?;
            self.copy(items, &mut done).await?;
            self.check(&done)?;
            if self.args.dry_run {
                println!("versions and packages to move: {}, {}", done.count, megabytes(done.bytes));
                return Ok(());
            }
            match serving.readdress(&addresses).await? {
                Readdressed::Rows(rows) => {
                    self.tell(&done, rows);
                    return Ok(());
                }
                // Their files come first.
                Readdressed::More => {}
                Readdressed::Busy => bail!(BUSY),
            }
        }
        bail!("new versions were registered all the time: stop the workers, and run this again")
    }

    /// What of these is to be copied and was not yet; `addresses` learns where each will be.
    fn items(&self, found: Addresses, addresses: &mut BTreeMap<String, String>) -> anyhow::Result<Vec<Item>> {
        let Addresses { versions, packages, registered } = found;
        let listed = versions.into_iter().map(|(uri, sha256)| (uri, Some((sha256, false))));
        let listed = listed.chain(packages.into_iter().map(|(uri, sha256)| (uri, Some((sha256, true)))));
        let (mut items, mut elsewhere) = (Vec::new(), Vec::new());
        for (uri, files) in listed.chain(registered.into_iter().map(|uri| (uri, None))) {
            if addresses.contains_key(&uri) {
                continue;
            }
            let is_moved = self.new.holds(&uri);
            let address = if self.old.holds(&uri) { self.new.address_of(&self.old, &uri)? } else { uri.clone() };
            if address == uri && !is_moved {
                elsewhere.push(uri.clone());
            } else if let (Some((sha256, is_package)), false) = (files, address == uri) {
                items.push(Item { at: VersionLocation { uri: uri.clone(), sha256 }, is_package });
            }
            addresses.insert(uri, address);
        }
        if let Some(first) = elsewhere.first() {
            eprintln!(
                "{} addresses lie in neither store and stay as they are; for those, run this again with their --from. The first is {first}",
                elsewhere.len()
            );
        }
        Ok(items)
    }

    /// Copies and verifies, some at a time. What can't be copied is noted; what may heal ends it.
    async fn copy(&self, items: Vec<Item>, done: &mut Copied) -> anyhow::Result<()> {
        let all = items.len();
        let (mut progress, mut number) = (Progress::new(all), 0);
        let mut copied = stream::iter(items).map(|item| self.copy_one(item)).buffer_unordered(AT_ONCE);
        while let Some((item, copied)) = copied.next().await {
            number += 1;
            match copied {
                Ok(bytes) => {
                    done.count += 1;
                    done.bytes += bytes;
                }
                // It is made again when its pipeline is retried.
                Err(Error::Missing { .. }) if item.is_package => {}
                Err(error @ (Error::Missing { .. } | Error::DigestMismatch { .. } | Error::BadManifest { .. })) => {
                    done.broken.push(format!("{}: {error}", item.at.uri));
                }
                Err(error) => return Err(error).with_context(|| format!("{} can't be copied", item.at.uri)),
            }
            progress.show(number, done.bytes);
        }
        Ok(())
    }

    async fn copy_one(&self, item: Item) -> (Item, Result<u64, Error>) {
        let copy = async {
            let bytes = self.old.manifest(&item.at).await?.files.values().map(|file| file.size).sum();
            if self.args.dry_run {
                self.old.verify(&item.at).await?;
            } else {
                self.new.take_over(&self.old, &item.at).await?;
            }
            Ok(bytes)
        };
        let copied = copy.await;
        (item, copied)
    }

    /// Refuses to go on without what is broken, unless it is asked for.
    fn check(&self, done: &Copied) -> anyhow::Result<()> {
        for broken in done.broken.iter().take(NAMED) {
            eprintln!("can't be copied: {broken}");
        }
        match done.broken.len() {
            0 => Ok(()),
            _ if self.args.skip_broken => Ok(()),
            count => bail!(
                "the files of {count} versions are gone or damaged, and nothing was changed: put them back, or go on without them by --skip-broken"
            ),
        }
    }

    fn tell(&self, done: &Copied, rows: u64) {
        println!(
            "versions and packages moved: {}, {}; rows that name their new address: {rows}",
            done.count,
            megabytes(done.bytes)
        );
        println!("Now set MLSYS_ARTIFACTS={} for every process of mlsys, and start it again.", self.args.to);
        println!("The old files stay at {}; remove them when all is well.", self.from);
    }
}

const BUSY: &str =
    "a pipeline runs, or a deployment is being changed: stop the workers and the backends first; model-servers may go on";

/// Says on standard error how far it is, once a second.
struct Progress {
    all: usize,
    said: Instant,
}

impl Progress {
    fn new(all: usize) -> Self {
        Self { all, said: Instant::now() }
    }

    fn show(&mut self, number: usize, bytes: u64) {
        if number < self.all && self.said.elapsed() < Duration::from_secs(1) {
            return;
        }
        self.said = Instant::now();
        let end = if std::io::stderr().is_terminal() && number < self.all { "\r" } else { "\n" };
        eprint!("{number} of {}, {}{end}", self.all, megabytes(bytes));
    }
}

fn megabytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let bytes = bytes as f64;
    format!("{:.1} MB", bytes / 1e6)
}
