//! The line that shows how far a run has come.

use super::{
    super::super::load::{Plan, Snapshot},
    units::{count, float, rate, time},
};
use std::time::Duration;

/// What a run does at this moment, in less than 80 columns: rate and p99 of the last whole second,
/// failures, requests in flight, and the time that is left.
pub fn load_live(plan: &Plan, snapshot: &Snapshot) -> String {
    let Snapshot { started, answered, failed, in_flight, connections, .. } = *snapshot;
    if started == 0 {
        let doing = if snapshot.elapsed < plan.warm_up { "warming up, " } else { "" };
        return format!("{doing}{} connections", count(connections));
    }
    let p99 = snapshot.p99.map_or("–".to_owned(), time);
    let answers = match snapshot.rate {
        0 if snapshot.p99.is_none() => format!("{} answered", count(answered)),
        per_second => rate(float(per_second)),
    };
    format!(
        "{answers}  p99 {p99}  {} failed  {} in flight  {}",
        count(failed),
        count(in_flight),
        left(plan, snapshot)
    )
}

/// How far the run has come, 0 to 1: by its time or by its requests, whichever ends it.
pub fn load_done(plan: &Plan, snapshot: &Snapshot) -> f64 {
    let elapsed = snapshot.elapsed.as_secs_f64();
    let by_time = elapsed / (elapsed + snapshot.left.as_secs_f64()).max(f64::MIN_POSITIVE);
    let by_requests = plan.requests.map_or(0.0, |limit| float(snapshot.started) / float(limit));
    by_time.max(by_requests).min(1.0)
}

/// The time until then, or the requests, if nothing tells how long they will take.
fn left(plan: &Plan, snapshot: &Snapshot) -> String {
    let to_come = plan.requests.map(|limit| limit.saturating_sub(snapshot.started));
    let until_closed = snapshot.left.as_secs_f64();
    let seconds = match (to_come, snapshot.rate) {
        (None, _) => until_closed,
        (Some(to_come), 0) => return format!("{} to come", count(to_come)),
        (Some(to_come), per_second) => until_closed.min(float(to_come) / float(per_second)),
    };
    format!("{} left", humantime::format_duration(Duration::from_secs_f64(seconds.ceil())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(requests: Option<u64>, snapshot: &Snapshot) -> String {
        let plan = Plan { requests, ..Plan::new(([127, 0, 0, 1], 80).into()) };
        load_live(&plan, snapshot)
    }

    #[test]
    fn the_line_says_how_far_a_run_has_come() {
        let snapshot = Snapshot { connections: 64, ..Snapshot::default() };
        assert_eq!(live(None, &snapshot), "64 connections");
        let snapshot = Snapshot {
            left: Duration::from_millis(62_100),
            started: 12_410,
            answered: 12_340,
            failed: 6,
            in_flight: 64,
            ..snapshot
        };
        assert_eq!(
            live(None, &snapshot),
            "12,340 answered  p99 –  6 failed  64 in flight  1m 3s left"
        );
        assert!(live(Some(20_000), &snapshot).ends_with("  7,590 to come"));
        let snapshot = Snapshot { rate: 12_345, p99: Some(1_250_000), ..snapshot };
        assert_eq!(
            live(None, &snapshot),
            "12,345/s  p99 1.25 ms  6 failed  64 in flight  1m 3s left"
        );
        assert!(live(Some(20_000), &snapshot).ends_with("  1s left"));
    }

    #[test]
    fn a_run_ends_by_its_time_or_by_its_requests() {
        let done = |requests, started| {
            let plan = Plan { requests, ..Plan::new(([127, 0, 0, 1], 80).into()) };
            let (elapsed, left) = (Duration::from_secs(1), Duration::from_secs(3));
            load_done(&plan, &Snapshot { elapsed, left, started, ..Snapshot::default() })
        };
        assert!((done(None, 70) - 0.25).abs() < 1e-9);
        assert!((done(Some(100), 70) - 0.7).abs() < 1e-9);
        assert!((done(Some(100), 200) - 1.0).abs() < 1e-9);
        assert!(load_done(&Plan::new(([127, 0, 0, 1], 80).into()), &Snapshot::default()) < 1e-9);
    }
}
