//! The question before a change of a stack that isn't known to be for development.

use askama::{Template, filters::HtmlSafe};

use super::super::{
    app::App,
    markup::Markup,
    view::{CommandView, Layout},
};

/// What is to be confirmed.
pub(super) struct Question {
    /// What would happen, as a sentence.
    pub(super) what: String,
    /// Where the form is sent.
    pub(super) action: String,
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) button: String,
    pub(super) back: String,
    pub(super) command: String,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    layout: Layout,
    question: Question,
    name: StackName,
    command: CommandView,
}

/// The field for the stack's name; nothing if it needn't be typed.
#[derive(Template)]
#[template(
    source = r#"{% if is_needed %}<p class="field"><label for="stack">Type the stack&rsquo;s name, {{ stack }}, to confirm</label><input id="stack" name="stack" required autocomplete="off" spellcheck="false"><span class="hint">{{ stack }} in account {{ account }}, Region {{ region }}, as {{ caller }}: {{ purpose }}</span></p>{% endif %}"#,
    ext = "html"
)]
pub(super) struct StackName {
    is_needed: bool,
    stack: String,
    account: String,
    region: String,
    caller: String,
    purpose: String,
}

impl HtmlSafe for StackName {}

impl StackName {
    pub(super) fn of(app: &App) -> Self {
        let deployment = &app.context.deployment;
        Self {
            is_needed: app.must_confirm(),
            stack: deployment.stack.clone(),
            account: deployment.account.id.clone(),
            region: deployment.account.region.clone(),
            caller: deployment.account.caller.clone(),
            purpose: deployment.purpose.to_string(),
        }
    }
}

/// Returns the page that asks.
pub(super) fn ask(app: &App, question: Question) -> Markup {
    Markup::of(&ConfirmPage {
        layout: Layout::of(app, "Confirm", "/fix"),
        name: StackName::of(app),
        command: CommandView::open("confirm", question.command.clone()),
        question,
    })
}
