use std::fmt;
use std::process::ExitCode;

/// The `sysexits.h` codes that this tool uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// A command ran and did not succeed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 64,
    /// Something needed is not there and could not be fetched.
    Unavailable = 69,
    /// An unexpected state of this tool or of the machine.
    Internal = 70,
}

/// Why the tool stops: one message for a person and an exit code.
#[derive(Debug)]
pub(crate) struct Fail {
    exit: Exit,
    message: String,
}

pub(crate) type Result<T> = std::result::Result<T, Fail>;

impl Fail {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Exit::Unavailable, message)
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }
}

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Names the operation and its subject when a system call fails.
pub(crate) trait Context<T> {
    fn context(self, what: impl fmt::Display) -> Result<T>;
}

impl<T> Context<T> for std::io::Result<T> {
    fn context(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|e| Fail::new(Exit::Internal, format!("{what}: {e}")))
    }
}
