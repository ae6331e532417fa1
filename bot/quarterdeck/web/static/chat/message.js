/* Build one message of the conversation. */
import { h, iconButton, size } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { copyButton } from "./copy.js";
import { buttonRow, formOf } from "./card.js";
import { showText, sourceList } from "./text.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const SHOWN = /^image\/(?:png|jpeg|gif|webp)$/;

/** Return the element of a message that the server confirmed. `acts`: edit, press, submit. */
export function messageOf(message, acts) {
  return message.role === "you" ? mine(message, acts) : answer(message, acts);
}

function frame(message, properties, ...children) {
  const at = new Date(message.at);
  const item = h("li", { ...properties, data: { seq: message.seq, day: DAY.format(at), ...properties.data } }, ...children);
  return item;
}

function mine(message, acts) {
  const text = h("div", { class: "text is-plain", dir: "auto" });
  if (message.html && message.kind === "text") {
    text.classList.remove("is-plain");
    showText(text, message.html, []);
  } else text.textContent = message.text;
  const bubble = h("div", { class: "bubble" }, h("span", { class: "unseen" }, "You: "), text);
  const tools = h("div", { class: "after" }, h("span", { class: "state" }, when(message), message.edited ? " · edited" : ""),
    copyButton("Copy message", () => message.text));
  if (acts.canEdit(message)) tools.append(iconButton("pen", "Edit and send again", () => acts.edit(message), { class: "quiet edit" }));
  return frame(message, { class: "message mine" }, bubble, fileList(message.files), tools);
}

function answer(message, acts) {
  const text = h("div", { class: "text", dir: "auto" });
  showText(text, message.html, message.citations ?? []);
  const item = frame(message, { class: "message bot", data: { status: message.status } }, botHead(message), text);
  if (message.citations?.length) item.append(sourceList(message.citations));
  if (message.form) item.append(formOf(message, acts.submit));
  if (message.buttons?.length) item.append(buttonRow(message, acts.press));
  const files = fileList(message.files);
  if (files) item.append(files);
  item.append(h("div", { class: "after" }, copyButton("Copy answer", () => message.text), h("span", { class: "state" }, message.edited ? "edited" : "")));
  return item;
}

function botHead(message) {
  return h("div", { class: "head" }, h("b", {}, "Quarterdeck"), message ? when(message) : null);
}

function when(message) {
  const at = new Date(message.at);
  return h("time", { datetime: message.at, title: at.toLocaleString() }, CLOCK.format(at));
}

/** Return the element of an answer that is being written; `place` takes its text. */
export function liveAnswer() {
  const dots = h("div", { class: "thinking", role: "img", "aria-label": "Working on the answer" }, h("i"), h("i"), h("i"));
  const place = h("div", { class: "text", dir: "auto", "aria-busy": "true" });
  const element = h("li", { class: "message bot is-live" }, botHead(null), place, dots);
  return { element, place, dots };
}

/** Return the element of a message that is not confirmed yet. */
export function unsentMessage(item, acts) {
  const text = h("div", { class: "text is-plain", dir: "auto" }, item.shown);
  const bubble = h("div", { class: "bubble" }, h("span", { class: "unseen" }, "You: "), text);
  const element = h("li", { class: `message mine is-${item.state}`, data: { key: item.key } }, bubble, fileList(item.files, true));
  if (item.state === "sending" || item.state === "sent") return element;
  const isMild = item.state === "waiting";
  const trouble = h(
    "div",
    { class: isMild ? "trouble is-mild" : "trouble", role: isMild ? null : "alert" },
    h("span", {}, isMild ? "Not sent yet. It goes out by itself when the bot answers again." : `Not sent. ${item.problem}`),
    h("button", { type: "button", class: "link retry", on: { click: () => acts.retry(item) } }, isMild ? "Try now" : "Try again"),
    item.body.text === undefined ? null : h("button", { type: "button", class: "link", on: { click: () => acts.rewrite(item) } }, "Edit"),
    h("button", { type: "button", class: "link", on: { click: () => acts.discard(item) } }, "Discard"),
  );
  element.append(trouble);
  return element;
}

function fileList(files, isUnsent = false) {
  if (!files?.length) return null;
  return h("div", { class: "files" }, ...files.map((file) => (isUnsent ? chip(file) : fileOf(file))));
}

const chip = (file) => h("span", { class: "file" }, icon("file"), h("span", {}, file.name), h("small", {}, size(file.size_bytes)));

function fileOf(file) {
  const address = `/api/v1/files/${encodeURIComponent(file.id)}`;
  if (!SHOWN.test(file.media_type)) {
    return h("a", { class: "file", href: address, download: file.name }, icon("file"), h("span", {}, file.name), h("small", {}, size(file.size_bytes)));
  }
  const picture = h("img", { src: `${address}?inline=1`, alt: file.name, loading: "lazy", decoding: "async" });
  return h("a", { class: "picture", href: `${address}?inline=1`, target: "_blank", rel: "noopener" }, picture);
}

/** Show the day above the first message of a day. */
export function markDay(item, before) {
  const isFirst = before?.dataset.day !== item.dataset.day;
  const shown = item.querySelector(":scope > .day");
  if (!isFirst) shown?.remove();
  else if (!shown) item.prepend(h("div", { class: "day" }, item.dataset.day));
}
