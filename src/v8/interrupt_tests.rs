//! Requests for work, with a V8 that keeps every interrupt until the test runs it.

use std::thread;

use super::*;

/// Interrupts that were requested: isolate and data, as addresses.
static REQUESTED: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

unsafe extern "C" fn request(isolate: *mut Isolate, _: Interrupt, data: *mut c_void) {
    REQUESTED.lock().push((isolate.addr(), data.addr()));
}
/// A thread whose isolate has that address; it is never looked into.
fn target(isolate: usize) -> Arc<Interruptible> {
    Arc::new(Interruptible {
        request,
        isolate: ptr::without_provenance_mut(isolate),
        env: ptr::null_mut(),
        alive: Mutex::new(true),
    })
}

/// What V8 was asked for by that isolate.
fn requested(isolate: usize) -> Vec<usize> {
    let all = REQUESTED.lock();
    all.iter().filter(|(of, _)| *of == isolate).map(|(_, data)| *data).collect()
}

fn waiting(target: &Arc<Interruptible>) -> usize {
    REQUESTS.lock().iter().filter(|request| Arc::ptr_eq(&request.target, target)).count()
}

fn unwanted() -> Work {
    Box::new(|_| panic!("it must not be called"))
}

#[test]
fn an_interrupt_that_comes_after_its_request_was_forgotten_does_nothing() {
    let target = target(0x1000);
    target.ask(unwanted());
    target.forget();
    assert_eq!(waiting(&target), 0);
    target.ask(unwanted());
    target.revoke();
    target.ask(unwanted());
    assert_eq!(waiting(&target), 0);
    let asked = requested(0x1000);
    assert_eq!(asked.len(), 2, "nothing is asked of an environment that has ended");
    for data in asked {
        assert!(taken(data, target.isolate).is_none());
        // SAFETY: what is looked up is gone, so the isolate is not touched.
        unsafe { on_interrupt(target.isolate, ptr::without_provenance_mut(data)) };
    }
}

#[test]
fn only_the_last_request_of_a_thread_waits_and_none_of_another_one_is_touched() {
    let (mine, yours) = (target(0x2000), target(0x3000));
    for _ in 0..5 {
        mine.ask(unwanted());
        yours.ask(unwanted());
    }
    assert_eq!((waiting(&mine), waiting(&yours)), (1, 1));
    mine.forget();
    assert_eq!((waiting(&mine), waiting(&yours)), (0, 1));
    yours.revoke();
    assert_eq!(waiting(&yours), 0);
}

#[test]
fn an_interrupt_on_a_wrong_isolate_is_not_answered() {
    let target = target(0x4000);
    target.ask(unwanted());
    target.ask(unwanted());
    assert!(taken(requested(0x4000)[1], ptr::without_provenance_mut(0x5000)).is_none());
    assert_eq!(waiting(&target), 0);
    target.ask(unwanted());
    assert!(taken(requested(0x4000)[2], target.isolate).is_some(), "on the right one it is");
}

#[test]
fn a_thread_may_end_while_it_is_being_asked() {
    for round in 0..if cfg!(miri) { 5 } else { 500 } {
        let target = target(0x10_0000 + round);
        let asking = {
            let target = Arc::clone(&target);
            thread::spawn(move || {
                for _ in 0..10 {
                    target.ask(unwanted());
                }
            })
        };
        target.revoke();
        let then = requested(0x10_0000 + round).len();
        asking.join().unwrap();
        assert_eq!(requested(0x10_0000 + round).len(), then, "not asked after the end");
        assert_eq!(waiting(&target), 0);
    }
}
