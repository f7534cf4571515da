//! `CloudWatch` as a stub: each metric has one value, in the current minute.

use jiff::Timestamp;
use wiremock::ResponseTemplate;

/// Returns the response to `GetMetricData` with these values, by the ids of their queries.
pub(crate) fn metric_data(metrics: &[(&str, f64)]) -> ResponseTemplate {
    let minute = Timestamp::now().as_second() / 60 * 60;
    let mut body = Cbor::default();
    body.map(1);
    body.text("MetricDataResults");
    body.array(metrics.len());
    for (id, value) in metrics {
        body.map(4);
        body.text("Id");
        body.text(id);
        body.text("StatusCode");
        body.text("Complete");
        body.text("Timestamps");
        body.array(1);
        body.time(minute);
        body.text("Values");
        body.array(1);
        body.number(*value);
    }
    ResponseTemplate::new(200)
        .insert_header("smithy-protocol", "rpc-v2-cbor")
        .set_body_raw(body.0, "application/cbor")
}

/// What the protocol of `CloudWatch` needs of [CBOR](https://www.rfc-editor.org/rfc/rfc8949).
#[derive(Default)]
struct Cbor(Vec<u8>);

impl Cbor {
    /// Begins an item with a length, which always has two bytes.
    fn head(&mut self, major_type: u8, length: usize) {
        self.0.push((major_type << 5) + 25);
        self.0.extend(u16::try_from(length).unwrap().to_be_bytes());
    }

    fn map(&mut self, entries: usize) {
        self.head(5, entries);
    }

    fn array(&mut self, items: usize) {
        self.head(4, items);
    }

    fn text(&mut self, text: &str) {
        self.head(3, text.len());
        self.0.extend(text.as_bytes());
    }

    fn number(&mut self, value: f64) {
        self.0.push(0xfb);
        self.0.extend(value.to_be_bytes());
    }

    /// Adds the tag of a time, and the seconds since 1970 as a whole number.
    fn time(&mut self, seconds: i64) {
        self.0.extend([0xc1, 0x1b]);
        self.0.extend(seconds.to_be_bytes());
    }
}
