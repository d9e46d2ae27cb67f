//! The flags of `rungs load`, which are its manual page too.

use super::{
    parse::{self, Content, Header, How, Ramp, Rate, What},
    url::Url,
};
use std::{net::IpAddr, path::PathBuf, time::Duration};
use uri::Method;

const ABOUT: &str = "Load a server, and say what became of every request";

const LONG_ABOUT: &str = "\
Load a server, and say what became of every request.

With --rate the requests come on a schedule, whatever the server does (an open
loop), and response time counts from a request's place in the schedule: a stall
is paid by all who would have come meanwhile. Without it each client asks again
when it has its answer (a closed loop). A server that stalls is asked less then,
and the times of those who would have come are missing: coordinated omission.
A server that stalls for one second of ten, asked 1,000 times a second: the open
loop's 99th percentile is 900 ms, the closed loop's is that of a good second.
Use --rate to learn what users would feel, a closed loop to learn what a server
can do at most.

Response time is from the intended start (in a closed loop the actual one) to
the last byte, service time from the send to the last byte. Every request that
was started is in exactly one class: answered, refused, reset, timed out, closed
early, malformed, out of ports or descriptors, in flight at the end. The first
lines of the report say so if the figures are the generator's own rather than
the server's, or if they are those of errors.";

const EXAMPLES: &str = "\
Example: rungs load 127.0.0.1:8888/hello --rate 5k -c 100 --warm-up 1s
--help has more flags, more examples, and what all of it means.";

const AFTER_LONG: &str = "\
Examples:
  rungs load 127.0.0.1:8888
      10 clients for 10 seconds, each on a connection that it keeps.
  rungs load localhost:8888/hello -c 64 -d 30s --per-request
      64 clients, and a new connection for each request.
  rungs load 127.0.0.1:8888 --rate 5k --arrivals poisson -c 100 --warm-up 1s
      5,000 requests a second, as independent users would send them.
  rungs load 127.0.0.1:8888 --ramp 1k..20k -d 20s
      Ten steps of two seconds: up to which rate does the server keep up?
  rungs load 127.0.0.1:8888/echo --body hello -n 1000
      A thousand POST requests, however long they take.
  rungs load 127.0.0.1:8888 --idle 10000 --rate 10
      Hold 10,000 connections, and ask on ten of them a second.
  rungs load 127.0.0.1:8888 --slow 10 -c 8
      Eight clients that send ten bytes a second.
  printf 'hello\\r\\n\\r\\n' >ask; rungs load 127.0.0.1:8888 --raw ask -n 100
      Bytes as they are, for servers that do not speak HTTP.

Files:
  A mix has one request a line: WEIGHT METHOD TARGET [BODY]. The body is the
  rest of the line, or @FILE. Empty lines and lines that begin with # say
  nothing. Here three of four requests ask for the front page:
      3 GET /
      1 POST /echo hello world
  --json writes one object with \"schema\": 1; its fields are documented in
  rungs::harness::report::load::json (cargo doc). --csv writes the seconds of
  the run, --hdr the same as an HdrHistogram log in nanoseconds. All three are
  written when the run is over; one of them can be -, which is stdout, in place
  of the summary.

Exit codes:
  0  it ran, whatever the server answered
  1  nothing listens there, or the run or its files failed
  2  a wrong command line, a name that no address is found for
  130  Ctrl-C: the first one ends the run and prints what was measured, a
       second one ends at once";

const CLIENTS: &str = "Clients";
const REQUESTS: &str = "Requests";
const OPEN: &str = "Open loop";
const UNUSUAL: &str = "Unusual clients";
const GENERATOR: &str = "Generator";
const OUTPUT: &str = "Output";

/// What a user may ask for. The first line of each is what `-h` shows.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(about = ABOUT, long_about = LONG_ABOUT)]
#[command(after_help = EXAMPLES, after_long_help = AFTER_LONG)]
pub(in crate::commands) struct Args {
    /// http://HOST:PORT/PATH, or HOST:PORT/PATH
    ///
    /// With http:// the port may be left out, and is 80 then.
    #[arg(value_name = "URL", value_parser = Url::parse)]
    pub(super) url: Url,

    /// Concurrent clients [default: 10]
    #[arg(short, long, value_name = "N", help_heading = CLIENTS)]
    #[arg(value_parser = parse::connections, allow_hyphen_values = true)]
    pub(super) connections: Option<usize>,
    /// How long to count: 10s, 500ms, 2m [default: 10s]
    ///
    /// A plain number is seconds. With --requests and without --duration
    /// there is no bound.
    #[arg(short, long, value_name = "TIME", help_heading = CLIENTS, verbatim_doc_comment)]
    #[arg(value_parser = parse::some_time, allow_hyphen_values = true)]
    pub(super) duration: Option<Duration>,
    /// Stop after N requests [default: none]
    ///
    /// Those of the warm-up included.
    #[arg(short = 'n', long, value_name = "N", help_heading = CLIENTS, verbatim_doc_comment)]
    #[arg(value_parser = parse::some, allow_hyphen_values = true)]
    pub(super) requests: Option<u64>,
    /// Run so long before counting
    #[arg(long, value_name = "TIME", help_heading = CLIENTS, default_value = "0s")]
    #[arg(value_parser = parse::time, allow_hyphen_values = true)]
    pub(super) warm_up: Duration,
    /// How long one request may take
    ///
    /// From when a client takes it up, with the connect if it needs one, to
    /// the last byte of the answer.
    #[arg(long, value_name = "TIME", help_heading = CLIENTS, default_value = "10s")]
    #[arg(value_parser = parse::some_time, verbatim_doc_comment, allow_hyphen_values = true)]
    pub(super) timeout: Duration,
    /// Ask again on the same connection; the default
    #[arg(long, help_heading = CLIENTS, conflicts_with = "per_request")]
    pub(super) keep_alive: bool,
    /// Open a connection for each request, and close it
    #[arg(long, help_heading = CLIENTS)]
    pub(super) per_request: bool,
    /// Load a server that is not on loopback
    ///
    /// A load like this takes servers down: use it on your own alone.
    #[arg(long, help_heading = CLIENTS, verbatim_doc_comment)]
    pub(super) yes_this_is_my_server: bool,
    /// Requests under way at a time on each connection
    #[arg(long, value_name = "N", help_heading = CLIENTS, default_value_t = 1)]
    #[arg(value_parser = parse::whole(1..=1024_u16), allow_hyphen_values = true)]
    #[arg(conflicts_with = "per_request", hide_short_help = true)]
    pub(super) pipeline: u16,

    /// The method [default: GET, or POST with a body]
    #[arg(short = 'X', long, value_name = "METHOD", help_heading = REQUESTS)]
    #[arg(value_parser = parse::method)]
    pub(super) method: Option<Method>,
    /// Another field; may come more than once
    #[arg(short = 'H', long, value_name = "NAME: VALUE", help_heading = REQUESTS)]
    #[arg(value_parser = Header::parse)]
    pub(super) header: Vec<Header>,
    /// The body, or the file that holds it
    #[arg(long, value_name = "TEXT|@FILE", help_heading = REQUESTS)]
    pub(super) body: Option<Content>,
    /// Several requests by weight, one a line
    ///
    /// WEIGHT METHOD TARGET [BODY]; see below.
    #[arg(long, value_name = "FILE", help_heading = REQUESTS)]
    #[arg(verbatim_doc_comment, hide_short_help = true)]
    #[arg(conflicts_with_all = ["method", "body", "raw"])]
    pub(super) mix: Option<PathBuf>,
    /// Send these bytes, and read to the end
    ///
    /// For servers that do not speak HTTP: each answer ends with its
    /// connection, and is good if it has at least one byte.
    #[arg(long, value_name = "FILE", help_heading = REQUESTS)]
    #[arg(verbatim_doc_comment, hide_short_help = true)]
    #[arg(conflicts_with_all = ["keep_alive", "pipeline", "method", "header", "body"])]
    pub(super) raw: Option<PathBuf>,

    /// Start R requests a second: 1000, 1000/s, 5k
    ///
    /// Whatever the server does. Without --rate or --ramp the loop is closed.
    /// With --idle: on how many of the held connections to ask a second, 1 by
    /// default.
    #[arg(long, value_name = "R", help_heading = OPEN, verbatim_doc_comment)]
    #[arg(group = "open", allow_hyphen_values = true)]
    pub(super) rate: Option<Rate>,
    /// How the requests of an open loop follow each other
    #[arg(long, value_name = "HOW", help_heading = OPEN, default_value = "constant")]
    #[arg(requires = "open", conflicts_with = "idle", hide_short_help = true)]
    pub(super) arrivals: How,
    /// Raise the rate in steps, to find the knee: 1k..20k
    ///
    /// Requests a second, in the first step and in the last one. The duration
    /// is divided among the steps.
    #[arg(long, value_name = "FROM..TO", help_heading = OPEN, verbatim_doc_comment)]
    #[arg(group = "open", conflicts_with_all = ["requests", "idle"], allow_hyphen_values = true)]
    pub(super) ramp: Option<Ramp>,
    /// In how many steps a ramp rises
    #[arg(long, value_name = "N", help_heading = OPEN, default_value_t = 10)]
    #[arg(value_parser = parse::whole(2..=1000_u16), allow_hyphen_values = true)]
    #[arg(requires = "ramp", hide_short_help = true)]
    pub(super) steps: u16,

    /// Hold N connections, and ask on one now and then
    ///
    /// --rate says how often. What is counted begins when they are open.
    #[arg(long, value_name = "N", help_heading = UNUSUAL, verbatim_doc_comment)]
    #[arg(value_parser = parse::connections, allow_hyphen_values = true)]
    #[arg(conflicts_with_all = ["connections", "per_request", "pipeline", "raw", "slow"])]
    pub(super) idle: Option<usize>,
    /// Send, or read, so many bytes a second: 10, 1k
    ///
    /// On each connection. Without it, as many as go.
    #[arg(long, value_name = "BYTES/S", help_heading = UNUSUAL, verbatim_doc_comment)]
    #[arg(value_parser = parse::bytes_per_second, allow_hyphen_values = true)]
    pub(super) slow: Option<u64>,
    /// What to be slow at
    #[arg(long, value_name = "WHAT", help_heading = UNUSUAL, default_value = "sending")]
    #[arg(requires = "slow", hide_short_help = true)]
    pub(super) slow_at: What,

    /// Event loops that share the clients
    #[arg(long, value_name = "N", help_heading = GENERATOR, default_value_t = 1)]
    #[arg(value_parser = parse::whole(1..=1024_u16), hide_short_help = true)]
    #[arg(allow_hyphen_values = true)]
    pub(super) threads: u16,
    /// Poll without ever sleeping
    ///
    /// It takes a core for each thread and saves the wake-ups, which is what
    /// one or a few connections wait for.
    #[arg(long, help_heading = GENERATOR, verbatim_doc_comment, hide_short_help = true)]
    pub(super) spin: bool,
    /// The clients' own addresses, in turn [default: the kernel's choice]
    ///
    /// Without it, more connections than one address allows are spread over
    /// 127.0.0.0/8, if the server is there.
    #[arg(long, value_name = "A,B,…", help_heading = GENERATOR, value_delimiter = ',')]
    #[arg(verbatim_doc_comment, hide_short_help = true)]
    pub(super) source: Vec<IpAddr>,
    /// Where everything random begins
    #[arg(long, value_name = "N", help_heading = GENERATOR, default_value_t = 0)]
    #[arg(value_parser = parse::whole(0..=u64::MAX), hide_short_help = true)]
    #[arg(allow_hyphen_values = true)]
    pub(super) seed: u64,

    /// Write all figures as JSON; - is stdout
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub(super) json: Option<PathBuf>,
    /// Write the seconds of the run as CSV; - is stdout
    #[arg(long, value_name = "FILE", help_heading = OUTPUT, hide_short_help = true)]
    pub(super) csv: Option<PathBuf>,
    /// Write them as an HdrHistogram log; - is stdout
    #[arg(long, value_name = "FILE", help_heading = OUTPUT, hide_short_help = true)]
    pub(super) hdr: Option<PathBuf>,
}
