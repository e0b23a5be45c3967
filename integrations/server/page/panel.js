// A panel at the side, which lies over the page where there is no room beside: the rest is out of reach then.

import { by } from "./element.js";

export class Panel {
  #wanted = true;
  #there;

  /**
   * @param {{panel: string, opens: string, closes: string, first: string, room: string, there: boolean}} about
   *   ids of the panel, of the buttons that open and close it, and of what gets the focus; the media query under
   *   which there is room beside the page; and whether it has anything to show at first.
   */
  constructor({ panel, opens, closes, first, room, there }) {
    this.panel = by(panel);
    this.opens = by(opens);
    this.first = by(first);
    this.room = matchMedia(room);
    /** Called when it comes to be seen. */
    this.opened = () => {};
    this.opens.addEventListener("click", () => (this.panel.hidden ? this.open() : this.close()));
    by(closes).addEventListener("click", () => this.close());
    this.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    this.room.addEventListener("change", () => this.offer(this.#there));
    this.offer(there);
  }

  /** Say whether there is anything to show; it is seen at once where there is room and nobody closed it. */
  offer(there) {
    this.#there = there;
    this.opens.hidden = !there;
    this.#show(there && this.room.matches && this.#wanted);
  }

  /** Open it, because a person asked for it. */
  open() {
    this.#wanted = true;
    this.#show(true);
    if (!this.room.matches) this.first.focus();
  }

  /** Close it, because a person asked for it. */
  close() {
    if (this.room.matches) this.#wanted = false;
    const inside = this.panel.contains(document.activeElement);
    this.#show(false);
    if (inside) this.opens.focus();
  }

  /** Make way where it lies over the page. */
  yield() {
    if (!this.room.matches) this.#show(false);
  }

  #show(shown) {
    this.panel.hidden = !shown;
    this.opens.setAttribute("aria-expanded", String(shown));
    const over = shown && !this.room.matches;
    this.panel.classList.toggle("over", over);
    for (const other of document.querySelectorAll("body > :is(header, main, nav, aside, .skip)")) {
      if (other !== this.panel) other.inert = over;
    }
    if (shown) this.opened();
  }
}
