//! The line on the terminal while a run goes on.

use super::super::on_terminal;
use crate::harness::{
    load::{Plan, Snapshot},
    report,
};
use indicatif::{ProgressBar, ProgressStyle};

/// The steps of the bar.
const STEPS: f64 = 1000.0;

/// The line.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) bar: ProgressBar,
}

impl Live {
    pub(super) fn new() -> Self {
        let bar = on_terminal(ProgressBar::new(steps(1.0)));
        // A template that does not parse would only cost the bar its looks.
        if let Ok(style) = ProgressStyle::with_template("{bar:12} {msg}") {
            bar.set_style(style.progress_chars("━╸─"));
        }
        Self { bar }
    }

    pub(super) fn show(&self, plan: &Plan, snapshot: &Snapshot) {
        self.bar.set_position(steps(report::load_done(plan, snapshot)));
        self.bar.set_message(report::load_live(plan, snapshot));
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to STEPS")]
fn steps(done: f64) -> u64 {
    (done * STEPS) as u64
}
