//! One chart as SVG: plotters lays it out and draws it.

use super::{
    super::cut,
    svg::{Role, Svg},
};
use maud::{Markup, PreEscaped, html};
use plotters::{
    coord::{
        Shift,
        combinators::{BindKeyPoints, IntoLogRange, LogCoord, WithKeyPoints},
        ranged1d::{AsRangedCoord, DefaultFormatting, KeyPointHint, Ranged, ValueFormatter},
    },
    prelude::{
        ChartBuilder, DrawingArea, IntoDrawingArea, IntoFont, LineSeries, PathElement, RGBAColor,
    },
};
use plotters_backend::BackendColor;
use std::{iter, ops::Range};

/// In the units of the drawing, which the page scales.
const SIZE: (u32, u32) = (480, 300);

/// The same for the height of letters.
const LETTERS: f64 = 13.0;

/// A name on an axis has at most so many letters.
const LETTERS_OF_NAME: usize = 24;

/// An axis has room for so many words.
const MANY: usize = 8;

/// How many colours there are in the style sheet before they come again.
const COLOURS: usize = 8;

/// What a chart shows.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
}

/// What an axis is about.
#[derive(Debug)]
pub(super) struct Axis {
    pub(super) title: String,
    pub(super) scale: Scale,
    /// A value in a few characters.
    pub(super) shown: fn(f64) -> String,
}

/// How values are laid out.
#[derive(Clone, Debug)]
pub(super) enum Scale {
    /// Each step a multiple of the last, with words at these values or, if there are none, at round ones.
    Multiples(Vec<f64>),
    /// The same, with words at powers of four, as memory has them.
    Bytes,
    /// From zero on.
    Steps,
    /// A place for each of these, the first on top; across, there is no such thing.
    Names(Vec<String>),
}

/// What there is of a server.
#[derive(Debug)]
pub(super) struct Line {
    /// Its place in the page's list of servers, and its name there.
    pub(super) server: usize,
    pub(super) name: String,
    pub(super) points: Vec<Point>,
    /// What was predicted.
    pub(super) law: Vec<(f64, f64)>,
}

/// A value that was measured.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) at: (f64, f64),
    /// Where the interval begins and ends.
    pub(super) interval: [(f64, f64); 2],
    /// In words, without the server's name.
    pub(super) words: String,
    pub(super) kind: Kind,
}

/// What is special about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Usual,
    /// The server broke or requests failed: the figure says less.
    Broken,
    /// The knee of its curve.
    Knee,
}

/// A colour that plotters takes.
fn ink(role: Role) -> RGBAColor {
    let BackendColor { rgb: (red, green, blue), alpha } = role.colour();
    RGBAColor(red, green, blue, alpha)
}

impl Chart {
    /// Whether there is anything to see.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.points.is_empty())
    }

    /// Whether anything was predicted.
    pub(super) fn has_law(&self) -> bool {
        self.lines.iter().any(|line| !line.law.is_empty())
    }

    /// The drawing. `label` says what it is to somebody who does not see it.
    pub(super) fn draw(&self, label: &str) -> Markup {
        let mut drawing = String::new();
        let Some(marks) = self.drawn(&mut drawing) else {
            // Nothing that writes into a String fails, so this is for a range that plotters refuses.
            return html! { p { "This chart could not be drawn; its figures are in its table." } };
        };
        let (width, height) = self.size();
        html! {
            svg viewBox={ "0 0 " (width) " " (height) } role="application" aria-roledescription="chart" tabindex="0"
                aria-label={ (label) ". The arrow keys read its values." } {
                (PreEscaped(drawing))
                @for (line, places) in self.lines.iter().zip(&marks) {
                    g class={ "marks " (class(line.server)) } {
                        @for (point, &place) in line.points.iter().zip(places) {
                            path class=[point.kind.class()] d=(mark(line.server, place)) {
                                title { (line.name) ", " (point.words) }
                            }
                        }
                    }
                }
            }
        }
    }

    fn drawn(&self, drawing: &mut String) -> Option<Marks> {
        let area = Svg::new(drawing, self.size()).into_drawing_area();
        let (across, along): (Vec<_>, Vec<_>) = self.lines.iter().flat_map(Line::places).unzip();
        let [x, y] = [self.x.scale.multiples(&across), self.y.scale.multiples(&along)];
        match (x, y, &self.y.scale) {
            (Some(x), None, Scale::Names(names)) => self.on(&area, x, Places(names.len())),
            (None, None, Scale::Names(names)) => {
                self.on(&area, steps(&across), Places(names.len()))
            }
            (Some(x), Some(y), _) => self.on(&area, x, y),
            (Some(x), None, _) => self.on(&area, x, steps(&along)),
            (None, Some(y), _) => self.on(&area, steps(&across), y),
            (None, None, _) => self.on(&area, steps(&across), steps(&along)),
        }
    }

    /// With names, as high as they need it.
    fn size(&self) -> (u32, u32) {
        match &self.y.scale {
            Scale::Names(names) => {
                (SIZE.0, 70 + 21 * u32::try_from(names.len()).unwrap_or(u32::MAX))
            }
            _ => SIZE,
        }
    }

    /// Draws axes, curves and intervals, and says where the marks go.
    fn on<X, Y>(&self, area: &DrawingArea<Svg<'_>, Shift>, x: X, y: Y) -> Option<Marks>
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(44)
            .y_label_area_size(self.y.width())
            .build_cartesian_2d(x, y)
            .ok()?;
        let visible = chart.y_range();
        let letters = ("sans-serif", LETTERS).into_font().color(&ink(Role::Axis));
        chart
            .configure_mesh()
            .x_desc(self.x.title.as_str())
            .y_desc(self.y.title.as_str())
            .x_label_formatter(&|&value| self.x.word(value))
            .y_label_formatter(&|&value| self.y.word(value))
            .label_style(letters.clone())
            .axis_desc_style(letters)
            .axis_style(ink(Role::Axis))
            .bold_line_style(ink(Role::Grid))
            .light_line_style(ink(Role::Nothing))
            .draw()
            .ok()?;
        for line in &self.lines {
            let server = line.server;
            let measured = line.points.iter().map(|point| point.at);
            // A law may go far beyond what was measured, and come back.
            for law in line.law.split(|(_, y)| !visible.contains(y)) {
                let law = LineSeries::new(law.iter().copied(), ink(Role::Predicted(server)));
                chart.draw_series(law).ok()?;
            }
            chart.draw_series(LineSeries::new(measured, ink(Role::Measured(server)))).ok()?;
            let interval =
                |point: &Point| PathElement::new(point.interval, ink(Role::Interval(server)));
            chart.draw_series(line.points.iter().map(interval)).ok()?;
        }
        let place = |point: &Point| chart.backend_coord(&point.at);
        Some(self.lines.iter().map(|line| line.points.iter().map(place).collect()).collect())
    }
}

/// Where the points of each line are, in the drawing.
type Marks = Vec<Vec<(i32, i32)>>;

impl Line {
    /// All that must be in the picture.
    fn places(&self) -> impl Iterator<Item = (f64, f64)> {
        self.points.iter().flat_map(|point| [point.at, point.interval[0], point.interval[1]])
    }
}

impl Kind {
    fn class(self) -> Option<&'static str> {
        match self {
            Self::Usual => None,
            Self::Broken => Some("broken"),
            Self::Knee => Some("knee"),
        }
    }
}

impl Axis {
    /// The room that the words beside it need, where letters are largest, as on a phone.
    fn width(&self) -> u32 {
        match &self.scale {
            Scale::Names(names) => {
                let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
                80.max(20 + 9 * u32::try_from(longest.min(LETTERS_OF_NAME)).unwrap_or(0))
            }
            _ => 80,
        }
    }

    fn word(&self, value: f64) -> String {
        match &self.scale {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place")]
            Scale::Names(names) => {
                let name = names.get((value as usize).saturating_sub(1));
                cut(name.map_or("", String::as_str), LETTERS_OF_NAME)
            }
            // Of round numbers.
            _ => (self.shown)(value).replace(".0", ""),
        }
    }
}

/// From zero on, with room for the mark of the highest.
fn steps(values: &[f64]) -> Range<f64> {
    let high = values.iter().copied().fold(0.0, f64::max) * 1.05;
    0.0..if high > 0.0 { high } else { 1.0 }
}

impl Scale {
    /// For a scale of multiples, the part of it that has all values, and its words.
    fn multiples(&self, values: &[f64]) -> Option<WithKeyPoints<LogCoord<f64>>> {
        let positive = values.iter().copied().filter(|&value| value > 0.0);
        let (low, high) = positive.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), one| {
            (low.min(one), high.max(one))
        });
        let (low, high) = if low <= high { (low, high) } else { (1.0, 10.0) };
        // Room for marks, and for two round numbers at least.
        let room = (3.0 / (high / low).sqrt()).max(1.3);
        let range = low / room..high * room;
        let words = match self {
            Self::Multiples(words) if !words.is_empty() => words.clone(),
            Self::Multiples(_) => round(&range),
            Self::Bytes => {
                let powers = iter::successors(Some(1.0), |one| Some(one * 4.0));
                let powers = powers.take_while(|&one| one < range.end);
                powers.filter(|one| range.contains(one)).collect()
            }
            Self::Steps | Self::Names(_) => return None,
        };
        Some(range.log_scale().with_key_points(words))
    }
}

/// A place for each of so many, from one on; the first is on top.
struct Places(usize);

impl Ranged for Places {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "pixels")]
    fn map(&self, value: &f64, (bottom, top): (i32, i32)) -> i32 {
        top + (f64::from(bottom - top) * (value - 0.5) / self.0 as f64) as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Only with words.
        let count = if hint.weight().allow_light_points() { 0 } else { self.0 };
        #[expect(clippy::cast_precision_loss, reason = "a few names")]
        (1..=count).map(|place| place as f64).collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "a few names")]
    fn range(&self) -> Range<f64> {
        0.5..self.0 as f64 + 0.5
    }
}

/// Round numbers in a range: 1, 2, 5, 10, 20 and so on; where they are many, 1, 10, 100.
fn round(range: &Range<f64>) -> Vec<f64> {
    let decades = iter::successors(Some(range.start.log10().floor()), |one| Some(one + 1.0));
    let decades = decades.map(|one| 10f64.powf(one)).take_while(|&one| one < range.end);
    let steps: Vec<_> = decades.flat_map(|one| [one, 2.0 * one, 5.0 * one]).collect();
    let mut inside: Vec<_> = steps.iter().copied().filter(|one| range.contains(one)).collect();
    if inside.len() > MANY {
        inside = steps.into_iter().step_by(3).filter(|one| range.contains(one)).collect();
    }
    inside
}

/// What a server's things are known by in the page: itself, and its colour.
pub(super) fn class(server: usize) -> String {
    format!("s{server} c{}", server % COLOURS)
}

/// A mark: one of four shapes, so that colours are not all that tells servers apart.
pub(super) fn mark(server: usize, (x, y): (i32, i32)) -> String {
    match (server + server / COLOURS) % 4 {
        0 => format!("M{} {y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", x - 4),
        1 => format!("M{} {}h7v7h-7z", x - 3, y - 3),
        2 => format!("M{x} {}l5 9h-10z", y - 6),
        _ => format!("M{x} {}l5 5l-5 5l-5 -5z", y - 5),
    }
}
