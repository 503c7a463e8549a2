//! Where steps go: the pointer of an X display, or lines of JSON.

use bcid_client::{Event, v1};
use serde_json::{Value, json};
use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::errors::{ConnectError, ConnectionError};
use x11rb::protocol::xproto::{BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, MOTION_NOTIFY_EVENT};
use x11rb::protocol::xtest::{self, ConnectionExt as _};
use x11rb::rust_connection::RustConnection;

/// Why the pointer cannot be moved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// There is no display.
    #[error("the display {} cannot be used", std::env::var("DISPLAY").unwrap_or_default())]
    Display(#[source] ConnectError),
    /// It does not let programs move the pointer.
    #[error("the display has no XTEST extension")]
    NoTest,
    /// It is gone.
    #[error("the display is gone")]
    Gone(#[from] ConnectionError),
}

/// Where steps go.
pub(crate) enum Output {
    Display { connection: Box<RustConnection>, width: f64 },
    Print,
}

/// Of what is printed, the display is so wide, in pixels.
const PRINTED_WIDTH: f64 = 1000.0;
/// The left button.
const LEFT: u8 = 1;

impl Output {
    /// The display that `DISPLAY` names.
    pub(crate) fn display() -> Result<Self, OutputError> {
        let (connection, screen) = x11rb::connect(None).map_err(OutputError::Display)?;
        if connection.extension_information(xtest::X11_EXTENSION_NAME)?.is_none() {
            return Err(OutputError::NoTest);
        }
        let width = f64::from(connection.setup().roots[screen].width_in_pixels);
        Ok(Self::Display { connection: Box::new(connection), width })
    }

    pub(crate) fn print() -> Self {
        Self::Print
    }

    /// In pixels.
    pub(crate) fn width(&self) -> f64 {
        match self {
            Self::Display { width, .. } => *width,
            Self::Print => PRINTED_WIDTH,
        }
    }

    /// Moves the pointer so many pixels to the right and down.
    pub(crate) fn step(&mut self, x: i16, y: i16, now_ns: i64) -> Result<(), OutputError> {
        if (x, y) == (0, 0) {
            return Ok(());
        }
        match self {
            Self::Display { connection, .. } => {
                // Not to a place, but by so much: whoever holds the mouse may move it, too.
                const BY: u8 = 1;
                connection.xtest_fake_input(MOTION_NOTIFY_EVENT, BY, 0, x11rb::NONE, x, y, 0)?;
                connection.flush()?;
            }
            Self::Print => line(&json!({ "at_ns": now_ns, "x": x, "y": y })),
        }
        Ok(())
    }

    /// Presses the left button, and lets it go.
    pub(crate) fn click(&mut self) -> Result<(), OutputError> {
        match self {
            Self::Display { connection, .. } => {
                for event in [BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT] {
                    connection.xtest_fake_input(event, LEFT, 0, x11rb::NONE, 0, 0, 0)?;
                }
                connection.flush()?;
            }
            Self::Print => line(&json!({ "click": true })),
        }
        Ok(())
    }

    /// Says what became of the connection, and what was missed.
    #[allow(clippy::print_stderr, reason = "a command line speaks on the terminal")]
    pub(crate) fn tell(&self, event: &Event) {
        let text = match event {
            Event::Connected => "the daemon is there".to_owned(),
            Event::Lost(why) => format!("standing still: {why}"),
            Event::Missed(missed) if missed.another_run => "the daemon was started anew".to_owned(),
            Event::Missed(missed) => format!("missed {} events", missed.events),
            Event::Stream(status) if status.state() != v1::StreamState::Streaming => {
                format!("standing still: {}", status.message)
            }
            Event::Stream(_) | Event::Intent { .. } | Event::Marker(_) => return,
        };
        match self {
            Self::Display { .. } => eprintln!("{text}"),
            Self::Print => line(&json!({ "told": text })),
        }
    }
}

#[allow(clippy::print_stdout, reason = "what it is asked to print")]
fn line(value: &Value) {
    println!("{value}");
}
