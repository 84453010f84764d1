import type { ProvidedServer, ServerOptions } from './options.js';

export type { ProvidedServer, ServerOptions };

/** The default export of a file that `test.globalSetup` of your Vitest configuration names. */
export function globalSetup(
  options?: ServerOptions,
): (project: {
  provide(key: 'taskdock', value: ProvidedServer): void;
}) => Promise<() => Promise<void>>;

declare module 'vitest' {
  interface ProvidedContext {
    taskdock: ProvidedServer;
  }
}
