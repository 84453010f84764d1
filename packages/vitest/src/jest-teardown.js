'use strict';

module.exports = require('./jest.js').globalTeardown;
