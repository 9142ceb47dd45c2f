// In place of WebSocket: the test says what the server would. `stage(message, …)` begins a login anew and tells the element these messages;
// a number closes the socket with that code.
{
  const sockets = [];
  window.WebSocket = class extends EventTarget {
    OPEN = 1;
    readyState = 1;

    constructor() {
      super();
      sockets.push(this);
      queueMicrotask(() => this.dispatchEvent(new Event('open')));
    }

    send() {}
    close() {}

    hear(message) {
      if (typeof message === 'number') this.dispatchEvent(new CloseEvent('close', { code: message }));
      else this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(message) }));
    }
  };
  window.sockets = sockets;
  window.hear = (message) => sockets.at(-1).hear(message);
  window.stage = async (...messages) => {
    const pageUrl = messages[0] === 'bad url' ? messages.shift() : 'ws://fake.invalid/page';
    document.querySelector('countersign-login').start({ pageUrl, pageToken: 'pt_x' });
    await new Promise(requestAnimationFrame);
    messages.forEach(window.hear);
    await new Promise(requestAnimationFrame);
  };
}
