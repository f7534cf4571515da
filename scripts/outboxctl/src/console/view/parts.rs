//! Small parts of pages.

use askama::{Template, filters::HtmlSafe};
use jiff::Timestamp;

use super::address::event_address;
use crate::age;

/// A state in a word, with an icon and a colour that say the same.
#[derive(Template, Debug, Clone, Default, PartialEq, Eq)]
#[template(
    source = r##"<span class="state {{ class }}"><svg class="icon" aria-hidden="true"><use href="#i-{{ icon }}"></use></svg>{{ word }}</span>"##,
    ext = "html"
)]
pub(in super::super) struct State {
    /// `ok`, `active`, `warn`, `bad`, or nothing.
    pub(in super::super) class: &'static str,
    pub(in super::super) icon: &'static str,
    pub(in super::super) word: String,
}

impl HtmlSafe for State {}

impl State {
    pub(in super::super) fn new(
        class: &'static str,
        icon: &'static str,
        word: impl Into<String>,
    ) -> Self {
        let word = word.into();
        Self { class, icon, word }
    }

    pub(in super::super) fn ok(word: impl Into<String>) -> Self {
        Self::new("ok", "check", word)
    }

    pub(in super::super) fn bad(word: impl Into<String>) -> Self {
        Self::new("bad", "cross", word)
    }

    pub(in super::super) fn idle(word: impl Into<String>) -> Self {
        Self::new("", "minus", word)
    }

    pub(in super::super) fn pending() -> Self {
        Self::new("active", "clock", "pending")
    }

    pub(in super::super) fn parked() -> Self {
        Self::new("warn", "pause", "parked")
    }

    pub(in super::super) fn held() -> Self {
        Self::new("warn", "behind", "held")
    }

    pub(in super::super) fn not_known() -> Self {
        Self::new("", "question", "not known")
    }
}

/// A time, by its age, which the page keeps current. The exact time is its title.
#[derive(Template, Debug, Clone)]
#[template(
    source = r#"<time datetime="{{ at }}" title="{{ at }}" data-suffix="{{ suffix }}">{{ age }}{{ suffix }}</time>"#,
    ext = "html"
)]
pub(in super::super) struct Ago {
    at: String,
    age: String,
    suffix: &'static str,
}

impl HtmlSafe for Ago {}

impl Ago {
    /// Returns how long ago a time was: `5s ago`.
    pub(in super::super) fn of(at: Timestamp) -> Self {
        Self::with(at, " ago")
    }

    /// Returns how long something lasts already: `5s`.
    pub(in super::super) fn since(at: Timestamp) -> Self {
        Self::with(at, "")
    }

    fn with(at: Timestamp, suffix: &'static str) -> Self {
        Self {
            at: format!("{at:.3}"),
            age: age::age(at),
            suffix,
        }
    }
}

/// The name of a row, which leads to its page.
#[derive(Template, Debug, Clone, PartialEq, Eq)]
#[template(
    source = r#"<a class="id" href="{{ address }}">{{ row }}</a>"#,
    ext = "html"
)]
pub(in super::super) struct RowLink {
    pub(in super::super) row: String,
    pub(in super::super) address: String,
}

impl HtmlSafe for RowLink {}

impl RowLink {
    /// Returns a link for an event of which the id is known: it finds the event after its row is
    /// deleted, too.
    pub(in super::super) fn of_event(row: impl Into<String>, event_id: Option<&str>) -> Self {
        let mut link = Self::to(row);
        if let Some(id) = event_id {
            let id = percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC);
            link.address = format!("{}?event={id}", link.address);
        }
        link
    }

    pub(in super::super) fn to(row: impl Into<String>) -> Self {
        let row = row.into();
        let address = event_address(&row);
        Self { row, address }
    }
}

/// A command that does the same as the page.
#[derive(Template, Debug, Clone)]
#[template(
    source = r#"<details id="details-{{ id }}"{% if is_open %} open{% endif %}><summary>The same as a command</summary><div class="command"><code id="command-{{ id }}">{{ command }}</code><button class="small" type="button" data-copy="command-{{ id }}" hidden>Copy</button></div></details>"#,
    ext = "html"
)]
pub(in super::super) struct CommandView {
    id: &'static str,
    command: String,
    is_open: bool,
}

impl HtmlSafe for CommandView {}

impl CommandView {
    pub(in super::super) fn new(id: &'static str, command: String) -> Self {
        Self {
            id,
            command,
            is_open: false,
        }
    }

    pub(in super::super) fn open(id: &'static str, command: String) -> Self {
        Self {
            is_open: true,
            ..Self::new(id, command)
        }
    }
}

/// What the operator should know first, and where it leads.
#[derive(Template, Debug, Clone)]
#[template(
    source = r##"<li class="notice {{ class }}"><svg class="icon" aria-hidden="true"><use href="#i-{% if class == "ok" %}check{% else %}alert{% endif %}"></use></svg>
  <div><strong>{{ what }}</strong>
  {%- for line in text %}
  <p>{{ line }}</p>
  {%- endfor %}</div>
  {%- if !links.is_empty() %}
  <p class="buttons">{% for (address, name) in links %}<a class="button{% if loop.last %} main{% endif %}" href="{{ address }}">{{ name }}</a>{% endfor %}</p>
  {%- endif %}
</li>"##,
    ext = "html"
)]
pub(in super::super) struct Notice {
    class: &'static str,
    what: String,
    text: Vec<String>,
    links: Vec<(String, &'static str)>,
}

impl HtmlSafe for Notice {}

impl Notice {
    fn new(class: &'static str, what: impl Into<String>) -> Self {
        Self {
            class,
            what: what.into(),
            text: Vec::new(),
            links: Vec::new(),
        }
    }

    pub(in super::super) fn ok(what: impl Into<String>) -> Self {
        Self::new("ok", what)
    }

    pub(in super::super) fn warn(what: impl Into<String>) -> Self {
        Self::new("warn", what)
    }

    pub(in super::super) fn bad(what: impl Into<String>) -> Self {
        Self::new("bad", what)
    }

    /// Adds a paragraph.
    #[must_use]
    pub(in super::super) fn text(mut self, text: impl Into<String>) -> Self {
        self.text.push(text.into());
        self
    }

    #[must_use]
    pub(in super::super) fn link(mut self, address: impl Into<String>, name: &'static str) -> Self {
        self.links.push((address.into(), name));
        self
    }
}
