//! Files that cannot be written, and files that are not what was written.

use std::{cell::Cell, io};

use super::{
    super::{
        blocks::{DONE, ENTRIES, HEAD, Tag, VALUE, Writer, room_for_frame},
        fault::Fault,
        format::{Deadline, Header, Record, Standing, Totals, push_keep, push_tag},
        reader,
        tap::PARKED_FROM,
        writer,
    },
    Memory, ToMemory, assert_clean, cancelled_now, load, noon, other, save, save_with,
};
use crate::cache::{
    policy::Kind,
    store::Store,
    tests::{Random, get, settings, store},
};

/// A value that is parked.
static LARGE: [u8; PARKED_FROM + (44 << 10)] = [7; _];

fn sample() -> Store {
    let store = store(settings(4 << 20, Kind::S3Fifo));
    for number in 0..40_u32 {
        let ttl = (number % 2 == 0).then_some(1000);
        store.set(format!("key {number}").as_bytes(), 3, &[number as u8; 50], ttl).unwrap();
    }
    store.set(b"large", 3, &LARGE, None).unwrap();
    store
}

#[test]
fn a_fault_at_any_step_publishes_nothing_and_harms_nothing() {
    let steps = Cell::new(0);
    let from = sample();
    let (saved, _) = save_with(&from, 0, &|_| {
        steps.set(steps.get() + 1);
        Ok(())
    });
    saved.unwrap();
    assert!(steps.get() >= 7, "{} steps", steps.get());
    for fails in 0..steps.get() {
        let left = Cell::new(fails);
        let (saved, memory) = save_with(&from, super::PLENTY, &|_| {
            // Things go on, so that the save has kept something when it fails.
            from.set(b"key 1", 3, b"new", None).unwrap();
            from.set(b"large", 3, &LARGE, None).unwrap();
            if left.get() == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            left.set(left.get() - 1);
            Ok(())
        });
        match saved {
            Err(Fault::System { error, .. }) => {
                assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            }
            other => panic!("{other:?}"),
        }
        assert!(!memory.published.get(), "{fails}");
        assert_eq!(from.len(), 41);
    }
    let to = other(settings(4 << 20, Kind::S3Fifo));
    assert_eq!(load(&to, &save(&from)).unwrap().entries, 41, "and the next save is whole");
    assert_clean(&from);
}

#[test]
fn a_save_and_a_load_that_nobody_wants_any_more_end() {
    let from = sample();
    let memory = Memory::default();
    let cancelled = cancelled_now();
    let plan = writer::Plan { most_kept: 0, cancelled: &cancelled, wall: noon };
    let saved = writer::save(&from, ToMemory { memory: &memory, step: &|_| Ok(()) }, plan);
    assert!(matches!(saved, Err(Fault::Cancelled)), "{saved:?}");
    let file = save(&from);
    let plan = reader::Plan { cancelled: &cancelled, wall: noon(), check: &|_, _, _| Ok(()) };
    let loaded = reader::load(&other(settings(4 << 20, Kind::Lru)), file.as_slice(), plan);
    assert!(matches!(loaded, Err(Fault::Cancelled)), "{loaded:?}");
    assert_clean(&from);
}

/// Loads what must be refused.
fn refused(file: &[u8]) -> Fault {
    let store = other(settings(1 << 20, Kind::Lru));
    match load(&store, file) {
        Err(fault) => fault,
        Ok(loaded) => panic!("{loaded:?}"),
    }
}

#[test]
fn a_file_that_ends_anywhere_is_refused() {
    let file = save(&sample());
    let step = if cfg!(miri) { 10_007 } else { 1 };
    for length in (0..2000).step_by(step).chain((2000..file.len()).step_by(step * 173)) {
        let fault = refused(&file[..length]);
        assert!(matches!(fault, Fault::Invalid { .. }), "{length}: {fault:?}");
    }
    let fault = refused(&file[..file.len() - 1]);
    assert!(matches!(fault, Fault::Invalid { .. }));
    let mut longer = file;
    longer.push(0);
    assert!(refused(&longer).to_string().contains("goes on"));
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn a_bit_that_flips_anywhere_is_noticed() {
    let file = save(&sample());
    // The rest is the large value, all of one block.
    let last = file.len() - 200;
    for at in (0..3500).chain((3500..last).step_by(1009)).chain(last..file.len()) {
        for bit in 0..8 {
            let mut flipped = file.clone();
            flipped[at] ^= 1 << bit;
            let fault = refused(&flipped);
            let expected = matches!(fault, Fault::Invalid { .. } | Fault::Version(_));
            assert!(expected, "byte {at}, bit {bit}: {fault:?}");
        }
    }
}

#[test]
fn blocks_that_are_missing_repeated_or_moved_are_noticed() {
    let from = store(settings(8 << 20, Kind::Lru));
    for number in 0..5_u32 {
        from.set(&number.to_le_bytes(), 3, &[number as u8; 300 << 10], None).unwrap();
    }
    let file = save(&from);
    let mut bounds = vec![16];
    while *bounds.last().unwrap() < file.len() {
        let at = *bounds.last().unwrap();
        let length = u32::from_le_bytes(file[at + 4..at + 8].try_into().unwrap());
        bounds.push(at + 12 + length as usize);
    }
    let blocks: Vec<&[u8]> = bounds.windows(2).map(|pair| &file[pair[0]..pair[1]]).collect();
    assert_eq!(blocks.len(), 12);
    let joined = |order: &[usize]| {
        let mut joined = file[..16].to_vec();
        for at in order {
            joined.extend_from_slice(blocks[*at]);
        }
        joined
    };
    let all: Vec<usize> = (0..blocks.len()).collect();
    load(&other(settings(8 << 20, Kind::Lru)), &joined(&all)).unwrap();
    for at in 0..blocks.len() {
        let mut missing = all.clone();
        missing.remove(at);
        let mut repeated = all.clone();
        repeated.insert(at, at);
        let mut moved = all.clone();
        moved.swap(at, (at + 2) % blocks.len());
        for order in [missing, repeated, moved] {
            let fault = refused(&joined(&order));
            assert!(matches!(fault, Fault::Invalid { .. }), "{order:?}: {fault:?}");
        }
    }
}

/// A file of blocks that are made by hand, with the right checksums.
fn made_of(blocks: &[(Tag, Vec<u8>)]) -> Vec<u8> {
    let memory = Memory::default();
    let output = ToMemory { memory: &memory, step: &|_| Ok(()) };
    let mut writer = Writer::new(output).unwrap();
    let mut framed = room_for_frame();
    for (tag, payload) in blocks {
        framed.extend(payload);
        writer.block(*tag, &mut framed).unwrap();
    }
    writer.publish().unwrap();
    memory.bytes.into_inner()
}

fn header() -> Vec<u8> {
    Header { moment: noon(), policy: "lru".to_owned(), ..Header::default() }.encode()
}

/// A file with these entries in one block.
fn made_of_entries(payload: Vec<u8>, entries: u64, bytes: u64) -> Vec<u8> {
    let blocks = [(HEAD, header()), (ENTRIES, payload)];
    let memory = Memory::default();
    let output = ToMemory { memory: &memory, step: &|_| Ok(()) };
    let mut writer = Writer::new(output).unwrap();
    let mut framed = room_for_frame();
    for (tag, payload) in blocks {
        framed.extend(payload);
        writer.block(tag, &mut framed).unwrap();
    }
    let (blocks, checksum) = writer.so_far();
    let totals = Totals { entries, payload: bytes, blocks, checksum };
    framed.extend(totals.encode());
    writer.block(DONE, &mut framed).unwrap();
    writer.publish().unwrap();
    memory.bytes.into_inner()
}

fn entry(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    let value_length = value.len() as u32;
    let record = Record {
        kind: 0,
        key,
        value_length,
        follows: false,
        deadline: None,
        standing: Standing::default(),
        more: &[],
    };
    record.encode(&mut payload);
    payload.extend(value);
    payload
}

#[test]
fn a_file_by_hand_is_read() {
    let file = made_of_entries(entry(b"key", b"value"), 1, 8);
    let store = other(settings(1 << 20, Kind::Lru));
    assert_eq!(load(&store, &file).unwrap().entries, 1);
    assert_eq!(get(&store, b"key"), Some(b"value".to_vec()));
}

#[test]
fn what_is_no_cache_is_refused() {
    for (file, says) in [
        (&b""[..], "begin"),
        (b"{\"json\":true}", "begin"),
        (b"\x89PNG\r\n\x1A\n12345678", "begin"),
        (b"\x89HWC\n\x1A\n12345678901234567890", "begin"),
        (b"\x89HWC\r\n\x1A\n", "ends"),
        (b"\x89HWC\r\n\x1A\n\x01\x00\xFF\xFE\x00\x00\x00\x00", "ends"),
        (b"\x89HWC\r\n\x1A\n\x01\x00\xFF\xFE\x00\x00\x00\x01", "malformed"),
        (b"\x89HWC\r\n\x1A\n\x02\x00\xFF\xFE\x00\x00\x00\x00", "version 2"),
        (b"\x89HWC\r\n\x1A\n\x01\x00\xFE\xFF\x00\x00\x00\x00", "byte order"),
    ] {
        let fault = refused(file).to_string();
        assert!(fault.contains(says), "{fault}");
    }
}

#[test]
fn sections_and_fields_of_newer_versions_are_skipped_or_refused_as_they_say() {
    let mut with_optional = header();
    with_optional.extend([200, 3, 0, 1, 2, 3]);
    let file = made_of(&[(HEAD, with_optional), (Tag(*b"abcd"), vec![1])]);
    assert!(refused(&file).to_string().contains("ends before"), "both were skipped");

    let mut with_required = header();
    with_required.extend([100, 1, 0, 1]);
    for blocks in [vec![(HEAD, with_required)], vec![(HEAD, header()), (Tag(*b"TAGS"), vec![1])]] {
        let fault = refused(&made_of(&blocks));
        assert!(matches!(&fault, Fault::Version(_)), "{fault:?}");
    }

    let mut payload = entry(b"key", b"value");
    for (tag, refused_as_newer) in [(150, false), (50, true)] {
        payload[8] = 4;
        payload.splice(10..10, [tag, 1, 0, 9]);
        let file = made_of_entries(payload.clone(), 1, 8);
        let store = other(settings(1 << 20, Kind::Lru));
        match load(&store, &file) {
            Ok(_) => assert!(!refused_as_newer && get(&store, b"key").is_some()),
            Err(fault) => assert!(refused_as_newer && matches!(fault, Fault::Version(_))),
        }
        payload = entry(b"key", b"value");
    }
}

#[test]
fn entries_that_contradict_themselves_are_refused() {
    let twice = [entry(b"key", b"value"), entry(b"key", b"value")].concat();
    let mut follows = entry(b"key", b"");
    follows[1] = 0x80;
    follows[4] = 9;
    let in_another = [follows.clone(), entry(b"other", b"")].concat();
    let mut unknown_flag = entry(b"key", b"value");
    unknown_flag[1] = 0x20;
    let mut long_value = entry(b"key", b"value");
    long_value[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut long_field = entry(b"key", b"value");
    long_field[8] = 255;
    for (payload, entries, bytes) in [
        (twice, 2, 16),
        (follows, 1, 12),
        (in_another, 2, 20),
        (unknown_flag, 1, 8),
        (long_value, 1, 8),
        (long_field, 1, 8),
        (entry(b"", b"value"), 1, 5),
        (entry(b"key", b"value"), 2, 8),
        (entry(b"key", b"value"), 1, 9),
        (vec![1], 1, 8),
    ] {
        let fault = refused(&made_of_entries(payload, entries, bytes));
        assert!(matches!(fault, Fault::Invalid { .. }), "{fault:?}");
    }
}

#[test]
fn a_value_that_claims_to_be_huge_takes_no_memory() {
    let mut record = entry(b"key", b"");
    record[1] = 0x80;
    record[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    for parts in [vec![], vec![vec![1; 1000]], vec![vec![]], vec![vec![1], vec![2; 4 << 10]]] {
        let mut blocks = vec![(HEAD, header()), (ENTRIES, record.clone())];
        blocks.extend(parts.into_iter().map(|part| (VALUE, part)));
        let fault = refused(&made_of(&blocks));
        assert!(matches!(fault, Fault::Invalid { .. }), "{fault:?}");
    }
    let fault = refused(&made_of(&[(HEAD, header()), (VALUE, vec![1])]));
    assert!(matches!(fault, Fault::Version(_) | Fault::Invalid { .. }), "{fault:?}");
}

#[test]
fn records_come_back_as_they_were_written() {
    let sliding = Some((5, u64::MAX));
    for deadline in
        [None, Some(Deadline { at: 77, sliding: None }), Some(Deadline { at: 1, sliding })]
    {
        for bits in 0..32_u8 {
            let standing = Standing {
                uses: bits & 3,
                main: bits & 4 != 0,
                passed: bits & 8 != 0,
                touched: bits & 16 != 0,
            };
            let follows = bits & 1 != 0;
            let mut more = Vec::new();
            if bits & 2 != 0 {
                push_keep(&mut more, 7);
            }
            if bits & 8 != 0 {
                push_tag(&mut more, b"one");
                push_tag(&mut more, b"");
            }
            let record = Record {
                kind: 31,
                key: b"key",
                value_length: 5,
                follows,
                deadline,
                standing,
                more: &more,
            };
            let mut payload = Vec::new();
            record.encode(&mut payload);
            payload.extend(if follows { &b""[..] } else { b"value" });
            let mut input = super::super::format::Input::new(&payload);
            let (decoded, value) = Record::decode(&mut input).unwrap();
            assert_eq!(decoded, record);
            assert_eq!(decoded.keep(), if bits & 2 == 0 { 0 } else { 7 });
            assert_eq!(decoded.tags(), if bits & 8 == 0 { vec![] } else { vec![&b"one"[..], b""] });
            assert_eq!(value, if follows { &b""[..] } else { b"value" });
            assert_eq!(input.left(), 0);
        }
    }
}

#[test]
fn rubbish_with_the_right_checksums_panics_nowhere() {
    let mut random = Random(11);
    let whole = [entry(b"key", b"value"), entry(&[5; 300], &[1; 900])].concat();
    let mut outcomes = [0, 0];
    for _ in 0..if cfg!(miri) { 50 } else { 20_000 } {
        let mut payload = whole.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(payload.len() as u64) as usize;
            match random.below(3) {
                0 => payload[at] = random.below(256) as u8,
                1 => payload.truncate(at.max(1)),
                _ => payload.insert(at, random.below(256) as u8),
            }
        }
        let mut head = header();
        if random.below(4) == 0 {
            let at = random.below(head.len() as u64) as usize;
            head[at] = random.below(256) as u8;
        }
        let file = made_of_entries(payload, random.below(3), 8 + random.below(2) * 1200);
        outcomes[usize::from(load(&other(settings(1 << 20, Kind::Lru)), &file).is_ok())] += 1;
        let _ = load(&other(settings(1 << 20, Kind::Lru)), &made_of(&[(HEAD, head)]));
    }
    assert!(outcomes[0] > 0, "{outcomes:?}");
}
