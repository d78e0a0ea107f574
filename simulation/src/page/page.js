// The demo page: shows the workspace as one person sees it, and sends what they do.

import { element, markup, textObject, unescape } from "/markup.js";
import { drawBlocks } from "/blocks.js";

const at = (id) => document.getElementById(id);
const drawn = new Map();
const folded = new Set();
/** Where the app's Home stands among the channels. */
const HOME = "home";
let state = null;
let me = new URLSearchParams(location.search).get("person") ?? sessionStorage.getItem("me");
let channel = new URLSearchParams(location.search).get("channel") ?? sessionStorage.getItem("channel");
let replyTo = null;
let shownView = null;
let asking = null;
let isLost = false;

async function watch() {
  for (;;) {
    asking = new AbortController();
    try {
      const query = new URLSearchParams();
      if (me) query.set("person", me);
      if (state) query.set("seen", state.version);
      const response = await fetch(`/state?${query}`, { signal: asking.signal });
      show(await response.json());
      if (isLost) complain(null);
      isLost = false;
    } catch (error) {
      if (error.name === "AbortError") continue;
      isLost = true;
      complain("The simulated Slack does not answer. Is the demo still running?");
      await new Promise((resolve) => setTimeout(resolve, 1500));
      if (state) state.version = 0;
    }
  }
}

function look() {
  if (state) state.version = 0;
  asking?.abort();
}

async function act(what) {
  complain(null);
  try {
    const response = await fetch("/act", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(what),
    });
    const outcome = await response.json();
    if (outcome.problem) complain(outcome.problem);
    return outcome.ok;
  } catch {
    complain("That did not reach the simulated Slack.");
    return false;
  }
}

function complain(problem) {
  at("problem").hidden = !problem;
  at("problem").textContent = problem ?? "";
}

function show(next) {
  const isFirst = !state || state.me !== next.me;
  state = next;
  me = next.me;
  sessionStorage.setItem("me", me);
  if (channel !== HOME && !state.channels.some((known) => known.id === channel)) channel = state.channels[0]?.id;
  sessionStorage.setItem("channel", channel);
  showSidebar();
  showMessages(isFirst);
  showView();
  showSide();
  redraw(at("chips"), () => state.suggestions.map((text) => element("button", {
    type: "button", class: "chip", "data-id": text,
    title: "Send this", onclick: () => send(text),
  }, text)), JSON.stringify(state.suggestions));
  // What stands around the messages has its place by now.
  if (isFirst && channel !== HOME) scrollDown();
}

function redraw(parent, nodes, key) {
  if (parent.dataset.key === key) return;
  parent.dataset.key = key;
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  parent.replaceChildren(...nodes());
  if (focused) [...parent.children].find((child) => child.dataset.id === focused)?.focus();
}

function showSidebar() {
  at("workspace").textContent = state.workspace;
  const people = state.people.filter((person) => !person.is_bot && !person.deleted);
  redraw(at("people"), () => people.map((person) => element("button", {
    type: "button", class: "person", "data-id": person.id, "aria-pressed": String(person.id === me),
    // One stop for the Tab key; the arrow keys go from one to the next.
    tabindex: person.id === me ? "0" : "-1", onkeydown: arrows,
    onclick: () => { me = person.id; drawn.clear(); look(); openHome(); },
  }, avatar(person.id, person.name), element("span", {}, element("strong", {}, person.name), person.title ? element("small", {}, person.title) : null))),
  JSON.stringify([people, me]));
  const places = [...state.channels, { id: HOME, is_direct: true, name: `${state.bot.name}: Home` }];
  redraw(at("channels"), () => places.map((known) => element("button", {
    type: "button", class: "channel", "data-id": known.id, "aria-current": known.id === channel ? "page" : undefined,
    onclick: () => { channel = known.id; replyTo = null; drawn.clear(); at("messages").replaceChildren(); show(state); scrollDown(); openHome(); },
  }, known.is_direct ? known.name : `# ${known.name}`)), JSON.stringify([places, channel]));
  const here = places.find((known) => known.id === channel);
  for (const id of ["say", "chips", "hint"]) at(id).hidden = channel === HOME;
  at("channel").textContent = here ? (here.is_direct ? here.name : `# ${here.name}`) : "";
  const self = people.find((person) => person.id === me);
  at("whoami").textContent = self ? `You are ${self.name}${self.title ? `, ${self.title}` : ""}` : "";
  at("text").placeholder = replyTo ? "Reply in thread…" : `Message ${at("channel").textContent}`;
}

function arrows(event) {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const all = [...event.currentTarget.parentElement.children];
  all[(all.indexOf(event.currentTarget) + step + all.length) % all.length].focus();
}

function openHome() {
  if (channel === HOME) act({ do: "opens_home", person: me });
}

function showHome() {
  const key = JSON.stringify([me, state.home]);
  if (drawn.get(HOME)?.key === key) return;
  const use = async (block, part) => {
    if (part.confirm && !(await confirmed(part.confirm))) return;
    await act({ do: "clicks_in_home", person: me, block_id: block.block_id, action_id: part.action_id });
  };
  const blocks = state.home ? drawBlocks(state.home, state, use) : [element("p", { class: "empty" }, "Nothing is shown here yet.")];
  drawn.set(HOME, { key });
  at("messages").replaceChildren(element("div", { class: "home body" }, blocks));
}

function showMessages(isFirst) {
  const list = at("messages");
  if (channel === HOME) return showHome();
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const here = state.messages.filter((message) => message.channel === channel);
  const tops = here.filter((message) => !message.thread_ts || message.thread_ts === message.ts);
  const wanted = tops.map((message) => {
    const replies = here.filter((other) => other.thread_ts === message.ts && other.ts !== message.ts);
    const key = JSON.stringify([message, replies, me, state.people.length, folded.has(message.ts), replyTo === message.ts]);
    const known = drawn.get(message.ts);
    if (known?.key === key) return known.node;
    const node = thread(message, replies);
    drawn.set(message.ts, { key, node });
    return node;
  });
  const focused = place(list, document.activeElement);
  let before = null;
  for (const node of wanted) {
    const next = before ? before.nextSibling : list.firstChild;
    if (next !== node) list.insertBefore(node, next);
    before = node;
  }
  while (list.lastChild && list.lastChild !== before) list.lastChild.remove();
  if (!wanted.length) list.replaceChildren(element("p", { class: "empty" }, "Nothing has been said here yet."));
  if (focused) focusAgain(list, focused);
  if (isFirst || isAtEnd) scrollDown();
}

// Where the focus is among the messages: a message that is drawn anew loses it.
function place(list, node) {
  if (node === list || !list.contains(node)) return null;
  const top = node.closest(".top");
  return { ts: top?.dataset.ts, label: node.textContent };
}

function focusAgain(list, { ts, label }) {
  if (list.contains(document.activeElement) && document.activeElement !== list) return;
  const top = [...list.children].find((node) => node.dataset.ts === ts);
  if (!top) return;
  const buttons = [...top.querySelectorAll("button")];
  (buttons.find((button) => button.textContent === label) ?? top.querySelector(".block-actions button") ?? top).focus();
}

function scrollDown() {
  at("messages").scrollTop = at("messages").scrollHeight;
}

function thread(message, replies) {
  const node = element("div", { class: "top", "data-ts": message.ts, tabindex: "-1" }, article(message));
  if (replies.length) {
    const isFolded = folded.has(message.ts);
    node.append(element("button", {
      type: "button", class: "fold", "aria-expanded": String(!isFolded),
      onclick: () => { if (isFolded) folded.delete(message.ts); else folded.add(message.ts); showMessages(false); },
    }, `${isFolded ? "▸" : "▾"} ${replies.length} ${replies.length === 1 ? "reply" : "replies"}`));
    if (!isFolded) node.append(element("div", { class: "replies" }, replies.map(article)));
  }
  if (!message.only_me) {
    const isMine = message.pinned_by.includes(me);
    node.append(element("button", {
      type: "button", class: "fold pin", tabindex: "-1", "aria-pressed": String(isMine),
      title: isMine ? "Take your reaction back" : "React with a pushpin",
      onclick: () => act({ do: "reacts", person: me, channel: message.channel, ts: message.ts, reaction: "pushpin" }),
    }, message.pinned_by.length ? `📌 ${message.pinned_by.length}` : "📌"));
    node.append(element("button", {
      // Not on the way of the Tab key to what a message offers.
      type: "button", class: "fold reply", tabindex: "-1", "aria-pressed": String(replyTo === message.ts),
      onclick: () => { replyTo = replyTo === message.ts ? null : message.ts; show(state); at("text").focus(); },
    }, replyTo === message.ts ? "Replying in this thread (stop)" : "Reply in thread"));
  }
  return node;
}

function article(message) {
  const body = element("div", { class: "body" });
  if (message.blocks.length) body.append(...drawBlocks(message.blocks, state, (block, part, option) => useInMessage(message, block, part, option)));
  else if (message.text) body.append(element("div", { class: "block-section" }, element("div", { class: "words" }, ...markup(message.text, state))));
  for (const file of message.files) body.append(fileCard(file));
  if (message.edited) body.append(element("span", { class: "edited" }, "(edited)"));
  const when = new Date(Number(message.ts) * 1000);
  const zone = state.people.find((known) => known.id === me)?.tz || undefined;
  return element("article", { class: message.only_me ? "message only-me" : "message" },
    avatar(message.user, message.author),
    element("div", { class: "content" },
      message.only_me ? element("p", { class: "visibility" }, "Only visible to you") : null,
      element("header", {}, element("strong", {}, message.author),
        message.is_app ? element("span", { class: "badge" }, "APP") : null,
        element("time", { datetime: when.toISOString() }, clockTime(when, zone))),
      body));
}

function clockTime(when, zone) {
  try {
    return new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone }).format(when);
  } catch {
    return when.toISOString().slice(11, 16);
  }
}

function avatar(id, name) {
  const hue = [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 8, 7);
  return element("span", { class: `avatar hue-${hue}`, "aria-hidden": "true" }, name.slice(0, 1).toUpperCase());
}

function fileCard(file) {
  return element("div", { class: "file" },
    element("span", {}, element("strong", {}, file.title || file.name), element("small", {}, `${file.name}, ${file.size} bytes`)),
    element("button", { type: "button", onclick: () => preview(file) }, "Preview"),
    element("a", { href: `/file/${encodeURIComponent(file.id)}`, download: file.name }, "Download"));
}

async function preview(file) {
  const text = await (await fetch(`/file/${encodeURIComponent(file.id)}`)).text();
  const dialog = at("preview");
  dialog.replaceChildren(element("h2", { id: "preview-title" }, file.title || file.name), element("pre", { tabindex: "0" }, text),
    element("div", { class: "dialog-buttons" }, element("button", { type: "button", onclick: () => dialog.close() }, "Close")));
  dialog.showModal();
}

async function useInMessage(message, block, part, option) {
  if (option === null && part.type.endsWith("select")) return;
  if (part.confirm && !(await confirmed(part.confirm))) return;
  await act({ do: "clicks", person: me, channel: message.channel, ts: message.ts, block_id: block.block_id, action_id: part.action_id, option });
}

function confirmed(confirm) {
  const dialog = at("confirm");
  return new Promise((resolve) => {
    const answer = (value) => { dialog.close(); resolve(value); };
    dialog.replaceChildren(
      element("h2", { id: "confirm-title" }, ...textObject(confirm.title, state)),
      element("div", {}, ...textObject(confirm.text, state)),
      element("div", { class: "dialog-buttons" },
        element("button", { type: "button", onclick: () => answer(false) }, unescape(confirm.deny?.text ?? "Cancel")),
        element("button", { type: "button", class: confirm.style ?? "primary", onclick: () => answer(true) }, unescape(confirm.confirm?.text ?? "Yes"))));
    dialog.oncancel = () => resolve(false);
    dialog.showModal();
  });
}

function showView() {
  const dialog = at("view");
  const open = state.view;
  const key = open && JSON.stringify([open.view.id, open.view.hash, open.errors]);
  if (key === shownView) return;
  shownView = key;
  if (!open) {
    dialog.close();
    dialog.replaceChildren();
    return;
  }
  const { view, errors } = open;
  let sending = Promise.resolve(true);
  const use = (block, part, option, value) => {
    const place = { view: view.id, block_id: block.block_id, action_id: part.action_id };
    if (value) sending = sending.then(() => act({ do: "enters", ...place, value }));
    if (!value || block.type !== "input" || block.dispatch_action) {
      sending = sending.then(async () => {
        if (part.confirm && !(await confirmed(part.confirm))) return true;
        return act({ do: "clicks_in_view", person: me, ...place, option });
      });
    }
  };
  const form = element("form", { onsubmit: async (event) => {
    event.preventDefault();
    const submit = form.querySelector("button[type=submit]");
    if (submit) submit.disabled = true;
    await sending;
    await act({ do: "submits", person: me });
    if (submit) submit.disabled = false;
  } },
  element("h2", { id: "view-title" }, ...textObject(view.title, state)),
  element("div", { class: "view-body" }, drawBlocks(view.blocks, state, use, view.state.values, errors)),
  errors[""] ? element("p", { class: "error", role: "alert" }, errors[""]) : null,
  element("div", { class: "dialog-buttons" },
    element("button", { type: "button", onclick: () => act({ do: "closes", person: me }) }, unescape(view.close?.text ?? "Close")),
    view.submit ? element("button", { type: "submit", class: "primary" }, ...textObject(view.submit, state)) : null));
  dialog.replaceChildren(form);
  if (!dialog.open) dialog.showModal();
  form.querySelector(".view-body .error")?.parentElement.querySelector("input, select, textarea")?.focus();
}

at("view").addEventListener("cancel", (event) => {
  event.preventDefault();
  act({ do: "closes", person: me });
});

let sideUrl = null;
function showSide() {
  at("side").hidden = !state.side;
  document.body.classList.toggle("with-side", Boolean(state.side));
  if (!state.side || state.side.url === sideUrl) return;
  at("side-title").textContent = state.side.title;
  sideUrl = state.side.url;
  reloadSide();
}

// Loads a second frame behind the visible one and swaps them, so that reloading does not flicker.
function reloadSide() {
  if (!sideUrl || document.hidden || at("frames").querySelector(".next")) return;
  const frame = element("iframe", { src: sideUrl, class: "next", title: at("side-title").textContent, sandbox: "allow-same-origin allow-scripts", tabindex: "-1" });
  const swap = () => {
    if (!frame.classList.contains("next")) return;
    frame.classList.remove("next");
    for (const old of at("frames").querySelectorAll("iframe")) if (old !== frame) old.remove();
  };
  frame.addEventListener("load", swap);
  setTimeout(swap, 5000);
  at("frames").append(frame);
}
setInterval(reloadSide, 1000);

async function send(text) {
  const thread = text.startsWith("/") ? null : replyTo;
  scrollDown();
  await act({ do: "says", person: me, channel, text, thread_ts: thread });
}

at("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = at("text").value.trim();
  if (!text) return;
  at("text").value = "";
  await send(text);
});

// From the top of the page to what can be clicked in the newest message.
at("skip").addEventListener("click", (event) => {
  event.preventDefault();
  const buttons = at("messages").querySelectorAll(".block-actions button");
  const newest = [...buttons].at(-1)?.closest(".block-actions");
  (newest?.querySelector("button") ?? at("text")).focus();
});

watch();
openHome();
