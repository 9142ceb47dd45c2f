// How the element looks. A constructed sheet: it needs no `style-src` in the site's policy.

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
.box { position: relative; display: flex; flex-direction: column; align-items: center; gap: .9rem; padding: 1.5rem clamp(.5rem, 5%, 1.5rem); text-align: center;
  background: var(--_surface); border: 1px solid var(--_border); border-radius: var(--countersign-radius, 14px); }
p { margin: 0; }
.title { font-size: 1.2em; font-weight: 650; }
.hint, .timer, .push-hint { color: var(--_muted); }
.timer, .push-hint { font-size: .9em; font-variant-numeric: tabular-nums; }
.number { margin-block-start: .15em; font-size: 3.5em; font-weight: 700; line-height: 1.2; letter-spacing: .12em; margin-inline-end: -.12em; font-variant-numeric: tabular-nums; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.stage { display: grid; place-items: center; min-height: 270px; }
.qr { display: block; max-width: 100%; height: auto; border-radius: 6px; background: #fff; forced-color-adjust: none; }
.mark { width: 72px; height: 72px; padding: 22px; border-radius: 50%; border: 2px solid var(--_border); fill: none;
  stroke: var(--_accent); stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
:host([state=approved]) .mark { stroke: var(--_success); border-color: var(--_success); }
:host([state=refused]) .mark, :host([state=error]) .mark { stroke: var(--_danger); border-color: var(--_danger); }
.busy { width: 44px; height: 44px; border-radius: 50%; border: 4px solid var(--_border); border-top-color: var(--_accent); animation: turn 1s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }
a, button { font: inherit; color: var(--_accent); border-radius: 8px; }
[tabindex]:focus { outline: none; }
a:focus-visible, button:focus-visible, [tabindex]:focus-visible { outline: 3px solid var(--countersign-focus, var(--_accent)); outline-offset: 2px; }
a { font-size: .92em; }
.mobile a { width: 100%; box-sizing: border-box; padding: .85em 1em; font-size: 1em; font-weight: 600; text-decoration: none; }
button { padding: .55em 1.3em; min-height: 44px; background: none; border: 1px solid var(--_border); cursor: pointer; }
button:hover { border-color: currentColor; }
.mobile a, .retry { border: 1px solid transparent; background: var(--_accent); color: var(--_on-accent); }
[aria-disabled=true] { color: var(--_muted); border-style: dashed; cursor: not-allowed; }
[aria-disabled=true]:hover { border-color: var(--_border); }
@media (prefers-reduced-motion: reduce) { .busy { animation: none; border-style: dotted; border-color: var(--_accent); } }
@media (forced-colors: active) {
  .mark, :host([state]) .mark { stroke: CanvasText; }
  .busy { border-color: GrayText; border-top-color: CanvasText; }
  .mobile a { border-color: LinkText; }
  .retry { border-color: ButtonText; }
  [aria-disabled=true] { color: GrayText; }
}
`;

export const sheet = new CSSStyleSheet();
sheet.replaceSync(STYLE);
