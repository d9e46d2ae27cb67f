//! Errors as a person reads them: `NAME: operation object: cause`, and a hint on its own line.

use std::{
    env, fmt,
    io::{self, Write},
};

/// What ends a server, or what one client did wrong.
#[derive(Debug)]
pub struct Error {
    /// The operation and its object: `bind 127.0.0.1:80`.
    operation: String,
    cause: io::Error,
    hint: Option<&'static str>,
}

/// The result of everything in this wing.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// What std calls it, to choose a hint by.
    pub(super) fn kind(&self) -> io::ErrorKind {
        self.cause.kind()
    }

    /// Adds the line that tells a person how to mend it.
    #[must_use]
    pub fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, cause(&self.cause))?;
        self.hint.map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// strerror(3)'s words in lower case, without std's "(os error N)".
fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Names the operation that failed: `accept(listener).during("accept")?`.
pub trait During<T> {
    /// The error, if any, says that it happened during `operation`.
    fn during(self, operation: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<io::Error>> During<T> for std::result::Result<T, E> {
    fn during(self, operation: impl Into<String>) -> Result<T> {
        self.map_err(|error| Error { operation: operation.into(), cause: error.into(), hint: None })
    }
}

/// Writes `NAME: error` to stderr. A stderr that is gone must not stop a server, so a failure to
/// write is let go.
pub fn log(error: impl fmt::Display) {
    // One write, so that lines of several processes do not mix.
    io::stderr().write_all(format!("{}: {error}\n", program()).as_bytes()).ok();
}

/// The name this program was started by, without its folders.
pub(super) fn program() -> String {
    let path = env::args_os().next().unwrap_or_default();
    let name = std::path::Path::new(&path).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
