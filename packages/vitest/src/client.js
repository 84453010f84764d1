'use strict';
// The client of a taskdock server for tests. It sets no timer and reads no clock, so a test's fake
// timers change nothing about it. Its calls wait as long as the server does.

const { authorization } = require('./signature.js');

const NO_SUCH_ENDPOINT = 11;
const NO_LOGS = 1408;
const ILLEGAL_STATE = 27;
const LINES = 100; // of a log in one answer
const TASKS = 50; // in one answer

/** What the server has refused, in its own words; `name` and `code` are the server's. */
class TaskdockError extends Error {
  constructor(message, { name = 'TaskdockError', code, status, answer } = {}) {
    super(message);
    Object.assign(this, { name, code, status, answer });
    // The reader looks for the line of the test, not for ours.
    this.stack = this.stack.split('\n').filter(line => !line.includes(__dirname)).join('\n');
  }
}

/** A function that was executed has failed. */
class ExecutionFailed extends TaskdockError {
  constructor(functionName, error, log, answer) {
    const shown = log ? `\nits log:\n${log.replace(/^/gm, '  ')}` : '';
    super(`${functionName} has failed: ${error.name}: ${error.message}${shown}`, {
      name: 'ExecutionFailed',
      code: answer.code,
      answer,
    });
    const { name, message } = error;
    Object.assign(this, { functionName, log, error: { name, message } });
  }
}

/** A client of the server at `url`, which the global setup or `taskdock exec` has started. */
function connect(server = process.env.TASKDOCK_URL) {
  const url = typeof server === 'object' ? server?.url : server;
  const env = typeof server === 'object' ? server?.env ?? process.env : process.env;
  if (!url)
    throw new TaskdockError(
      'no taskdock server is known: TASKDOCK_URL is not set. Add the global setup of ' +
        '@taskdock/test to the configuration of your test runner, or run it by: ' +
        'taskdock exec --functions DIR -- npx vitest run',
    );
  const http = new Http(url.replace(/\/+$/, ''), env);
  const tasks = tasksOf(http);
  return {
    url: http.url,
    tasks,
    execute: (name, data) => execute(http, tasks, name, data),
    schedules: schedulesOf(http),
    clock: clockOf(http),
    faults: faultsOf(http),
    doubles: doublesOf(http),
    runs: runsOf(http),
    api: name => (path, init) =>
      http.fetch(`/tasks/v1/api/${part(name)}/${path.replace(/^\//, '')}`, init),
    reset: options => http.harness('POST', '/reset', options ?? {}),
  };
}

class Http {
  constructor(url, env) {
    this.url = url;
    this.env = env;
  }

  async fetch(path, init = {}) {
    const url = new URL(this.url + path);
    const headers = new Headers(init.headers);
    const signature = authorization(init.method ?? 'GET', url, this.env);
    if (signature && !headers.has('Authorization')) headers.set('Authorization', signature);
    try {
      return await fetch(url, { ...init, headers });
    } catch (error) {
      const why = error.cause?.code ?? error.cause?.message ?? error.message;
      throw new TaskdockError(
        `no taskdock server answers at ${this.url} (${why}); has it been stopped?`,
      );
    }
  }

  /** The JSON of an answer. Throws a `TaskdockError` for a refusal. */
  async call(method, path, body) {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const headers = sent === undefined ? {} : { 'Content-Type': 'application/json' };
    const answer = await this.fetch(path, { method, body: sent, headers });
    const text = await answer.text();
    let content;
    try {
      content = JSON.parse(text);
    } catch {
      throw new TaskdockError(
        `${method} ${this.url}${path} was answered with HTTP ${answer.status} and no JSON; ` +
          'is this the address of a taskdock server?',
      );
    }
    if (answer.ok) return content;
    const { code, name, message } = content;
    const words = message ?? text;
    const cannot = code === NO_SUCH_ENDPOINT ? `this server has no ${method} ${path}: ` : '';
    throw new TaskdockError(cannot + words, { name, code, status: answer.status, answer: content });
  }

  harness(method, path, body) {
    return this.call(method, `/taskdock${path}`, body);
  }

  /** All objects of a list, page after page. */
  async all(path, rql, size) {
    for (const found = []; ; ) {
      const query = [rql, `limit(${size},${found.length})`].filter(Boolean).join('&');
      const { data } = await this.call('GET', `${path}?${query}`);
      found.push(...data);
      if (data.length < size) return found;
    }
  }
}

const part = encodeURIComponent;

/** A condition of RQL. The value is encoded twice, as the service's SDK encodes it. */
const equals = (field, value) => `eq(${field},${part(part(value))})`;

/** A moment as the service writes it. */
const moment = at => (at instanceof Date ? at.toISOString() : at);

const withoutUndefined = object =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

function tasksOf(http) {
  const order = 'sort(startTimestamp,creationTimestamp,id)';
  const find = rql => http.all('/tasks/v1/', [rql, order].filter(Boolean).join('&'), TASKS);

  async function log(id) {
    try {
      const lines = await http.all(`/tasks/v1/${part(id)}/logs`, '', LINES);
      return lines.map(line => line.message).join('\n');
    } catch (error) {
      if (error.code === NO_LOGS || error.code === ILLEGAL_STATE) return '';
      throw error;
    }
  }

  async function wait(id, { timeout = 30 } = {}) {
    const path = `/tasks/${part(id)}/wait?timeout=${timeout}`;
    const { attempts, ended } = await http.harness('GET', path);
    if (!ended) {
      const states = attempts.map(
        task => `${task.id} ${task.status}, to start at ${task.startTimestamp}`,
      );
      const name = attempts[0].functionName;
      throw new TaskdockError(
        `the task ${id} of ${name} has not ended within ${timeout} s: ${states.join('; ')}`,
        { name: 'NotInTime' },
      );
    }
    const chain = attempts.map((task, number) => withDelay(task, attempts[number - 1]));
    const last = chain[chain.length - 1];
    return { ...last, chain, log: await log(last.id) };
  }

  return {
    async create(functionName, data, { startTimestamp, ...options } = {}) {
      const body = { functionName, data, startTimestamp: moment(startTimestamp), ...options };
      const task = await http.call('POST', '/tasks/v1/', withoutUndefined(body));
      return { ...task, wait: how => wait(task.id, how) };
    },
    wait,
    log,
    find: (rql = '') => find(rql),
    of: functionName => find(equals('functionName', functionName)),
    async get(id) {
      const [found] = await find(equals('id', id));
      if (!found) throw new TaskdockError(`there is no task ${id}`, { name: 'UnknownTask' });
      return found;
    },
    cancel: id => http.call('POST', `/tasks/v1/${part(id)}/cancel`),
  };
}

/** `delay`: seconds from the end of the attempt before this one until its start. */
function withDelay(task, before) {
  if (!before) return { ...task, delay: 0 };
  const [start, end] = [Date.parse(task.startTimestamp), Date.parse(before.statusChangedTimestamp)];
  return { ...task, delay: (start - end) / 1000 };
}

async function execute(http, tasks, functionName, data) {
  const path = `/tasks/v1/functions/${part(functionName)}/execute`;
  let task;
  try {
    task = await http.call('POST', path, data === undefined ? undefined : { data });
  } catch (error) {
    const { taskId, runtimeError } = error.answer ?? {};
    if (!taskId) throw error;
    const known = runtimeError ?? error.answer;
    throw new ExecutionFailed(functionName, known, await tasks.log(taskId), error.answer);
  }
  const log = await tasks.log(task.id);
  const report = log.split('\n').filter(line => line.startsWith('REPORT ')).pop() ?? '';
  const figure = name => Number(report.match(`\t${name}: ([0-9.]+)`)?.[1] ?? 0);
  return {
    result: task.result,
    log,
    taskId: task.id,
    duration: figure('Duration'),
    memoryUsed: figure('Max Memory Used'),
    cold: report.includes('\tInit Duration: '),
  };
}

function schedulesOf(http) {
  return {
    create(functionName, interval, { startTimestamp, ...options } = {}) {
      const body = { functionName, interval, startTimestamp: moment(startTimestamp), ...options };
      return http.call('POST', '/tasks/v1/schedules', withoutUndefined(body));
    },
    find: (rql = '') => http.all('/tasks/v1/schedules', rql, TASKS),
    remove: id => http.call('DELETE', `/tasks/v1/schedules/${part(id)}`),
  };
}

function clockOf(http) {
  const post = body => http.harness('POST', '/clock', body);
  return {
    get: () => http.harness('GET', '/clock'),
    advance: length => post({ advance: length }),
    moveTo: at => post({ moveTo: moment(at) }),
    runUntilIdle: () => post({ runUntilIdle: true }),
    switch: mode => post({ mode }),
  };
}

/** Each kind of fault as a function of its values. */
const Fault = {
  error: (name, message) => withoutUndefined({ fault: 'error', name, message }),
  delay: seconds => ({ fault: 'delay', seconds }),
  timeout: () => ({ fault: 'timeout' }),
  outOfMemory: () => ({ fault: 'out_of_memory' }),
  crash: () => ({ fault: 'crash' }),
  throttle: () => ({ fault: 'throttle' }),
  coldStart: () => ({ fault: 'cold_start' }),
  initError: (name, message) => withoutUndefined({ fault: 'init_error', name, message }),
  noCapacity: () => ({ fault: 'no_capacity' }),
};

function faultsOf(http) {
  return {
    async add(functionName, fault, options = {}) {
      const added = await http.harness('POST', '/faults', { functionName, ...fault, ...options });
      return { ...added, remove: () => http.harness('DELETE', `/faults/${part(added.id)}`) };
    },
    all: async () => (await http.harness('GET', '/faults')).data,
    clear: () => http.harness('DELETE', '/faults'),
  };
}

function doublesOf(http) {
  async function calls({ double, unmatched } = {}) {
    const asked = withoutUndefined({ double, unmatched: unmatched ? 'true' : undefined });
    return (await http.harness('GET', `/doubles/calls?${new URLSearchParams(asked)}`)).data;
  }

  return {
    async add(method, path, answer = {}, conditions = {}) {
      const answers = Array.isArray(answer) ? { answers: answer } : { answer };
      const rule = { method, path, ...conditions, ...answers };
      const added = await http.harness('POST', '/doubles', rule);
      return {
        ...added,
        calls: () => calls({ double: added.id }),
        remove: () => http.harness('DELETE', `/doubles/${part(added.id)}`),
      };
    },
    calls,
    all: async () => (await http.harness('GET', '/doubles')).data,
    clear: () => http.harness('DELETE', '/doubles'),
  };
}

function runsOf(http) {
  return {
    async find(options = {}) {
      const query = new URLSearchParams(withoutUndefined(options));
      return (await http.harness('GET', `/runs?${query}`)).data;
    },
    replay: run =>
      http.harness('POST', '/runs/replay', typeof run === 'string' ? { run } : { recording: run }),
  };
}

exports.connect = connect;
exports.Fault = Fault;
exports.TaskdockError = TaskdockError;
exports.ExecutionFailed = ExecutionFailed;
