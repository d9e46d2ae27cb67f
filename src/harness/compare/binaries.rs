//! The rungs' programs, and cargo to make them.

use super::{
    super::{
        cargo::Profile,
        supervise::{self, Exit},
    },
    Subject,
};
use crate::ladder::Rung;

fn subject(profile: &Profile, rung: &'static Rung, failure: Option<String>) -> Subject {
    let program = profile.folder.join(rung.name);
    let missing =
        || format!("{}: no such program\nhint: cargo build --release --bins", program.display());
    let failure = failure.or_else(|| (!program.is_file()).then(missing));
    Subject::Rung(rung, failure.map_or_else(|| Ok(profile.folder.clone()), Err))
}

/// Makes the programs of these rungs current, or says of each why it could not; `before` is called
/// with what is built next. Cargo's progress goes to stderr. The supervisor runs it as it runs
/// servers: whatever ends this program ends cargo too, and the compilers that cargo has started.
pub fn build(profile: &Profile, rungs: &[&'static Rung], before: &dyn Fn(&str)) -> Vec<Subject> {
    let all_built = match &profile.manifest {
        Some(manifest) => {
            match rungs {
                [one] => before(&format!("building {} with cargo", one.name)),
                many => before(&format!("building {} rungs with cargo", many.len())),
            }
            let cargo = profile.build(manifest).arguments(["--keep-going"]).shown();
            let cargo = cargo.arguments(rungs.iter().flat_map(|rung| ["--bin", rung.name]));
            supervise::run(&cargo).is_ok_and(|finished| finished.exit == Exit::Status(0))
        }
        None => true,
    };
    let failure = |rung: &Rung| {
        if all_built {
            return None;
        }
        before(&format!("building {} by itself, to see whether it fails", rung.name));
        why_not(profile, rung)
    };
    rungs.iter().map(|rung| subject(profile, rung, failure(rung))).collect()
}

/// Builds one rung by itself; if that fails, the first error that the compiler names.
fn why_not(profile: &Profile, rung: &Rung) -> Option<String> {
    let cargo = profile.build(profile.manifest.as_deref()?);
    match supervise::run(&cargo.arguments(["--quiet", "--bin", rung.name])) {
        Ok(finished) if finished.exit == Exit::Status(0) => None,
        Ok(finished) => {
            let mut lines = finished.stderr.lines();
            let first = lines.find(|line| line.starts_with("error")).unwrap_or("error");
            Some(format!("build {}: {first}", rung.name))
        }
        Err(error) => Some(error.to_string()),
    }
}
