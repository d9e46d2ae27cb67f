//! The loop that checks at each save, and its keys.

use super::{
    super::{INTERRUPTED, check::read_on, described, has_colours, keys::Keys},
    pager,
    place::Place,
    terminal::{Signals, Terminal},
};
use crate::harness::{
    check::Checked,
    learn::{Event, Outcome, Saves, State, Step, attempt},
    report,
};
use anyhow::{Context, Result};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, TryRecvError, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How often files, signals and the attempt are looked at.
const STEP: Duration = Duration::from_millis(100);

const KEYS: &str = "n next  h hint  c check  l list  r read  s solution  ? help  q quit";

const HELP: &str = "Save your program, and it is built and checked.
n  the next step, once this one is passed or read; twice, without that
h  a hint on the probe that failed, one more each time
c  check again, with nothing saved
l  the ladder, and how far you are
r  this step's lesson
s  what the project does in this step, once it is passed
q  the end; all is kept
";

/// An attempt under way. It is stopped, with all that it has started, when this is dropped.
#[derive(Debug)]
struct Attempt {
    stop: Arc<AtomicBool>,
    news: Receiver<News>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum News {
    Event(Event),
    Over(Box<Outcome>),
}

impl Attempt {
    fn begin(step: Step, folder: PathBuf) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, news) = channel();
        let thread = thread::Builder::new().name("attempt".to_owned()).spawn({
            let stop = Arc::clone(&stop);
            move || {
                // Nobody may be listening any more.
                let outcome = attempt(&step, &folder, &stop, &|event| {
                    tell.send(News::Event(event)).ok();
                });
                tell.send(News::Over(outcome.into())).ok();
            }
        });
        Ok(Self { stop, news, thread: Some(thread.context("start a thread")?) })
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

#[derive(Debug)]
struct Session {
    place: Place,
    terminal: Terminal,
    keys: Keys,
    signals: Signals,
    saves: Saves,
    attempt: Option<Attempt>,
    /// What is under way, if something is.
    status: Option<String>,
    /// What failed last, and how many of its hints are given.
    failed: Option<Checked>,
    hints: usize,
    /// The next `n` leaves this step out.
    is_leaving: bool,
}

/// Runs until somebody ends it. The terminal is as before then, and nothing is left running.
pub(super) fn run(place: Place) -> Result<ExitCode> {
    let signals = Signals::new().context("handle SIGINT")?;
    let terminal = Terminal::new()?;
    let saves = Saves::of(&place.workshop.folder);
    let mut session = Session {
        place,
        terminal,
        keys: Keys::new(),
        signals,
        saves,
        attempt: None,
        status: None,
        failed: None,
        hints: 0,
        is_leaving: false,
    };
    session.list()?;
    if session.place.is_undecided() {
        session
            .say("Steps begin in Rust; `rungs learn --lang python` begins them in Python.\n\n")?;
    }
    session.enter()?;
    session.go_on()
}

impl Session {
    fn go_on(&mut self) -> Result<ExitCode> {
        loop {
            if self.signals.is_over() {
                return Ok(ExitCode::from(INTERRUPTED));
            }
            self.follow()?;
            self.hear()?;
            if self.saves.are_there() {
                self.try_again()?;
            }
            self.terminal.show(self.status.as_deref().unwrap_or(KEYS))?;
            if let Some(key) = self.keys.next(STEP)?
                && let Some(code) = self.press(key)?
            {
                return Ok(code);
            }
        }
    }

    /// Stops and goes on with the job that this program is. No check is under way meanwhile: its
    /// deadlines would pass.
    fn follow(&mut self) -> Result<()> {
        let is_put_off = self.signals.is_to_stop() && self.attempt.is_some();
        if is_put_off {
            (self.attempt, self.status) = (None, None);
        }
        self.terminal.follow(&self.signals)?;
        if is_put_off { self.try_again() } else { Ok(()) }
    }

    fn say(&self, text: &str) -> Result<()> {
        self.terminal.say(text)
    }

    /// What went wrong is told, and the session goes on.
    fn tell(&self, result: Result<()>) -> Result<()> {
        match result {
            Ok(()) => Ok(()),
            Err(error) => self.say(&format!("{}\n", described(&error))),
        }
    }

    fn press(&mut self, key: KeyEvent) -> Result<Option<ExitCode>> {
        let was_leaving = std::mem::take(&mut self.is_leaving);
        self.place.refresh();
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            match key.code {
                KeyCode::Char('c') => return Ok(Some(ExitCode::from(INTERRUPTED))),
                KeyCode::Char('d') => return Ok(Some(ExitCode::SUCCESS)),
                KeyCode::Char('z') => Signals::suspend_job(),
                _ => {}
            }
            return Ok(None);
        }
        match key.code {
            KeyCode::Char('q') => return Ok(Some(ExitCode::SUCCESS)),
            KeyCode::Char('n') => self.next(was_leaving)?,
            KeyCode::Char('h') => self.hint()?,
            KeyCode::Char('c') => self.check()?,
            KeyCode::Char('l') => self.list()?,
            KeyCode::Char('r') => self.read()?,
            KeyCode::Char('s') => self.solution()?,
            KeyCode::Char('?') => self.say(HELP)?,
            _ => {}
        }
        Ok(None)
    }

    fn list(&self) -> Result<()> {
        self.say(&format!("{}\n", report::way_table(&self.place.rows(), true)))
    }

    /// Goes to the current step, which is checked if it is begun.
    fn enter(&mut self) -> Result<()> {
        (self.failed, self.hints) = (None, 0);
        let Some(step) = self.place.current else {
            let read = self.place.call("read RUNG");
            return self.say(&format!(
                "You have climbed the ladder: all is passed, read or left out.\n\
                 `{read}` opens a lesson again, `rungs compare` compares the rungs.\n"
            ));
        };
        let mut text = self.place.step_text(&step);
        if step.goal.is_none() {
            text.push_str("r opens the lesson, n goes on\n");
        } else if self.place.program(&step).is_none() {
            text.push_str("n begins this step\n");
        }
        self.say(&text)?;
        self.saves = Saves::of(&self.place.workshop.folder_of(step.rung));
        if self.place.program(&step).is_some() { self.try_again() } else { Ok(()) }
    }

    /// Ends the attempt that is under way, and begins the next.
    fn try_again(&mut self) -> Result<()> {
        (self.attempt, self.status) = (None, None);
        if let Some(step) = self.place.current.filter(|step| step.goal.is_some()) {
            self.say("\n")?;
            let folder = self.place.workshop.folder_of(step.rung);
            self.attempt = Some(Attempt::begin(step, folder)?);
        }
        Ok(())
    }

    /// Takes the news of the attempt.
    fn hear(&mut self) -> Result<()> {
        while let Some(attempt) = &self.attempt {
            match attempt.news.try_recv() {
                Ok(News::Event(Event::Building)) => {
                    let said = "building with cargo; the first time that takes a while";
                    self.status = Some(said.to_owned());
                }
                Ok(News::Event(Event::Starting)) => {
                    self.status = Some("waiting until the server listens".to_owned());
                }
                Ok(News::Event(Event::Putting(probe))) => {
                    self.status = Some(format!("{}: {}", probe.name, probe.about));
                }
                Ok(News::Event(Event::Put(_))) => {}
                Ok(News::Over(outcome)) => return self.finish(&outcome),
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => {
                    (self.attempt, self.status) = (None, None);
                    self.say("the check broke off, a fault of this program; c checks again\n")?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, outcome: &Outcome) -> Result<()> {
        (self.attempt, self.status) = (None, None);
        let Some(step) = self.place.current else { return Ok(()) };
        let on = |checked: &Checked| read_on(checked.probe.milestone);
        self.say(&report::outcome_text(outcome, &step, has_colours(), &on))?;
        match outcome {
            Outcome::Open(checkup) => {
                self.failed(checkup.first_to_mend().cloned());
                if self.failed.is_none() { self.say("c checks again\n") } else { Ok(()) }
            }
            Outcome::Reached(_) => {
                self.failed(None);
                let set = self.place.set(&step, State::Passed);
                self.tell(set)?;
                self.say("s shows what the project does, n goes on\n")
            }
            // What failed before is still to be mended.
            Outcome::Missing | Outcome::NotBuilt(_) | Outcome::Unfit(_) | Outcome::Stopped => {
                Ok(())
            }
        }
    }

    /// Notes what failed last. Hints go on as long as that is the same probe.
    fn failed(&mut self, failed: Option<Checked>) {
        let name = |checked: &Option<Checked>| checked.as_ref().map(|one| one.probe.name);
        if name(&failed) != name(&self.failed) {
            self.hints = 0;
        }
        self.failed = failed;
    }

    fn hint(&mut self) -> Result<()> {
        let Some(failed) = &self.failed else {
            return self.say(match self.attempt {
                Some(_) => "no probe has failed so far; h once this check is over\n",
                None => "no probe has failed, so there is nothing to hint at\n",
            });
        };
        if let Some(text) = report::hint_text(failed, self.hints) {
            self.hints += 1;
            return self.say(&text);
        }
        self.say(&format!("these were all the hints on {}\n", failed.probe.name))
    }

    fn check(&mut self) -> Result<()> {
        let Some(step) = self.place.current else { return self.enter() };
        if step.goal.is_none() {
            self.say("no probe is this step's own, so there is nothing to check\n")
        } else if self.place.program(&step).is_none() {
            let why = self.place.not_begun(&step);
            self.tell(Err(why))
        } else {
            self.try_again()
        }
    }

    fn read(&mut self) -> Result<()> {
        let Some(step) = self.place.current else { return self.enter() };
        match self.place.lesson(step.rung) {
            Some(lesson) => {
                let shown = self.terminal.lend(|| pager::show(&lesson, &self.signals));
                self.tell(shown)
            }
            None => self.say(&format!("{} is not there\n", step.rung.lesson())),
        }
    }

    fn solution(&mut self) -> Result<()> {
        let Some(step) = self.place.current else { return self.enter() };
        if self.place.progress.state(step.rung) != Some(State::Passed) {
            return self.say("the solution is shown once this step is passed\n");
        }
        match self.place.solution(&step) {
            Ok((diff, language)) => {
                let text = report::difference_text(&diff, has_colours());
                self.say(&format!("{text}^ what the project does, in {}\n", language.name()))
            }
            Err(error) => self.tell(Err(error)),
        }
    }

    fn next(&mut self, is_leaving: bool) -> Result<()> {
        let Some(step) = self.place.current else { return self.enter() };
        let state = self.place.progress.state(step.rung);
        let done = match state {
            Some(State::Passed) => None,
            _ if step.goal.is_none() => Some(State::Read),
            _ if self.place.program(&step).is_none() && !is_leaving => {
                return self.begin(&step);
            }
            _ if is_leaving => Some(State::Skipped),
            _ => {
                self.is_leaving = true;
                let why =
                    self.failed.as_ref().map_or("it is not passed yet".to_owned(), |failed| {
                        format!("{} has not passed", failed.probe.name)
                    });
                return self.say(&format!("{why}; n again leaves this step out\n"));
            }
        };
        if let Some(state) = done {
            let set = self.place.set(&step, state);
            self.tell(set)?;
        }
        (self.attempt, self.status) = (None, None);
        self.place.current = self.place.progress.next_after(step.rung);
        match self.place.current {
            Some(next) => self.begin(&next),
            None => self.enter(),
        }
    }

    /// Makes what a step begins with, if that is not there.
    fn begin(&mut self, step: &Step) -> Result<()> {
        if step.goal.is_some() && self.place.program(step).is_none() {
            match self.place.start(step) {
                Ok(said) => self.say(&said)?,
                Err(error) => return self.tell(Err(error)),
            }
        }
        let set = self.place.set(step, State::Begun);
        self.tell(set)?;
        self.enter()
    }
}
