//! What the server sends of a page.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};

use crate::visible::is_hidden;

/// HTML that a browser may get: text is escaped by the template, and its hidden characters are
/// visible, wherever it is on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Markup(String);

impl Markup {
    /// Renders a template.
    pub(super) fn of(template: &impl Template) -> Self {
        let html = template.render().unwrap_or_else(|error| {
            // Only a value whose own formatting fails can cause this, and no view has one.
            format!("<p>this part can't be shown: {error}</p>").replace(['{', '}'], "")
        });
        Self(without_hidden(&html))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl IntoResponse for Markup {
    fn into_response(self) -> Response {
        Html(self.0).into_response()
    }
}

/// Replaces hidden characters by escapes, but for line breaks. The escapes are plain text, so the
/// HTML stays what it is.
fn without_hidden(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    for character in html.chars() {
        match character {
            '\n' => text.push('\n'),
            '\t' | '\r' => text.extend(character.escape_default()),
            hidden if is_hidden(hidden) => text.extend(hidden.escape_unicode()),
            shown => text.push(shown),
        }
    }
    text
}

/// Returns a text for a `textarea`, which the browser sends back as it was: hidden characters are
/// character references there.
pub(super) fn editable(text: &str) -> String {
    use std::fmt::Write;
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\n' => html.push('\n'),
            hidden if is_hidden(hidden) => {
                let _ = write!(html, "&#x{:x};", u32::from(hidden));
            }
            shown => html.push(shown),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Template)]
    #[template(source = r#"<p title="{{ text }}">{{ text }}</p>"#, ext = "html")]
    struct Paragraph<'t> {
        text: &'t str,
    }

    #[test]
    fn text_is_only_ever_text() {
        let text = "\"><img onerror=x>\u{202e}\u{1b}[2J\r</p>'";
        let html = Markup::of(&Paragraph { text });
        let shown = html.as_str();
        assert!(!shown.contains("<img"), "{shown}");
        assert!(!shown.contains(is_hidden), "{shown}");
        assert!(shown.contains(r"\u{202e}\u{1b}[2J\r"), "{shown}");
        assert_eq!(shown.matches("</p>").count(), 1, "{shown}");
    }

    #[test]
    fn a_text_to_edit_stays_as_it_is() {
        assert_eq!(
            editable("{\"a\":\"<\u{202e}\"}\n"),
            "{&quot;a&quot;:&quot;&lt;&#x202e;&quot;}\n"
        );
    }
}
