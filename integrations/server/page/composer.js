// The composer: the question, and the files that it is about, dropped, pasted or chosen.

import { by, icon, make } from "./element.js";
import { Upload } from "./upload.js";
import { kindOf } from "./words.js";

const HINTS = {
  picture: "Ask about what you add",
  video: "Ask about the video: when does it appear?",
  document: "Ask about the document",
  scene: "Ask about the scan: how far apart are they?",
};
const FOLLOW_UP = "Ask on, or add files";

export class Composer {
  #uploads = [];
  #memory;

  /**
   * @param {{memory: () => Promise<string>, ask: (question: string, files: object[]) => void, stop: () => void}} page
   */
  constructor({ memory, ask, stop }) {
    this.#memory = memory;
    this.form = by("composer");
    this.question = by("question");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const question = this.question.value.trim();
      if (!question) this.question.focus();
      else if (by("stop").hidden) ask(question, this.#uploads);
    });
    this.question.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.form.requestSubmit();
    });
    this.question.addEventListener("input", () => this.trouble(""));
    by("stop").addEventListener("click", stop);
    this.#takesFiles();
  }

  /** Add a file that the server has already. */
  addSource(source) {
    if (this.#uploads.every((one) => one.source?.id !== source.id)) this.#add(new Upload({ source, memory: this.#memory }));
  }

  /** Have a question there again, to be changed. */
  restore(question, uploads) {
    this.clear();
    this.question.value = question;
    for (const upload of uploads) this.#add(upload);
    this.question.focus();
  }

  /** Leave nothing for the next question. */
  clear() {
    this.question.value = "";
    this.#uploads = [];
    by("attachments").replaceChildren();
    this.trouble("");
    this.hint();
  }

  /** Whether an answer is on its way. */
  busy(running) {
    by("stop").hidden = !running;
    by("ask").hidden = running;
  }

  /** Say what is wrong, or that nothing is. */
  trouble(message) {
    by("trouble").textContent = message;
    by("trouble").hidden = !message;
  }

  #takesFiles() {
    const picker = by("picker");
    for (const button of ["attach", "choose"]) by(button).addEventListener("click", () => picker.click());
    picker.addEventListener("change", () => {
      this.#addFiles(picker.files);
      picker.value = "";
    });
    document.addEventListener("paste", (event) => this.#addFiles(event.clipboardData.files));
    const drop = by("drop");
    const carries = (event) => event.dataTransfer?.types.includes("Files");
    addEventListener("dragover", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      drop.hidden = false;
    });
    addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) drop.hidden = true;
    });
    addEventListener("drop", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      drop.hidden = true;
      this.#dropped([...event.dataTransfer.items]);
    });
  }

  #dropped(items) {
    const folder = items.map((item) => item.webkitGetAsEntry?.()).find((entry) => entry?.isDirectory);
    if (folder) this.trouble(`${folder.name} is a folder: choose the files in it, or zip it if it is a 3D scan.`);
    else this.#addFiles(items.map((item) => item.getAsFile()).filter(Boolean));
  }

  #addFiles(files) {
    for (const file of files) this.#add(new Upload({ file, memory: this.#memory }));
  }

  #add(upload) {
    this.#uploads.push(upload);
    const bar = make("progress", { max: 1, "aria-label": `Upload of ${upload.name}` });
    const state = make("span", { class: "faint" });
    const again = make("button", { type: "button", class: "small", click: () => upload.start() }, "Try again");
    const item = make(
      "li",
      { class: "attachment" },
      thumbnail(upload),
      make("div", {}, make("span", { class: "name" }, upload.name), state, bar, again),
      make(
        "button",
        { type: "button", class: "plain", click: () => this.#remove(upload, item) },
        icon("close"),
        make("span", { class: "unseen" }, `Remove ${upload.name}`),
      ),
    );
    upload.changed = () => {
      bar.hidden = upload.ready || upload.failure !== null;
      if (upload.share === null) bar.removeAttribute("value");
      else bar.value = upload.share;
      state.textContent = upload.state;
      again.hidden = upload.failure === null || upload.hopeless;
      item.classList.toggle("failed", upload.failure !== null);
    };
    by("attachments").append(item);
    upload.start();
    upload.changed();
    this.trouble("");
    this.hint();
    this.question.focus();
  }

  #remove(upload, item) {
    upload.stop();
    this.#uploads.splice(this.#uploads.indexOf(upload), 1);
    item.remove();
    this.hint();
    this.question.focus();
  }

  /** Say what may be asked now. */
  hint() {
    const last = this.#uploads.at(-1);
    const none = by("turns").children.length ? FOLLOW_UP : HINTS.picture;
    this.question.placeholder = last ? HINTS[kindOf(last)] : none;
  }
}

/** Return a small picture of a file, or a sign of its kind. */
export function thumbnail(file) {
  const sign = make("span", { class: "thumbnail" }, icon(kindOf(file)));
  if (!file.preview) return sign;
  const image = make("img", { class: "thumbnail", src: file.preview, alt: "", error: () => image.replaceWith(sign) });
  return image;
}
