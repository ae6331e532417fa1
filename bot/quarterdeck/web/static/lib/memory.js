/* Keep small things in this browser: drafts, what is not sent yet, what was read. Storage may be off or full. */
const PREFIX = "quarterdeck.";

export function recall(name, otherwise = null) {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

export function keep(name, value) {
  try {
    if (value === null || value === "") localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // full or forbidden: the page works on without
  }
}

/** Forget all of it when somebody else signs in here. */
export function belongTo(account) {
  if (recall("account") !== account) forgetAll();
  keep("account", account);
}

export function forgetAll() {
  try {
    for (const name of Object.keys(localStorage)) if (name.startsWith(PREFIX)) localStorage.removeItem(name);
  } catch {
    // nothing was kept
  }
}
