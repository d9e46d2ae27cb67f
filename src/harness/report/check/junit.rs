//! A check as `JUnit` XML, which most graders and CI systems read.

use super::super::super::check::{Checked, Checkup, Verdict};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

/// A check as a test suite of the name of its command: a failure is a failure, an unknown verdict
/// an error, and what is not applicable is skipped.
pub fn checkup_junit(command: &[String], checkup: &Checkup) -> Result<String, SerializeError> {
    let mut suite = TestSuite::new(command.join(" "));
    suite.add_test_cases(checkup.checked.iter().map(case));
    if let Some(left_out) = checkup.left_out {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(format!("{left_out} probes were not put"));
        suite.add_test_case(TestCase::new("interrupted", status));
    }
    let mut report = Report::new("rungs check");
    report.add_test_suite(suite);
    report.to_string()
}

fn case(Checked { probe, finding, took }: &Checked) -> TestCase {
    let mut status = match finding.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Unknown => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::NotApplicable => TestCaseStatus::skipped(),
    };
    if finding.verdict != Verdict::Pass {
        status.set_message(finding.evidence.clone());
    }
    if let Some(cause) = finding.cause {
        status.set_description(cause);
    }
    let mut case = TestCase::new(probe.name, status);
    case.set_classname(probe.milestone.name()).set_time(*took);
    case
}
