// Keeps what is shown fresh. The server says what has changed; each part that shows it
// (data-live="tasks environments") is fetched anew, and morphed into its place. The number of what
// was said goes along, so that the server makes a part once for all pages that were told the same.

const stream = new URL("/ui/stream", location.href);
const SILENT = 1500; // ms that a connection may be lost before the page says so
let source = null;
let told = null; // the number of what was last told
let version = null;
let losing = null;

export function begin() {
  if (!document.getElementById("connection")) return; // of somebody who may see nothing yet
  document.addEventListener("htmx:config:request", (event) => {
    const ctx = event.detail.ctx;
    if (told && ctx.sourceEvent?.type === "refresh") ctx.request.headers["Taskdock-Told"] = told;
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", () => document.hidden || open());
  document.addEventListener("changed", () => refresh(null)); // a form of this page has done it
  if (!document.hidden) open();
}

function open() {
  if (source) return;
  const wantsFacts = document.querySelector("[data-facts]") !== null;
  stream.search = wantsFacts ? "?facts=1" : "";
  source = new EventSource(stream);
  source.addEventListener("hello", (event) => {
    const hello = JSON.parse(event.data);
    if (version !== null && version !== hello.version) location.reload();
    version = hello.version;
    clearTimeout(losing);
    losing = null;
    show("live");
    // What has changed since the page was made, or while there was no connection, nobody has told.
    told = event.lastEventId;
    refresh(null);
  });
  source.addEventListener("changed", (event) => {
    told = event.lastEventId;
    refresh(new Set(JSON.parse(event.data)));
  });
  source.addEventListener("facts", (event) => {
    document.dispatchEvent(new CustomEvent("taskdock:facts", { detail: JSON.parse(event.data) }));
  });
  source.addEventListener("error", lose);
}

function lose() {
  losing ??= setTimeout(() => show("lost"), SILENT);
  // Refused, which a browser does not try again by itself; or it tries.
  if (source && source.readyState === EventSource.CLOSED) again();
}

async function again() {
  close();
  if (await isSignedOut()) {
    clearTimeout(losing);
    show("out");
  } else {
    setTimeout(() => document.hidden || open(), 2000);
  }
}

async function isSignedOut() {
  try {
    return (await fetch("/ui/stream", { method: "HEAD" })).status === 401;
  } catch {
    return false; // the server is not there
  }
}

function close() {
  if (source) source.close();
  source = null;
}

// topics: a set; null is all of them.
export function refresh(topics) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const wanted = part.dataset.live.split(/\s+/);
    if (topics === null || wanted.some((topic) => topics.has(topic))) {
      part.dispatchEvent(new CustomEvent("refresh", { bubbles: false }));
    }
  }
}

const SAID = { live: "live", lost: "connection lost, trying again", out: "signed out: " };

function show(state) {
  const said = document.getElementById("connection");
  if (!said || said.dataset.state === state) return;
  said.dataset.state = state;
  said.textContent = SAID[state];
  if (state === "out") {
    const link = document.createElement("a");
    const next = encodeURIComponent(location.pathname + location.search);
    link.href = `/ui/sign-in?next=${next}`;
    link.textContent = "sign in";
    said.append(link);
  }
}
