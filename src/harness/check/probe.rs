//! The probes as data.

use std::fmt::{self, Debug, Display};

use super::{
    bench::Bench,
    finding::Judged,
    probes::{
        again, answers, backlog, descriptor_limit, descriptors, ends, graceful, idle, keep_alive,
        pipelining, process_limit, restart, rude, slow, slow_reader, worker_death, zombie_burst,
        zombie_one,
    },
};

/// A rung that probes show to be reached, in the order of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the rungs'")]
pub enum Milestone {
    Webserver1,
    Iterativeserver,
    Concurrentserver2,
    Concurrentserver,
    ConcurrentserverEintr,
    Concurrentserver3,
    ConcurrentserverFinal,
    Preforkserver,
    Threadserver,
    Epollserver,
    Arbiterserver,
}

impl Milestone {
    /// Where it stands on the ladder, and the name of its program.
    fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Webserver1 => ("0", "webserver1"),
            Self::Iterativeserver => ("1", "iterativeserver"),
            Self::Concurrentserver2 => ("3", "concurrentserver2"),
            Self::Concurrentserver => ("4", "concurrentserver"),
            Self::ConcurrentserverEintr => ("5", "concurrentserver_eintr"),
            Self::Concurrentserver3 => ("6", "concurrentserver3"),
            Self::ConcurrentserverFinal => ("7", "concurrentserver_final"),
            Self::Preforkserver => ("8", "preforkserver"),
            Self::Threadserver => ("9", "threadserver"),
            Self::Epollserver => ("13", "epollserver"),
            Self::Arbiterserver => ("G7", "arbiterserver"),
        }
    }

    /// Its place on the ladder: a number, or one with a G before it for a gateway rung.
    pub fn number(self) -> &'static str {
        self.row().0
    }

    /// The name of the rung's program.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The file of its lesson, from the project's root.
    pub fn lesson(self) -> String {
        let (number, name) = self.row();
        format!("lessons/{number:0>2}-{name}.md")
    }
}

impl Display for Milestone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, name) = self.row();
        write!(formatter, "rung {number}, {name}")
    }
}

/// One question that is put to a server.
pub struct Probe {
    /// What it is called on the command line.
    pub name: &'static str,
    /// The rung from which on the ladder passes it.
    pub milestone: Milestone,
    /// What is done, and what is expected.
    pub about: &'static str,
    /// What to think of when it failed, from a nudge to the solution.
    pub hints: &'static [&'static str],
    /// It takes many clients, one after another or at once, so that nothing can be told of a server
    /// that does not outlive the first one's child.
    pub(super) many: bool,
    pub(super) put: fn(&Bench<'_>) -> Judged,
}

impl Debug for Probe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Probe").field(&self.name).finish()
    }
}

/// All of them, in the order in which they are put.
pub const PROBES: &[Probe] = &[
    Probe {
        name: "answers",
        milestone: Milestone::Webserver1,
        about: "GET / gets an HTTP answer within 5 s",
        hints: &[
            "An answer begins with a status line, `HTTP/1.1 200 OK`, and an empty line ends its head.",
            "accept() gives a second socket: read from that one and write to it.",
            "curl -v http://127.0.0.1:PORT/ shows what a client makes of your bytes.",
        ],
        many: false,
        put: answers::probe,
    },
    Probe {
        name: "again",
        milestone: Milestone::Iterativeserver,
        about: "100 clients in a row are answered, with the same head but for dates",
        hints: &[
            "After one client comes the next: accept() belongs into the loop.",
            "Close the connected socket at the end of each turn, not the listening one.",
        ],
        many: false,
        put: again::probe,
    },
    Probe {
        name: "rude",
        milestone: Milestone::Iterativeserver,
        about: "a reset, a half-close, garbage, NUL bytes, a head of 1 MiB, a request byte by byte",
        hints: &[
            "One read() is not one request: TCP is a stream of bytes, cut anywhere.",
            "Read until the empty line that ends the head (CR LF CR LF), up to a limit.",
            rude::SURVIVE,
        ],
        many: true,
        put: rude::probe,
    },
    Probe {
        name: "backlog",
        milestone: Milestone::Iterativeserver,
        about: "512 connects at once while the server does not get to run: none waits, none is lost",
        hints: &[
            "The kernel keeps finished connections until accept() fetches them: so many as the \
             backlog says.",
            "listen(fd, 1024): the kernel cuts that to net.core.somaxconn.",
        ],
        many: true,
        put: backlog::probe,
    },
    Probe {
        name: "concurrent",
        milestone: Milestone::Concurrentserver2,
        about: "one client says nothing, 8 more are served in the reverse order of their arrival",
        hints: &[
            "While the server waits in read() for one client, who calls accept()?",
            "Give each connection to a child (fork), a thread, or wait for all at once (epoll).",
        ],
        many: false,
        put: |bench| Ok(bench.concurrent().clone()),
    },
    Probe {
        name: "slow-reader",
        milestone: Milestone::Concurrentserver2,
        about: "a large answer that nobody reads stops nobody else and is not kept in memory",
        hints: &[
            "write() takes what the socket's buffer holds; then it waits, or says EAGAIN.",
            "Make the next piece of an answer when the piece before is gone, not before.",
        ],
        many: true,
        put: slow_reader::probe,
    },
    Probe {
        name: "ends",
        milestone: Milestone::Concurrentserver,
        about: "the client learns where the answer ends: by its framing, or by the end of the stream",
        hints: &[
            "Which processes hold a copy of the connection? `rungs watch` shows them.",
            "fork() copies every descriptor. FIN is sent when the last copy is closed.",
            "The parent must close the connected socket that it gave to the child.",
        ],
        many: false,
        put: ends::probe,
    },
    Probe {
        name: "descriptors",
        milestone: Milestone::Concurrentserver,
        about: "after 200 connections as many descriptors are open as before",
        hints: &[
            "ls -l /proc/PID/fd, before and after.",
            "Every accept() needs its close(), in the parent too and on the way out of an error.",
        ],
        many: true,
        put: descriptors::probe,
    },
    Probe {
        name: "descriptor-limit",
        milestone: Milestone::Concurrentserver,
        about: "64 descriptors and 200 clients or more: it need not serve all, but must not spin or die",
        hints: &[
            "accept() fails with EMFILE and the client stays in the queue: trying again at once \
             fails again at once.",
            "Wait a little, or until a client leaves, and accept again.",
        ],
        many: true,
        put: descriptor_limit::probe,
    },
    Probe {
        name: "zombie-one",
        milestone: Milestone::ConcurrentserverEintr,
        about: "one connection leaves no zombie",
        hints: &[
            "A child that has ended stays in the table until its parent has asked how it ended.",
            "SIGCHLD tells the parent when: wait() then, in a handler or in the loop.",
        ],
        many: false,
        put: zombie_one::probe,
    },
    Probe {
        name: "survives-child",
        milestone: Milestone::Concurrentserver3,
        about: "the accept loop goes on after a child's death",
        hints: &[
            "What does accept() return when a signal handler has run meanwhile?",
            "EINTR is no error: go round the loop again.",
            "Python goes on after EINTR by itself, but not after an exception in the handler: no \
             child left is ChildProcessError there (ECHILD).",
        ],
        many: false,
        put: |bench| Ok(bench.survives_child().clone()),
    },
    Probe {
        name: "zombie-burst",
        milestone: Milestone::ConcurrentserverFinal,
        about: "128 children that end at once leave no zombie, five times",
        hints: &[
            "How many SIGCHLD does a process get whose 128 children end while it does not run?",
            "Signals of one kind do not queue: one may stand for many children.",
            "In the handler: while waitpid(-1, &status, WNOHANG) > 0.",
        ],
        many: true,
        put: zombie_burst::probe,
    },
    Probe {
        name: "worker-death",
        milestone: Milestone::Preforkserver,
        about: "one worker gets kill -9: the others serve, and it is replaced",
        hints: &[
            "The parent has nothing to do but to wait() for its workers: when one ends, fork another.",
        ],
        many: false,
        put: worker_death::probe,
    },
    Probe {
        name: "process-limit",
        milestone: Milestone::Threadserver,
        about: "room for 8 more processes or threads and 64 clients: it must not die of it",
        hints: &[
            "fork() and pthread_create() can fail (EAGAIN), and one day they do.",
            "Close that client's connection, or let it wait, and go on.",
        ],
        many: true,
        put: process_limit::probe,
    },
    Probe {
        name: "slow",
        milestone: Milestone::Threadserver,
        about: "64 clients send a byte now and then; another one is answered within a second",
        hints: &[
            "A worker that reads from a slow client does nothing else meanwhile.",
            "As many workers as clients (threads), or none that waits for a single one (epoll).",
        ],
        many: true,
        put: slow::probe,
    },
    Probe {
        name: "keep-alive",
        milestone: Milestone::Threadserver,
        about: "a second request on the same connection is answered",
        hints: &[
            "Without a Content-Length the end of the answer is the end of the connection.",
            keep_alive::READ_ON,
        ],
        many: false,
        put: keep_alive::probe,
    },
    Probe {
        name: "pipelining",
        milestone: Milestone::Threadserver,
        about: "three requests in one segment get three answers",
        hints: &["One read() may bring more than one request: keep what is behind the first."],
        many: false,
        put: pipelining::probe,
    },
    Probe {
        name: "idle-1k",
        milestone: Milestone::Threadserver,
        about: "1,000 connections say nothing; another client is served, and what one costs",
        hints: &[
            "What does your server keep for a client that says nothing: a process, a thread, a buffer?",
        ],
        many: true,
        put: idle::thousand,
    },
    Probe {
        name: "idle-10k",
        milestone: Milestone::Epollserver,
        about: "the same with 10,000",
        hints: &[
            "select() ends at descriptor 1023, and each poll() looks at all of them.",
            "epoll keeps the list in the kernel: a silent client costs nothing but its socket.",
        ],
        many: false,
        put: idle::ten_thousand,
    },
    Probe {
        name: "graceful",
        milestone: Milestone::Arbiterserver,
        about: "SIGTERM during a request: the answer comes, the port is free, nobody is left, in 10 s",
        hints: &[
            "The default action of SIGTERM ends a process where it stands, in mid-answer too.",
            "A handler that sets a flag: accept no more, finish what has begun, wait for the \
             children, and exit.",
            "accept() may go on after the handler (SA_RESTART; always in Python): have the handler \
             close the listening socket, or write to a pipe that is waited for too.",
        ],
        many: true,
        put: graceful::probe,
    },
    Probe {
        name: "restart",
        milestone: Milestone::Iterativeserver,
        about: "stopped with open connections, it can bind the same port again at once",
        hints: &[
            "The side that closes first keeps the connection in TIME-WAIT for a minute.",
            "SO_REUSEADDR on the listening socket, before bind().",
        ],
        many: false,
        put: restart::probe,
    },
];

impl Probe {
    /// The probe of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PROBES.iter().find(|probe| probe.name == name)
    }
}
