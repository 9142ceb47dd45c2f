// <countersign-login>: shows a login to the person at the browser, from the QR code to its outcome.
// It authenticates nobody: the site's own server asks Countersign who it was (README.md).

import { addresses, connect, isHopeless, Ways } from './login/channel.js';
import { sheet } from './login/style.js';
import { languageAt, texts } from './login/texts.js';
import { STATES, View } from './login/view.js';

export { texts };

/** Nothing comes after these. */
const FINAL = ['refused', 'cancelled', 'expired', 'ended', 'error'];
/** Reconnecting begins with half a second and is never further apart than this. */
const SLOWEST_RETRY_MS = 15_000;
/** A connection that has told nothing for so long is not trusted when the person comes back. */
const DOUBTFUL_MS = 5_000;
/** So many attempts before the person is told that there is no connection: the first ways may just not work here. */
const QUIET_ATTEMPTS = 4;

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
  static observedAttributes = ['page-url', 'page-token', 'lang', 'push'];
  static takeReturnToken = takeReturnToken;

  #url = '';
  #token = '';
  #ways = new Ways();
  #connection = null;
  #v = 0; // highest version the server told
  #known = null; // the state it was told with
  #reason = null;
  #number = null;
  #factor = null; // the second factor that the phone asks for
  #via = null;
  #shown = null; // the state on display
  #attempts = 0;
  #retryTimer = 0;
  #heardAt = 0; // on the clock of performance.now()
  #startQueued = false;
  #view = new View();
  #wake = () => this.#reconnectNow();

  constructor() {
    super();
    const { cancel, retry, push, box } = this.#view.parts;
    cancel.addEventListener('click', () => this.#cancel());
    retry.addEventListener('click', () => this.#emit('countersign-retry'));
    push.addEventListener('click', () => this.#emit('countersign-push'));
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet];
    root.append(box);
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
    [this.#v, this.#known, this.#reason, this.#number, this.#factor, this.#via] = [0, null, null, null, null, null];
    [this.#attempts, this.#startQueued] = [0, false];
    this.#shown = null;
    this.#view.clear();
    this.#show('connecting');
    if (this.isConnected) this.#connect();
  }

  /** Closes the connection. The login itself goes on until it is decided or expires. */
  stop() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = 0;
    this.#view.stop();
    this.#connection?.close();
    this.#connection = null;
  }

  attributeChangedCallback(name, before, value) {
    if (before === value) return;
    if (name === 'page-url') this.pageUrl = value;
    else if (name === 'page-token') this.pageToken = value;
    else this.#show(this.#shown, { reason: this.#reason, quietly: true });
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
    clearTimeout(this.#retryTimer);
    this.#retryTimer = 0;
    this.#connection?.close();
    this.#heardAt = performance.now();
    const urls = addresses(this.#url);
    if (!urls) return this.#fail('bad_page_url');
    this.#connection = connect(this.#ways.choose(this.getAttribute('transport')), {
      urls,
      token: this.#token,
      after: () => this.#v,
      told: (message) => this.#heard(message),
      lost: (what) => this.#lost(what),
    });
  }

  #heard(message) {
    this.#heardAt = performance.now();
    this.#ways.worked();
    if (message.type !== 'error') this.#attempts = 0;
    // The state was told, but others have all the places: asking again at once would only take their server's time.
    if (message.code === 'too_slow') this.#attempts = QUIET_ATTEMPTS;
    if (message.type === 'state') this.#stateTold(message);
    if (message.type === 'error' && isHopeless(message.code)) this.#fail(message.code);
    if (this.#known !== 'pending') return;
    if (message.type === 'qr') this.#view.draw(message.text);
    if (message.type === 'link') this.#offerLink(message.url);
  }

  #stateTold({ v, state, reason = null, number = null, via = null, second_factor: factor = null, seconds_left: left }) {
    if (!Object.hasOwn(STATES, state) || !(v >= this.#v)) return;
    const news = v > this.#v;
    [this.#v, this.#known, this.#reason, this.#number, this.#factor, this.#via] = [v, state, reason, number, factor, via];
    if (left !== undefined) this.#view.countFrom(left);
    this.#show(state, { reason });
    if (news && state === 'approved') this.#emit('countersign-approved', { v, via });
    if (news && state === 'ended') this.#emit('countersign-ended', { v, reason });
    if (FINAL.includes(state)) this.stop();
  }

  #lost({ reason, useless }) {
    this.#connection = null;
    if (FINAL.includes(this.#shown)) return;
    if (reason) return this.#fail(reason);
    const atOnce = this.#ways.failed(useless);
    this.#view.forgetCode(); // too old by the time we are back
    const quiet = this.#known === null && this.#attempts < QUIET_ATTEMPTS;
    // An approved login stays on display; only its end is still to be heard of.
    if (this.#known !== 'approved') this.#show(quiet ? 'connecting' : 'reconnecting');
    const wait = Math.min(SLOWEST_RETRY_MS, 500 * 2 ** this.#attempts++);
    this.#retryTimer = setTimeout(() => this.#connect(), atOnce ? 0 : wait * (0.5 + Math.random() / 2));
  }

  /**
   * A phone's browser sleeps while its owner is in the app; on coming back, nobody should wait. A connection that has been silent
   * meanwhile may be dead without saying so, and a new one tells the state at once.
   */
  #reconnectNow() {
    const doubtful = this.#connection && this.#known !== 'approved' && performance.now() - this.#heardAt > DOUBTFUL_MS;
    if (!document.hidden && (this.#retryTimer || doubtful)) this.#connect();
  }

  #fail(reason) {
    this.stop();
    if (this.#known !== 'approved') this.#show('error', { reason });
  }

  async #cancel() {
    const connection = this.#connection;
    if (connection && this.#known && (await connection.cancel())) return;
    if (connection !== this.#connection || FINAL.includes(this.#shown)) return; // it was decided meanwhile
    // Unreachable: the server lets the login expire by itself.
    this.stop();
    this.#show('cancelled');
  }

  #offerLink(url) {
    // It becomes a link on the site's page, so it must not be able to run there.
    if (!/^https?:\/\//i.test(url)) return;
    this.#view.parts.link.href = url;
    this.#show(this.#shown, { reason: this.#reason });
  }

  #show(state, { reason = null, quietly = false } = {}) {
    const changed = state !== this.#shown;
    this.#shown = state;
    this.#view.show(state, { reason, number: this.#number, factor: this.#factor, via: this.#via, language: languageAt(this), push: this.hasAttribute('push') });
    if (quietly) return; // also because a constructor may not touch attributes
    this.setAttribute('state', state);
    if (changed) this.#emit('countersign-state', { state, v: this.#v, reason });
  }

  #emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

if (!customElements.get('countersign-login')) customElements.define('countersign-login', CountersignLogin);
