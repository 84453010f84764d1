// Times: "3 s ago" on the page, the whole on hover; in the browser's zone, or in UTC.

const KEY = "taskdock.utc";
const UNITS = [
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];
let utc = localStorage.getItem(KEY) === "yes";

export function begin() {
  const button = document.getElementById("zone");
  const label = () => {
    button.textContent = utc ? "UTC" : "Local time";
    button.setAttribute("aria-pressed", String(utc));
  };
  button?.addEventListener("click", () => {
    utc = !utc;
    localStorage.setItem(KEY, utc ? "yes" : "no");
    label();
    showAll();
  });
  if (button) label();
  showAll();
  document.addEventListener("htmx:after:swap", showAll);
  setInterval(() => document.hidden || showAll(), 1000);
}

function showAll() {
  for (const element of document.querySelectorAll("time[datetime]")) {
    // A part may have a time of its own, by a clock that tests move.
    const own = element.closest("[data-now]");
    const now = own ? Date.parse(own.dataset.now) : Date.now();
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const text = relative((moment - now) / 1000);
    if (element.textContent !== text) element.textContent = text;
    const title = absolute(moment);
    if (element.title !== title) element.title = title;
  }
}

function relative(seconds) {
  const distance = Math.abs(seconds);
  if (distance < 1) return "now";
  const [size, unit] = UNITS.find(([each]) => distance >= each);
  const text = `${Math.floor(distance / size)} ${unit}`;
  return seconds < 0 ? `${text} ago` : `in ${text}`;
}

function absolute(moment) {
  if (utc) return moment.toISOString().replace("T", " ").replace("Z", " UTC");
  return moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}
