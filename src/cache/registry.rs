//! Caches by name: one for each name in this process.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, LazyLock, Weak},
};

use parking_lot::Mutex;

use super::{hash::Hasher, settings::Settings, store::Store, ticker::Ticker};

static NAMED: LazyLock<Mutex<HashMap<String, Weak<Store>>>> = LazyLock::new(Mutex::default);

/// Why a cache could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// There is one of that name, set up otherwise.
    OtherSettings(Box<Settings>),
    /// The system has no memory or no addresses for it.
    NoMemory(io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherSettings(settings) => {
                write!(f, "The cache of that name is open with other settings: {settings:?}")
            }
            Self::NoMemory(error) => write!(f, "The system gave no memory: {error}"),
        }
    }
}

/// Opens the cache of that name, or one that has none. Each must be closed once.
///
/// # Errors
/// See [`OpenError`].
pub fn open(name: Option<&str>, settings: Settings) -> Result<Arc<Store>, OpenError> {
    let Some(name) = name else { return create(settings).inspect(|store| store.add_user()) };
    // Locked until the new one is in it: two threads that open a name at once get the same cache.
    let mut named = NAMED.lock();
    if let Some(store) = named.get(name).and_then(Weak::upgrade) {
        if *store.settings() == settings {
            store.add_user();
            return Ok(store);
        }
        return Err(OpenError::OtherSettings(Box::new(store.settings().clone())));
    }
    let store = create(settings)?;
    store.add_user();
    named.insert(name.to_owned(), Arc::downgrade(&store));
    drop(named);
    Ok(store)
}

/// Whether a cache of that name is open.
pub fn is_open(name: &str) -> bool {
    NAMED.lock().get(name).is_some_and(|store| store.strong_count() > 0)
}

/// Opens a cache that was made elsewhere, under a name or under none. Must be closed once.
///
/// # Errors
/// When another one of that name is open; gives it back.
pub fn publish(name: Option<&str>, store: Arc<Store>) -> Result<Arc<Store>, Arc<Store>> {
    if let Some(name) = name {
        let mut named = NAMED.lock();
        if named.get(name).is_some_and(|other| other.strong_count() > 0) {
            return Err(store);
        }
        named.insert(name.to_owned(), Arc::downgrade(&store));
    }
    store.add_user();
    Ok(store)
}

/// Closes a cache for one who has opened it. With the last one its name ends, though a thread may still be freeing it.
pub fn close(store: &Arc<Store>) {
    let mut named = NAMED.lock();
    if store.remove_user() {
        named.retain(|_, it| it.as_ptr() != Arc::as_ptr(store));
    }
}

fn create(settings: Settings) -> Result<Arc<Store>, OpenError> {
    let store = Store::new(settings, Hasher::random(), Ticker::System);
    store.map(Arc::new).map_err(OpenError::NoMemory)
}
