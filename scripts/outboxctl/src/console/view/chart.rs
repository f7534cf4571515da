//! A small bar chart of an hour.

use askama::{Template, filters::HtmlSafe};

/// How high it is drawn.
const HEIGHT: f64 = 40.0;

/// A value for each minute of an hour, the oldest first.
#[derive(Template, Debug, Clone)]
#[template(
    source = r#"<svg class="bars" viewBox="0 0 {{ bars.len() }} 40" preserveAspectRatio="none" role="img" aria-label="{{ name }} in the last hour: most {{ most }}, last {{ last }}">{% for bar in bars %}<rect x="{{ loop.index0 }}" y="{{ bar.y }}" width="0.8" height="{{ bar.height }}"/>{% endfor %}</svg>
    <p class="axis"><span>an hour ago</span><span>most {{ most }}</span><span>now</span></p>"#,
    ext = "html"
)]
pub(in super::super) struct Chart {
    name: &'static str,
    most: String,
    last: String,
    bars: Vec<Bar>,
}

impl HtmlSafe for Chart {}

#[derive(Debug, Clone)]
struct Bar {
    y: String,
    height: String,
}

impl Chart {
    pub(in super::super) fn of(name: &'static str, values: &[f64]) -> Self {
        let most = values.iter().copied().fold(0.0, f64::max);
        let scale = HEIGHT / most.max(1.0);
        let bars = values.iter().map(|value| {
            let height = value.max(0.0) * scale;
            Bar {
                y: format!("{:.1}", HEIGHT - height),
                height: format!("{height:.1}"),
            }
        });
        Self {
            name,
            most: format!("{most:.0}"),
            last: format!("{:.0}", values.last().copied().unwrap_or_default()),
            bars: bars.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_values() {
        let chart = Chart::of("Published", &[0.0, 10.0, 5.0]);
        let heights: Vec<_> = chart.bars.iter().map(|bar| bar.height.as_str()).collect();
        assert_eq!(heights, ["0.0", "40.0", "20.0"]);
        assert_eq!((chart.most.as_str(), chart.last.as_str()), ("10", "5"));
        assert_eq!(Chart::of("Published", &[0.0]).bars[0].height, "0.0");
    }
}
