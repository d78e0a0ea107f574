// Turns Slack's markup into DOM nodes; text only ever becomes text, never HTML.

const EMOJI = {
  white_check_mark: "✅", heavy_check_mark: "✔️", x: "❌", warning: "⚠️", rotating_light: "🚨", rewind: "⏪",
  hourglass: "⌛", hourglass_flowing_sand: "⏳", no_entry: "⛔", lock: "🔒", unlock: "🔓", eyes: "👀",
  information_source: "ℹ️", tada: "🎉", fire: "🔥", bell: "🔔", rocket: "🚀", memo: "📝", clock1: "🕐",
  red_circle: "🔴", large_green_circle: "🟢", large_yellow_circle: "🟡", large_blue_circle: "🔵",
  arrow_right: "➡️", leftwards_arrow_with_hook: "↩️", bust_in_silhouette: "👤", package: "📦", mag: "🔍",
  thumbsup: "👍", "+1": "👍", question: "❓", exclamation: "❗", pause_button: "⏸️", zap: "⚡",
};

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export function unescape(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

function emoji(text) {
  return text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => EMOJI[name] ?? whole);
}

/** A text object: `mrkdwn` is interpreted, `plain_text` is shown as it is. */
export function textObject(object, state) {
  if (!object) return [];
  if (object.type === "plain_text") return [emoji(unescape(object.text))];
  return markup(object.text, state);
}

/** Markup with several lines: code fences, quotes, and lines of inline marks. */
export function markup(text, state) {
  const nodes = [];
  text.split("```").forEach((part, index) => {
    if (index % 2 === 1) {
      nodes.push(element("pre", {}, unescape(part.replace(/^\n|\n$/g, "").replace(/<([^<>|]*)(\|([^<>]*))?>/g, (_, target, __, label) => label ?? target))));
      return;
    }
    const lines = part.split("\n");
    if (index > 0 && lines[0] === "") lines.shift();
    let quote = null;
    lines.forEach((line, at) => {
      const quoted = line.startsWith("&gt;") ? line.slice(4).trimStart() : line.startsWith(">") ? line.slice(1).trimStart() : null;
      if (quoted !== null) {
        if (quote) quote.append(element("br"));
        else nodes.push((quote = element("blockquote")));
        quote.append(...inline(quoted, state));
        return;
      }
      const after = quote !== null;
      quote = null;
      if (at > 0 && !after) nodes.push(element("br"));
      nodes.push(...inline(line, state));
    });
  });
  return nodes;
}

const INLINE = /`([^`\n]+)`|<([^<>\n]+)>|(?<![\p{L}\p{N}*])\*(?=\S)([^*\n]*[^\s*])\*(?![\p{L}\p{N}*])|(?<![\p{L}\p{N}_])_(?=\S)([^_\n]*[^\s_])_(?![\p{L}\p{N}_])|(?<![\p{L}\p{N}~])~(?=\S)([^~\n]*[^\s~])~(?![\p{L}\p{N}~])/u;

function inline(text, state) {
  const nodes = [];
  let rest = text;
  for (let found = INLINE.exec(rest); found; found = INLINE.exec(rest)) {
    if (found.index > 0) nodes.push(emoji(unescape(rest.slice(0, found.index))));
    const [whole, code, reference, bold, italic, struck] = found;
    if (code !== undefined) nodes.push(element("code", {}, ...inlineCode(code, state)));
    else if (reference !== undefined) nodes.push(refer(reference, state));
    else if (bold !== undefined) nodes.push(element("strong", {}, ...inline(bold, state)));
    else if (italic !== undefined) nodes.push(element("em", {}, ...inline(italic, state)));
    else nodes.push(element("s", {}, ...inline(struck, state)));
    rest = rest.slice(found.index + whole.length);
  }
  if (rest) nodes.push(emoji(unescape(rest)));
  return nodes;
}

function inlineCode(code, state) {
  const nodes = [];
  for (const part of code.split(/(<[^<>\n]+>)/)) {
    if (/^<.+>$/.test(part)) nodes.push(refer(part.slice(1, -1), state));
    else if (part) nodes.push(unescape(part));
  }
  return nodes;
}

function refer(inside, state) {
  const bar = inside.indexOf("|");
  const target = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? null : unescape(inside.slice(bar + 1));
  if (target.startsWith("@")) {
    const person = state.people.find((known) => known.id === target.slice(1));
    const isMe = person?.id === state.me;
    return element("span", { class: isMe ? "mention me" : "mention" }, `@${person?.is_bot ? state.bot.name : person?.name ?? label ?? target.slice(1)}`);
  }
  if (target.startsWith("#")) {
    const channel = state.channels.find((known) => known.id === target.slice(1));
    return element("span", { class: "mention" }, `#${channel?.name ?? label ?? target.slice(1)}`);
  }
  if (target.startsWith("!date^")) return date(target, label, state);
  if (target.startsWith("!subteam^")) return element("span", { class: "mention" }, label ?? `@${target.slice(9)}`);
  if (target.startsWith("!")) return element("span", { class: "mention ping" }, `@${target.slice(1)}`);
  const shown = label ?? unescape(target);
  if (!/^(https?|mailto):/.test(target)) return document.createTextNode(shown);
  return element("a", { href: unescape(target), target: "_blank", rel: "noopener noreferrer" }, shown);
}

function date(target, fallback, state) {
  const [, unix, format, link] = target.split("^");
  const at = new Date(Number(unix) * 1000);
  if (!Number.isFinite(at.getTime()) || !format) return document.createTextNode(fallback ?? "");
  const zone = state.people.find((known) => known.id === state.me)?.tz || undefined;
  const write = (options) => new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone }).format(at);
  const day = (when) => new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(when);
  const pretty = (otherwise) => {
    const now = Date.now();
    if (day(at) === day(now)) return "today";
    if (day(at) === day(now - 86400000)) return "yesterday";
    if (day(at) === day(now + 86400000)) return "tomorrow";
    return otherwise;
  };
  const long = () => write({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
  const usual = () => write({ day: "numeric", month: "long", year: "numeric" });
  const short = () => write({ day: "numeric", month: "short", year: "numeric" });
  const tokens = {
    date_num: () => day(at), date: usual, date_short: short, date_long: long,
    date_pretty: () => pretty(usual()), date_short_pretty: () => pretty(short()), date_long_pretty: () => pretty(long()),
    time: () => write({ hour: "2-digit", minute: "2-digit" }),
    time_secs: () => write({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    ago: () => ago(at),
  };
  let shown;
  try {
    shown = unescape(format).replace(/\{(\w+)\}/g, (whole, token) => tokens[token]?.() ?? whole);
  } catch {
    shown = fallback ?? "";
  }
  const time = element("time", { datetime: at.toISOString(), title: at.toISOString() }, shown);
  if (link && /^https?:/.test(link)) return element("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, time);
  return time;
}

function ago(at) {
  const seconds = Math.round((at.getTime() - Date.now()) / 1000);
  const format = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return format.format(Math.round(seconds / size), unit);
  }
  return format.format(seconds, "second");
}
