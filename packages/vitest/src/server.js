'use strict';
// A taskdock server as a child of the test runner: `taskdock exec` with a command that says what
// the server's variables are, and then waits for the end of its input. That end comes by `stop`,
// and also when the runner is killed: then `taskdock exec` removes everything that it has made.

const { spawn } = require('node:child_process');
const { existsSync } = require('node:fs');

const MARK = 'taskdock-variables ';
const REPORT = `
const own = name => /^(TASKDOCK_URL|API_HOST|API_OAUTH_.*|AWS_.*|no_proxy|NO_PROXY)$/.test(name);
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => own(name)));
process.stdout.write('${MARK}' + JSON.stringify(env) + '\\n');
process.stdin.on('end', () => process.exit(0)).resume();
`;
const KEPT = 20_000; // characters of what the server has said, from its end

/** The ways in which `taskdock` may be called, the first that is there being taken. */
function commands() {
  const named = process.env.TASKDOCK_COMMAND?.trim();
  if (!named) return [['taskdock'], ['uvx', 'taskdock']];
  return [existsSync(named) ? [named] : named.split(/\s+/)]; // a path may have spaces
}

async function start(options = {}) {
  const words = wordsOf(options);
  for (const command of commands()) {
    const server = await begin([...command, 'exec', ...words], options);
    if (server) return server;
  }
  throw new Error(
    process.env.TASKDOCK_COMMAND?.trim()
      ? `TASKDOCK_COMMAND is "${process.env.TASKDOCK_COMMAND}", and there is no such program: ` +
        'set it to the path of taskdock, or unset it'
      : 'taskdock was not found: neither taskdock nor uvx is on PATH. Install it ' +
        '(pip install taskdock), or set TASKDOCK_COMMAND to its path',
  );
}

/** The options of `taskdock exec`, and its command. */
function wordsOf(options) {
  const { functions = [], clock = 'auto', auth, doubles, env = {}, args = [], ...others } = options;
  const unknown = Object.keys(others).filter(name => name !== 'cwd');
  if (unknown.length)
    throw new TypeError(
      `globalSetup has no option ${unknown.join(', ')}; it has functions, clock, auth, doubles, ` +
        'env, cwd, and args for any other option of `taskdock exec`',
    );
  const words = [functions].flat().flatMap(folder => ['--functions', folder]);
  words.push('--yes', '--clock', clock);
  if (auth) words.push('--auth', auth);
  if (doubles) words.push('--doubles', doubles);
  for (const [name, value] of Object.entries(env)) words.push('--env', `${name}=${value}`);
  return [...words, ...args, '--', process.execPath, '-e', REPORT];
}

/** Resolves to a server, or to undefined where there is no such program. */
function begin([program, ...words], { cwd }) {
  return new Promise((resolve, reject) => {
    // In a session of its own, it gets no Ctrl-C of the terminal: the runner stops it.
    const child = spawn(program, words, { cwd, detached: true, stdio: 'pipe' });
    const ended = new Promise(over => child.on('close', (code, signal) => over(code ?? signal)));
    let output = '';
    let said = '';
    child.on('error', error => {
      if (error.code === 'ENOENT' && !(cwd && !existsSync(cwd))) resolve(undefined);
      else reject(new Error(`${program} cannot be run: ${error.message}`));
    });
    child.stdin.on('error', () => {}); // it has ended already
    child.stderr.on('data', piece => (said = (said + piece).slice(-KEPT)));
    child.stdout.on('data', piece => {
      output += piece;
      const line = output.split('\n').slice(0, -1).find(each => each.startsWith(MARK));
      if (!line) return;
      output = '';
      // A runner that forgets to stop the server may end all the same, and the server then does.
      for (const each of [child, child.stdin, child.stdout, child.stderr]) each.unref?.();
      const env = JSON.parse(line.slice(MARK.length));
      resolve({ url: env.TASKDOCK_URL, env, stop: () => stop(child, ended, () => said) });
    });
    ended.then(code =>
      reject(
        new Error(
          `no taskdock server could be started (exit code ${code})\n` +
            (said.trim() || `${[program, ...words].slice(0, 2).join(' ')} has said nothing`),
        ),
      ),
    );
  });
}

/** Resolves when nothing of the server is left. */
async function stop(child, ended, said) {
  for (const each of [child, child.stdin, child.stdout, child.stderr]) each.ref?.();
  child.stdin.end();
  const code = await ended;
  if (code !== 0) process.stderr.write(`taskdock ended with exit code ${code}\n${said()}\n`);
}

module.exports = { start };
