//! The class behind `lib/leak/attribution.js`: the sampling profiler of one environment, and what grows in it.

#![expect(
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    clippy::needless_pass_by_value,
    reason = "index.d.ts documents the errors; JavaScript knows no must_use; napi hands over owned arguments"
)]

use napi::Env;
use napi_derive::napi;

use super::sites::{GrowingSite, SiteKey, Sites};
use crate::{
    clock::core::now_ns,
    error::{CodedError, ErrorCode, coded},
    shared::env_hook::EnvHook,
    v8::{
        heapprofile,
        profiler::{Expected, HeapSampler, ReadError},
    },
};

/// A function by its place in the source.
#[napi(object, object_from_js = false)]
pub struct LeakFrame {
    /// Name of the function; empty for an anonymous one.
    pub function: String,
    /// Path, URL or `node:` name of the script.
    pub script: String,
    /// Line where the function begins, from 1; 0 when not known.
    pub line: i32,
    /// Column, likewise.
    pub column: i32,
}

impl From<&SiteKey> for LeakFrame {
    fn from(key: &SiteKey) -> Self {
        Self {
            function: key.function.to_string(),
            script: key.script.to_string(),
            line: key.line,
            column: key.column,
        }
    }
}

/// A site whose survivors grow.
#[napi(object, object_from_js = false)]
pub struct LeakSiteFound {
    /// The place in the source.
    pub site: LeakFrame,
    /// The call path of most of it, innermost first.
    pub stack: Vec<LeakFrame>,
    /// Bytes per hour.
    pub bytes_per_hour: f64,
    /// Bytes per unit of work; NaN where not known.
    pub bytes_per_work: f64,
    /// Bytes that survive now.
    pub live_bytes: f64,
    /// Sampled survivors that came.
    pub births: f64,
    /// Sampled survivors that went.
    pub deaths: f64,
    /// Corrected for the number of sites.
    pub p_value: f64,
}

impl From<GrowingSite> for LeakSiteFound {
    fn from(found: GrowingSite) -> Self {
        Self {
            site: LeakFrame::from(&found.site),
            stack: found.stack.iter().map(LeakFrame::from).collect(),
            bytes_per_hour: found.bytes_per_second * 3600.0,
            bytes_per_work: found.bytes_per_work,
            live_bytes: found.live_bytes,
            births: found.births as f64,
            deaths: found.deaths as f64,
            p_value: found.p_value,
        }
    }
}

/// Sampling and its evaluation.
#[napi]
pub struct LeakSites {
    sampler: Result<HeapSampler, &'static str>,
    sites: Sites,
    _hook: EnvHook,
}

#[napi]
impl LeakSites {
    /// Samples nothing yet.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env) -> Result<Self, CodedError> {
        // SAFETY: inside a Node-API call, as all methods are; the hook stops the sampler before the environment ends.
        let sampler = unsafe { HeapSampler::current(env.raw()) };
        let stopper = sampler.as_ref().ok().map(HeapSampler::stopper);
        let stop = move || {
            if let Some(stop) = stopper {
                stop();
            }
        };
        let hook =
            EnvHook::new(&env, stop).map_err(|error| coded(ErrorCode::Unsupported, error))?;
        Ok(Self { sampler, sites: Sites::default(), _hook: hook })
    }

    fn sampler(&mut self) -> Result<&mut HeapSampler, CodedError> {
        self.sampler.as_mut().map_err(|reason| coded(ErrorCode::Unsupported, *reason))
    }

    /// Starts the sampler; false when one runs already. Throws where there is no bridge.
    #[napi(catch_unwind)]
    pub fn start(&mut self, interval: u32, depth: u32) -> Result<bool, CodedError> {
        let depth = i32::try_from(depth).unwrap_or(i32::MAX);
        Ok(self.sampler()?.start(u64::from(interval), depth))
    }

    /// Stops the sampler if it was started here.
    #[napi(catch_unwind)]
    pub fn stop(&mut self) {
        if let Ok(sampler) = &self.sampler {
            sampler.stop();
        }
    }

    /// Whether some thread of this process has checked that profiles can be read.
    #[napi(catch_unwind)]
    pub fn is_checked(&self) -> bool {
        HeapSampler::is_checked()
    }

    /// Checks that profiles can be read, on one that must hold what a function has just allocated, called by another one of
    /// the same script. False when it does not.
    #[napi(catch_unwind)]
    pub fn check(
        &mut self,
        name: String,
        caller: String,
        script: String,
        line: i32,
        least: f64,
        most: f64,
    ) -> Result<bool, CodedError> {
        let expected = Expected {
            function: &name,
            caller: &caller,
            script: &script,
            line,
            bytes: (least, most),
        };
        match self.sampler()?.check(&expected) {
            Ok(right) => Ok(right),
            Err(ReadError::Strange) => Ok(false),
            Err(error) => Err(unreadable(error)),
        }
    }

    /// Takes a reading; `work` is what the program has done until now, in a unit that the caller keeps to, NaN where not known. A
    /// major collection must have ended since the one before. False when no sampler runs.
    #[napi(catch_unwind)]
    pub fn take(&mut self, work: f64) -> Result<bool, CodedError> {
        match self.sampler()?.read() {
            Ok(profile) => {
                if profile.is_of_another {
                    self.sites = Sites::default();
                }
                self.sites.push(now_ns() as f64 / 1e9, work, &profile);
                Ok(true)
            }
            Err(ReadError::NotRunning) => Ok(false),
            Err(error) => Err(unreadable(error)),
        }
    }

    /// As `take`, of a profile that the inspector has read.
    #[napi(catch_unwind)]
    pub fn take_json(&mut self, text: String, work: f64) -> Result<(), CodedError> {
        let profile =
            heapprofile::from_json(&text).map_err(|error| coded(ErrorCode::Unsupported, error))?;
        self.sites.push(now_ns() as f64 / 1e9, work, &profile);
        Ok(())
    }

    /// The sites that grow, the fastest first. None while nothing was seen to die in somebody else's sampler: some of them keep
    /// what has died.
    #[napi(catch_unwind)]
    pub fn growing(&self, confidence: f64) -> Vec<LeakSiteFound> {
        let ours = self.sampler.as_ref().is_ok_and(HeapSampler::is_ours);
        if !ours && !self.sites.has_deaths() {
            return Vec::new();
        }
        self.sites.growing(confidence).into_iter().map(LeakSiteFound::from).collect()
    }

    /// The text of a `.heapprofile` file of what is alive now.
    #[napi(catch_unwind)]
    pub fn heapprofile(&mut self) -> Result<String, CodedError> {
        let profile = self.sampler()?.read().map_err(unreadable)?;
        heapprofile::to_json(&profile).ok_or_else(|| unreadable(ReadError::Strange))
    }

    /// Forgets all readings.
    #[napi(catch_unwind)]
    pub fn clear(&mut self) {
        self.sites = Sites::default();
    }
}

fn unreadable(error: ReadError) -> CodedError {
    coded(
        ErrorCode::Unsupported,
        match error {
            ReadError::NotRunning => "no sampling heap profiler runs",
            ReadError::Unchecked => "the heap profiler was not checked",
            ReadError::Busy => "the heap profile is being read",
            ReadError::Strange => "the heap profile has another form than expected",
        },
    )
}
