//! Blocked turns of all loops of the process, those in progress included: a ring that any thread can read.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;

use crate::v8::stack::Frame;

/// Blocks that are kept.
pub const KEPT: usize = 128;

/// What is known of where a block happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stack {
    /// There is none, for this reason.
    Missing(&'static str),
    /// It was asked for and has not come.
    Awaited,
    /// It was asked for and did not come in time: the thread is in a native call, where no interrupt runs.
    InNative,
    /// Innermost frame first.
    Captured(Arc<[Frame]>),
    /// Taken when a native call had returned: innermost frame first.
    AfterNative(Arc<[Frame]>),
}

/// One turn that reached the threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Unique in the process, from 1.
    pub id: u64,
    /// Node's number of the thread; 0 is the main thread.
    pub thread: u32,
    /// When it began, on our monotonic clock, in nanoseconds.
    pub start: u64,
    /// How long it lasted or has lasted so far, in nanoseconds.
    pub busy: u64,
    /// How much of it was garbage collection, in nanoseconds.
    pub gc: u64,
    /// Whether it is over.
    pub ended: bool,
    /// Where.
    pub stack: Stack,
}

/// A ring of blocks.
#[derive(Debug)]
pub struct Blocks {
    ring: VecDeque<Block>,
    last_id: u64,
}

/// Those of this process.
pub static BLOCKS: Mutex<Blocks> = Mutex::new(Blocks::new());

impl Blocks {
    /// None so far.
    #[must_use]
    pub const fn new() -> Self {
        Self { ring: VecDeque::new(), last_id: 0 }
    }

    /// Takes a block in, whatever its `id`; returns the one it gets. The oldest goes when the ring is full.
    pub fn add(&mut self, block: Block) -> u64 {
        if self.ring.len() == KEPT {
            self.ring.pop_front();
        }
        self.last_id += 1;
        self.ring.push_back(Block { id: self.last_id, ..block });
        self.last_id
    }

    /// A block that may change; `None` if it has left the ring.
    pub fn find(&mut self, id: u64) -> Option<&mut Block> {
        // Those in progress are among the newest.
        self.ring.iter_mut().rev().find(|block| block.id == id)
    }

    /// The stack that was asked for has come. It is refused if the block is over: it would show what came after.
    pub fn captured(&mut self, id: u64, frames: Vec<Frame>) {
        let Some(block) = self.find(id).filter(|block| !block.ended) else { return };
        block.stack = match block.stack {
            Stack::Awaited => Stack::Captured(frames.into()),
            Stack::InNative => Stack::AfterNative(frames.into()),
            _ => return,
        };
    }

    /// The stack that was asked for will not come, for this reason.
    pub fn refused(&mut self, id: u64, reason: &'static str) {
        if let Some(block) = self.find(id).filter(|block| block.stack == Stack::Awaited) {
            block.stack = Stack::Missing(reason);
        }
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Block> {
        self.ring.iter()
    }
}

impl Default for Blocks {
    fn default() -> Self {
        Self::new()
    }
}
