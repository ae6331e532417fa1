/* Reach everything from the keyboard, and list how. */
import { h } from "../lib/dom.js";
import { openDialog } from "./dialog.js";

const LIST = [
  ["Enter", "Send the message"],
  ["Shift + Enter", "New line"],
  ["/", "Commands, from anywhere"],
  ["Ctrl + K", "Palette: commands, conversations, actions"],
  ["↑", "Edit your last message (in an empty line)"],
  ["Esc", "Stop the answer, close what is open, end editing"],
  ["Alt + N", "New conversation"],
  ["Alt + ↑ / ↓", "Conversation above / below"],
  ["Ctrl + Shift + F", "Search everything said; ↓ and ↑ walk through what is found"],
  ["End", "Newest message (from the messages)"],
  ["?", "This list"],
];

export function openShortcuts() {
  if (document.querySelector("dialog[open]")) return;
  const rows = LIST.flatMap(([keys, what]) => [
    h("dt", {}, ...keys.split(/( [+/] )/).map((part, index) => (index % 2 ? part : h("kbd", {}, part)))), h("dd", {}, what)]);
  openDialog("Keyboard shortcuts", h("div", { class: "body" }, h("dl", { class: "shortcuts" }, ...rows)));
}

/** Listen for shortcuts; `acts`: palette, write, create, step(n), search, stop, closePane. */
export function listenForKeys(acts) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const isControl = event.ctrlKey || event.metaKey;
    const isTyping = event.target.matches?.("input, textarea, select");
    const isDialog = document.querySelector("dialog[open]") !== null;
    const act = found(event, { isControl, isTyping, isDialog }, acts);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function found(event, { isControl, isTyping, isDialog }, acts) {
  if (isDialog) return null;
  const key = event.key.toLowerCase();
  if (isControl && !event.shiftKey && key === "k") return acts.palette;
  if (isControl && event.shiftKey && key === "f") return acts.search;
  if (event.altKey && event.code === "KeyN") return acts.create;
  if (event.altKey && (key === "arrowup" || key === "arrowdown")) return () => acts.step(key === "arrowup" ? -1 : 1);
  if (key === "escape") return acts.escape;
  if (isTyping || isControl || event.altKey) return null;
  if (key === "/") return acts.slash;
  if (key === "?") return openShortcuts;
  if (key === "end" && event.target.id === "scroll") return acts.end;
  return null;
}
