/* Hold one open conversation: its history, its stream, its place in the sequence. */
import { get, post } from "../lib/api.js";
import { Stream } from "../lib/stream.js";

const PAGE = 100;
const LARGE_PAGE = 200; // on the way to a message far above

export class Room {
  /** `acts`: line(state, detail), fresh(message), rewound(), working(causes), gone(reason), problem(error). */
  constructor(id, transcript, scroll, acts) {
    Object.assign(this, { id, transcript, scroll, acts, seq: 0, hasMore: false, isClosed: false, loading: null, typing: [] });
  }

  get path() {
    return `/conversations/${encodeURIComponent(this.id)}`;
  }

  /** Load the newest messages, then follow what happens. */
  async open() {
    const page = await get(`${this.path}/messages?limit=${PAGE}`);
    if (this.isClosed) return;
    this.seq = page.seq;
    this.hasMore = page.more;
    this.transcript.prepend(page.messages);
    this.transcript.markLast();
    this.scroll.toEnd();
    this.follow();
  }

  follow() {
    if (this.isClosed || this.stream) return;
    this.stream = new Stream({
      url: () => `/api/v1${this.path}/events?after=${this.seq}`,
      take: (event) => this.take(event),
      state: (state, detail) => this.acts.line(state, detail),
    });
  }

  close() {
    this.isClosed = true;
    this.stream?.stop();
  }

  /** Load the page above; several callers share one request. */
  older(size = PAGE) {
    if (!this.hasMore || this.isClosed) return Promise.resolve(false);
    this.loading ??= this.loadOlder(size).finally(() => (this.loading = null));
    return this.loading;
  }

  async loadOlder(size) {
    try {
      const page = await get(`${this.path}/messages?before=${this.transcript.first}&limit=${size}`);
      if (this.isClosed) return false;
      this.hasMore = page.more && page.messages.length > 0;
      this.scroll.keeping(() => this.transcript.prepend(page.messages));
      return true;
    } catch (error) {
      this.acts.problem(error);
      return false;
    }
  }

  /** Bring message `seq` onto the page, however far above it stands. */
  async find(seq) {
    while (!this.transcript.known.has(seq) && this.hasMore && seq < this.transcript.first) {
      if (!(await this.older(LARGE_PAGE))) break;
    }
    return this.transcript.known.get(seq)?.element ?? null;
  }

  take({ event, id, data }) {
    const said = JSON.parse(data);
    if (id !== null && id !== "") {
      const seq = Number(id);
      if (seq <= this.seq) return; // seen before the line broke
      this.seq = seq;
    }
    const handlers = { message: "message", edit: "edit", rewind: "rewind", piece: "piece", status: "status", over: "over" };
    if (handlers[event]) this[handlers[event]](said, Number(id));
  }

  message(message) {
    this.transcript.put(message);
    this.acts.fresh(message);
    this.scroll.grown();
  }

  edit({ of, message }) {
    if (this.transcript.known.has(of)) this.transcript.put(message);
  }

  rewind({ to }, seq) {
    this.transcript.rewind(to, seq);
    this.acts.rewound();
  }

  piece(said) {
    this.transcript.piece(said);
    this.scroll.grown();
  }

  status({ working }) {
    this.transcript.setWorking(working);
    this.acts.working(working);
  }

  over({ reason }) {
    if (reason === "signed_out" || reason === "deleted") {
      this.close();
      this.acts.gone(reason);
    }
  }

  stopAnswers() {
    return post(`${this.path}/cancel`, {});
  }
}
