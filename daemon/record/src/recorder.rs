use crate::RecordError;
use crate::intake::{Intake, NOTES, Note};
use crate::session::{Manifest, Session};
use crate::state::RecordingState;
use crate::streams::Feed;
use crate::template::{Naming, Template, set_aside};
use bci_rt::clock::{Clock, HostClock};
use bci_rt::thread::{ThreadSpec, spawn};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often rings are emptied while recording, and while not.
const BUSY: Duration = Duration::from_millis(25);
const IDLE: Duration = Duration::from_millis(200);
/// How often it is tried again to begin a recording.
const AGAIN: Duration = Duration::from_secs(2);
/// How long the thread may be away before that is told: it writes a few times a second.
const AWAY: Duration = Duration::from_secs(2);
/// How often another name is taken where somebody else was quicker.
const RIVALS: usize = 16;
/// How many commands may wait: a source that comes and goes while a disk hangs must not fill memory with its rings.
const COMMANDS: usize = 64;

/// What a recording is to be.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The study's folder.
    pub folder: PathBuf,
    /// Where it goes below that.
    pub template: Template,
    /// What it is called.
    pub naming: Naming,
    /// What the daemon says of itself.
    pub manifest: Manifest,
}

/// What the recorder's thread is asked.
#[derive(Debug)]
pub(crate) enum Command {
    Attach(Box<Feed>),
    Begin {
        wish: Box<Wish>,
        /// Where it cannot be begun: whether it is tried again until it can.
        again: bool,
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
    /// When the thread was seen last.
    seen: Arc<Mutex<Instant>>,
    thread: Mutex<Option<JoinHandle<Result<(), RecordError>>>>,
}

impl Recorder {
    /// Starts the thread; nothing is recorded yet.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start() -> io::Result<Self> {
        let (commands, asked) = bounded(COMMANDS);
        let (notes, noted) = bounded(NOTES);
        let open = Arc::new(AtomicBool::new(false));
        let dropped = Arc::new(AtomicU64::new(0));
        let state = Arc::new(Mutex::new(RecordingState::default()));
        let seen = Arc::new(Mutex::new(Instant::now()));
        let mut work = Work {
            asked,
            noted,
            open: Arc::clone(&open),
            dropped: Arc::clone(&dropped),
            state: Arc::clone(&state),
            seen: Arc::clone(&seen),
            feeds: Vec::new(),
            session: None,
            wished: None,
            dropped_before: 0,
            dropped_told: 0,
        };
        let spec = ThreadSpec { name: "rec".to_owned(), priority: None, cpu: None };
        let thread = spawn(spec, move |_| work.run())?;
        let intake = Intake { commands, notes, open, dropped };
        Ok(Self { intake, state, seen, thread: Mutex::new(Some(thread)) })
    }

    /// What those get who have something to record.
    #[must_use]
    pub fn intake(&self) -> Intake {
        self.intake.clone()
    }

    /// Begins a recording; comes back once the file is there. What is in the way of a run that is asked for is moved aside.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn begin(&self, wish: Wish) -> Result<PathBuf, RecordError> {
        let (done, answer) = bounded(1);
        self.ask(Command::Begin { wish: Box::new(wish), again: false, done })?;
        answer.recv().map_err(|_| RecordError::Ended)?
    }

    /// Begins a recording as soon as it can be, and waits for `patience` at most to see it begun.
    ///
    /// # Errors
    /// Why it is not begun yet; it is tried again.
    pub fn begin_in_time(&self, wish: Wish, patience: Duration) -> Result<PathBuf, RecordError> {
        let (done, answer) = bounded(1);
        self.ask(Command::Begin { wish: Box::new(wish), again: true, done })?;
        answer.recv_timeout(patience).map_err(|_| RecordError::Slow)?
    }

    /// Ends the recording; comes back once all of it is written.
    ///
    /// # Errors
    /// [`RecordError::NotRunning`], [`RecordError::Ended`]; [`RecordError::Unwritten`] where the disk did not take its end.
    pub fn end(&self) -> Result<PathBuf, RecordError> {
        let (done, answer) = bounded(1);
        self.ask(Command::End { done })?;
        answer.recv().map_err(|_| RecordError::Ended)?
    }

    fn ask(&self, command: Command) -> Result<(), RecordError> {
        self.intake.commands.send(command).map_err(|_| RecordError::Ended)
    }

    /// How the recording is; as it was last known where the thread that writes it has died, or hangs on a disk.
    #[must_use]
    pub fn state(&self) -> RecordingState {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let away = self.seen.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        if thread.as_ref().is_some_and(JoinHandle::is_finished) {
            state.running = false;
            state.trouble = Some(RecordError::Ended.to_string());
        } else if state.running && away > AWAY {
            state.trouble = Some(format!("the disk has not answered for {:.0} s", away.as_secs_f64()));
        }
        state
    }

    /// Ends what is being recorded, and the thread.
    ///
    /// # Errors
    /// [`RecordError::Unwritten`]; [`RecordError::Ended`] where the thread had died.
    pub fn close(&self) -> Result<(), RecordError> {
        let _ = self.intake.commands.send(Command::Close);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        thread.map_or(Ok(()), |thread| thread.join().unwrap_or(Err(RecordError::Ended)))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

/// What the thread works with.
struct Work {
    asked: Receiver<Command>,
    noted: Receiver<Note>,
    open: Arc<AtomicBool>,
    dropped: Arc<AtomicU64>,
    state: Arc<Mutex<RecordingState>>,
    seen: Arc<Mutex<Instant>>,
    feeds: Vec<Feed>,
    session: Option<Session>,
    /// A recording that could not be begun yet, and when that was tried last.
    wished: Option<(Box<Wish>, Instant)>,
    /// Notes that were dropped before this recording, and as far as it tells of them.
    dropped_before: u64,
    dropped_told: u64,
}

impl Work {
    fn run(&mut self) -> Result<(), RecordError> {
        loop {
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            let wait = if self.session.is_some() { BUSY } else { IDLE };
            match self.asked.recv_timeout(wait) {
                Ok(Command::Attach(feed)) => self.attach(*feed),
                Ok(Command::Begin { wish, again, done }) => {
                    let begun = self.begin(&wish);
                    if let (true, Err(e)) = (again, &begun) {
                        self.trouble(&crate::chain(e));
                        self.wished = Some((wish, Instant::now()));
                    }
                    self.tell();
                    let _ = done.send(begun);
                }
                Ok(Command::End { done }) => {
                    let ended = self.end();
                    let _ = done.send(ended);
                }
                Ok(Command::Close) | Err(RecvTimeoutError::Disconnected) => {
                    let never = self.wished.take().map(|(wish, _)| wish.folder.display().to_string());
                    return match (self.end(), never) {
                        (Err(e @ RecordError::Unwritten { .. }), _) => Err(e),
                        (_, Some(path)) => Err(RecordError::Never { path }),
                        _ => Ok(()),
                    };
                }
                Err(RecvTimeoutError::Timeout) => self.try_again(),
            }
            self.drain();
            if let Some(session) = &mut self.session {
                session.write(HostClock.now(), false);
            }
            self.tell();
        }
    }

    fn attach(&mut self, feed: Feed) {
        self.drain();
        let (gone, kept): (Vec<Feed>, Vec<Feed>) = std::mem::take(&mut self.feeds)
            .into_iter()
            .partition(|old| old.about.pipeline == feed.about.pipeline);
        self.feeds = kept;
        if let Some(session) = &mut self.session {
            gone.iter().for_each(|old| session.let_go(old));
        }
        self.feeds.push(feed);
    }

    fn try_again(&mut self) {
        if let Some((wish, tried)) = self.wished.take() {
            if tried.elapsed() < AGAIN {
                self.wished = Some((wish, tried));
            } else if let Err(e) = self.begin(&wish) {
                self.trouble(&crate::chain(&e));
                self.wished = Some((wish, Instant::now()));
            } else {
                tracing::warn!(
                    "the recording was begun late: what was decoded before is not in it, and where a stream ran already it cannot be replayed"
                );
            }
        }
    }

    fn trouble(&self, said: &str) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).trouble = Some(said.to_owned());
    }

    fn begin(&mut self, wish: &Wish) -> Result<PathBuf, RecordError> {
        if let Some(session) = &self.session {
            return Err(RecordError::Running(session.path.display().to_string()));
        }
        let Wish { folder, template, naming, manifest } = wish;
        // What came before is no part of it.
        self.drain();
        let mut rivals = 0;
        let (path, session) = loop {
            let path = match template.free(folder, naming)? {
                Ok(free) => free,
                Err(taken) => {
                    let path = taken.display().to_string();
                    let old = set_aside(&taken).map_err(|source| RecordError::Create { path, source })?;
                    tracing::warn!(path = %taken.display(), old = %old.display(), "a recording of this name was there and is moved aside");
                    taken
                }
            };
            match Session::begin(&path, manifest, HostClock.now()) {
                // Another daemon was quicker: the next number.
                Err(RecordError::Create { source, .. })
                    if source.kind() == io::ErrorKind::AlreadyExists && rivals < RIVALS =>
                {
                    rivals += 1;
                }
                session => break (path, session?),
            }
        };
        self.wished = None;
        self.feeds.iter_mut().for_each(|feed| feed.about.place = None);
        self.session = Some(session);
        self.dropped_before = self.dropped.load(Ordering::Relaxed);
        self.dropped_told = self.dropped_before;
        self.open.store(true, Ordering::Release);
        tracing::info!(path = %path.display(), "recording");
        Ok(path)
    }

    fn end(&mut self) -> Result<PathBuf, RecordError> {
        self.wished = None;
        self.drain();
        self.open.store(false, Ordering::Release);
        self.notes();
        let mut session = self.session.take().ok_or(RecordError::NotRunning)?;
        self.feeds.iter().for_each(|feed| session.let_go(feed));
        let ended = session.end(HostClock.now());
        let told = RecordingState { running: false, ..self.told(&session) };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = told;
        match ended {
            Ok(()) => {
                tracing::info!(path = %session.path.display(), "recorded");
                Ok(session.path)
            }
            Err(problem) => {
                let path = session.path.display().to_string();
                tracing::error!(%path, %problem, "the end of the recording could not be written");
                Err(RecordError::Unwritten { path, problem })
            }
        }
    }

    /// Notes, then rings: what a window rests on is in the rings before it is decided on, and so in the file before that.
    fn drain(&mut self) {
        self.notes();
        for feed in &mut self.feeds {
            match &mut self.session {
                Some(session) => session.drain(feed),
                None => while feed.ring.next().is_some() {},
            }
        }
    }

    fn notes(&mut self) {
        while let Ok(note) = self.noted.try_recv() {
            if let Some(session) = &mut self.session {
                session.note(note);
            }
        }
        let dropped = self.dropped.load(Ordering::Relaxed);
        if let (Some(session), true) = (&mut self.session, dropped > self.dropped_told) {
            session.notes_lost(HostClock.now(), dropped - self.dropped_told);
            self.dropped_told = dropped;
        }
    }

    fn told(&self, session: &Session) -> RecordingState {
        RecordingState {
            path: Some(session.path.clone()),
            running: true,
            begun: Some(session.begun),
            seconds: session.seconds(),
            bytes: session.bytes(),
            streams: session.told(),
            notes_lost: self.dropped.load(Ordering::Relaxed) - self.dropped_before,
            trouble: session.trouble(),
        }
    }

    fn tell(&self) {
        if let Some(session) = &self.session {
            *self.state.lock().unwrap_or_else(PoisonError::into_inner) = self.told(session);
        }
    }
}
