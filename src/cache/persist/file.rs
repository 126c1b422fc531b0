//! Files: written beside the old one and put in its place when they are whole.
//!
//! The new file is `PATH.heapwise-save`, in the same folder, with a lock of the system on it as long as somebody writes to
//! it. One that is there without a lock is left from a process that died, and goes. The lock is taken after the
//! file was made, so whoever has it makes sure that the file of this name is still the one that he has locked.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    blocks::Output,
    fault::{Fault, Outcome},
};

const SUFFIX: &str = ".heapwise-save";
/// How often it is tried to get a file of our own, where others come and go.
const ATTEMPTS: u32 = 16;

/// A file that is not in its place yet. When it is dropped before, it goes.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    path: PathBuf,
    target: PathBuf,
    is_published: bool,
}

impl NewFile {
    /// A file that is to be at `path`, where there is another one or none.
    ///
    /// # Errors
    /// When somebody else is writing one, or the system does not allow it.
    pub fn create(path: &Path) -> Outcome<Self> {
        let target = place_of(path)?;
        let path = with_suffix(&target);
        for _ in 0..ATTEMPTS {
            let file = match create_new(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    remove_left_over(&path)?;
                    continue;
                }
                Err(error) => return Err(Fault::system("Creating", &path, error)),
            };
            // Somebody takes it for a left-over, and is about to remove it. A file system without locks says otherwise.
            if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
                return Err(busy(&path));
            }
            let new =
                Self { file, path: path.clone(), target: target.clone(), is_published: false };
            if new.is_in_place()? {
                return Ok(new);
            }
        }
        Err(busy(&path))
    }

    /// Whether the file of its name is this one.
    fn is_in_place(&self) -> Outcome<bool> {
        let cannot = |error| Fault::system("Looking at", &self.path, error);
        let own = self.file.metadata().map_err(cannot)?;
        match fs::symlink_metadata(&self.path) {
            Ok(there) => Ok(is_same(&own, &there)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(cannot(error)),
        }
    }
}

impl Output for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn publish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        self.is_published = true;
        sync_folder(&self.target)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // Not another's that has come in its place.
        if !self.is_published && matches!(self.is_in_place(), Ok(true)) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Opens a file to read it.
///
/// # Errors
/// When it is not there, no file, or may not be read.
pub fn open(path: &Path) -> Outcome<File> {
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Fault::Missing(path.display().to_string()),
        _ => Fault::system("Opening", path, error),
    };
    // To open a pipe would wait for somebody who writes to it.
    check_is_file(path, &fs::metadata(path).map_err(cannot)?)?;
    File::open(path).map_err(cannot)
}

/// Where the file really is: where a link points to, so that this is replaced and not the link.
fn place_of(path: &Path) -> Outcome<PathBuf> {
    let cannot = |error| Fault::system("Looking at", path, error);
    match fs::metadata(path) {
        Ok(metadata) => {
            check_is_file(path, &metadata)?;
            fs::canonicalize(path).map_err(cannot)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(cannot(error)),
    }
}

fn check_is_file(path: &Path, metadata: &fs::Metadata) -> Outcome<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let error = if metadata.is_dir() { is_folder() } else { io::ErrorKind::InvalidInput.into() };
    Err(Fault::system("Not a file:", path, error))
}

#[cfg(unix)]
fn is_folder() -> io::Error {
    io::Error::from_raw_os_error(libc::EISDIR)
}

#[cfg(not(unix))]
fn is_folder() -> io::Error {
    io::ErrorKind::IsADirectory.into()
}

fn with_suffix(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(SUFFIX);
    name.into()
}

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Removes the file of a save that has died. One that somebody writes to stays.
fn remove_left_over(path: &Path) -> Outcome<()> {
    let gone = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(Fault::system("Removing what is left of a save", path, error)),
    };
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return gone(error),
    };
    if !metadata.is_file() {
        return Err(Fault::system("In the way is", path, io::ErrorKind::AlreadyExists.into()));
    }
    let file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) => return gone(error),
    };
    if file.try_lock().is_err() {
        // Where the system has no locks nobody can tell whether it is in use.
        return Err(busy(path));
    }
    // With the lock, so that who has made it a moment ago does not take it for his.
    let own = file.metadata().map_err(|error| Fault::system("Looking at", path, error))?;
    if !is_same(&own, &metadata) {
        return Ok(());
    }
    // Elsewhere its name would be taken until it is closed.
    #[cfg(not(unix))]
    drop(file);
    fs::remove_file(path).or_else(gone)
}

fn busy(path: &Path) -> Fault {
    Fault::Busy(format!(
        "Another save to that path is running: {} is in use. If it is not, remove it",
        path.display()
    ))
}

#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Elsewhere a file that is open and locked can be neither removed nor replaced by others.
#[cfg(not(unix))]
const fn is_same(_one: &fs::Metadata, _other: &fs::Metadata) -> bool {
    true
}

/// Makes sure that the file is found by its name after a crash of the system.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all() {
        // Some file systems cannot, and need not.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) =>
        {
            Ok(())
        }
        result => result,
    }
}

/// Elsewhere folders cannot be synchronised.
#[cfg(not(unix))]
const fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
