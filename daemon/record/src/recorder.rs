use crate::RecordError;
use crate::intake::{Intake, NOTES, Note};
use crate::session::{Manifest, Session};
use crate::state::RecordingState;
use crate::streams::Feed;
use crate::template::{Naming, Template, set_aside};
use bci_rt::clock::{Clock, HostClock};
use bci_rt::thread::{ThreadSpec, spawn};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often rings are emptied while recording, and while not.
const BUSY: Duration = Duration::from_millis(25);
const IDLE: Duration = Duration::from_millis(200);

/// What the recorder's thread is asked.
#[derive(Debug)]
pub(crate) enum Command {
    Attach(Box<Feed>),
    Begin {
        folder: PathBuf,
        template: Template,
        naming: Naming,
        manifest: Box<Manifest>,
        done: Sender<Result<PathBuf, RecordError>>,
    },
    End {
        done: Sender<Result<PathBuf, RecordError>>,
    },
    Close,
}

/// Writes recordings, on a thread of its own.
#[derive(Debug)]
pub struct Recorder {
    intake: Intake,
    state: Arc<Mutex<RecordingState>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Recorder {
    /// Starts the thread; nothing is recorded yet.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start() -> io::Result<Self> {
        let (commands, asked) = unbounded();
        let (notes, noted) = bounded(NOTES);
        let open = Arc::new(AtomicBool::new(false));
        let dropped = Arc::new(AtomicU64::new(0));
        let state = Arc::new(Mutex::new(RecordingState::default()));
        let mut work = Work {
            asked,
            noted,
            open: Arc::clone(&open),
            dropped: Arc::clone(&dropped),
            state: Arc::clone(&state),
            feeds: Vec::new(),
            session: None,
            dropped_before: 0,
        };
        let spec = ThreadSpec { name: "rec".to_owned(), priority: None, cpu: None };
        let thread = spawn(spec, move |_| work.run())?;
        let intake = Intake { commands, notes, open, dropped };
        Ok(Self { intake, state, thread: Mutex::new(Some(thread)) })
    }

    /// What those get who have something to record.
    #[must_use]
    pub fn intake(&self) -> Intake {
        self.intake.clone()
    }

    /// Begins a recording below `folder`; comes back once the file is there. What is in the way of a run that is asked for is
    /// moved aside.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn begin(
        &self,
        folder: &Path,
        template: &Template,
        naming: &Naming,
        manifest: Manifest,
    ) -> Result<PathBuf, RecordError> {
        let (done, answer) = bounded(1);
        self.ask(
            Command::Begin {
                folder: folder.to_owned(),
                template: template.clone(),
                naming: naming.clone(),
                manifest: Box::new(manifest),
                done,
            },
            &answer,
        )
    }

    /// Ends the recording; comes back once all of it is written.
    ///
    /// # Errors
    /// [`RecordError::NotRunning`], [`RecordError::Ended`].
    pub fn end(&self) -> Result<PathBuf, RecordError> {
        let (done, answer) = bounded(1);
        self.ask(Command::End { done }, &answer)
    }

    fn ask(
        &self,
        command: Command,
        answer: &Receiver<Result<PathBuf, RecordError>>,
    ) -> Result<PathBuf, RecordError> {
        self.intake.commands.send(command).map_err(|_| RecordError::Ended)?;
        answer.recv().map_err(|_| RecordError::Ended)?
    }

    /// How the recording is.
    #[must_use]
    pub fn state(&self) -> RecordingState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends what is being recorded, and the thread. Whether it had not died.
    pub fn close(&self) -> bool {
        let _ = self.intake.commands.send(Command::Close);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        thread.is_none_or(|thread| thread.join().is_ok())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the thread works with.
struct Work {
    asked: Receiver<Command>,
    noted: Receiver<Note>,
    open: Arc<AtomicBool>,
    dropped: Arc<AtomicU64>,
    state: Arc<Mutex<RecordingState>>,
    feeds: Vec<Feed>,
    session: Option<Session>,
    /// Notes that were dropped before this recording.
    dropped_before: u64,
}

impl Work {
    fn run(&mut self) {
        loop {
            let wait = if self.session.is_some() { BUSY } else { IDLE };
            match self.asked.recv_timeout(wait) {
                Ok(Command::Attach(feed)) => {
                    self.drain();
                    self.feeds.retain(|old| old.about.pipeline != feed.about.pipeline);
                    self.feeds.push(*feed);
                }
                Ok(Command::Begin { folder, template, naming, manifest, done }) => {
                    let begun = self.begin(&folder, &template, &naming, &manifest);
                    self.tell();
                    let _ = done.send(begun);
                }
                Ok(Command::End { done }) => {
                    let ended = self.end();
                    let _ = done.send(ended);
                }
                Ok(Command::Close) | Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.end();
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.drain();
            if let Some(session) = &mut self.session {
                session.write(HostClock.now(), false);
            }
            self.tell();
        }
    }

    fn begin(
        &mut self,
        folder: &Path,
        template: &Template,
        naming: &Naming,
        manifest: &Manifest,
    ) -> Result<PathBuf, RecordError> {
        if let Some(session) = &self.session {
            return Err(RecordError::Running(session.path.display().to_string()));
        }
        // What came before is no part of it.
        self.drain();
        let path = match template.free(folder, naming)? {
            Ok(free) => free,
            Err(taken) => {
                let old = set_aside(&taken)
                    .map_err(|source| RecordError::Create { path: taken.display().to_string(), source })?;
                tracing::warn!(path = %taken.display(), old = %old.display(), "a recording of this name was there and is moved aside");
                taken
            }
        };
        let session = Session::begin(&path, manifest, HostClock.now())?;
        self.feeds.iter_mut().for_each(|feed| feed.about.place = None);
        self.session = Some(session);
        self.dropped_before = self.dropped.load(Ordering::Relaxed);
        self.open.store(true, Ordering::Release);
        tracing::info!(path = %path.display(), "recording");
        Ok(path)
    }

    fn end(&mut self) -> Result<PathBuf, RecordError> {
        self.drain();
        self.open.store(false, Ordering::Release);
        self.notes();
        self.tell();
        let session = self.session.take().ok_or(RecordError::NotRunning)?;
        let path = session.end(HostClock.now());
        self.state.lock().unwrap_or_else(PoisonError::into_inner).running = false;
        tracing::info!(path = %path.display(), "recorded");
        Ok(path)
    }

    /// Empties rings and notes.
    fn drain(&mut self) {
        for feed in &mut self.feeds {
            match &mut self.session {
                Some(session) => session.drain(feed),
                None => while feed.ring.next().is_some() {},
            }
        }
        self.notes();
    }

    fn notes(&mut self) {
        while let Ok(note) = self.noted.try_recv() {
            if let Some(session) = &mut self.session {
                session.note(note);
            }
        }
    }

    fn tell(&self) {
        let Some(session) = &self.session else { return };
        let told = RecordingState {
            path: Some(session.path.clone()),
            running: true,
            begun: Some(session.begun),
            seconds: session.seconds(),
            bytes: session.bytes(),
            streams: session.told(),
            notes_lost: self.dropped.load(Ordering::Relaxed) - self.dropped_before,
            trouble: session.trouble(),
        };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }
}
