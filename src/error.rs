//! Every error code that Rust can raise, spelt once.
//!
//! The codes are the ones of `lib/errors.js`: JavaScript sees `err.code`.

use std::fmt;

/// A stable error code; its text is the `code` property of the JavaScript error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// Histogram bounds or precision that no histogram can have.
    HistogramRange,
    /// Two histograms whose ranges cannot be added without loss.
    HistogramMerge,
    /// Bytes that are not an encoded histogram.
    HistogramDecode,
    /// Pools of one name that want budgets of different sizes.
    BufferPoolBudget,
    /// The system has no memory for a buffer pool.
    BufferPoolExhausted,
    /// A shared cache of that name is open with other settings.
    SharedCacheSettings,
    /// The system has no memory for a shared cache.
    SharedCacheMemory,
    /// A cache of that name is open, so that none can be loaded.
    SharedCacheOpen,
    /// Another save to the same file, or of the same cache, runs.
    SharedCacheSaveBusy,
    /// A cache changed faster than it was saved.
    SharedCacheSaveOverrun,
    /// The system refused something that concerns the file of a cache.
    SharedCacheFile,
    /// There is no file of a cache.
    SharedCacheFileMissing,
    /// A file is damaged, or no cache.
    SharedCacheFileInvalid,
    /// A file is from a newer version, or another kind of machine.
    SharedCacheFileVersion,
    /// The values of a file need another codec.
    SharedCacheFileCodec,
    /// A file for reports that cannot be opened.
    ReportFile,
    /// A facility of the runtime that the probe needs is not there.
    Unsupported,
}

impl AsRef<str> for ErrorCode {
    fn as_ref(&self) -> &str {
        match self {
            Self::HistogramRange => "ERR_HEAPWISE_HISTOGRAM_RANGE",
            Self::HistogramMerge => "ERR_HEAPWISE_HISTOGRAM_MERGE",
            Self::HistogramDecode => "ERR_HEAPWISE_HISTOGRAM_DECODE",
            Self::BufferPoolBudget => "ERR_HEAPWISE_BUFFER_POOL_BUDGET",
            Self::BufferPoolExhausted => "ERR_HEAPWISE_BUFFER_POOL_EXHAUSTED",
            Self::SharedCacheSettings => "ERR_HEAPWISE_SHARED_CACHE_SETTINGS",
            Self::SharedCacheMemory => "ERR_HEAPWISE_SHARED_CACHE_MEMORY",
            Self::SharedCacheOpen => "ERR_HEAPWISE_SHARED_CACHE_OPEN",
            Self::SharedCacheSaveBusy => "ERR_HEAPWISE_SHARED_CACHE_SAVE_BUSY",
            Self::SharedCacheSaveOverrun => "ERR_HEAPWISE_SHARED_CACHE_SAVE_OVERRUN",
            Self::SharedCacheFile => "ERR_HEAPWISE_SHARED_CACHE_FILE",
            Self::SharedCacheFileMissing => "ERR_HEAPWISE_SHARED_CACHE_FILE_MISSING",
            Self::SharedCacheFileInvalid => "ERR_HEAPWISE_SHARED_CACHE_FILE_INVALID",
            Self::SharedCacheFileVersion => "ERR_HEAPWISE_SHARED_CACHE_FILE_VERSION",
            Self::SharedCacheFileCodec => "ERR_HEAPWISE_SHARED_CACHE_FILE_CODEC",
            Self::ReportFile => "ERR_HEAPWISE_REPORT_FILE",
            Self::Unsupported => "ERR_HEAPWISE_UNSUPPORTED",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_ref())
    }
}

/// An error that crosses to JavaScript with its code.
pub type CodedError = napi::Error<ErrorCode>;

/// Makes a coded error from anything that can say what is wrong.
pub fn coded(code: ErrorCode, reason: impl fmt::Display) -> CodedError {
    CodedError::new(code, reason.to_string())
}
