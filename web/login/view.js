// What the element shows: its parts, the QR code, the countdown, and where the keyboard is.

import { encode } from '../vendor/uqr.mjs';
import { say } from './texts.js';

const PHONE = 'M8 2h8a2 2 0 0 1 2 2v16a2 2 0 0 1-2 2H8a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2zM11 18.5h2';
const CROSS = 'M6 6l12 12M18 6L6 18';

/** What each state shows. `mark` is a path in a 24×24 box. */
export const STATES = {
  connecting: { busy: true, cancel: true },
  reconnecting: { busy: true, cancel: true },
  pending: { qr: true, push: true, timer: true, cancel: true },
  claimed: { mark: PHONE, number: true, timer: true, cancel: true },
  approved: { mark: 'M4 12.5l5.5 5.5L20 7' },
  refused: { mark: CROSS, retry: true },
  cancelled: { mark: CROSS, retry: true },
  expired: { mark: 'M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18zM12 7.5V12l3 2', retry: true },
  ended: { mark: 'M14 4h4a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-4M10 8l-4 4l4 4M6 12h9' },
  error: { mark: 'M12 5v9M12 18v.5', retry: true },
};

/** Least width of the QR code in CSS pixels, and its white border in modules (ISO 18004 asks for four). */
const QR_WIDTH = 260;
const QUIET_ZONE = 4;
/** With so many seconds left the time is spoken, once. */
const SPEAK_AT = 30;
const SVG = 'http://www.w3.org/2000/svg';

function make(name, attributes = {}, children = [], namespace = 'http://www.w3.org/1999/xhtml') {
  const element = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Only what differs: each change of a live region is spoken. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function isMobile() {
  // An iPad calls itself a Macintosh; no Macintosh has a touch screen.
  const ipad = /Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1;
  return ipad || (navigator.userAgentData?.mobile ?? /Android|iPhone|iPad|iPod|Mobile/.test(navigator.userAgent));
}

/** The inside of the element. It knows nothing of servers. */
export class View {
  /** Everything that has a name, by it. */
  parts = {};
  #mobile = isMobile();
  #language = 'en';
  #ticker = 0;
  #deadline = 0; // on the clock of performance.now()
  #spoken = false;

  constructor() {
    const parts = this.parts;
    const part = (name, tag, attributes = {}, children = []) => (parts[name] = make(tag, { part: name, class: name, ...attributes }, children));
    const button = (name) => part(name, 'button', { type: 'button' });
    parts.path = make('path', { fill: '#000' }, [], SVG);
    parts.shape = make('path', {}, [], SVG);
    const background = make('rect', { width: '100%', height: '100%', fill: '#fff' }, [], SVG);
    parts.qr = make('svg', { part: 'qr', class: 'qr', role: 'img', 'shape-rendering': 'crispEdges' }, [background, parts.path], SVG);
    parts.mark = make('svg', { class: 'mark', viewBox: '0 0 24 24', 'aria-hidden': 'true' }, [parts.shape], SVG);
    // Shown as it is to be typed; spoken digit by digit, because “07” would be spoken as seven.
    parts.digits = make('span', { 'aria-hidden': 'true' });
    parts.spelt = make('span', { class: 'unseen' });
    const said = [part('title', 'p'), part('hint', 'p'), part('number', 'p', {}, [parts.digits, parts.spelt])];
    // The keyboard waits here when the control it was on is gone and no other has come.
    part('status', 'div', { role: 'status', 'aria-live': 'polite', tabindex: '-1' }, said);
    const stage = make('div', { class: 'stage' }, [parts.qr, parts.mark, part('busy', 'div', { 'aria-hidden': 'true' })]);
    // Not a live region: a screen reader would say nothing but numbers.
    part('timer', 'p', { role: 'timer', 'aria-live': 'off' });
    parts.notice = make('p', { class: 'unseen', 'aria-live': 'polite' });
    part('link', 'a', { target: '_blank', rel: 'noopener noreferrer' });
    part('push', 'button', { type: 'button', 'aria-disabled': 'true', 'aria-describedby': 'push-hint' });
    parts['push-hint'] = make('p', { id: 'push-hint', class: 'push-hint' });
    const ways = [parts.link, parts.push, parts['push-hint']];
    const inside = this.#mobile ? [...ways, stage, parts.timer] : [stage, parts.timer, ...ways];
    part('box', 'div', {}, [parts.status, ...inside, button('retry'), button('cancel'), parts.notice]);
    parts.box.classList.toggle('mobile', this.#mobile);
  }

  /** Draws a text as the QR code. Each module is a whole number of screen pixels, so that cameras and screenshots see sharp edges. */
  draw(text) {
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
    this.parts.path.setAttribute('d', d);
    const scale = devicePixelRatio || 1;
    const width = (Math.ceil((QR_WIDTH * scale) / size) * size) / scale;
    for (const [key, value] of Object.entries({ viewBox: `0 0 ${size} ${size}`, width, height: width })) this.parts.qr.setAttribute(key, value);
    this.parts.qr.removeAttribute('hidden');
    this.parts.busy.hidden = true;
  }

  /** The code on display is too old. */
  forgetCode() {
    this.parts.path.removeAttribute('d');
  }

  /** Shows nothing of a former login. */
  clear() {
    this.forgetCode();
    this.parts.link.removeAttribute('href');
    this.#spoken = false;
  }

  /** From now on so many seconds are left. */
  countFrom(seconds) {
    this.#deadline = performance.now() + seconds * 1000;
  }

  show(state, { reason, number, via, factor, language, push }) {
    const parts = this.parts;
    const view = STATES[state];
    const drawn = parts.path.hasAttribute('d');
    const shown = view.number && number ? String(number) : '';
    const asked = [shown && 'number', state === 'claimed' && factor].filter(Boolean).join('_');
    const variant = reason ?? (state === 'approved' ? via : asked || (this.#mobile ? 'mobile' : null));
    const focused = parts.box.getRootNode().activeElement;
    this.#language = parts.box.lang = language;
    const [title, hint] = say(language, `${state}.${variant}`) ?? say(language, state);
    const words = { title, hint, digits: shown, spelt: shown && this.#say('number', [...shown].join(' ')), 'push-hint': this.#say('push_hint') };
    for (const name of ['link', 'push', 'cancel', 'retry']) words[name] = this.#say(name);
    for (const [name, text] of Object.entries(words)) write(parts[name], text);
    parts.qr.setAttribute('aria-label', this.#say('qr_label'));
    parts.qr.toggleAttribute('hidden', !(view.qr && drawn));
    parts.busy.hidden = !(view.busy || (view.qr && !drawn));
    parts.mark.toggleAttribute('hidden', !view.mark);
    if (view.mark) parts.shape.setAttribute('d', view.mark);
    parts.number.hidden = !shown;
    parts.link.hidden = !(view.qr && parts.link.hasAttribute('href'));
    parts.push.hidden = parts['push-hint'].hidden = !(view.push && push);
    for (const name of ['cancel', 'retry', 'timer']) parts[name].hidden = !view[name];
    this.#keepFocus(focused);
    this.#tick(view.timer);
  }

  /** The countdown stands still. */
  stop() {
    clearInterval(this.#ticker);
  }

  /** The keyboard must not start again at the top of the page because a control is gone. */
  #keepFocus(focused) {
    if (!focused?.hidden) return;
    [this.parts.retry, this.parts.cancel, this.parts.status].find((part) => !part.hidden).focus();
  }

  #say(key, n) {
    return say(this.#language, key).replace('{n}', n);
  }

  #tick(running) {
    clearInterval(this.#ticker);
    if (!running) return write(this.parts.notice, '');
    const tell = () => {
      const n = Math.max(0, Math.ceil((this.#deadline - performance.now()) / 1000));
      const text = n === 1 ? this.#say('second') : this.#say('seconds', n);
      this.parts.timer.textContent = text;
      if (n > SPEAK_AT || this.#spoken) return;
      this.#spoken = true;
      this.parts.notice.textContent = text;
    };
    tell();
    this.#ticker = setInterval(tell, 1000);
  }
}
