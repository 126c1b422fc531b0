//! Strings of V8, read by Node-API: a `v8::Local<v8::String>` is a `napi_value`.

use std::ptr;

use napi::sys;

/// Bytes of a name that are kept: paths and names are shorter, evaluated code may be named by its whole text.
const KEPT: usize = 1024;

/// The text of a string; empty for none.
///
/// # Safety
/// On the thread of `env`, which is live; `value` is a live handle or null.
pub unsafe fn text(env: sys::napi_env, value: sys::napi_value) -> String {
    if value.is_null() {
        return String::new();
    }
    let mut bytes = [0u8; KEPT];
    let mut length = 0;
    // SAFETY: the buffer has the stated size, of which one byte is for the final 0.
    let status = unsafe {
        sys::napi_get_value_string_utf8(
            env,
            value,
            bytes.as_mut_ptr().cast(),
            KEPT,
            &raw mut length,
        )
    };
    if status != sys::Status::napi_ok {
        return String::new();
    }
    String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned()
}

/// A handle scope that is closed when this is dropped, also by a panic.
struct Scope {
    env: sys::napi_env,
    scope: sys::napi_handle_scope,
}

impl Drop for Scope {
    fn drop(&mut self) {
        // SAFETY: opened in `scoped`, on this thread, and closed once.
        unsafe { sys::napi_close_handle_scope(self.env, self.scope) };
    }
}

/// Runs `work` in a handle scope; `None` when there is none to be had.
///
/// # Safety
/// On the thread of `env`, which is live.
pub unsafe fn scoped<T>(env: sys::napi_env, work: impl FnOnce() -> T) -> Option<T> {
    let mut scope = ptr::null_mut();
    // SAFETY: `env` is live.
    if unsafe { sys::napi_open_handle_scope(env, &raw mut scope) } != sys::Status::napi_ok {
        return None;
    }
    let _scope = Scope { env, scope };
    Some(work())
}
