//! Why a cache could not be saved, or not be loaded.

use std::{fmt, io, path::Path};

/// What went wrong.
#[derive(Debug)]
pub enum Fault {
    /// Another save writes to the same place, or saves the same cache.
    Busy(String),
    /// Others changed more of the cache, before it was saved, than may be kept for that. The most bytes.
    Overrun(u64),
    /// Nobody wants it any more.
    Cancelled,
    /// The system refused something.
    System {
        /// What was to be done.
        what: String,
        /// What it said.
        error: io::Error,
    },
    /// There is no such file.
    Missing(String),
    /// What is in the file is not what was once written there.
    Invalid {
        /// Byte of the file where that was seen.
        at: u64,
        /// What is wrong.
        why: String,
    },
    /// The file is from a version that is newer than this one, or from another kind of machine.
    Version(String),
    /// The values can be read by another codec only.
    Codec(String),
    /// There is no memory for what is in the file.
    Memory,
}

/// What comes out of work with files.
pub type Outcome<T> = Result<T, Fault>;

impl Fault {
    /// An error of the system at a path.
    #[must_use]
    pub fn system(doing: &str, path: &Path, error: io::Error) -> Self {
        Self::System { what: format!("{doing} {}", path.display()), error }
    }

    /// What is wrong with a file, and where.
    #[must_use]
    pub fn invalid(at: u64, why: impl Into<String>) -> Self {
        Self::Invalid { at, why: why.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(why) | Self::Version(why) | Self::Codec(why) => f.write_str(why),
            Self::Overrun(most) => write!(
                f,
                "The cache changed faster than it was saved: more than {most} bytes would have had to be kept for the file"
            ),
            Self::Cancelled => f.write_str("The thread that asked for it has ended"),
            Self::System { what, error } => write!(f, "{what}: {error}"),
            Self::Missing(path) => write!(f, "There is no file {path}"),
            Self::Invalid { at, why } => {
                write!(f, "The file is damaged, or no cache: {why} (byte {at})")
            }
            Self::Memory => f.write_str("The system gave no memory for the entries of the file"),
        }
    }
}
