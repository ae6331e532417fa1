/* Stay at the end while it grows, stay put while somebody reads above, and say that there is more below. */
import { byId } from "../lib/dom.js";

const NEAR_END_PX = 60;
const NEAR_START_PX = 1_200;

export class Scroll {
  /** `wantsOlder` is called when the reader nears the start. */
  constructor(wantsOlder) {
    this.place = byId("scroll");
    this.pill = byId("latest");
    Object.assign(this, { isPinned: true, wantsOlder, top: 0 });
    this.place.addEventListener("scroll", () => this.moved(), { passive: true });
    const sizes = new ResizeObserver(() => this.isPinned && this.toEnd());
    sizes.observe(this.place.firstElementChild);
    sizes.observe(this.place);
    this.pill.addEventListener("click", () => this.toEnd());
  }

  get distance() {
    return this.place.scrollHeight - this.place.scrollTop - this.place.clientHeight;
  }

  moved() {
    const isUp = this.place.scrollTop < this.top - 1;
    this.top = this.place.scrollTop;
    if (this.distance <= NEAR_END_PX) this.pin();
    else if (isUp) this.isPinned = false; // content that grows is not somebody who scrolls
    if (this.place.scrollTop < NEAR_START_PX && !this.isPinned) this.wantsOlder();
  }

  pin() {
    this.isPinned = true;
    this.pill.hidden = true;
  }

  toEnd() {
    this.pin();
    this.place.scrollTop = this.place.scrollHeight;
    this.top = this.place.scrollTop;
  }

  /** Something new stands at the end. */
  grown() {
    if (!this.isPinned) this.pill.hidden = false;
  }

  /** Put content above without moving what is read. */
  keeping(change) {
    const edge = this.place.getBoundingClientRect().top;
    const anchor = [...this.place.querySelectorAll(".message")].find((one) => one.getBoundingClientRect().bottom > edge);
    const before = anchor?.getBoundingClientRect().top;
    this.place.style.overflowAnchor = "none";
    change();
    if (anchor && !this.isPinned) this.place.scrollTop += anchor.getBoundingClientRect().top - before;
    this.top = this.place.scrollTop;
    requestAnimationFrame(() => (this.place.style.overflowAnchor = ""));
  }

  /** Bring a message into sight and point it out. */
  show(element) {
    if (!element) return;
    this.isPinned = false;
    element.scrollIntoView({ block: "center" });
    element.classList.add("is-found");
    element.addEventListener("animationend", () => element.classList.remove("is-found"), { once: true });
  }
}
