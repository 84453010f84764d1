/** Values that are JSON. */
export type Json = unknown;

/** A point of time: a `Date`, or ISO 8601 such as `2027-01-01T00:00:00Z`. */
export type Moment = Date | string;

/** A length of time: seconds, or words such as `10s`, `1h30m`, `7d`. */
export type Length = number | string;

/** A task in the words of the Task Service. */
export interface Task {
  id: string;
  functionName: string;
  status: 'new' | 'inProgress' | 'complete' | 'failed' | 'retried' | 'canceled';
  data?: any;
  tags?: string[];
  priority: number;
  startTimestamp: string;
  statusChangedTimestamp: string;
  creationTimestamp: string;
  updateTimestamp: string;
  retriedByTaskId?: string;
  retryForTaskIds?: string[];
  error?: { type: string; name: string; message: string; [more: string]: unknown };
}

/** An attempt. `delay`: seconds from the end of the attempt before until its start. */
export interface Attempt extends Task {
  delay: number;
}

/** The last attempt of a task that has ended, with all of them and its own log. */
export interface EndedTask extends Attempt {
  chain: Attempt[];
  log: string;
}

export interface WaitOptions {
  /** Seconds of real time, 30 unless you say otherwise. */
  timeout?: number;
}

export interface CreatedTask extends Task {
  /** Resolves when the task and its retries have ended. Rejects, with the name
   * `CLOCK_STANDS_STILL_EXCEPTION`, where a manual clock would have to be moved for that. */
  wait(options?: WaitOptions): Promise<EndedTask>;
}

export interface TaskOptions {
  startTimestamp?: Moment;
  priority?: number;
  tags?: string[];
}

export interface Tasks {
  /** Queues a task. */
  create(functionName: string, data?: Json, options?: TaskOptions): Promise<CreatedTask>;
  wait(id: string, options?: WaitOptions): Promise<EndedTask>;
  /** The log until now; empty where there is none. */
  log(id: string): Promise<string>;
  get(id: string): Promise<Task>;
  /** All tasks of a function, by their start. */
  of(functionName: string): Promise<Task[]>;
  /** The tasks of an RQL query, such as `eq(status,failed)`, by their start. */
  find(rql?: string): Promise<Task[]>;
  cancel(id: string): Promise<unknown>;
}

/** A run of a function that has gone well. */
export interface ExecutionResult<Result = any> {
  result: Result;
  log: string;
  taskId: string;
  /** Milliseconds. */
  duration: number;
  /** MB. */
  memoryUsed: number;
  /** Whether an environment had to start for it. */
  cold: boolean;
}

export interface Schedule {
  id: string;
  functionName: string;
  interval: number;
  nextTimestamp: string;
  data?: any;
}

export interface Schedules {
  /** `interval`: seconds. */
  create(
    functionName: string,
    interval: number,
    options?: { startTimestamp?: Moment; data?: Json; priority?: number },
  ): Promise<Schedule>;
  find(rql?: string): Promise<Schedule[]>;
  remove(id: string): Promise<unknown>;
}

export interface ClockState {
  mode: 'real' | 'manual' | 'auto';
  now: string;
  /** How many pieces of work run now. */
  running: number;
  due: Array<{
    at: string;
    kind: 'task' | 'retry' | 'schedule' | 'event' | 'delivery';
    functionName?: string;
    id?: string;
  }>;
}

/** The time of tasks and schedules. It is not the time that a function reads, nor that of fake
 * timers in your tests. */
export interface Clock {
  get(): Promise<ClockState>;
  /** Resolves when everything that has become due is done. */
  advance(length: Length): Promise<ClockState>;
  moveTo(at: Moment): Promise<ClockState>;
  runUntilIdle(): Promise<ClockState>;
  switch(mode: ClockState['mode']): Promise<ClockState>;
}

export interface FaultValue {
  fault:
    | 'error'
    | 'delay'
    | 'timeout'
    | 'out_of_memory'
    | 'crash'
    | 'throttle'
    | 'cold_start'
    | 'init_error'
    | 'no_capacity';
  name?: string;
  message?: string;
  seconds?: number;
}

/** Each kind of fault: `Fault.error('SmtpDown')`. */
export const Fault: {
  error(name?: string, message?: string): FaultValue;
  delay(seconds: number): FaultValue;
  timeout(): FaultValue;
  outOfMemory(): FaultValue;
  crash(): FaultValue;
  throttle(): FaultValue;
  coldStart(): FaultValue;
  initError(name?: string, message?: string): FaultValue;
  noCapacity(): FaultValue;
};

export interface InjectedFault extends FaultValue {
  id: string;
  functionName: string;
  times?: number;
  probability?: number;
  seed?: number;
  /** How many runs have got it. */
  used: number;
}

export interface Faults {
  /** `times`: how many runs get it; all, unless you say otherwise. `probability` with a `seed`:
   * the same runs each time. */
  add(
    functionName: string,
    fault: FaultValue,
    options?: { times?: number; probability?: number; seed?: number },
  ): Promise<InjectedFault & { remove(): Promise<unknown> }>;
  all(): Promise<InjectedFault[]>;
  clear(): Promise<unknown>;
}

/** An answer in place of another service. */
export interface DoubleAnswer {
  status?: number;
  headers?: Record<string, string>;
  json?: Json;
  text?: string;
  /** Seconds. */
  delay?: number;
  failure?: string | number;
}

/** The conditions that a call has to meet beside its method and path. */
export interface DoubleConditions {
  query?: Record<string, string>;
  rql?: string;
  headers?: Record<string, string>;
  body?: Json;
  times?: number;
}

export interface DoubleCall {
  method: string;
  path: string;
  query: string;
  headers: Record<string, string>;
  json?: any;
  text?: string;
  status?: number;
  /** The id of the double that has answered; null: none has. */
  double: string | null;
  functionName?: string;
  taskId?: string;
  at: string;
}

export interface Double {
  id: string;
  used: number;
  [rule: string]: unknown;
}

export interface Doubles {
  /** Answers calls of this method and path; an array: one answer after the other. */
  add(
    method: string,
    path: string,
    answer?: DoubleAnswer | DoubleAnswer[],
    conditions?: DoubleConditions,
  ): Promise<Double & { calls(): Promise<DoubleCall[]>; remove(): Promise<unknown> }>;
  /** The calls of other services, the oldest first. `unmatched`: those that no double was for. */
  calls(options?: { double?: string; unmatched?: boolean }): Promise<DoubleCall[]>;
  all(): Promise<Double[]>;
  clear(): Promise<unknown>;
}

/** A run of a function that the server has kept. */
export interface Run {
  id: string;
  sequence: number;
  at: string;
  kind: 'task' | 'execution' | 'api' | 'invocation' | 'event';
  functionName: string;
  event: any;
  answer?: any;
  error?: { name: string; message: string; stackTrace?: string[] };
  log: string[];
  cold: boolean;
  [more: string]: unknown;
}

export interface Replayed {
  before: Record<string, any>;
  after: Record<string, any>;
  same: boolean;
  /** A line for each place that differs: `/legs/0: 4 -> 5`. */
  difference: string[];
}

export interface Runs {
  find(options?: {
    functionName?: string;
    taskId?: string;
    failed?: boolean;
    since?: number;
    limit?: number;
  }): Promise<Run[]>;
  /** `run`: the id of one, or the content of a file that `taskdock runs save` has written. */
  replay(run: string | object): Promise<Replayed>;
}

export interface Taskdock {
  url: string;
  /** Runs a function at once. Rejects with `ExecutionFailed` where it fails. */
  execute<Result = any>(functionName: string, data?: Json): Promise<ExecutionResult<Result>>;
  tasks: Tasks;
  schedules: Schedules;
  clock: Clock;
  faults: Faults;
  doubles: Doubles;
  runs: Runs;
  /** `fetch` for an API function: `await taskdock.api('shop')('/items?limit=2')`. */
  api(functionName: string): (path: string, init?: RequestInit) => Promise<Response>;
  /** Forgets tasks, schedules, events, doubles, faults and logs. Functions and their warm
   * containers stay. `keep`: names of what stays too; `grace`: seconds for what still runs. */
  reset(options?: {
    keep?: string[];
    grace?: number;
    mode?: ClockState['mode'];
  }): Promise<Record<string, number>>;
}

/** The server has refused a call; `name`, `code` and the message are the server's. */
export class TaskdockError extends Error {
  code?: number;
  status?: number;
  answer?: any;
}

/** A function that was executed has failed. */
export class ExecutionFailed extends TaskdockError {
  error: { name: string; message: string };
  functionName: string;
  log: string;
}

/** A client of a server. `server`: its URL, or what Vitest's `inject('taskdock')` returns; without
 * it, the server that TASKDOCK_URL names. */
export function connect(server?: string | { url: string; env?: Record<string, string> }): Taskdock;
