/* Search everything that was said, and go there. */
import { get } from "../lib/api.js";
import { byId, h, later } from "../lib/dom.js";
import { addressOf } from "./address.js";

const MOST = 50;
const WHEN = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

export class Search {
  /** `acts`: clicked(event, conversation, seq), began(isOn). */
  constructor(acts) {
    Object.assign(this, { acts, input: byId("search"), found: byId("found") });
    const start = later(180, () => this.look(this.input.value.trim()));
    this.input.addEventListener("input", start);
    this.input.addEventListener("keydown", (event) => this.pressed(event, -1));
    this.found.addEventListener("keydown", (event) => this.pressed(event, this.hits.indexOf(event.target)));
  }

  get hits() {
    return [...this.found.querySelectorAll(".hit")];
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  /** Walk through what was found: down and up, Enter in the line opens the best, Escape ends it. */
  pressed(event, at) {
    if (event.key === "Escape") {
      this.input.value = "";
      this.look("");
      this.input.focus();
    } else if (event.key === "ArrowDown") (this.hits[at + 1] ?? this.hits[at])?.focus();
    else if (event.key === "ArrowUp" && at >= 0) (this.hits[at - 1] ?? this.input).focus();
    else if (event.key === "Enter" && at < 0 && !event.isComposing) this.hits[0]?.click();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  async look(words) {
    this.abort?.abort();
    this.acts.began(Boolean(words));
    this.found.hidden = !words;
    if (!words) return this.found.replaceChildren();
    this.abort = new AbortController();
    try {
      const { results } = await get(`/search?q=${encodeURIComponent(words)}&limit=${MOST}`, { signal: this.abort.signal });
      this.found.replaceChildren(h("p", { class: "empty", role: "status" }, counted(results.length)), ...results.map((one) => this.hit(one)));
    } catch (error) {
      if (error.name !== "AbortError") this.found.replaceChildren(h("p", { class: "empty", role: "status" }, `${error.message} ${error.hint ?? ""}`));
    }
  }

  hit({ conversation, title, seq, at, role, parts }) {
    const who = `${role === "you" ? "You" : "Quarterdeck"} · ${WHEN.format(new Date(at))}`;
    return h("a", { class: "hit", href: addressOf(conversation), on: { click: (event) => this.acts.clicked(event, conversation, seq) } },
      h("b", { dir: "auto" }, title || "New conversation"), h("small", {}, who),
      h("span", { dir: "auto" }, ...parts.map(({ text, fits }) => (fits ? h("mark", {}, text) : text))));
  }
}

function counted(count) {
  if (!count) return "Nothing found. All words must stand in one message.";
  return count === 1 ? "1 message found" : `${count === MOST ? `The best ${MOST}` : count} messages found`;
}
