//! What is chosen on the screen of `rungs watch`, and what the keys do. [`super::draw`] draws it.

use crate::harness::{
    observe::{Connection, Descriptor, Member, Snapshot},
    report::{self, connection_cells, process_cells},
};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
};

/// Snapshots whose figures the sparklines show.
const HISTORY: usize = 200;

/// Rows that a page key moves.
const PAGE: usize = 10;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    GoOn,
    Quit,
    Interrupt,
}

/// Which list the arrows move in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    Processes,
    /// The descriptors of the chosen process.
    Descriptors,
    Connections,
    /// Those who hold the chosen connection.
    Holders,
}

/// What is seen and what is chosen.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) snapshot: Snapshot,
    pub(super) history: VecDeque<Point>,
    /// The worst of what has happened last.
    pub(super) event: String,
    pub(super) focus: Focus,
    /// The processes and the connections that the filter lets pass, by their places in the snapshot,
    /// and which of them is chosen.
    pub(super) processes: Choice,
    pub(super) connections: Choice,
    /// Which row of the lower list is chosen.
    pub(super) lower: usize,
    /// The places of the connections that have an inode, by that.
    pub(super) held: HashMap<u64, usize>,
    pub(super) filter: String,
    pub(super) is_filtering: bool,
    pub(super) is_help: bool,
    pub(super) is_paused: bool,
}

/// Some of a list's entries, one of them chosen.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) places: Vec<usize>,
    pub(super) chosen: usize,
}

/// The figures of one snapshot that are drawn over time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Point {
    /// Connections opened so far, to all servers.
    pub(super) opened: Option<u64>,
    pub(super) processes: Option<u64>,
    pub(super) zombies: Option<u64>,
    pub(super) descriptors: Option<u64>,
}

/// The addresses of a connection's ends, this one first: they tell it from all others.
type Ends = (SocketAddr, SocketAddr);

fn ends(connection: &Connection) -> Ends {
    (connection.local, connection.peer)
}

impl Choice {
    fn place(&self) -> Option<usize> {
        self.places.get(self.chosen).copied()
    }

    /// Takes the entries that `passes`, and chooses the one that `is_it` if there is one.
    fn renew<T>(&mut self, all: &[T], passes: impl Fn(&T) -> bool, is_it: impl Fn(&T) -> bool) {
        self.places = (0..all.len()).filter(|&place| passes(&all[place])).collect();
        let place = self.places.iter().position(|&place| is_it(&all[place]));
        self.chosen = place.unwrap_or(self.chosen).min(self.places.len().saturating_sub(1));
    }
}

impl Point {
    fn of(snapshot: &Snapshot) -> Self {
        let zombies = snapshot.processes.iter().filter(|one| one.process.is_zombie());
        let known = |count: usize| (!snapshot.is_hidden).then_some(count as u64);
        let counted = snapshot.sockets.as_ref().ok().and_then(|sockets| sockets.since);
        Self {
            opened: counted.map(|counted| counted.opened),
            processes: known(snapshot.processes.len()),
            zombies: known(zombies.count()),
            descriptors: if snapshot.is_hidden {
                None
            } else {
                snapshot.processes.iter().map(Member::descriptors).sum()
            },
        }
    }
}

impl Screen {
    pub(super) fn new(snapshot: Snapshot) -> Self {
        let mut screen = Self {
            snapshot: snapshot.clone(),
            history: VecDeque::with_capacity(HISTORY),
            event: String::new(),
            focus: Focus::Processes,
            processes: Choice::default(),
            connections: Choice::default(),
            lower: 0,
            held: HashMap::new(),
            filter: String::new(),
            is_filtering: false,
            is_help: false,
            is_paused: false,
        };
        screen.show(snapshot);
        screen
    }

    /// Takes a new snapshot. What was chosen stays chosen, wherever its row is now.
    pub(super) fn show(&mut self, mut snapshot: Snapshot) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(Point::of(&snapshot));
        if let Some(worst) = report::event_lines(&snapshot.events).into_iter().next() {
            self.event = worst;
        }
        if let Ok(sockets) = &mut snapshot.sockets {
            report::sort_remarkable_first(&mut sockets.connections);
        }
        self.held.clear();
        for (place, connection) in snapshot.connections().iter().enumerate() {
            if connection.inode != 0 {
                self.held.insert(connection.inode, place);
            }
        }
        let (pid, ends) = self.chosen();
        self.snapshot = snapshot;
        self.renew(pid, ends);
    }

    /// The pid of the chosen process, and the ends of the chosen connection.
    fn chosen(&self) -> (Option<u32>, Option<Ends>) {
        let pid = self.chosen_process().map(|one| one.process.pid);
        (pid, self.chosen_connection().map(ends))
    }

    /// Applies the filter anew.
    fn renew(&mut self, pid: Option<u32>, chosen: Option<Ends>) {
        let filter = self.filter.to_lowercase();
        let has = |cells: &[String]| cells.iter().any(|cell| cell.to_lowercase().contains(&filter));
        self.processes.renew(
            &self.snapshot.processes,
            |one| filter.is_empty() || has(&process_cells(one)),
            |one| Some(one.process.pid) == pid,
        );
        self.connections.renew(
            self.snapshot.connections(),
            |one| filter.is_empty() || has(&connection_cells(one)),
            |one| Some(ends(one)) == chosen,
        );
        self.lower = self.lower.min(self.lower_rows().saturating_sub(1));
    }

    pub(super) fn press(&mut self, key: KeyEvent) -> Wish {
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Wish::Interrupt;
        }
        if self.is_filtering {
            self.edit_filter(key.code);
            return Wish::GoOn;
        }
        match key.code {
            KeyCode::Char('q') => return Wish::Quit,
            KeyCode::Char('?') => self.is_help = !self.is_help,
            KeyCode::Esc if self.is_help => self.is_help = false,
            KeyCode::Char(' ') => self.is_paused = !self.is_paused,
            KeyCode::Char('/') => self.is_filtering = true,
            KeyCode::Esc => self.set_filter(String::new()),
            KeyCode::Tab => self.go_to(self.focus.next()),
            KeyCode::BackTab => self.go_to(self.focus.next().next().next()),
            code => self.choose(code),
        }
        Wish::GoOn
    }

    fn go_to(&mut self, focus: Focus) {
        // The lower list is another one then.
        if focus.is_of_connections() != self.focus.is_of_connections() {
            self.lower = 0;
        }
        self.focus = focus;
    }

    fn edit_filter(&mut self, code: KeyCode) {
        let mut filter = self.filter.clone();
        match code {
            KeyCode::Char(letter) => filter.push(letter),
            KeyCode::Backspace => drop(filter.pop()),
            KeyCode::Esc => filter.clear(),
            _ => {}
        }
        self.is_filtering = !matches!(code, KeyCode::Enter | KeyCode::Esc);
        self.set_filter(filter);
    }

    fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        let (pid, ends) = self.chosen();
        self.renew(pid, ends);
    }

    fn choose(&mut self, code: KeyCode) {
        let (place, rows) = match self.focus {
            Focus::Processes => (self.processes.chosen, self.processes.places.len()),
            Focus::Connections => (self.connections.chosen, self.connections.places.len()),
            Focus::Descriptors | Focus::Holders => (self.lower, self.lower_rows()),
        };
        let place = match code {
            KeyCode::Up => place.saturating_sub(1),
            KeyCode::Down => place + 1,
            KeyCode::PageUp => place.saturating_sub(PAGE),
            KeyCode::PageDown => place + PAGE,
            KeyCode::Home => 0,
            KeyCode::End => rows,
            _ => return,
        };
        let place = place.min(rows.saturating_sub(1));
        match self.focus {
            Focus::Descriptors | Focus::Holders => self.lower = place,
            Focus::Connections => (self.connections.chosen, self.lower) = (place, 0),
            Focus::Processes => (self.processes.chosen, self.lower) = (place, 0),
        }
    }

    pub(super) fn chosen_process(&self) -> Option<&Member> {
        self.snapshot.processes.get(self.processes.place()?)
    }

    pub(super) fn chosen_connection(&self) -> Option<&Connection> {
        self.snapshot.connections().get(self.connections.place()?)
    }

    /// The descriptors of the chosen process; `None` if they may not be read.
    pub(super) fn table(&self) -> Option<&[Descriptor]> {
        self.chosen_process()?.table.as_deref()
    }

    pub(super) fn upper_rows(&self) -> usize {
        let is_of_connections = self.focus.is_of_connections();
        let list = if is_of_connections { &self.connections } else { &self.processes };
        list.places.len()
    }

    pub(super) fn lower_rows(&self) -> usize {
        if self.focus.is_of_connections() {
            self.chosen_connection().map_or(0, |one| one.holders().len())
        } else {
            self.table().map_or(0, <[_]>::len)
        }
    }
}

impl Focus {
    /// The list that the tab key goes to.
    fn next(self) -> Self {
        match self {
            Self::Processes => Self::Descriptors,
            Self::Descriptors => Self::Connections,
            Self::Connections => Self::Holders,
            Self::Holders => Self::Processes,
        }
    }

    /// Whether the connections are above, and below who holds the chosen one.
    pub(super) fn is_of_connections(self) -> bool {
        matches!(self, Self::Connections | Self::Holders)
    }
}
