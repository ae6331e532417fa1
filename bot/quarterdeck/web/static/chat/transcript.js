/* Hold what stands on the page: confirmed messages in order, answers being written, messages on their way. */
import { byId, h } from "../lib/dom.js";
import { rest, settle } from "./card.js";
import { liveAnswer, markDay, messageOf, unsentMessage } from "./message.js";
import { GrowingText } from "./text.js";

const CHUNK = 40; // what is out of sight is skipped chunk by chunk; to ask each message would cost more than it saves

export class Transcript {
  constructor(acts) {
    this.acts = acts;
    this.list = byId("messages");
    this.liveList = byId("live");
    this.pendingList = byId("pending");
    this.clear();
  }

  clear() {
    this.known = new Map(); // seq: {message, element}
    this.order = []; // seqs, rising
    this.live = new Map(); // cause: {element, text, …}
    this.unsent = new Map(); // key: {item, element}
    this.answers = new Map(); // seq of a card: what was pressed or filled in there last
    this.finished = new Set(); // causes whose answer is whole
    for (const list of [this.list, this.liveList, this.pendingList]) list.replaceChildren();
  }

  get isEmpty() {
    return !this.order.length && !this.live.size && !this.unsent.size;
  }

  get first() {
    return this.order[0];
  }

  /** Return my last confirmed text message. */
  get lastMine() {
    for (let at = this.order.length - 1; at >= 0; at -= 1) {
      const { message } = this.known.get(this.order[at]);
      if (message.role === "you" && message.kind === "text") return message;
    }
    return null;
  }

  /** Put earlier messages, oldest first, above all that is here. */
  prepend(messages) {
    const fresh = messages.filter((message) => !this.known.has(message.seq));
    const elements = fresh.map((message) => this.make(message));
    for (const message of fresh) if (message.role === "you") this.acts.confirmed(message);
    this.order.unshift(...fresh.map((message) => message.seq));
    const next = this.elementAt(fresh.length);
    const chunks = [];
    for (let at = 0; at < elements.length; at += CHUNK) chunks.push(chunkOf(elements.slice(at, at + CHUNK)));
    this.list.prepend(...chunks);
    elements.forEach((element, index) => markDay(element, elements[index - 1]));
    if (next) markDay(next, elements.at(-1));
  }

  elementAt(index) {
    return this.known.get(this.order[index])?.element;
  }

  make(message) {
    const element = messageOf(message, this.acts);
    this.known.set(message.seq, { message, element });
    if (message.of) this.answered(message);
    if (this.answers.has(message.seq)) settle(element, this.answers.get(message.seq));
    return element;
  }

  /** Show on a card what was done there last. */
  answered(message) {
    if ((this.answers.get(message.of)?.seq ?? 0) > message.seq) return;
    this.answers.set(message.of, message);
    const card = this.known.get(message.of);
    if (card) settle(card.element, message);
  }

  /** Let a card take answers again: what was done there is taken back. */
  reopen(seq) {
    this.answers.delete(seq);
    const card = this.known.get(seq);
    if (card) card.element.replaceWith(this.make(card.message));
  }

  /** Put a message at its place, once; one that is there already is replaced. */
  put(message) {
    const old = this.known.get(message.seq);
    const element = this.make(message);
    if (old) old.element.replaceWith(element);
    else this.insert(message.seq, element);
    if (message.role === "you") this.acts.confirmed(message);
    else this.finish(message.cause);
    markDay(element, this.elementAt(this.order.indexOf(message.seq) - 1));
    if (!old) this.markLast();
    return !old;
  }

  insert(seq, element) {
    let at = this.order.length;
    while (at > 0 && this.order[at - 1] > seq) at -= 1;
    const next = this.elementAt(at);
    const before = this.elementAt(at - 1);
    this.order.splice(at, 0, seq);
    const chunk = (before ?? next)?.parentElement;
    if (next) next.parentElement === chunk ? next.before(element) : chunk.append(element);
    else if (chunk && chunk.children.length < CHUNK) chunk.append(element);
    else this.list.append(chunkOf([element]));
    if (next) markDay(next, element);
  }

  /** Go to the form that answers what I said last. */
  focusForm(message) {
    const mine = this.order.map((seq) => this.known.get(seq).message).findLast(({ role }) => role === "you");
    if (!message.form || mine?.cause !== message.cause) return;
    const { element } = this.known.get(message.seq);
    (element.querySelector("[aria-invalid=true]") ?? element.querySelector("form :is(input, textarea, select)"))?.focus();
  }

  markLast() {
    this.list.querySelector(".is-last")?.classList.remove("is-last");
    const answers = this.elementAt(this.order.length - 1);
    if (answers?.classList.contains("bot")) answers.classList.add("is-last");
  }

  /** Take back everything from `to` on that stood before the event `before`. */
  rewind(to, before) {
    const gone = this.order.filter((seq) => seq >= to && seq < before);
    const cards = gone.map((seq) => this.known.get(seq).message.of).filter((of) => of && of < to);
    for (const seq of gone) {
      this.finish(this.known.get(seq).message.cause);
      this.known.get(seq).element.remove();
      this.known.delete(seq);
    }
    cards.forEach((seq) => this.reopen(seq));
    this.order = this.order.filter((seq) => this.known.has(seq));
    for (const chunk of this.list.querySelectorAll(":scope > :empty")) chunk.remove();
    this.markLast();
  }

  /** Show the next piece of the answer to `cause`. */
  piece({ cause, from, html }) {
    if (this.finished.has(cause)) return;
    const live = this.working(cause);
    live.dots.hidden = from > 0 || html.length > 0;
    live.text.take(from, html);
  }

  working(cause) {
    if (!this.live.has(cause)) {
      const shown = liveAnswer();
      this.live.set(cause, { ...shown, text: new GrowingText(shown.place) });
      this.liveList.append(shown.element);
    }
    return this.live.get(cause);
  }

  /** Show that exactly these are being answered. */
  setWorking(causes) {
    for (const cause of [...this.live.keys()]) if (!causes.includes(cause)) this.endLive(cause);
    for (const cause of causes) if (!this.finished.has(cause)) this.working(cause);
  }

  finish(cause) {
    this.finished.add(cause);
    this.endLive(cause);
  }

  endLive(cause) {
    this.live.get(cause)?.element.remove();
    this.live.delete(cause);
  }

  /** Show a message that is on its way, or failed; `sent` ones stay until the stream brings them. */
  showUnsent(item) {
    const element = unsentMessage(item, this.acts);
    const old = this.unsent.get(item.key);
    if (old) old.element.replaceWith(element);
    else this.pendingList.append(element);
    this.unsent.set(item.key, { item, element });
    this.restCard(item, item.state !== "failed");
  }

  restCard({ body }, isBusy) {
    const card = this.known.get((body.press ?? body.form)?.seq);
    if (card) rest(card.element, isBusy);
  }

  dropUnsent(key) {
    const unsent = this.unsent.get(key);
    if (!unsent) return;
    unsent.element.remove();
    this.unsent.delete(key);
    this.restCard(unsent.item, false);
  }

  /** Dim what an edit of message `seq` takes back. */
  dimFrom(seq) {
    for (const [one, { element }] of this.known) element.classList.toggle("is-old", seq !== null && one >= seq);
  }
}

const chunkOf = (elements) => h("ol", { class: "chunk" }, ...elements);
