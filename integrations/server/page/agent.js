// The agent: a question goes out, its steps and its answer come back as they are made.

import { Problem, ask, sentence } from "./api.js";

const MODEL = "sightloop-agent";

/**
 * Ask, and yield what comes: `{step}`, `{text}`, and at the end `{result}`.
 *
 * @param {string} question
 * @param {{files: string[], memory: string|null, thread: string, signal: AbortSignal}} about the ids of files
 *   that were uploaded, the memory that is searched where there are none, and the conversation.
 */
export async function* answers(question, { files, memory, thread, signal }) {
  const content = [
    ...files.map((file_id) => ({ type: "file", file: { file_id } })),
    { type: "text", text: question },
  ];
  const response = await ask("/v1/chat/completions", {
    method: "POST",
    signal,
    json: { model: MODEL, stream: true, messages: [{ role: "user", content }], sightloop: { memory, thread } },
  });
  let ended = false;
  for await (const data of events(response.body)) {
    if (data === "[DONE]") {
      ended = true;
      continue;
    }
    const { choices, error, sightloop } = JSON.parse(data);
    if (error) throw new Problem(sentence(error.message), { status: error.type === "server_error" ? 500 : 400 });
    const text = choices?.[0]?.delta?.content;
    if (text) yield { text };
    if (sightloop?.step) yield { step: sightloop.step };
    else if (sightloop) yield { result: sightloop };
  }
  if (!ended) throw new Problem("The connection broke before the answer was complete.");
}

/** Yield the data of server-sent events. */
async function* events(body) {
  let rest = "";
  try {
    for await (const text of read(body.pipeThrough(new TextDecoderStream()))) {
      const lines = (rest + text).split(/\r?\n/);
      rest = lines.pop();
      for (const line of lines) if (line.startsWith("data:")) yield line.slice(5).trim();
    }
  } catch (error) {
    if (error.name === "AbortError" || error instanceof Problem) throw error;
    throw new Problem("The connection to the server broke before the answer was complete.");
  }
}

/** Yield what a stream holds; not every browser can loop over one. */
async function* read(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
