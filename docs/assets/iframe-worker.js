"use strict";
// Browsers start no worker for a page that was opened from a disk. There, a hidden frame does the
// work of the one that searches. The theme knows by this file's name that it need not fetch its own.
(() => {
  if (location.protocol !== "file:") return;

  const reply = (data) => parent.postMessage(data, "*");
  const load = (...addresses) => addresses.reduce(
    (before, address) => before.then(() => new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = address;
      script.onload = done;
      script.onerror = failed;
      document.body.append(script);
    })),
    Promise.resolve(),
  );

  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      this.hear = (event) => {
        if (event.source !== this.frame.contentWindow) return;
        this.dispatchEvent(new MessageEvent("message", { data: event.data }));
      };
      addEventListener("message", this.hear);
      const page = this.frame.contentDocument;
      page.open();
      page.write(
        `<body><script>postMessage = ${reply}; importScripts = ${load};</script>`
        + `<script src="${address}"></script></body>`,
      );
      page.close();
      this.ready = new Promise((done) => { this.frame.contentWindow.onload = done; });
    }

    async postMessage(data) {
      await this.ready;
      this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
    }

    terminate() {
      this.frame.remove();
      removeEventListener("message", this.hear);
    }
  };
})();
