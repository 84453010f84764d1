'use strict';

const { start } = require('./server.js');

exports.globalSetup = function globalSetup(options = {}) {
  return async function setup(project) {
    const { url, env, stop } = await start(options);
    Object.assign(process.env, env); // of the workers, which are started later
    project.provide('taskdock', { url, env });
    return stop;
  };
};
