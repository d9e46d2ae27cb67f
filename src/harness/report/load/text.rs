//! A run on a page: what a person reads at a glance, and no line over 80 columns.

use super::{
    super::{
        super::load::{Arrivals, Pace, Plan, Reuse, Slow, SlowAt, Work},
        ink::Ink,
    },
    LoadRun, lines,
    page::{counted, wrapped},
    tables,
    units::{bytes, duration, float, rate, time},
    verdict::{Concern, concern},
    warnings::warnings,
};
use hdrhistogram::Histogram;
use std::fmt::Write;

/// How much longer response than service time must be to be worth a word, in nanoseconds.
const WORTH_A_WORD: u64 = 1_000_000;

/// The run as a person reads it. The first lines say so if the figures are the generator's own or
/// those of errors, or if the run was cut short.
pub fn load_text(run: &LoadRun<'_>, has_colours: bool) -> String {
    let LoadRun { plan, outcome, .. } = *run;
    let ink = Ink::new(has_colours);
    let mut text = warned(run, ink);
    text.push_str(&title(run));
    text.push('\n');
    text.push_str(&lines::requests(outcome, ink));
    text.push_str(&lines::rates(plan, outcome));
    text.push_str(&lines::generator(outcome));
    outcome.idle.iter().for_each(|held| text.push_str(&lines::idle(held)));
    text.push_str(&lines::limits(&outcome.limits));
    if let Pace::Ramp { .. } = plan.pace {
        text.push('\n');
        text.push_str(&tables::ramp(run));
    }
    if !outcome.response.is_empty() || !outcome.connect.is_empty() {
        text.push('\n');
        text.push_str(&tables::times(plan, outcome));
    }
    if !outcome.response.is_empty() {
        text.push('\n');
        text.push_str(&tables::histogram(&outcome.response));
    }
    if outcome.seconds.len() > 2 {
        text.push('\n');
        text.push_str(&tables::seconds(outcome));
    }
    text.push_str(&notes(run));
    text
}

/// What to know before the first figure is read, with an empty line behind it.
fn warned(run: &LoadRun<'_>, ink: Ink) -> String {
    let warnings = warnings(run);
    let lines: String = warnings.iter().map(|one| wrapped(one.split(' '), " ", 0)).collect();
    if lines.is_empty() { lines } else { ink.warning(&lines) + "\n" }
}

/// What was loaded, and how.
fn title(run: &LoadRun<'_>) -> String {
    let LoadRun { url, plan, outcome, .. } = *run;
    let mut text = url.to_owned();
    let addresses: Vec<_> = plan.targets.iter().map(ToString::to_string).collect();
    if !addresses.iter().all(|address| url.contains(address)) {
        write!(text, " ({})", addresses.join(", ")).ok();
    }
    text.push('\n');
    let mut said = vec![pace(plan), asked(&plan.work)];
    said.push(match plan.reuse {
        Reuse::KeepAlive => "keep-alive".to_owned(),
        Reuse::PerRequest => "a connection per request".to_owned(),
    });
    if plan.idle.is_none() {
        said.push(counted(plan.connections as u64, "client"));
    }
    if plan.pipeline > 1 {
        said.push(format!("up to {} requests at a time on each connection", plan.pipeline));
    }
    if let Some(Slow { bytes_per_second, at }) = plan.slow {
        let verb = match at {
            SlowAt::Sending => "send",
            SlowAt::Reading => "read",
        };
        said.push(format!("which {verb} {}/s", bytes(float(bytes_per_second))));
    }
    if plan.spin {
        said.push("spinning".to_owned());
    }
    if !plan.warm_up.is_zero() {
        said.push(format!("warm-up {}", duration(plan.warm_up)));
    }
    said.push(format!("counted {}", duration(outcome.elapsed)));
    text.push_str(&wrapped(said.iter().filter(|part| !part.is_empty()), ", ", 0));
    text
}

fn pace(plan: &Plan) -> String {
    let arrivals = match plan.pace.arrivals() {
        Some(Arrivals::Poisson) => "Poisson",
        Some(Arrivals::Constant) | None => "constant",
    };
    match (&plan.pace, plan.idle, plan.pace.rates()) {
        (_, Some(idle), _) => {
            let held = counted(plan.connections as u64, "connection");
            format!("{held} held, asked {} in all", rate(idle.rate))
        }
        (Pace::Ramp { .. }, None, [first, .., last]) => format!(
            "open loop from {} to {} in {} steps ({arrivals})",
            rate(*first),
            rate(*last),
            plan.pace.rates().len()
        ),
        (_, None, [steady, ..]) => format!("open loop at {} ({arrivals})", rate(*steady)),
        (_, None, []) => "closed loop".to_owned(),
    }
}

/// The requests, if they are not one GET, which the URL shows.
fn asked(work: &Work) -> String {
    match work {
        Work::Raw(content) => format!("{} as they are", counted(content.len() as u64, "byte")),
        Work::Mix(mix) => match &mix[..] {
            [one] if one.request.body.is_empty() && one.request.method == "GET" => String::new(),
            [one] if one.request.body.is_empty() => one.request.method.clone(),
            [one] => {
                format!(
                    "{} with {}",
                    one.request.method,
                    bytes(float(one.request.body.len() as u64))
                )
            }
            many => format!("a mix of {} requests", many.len()),
        },
    }
}

/// What the figures do not say by themselves.
fn notes(run: &LoadRun<'_>) -> String {
    let LoadRun { plan, outcome, .. } = *run;
    // Where the generator was late, its users waited for nobody else.
    let is_own = concern(run).is_some_and(Concern::is_of_generator);
    let mut notes = Vec::new();
    let p99 = |times: &Histogram<u64>| times.value_at_quantile(0.99);
    let (response, service) = (p99(&outcome.response), p99(&outcome.service));
    if plan.pace == Pace::Closed && plan.idle.is_none() {
        notes.push(
            "A closed loop: while the server stalls nobody asks, and the times of those who would \
             have come are missing (coordinated omission). --rate counts them."
                .to_owned(),
        );
    } else if !is_own && response > 2 * service && response - service > WORTH_A_WORD {
        notes.push(format!(
            "Requests waited before they could be sent, as users would have: p99 is {} from the \
             schedule, and {} from the send, which leaves that wait out.",
            time(response),
            time(service)
        ));
    }
    if cfg!(debug_assertions) {
        notes.push(
            "This is a debug build; `cargo run --release -- load` takes less of the CPU."
                .to_owned(),
        );
    }
    let text: String = notes.iter().map(|note| wrapped(note.split(' '), " ", 0)).collect();
    if text.is_empty() { text } else { format!("\n{text}") }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            super::super::load::{Held, Idle, Limit, Limited, Outcome},
            made::{MS, US, outcome, plan, run, step, times},
        },
        *,
    };
    use std::{collections::BTreeMap, time::Duration};

    /// The page without the word about a debug build, which depends on how this was built.
    fn page(run: &LoadRun<'_>) -> String {
        let text = load_text(run, false);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        text.lines()
            .filter(|line| !line.contains("debug build"))
            .fold(String::new(), |all, line| all + line + "\n")
    }

    #[test]
    fn a_closed_loop_is_a_page() {
        let (plan, outcome) = (plan(), outcome());
        assert_eq!(
            page(&run(&plan, &outcome)),
            "\
http://127.0.0.1:8888/
closed loop, keep-alive, 10 clients, counted 4.00 s

requests   4,000 started = 4,000 answered + 0 failed + 0 in flight
           4,000  answered 2xx
rate       1,000/s answered
traffic    100 KiB/s received, 50.0 KiB/s sent, 10 connections opened
generator  1 thread, busy 10 % of the time

                     p50       p90       p99     p99.9       max  counted from
response time    1.00 ms   1.00 ms   2.00 ms   2.00 ms   2.00 ms  actual start
service time     1.00 ms   1.00 ms   2.00 ms   2.00 ms   2.00 ms  the send
first byte       1.00 ms   1.00 ms   2.00 ms   2.00 ms   2.00 ms  the send
connect          50.0 µs   50.0 µs   50.0 µs   50.0 µs   50.0 µs  connect(2)

response time, up to
      1 ms  3,600    90 %  ███████████████████████████████████████████████████
    1.2 ms      0     0 %
    1.5 ms      0     0 %
      2 ms    400    10 %  █████▋

answers    ████  1,000/s to 1,000/s

A closed loop: while the server stalls nobody asks, and the times of those who
would have come are missing (coordinated omission). --rate counts them.
"
        );
    }

    #[test]
    fn every_class_that_has_any_has_its_line() {
        let (plan, mut outcome) = (plan(), outcome());
        (outcome.started, outcome.taken_up) = (1_000_055, 1_000_055);
        outcome.account.answered = [0, 1_000_000, 3, 4, 5];
        outcome.account.refused = 6;
        outcome.account.timed_out_waiting = 7;
        outcome.account.other = BTreeMap::from([(101, 8)]);
        outcome.account.errors = BTreeMap::from([(101, 8), (111, 6)]);
        outcome.account.in_flight = 22;
        outcome.surplus = 2;
        let text = page(&run(&plan, &outcome));
        let wanted = "\
requests   1,000,055 started = 1,000,012 answered + 21 failed + 22 in flight
           1,000,000  answered 2xx
                   3  answered 3xx
                   4  answered 4xx
                   5  answered 5xx
                   6  refused: nobody listened
                   7  timed out waiting for the first byte
                   8  ENETUNREACH: network is unreachable
                  22  in flight when the run ended
errors     8 ENETUNREACH, 6 ECONNREFUSED
surplus    2 answers had bytes behind their end
";
        assert!(text.contains(wanted), "{text}");
    }

    #[test]
    fn connections_from_before_the_window_are_kept_ones() {
        let (plan, mut outcome) = (plan(), outcome());
        let traffic = |outcome: &Outcome| {
            let text = page(&run(&plan, outcome));
            let line = text.lines().find(|line| line.starts_with("traffic")).unwrap_or_default();
            line.rsplit("/s sent, ").next().unwrap_or_default().to_owned()
        };
        outcome.connections_held = 10;
        assert_eq!(traffic(&outcome), "10 connections kept, 10 opened");
        outcome.connections_opened = 0;
        assert_eq!(traffic(&outcome), "10 connections kept");
        outcome.connections_held = 0;
        assert_eq!(traffic(&outcome), "0 connections opened");
    }

    #[test]
    fn requests_that_had_no_connection_are_told_from_those_that_had() {
        let (mut plan, mut outcome) = (plan(), outcome());
        plan.pace = Pace::Open { rate: 1000.0, arrivals: Arrivals::Constant };
        (outcome.taken_up, outcome.account.in_flight) = (3990, 20);
        outcome.account.answered[1] = 3980;
        let text = page(&run(&plan, &outcome));
        let wanted = "   20  in flight at the end, 10 had no connection yet\n";
        assert!(text.contains(wanted), "{text}");
        outcome.taken_up = 4000;
        assert!(page(&run(&plan, &outcome)).contains("20  in flight when the run ended\n"));
    }

    #[test]
    fn warnings_and_failures_alone_have_a_colour() {
        let (plan, mut outcome) = (plan(), outcome());
        assert!(!load_text(&run(&plan, &outcome), true).contains('\u{1b}'));
        outcome.account.answered = [0, 0, 0, 4000, 0];
        let text = load_text(&run(&plan, &outcome), true);
        let coloured: Vec<_> = text.lines().filter(|line| line.contains('\u{1b}')).collect();
        let [warning, class] = coloured[..] else { panic!("{coloured:?}") };
        assert!(warning.contains("All 4,000 answers were errors"), "{warning:?}");
        assert!(class.contains("4,000  answered 4xx"), "{class:?}");
        let plain = load_text(&run(&plan, &outcome), false);
        assert!(coloured.iter().all(|line| line.ends_with("\u{1b}[0m")), "{coloured:?}");
        assert!(!plain.contains('\u{1b}') && plain.contains("All 4,000 answers"), "{plain}");
    }

    #[test]
    fn the_first_line_says_whose_figures_they_are() {
        let (mut plan, mut outcome) = (plan(), outcome());
        outcome.own_cpu = Duration::from_millis(3900);
        let text = page(&run(&plan, &outcome));
        let wanted = "\
The generator was at its limit, busy 98 % of its time: the figures are its own
rather than the server's. More --threads may help.

http://";
        assert!(text.starts_with(wanted), "{text}");
        // Spinning is no work, and a thread that shares its core has but a part of it.
        outcome.spun = Duration::from_millis(3800);
        assert!(page(&run(&plan, &outcome)).starts_with("http://"));
        (outcome.spun, outcome.threads) = (Duration::ZERO, 4);
        outcome.own_cpu = Duration::from_millis(7800);
        let text = page(&run(&plan, &outcome));
        assert!(text.starts_with("The generator was at its limit, busy 98 %"), "{text}");
        assert!(!text.contains("--threads"), "{text}");

        let mut outcome = super::super::made::outcome();
        plan.pace = Pace::Open { rate: 1000.0, arrivals: Arrivals::Poisson };
        outcome.lag = times(&[(30 * US, 3900), (3 * MS, 100)]);
        (outcome.steps, outcome.rate_asked) = (vec![step(4000, MS)], Some(1000.0));
        (outcome.taken_up, outcome.account.in_flight) = (3500, 500);
        outcome.account.answered[1] = 3500;
        let text = page(&LoadRun { interrupted: true, ..run(&plan, &outcome) });
        let wanted = "\
The generator fell behind its schedule: it turned to one request in a hundred
3.00 ms late or more, and kept 875/s of 1,000/s. Response times include that.
Interrupted: these are the figures of the first 4.00 s.

http://127.0.0.1:8888/
open loop at 1,000/s (Poisson), keep-alive, 10 clients, counted 4.00 s
";
        assert!(text.starts_with(wanted), "{text}");
        assert!(text.contains("rate       1,000/s asked, 875/s kept, 875/s answered\n"), "{text}");
        assert!(text.contains("; p99 of its lag 3.00 ms\n"), "{text}");
        outcome.lag = times(&[(30 * US, 4000)]);
        let wanted = "\
The rate was not kept: 12 % of the requests found no connection free; the server
was at work on all 10. More --connections help if it can do more at a time.

http://";
        assert!(page(&run(&plan, &outcome)).starts_with(wanted));
    }

    #[test]
    fn a_wait_that_service_time_leaves_out_is_pointed_out() {
        let (mut plan, mut outcome) = (plan(), outcome());
        plan.pace = Pace::Open { rate: 1000.0, arrivals: Arrivals::Constant };
        let note = "Requests waited before they could be sent";
        assert!(!page(&run(&plan, &outcome)).contains(note));
        outcome.response = times(&[(MS, 3600), (900 * MS, 400)]);
        let text = page(&run(&plan, &outcome));
        assert!(text.contains(note) && text.contains("p99 is 900 ms"), "{text}");
        outcome.lag = times(&[(900 * MS, 4000)]);
        assert!(!page(&run(&plan, &outcome)).contains(note));
    }

    #[test]
    fn a_ramp_has_a_table_and_a_knee() {
        let (mut plan, mut outcome) = (plan(), outcome());
        plan.pace = Pace::Ramp { rates: vec![100.0, 200.0, 300.0], arrivals: Arrivals::Constant };
        outcome.steps = vec![step(100, MS), step(200, 2 * MS), step(300, 400 * MS)];
        let text = page(&run(&plan, &outcome));
        let wanted = "\
 asked  kept answered failed waiting     p50     p99     max
100/s 100/s    100/s      0       0 1.00 ms 1.00 ms 1.00 ms
200/s 200/s    200/s      0       0 2.00 ms 2.00 ms 2.00 ms
300/s 300/s    300/s      0       0  400 ms  400 ms  400 ms

knee       at 200/s, the last step that held. A step holds if 99 % of its
           requests are answered and its p99 is at most 10.0 ms: ten times that
           of the first step, or 10 ms.
";
        assert!(text.contains(wanted), "{text}");
        outcome.lag = times(&[(600 * MS, 600)]);
        let text = page(&run(&plan, &outcome));
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("or 10 ms. Here it may be the generator's own."), "{text}");
        outcome.lag = times(&[]);
        outcome.steps.truncate(2);
        assert!(
            page(&run(&plan, &outcome)).contains("knee       not up to 200/s: all steps held.")
        );
        outcome.steps[0].answered = 90;
        assert!(page(&run(&plan, &outcome)).contains("knee       below 100/s: the first step"));
    }

    #[test]
    fn held_connections_and_limits_have_their_lines() {
        let (mut plan, mut outcome) = (plan(), outcome());
        (plan.idle, plan.connections) = (Some(Idle { rate: 10.0 }), 50_000);
        outcome.idle = Some(Held {
            wanted: 50_000,
            opened: 20_000,
            failed: BTreeMap::from([(99, 30_000)]),
            lost: 1,
            set_up: Duration::from_millis(500),
            own_memory: Some(20_000 * 256),
        });
        outcome.limits = vec![Limit {
            what: Limited::Ports,
            has: Some(28_232),
            needs: 50_000,
            command: "sysctl -w net.ipv4.ip_local_port_range='1024 65535'".to_owned(),
        }];
        let text = page(&run(&plan, &outcome));
        let wanted = "\
held       20,000 of 50,000 connections, set up in 500 ms (40,000/s), 1 lost
           not opened: 30,000 EADDRNOTAVAIL
memory     256 B of the generator's own for each
limit      ephemeral ports of a source address: 28,232, but 50,000 are needed
           sysctl -w net.ipv4.ip_local_port_range='1024 65535'
";
        assert!(text.contains(wanted), "{text}");
        assert!(text.contains("\n50,000 connections held, asked 10/s in all, "), "{text}");
    }
}
