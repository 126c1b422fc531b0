use std::ptr;

use super::*;

fn vector<T>(values: &[T]) -> CppVector<T> {
    let range = values.as_ptr_range();
    CppVector { begin: range.start, end: range.end, limit: range.end }
}

#[test]
fn a_vector_of_cpp_is_read_and_what_is_none_is_refused() {
    let values = [1u64, 2, 3];
    // SAFETY: all of it is `values`, or refused before it is read.
    unsafe {
        assert_eq!(vector(&values).elements(), Some(&values[..]));
        let none: *const u64 = ptr::null();
        let empty = CppVector { begin: none, end: none, limit: none };
        assert_eq!(empty.elements(), Some(&[][..]));
        let whole = vector(&values);
        let at = |offset: usize| whole.begin.wrapping_byte_add(offset);
        let strange = [
            (at(8), at(0), at(8)),
            (at(0), at(16), at(8)),
            (at(0), at(12), at(16)),
            (at(4), at(12), at(12)),
            (none, at(16), at(16)),
            (at(8), at(8), at(0)),
            (at(0), at(8 * (MOST_ELEMENTS + 1)), at(8 * (MOST_ELEMENTS + 1))),
        ];
        for (begin, end, limit) in strange {
            assert_eq!(CppVector { begin, end, limit }.elements(), None);
        }
    }
}

/// Samples as V8 would have them in memory, five words each with the flag, four without.
fn memory(layout: Layout, count: u64) -> Vec<u64> {
    (0..count)
        .flat_map(|at| {
            // Padding holds whatever was there before.
            let rubbish = 0xdead_beef_0000_0000;
            let words = [
                rubbish | (2 + at % 3),
                8 * (2 + at % 5),
                rubbish | 7,
                100 + at,
                (rubbish << 8) | (at % 2),
            ];
            words[..layout.stride() / 8].to_vec()
        })
        .collect()
}

fn as_samples(words: &[u64]) -> CppVector<RawSample> {
    let range = words.as_ptr_range();
    CppVector { begin: range.start.cast(), end: range.end.cast(), limit: range.end.cast() }
}

fn tree() -> Vec<ProfileNode> {
    (1..=4)
        .map(|id| ProfileNode {
            id,
            parent: None,
            function: "f".into(),
            script: "".into(),
            script_id: 0,
            line: 0,
            column: 0,
        })
        .collect()
}

#[test]
fn the_layout_of_samples_is_found_out_whatever_their_number() {
    for layout in [Layout::Short, Layout::WithLiveness] {
        // Also where the bytes could be a whole number of samples of the other layout.
        for count in [16, 17, 20, 40, 64, 100] {
            let words = memory(layout, count);
            // SAFETY: all of it is `words`.
            let found = unsafe { Layout::of(&as_samples(&words), &tree()) };
            assert_eq!(found, Some(layout), "{count}");
        }
    }
}

#[test]
fn too_few_samples_or_strange_ones_have_no_layout() {
    let words = memory(Layout::Short, 15);
    // SAFETY: all of it is `words`, here and below.
    assert_eq!(unsafe { Layout::of(&as_samples(&words), &tree()) }, None);
    for (at, strange) in [(0, 99), (1, 0), (1, 7), (2, 0), (3, 101)] {
        let mut words = memory(Layout::Short, 32);
        words[at] = strange;
        // SAFETY: as above.
        assert_eq!(unsafe { Layout::of(&as_samples(&words), &tree()) }, None, "{at} {strange}");
    }
}

#[test]
fn samples_are_read_with_their_flag() {
    let words = memory(Layout::WithLiveness, 20);
    // SAFETY: all of it is `words`.
    let all = unsafe { samples(&as_samples(&words), Layout::WithLiveness) }.unwrap();
    assert_eq!(all.len(), 20);
    assert_eq!(all[7], (Sample { node: 3, size: 32, count: 7, ordinal: 107 }, 1));
    assert_eq!(all[8].1, 0);
    // SAFETY: refused before it is read.
    assert!(unsafe { samples(&as_samples(&words[1..]), Layout::WithLiveness) }.is_none());
}
