//! A check as JSON.

use super::super::super::check::{
    Checked, Checkup, Exchange, Milestone, Model, PROBES, Probe, Unfit,
};
use serde::Serialize;

/// A check as JSON: an object with `schema` 1. `command` is what was checked, word by word. Of a
/// server that could not be checked there are no probes, and `unfit` says why.
pub fn checkup_json(
    command: &[String],
    result: Result<&Checkup, &Unfit>,
) -> serde_json::Result<String> {
    let none = Checkup { model: None, checked: Vec::new(), left_out: None };
    let checkup = result.unwrap_or(&none);
    let model = checkup.model.as_ref();
    let view = View {
        schema: 1,
        command,
        unfit: result.err().map(|unfit| UnfitView { said: &unfit.said, hint: &unfit.hint }),
        interrupted: checkup.left_out.is_some(),
        model: model.and_then(|model| model.as_ref().ok()).map(ModelView::of),
        why_no_model: model.and_then(|model| model.as_ref().err()).map(String::as_str),
        probes: checkup.checked.iter().map(ProbeView::of).collect(),
        reached: checkup.reached().map(RungView::of),
        first_to_mend: checkup.first_to_mend().map(|one| one.probe.name),
    };
    serde_json::to_string_pretty(&view).map(|text| text + "\n")
}

/// The table of the probes as JSON: an array of objects.
pub fn probes_json() -> serde_json::Result<String> {
    let rows: Vec<_> = PROBES.iter().map(RowView::of).collect();
    serde_json::to_string_pretty(&rows).map(|text| text + "\n")
}

#[derive(Serialize)]
struct RowView {
    name: &'static str,
    about: &'static str,
    /// The first rung that passes it.
    rung: RungView,
    /// The first to think of comes first.
    hints: &'static [&'static str],
}

impl RowView {
    fn of(probe: &Probe) -> Self {
        let Probe { name, about, milestone, hints, .. } = *probe;
        Self { name, about, rung: RungView::of(milestone), hints }
    }
}

#[derive(Serialize)]
struct View<'a> {
    schema: u32,
    command: &'a [String],
    /// Why the server could not be checked; `null` if it could.
    unfit: Option<UnfitView<'a>>,
    /// Some probes were not put.
    interrupted: bool,
    /// `null` if it is not known.
    model: Option<ModelView<'a>>,
    why_no_model: Option<&'a str>,
    probes: Vec<ProbeView<'a>>,
    /// The last rung that is shown to be reached, before the first that is shown to be missed.
    reached: Option<RungView>,
    first_to_mend: Option<&'static str>,
}

#[derive(Serialize)]
struct UnfitView<'a> {
    said: &'a str,
    hint: &'a str,
}

#[derive(Serialize)]
struct ModelView<'a> {
    kind: String,
    evidence: &'a str,
}

impl<'a> ModelView<'a> {
    fn of(model: &'a Model) -> Self {
        Self { kind: model.kind.to_string(), evidence: &model.evidence }
    }
}

#[derive(Serialize)]
struct RungView {
    number: &'static str,
    name: &'static str,
    lesson: String,
}

impl RungView {
    fn of(milestone: Milestone) -> Self {
        Self { number: milestone.number(), name: milestone.name(), lesson: milestone.lesson() }
    }
}

#[derive(Serialize)]
struct ProbeView<'a> {
    name: &'static str,
    /// The first rung that passes it.
    rung: RungView,
    /// `pass`, `fail`, `unknown` or `not applicable`.
    verdict: &'static str,
    evidence: &'a str,
    cause: Option<&'static str>,
    /// The first to think of comes first.
    hints: Vec<&'static str>,
    /// The connection that shows the failure.
    exchange: Option<ExchangeView>,
    seconds: f64,
}

impl<'a> ProbeView<'a> {
    fn of(checked: &'a Checked) -> Self {
        let Checked { probe, finding, took } = checked;
        Self {
            name: probe.name,
            rung: RungView::of(probe.milestone),
            verdict: finding.verdict.name(),
            evidence: &finding.evidence,
            cause: finding.cause,
            hints: checked.hints().collect(),
            exchange: finding.exchange.as_deref().map(ExchangeView::of),
            seconds: took.as_secs_f64(),
        }
    }
}

/// Bytes that are no ASCII are escaped as in Rust: `\xff`.
#[derive(Serialize)]
struct ExchangeView {
    sent: String,
    received: String,
    /// The place in what was received of the first byte that is wrong.
    offence: Option<usize>,
}

impl ExchangeView {
    fn of(exchange: &Exchange) -> Self {
        Self {
            sent: exchange.sent.escape_ascii().to_string(),
            received: exchange.received.escape_ascii().to_string(),
            offence: exchange.offence,
        }
    }
}
