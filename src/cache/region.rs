//! Address space that is reserved at once and filled with memory as it is needed.
//!
//! What lies in it never moves while it grows, so that a reference can be an offset, and growth copies nothing.

use std::{io, ptr::NonNull};

/// Pages are committed in multiples of this many bytes: at least as large as a page on every platform we build for.
pub const GRAIN: usize = 16 << 10;

/// Reserved addresses, of which the first `committed` bytes may be used. They are unmapped when this is dropped.
#[derive(Debug)]
pub struct Region {
    base: NonNull<u8>,
    reserved: usize,  // bytes, > 0, a multiple of GRAIN
    committed: usize, // bytes, a multiple of GRAIN, at most `reserved`
}

// SAFETY: addresses belong to the process, not to a thread. Who reads and writes behind them answers for that; growing,
// shrinking and dropping take `&mut self`.
unsafe impl Send for Region {}
// SAFETY: as above; a shared region can only be asked where it is.
unsafe impl Sync for Region {}

impl Region {
    /// Reserves at least that many bytes of addresses. No memory is used yet.
    ///
    /// # Errors
    /// When there are no such addresses.
    pub fn reserve(bytes: usize) -> io::Result<Self> {
        let reserved = round_up(bytes.max(1)).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base: system::reserve(reserved)?, reserved, committed: 0 })
    }

    /// Where it begins: at a page.
    #[must_use]
    pub const fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Bytes of addresses.
    #[must_use]
    pub const fn reserved(&self) -> usize {
        self.reserved
    }

    /// Bytes that may be read and written, from the beginning. They read as zeros at first.
    #[must_use]
    pub const fn committed(&self) -> usize {
        self.committed
    }

    /// Makes at least `bytes` usable from the beginning. Those that are in use already stay.
    ///
    /// # Errors
    /// When that is beyond what is reserved, or the system has no memory.
    pub fn commit(&mut self, bytes: usize) -> io::Result<()> {
        let wanted = round_up(bytes).filter(|bytes| *bytes <= self.reserved);
        let wanted = wanted.ok_or(io::ErrorKind::OutOfMemory)?;
        if wanted > self.committed {
            // SAFETY: a part of this mapping that is not committed yet.
            unsafe { system::commit(self.base, self.committed, wanted - self.committed)? };
            self.committed = wanted;
        }
        Ok(())
    }

    /// Gives the memory above the first `bytes` back to the system; the addresses stay reserved.
    ///
    /// # Safety
    /// Nobody uses what lies there.
    pub unsafe fn decommit(&mut self, bytes: usize) {
        let kept = round_up(bytes).unwrap_or(self.committed);
        if kept < self.committed {
            // SAFETY: a part of this mapping that is committed; the caller says that nobody uses it.
            unsafe { system::decommit(self.base, kept, self.committed - kept) };
            self.committed = kept;
        }
    }

    /// Gives the memory in a range back to the system. It can still be used, and then reads as zeros.
    ///
    /// # Safety
    /// The range is committed, begins and ends at whole grains, and nobody uses what is in it.
    pub unsafe fn discard(&mut self, offset: usize, bytes: usize) {
        // SAFETY: passed on to the caller.
        unsafe { system::discard(self.base, offset, bytes) };
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: exactly this mapping; its owner says by dropping it that nobody uses it any more.
        unsafe { system::release(self.base, self.reserved) };
    }
}

/// Rounds up to whole grains; `None` when there is no such number.
#[must_use]
pub const fn round_up(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(GRAIN)
}

#[cfg(all(unix, not(miri)))]
mod system {
    use std::{ffi::c_void, io, ptr, ptr::NonNull};

    #[cfg(any(target_os = "linux", target_os = "android"))]
    const RESERVE: libc::c_int = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const RESERVE: libc::c_int = libc::MAP_PRIVATE | libc::MAP_ANON;

    pub fn reserve(bytes: usize) -> io::Result<NonNull<u8>> {
        // PROT_NONE: even a system that never overcommits counts no memory for it.
        // SAFETY: a new anonymous mapping, where the system wants it, touches nothing that exists.
        let address =
            unsafe { libc::mmap(ptr::null_mut(), bytes, libc::PROT_NONE, RESERVE, -1, 0) };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(address.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    const fn at(base: NonNull<u8>, offset: usize) -> *mut c_void {
        base.as_ptr().wrapping_add(offset).cast()
    }

    /// Darwin counts pages marked like this as free at once, as Linux does with `MADV_DONTNEED`.
    #[cfg(target_vendor = "apple")]
    const DISCARD: libc::c_int = libc::MADV_FREE_REUSABLE;
    #[cfg(not(target_vendor = "apple"))]
    const DISCARD: libc::c_int = libc::MADV_DONTNEED;

    /// # Safety
    /// The range must lie in a mapping of `reserve` and be committed, and nobody may use what is in it.
    pub unsafe fn discard(base: NonNull<u8>, offset: usize, bytes: usize) {
        // SAFETY: passed on to the caller. A system that refuses keeps the pages.
        unsafe { libc::madvise(at(base, offset), bytes, DISCARD) };
    }

    /// # Safety
    /// The range must lie in a mapping of `reserve`.
    pub unsafe fn commit(base: NonNull<u8>, offset: usize, bytes: usize) -> io::Result<()> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: passed on to the caller.
        if unsafe { libc::mprotect(at(base, offset), bytes, access) } != 0 {
            return Err(io::Error::last_os_error());
        }
        populate(base, offset, bytes);
        Ok(())
    }

    /// Has the system find the memory at once, which costs less than a fault for each page. Large pages on demand would
    /// make random access cheaper still, but some of their faults take 5 to 30 ms.
    fn populate(base: NonNull<u8>, offset: usize, bytes: usize) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        // SAFETY: the caller has just committed the range; it is advice, which older systems refuse.
        unsafe {
            libc::madvise(at(base, offset), bytes, libc::MADV_POPULATE_WRITE)
        };
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let _ = (base, offset, bytes);
    }

    /// # Safety
    /// The range must lie in a mapping of `reserve` and be committed, and nobody may use it.
    pub unsafe fn decommit(base: NonNull<u8>, offset: usize, bytes: usize) {
        // A new mapping in place of the old one gives the memory back on every Unix, and reads as zeros once it is
        // committed again. A system that refuses keeps the pages.
        let flags = RESERVE | libc::MAP_FIXED;
        // SAFETY: passed on to the caller: what is replaced is a part of our own mapping.
        unsafe { libc::mmap(at(base, offset), bytes, libc::PROT_NONE, flags, -1, 0) };
    }

    /// # Safety
    /// The range must be a mapping of `reserve`, and nobody may use it any more.
    pub unsafe fn release(base: NonNull<u8>, bytes: usize) {
        // SAFETY: passed on to the caller.
        unsafe { libc::munmap(base.as_ptr().cast(), bytes) };
    }
}

#[cfg(windows)]
mod system {
    use std::{ffi::c_void, io, ptr, ptr::NonNull};

    const MEM_COMMIT: u32 = 0x1000;
    const MEM_RESERVE: u32 = 0x2000;
    const MEM_DECOMMIT: u32 = 0x4000;
    const MEM_RELEASE: u32 = 0x8000;
    const PAGE_NOACCESS: u32 = 0x01;
    const PAGE_READWRITE: u32 = 0x04;

    #[link(name = "kernel32", kind = "raw-dylib")]
    unsafe extern "system" {
        fn VirtualAlloc(
            address: *const c_void,
            size: usize,
            kind: u32,
            protect: u32,
        ) -> *mut c_void;
        fn VirtualFree(address: *mut c_void, size: usize, kind: u32) -> i32;
        fn DiscardVirtualMemory(address: *mut c_void, size: usize) -> u32;
    }

    pub fn reserve(bytes: usize) -> io::Result<NonNull<u8>> {
        // SAFETY: new addresses, where the system wants them, touch nothing that exists.
        let address = unsafe { VirtualAlloc(ptr::null(), bytes, MEM_RESERVE, PAGE_NOACCESS) };
        NonNull::new(address.cast()).ok_or_else(io::Error::last_os_error)
    }

    fn at(base: NonNull<u8>, offset: usize) -> *mut c_void {
        base.as_ptr().wrapping_add(offset).cast()
    }

    /// # Safety
    /// The range must lie in addresses of `reserve`.
    pub unsafe fn commit(base: NonNull<u8>, offset: usize, bytes: usize) -> io::Result<()> {
        // SAFETY: passed on to the caller.
        let address = unsafe { VirtualAlloc(at(base, offset), bytes, MEM_COMMIT, PAGE_READWRITE) };
        if address.is_null() { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// # Safety
    /// The range must lie in addresses of `reserve` and be committed, and nobody may use it.
    pub unsafe fn decommit(base: NonNull<u8>, offset: usize, bytes: usize) {
        // SAFETY: passed on to the caller.
        unsafe { VirtualFree(at(base, offset), bytes, MEM_DECOMMIT) };
    }

    /// # Safety
    /// The range must lie in addresses of `reserve` and be committed, and nobody may use what is in it.
    pub unsafe fn discard(base: NonNull<u8>, offset: usize, bytes: usize) {
        // SAFETY: passed on to the caller.
        unsafe { DiscardVirtualMemory(at(base, offset), bytes) };
    }

    /// # Safety
    /// The range must be of `reserve`, and nobody may use it any more.
    pub unsafe fn release(base: NonNull<u8>, _bytes: usize) {
        // SAFETY: passed on to the caller; to release addresses their size is given as 0.
        unsafe { VirtualFree(base.as_ptr().cast(), 0, MEM_RELEASE) };
    }
}

/// Plain memory where there are no pages: Miri, which then sees every access out of bounds.
#[cfg(miri)]
mod system {
    use std::{
        alloc::{Layout, alloc_zeroed, dealloc},
        io,
        ptr::NonNull,
    };

    fn layout(bytes: usize) -> io::Result<Layout> {
        Layout::from_size_align(bytes, super::GRAIN).map_err(|_| io::ErrorKind::OutOfMemory.into())
    }

    pub fn reserve(bytes: usize) -> io::Result<NonNull<u8>> {
        let layout = layout(bytes)?;
        // SAFETY: the layout is not empty.
        NonNull::new(unsafe { alloc_zeroed(layout) })
            .ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// # Safety
    /// None: the memory is there already.
    pub const unsafe fn commit(_: NonNull<u8>, _offset: usize, _bytes: usize) -> io::Result<()> {
        Ok(())
    }

    /// # Safety
    /// The range must lie in memory of `reserve`, and nobody may use it.
    pub unsafe fn decommit(base: NonNull<u8>, offset: usize, bytes: usize) {
        // SAFETY: passed on to the caller.
        unsafe { base.add(offset).write_bytes(0, bytes) };
    }

    /// # Safety
    /// The range must lie in memory of `reserve`, and nobody may use what is in it.
    pub unsafe fn discard(base: NonNull<u8>, offset: usize, bytes: usize) {
        // SAFETY: passed on to the caller.
        unsafe { decommit(base, offset, bytes) };
    }

    /// # Safety
    /// The range must be memory of `reserve`, and nobody may use it any more.
    pub unsafe fn release(base: NonNull<u8>, bytes: usize) {
        if let Ok(layout) = layout(bytes) {
            // SAFETY: passed on to the caller; the same layout as in `reserve`.
            unsafe { dealloc(base.as_ptr(), layout) };
        }
    }
}
