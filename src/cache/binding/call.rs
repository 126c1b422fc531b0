//! What a function gets when JavaScript calls it, and how it answers.

use std::{ffi::c_void, panic::AssertUnwindSafe, ptr};

use napi::sys;

use super::handle::Handle;

/// A call of a function with at most `N` arguments.
pub struct Call<'a, const N: usize> {
    /// The environment.
    pub env: sys::napi_env,
    /// The arguments; `undefined` where fewer were given.
    pub args: [sys::napi_value; N],
    /// How many were given.
    pub count: usize,
    /// The cache.
    pub handle: &'a Handle,
}

/// No value: JavaScript sees `undefined`.
pub const UNDEFINED: sys::napi_value = ptr::null_mut();

/// Runs the body of a function. No panic gets into Node's frames; its hook has printed it.
///
/// # Safety
/// `env` and `info` are what Node has just passed to a function that was made with a [`Handle`] as its data.
pub unsafe fn enter<const N: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(&Call<'_, N>) -> sys::napi_value,
) -> sys::napi_value {
    let mut args = [ptr::null_mut(); N];
    let mut count = N;
    let mut data: *mut c_void = ptr::null_mut();
    // SAFETY: passed on to the caller; room for N arguments.
    unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &raw mut count,
            args.as_mut_ptr(),
            ptr::null_mut(),
            &raw mut data,
        );
    }
    // SAFETY: the data is a handle that the function keeps alive.
    let Some(handle) = (unsafe { data.cast::<Handle>().as_ref() }) else { return UNDEFINED };
    let call = Call { env, args, count, handle };
    std::panic::catch_unwind(AssertUnwindSafe(|| body(&call))).unwrap_or(UNDEFINED)
}

/// `undefined` for where a value is needed.
pub fn undefined(env: sys::napi_env) -> sys::napi_value {
    let mut result = ptr::null_mut();
    // SAFETY: inside a call of `env`.
    unsafe { sys::napi_get_undefined(env, &raw mut result) };
    result
}

/// A number for JavaScript.
pub fn number(env: sys::napi_env, value: f64) -> sys::napi_value {
    let mut result = ptr::null_mut();
    // SAFETY: inside a call of `env`.
    unsafe { sys::napi_create_double(env, value, &raw mut result) };
    result
}

/// A small integer for JavaScript.
pub fn integer(env: sys::napi_env, value: i32) -> sys::napi_value {
    let mut result = ptr::null_mut();
    // SAFETY: inside a call of `env`.
    unsafe { sys::napi_create_int32(env, value, &raw mut result) };
    result
}

/// A boolean for JavaScript.
pub fn boolean(env: sys::napi_env, value: bool) -> sys::napi_value {
    let mut result = ptr::null_mut();
    // SAFETY: inside a call of `env`.
    unsafe { sys::napi_get_boolean(env, value, &raw mut result) };
    result
}

/// A number from JavaScript; `None` if it is none.
pub fn to_number(env: sys::napi_env, value: sys::napi_value) -> Option<f64> {
    let mut number = 0.0;
    // SAFETY: inside a call of `env`, whose value it is.
    let status = unsafe { sys::napi_get_value_double(env, value, &raw mut number) };
    (status == sys::Status::napi_ok).then_some(number)
}

/// Whether a value from JavaScript is `true`.
pub fn to_boolean(env: sys::napi_env, value: sys::napi_value) -> bool {
    let mut boolean = false;
    // SAFETY: inside a call of `env`, whose value it is.
    let status = unsafe { sys::napi_get_value_bool(env, value, &raw mut boolean) };
    status == sys::Status::napi_ok && boolean
}

/// An array for JavaScript. What is [`UNDEFINED`] leaves a hole.
pub fn array(
    env: sys::napi_env,
    values: impl IntoIterator<Item = sys::napi_value>,
) -> sys::napi_value {
    let mut array = ptr::null_mut();
    // SAFETY: inside a call of `env`.
    unsafe { sys::napi_create_array(env, &raw mut array) };
    for (index, value) in (0..).zip(values) {
        if !value.is_null() {
            // SAFETY: inside a call of `env`, whose values these are.
            unsafe { sys::napi_set_element(env, array, index, value) };
        }
    }
    array
}

/// A string for JavaScript.
pub fn text(env: sys::napi_env, text: &str) -> sys::napi_value {
    let mut result = ptr::null_mut();
    let length = isize::try_from(text.len()).unwrap_or(0);
    // SAFETY: inside a call of `env`; so many bytes.
    unsafe {
        sys::napi_create_string_utf8(env, text.as_ptr().cast(), length, &raw mut result);
    }
    result
}
