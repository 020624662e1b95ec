//! Folders, as Landlock takes them.

use std::{
    ffi::CStr,
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, Scope,
};

use crate::{Confinement, Offer};

/// The newest interface that is made use of; older systems get what they know of it.
const INTERFACE: ABI = ABI::V6;
/// Everybody needs these. Of `/proc`, what is another's is not readable all the same: Landlock refuses what would need
/// tracing it.
const SYSTEM: [&str; 12] = [
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/sbin",
    "/nix",
    "/proc",
    "/sys",
    "/var/cache/fontconfig",
    "/run/systemd/resolve",
    "/run/resolvconf",
];
/// Of `/etc`, what holds secrets where the process runs as root.
const SECRET: [&str; 12] = [
    "shadow",
    "shadow-",
    "gshadow",
    "gshadow-",
    "sudoers",
    "sudoers.d",
    "ssh",
    "krb5.keytab",
    "kubernetes",
    "rancher",
    "docker",
    "NetworkManager",
];
/// What all of a family share.
const SHARED_MEMORY: &str = "/dev/shm";
/// Devices that do no harm, those of computations among them.
const DEVICES: [&str; 13] = [
    "/dev/dxg",
    "/dev/infiniband",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/dri",
    "/dev/kfd",
    "/dev/nvidia-caps",
];

/// The version of the interface that the system has.
#[expect(unsafe_code, reason = "asking for the version has no safe form")]
pub(crate) fn version() -> Option<u32> {
    // SAFETY: without attributes the call only answers a number.
    let answer = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0usize, 1u32) };
    u32::try_from(answer).ok().filter(|version| *version > 0)
}

/// The rules of a confinement; none where the system has no Landlock.
pub(crate) fn rules(confinement: &Confinement) -> io::Result<Option<OwnedFd>> {
    let offer = Offer::of_this_machine();
    if offer.landlock.is_none() {
        return Ok(None);
    }
    build(confinement, &[SHARED_MEMORY], offer.keeps_signals()).map(Into::into).map_err(io::Error::other)
}

/// The rules of one member of a family, which shares no memory with the others; none where the system has no Landlock.
pub(crate) fn member_rules(confinement: &Confinement) -> io::Result<Option<OwnedFd>> {
    let offer = Offer::of_this_machine();
    if offer.landlock.is_none() {
        return Ok(None);
    }
    build(confinement, &[], offer.keeps_signals()).map(Into::into).map_err(io::Error::other)
}

/// Rules that only keep signals and abstract sockets inside.
pub(crate) fn signal_rules() -> io::Result<Option<OwnedFd>> {
    if !Offer::of_this_machine().keeps_signals() {
        return Ok(None);
    }
    let root = PathFd::new("/").map_err(io::Error::other)?;
    signals_only(root).map(Into::into).map_err(io::Error::other)
}

fn signals_only(root: PathFd) -> Result<RulesetCreated, RulesetError> {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    // Moving files from folder to folder is refused by all rules that do not allow it, whatever they are about.
    let ruleset = ruleset.scope(Scope::Signal)?.handle_access(AccessFs::Refer)?.create()?;
    ruleset.add_rule(PathBeneath::new(root, AccessFs::Refer))
}

fn build(confinement: &Confinement, shared: &[&str], scopes: bool) -> Result<RulesetCreated, RulesetError> {
    let all = AccessFs::from_all(INTERFACE);
    let mut ruleset = Ruleset::default().set_compatibility(CompatLevel::BestEffort).handle_access(all)?;
    if scopes {
        ruleset = ruleset.scope(Scope::from_all(INTERFACE))?;
    }
    let read = AccessFs::from_read(INTERFACE);
    let write = writing();
    // Its names only, where the process may read all of it.
    let etc = if is_root() { AccessFs::ReadDir.into() } else { read };
    let mut rules = allow(ruleset.create()?, Path::new("/etc"), etc)?;
    for path in SYSTEM.iter().map(PathBuf::from).chain(open_in(Path::new("/etc"))).chain(confinement.read.iter().cloned()) {
        rules = allow(rules, &path, read)?;
    }
    let devices = DEVICES.iter().chain(shared).map(PathBuf::from);
    for path in devices.chain(graphics_cards()).chain(confinement.write.iter().cloned()) {
        rules = allow(rules, &path, write)?;
    }
    Ok(rules)
}

/// Between fork and exec: the same for a folder that was not there when the rules were made.
#[expect(unsafe_code, reason = "nothing may be allocated here")]
pub(crate) fn allow_now(rules: &OwnedFd, path: &CStr, write: bool) -> io::Result<()> {
    /// `struct landlock_path_beneath_attr`.
    #[repr(C, packed)]
    struct Beneath {
        allowed: u64,
        folder: libc::c_int,
    }
    const PATH_BENEATH: libc::c_int = 1;
    // Of what the rules are about, which is what the system knows.
    let known = Offer::of_this_machine().landlock.and_then(|version| i32::try_from(version).ok()).unwrap_or(0);
    let known = AccessFs::from_all(ABI::from(known).min(INTERFACE));
    let access = known & if write { writing() } else { AccessFs::from_read(INTERFACE) };
    // SAFETY: the path and the structure outlast the calls.
    unsafe {
        let folder = libc::open(path.as_ptr(), libc::O_PATH | libc::O_CLOEXEC);
        if folder < 0 {
            return Err(io::Error::last_os_error());
        }
        let beneath = Beneath { allowed: access.bits(), folder };
        let (rules, beneath) = (rules.as_raw_fd(), &raw const beneath);
        let added = libc::syscall(libc::SYS_landlock_add_rule, rules, PATH_BENEATH, beneath, 0);
        let added = if added < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
        libc::close(folder);
        added
    }
}

/// Whoever can make a device can read the disk.
fn writing() -> BitFlags<AccessFs> {
    AccessFs::from_all(INTERFACE) & !(AccessFs::MakeBlock | AccessFs::MakeChar)
}

/// What is not there needs no rule.
fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    let (Ok(found), Ok(fd)) = (path.metadata(), PathFd::new(path)) else { return Ok(rules) };
    let access = if found.is_dir() { access } else { access & AccessFs::from_file(INTERFACE) };
    rules.add_rule(PathBeneath::new(fd, access))
}

/// The folder that everybody may read and that a path lies in, if there is one.
pub(crate) fn open_folder(path: &Path) -> Option<&'static str> {
    let path = std::path::absolute(path).ok()?;
    // What is not there yet will lie where its folder is.
    let real = path.ancestors().find_map(|part| part.canonicalize().ok())?;
    SYSTEM.into_iter().find(|open| real.starts_with(Path::new(open).canonicalize().unwrap_or_else(|_| open.into())))
}

#[expect(unsafe_code, reason = "asking for it has no safe form")]
fn is_root() -> bool {
    // SAFETY: a system call without memory.
    unsafe { libc::geteuid() == 0 }
}

/// What of `/etc` may be read.
fn open_in(etc: &Path) -> impl Iterator<Item = PathBuf> {
    let names = std::fs::read_dir(etc).into_iter().flatten().flatten();
    // What others may not read is nobody's whose code is confined.
    let names = names.filter(|entry| entry.metadata().is_ok_and(|found| found.is_symlink() || found.mode() & 0o004 != 0));
    let open = names.filter(|entry| !SECRET.iter().any(|secret| entry.file_name() == *secret)).map(|entry| entry.path());
    // Of the certificates, those that are public.
    open.flat_map(|path| if path.ends_with("ssl") { vec![path.join("certs"), path.join("openssl.cnf")] } else { vec![path] })
}

fn graphics_cards() -> impl Iterator<Item = PathBuf> {
    let devices = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    devices
        .filter(|entry| {
            ["nvidia", "accel", "neuron"].iter().any(|kind| entry.file_name().to_string_lossy().starts_with(kind))
        })
        .map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn of_etc_only_what_holds_no_secret_is_open() {
        let etc = tempfile::tempdir().expect("a folder");
        let at = |name: &str| etc.path().join(name);
        for name in SECRET.into_iter().chain(["passwd", "private.key"]) {
            std::fs::write(at(name), "").expect("written");
        }
        std::fs::set_permissions(at("private.key"), std::fs::Permissions::from_mode(0o640)).expect("set");
        std::fs::create_dir_all(at("ssl/private")).expect("a folder");
        std::os::unix::fs::symlink("../run/resolv.conf", at("resolv.conf")).expect("linked");
        let mut open: Vec<PathBuf> = open_in(etc.path()).collect();
        open.sort();
        assert_eq!(open, ["passwd", "resolv.conf", "ssl/certs", "ssl/openssl.cnf"].map(at));
    }

    #[test]
    fn a_folder_that_everybody_may_read_is_known_by_wherever_it_leads() {
        let folder = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink("/usr/lib", folder.path().join("link")).expect("linked");
        assert_eq!(open_folder(Path::new("/usr/local/mlsys/home")), Some("/usr"));
        assert_eq!(open_folder(&folder.path().join("link/not-there-yet")), Some("/usr"));
        assert_eq!(open_folder(&folder.path().join("home")), None);
        assert_eq!(open_folder(Path::new("s3://bucket/models")), None);
    }
}
