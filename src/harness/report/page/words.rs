//! Predictions in sentences.

use super::super::{
    super::compare::{Broke, Law, Leaving, Prediction, Unit, Why, Work},
    short,
};

/// What is predicted of a work's servers, and how.
pub(super) fn law(work: Work) -> &'static str {
    match work.unit() {
        Unit::Percent => {
            "The queue M/M/c: c at work at a time, as many as it keeps processors busy; requests come at random, \
             and each takes a random time (exponential: where all take the same they wait about half as \
             long); the capacity is what each turn measured before. What an answer takes alone is fitted at \
             half of it or below. At its capacity a queue grows without end, so the law says nothing of \
             the time from there on; answers are as many as come, up to the capacity. No p99 is predicted."
        }
        Unit::Clients | Unit::Held => {
            "The Universal Scalability Law, X(N) = λN / (1 + σ(N−1) + κN(N−1)): λ is what one client gets a \
             second, σ the share that goes one after another, κ what each client costs each other one. It \
             is fitted to the low levels; by Little's law its response time is N / X. The mean is what \
             the law speaks of; the points are medians. No p99 and no CPU is predicted."
        }
    }
}

/// The levels that a law takes.
pub(super) fn least(work: Work) -> &'static str {
    match work.unit() {
        Unit::Percent => "a level at 50 % or below and one above, with answers",
        Unit::Clients | Unit::Held => "three levels with answers",
    }
}

/// The law with its numbers.
pub(super) fn fitted(prediction: &Prediction) -> String {
    let levels: Vec<_> = prediction.fitted.iter().map(ToString::to_string).collect();
    let levels = levels.join(", ");
    let off = if prediction.follows() {
        let goes_through =
            matches!((prediction.law, prediction.fitted.len()), (Law::Scalability { .. }, 2));
        let said = if goes_through { ", which does not test it" } else { "" };
        said.to_owned()
    } else {
        format!(", but off by {:.0} % there: it does not follow the law", prediction.off * 100.0)
    };
    let generator: Vec<_> = prediction.of_generator.iter().map(ToString::to_string).collect();
    let generator = match (&generator[..], prediction.law) {
        ([], _) => String::new(),
        (levels, Law::Scalability { .. }) => format!(
            "; at {} the load generator was at its limit, so it is a law of both",
            levels.join(", ")
        ),
        (_, Law::Queue { .. }) => {
            "; where its capacity was found the load generator was at its limit, so it is \
                                   a law of both"
                .to_owned()
        }
    };
    match prediction.law {
        Law::Scalability { lambda, sigma, kappa } => {
            let kappa_known = prediction.fitted.len() > 2;
            let kappa = if kappa_known { format!(", κ {}", small(kappa)) } else { String::new() };
            let peak = prediction.law.peak().map_or_else(String::new, |peak| {
                format!("; most at {} clients", short::count_of(peak.round()))
            });
            format!(
                "λ {}/s, σ {}{kappa}, from {levels} clients{off}{peak}{generator}",
                short::number(lambda),
                small(sigma)
            )
        }
        Law::Queue { servers, capacity, alone } => format!(
            "M/M/{servers}, {}/s at most, so {} of work for an answer, and {} besides, from {levels} %{off}{generator}",
            short::number(capacity),
            short::time(f64::from(servers) / capacity * 1e6),
            short::time((alone - f64::from(servers) / capacity * 1e6).max(0.0)),
        ),
    }
}

/// A coefficient, which may be tiny.
fn small(number: f64) -> String {
    match number {
        0.0 => "0".to_owned(),
        n if n < 0.001 => format!("{n:.1e}"),
        n => format!("{n:.3}"),
    }
}

/// Where the measurement is not as predicted, and what else was seen there.
pub(super) fn leaves(prediction: &Prediction) -> String {
    if !prediction.follows() {
        return "It does not follow the law low down, so nothing is said of what is above."
            .to_owned();
    }
    let Some(Leaving { level, predicted, measured, why }) = &prediction.leaves else {
        return "It stays within a tenth of it, or within what is sure.".to_owned();
    };
    let shown = |figure: f64| match prediction.law {
        Law::Queue { .. } => short::time(figure),
        Law::Scalability { .. } => short::number(figure) + "/s",
    };
    let measured = measured.map_or_else(|| "no answers".to_owned(), shown);
    let is_over = predicted.is_none();
    let predicted =
        predicted.map_or_else(String::new, |one| format!(" for {} predicted", shown(one)));
    let unit = prediction.work.unit();
    let last = prediction.fitted.last().map_or_else(String::new, |&level| unit.level(level));
    let reasons: Vec<_> = why.iter().map(|one| reason(one, &last)).collect();
    let reasons =
        if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
    // Where the law has no more to say, nobody has left it.
    let below =
        if is_over { "It stays within a tenth of it below, or within what is sure. " } else { "" };
    format!("{below}At {}, {measured}{predicted}{reasons}.", unit.level(*level))
}

/// In words; `last` is the highest level that the law was fitted to.
fn reason(why: &Why, last: &str) -> String {
    match why {
        Why::Died => "it died there".to_owned(),
        Why::Failed(per_mille) => format!("{:.1} % of the requests failed", per_mille / 10.0),
        Why::Generator => "the load generator was at its own limit".to_owned(),
        Why::Disturbed => "others had more of the machine than at the low levels".to_owned(),
        Why::AddsUp(Broke::Leaks) => "descriptors add up".to_owned(),
        Why::AddsUp(_) => "zombies add up".to_owned(),
        Why::Full { processors, dearer } => {
            let full = match processors {
                1 => "it keeps a processor busy all the time".to_owned(),
                many => format!("it keeps {many} processors busy all the time"),
            };
            let dearer = if *dearer >= 1.1 {
                format!(", and an answer costs {dearer:.1} times the CPU that it does at {last}")
            } else if *dearer <= 0.9 {
                format!(
                    ", although an answer costs only {dearer:.1} times the CPU that it does at {last}"
                )
            } else {
                String::new()
            };
            full + &dearer
        }
        Why::Waits { processors } => {
            format!("it keeps only {processors:.2} processors busy, so it waits for something else")
        }
        Why::Stalls(median) => {
            let median = short::time(*median);
            format!(
                "half of the answers came in {median}, so a few took long for another reason than a queue"
            )
        }
        Why::HeldBack => {
            "the law is that of a load generator at its limit as well, and the server can do more"
                .to_owned()
        }
        Why::Cheaper(times) => {
            format!("an answer costs only {times:.1} times the CPU that it does at {last}")
        }
        Why::Overrun { of_generator: false } => {
            "as much comes as it can do or more, and only the end of the turn ends the queue"
                .to_owned()
        }
        Why::Overrun { of_generator: true } => {
            "as much comes as a load generator at its limit was found to ask for, or more"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_leaves_a_law_that_has_no_more_to_say() {
        let mut prediction = Prediction {
            name: "one".to_owned(),
            work: Work::Overload,
            law: Law::Queue { servers: 1, capacity: 1000.0, alone: 1000.0 },
            fitted: vec![50],
            of_generator: Vec::new(),
            off: 0.0,
            leaves: Some(Leaving {
                level: 100,
                predicted: None,
                measured: Some(50_000.0),
                why: vec![Why::Overrun { of_generator: false }],
            }),
        };
        let said = leaves(&prediction);
        assert!(said.starts_with("It stays within a tenth of it below, "), "{said}");
        assert!(said.contains(" At 100 %, 50ms: as much comes as it can do or more"), "{said}");
        prediction.leaves.as_mut().unwrap().predicted = Some(4000.0);
        let said = leaves(&prediction);
        assert!(said.starts_with("At 100 %, 50ms for 4.0ms predicted"), "{said}");
    }
}
