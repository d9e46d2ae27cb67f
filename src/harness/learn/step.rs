//! The steps of the way.

use super::{
    super::check::{Checkup, Milestone, PROBES, Probe, Verdict},
    language::Language,
};
use crate::ladder::{LADDER, Rung};

/// A rung that the learner is to reach.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The rung.
    pub rung: &'static Rung,
    /// What its probes show; `None` of a rung that is only to be read, since no probe is its own or
    /// nothing is below it.
    pub goal: Option<Milestone>,
}

/// Where a step begins whose base is not written yet.
const FRAME: &str = "iterativeserver";

impl Step {
    /// The step of this rung.
    pub fn of(rung: &'static Rung) -> Self {
        let mut milestones = PROBES.iter().map(|probe| probe.milestone);
        let goal = rung.base.and_then(|_| milestones.find(|one| one.name() == rung.name));
        Self { rung, goal }
    }

    /// All steps, from the ground up.
    pub fn all() -> impl Iterator<Item = Self> {
        LADDER.iter().map(Self::of)
    }

    /// The rung that it is made from: the nearest one below that is written, in this language.
    pub fn base(&self, language: Language) -> Option<&'static Rung> {
        let mut base = self.rung.base?;
        loop {
            match Rung::named(base) {
                Some(rung) if language.has(rung) => return Some(rung),
                Some(rung) => base = rung.base?,
                None => base = FRAME,
            }
        }
    }

    /// The probes that must not fail, in the order in which they are put.
    pub fn probes(&self) -> Vec<&'static Probe> {
        let is_below = |probe: &&Probe| self.goal.is_some_and(|goal| probe.milestone <= goal);
        PROBES.iter().filter(is_below).collect()
    }

    /// Those that are new: the steps before need not pass them.
    pub fn own_probes(&self) -> Vec<&'static Probe> {
        let is_own = |probe: &&Probe| self.goal == Some(probe.milestone);
        PROBES.iter().filter(is_own).collect()
    }

    /// Whether a check up to its goal has found it reached. Some rungs leave probes of those before
    /// undecided: who dies of a dead child cannot be put to many clients. Its own must be decided.
    pub(super) fn is_reached(&self, checkup: &Checkup) -> bool {
        let reached = checkup.reached();
        let mut own = checkup.checked.iter().filter(|one| Some(one.probe.milestone) == self.goal);
        !checkup.has(Verdict::Fail)
            && reached.is_some()
            && reached >= self.goal
            && own.all(|one| one.finding.verdict != Verdict::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::check::{Checked, Finding},
        *,
    };
    use std::time::Duration;

    fn step(name: &str) -> Step {
        Step::of(Rung::named(name).unwrap())
    }

    #[test]
    fn who_has_no_probe_or_no_base_is_read() {
        for name in ["webserver1", "sleepserver"] {
            assert_eq!(step(name).goal, None, "{name}");
            assert!(step(name).probes().is_empty(), "{name}");
        }
        assert_eq!(step("concurrentserver").goal, Some(Milestone::Concurrentserver));
    }

    #[test]
    fn what_a_step_is_about_must_be_decided() {
        let step = step("concurrentserver");
        let reached = |undecided: &str| {
            let checked = |probe: &'static Probe| {
                let verdict =
                    if probe.name == undecided { Verdict::Unknown } else { Verdict::Pass };
                let finding = Finding {
                    verdict,
                    evidence: String::new(),
                    cause: None,
                    hint: None,
                    exchange: None,
                };
                Checked { probe, finding, took: Duration::ZERO }
            };
            let checked = step.probes().into_iter().map(checked).collect();
            step.is_reached(&Checkup { model: None, checked, left_out: None })
        };
        assert!(reached("none of them"));
        assert!(reached("concurrent"), "that is the step before");
        assert!(!reached("descriptors"));
    }

    #[test]
    fn every_step_begins_as_a_rung_below_it_in_every_language() {
        for step in Step::all().filter(|step| step.goal.is_some()) {
            for language in Language::ALL {
                let base = step.base(language).unwrap();
                assert!(base.number < step.rung.number && language.has(base), "{step:?}");
            }
            assert!(!step.own_probes().is_empty(), "{step:?}");
        }
        assert_eq!(
            step("concurrentserver").base(Language::Rust).unwrap().name,
            "concurrentserver2"
        );
    }

    #[test]
    fn probes_of_rungs_above_are_no_goal() {
        let names: Vec<_> = step("iterativeserver").probes().iter().map(|one| one.name).collect();
        assert_eq!(names, ["answers", "again", "rude", "backlog", "restart"]);
    }
}
