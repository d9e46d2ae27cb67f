//! Which processors the servers run on, and which the load generator.

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

/// The processors of both, which have none in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Those of the server under load.
    pub server: Vec<usize>,
    /// Those of the load generator.
    pub generator: Vec<usize>,
}

impl Placement {
    /// Halves the processors that this program may use; `None` if that is one, or not known.
    pub fn find() -> Option<Self> {
        let mut server = members(&sched_getaffinity(Pid::from_raw(0)).ok()?);
        let generator = server.split_off(server.len().div_ceil(2));
        (!generator.is_empty()).then_some(Self { server, generator })
    }
}

fn members(set: &CpuSet) -> Vec<usize> {
    (0..CpuSet::count()).filter(|&one| set.is_set(one) == Ok(true)).collect()
}

/// The calling thread, kept to some processors until this is dropped, with all threads that it
/// starts meanwhile.
#[derive(Debug)]
pub(super) struct Kept {
    before: CpuSet,
}

impl Kept {
    /// To those of the generator; `None` where the kernel refuses.
    pub(super) fn to(placement: &Placement) -> Option<Self> {
        let before = sched_getaffinity(Pid::from_raw(0)).ok()?;
        let mut set = CpuSet::new();
        placement.generator.iter().try_for_each(|&one| set.set(one)).ok()?;
        sched_setaffinity(Pid::from_raw(0), &set).ok()?;
        Some(Self { before })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Where it came from was allowed.
        sched_setaffinity(Pid::from_raw(0), &self.before).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_shares_a_processor_and_all_is_as_before() {
        let before = sched_getaffinity(Pid::from_raw(0)).unwrap();
        let all = members(&before);
        let Some(placement) = Placement::find() else {
            assert_eq!(all.len(), 1);
            return;
        };
        assert_eq!([&placement.server[..], &placement.generator].concat(), all);
        let kept = Kept::to(&placement).unwrap();
        assert_eq!(members(&sched_getaffinity(Pid::from_raw(0)).unwrap()), placement.generator);
        drop(kept);
        assert_eq!(sched_getaffinity(Pid::from_raw(0)).unwrap(), before);
    }
}
