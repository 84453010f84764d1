'use strict';

const { start } = require('./server.js');

const OURS = Symbol.for('@taskdock/test');

exports.globalSetup = function globalSetup(options = {}) {
  return async function setup() {
    const server = await start(options);
    Object.assign(process.env, server.env); // of the workers, which are started later
    globalThis[OURS] = server;
  };
};

exports.globalTeardown = async function globalTeardown() {
  const server = globalThis[OURS];
  delete globalThis[OURS];
  await server?.stop();
};
