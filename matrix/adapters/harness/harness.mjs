// The harness for Node (18 or later): one process that imports a module once and takes many tasks; see docs/harness.md.
// The module's default export, or its `run`, is a function of a task: it returns, or resolves to, a text, or
// { text, history }. It is started with the protocol's end on descriptor 3, and with standard error as standard output.

import fs from 'node:fs';
import * as modules from 'node:module';
import path from 'node:path';
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';

const PROTOCOL = 1;
const OUT = 3;

function send(message) {
  let line = Buffer.from(`${JSON.stringify(message)}\n`);
  while (line.length) {
    try {
      line = line.subarray(fs.writeSync(OUT, line));
    } catch (problem) {
      if (problem.code !== 'EAGAIN') throw problem;
    }
  }
}

function told(problem) {
  const cause = problem?.cause?.message ? ` (caused by: ${problem.cause.message})` : '';
  return problem instanceof Error ? `${problem.name}: ${problem.message}${cause}` : `it threw ${String(problem)}`;
}

function failed(id, problem) {
  const lines = String(problem?.stack ?? '').split('\n').slice(0, 12);
  send({ type: 'error', id, kind: 'raised', message: told(problem), traceback: lines });
}

// What the row's `install` names is looked for where it was installed, after the module's own surroundings.
function findInstalled(packages) {
  if (!packages || !modules.register) return;
  const parent = JSON.stringify(pathToFileURL(path.join(packages, 'package.json')).href);
  const hook = `export async function resolve(name, context, next) {
    try { return await next(name, context); } catch (problem) {
      if (problem.code !== 'ERR_MODULE_NOT_FOUND') throw problem;
      return next(name, { ...context, parentURL: ${parent} });
    }
  }`;
  modules.register(`data:text/javascript,${encodeURIComponent(hook)}`);
}

async function load(hello) {
  findInstalled(hello.packages);
  const loaded = await import(pathToFileURL(path.resolve(hello.folder, hello.target)).href);
  const run = loaded.run ?? loaded.default;
  if (typeof run === 'function') return run;
  send({ type: 'broken', cause: `${hello.target} has no function to run`, mend: 'export one as default, or as run' });
  return process.exit(0);
}

const running = new Map();
let run;

async function answer(message) {
  const cancelling = new AbortController();
  running.set(message.id, cancelling);
  try {
    const returned = await run({ ...message, signal: cancelling.signal });
    const whole = typeof returned === 'string' ? { text: returned } : returned;
    if (typeof whole?.text !== 'string') throw new TypeError('the agent should return a text, or { text, history }');
    send({ type: 'answer', id: message.id, text: whole.text, history: whole.history ?? null });
  } catch (problem) {
    failed(message.id, problem);
  } finally {
    running.delete(message.id);
  }
}

// What an agent rejects outside of its runs is told on standard error, and ends none of them.
process.on('unhandledRejection', (problem) => console.error(problem));
process.on('SIGINT', () => {});

const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity });
lines.on('close', () => process.exit(0));
lines.on('line', async (line) => {
  const message = JSON.parse(line);
  if (message.type === 'hello') {
    try {
      run = await load(message);
      send({ type: 'ready', protocol: PROTOCOL, versions: { node: process.versions.node } });
    } catch (problem) {
      const mend = problem.code === 'ERR_MODULE_NOT_FOUND' ? 'install it' : 'import it with node to see the whole of it';
      send({ type: 'broken', cause: `${message.target} cannot be imported: ${told(problem)}`, mend });
      process.exit(0);
    }
  } else if (message.type === 'task') {
    await answer(message);
  } else if (message.type === 'cancel') {
    running.get(message.id)?.abort();
    send({ type: 'cancelled', id: message.id });
  } else if (message.type === 'close') {
    process.exit(0);
  }
});
