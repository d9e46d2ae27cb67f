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

/// Where ticks count the time, hard interrupts have less than one of so many parts of the processes':
/// next to no tick comes in one.
const NESTED: u32 = 10_000;

/// The processor time so far that is in no process's clock, and how many processors there are: the
/// rest is processes', the kernel's own, or kept from this machine by the one that it is a guest of
/// (`steal` in `proc_stat(5)`). `None` if `/proc` does not tell.
pub fn idle() -> Option<(Duration, usize)> {
    let KernelStats { total, cpu_time, .. } = KernelStats::current().ok()?;
    let irq = total.irq_duration().unwrap_or_default();
    let softirq = total.softirq_duration().unwrap_or_default();
    let iowait = total.iowait_duration().unwrap_or_default();
    let processes = total.user_duration() + total.nice_duration() + total.system_duration();
    // With IRQ_TIME_ACCOUNTING interrupts are taken from whom they interrupt, and are in nobody's clock.
    // Without it they stay there: the ticks that time is counted by find soft interrupts, but no hard
    // one, since a tick is one itself.
    let interrupts = if irq * NESTED > processes { irq + softirq } else { Duration::ZERO };
    // A sandbox may have a file of zeros.
    let is_told = !(processes + total.idle_duration()).is_zero();
    is_told.then(|| (total.idle_duration() + iowait + interrupts, cpu_time.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::time::{ClockId, clock_gettime};
    use std::{net::UdpSocket, time::Instant};

    #[test]
    fn the_machine_is_there() {
        let machine = Machine::now().unwrap();
        assert!(machine.processors > 0 && machine.memory > 0, "{machine:?}");
        assert_eq!(idle().unwrap().1, machine.processors);
    }

    #[test]
    fn what_a_process_has_had_was_not_idle() {
        let own = || Duration::from(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap());
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(socket.local_addr().unwrap()).unwrap();
        let start = Instant::now();
        let ((idle_before, processors), own_before) = (idle().unwrap(), own());
        let had = || own().saturating_sub(own_before);
        // The kernel delivers packets in soft interrupts, in the time of who sends.
        while had() < Duration::from_millis(500) {
            socket.send(b"?").unwrap();
            socket.recv(&mut [0]).unwrap();
        }
        let (had, idle) = (had(), idle().unwrap().0.saturating_sub(idle_before));
        let processors = u32::try_from(processors).unwrap();
        let busy = (start.elapsed() * processors).saturating_sub(idle);
        // Its clock goes by hundredths of a second.
        assert!(busy + Duration::from_millis(20) * processors >= had, "{busy:?} for {had:?}");
    }
}
