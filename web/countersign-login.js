// <countersign-login>: shows a login to the person at the browser, from the QR code to its outcome.
// It authenticates nobody: the site's own server asks Countersign who it was (README.md).

import { encode } from './vendor/uqr.mjs';

/** Everything the element says, by language. A site may add its own: `texts.de = { … }`; what is missing is said in English. */
export const texts = {
  en: {
    qr_label: 'QR code to log in with. Scan it with the app on your phone.',
    link: 'Open the app on this device',
    seconds: '{n} seconds left',
    cancel: 'Cancel',
    retry: 'Try again',
    connecting: ['One moment', 'Getting a code for you.'],
    reconnecting: ['Connection lost', 'Trying to reach the login service again.'],
    pending: ['Scan to log in', 'Open the app on your phone and scan this code.'],
    'pending.mobile': ['Log in with the app', 'Or scan this code with another phone.'],
    claimed: ['Continue on your phone', 'Look at what the app shows, then confirm or refuse there.'],
    approved: ['Approved', 'You confirmed on your phone.'],
    refused: ['Refused', 'The login was refused on the phone.'],
    'refused.not_me': ['Refused', 'The phone said: this was not me. Nobody has been logged in.'],
    'refused.account_blocked': ['Refused', 'This account is blocked.'],
    'refused.account_deleted': ['Refused', 'This account does not exist any more.'],
    cancelled: ['Cancelled', 'Nobody has been logged in.'],
    expired: ['Too late', 'The code has expired.'],
    ended: ['Logged out', 'This login has ended.'],
    'ended.phone': ['Logged out', 'You logged out on your phone.'],
    'ended.lifetime': ['Logged out', 'This login has reached its end.'],
    'ended.account_blocked': ['Logged out', 'This account has been blocked.'],
    'ended.account_deleted': ['Logged out', 'This account has been deleted.'],
    error: ['That did not work', 'The login could not be shown.'],
    'error.bad_page_token': ['That did not work', 'This login is not known any more.'],
    'error.bad_origin': ['That did not work', 'This site is not allowed to show logins here.'],
    'error.bad_page_url': ['That did not work', 'The address of the login service is wrong.'],
  },
};

/** What each state shows. `mark` is a path in a 24×24 box. */
const VIEWS = {
  connecting: { busy: true, cancel: true },
  reconnecting: { busy: true, cancel: true },
  pending: { qr: true, timer: true, cancel: true },
  claimed: { mark: 'M8 2h8a2 2 0 0 1 2 2v16a2 2 0 0 1-2 2H8a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2zM11 18.5h2', timer: true, cancel: true },
  approved: { mark: 'M4 12.5l5.5 5.5L20 7' },
  refused: { mark: 'M6 6l12 12M18 6L6 18', retry: true },
  cancelled: { mark: 'M6 6l12 12M18 6L6 18', retry: true },
  expired: { mark: 'M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18zM12 7.5V12l3 2', retry: true },
  ended: { mark: 'M14 4h4a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-4M10 8l-4 4l4 4M6 12h9' },
  error: { mark: 'M12 5v9M12 18v.5', retry: true },
};

/** Nothing comes after these. */
const FINAL = ['refused', 'cancelled', 'expired', 'ended', 'error'];
/** Close codes after which trying again is of no use. */
const HOPELESS = { 4400: 'malformed', 4401: 'bad_page_token', 4403: 'bad_origin' };
/** Reconnecting begins with half a second and is never further apart than this. */
const SLOWEST_RETRY_MS = 15_000;
/** Least width of the QR code in CSS pixels, and its white border in modules (ISO 18004 asks for four). */
const QR_WIDTH = 260;
const QUIET_ZONE = 4;

const STYLE = `
:host {
  --_accent: var(--countersign-accent, #0b5d8f); --_on-accent: var(--countersign-on-accent, #fff);
  --_text: var(--countersign-text, #17202a); --_muted: var(--countersign-muted, #55606d);
  --_surface: var(--countersign-surface, #fff); --_border: var(--countersign-border, #d5dbe2);
  --_success: var(--countersign-success, #12703f); --_danger: var(--countersign-danger, #b3261e);
  display: block; max-width: 22rem; color: var(--_text); font: var(--countersign-font, 1rem/1.45 system-ui, sans-serif);
}
@media (prefers-color-scheme: dark) {
  :host {
    --_accent: var(--countersign-accent, #7cc4f0); --_on-accent: var(--countersign-on-accent, #06202f);
    --_text: var(--countersign-text, #e8ecf0); --_muted: var(--countersign-muted, #a3aeba);
    --_surface: var(--countersign-surface, #1b222a); --_border: var(--countersign-border, #3a4550);
    --_success: var(--countersign-success, #6fd39b); --_danger: var(--countersign-danger, #ff9a90);
  }
}
:host([hidden]), [hidden] { display: none !important; }
.box { display: flex; flex-direction: column; align-items: center; gap: .9rem; padding: 1.5rem clamp(.5rem, 5%, 1.5rem); text-align: center;
  background: var(--_surface); border: 1px solid var(--_border); border-radius: var(--countersign-radius, 14px); }
p { margin: 0; }
.title { font-size: 1.2em; font-weight: 650; }
.hint, .timer { color: var(--_muted); }
.timer { font-size: .9em; font-variant-numeric: tabular-nums; }
.stage { display: grid; place-items: center; min-height: 270px; }
.qr { display: block; max-width: 100%; height: auto; border-radius: 6px; background: #fff; }
.mark { width: 72px; height: 72px; padding: 22px; border-radius: 50%; border: 2px solid var(--_border); fill: none;
  stroke: var(--_accent); stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
:host([state=approved]) .mark { stroke: var(--_success); border-color: var(--_success); }
:host([state=refused]) .mark, :host([state=error]) .mark { stroke: var(--_danger); border-color: var(--_danger); }
.busy { width: 44px; height: 44px; border-radius: 50%; border: 4px solid var(--_border); border-top-color: var(--_accent); animation: turn 1s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }
@media (prefers-reduced-motion: reduce) { .busy { animation-duration: 4s; } }
a, button { font: inherit; color: var(--_accent); border-radius: 8px; }
a:focus-visible, button:focus-visible { outline: 3px solid var(--countersign-focus, var(--_accent)); outline-offset: 2px; }
a { font-size: .92em; }
.mobile a { width: 100%; box-sizing: border-box; padding: .85em 1em; font-size: 1em; font-weight: 600; text-decoration: none; }
.mobile a, .retry { background: var(--_accent); color: var(--_on-accent); border: 0; }
button { padding: .55em 1.3em; background: none; border: 1px solid var(--_border); cursor: pointer; }
button:hover { border-color: currentColor; }
`;

const sheet = new CSSStyleSheet();
sheet.replaceSync(STYLE);

const SVG = 'http://www.w3.org/2000/svg';

function make(name, attributes = {}, children = [], namespace = 'http://www.w3.org/1999/xhtml') {
  const element = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Draws a text as a QR code. Each module is a whole number of screen pixels, so that cameras and screenshots see sharp edges. */
function drawQr(svg, path, text) {
  const { size, data } = encode(text, { ecc: 'L', border: QUIET_ZONE });
  let d = '';
  data.forEach((row, y) => {
    for (let x = 0; x < size; x++) {
      let end = x;
      while (end < size && row[end]) end++;
      if (end > x) d += `M${x} ${y}h${end - x}v1H${x}z`;
      x = end;
    }
  });
  path.setAttribute('d', d);
  const scale = devicePixelRatio || 1;
  const width = (Math.ceil((QR_WIDTH * scale) / size) * size) / scale;
  for (const [key, value] of Object.entries({ viewBox: `0 0 ${size} ${size}`, width, height: width })) svg.setAttribute(key, value);
}

function isMobile() {
  // An iPad calls itself a Macintosh; no Macintosh has a touch screen.
  const ipad = /Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1;
  return ipad || (navigator.userAgentData?.mobile ?? /Android|iPhone|iPad|iPod|Mobile/.test(navigator.userAgent));
}

/**
 * The token with which the phone sent the browser back (`#cs_return=…`), or null. Removes it from the address, so that
 * it is neither in the history nor read twice. Hand it to your server, which needs it to redeem the login.
 */
export function takeReturnToken() {
  const parts = location.hash.slice(1).split('&');
  const found = parts.find((part) => part.startsWith('cs_return='));
  if (found === undefined) return null;
  const rest = parts.filter((part) => part !== found).join('&');
  history.replaceState(history.state, '', location.pathname + location.search + (rest && `#${rest}`));
  const token = found.slice('cs_return='.length);
  return /^[A-Za-z0-9_-]{1,512}$/.test(token) ? token : null;
}

/** The login element. README.md has its attributes, events and colours. */
export class CountersignLogin extends HTMLElement {
  static observedAttributes = ['page-url', 'page-token'];
  static takeReturnToken = takeReturnToken;

  #url = '';
  #token = '';
  #socket = null;
  #v = 0; // highest version the server told
  #known = null; // the state it was told with
  #reason = null;
  #shown = null; // the state on display
  #attempts = 0;
  #retryTimer = 0;
  #ticker = 0;
  #deadline = 0; // on the clock of performance.now()
  #startQueued = false;
  #parts = {};
  #wake = () => this.#reconnectNow();

  constructor() {
    super();
    const part = (name, tag, attributes = {}, children = []) => (this.#parts[name] = make(tag, { part: name, class: name, ...attributes }, children));
    const path = (this.#parts.path = make('path', { fill: '#000' }, [], SVG));
    const background = make('rect', { width: '100%', height: '100%', fill: '#fff' }, [], SVG);
    const qr = (this.#parts.qr = make('svg', { part: 'qr', class: 'qr', role: 'img', 'shape-rendering': 'crispEdges' }, [background, path], SVG));
    const shape = (this.#parts.shape = make('path', {}, [], SVG));
    const mark = (this.#parts.mark = make('svg', { class: 'mark', viewBox: '0 0 24 24', 'aria-hidden': 'true' }, [shape], SVG));
    const spoken = make('div', { part: 'status', role: 'status', 'aria-live': 'polite' }, [part('title', 'p'), part('hint', 'p')]);
    const stage = make('div', { class: 'stage' }, [qr, mark, part('busy', 'div', { 'aria-hidden': 'true' })]);
    // Not a live region: a screen reader would say nothing but numbers.
    const timer = part('timer', 'p', { role: 'timer', 'aria-live': 'off' });
    const link = part('link', 'a', { target: '_blank', rel: 'noopener noreferrer' });
    const buttons = [part('retry', 'button', { type: 'button' }), part('cancel', 'button', { type: 'button' })];
    part('box', 'div', {}, isMobile() ? [spoken, link, stage, timer, ...buttons] : [spoken, stage, timer, link, ...buttons]);
    this.#parts.box.classList.toggle('mobile', isMobile());
    this.#parts.cancel.addEventListener('click', () => this.#cancel());
    this.#parts.retry.addEventListener('click', () => this.#emit('countersign-retry'));
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet];
    root.append(this.#parts.box);
    this.#show('connecting', { quietly: true });
  }

  get pageUrl() { return this.#url; }
  set pageUrl(value) { this.#url = value ?? ''; this.#queueStart(); }
  get pageToken() { return this.#token; }
  set pageToken(value) { this.#token = value ?? ''; this.#queueStart(); }
  /** The state on display. */
  get state() { return this.#shown; }

  /** Shows this login, whatever was shown before. */
  start({ pageUrl, pageToken }) {
    this.stop();
    [this.#url, this.#token] = [pageUrl, pageToken];
    [this.#v, this.#known, this.#reason, this.#attempts, this.#startQueued] = [0, null, null, 0, false];
    this.#shown = null;
    this.#parts.path.removeAttribute('d');
    this.#parts.link.removeAttribute('href');
    this.#show('connecting');
    if (this.isConnected) this.#connect();
  }

  /** Closes the page socket. The login itself goes on until it is decided or expires. */
  stop() {
    clearTimeout(this.#retryTimer);
    clearInterval(this.#ticker);
    this.#retryTimer = this.#ticker = 0;
    const socket = this.#socket;
    this.#socket = null; // first, so that its last events are not listened to
    socket?.close();
  }

  attributeChangedCallback(name, before, value) {
    if (before !== value) this[name === 'page-url' ? 'pageUrl' : 'pageToken'] = value;
  }

  connectedCallback() {
    // Properties that were set before this class was loaded hide the accessors.
    for (const name of ['pageUrl', 'pageToken']) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete this[name];
      this[name] = value;
    }
    addEventListener('online', this.#wake);
    document.addEventListener('visibilitychange', this.#wake);
    this.#show(this.#shown, { reason: this.#reason, quietly: true }); // now that the language is known
    if (this.#token && !this.#startQueued && !FINAL.includes(this.#shown)) this.#connect();
  }

  disconnectedCallback() {
    removeEventListener('online', this.#wake);
    document.removeEventListener('visibilitychange', this.#wake);
    this.stop();
  }

  /** Both attributes change in one breath; the login starts once. */
  #queueStart() {
    if (this.#startQueued) return;
    this.#startQueued = true;
    queueMicrotask(() => {
      const due = this.#startQueued && this.#url && this.#token;
      this.#startQueued = false;
      if (due) this.start({ pageUrl: this.#url, pageToken: this.#token });
    });
  }

  #connect() {
    this.stop();
    let socket;
    try {
      socket = new WebSocket(this.#url);
    } catch {
      this.#show('error', { reason: 'bad_page_url' });
      return;
    }
    this.#socket = socket;
    const mine = (handler) => (event) => this.#socket === socket && handler(event);
    socket.addEventListener('open', mine(() => {
      socket.send(JSON.stringify({ page_token: this.#token, after: this.#v }));
      // What was told before is not always told again.
      if (this.#known) this.#show(this.#known, { reason: this.#reason });
    }));
    socket.addEventListener('message', mine((event) => this.#heard(event.data)));
    socket.addEventListener('close', mine((event) => this.#closed(event.code)));
  }

  #heard(data) {
    const message = JSON.parse(data);
    if (message.type !== 'error') this.#attempts = 0;
    if (message.type === 'state') this.#stateTold(message);
    if (message.type === 'error' && Object.values(HOPELESS).includes(message.code)) this.#fail(message.code);
    if (this.#known !== 'pending') return;
    if (message.type === 'qr') this.#drawCode(message.text);
    if (message.type === 'link') this.#offerLink(message.url);
  }

  #stateTold({ v, state, reason = null, seconds_left: left }) {
    if (!Object.hasOwn(VIEWS, state) || !(v >= this.#v)) return;
    const news = v > this.#v;
    [this.#v, this.#known, this.#reason] = [v, state, reason];
    if (left !== undefined) this.#deadline = performance.now() + left * 1000;
    this.#show(state, { reason });
    if (news && state === 'approved') this.#emit('countersign-approved', { v });
    if (news && state === 'ended') this.#emit('countersign-ended', { v, reason });
    if (FINAL.includes(state)) this.stop();
  }

  #closed(code) {
    this.#socket = null;
    if (FINAL.includes(this.#shown)) return;
    if (HOPELESS[code]) return this.#fail(HOPELESS[code]);
    this.#parts.path.removeAttribute('d'); // too old by the time we are back
    // An approved login stays on display; only its end is still to be heard of.
    if (this.#known !== 'approved') this.#show('reconnecting');
    const wait = Math.min(SLOWEST_RETRY_MS, 500 * 2 ** this.#attempts++);
    this.#retryTimer = setTimeout(() => this.#connect(), wait * (0.5 + Math.random() / 2));
  }

  /** A phone's browser sleeps while its owner is in the app; on coming back, nobody should wait. */
  #reconnectNow() {
    if (this.#retryTimer && !document.hidden) this.#connect();
  }

  #fail(reason) {
    this.stop();
    if (this.#known !== 'approved') this.#show('error', { reason });
  }

  #cancel() {
    if (this.#socket?.readyState === WebSocket.OPEN && this.#known) {
      this.#socket.send(JSON.stringify({ type: 'cancel' }));
      return;
    }
    // Unreachable: the server lets the login expire by itself.
    this.stop();
    this.#show('cancelled');
  }

  #drawCode(text) {
    drawQr(this.#parts.qr, this.#parts.path, text);
    this.#parts.qr.removeAttribute('hidden');
    this.#parts.busy.hidden = true;
  }

  #offerLink(url) {
    // It becomes a link on the site's page, so it must not be able to run there.
    if (!/^https?:\/\//i.test(url)) return;
    this.#parts.link.href = url;
    this.#show(this.#shown, { reason: this.#reason });
  }

  #say(key) {
    const language = (this.closest('[lang]')?.lang || navigator.language || 'en').split('-')[0];
    return texts[language]?.[key] ?? texts.en[key];
  }

  #show(state, { reason = null, quietly = false } = {}) {
    const changed = state !== this.#shown;
    this.#shown = state;
    const view = VIEWS[state];
    const parts = this.#parts;
    const variant = parts.box.classList.contains('mobile') ? 'mobile' : null;
    const [title, hint] = this.#say(`${state}.${reason ?? variant}`) ?? this.#say(state);
    const say = { title, hint, link: this.#say('link'), cancel: this.#say('cancel'), retry: this.#say('retry') };
    const cancelHadFocus = this.shadowRoot?.activeElement === parts.cancel;
    // Only what differs: each change of a live region is spoken.
    for (const [name, text] of Object.entries(say)) if (parts[name].textContent !== text) parts[name].textContent = text;
    parts.qr.setAttribute('aria-label', this.#say('qr_label'));
    parts.qr.toggleAttribute('hidden', !(view.qr && parts.path.hasAttribute('d')));
    parts.busy.hidden = !(view.busy || (view.qr && !parts.path.hasAttribute('d')));
    parts.mark.toggleAttribute('hidden', !view.mark);
    if (view.mark) parts.shape.setAttribute('d', view.mark);
    parts.link.hidden = !(view.qr && parts.link.hasAttribute('href'));
    parts.cancel.hidden = !view.cancel;
    parts.retry.hidden = !view.retry;
    parts.timer.hidden = !view.timer;
    if (cancelHadFocus && view.retry) parts.retry.focus(); // the keyboard must not start again at the top of the page
    this.#tick(view.timer);
    if (quietly) return; // also because a constructor may not touch attributes
    this.setAttribute('state', state);
    if (changed) this.#emit('countersign-state', { state, v: this.#v, reason });
  }

  #tick(running) {
    clearInterval(this.#ticker);
    if (!running) return;
    const tell = () => {
      const n = Math.max(0, Math.ceil((this.#deadline - performance.now()) / 1000));
      this.#parts.timer.textContent = this.#say('seconds').replace('{n}', n);
    };
    tell();
    this.#ticker = setInterval(tell, 1000);
  }

  #emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

if (!customElements.get('countersign-login')) customElements.define('countersign-login', CountersignLogin);
