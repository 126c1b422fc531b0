//! Stacks by way of a helper in JavaScript: a worker that can pause the main thread through the inspector.
//!
//! It serves where V8's own functions cannot be had. The watchdog asks by a thread-safe function of the worker's.

use napi::bindgen_prelude::FnArgs;
use parking_lot::Mutex;

use crate::shared::notify::Notifier;

/// Asks the helper for the stack of the block with this number.
pub type Ask = Notifier<FnArgs<(f64,)>>;

static HELPER: Mutex<Option<Ask>> = Mutex::new(None);

/// From now on this one is asked.
pub fn serve(ask: Ask) {
    *HELPER.lock() = Some(ask);
}

/// Nobody is asked any more. Must be called before the helper's environment ends.
pub fn leave() {
    *HELPER.lock() = None;
}

/// Asks for a stack; returns at once. False when there is nobody to be asked.
pub fn ask(id: u64) -> bool {
    let helper = HELPER.lock();
    if let Some(ask) = &*helper {
        ask.call(FnArgs::from((id as f64,)));
    }
    helper.is_some()
}
