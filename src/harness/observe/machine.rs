//! The machine as a whole.

use procfs::{CpuInfo, Current, CurrentSI, KernelStats, LoadAverage, Meminfo};
use serde::{Deserialize, Serialize};
use std::{fs, time::Duration};

/// What a figure must be read beside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processors' model, where the kernel names one.
    pub processor: Option<String>,
    /// How many processors are on line.
    pub processors: usize,
    /// How much memory there is, in bytes.
    pub memory: u64,
    /// The kernel's release, such as `6.18.5`.
    pub kernel: String,
    /// How many processes ran or waited to run, on average over the last minute (uptime(1)).
    pub load: f32,
}

impl Machine {
    /// This one, now; `None` if `/proc` does not tell.
    pub fn now() -> Option<Self> {
        let info = CpuInfo::current().ok()?;
        Some(Self {
            processor: info.model_name(0).map(str::to_owned),
            processors: info.num_cores(),
            memory: Meminfo::current().ok()?.mem_total,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").ok()?.trim().to_owned(),
            load: LoadAverage::current().ok()?.one,
        })
    }
}

/// The processor time that all processes of the machine have had so far, with what the machine that
/// this one is a guest of has kept from it (`steal` in `proc_stat(5)`); and how many processors
/// there are. `None` if `/proc` does not tell. Interrupts are not in it: with some kernels their time
/// is that of whom they interrupt too, with others it is nobody's.
pub fn busy() -> Option<(Duration, usize)> {
    let KernelStats { total, cpu_time, .. } = KernelStats::current().ok()?;
    // User time has guest time in it already.
    let parts = [
        total.user_duration(),
        total.nice_duration(),
        total.system_duration(),
        total.steal_duration().unwrap_or_default(),
    ];
    Some((parts.iter().sum(), cpu_time.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn the_machine_is_there_and_does_something() {
        let machine = Machine::now().unwrap();
        assert!(machine.processors > 0 && machine.memory > 0, "{machine:?}");
        let ((before, processors), start) = (busy().unwrap(), Instant::now());
        assert_eq!(processors, machine.processors);
        // Its clock goes by hundredths of a second.
        while busy().unwrap().0 == before {
            assert!(start.elapsed() < Duration::from_secs(120), "awaited in vain: its clock");
        }
    }
}
