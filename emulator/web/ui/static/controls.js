// The keyboard, copying, and what is hidden until it is asked for.

export function begin() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const link = document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
    if (link) link.click();
  });
  document.addEventListener("click", (event) => {
    const copied = event.target.closest("[data-copy]");
    if (copied) copy(copied.dataset.copy);
    if (event.target.closest("[data-dismiss]")) dismiss();
    const reveal = event.target.closest("[data-reveal]");
    if (reveal) toggle(reveal);
  });
  // What was refused is settled when the same kind of request is answered: a part that is shown
  // anew each second says nothing of a button.
  document.addEventListener("htmx:after:request", (event) => {
    const { request, response } = event.detail.ctx;
    const shown = document.getElementById("refusal");
    if (response.status >= 400) shown.dataset.method = request.method;
    else if (shown.dataset.method === request.method) dismiss();
  });
  // A part that was lost is fetched again as soon as the stream is there again; nobody repeats an
  // action, which may have been done.
  document.addEventListener("htmx:error", (event) => {
    const { request, response } = event.detail.ctx ?? {};
    if (request && !response && request.method !== "GET") lost(request.method);
  });
}

function lost(method) {
  const shown = document.getElementById("refusal");
  shown.replaceChildren(document.getElementById("lost").content.cloneNode(true));
  shown.dataset.method = method;
}

function dismiss() {
  document.getElementById("refusal").replaceChildren();
}

function isTyping(element) {
  return element.closest("input, textarea, select, [contenteditable]") !== null;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied");
  } catch {
    say("The browser does not let this page copy");
  }
}

function toggle(button) {
  const secret = button.closest(".secret");
  const shown = button.getAttribute("aria-pressed") === "true";
  button.setAttribute("aria-pressed", String(!shown));
  button.textContent = shown ? "Show" : "Hide";
  secret.querySelector("[data-value]").hidden = shown;
  secret.querySelector("[data-hidden]").hidden = !shown;
}

export function say(text) {
  const said = document.getElementById("said");
  said.textContent = text;
  setTimeout(() => {
    if (said.textContent === text) said.textContent = "";
  }, 3000);
}
