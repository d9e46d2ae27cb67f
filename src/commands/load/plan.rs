//! A plan out of the flags.

use super::{
    args::Args,
    parse::{Content, Header, How, What},
};
use crate::{
    commands::{misuse, words},
    harness::load::{Arrivals, Idle, Pace, Plan, Request, Reuse, Slow, SlowAt, Weighted, Work},
};
use anyhow::Result;
use std::{fs, net::SocketAddr, path::Path, time::Duration};
use uri::Method;

const CONNECTIONS: usize = 10;
const DURATION: Duration = Duration::from_secs(10);

/// How many of the held connections to ask a second.
const IDLE_RATE: f64 = 1.0;

/// As good as no bound, where the requests end the run.
const UNBOUND: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What to do, of whichever server listens at these addresses.
///
/// # Errors
/// Files that cannot be read, or say nothing.
pub(super) fn plan(args: &Args, targets: Vec<SocketAddr>) -> Result<Plan> {
    let duration = match (args.duration, args.requests) {
        (Some(duration), _) => duration,
        (None, Some(_)) => UNBOUND,
        (None, None) => DURATION,
    };
    let per_request = args.per_request || args.raw.is_some();
    Ok(Plan {
        targets,
        host: args.url.authority.clone(),
        work: work(args)?,
        reuse: if per_request { Reuse::PerRequest } else { Reuse::KeepAlive },
        connections: args.idle.or(args.connections).unwrap_or(CONNECTIONS),
        threads: args.threads.into(),
        pipeline: args.pipeline.into(),
        pace: pace(args),
        spin: args.spin,
        slow: args.slow.map(|bytes_per_second| Slow {
            bytes_per_second,
            at: match args.slow_at {
                What::Sending => SlowAt::Sending,
                What::Reading => SlowAt::Reading,
            },
        }),
        idle: args.idle.map(|_| Idle { rate: args.rate.map_or(IDLE_RATE, |rate| rate.0) }),
        sources: args.source.clone(),
        warm_up: args.warm_up,
        duration,
        requests: args.requests,
        timeout: args.timeout,
        seed: args.seed,
    })
}

fn pace(args: &Args) -> Pace {
    let arrivals = match args.arrivals {
        How::Constant => Arrivals::Constant,
        How::Poisson => Arrivals::Poisson,
    };
    match (args.rate, args.ramp) {
        (_, Some(ramp)) => Pace::Ramp { rates: ramp.rates(args.steps), arrivals },
        (Some(rate), None) if args.idle.is_none() => Pace::Open { rate: rate.0, arrivals },
        (_, None) => Pace::Closed,
    }
}

fn work(args: &Args) -> Result<Work> {
    let fields = args.header.iter().map(|Header { name, value }| (name.clone(), value.clone()));
    let fields: Vec<_> = fields.collect();
    if let Some(file) = &args.raw {
        no_target(args, "--raw")?;
        let content = read("--raw", file)?;
        if content.is_empty() {
            return Err(misuse(format!("--raw {}: nothing to send", file.display())));
        }
        return Ok(Work::Raw(content));
    }
    if let Some(file) = &args.mix {
        no_target(args, "--mix")?;
        return mix(file, &fields);
    }
    let method = match (&args.method, &args.body) {
        (Some(method), _) => method,
        (None, Some(_)) => &Method::POST,
        (None, None) => &Method::GET,
    };
    let body = args.body.as_ref().map(|body| content("--body", body)).transpose()?;
    Ok(Work::from(Request {
        method: method.to_string(),
        target: args.url.target.clone(),
        fields,
        body: body.unwrap_or_default(),
    }))
}

/// What a URL asks for is nothing that a file could ask for too.
fn no_target(args: &Args, flag: &str) -> Result<()> {
    let target = &args.url.target;
    if target == "/" {
        return Ok(());
    }
    Err(misuse(format!("{flag} says what to ask for, and so does {target} in the URL")))
}

fn content(flag: &str, content: &Content) -> Result<Vec<u8>> {
    match content {
        Content::Text(text) => Ok(text.clone().into()),
        Content::File(file) => read(flag, file),
    }
}

fn read(flag: &str, file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| misuse(format!("{flag} {}: {}", file.display(), words(&error))))
}

/// The requests in a file, one a line: `WEIGHT METHOD TARGET [BODY]`.
fn mix(file: &Path, fields: &[(String, String)]) -> Result<Work> {
    let text = String::from_utf8_lossy(&read("--mix", file)?).into_owned();
    let mut requests = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |what: &str| misuse(format!("--mix {}:{number}: {what}", file.display()));
        requests.push(weighted(line, fields).map_err(|what| wrong(&what))?);
    }
    if requests.iter().all(|one| one.weight == 0) {
        return Err(misuse(format!("--mix {}: no request in it", file.display())));
    }
    Ok(Work::Mix(requests))
}

fn weighted(line: &str, fields: &[(String, String)]) -> Result<Weighted, String> {
    let mut rest = line;
    let mut word = || {
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        rest = after.trim_start();
        word
    };
    let (weight, method, target) = (word(), word(), word());
    if target.is_empty() {
        return Err("not WEIGHT METHOD TARGET [BODY]".to_owned());
    }
    let weight = weight.parse().ok().ok_or_else(|| format!("{weight} is not a weight"))?;
    let method = super::parse::method(method).map_err(|what| format!("{method}: {what}"))?;
    if !target.starts_with('/') || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("{target}: not a path from a slash on, percent-encoded"));
    }
    let body = rest.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
    let body = content("body", &body).map_err(|error| error.to_string())?;
    let (method, target) = (method.to_string(), target.to_owned());
    Ok(Weighted { weight, request: Request { method, target, fields: fields.to_vec(), body } })
}
