//! The class by which monitors and detectors keep the memory sampler running.

#![expect(clippy::missing_errors_doc, reason = "index.d.ts documents the errors")]

use std::{cell::RefCell, rc::Rc};

use napi::Env;
use napi_derive::napi;

use super::sampler::{self, MemorySample};
use crate::{
    error::{CodedError, ErrorCode, coded},
    shared::{env_hook::EnvHook, service::Guard},
};

/// Memory at one moment, in bytes.
#[napi(object, object_from_js = false)]
pub struct MemoryReading {
    /// Resident set of the process.
    pub rss: f64,
    /// What of it is the process's own, and no mapped file; absent where the system does not say.
    pub anonymous: Option<f64>,
    /// The machine's memory.
    pub total: f64,
    /// What of it could be had without swapping.
    pub available: f64,
    /// The tightest control-group limit over the process; absent where there is none.
    pub cgroup_limit: Option<f64>,
    /// What the limited group uses, without file pages that can be dropped at once.
    pub cgroup_used: Option<f64>,
    /// Share of the last ten seconds, 0 to 1, in which the machine stood still for want of memory; absent where the system
    /// does not say.
    pub pressure: Option<f64>,
}

impl From<MemorySample> for MemoryReading {
    fn from(sample: MemorySample) -> Self {
        Self {
            rss: sample.rss as f64,
            anonymous: sample.anonymous.map(|bytes| bytes as f64),
            total: sample.total as f64,
            available: sample.available as f64,
            cgroup_limit: sample.cgroup.map(|cgroup| cgroup.limit as f64),
            cgroup_used: sample.cgroup.map(|cgroup| cgroup.used as f64),
            pressure: sample.pressure,
        }
    }
}

/// Keeps the process's memory sampler running for one environment.
#[napi]
pub struct MemorySampler {
    guard: Rc<RefCell<Option<Guard>>>,
    _hook: EnvHook,
}

#[napi]
impl MemorySampler {
    /// Starts sampling, once a second, for as long as any environment wants it.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env) -> Result<Self, CodedError> {
        let guard = sampler::acquire().map_err(|error| coded(ErrorCode::Unsupported, error))?;
        let guard = Rc::new(RefCell::new(Some(guard)));
        let for_hook = Rc::clone(&guard);
        let hook = EnvHook::new(&env, move || drop(for_hook.take()))
            .map_err(|error| coded(ErrorCode::Unsupported, error))?;
        Ok(Self { guard, _hook: hook })
    }

    /// The newest sample; null until there is one.
    #[napi(catch_unwind)]
    pub fn latest(&self) -> Option<MemoryReading> {
        sampler::latest().map(MemoryReading::from)
    }

    /// Wants no more samples. Doing it twice does no harm.
    #[napi(catch_unwind)]
    pub fn stop(&self) {
        drop(self.guard.take());
    }
}
