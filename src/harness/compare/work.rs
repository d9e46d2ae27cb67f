//! The works: what the clients ask for, and how.

use super::super::load::Reuse;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A named plan, the same for all servers. Figures of two works are never in one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// A small answer on a connection of its own.
    Hello,
    /// A small answer on a connection that is kept.
    KeepAlive,
    /// An answer that waits for a back end.
    Wait,
    /// An answer that takes a processor.
    Burn,
    /// An answer that fills the socket's buffer many times.
    Large,
    /// Small answers, while others trickle their requests.
    Slow,
    /// Small answers, while others hold their connections and say nothing.
    Idle,
    /// Small answers, asked for on a schedule, up to more than the server can give.
    Overload,
}

/// One client of so many trickles its request.
const TENTH: usize = 10;

/// A turn is so long for each client that most of those have an answer whom a fast server serves.
const EACH: Duration = Duration::from_micros(200);

/// What the levels of a work count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Clients at once.
    Clients,
    /// Connections that are held.
    Held,
    /// Requests a second, in percent of what the server gives at most.
    Percent,
}

/// How thorough a comparison is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// A minute.
    #[default]
    Quick,
    /// All works at many levels, in as many turns as figures need that are to be cited.
    Full,
}

impl Work {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Hello,
        Self::KeepAlive,
        Self::Wait,
        Self::Burn,
        Self::Large,
        Self::Slow,
        Self::Idle,
        Self::Overload,
    ];

    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::KeepAlive => "keep-alive",
            Self::Wait => "wait",
            Self::Burn => "burn",
            Self::Large => "large",
            Self::Slow => "slow",
            Self::Idle => "idle",
            Self::Overload => "overload",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|work| work.name() == name)
    }

    /// What it is, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Hello => "a connection per request",
            Self::KeepAlive => "keep-alive",
            Self::Wait => "answers that wait 50 ms",
            Self::Burn => "answers that take 2 ms of CPU",
            Self::Large => "answers of 1 MB",
            Self::Slow => "a tenth of the clients trickle their requests",
            Self::Idle => "16 clients, beside connections that are held",
            Self::Overload => "an open loop",
        }
    }

    /// How many clients of a level are measured: the others trickle.
    pub fn measured(self, level: usize) -> usize {
        if self == Self::Slow { (level - self.trickling(level)).max(1) } else { level }
    }

    /// The same between the levels, where a curve goes.
    pub fn between(self, level: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "ten")]
        let tenth = level / TENTH as f64;
        if self == Self::Slow { (level - tenth.max(1.0)).max(1.0) } else { level }
    }

    /// How many clients of a level send a byte now and then: one of ten, but one at least.
    pub(super) fn trickling(self, level: usize) -> usize {
        if self == Self::Slow { level.div_ceil(TENTH) } else { 0 }
    }

    /// What is asked for.
    pub fn path(self) -> &'static str {
        match self {
            Self::Wait => "/sleep/50",
            Self::Burn => "/burn/2",
            Self::Large => "/bytes/1000000",
            _ => "/",
        }
    }

    /// How long an answer takes at least, and how many bytes it has at least, if it is what was asked
    /// for. Timers and clocks differ by a little.
    pub(super) fn least(self) -> (Duration, u64) {
        match self {
            Self::Wait => (Duration::from_millis(40), 0),
            Self::Burn => (Duration::from_millis(1), 0),
            Self::Large => (Duration::ZERO, 1_000_000),
            _ => (Duration::ZERO, 0),
        }
    }

    /// Whether a client keeps its connection; where the servers differ in that, only one of the
    /// works does.
    pub fn reuse(self) -> Reuse {
        if self == Self::KeepAlive { Reuse::KeepAlive } else { Reuse::PerRequest }
    }

    /// How long a turn of it counts, of which one of small answers to a few clients counts so long.
    pub fn turn(self, clients: usize, duration: Duration) -> Duration {
        (duration * self.stretch()).max(EACH * u32::try_from(clients).unwrap_or(u32::MAX))
    }

    /// How many times as long its turns are: answers that take their time are few.
    fn stretch(self) -> u32 {
        match self {
            Self::Wait => 4,
            Self::Burn | Self::Overload => 2,
            _ => 1,
        }
    }

    /// What its levels count.
    pub fn unit(self) -> Unit {
        match self {
            Self::Idle => Unit::Held,
            Self::Overload => Unit::Percent,
            _ => Unit::Clients,
        }
    }

    /// At how many clients, connections or percent it is done, if the user names none.
    pub fn levels(self, extent: Extent) -> &'static [usize] {
        match (self, extent) {
            // Of which a tenth is a client at least.
            (Self::Slow, Extent::Quick) => &[10, 100],
            (Self::Slow, Extent::Full) => &[10, 100, 1000],
            (Self::Idle, Extent::Quick) => &[1000],
            (Self::Idle, Extent::Full) => &[1000, 10_000],
            (Self::Overload, Extent::Quick) => &[50, 75, 100, 200],
            (Self::Overload, Extent::Full) => &[25, 50, 75, 90, 100, 125, 200],
            (_, Extent::Quick) => &[1, 16, 128],
            // A processor and a copy of bytes are full with a few clients.
            (Self::Burn | Self::Large, Extent::Full) => &[1, 4, 16, 64],
            (_, Extent::Full) => &[1, 4, 16, 64, 256, 1000],
        }
    }
}

impl Unit {
    /// A level in words: `16 clients`.
    pub fn level(self, level: usize) -> String {
        match self {
            Self::Clients if level == 1 => "1 client".to_owned(),
            Self::Clients => format!("{level} clients"),
            Self::Held => format!("{level} held"),
            Self::Percent => format!("{level} %"),
        }
    }
}

impl Extent {
    /// The works of it, if the user names none.
    pub fn works(self) -> &'static [Work] {
        match self {
            Self::Quick => &[Work::Hello, Work::KeepAlive],
            Self::Full => &Work::ALL,
        }
    }
}
