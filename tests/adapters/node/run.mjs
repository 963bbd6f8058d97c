// An agent in plain Node: it calls a server over HTTP by fetch, as 2025-11-25 has it, and asks the model what to do.

import { execSync } from 'node:child_process';

console.log('said while it is imported');
execSync('echo said by a child', { stdio: 'inherit' });

async function post(url, headers, body, signal) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify(body),
    signal,
  });
  const text = await response.text();
  const data = text.split('\n').find((line) => line.startsWith('data: {'));
  const json = data ? data.slice('data: '.length) : text;
  return { session: response.headers.get('mcp-session-id'), json: json ? JSON.parse(json) : null };
}

class Server {
  constructor(entry, signal) {
    this.entry = entry;
    this.signal = signal;
    this.headers = { ...entry.headers };
    this.number = 0;
  }

  async request(method, params) {
    const body = { jsonrpc: '2.0', id: ++this.number, method, params };
    const { session, json } = await post(this.entry.url, this.headers, body, this.signal);
    if (session) this.headers['mcp-session-id'] = session;
    return json.result;
  }

  async open() {
    const protocolVersion = '2025-11-25';
    await this.request('initialize', { protocolVersion, capabilities: {}, clientInfo: { name: 'node', version: '1' } });
    this.headers['mcp-protocol-version'] = protocolVersion;
    await post(this.entry.url, this.headers, { jsonrpc: '2.0', method: 'notifications/initialized' }, this.signal);
    return (await this.request('tools/list', {})).tools;
  }
}

export async function run(task) {
  if (task.prompt === 'fail') throw new RangeError('no luck');
  if (task.prompt === 'again') return { text: `${task.history ?? 0}`, history: (task.history ?? 0) + 1 };
  if (task.prompt === 'die') process.exit(5);
  if (task.prompt === 'wait') await new Promise((_, reject) => task.signal.addEventListener('abort', () => reject(new Error('aborted'))));
  const tools = new Map();
  for (const entry of Object.values(task.mcp_servers)) {
    const server = new Server(entry, task.signal);
    for (const tool of await server.open()) tools.set(tool.name, { server, tool });
  }
  const offered = [...tools.values()].map(({ tool }) => ({
    type: 'function',
    function: { name: tool.name, description: tool.description, parameters: tool.inputSchema },
  }));
  const messages = [{ role: 'user', content: task.prompt }];
  for (;;) {
    const body = { model: task.model.name, messages, ...(offered.length ? { tools: offered } : {}) };
    const { json } = await post(`${task.model.base_url}/chat/completions`, {}, body, task.signal);
    const { message } = json.choices[0];
    messages.push(message);
    if (!message.tool_calls?.length) return message.content;
    for (const call of message.tool_calls) {
      const { server } = tools.get(call.function.name);
      const result = await server.request('tools/call', { name: call.function.name, arguments: JSON.parse(call.function.arguments) });
      messages.push({ role: 'tool', tool_call_id: call.id, content: result.content.map((each) => each.text).join('') });
    }
  }
}
