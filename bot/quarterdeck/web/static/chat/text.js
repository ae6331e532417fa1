/* Show the server's HTML of an answer: code with a copy button, tables that scroll, citations that open their passage. */
import { h } from "../lib/dom.js";
import { fragment } from "../lib/html.js";
import { icon } from "../lib/icons.js";
import { copyButton } from "./copy.js";
import { highlight } from "./highlight.js";

const LANGUAGE = /(?:^|\s)language-([\w+#.-]+)/;

/** Fill `place` with a whole, final text. */
export function showText(place, html, citations) {
  const content = fragment(html);
  decorate(content, citations, true);
  place.replaceChildren(content);
}

/** Show a text that still grows, block by block; what did not change is not touched. */
export class GrowingText {
  constructor(place) {
    Object.assign(this, { place, blocks: [], shown: [], isDue: false });
  }

  /** Take blocks from index `from` on. */
  take(from, html) {
    this.blocks.length = Math.min(this.blocks.length, from);
    while (this.blocks.length < from) this.blocks.push("");
    this.blocks.push(...html);
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.isDue = false;
    while (this.shown.length > this.blocks.length) {
      this.place.lastChild.remove();
      this.shown.pop();
    }
    this.blocks.forEach((html, index) => {
      if (this.shown[index] === html) return;
      const isLast = index === this.blocks.length - 1;
      const block = blockOf(html, !isLast);
      const old = this.place.childNodes[index];
      if (old) old.replaceWith(block);
      else this.place.append(block);
      this.shown[index] = html;
    });
  }
}

function blockOf(html, isWhole) {
  const content = fragment(html);
  decorate(content, [], isWhole);
  const elements = [...content.children];
  return elements.length === 1 ? elements[0] : h("div", {}, ...content.childNodes);
}

function decorate(content, citations, isWhole) {
  for (const pre of content.querySelectorAll("pre")) {
    if (pre.querySelector("code")) boxCode(pre, isWhole);
    else pre.className = "literal"; // text shown sign by sign, not code
  }
  for (const table of content.querySelectorAll("table")) {
    const box = h("div", { class: "tablebox", tabindex: "0", role: "region", "aria-label": "Table" });
    table.replaceWith(box);
    box.append(table);
  }
  for (const block of content.querySelectorAll("p, li, pre.literal, h1, h2, h3, h4, h5, h6, blockquote, td, th")) block.dir = "auto";
  for (const mark of content.querySelectorAll("a.citation")) {
    const n = Number(mark.dataset.n);
    mark.replaceWith(citeButton(n, citations.find((one) => one.n === n)));
  }
}

function boxCode(pre, isWhole) {
  const code = pre.querySelector("code");
  const language = (LANGUAGE.exec(code.className)?.[1] ?? "").toLowerCase();
  if (isWhole) highlight(code, language);
  pre.tabIndex = 0;
  const head = h("header", {}, h("span", {}, language || "code"), copyButton("Copy code", () => code.textContent, true));
  const box = h("div", { class: "codebox" }, head);
  pre.replaceWith(box); // keeps its place in the fragment until the box has it
  box.append(pre);
}

function citeButton(n, citation) {
  const label = citation ? `Source ${n}: ${citation.document}` : `Source ${n}`;
  return h("button", { type: "button", class: "cite", data: { n }, "aria-label": label, "aria-expanded": "false" }, String(n));
}

/** List the sources under an answer. */
export function sourceList(citations) {
  const items = citations.map((one) =>
    h(
      "button",
      { type: "button", class: "source", data: { n: one.n }, "aria-expanded": "false" },
      icon("book"),
      h("span", {}, `${one.n} · ${one.document}${one.heading ? ` › ${one.heading}` : ""}${one.note ? ` (${one.note})` : ""}`),
    ),
  );
  return h("div", { class: "sources", role: "group", "aria-label": "Sources" }, ...items);
}
