/* Name conversations in the address bar, and those that are not there yet. */

/** Return an id that nobody else has; the server takes it as the name of a new conversation. */
export function randomId() {
  return `n${[...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(36).padStart(2, "0")).join("")}`;
}

export const addressOf = (id) => `/chat/${encodeURIComponent(id)}`;

/** Return the conversation that the address names, null where it names none. */
export function roomOfAddress() {
  const [, id] = /^\/chat\/([^/]+)$/.exec(location.pathname) ?? [];
  return id ? decodeURIComponent(id) : null;
}
