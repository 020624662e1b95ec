//! The setting `SANDBOX`, and what it comes to on this machine.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::atomic::{AtomicU8, Ordering},
};

use crate::Offer;

/// How much confinement is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The best that the machine offers.
    #[default]
    Auto,
    /// The same, and nothing runs where the machine has no Landlock.
    Require,
    /// The same as `Auto`, but for namespaces.
    Landlock,
    /// None.
    Off,
}

/// A value that is no mode.
#[derive(Debug)]
pub struct UnknownMode;

/// This machine can't confine what others wrote, and must.
#[derive(Debug)]
pub struct Refused;

/// A folder of ours that others' code could read.
#[derive(Debug)]
pub struct OpenFolder {
    setting: &'static str,
    folder: PathBuf,
    open: &'static str,
}

/// One answer for the whole process, however many parts of it start processes.
static MODE: AtomicU8 = AtomicU8::new(Mode::Auto as u8);

/// Settles the mode of this process, and says in the log what it comes to.
///
/// # Errors
/// When confinement is required and can't be had.
pub fn begin(mode: Mode) -> Result<(), Refused> {
    MODE.store(mode as u8, Ordering::Relaxed);
    let offer = Offer::of_this_machine();
    if mode == Mode::Require && offer.landlock.is_none() {
        return Err(Refused);
    }
    if mode == Mode::Off || offer.landlock.is_none() {
        tracing::warn!("{}", offer.describe(mode));
    } else {
        tracing::info!("{}", offer.describe(mode));
    }
    Ok(())
}

/// The mode of this process; [`Mode::Auto`] until it is settled.
pub fn mode() -> Mode {
    match MODE.load(Ordering::Relaxed) {
        mode if mode == Mode::Require as u8 => Mode::Require,
        mode if mode == Mode::Landlock as u8 => Mode::Landlock,
        mode if mode == Mode::Off as u8 => Mode::Off,
        _ => Mode::Auto,
    }
}

/// Makes sure that a folder which a setting names, and whose files are not for everybody, does not lie where others' code may
/// read everything. A bucket's address is no folder.
///
/// # Errors
/// When it does, and others' code is confined.
pub fn keep_closed(setting: &'static str, folder: &Path) -> Result<(), OpenFolder> {
    #[cfg(target_os = "linux")]
    if let Some(open) = crate::landlock::open_folder(folder).filter(|_| mode() != Mode::Off) {
        return Err(OpenFolder { setting, folder: folder.to_owned(), open });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (setting, folder);
    Ok(())
}

/// Keeps other processes of this user from reading this one's environment and memory, which hold secrets; also from a
/// core file.
pub fn make_undumpable() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        tracing::warn!(%error, "other processes of this user may be able to read this process's environment");
    }
    if let Err(error) = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0) {
        tracing::warn!(%error, "a crash may leave a core file, which holds secrets");
    }
}

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text {
            "auto" => Ok(Self::Auto),
            "require" => Ok(Self::Require),
            "landlock" => Ok(Self::Landlock),
            "off" => Ok(Self::Off),
            _ => Err(UnknownMode),
        }
    }
}

impl fmt::Display for UnknownMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be auto, require, landlock or off")
    }
}

impl std::error::Error for UnknownMode {}

impl fmt::Display for OpenFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, folder, open } = self;
        write!(f, "{setting} is {}, and notebooks may read all of {open}: choose a folder elsewhere", folder.display())
    }
}

impl std::error::Error for OpenFolder {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "SANDBOX=require, and this machine has no Landlock (Linux 5.13 or newer, with `landlock` among its LSMs)",
        )
    }
}

impl std::error::Error for Refused {}
