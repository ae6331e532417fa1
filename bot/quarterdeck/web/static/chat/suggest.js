/* Offer commands and values above the composer while a line that begins with `/` is typed. */
import { byId, h, later } from "../lib/dom.js";
import { fitting, nextOption, usage } from "./commandline.js";

export class Suggest {
  constructor(input, acts) {
    Object.assign(this, { input, acts, offers: [], at: -1, asked: 0 });
    this.list = byId("suggest");
    this.signature = byId("signature");
    this.complete = later(120, (...given) => this.askValues(...given));
    input.addEventListener("blur", () => this.close());
    this.list.addEventListener("mousedown", (event) => event.preventDefault()); // whoever scrolls it goes on writing
    input.addEventListener("focus", () => this.update());
  }

  get isOpen() {
    return !this.list.hidden;
  }

  close() {
    this.asked += 1;
    this.list.hidden = true;
    this.input.removeAttribute("aria-activedescendant");
  }

  update() {
    const line = this.input.value;
    const name = /^\/([\w-]*)(\s?)/.exec(line);
    this.signature.hidden = true;
    if (!name || line.includes("\n")) return this.close();
    const command = this.acts.catalogue().find((one) => one.name === name[1].toLowerCase());
    if (!name[2]) return this.show(fitting(this.acts.catalogue(), name[1]).map((one) => commandOffer(one)));
    this.close();
    if (command) this.showSignature(command, line.slice(name[0].length));
  }

  showSignature(command, typed) {
    const wanted = nextOption(command, typed);
    const parts = usage(command).map(({ text, name }) => (name === wanted.option?.name ? h("b", {}, text) : text)).flatMap((part) => [part, " "]);
    const form = h("button", { type: "button", class: "link", on: { pointerdown: (event) => event.preventDefault(), click: () => this.acts.openForm(command) } }, "Fill in a form");
    this.signature.replaceChildren(h("code", {}, `/${command.name} `, ...parts), h("span", {}, wanted.option?.summary ?? command.summary), command.options.length ? form : "");
    this.signature.hidden = false;
    const option = wanted.option;
    if (option && (option.completes || option.choices?.length || option.kind === "datetime" || option.kind === "duration")) {
      this.complete(command, option, wanted, this.asked);
    }
  }

  async askValues(command, option, wanted, asked) {
    const values = await this.acts.complete(command.name, option.name, wanted.typed).catch(() => []);
    if (asked !== this.asked || document.activeElement !== this.input) return;
    const fresh = values.filter((value) => value !== wanted.typed);
    if (fresh.length) this.show(fresh.map((value) => ({ title: value, summary: option.summary, value, wanted })), -1);
  }

  show(offers, at = 0) {
    Object.assign(this, { offers, at: Math.min(at, offers.length - 1) });
    this.list.replaceChildren(...offers.map((offer, index) => {
      const take = (event) => {
        event.preventDefault();
        this.take(index);
      };
      return h("div", { class: "choice", role: "option", id: `suggest-${index}`, on: { pointerdown: take } },
        h("b", {}, offer.title), h("span", {}, offer.summary));
    }));
    this.list.hidden = !offers.length;
    this.mark();
  }

  mark() {
    [...this.list.children].forEach((child, index) => child.setAttribute("aria-selected", String(index === this.at)));
    if (this.at < 0) return this.input.removeAttribute("aria-activedescendant");
    this.input.setAttribute("aria-activedescendant", `suggest-${this.at}`);
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
  }

  /** Tell whether the key was meant for the list. */
  pressed(event) {
    if (!this.isOpen || event.shiftKey || event.ctrlKey || event.metaKey) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      const start = this.at < 0 && step < 0 ? 0 : this.at;
      this.at = (start + step + this.offers.length) % this.offers.length;
      this.mark();
    } else if (event.key === "Escape") {
      this.close();
      event.stopPropagation();
    } else if (event.key === "Tab" && this.offers.length) this.take(Math.max(this.at, 0));
    else if (event.key === "Enter" && this.at >= 0 && !this.isWritten()) this.take(this.at);
    else return false;
    event.preventDefault();
    return true;
  }

  /** Tell whether the chosen command is written out; what it lacks is asked for in a form. */
  isWritten() {
    return this.input.value.toLowerCase() === `/${this.offers[this.at].command?.name}`;
  }

  take(index) {
    const { command, value, wanted } = this.offers[index];
    if (command) this.input.value = command.options.length ? `/${command.name} ` : `/${command.name}`;
    else this.input.value = this.input.value.slice(0, this.input.value.length - wanted.length) + quoted(value) + " ";
    this.close();
    this.input.dispatchEvent(new Event("input"));
  }
}

const commandOffer = (command) => ({ title: `/${command.name}`, summary: command.summary, command });
const quoted = (value) => (/[\s"']/.test(value) ? `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"` : value);
