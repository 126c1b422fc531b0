//! What an entry looks like in memory.
//!
//! | byte | what |
//! |---|---|
//! | 0 | the arena's word |
//! | 4, 8 | the entries before and after this one in its list, newer and older |
//! | 12 | bytes of the value |
//! | 16 | bytes of the key, 16 bits |
//! | 18 | what the value is (5 bits), and which of the following parts there are (3 bits) |
//! | 19 | how often it was used (2 bits), in which queue it is, whether it is in a shard, whether this is a further piece,
//! whether there is more behind the key, whether its memory is kept for a save, and the mark by which a save tells what it has
//! still to write |
//! | 20 | if it expires: neighbour in the timing wheel, deadline (8 bytes), other neighbour |
//! | 36 | if its time to live starts again with each use: that time, and the deadline of all deadlines (8 bytes) |
//! | then | the key |
//! | then | if there is more: how long it is kept after its time (4 bytes), how many tags it has (1 byte), their numbers |
//! | then | the value, or if it is in pieces: the next piece, the length of this one, and this one |
//!
//! A further piece has the arena's word, the next piece, its length, the first block of its entry, nothing of meaning at
//! bytes 16 to 18, the byte 19 as above, and its bytes.

use std::{
    marker::PhantomData,
    ptr::NonNull,
    slice,
    sync::atomic::{
        AtomicU8, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use super::arena::{NIL, STATE, Space};

/// Longest key, in bytes.
pub const LONGEST_KEY: usize = u16::MAX as usize;
/// Deadline of an entry that does not expire. Milliseconds on the clock of the store.
pub const NEVER: u64 = u64::MAX;
/// Most uses that are counted.
pub const MOST_USES: u8 = 3;

const PREV: usize = 4;
const NEXT: usize = 8;
const VALUE_LENGTH: usize = 12;
const KEY_LENGTH: usize = 16;
const KIND: usize = 18;
const HEAT: usize = STATE;
const HEADER: usize = 20;
const WHEEL_PREV: usize = 20;
const DEADLINE: usize = 24;
const WHEEL_NEXT: usize = 32;
const TIMED_HEADER: usize = 36;
const LIFETIME: usize = 36;
const LIMIT: usize = 40;
const SLIDING_HEADER: usize = 48;

/// Before the bytes of a first piece, counted from the end of the key.
const FIRST_PIECE: usize = 8;
const PIECE_NEXT: usize = 4;
const PIECE_LENGTH: usize = 8;
const PIECE_OWNER: usize = 12;
const PIECE: usize = HEADER;

const KINDS: u8 = 0x1F;
const TIMED: u8 = 0x20;
const SLIDING: u8 = 0x40;
const IN_PIECES: u8 = 0x80;

/// Before the numbers of the tags, counted from the end of the key.
const TAGS: usize = 5;
const TAG_COUNT: usize = 4;
/// Most tags of an entry.
pub const MOST_TAGS: usize = u8::MAX as usize;
/// In place of a neighbour: see [`Entry::set_left`].
const LEFT: u32 = u32::MAX;

const USES: u8 = 0x03;
const MAIN: u8 = 0x04;
const IN_SHARD: u8 = 0x08;
const FURTHER_PIECE: u8 = 0x10;
const MORE: u8 = 0x20;
const PARKED: u8 = 0x40;
const MARK: u8 = 0x80;

/// When an entry expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Milliseconds on the clock of the store.
    pub deadline: u64,
    /// If it is put off with each use.
    pub sliding: Option<Sliding>,
}

/// How a deadline moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sliding {
    /// Milliseconds from a use to the deadline.
    pub lifetime: u32,
    /// The deadline is never put off beyond this. [`NEVER`] is no limit.
    pub limit: u64,
}

/// All of an entry but the bytes of its value.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// At most [`LONGEST_KEY`] bytes.
    pub key: &'a [u8],
    /// What the value is; below 32.
    pub kind: u8,
    /// `None` if it does not expire.
    pub timing: Option<Timing>,
    /// What few entries have.
    pub more: More<'a>,
}

/// What an entry has behind its key. Most have nothing of it, and no bytes for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct More<'a> {
    /// Milliseconds of its deadline for which it serves in need only. 0 where it does not expire.
    pub keep: u32,
    /// Numbers of tags, each held by this entry; at most [`MOST_TAGS`].
    pub tags: &'a [u32],
}

impl More<'_> {
    const fn is_none(&self) -> bool {
        self.keep == 0 && self.tags.is_empty()
    }

    const fn size(&self) -> usize {
        if self.is_none() { 0 } else { TAGS + WORD * self.tags.len() }
    }
}

impl Head<'_> {
    const fn key_offset(&self) -> usize {
        match self.timing {
            None => HEADER,
            Some(Timing { sliding: None, .. }) => TIMED_HEADER,
            Some(_) => SLIDING_HEADER,
        }
    }

    /// Bytes that an entry takes with a value in one piece.
    #[must_use]
    pub const fn size_with(&self, value: usize) -> usize {
        self.key_offset() + self.key.len() + self.more.size() + value
    }

    /// Bytes of a first block that are not the value's, if it is in pieces.
    #[must_use]
    pub const fn size_before_piece(&self) -> usize {
        self.size_with(FIRST_PIECE)
    }
}

/// Bytes of a further piece that are not the value's.
#[must_use]
pub const fn size_before_further_piece() -> usize {
    PIECE
}

/// Reads and writes entries of one shard.
///
/// The one promise that the code which walks over entries rests on is made where this is made; see [`Self::new`].
#[derive(Clone, Copy, Debug)]
pub struct Entries(Space);

impl Entries {
    /// Access to the entries in a space.
    ///
    /// # Safety
    /// Whoever uses it passes references of entries only: blocks in use, written by [`Self::write`] and not yet freed;
    /// and holds the lock of the shard that they belong to, exclusively where something is changed that is not atomic.
    #[must_use]
    pub const unsafe fn new(space: Space) -> Self {
        Self(space)
    }

    /// An entry.
    #[must_use]
    pub const fn get<'a>(self, reference: u32) -> Entry<'a> {
        // SAFETY: an entry of this space: see `new`.
        Entry { base: unsafe { self.0.at(reference) }, lock: PhantomData }
    }

    /// Writes the header and the key of an entry into a block, and the value or as much of it as `first` holds.
    ///
    /// # Safety
    /// The block is in use, belongs to the caller, and has room for all that.
    pub unsafe fn write(self, block: u32, head: &Head<'_>, value_length: u32, first: First<'_>) {
        let entry = self.get(block);
        let pieces = matches!(first, First::Piece { .. });
        let timed = match head.timing {
            None => 0,
            Some(Timing { sliding: None, .. }) => TIMED,
            Some(_) => TIMED | SLIDING,
        };
        entry.set(PREV, NIL);
        entry.set(NEXT, NIL);
        entry.set(VALUE_LENGTH, value_length);
        entry.set(KEY_LENGTH, u16::try_from(head.key.len()).unwrap_or(u16::MAX));
        let pieces = if pieces { IN_PIECES } else { 0 };
        entry.shape().store((head.kind & KINDS) | timed | pieces, Relaxed);
        entry.heat().store(if head.more.is_none() { 0 } else { MORE }, Relaxed);
        if let Some(timing) = head.timing {
            entry.set(WHEEL_PREV, NIL);
            entry.set(WHEEL_NEXT, NIL);
            entry.set(DEADLINE, timing.deadline);
            if let Some(sliding) = timing.sliding {
                entry.set(LIFETIME, sliding.lifetime);
                entry.set(LIMIT, sliding.limit);
            }
        }
        let key = head.key_offset();
        entry.put(key, head.key);
        let mut end = key + head.key.len();
        if !head.more.is_none() {
            entry.set(end, head.more.keep);
            entry.set(end + TAG_COUNT, u8::try_from(head.more.tags.len()).unwrap_or(u8::MAX));
            for (at, tag) in (end + TAGS..).step_by(WORD).zip(head.more.tags) {
                entry.set(at, *tag);
            }
            end += head.more.size();
        }
        match first {
            First::Whole(value) => entry.put(end, value),
            First::Piece { next, bytes } => {
                entry.put(end, &next.to_ne_bytes());
                entry.put(end + WORD, &u32::try_from(bytes.len()).unwrap_or(0).to_ne_bytes());
                entry.put(end + FIRST_PIECE, bytes);
            }
        }
    }

    /// Writes a further piece of a value into a block.
    ///
    /// # Safety
    /// The block is in use, belongs to the caller, and has room for it.
    pub unsafe fn write_piece(self, block: u32, owner: u32, next: u32, bytes: &[u8]) {
        let piece = self.get(block);
        piece.set(PIECE_OWNER, owner);
        piece.heat().store(FURTHER_PIECE, Release);
        piece.set(PIECE_NEXT, next);
        piece.set(PIECE_LENGTH, u32::try_from(bytes.len()).unwrap_or(0));
        piece.put(PIECE, bytes);
    }

    /// Copies the value of an entry to where there is room for it.
    ///
    /// # Safety
    /// `target` has room for [`Entry::value_length`] bytes.
    pub unsafe fn copy_value(self, entry: Entry<'_>, target: NonNull<u8>) {
        let mut done = 0;
        self.parts(entry, |part| {
            // SAFETY: the parts together are as long as the value; a target of the caller's is not in an arena.
            unsafe {
                target.add(done).copy_from_nonoverlapping(NonNull::from(part).cast(), part.len());
            };
            done += part.len();
        });
    }

    /// Calls `each` with the parts of a value in their order.
    pub fn parts(self, entry: Entry<'_>, mut each: impl FnMut(&[u8])) {
        let end = entry.value_offset();
        if !entry.is_in_pieces() {
            each(entry.bytes(end, entry.value_length()));
            return;
        }
        let length: u32 = entry.read(end + WORD);
        each(entry.bytes(end + FIRST_PIECE, length as usize));
        self.further_pieces(entry, |_, piece| {
            let length: u32 = piece.read(PIECE_LENGTH);
            each(piece.bytes(PIECE, length as usize));
        });
    }

    /// Calls `each` with the further pieces of an entry. It may free them.
    pub fn further_pieces(self, entry: Entry<'_>, mut each: impl FnMut(u32, Entry<'_>)) {
        if !entry.is_in_pieces() {
            return;
        }
        let mut block: u32 = entry.read(entry.value_offset());
        while block != NIL {
            let piece = self.get(block);
            let next = piece.read(PIECE_NEXT);
            each(block, piece);
            block = next;
        }
    }

    /// The entry that a block in use belongs to, and its key, copied; `None` if nobody has said yet what the block is for.
    ///
    /// # Safety
    /// The arena is locked, so that no block is freed meanwhile. No shard need be locked.
    pub unsafe fn owner_of(self, block: u32) -> Option<(u32, Vec<u8>)> {
        let mut owner = block;
        let mut state = self.get(block).heat().load(Acquire);
        if state & FURTHER_PIECE != 0 {
            owner = self.get(block).read(PIECE_OWNER);
            state = self.get(owner).heat().load(Acquire);
        }
        (state & IN_SHARD != 0).then(|| (owner, self.get(owner).key().to_vec()))
    }
}

const WORD: usize = size_of::<u32>();

/// The part of a value that lies in the first block of its entry.
#[derive(Clone, Copy, Debug)]
pub enum First<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// The beginning, and where it goes on.
    Piece {
        /// The next piece.
        next: u32,
        /// The bytes here.
        bytes: &'a [u8],
    },
}

/// An entry, for as long as its shard is locked.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'lock> {
    base: NonNull<u8>,
    lock: PhantomData<&'lock [u8]>,
}

impl<'lock> Entry<'lock> {
    const fn read<T: Copy>(self, offset: usize) -> T {
        // SAFETY: within the entry, whose lock is held: see `Entries::new`.
        unsafe { self.base.add(offset).cast::<T>().read_unaligned() }
    }

    const fn set<T: Copy>(self, offset: usize, value: T) {
        // SAFETY: within the entry, whose lock is held exclusively: see `Entries::new`.
        unsafe { self.base.add(offset).cast::<T>().write_unaligned(value) }
    }

    fn put(self, offset: usize, bytes: &[u8]) {
        // SAFETY: within the entry, whose lock is held exclusively; `bytes` are not in an arena.
        unsafe {
            self.base
                .add(offset)
                .copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
        }
    }

    const fn bytes(self, offset: usize, length: usize) -> &'lock [u8] {
        // SAFETY: within the entry, whose lock is held for as long.
        unsafe { slice::from_raw_parts(self.base.add(offset).as_ptr(), length) }
    }

    const fn shape(self) -> &'lock AtomicU8 {
        // SAFETY: within the entry. Atomic, because whoever looks for a block to evict reads it without the lock.
        unsafe { AtomicU8::from_ptr(self.base.add(KIND).as_ptr()) }
    }

    const fn heat(self) -> &'lock AtomicU8 {
        // SAFETY: within the entry; only accessed as an atomic while the lock is shared.
        unsafe { AtomicU8::from_ptr(self.base.add(HEAT).as_ptr()) }
    }

    const fn deadline_cell(self) -> &'lock AtomicU64 {
        // SAFETY: within the entry, which is timed and aligned to 16 bytes, so that this is aligned to 8.
        unsafe { AtomicU64::from_ptr(self.base.add(DEADLINE).cast::<u64>().as_ptr()) }
    }

    /// The newer neighbour in its list, or NIL.
    #[must_use]
    pub const fn prev(self) -> u32 {
        self.read(PREV)
    }

    /// The older neighbour in its list, or NIL.
    #[must_use]
    pub const fn next(self) -> u32 {
        self.read(NEXT)
    }

    /// Sets the newer neighbour.
    pub const fn set_prev(self, reference: u32) {
        self.set(PREV, reference);
    }

    /// Sets the older neighbour.
    pub const fn set_next(self, reference: u32) {
        self.set(NEXT, reference);
    }

    /// The key.
    #[must_use]
    pub fn key(self) -> &'lock [u8] {
        self.bytes(self.key_offset(), self.key_length())
    }

    /// Bytes of the key.
    #[must_use]
    pub const fn key_length(self) -> usize {
        let length: u16 = self.read(KEY_LENGTH);
        length as usize
    }

    /// Bytes of the value.
    #[must_use]
    pub const fn value_length(self) -> usize {
        let length: u32 = self.read(VALUE_LENGTH);
        length as usize
    }

    /// Bytes of key and value.
    #[must_use]
    pub const fn payload(self) -> u64 {
        (self.key_length() + self.value_length()) as u64
    }

    /// What the value is.
    #[must_use]
    pub fn kind(self) -> u8 {
        self.flags() & KINDS
    }

    /// Whether it has a deadline.
    #[must_use]
    pub fn is_timed(self) -> bool {
        self.flags() & TIMED != 0
    }

    /// Whether it has anything of [`More`].
    #[must_use]
    pub fn has_more(self) -> bool {
        self.heat().load(Relaxed) & MORE != 0
    }

    /// Milliseconds before its deadline from which on it serves in need only.
    #[must_use]
    pub fn keep(self) -> u32 {
        if self.has_more() { self.read(self.key_end()) } else { 0 }
    }

    /// The numbers of its tags.
    pub fn tags(self) -> impl ExactSizeIterator<Item = u32> {
        let (count, first) =
            if self.has_more() { (self.tag_count(), self.key_end() + TAGS) } else { (0, 0) };
        (0..count).map(move |index| self.read(first + WORD * index))
    }

    /// Whether the value is spread over several blocks.
    #[must_use]
    pub fn is_in_pieces(self) -> bool {
        self.flags() & IN_PIECES != 0
    }

    /// Milliseconds on the clock of the store; [`NEVER`] if it does not expire.
    #[must_use]
    pub fn deadline(self) -> u64 {
        if self.is_timed() { self.deadline_cell().load(Relaxed) } else { NEVER }
    }

    /// Moves the deadline of a timed entry. A shared lock is enough.
    pub fn set_deadline(self, deadline: u64) {
        self.deadline_cell().store(deadline, Relaxed);
    }

    /// How its deadline moves, if it does.
    #[must_use]
    pub fn sliding(self) -> Option<Sliding> {
        (self.flags() & SLIDING != 0)
            .then(|| Sliding { lifetime: self.read(LIFETIME), limit: self.read(LIMIT) })
    }

    /// Whether an entry with this head has the same parts before its key, so that the value can be written over.
    #[must_use]
    pub fn has_form_of(self, head: &Head<'_>) -> bool {
        let has_more = self.has_more() || !head.more.is_none();
        !self.is_in_pieces() && !has_more && self.key_offset() == head.key_offset()
    }

    /// Writes another value of the same length class over this one, which is in one piece.
    ///
    /// # Safety
    /// The block has room for it, and the entry [has the form](Self::has_form_of) of the head.
    pub unsafe fn overwrite(self, head: &Head<'_>, value: &[u8]) {
        self.shape().store((self.flags() & !KINDS) | (head.kind & KINDS), Relaxed);
        self.set(VALUE_LENGTH, u32::try_from(value.len()).unwrap_or(0));
        if let Some(timing) = head.timing {
            self.set_deadline(timing.deadline);
            if let Some(sliding) = timing.sliding {
                self.set(LIFETIME, sliding.lifetime);
                self.set(LIMIT, sliding.limit);
            }
        }
        self.put(self.value_offset(), value);
    }

    /// Neighbours in the timing wheel.
    #[must_use]
    pub const fn wheel_links(self) -> (u32, u32) {
        (self.read(WHEEL_PREV), self.read(WHEEL_NEXT))
    }

    /// Sets a neighbour in the timing wheel.
    pub const fn set_wheel_prev(self, reference: u32) {
        self.set(WHEEL_PREV, reference);
    }

    /// Sets the other neighbour in the timing wheel.
    pub const fn set_wheel_next(self, reference: u32) {
        self.set(WHEEL_NEXT, reference);
    }

    /// Uses since it was last considered for eviction, at most [`MOST_USES`].
    #[must_use]
    pub fn uses(self) -> u8 {
        self.heat().load(Relaxed) & USES
    }

    /// Counts a use. A shared lock is enough: two threads at once may count one, which does no harm.
    pub fn count_use(self) {
        let heat = self.heat().load(Relaxed);
        // No store where nothing changes: the line would have to come from the other processors.
        if heat & USES < MOST_USES {
            self.heat().store(heat + 1, Relaxed);
        }
    }

    /// Sets the uses, at most [`MOST_USES`].
    pub fn set_uses(self, uses: u8) {
        self.heat().store(self.heat().load(Relaxed) & !USES | uses, Relaxed);
    }

    /// Whether it is in the second queue of a policy that has two.
    #[must_use]
    pub fn is_main(self) -> bool {
        self.heat().load(Relaxed) & MAIN != 0
    }

    /// Says that it is in a shard from now on, and has its mark. Its key never changes after that.
    pub fn enter_shard(self, mark: bool) {
        let heat = self.heat().load(Relaxed) & !MARK;
        self.heat().store(heat | IN_SHARD | if mark { MARK } else { 0 }, Release);
    }

    /// Its mark: see [`persist`](super::persist).
    #[must_use]
    pub fn mark(self) -> bool {
        self.heat().load(Relaxed) & MARK != 0
    }

    /// Turns its mark round.
    pub fn turn_mark(self) {
        self.heat().store(self.heat().load(Relaxed) ^ MARK, Relaxed);
    }

    /// Whether a save still needs its memory, so that it must not be freed.
    #[must_use]
    pub fn is_parked(self) -> bool {
        self.heat().load(Relaxed) & PARKED != 0
    }

    /// Says whether a save still needs its memory.
    pub fn set_parked(self, parked: bool) {
        let heat = self.heat().load(Relaxed) & !PARKED;
        self.heat().store(if parked { heat | PARKED } else { heat }, Relaxed);
    }

    /// Says in which queue it is.
    pub fn set_main(self, main: bool) {
        let heat = self.heat().load(Relaxed) & !MAIN;
        self.heat().store(if main { heat | MAIN } else { heat }, Relaxed);
    }

    /// Says that whoever took it out of its shard has let go of it, though it is parked. It has no neighbours any more.
    pub const fn set_left(self) {
        self.set_prev(LEFT);
    }

    /// Whether that was said.
    #[must_use]
    pub const fn has_left(self) -> bool {
        self.prev() == LEFT
    }

    fn flags(self) -> u8 {
        self.shape().load(Relaxed)
    }

    fn key_offset(self) -> usize {
        match self.flags() & (TIMED | SLIDING) {
            0 => HEADER,
            TIMED => TIMED_HEADER,
            _ => SLIDING_HEADER,
        }
    }

    fn key_end(self) -> usize {
        self.key_offset() + self.key_length()
    }

    fn tag_count(self) -> usize {
        let count: u8 = self.read(self.key_end() + TAG_COUNT);
        usize::from(count)
    }

    fn value_offset(self) -> usize {
        let more = if self.has_more() { TAGS + WORD * self.tag_count() } else { 0 };
        self.key_end() + more
    }
}
