// The aggregator's API: what is asked and what is told. Errors carry what the server says, as it says it.
import { change } from "./store.js";

/** An answer that is none. */
export class Refused extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @param {string} method @param {string} path @param {any} [body] */
async function ask(method, path, body) {
  /** @type {RequestInit} */
  const request = { method, headers: { Accept: "application/json" }, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    request.headers = { Accept: "application/json", "Content-Type": "application/json" };
    request.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, request);
  } catch {
    throw new Refused(0, "the aggregator does not answer: is it running, and is this address still the right one?");
  }
  const text = await response.text();
  let json = null;
  try {
    json = text ? JSON.parse(text) : null;
  } catch { /* who answered was not the API: its status says more than its page */ }
  if (response.ok) return json;
  throw new Refused(response.status, json?.error || `${method} ${path} was answered with ${response.status} ${response.statusText}`);
}

/** Reads; where that needs the token, the pages ask for it. @param {string} path */
export async function read(path) {
  try {
    return await ask("GET", path);
  } catch (error) {
    if (error instanceof Refused && error.status === 401) change({ locked: true, overview: null });
    throw error;
  }
}

/** Reads what needs the token wherever the pages are looked at. @param {string} path */
export const readSigned = (path) => ask("GET", path);

/** @param {string} path @param {any} body */
export const send = (path, body) => ask("POST", path, body);

/** @param {string} token */
export const signIn = (token) => ask("POST", "/api/v1/session", { token });

export const signOut = () => ask("DELETE", "/api/v1/session");
