// Keeps a page of the console current. Everything else works without this module: pages are
// rendered by the server, and actions are forms.
//
// The server sends server-sent events on the address in the body's `data-stream`. An event's
// name is the id of an element with the attribute `data-live`, its data the element's new HTML.
// The event `page` has no HTML: its data is the body's class, such as `stale`.
//
// The server escapes all text from rows before it sends the HTML.

/** How long to wait before the stream is opened again after the server has rejected it. */
const RETRY_MILLISECONDS = 5_000;

/**
 * Returns a duration as the server writes it: `2h 5m 7s`.
 *
 * @param {number} seconds
 * @returns {string}
 */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [
    [Math.floor(whole / 3600), "h"],
    [Math.floor(whole / 60) % 60, "m"],
    [whole % 60, "s"],
  ];
  const shown = parts.filter(([count]) => count !== 0).map((part) => part.join(""));
  return shown.join(" ") || "0s";
}

/**
 * Writes the current age of each time that has `data-suffix`: what follows the age.
 *
 * @param {ParentNode} root
 */
function refreshTimes(root) {
  for (const time of root.querySelectorAll("time[data-suffix]")) {
    const since = Date.parse(time.getAttribute("datetime") ?? "");
    if (Number.isNaN(since)) continue;
    const text = duration((Date.now() - since) / 1000) + (time.getAttribute("data-suffix") ?? "");
    // An unchanged text isn't written: that would end a selection.
    if (time.textContent !== text) time.textContent = text;
  }
}

/**
 * Shows whether the page is live.
 *
 * @param {"live" | "lost" | "ended"} state
 */
function showConnection(state) {
  const element = document.getElementById("connection");
  const text = element?.querySelector("span");
  if (!element || !text) return;
  const texts = {
    live: "live",
    lost: "connection lost, retrying",
    ended: "not connected: start the console again, and open the address that it prints",
  };
  element.classList.toggle("lost", state !== "live");
  if (text.textContent !== texts[state]) text.textContent = texts[state];
}

/**
 * Returns whether the operator is selecting text in the element, or is filling in one of its
 * fields. It is replaced later then.
 *
 * @param {Element} element
 * @returns {boolean}
 */
function isInUse(element) {
  const selection = getSelection();
  const isSelected =
    selection !== null && !selection.isCollapsed && selection.containsNode(element, true);
  return isSelected || element.querySelector("input:focus, textarea:focus, select:focus") !== null;
}

/** The newest HTML of elements that are in use. @type {Map<string, string>} */
const postponed = new Map();

/**
 * Replaces an element, and keeps the focus, open details and how far its parts are scrolled.
 *
 * @param {string} id
 * @param {string} html
 */
function replace(id, html) {
  const old = document.getElementById(id);
  if (!old) return;
  if (isInUse(old)) {
    postponed.set(id, html);
    return;
  }
  postponed.delete(id);
  const template = document.createElement("template");
  template.innerHTML = html;
  const next = template.content.firstElementChild;
  if (!next || next.id !== id) return;
  // Before it is shown, so that nothing moves.
  keepDetails(old, next);
  prepare(template.content);
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const place = focused && placeOf(old, focused);
  const scrolled = old.scrollLeft;
  old.replaceWith(next);
  next.scrollLeft = scrolled;
  if (place) focusAt(next, place);
}

/**
 * Opens those details in the new element that are open in the old one. They are recognised by
 * their ids.
 *
 * @param {Element} old
 * @param {Element} next
 */
function keepDetails(old, next) {
  for (const details of old.querySelectorAll("details[id]")) {
    const same = next.querySelector(`#${CSS.escape(details.id)}`);
    same?.toggleAttribute("open", details.hasAttribute("open"));
  }
}

/** What can have the focus. */
const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

/** @typedef {{ id: string, index: number }} Place */

/**
 * Returns where the focus is: the element's id, or else its number among those that can have it.
 *
 * @param {Element} root
 * @param {Element} focused
 * @returns {Place}
 */
function placeOf(root, focused) {
  const index = [...root.querySelectorAll(FOCUSABLE)].indexOf(focused);
  return { id: focused.id, index };
}

/**
 * Sets the focus to the same place as before, or to the element itself if that place is gone.
 *
 * @param {Element} root
 * @param {Place} place
 */
function focusAt(root, { id, index }) {
  const candidates = [...root.querySelectorAll(FOCUSABLE)];
  const same = id ? candidates.find((candidate) => candidate.id === id) : candidates[index];
  const target = same ?? root;
  if (target === root) root.setAttribute("tabindex", "-1");
  if (target instanceof HTMLElement) target.focus({ preventScroll: true });
}

/**
 * Shows what needs this module: buttons that copy a command. Makes times current.
 *
 * @param {ParentNode} root
 */
function prepare(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) {
    button.removeAttribute("hidden");
  }
  refreshTimes(root);
}

/**
 * Copies a command to the clipboard, and says so on the button for a moment.
 *
 * @param {MouseEvent} click
 */
async function copy(click) {
  const button = click.target instanceof Element && click.target.closest("button[data-copy]");
  if (!button) return;
  const command = document.getElementById(button.getAttribute("data-copy") ?? "");
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(command?.textContent ?? "");
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy it";
  }
  setTimeout(() => {
    button.textContent = label;
  }, 2_000);
}

/**
 * Opens the stream of this page.
 *
 * @param {string} address
 * @param {() => void} reopen Called a while after the server has rejected it.
 * @returns {EventSource}
 */
function connect(address, reopen) {
  const stream = new EventSource(address);
  /** @type {Set<string>} */
  const known = new Set();
  const listen = () => {
    for (const { id } of document.querySelectorAll("[data-live][id]")) {
      if (known.has(id)) continue;
      known.add(id);
      stream.addEventListener(id, (event) => {
        replace(id, event.data);
        // What was replaced may contain further live elements.
        listen();
      });
    }
  };
  listen();
  stream.addEventListener("page", (event) => {
    document.body.className = event.data;
  });
  stream.addEventListener("open", () => showConnection("live"));
  stream.addEventListener("error", () => {
    const isRejected = stream.readyState === EventSource.CLOSED;
    showConnection(isRejected ? "ended" : "lost");
    // The browser itself retries only while the server doesn't reject the request.
    if (isRejected) setTimeout(reopen, RETRY_MILLISECONDS);
  });
  return stream;
}

/**
 * Keeps a stream open while the page is visible. A hidden one would make the server read AWS
 * for nobody, and browsers allow only six streams of one server.
 *
 * @param {string} address
 */
function connectWhileVisible(address) {
  /** @type {EventSource | undefined} */
  let stream;
  const open = () => {
    stream?.close();
    stream = document.visibilityState === "visible" ? connect(address, open) : undefined;
  };
  document.addEventListener("visibilitychange", open);
  addEventListener("pagehide", () => stream?.close());
  // A page that the browser kept while another one was shown.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  open();
}

prepare(document);
document.addEventListener("click", copy);
setInterval(() => {
  refreshTimes(document);
  for (const [id, html] of postponed) replace(id, html);
}, 1_000);
const { stream } = document.body.dataset;
if (stream) connectWhileVisible(stream);
