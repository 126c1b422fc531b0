#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::large_stack_arrays,
    reason = "the numbers of these tests are small, or any of their bits will do"
)]

mod arena;
mod index;
mod loads;
mod model;
mod policies;
mod scan;
mod tags;
mod wheel;

use super::{hash::Hasher, policy::Kind, settings::Settings, store::Store, ticker::Ticker};

/// A generator of numbers that look random: xorshift64*.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }
}

pub fn settings(max_bytes: u64, policy: Kind) -> Settings {
    Settings {
        max_bytes,
        max: None,
        ttl: None,
        max_ttl: None,
        jitter: 0.0,
        sliding: false,
        policy,
        shards: 1,
        codec: String::new(),
        compression: None,
    }
}

/// A store with a clock that stands at 0 and hashes that are always the same.
pub fn store(settings: Settings) -> Store {
    Store::new(settings, Hasher::seeded(1), Ticker::Manual(0.into())).unwrap()
}

/// The value of a key, copied.
pub fn get(store: &Store, key: &[u8]) -> Option<Vec<u8>> {
    store.get(key, |found| {
        let mut value = vec![0; found.len() + 1];
        // SAFETY: as long as the value, and a byte more, for an address where the value is empty.
        unsafe { found.copy_to(std::ptr::NonNull::from(value.as_mut_slice()).cast()) };
        value.pop();
        value
    })
}
