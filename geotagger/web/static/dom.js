// Elements out of values. Text goes in as text alone: a name is never markup, whatever signs it holds.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function make(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

export function draw(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

export function button(text, onclick, properties = {}) {
  return make("button", { type: "button", text, onclick, ...properties });
}

export function byId(id) {
  return document.getElementById(id);
}

let leaving;
export function say(text, kind = "note") {
  const line = make("p", { class: kind, text, onclick: () => line.remove() });
  byId("messages").replaceChildren(line);
  clearTimeout(leaving);
  leaving = setTimeout(() => line.remove(), kind === "trouble" ? 20000 : 8000);
}

export function guarded(action) {
  return async (...told) => {
    try {
      return await action(...told);
    } catch (error) {
      say(error.message, "trouble");
      return undefined;
    }
  };
}
