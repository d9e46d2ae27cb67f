//! What is compared: a rung, or a server that people run.

use super::super::supervise::{Launch, free_address};
use crate::ladder::Rung;
use anyhow::{Context, Result, ensure};
use std::{
    env, fs,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    str::FromStr,
};
use tempfile::TempDir;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

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
    /// nginx with one worker process and a configuration of its own.
    Nginx,
    /// A shell command, in which `{addr}` and `{port}` stand for where it shall listen.
    Command(String),
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "nginx" => Ok(Self::Nginx),
            _ if text.contains("{addr}") || text.contains("{port}") => {
                Ok(Self::Command(text.to_owned()))
            }
            _ => Err("neither nginx nor a command with {addr} or {port} in it".to_owned()),
        }
    }
}

/// A command that is ready to run, and the files that it needs meanwhile.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) launch: Launch,
    _files: Option<TempDir>,
}

impl Subject {
    /// What it is called, by itself.
    pub fn name(&self) -> &str {
        match self {
            Self::Rung(rung, _) => rung.name,
            Self::Peer(Peer::Nginx) => "nginx",
            Self::Peer(Peer::Command(command)) => {
                let mut words = command.split_whitespace().skip_while(|&word| word == "exec");
                let program = words.next().unwrap_or(command);
                program.rsplit('/').next().unwrap_or(program)
            }
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
                Ok(Prepared { launch, _files: None })
            }
            Self::Rung(_, Err(why)) => Err(anyhow::Error::msg(why.clone())),
            Self::Peer(Peer::Nginx) => prepare_nginx(),
            Self::Peer(Peer::Command(command)) => {
                let address = free_address(LOOPBACK).context("find a free port")?;
                let command = command
                    .replace("{addr}", &address.to_string())
                    .replace("{port}", &address.port().to_string());
                let launch = Launch::new("/bin/sh").arguments(["-c", &command]).at(address);
                Ok(Prepared { launch, _files: None })
            }
        }
    }
}

fn prepare_nginx() -> Result<Prepared> {
    ensure!(
        is_on_path("nginx"),
        "nginx: not on PATH (Debian, Ubuntu: nginx-light; Fedora, Arch, Alpine: nginx)"
    );
    let address = free_address(LOOPBACK).context("find a free port")?;
    let folder = tempfile::tempdir().context("make a folder for nginx")?;
    let file = folder.path().join("nginx.conf");
    fs::write(&file, nginx_configuration(&address.to_string(), folder.path()))
        .with_context(|| format!("write {}", file.display()))?;
    let launch = Launch::new("nginx").arguments(["-c".as_ref(), file.as_os_str()]).at(address);
    let launch = launch.arguments(["-p".as_ref(), folder.path().as_os_str()]);
    Ok(Prepared { launch, _files: Some(folder) })
}

/// One worker, like the event-driven rungs; no log, and connections that may carry any number of
/// requests, as theirs do.
fn nginx_configuration(address: &str, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
error_log stderr crit;
pid {folder}/nginx.pid;
events {{ worker_connections 16000; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {address} backlog=1024;
        location / {{
            default_type "text/plain; charset=utf-8";
            return 200 "Hello, World!";
        }}
    }}
}}
"#
    )
}

fn is_on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
