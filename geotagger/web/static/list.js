// The side: outings, the tray of photos without a place, what was drawn at random; and the photos of what was opened.

import { ask } from "./api.js";
import { button, byId, guarded, make } from "./dom.js";
import { choose, changed, extend, page, toggle } from "./state.js";
import { KINDS, counted, day, hour, percent, status, waitsForALook } from "./words.js";

const TABS = ["outings", "tray", "sample"];
const TO_DO = {
  tray: "Nothing could place these. Drag one onto the map, or choose it and press m.",
  sample: "Drawn at random. Judge each: confirm, reject, or move it to where it was taken. What is stated is then corrected by what held.",
};
const NONE = {
  tray: "Every photo has a place.",
  sample: "All of them are judged. It takes twenty to learn from; `geotagger review --sample N` draws more.",
};
let tab = "outings";
let listed = { outings: [], next: null, of: 0 };

export async function showTab(name) {
  tab = name;
  for (const one of TABS) {
    const head = byId(`tab-${one}`);
    head.setAttribute("aria-selected", String(one === name));
    head.tabIndex = one === name ? 0 : -1;
  }
  byId("list").setAttribute("aria-labelledby", `tab-${name}`);
  byId("filters").hidden = name !== "outings";
  page.outing = null;
  if (name === "outings") {
    await showOutings(0);
    return;
  }
  await open({ path: name === "tray" ? "api/tray" : "api/sample", query: {}, title: null });
}

async function showOutings(offset) {
  const query = { offset, ...(byId("only-open").checked ? { open: 1 } : {}) };
  const told = await ask("api/outings", query);
  listed = { ...told, outings: offset ? [...listed.outings, ...told.outings] : told.outings };
  page.photos = [];
  page.source = null;
  page.outing = null;
  choose([]);
  drawOutings();
  changed("opened");
}

function drawOutings() {
  const items = listed.outings.map((one) => make("li", {}, outingButton(one)));
  const more = listed.next === null ? null : button("Show more", guarded(() => showOutings(listed.next)));
  const nothing = items.length ? null : make("p", { class: "empty", text: "No outing waits for a look." });
  byId("list").replaceChildren(make("ol", { class: "outings" }, ...items), ...[nothing, more].filter(Boolean));
}

function outingButton(one) {
  const times = one.start === null ? "" : `, ${[...new Set([hour(one.start), hour(one.end)])].join("–")} UTC`;
  const placed = Object.entries(one.rungs).map(([rung, count]) =>
    make("span", { class: "tally" }, make("i", { class: `dot ${rung}`, "aria-hidden": "true" }), `${count} ${KINDS[rung]}`),
  );
  const range = [...new Set([percent(one.least), percent(one.most)])].join(" to ");
  const certain = one.least === null ? "" : ` · certainty ${range}`;
  const states = [
    [one.without_place, "without a place"], [one.confirmed, "confirmed"], [one.rejected, "rejected"], [one.aside, "set aside"],
  ].filter(([count]) => count).map(([count, word]) => `${count} ${word}`).join(", ");
  return make(
    "button",
    { type: "button", class: "outing", data: { first: one.first }, onclick: guarded(() => openOuting(one)) },
    make(
      "span", { class: "outinghead" },
      make(
        "span", { class: "outingwords" },
        make("strong", { text: day(one.start) + times }),
        make("span", { class: "where", text: one.where || "nobody knows where" }),
        make("span", { text: `${counted(one.photos, "photo")}${certain}` }),
      ),
      thumbnail({ id: one.first, format: "photo" }),
    ),
    make("span", { class: "tallies" }, ...placed),
    states ? make("span", { text: states }) : null,
    ...one.words.slice(0, 2).map((line) => make("span", { class: "evidence", text: line })),
  );
}

export async function openOuting(one) {
  const query = { root: one.root_id, first: one.first, last: one.last };
  const title = [day(one.start), one.where].filter(Boolean).join(" · ");
  await open({ path: "api/outing", query, title, is_outing: true, of: one.photos });
}

export function stepOuting(by) {
  const faces = [...byId("list").querySelectorAll(".outing")];
  const now = faces.indexOf(document.activeElement);
  faces[Math.max(0, Math.min(faces.length - 1, now < 0 ? 0 : now + by))]?.focus();
}

export async function backToOutings() {
  const [first, drawn] = [page.outing?.photos[0]?.id, listed.outings.length];
  await showTab("outings");
  while (listed.next !== null && listed.outings.length < drawn) await showOutings(listed.next);
  byId("list").querySelector(`.outing[data-first="${first}"]`)?.focus();
}

// An outing is chosen as a whole, whatever of it is shown.
export async function chooseAll() {
  while (page.outing && page.next !== null) await more();
  choose(page.photos.map((one) => one.id));
}

export async function openCluster(cluster) {
  await open({
    path: "api/cell",
    query: { cell: cluster.cell, level: cluster.level },
    title: `${counted(cluster.photos, "photo")} here`,
  });
}

export async function openPhoto(id) {
  const told = await ask(`api/photo/${id}`);
  page.photos = [told];
  page.source = null;
  page.next = null;
  page.outing = null;
  drawPhotos(told.where || told.name);
  choose([id]);
  changed("opened");
}

async function open(source) {
  const told = await ask(source.path, source.query);
  page.source = source;
  page.photos = told.photos;
  page.next = told.next;
  page.outing = source.is_outing ? { ...told, root: source.query.root } : null;
  drawPhotos(source.title);
  byId("list").scrollTop = 0;
  const first = told.photos.find((one) => waitsForALook(one)) ?? told.photos[0];
  choose(first ? [first.id] : []);
  changed("opened");
}

// The same list once more, after something changed; the choice stays.
export async function again() {
  if (tab === "sample" && !page.info.sample.drawn) {
    await showTab("outings"); // all of it is judged
    return;
  }
  if (!page.source) {
    if (tab === "outings" && !page.photos.length) await showOutings(0);
    else if (page.photos.length === 1) await openPhoto(page.photos[0].id);
    return;
  }
  const [kept, at] = [new Set(page.chosen), page.at];
  const told = await ask(page.source.path, page.source.query);
  page.photos = told.photos;
  page.next = told.next;
  if (page.outing) page.outing = { ...page.outing, ...told };
  drawPhotos(page.source.title);
  const there = told.photos.map((one) => one.id).filter((id) => kept.has(id));
  choose(there.length ? there : told.photos.slice(0, 1).map((one) => one.id), there.includes(at) ? at : null);
  changed("opened");
}

async function more() {
  const told = await ask(page.source.path, { ...page.source.query, offset: page.next });
  page.photos = [...page.photos, ...told.photos];
  page.next = told.next;
  drawPhotos(page.source.title);
  changed("opened");
}

function drawPhotos(title) {
  const back = tab === "outings"
    ? button("← Outings", guarded(backToOutings), { class: "back", "aria-keyshortcuts": "b" })
    : null;
  const count = page.source?.of ?? page.photos.length;
  const all = page.photos.length > 1
    ? button(`Choose all ${count.toLocaleString("en")}`, guarded(chooseAll), { "aria-keyshortcuts": "a" })
    : null;
  const cards = page.photos.map(card);
  byId("list").replaceChildren(
    make("div", { class: "listhead" }, ...[back, title ? make("h2", { text: title }) : null, all].filter(Boolean)),
    ...(cards.length && TO_DO[tab] && !title ? [make("p", { class: "hint todo", text: TO_DO[tab] })] : []),
    cards.length ? make("ul", { class: "cards" }, ...cards) : make("p", { class: "empty", text: NONE[tab] ?? "There are none." }),
    ...(page.next === null ? [] : [button("Show more", guarded(more))]),
  );
}

function card(one) {
  const picture = thumbnail(one);
  const face = make(
    "button",
    {
      type: "button", class: "card", data: { id: one.id }, draggable: "true", "aria-pressed": "false",
      onclick: (event) => {
        if (event.shiftKey) extend(one.id);
        else if (event.ctrlKey || event.metaKey) toggle(one.id);
        else choose([one.id]);
      },
      ondragstart: (event) => {
        if (!page.chosen.has(one.id)) choose([one.id]);
        event.dataTransfer.setData("application/x-geotagger", String(one.id));
        event.dataTransfer.effectAllowed = "move";
      },
    },
    picture,
    make("span", { class: "name", text: one.name }),
    make("span", { class: "state", text: status(one) }),
  );
  return make("li", {}, face);
}

export function thumbnail(one, size = "thumb") {
  const box = make("span", { class: "frame" });
  const without = () => box.replaceChildren(make("span", { class: "nopicture", text: (one.format ?? "photo").toUpperCase() }));
  if (one.format === null) without();
  else box.append(make("img", { src: `${size}/${one.id}`, alt: "", loading: "lazy", decoding: "async", onerror: without }));
  return box;
}

// Which cards are chosen and what waits, without drawing them anew.
export function markCards() {
  const photos = new Map(page.photos.map((one) => [one.id, one]));
  for (const face of byId("list").querySelectorAll(".card")) {
    const one = photos.get(Number(face.dataset.id));
    if (!one) continue;
    face.setAttribute("aria-pressed", String(page.chosen.has(one.id)));
    face.classList.toggle("waits", Boolean(one.waiting));
    face.querySelector(".state").textContent = status(one);
  }
}

export function focusAt() {
  const face = byId("list").querySelector(`.card[data-id="${page.at}"]`);
  face?.focus({ preventScroll: true });
  face?.scrollIntoView({ block: "nearest" });
}

export function prepareTabs() {
  for (const [n, name] of TABS.entries()) {
    const head = byId(`tab-${name}`);
    head.addEventListener("click", guarded(() => showTab(name)));
    head.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      const shown = TABS.filter((one) => !byId(`tab-${one}`).hidden);
      const next = shown[(shown.indexOf(TABS[n]) + (event.key === "ArrowRight" ? 1 : shown.length - 1)) % shown.length];
      byId(`tab-${next}`).focus();
      event.preventDefault();
    });
  }
  byId("only-open").addEventListener("change", guarded(() => showOutings(0)));
}
