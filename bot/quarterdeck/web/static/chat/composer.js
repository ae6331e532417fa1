/* Write, edit, send, stop. */
import { byId, h } from "../lib/dom.js";
import { keep, recall } from "../lib/memory.js";
import { Attachments } from "./attachments.js";
import { Suggest } from "./suggest.js";

export class Composer {
  /** `acts`: send(text, files, editing), stop(), lastMine(), dim(seq), catalogue, complete, openForm. */
  constructor(acts) {
    Object.assign(this, { acts, editing: null, isWorking: false, room: "", isDue: false });
    this.input = byId("writing");
    this.attachments = new Attachments(() => this.refresh());
    this.suggest = new Suggest(this.input, acts);
    this.isTouch = window.matchMedia("(pointer: coarse)").matches;
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    byId("stop").addEventListener("click", () => this.acts.stop());
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("keydown", (event) => this.pressed(event));
    this.refresh();
  }

  /** Tell whether somebody is here and writes nothing. */
  get isAtRest() {
    return document.activeElement === this.input && this.input.value === "";
  }

  /** Show the draft of another conversation. */
  enter(room) {
    const isFirst = !this.room;
    this.room = room;
    this.endEditing();
    this.set((isFirst && this.input.value) || recall(`draft.${room}`, "")); // some type faster than pages load
    this.attachments.clear();
  }

  /** Send what was meant to be sent while the page was still loading. */
  catchUp() {
    if (this.isDue) this.send();
  }

  set(text) {
    this.input.value = text;
    this.typed();
  }

  focus() {
    if (!this.isTouch) this.input.focus();
  }

  typed() {
    if (!this.editing && this.room) keep(`draft.${this.room}`, this.input.value);
    this.input.style.height = "auto";
    this.input.style.height = `${this.input.scrollHeight}px`;
    this.suggest.update();
    this.refresh();
  }

  refresh() {
    const attachments = this.attachments;
    const hasText = this.input.value.trim() !== "";
    const isEmpty = !hasText && !attachments?.items.length;
    byId("send").disabled = isEmpty || !attachments?.isReady;
    byId("stop").hidden = !this.isWorking;
  }

  setWorking(isWorking) {
    this.isWorking = isWorking;
    this.refresh();
  }

  pressed(event) {
    if (event.isComposing || this.suggest.pressed(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey && (!this.isTouch || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.send();
    } else if (event.key === "ArrowUp" && this.input.value === "" && !this.attachments.items.length) {
      const last = this.acts.lastMine();
      if (last) {
        event.preventDefault();
        this.edit(last);
      }
    } else if (event.key === "Escape" && this.editing) {
      event.preventDefault();
      event.stopPropagation();
      this.endEditing();
      this.set(recall(`draft.${this.room}`, ""));
    }
  }

  send() {
    this.isDue = !this.room;
    if (byId("send").disabled || this.isDue) return;
    const text = this.input.value.trim();
    const editing = this.editing;
    const files = this.attachments.stored;
    this.endEditing();
    this.attachments.clear();
    this.set("");
    this.acts.send(text, files, editing);
    this.input.focus();
  }

  /** Change a message that stands: what follows it is taken back when the new text is sent. */
  edit(message) {
    this.editing = message;
    const cancel = () => {
      this.endEditing();
      this.set(recall(`draft.${this.room}`, ""));
      this.input.focus();
    };
    byId("editing").replaceChildren(
      h("span", {}, "Editing: the new text takes the place of the old one and of what follows it."),
      h("button", { type: "button", class: "quiet", on: { click: cancel } }, "Cancel"),
    );
    byId("editing").hidden = false;
    this.set(message.text);
    this.input.focus();
    this.input.setSelectionRange(this.input.value.length, this.input.value.length);
    this.acts.dim(message.seq);
  }

  endEditing() {
    if (!this.editing) return;
    this.editing = null;
    byId("editing").hidden = true;
    this.acts.dim(null);
  }
}
