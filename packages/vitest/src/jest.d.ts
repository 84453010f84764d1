import type { ProvidedServer, ServerOptions } from './options.js';

export type { ProvidedServer, ServerOptions };

/** The export of a file that `globalSetup` of your Jest configuration names. */
export function globalSetup(options?: ServerOptions): () => Promise<void>;

/** Stops the server; `globalTeardown: '@taskdock/test/jest-teardown'` is this function. */
export function globalTeardown(): Promise<void>;
