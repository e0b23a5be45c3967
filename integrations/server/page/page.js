// The page: one conversation at a time, which the address names, beside the lists and the evidence.

import { answers } from "./agent.js";
import { Problem, asked, words } from "./api.js";
import { Composer } from "./composer.js";
import { by } from "./element.js";
import { Evidence } from "./evidence.js";
import { Panel } from "./panel.js";
import { Sidebar } from "./sidebar.js";
import { Turn } from "./turn.js";
import { given } from "./words.js";

/** Name of the memory that files from this page are kept in. */
const MEMORY = "Web page";
/** How often a question is asked again by itself, where the server is busy. */
const TRIES = 5;

let conversation = null;
let memory = null;
/** Stops the answer that is on its way. */
let stopping = null;

const lists = new Panel({
  panel: "sidebar", opens: "open-sidebar", closes: "close-sidebar", first: "new-conversation",
  room: "(min-width: 60rem)", there: true,
});
const evidence = new Evidence(new Panel({
  panel: "evidence", opens: "open-evidence", closes: "close-evidence", first: "evidence-heading",
  room: "(min-width: 75rem)", there: false,
}));
const sidebar = new Sidebar({ memory: () => memory, use, gone: (id) => id === conversation && renew() });
const composer = new Composer({ memory: kept, ask, stop: () => stopping?.abort() });
let finding = null;

/** Return the id of the page's memory, which is made if there is none. */
function kept() {
  finding ??= found().finally(() => (finding = null));
  return finding;
}

async function found() {
  if (memory !== null) return memory;
  const { data } = await asked("/v1/memories");
  const known = data.find(({ name }) => name === MEMORY);
  memory = (known ?? (await asked("/v1/memories", { method: "POST", json: { name: MEMORY } }))).id;
  return memory;
}

/** Add a file from the list to the question. */
function use(source) {
  lists.yield();
  composer.addSource(source);
}

/** Ask a question: about files, about those of the turn before, or about all that is kept. */
function ask(question, files) {
  const first = by("turns").children.length === 0;
  if (first && !files.length && !sidebar.sources.length) {
    composer.trouble("Add a picture, a video, a PDF or a 3D scan first: the answer is about what they show.");
    return;
  }
  const bad = files.find(({ hopeless }) => hopeless);
  if (bad) {
    composer.trouble(`${bad.name} cannot be asked about: remove it first.`);
    return;
  }
  if (first) {
    conversation = newName();
    document.title = `${question} · Sightloop`;
  }
  const turn = shown(question, files);
  composer.clear();
  answer(turn);
}

/** Add a turn at the end of the conversation. */
function shown(question, files) {
  const turn = new Turn(question, files, {
    evidence: (path) => evidence.show(path),
    again: () => stopping ?? answer(turn),
    change: () => {
      turn.element.remove();
      by("welcome").hidden = by("turns").children.length > 0;
      composer.restore(question, files);
    },
  });
  by("welcome").hidden = true;
  by("turns").append(turn.element);
  composer.hint();
  return turn;
}

/** Have a turn answered, and show what comes as it comes. */
async function answer(turn) {
  const stop = new AbortController();
  stopping = stop;
  composer.busy(true);
  turn.begin();
  turn.element.scrollIntoView({ block: "start" });
  try {
    const files = await arrived(turn, stop.signal);
    turn.wait("Looking…");
    const result = await patiently(turn, files, stop.signal);
    evidence.offer(turn.finish(result));
    // Only now is there anything that the address would lead to.
    if (location.hash !== `#/${conversation}`) history.pushState(null, "", `#/${conversation}`);
    turn.element.scrollIntoView({ block: "nearest" });
  } catch (error) {
    const stopped = error.name === "AbortError";
    turn.fail(stopped ? "You stopped this." : words(error), stopped || error.passing);
  } finally {
    if (stopping === stop) {
      stopping = null;
      composer.busy(false);
    }
    refresh().catch(() => {}); // what it would say, the turn has said
  }
}

/** Wait until the files of a turn can be asked about; return their ids. */
async function arrived(turn, signal) {
  for (const file of turn.files) file.changed = () => turn.wait(`${file.name}: ${file.state}`);
  const all = Promise.all(turn.files.map((file) => file.start()));
  await Promise.race([all, new Promise((_, leave) => (signal.onabort = () => leave(signal.reason)))]);
  for (const { name, failure } of turn.files) if (failure) throw new Problem(`${name}: ${failure.message}`, failure);
  return turn.files.map(({ source }) => source.id);
}

/** Ask, and where the server is busy ask again as soon as it says. */
async function patiently(turn, files, signal) {
  for (let tries = 1; ; tries++) {
    try {
      return await told(turn, files, signal);
    } catch (error) {
      if (error.status !== 429 || tries === TRIES) throw error;
      const seconds = error.retryAfter || 2;
      turn.begin(`The server is busy. Trying again in ${seconds} s…`);
      await new Promise((go, leave) => {
        setTimeout(go, 1000 * seconds);
        signal.onabort = () => leave(signal.reason);
      });
    }
  }
}

async function told(turn, files, signal) {
  let last = null;
  for await (const { step, text, result } of answers(turn.question, { files, memory, thread: conversation, signal })) {
    if (step) turn.step(step);
    if (text) turn.write(text);
    if (result) last = result;
  }
  if (last === null) throw new Problem("The server gave no answer.");
  return last;
}

/** Show the conversation that the address names, or begin a new one. */
async function route() {
  const id = location.hash.startsWith("#/") ? decodeURIComponent(location.hash.slice(2)) || null : null;
  if (id === conversation) return;
  stopping?.abort();
  conversation = id;
  document.title = "Sightloop";
  by("turns").replaceChildren();
  by("welcome").hidden = id !== null;
  evidence.clear();
  composer.clear();
  sidebar.mark(id);
  lists.yield();
  if (id === null) {
    composer.question.focus();
    return;
  }
  try {
    await recalled(id);
  } catch (error) {
    composer.trouble(words(error));
  }
}

/** Show an earlier conversation. */
async function recalled(id) {
  const { data } = await asked(`/v1/conversations/${encodeURIComponent(id)}`);
  const results = await Promise.all(data.map((row) => asked(`/v1/results/${encodeURIComponent(row.result)}`)));
  if (id !== conversation) return;
  const about = results.map(({ steps }, index) => given(steps).map((file) => ({ ...file, result: data[index].result })));
  const names = about.map((files) => files.map(({ name }) => name).join("/"));
  const turns = results.map(({ question }, index) => shown(question, names[index] === names[index - 1] ? [] : about[index]));
  const paths = results.map((result, index) => turns[index].recall(result, data[index].result));
  document.title = `${results[0].question} · Sightloop`;
  turns.at(-1).element.scrollIntoView({ block: "start" });
  evidence.offer(paths.at(-1));
}

/** Begin a new conversation. */
function renew() {
  history.pushState(null, "", "#/");
  route();
}

/** Read the lists again. */
async function refresh() {
  await sidebar.refresh();
  sidebar.mark(conversation);
}

/** Return a name for a conversation; crypto.randomUUID is not there where the server is reached without TLS. */
function newName() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

by("new-conversation").addEventListener("click", renew);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  composer.question.focus();
});
addEventListener("hashchange", route);
addEventListener("popstate", route);
kept().then(() => Promise.all([refresh(), route()])).catch((error) => composer.trouble(words(error)));
