//! What a probe has found.

/// How a server did in a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did what was asked.
    Pass,
    /// It did not.
    Fail,
    /// That could not be told.
    Unknown,
    /// Its model makes the question meaningless.
    NotApplicable,
}

impl Verdict {
    /// Its name, as it stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// A verdict and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// What was seen, in numbers; of a verdict that could not be given the reason.
    pub evidence: String,
    /// What most likely is behind a failure.
    pub cause: Option<&'static str>,
    /// What to think of first, where that is not the probe's first hint.
    pub hint: Option<&'static str>,
    /// The bytes of the client that got no good answer.
    pub exchange: Option<Box<Exchange>>,
}

/// What went over one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// What the client has sent.
    pub sent: Vec<u8>,
    /// What it got, 64 KiB at most.
    pub received: Vec<u8>,
    /// The place in `received` of the first byte that is wrong.
    pub offence: Option<usize>,
}

/// What a probe comes to: an `Err` is a finding too, of a probe that could not go on.
pub(super) type Judged = Result<Finding, Finding>;

impl Finding {
    fn new(verdict: Verdict, evidence: impl Into<String>) -> Self {
        Self { verdict, evidence: evidence.into(), cause: None, hint: None, exchange: None }
    }

    pub(super) fn pass(evidence: impl Into<String>) -> Self {
        Self::new(Verdict::Pass, evidence)
    }

    pub(super) fn fail(evidence: impl Into<String>) -> Self {
        Self::new(Verdict::Fail, evidence)
    }

    pub(super) fn unknown(reason: impl Into<String>) -> Self {
        Self::new(Verdict::Unknown, reason)
    }

    pub(super) fn not_applicable(reason: impl Into<String>) -> Self {
        Self::new(Verdict::NotApplicable, reason)
    }

    pub(super) fn because(self, cause: &'static str) -> Self {
        Self { cause: Some(cause), ..self }
    }

    pub(super) fn hinting(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    pub(super) fn with(self, exchange: Exchange) -> Self {
        Self { exchange: Some(exchange.into()), ..self }
    }
}
