//! What Linux says of a process's memory beside the resident set.

use std::fs;

/// Bytes of a process that are its own, as opposed to files that it has mapped: resident less shared, in pages, of a
/// `/proc/PID/statm`.
#[must_use]
pub fn anonymous(statm: &str, page: u64) -> Option<u64> {
    let mut fields = statm.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some(resident.saturating_sub(shared) * page)
}

/// Share of the last ten seconds, 0 to 1, in which all of the machine's (or the group's) work stood still for want of memory:
/// the `full` line of a pressure file (PSI).
#[must_use]
pub fn pressure(file: &str) -> Option<f64> {
    let full = file.lines().find_map(|line| line.strip_prefix("full "))?;
    let average = full.split(' ').find_map(|field| field.strip_prefix("avg10="))?;
    let percent: f64 = average.parse().ok()?;
    percent.is_finite().then_some(percent / 100.0)
}

/// [`anonymous`] of this process.
#[must_use]
pub fn own_anonymous() -> Option<u64> {
    anonymous(&fs::read_to_string("/proc/self/statm").ok()?, page_size())
}

/// [`pressure`] of the machine.
#[must_use]
pub fn own_pressure() -> Option<f64> {
    pressure(&fs::read_to_string("/proc/pressure/memory").ok()?)
}

#[cfg(unix)]
fn page_size() -> u64 {
    // SAFETY: no arguments that could be wrong; answers -1 for what it does not know.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

#[cfg(not(unix))]
const fn page_size() -> u64 {
    4096
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_has_of_its_own_is_resident_less_shared() {
        assert_eq!(anonymous("250000 5000 2000 1 0 30000 0\n", 4096), Some(3000 * 4096));
        assert_eq!(anonymous("1 2 3 4", 4096), Some(0), "counted at two moments");
        for rubbish in ["", "1", "1 2", "1 x 3", "1 2 -3"] {
            assert_eq!(anonymous(rubbish, 4096), None, "{rubbish:?}");
        }
    }

    #[test]
    fn pressure_is_the_share_in_which_everything_stood_still() {
        let file = "some avg10=12.50 avg60=1.00 avg300=0.10 total=5\nfull avg10=2.25 avg60=0.50 avg300=0.00 total=3\n";
        assert_eq!(pressure(file), Some(0.0225));
        for rubbish in ["", "some avg10=1.00\n", "full avg60=1.0", "full avg10=x", "full avg10=NaN"]
        {
            assert_eq!(pressure(rubbish), None, "{rubbish:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_that_is_written_to_is_anonymous() {
        let before = own_anonymous().unwrap();
        let block = vec![1u8; 64 << 20];
        let grown = own_anonymous().unwrap().saturating_sub(before);
        assert!(grown > 48 << 20, "64 MiB touched, {grown} seen");
        drop(block);
    }
}
