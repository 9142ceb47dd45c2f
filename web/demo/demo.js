// The demo shop's page. It talks to the shop's own server only; the login element alone talks to Countersign.

import { encode } from '/vendor/uqr.mjs';

const SVG = 'http://www.w3.org/2000/svg';
const $ = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What the shop's server, or Countersign behind it, refused. */
class Refused extends Error {
  constructor({ code, detail }) {
    super(detail ?? 'The shop does not answer.');
    this.code = code ?? 'unreachable';
  }
}

async function call(path, body) {
  const post = body && { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(path, post).catch(() => null);
  const answer = (await response?.json().catch(() => null)) ?? {};
  if (!response?.ok) throw new Refused(answer);
  return answer;
}

function tell(id, text, kind = '') {
  const message = $(id);
  message.hidden = !text;
  message.className = `message ${kind}`;
  message.textContent = text;
}

function drawQr(container, text, label) {
  const { size, data } = encode(text, { ecc: 'L', border: 4 });
  const squares = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : '')));
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', squares.join(''));
  const svg = document.createElementNS(SVG, 'svg');
  const width = size * Math.ceil(280 / size); // whole pixels, sharp edges
  const attributes = { viewBox: `0 0 ${size} ${size}`, width, height: width, role: 'img', 'aria-label': label, 'shape-rendering': 'crispEdges' };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  svg.append(path);
  container.replaceChildren(svg);
}

// --- 1. Enrol a phone ---

const phoneCommand = document.querySelector('meta[name="countersign-phone"]').content;
const sfs = document.querySelector('meta[name="countersign-sfs"]').content; // where phones can have a PIN, if anywhere
let current = null; // id of the enrolment on display

async function beginEnrolment(event) {
  event.preventDefault();
  current = null;
  $('enrol-invite').hidden = $('confirm-form').hidden = true;
  tell('enrol-message', '');
  try {
    const user = $('enrol-user').value.trim();
    const { id, link } = await call('/enrol', { user_id: user });
    current = id;
    drawQr($('enrol-qr'), link, 'QR code to enrol a phone with');
    $('enrol-link').textContent = link;
    $('enrol-command').textContent = `${phoneCommand} --state phone enrol '${link}'${sfs && ` --sfs '${sfs}'`}`;
    $('enrol-invite').hidden = false;
    await followEnrolment(id, user);
  } catch (error) {
    tell('enrol-message', error.message, 'bad');
  }
}

/** Waits for each step of the enrolment, until it is final or another one was begun. */
async function followEnrolment(id, user) {
  for (let v = 1; v < 3 && current === id; ) {
    const enrolment = await call(`/enrol/${encodeURIComponent(id)}?after=${v}`).catch((error) => error);
    if (current !== id) return;
    if (enrolment instanceof Error) {
      if (enrolment.code === 'not_found') throw enrolment;
      await sleep(3000);
    } else if (enrolment.v > v) {
      v = enrolment.v;
      showEnrolment(enrolment, user);
    }
  }
}

function showEnrolment({ state, device, confirm }, user) {
  const here = state === 'redeemed' && confirm === 'number';
  $('enrol-invite').hidden = true;
  $('confirm-form').hidden = !here;
  if (here) {
    $('enrol-device').textContent = device ?? 'A phone';
    $('confirm-number').value = '';
    $('confirm-number').focus();
  }
  const outcomes = {
    redeemed: here ? [''] : [`${user} has a phone already: it lets this one in, with the number the new one shows.`],
    confirmed: [`The phone is enrolled. ${user} can log in now.`, 'good'],
    refused: ['Too many wrong numbers. Begin again.', 'bad'],
    cancelled: ['The enrolment was cancelled.', 'bad'],
    expired: ['The ten minutes are over. Begin again.', 'bad'],
  };
  tell('enrol-message', ...(outcomes[state] ?? ['']));
}

async function confirmEnrolment(event) {
  event.preventDefault();
  try {
    // The long poll shows what comes of it.
    await call(`/enrol/${encodeURIComponent(current)}/confirm`, { number: $('confirm-number').value });
  } catch (error) {
    if ($('confirm-form').hidden || error.code === 'already_decided') return; // the outcome is on display
    tell('enrol-message', error.message, 'bad');
    $('confirm-number').select();
  }
}

// --- 2. Log in ---

let userId = null;

function showUser(id) {
  userId = id;
  $('account').textContent = id ?? '';
  $('login-button').hidden = $('login-intro').hidden = id !== null;
  $('user').replaceChildren();
  $('pay').hidden = id === null || !sfs;
  stopPaying();
  if (id === null) return;
  $('login-element').hidden = true; // still connected, to hear of a logout on the phone
  tell('login-message', '');
  const name = Object.assign(document.createElement('strong'), { textContent: id });
  const sentence = Object.assign(document.createElement('p'), { id: 'logged-in' });
  sentence.append('Logged in as ', name);
  const button = Object.assign(document.createElement('button'), { id: 'logout-button', type: 'button', textContent: 'Log out' });
  button.addEventListener('click', logOut);
  $('user').append(sentence, button);
}

async function beginLogin() {
  tell('login-message', '');
  $('login-button').disabled = true;
  try {
    const { page_url: pageUrl, page_token: pageToken } = await call('/login', {});
    $('login-element').start({ pageUrl, pageToken });
    $('login-element').hidden = false;
    $('login-button').hidden = true;
  } catch (error) {
    tell('login-message', error.message, 'bad');
  }
  $('login-button').disabled = false;
}

/** The element says that the login was approved. Who it was, only the server can ask. */
async function finishLogin(returnToken) {
  try {
    const { user_id: id } = await call('/login/finish', returnToken ? { return_token: returnToken } : {});
    showUser(id);
  } catch (error) {
    // Another tab of ours was faster.
    const elsewhere = ['already_redeemed', 'no_login'].includes(error.code) && !returnToken;
    tell('login-message', elsewhere ? 'Approved. Continue in the other tab.' : error.message, elsewhere ? '' : 'bad');
    if (elsewhere) await waitForOtherTab();
    else $('login-button').hidden = false;
  }
}

/** A login by link is finished in the tab that the phone opens: it shares our session, so wait for it. */
async function waitForOtherTab() {
  for (let tries = 0; tries < 60 && userId === null; tries++) {
    await checkUser();
    await sleep(2000);
  }
  $('login-button').hidden = userId !== null;
}

/** Whether somebody is logged in, asked of the server: the phone may have logged out meanwhile. */
async function checkUser() {
  try {
    const { user_id: id } = await call('/me');
    if (id !== userId) showUser(id);
  } catch (error) {
    if (error.code !== 'not_logged_in' || userId === null) return;
    loggedOut('You have been logged out.');
  }
}

function loggedOut(text) {
  showUser(null);
  $('login-element').stop();
  $('login-element').hidden = true;
  tell('login-message', text);
}

async function logOut() {
  try {
    await call('/logout', {});
    loggedOut('You are logged out.');
  } catch (error) {
    loggedOut(`You are logged out here. ${error.message}`);
  }
}

// --- 3. Pay, with a PIN ---

function stopPaying() {
  $('pay-element').stop?.();
  $('pay-element').hidden = true;
  $('pay-button').hidden = false;
  tell('pay-message', '');
}

async function beginPayment() {
  tell('pay-message', '');
  $('pay-button').disabled = true;
  try {
    const { page_url: pageUrl, page_token: pageToken } = await call('/pay', {});
    $('pay-element').start({ pageUrl, pageToken });
    $('pay-element').hidden = false;
    $('pay-button').hidden = true;
  } catch (error) {
    tell('pay-message', error.message, 'bad');
  }
  $('pay-button').disabled = false;
}

async function finishPayment(returnToken) {
  try {
    const { paid } = await call('/pay/finish', returnToken ? { return_token: returnToken } : {});
    stopPaying();
    tell('pay-message', `You paid ${paid}, with your PIN.`, 'good');
  } catch (error) {
    $('pay-button').hidden = false;
    tell('pay-message', error.message, 'bad');
  }
}

async function loadElement() {
  const url = document.querySelector('meta[name="countersign-element"]').content;
  try {
    return (await import(url)).takeReturnToken;
  } catch {
    $('login-button').disabled = true;
    tell('login-message', `The login element could not be loaded from ${url}. Is Countersign running? Then load this page again.`, 'bad');
    return () => null;
  }
}

// --- Together ---

for (const button of document.querySelectorAll('[data-copies]')) {
  button.addEventListener('click', async () => {
    const source = $(button.dataset.copies);
    getSelection().selectAllChildren(source); // also for browsers that forbid the clipboard
    await navigator.clipboard?.writeText(source.textContent).then(() => (button.textContent = 'Copied'), () => {});
    await sleep(2000);
    button.textContent = 'Copy';
  });
}
$('enrol-form').addEventListener('submit', beginEnrolment);
$('confirm-form').addEventListener('submit', confirmEnrolment);
$('login-button').addEventListener('click', beginLogin);
$('login-element').addEventListener('countersign-approved', ({ detail }) => (detail.via === 'link' ? waitForOtherTab() : finishLogin()));
$('login-element').addEventListener('countersign-retry', beginLogin);
$('login-element').addEventListener('countersign-ended', checkUser);
$('pay-button').addEventListener('click', beginPayment);
$('pay-element').addEventListener('countersign-approved', ({ detail }) => (detail.via === 'link' ? tell('pay-message', 'Go on in the tab that your app opened.') : finishPayment()));
$('pay-element').addEventListener('countersign-retry', beginPayment);
document.addEventListener('visibilitychange', () => document.hidden || checkUser());
setInterval(() => userId !== null && !document.hidden && checkUser(), 15_000);

const takeReturnToken = await loadElement();
/** The phone has sent the browser here, perhaps into this very tab: then only the fragment changes. */
async function arrive() {
  const returnToken = takeReturnToken();
  if (returnToken && userId === null) await checkUser();
  if (returnToken && userId !== null) await finishPayment(returnToken);
  else if (returnToken) await finishLogin(returnToken);
  else await checkUser();
}
addEventListener('hashchange', () => location.hash && arrive());
await arrive();
