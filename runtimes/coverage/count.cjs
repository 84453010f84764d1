'use strict';
// Counts the lines of a function's code that run, in its container. Node.js requires it before anything else.
// V8 is asked before each answer is sent, since the process may be frozen or killed afterwards:
// https://chromedevtools.github.io/devtools-protocol/v8/Profiler/#method-takePreciseCoverage
// Written down for each file is the code that has not run yet, as ranges of UTF-16 units, whenever less is left.
// The syntax is that of Node.js 10.

const fs = require('fs');
const path = require('path');
const { createHash, randomBytes } = require('crypto');
const { fileURLToPath } = require('url');
const { setTimeout, clearTimeout } = global; // a function may replace them

const FOLDER = process.env.TASKDOCK_LINES || '/dev/taskdock-lines';
const TASK_ROOT = (process.env.LAMBDA_TASK_ROOT || '/var/task').replace(/\/*$/, '/');
const BEFORE_DEADLINE = 250; // ms, for what waits longer than it may
const name = process.env.AWS_LAMBDA_FUNCTION_NAME || 'function';
const file = path.join(FOLDER, `${name}.${randomBytes(8).toString('hex')}.nodejs`);

const left = new Map(); // by path: ranges that have not run yet
let session;

function start() {
  const { Session } = require('inspector');
  session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  process.on('exit', save);
  const load = process.dlopen;
  process.dlopen = function (module, filename, ...rest) {
    const result = load.call(this, module, filename, ...rest);
    if (path.basename(filename) === 'rapid-client.node') watch(module.exports);
    return result;
  };
}

/** AWS's runtime client: `next` gives an invocation, `done` and `error` send its answer. */
function watch(client) {
  let isSaved = false;
  let timer;
  const { next, done, error } = client;
  const answer = (send) => (...given) => {
    clearTimeout(timer);
    save();
    isSaved = true;
    return send.apply(client, given);
  };
  client.done = answer(done);
  client.error = answer(error);
  client.next = async (...given) => {
    clearTimeout(timer);
    if (!isSaved) save(); // a start, or a streamed answer
    isSaved = false;
    const invocation = await next.apply(client, given);
    const headers = (invocation && invocation.headers) || {};
    const rest = Number(headers['lambda-runtime-deadline-ms']) - Date.now() - BEFORE_DEADLINE;
    if (rest > 0) timer = setTimeout(save, Math.min(rest, 2 ** 31 - 1)).unref();
    return invocation;
  };
}

function save() {
  try {
    session.post('Profiler.takePreciseCoverage', (fault, taken) => {
      if (!fault) taken.result.forEach(note);
    });
  } catch (error) {
    // A full disk is no matter of the function's.
  }
}

function note({ url, functions }) {
  const place = url.startsWith('file://') ? fileURLToPath(url) : url;
  if (!place.startsWith(TASK_ROOT) || place.includes('/node_modules/')) return;
  const bare = notRun(functions);
  const before = left.get(place);
  const now = before === undefined ? bare : common(before.ranges, bare);
  if (before !== undefined && JSON.stringify(now) === JSON.stringify(before.ranges)) return;
  const sha256 = before ? before.sha256 : digest(place);
  if (sha256 === undefined) return; // code without a file, such as of a template
  left.set(place, { ranges: now, sha256 });
  fs.appendFileSync(file, JSON.stringify({ path: place, sha256, left: now }) + '\n');
}

function digest(place) {
  try {
    return createHash('sha256').update(fs.readFileSync(place)).digest('hex');
  } catch (error) {
    return undefined;
  }
}

/**
 * The ranges whose innermost count is 0, and all outside of ranges: V8 leaves functions out that were not
 * called, and nor was what they are in. V8's ranges lie within each other, or apart.
 */
function notRun(functions) {
  const whole = { startOffset: 0, endOffset: Number.MAX_SAFE_INTEGER, count: 0 };
  const ranges = [whole].concat(...functions.map((one) => one.ranges));
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  const found = [];
  const open = [];
  let at = 0;
  const upTo = (end) => {
    const inner = open[open.length - 1];
    if (inner && inner.count === 0 && end > at) {
      const last = found[found.length - 1];
      if (last && last[1] === at) last[1] = end;
      else found.push([at, end]);
    }
    at = Math.max(at, end);
  };
  const closeUpTo = (offset) => {
    while (open.length && open[open.length - 1].endOffset <= offset) {
      upTo(open[open.length - 1].endOffset);
      open.pop();
    }
  };
  for (const range of ranges) {
    closeUpTo(range.startOffset);
    upTo(range.startOffset);
    open.push(range);
  }
  closeUpTo(Infinity);
  return found;
}

function common(some, others) {
  const found = [];
  let i = 0;
  let j = 0;
  while (i < some.length && j < others.length) {
    const start = Math.max(some[i][0], others[j][0]);
    const end = Math.min(some[i][1], others[j][1]);
    if (start < end) found.push([start, end]);
    if (some[i][1] < others[j][1]) i += 1;
    else j += 1;
  }
  return found;
}

try {
  start();
} catch (error) {
  process.stderr.write(`taskdock: lines are not counted: ${error}\n`);
}
