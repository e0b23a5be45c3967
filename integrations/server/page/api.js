// Requests to the server: with the key where one is asked for, and with errors in words.

import { askForKey } from "./key.js";

const KEPT = "sightloop.key";

/** Why something could not be done, in words for the person at the page. */
export class Problem extends Error {
  /**
   * @param {string} message
   * @param {{status?: number, retryAfter?: number}} details `status` is 0 where the server was not reached.
   */
  constructor(message, { status = 0, retryAfter = 0 } = {}) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed a little later. */
  get passing() {
    return [0, 429, 500, 502, 503, 504].includes(this.status);
  }
}

/** Ask the server; a person is asked for the key where the server wants one. Throws a Problem. */
export async function ask(path, { method = "GET", json, body, headers = {}, signal } = {}) {
  for (;;) {
    const key = sessionStorage.getItem(KEPT);
    const response = await reached(path, {
      method,
      signal,
      body: json === undefined ? body : JSON.stringify(json),
      headers: {
        ...headers,
        ...(json === undefined ? {} : { "Content-Type": "application/json" }),
        ...(key ? { Authorization: `Bearer ${key}` } : {}),
      },
    });
    if (response.ok) return response;
    if (response.status !== 401) throw await problem(response);
    // Another request may have been given a key in the meantime.
    if (sessionStorage.getItem(KEPT) === key) sessionStorage.setItem(KEPT, await askForKey(key !== null));
  }
}

/** Ask the server for JSON. */
export async function asked(path, options) {
  const response = await ask(path, options);
  return response.status === 204 ? null : response.json();
}

/** Say what an error is, in words. */
export function words(error) {
  return error instanceof Problem ? error.message : `Something went wrong in this page: ${error.message}`;
}

async function reached(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server cannot be reached. Check that it runs, and that you are connected.");
  }
}

async function problem(response) {
  const { status } = response;
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  const told = await response.json().catch(() => null);
  return new Problem(sentence(told?.error?.message) || `The server refused this (${status}).`, { status, retryAfter });
}

/** Make a sentence of what the server says: with a capital letter, and with files by their names alone. */
export function sentence(message = "") {
  const named = message.replace(/\bfile-[0-9a-f]{16}\/(scene\/)?/g, "");
  return /^[a-z]+([ ,:]|$)/.test(message) ? named.charAt(0).toUpperCase() + named.slice(1) : named;
}
