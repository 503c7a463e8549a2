//! Exit codes, after sysexits.

pub(crate) use bci_driver_api::error_chain as chain;
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done as asked.
    Clean,
    /// A measurement or check found something wanting.
    Failed,
    /// The command line is wrong.
    Usage,
    /// A defect or a system that refused.
    Internal,
    /// A device or server that was needed is not there.
    Device,
    /// The configuration, decoder or recording is wrong.
    Config,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Clean => 0,
            Exit::Failed => 1,
            Exit::Usage => 64,
            Exit::Internal => 70,
            Exit::Device => 75,
            Exit::Config => 78,
        })
    }
}

/// A failure on its way to `main`, which alone prints it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) lines: Vec<String>,
}

impl Failure {
    /// One line.
    pub(crate) fn new(exit: Exit, line: impl Into<String>) -> Self {
        Self { exit, lines: vec![line.into()] }
    }

    /// An error with all its causes.
    pub(crate) fn caused(exit: Exit, doing: &str, error: &dyn std::error::Error) -> Self {
        Self::new(exit, format!("{doing}: {}", chain(error)))
    }

    /// Every mistake of a configuration.
    pub(crate) fn mistakes(found: Vec<bci_config::Mistake>) -> Self {
        Self { exit: Exit::Config, lines: found.iter().map(ToString::to_string).collect() }
    }
}
