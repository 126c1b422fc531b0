#![expect(
    clippy::cast_possible_truncation,
    clippy::similar_names,
    reason = "small numbers; a packer makes what is packed"
)]

use super::{
    super::{
        binding::kinds::NOTHING,
        tests::{Random, get, settings, store},
    },
    Algorithm, Compression, Damaged, HEADER, Head, PACKED, Packer,
};
use crate::cache::policy::Kind;

const LZ4: Compression = Compression { algorithm: Algorithm::Lz4, level: 1, threshold: 1 };
const ZSTD: Compression = Compression { algorithm: Algorithm::Zstd, level: 1, threshold: 1 };
/// Miri runs no C.
const ALL: &[Compression] = if cfg!(miri) { &[LZ4] } else { &[LZ4, ZSTD] };

/// Bytes that compress about as text does.
fn text(random: &mut Random, length: usize) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < length {
        text.extend_from_slice(format!("{{\"id\":{},", random.below(5000)).as_bytes());
    }
    text.truncate(length);
    text
}

fn noise(random: &mut Random, length: usize) -> Vec<u8> {
    (0..length).map(|_| random.below(256).to_le_bytes()[0]).collect()
}

fn pack(how: &Compression, kind: u8, value: &[u8]) -> Option<Vec<u8>> {
    Packer::default().pack(how, kind, value).map(<[u8]>::to_vec)
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, Damaged> {
    let mut value = vec![0; Head::read(packed)?.length];
    Packer::default().unpack(packed, &mut value)?;
    Ok(value)
}

#[test]
fn what_was_compressed_is_the_same_again_and_smaller() {
    let mut random = Random(1);
    for how in ALL {
        let mut packer = Packer::default();
        for length in
            [100, 1000, 1024, 10_000, 65_535, 70_000, if cfg!(miri) { 80_000 } else { 3_000_000 }]
        {
            let value = text(&mut random, length);
            let packed = packer.pack(how, 19, &value).expect("it is worth it").to_vec();
            assert!(packed.len() <= length - length / 8);
            let head = Head::read(&packed).unwrap();
            assert_eq!((head.kind, head.length, head.algorithm), (19, length, how.algorithm));
            assert_eq!(unpack(&packed).unwrap(), value);
            packer.shrink();
        }
    }
}

#[test]
fn what_would_hardly_get_smaller_is_left_as_it_is() {
    let mut random = Random(2);
    for how in ALL {
        for length in [1, 2, 8, 100, 10_000, 200_000] {
            let length = if cfg!(miri) { length.min(10_000) } else { length };
            assert_eq!(pack(how, 3, &noise(&mut random, length)), None, "{length}");
        }
        assert_eq!(pack(how, 3, &[]), None);
        // An eighth must be saved: of this a tenth can be.
        let mut value = noise(&mut random, 9000);
        value.resize(10_000, 0);
        assert_eq!(pack(how, 3, &value), None);
        value.resize(20_000, 0);
        assert!(pack(how, 3, &value).is_some());
    }
}

#[test]
fn a_threshold_is_the_shortest_value_that_is_compressed() {
    let how = Compression { threshold: 100, ..LZ4 };
    assert_eq!([99, 100].map(|length| how.takes(length)), [false, true]);
    assert!(!how.takes(u32::MAX as usize + 1), "its length has no room in the header");
}

#[test]
fn damaged_bytes_are_an_error_and_never_memory_for_what_they_claim() {
    let mut random = Random(3);
    let rounds = if cfg!(miri) { 60 } else { 20_000 };
    for how in ALL {
        let value = text(&mut random, 3000);
        let whole = pack(how, 2, &value).unwrap();
        let mut packer = Packer::default();
        let mut damaged = 0;
        for _ in 0..rounds {
            let mut packed = whole.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(packed.len() as u64) as usize;
                packed[at] = random.below(256) as u8;
            }
            if random.below(4) == 0 {
                packed.truncate(random.below(packed.len() as u64) as usize);
            }
            let Ok(head) = Head::read(&packed) else {
                damaged += 1;
                continue;
            };
            assert!(head.length <= packed.len() * (128 << 10), "so much cannot come of so little");
            // Whatever the header claims, the target is as long as it is.
            let mut target = vec![0; value.len().min(head.length)];
            damaged += i32::from(packer.unpack(&packed, &mut target).is_err());
        }
        assert!(damaged > rounds / 4, "{damaged}");
        assert_eq!(packer.unpack(&whole, &mut vec![0; value.len()]), Ok(()), "it can go on");
    }
}

#[test]
fn bytes_that_were_never_compressed_are_refused() {
    let mut random = Random(4);
    for length in 0..HEADER {
        assert_eq!(Head::read(&vec![0x20; length]), Err(Damaged));
    }
    for first in 0..=255_u8 {
        let read = |length| Head::read(&[first, length, 0, 0, 0, b'b', b'o', b'd', b'y']);
        let kind = first & 31;
        let known = matches!(first >> 5, 1 | 2) && kind < 20 && kind != NOTHING;
        assert_eq!(read(8).is_ok(), known, "{first}");
        // No element of a typed array, and no unit of a string, is cut in two.
        let whole = [0, 1, 3, 4, 5, 6, 16, 17, 19].contains(&kind);
        assert_eq!(read(7).is_ok(), known && whole, "{first}");
    }
    // 4 GB of 4 bytes.
    assert_eq!(Head::read(&[0x20, 255, 255, 255, 255, 1, 2, 3, 4]), Err(Damaged));
    assert_eq!(Head::read(&[0x40, 255, 255, 255, 255, 1, 2, 3, 4]), Err(Damaged));
    let mut packer = Packer::default();
    let mut target = vec![0; 5000];
    for _ in 0..if cfg!(miri) { 60 } else { 20_000 } {
        let length = random.below(300) as usize;
        let mut bytes = noise(&mut random, length);
        if let Some(first) = bytes.first_mut() {
            *first = if cfg!(miri) { 0x20 } else { 0x20 << random.below(2) };
        }
        if let Ok(head) = Head::read(&bytes) {
            let _ = packer.unpack(&bytes, &mut target[..head.length.min(5000)]);
        }
    }
}

#[test]
fn a_target_of_another_length_is_refused() {
    for how in ALL {
        let packed = pack(how, 3, &[7; 1000]).unwrap();
        for length in [0, 1, 999, 1001, 5000] {
            let unpacked = Packer::default().unpack(&packed, &mut vec![0; length]);
            assert_eq!(unpacked, Err(Damaged), "{length}");
        }
    }
}

#[test]
fn the_figures_follow_every_change_of_the_entries() {
    let mut random = Random(5);
    let store = store(settings(1 << 20, Kind::Lru));
    let mut packed = |length: usize| pack(&LZ4, 0, &text(&mut random, length)).unwrap();
    let figures = || {
        let [.., entries, bytes, before] = store.stats();
        (entries, bytes, before)
    };
    let (first, second) = (packed(2000), packed(3000));
    store.set(b"a", PACKED, &first, None).unwrap();
    store.set(b"b", PACKED, &second, Some(50)).unwrap();
    store.set(b"c", 0, b"not compressed", None).unwrap();
    assert_eq!(figures(), (2, (first.len() + second.len()) as u64, 5000));
    // Over the old value, which has as many units, then by one of another size, then by one that is not compressed.
    store.set(b"a", PACKED, &first, None).unwrap();
    assert_eq!(figures().0, 2);
    store.set(b"a", PACKED, &second, None).unwrap();
    assert_eq!(figures(), (2, 2 * second.len() as u64, 6000));
    store.set(b"a", 0, b"plain", None).unwrap();
    assert_eq!(figures(), (1, second.len() as u64, 3000));
    store.set_time(100);
    store.sweep(100);
    assert_eq!(figures(), (0, 0, 0));
    store.set(b"d", PACKED, &first, None).unwrap();
    assert!(store.delete(b"d"));
    assert_eq!(figures(), (0, 0, 0));
    // Evicted, and in pieces: the header of a value may lie in two of them.
    for i in 0..if cfg!(miri) { 50 } else { 3000_u32 } {
        let value =
            if i % 7 == 0 { pack(&LZ4, 0, &vec![1; 5000]) } else { pack(&LZ4, 0, &[2; 100]) };
        store.set(&i.to_le_bytes(), PACKED, &value.unwrap(), None).unwrap();
        if i % 97 == 0 {
            let large = packed(90_000);
            store.set(b"large", PACKED, &large, None).unwrap();
            assert_eq!(get(&store, b"large"), Some(large));
        }
    }
    store.clear().unwrap();
    assert_eq!(figures(), (0, 0, 0));
}
