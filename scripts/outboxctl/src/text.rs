//! Text for people. Everything that the tool shows is a [`Text`], so that nothing from a
//! row, a dead letter or AWS can move the cursor, reach the clipboard or forge a line.

use std::fmt;

use console::Style;

use crate::visible::visible;

/// Lines for a terminal, without hidden characters but the tool's own colours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(Vec<String>);

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

    /// Returns lines that the tool has laid out itself: its line breaks are kept.
    ///
    /// For content of others, only if a line of it can't be taken for one of the tool's.
    pub(crate) fn laid_out(lines: &str) -> Self {
        Self(lines.split('\n').map(|line| visible(line).into()).collect())
    }

    /// Returns the help or the error of the command line's parser. Arguments in it are
    /// visible already.
    pub(crate) fn of_parser(error: &clap::Error, is_coloured: bool) -> Self {
        let styled = error.render();
        if is_coloured {
            let coloured = styled.ansi().to_string();
            return Self(coloured.trim_end().lines().map(str::to_owned).collect());
        }
        Self::laid_out(styled.to_string().trim_end())
    }

    /// Adds a line. Line breaks in it are escaped, as all hidden characters are.
    pub(crate) fn add(&mut self, content: impl fmt::Display) {
        self.0.push(visible(&content.to_string()).into_owned());
    }

    /// Adds a line with a style.
    pub(crate) fn add_styled(&mut self, style: &Style, content: impl fmt::Display) {
        self.add_beginning_with(style, content, "");
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
        self.0.push(format!("{beginning}{}", visible(&rest)));
    }

    /// Adds the lines of another text.
    pub(crate) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Adds the lines of another text, with spaces before each.
    pub(crate) fn append_indented(&mut self, other: Self) {
        let lines = other.0.into_iter();
        self.0.extend(lines.map(|line| format!("  {line}")));
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
        f.write_str(&self.0.join("\n"))
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
        let shown = r"a\u{1b}[2J\nall is well\u{202e}";
        assert_eq!(
            text.to_string(),
            format!("{shown}\n\u{1b}[31m{shown}\u{1b}[0m\n{shown}{shown}\n  a\n  \\u{{7}}")
        );
    }
}
