//! A line chart as SVG, written without a library: any browser shows it, it needs no script and can
//! be read as text.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 12.0;
/// Colours that colour-blind people can tell apart (Okabe and Ito).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// A chart of several lines over the same x values.
pub struct Plot<'a> {
    pub title: &'a str,
    pub x_unit: &'a str,
    pub y_unit: &'a str,
    pub x: &'a [f64],
    pub lines: &'a [(String, Vec<f64>)],
}

/// Rounds up to 1, 2 or 5 times a power of ten.
fn round_up(most: f64) -> f64 {
    if most <= 0.0 || !most.is_finite() {
        return 1.0;
    }
    let power = 10f64.powf(most.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|m| *m >= most).unwrap_or(most)
}

fn number(x: f64) -> String {
    match x.abs() {
        a if a >= 1e6 => format!("{:.1} M", x / 1e6),
        a if a >= 1e4 => format!("{:.0} k", x / 1e3),
        a if a >= 10.0 || a == 0.0 => format!("{x:.0}"),
        _ => format!("{x:.2}"),
    }
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Plot<'_> {
    /// Renders the chart as an SVG element.
    #[must_use]
    pub fn svg(&self) -> String {
        let most_x = round_up(self.x.iter().copied().fold(0.0, f64::max));
        let most_y = round_up(self.lines.iter().flat_map(|(_, ys)| ys).copied().fold(0.0, f64::max));
        let px = |x: f64| LEFT + x / most_x * (WIDTH - LEFT - 8.0);
        let py = |y: f64| HEIGHT - BOTTOM - y / most_y * (HEIGHT - BOTTOM - TOP);
        let title = escaped(self.title);
        let mut out = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>"
        );
        for part in 0..=4 {
            let part = f64::from(part) / 4.0;
            let (x, y) = (px(part * most_x), py(part * most_y));
            let right = WIDTH - 8.0;
            let _never_fails = write!(
                out,
                "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" class=\"grid\"/><text \
                    x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text><text x=\"{x:.1}\" y=\"{:.1}\" \
                    text-anchor=\"middle\">{}</text>",
                LEFT - 6.0,
                y + 4.0,
                number(part * most_y),
                HEIGHT - 6.0,
                number(part * most_x),
            );
        }
        for (nth, (_, ys)) in self.lines.iter().enumerate() {
            let points: Vec<String> =
                self.x.iter().zip(ys).map(|(x, y)| format!("{:.1},{:.1}", px(*x), py(*y))).collect();
            let colour = COLOURS[nth % COLOURS.len()];
            let _never_fails =
                write!(out, "<polyline points=\"{}\" stroke=\"{colour}\" class=\"line\"/>", points.join(" "));
            if points.len() <= 12 {
                for point in &points {
                    let (x, y) = point.split_once(',').unwrap_or_default();
                    let _never_fails =
                        write!(out, "<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" fill=\"{colour}\"/>");
                }
            }
        }
        out.push_str("</svg>");
        out
    }

    /// Renders the chart as an HTML figure with its title and a legend.
    #[must_use]
    pub fn figure(&self) -> String {
        let keys = self.lines.iter().enumerate().map(|(nth, (name, _))| {
            format!(
                "<span><i style=\"background:{}\"></i>{}</span>",
                COLOURS[nth % COLOURS.len()],
                escaped(name)
            )
        });
        let keys: Vec<String> = keys.collect();
        format!(
            "<figure><figcaption><b>{}</b> ({} over {}) {}</figcaption>{}</figure>",
            escaped(self.title),
            escaped(self.y_unit),
            escaped(self.x_unit),
            keys.join(" "),
            self.svg()
        )
    }
}

/// CSS of a page with figures.
pub const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 \
    1rem;color:#1a1a1a;background:#fff}\
figure{margin:1.5rem \
0}svg{width:100%;height:auto;font-size:11px;fill:#444}.grid{stroke:#e3e3e3}.line{fill:none;stroke-width:2}\
figcaption i{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 \
.8em}table{border-collapse:collapse}td,th{padding:.25rem .8rem .25rem 0;text-align:left}\
td.n{text-align:right;font-variant-numeric:tabular-nums}\
@media(prefers-color-scheme:dark){body{background:#151515;color:#eee}svg{fill:#aaa}.grid{stroke:#333}}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        for (most, end) in
            [(0.0, 1.0), (f64::NAN, 1.0), (0.3, 0.5), (1.0, 1.0), (7.2, 10.0), (1234.0, 2000.0)]
        {
            assert!((round_up(most) - end).abs() < 1e-9, "{most}");
        }
    }

    #[test]
    fn a_picture_escapes_its_words_and_stays_within_its_frame() {
        let plot = Plot {
            title: "a < b",
            x_unit: "s",
            y_unit: "µs",
            x: &[0.0, 1.0, 3.0],
            lines: &[("\"p50\"".into(), vec![1.0, 900.0, 20.0])],
        };
        let figure = plot.figure();
        assert!(figure.contains("a &lt; b") && figure.contains("&quot;p50&quot;"), "{figure}");
        for circle in figure.split("<circle ").skip(1) {
            let coordinate = |name: &str| {
                circle
                    .split(name)
                    .nth(1)
                    .and_then(|t| t.split('"').next()?.parse::<f64>().ok())
                    .expect("a number")
            };
            assert!(
                (LEFT..=WIDTH).contains(&coordinate("cx=\""))
                    && (0.0..=HEIGHT).contains(&coordinate("cy=\"")),
                "{circle}"
            );
        }
    }
}
