// The editor of an event: says where its JSON is wrong before it is sent, and keeps events by name
// in this browser, for each function.
import { fault } from "./json-fault.js";
import { say } from "./controls.js";

const field = (id) => document.getElementById(id);

export function begin() {
  const form = field("try");
  if (!form) return;
  form.addEventListener("submit", check, { capture: true });
  field("event").addEventListener("input", () => complain(""));
  field("stored").addEventListener("change", chosen);
  field("load-event").addEventListener("click", load);
  field("save-event").addEventListener("click", save);
  field("delete-event").addEventListener("click", forget);
  form.addEventListener("htmx:finally:request", () => setTimeout(giveBack));
  showSaved();
}

function check(event) {
  complain("");
  if (event.currentTarget.elements.way.value === "api") return;
  const editor = field("event");
  const found = editor.value.trim() ? fault(editor.value) : null;
  if (!found) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  complain(`The event is no JSON: line ${found.line}, column ${found.column}: ${found.message}.`);
  editor.focus();
  editor.setSelectionRange(found.at, found.at + 1);
}

function complain(text) {
  field("event-fault").textContent = text;
}

// A button that was disabled while it ran has lost the focus.
function giveBack() {
  if (document.activeElement === document.body) field("run").focus();
}

function key() {
  return `taskdock:events:${field("try").dataset.function}`;
}

function saved() {
  try {
    const found = JSON.parse(localStorage.getItem(key()) ?? "{}");
    return found && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}

function keep(events) {
  try {
    localStorage.setItem(key(), JSON.stringify(events));
    return true;
  } catch {
    say("The browser keeps nothing for this page");
    return false;
  }
}

function showSaved(name = null) {
  const options = Object.entries(saved()).map(([each, text]) => {
    const option = new Option(each, each, false, each === name);
    option.dataset.event = text;
    return option;
  });
  field("saved").replaceChildren(...options);
  chosen();
}

function selected() {
  return field("stored").selectedOptions[0];
}

function chosen() {
  field("delete-event").disabled = selected()?.parentElement.id !== "saved";
}

function load() {
  field("event").value = selected()?.dataset.event ?? "";
  complain("");
  field("event").focus();
}

function save() {
  const name = field("event-name").value.trim();
  if (!name) {
    complain("Give the event a name to save it by.");
    field("event-name").focus();
    return;
  }
  if (!keep({ ...saved(), [name]: field("event").value })) return;
  showSaved(name);
  say(`Saved ${name}`);
}

function forget() {
  const events = saved();
  const name = selected().value;
  delete events[name];
  keep(events);
  showSaved();
  field("stored").focus();
  say(`Deleted ${name}`);
}
