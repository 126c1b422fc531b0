//! V8's `AllocationProfile`, a C++ object, copied into Rust.
//!
//! Nodes and vectors are laid out alike in V8 11 to 14. Samples are not: since Node 26 they have a field more, so what a
//! sample looks like is found out on a profile of known content ([`Layout::of`]) and not assumed. Whatever does not look
//! as it should is refused before it is followed.

use std::{
    collections::{HashMap, HashSet},
    slice,
    sync::Arc,
};

use napi::sys;

use super::{
    profiler::{Profile, ProfileNode, Sample},
    text::text,
};

/// `std::vector`: both libstdc++ and libc++ lay it out as three pointers.
#[repr(C)]
pub struct CppVector<T> {
    begin: *const T,
    end: *const T,
    limit: *const T,
}

/// More elements than any profile has. What claims more is not a vector.
const MOST_ELEMENTS: usize = 1 << 26;

impl<T> CppVector<T> {
    /// Number of bytes of its content; `None` if the three words cannot be a vector.
    fn bytes(&self) -> Option<usize> {
        let (begin, end, limit) = (self.begin.addr(), self.end.addr(), self.limit.addr());
        let bytes = end.checked_sub(begin)?;
        let sound = (begin != 0 || bytes == 0)
            && begin.is_multiple_of(align_of::<T>())
            && end <= limit
            && bytes <= MOST_ELEMENTS * size_of::<u64>();
        sound.then_some(bytes)
    }

    /// The elements; `None` if the three words cannot be a vector of `T`.
    ///
    /// # Safety
    /// If it is a vector of `T`, it must be live and unchanged for as long as the slice is used.
    unsafe fn elements(&self) -> Option<&[T]> {
        let bytes = self.bytes()?;
        if !bytes.is_multiple_of(size_of::<T>()) {
            return None;
        }
        if bytes == 0 {
            return Some(&[]);
        }
        // SAFETY: by the caller's promise; aligned, not null and within what was allocated, as `bytes` has checked.
        Some(unsafe { slice::from_raw_parts(self.begin, bytes / size_of::<T>()) })
    }
}

/// `v8::AllocationProfile::Node`.
#[repr(C)]
pub struct RawNode {
    name: sys::napi_value,
    script_name: sys::napi_value,
    script_id: i32,
    start_position: i32,
    line: i32,
    column: i32,
    id: u32,
    children: CppVector<*const Self>,
    allocations: CppVector<RawAllocation>,
}

/// `v8::AllocationProfile::Allocation`.
#[repr(C)]
struct RawAllocation {
    size: usize,
    count: u32,
}

/// The part of `v8::AllocationProfile::Sample` that all versions have.
#[repr(C)]
pub struct RawSample {
    node: u32,
    size: usize,
    count: u32,
    ordinal: u64,
}

/// How samples are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As in [`RawSample`].
    Short,
    /// With a flag behind it that says whether the object is alive.
    WithLiveness,
}

/// Samples that have to agree before a layout is believed.
const FEWEST_SAMPLES: usize = 16;

impl Layout {
    const fn stride(self) -> usize {
        match self {
            Self::Short => size_of::<RawSample>(),
            Self::WithLiveness => size_of::<RawSample>() + align_of::<RawSample>(),
        }
    }

    /// The layout in which these samples make sense; `None` when in both, or in none.
    ///
    /// # Safety
    /// As for [`samples`].
    #[must_use]
    pub unsafe fn of(vector: &CppVector<RawSample>, nodes: &[ProfileNode]) -> Option<Self> {
        let ids: HashSet<u32> = nodes.iter().map(|node| node.id).collect();
        let sound = |layout: &Self| {
            // SAFETY: by the caller's promise.
            let all = unsafe { samples(vector, *layout) };
            all.is_some_and(|all| sensible(&all, &ids))
        };
        let mut fitting = [Self::Short, Self::WithLiveness].into_iter().filter(sound);
        let found = fitting.next();
        if fitting.next().is_some() { None } else { found }
    }
}

fn sensible(samples: &[(Sample, u8)], ids: &HashSet<u32>) -> bool {
    let ordinals: HashSet<u64> = samples.iter().map(|(sample, _)| sample.ordinal).collect();
    samples.len() >= FEWEST_SAMPLES
        && ordinals.len() == samples.len()
        && samples.iter().all(|(sample, live)| {
            // V8 aligns objects to 4 or 8 bytes.
            ids.contains(&sample.node)
                && sample.size > 0
                && sample.size.is_multiple_of(4)
                && sample.count > 0
                && *live <= 1
        })
}

/// All samples, with the flag that says whether the object is alive (1 where there is none); `None` if it cannot be a
/// vector of that layout.
///
/// # Safety
/// If it is one, it must be live and unchanged meanwhile.
unsafe fn samples(vector: &CppVector<RawSample>, layout: Layout) -> Option<Vec<(Sample, u8)>> {
    let (bytes, stride) = (vector.bytes()?, layout.stride());
    if !bytes.is_multiple_of(stride) {
        return None;
    }
    let at = |place: usize| {
        let raw = vector.begin.wrapping_byte_add(place * stride);
        // SAFETY: within the vector's content, by the caller's promise, and aligned, as its beginning and the stride are. The
        // flag is read only where the layout has one.
        let (read, live) = unsafe {
            let live = match layout {
                Layout::Short => 1,
                Layout::WithLiveness => raw.add(1).cast::<u8>().read(),
            };
            (&*raw, live)
        };
        let &RawSample { node, size, count, ordinal } = read;
        (Sample { node, size: size as u64, count: u64::from(count), ordinal }, live)
    };
    Some((0..bytes / stride).map(at).collect())
}

/// `v8::AllocationProfile`: abstract, so all that is known of it is its table of virtual functions.
#[repr(C)]
pub struct RawProfile {
    table: *const RawTable,
}

/// The table in the order of the declaration; a virtual destructor takes two places, the second one deletes.
#[repr(C)]
struct RawTable {
    root: unsafe extern "C" fn(*mut RawProfile) -> *const RawNode,
    samples: unsafe extern "C" fn(*mut RawProfile) -> *const CppVector<RawSample>,
    _destroy: unsafe extern "C" fn(*mut RawProfile),
    delete: unsafe extern "C" fn(*mut RawProfile),
}

/// Names that were read already: a node keeps its number, and its names, for as long as the sampler runs.
#[derive(Default)]
pub struct Names(HashMap<u32, Known>);

#[derive(Clone)]
struct Known {
    place: (i32, i32),
    function: Arc<str>,
    script: Arc<str>,
}

/// A profile, with what is only needed to check it.
pub struct Copied {
    /// The profile; its samples are empty until a layout is known.
    pub profile: Profile,
    /// Bytes of each node by V8's own sum, in the order of the nodes.
    pub sums: Vec<u64>,
}

/// V8's profile, which is deleted when this is dropped.
pub struct OwnedProfile(*mut RawProfile);

impl OwnedProfile {
    /// Takes it over; `None` of a null pointer.
    ///
    /// # Safety
    /// A profile that V8 has just handed over, on the thread of its isolate, in a handle scope that outlives this.
    #[must_use]
    pub const unsafe fn new(raw: *mut RawProfile) -> Option<Self> {
        // Not `then_some`, which would make one of the null pointer first, and drop it.
        if raw.is_null() { None } else { Some(Self(raw)) }
    }

    fn table(&self) -> &RawTable {
        // SAFETY: an object with virtual functions begins with the address of their table, and this one is live.
        unsafe { &*(*self.0).table }
    }

    /// The vector of samples; `None` if it cannot be one.
    #[must_use]
    pub fn samples(&self) -> Option<&CppVector<RawSample>> {
        // SAFETY: a live profile.
        let vector = unsafe { (self.table().samples)(self.0) };
        if !vector.is_aligned() {
            return None;
        }
        // SAFETY: part of the live profile, if it is not null.
        unsafe { vector.as_ref() }
    }

    /// Copies it; `None` if it does not look as it should. Without a layout the samples are left out.
    ///
    /// # Safety
    /// `env` is that of the profile's thread, which is this one.
    pub unsafe fn copied(
        &self,
        env: sys::napi_env,
        names: &mut Names,
        layout: Option<Layout>,
    ) -> Option<Copied> {
        // SAFETY: a live profile.
        let root = unsafe { (self.table().root)(self.0) };
        // SAFETY: the root of a live profile, in a handle scope by the promise of `new`; `env` by the caller's.
        let mut copied = unsafe { nodes(env, root, names) }?;
        if let Some(layout) = layout {
            // SAFETY: part of the live profile.
            let all = unsafe { samples(self.samples()?, layout) }?;
            // What has died is kept by samplers that were asked to, and is nothing to us.
            let living = all.into_iter().filter(|(_, live)| *live == 1);
            copied.profile.samples = living.map(|(sample, _)| sample).collect();
        }
        Some(copied)
    }
}

impl Drop for OwnedProfile {
    fn drop(&mut self) {
        // SAFETY: V8 has handed the profile over, and it is deleted once.
        unsafe { (self.table().delete)(self.0) };
    }
}

/// # Safety
/// The root of a live profile, or null; inside the handle scope of its names.
unsafe fn nodes(env: sys::napi_env, root: *const RawNode, names: &mut Names) -> Option<Copied> {
    let mut copied = Copied { profile: Profile::default(), sums: Vec::new() };
    let mut kept = HashMap::new();
    let mut open = vec![(root, None)];
    while let Some((raw, parent)) = open.pop() {
        let all = &mut copied.profile.nodes;
        if raw.is_null() || !raw.is_aligned() || all.len() == MOST_ELEMENTS {
            return None;
        }
        // SAFETY: by the caller's promise, and not null.
        let raw = unsafe { &*raw };
        let place = (raw.script_id, raw.start_position);
        let known = names.0.remove(&raw.id);
        // A sampler never uses a number again: another place means that it is another sampler.
        copied.profile.is_of_another |= known.as_ref().is_some_and(|known| known.place != place);
        let known = known.filter(|known| known.place == place).unwrap_or_else(|| {
            // SAFETY: handles of the current scope, or null.
            let (name, script) = unsafe { (text(env, raw.name), text(env, raw.script_name)) };
            Known { place, function: name.into(), script: script.into() }
        });
        open.extend({
            // SAFETY: part of a live profile.
            let children = unsafe { raw.children.elements() }?;
            let own = Some(all.len());
            children.iter().map(move |&child| (child, own))
        });
        all.push(ProfileNode {
            id: raw.id,
            parent,
            function: Arc::clone(&known.function),
            script: Arc::clone(&known.script),
            script_id: raw.script_id,
            line: raw.line,
            column: raw.column,
        });
        // SAFETY: part of a live profile.
        let allocations = unsafe { raw.allocations.elements() }?;
        copied.sums.push(allocations.iter().map(|it| it.size as u64 * u64::from(it.count)).sum());
        kept.insert(raw.id, known);
    }
    // Those that are gone are forgotten with the old table.
    names.0 = kept;
    Some(copied)
}

#[cfg(test)]
#[path = "allocation_profile_tests.rs"]
mod tests;
