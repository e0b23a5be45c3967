// Uploads: in parts, so that a broken connection costs one part, and a file that is added again goes on.

import { Problem, asked, sentence } from "./api.js";
import { bytes, percent } from "./words.js";

const PART = 4 * 2 ** 20;
const TRIES = 6;
/** Milliseconds before the first new try; each further one waits twice as long. */
const PAUSE = 500;
/** Milliseconds between two looks at how far the reading of a file is. */
const LOOK = 400;
/** Pictures that every browser shows. */
const SHOWN = /^image\/(png|jpeg|webp|gif|avif|bmp)$/;

/** A file on its way to being asked about; its `changed` is called whenever there is news. */
export class Upload {
  #memory;
  #stopped = new AbortController();
  #going = null;

  /**
   * @param {{file?: File, source?: object, memory: () => Promise<string>}} about a file of this machine, or one that
   *   the server has; and what gives the id of the memory that it is kept in.
   */
  constructor({ file = null, source = null, memory }) {
    this.file = file;
    this.name = file?.name ?? source.name;
    this.size = file?.size ?? source.bytes;
    this.type = file?.type ?? source.kind;
    /** Bytes that the server has. */
    this.sent = 0;
    /** The source that it became, once all of it is there; it can be asked about when that is "ready". */
    this.source = source;
    /** Why it cannot be asked about, a Problem or another Error; null where nothing speaks against it. */
    this.failure = null;
    /** Address of a small picture of it, where this browser can show one. */
    this.preview = file && SHOWN.test(file.type) ? URL.createObjectURL(file) : null;
    this.changed = () => {};
    this.#memory = memory;
  }

  get ready() {
    return this.source?.status === "ready";
  }

  /** Whether trying again would change nothing. */
  get hopeless() {
    return this.failure instanceof Problem && !this.failure.passing;
  }

  /** How much of what is done now is done, sending or reading, 0 to 1; null where nobody knows. */
  get share() {
    if (!this.source) return this.size ? this.sent / this.size : 0;
    const { done, of } = this.source.progress ?? {};
    return of && done !== null ? Math.min(1, done / of) : null;
  }

  /** How far it is, in words. */
  get state() {
    if (this.failure) return this.failure.message;
    if (this.ready) return bytes(this.size);
    if (!this.source) return `${percent(this.share)} of ${bytes(this.size)}`;
    if (this.source.status === "waiting") return "waits to be read";
    return this.share === null ? "is being read" : `${percent(this.share)} read`;
  }

  /** Send it, or what is left of it, and wait until it is read; never fails, but says so in `failure`. */
  start() {
    this.#going ??= this.#whole()
      .then(() => null, (error) => error)
      .then((error) => {
        this.#going = null;
        if (error?.name !== "AbortError") this.failure = error;
        this.changed();
      });
    return this.#going;
  }

  /** Leave it. */
  stop() {
    this.#stopped.abort();
  }

  async #whole() {
    this.failure = null;
    const memory = `/v1/memories/${encodeURIComponent(await this.#memory())}`;
    this.source ??= await this.#send(`${memory}/uploads`);
    while (!this.ready) {
      this.changed();
      if (this.source.status === "failed") throw new Problem(sentence(this.source.error), { status: 400 });
      await later(LOOK);
      this.source = await this.#ask(`${memory}/sources/${encodeURIComponent(this.source.id)}`);
    }
  }

  /** Send the parts that the server has not; return the source. */
  async #send(uploads) {
    if (!this.size) throw new Problem("The file is empty.", { status: 400 });
    const kept = `sightloop.upload:${uploads}:${this.name}:${this.size}:${this.file.lastModified}`;
    let state = await this.#begun(uploads, localStorage.getItem(kept));
    state ??= await this.#ask(uploads, { method: "POST", json: { name: this.name, size: this.size } });
    localStorage.setItem(kept, state.id);
    const upload = `${uploads}/${encodeURIComponent(state.id)}`;
    for (let failures = 0; !state.source; ) {
      this.sent = state.offset;
      this.changed();
      try {
        state = await this.#ask(upload, {
          method: "PATCH",
          headers: { "Upload-Offset": String(state.offset), "Content-Type": "application/offset+octet-stream" },
          body: this.file.slice(state.offset, state.offset + PART),
        });
        failures = 0;
      } catch (error) {
        // 409: the server has another part than this page believed.
        const again = error instanceof Problem && (error.passing || error.status === 409);
        if (!again || ++failures === TRIES) throw error;
        await later(Math.max(1000 * error.retryAfter, PAUSE * 2 ** (failures - 1)));
        state = await this.#ask(upload).catch(() => state);
      }
    }
    localStorage.removeItem(kept);
    this.sent = this.size;
    return state.source;
  }

  /** Return where an upload that this browser began before stands, if the server still has it. */
  async #begun(uploads, id) {
    if (!id) return null;
    try {
      return await this.#ask(`${uploads}/${encodeURIComponent(id)}`);
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return null;
      throw error;
    }
  }

  #ask(path, options = {}) {
    return asked(path, { ...options, signal: this.#stopped.signal });
  }
}

function later(milliseconds) {
  return new Promise((go) => setTimeout(go, milliseconds));
}
