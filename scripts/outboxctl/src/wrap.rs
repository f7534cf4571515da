//! Wraps text at white space. A word, such as the name of a row, is never broken: it is to be
//! copied.

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// Returns a text in lines of this width. The first begins with the first indentation, and the others
/// with the second.
pub(crate) fn wrapped(text: &str, width: usize, indents: (&str, &str)) -> String {
    lines(text, width, indents, false)
}

/// Returns a text in lines of this width as [`wrapped`] does, but breaks a word that is longer than a
/// line.
pub(crate) fn wrapped_and_broken(text: &str, width: usize, indents: (&str, &str)) -> String {
    lines(text, width, indents, true)
}

fn lines(text: &str, width: usize, (first, others): (&str, &str), breaks_words: bool) -> String {
    // Room for one character at least.
    let least = first.len().max(others.len()) + 1;
    let options = Options::new(width.max(least))
        .initial_indent(first)
        .subsequent_indent(others)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
        .break_words(breaks_words);
    textwrap::wrap(text, options).join("\n")
}
