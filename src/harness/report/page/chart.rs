//! One chart as SVG: plotters lays it out and draws it.

use super::svg::{Role, Svg};
use maud::{Markup, PreEscaped, html};
use plotters::{
    coord::{
        Shift,
        combinators::{BindKeyPoints, IntoLogRange, LogCoord, WithKeyPoints},
        ranged1d::{AsRangedCoord, ValueFormatter},
    },
    prelude::{
        ChartBuilder, DrawingArea, IntoDrawingArea, IntoFont, LineSeries, PathElement, RGBAColor,
    },
};
use plotters_backend::BackendColor;
use std::{fmt, iter, ops::Range};

/// In the units of the drawing, which the page scales.
const SIZE: (u32, u32) = (480, 300);

/// How many colours there are before they come again.
const COLOURS: u8 = 8;

/// An axis has room for so many words.
const MANY: usize = 8;

/// The same for the height of letters.
const LETTERS: f64 = 13.0;

/// What a chart shows.
#[derive(Debug)]
pub(super) struct Chart {
    /// Each step a multiple of the last.
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// Whether the y axis is so too; otherwise it begins at zero, with words of its own.
    pub(super) is_logarithmic: bool,
    pub(super) lines: Vec<Line>,
}

/// What an axis is about.
pub(super) struct Axis {
    pub(super) title: String,
    pub(super) words: Words,
    /// A value in a few characters.
    pub(super) shown: fn(f64) -> String,
}

/// Where an axis has words.
#[derive(Clone, Debug)]
pub(super) enum Words {
    /// At these values, all that there are.
    At(Vec<f64>),
    /// At round ones.
    Round,
}

/// What there is of a server.
#[derive(Debug)]
pub(super) struct Line {
    /// Its place in the page's list of servers, and its name there.
    pub(super) server: u8,
    pub(super) name: String,
    pub(super) points: Vec<Point>,
    /// What was predicted.
    pub(super) law: Vec<(f64, f64)>,
}

/// A value that was measured.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Where the interval begins and ends.
    pub(super) interval: (f64, f64),
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

impl fmt::Debug for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Axis").field("title", &self.title).finish_non_exhaustive()
    }
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

    /// The drawing. `label` says what it is to somebody who does not see it.
    pub(super) fn draw(&self, label: &str) -> Markup {
        let mut drawing = String::new();
        let Some(marks) = self.drawn(&mut drawing) else {
            // Nothing that writes into a String fails, so this is for a range that plotters refuses.
            return html! { p { "This chart could not be drawn; its figures are in its table." } };
        };
        let (width, height) = SIZE;
        html! {
            svg viewBox={ "0 0 " (width) " " (height) } role="group" tabindex="0"
                aria-label={ (label) ". The arrow keys read its values." } {
                (PreEscaped(drawing))
                @for (line, places) in self.lines.iter().zip(&marks) {
                    g class={ "marks s" (line.server) } {
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
        let area = Svg::new(drawing, SIZE).into_drawing_area();
        let x = self.x.multiples(self.lines.iter().flat_map(Line::across));
        let values = self.lines.iter().flat_map(Line::along);
        if self.is_logarithmic {
            self.on(&area, x, self.y.multiples(values))
        } else {
            // Room for the mark of the highest.
            let high = values.fold(0.0, f64::max) * 1.05;
            self.on(&area, x, 0.0..if high > 0.0 { high } else { 1.0 })
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
            .y_label_area_size(72)
            .build_cartesian_2d(x, y)
            .ok()?;
        let visible = chart.y_range();
        let letters = ("sans-serif", LETTERS).into_font().color(&ink(Role::Axis));
        chart
            .configure_mesh()
            .x_desc(self.x.title.as_str())
            .y_desc(self.y.title.as_str())
            .x_label_formatter(&|&value| (self.x.shown)(value))
            .y_label_formatter(&|&value| (self.y.shown)(value))
            .label_style(letters.clone())
            .axis_desc_style(letters)
            .axis_style(ink(Role::Axis))
            .bold_line_style(ink(Role::Grid))
            .light_line_style(ink(Role::Nothing))
            .draw()
            .ok()?;
        for line in &self.lines {
            let server = line.server;
            let measured = line.points.iter().map(|point| (point.x, point.y));
            // A law may go far beyond what was measured, and come back.
            for law in line.law.split(|(_, y)| !visible.contains(y)) {
                let law = LineSeries::new(law.iter().copied(), ink(Role::Predicted(server)));
                chart.draw_series(law).ok()?;
            }
            chart.draw_series(LineSeries::new(measured, ink(Role::Measured(server)))).ok()?;
            let intervals = line.points.iter().map(|point| {
                let (low, high) = point.interval;
                PathElement::new([(point.x, low), (point.x, high)], ink(Role::Interval(server)))
            });
            chart.draw_series(intervals).ok()?;
        }
        let place = |point: &Point| chart.backend_coord(&(point.x, point.y));
        Some(self.lines.iter().map(|line| line.points.iter().map(place).collect()).collect())
    }
}

/// Where the points of each line are, in the drawing.
type Marks = Vec<Vec<(i32, i32)>>;

impl Line {
    /// All places on the x axis.
    fn across(&self) -> impl Iterator<Item = f64> {
        self.points.iter().map(|point| point.x)
    }

    /// All places on the y axis.
    fn along(&self) -> impl Iterator<Item = f64> {
        let intervals = self.points.iter().flat_map(|point| [point.interval.0, point.interval.1]);
        intervals.chain(self.points.iter().map(|point| point.y))
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
    /// Each step a multiple of the last.
    fn multiples(&self, values: impl Iterator<Item = f64>) -> WithKeyPoints<LogCoord<f64>> {
        let (low, high) = values
            .filter(|&value| value > 0.0)
            .fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), one| {
                (low.min(one), high.max(one))
            });
        let (low, high) = if low <= high { (low, high) } else { (1.0, 10.0) };
        // Room for marks, and for two round numbers at least.
        let room = (3.0 / (high / low).sqrt()).max(1.3);
        let range = low / room..high * room;
        let words = match &self.words {
            Words::At(words) => words.clone(),
            Words::Round => round(&range),
        };
        range.log_scale().with_key_points(words)
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

/// A mark: one of four shapes, so that colours are not all that tells servers apart.
pub(super) fn mark(server: u8, (x, y): (i32, i32)) -> String {
    match (server + server / COLOURS) % 4 {
        0 => format!("M{} {y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", x - 4),
        1 => format!("M{} {}h7v7h-7z", x - 3, y - 3),
        2 => format!("M{x} {}l5 9h-10z", y - 6),
        _ => format!("M{x} {}l5 5l-5 5l-5 -5z", y - 5),
    }
}
