//! Text for people. Everything that the tool shows is a [`Text`], so that nothing from a
//! row, a dead letter or AWS can move the cursor, reach the clipboard or forge a line.

use std::fmt;

use console::{Style, measure_text_width};

use crate::{visible::visible, wrap::wrapped};

/// How far the second line of a wrapped one is indented, and more than a suggested command: what
/// content says can't be taken for a line of the tool.
const WRAPPED: usize = 4;

/// How far a suggested command below its purpose is indented.
const SUGGESTED: usize = 2;

/// Lines for a terminal, without hidden characters but the tool's own colours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(Vec<Line>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    /// How many spaces stand before it.
    indent: usize,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    /// Wrapped at white space if the terminal is too narrow.
    Words(String),
    /// Left to the terminal: a line break in it would be copied.
    AsItIs(String),
    /// What a command is for, and the command.
    Suggestion { purpose: String, command: String },
}

impl Text {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Returns a text of one line. Line breaks in it are escaped, as all hidden characters
    /// are.
    pub(crate) fn line(content: impl fmt::Display) -> Self {
        let mut text = Self::new();
        text.add(content);
        text
    }

    /// Returns a text of one line that is never wrapped: a command that can be copied, or content.
    /// Line breaks in it are escaped.
    pub(crate) fn as_it_is(content: impl fmt::Display) -> Self {
        let line = visible(&content.to_string()).into_owned();
        Self(vec![Line::of(Content::AsItIs(line))])
    }

    /// Returns lines that the tool has laid out itself: its line breaks are kept.
    ///
    /// For content of others, only if a line of it can't be taken for one of the tool's.
    pub(crate) fn laid_out(lines: &str) -> Self {
        let visible = lines.split('\n').map(|line| visible(line).into_owned());
        Self(visible.map(Content::AsItIs).map(Line::of).collect())
    }

    /// Returns the help or the error of the command line's parser. Arguments in it are
    /// visible already.
    pub(crate) fn of_parser(error: &clap::Error, is_coloured: bool) -> Self {
        let styled = error.render();
        if is_coloured {
            let coloured = styled.ansi().to_string();
            let lines = coloured.trim_end().lines().map(str::to_owned);
            return Self(lines.map(Content::AsItIs).map(Line::of).collect());
        }
        Self::laid_out(styled.to_string().trim_end())
    }

    /// Adds a line. Line breaks in it are escaped, as all hidden characters are.
    pub(crate) fn add(&mut self, content: impl fmt::Display) {
        let line = visible(&content.to_string()).into_owned();
        self.0.push(Line::of(Content::Words(line)));
    }

    /// Adds a suggested command after what it is for: `list every row: outboxctl parked --flat`. If
    /// the terminal is too narrow for both, it gets a line of its own.
    pub(crate) fn suggest(&mut self, purpose: impl fmt::Display, command: &str) {
        self.0.push(Line::of(Content::Suggestion {
            purpose: visible(&format!("{purpose}:")).into_owned(),
            command: visible(command).into_owned(),
        }));
    }

    /// Adds a command that stands below what it is for.
    pub(crate) fn add_command(&mut self, command: &str) {
        self.append_indented(Self::as_it_is(command));
    }

    /// Adds a line with a style.
    pub(crate) fn add_styled(&mut self, style: &Style, content: impl fmt::Display) {
        self.add_beginning_with(style, content, "");
    }

    /// Adds a line of content with a style, which is never wrapped.
    pub(crate) fn add_content(&mut self, style: &Style, content: impl fmt::Display) {
        let content = content.to_string();
        let line = style.apply_to(visible(&content)).to_string();
        self.0.push(Line::of(Content::AsItIs(line)));
    }

    /// Adds a line whose beginning has a style.
    pub(crate) fn add_beginning_with(
        &mut self,
        style: &Style,
        beginning: impl fmt::Display,
        rest: impl fmt::Display,
    ) {
        let (beginning, rest) = (beginning.to_string(), rest.to_string());
        let beginning = style.apply_to(visible(&beginning));
        let line = format!("{beginning}{}", visible(&rest));
        self.0.push(Line::of(Content::Words(line)));
    }

    /// Adds the lines of another text.
    pub(crate) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Adds the lines of another text, with spaces before each.
    pub(crate) fn append_indented(&mut self, other: Self) {
        let lines = other.0.into_iter();
        self.0.extend(lines.map(|line| Line {
            indent: line.indent + SUGGESTED,
            ..line
        }));
    }

    /// Returns the text for a terminal of this width; `None` for any length of lines.
    pub(crate) fn fitting(&self, width: Option<u16>) -> String {
        let lines = self.0.iter().map(|line| line.fitting(width));
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Line {
    fn of(content: Content) -> Self {
        Self { indent: 0, content }
    }

    fn fitting(&self, width: Option<u16>) -> String {
        let indent = " ".repeat(self.indent);
        let whole = match &self.content {
            Content::Words(line) | Content::AsItIs(line) => format!("{indent}{line}"),
            Content::Suggestion { purpose, command } => format!("{indent}{purpose} {command}"),
        };
        let width = width.map_or(usize::MAX, usize::from);
        if measure_text_width(&whole) <= width {
            return whole;
        }
        let below = " ".repeat(self.indent + WRAPPED);
        match &self.content {
            Content::AsItIs(_) => whole,
            Content::Words(line) => wrapped(line, width, (&indent, &below)),
            Content::Suggestion { purpose, command } => {
                let purpose = wrapped(purpose, width, (&indent, &below));
                format!("{purpose}\n{indent}{}{command}", " ".repeat(SUGGESTED))
            }
        }
    }
}

impl From<String> for Text {
    fn from(line: String) -> Self {
        Self::line(line)
    }
}

impl From<&str> for Text {
    fn from(line: &str) -> Self {
        Self::line(line)
    }
}

impl From<fmt::Arguments<'_>> for Text {
    fn from(line: fmt::Arguments<'_>) -> Self {
        Self::line(line)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fitting(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\nall is well\u{202e}";

    #[test]
    fn content_can_neither_forge_a_line_nor_command_the_terminal() {
        let mut text = Text::line(HOSTILE);
        text.add_styled(&Style::new().red().force_styling(true), HOSTILE);
        text.add_beginning_with(&Style::new(), HOSTILE, HOSTILE);
        text.append_indented(Text::laid_out("a\n\u{7}"));
        text.append(Text::as_it_is(HOSTILE));
        text.suggest(HOSTILE, HOSTILE);
        let shown = r"a\u{1b}[2J\nall is well\u{202e}";
        assert_eq!(
            text.to_string(),
            format!(
                "{shown}\n\u{1b}[31m{shown}\u{1b}[0m\n{shown}{shown}\n  a\n  \\u{{7}}\n{shown}\n\
                 {shown}: {shown}"
            )
        );
    }

    #[test]
    fn lines_are_wrapped_at_white_space_and_commands_are_not() {
        let mut text = Text::line("order#42/7 is still there: the bus accepts no event");
        text.suggest("list every row", "outboxctl parked --flat");
        text.add_command("outboxctl --stack mine unpark 'order#42/7'");
        text.append_indented(Text::line("order#42/7: left, it is parked again"));
        let expected = "order#42/7 is still there: the
    bus accepts no event
list every row:
  outboxctl parked --flat
  outboxctl --stack mine unpark 'order#42/7'
  order#42/7: left, it is
      parked again";
        assert_eq!(text.fitting(Some(30)), expected);
        assert_eq!(text.fitting(Some(80)).lines().count(), 4);
        assert_eq!(text.fitting(None), text.to_string());
    }

    #[test]
    fn a_word_longer_than_the_terminal_and_colours_stay_whole() {
        let mut text = Text::new();
        let red = Style::new().red().force_styling(true);
        text.add_styled(&red, "one order#019ad0c5-0a4c-7000-8000-000000000001/1 two");
        let expected =
            "\u{1b}[31mone\n    order#019ad0c5-0a4c-7000-8000-000000000001/1\n    two\u{1b}[0m";
        assert_eq!(text.fitting(Some(20)), expected);
    }
}
