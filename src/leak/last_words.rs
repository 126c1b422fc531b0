//! What is written before a limit ends the process: the last report first, since it is ready, then the heap profile.
//!
//! Written by Rust, because when it is time JavaScript cannot run. Files are written whole or not at all, and each once for
//! each limit: limits are met once in the life of a process.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

/// What can end a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// V8's heap limit.
    Heap,
    /// The control group's.
    Cgroup,
}

impl Limit {
    /// The name in files and events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Heap => "heap",
            Self::Cgroup => "cgroup",
        }
    }
}

/// What came of one limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Files that are there now.
    pub files: Vec<PathBuf>,
    /// What the system said of the first that could not be written.
    pub error: Option<String>,
}

#[derive(Default)]
struct Progress {
    report: bool,
    profile: bool,
    written: Written,
}

/// The files of one process.
pub struct LastWords {
    /// Path without the name of the limit and its extension.
    base: PathBuf,
    report: Mutex<String>,
    progress: [Mutex<Progress>; 2],
}

impl LastWords {
    /// Files whose names begin with `base`.
    #[must_use]
    pub fn new(base: PathBuf) -> Self {
        Self { base, report: Mutex::default(), progress: Default::default() }
    }

    /// The newest report.
    pub fn note(&self, report: String) {
        *self.report.lock() = report;
    }

    const fn progress(&self, limit: Limit) -> &Mutex<Progress> {
        let [heap, cgroup] = &self.progress;
        match limit {
            Limit::Heap => heap,
            Limit::Cgroup => cgroup,
        }
    }

    /// Writes the report, if there is one. The second call for a limit does nothing, and says so by false.
    pub fn write_report(&self, limit: Limit) -> bool {
        let mut progress = self.progress(limit).lock();
        if std::mem::replace(&mut progress.report, true) {
            return false;
        }
        let report = self.report.lock().clone();
        if !report.is_empty() {
            self.save(&mut progress.written, limit, "json", &report);
        }
        true
    }

    /// Whether the profile of that limit was written, or tried to.
    pub fn has_profile(&self, limit: Limit) -> bool {
        self.progress(limit).lock().profile
    }

    /// Writes the profile, if there is one, and says what came of all for that limit; `None` at the second call.
    pub fn write_profile(&self, limit: Limit, profile: Option<&str>) -> Option<Written> {
        let mut progress = self.progress(limit).lock();
        if std::mem::replace(&mut progress.profile, true) {
            return None;
        }
        if let Some(profile) = profile {
            self.save(&mut progress.written, limit, "heapprofile", profile);
        }
        Some(progress.written.clone())
    }

    fn save(&self, written: &mut Written, limit: Limit, extension: &str, text: &str) {
        let path = extended(&extended(&self.base, limit.name(), "-"), extension, ".");
        match save(&path, text) {
            Ok(()) => written.files.push(path),
            Err(error) => {
                written.error.get_or_insert_with(|| error.to_string());
            }
        }
    }
}

fn save(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let temporary = extended(path, "part", ".");
    let written = write_private(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Half a file helps nobody; if it cannot be removed either, the error says why.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// A path with something more in its name; `with_extension` would take something away from names with a dot.
fn extended(path: &Path, more: &str, separator: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(separator);
    name.push(more);
    name.into()
}

/// For the owner only: a profile has names of the program in it, a report may have more. Nothing that is there is followed.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use io::Write;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    // The process is about to end, and the machine may be in trouble too.
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = format!("heapwise-words-{}-{name}", std::process::id());
            Self(std::env::temp_dir().join(folder))
        }

        fn names(&self) -> Vec<String> {
            let Ok(entries) = fs::read_dir(&self.0) else { return Vec::new() };
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_newest_report_and_the_profile_are_written_once_for_each_limit() {
        let folder = Folder::new("once");
        let words = LastWords::new(folder.0.join("new/1.2"));
        words.note("old".into());
        words.note("new".into());
        for limit in [Limit::Heap, Limit::Cgroup] {
            assert!(words.write_report(limit) && !words.write_report(limit));
            assert!(!words.has_profile(limit));
            let Written { files, error } = words.write_profile(limit, Some("profile")).unwrap();
            assert_eq!(error, None);
            let texts: Vec<_> =
                files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
            assert_eq!(texts, ["new", "profile"]);
            assert!(words.has_profile(limit) && words.write_profile(limit, Some("x")).is_none());
        }
        let names = Folder(folder.0.join("new")).names();
        assert_eq!(
            names,
            ["1.2-cgroup.heapprofile", "1.2-cgroup.json", "1.2-heap.heapprofile", "1.2-heap.json"]
        );
    }

    #[test]
    fn what_there_is_not_is_not_written() {
        let folder = Folder::new("none");
        let words = LastWords::new(folder.0.join("heapwise"));
        assert!(words.write_report(Limit::Heap));
        assert_eq!(words.write_profile(Limit::Heap, None), Some(Written::default()));
        assert!(folder.names().is_empty());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_and_leaves_nothing() {
        let folder = Folder::new("refused");
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.0.join("file"), "").unwrap();
        let words = LastWords::new(folder.0.join("file/below"));
        words.note("report".into());
        words.write_report(Limit::Heap);
        let written = words.write_profile(Limit::Heap, Some("profile")).unwrap();
        assert!(written.files.is_empty() && written.error.is_some());
        assert_eq!(folder.names(), ["file"]);
    }

    #[test]
    fn one_file_that_fails_does_not_hide_the_other() {
        let folder = Folder::new("half");
        fs::create_dir_all(folder.0.join("x-heap.json")).unwrap();
        let words = LastWords::new(folder.0.join("x"));
        words.note("report".into());
        words.write_report(Limit::Heap);
        let written = words.write_profile(Limit::Heap, Some("profile")).unwrap();
        assert_eq!(written.files, [folder.0.join("x-heap.heapprofile")]);
        assert!(written.error.is_some());
        assert_eq!(folder.names(), ["x-heap.heapprofile", "x-heap.json"]);
    }
}
