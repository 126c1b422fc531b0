#![expect(
    clippy::cast_possible_truncation,
    clippy::large_stack_arrays,
    reason = "the numbers of these tests are small, or any of their bits will do"
)]

mod faults;
mod moment;
mod round_trip;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use super::{
    blocks::Output,
    fault::Outcome,
    reader::{self, Loaded},
    writer::{self, Saved},
};
use crate::cache::{
    hash::Hasher, policy::Kind, settings::Settings, store::Store, tests::get, ticker::Ticker,
};

/// When all tests begin, in milliseconds since 1970.
const NOON: u64 = 1_800_000_000_000;
const PLENTY: u64 = 1 << 30;

fn noon() -> u64 {
    NOON
}

/// A file in memory.
#[derive(Default)]
struct Memory {
    bytes: RefCell<Vec<u8>>,
    published: Cell<bool>,
}

/// Writes to it, and asks before each step whether that is to fail.
struct ToMemory<'a> {
    memory: &'a Memory,
    step: &'a dyn Fn(&'static str) -> io::Result<()>,
}

impl Output for ToMemory<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        (self.step)("write")?;
        self.memory.bytes.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        (self.step)("sync")
    }

    fn publish(self) -> io::Result<()> {
        (self.step)("publish")?;
        self.memory.published.set(true);
        Ok(())
    }
}

/// Saves with something that happens before each step.
fn save_with(
    store: &Store,
    most_kept: u64,
    step: &dyn Fn(&'static str) -> io::Result<()>,
) -> (Outcome<Saved>, Memory) {
    let memory = Memory::default();
    let cancelled = AtomicBool::new(false);
    let plan = writer::Plan { most_kept, cancelled: &cancelled, wall: noon };
    let saved = writer::save(store, ToMemory { memory: &memory, step }, plan);
    (saved, memory)
}

/// Saves a cache, and has `meanwhile` happen right after the moment of the save.
fn save_after(store: &Store, meanwhile: impl FnOnce()) -> Vec<u8> {
    let memory = Memory::default();
    let cancelled = AtomicBool::new(false);
    let saving = store.begin_save(PLENTY, noon).unwrap();
    meanwhile();
    let output = ToMemory { memory: &memory, step: &|_| Ok(()) };
    let saved = writer::write(store, saving, output, &cancelled).unwrap();
    assert!(memory.published.get());
    let bytes = memory.bytes.into_inner();
    assert_eq!(saved.bytes, bytes.len() as u64);
    bytes
}

fn save(store: &Store) -> Vec<u8> {
    save_after(store, || ())
}

/// Loads at so many milliseconds after noon.
fn load_at(store: &Store, file: &[u8], later: u64) -> Outcome<Loaded> {
    let cancelled = AtomicBool::new(false);
    let plan = reader::Plan { cancelled: &cancelled, wall: NOON + later, check: &|_, _, _| Ok(()) };
    reader::load(store, file, plan)
}

fn load(store: &Store, file: &[u8]) -> Outcome<Loaded> {
    load_at(store, file, 0)
}

/// A store with hashes of its own, so that keys lie in other shards than elsewhere.
fn other(settings: Settings) -> Store {
    Store::new(settings, Hasher::seeded(99), Ticker::Manual(5000.into())).unwrap()
}

/// The values of all keys that a store is asked for.
fn contents<'a>(
    store: &Store,
    keys: impl IntoIterator<Item = &'a Vec<u8>>,
) -> BTreeMap<Vec<u8>, Vec<u8>> {
    keys.into_iter().filter_map(|key| Some((key.clone(), get(store, key)?))).collect()
}

/// What a file holds, in the order of a store that keeps it all.
fn contents_of<'a>(
    file: &[u8],
    settings: Settings,
    keys: impl IntoIterator<Item = &'a Vec<u8>>,
) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let store = other(settings);
    let loaded = load(&store, file).unwrap();
    let contents = contents(&store, keys);
    assert_eq!(loaded.entries, contents.len() as u64, "the file has other keys as well");
    contents
}

const POLICIES: [Kind; 3] = [Kind::Lru, Kind::Sieve, Kind::S3Fifo];

/// Whether everything of a save is over: nothing is kept, and all memory comes back.
fn assert_clean(store: &Store) {
    assert!(!store.is_saving());
    store.clear().unwrap();
    while store.sweep(1000) {}
    assert_eq!((store.len(), store.arena_used()), (0, 0), "memory is missing");
}

fn cancelled_now() -> AtomicBool {
    let flag = AtomicBool::new(false);
    flag.store(true, Relaxed);
    flag
}
