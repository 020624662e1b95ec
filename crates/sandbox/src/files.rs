//! Files in folders that others write: a link there could lead anywhere, so none is followed.

use std::{
    fs::File,
    io,
    path::{Component, Path},
};

use nix::{
    fcntl::{OFlag, open},
    sys::stat::Mode,
};

/// Opens a regular file below a folder for reading. The folder itself is ours; of what is below, nothing is trusted.
///
/// # Errors
/// When there is none, when a part of the path is a link or leads out of the folder, or when it is no regular file.
pub fn open_below(folder: &Path, relative: &Path) -> io::Result<File> {
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "leads out of its folder"));
    }
    // A pipe would keep us waiting.
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = resolve(folder, relative, flags)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "is no regular file"))
}

/// Opens a regular file for reading, of which only the folder it lies in is trusted.
///
/// # Errors
/// As [`open_below`].
pub fn open_regular(path: &Path) -> io::Result<File> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    open_below(folder, Path::new(name))
}

/// Makes a file for writing that was not there; what lies there, a link too, is removed first.
///
/// # Errors
/// When somebody puts something there meanwhile, or the folder can't be written.
pub fn create_new(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    File::create_new(path)
}

#[cfg(target_os = "linux")]
fn resolve(folder: &Path, relative: &Path, flags: OFlag) -> io::Result<File> {
    use nix::fcntl::{OpenHow, ResolveFlag, openat2};

    let folder = open(folder, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    match openat2(&folder, relative, how) {
        Ok(file) => Ok(File::from(file)),
        // Linux before 5.6, or a filter around us.
        Err(nix::errno::Errno::ENOSYS | nix::errno::Errno::EPERM) => step_by_step(folder, relative, flags),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn resolve(folder: &Path, relative: &Path, flags: OFlag) -> io::Result<File> {
    let folder = open(folder, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    step_by_step(folder, relative, flags)
}

/// The same, folder by folder.
fn step_by_step(mut folder: std::os::fd::OwnedFd, relative: &Path, flags: OFlag) -> io::Result<File> {
    use nix::fcntl::openat;

    let inner = relative.parent().into_iter().flat_map(Path::components);
    let through = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    for part in inner {
        folder = openat(&folder, part.as_os_str(), through, Mode::empty())?;
    }
    let name = relative.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Ok(File::from(openat(&folder, name, flags, Mode::empty())?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_is_not_followed_wherever_it_lies() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("run/inner")).expect("made");
        std::fs::write(at("secret"), "secret").expect("written");
        std::fs::write(at("run/inner/own"), "own").expect("written");
        symlink(at("secret"), at("run/link")).expect("linked");
        symlink("../secret", at("run/relative")).expect("linked");
        symlink(at("run/inner"), at("run/folder")).expect("linked");
        nix::unistd::mkfifo(&at("run/pipe"), Mode::S_IRWXU).expect("made");
        let open = |name: &str| open_below(&at("run"), Path::new(name));
        assert!(open("inner/own").is_ok());
        for name in ["link", "relative", "folder/own", "../secret", "/etc/hostname", "pipe", "inner", "absent"] {
            assert!(open(name).is_err(), "{name}");
        }
        let handle = || File::open(at("run")).map(std::os::fd::OwnedFd::from).expect("opened");
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW;
        assert!(step_by_step(handle(), Path::new("inner/own"), flags).is_ok());
        assert!(step_by_step(handle(), Path::new("folder/own"), flags).is_err());
        assert!(step_by_step(handle(), Path::new("link"), flags).is_err());
    }

    #[test]
    fn a_file_is_made_in_place_of_a_link_and_not_through_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        std::fs::write(&target, "whole").expect("written");
        symlink(&target, &link).expect("linked");
        drop(create_new(&link).expect("made"));
        assert_eq!(std::fs::read_to_string(&target).expect("read"), "whole");
        assert!(!link.is_symlink());
    }
}
