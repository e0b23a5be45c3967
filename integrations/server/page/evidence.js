// The evidence of an answer: its report, a page of its own, in a frame that reaches nothing outside itself.

import { ask, words } from "./api.js";
import { by, make } from "./element.js";

export class Evidence {
  #path = null;
  /** Path of the report that is in the frame, or on its way there. */
  #loaded = null;
  #address = null;

  /** @param {import("./panel.js").Panel} panel */
  constructor(panel) {
    this.panel = panel;
    panel.opened = () => this.#load(this.#path);
  }

  /** Have the report of a result at hand: it is seen where there is room for it. */
  offer(path) {
    this.#path = path;
    this.panel.offer(true);
  }

  /** Show the report of a result, because a person asked for it. */
  show(path) {
    this.offer(path);
    this.panel.open();
  }

  /** Show nothing, as there is no answer. */
  clear() {
    this.#path = this.#loaded = null;
    this.panel.offer(false);
    by("report").replaceChildren();
  }

  async #load(path) {
    if (this.#loaded === path) return;
    this.#loaded = path;
    const [report, trouble, save] = [by("report"), by("evidence-trouble"), by("save-evidence")];
    trouble.hidden = save.hidden = true;
    report.replaceChildren(make("p", { class: "faint" }, "Gathering the evidence…"));
    try {
      const page = await (await ask(path)).text();
      if (this.#loaded !== path) return;
      report.replaceChildren(framed(page));
      if (this.#address) URL.revokeObjectURL(this.#address);
      this.#address = URL.createObjectURL(new Blob([page], { type: "text/html" }));
      save.href = this.#address;
      save.hidden = false;
    } catch (error) {
      if (this.#loaded !== path) return;
      this.#loaded = null;
      report.replaceChildren();
      trouble.textContent = words(error);
      trouble.hidden = false;
    }
  }
}

function framed(page) {
  const frame = make("iframe", { title: "Evidence of the answer", sandbox: "allow-scripts", src: "/page/frame.html" });
  const ready = ({ source }) => {
    if (source !== frame.contentWindow) return;
    removeEventListener("message", ready);
    // The frame has no origin that could be named; it is the one that was just made.
    frame.contentWindow.postMessage(page, "*");
  };
  addEventListener("message", ready);
  return frame;
}
