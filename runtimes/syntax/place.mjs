// Keeps where a syntax error is, as Node.js prints it: file, line, source. AWS's runtime client makes an error of its
// own of a syntax error, and loses the place. That error gets a property `place`, which the client writes into its line
// of the log; what it posts has the type, the message and the stack alone, and stays as it is.
// It is imported before the client, by NODE_OPTIONS, where a runtime is started again after such an error.
// The syntax is that of Node.js 14.
import { spawnSync } from 'child_process';
import { existsSync } from 'fs';
import { resolve } from 'path';
import { pathToFileURL } from 'url';

const PLACE = /^(file:\/\/)?\/[^\n]*:\d+\n/;
// A wrapper script may have put options of its own behind; others that are such addresses do not begin as this text.
const OURS = / ?(--import=|--no-warnings --experimental-loader=)data:text\/javascript,%2F%2F%20Keeps%20where\S*/;
const CLIENT = /\b(_loadUserApp|loadModule) \((file:\/\/)?\/var\/runtime\//; // before Node.js 24, and from there on
const SECONDS = 2;

const options = (process.env.NODE_OPTIONS || '').replace(OURS, '');
if (options) process.env.NODE_OPTIONS = options;
else delete process.env.NODE_OPTIONS;

function place(error) {
  if (PLACE.test(error.stack)) return error.stack; // of CommonJS, and of what is missing in an ES module
  const file = handlerFile();
  if (file === undefined) return '';
  // Node.js knows the place of an error in an ES module, and tells it only when it ends by that error.
  const code = `import(${JSON.stringify(pathToFileURL(file).href)})`;
  const flags = ['--unhandled-rejections=strict', '--max-old-space-size=48', '-e', code];
  const stdio = ['ignore', 'ignore', 'pipe'];
  return spawnSync(process.execPath, flags, { stdio, encoding: 'utf8', timeout: SECONDS * 1000 }).stderr;
}

/** The file that AWS's client looks for first: UserFunction.js. */
function handlerFile() {
  const handler = process.env._HANDLER || '';
  const slash = handler.lastIndexOf('/') + 1;
  const name = handler.slice(0, slash) + handler.slice(slash).split('.')[0];
  const files = ['.js', '.mjs', '.cjs'].map((end) => resolve(process.env.LAMBDA_TASK_ROOT || '/var/task', name + end));
  return files.find((file) => existsSync(file));
}

function keep(error) {
  const head = place(error).split(/\n+\w*Error: /)[0];
  if (PLACE.test(head)) mark(head.split('\n'));
}

/** Gives the place to the client's error, which is being made. */
function mark(lines) {
  const give = (error) => Object.defineProperty(error, 'place', { value: lines, enumerable: true, configurable: true });
  // From Node.js 24 on, the client's error gets its name behind its message, and is written down before it is thrown.
  const before = Object.getOwnPropertyDescriptor(Error.prototype, 'name');
  Object.defineProperty(Error.prototype, 'name', {
    configurable: true,
    get: () => before.value,
    set(name) {
      Object.defineProperty(Error.prototype, 'name', before);
      Object.defineProperty(this, 'name', { value: name, enumerable: true, configurable: true, writable: true });
      give(this);
    },
  });
  // Before Node.js 24, it is written down when nobody has caught it.
  process.prependOnceListener('uncaughtException', (error) => {
    if (error.name === 'Runtime.UserCodeSyntaxError') give(error);
  });
}

Object.defineProperty(SyntaxError.prototype, 'toString', {
  configurable: true,
  writable: true,
  value: function toString() {
    const text = Error.prototype.toString.call(this);
    if (CLIENT.test(new Error().stack)) {
      delete SyntaxError.prototype.toString;
      try {
        keep(this);
      } catch (fault) {
        // The error itself is told in any case.
      }
    }
    return text;
  },
});
