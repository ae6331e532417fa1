/* List conversations; rename and delete them. */
import { ask, get } from "../lib/api.js";
import { byId, h, iconButton } from "../lib/dom.js";
import { keep, recall } from "../lib/memory.js";
import { addressOf } from "./address.js";
import { confirm } from "./dialog.js";
import { Search } from "./search.js";

const FRESH_MS = 60_000;

export class Sidebar {
  /** `acts`: open(id, seq), problem(error), removed(id). */
  constructor(acts) {
    Object.assign(this, { acts, items: [], current: "", seen: recall("seen", {}) });
    this.list = byId("conversations");
    this.element = byId("sidebar");
    this.search = new Search({ clicked: (...given) => this.clicked(...given), began: (isOn) => (this.list.hidden = isOn) });
    byId("open-sidebar").addEventListener("click", () => this.show(true));
    byId("close-sidebar").addEventListener("click", () => this.show(false));
    byId("veil").addEventListener("click", () => this.show(false));
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
    setInterval(() => document.hidden || this.refresh(), FRESH_MS);
  }

  show(isOpen) {
    this.element.classList.toggle("is-open", isOpen);
    byId("veil").hidden = !isOpen;
    byId("open-sidebar").setAttribute("aria-expanded", String(isOpen));
    if (isOpen) byId("close-sidebar").focus();
  }

  async refresh() {
    try {
      this.items = (await get("/conversations")).conversations;
      this.draw();
    } catch {
      // the notice above the conversation says that the line is down
    }
  }

  titleOf(id) {
    return this.items.find((item) => item.id === id)?.title || "New conversation";
  }

  select(id) {
    this.current = id;
    this.draw();
  }

  markSeen(id, seq) {
    this.seen[id] = Math.max(this.seen[id] ?? 0, seq);
    keep("seen", this.seen);
  }

  draw() {
    if (this.list.querySelector("input")) return; // somebody is renaming
    const focused = document.activeElement?.closest?.("#conversations li")?.dataset.id;
    if (!this.items.length) this.list.replaceChildren(h("li", { class: "empty" }, "Nothing here yet. What you write starts a conversation."));
    else this.list.replaceChildren(...this.items.map((item) => this.row(item)));
    if (focused) this.list.querySelector(`[data-id="${CSS.escape(focused)}"] a`)?.focus();
  }

  row(item) {
    const isNew = item.id !== this.current && item.last_seq > (this.seen[item.id] ?? 0) && item.id in this.seen;
    const title = item.title || "New conversation";
    const link = h("a", {
      href: addressOf(item.id), title, dir: "auto", "aria-current": item.id === this.current ? "page" : null,
      on: { click: (event) => this.clicked(event, item.id) },
    }, title, isNew ? h("span", { class: "unseen" }, ", new messages") : null);
    const actions = h("span", { class: "actions" },
      iconButton("pen", `Rename ${title}`, () => this.rename(item)), iconButton("bin", `Delete ${title}`, () => this.remove(item)));
    return h("li", { class: isNew ? "place is-new" : "place", data: { id: item.id } }, link, actions);
  }

  clicked(event, id, seq = null) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    this.show(false);
    this.acts.open(id, seq);
  }

  rename(item) {
    const row = this.list.querySelector(`[data-id="${CSS.escape(item.id)}"]`);
    const input = h("input", { type: "text", "aria-label": "New name", maxlength: "200", dir: "auto" });
    input.value = item.title;
    let isOver = false;
    const end = async (isKept) => {
      if (isOver) return;
      isOver = true;
      const title = input.value.trim();
      input.remove();
      if (isKept && title && title !== item.title) {
        try {
          Object.assign(item, await ask("PATCH", `/conversations/${encodeURIComponent(item.id)}`, { body: { title } }));
          this.acts.renamed(item.id);
        } catch (error) {
          this.acts.problem(error);
        }
      }
      this.draw();
      this.list.querySelector(`[data-id="${CSS.escape(item.id)}"] a`)?.focus();
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") end(true);
      if (event.key === "Escape") end(false);
      if (["Enter", "Escape"].includes(event.key)) event.stopPropagation();
    });
    input.addEventListener("blur", () => end(true));
    row.replaceChildren(input);
    input.select();
  }

  async remove(item) {
    const title = item.title || "this conversation";
    if (!(await confirm("Delete the conversation?", `“${title}” and all that was said in it is gone for good.`, "Delete"))) return;
    try {
      await ask("DELETE", `/conversations/${encodeURIComponent(item.id)}`);
      this.items = this.items.filter((one) => one.id !== item.id);
      this.draw();
      this.acts.removed(item.id);
    } catch (error) {
      this.acts.problem(error);
    }
  }

  startSearch() {
    this.show(true);
    this.search.focus();
  }
}
