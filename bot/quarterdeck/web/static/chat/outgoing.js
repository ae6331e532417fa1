/* Send what people wrote, in order, once; keep it in this browser until the server has it.

Each message has an idempotency key, so sending it again after a lost answer, or from a reloaded page, cannot double it. */
import { post } from "../lib/api.js";
import { keep, recall } from "../lib/memory.js";

const WAIT_MS = 4_000;

export class Outgoing {
  /** `changed(item)` is told of every new state; `accepted(item)` once the server has it; `gone(item)` once it is moot. */
  constructor({ changed, accepted, gone }) {
    Object.assign(this, { changed, accepted, gone, items: recall("unsent", []), isSending: new Set() });
    for (const item of this.items) if (item.state === "sending") item.state = "waiting";
  }

  /** Return what is not confirmed in a conversation, oldest first. */
  of(conversation) {
    return this.items.filter((item) => item.conversation === conversation);
  }

  /** Send `body`; `shown` is what stands on the page meanwhile. */
  add(conversation, body, shown, files = []) {
    const key = crypto.randomUUID ? crypto.randomUUID() : fallbackKey();
    const item = { key, conversation, body, shown, files, state: "sending", problem: "" };
    this.items.push(item);
    this.save();
    this.changed(item);
    this.drain(conversation);
    return item;
  }

  retry(item) {
    this.set(item, "sending");
    this.drain(item.conversation);
  }

  /** Try everything again that waits for the line. */
  retryWaiting() {
    const waiting = this.items.filter((item) => item.state === "waiting");
    for (const item of waiting) this.set(item, "sending");
    for (const conversation of new Set(waiting.map((item) => item.conversation))) this.drain(conversation);
  }

  /** Return what was taken and is past by now: it stands in the conversation, or was deleted at once. */
  past(conversation, seq) {
    return this.of(conversation).filter((item) => item.state === "sent" && item.seq <= seq);
  }

  /** Return the item that became this message of the conversation, if it is still held. */
  behind(message) {
    return this.items.find((item) => item.key === message.key || (item.cause && item.cause === message.cause));
  }

  /** Forget an item: it stands in the conversation now, or nobody wants it. */
  drop(key) {
    this.items = this.items.filter((item) => item.key !== key);
    this.save();
  }

  set(item, state, problem = "") {
    if (!this.items.includes(item)) return; // the stream was faster, or somebody discarded it
    Object.assign(item, { state, problem });
    this.save();
    this.changed(item);
  }

  save() {
    keep("unsent", this.items.length ? this.items : null);
  }

  /** One at a time in each conversation, so that the order stays. */
  async drain(conversation) {
    if (this.isSending.has(conversation)) return;
    this.isSending.add(conversation);
    try {
      for (;;) {
        const item = this.of(conversation).find((one) => one.state === "sending" || one.state === "waiting");
        if (item?.state !== "sending" || !(await this.send(item))) return;
      }
    } finally {
      this.isSending.delete(conversation);
    }
  }

  /** Tell whether the next one may go out. */
  async send(item) {
    try {
      const path = `/conversations/${encodeURIComponent(item.conversation)}/messages`;
      const { id, seq } = await post(path, item.body, { headers: { "Idempotency-Key": item.key } });
      Object.assign(item, { cause: id, seq });
      this.set(item, "sent");
      this.accepted(item);
      return true;
    } catch (error) {
      if (!this.items.includes(item)) return true;
      if (error.status === 404 && item.isUnsure && item.body.text === undefined) {
        this.gone(item); // it was taken, its answer lost, and what it was about is deleted: by itself, as like as not
        return true;
      }
      item.isUnsure ||= error.status === 0;
      if (error.isPassing) {
        this.set(item, "waiting");
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.retryWaiting(), Math.max(WAIT_MS, error.retry_after_s * 1000));
        return false;
      }
      if (error.status === 401) this.set(item, "waiting");
      else this.set(item, "failed", [error.message, error.hint].filter(Boolean).join(" "));
      return error.status !== 401;
    }
  }
}

function fallbackKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
