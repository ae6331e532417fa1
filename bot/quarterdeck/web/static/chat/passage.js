/* Open the passage that a citation comes from, beside the answer. */
import { get } from "../lib/api.js";
import { byId, h, iconButton } from "../lib/dom.js";
import { fragment } from "../lib/html.js";

export class PassagePane {
  constructor(messageAt) {
    Object.assign(this, { messageAt, opener: null });
    this.pane = byId("passage");
    byId("scroll").addEventListener("click", (event) => {
      const button = event.target.closest(".cite, .source");
      if (button) this.clicked(button);
    });
    this.pane.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.close();
    });
  }

  clicked(button) {
    if (button === this.opener) return this.close();
    const message = this.messageAt(Number(button.closest(".message")?.dataset.seq));
    const citation = message?.citations?.find((one) => one.n === Number(button.dataset.n));
    if (citation) this.open(citation, button);
  }

  async open(citation, button) {
    this.opener?.setAttribute("aria-expanded", "false");
    this.opener = button;
    button.setAttribute("aria-expanded", "true");
    this.draw(citation, [h("p", { class: "hint" }, "Looking it up …")]);
    this.pane.hidden = false;
    this.pane.focus();
    const content = await this.contentOf(citation);
    if (this.opener === button) this.draw(citation, content);
  }

  async contentOf(citation) {
    if (!citation.chunk) return [h("p", {}, "This answer does not name the passage, only the document."), originalOf(citation)];
    try {
      const passage = await get(`/passages/${encodeURIComponent(citation.chunk)}`);
      const part = (html) => (html ? h("div", { class: "text around" }, fragment(html)) : null);
      const text = passage.html ? fragment(passage.html) : passage.text;
      return [part(passage.before), h("blockquote", { class: "text" }, text), part(passage.after), originalOf(citation)];
    } catch (error) {
      return [h("p", { class: "problem" }, `${error.message} ${error.hint ?? ""}`), originalOf(citation)];
    }
  }

  draw(citation, content) {
    this.pane.replaceChildren(
      h("header", {}, h("h2", {}, `${citation.n} · ${citation.document}`), iconButton("close", "Close the source", () => this.close())),
      citation.heading ? h("h3", {}, citation.heading, citation.note ? ` (${citation.note})` : "") : "",
      ...content.filter(Boolean),
    );
  }

  close() {
    if (this.pane.hidden) return;
    this.pane.hidden = true;
    this.opener?.setAttribute("aria-expanded", "false");
    this.opener?.focus();
    this.opener = null;
  }
}

function originalOf(citation) {
  if (!/^https?:\/\//i.test(citation.url ?? "")) return null; // a path on the bot's own disk says nothing here
  return h("p", {}, h("a", { href: citation.url, target: "_blank", rel: "noreferrer noopener" }, "Open the document"));
}
