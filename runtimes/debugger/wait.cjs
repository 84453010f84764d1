'use strict';
// Lets the function's first module wait for a debugger, so that breakpoints outside of handlers are set in time.
// Node.js itself has --inspect-wait from 20.15 on, and --inspect-brk stops in AWS's code.
// https://nodejs.org/api/inspector.html#inspectorwaitfordebugger

require('inspector').waitForDebugger();
