// How a page hears of its login: by WebSocket; where none comes through, by an event stream, else by asking again and again.
// All three tell the same messages (docs/API.md, "The page channel").

/** In the order in which they are tried. */
const WAYS = { websocket: bySocket, sse: byStream, poll: byPoll };
/** Close codes and problem codes after which trying again is of no use. */
const HOPELESS = { 4400: 'malformed', 4401: 'bad_page_token', 4403: 'bad_origin' };
/** A way that has told nothing by then does not work here. A proxy may hold back a stream, or accept a socket and lose it. */
const FIRST_WORD_MS = 5_000;
/** A stream has a heartbeat every 15 seconds, and no answer takes longer than the wait that was asked for. */
const SILENCE_MS = 45_000;
const POLL_WAIT_S = 20;
/** Polls without news are at least this far apart, whatever stands between us and the server. */
const POLL_PACE_MS = 1_000;
/** Failures in a row after which another way is tried: of one that has never worked, and of one that has. */
const PATIENCE = { unknown: 2, working: 6 };

/** Whether it is of no use to try again after this code. */
export function isHopeless(code) {
  return Object.values(HOPELESS).includes(code);
}

/** The addresses of a page URL (`ws(s)://…/page`), or null when it is not one. */
export function addresses(pageUrl) {
  let url;
  try {
    url = new URL(pageUrl);
  } catch {
    return null;
  }
  if (!['ws:', 'wss:'].includes(url.protocol)) return null;
  url.hash = '';
  const socket = url.href;
  url.protocol = url.protocol.replace('ws', 'http');
  return { socket, http: (path) => Object.assign(new URL(url), { pathname: `${url.pathname.replace(/\/$/, '')}/${path}` }) };
}

/** Chooses the way, and keeps to one that has worked. */
export class Ways {
  #rung = 0;
  #failures = 0;
  #works = false;

  /** The way to go, unless the site insists on one. */
  choose(forced) {
    return Object.hasOwn(WAYS, forced ?? '') ? forced : Object.keys(WAYS)[this.#rung];
  }

  worked() {
    this.#works = true;
    this.#failures = 0;
  }

  /** True when the next one can be tried at once. */
  failed(useless) {
    this.#failures++;
    if (this.#failures < PATIENCE[this.#works ? 'working' : 'unknown'] && !(useless && !this.#works)) return false;
    this.#rung = (this.#rung + 1) % Object.keys(WAYS).length;
    [this.#failures, this.#works] = [0, false];
    return this.#rung > 0;
  }
}

/**
 * Opens a connection. `told(message)` is called for each message, `lost({ reason, useless })` at most once, and neither
 * after `close()`. `after()` gives the highest version that is known. `cancel()` asks to cancel the login, and says whether that got through.
 */
export function connect(way, { urls, token, after, told, lost }) {
  const stop = new AbortController();
  let patience = 0;
  const gone = (what = {}) => {
    if (stop.signal.aborted) return;
    close();
    lost(what);
  };
  const waitFor = (ms, what) => {
    clearTimeout(patience);
    patience = setTimeout(() => gone(what), ms);
  };
  const close = () => {
    clearTimeout(patience);
    stop.abort();
  };
  const tell = (message) => stop.signal.aborted || told(message);
  if (way !== 'poll') waitFor(FIRST_WORD_MS, { useless: true });
  const alive = () => (way === 'websocket' ? clearTimeout(patience) : waitFor(SILENCE_MS));
  const cancel = WAYS[way]({ urls, token, after, tell, alive, gone, signal: stop.signal });
  return { close, cancel };
}

function bySocket({ urls, token, after, tell, alive, gone, signal }) {
  let socket;
  try {
    socket = new WebSocket(urls.socket);
  } catch {
    // There is none, or the browser does not allow this one.
    queueMicrotask(() => gone({ useless: true }));
    return async () => false;
  }
  socket.addEventListener('open', () => socket.send(JSON.stringify({ page_token: token, after: after() })));
  socket.addEventListener('message', (event) => {
    alive();
    tell(JSON.parse(event.data));
  });
  socket.addEventListener('close', (event) => gone({ reason: HOPELESS[event.code] }));
  signal.addEventListener('abort', () => socket.close());
  return async () => {
    if (socket.readyState !== socket.OPEN) return false;
    socket.send(JSON.stringify({ type: 'cancel' }));
    return true;
  };
}

/** Asks the server, and never from a cache. The token travels in a header: a URL would be logged. */
function send(url, token, more) {
  return fetch(url, { headers: { Authorization: `Bearer ${token}` }, cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer', ...more });
}

/** Null when there is no good answer; what that means has been told to `gone` then. */
async function ask(url, { token, gone, signal }) {
  const answer = await send(url, token, { signal });
  if (answer.ok) return answer;
  // Only the server itself has such codes; what a proxy says may pass.
  const code = (await answer.json().catch(() => null))?.code;
  gone({ reason: isHopeless(code) ? code : undefined, useless: answer.status === 404 });
  return null;
}

/** Over HTTP cancelling is a request of its own, which outlives the page. */
function canceller({ urls, token }) {
  return () => send(urls.http('cancel'), token, { method: 'POST', keepalive: true }).then((answer) => answer.ok, () => false);
}

function byStream(tools) {
  readStream(tools).then(() => tools.gone(), () => tools.gone());
  return canceller(tools);
}

/** `EventSource` cannot send the token, and a token does not belong into a URL; so the stream is read by hand. */
async function readStream(tools) {
  const url = tools.urls.http('events');
  url.searchParams.set('after', tools.after());
  const answer = await ask(url, tools);
  if (!answer) return;
  if (!answer.body?.getReader) return tools.gone({ useless: true });
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + decoder.decode(value, { stream: true })).split('\n\n');
    rest = events.pop();
    tools.alive();
    for (const line of events.flatMap((event) => event.split('\n'))) {
      if (line.startsWith('data:')) tools.tell(JSON.parse(line.slice('data:'.length)));
    }
  }
}

function byPoll(tools) {
  pollOn(tools).catch(() => tools.gone());
  return canceller(tools);
}

async function pollOn(tools) {
  while (!tools.signal.aborted) {
    const [began, known] = [performance.now(), tools.after()];
    const url = tools.urls.http('state');
    url.search = new URLSearchParams({ after: known, wait: POLL_WAIT_S });
    tools.alive();
    const answer = await ask(url, tools);
    if (!answer) return;
    for (const event of (await answer.json()).events) tools.tell(event);
    const early = began + POLL_PACE_MS - performance.now();
    if (early > 0 && tools.after() <= known) await new Promise((resolve) => setTimeout(resolve, early));
  }
}
