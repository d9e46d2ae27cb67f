//! What is compared: a rung, or a server that people run.

use super::{
    super::supervise::{Claim, Launch, free_address},
    peers::{Known, LOOPBACK, Prepared},
};
use crate::ladder::Rung;
use anyhow::{Context, Result};
use std::{path::PathBuf, str::FromStr};

/// From which likeness on a name may have been meant, of 1.
const ALIKE: f64 = 0.8;

/// A server that takes part.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A rung, and the folder that its program is in; or why there is none.
    Rung(&'static Rung, Result<PathBuf, String>),
    /// Somebody else's server.
    Peer(Peer),
}

/// A server that is not ours.
#[derive(Clone, Debug)]
pub enum Peer {
    /// One that is known by name, with a configuration of its own.
    Known(Known),
    /// A shell command, in which `{addr}` and `{port}` stand for where it shall listen.
    Command(String),
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(known) = Known::ALL.into_iter().find(|known| known.name() == text) {
            return Ok(Self::Known(known));
        }
        if text.contains("{addr}") || text.contains("{port}") {
            return Ok(Self::Command(text.to_owned()));
        }
        let names = Known::ALL.map(Known::name);
        let likeness = |name: &str| strsim::jaro_winkler(text, name);
        let nearest = names.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let tip = nearest.filter(|name| likeness(name) > ALIKE);
        let tip = tip.map(|name| format!("\n\n  tip: a similar peer exists: '{name}'"));
        let names = names.join(", ");
        let tip = tip.unwrap_or_default();
        Err(format!("neither {names}, nor a command with {{addr}} or {{port}} in it{tip}"))
    }
}

impl Subject {
    /// What it is called, by itself.
    pub fn name(&self) -> &str {
        match self {
            Self::Rung(rung, _) => rung.name,
            Self::Peer(Peer::Known(known)) => known.name(),
            Self::Peer(Peer::Command(command)) => {
                let mut words = command.split_whitespace().skip_while(|&word| word == "exec");
                let program = words.next().unwrap_or(command);
                program.rsplit('/').next().unwrap_or(program)
            }
        }
    }

    /// What an error calls it: the whole command, where the user gave one.
    pub(super) fn command(&self) -> String {
        match self {
            Self::Peer(Peer::Command(command)) => format!("`{command}`"),
            _ => self.name().to_owned(),
        }
    }

    /// What may mend it if it does not start.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Peer(Peer::Command(_)) => {
                "\nhint: it must listen where {addr} or {port} says; run it by itself to see more"
            }
            _ => "",
        }
    }

    /// Whether each connection leaves something behind, so that there must not be many.
    pub(super) fn accumulates(&self) -> bool {
        matches!(self, Self::Rung(rung, _) if rung.accumulates)
    }

    pub(super) fn prepare(&self) -> Result<Prepared> {
        match self {
            Self::Rung(rung, Ok(folder)) => {
                let launch = Launch::new(folder.join(rung.name));
                let launch = launch.arguments(["--listen", "127.0.0.1:0"]);
                Ok(Prepared { launch, _files: None, _claim: Claim::default() })
            }
            Self::Rung(_, Err(why)) => Err(anyhow::Error::msg(why.clone())),
            Self::Peer(Peer::Known(known)) => known.prepare(),
            Self::Peer(Peer::Command(command)) => {
                let (address, claim) = free_address(LOOPBACK).context("find a free port")?;
                let command = command
                    .replace("{addr}", &address.to_string())
                    .replace("{port}", &address.port().to_string());
                let launch = Launch::new("/bin/sh").arguments(["-c", &command]).at(address);
                Ok(Prepared { launch, _files: None, _claim: claim })
            }
        }
    }
}
