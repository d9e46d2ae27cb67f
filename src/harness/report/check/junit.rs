//! A check as `JUnit` XML, which most graders and CI systems read.

use super::super::super::check::{Checked, Checkup, Unfit, Verdict};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

/// A check as a test suite of the name of its command: a failure is a failure, an unknown verdict
/// an error, and what is not applicable is skipped. A server that could not be checked is one error.
pub fn checkup_junit(
    command: &[String],
    result: Result<&Checkup, &Unfit>,
) -> Result<String, SerializeError> {
    let mut suite = TestSuite::new(command.join(" "));
    match result {
        Ok(checkup) => {
            suite.add_test_cases(checkup.checked.iter().map(case));
            if let Some(left_out) = checkup.left_out {
                suite
                    .add_test_case(error("interrupted", format!("{left_out} probes were not put")));
            }
        }
        Err(unfit) => {
            suite.add_test_case(error("could not be checked", unfit.said.clone()));
        }
    }
    let mut report = Report::new("rungs check");
    report.add_test_suite(suite);
    report.to_string()
}

fn error(name: &str, message: String) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(message);
    TestCase::new(name, status)
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
