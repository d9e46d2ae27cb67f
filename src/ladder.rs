//! The ladder as data: one row a rung. Everything that lists, compares or describes rungs reads it
//! here.

use serde::Serialize;

/// One rung, a program in `src/bin/`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rung {
    /// Its place on the ladder.
    pub number: u8,
    /// The name of its program.
    pub name: &'static str,
    /// The rung whose program it changes.
    pub base: Option<&'static str>,
    /// What it adds to its base.
    pub idea: &'static str,
    /// What is still wrong, which a later rung mends.
    pub breaks: &'static str,
    /// Each connection leaves something behind for good, a descriptor or a zombie: whoever loads
    /// this server must bound the number of connections.
    pub accumulates: bool,
}

impl Rung {
    /// The file of its lesson, from the project's root.
    pub fn lesson(&self) -> String {
        format!("lessons/{:02}-{}.md", self.number, self.name)
    }

    /// The rung of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        LADDER.iter().find(|rung| rung.name == name)
    }
}

/// The lesson before the first rung's: what a server is.
pub const FIRST_LESSON: &str = "lessons/00-a-server.md";

/// The rungs that exist, from the ground up.
pub const LADDER: &[Rung] = &[
    Rung {
        number: 0,
        name: "webserver1",
        base: None,
        idea: "the shortest server that a browser accepts",
        breaks: "reads once, trusts everybody",
        accumulates: false,
    },
    Rung {
        number: 1,
        name: "iterativeserver",
        base: Some("webserver1"),
        idea: "socket, bind, listen, accept, answer, close",
        breaks: "one client at a time",
        accumulates: false,
    },
    Rung {
        number: 2,
        name: "sleepserver",
        base: Some("iterativeserver"),
        idea: "it answers, then blocks 60 s",
        breaks: "everyone waits behind one",
        accumulates: false,
    },
    Rung {
        number: 3,
        name: "concurrentserver2",
        base: Some("iterativeserver"),
        idea: "fork a child per connection, and forget to close",
        breaks: "curl never ends, descriptors run out, zombies",
        accumulates: true,
    },
    Rung {
        number: 4,
        name: "concurrentserver",
        base: Some("concurrentserver2"),
        idea: "close the duplicates on both sides",
        breaks: "zombies",
        accumulates: true,
    },
    Rung {
        number: 5,
        name: "concurrentserver_eintr",
        base: Some("concurrentserver"),
        idea: "a SIGCHLD handler that calls wait()",
        breaks: "the first dead child interrupts accept and kills the server",
        accumulates: true,
    },
    Rung {
        number: 6,
        name: "concurrentserver3",
        base: Some("concurrentserver_eintr"),
        idea: "retry accept on EINTR",
        breaks: "signals do not queue: a burst leaves zombies",
        accumulates: true,
    },
    Rung {
        number: 7,
        name: "concurrentserver_final",
        base: Some("concurrentserver3"),
        idea: "loop waitpid(-1, WNOHANG) until nobody is left",
        breaks: "a fork per request is dear",
        accumulates: false,
    },
    Rung {
        number: 8,
        name: "preforkserver",
        base: Some("iterativeserver"),
        idea: "N workers made once, all accepting on one socket",
        breaks: "a slow client pins a worker",
        accumulates: false,
    },
    Rung {
        number: 9,
        name: "threadserver",
        base: Some("iterativeserver"),
        idea: "a thread per connection, which stays open for more requests",
        breaks: "threads without bound",
        accumulates: false,
    },
    Rung {
        number: 13,
        name: "epollserver",
        base: Some("pollserver"),
        idea: "one thread, and the kernel keeps the list of who is waited for",
        breaks: "one core; a blocking handler stops everybody",
        accumulates: false,
    },
];

/// Rungs whose names are fixed and whose programs are not written yet.
pub const TO_COME: &[&str] = &[
    "threadpoolserver",
    "selectserver",
    "pollserver",
    "reuseportserver",
    "coroutineserver",
    "tokioserver",
    "uringserver",
];
