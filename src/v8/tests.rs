use super::{
    gc::{GcKind, GcRecorder, LivePoint, LiveSet, PauseStack},
    symbols::symbol,
};

#[test]
fn a_name_that_nobody_exports_is_not_found() {
    // SAFETY: the name does not exist, so no pointer of the wrong type can come back.
    let missing: Option<unsafe extern "C" fn()> = unsafe { symbol("heapwise_no_such_symbol") };
    assert!(missing.is_none());
}

#[test]
#[cfg(unix)]
fn a_name_that_the_program_exports_is_found_and_works() {
    // SAFETY: getpid takes nothing and returns an int on every Unix.
    let getpid: Option<unsafe extern "C" fn() -> i32> = unsafe { symbol("getpid") };
    // SAFETY: as above.
    let pid = unsafe { getpid.unwrap()() };
    assert_eq!(u32::try_from(pid).unwrap(), std::process::id());
}

#[test]
fn the_bridge_says_that_it_is_missing_outside_node_instead_of_guessing() {
    assert!(super::isolate::V8::get().is_err());
}

#[test]
fn pauses_are_kept_by_kind_and_points_only_for_major_collections() {
    let recorder = GcRecorder::new().unwrap();
    let live = LiveSet { at: 1, used: 10, external: 3 };
    for (kind, pause) in [(GcKind::Minor, 2_000_000), (GcKind::Major, 30_000_000)] {
        recorder.left(kind, live);
        recorder.record(kind, pause);
    }
    assert_eq!(recorder.total_ns(), 32_000_000);
    assert_eq!(recorder.histogram(GcKind::Minor).unwrap().lock().summary().count, 1);
    assert!((recorder.histogram(GcKind::Major).unwrap().lock().summary().max - 30.0).abs() < 1e-9);
    assert_eq!(recorder.drain_points(), [LivePoint { live, allocated: 0 }]);
    assert!(recorder.drain_points().is_empty(), "drained once");
}

#[test]
fn points_that_nobody_drains_do_not_grow_without_bound() {
    let recorder = GcRecorder::new().unwrap();
    for at in 0..5_000 {
        recorder.left(GcKind::Major, LiveSet { at, used: 0, external: 0 });
    }
    let points = recorder.drain_points();
    assert_eq!(points.len(), 1024);
    assert_eq!(points.last().unwrap().live.at, 4_999, "the newest are kept");
}

#[test]
fn what_is_allocated_between_collections_adds_up_whatever_they_free() {
    let recorder = GcRecorder::new().unwrap();
    let left = |kind, used| recorder.left(kind, LiveSet { at: 0, used, external: 0 });
    recorder.found(500);
    left(GcKind::Minor, 100);
    assert_eq!(recorder.allocated(), 0, "what was there before is not counted");
    recorder.found(150);
    left(GcKind::Minor, 110);
    recorder.found(410);
    left(GcKind::Major, 20);
    assert_eq!(recorder.drain_points()[0].allocated, 350);
    // Something else than a collection may free memory.
    recorder.found(10);
    assert_eq!(recorder.allocated(), 350);
}

#[test]
fn an_unknown_gc_type_is_no_kind() {
    assert_eq!(GcKind::from_v8(0), None);
    assert_eq!(GcKind::from_v8(3), None);
    assert_eq!(GcKind::from_v8(32), None);
    assert_eq!(GcKind::from_v8(2), Some(GcKind::Minor));
}

#[test]
fn a_collection_inside_another_is_not_counted_twice() {
    let mut pauses = PauseStack::default();
    pauses.begin(100);
    pauses.begin(130);
    pauses.begin(135);
    assert_eq!(pauses.end(140), Some(5));
    assert_eq!(pauses.end(150), Some(15));
    assert_eq!(pauses.end(200), Some(80));
    assert_eq!(pauses.end(210), None, "an end without a beginning is reported");
    pauses.begin(0);
    assert_eq!(pauses.end(0), Some(0), "a clock that stands still is no error");
}
