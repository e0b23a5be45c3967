// A turn: a question, the steps to its answer as they arrive, and the answer with what it rests on.

import { sentence } from "./api.js";
import { by, icon, make } from "./element.js";
import { thumbnail } from "./composer.js";
import { picture } from "./picture.js";
import { counted, ended, percent, place, took, verdict } from "./words.js";

/** Evidence that is listed below an answer; the report has all of it. */
const LISTED = 6;

let count = 0;

export class Turn {
  /**
   * @param {string} question
   * @param {object[]} uploads that it is about
   * @param {{evidence: (path: string) => void, again: (turn: Turn) => void}} page
   */
  constructor(question, files, page) {
    this.question = question;
    this.files = files;
    this.page = page;
    this.steps = [];
    this.list = make("ol", { class: "steps" });
    this.summary = make("summary", {}, "Looking…");
    this.progress = make("details", { class: "progress running", open: true }, this.summary, this.list);
    this.text = make("p", { class: "answer" });
    this.after = make("div");
    const id = `turn-${++count}`;
    this.element = make(
      "article",
      { class: "turn", "aria-labelledby": id },
      make("h2", { class: "asked", id }, question),
      files.length > 0 && make("ul", { class: "about" }, ...files.map(about)),
      this.progress,
      this.text,
      this.after,
    );
  }

  /** Begin anew, with nothing of an earlier try. */
  begin(said = "Looking…") {
    this.steps = [];
    this.list.replaceChildren();
    this.text.textContent = "";
    this.after.replaceChildren();
    this.progress.hidden = false;
    this.progress.open = true;
    this.progress.classList.add("running");
    this.summary.textContent = said;
    say(said);
  }

  /** Show what is waited for. */
  wait(said) {
    this.summary.textContent = said;
  }

  /** Show a step that was done. */
  step(step) {
    this.summary.textContent = "Looking…";
    this.#listed(step);
    say(sentence(step.summary));
  }

  #listed(step) {
    this.steps.push(step);
    this.list.append(
      make(
        "li",
        { class: step.failed ? "failed" : null },
        icon(step.kind),
        make("span", {}, sentence(step.summary)),
        make("span", { class: "faint" }, took(step.seconds)),
      ),
    );
  }

  /** Show a piece of the answer. */
  write(text) {
    this.text.append(text);
  }

  /** Show an answer of earlier, which was kept as `result`; return the path of its report. */
  recall(result, id) {
    for (const step of result.steps) this.#listed(step);
    this.text.textContent = result.answer;
    return this.#answered({ ...result, result_id: id, notes: [...new Set(result.steps.flatMap((step) => step.notes))] });
  }

  /** Show how sure the answer is, and what it rests on; return the path of its report. */
  finish(result) {
    const path = this.#answered(result);
    say(`Answer: ${this.text.textContent}. ${percent(result.confidence)} sure.`);
    return path;
  }

  #answered({ result_id, confidence, evidence, notes, stopped_because }) {
    if (!this.text.textContent) this.text.textContent = "(no words)";
    this.#ended();
    const path = `/v1/results/${encodeURIComponent(result_id)}/report`;
    const cited = evidence.slice(0, LISTED).map((item) => this.#cited(item, result_id, path));
    this.after.replaceChildren(
      make(
        "p",
        { class: "sure" },
        make("meter", { min: 0, max: 1, value: confidence, "aria-label": "Confidence" }),
        ` ${percent(confidence)} sure`,
      ),
      make("p", { class: "notice", hidden: !ended(stopped_because) }, ended(stopped_because)),
      make("ol", { class: "cited", "aria-label": "What the answer rests on", hidden: !cited.length }, ...cited),
      make(
        "button",
        { type: "button", class: "see", click: () => this.page.evidence(path) },
        icon("evidence"),
        evidence.length > LISTED ? `See all ${evidence.length} pieces of evidence` : "See the evidence",
      ),
      make("ul", { class: "notes", "aria-label": "Notes", hidden: !notes.length }, ...notes.map(noted)),
    );
    return path;
  }

  /** Say why there is no answer; `passing`, that the same question may be answered yet. */
  fail(message, passing) {
    this.#ended();
    this.after.replaceChildren(
      make("p", { class: "trouble", role: "alert" }, message),
      make(
        "div",
        { class: "choices" },
        passing && make("button", { type: "button", click: () => this.page.again() }, "Ask again"),
        make("button", { type: "button", click: () => this.page.change() }, "Change the question"),
      ),
    );
  }

  #ended() {
    this.progress.classList.remove("running");
    this.progress.open = false;
    this.progress.hidden = this.steps.length === 0;
    const seconds = Math.max(0, ...this.steps.map((step) => step.started + step.seconds));
    this.summary.textContent = `${counted(this.steps.length, "step")} in ${took(seconds)}`;
  }

  #cited(item, result, path) {
    return make(
      "li",
      {},
      make(
        "button",
        { type: "button", class: "evidence-of", click: () => this.page.evidence(path) },
        picture(result, item.still, item.region),
        make("span", { class: "claim" }, item.claim),
        make("span", { class: "faint" }, place(item)),
        make("span", { class: `verdict ${item.verdict}` }, `${verdict(item.verdict)} ${percent(item.confidence)}`),
      ),
    );
  }
}

/** Tell those who listen to the page. */
export function say(words) {
  by("said").textContent = words;
}

function about(file) {
  const shown = file.still ? picture(file.result, file.still) : thumbnail(file);
  return make("li", {}, shown, make("span", {}, file.name));
}

function noted(note) {
  return make("li", {}, sentence(note));
}
