/* Hold one stream of server-sent events up, whatever the line, the laptop lid or the server does.

fetch instead of EventSource: it sees heartbeats, so a line that died in silence is noticed, and the status of a refusal. */
import { ApiError, failure } from "./api.js";

const QUIET_MS = 40_000; // the server sends something every 15 s
const STEADY_MS = 5_000;
const WAITS_MS = [0, 300, 700, 1_500, 3_000, 5_000, 10_000];
const GREETINGS = new Set(["ready", "status", "over"]);
const FINAL = new Set([400, 401, 403, 404]);

/** Cut a byte stream into events; `take` is given {event, id, data}. */
export class Parser {
  constructor(take) {
    this.take = take;
    this.decoder = new TextDecoder();
    this.rest = "";
    this.clear();
  }

  clear() {
    this.fields = { event: "message", id: null, data: [] };
  }

  feed(bytes) {
    this.rest += this.decoder.decode(bytes, { stream: true });
    const isHalved = this.rest.endsWith("\r"); // its \n may still come
    const lines = (isHalved ? this.rest.slice(0, -1) : this.rest).split(/\r\n|\n|\r/);
    this.rest = lines.pop() + (isHalved ? "\r" : "");
    for (const line of lines) this.line(line);
  }

  line(line) {
    if (line === "") {
      if (this.fields.data.length) this.take({ ...this.fields, data: this.fields.data.join("\n") });
      this.clear();
      return;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.fields.data.push(value);
    else if (name === "event" || name === "id") this.fields[name] = value;
  }
}

/** Connect and connect again until `stop`. `url` is asked before each try, so that it names the last sequence seen. */
export class Stream {
  constructor({ url, take, state }) {
    Object.assign(this, { url, take, state, tries: 0, isStopped: false, heard_at: 0 });
    this.wake = () => this.rouse();
    for (const kind of ["online", "pageshow", "focus"]) window.addEventListener(kind, this.wake);
    document.addEventListener("visibilitychange", this.wake);
    this.watch = setInterval(() => this.listen(), 5_000);
    this.run();
  }

  stop() {
    this.isStopped = true;
    for (const kind of ["online", "pageshow", "focus"]) window.removeEventListener(kind, this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    clearInterval(this.watch);
    clearTimeout(this.timer);
    this.abort?.abort();
    this.resume?.();
  }

  /** Try at once, instead of waiting on. */
  rouse() {
    this.listen();
    if (document.visibilityState === "visible") this.resume?.();
  }

  listen() {
    if (this.abort && performance.now() - this.heard_at > QUIET_MS) this.abort.abort();
  }

  async run() {
    while (!this.isStopped) {
      const opened_at = performance.now();
      const problem = await this.connect();
      if (this.isStopped) return;
      if (problem && FINAL.has(problem.status)) {
        this.state("refused", { problem });
        return;
      }
      const wait_ms = Math.max(WAITS_MS[Math.min(this.tries, WAITS_MS.length - 1)], (problem?.retry_after_s ?? 0) * 1000);
      this.tries += 1;
      if (performance.now() - opened_at > STEADY_MS) this.tries = 1;
      if (this.tries > 1) this.state("lost", { problem, wait_ms });
      await new Promise((resolve) => {
        this.resume = resolve;
        this.timer = setTimeout(resolve, wait_ms * (0.8 + Math.random() * 0.4));
      });
      clearTimeout(this.timer);
      this.resume = null;
    }
  }

  /** Read one connection to its end; returns what went wrong, null when it only ended. */
  async connect() {
    this.abort = new AbortController();
    this.heard_at = performance.now();
    const parser = new Parser((event) => {
      if (this.isStopped) return;
      if (!GREETINGS.has(event.event)) this.tries = 0; // a line that only ever greets is no line
      this.take(event);
    });
    try {
      const answer = await fetch(this.url(), {
        headers: { Accept: "text/event-stream" },
        credentials: "same-origin",
        cache: "no-store",
        signal: this.abort.signal,
      });
      if (!answer.ok) return await failure(answer);
      this.state("open", {});
      const reader = answer.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return null;
        this.heard_at = performance.now();
        parser.feed(value);
      }
    } catch {
      return new ApiError({ message: "The line to the bot is down." });
    } finally {
      this.abort = null;
    }
  }
}
