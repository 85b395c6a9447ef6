// Elements from plain values, and bringing a page up to date without losing focus, selection or scroll.
//
// Data reaches the page as text nodes and attributes only: there is no innerHTML anywhere, so that a record's content
// can never become markup.

const SVG = "http://www.w3.org/2000/svg";

function put(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "on") listen(element, value);
  else if (name === "key") element.pageKey = String(value);
  else if (name === "live") element.pageLive = value;
  else element.setAttribute(name, value === true ? "" : String(value));
}

// Handlers are kept beside the element, so that bringing it up to date can exchange them.
function listen(element, handlers) {
  element.pageOn = handlers;
  for (const type of Object.keys(handlers)) hear(element, type);
}

function hear(element, type) {
  element.pageHears ??= new Set();
  if (element.pageHears.has(type)) return;
  element.pageHears.add(type);
  element.addEventListener(type, (event) => element.pageOn?.[type]?.(event));
}

function add(element, child) {
  if (child === null || child === undefined || child === false) return;
  if (Array.isArray(child)) for (const one of child) add(element, one);
  else element.append(child instanceof Node ? child : document.createTextNode(String(child)));
}

function made(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) put(element, name, value);
  add(element, children);
  return element;
}

/** An HTML element. `props`: attributes, `on: {click}`, `key` among its siblings, `live: {mount, update}`. */
export function h(tag, props, ...children) {
  return made(document.createElement(tag), props, children);
}

/** An SVG element. */
export function s(tag, props, ...children) {
  return made(document.createElementNS(SVG, tag), props, children);
}

/** Text that only a screen reader speaks. */
export function hidden(...children) {
  return h("span", { class: "hidden" }, ...children);
}

/** Calls `mount` of the elements that draw themselves, once they are in the page. */
export function mount(root) {
  if (root.nodeType !== Node.ELEMENT_NODE) return;
  for (const element of [root, ...root.querySelectorAll("*")]) {
    if (element.pageLive && !element.pageMounted) {
      element.pageMounted = true;
      element.pageLive.mount?.(element);
    }
  }
}

function alike(left, right) {
  return left.nodeType === right.nodeType && left.nodeName === right.nodeName && left.pageKey === right.pageKey;
}

// What the reader or the browser has changed stays: whether a section is open, what is typed, what can be focused.
const READERS = new Set(["open", "value", "tabindex"]);

function attributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !READERS.has(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !READERS.has(name)) old.setAttribute(name, value);
  }
}

/** Makes `old` look like `fresh`, and keeps every element that is still there. */
export function morph(old, fresh) {
  if (!alike(old, fresh)) {
    old.replaceWith(fresh);
    mount(fresh);
    return fresh;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return old;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) return old;
  if (fresh.pageLive) {
    attributes(old, fresh);
    old.pageLive = fresh.pageLive;
    old.pageLive.update?.(old);
    return old;
  }
  attributes(old, fresh);
  if (fresh.pageOn) {
    old.pageOn = fresh.pageOn;
    for (const type of Object.keys(fresh.pageOn)) hear(old, type);
  } else if (old.pageOn) old.pageOn = {};
  children(old, [...fresh.childNodes]);
  return old;
}

function children(parent, fresh) {
  const keyed = new Map();
  for (const child of parent.childNodes) if (child.pageKey !== undefined) keyed.set(child.pageKey, child);
  let at = parent.firstChild;
  for (const next of fresh) {
    const known = next.pageKey === undefined ? null : keyed.get(next.pageKey);
    if (known && known.nodeName === next.nodeName) {
      if (known !== at) parent.insertBefore(known, at);
      else at = at.nextSibling;
      morph(known, next);
    } else if (at && at.pageKey === undefined && alike(at, next)) {
      const following = at.nextSibling;
      morph(at, next);
      at = following;
    } else {
      parent.insertBefore(next, at);
      mount(next);
    }
  }
  while (at) {
    const following = at.nextSibling;
    at.remove();
    at = following;
  }
}

/** Exchanges everything in `parent`, or brings it up to date where `keep` is asked for. */
export function show(parent, content, keep) {
  const fresh = [content].flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false);
  const nodes = fresh.map((one) => (one instanceof Node ? one : document.createTextNode(String(one))));
  if (keep) children(parent, nodes);
  else {
    parent.replaceChildren(...nodes);
    for (const node of nodes) mount(node);
  }
}
