// Draws Block Kit: what a message or a modal is made of.

import { element, markup, textObject, unescape } from "/markup.js";

// A menu is closed by whatever is clicked beside it.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.overflow[open]")) if (!menu.contains(event.target)) menu.open = false;
});

/** Draws blocks. `use(block, element, option)` is told what the person used. */
export function drawBlocks(blocks, state, use, values, errors) {
  return blocks.map((block) => {
    const node = draw(block, state, use, values);
    const error = errors?.[block.block_id];
    if (error) {
      const id = `error-${block.block_id}`;
      node.append(element("p", { class: "error", role: "alert", id }, error));
      for (const box of node.querySelectorAll("input, select, textarea")) {
        box.setAttribute("aria-invalid", "true");
        box.setAttribute("aria-describedby", id);
      }
    }
    return node;
  });
}

function draw(block, state, use, values) {
  switch (block.type) {
    case "header":
      return element("h3", { class: "block-header" }, ...textObject(block.text, state));
    case "divider":
      return element("hr");
    case "section":
      return section(block, state, use, values);
    case "context":
      return element("div", { class: "block-context" },
        block.elements.map((part) => part.type === "image"
          ? element("span", { class: "image" }, part.alt_text)
          : element("span", {}, ...textObject(part, state))));
    case "actions":
      return element("div", { class: "block-actions" },
        block.elements.map((part) => control(block, part, state, use, values)));
    case "input":
      return input(block, state, use, values);
    case "image":
      return element("figure", {}, element("figcaption", {}, block.title ? [...textObject(block.title, state), " "] : [], `[image: ${block.alt_text}]`));
    case "markdown":
      return element("div", { class: "block-section plain" }, block.text);
    case "table":
      return element("table", {}, element("tbody", {}, block.rows.map((row, index) =>
        element("tr", {}, row.map((cell) => element(index ? "td" : "th", {}, cell.type === "raw_text" ? cell.text : rich(cell, state)))))));
    case "rich_text":
      return element("div", { class: "block-section" }, rich(block, state));
    default:
      return element("div", { class: "block-context" }, `[${block.type}]`);
  }
}

function section(block, state, use, values) {
  const words = element("div", { class: "words" });
  if (block.text) words.append(element("div", {}, ...textObject(block.text, state)));
  if (block.fields) {
    words.append(element("div", { class: "fields" },
      block.fields.map((field) => element("div", {}, ...textObject(field, state)))));
  }
  const node = element("div", { class: "block-section" }, words);
  if (block.accessory) node.append(control(block, block.accessory, state, use, values));
  return node;
}

function rich(node, state) {
  const inner = () => (node.elements ?? []).map((part) => rich(part, state)).flat();
  const style = (text) => {
    let shown = document.createTextNode(text);
    if (node.style?.code) shown = element("code", {}, shown);
    if (node.style?.bold) shown = element("strong", {}, shown);
    if (node.style?.italic) shown = element("em", {}, shown);
    if (node.style?.strike) shown = element("s", {}, shown);
    return shown;
  };
  switch (node.type) {
    case "text": return [style(node.text)];
    case "emoji": return markup(`:${node.name}:`, state);
    case "user": return markup(`<@${node.user_id}>`, state);
    case "channel": return markup(`<#${node.channel_id}>`, state);
    case "broadcast": return markup(`<!${node.range}>`, state);
    case "date": return markup(`<!date^${node.timestamp}^${node.format}|${node.fallback ?? ""}>`, state);
    case "link":
      return /^https?:/.test(node.url)
        ? [element("a", { href: node.url, target: "_blank", rel: "noopener noreferrer" }, node.text ?? node.url)]
        : [document.createTextNode(node.text ?? node.url)];
    case "rich_text_list": return [element(node.style === "ordered" ? "ol" : "ul", {}, (node.elements ?? []).map((item) => element("li", {}, rich(item, state))))];
    case "rich_text_preformatted": return [element("pre", {}, inner())];
    case "rich_text_quote": return [element("blockquote", {}, inner())];
    case "rich_text_section": return [element("div", {}, inner())];
    default: return inner();
  }
}

const label = (object) => unescape(object?.text ?? "");

function optionsOf(part) {
  return [...(part.options ?? []), ...(part.option_groups ?? []).flatMap((group) => group.options)];
}

/** A control that acts at once. */
function control(block, part, state, use, values) {
  switch (part.type) {
    case "button":
      return element("button", {
        type: "button", class: part.style ?? "", "data-action": part.action_id,
        "aria-label": part.accessibility_label,
        onclick: () => {
          if (part.url && /^https?:/.test(part.url)) window.open(part.url, "_blank", "noopener,noreferrer");
          use(block, part, null);
        },
      }, ...textObject(part.text, state));
    case "overflow":
      return overflow(block, part, state, use);
    case "image":
      return element("span", { class: "image" }, part.alt_text);
    default:
      return field(block, part, values, (value, option) => use(block, part, option, value));
  }
}

function overflow(block, part, state, use) {
  const menu = element("details", { class: "overflow" },
    element("summary", { "aria-label": "More actions", title: "More actions" }, "⋯"),
    element("div", { class: "menu" }, part.options.map((option) => element("button", {
      type: "button",
      onclick: () => {
        menu.open = false;
        // What is hidden cannot keep the focus; a form gives it back to the menu when it is closed.
        menu.querySelector("summary").focus();
        if (option.url && /^https?:/.test(option.url)) window.open(option.url, "_blank", "noopener,noreferrer");
        use(block, part, option);
      },
    }, ...textObject(option.text, state)))));
  const entries = () => [...menu.querySelectorAll(".menu button")];
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      menu.open = true;
      const at = entries().indexOf(document.activeElement);
      const step = event.key === "ArrowDown" ? 1 : -1;
      entries().at(at < 0 ? (step > 0 ? 0 : -1) : (at + step) % entries().length).focus();
    }
  });
  menu.addEventListener("toggle", () => {
    if (!menu.open) return;
    const list = menu.querySelector(".menu");
    const edge = menu.closest("main, dialog")?.getBoundingClientRect().right ?? innerWidth;
    list.classList.toggle("leftward", list.getBoundingClientRect().right > edge - 8);
    // The messages end where the last card does, and the menu is below it.
    list.scrollIntoView({ block: "nearest" });
  });
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });
  return menu;
}

function input(block, state, use, values) {
  const part = block.element;
  const isGroup = part.type === "radio_buttons" || part.type === "checkboxes";
  const id = `field-${block.block_id}`;
  const name = [...textObject(block.label, state), block.optional ? element("span", { class: "optional" }, " (optional)") : null];
  const inner = field(block, part, values, (value, option) => use(block, part, option, value), isGroup ? null : id);
  const hint = block.hint ? element("p", { class: "hint" }, ...textObject(block.hint, state)) : null;
  if (isGroup) return element("fieldset", { class: "block-input" }, element("legend", {}, name), inner, hint);
  return element("div", { class: "block-input" }, element("label", { for: id }, name), inner, hint);
}

/** Something to fill in. `fill(value, option)` is told the value as Slack keeps it. */
function field(block, part, values, fill, id) {
  const entered = values?.[block.block_id]?.[part.action_id] ?? {};
  const options = optionsOf(part);
  const describe = (option) => option.description ? element("span", { class: "hint" }, ` ${label(option.description)}`) : null;
  if (part.type === "radio_buttons" || part.type === "checkboxes") {
    const isRadio = part.type === "radio_buttons";
    const chosen = isRadio ? [entered.selected_option ?? part.initial_option] : entered.selected_options ?? part.initial_options ?? [];
    const boxes = options.map((option) => element("input", {
      type: isRadio ? "radio" : "checkbox", name: `${block.block_id}.${part.action_id}`,
      checked: chosen.some((known) => known?.value === option.value),
    }));
    const changed = (option) => {
      const now = options.filter((_, index) => boxes[index].checked);
      fill(isRadio ? { type: part.type, selected_option: now[0] ?? null } : { type: part.type, selected_options: now }, option);
    };
    return element("div", { class: "choices" }, options.map((option, index) => {
      boxes[index].addEventListener("change", () => changed(option));
      return element("label", {}, boxes[index], " ", label(option.text), describe(option));
    }));
  }
  if (part.type === "static_select" || part.type === "multi_static_select") {
    const several = part.type === "multi_static_select";
    const chosen = several ? entered.selected_options ?? part.initial_options ?? [] : [entered.selected_option ?? part.initial_option];
    const select = element("select", { id, multiple: several, "aria-label": id ? undefined : label(part.placeholder) || "Choose" });
    if (!several) select.append(element("option", { value: "" }, label(part.placeholder) || "Choose…"));
    const entry = (option) => element("option", { value: String(options.indexOf(option)), selected: chosen.some((known) => known?.value === option.value) }, label(option.text));
    for (const group of part.option_groups ?? []) select.append(element("optgroup", { label: label(group.label) }, group.options.map(entry)));
    select.append(...(part.options ?? []).map(entry));
    select.addEventListener("change", () => {
      const now = [...select.selectedOptions].filter((known) => known.value !== "").map((known) => options[Number(known.value)]);
      fill(several ? { type: part.type, selected_options: now } : { type: part.type, selected_option: now[0] ?? null }, now[0] ?? null);
    });
    return select;
  }
  const attributes = { id, placeholder: label(part.placeholder), maxlength: part.max_length };
  const box = part.multiline
    ? element("textarea", { ...attributes, rows: 4 })
    : element("input", { ...attributes, type: { number_input: "number", email_text_input: "email", url_text_input: "url" }[part.type] ?? "text" });
  box.value = entered.value ?? part.initial_value ?? "";
  box.addEventListener("input", () => fill({ type: part.type, value: box.value === "" ? null : box.value }, null));
  return box;
}
