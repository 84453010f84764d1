export interface ServerOptions {
  /** Folders with a task-config.json, or folders of such folders. */
  functions?: string | string[];
  /** The time of tasks and schedules. `auto`, unless you say otherwise: while somebody waits and
   * nothing runs, it jumps to what is due next. `manual`: it stands still until it is moved. */
  clock?: 'auto' | 'manual' | 'real';
  /** `strict`: callers sign in, as with the real service. The client signs its requests. */
  auth?: 'open' | 'strict';
  /** A folder of doubles: YAML files of answers in place of other services. */
  doubles?: string;
  /** Variables of all functions. */
  env?: Record<string, string>;
  /** Any other options of `taskdock exec`, such as `['--server-log', 'server.log']`. */
  args?: string[];
  /** The folder that all paths start from; the current one, unless you say otherwise. */
  cwd?: string;
}

/** Where the server is, as tests get it. */
export interface ProvidedServer {
  url: string;
  /** TASKDOCK_URL, API_HOST, the API_OAUTH_ variables, AWS_ENDPOINT_URL_LAMBDA and others. */
  env: Record<string, string>;
}
