// Makes elements, and says things to screen readers. Knows nothing of music, of the server or of any view.
// Text comes in as text only: nothing here, and nothing that uses it, turns data into markup.

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "selected", "indeterminate", "open", "muted"]);

// An element. Attributes: `on*` functions become listeners; `style` is an object of CSS properties, custom ones, too;
// `dataset` one of data-*; true gives an empty attribute; null, undefined and false give none. Children: nodes, text,
// numbers, lists of them; null and false are left out.
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) set(element, name, value);
  put(element, children);
  if (tag === "select" && attributes?.value !== undefined) element.value = attributes.value; // now that it has options
  return element;
}

function set(element, name, value) {
  if (name.startsWith("on") && typeof value === "function")
    element.addEventListener(name.slice(2).toLowerCase(), value);
  else if (name === "style") for (const [key, one] of Object.entries(value ?? {})) element.style.setProperty(key, one);
  else if (name === "dataset") Object.assign(element.dataset, value);
  else if (PROPERTIES.has(name)) {
    if (value !== undefined && value !== null) element[name] = value;
  } else if (value === true) element.setAttribute(name, "");
  else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
}

// Puts children at the end of an element.
export function put(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

export function clear(element) {
  element.replaceChildren();
  return element;
}

// What an element holds from now on.
export function fill(element, ...children) {
  return put(clear(element), ...children);
}

let made = 0;

// A new id, for a label and what it labels.
export function freshId(stem = "id") {
  made += 1;
  return `${stem}-${made}`;
}

// Says a sentence to a screen reader without moving the focus.
export function announce(text) {
  const announcer = document.getElementById("announcer");
  if (!announcer) return;
  announcer.textContent = "";
  setTimeout(() => {
    announcer.textContent = text;
  }, 50); // the same sentence twice is said twice
}

// A place for a sentence about what went wrong: `complain(sentence)` shows it, null takes it away.
export function complaints() {
  const element = h("div", {});
  return { element, complain: (sentence) => void fill(element, sentence && trouble(sentence)) };
}

// A sentence about what went wrong, where the person is looking; read out at once.
export function trouble(sentence, ...more) {
  return h("div", { class: "trouble", role: "alert" }, h("div", { class: "stack grow" }, h("p", {}, sentence), more));
}
