//! The tokens of an expression.

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a keyword, or the name of a function.
    Word(String),
    /// `#name`.
    Name(String),
    /// `:value`.
    Value(String),
    /// The index of a list's element.
    Index(usize),
    /// Punctuation or an operator.
    Symbol(&'static str),
}

/// Longer symbols come before those that they begin with.
const SYMBOLS: [&str; 14] = [
    "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ".", "[", "]", "+", "-",
];

/// The tokens that are left.
#[derive(Debug, Clone)]
pub(super) struct Tokens {
    /// The next one comes last.
    left: Vec<Token>,
}

impl Tokens {
    pub(super) fn of(expression: &str) -> Result<Self, String> {
        let mut left = Vec::new();
        let mut rest = expression.trim_start();
        while let Some(first) = rest.chars().next() {
            let (token, length) = next(rest, first)?;
            left.push(token);
            rest = rest[length..].trim_start();
        }
        left.reverse();
        Ok(Self { left })
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.left.last()
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        self.left.pop()
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Some(Token::Symbol(found)) if *found == symbol)
    }

    /// Takes a symbol, if it is next.
    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let is_next = self.is_symbol(symbol);
        if is_next {
            self.left.pop();
        }
        is_next
    }

    /// Takes a keyword, in any case, if it is next.
    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let is_next = self.is_keyword(keyword);
        if is_next {
            self.left.pop();
        }
        is_next
    }

    pub(super) fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    /// Takes the name of a function and its parenthesis, if both are next.
    pub(super) fn take_function(&mut self) -> Option<String> {
        match &self.left[..] {
            [.., Token::Symbol("("), Token::Word(name)] => {
                let name = name.clone();
                self.left.truncate(self.left.len() - 2);
                Some(name)
            }
            _ => None,
        }
    }

    pub(super) fn expect(&mut self, symbol: &str) -> Result<(), String> {
        if self.take_symbol(symbol) {
            Ok(())
        } else {
            Err(format!("expected {symbol:?}, found {:?}", self.peek()))
        }
    }
}

/// Returns the first token of a text and its length.
fn next(text: &str, first: char) -> Result<(Token, usize), String> {
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| text.starts_with(**symbol)) {
        return Ok((Token::Symbol(symbol), symbol.len()));
    }
    let marked = usize::from(matches!(first, '#' | ':'));
    let word = &text[marked..];
    let end = word.find(|c: char| !(c.is_alphanumeric() || c == '_'));
    let length = marked + end.unwrap_or(word.len());
    if length == marked {
        return Err(format!("{first:?} is not expected"));
    }
    let word = text[..length].to_owned();
    let token = match first {
        '#' => Token::Name(word),
        ':' => Token::Value(word),
        '0'..='9' => {
            let index = word.parse();
            Token::Index(index.map_err(|_| format!("{word:?} is not an index"))?)
        }
        _ => Token::Word(word),
    };
    Ok((token, length))
}
