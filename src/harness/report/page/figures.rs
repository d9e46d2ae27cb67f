//! Which charts a work has, and what is in them.

use super::{
    super::{
        super::compare::{Broke, Comparison, Estimate, Law, Prediction, Ratios, Row, Unit, Work},
        notes::{MUCH, ONE_OF_HUNDRED},
        short,
    },
    chart::{Axis, Chart, Kind, Line, Point, Scale},
};

/// A chart, and the table of its values.
#[derive(Debug)]
pub(super) struct Figure {
    /// What it shows.
    pub(super) title: &'static str,
    /// How to read it.
    pub(super) about: &'static str,
    /// What its dashed lines are, if it has any.
    pub(super) dashed: &'static str,
    pub(super) chart: Chart,
    /// What the table's columns are.
    pub(super) levels: Vec<usize>,
    /// A server, and its values at the levels.
    pub(super) rows: Vec<(String, Vec<Option<Value>>)>,
    /// A value in a few characters.
    pub(super) shown: fn(f64) -> String,
}

/// A value of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub(super) estimate: Estimate,
    /// The requests a second that were due, of an open loop.
    pub(super) offered: Option<f64>,
    /// What it is for one of the base's.
    pub(super) ratio: Option<Estimate>,
}

/// A figure of a row.
struct Quantity {
    title: &'static str,
    axis: &'static str,
    of: fn(&Row) -> Option<Estimate>,
    /// Which of the ratios to the base.
    ratio: fn(&Ratios) -> Option<Estimate>,
    shown: fn(f64) -> String,
    scale: Scale,
    /// What is predicted of it, and in words what the dashed lines are.
    dashed: &'static str,
    law: fn(&Prediction, f64, f64) -> Vec<(f64, f64)>,
    about: &'static str,
}

/// What dashed lines are, as a rule.
const LAW: &str = "Dashed: what a law predicts from the low levels.";

const RATE: Quantity = Quantity {
    title: "Throughput",
    axis: "answers a second",
    of: Row::rate,
    ratio: |ratios| ratios.requests_per_second,
    shown: short::number,
    scale: Scale::Steps,
    dashed: LAW,
    law: Prediction::throughput,
    about: "Complete answers a second.",
};

const MEDIAN: Quantity = Quantity {
    title: "Response time, the median",
    axis: "p50",
    of: |row| row.p50_us,
    ratio: |_| None,
    shown: short::time,
    scale: Scale::Multiples(Vec::new()),
    dashed: "Dashed: N / X, the mean time of a client's round by Little's law. The median, which the points \
             are, is less where a few answers take long, where some have none, and where the load generator \
             lets a client wait for its turn.",
    law: |one, from, to| match one.law {
        // Little's law: as many as there are clients are in the system.
        Law::Scalability { .. } => {
            let time = |(x, rate)| (x, one.work.between(x) / rate * 1e6);
            one.curve(from, to).into_iter().map(time).collect()
        }
        Law::Queue { .. } => Vec::new(),
    },
    about: "Half of the answers came within this time.",
};

const MEAN: Quantity = Quantity {
    title: "Response time over offered load",
    axis: "mean",
    of: |row| row.mean_us,
    ratio: |_| None,
    shown: short::time,
    scale: Scale::Multiples(Vec::new()),
    dashed: LAW,
    law: |one, from, to| match one.law {
        Law::Queue { .. } => one.curve(from, to),
        Law::Scalability { .. } => Vec::new(),
    },
    about: "The mean, from the moment at which each request was due.",
};

const P99: Quantity = Quantity {
    title: "Response time, 99 of 100",
    axis: "p99",
    of: |row| row.p99_us,
    ratio: |ratios| ratios.p99_us,
    shown: short::time,
    scale: Scale::Multiples(Vec::new()),
    dashed: LAW,
    law: |_, _, _| Vec::new(),
    about: "99 of 100 answers came within this time. None where a turn had fewer than 100.",
};

const CPU: Quantity = Quantity {
    title: "CPU per answer",
    axis: "CPU",
    of: |row| row.cpu_us_per_request,
    ratio: |ratios| ratios.cpu_us_per_request,
    shown: short::time,
    scale: Scale::Multiples(Vec::new()),
    dashed: LAW,
    law: |_, _, _| Vec::new(),
    about: "Processor time of the server and all its children, for one answer.",
};

const MEMORY: Quantity = Quantity {
    title: "Memory per connection",
    axis: "bytes",
    of: |row| row.memory_per_connection,
    ratio: |_| None,
    shown: bytes,
    scale: Scale::Bytes,
    dashed: LAW,
    law: |_, _, _| Vec::new(),
    about: "By how much the anonymous memory (Pss_Anon) of all processes grew for each connection \
            that is held. What the kernel keeps for it is not in this.",
};

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most an exabyte")]
fn bytes(bytes: f64) -> String {
    short::memory(bytes.round() as u64)
}

/// The figures of a work.
pub(super) fn of(comparison: &Comparison, work: Work, predictions: &[Prediction]) -> Vec<Figure> {
    let quantities: &[&Quantity] = match work.unit() {
        Unit::Clients => &[&RATE, &MEDIAN, &P99, &CPU],
        Unit::Held => &[&MEMORY, &RATE, &P99, &CPU],
        Unit::Percent => &[&MEAN, &P99, &RATE],
    };
    let figure = |quantity: &&Quantity| figure(comparison, work, predictions, quantity);
    quantities.iter().map(figure).filter(|figure| !figure.chart.is_empty()).collect()
}

fn figure(
    comparison: &Comparison,
    work: Work,
    predictions: &[Prediction],
    quantity: &Quantity,
) -> Figure {
    let mut levels: Vec<_> =
        comparison.rows.iter().filter(|row| row.work == work).map(|row| row.level).collect();
    levels.sort_unstable();
    levels.dedup();
    let mut lines = Vec::new();
    let mut rows = Vec::new();
    for (index, server) in comparison.servers.iter().enumerate() {
        let is_own = |row: &&Row| row.work == work && row.name == server.name;
        let mut own: Vec<_> = comparison.rows.iter().filter(is_own).collect();
        own.sort_by_key(|row| row.level);
        let value = |&level: &usize| {
            let row = own.iter().find(|row| row.level == level)?;
            let (_, estimate) = measured(row, quantity)?;
            let ratio = row.to_base.as_ref().and_then(quantity.ratio);
            Some(Value { estimate, offered: row.offered(), ratio })
        };
        let values: Vec<_> = levels.iter().map(value).collect();
        if values.iter().any(Option::is_some) {
            let law = predictions.iter().find(|one| one.name == server.name && one.work == work);
            let mut line = line(index, &own, law, quantity);
            rows.push((server.name.clone(), values));
            if levels.len() == 1 {
                // Nothing goes over anything: a place for each server.
                line.points.iter_mut().for_each(|point| lay_down(point, rows.len()));
            }
            lines.push(line);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "levels are small")]
    let places = levels.iter().map(|&level| level as f64).collect();
    let (title, words, shown): (_, _, fn(f64) -> String) = match work.unit() {
        Unit::Clients => ("clients at once", places, short::count_of),
        Unit::Held => ("connections held", places, short::count_of),
        Unit::Percent => ("requests a second that were due", Vec::new(), short::number),
    };
    let own = Axis {
        title: quantity.axis.to_owned(),
        scale: quantity.scale.clone(),
        shown: quantity.shown,
    };
    let (x, y) = if let [_] = levels[..] {
        let names = rows.iter().map(|(name, _)| name.clone()).collect();
        let servers =
            Axis { title: String::new(), scale: Scale::Names(names), shown: quantity.shown };
        (own, servers)
    } else {
        (Axis { title: title.to_owned(), scale: Scale::Multiples(words), shown }, own)
    };
    Figure {
        title: quantity.title,
        about: quantity.about,
        dashed: quantity.dashed,
        chart: Chart { x, y, lines },
        levels,
        rows,
        shown: quantity.shown,
    }
}

/// The value across, and the place of the server along.
fn lay_down(point: &mut Point, place: usize) {
    #[expect(clippy::cast_precision_loss, reason = "a few servers")]
    let place = place as f64;
    point.at = (point.at.1, place);
    point.interval = point.interval.map(|(_, value)| (value, place));
}

fn line(index: usize, rows: &[&Row], law: Option<&Prediction>, quantity: &Quantity) -> Line {
    let knee = knee(rows).filter(|_| quantity.title == MEAN.title);
    let point = |row: &&Row| {
        let (x, Estimate { median, low, high }) = measured(row, quantity)?;
        let unanswered = row.unanswered().filter(|&share| share > MUCH);
        let unanswered =
            unanswered.map(|share| format!(", {:.0} % had no answer yet", share * 100.0));
        let overdue = Some(row.overdue()).filter(|&share| share > ONE_OF_HUNDRED);
        let overdue =
            overdue.map(|share| format!(", {:.0} % are overdue and in no time", share * 100.0));
        let waiting = unanswered.or(overdue);
        let kind = if row.died.is_some() || !row.failures.is_empty() || waiting.is_some() {
            Kind::Broken
        } else if knee == Some(row.level) {
            Kind::Knee
        } else {
            Kind::Usual
        };
        let shown = quantity.shown;
        let low = if low <= 0.0 && !has_zero(quantity) { median } else { low };
        let interval = if (low, high) == (median, median) {
            String::new()
        } else {
            format!(" ({} to {})", shown(low), shown(high))
        };
        let remark = match kind {
            Kind::Usual => String::new(),
            Kind::Knee => ", the knee".to_owned(),
            Kind::Broken if row.broke == Broke::Died => ", it died".to_owned(),
            Kind::Broken if !row.failures.is_empty() => ", requests failed".to_owned(),
            Kind::Broken => waiting.unwrap_or_default(),
        };
        let due =
            row.offered().map_or_else(String::new, |rate| format!(" ({}/s)", short::number(rate)));
        let words = format!("{}{due}: {}{interval}{remark}", row.at(), shown(median));
        Some(Point { at: (x, median), interval: [(x, low), (x, high)], words, kind })
    };
    let points: Vec<_> = rows.iter().filter_map(point).collect();
    let ends = points.first().zip(points.last()).filter(|_| points.len() > 1);
    let law = law
        .zip(ends)
        .map_or_else(Vec::new, |(law, (first, last))| (quantity.law)(law, first.at.0, last.at.0));
    let name = rows.first().map(|row| row.name.clone()).unwrap_or_default();
    Line { server: index, name, points, law }
}

/// Where a row is on the x axis, and its figure, if that has a place on the y axis.
fn measured(row: &Row, quantity: &Quantity) -> Option<(f64, Estimate)> {
    let estimate = (quantity.of)(row)?;
    (estimate.median > 0.0 || has_zero(quantity)).then_some((place(row)?, estimate))
}

/// Among multiples there is no place for nothing.
fn has_zero(quantity: &Quantity) -> bool {
    matches!(quantity.scale, Scale::Steps)
}

/// Where a row is on the x axis. Who answered nobody was offered no rate, and has no place over one.
#[expect(clippy::cast_precision_loss, reason = "levels are small")]
fn place(row: &Row) -> Option<f64> {
    match row.work.unit() {
        Unit::Percent => row.offered(),
        Unit::Clients | Unit::Held => Some(row.level as f64),
    }
}

/// The level at which answers a second for one second of response time are most: Kleinrock's power,
/// beyond whose maximum a percent more answers costs more than a percent more time. At the lowest level
/// or the highest it is none: it may be beyond.
fn knee(rows: &[&Row]) -> Option<usize> {
    let power = |row: &&Row| {
        let (rate, mean) = (row.requests_per_second?.median, row.mean_us?.median);
        (rate > 0.0 && mean > 0.0).then(|| (rate / mean, row.level))
    };
    let powers: Vec<_> = rows.iter().filter_map(power).collect();
    let (place, (_, level)) =
        powers.iter().enumerate().max_by(|(_, one), (_, next)| one.0.total_cmp(&next.0))?;
    (place > 0 && place + 1 < powers.len()).then_some(*level)
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::super::compare::{Plan, TurnFigures, predict},
        *,
    };

    /// Of one server in an open loop, with answers a second and the mean time at each level.
    fn overloaded(figures: &[(f64, f64)]) -> Comparison {
        let levels = [25, 50, 75, 100];
        let plan = Plan::of_peers(&["one"], &[(Work::Overload, &levels[..figures.len()])]);
        let mut comparison = Comparison::of(&plan);
        for (row, &(rate, mean)) in comparison.rows.iter_mut().zip(figures) {
            row.requests_per_second = Estimate::of([rate]);
            row.mean_us = Estimate::of([mean]);
            row.turns.push(TurnFigures { offered: Some(rate), ..TurnFigures::default() });
        }
        comparison
    }

    fn found(figures: &[(f64, f64)]) -> Option<usize> {
        let comparison = overloaded(figures);
        knee(&comparison.rows.iter().collect::<Vec<_>>())
    }

    #[test]
    fn the_knee_is_where_power_is_most_and_not_at_an_end() {
        // M/M/1 with a capacity of 1,000 a second has its maximum at a half.
        let queue = [250.0, 500.0, 750.0, 900.0].map(|rate| (rate, 1e6 / (1000.0 - rate)));
        assert_eq!(found(&queue), Some(50));
        assert_eq!(found(&queue[..2]), None);
        assert_eq!(found(&queue[1..]), None);
    }

    #[test]
    fn the_table_has_the_values_that_the_chart_has() {
        let mut comparison = overloaded(&[(0.0, 0.0), (250.0, 1300.0)]);
        comparison.rows[0].turns[0].offered = None;
        let rate = of(&comparison, Work::Overload, &[]).pop().unwrap();
        assert_eq!(rate.title, RATE.title);
        assert_eq!(rate.chart.lines[0].points.len(), 1);
        assert_eq!(rate.rows[0].1.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
    }

    /// Of 10 clients one trickles and nine are measured, of 1,000 a tenth and 900.
    #[test]
    fn a_curve_goes_through_the_points_that_it_was_fitted_to() {
        let plan = Plan::of_peers(&["one"], &[(Work::Slow, &[2, 10, 100, 1000])]);
        let mut comparison = Comparison::of(&plan);
        let law = Law::Scalability { lambda: 1000.0, sigma: 0.1, kappa: 0.0 };
        for (row, clients) in comparison.rows.iter_mut().zip([1.0, 9.0, 90.0, 900.0]) {
            let rate = law.at(clients).unwrap();
            (row.requests_per_second, row.answered) = (Estimate::of([rate]), 1);
            row.p50_us = Estimate::of([clients / rate * 1e6]);
            row.turns.push(TurnFigures::default());
        }
        let predictions = predict(&comparison);
        let figures = of(&comparison, Work::Slow, &predictions);
        for title in [RATE.title, MEDIAN.title] {
            let figure = figures.iter().find(|figure| figure.title == title).unwrap();
            let Line { points, law, .. } = &figure.chart.lines[0];
            for (point, end) in [(points[0].at, law[0]), (points[3].at, law[law.len() - 1])] {
                let is_close = |one: f64, other: f64| (one / other - 1.0).abs() < 1e-6;
                assert!(is_close(point.0, end.0) && is_close(point.1, end.1), "{point:?} {end:?}");
            }
        }
    }

    #[test]
    fn one_level_has_a_place_for_each_server() {
        let figures = of(&overloaded(&[(250.0, 1300.0)]), Work::Overload, &[]);
        let mean = &figures[0];
        assert_eq!(mean.title, MEAN.title);
        let point = &mean.chart.lines[0].points[0];
        assert_eq!(point.at, (1300.0, 1.0));
        assert_eq!(point.words, "overload, 25 % (250/s): 1.3ms");
    }
}
