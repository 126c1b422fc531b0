use std::{sync::Arc, thread};

use super::{
    core::{Account, Budget, OtherSize},
    pages::{Mapping, page_size, rounded},
    slab::Slab,
};

fn account(max: u64) -> Arc<Account> {
    Account::new(Budget::private(max))
}

#[test]
fn a_budget_gives_no_more_than_it_has_and_takes_back_what_it_gave() {
    let account = account(100);
    let sixty = account.reserve(60).unwrap();
    assert!(account.reserve(41).is_none());
    let forty = account.reserve(40).unwrap();
    assert!(account.reserve(1).is_none());
    assert!(account.reserve(u64::MAX).is_none(), "no overflow");
    assert_eq!((account.used(), account.shared()), (100, 100));
    assert_eq!([0, 30, u64::MAX].map(|bytes| account.lacking(bytes)), [0, 30, u64::MAX - 100]);
    drop(sixty);
    assert_eq!((account.used(), account.shared()), (40, 40));
    assert_eq!([60, 61].map(|bytes| account.lacking(bytes)), [0, 1]);
    drop(forty);
    assert_eq!((account.used(), account.shared()), (0, 0));
    assert!(account.reserve(0).is_some());
}

#[test]
fn accounts_of_one_name_share_one_budget_until_the_last_of_them_is_gone() {
    let first = Account::new(Budget::named("shared", 100).unwrap());
    let second = Account::new(Budget::named("shared", 100).unwrap());
    let taken = first.reserve(70).unwrap();
    assert!(second.reserve(31).is_none());
    assert_eq!((second.used(), second.shared()), (0, 70));
    assert_eq!(Budget::named("shared", 99).unwrap_err(), OtherSize { max: 100 });
    assert!(Budget::named("other", 99).is_ok());
    drop((first, second));
    assert!(Budget::named("shared", 99).is_err(), "memory taken from it still lives");
    drop(taken);
    assert_eq!(Budget::named("shared", 99).unwrap().used(), 0);
}

#[test]
fn an_account_hears_of_the_refusals_of_others_once_and_not_of_its_own() {
    let budget = Budget::private(100);
    let first = Account::new(Arc::clone(&budget));
    let second = Account::new(Arc::clone(&budget));
    assert!(first.reserve(101).is_none());
    assert!(!first.others_starve());
    assert!(second.others_starve());
    assert!(!second.others_starve());
    let late = Account::new(budget);
    assert!(!late.others_starve(), "what was before it is not its business");
}

#[test]
fn threads_never_hold_more_than_the_budget_and_end_at_zero() {
    const MAX: u64 = 1000;
    let rounds = if cfg!(miri) { 20 } else { 2000 };
    let budget = Budget::private(MAX);
    thread::scope(|scope| {
        for seed in 0..4 {
            let account = Account::new(Arc::clone(&budget));
            scope.spawn(move || {
                let mut held = Vec::new();
                for round in 0..rounds {
                    held.extend(account.reserve(100 + (round * 37 + seed * 11) % 300));
                    assert!(account.shared() <= MAX);
                    if held.len() > 3 {
                        held.clear();
                    }
                }
            });
        }
    });
    assert_eq!(budget.used(), 0);
}

#[test]
fn sizes_are_rounded_to_pages_and_what_cannot_be_is_refused() {
    let page = page_size();
    assert!(page.is_power_of_two());
    assert_eq!(rounded(0), Some(page));
    assert_eq!(rounded(1), Some(page));
    assert_eq!(rounded(page), Some(page));
    assert_eq!(rounded(page + 1), Some(2 * page));
    assert_eq!(rounded(usize::MAX), None);
    assert!(Slab::counted(&account(u64::MAX), usize::MAX).is_none());
}

#[test]
fn the_bytes_of_a_slab_go_back_with_decommit_or_with_its_end_but_not_twice() {
    let page = u64::try_from(page_size()).unwrap();
    let account = account(4 * page);
    let first = Slab::counted(&account, page_size() + 1).unwrap();
    let second = Slab::counted(&account, 2 * page_size()).unwrap();
    assert_eq!(first.footprint(), 2 * page);
    assert!(Slab::counted(&account, 1).is_none());
    assert_eq!(account.used(), 4 * page);
    first.decommit();
    first.decommit();
    assert_eq!(account.used(), 2 * page);
    drop(first);
    assert_eq!(account.used(), 2 * page);
    drop(second);
    assert_eq!(account.used(), 0);
}

/// The bytes of a mapping. Tests only: pools leave that to JavaScript.
fn bytes(address: *mut std::ffi::c_void, length: usize) -> &'static mut [u8] {
    // SAFETY: mapped, and no other reference to it in a test that drops this before the mapping.
    unsafe { std::slice::from_raw_parts_mut(address.cast(), length) }
}

#[test]
#[cfg_attr(miri, ignore = "Miri has no madvise")]
fn discarded_pages_leave_memory_and_can_still_be_read_and_written() {
    let length = 16 * page_size();
    let mapping = Mapping::new(length).unwrap();
    let all = bytes(mapping.address(), length);
    assert!(all.iter().all(|byte| *byte == 0));
    all.fill(7);
    assert_resident(&mapping, length, 16);
    mapping.discard();
    assert_resident(&mapping, length, 0);
    all.fill(8);
    assert!(all.iter().all(|byte| *byte == 8));
}

/// How many pages of it are in memory, asked where the system tells.
#[cfg(target_os = "linux")]
fn assert_resident(mapping: &Mapping, length: usize, expected: usize) {
    let mut pages = vec![0; length / page_size()];
    // SAFETY: exactly the pages of the mapping, and a byte for each.
    let status = unsafe { libc::mincore(mapping.address(), length, pages.as_mut_ptr()) };
    assert_eq!(status, 0);
    assert_eq!(pages.iter().filter(|page| **page & 1 == 1).count(), expected);
}

#[cfg(not(target_os = "linux"))]
fn assert_resident(_: &Mapping, _: usize, _: usize) {}

#[test]
#[cfg_attr(miri, ignore = "Miri has no madvise")]
fn a_slab_of_pages_that_was_decommitted_can_still_be_written_until_it_ends() {
    let account = account(1 << 20);
    let slab = Slab::mapped(&account, 100_000).unwrap().unwrap();
    let all = bytes(slab.address().unwrap(), 100_000);
    all.fill(1);
    slab.decommit();
    assert_eq!(account.used(), 0);
    all.fill(2);
    slab.decommit();
    assert!(all.iter().all(|byte| *byte == 2), "nothing is discarded twice");
}

#[test]
#[cfg_attr(miri, ignore = "Miri maps what it is asked for")]
fn a_system_without_room_is_an_error_and_leaves_nothing_reserved() {
    let account = account(u64::MAX);
    let impossible = 1 << (usize::BITS - 2);
    assert!(Slab::mapped(&account, impossible).is_err());
    assert_eq!(account.used(), 0);
}
