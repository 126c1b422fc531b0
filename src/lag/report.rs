//! The line that the watchdog writes by itself, for the process that will never run JavaScript again.

use std::{
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use super::blocks::{Block, Stack};

/// Bytes of a line at most. A pipe takes as many without waiting for its reader, or none (POSIX guarantees 512, Linux
/// 4096).
const MAX_LINE: usize = 4000;
/// Frames named in it.
const MAX_FRAMES: usize = 16;

/// Where lines go.
pub enum Report {
    /// The standard error output.
    Stderr,
    /// A file, opened for appending.
    File(File),
}

impl Report {
    /// A file that lines are appended to; it is made if there is none.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn file(path: &Path) -> io::Result<Self> {
        OpenOptions::new().create(true).append(true).open(path).map(Self::File)
    }

    /// Writes a line about a block. What cannot be written is lost: there is nobody to tell.
    pub fn write(&self, block: &Block) {
        let line = line(block);
        let _ = match self {
            Self::Stderr => write_stderr(line.as_bytes()),
            Self::File(file) => { file }.write_all(line.as_bytes()),
        };
    }
}

/// Writes without waiting: a reader that has stopped reading must not stop the watchdog, which is joined at exit.
#[cfg(unix)]
fn write_stderr(line: &[u8]) -> io::Result<()> {
    let mut poll = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one valid pollfd, no timeout.
    let writable =
        unsafe { libc::poll(&raw mut poll, 1, 0) } == 1 && poll.revents & libc::POLLOUT != 0;
    if writable { io::stderr().write_all(line) } else { Ok(()) }
}

#[cfg(not(unix))]
fn write_stderr(line: &[u8]) -> io::Result<()> {
    io::stderr().write_all(line)
}

/// One line of text, line feed included.
#[must_use]
pub fn line(block: &Block) -> String {
    let Block { thread, busy, gc, stack, .. } = block;
    let milliseconds = |ns: u64| ns / 1_000_000;
    let mut text = format!("heapwise: the event loop of thread {thread}");
    if *thread == 0 {
        text.push_str(" (main)");
    }
    // Writing into a string cannot fail.
    let _ = write!(text, " has been blocked for {} ms so far", milliseconds(*busy));
    if milliseconds(*gc) > 0 {
        let _ = write!(text, ", {} ms of it in garbage collection", milliseconds(*gc));
    }
    match stack {
        Stack::Captured(frames) | Stack::AfterNative(frames) => {
            for (at, frame) in frames.iter().take(MAX_FRAMES).enumerate() {
                let name = if frame.function.is_empty() { "<anonymous>" } else { &frame.function };
                let _ = write!(
                    text,
                    "{}{name} ({}:{}:{})",
                    if at == 0 { "; at " } else { " < " },
                    frame.script,
                    frame.line,
                    frame.column
                );
            }
        }
        Stack::InNative | Stack::Awaited => text.push_str("; inside a native call"),
        Stack::Missing(reason) => {
            let _ = write!(text, "; no stack: {reason}");
        }
    }
    let mut end = text.len().min(MAX_LINE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    // Names may hold anything.
    text = text.replace(['\n', '\r'], " ");
    text.push('\n');
    text
}
