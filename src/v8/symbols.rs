//! Looking up names that the running executable exports.

use std::{ffi::c_void, ptr};

/// The address of an exported name of the running program, as a function pointer.
///
/// # Safety
/// `F` must be a function pointer type that matches the function of that name.
#[must_use]
pub unsafe fn symbol<F: Copy>(name: &str) -> Option<F> {
    const { assert!(size_of::<F>() == size_of::<*const c_void>()) };
    let address = address(name)?;
    // SAFETY: same size (checked above); that the type fits is the caller's promise.
    Some(unsafe { ptr::read(ptr::from_ref(&address).cast::<F>()) })
}

#[cfg(unix)]
fn address(name: &str) -> Option<*const c_void> {
    use libloading::os::unix::Library;
    // The executable with everything it has loaded: also right where Node is built as a shared library.
    let program = Library::this();
    // SAFETY: only the address is taken; nothing is called or read through it here.
    let found = unsafe { program.get::<*const c_void>(name) }.ok()?;
    let address = found.as_raw_ptr().cast_const();
    (!address.is_null()).then_some(address)
}

#[cfg(windows)]
fn address(name: &str) -> Option<*const c_void> {
    use libloading::os::windows::Library;
    // node.exe exports libuv itself, whatever the file was renamed to.
    let program = Library::this().ok()?;
    // SAFETY: only the address is taken; nothing is called or read through it here.
    let found = unsafe { program.get::<unsafe extern "C" fn()>(name) }.ok()?;
    Some(*found as *const c_void)
}
