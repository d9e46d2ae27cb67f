//! Servers that people run, each with a configuration of its own that serves what rungs serve, as
//! far as the server can.

use super::super::supervise::{Claim, Launch, free_address, locate, run};
use anyhow::{Context, Result, bail};
use std::{
    ffi::OsString,
    fs::{self, Permissions},
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

pub(super) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Interpreters take their time.
const PATIENCE: Duration = Duration::from_secs(20);

/// A million bytes, for servers of files.
const LARGE: usize = 1_000_000;

/// Where distributions put Apache's modules.
const MODULES: [&str; 4] = [
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/httpd/modules",
    "/usr/lib/apache2",
];

/// A server that is known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// nginx, with one worker process, like the event-driven rungs.
    Nginx,
    /// Apache with a process for each connection, of up to 256.
    ApachePrefork,
    /// Apache with a thread for each request, and one that waits for all connections.
    ApacheEvent,
    /// gunicorn with four workers that serve a client at a time.
    Gunicorn,
    /// uvicorn: one event loop in Python.
    Uvicorn,
    /// The HTTP server of node: one event loop in C++ and JavaScript.
    Node,
}

/// A command that is ready to run, and what must stay meanwhile: its files, and its port.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) launch: Launch,
    pub(super) _files: Option<TempDir>,
    pub(super) _claim: Claim,
}

impl Known {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Nginx,
        Self::ApachePrefork,
        Self::ApacheEvent,
        Self::Gunicorn,
        Self::Uvicorn,
        Self::Node,
    ];

    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::ApachePrefork => "apache-prefork",
            Self::ApacheEvent => "apache-event",
            Self::Gunicorn => "gunicorn",
            Self::Uvicorn => "uvicorn",
            Self::Node => "node",
        }
    }

    /// Its programs, of which one is enough, and who brings them.
    fn programs(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Nginx => (&["nginx"], "Debian, Ubuntu: nginx-light; Fedora, Arch, Alpine: nginx"),
            Self::ApachePrefork | Self::ApacheEvent => (
                &["apache2", "httpd"],
                "Debian, Ubuntu: apache2-bin; Fedora: httpd; Arch: apache; Alpine: apache2",
            ),
            Self::Gunicorn => (&["gunicorn"], "Debian, Ubuntu: gunicorn; or pip install gunicorn"),
            Self::Uvicorn => (&["uvicorn"], "Debian, Ubuntu: uvicorn; or pip install uvicorn"),
            Self::Node => (&["node", "nodejs"], "Debian, Ubuntu, Fedora, Arch, Alpine: nodejs"),
        }
    }

    fn program(self) -> Result<&'static str> {
        let (programs, packages) = self.programs();
        let found = programs.iter().find(|program| locate(Path::new(program)).is_ok());
        found
            .copied()
            .with_context(|| format!("{}: not on PATH ({packages})", programs.join(" or ")))
    }

    /// What it says of its version, in a line; `None` if it is not there.
    pub(super) fn version(self) -> Option<String> {
        let argument = if matches!(self, Self::Gunicorn | Self::Uvicorn | Self::Node) {
            "--version"
        } else {
            "-v"
        };
        let said = run(&Launch::new(self.program().ok()?).arguments([argument])).ok()?;
        let lines = said.stdout.lines().chain(said.stderr.lines());
        lines.map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    }

    /// How it is started, with words for what each start makes anew; `None` if it is not there.
    pub(super) fn command(self) -> Option<String> {
        Some([&[self.program().ok()?][..], self.words()].concat().join(" "))
    }

    /// What it is told to do, with words for what each start makes anew.
    pub(super) fn example(self) -> Option<String> {
        let address = SocketAddr::new(LOOPBACK, 0);
        Some(self.configuration(address, Path::new("FOLDER")).ok()?.1)
    }

    /// The file that says what it does: its configuration, or its application.
    fn configuration(self, address: SocketAddr, folder: &Path) -> Result<(&'static str, String)> {
        Ok(match self {
            Self::Nginx => ("nginx.conf", nginx(address, folder)),
            Self::ApachePrefork | Self::ApacheEvent => {
                ("httpd.conf", apache(self, address, folder, &modules()?))
            }
            Self::Gunicorn | Self::Uvicorn => ("app.py", include_str!("app.py").to_owned()),
            Self::Node => ("app.js", include_str!("app.js").to_owned()),
        })
    }

    /// Writes its configuration, and says how it is started.
    pub(super) fn prepare(self) -> Result<Prepared> {
        let program = self.program()?;
        let (address, claim) = free_address(LOOPBACK).context("find a free port")?;
        let files = tempfile::tempdir().with_context(|| format!("make a folder for {program}"))?;
        let folder = files.path();
        let (name, text) = self.configuration(address, folder)?;
        let file = folder.join(name);
        fs::write(&file, &text).with_context(|| format!("write {}", file.display()))?;
        if matches!(self, Self::Nginx | Self::ApachePrefork | Self::ApacheEvent) {
            write_pages(folder).with_context(|| format!("write into {}", folder.display()))?;
        }
        let launch = Launch::new(program).arguments(self.arguments(address, folder, &file));
        let launch = launch.at(address).patience(PATIENCE);
        Ok(Prepared { launch, _files: Some(files), _claim: claim })
    }

    /// Its arguments, with words for what each start makes anew.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Nginx => &["-p", "FOLDER", "-c", "FILE"],
            Self::ApachePrefork | Self::ApacheEvent => &["-f", "FILE", "-D", "FOREGROUND"],
            Self::Gunicorn => &[
                "--chdir",
                "FOLDER",
                "--bind",
                "ADDRESS",
                "--workers",
                "4",
                "--backlog",
                "1024",
                "--log-level",
                "error",
                "app:wsgi",
            ],
            Self::Uvicorn => &[
                "--app-dir",
                "FOLDER",
                "--host",
                "127.0.0.1",
                "--port",
                "PORT",
                "--backlog",
                "1024",
                "--lifespan",
                "off",
                "--no-access-log",
                "--log-level",
                "error",
                "app:asgi",
            ],
            Self::Node => &["FILE", "PORT"],
        }
    }

    fn arguments(self, address: SocketAddr, folder: &Path, file: &Path) -> Vec<OsString> {
        let (port, listen) = (address.port().to_string(), address.to_string());
        let filled = |word: &&str| match *word {
            "FOLDER" => folder.as_os_str().to_owned(),
            "FILE" => file.as_os_str().to_owned(),
            "ADDRESS" => OsString::from(&listen),
            "PORT" => OsString::from(&port),
            word => word.into(),
        };
        self.words().iter().map(filled).collect()
    }
}

/// What servers of files serve. Apache's workers are not root, and must be able to read it.
fn write_pages(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    fs::create_dir_all(folder.join("www/bytes"))?;
    fs::write(folder.join("www/hello"), "Hello, World!")?;
    fs::write(folder.join("www/bytes/1000000"), vec![b'x'; LARGE])
}

/// No log, and connections that may carry any number of requests, as those of rungs may.
fn nginx(address: SocketAddr, folder: &Path) -> String {
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
    sendfile on;
    keepalive_requests 1000000000;
    default_type "text/plain; charset=utf-8";
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {address} backlog=1024;
        root {folder}/www;
        location = / {{ return 200 "Hello, World!"; }}
        location = /hello {{ return 200 "Hello, World!"; }}
    }}
}}
"#
    )
}

fn modules() -> Result<PathBuf> {
    let folders = || MODULES.into_iter().map(PathBuf::from);
    match folders().find(|folder| folder.join("mod_mpm_event.so").is_file()) {
        Some(folder) => Ok(folder),
        None => bail!("Apache's modules are in none of {}", MODULES.join(", ")),
    }
}

fn apache(server: Known, address: SocketAddr, folder: &Path, modules: &Path) -> String {
    let (folder, modules) = (folder.display(), modules.display());
    let (mpm, limits) = match server {
        // As many as there are clients, up to its own default.
        Known::ApachePrefork => (
            "prefork",
            "StartServers 32\nMinSpareServers 32\nMaxSpareServers 256\nServerLimit 256\n\
             MaxRequestWorkers 256",
        ),
        _ => (
            "event",
            "StartServers 4\nServerLimit 4\nThreadsPerChild 64\nMinSpareThreads 64\n\
             MaxSpareThreads 256\nMaxRequestWorkers 256",
        ),
    };
    let load = |name: &str| {
        format!(
            "<IfModule !{name}_module>\n    LoadModule {name}_module {modules}/mod_{name}.so\n\
             </IfModule>\n"
        )
    };
    let mpm = format!("mpm_{mpm}");
    let modules = [&mpm, "unixd", "authz_core", "dir"].map(load).concat();
    format!(
        "ServerRoot {folder}
ServerName localhost
Listen {address}
ListenBacklog 1024
PidFile {folder}/httpd.pid
ErrorLog /dev/stderr
LogLevel crit
{modules}{limits}
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
DocumentRoot {folder}/www
DirectoryIndex hello
<IfModule unixd_module>
    User nobody
    Group {group}
</IfModule>
",
        group = nobodys_group(),
    )
}

/// `nobody` elsewhere, `nogroup` with Debian.
fn nobodys_group() -> &'static str {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    if groups.lines().any(|line| line.starts_with("nogroup:")) { "nogroup" } else { "nobody" }
}
