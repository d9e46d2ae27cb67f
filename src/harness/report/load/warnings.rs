//! What to know before the first figure is read.

use super::{
    super::super::load::Outcome,
    LoadRun,
    page::counted,
    units::{count, duration, percent, rate, time},
    verdict::{Concern, Unusual, concern, not_kept, unusual},
};

/// The warnings about a run, a few sentences each.
pub(super) fn warnings(run: &LoadRun<'_>) -> Vec<String> {
    let outcome = run.outcome;
    let mut warnings = Vec::new();
    if outcome.started == 0 && run.plan.requests.is_some() && !run.plan.warm_up.is_zero() {
        warnings.push("All requests went into the warm-up: -n counts those, too.".to_owned());
    }
    warnings.extend(unusual(outcome).map(|what| instead(what, outcome)));
    warnings.extend(concern(run).map(|concern| whose_figures(concern, run)));
    warnings.extend(not_kept(run).map(|again| {
        format!(
            "The server did not keep its connections: it closed {} behind an answer, so this is \
             the work of --per-request.",
            count(again)
        )
    }));
    if run.interrupted {
        let measured = duration(outcome.elapsed);
        warnings.push(format!("Interrupted: these are the figures of the first {measured}."));
    }
    warnings
}

fn instead(what: Unusual, outcome: &Outcome) -> String {
    let account = &outcome.account;
    let (answered, failed) = (account.answered_total(), account.failed());
    match what {
        Unusual::NoAnswer if failed > 0 => {
            format!("No request was answered: {} failed.", count(failed))
        }
        Unusual::NoAnswer => {
            format!("No request was answered in {}.", duration(outcome.elapsed))
        }
        Unusual::Failures => format!(
            "{} of {} failed: the times are those of the ones that were answered.",
            count(failed),
            counted(failed + answered, "request")
        ),
        Unusual::Errors => {
            let [.., client_error, server_error] = account.answered;
            let errors = client_error + server_error;
            let who = match answered {
                1 => "The only answer was an error".to_owned(),
                all if all == errors => format!("All {} answers were errors", count(all)),
                all => format!("{} of {} answers were errors", count(errors), count(all)),
            };
            let kinds = match (client_error, server_error) {
                (_, 0) => "4xx: is the URL right?".to_owned(),
                (0, _) => "5xx: the server failed.".to_owned(),
                (client, server) => format!("{} 4xx and {} 5xx.", count(client), count(server)),
            };
            format!("{who}, {kinds} The times are theirs.")
        }
    }
}

fn whose_figures(concern: Concern, run: &LoadRun<'_>) -> String {
    let LoadRun { plan, outcome, cores, .. } = *run;
    match concern {
        Concern::AtLimit(busy) => {
            let hint = if outcome.threads < cores { " More --threads may help." } else { "" };
            format!(
                "The generator was at its limit, busy {} of its time: the figures are its own \
                 rather than the server's.{hint}",
                percent(busy)
            )
        }
        Concern::Behind(lag) => format!(
            "The generator fell behind its schedule: it turned to one request in a hundred {} late \
             or more, and kept {} of {}. Response times include that.",
            time(lag),
            rate(outcome.rate_kept()),
            rate(outcome.rate_asked.unwrap_or_default())
        ),
        Concern::Late(lag) => format!(
            "The generator was late{}: it turned to one request in a hundred {} late or more, \
             beside a p99 of service time of {}. Response times include that.",
            // A ramp is not judged by that.
            if outcome.steps.len() < 2 { ", though it kept the rate" } else { "" },
            time(lag),
            time(outcome.service.value_at_quantile(0.99))
        ),
        Concern::NoneFree(part) => {
            let all = match plan.connections {
                1 => "the only one".to_owned(),
                many => format!("all {}", count(many as u64)),
            };
            let why = if plan.slow.is_some() {
                format!("slow clients were at work on {all}. More --connections are needed.")
            } else {
                format!(
                    "the server was at work on {all}. More --connections help if it can do more at \
                     a time."
                )
            };
            let part = percent(part);
            format!("The rate was not kept: {part} of the requests found no connection free; {why}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            super::super::load::{Reuse, Slow, SlowAt},
            made::{MS, US, outcome, plan, run, times},
        },
        *,
    };

    /// What is said of a run, if it is one thing at most.
    fn said(run: &LoadRun<'_>) -> String {
        let warnings = warnings(run);
        assert!(warnings.len() < 2, "{warnings:?}");
        warnings.into_iter().next().unwrap_or_default()
    }

    #[test]
    fn answers_that_are_errors_are_not_taken_for_the_work() {
        let (plan, mut outcome) = (plan(), outcome());
        for (answered, begins) in [
            ([0, 4000, 0, 0, 0], ""),
            ([0, 500, 0, 3500, 0], ""),
            ([0, 0, 0, 4000, 0], "All 4,000 answers were errors, 4xx: is the URL right?"),
            ([0, 100, 0, 0, 3900], "3,900 of 4,000 answers were errors, 5xx: the server failed."),
            ([0, 0, 0, 1, 0], "The only answer was an error, 4xx: is the URL right?"),
            ([0, 0, 0, 3000, 1000], "All 4,000 answers were errors, 3,000 4xx and 1,000 5xx."),
        ] {
            outcome.account.answered = answered;
            let said = said(&run(&plan, &outcome));
            assert!(said.starts_with(begins) && said.is_empty() == begins.is_empty(), "{said}");
        }
        outcome.account.answered = [0, 100, 0, 0, 0];
        outcome.account.reset = 3900;
        let failures = "3,900 of 4,000 requests failed: ";
        assert!(said(&run(&plan, &outcome)).starts_with(failures));
        outcome.account.answered = [0; 5];
        assert_eq!(said(&run(&plan, &outcome)), "No request was answered: 3,900 failed.");
        outcome.account.reset = 0;
        assert_eq!(said(&run(&plan, &outcome)), "No request was answered in 4.00 s.");
    }

    #[test]
    fn a_server_that_keeps_no_connection_is_noticed() {
        let (mut plan, mut outcome) = (plan(), outcome());
        outcome.connections_opened = 4000;
        let closed = "The server did not keep its connections: it closed 3,990 behind an answer";
        assert!(said(&run(&plan, &outcome)).starts_with(closed));
        // An open loop has opened the first ones before.
        (outcome.connections_opened, outcome.connections_held) = (3990, 10);
        assert!(said(&run(&plan, &outcome)).starts_with(closed));
        plan.reuse = Reuse::PerRequest;
        assert_eq!(said(&run(&plan, &outcome)), "");
        plan.reuse = Reuse::KeepAlive;
        // Now and then is no habit, and a failure is another story.
        outcome.connections_opened = 1000;
        assert_eq!(said(&run(&plan, &outcome)), "");
        (outcome.connections_opened, outcome.account.reset) = (4000, 3000);
        assert_eq!(said(&run(&plan, &outcome)), "");
    }

    #[test]
    fn a_lag_is_judged_beside_the_service_time() {
        let (plan, mut outcome) = (plan(), outcome());
        outcome.lag = times(&[(30 * US, 3900), (2 * MS, 100)]);
        let late = "The generator was late, though it kept the rate: it turned to one request in \
                    a hundred 2.00 ms late or more, beside a p99 of service time of 2.00 ms.";
        assert!(said(&run(&plan, &outcome)).starts_with(late));
        // A server that takes longer hides it, and in a few requests there is no hundredth.
        outcome.service = times(&[(5 * MS, 4000)]);
        assert_eq!(said(&run(&plan, &outcome)), "");
        outcome.service = times(&[(MS, 4000)]);
        outcome.lag = times(&[(2 * MS, 99)]);
        assert_eq!(said(&run(&plan, &outcome)), "");
        // As much as is usual is none.
        outcome.service = times(&[(100 * US, 4000)]);
        outcome.lag = times(&[(900 * US, 4000)]);
        assert_eq!(said(&run(&plan, &outcome)), "");
    }

    #[test]
    fn one_cause_is_named_and_the_generators_own_before_the_servers() {
        let (mut plan, mut outcome) = (plan(), outcome());
        (outcome.taken_up, outcome.account.in_flight) = (3000, 1000);
        outcome.account.answered[1] = 3000;
        outcome.rate_asked = Some(1000.0);
        assert!(said(&run(&plan, &outcome)).contains("the server was at work on all 10."));
        plan.slow = Some(Slow { bytes_per_second: 10, at: SlowAt::Sending });
        assert!(said(&run(&plan, &outcome)).contains("slow clients were at work on all 10."));
        outcome.lag = times(&[(3 * MS, 4000)]);
        assert!(said(&run(&plan, &outcome)).starts_with("The generator fell behind"));
        outcome.own_cpu = outcome.elapsed;
        assert!(said(&run(&plan, &outcome)).starts_with("The generator was at its limit"));
        assert!(!said(&run(&plan, &outcome)).contains("server was"));
    }
}
