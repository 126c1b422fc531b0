//! Pages from the system.

use std::{ffi::c_void, io, ptr::NonNull};

pub use system::page_size;

/// Pages that are mapped until this is dropped, filled with zeros at first.
#[derive(Debug)]
pub struct Mapping {
    address: NonNull<c_void>,
    length: usize, // > 0, a multiple of the page size
}

// SAFETY: pages belong to the process, not to a thread; the mapping is unmapped once, by its only owner.
unsafe impl Send for Mapping {}
// SAFETY: a shared mapping can only be asked for its address and told to discard, both of which any thread may do.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps at least that many bytes.
    ///
    /// # Errors
    /// When the system has no memory or no address space left.
    pub fn new(bytes: usize) -> io::Result<Self> {
        let length = rounded(bytes).ok_or(io::ErrorKind::OutOfMemory)?;
        let address = system::map(length)?;
        Ok(Self { address, length })
    }

    /// Where it begins.
    #[must_use]
    pub const fn address(&self) -> *mut c_void {
        self.address.as_ptr()
    }

    /// Gives the memory back to the system and keeps the addresses: reading and writing stay harmless, what was written
    /// may be lost.
    pub fn discard(&self) {
        // SAFETY: exactly the pages of this mapping, which are mapped. A system that refuses keeps them resident, which
        // is what would be without the call.
        unsafe { system::discard(self.address.as_ptr(), self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly the pages of this mapping; its owner says by dropping it that nobody uses them any more.
        unsafe { system::unmap(self.address.as_ptr(), self.length) }
    }
}

/// Rounds up to whole pages, at least one; `None` when there is no such number.
#[must_use]
pub fn rounded(bytes: usize) -> Option<usize> {
    bytes.max(1).checked_next_multiple_of(page_size())
}

#[cfg(unix)]
mod system {
    use std::{ffi::c_void, io, ptr, ptr::NonNull};

    /// Darwin counts pages marked like this as free at once, as Linux does with `MADV_DONTNEED`.
    #[cfg(target_vendor = "apple")]
    const DISCARD: libc::c_int = libc::MADV_FREE_REUSABLE;
    #[cfg(not(target_vendor = "apple"))]
    const DISCARD: libc::c_int = libc::MADV_DONTNEED;

    /// Bytes of a page, a power of two.
    #[must_use]
    pub fn page_size() -> usize {
        // SAFETY: asks for a constant.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).ok().filter(|size| size.is_power_of_two()).unwrap_or(4096)
    }

    pub fn map(length: usize) -> io::Result<NonNull<c_void>> {
        // SAFETY: a new anonymous mapping, where the system wants it, touches nothing that exists.
        let address = unsafe {
            libc::mmap(
                ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANON,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(address).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// # Safety
    /// The pages must be mapped by `map`.
    pub unsafe fn discard(address: *mut c_void, length: usize) {
        // SAFETY: passed on to the caller.
        unsafe { libc::madvise(address, length, DISCARD) };
    }

    /// # Safety
    /// The pages must be mapped by `map`, and nobody may use them any more.
    pub unsafe fn unmap(address: *mut c_void, length: usize) {
        // SAFETY: passed on to the caller.
        unsafe { libc::munmap(address, length) };
    }
}

#[cfg(windows)]
mod system {
    use std::{ffi::c_void, io, ptr, ptr::NonNull};

    const MEM_COMMIT: u32 = 0x1000;
    const MEM_RESERVE: u32 = 0x2000;
    const MEM_RELEASE: u32 = 0x8000;
    const PAGE_READWRITE: u32 = 0x04;

    /// `SYSTEM_INFO`, of which only the page size is of interest.
    #[derive(Default)]
    #[repr(C)]
    struct SystemInfo {
        architecture: u32,
        page_size: u32, // bytes
        rest: [usize; 5],
    }

    // raw-dylib: no import library of the toolchain need know all of them.
    #[link(name = "kernel32", kind = "raw-dylib")]
    unsafe extern "system" {
        fn VirtualAlloc(
            address: *const c_void,
            size: usize,
            kind: u32,
            protect: u32,
        ) -> *mut c_void;
        fn VirtualFree(address: *mut c_void, size: usize, kind: u32) -> i32;
        fn GetSystemInfo(info: *mut SystemInfo);
        fn DiscardVirtualMemory(address: *mut c_void, size: usize) -> u32;
    }

    /// Bytes of a page, a power of two.
    #[must_use]
    pub fn page_size() -> usize {
        let mut info = SystemInfo::default();
        // SAFETY: writes a SYSTEM_INFO into one.
        unsafe { GetSystemInfo(&raw mut info) };
        usize::try_from(info.page_size).ok().filter(|size| size.is_power_of_two()).unwrap_or(4096)
    }

    pub fn map(length: usize) -> io::Result<NonNull<c_void>> {
        // SAFETY: a new mapping, where the system wants it, touches nothing that exists.
        let address =
            unsafe { VirtualAlloc(ptr::null(), length, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE) };
        NonNull::new(address).ok_or_else(io::Error::last_os_error)
    }

    /// # Safety
    /// The pages must be mapped by `map`.
    pub unsafe fn discard(address: *mut c_void, length: usize) {
        // SAFETY: passed on to the caller.
        unsafe { DiscardVirtualMemory(address, length) };
    }

    /// # Safety
    /// The pages must be mapped by `map`, and nobody may use them any more.
    pub unsafe fn unmap(address: *mut c_void, _length: usize) {
        // SAFETY: passed on to the caller; to release a mapping its size is given as 0.
        unsafe { VirtualFree(address, 0, MEM_RELEASE) };
    }
}
