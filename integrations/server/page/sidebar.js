// The sidebar: earlier conversations, and the files that are kept.

import { asked, words } from "./api.js";
import { by, icon, make } from "./element.js";
import { bytes, day, kindOf } from "./words.js";

export class Sidebar {
  /**
   * @param {{open: (id: string) => void, use: (source: object) => void, gone: (id: string) => void,
   *   memory: () => Promise<string|null>}} page
   */
  constructor(page) {
    this.page = page;
    this.conversations = [];
    this.sources = [];
  }

  /** Read both lists again. */
  async refresh() {
    await Promise.all([this.refreshConversations(), this.refreshFiles()]);
  }

  async refreshConversations() {
    this.conversations = (await asked("/v1/conversations")).data;
    this.#drawConversations();
  }

  async refreshFiles() {
    const memory = await this.page.memory();
    this.sources = memory === null ? [] : (await asked(`/v1/memories/${encodeURIComponent(memory)}/sources`)).data;
    this.#drawFiles();
  }

  /** Mark the conversation that is shown. */
  mark(id) {
    for (const item of by("conversations").querySelectorAll("a")) {
      if (item.dataset.id === id) item.setAttribute("aria-current", "page");
      else item.removeAttribute("aria-current");
    }
  }

  #drawConversations() {
    by("no-conversations").hidden = this.conversations.length > 0;
    by("conversations").replaceChildren(
      ...this.conversations.map(({ id, title, updated_at }) =>
        make(
          "li",
          {},
          make(
            "a",
            { href: `#/${encodeURIComponent(id)}`, "data-id": id },
            make("span", { class: "name" }, title),
            make("span", { class: "faint" }, day(1000 * updated_at)),
          ),
          this.#deleting(`the conversation “${title}”`, `/v1/conversations/${encodeURIComponent(id)}`, () => {
            this.page.gone(id);
            return this.refreshConversations();
          }),
        ),
      ),
    );
  }

  #drawFiles() {
    by("no-files").hidden = this.sources.length > 0;
    by("files").replaceChildren(
      ...this.sources.toReversed().map((source) => {
        const { id, memory, name, status } = source;
        const path = `/v1/memories/${encodeURIComponent(memory)}/sources/${encodeURIComponent(id)}`;
        return make(
          "li",
          {},
          make(
            "button",
            { type: "button", class: "file", disabled: status === "failed", click: () => this.page.use(source) },
            icon(kindOf({ name, type: source.kind })),
            make("span", { class: "name" }, name),
            make("span", { class: "faint" }, status === "ready" ? bytes(source.bytes) : status),
          ),
          this.#deleting(name, path, () => this.refreshFiles()),
        );
      }),
    );
  }

  #deleting(what, path, after) {
    const remove = async () => {
      if (!(await sure(`Delete ${what}? This cannot be undone.`))) return;
      try {
        await asked(path, { method: "DELETE" });
        await after();
      } catch (error) {
        by("sidebar-trouble").textContent = words(error);
        by("sidebar-trouble").hidden = false;
      }
    };
    return make(
      "button",
      { type: "button", class: "plain delete", click: remove },
      icon("delete"),
      make("span", { class: "unseen" }, `Delete ${what}`),
    );
  }
}

/** Have a person confirm. */
function sure(question) {
  const dialog = by("sure");
  by("sure-words").textContent = question;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
