// The page Now: what passes while nothing is fetched, and tasks that fly from place to place.
// The flights are an overlay: they read positions, and change nothing of the lists.

const EVERY = 200; // ms
const LEG = 400; // ms of one flight
const STAY = 150; // ms that a chip stays where it has arrived
const MOST = 12; // chips at a time

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const last = new Map(); // by task or request: the end of its latest flight
let fetchedAt = performance.now();
let flying = 0;

export function begin() {
  if (!document.getElementById("board")) return;
  showPassing();
  setInterval(() => document.hidden || showPassing(), EVERY);
  document.addEventListener("htmx:after:swap", () => {
    fetchedAt = performance.now();
    showPassing();
  });
  document.addEventListener("taskdock:facts", (event) => {
    if (!calm.matches && !document.hidden) event.detail.forEach(fly);
  });
}

// Time

function showPassing() {
  const board = document.getElementById("board");
  const own = board.dataset.now; // the time of a clock that does not tick
  const now = own ? Date.parse(own) + performance.now() - fetchedAt : Date.now();
  for (const element of board.querySelectorAll("[data-for]")) {
    put(element, spoken(Math.max(0, now - Date.parse(element.dataset.for))));
  }
  for (const bar of board.querySelectorAll("progress[data-since]")) {
    bar.value = Math.min(bar.max, Math.max(0, (now - Date.parse(bar.dataset.since)) / 1000));
    bar.dataset.full = String(bar.value > 0.8 * bar.max);
  }
  const moment = document.querySelector("[data-moment]");
  if (moment) put(moment, new Date(moment.dataset.moment).toLocaleString());
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function spoken(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.floor(seconds)} s`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;
}

// Flights

function fly(fact) {
  const id = fact.task ?? fact.request;
  const item = fact.task && document.getElementById(`task-${fact.task}`);
  const lane = () => document.getElementById(`lane-${fact.environment}`) ?? panel("lanes");
  if (fact.kind === "invocation_began") {
    const queued = fact.asked === "task";
    const from = item?.closest("[data-flight]") === panel("queue") ? item : panel(queued ? "queue" : "lanes");
    leg(id, fact, from, lane, "busy");
  } else if (fact.kind === "invocation_ended") {
    leg(id, fact, null, () => panel("ended"), fact.error ? "failed" : "complete", lane);
  }
}

function panel(name) {
  return document.querySelector(`[data-flight="${name}"] h2`);
}

// One leg after the other, so that what takes 10 ms is seen.
function leg(id, fact, from, to, look, later = null) {
  if (flying >= MOST && !last.has(id)) return;
  const start = from && middle(from);
  const before = last.get(id) ?? Promise.resolve();
  const flight = before.then(() => {
    const begun = start ?? middle(later());
    return begun && move(fact.function, begun, middle(to()), look);
  });
  last.set(id, flight);
  flight.finally(() => last.get(id) === flight && last.delete(id));
}

async function move(name, from, to, look) {
  if (!to || flying >= MOST) return;
  flying += 1;
  const chip = document.createElement("span");
  chip.className = "flight";
  chip.dataset.look = look;
  chip.textContent = name;
  chip.setAttribute("aria-hidden", "true");
  document.body.append(chip);
  const at = ({ x, y }) => `translate(${x}px, ${y}px) translate(-50%, -50%)`;
  try {
    const steps = [
      { transform: `${at(from)} scale(.6)` }, // never pale: it is read while it flies
      { transform: `${at(from)} scale(1)`, offset: 0.15 },
      { transform: `${at(to)} scale(1)` },
    ];
    await chip.animate(steps, { duration: LEG, easing: "ease-in-out", fill: "forwards" }).finished;
    await new Promise((resolve) => setTimeout(resolve, STAY));
  } finally {
    chip.remove();
    flying -= 1;
  }
}

function middle(element) {
  if (!element) return null;
  const { left, top, width, height } = element.getBoundingClientRect();
  if (top > innerHeight || top + height < 0) return null; // nobody would see it
  return { x: left + Math.min(width, 220) / 2, y: top + height / 2 };
}
