// Times: "3 s ago" on the page, the whole on hover; in the browser's zone, or in UTC.

const KEY = "taskdock.utc";
const UNITS = [
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];
const toCome = new WeakSet(); // elements whose time had not come when it was shown last
let told = "";
let toldAt = 0;
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

// The time of the service: the machine's, unless the page says another one.
function present() {
  const clock = document.getElementById("service-time");
  if (!clock) return Date.now();
  if (clock.dataset.now !== told) {
    told = clock.dataset.now;
    toldAt = performance.now();
  }
  const passed = clock.dataset.mode === "real" ? performance.now() - toldAt : 0;
  return Date.parse(told) + passed;
}

function showAll() {
  const now = present();
  const outdated = new Set();
  for (const element of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const text = "absolute" in element.dataset ? absolute(moment) : relative((moment - now) / 1000);
    if (moment > now) toCome.add(element);
    else if (toCome.delete(element)) outdated.add(element.closest("[data-live]"));
    if (element.textContent !== text) element.textContent = text;
    const title = absolute(moment);
    if (element.title !== title) element.title = title;
  }
  // What waited for a time waits no longer: no notice tells that.
  for (const part of outdated) part?.dispatchEvent(new CustomEvent("refresh"));
}

function relative(seconds) {
  const distance = Math.abs(seconds);
  if (distance < 1) return "now";
  const [size, unit] = UNITS.find(([each]) => distance >= each);
  const text = `${Math.floor(distance / size)} ${unit}`;
  if (seconds < 0) return `${text} ago`;
  const finer = UNITS[UNITS.findIndex(([each]) => each === size) + 1];
  const rest = finer ? Math.floor((distance % size) / finer[0]) : 0;
  return rest ? `in ${text} ${rest} ${finer[1]}` : `in ${text}`;
}

function absolute(moment) {
  if (utc) return moment.toISOString().replace("T", " ").replace("Z", " UTC");
  return moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}
