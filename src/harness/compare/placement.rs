//! Which processors the servers run on, and which the load generator.

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs};

/// The processors of both, which have none in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Those of the server under load.
    pub server: Vec<usize>,
    /// Those of the load generator.
    pub generator: Vec<usize>,
}

impl Placement {
    /// Halves the processors that this program may use, core by core: two of one core would take
    /// from each other. `None` if there is one core, or it is not known.
    pub fn find() -> Option<Self> {
        let processors = members(&sched_getaffinity(Pid::from_raw(0)).ok()?);
        let mut cores = BTreeMap::<_, Vec<_>>::new();
        for processor in processors {
            cores.entry(core(processor)).or_default().push(processor);
        }
        let half = cores.len().div_ceil(2);
        let [mut server, mut generator]: [Vec<_>; 2] = [0..half, half..cores.len()].map(|part| {
            cores.values().take(part.end).skip(part.start).flatten().copied().collect()
        });
        server.sort_unstable();
        generator.sort_unstable();
        (!generator.is_empty()).then_some(Self { server, generator })
    }
}

/// What the processors of a core have in common: the first of them, or a processor itself where the
/// kernel does not tell.
fn core(processor: usize) -> usize {
    let file = format!("/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list");
    let siblings = fs::read_to_string(file).unwrap_or_default();
    let first = siblings.split(|byte: char| !byte.is_ascii_digit()).next();
    first.and_then(|first| first.parse().ok()).unwrap_or(processor)
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
            assert!(all.iter().all(|&one| core(one) == core(all[0])), "{all:?}");
            return;
        };
        let mut both = [&placement.server[..], &placement.generator].concat();
        both.sort_unstable();
        assert_eq!(both, all);
        let cores = |part: &[usize]| part.iter().map(|&one| core(one)).collect::<Vec<_>>();
        let server = cores(&placement.server);
        assert!(cores(&placement.generator).iter().all(|one| !server.contains(one)));
        let kept = Kept::to(&placement).unwrap();
        assert_eq!(members(&sched_getaffinity(Pid::from_raw(0)).unwrap()), placement.generator);
        drop(kept);
        assert_eq!(sched_getaffinity(Pid::from_raw(0)).unwrap(), before);
    }
}
