/* Ask for one typed value, with completion where there is some. */
import { upload } from "../lib/api.js";
import { h, later } from "../lib/dom.js";

const HINTS = {
  datetime: "Such as tomorrow 9:00, monday 14:30, in 2h",
  duration: "Such as 15m, 2h, 1d",
  user: "An identity such as slack:T1:U1",
  channel: "A conversation's id",
  role: "A group such as slack:T1:S1",
};
const OFFERED = new Set(["datetime", "duration"]);
let counter = 0;

/** Hold one input; `complete(typed)` returns values, or null where there are none. */
export class Field {
  constructor(option, complete = null) {
    Object.assign(this, { option, name: option.name, complete, files: [] });
    this.id = `field-${(counter += 1)}`;
    this.input = this.make();
    this.input.id = this.id;
    const hint = option.hint || HINTS[option.kind] || "";
    const label = h("label", { for: this.id }, option.summary || option.name, option.required ? "" : h("span", { class: "hint" }, " · optional"));
    this.wrong = h("p", { class: "problem", id: `${this.id}-wrong`, hidden: true });
    this.input.setAttribute("aria-describedby", `${this.id}-hint ${this.id}-wrong`);
    if (option.problem) this.say(option.problem);
    const holder = complete && (option.completes || OFFERED.has(option.kind)) ? this.completing() : this.input;
    const parts = this.isCheck ? [this.input, label] : [label, holder];
    this.element = h("div", { class: this.isCheck ? "input is-check" : "input" }, ...parts,
      h("p", { class: "hint", id: `${this.id}-hint`, hidden: !hint }, hint), this.wrong);
  }

  /** Tell whether it is a box to tick; where yes and no are to be chosen between, it is not. */
  get isCheck() {
    return this.option.kind === "boolean" && !this.option.choices?.length;
  }

  make() {
    const { kind, choices, required, max_length, minimum, maximum } = this.option;
    const start = this.option.value ?? this.option.default ?? "";
    if (choices?.length) {
      const options = choices.map((one) => h("option", { value: one, selected: one === String(start) }, one));
      return h("select", {}, ...(required && start ? [] : [h("option", { value: "" }, required ? "Choose …" : "–")]), ...options);
    }
    if (this.isCheck) return h("input", { type: "checkbox", checked: ["true", "yes", "True"].includes(String(start)) });
    if (kind === "text") return this.filled(h("textarea", { rows: "4", dir: "auto", maxlength: max_length ?? null }), start);
    if (kind === "file") return h("input", { type: "file", on: { change: () => this.load() } });
    const numeric = kind === "integer" || kind === "number";
    const attributes = numeric
      ? { type: "number", step: kind === "integer" ? "1" : "any", min: minimum ?? null, max: maximum ?? null }
      : { type: "text", dir: "auto", maxlength: max_length ?? null, autocomplete: "off" };
    return this.filled(h("input", attributes), start);
  }

  filled(input, value) {
    input.value = value;
    return input;
  }

  /** Wrap the input into a combobox. */
  completing() {
    const list = h("ul", { role: "listbox", id: `${this.id}-list`, "aria-label": "Suggestions", hidden: true });
    Object.entries({ role: "combobox", "aria-expanded": "false", "aria-controls": list.id, "aria-autocomplete": "list" }).forEach(([name, value]) =>
      this.input.setAttribute(name, value));
    const close = () => {
      list.hidden = true;
      this.input.setAttribute("aria-expanded", "false");
      this.input.removeAttribute("aria-activedescendant");
    };
    const choose = (item) => {
      this.input.value = item.textContent;
      close();
    };
    const offer = later(120, async () => {
      const values = await this.complete(this.input.value).catch(() => []);
      if (document.activeElement !== this.input) return;
      list.replaceChildren(...values.map((value, index) =>
        h("li", { role: "option", id: `${list.id}-${index}`, class: "choice is-plain", on: { pointerdown: (event) => (event.preventDefault(), choose(event.currentTarget)) } }, value)));
      list.hidden = !values.length;
      this.input.setAttribute("aria-expanded", String(values.length > 0));
    });
    this.input.addEventListener("input", offer);
    this.input.addEventListener("focus", offer);
    this.input.addEventListener("blur", close);
    this.input.addEventListener("keydown", (event) => {
      const items = [...list.children];
      const at = items.findIndex((item) => item.ariaSelected === "true");
      if (list.hidden || !["ArrowDown", "ArrowUp", "Enter", "Escape"].includes(event.key)) return;
      if (event.key === "Enter" && at < 0) return;
      event.preventDefault();
      event.stopPropagation();
      if (event.key === "Escape") return close();
      if (event.key === "Enter") return choose(items[at]);
      const next = (at + (event.key === "ArrowDown" ? 1 : at < 0 ? 0 : -1) + items.length) % items.length;
      items.forEach((item, index) => (item.ariaSelected = String(index === next)));
      this.input.setAttribute("aria-activedescendant", items[next].id);
      items[next].scrollIntoView({ block: "nearest" });
    });
    return h("div", { class: "completing" }, this.input, list);
  }

  async load() {
    this.files = [];
    const file = this.input.files[0];
    if (!file) return;
    this.loading = upload(file, () => {}).then(
      (stored) => ((this.files = [stored]), this.say("")),
      (error) => this.say(`${error.message} ${error.hint ?? ""}`),
    );
    await this.loading;
  }

  /** Return what stands there, to be put there again; files cannot be. */
  get draft() {
    if (this.option.kind === "file") return "";
    return this.isCheck ? String(this.input.checked) : this.input.value;
  }

  /** Return the value as the API takes it; undefined where nothing was given. */
  get value() {
    const { kind } = this.option;
    if (this.isCheck) return this.input.checked;
    if (kind === "file") return this.files[0]?.name;
    const text = this.input.value;
    if (text.trim() === "") return undefined;
    return kind === "integer" || kind === "number" ? Number(text) : text;
  }

  /** Tell whether the value may be sent; says under the input why not. */
  check() {
    const { required, kind } = this.option;
    let wrong = "";
    if (kind === "file" && this.input.files.length && !this.files.length) wrong = "The file is still on its way, or did not arrive.";
    else if (this.input.validity && !this.input.validity.valid) wrong = this.input.validationMessage;
    else if (required && this.value === undefined) wrong = "This is needed.";
    this.say(wrong);
    return !wrong;
  }

  say(wrong) {
    this.wrong.textContent = wrong;
    this.wrong.hidden = !wrong;
    this.input.setAttribute("aria-invalid", String(Boolean(wrong)));
  }

  focus() {
    this.element.closest("details")?.setAttribute("open", "");
    this.input.focus();
  }
}
