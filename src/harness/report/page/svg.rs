//! SVG that a page can style: what plotters draws, with a class for each kind of stroke in the place
//! of its colour, so that light, dark and print are the style sheet's.

use super::chart::class;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    text_anchor::{HPos, VPos},
};
use std::{convert::Infallible, fmt::Write, iter};

/// What a thing drawn is; it travels through plotters as a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// An axis, and its words.
    Axis,
    /// A line of the grid.
    Grid,
    /// Nothing that is seen.
    Nothing,
    /// What was measured of a server.
    Measured(usize),
    /// How sure that is.
    Interval(usize),
    /// What was predicted of it.
    Predicted(usize),
}

impl Role {
    pub(super) fn colour(self) -> BackendColor {
        let (kind, server) = match self {
            Self::Axis => (0, 0),
            Self::Grid => (1, 0),
            Self::Nothing => (2, 0),
            Self::Measured(server) => (3, server),
            Self::Interval(server) => (4, server),
            Self::Predicted(server) => (5, server),
        };
        let [high, low] = u16::try_from(server).unwrap_or(u16::MAX).to_be_bytes();
        BackendColor { alpha: 1.0, rgb: (kind, high, low) }
    }

    fn class(colour: BackendColor) -> Option<String> {
        let (kind, high, low) = colour.rgb;
        let server = class(usize::from(u16::from_be_bytes([high, low])));
        match kind {
            0 => Some("axis".to_owned()),
            1 => Some("grid".to_owned()),
            3 => Some(format!("line {server}")),
            4 => Some(format!("bar {server}")),
            5 => Some(format!("law {server}")),
            _ => None,
        }
    }
}

/// A drawing in the making.
#[derive(Debug)]
pub(super) struct Svg<'a> {
    text: &'a mut String,
    size: (u32, u32),
}

/// Nothing that is written into a `String` fails.
type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl<'a> Svg<'a> {
    /// Draws behind what `text` has.
    pub(super) fn new(text: &'a mut String, size: (u32, u32)) -> Self {
        Self { text, size }
    }

    fn path(&mut self, points: impl IntoIterator<Item = BackendCoord>, colour: BackendColor) {
        let Some(class) = Role::class(colour) else { return };
        write!(self.text, "<path class=\"{class}\" d=\"").ok();
        for ((x, y), letter) in points.into_iter().zip(iter::once('M').chain(iter::repeat('L'))) {
            write!(self.text, "{letter}{x} {y}").ok();
        }
        self.text.push_str("\"/>");
    }
}

impl DrawingBackend for Svg<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, _: BackendCoord, _: BackendColor) -> Drawn {
        // Nothing here is made of pixels.
        Ok(())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn {
        self.path([from, to], style.color());
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        self.path(path, style.color());
        Ok(())
    }

    fn draw_text<TStyle: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &TStyle,
        (x, y): BackendCoord,
    ) -> Drawn {
        let (horizontal, vertical) = (style.anchor().h_pos, style.anchor().v_pos);
        let anchor = match horizontal {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        let shift = match vertical {
            VPos::Top => ".76em",
            VPos::Center => ".36em",
            VPos::Bottom => "0",
        };
        let turn = match style.transform() {
            plotters_backend::FontTransform::Rotate270 => {
                format!(" transform=\"rotate(-90 {x} {y})\"")
            }
            _ => String::new(),
        };
        let escaped = maud::html! { (text) }.into_string();
        write!(
            self.text,
            "<text x=\"{x}\" y=\"{y}\" dy=\"{shift}\" text-anchor=\"{anchor}\"{turn}>{escaped}</text>"
        )
        .ok();
        Ok(())
    }

    /// Without a font at hand: a character is somewhat more than half as wide as it is high.
    fn estimate_text_size<TStyle: BackendTextStyle>(
        &self,
        text: &str,
        style: &TStyle,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a few hundred pixels"
        )]
        let size =
            ((text.chars().count() as f64 * style.size() * 0.58) as u32, style.size() as u32);
        Ok(size)
    }
}
