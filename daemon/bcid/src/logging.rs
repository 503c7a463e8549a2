//! Logs: to stderr, for people or as JSON lines; `BCID_LOG` sets the filter (`info` by default).

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

pub(crate) fn init(format: LogFormat) {
    let filter = EnvFilter::try_from_env("BCID_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_timer(SystemTime).with_target(false);
    match format {
        LogFormat::Text => {
            let coloured = std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder.with_ansi(coloured).with_writer(std::io::stderr).init();
        }
        LogFormat::Json => builder.json().with_writer(std::io::stderr).init(),
    }
}
