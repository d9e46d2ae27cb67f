//! Draws the screen of `rungs watch`.

use super::screen::{Choice, Focus, Screen};
use crate::harness::{
    observe::{Connection, Descriptor, Holder, Member, State, Target},
    report::{
        self, CONNECTION_TITLES, LISTENER_TITLES, PROCESS_TITLES, STATE_TITLES, connection_cells,
        counters_line, listener_cells, process_cells, state_rows,
    },
};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize},
    text::Line,
    widgets::{Block, Borders, Clear, Paragraph, Row, Sparkline, Table},
};

const KEYS: &str = " ↑↓ choose   tab next list   / filter   space pause   ? help   q quit";

const HELP: &str = "\
 ↑ ↓ PgUp PgDn Home End  choose a row
 tab, shift-tab          processes, their descriptors, connections,
                         those who hold them
 /                       only rows with this text; Esc shows all again
 space                   pause, and go on        ? help     q quit

 ZOMBIE      it has ended, and its parent has not waited for it
 orphan      its parent has ended before it
 CLOSE-WAIT  the client has closed; here it is open, or not even accepted
 queued      connections that wait to be accepted: backlog + 1 at most
 thr, fds    threads, descriptors       ctxsw  context switches so far
 PSS         memory; a page that n processes share counts 1/n
 new         connections opened since the last look, to all servers here
 overflows   a client came, and an accept queue was full; drops: for that
             reason or another. Both are of all servers here
 What may not be known is a ?.";

/// Columns of the help, which its longest line fills.
const HELP_WIDTH: u16 = 73;

/// Listening sockets that there is room for.
const LISTENERS: usize = 3;

/// Colours, and where they are not wanted none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    pub(super) has_colours: bool,
}

impl Paint {
    fn ink(self, colour: Color) -> Style {
        if self.has_colours { Style::new().fg(colour) } else { Style::new() }
    }
}

pub(super) fn draw(screen: &Screen, paint: Paint, frame: &mut Frame<'_>) {
    let states = state_rows(screen.snapshot.connections());
    let listeners = screen.snapshot.listeners().len().clamp(1, LISTENERS);
    // On a low terminal the lists come first.
    let height = usize::from(frame.area().height);
    let if_from = |least: usize, count: usize| if height < least { 0 } else { count };
    let sparking = if_from(20, 3);
    let listening = if_from(14, listeners + 2);
    let in_states = if_from(18, if states.is_empty() { 0 } else { states.len() + 1 });
    // The two lists share what is left, three to two; what one does not need is the other's.
    let left = height.saturating_sub(3 + sparking + listening + in_states);
    let titled = |rows: usize| rows + 2;
    let lower = titled(screen.lower_rows()).min(left * 2 / 5);
    let upper = titled(screen.upper_rows()).min(left - lower);
    let [head, sparks, upper, listening, in_states, lower, event, keys] = Layout::vertical([
        Constraint::Length(1),
        lines(sparking),
        lines(upper),
        lines(listening),
        lines(in_states),
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let title = report::headline(&screen.snapshot);
    let title = if screen.is_paused { format!("PAUSED: {title}") } else { title };
    frame.render_widget(Paragraph::new(title).style(bold()), head);
    draw_sparks(screen, frame, sparks);
    if screen.focus.is_of_connections() {
        draw_connections(screen, paint, frame, upper);
        draw_holders(screen, frame, lower);
    } else {
        draw_processes(screen, paint, frame, upper);
        draw_descriptors(screen, frame, lower);
    }
    draw_listeners(screen, frame, listening);
    draw_states(states, paint, frame, in_states);
    frame.render_widget(Paragraph::new(screen.event.as_str()).style(bold()), event);
    frame.render_widget(Paragraph::new(last_line(screen)), keys);
    if screen.is_help {
        let height = HELP.lines().count() + 2;
        let area = frame.area().centered(Constraint::Length(HELP_WIDTH + 2), lines(height));
        frame.render_widget(Clear, area);
        frame.render_widget(Paragraph::new(HELP).block(Block::bordered().title(" help ")), area);
    }
}

fn lines(count: usize) -> Constraint {
    Constraint::Length(u16::try_from(count).unwrap_or(u16::MAX))
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn last_line(screen: &Screen) -> String {
    match (screen.is_filtering, screen.filter.as_str()) {
        (true, filter) => format!(" /{filter}█   Enter keeps it, Esc shows all"),
        (false, "") => KEYS.to_owned(),
        (false, filter) => format!(" only rows with \"{filter}\"; Esc shows all"),
    }
}

fn draw_sparks(screen: &Screen, frame: &mut Frame<'_>, area: Rect) {
    let points = || screen.history.iter();
    let opened = || points().map(|point| point.opened);
    let rise = |(one, next): (Option<u64>, Option<u64>)| Some(next?.saturating_sub(one?));
    let rows: [(_, Vec<Option<u64>>); 4] = [
        ("new, all here:", opened().zip(opened().skip(1)).map(rise).collect()),
        ("processes", points().map(|point| point.processes).collect()),
        ("zombies", points().map(|point| point.zombies).collect()),
        ("descriptors", points().map(|point| point.descriptors).collect()),
    ];
    let columns: [Rect; 4] = Layout::horizontal([Constraint::Fill(1); 4]).spacing(1).areas(area);
    for ((title, data), column) in rows.into_iter().zip(columns) {
        let now = data.last().copied().flatten().map_or("?".to_owned(), |now| now.to_string());
        let [words, picture] =
            Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(column);
        frame.render_widget(Paragraph::new(format!("{title} {now}")), words);
        let newest = data.len().saturating_sub(usize::from(picture.width));
        frame.render_widget(Sparkline::default().data(data[newest..].iter().copied()), picture);
    }
}

fn draw_processes(screen: &Screen, paint: Paint, frame: &mut Frame<'_>, area: Rect) {
    let colour = |member: &Member| match (member.process.is_zombie(), member.is_orphan) {
        (true, _) => paint.ink(Color::Red),
        (false, true) => paint.ink(Color::Yellow),
        _ => Style::new(),
    };
    let (first, last) = window(&screen.processes, area);
    let rows = screen.processes.places[first..last].iter().map(|&place| {
        let member = &screen.snapshot.processes[place];
        row(process_cells(member), &[2, 1]).style(colour(member))
    });
    let pids = screen.snapshot.processes.iter().map(|one| one.process.pid);
    // Names want the columns that pids leave.
    let pid = pids.max().map_or(3, |pid| pid.to_string().len().max(3));
    let pid = u16::try_from(pid).unwrap_or(u16::MAX);
    let widths = [pid, 0, 15, 5, 5, 4, 5, 5, 5].map(|width| match width {
        0 => Constraint::Min(12),
        width => Constraint::Length(width),
    });
    let is_here = screen.focus == Focus::Processes;
    let chosen = is_here.then(|| screen.processes.chosen - first);
    let table = listed(rows, chosen).header(row(PROCESS_TITLES.map(str::to_owned), &[2, 1]));
    let title = match (screen.snapshot.is_hidden, screen.snapshot.is_over()) {
        (true, _) => "processes: they may not be known",
        (false, true) => "no process is left",
        (false, false) => "processes",
    };
    frame.render_widget(table.widths(widths).block(top(title, is_here)), area);
}

fn draw_connections(screen: &Screen, paint: Paint, frame: &mut Frame<'_>, area: Rect) {
    let colour = |one: &Connection| match one.state {
        State::CloseWait | State::FinWait2 => paint.ink(Color::Yellow),
        _ => Style::new(),
    };
    let (first, last) = window(&screen.connections, area);
    let rows = screen.connections.places[first..last].iter().map(|&place| {
        let connection = &screen.snapshot.connections()[place];
        row(connection_cells(connection), &[0, 1, 3]).style(colour(connection))
    });
    let widths = [30, 12, 7].map(Constraint::Length).into_iter().chain([Constraint::Fill(1)]);
    let is_here = screen.focus == Focus::Connections;
    let chosen = is_here.then(|| screen.connections.chosen - first);
    let header = row(CONNECTION_TITLES.map(str::to_owned), &[0, 1, 3]);
    let table = listed(rows, chosen).header(header).widths(widths);
    frame.render_widget(table.block(top("connections", is_here)), area);
}

fn draw_listeners(screen: &Screen, frame: &mut Frame<'_>, area: Rect) {
    let all = screen.snapshot.listeners();
    // The last row says how many there are beyond.
    let shown = if all.len() > LISTENERS { LISTENERS - 1 } else { all.len() };
    let mut rows: Vec<_> = all[..shown].iter().map(listener_cells).collect();
    if all.len() > shown {
        let more = format!("… and {} more", all.len() - shown);
        rows.push([more, String::new(), String::new(), String::new()]);
    }
    let rows = rows.into_iter().map(|cells| row(cells, &[0, 3]));
    let header = row(LISTENER_TITLES.map(str::to_owned), &[0, 3]);
    let table = Table::new(
        rows,
        [30, 7, 7].map(Constraint::Length).into_iter().chain([Constraint::Fill(1)]),
    )
    .header(header);
    let title = match &screen.snapshot.sockets {
        Ok(sockets) => counters_line(sockets),
        Err(why) => format!("sockets: ? {why}"),
    };
    frame.render_widget(table.block(top(&title, false)), area);
}

fn draw_states(states: Vec<[String; 4]>, paint: Paint, frame: &mut Frame<'_>, area: Rect) {
    let rows = states.into_iter().map(|cells| {
        let ink = if cells[3].is_empty() { Style::new() } else { paint.ink(Color::Yellow) };
        row(cells, &[0, 3]).style(ink)
    });
    let header = row(STATE_TITLES.map(str::to_owned), &[0, 3]);
    let table = Table::new(
        rows,
        [13, 6, 9].map(Constraint::Length).into_iter().chain([Constraint::Fill(1)]),
    )
    .header(header);
    frame.render_widget(table, area);
}

/// The descriptor table of the chosen process, and who else holds the same connections.
fn draw_descriptors(screen: &Screen, frame: &mut Frame<'_>, area: Rect) {
    let is_here = screen.focus == Focus::Descriptors;
    let Some(member) = screen.chosen_process() else {
        return frame.render_widget(top("descriptors", is_here), area);
    };
    let pid = member.process.pid;
    let title = match screen.table() {
        None => format!("descriptors of {pid}: they may not be read"),
        Some([]) => format!("descriptors of {pid}: none"),
        Some(_) => format!("descriptors of {pid}"),
    };
    let table = screen.table().unwrap_or_default();
    let places = Choice { places: (0..table.len()).collect(), chosen: screen.lower };
    let (first, last) = window(&places, area);
    let rows =
        table[first..last].iter().map(|one| row(descriptor_cells(screen, pid, one), &[1, 2]));
    let header =
        row(["fd", "what it is", "others who hold it (pid:fd)"].map(str::to_owned), &[1, 2]);
    let chosen = is_here.then(|| screen.lower - first);
    let widths = [5, 44, 28].map(Constraint::Length);
    let table = listed(rows, chosen).header(header).widths(widths);
    frame.render_widget(table.block(top(&title, is_here)), area);
}

/// A descriptor, a socket by its addresses.
fn descriptor_cells(screen: &Screen, pid: u32, descriptor: &Descriptor) -> [String; 3] {
    let number = descriptor.number;
    let (what, holders): (String, &[Holder]) = match &descriptor.target {
        Target::Socket(inode) => {
            let mut listeners = screen.snapshot.listeners().iter();
            if let Some(&place) = screen.held.get(inode) {
                let one = &screen.snapshot.connections()[place];
                (format!("connection to {}, {}", one.peer, one.state), one.holders())
            } else if let Some(one) = listeners.find(|one| one.inode == *inode) {
                (
                    format!("listening on {}", one.address),
                    one.holders.as_deref().unwrap_or_default(),
                )
            } else {
                (descriptor.target.to_string(), &[])
            }
        }
        other => (other.to_string(), &[]),
    };
    let others = holders.iter().filter(|one| one.pid != pid);
    let others: Vec<_> = others.map(|one| format!("{}:{}", one.pid, one.descriptor)).collect();
    [number.to_string(), what, others.join(" ")]
}

/// Who holds the chosen connection.
fn draw_holders(screen: &Screen, frame: &mut Frame<'_>, area: Rect) {
    let is_here = screen.focus == Focus::Holders;
    let Some(connection) = screen.chosen_connection() else {
        return frame.render_widget(top("holders", is_here), area);
    };
    let who = match &connection.holders {
        None => "it may not be known who holds",
        Some(holders) if holders.is_empty() => "nobody holds",
        Some(_) => "who holds",
    };
    let holders = connection.holders();
    let title = format!("{who} the connection to {}", connection.peer);
    let places = Choice { places: (0..holders.len()).collect(), chosen: screen.lower };
    let (first, last) = window(&places, area);
    let name = |pid| {
        let mut members = screen.snapshot.processes.iter().map(|member| &member.process);
        let member = members.find(|one| one.pid == pid);
        member.map_or("(not watched)".to_owned(), |one| one.name.clone())
    };
    let cells = |one: &Holder| [one.pid.to_string(), one.descriptor.to_string(), name(one.pid)];
    let rows = holders[first..last].iter().map(|one| row(cells(one), &[2]));
    let header = row(["pid", "fd", "name"].map(str::to_owned), &[2]);
    let chosen = is_here.then(|| screen.lower - first);
    let table = listed(rows, chosen).header(header).widths([8, 6, 40].map(Constraint::Length));
    frame.render_widget(table.block(top(&title, is_here)), area);
}

/// A row whose cells lean to the right, but for those at the `left` places.
fn row<const N: usize>(cells: [String; N], left: &[usize]) -> Row<'static> {
    Row::new(cells.into_iter().enumerate().map(|(place, cell)| {
        let line = Line::raw(cell);
        if left.contains(&place) { line } else { line.right_aligned() }
    }))
}

/// A table in which a row may be chosen.
fn listed<'a>(rows: impl Iterator<Item = Row<'a>>, chosen: Option<usize>) -> Table<'a> {
    let reversed = |(place, row): (usize, Row<'a>)| {
        if chosen == Some(place) { row.add_modifier(Modifier::REVERSED) } else { row }
    };
    Table::default().rows(rows.enumerate().map(reversed))
}

/// A list's title; of the one in which the arrows move in bold.
fn top(title: &str, is_here: bool) -> Block<'static> {
    let style = if is_here { bold() } else { Style::new() };
    Block::new().borders(Borders::TOP).title(Line::styled(format!(" {title} "), style))
}

/// The rows that fit below the border and the header, the chosen one among them.
fn window(choice: &Choice, area: Rect) -> (usize, usize) {
    let rows = choice.places.len();
    let height = usize::from(area.height.saturating_sub(2));
    let first = (choice.chosen + 1).saturating_sub(height.max(1)).min(rows);
    (first, rows.min(first + height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_fits_into_its_frame() {
        let longest = HELP.lines().map(|line| line.chars().count()).max();
        assert_eq!(longest, Some(usize::from(HELP_WIDTH)));
    }
}
