//! A headless browser, driven by `chromedriver`.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use thirtyfour::{
    By, ChromiumLikeCapabilities, DesiredCapabilities, WebDriver, WebElement,
    error::WebDriverResult,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::sleep,
};

/// How long a page may take to show what is waited for.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the pages are shown on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) is_dark: bool,
}

pub(crate) const DESKTOP: Screen = Screen {
    width: 1280,
    height: 800,
    is_dark: false,
};

pub(crate) const DESKTOP_DARK: Screen = Screen {
    is_dark: true,
    ..DESKTOP
};

pub(crate) const PHONE: Screen = Screen {
    width: 390,
    height: 844,
    is_dark: false,
};

/// A browser with one page. Ends when it is dropped.
pub(crate) struct Browser {
    driver: WebDriver,
    chromedriver: Child,
}

impl Browser {
    /// Starts a browser; `None` if none is installed. Then it says how to install it, and with
    /// `REQUIRE_BROWSER` in the environment the test fails.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        let Some(chromedriver) = program("chromedriver") else {
            let how = "chromedriver is not installed. On Debian: apt-get install chromium-driver";
            assert!(env::var_os("REQUIRE_BROWSER").is_none(), "{how}");
            println!("NOT RUN: {test}: {how}");
            return None;
        };
        let mut chromedriver = Command::new(chromedriver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let port = port(&mut chromedriver).await;
        let address = format!("http://127.0.0.1:{port}");
        let driver = WebDriver::new(address, capabilities()).await.unwrap();
        let browser = Self {
            driver,
            chromedriver,
        };
        browser.show_on(DESKTOP).await;
        Some(browser)
    }

    /// Ends the browser.
    pub(crate) async fn stop(mut self) {
        self.driver.clone().quit().await.unwrap();
        self.chromedriver.kill().await.unwrap();
    }

    /// Returns the process id of `chromedriver`, whose children are the browser's processes.
    pub(crate) fn process(&self) -> u32 {
        self.chromedriver.id().unwrap()
    }

    pub(crate) async fn show_on(&self, screen: Screen) {
        let metrics = json!({
            "width": screen.width, "height": screen.height, "deviceScaleFactor": 1,
            "mobile": screen.width < 600,
        });
        let scheme = if screen.is_dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        for (method, parameters) in [
            ("Emulation.setDeviceMetricsOverride", metrics),
            ("Emulation.setEmulatedMedia", media),
        ] {
            self.driver
                .cdp()
                .send_raw(method, parameters)
                .await
                .unwrap();
        }
    }

    pub(crate) async fn open(&self, address: &str) {
        self.driver.goto(address).await.unwrap();
    }

    pub(crate) async fn address(&self) -> String {
        self.driver.current_url().await.unwrap().to_string()
    }

    /// Runs a script in the page and returns what it returns.
    pub(crate) async fn evaluate(&self, script: &str) -> Value {
        let returned = self.driver.execute(script, Vec::new()).await;
        returned.unwrap().json().clone()
    }

    /// Runs a script in the page and returns what it passes to its last argument, a function.
    pub(crate) async fn evaluate_async(&self, script: &str) -> Value {
        let returned = self.driver.execute_async(script, Vec::new()).await;
        returned.unwrap().json().clone()
    }

    /// Returns the visible text of the first element that matches, on one line.
    pub(crate) async fn text(&self, css: &str) -> String {
        let text = self.try_text(css).await;
        text.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    /// Fails if the element isn't there, or is replaced while it is read.
    async fn try_text(&self, css: &str) -> WebDriverResult<String> {
        let text = self.driver.find(By::Css(css)).await?.text().await?;
        Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Waits until the text of the first element that matches contains this one.
    pub(crate) async fn wait_for(&self, css: &str, wanted: &str) -> String {
        self.wait_until(css, wanted, |text| text.contains(wanted))
            .await
    }

    /// Waits until the text of the first element that matches is as wanted, and returns it.
    pub(crate) async fn wait_until(
        &self,
        css: &str,
        wanted: &str,
        is_wanted: impl Fn(&str) -> bool,
    ) -> String {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            let text = self.try_text(css).await;
            if let Ok(text) = &text
                && is_wanted(text)
            {
                return text.clone();
            }
            if Instant::now() > give_up_at {
                self.screenshot("failed").await;
                let address = self.address().await;
                panic!("{address}: {css} isn't {wanted:?}: {text:?}");
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Clicks the link to a page in the navigation, whose text may have a number.
    pub(crate) async fn click_page(&self, path: &str) {
        let link = format!(".pages a[href='{path}']");
        let link = self.driver.find(By::Css(&link)).await.unwrap();
        link.click().await.unwrap();
    }

    /// Returns the milliseconds from the request of the page until it showed something.
    pub(crate) async fn first_paint(&self) -> f64 {
        let script = "const paint = performance.getEntriesByName('first-contentful-paint')[0];\
                      return paint ? paint.startTime : null";
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            if let Some(milliseconds) = self.evaluate(script).await.as_f64() {
                return milliseconds;
            }
            assert!(Instant::now() < give_up_at, "nothing is painted");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Clicks the first link, button or summary with this name, within an element.
    pub(crate) async fn click_in(&self, css: &str, name: &str) {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            // It may be replaced between two calls.
            match self.try_click(css, name).await {
                Ok(true) => return,
                clicked if Instant::now() > give_up_at => {
                    self.screenshot("failed").await;
                    let address = self.address().await;
                    panic!("{address}: no {name:?} in {css}: {clicked:?}");
                }
                _ => sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn try_click(&self, css: &str, name: &str) -> WebDriverResult<bool> {
        let clickable = By::Css("a, button, summary");
        for element in self
            .driver
            .find(By::Css(css))
            .await?
            .find_all(clickable)
            .await?
        {
            if element.text().await?.trim() == name {
                element.click().await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) async fn click(&self, name: &str) {
        self.click_in("body", name).await;
    }

    /// Replaces the content of a field.
    pub(crate) async fn fill_in(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub(crate) async fn find(&self, css: &str) -> WebElement {
        let found = self.driver.find(By::Css(css)).await;
        found.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    pub(crate) async fn count(&self, css: &str) -> usize {
        self.driver.find_all(By::Css(css)).await.unwrap().len()
    }

    /// Writes a picture of what is visible to `target/console/`.
    pub(crate) async fn screenshot(&self, name: &str) {
        let directory = project().join("target/console");
        std::fs::create_dir_all(&directory).unwrap();
        let picture = self.driver.screenshot_as_png().await.unwrap();
        std::fs::write(directory.join(format!("{name}.png")), picture).unwrap();
    }

    /// Writes a picture of the page for each kind of screen.
    pub(crate) async fn screenshots(&self, name: &str) {
        for (screen, kind) in [(PHONE, "phone"), (DESKTOP_DARK, "dark"), (DESKTOP, "light")] {
            self.show_on(screen).await;
            self.screenshot(&format!("{name}-{kind}")).await;
        }
    }
}

fn capabilities() -> thirtyfour::ChromeCapabilities {
    let mut capabilities = DesiredCapabilities::chrome();
    for argument in [
        "--headless=new",
        // Needed as root and in containers. The pages are our own.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-crash-reporter",
        "--no-first-run",
        "--no-proxy-server",
        "--hide-scrollbars",
    ] {
        capabilities.add_arg(argument).unwrap();
    }
    if let Some(chromium) = program("chromium") {
        capabilities
            .set_binary(&chromium.to_string_lossy())
            .unwrap();
    }
    capabilities
}

/// Returns the port that `chromedriver` has chosen.
async fn port(chromedriver: &mut Child) -> u16 {
    let stdout = chromedriver.stdout.take().unwrap();
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            // The rest is read so that it can be written.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return port.trim_end_matches('.').parse().unwrap();
        }
    }
    panic!("chromedriver has ended");
}

/// Finds a program in `PATH`.
fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut programs = env::split_paths(&path).map(|directory| directory.join(name));
    programs.find(|program| program.is_file())
}

/// Returns the folder of this project.
pub(crate) fn project() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap().to_owned()
}
