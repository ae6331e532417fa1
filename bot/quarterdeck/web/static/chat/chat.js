/* Be the page: one person, one open conversation, everything that can be done with it. */
import { get } from "../lib/api.js";
import { byId } from "../lib/dom.js";
import { belongTo, recall, keep } from "../lib/memory.js";
import { signOut } from "../lib/signout.js";
import { openAccount } from "./account.js";
import { addressOf, randomId, roomOfAddress } from "./address.js";
import { announce } from "./announce.js";
import { Composer } from "./composer.js";
import { lineOf, openOptions } from "./options.js";
import { Outgoing } from "./outgoing.js";
import { openPalette } from "./palette.js";
import { PassagePane } from "./passage.js";
import { Room } from "./room.js";
import { Scroll } from "./scroll.js";
import { actionOffers, conversationOffers } from "./offers.js";
import { listenForKeys, openShortcuts } from "./shortcuts.js";
import { Sidebar } from "./sidebar.js";
import { Transcript } from "./transcript.js";
import { showWelcome } from "./welcome.js";

export class Chat {
  constructor(me, commands, notice) {
    Object.assign(this, { me, commands, notice, room: null, missed: 0, made: new Set() });
    belongTo(me.account ?? me.name);
    const problem = (error) => this.notice.showProblem(error);
    this.scroll = new Scroll(() => this.room?.older());
    this.transcript = new Transcript({
      canEdit: (message) => message.kind === "text",
      edit: (message) => this.composer.edit(message),
      press: ({ seq }, button) => this.act({ press: { seq, button: button.id } }, button.label),
      submit: ({ seq }, form, shown, files) => this.act({ form: { seq, ...form, files: files.map((file) => file.id) } }, shown, files),
      confirmed: (message) => this.confirmed(message),
      retry: (item) => this.outgoing.retry(item),
      rewrite: (item) => (this.discard(item), this.composer.set(item.body.text), this.composer.input.focus()),
      discard: (item) => this.discard(item),
    });
    this.outgoing = new Outgoing({ changed: (item) => this.showUnsent(item), accepted: (item) => this.accepted(item), gone: (item) => this.discard(item) });
    this.composer = new Composer({
      send: (text, files, editing) => this.send(text, files, editing),
      stop: () => this.stop(),
      lastMine: () => this.transcript.lastMine,
      dim: (seq) => this.transcript.dimFrom(seq),
      catalogue: () => this.commands,
      complete: (...given) => this.complete(...given),
      openForm: (command) => this.fill(command),
    });
    if (me.limits) this.composer.attachments.limits = me.limits;
    this.sidebar = new Sidebar({
      open: (id, seq) => this.open(id, { seq }), problem, removed: (id) => id === this.room?.id && this.create(), renamed: () => this.showTitle(),
    });
    this.pane = new PassagePane((seq) => this.transcript.known.get(seq)?.message);
  }

  wire() {
    byId("person").replaceChildren(this.me.name, Object.assign(document.createElement("small"), { textContent: this.me.role }));
    byId("new").addEventListener("click", () => this.create());
    byId("older").addEventListener("click", () => this.room?.older());
    byId("keys").addEventListener("click", openShortcuts);
    byId("account").addEventListener("click", () => openAccount(this.me));
    byId("account").hidden = !this.me.account;
    byId("signout").addEventListener("click", () => signOut().catch((error) => this.notice.showProblem(error)));
    byId("open-palette").addEventListener("click", () => this.palette());
    window.addEventListener("popstate", () => this.open(roomOfAddress() ?? this.newId(), { isBack: true }));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.missed = 0;
      this.showTitle();
    });
    listenForKeys({
      palette: () => this.palette(), search: () => this.sidebar.startSearch(), create: () => this.create(), step: (by) => this.step(by),
      slash: () => (this.composer.input.focus(), this.composer.input.value || this.composer.set("/")), end: () => this.scroll.toEnd(), escape: () => this.escape(),
    });
  }

  async begin() {
    showWelcome(this.me, this.commands, (command) => this.start(command));
    const isLoaded = this.sidebar.refresh();
    const named = roomOfAddress();
    if (!named) await isLoaded;
    const last = recall("room");
    const known = this.sidebar.items.find((item) => item.id === last) ?? this.sidebar.items[0];
    await this.open(named ?? known?.id ?? this.newId(), { isBack: true });
    await isLoaded;
    this.showTitle();
    if (known || named) history.replaceState(null, "", addressOf(this.room.id));
  }

  /** Name a conversation that the server does not know yet. */
  newId() {
    const id = randomId();
    this.made.add(id);
    return id;
  }

  /** Open a conversation; one that is not there yet is made by the first message. */
  async open(id, { seq = null, isBack = false } = {}) {
    if (this.room?.id !== id) {
      this.enter(id);
      if (!isBack) history.pushState(null, "", addressOf(id));
      const room = this.room;
      try {
        if (!this.made.has(id)) await room.open();
      } catch (error) {
        if (this.room !== room || error.name === "AbortError") return;
        if (error.status !== 404) this.reopenLater(room, error);
      }
      if (this.room !== room) return;
      if (this.made.has(id)) this.notice.showLine("open");
      this.settle();
      this.composer.catchUp();
    }
    if (seq !== null) this.scroll.show(await this.room.find(seq));
  }

  reopenLater(room, error) {
    if (error.status === 401) return;
    const again = () => {
      if (this.room !== room) return;
      this.room = null;
      room.close();
      this.open(room.id, { isBack: true });
    };
    const timer = setTimeout(again, 3_000);
    this.notice.showLine("lost", error, () => (clearTimeout(timer), again()));
  }

  enter(id) {
    if (this.room) this.room.close();
    else this.wire(); // what buttons and keys do needs a conversation to do it in
    this.pane.close();
    this.transcript.clear();
    this.room = new Room(id, this.transcript, this.scroll, {
      line: (state, detail) => this.line(state, detail),
      fresh: (message) => this.fresh(message),
      rewound: () => (this.discardPast(), this.refresh(), this.sidebar.refresh().then(() => this.showTitle())),
      working: (causes) => this.composer.setWorking(causes.length > 0),
      gone: (reason) => this.gone(reason),
      problem: (error) => this.notice.showProblem(error),
    });
    keep("room", id);
    this.composer.setWorking(false);
    this.composer.enter(id);
    this.sidebar.select(id);
    byId("welcome").hidden = true;
    this.showTitle();
  }

  settle() {
    for (const item of this.outgoing.of(this.room.id)) {
      if (item.state === "sent") this.outgoing.drop(item.key);
      else this.transcript.showUnsent(item);
    }
    this.outgoing.retryWaiting();
    this.sidebar.markSeen(this.room.id, this.room.seq);
    this.refresh();
    this.scroll.toEnd();
    this.composer.focus();
  }

  refresh() {
    byId("welcome").hidden = !this.transcript.isEmpty;
    byId("older").hidden = !this.room.hasMore;
  }

  create() {
    if (this.room && this.transcript.isEmpty) return this.composer.input.focus();
    this.sidebar.show(false);
    return this.open(this.newId());
  }

  step(by) {
    const ids = this.sidebar.items.map((item) => item.id);
    const next = ids[Math.max(0, Math.min(ids.length - 1, ids.indexOf(this.room.id) + by))];
    if (next) this.open(next);
  }

  send(text, files, editing) {
    const body = { text };
    if (files.length) body.files = files.map((file) => file.id);
    if (editing) body.edit_of = editing.seq;
    this.outgoing.add(this.room.id, body, text, files);
    this.scroll.toEnd();
  }

  /** Send a press or a form: under one key, however often the line breaks. */
  act(body, shown, files = []) {
    this.outgoing.add(this.room.id, body, shown, files);
    this.scroll.toEnd();
    this.composer.focus();
  }

  showUnsent(item) {
    if (item.conversation !== this.room?.id) return;
    this.transcript.showUnsent(item);
    if (item.state === "failed") announce(`Not sent. ${item.problem}`);
    this.refresh();
  }

  confirmed(message) {
    const item = this.outgoing.behind(message);
    if (item) this.discard(item);
  }

  discardPast() {
    if (this.room) this.outgoing.past(this.room.id, this.room.seq).forEach((item) => this.discard(item));
  }

  discard(item) {
    this.outgoing.drop(item.key);
    this.transcript.dropUnsent(item.key);
    this.refresh();
  }

  accepted(item) {
    this.made.delete(item.conversation);
    this.discardPast(); // the stream was faster
    if (item.conversation !== this.room?.id || this.room.stream) return;
    history.replaceState(null, "", addressOf(item.conversation));
    this.room.follow(); // the message made the conversation: now there is something to follow
    this.sidebar.refresh().then(() => this.showTitle());
  }

  line(state, { problem }) {
    if (state === "refused") {
      if (problem.status === 404) this.gone("deleted");
      else if (problem.status !== 401) this.notice.showProblem(problem);
      return;
    }
    this.notice.showLine(state, problem, () => this.room?.stream?.rouse());
    if (state === "open") this.outgoing.retryWaiting();
  }

  fresh(message) {
    if (message.role === "bot") announce(`Quarterdeck: ${message.text}`);
    this.discardPast();
    if (message.form && this.composer.isAtRest) this.transcript.focusForm(message);
    if (document.hidden && message.role === "bot") this.missed += 1;
    this.sidebar.markSeen(this.room.id, message.seq);
    this.refresh();
    const known = this.sidebar.items.find((item) => item.id === this.room.id);
    if (!known?.title || this.sidebar.items[0] !== known) this.sidebar.refresh().then(() => this.showTitle());
    else known.last_seq = message.seq;
    this.showTitle();
  }

  gone(reason) {
    if (reason === "signed_out") return this.notice.showSignedOut();
    this.notice.showProblem({ message: "This conversation was deleted.", hint: "What you write next starts a new one." });
    this.sidebar.refresh();
    return this.open(this.newId());
  }

  showTitle() {
    const title = this.sidebar.titleOf(this.room?.id);
    byId("title").textContent = title;
    byId("title").dir = "auto";
    document.title = `${this.missed ? `(${this.missed}) ` : ""}${title} · Quarterdeck`;
  }

  stop() {
    this.room.stopAnswers().then(() => announce("Stopped"), (error) => this.notice.showProblem(error));
  }

  escape() {
    if (!byId("passage").hidden) this.pane.close();
    else if (byId("sidebar").classList.contains("is-open")) this.sidebar.show(false);
    else if (this.composer.isWorking) this.stop();
    else this.composer.input.focus();
  }

  complete(command, option, typed) {
    const query = new URLSearchParams({ conversation: this.room.id, command, option, typed });
    return get(`/complete?${query}`).then((answer) => answer.values);
  }

  palette() {
    openPalette({ commands: this.commands, conversations: conversationOffers(this), actions: actionOffers(this), choose: (command) => this.start(command) });
  }

  /** Begin a command: ask for its options, or run it where there are none. */
  start(command) {
    if (command.options.length) this.fill(command);
    else this.run(command, {}, []);
  }

  fill(command) {
    openOptions(command, (...given) => this.complete(...given), (options, files) => this.run(command, options, files));
  }

  run(command, options, files) {
    const body = { command: { name: command.name, options } };
    if (files.length) body.command.files = files.map((file) => file.id);
    this.outgoing.add(this.room.id, body, lineOf(command, options), files);
    if (this.composer.input.value.startsWith("/")) this.composer.set("");
    this.scroll.toEnd();
    this.composer.focus();
  }
}
