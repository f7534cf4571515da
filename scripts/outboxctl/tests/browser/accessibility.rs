//! Checks pages with axe-core, from the lock file of `infra`.

use serde::Deserialize;

use crate::browser::{Browser, DESKTOP, DESKTOP_DARK, PHONE, project};

/// A rule that the page breaks.
#[derive(Debug, Deserialize)]
struct Violation {
    id: String,
    /// `minor`, `moderate`, `serious` or `critical`.
    impact: String,
    /// The first element.
    html: String,
}

/// Checks the page that is shown on every kind of screen.
///
/// # Panics
///
/// If axe-core finds a fault that is serious or critical.
pub(crate) async fn assert_accessible(browser: &Browser) {
    for screen in [PHONE, DESKTOP_DARK, DESKTOP] {
        browser.show_on(screen).await;
        let serious: Vec<Violation> = violations(browser)
            .await
            .into_iter()
            .filter(|violation| ["serious", "critical"].contains(&violation.impact.as_str()))
            .collect();
        let address = browser.address().await;
        let faults: Vec<String> = serious
            .iter()
            .map(|violation| format!("{}: {}", violation.id, violation.html))
            .collect();
        assert!(faults.is_empty(), "{address} on {screen:?}: {faults:#?}");
        let overflow = "return document.documentElement.scrollWidth - innerWidth";
        let overflow = browser.evaluate(overflow).await.as_i64().unwrap();
        assert!(
            overflow <= 0,
            "{address} on {screen:?} is {overflow} px too wide"
        );
    }
}

async fn violations(browser: &Browser) -> Vec<Violation> {
    let axe = project().join("infra/node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(&axe)
        .unwrap_or_else(|error| panic!("{}: {error}: npm ci in infra", axe.display()));
    browser.evaluate(&axe).await;
    let run = "const done = arguments[arguments.length - 1];
        axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
            done(violations.map(({ id, impact, nodes }) => ({ id, impact, html: nodes[0].html }))),
            (error) => done([{ id: String(error), impact: 'critical', html: '' }]))";
    serde_json::from_value(browser.evaluate_async(run).await).unwrap()
}
