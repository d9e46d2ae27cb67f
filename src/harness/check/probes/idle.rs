//! What does a client cost that says nothing?

use nix::{
    errno::Errno,
    sys::resource::{Resource, getrlimit, setrlimit},
};

use super::super::{
    bench::{Bench, Trouble},
    client::{Client, PATIENCE},
    finding::{Finding, Judged},
    model::Kind,
};

/// Descriptors of the server, and of this process, that are no clients.
const OTHERS: usize = 240;

pub(in super::super) fn thousand(bench: &Bench<'_>) -> Judged {
    probe(bench, 1_000, "1,000")
}

pub(in super::super) fn ten_thousand(bench: &Bench<'_>) -> Judged {
    let kind = bench.model()?.kind;
    if matches!(kind, Kind::ForkPerConnection | Kind::ThreadPerConnection) {
        return Ok(Finding::not_applicable(format!(
            "{kind}: ten thousand of them are not asked of a machine"
        )));
    }
    probe(bench, 10_000, "10,000")
}

fn probe(bench: &Bench<'_>, clients: usize, in_words: &str) -> Judged {
    if bench.model()?.kind == Kind::Iterative {
        return Ok(Finding::fail("one silent client, and nobody else is served (concurrent)")
            .hinting("First serve several clients at once: see the probe `concurrent`."));
    }
    let descriptors = (clients + OTHERS) as u64;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)
        .map_err(|errno| Finding::unknown(format!("getrlimit: {}", errno.desc())))?;
    if hard < descriptors {
        return Err(Finding::unknown(format!(
            "`ulimit -Hn` is {hard}, and {descriptors} descriptors are needed"
        )));
    }
    let _raised = Raised::to(soft.max(descriptors))?;
    let server = bench.start_with(|launch| launch.descriptor_limit(descriptors.max(soft)))?;
    server.ask().map(drop).map_err(|trouble| server.broken(trouble))?;
    server.settle();
    // Without the pages of files: how much of these is this server's depends on who else runs it.
    let before = server.tree().anonymous_pss();
    let mut held = server.connect_many(clients)?;
    if !bench.pump(&mut held, PATIENCE, Client::is_connected) {
        let count = held.iter().filter(|one| one.is_connected()).count();
        let said = format!("{count} of {in_words} silent clients got a connection");
        let trouble = Trouble { said, exchange: <_>::default() };
        return Err(server
            .broken(trouble)
            .because("those before them are not accepted")
            .hinting("Who gives each client a worker holds no more clients than it has workers."));
    }
    server.await_accepted(&mut held);
    let after = server.tree().anonymous_pss();
    server.ask().map(drop).map_err(|Trouble { said, exchange }| {
        let said = format!("{in_words} silent clients, and another one: {said}");
        server.broken(Trouble { said, exchange })
    })?;
    #[expect(clippy::cast_precision_loss, reason = "to a tenth of a KiB")]
    let each = before
        .zip(after)
        .map(|(before, after)| after.saturating_sub(before) as f64 / clients as f64 / 1024.0);
    let cost = each.map_or("? KiB".to_owned(), |each| format!("{each:.1} KiB"));
    Ok(Finding::pass(format!("{in_words} silent clients, {cost} each, others are served")))
}

/// The soft limit of this process's descriptors, higher until this is dropped: servers inherit it.
struct Raised {
    soft: u64,
    hard: u64,
}

impl Raised {
    fn to(limit: u64) -> Result<Self, Finding> {
        let failed =
            |errno: Errno| Finding::unknown(format!("raise RLIMIT_NOFILE: {}", errno.desc()));
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(failed)?;
        setrlimit(Resource::RLIMIT_NOFILE, limit, hard).map_err(failed)?;
        Ok(Self { soft, hard })
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        // What was allowed before is allowed again.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, self.soft, self.hard);
    }
}
