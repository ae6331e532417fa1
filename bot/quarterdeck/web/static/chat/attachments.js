/* Take files by picker, drag and paste, and upload them while the message is still being written. */
import { upload } from "../lib/api.js";
import { byId, h, iconButton, size } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { announce } from "./announce.js";

export class Attachments {
  constructor(changed) {
    Object.assign(this, { changed, items: [], limits: { file_bytes: 20 * 1024 * 1024, files: 10 } });
    this.list = byId("attached");
    const picker = byId("picker");
    byId("attach").addEventListener("click", () => picker.click());
    picker.addEventListener("change", () => {
      this.add(picker.files);
      picker.value = "";
    });
    byId("writing").addEventListener("paste", (event) => {
      if (!event.clipboardData?.files.length) return;
      event.preventDefault();
      this.add(event.clipboardData.files);
    });
    this.acceptDrops();
  }

  acceptDrops() {
    const zone = byId("drop");
    let depth = 0;
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    const show = (change) => {
      depth = Math.max(0, depth + change);
      zone.hidden = depth === 0;
    };
    window.addEventListener("dragenter", (event) => hasFiles(event) && show(1));
    window.addEventListener("dragleave", (event) => hasFiles(event) && show(-1));
    window.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
    window.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      show(-depth);
      this.add(event.dataTransfer.files);
      byId("writing").focus();
    });
  }

  get isReady() {
    return this.items.every((item) => item.stored);
  }

  get stored() {
    return this.items.map((item) => item.stored);
  }

  add(files) {
    for (const file of files) {
      const item = { file, part: 0, abort: new AbortController() };
      this.items.push(item);
      if (this.items.length > this.limits.files) item.problem = `At most ${this.limits.files} files go with one message.`;
      else if (file.size > this.limits.file_bytes) item.problem = `Larger than ${size(this.limits.file_bytes)}.`;
      else this.load(item);
    }
    this.draw();
  }

  async load(item) {
    item.problem = "";
    try {
      item.stored = await upload(item.file, (part) => this.moved(item, part), item.abort.signal);
      announce(`${item.file.name} is attached`);
    } catch (error) {
      if (error.name === "AbortError") return;
      item.problem = `${error.message} ${error.hint ?? ""}`.trim();
      item.canRetry = error.isPassing;
    }
    this.draw();
  }

  moved(item, part) {
    item.part = part;
    if (item.meter) item.meter.value = part;
  }

  remove(item) {
    item.abort.abort();
    this.items = this.items.filter((one) => one !== item);
    this.draw();
    byId("writing").focus();
  }

  clear() {
    this.items = [];
    this.draw();
  }

  draw() {
    this.list.hidden = !this.items.length;
    this.list.replaceChildren(...this.items.map((item) => this.chip(item)));
    this.changed();
  }

  chip(item) {
    const parts = [icon("file"), h("span", {}, item.file.name)];
    if (item.problem) parts.push(h("small", { role: "alert" }, item.problem));
    else if (item.stored) parts.push(h("small", {}, size(item.file.size)));
    else {
      item.meter = h("progress", { max: "1", value: String(item.part), "aria-label": `Uploading ${item.file.name}` });
      parts.push(item.meter);
    }
    if (item.problem && item.canRetry) parts.push(iconButton("again", `Try ${item.file.name} again`, () => (this.load(item), this.draw())));
    parts.push(iconButton("close", `Remove ${item.file.name}`, () => this.remove(item)));
    return h("li", { class: item.problem ? "file is-bad" : "file" }, ...parts);
  }
}
