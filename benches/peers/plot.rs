//! The rows as a picture.

use std::fmt::Write as _;

use super::Row;

/// Draws the rows as bars, each group on a scale of its own.
pub fn plot(rows: &[Row]) -> String {
    let (bar, gap, left, width) = (18, 6, 250, 420);
    let mut works: Vec<&str> = rows.iter().map(|row| row.work).collect();
    works.dedup();
    let height = rows.len() * (bar + gap) + works.len() * 30 + 20;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"780\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut y = 10;
    for work in works {
        let group: Vec<&Row> = rows.iter().filter(|row| row.work == work).collect();
        let longest = group.iter().map(|row| row.median).max().unwrap_or_default().as_secs_f64();
        y += 20;
        let _ = writeln!(svg, "<text x=\"10\" y=\"{y}\" font-weight=\"bold\">{work}</text>");
        y += 10;
        for row in group {
            let seconds = row.median.as_secs_f64();
            let length = (seconds / longest * f64::from(width)).max(1.0);
            let fill = if row.program.starts_with("plugsign") { "#166de0" } else { "#9aa7b5" };
            let text = y + 13;
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"{left}\" y=\"{y}\" width=\"{length:.0}\" height=\"{bar}\" fill=\"{fill}\"/>\
                 <text x=\"{:.0}\" y=\"{text}\">{seconds:.3} s</text>",
                left - 8,
                row.program,
                f64::from(left) + length + 6.0,
            );
            y += bar + gap;
        }
    }
    svg.push_str("</svg>\n");
    svg
}
