// Keeps what is shown fresh. The server says what has changed; each part that shows it
// (data-live="tasks environments") is fetched anew, and morphed into its place.

const stream = new URL("/ui/stream", location.href);
let source = null;

export function begin() {
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
  let lost = false;
  source = new EventSource(stream);
  source.addEventListener("hello", () => {
    show("live");
    if (lost) refresh(null);
    lost = false;
  });
  source.addEventListener("changed", (event) => refresh(new Set(JSON.parse(event.data))));
  source.addEventListener("facts", (event) => {
    document.dispatchEvent(new CustomEvent("taskdock:facts", { detail: JSON.parse(event.data) }));
  });
  source.addEventListener("error", () => {
    lost = true;
    show("lost");
    if (source && source.readyState === EventSource.CLOSED) {
      // It was refused, which a browser does not try again by itself.
      close();
      setTimeout(() => document.hidden || open(), 2000);
      lost = true;
    }
  });
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

function show(state) {
  const said = document.getElementById("connection");
  if (!said || said.dataset.state === state) return;
  said.dataset.state = state;
  said.textContent = state === "live" ? "live" : "connection lost, trying again";
}
