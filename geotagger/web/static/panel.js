// What is chosen: one photo with its picture, evidence and candidates, or many at once; and what can be decided.

import { ask } from "./api.js";
import { button, byId, guarded, make, say } from "./dom.js";
import { decide } from "./deciding.js";
import { thumbnail } from "./list.js";
import { goTo, startPlacing } from "./map.js";
import { chosen, page } from "./state.js";
import { KINDS, OWN, counted, degrees, length, moment, percent, status } from "./words.js";

const WRITTEN = { exif: "in the photo", sidecar: "in a sidecar", camera: "it stood in the file" };

let shown = null; // the photo whose details are in the panel
let asking = 0;

export async function showPanel() {
  const photos = chosen();
  const panel = byId("panel");
  panel.hidden = !photos.length;
  if (!photos.length) {
    shown = null;
    return;
  }
  if (photos.length > 1) {
    shown = null;
    panel.replaceChildren(
      make("h2", { text: `${counted(photos.length, "photo")} chosen` }),
      actions(photos),
      make("ul", { class: "strip" }, ...photos.slice(0, 60).map((one) => make("li", {}, thumbnail(one)))),
    );
    return;
  }
  await showOne(photos[0]);
}

async function showOne(one) {
  const mine = ++asking;
  if (shown?.id !== one.id || shown.estimate_id !== one.estimate_id) {
    const told = await ask(`api/photo/${one.id}`);
    if (mine !== asking) return;
    shown = told;
  }
  draw({ ...shown, waiting: one.waiting, estimate_id: one.estimate_id });
}

export function forgetShown() {
  shown = null;
}

function draw(one) {
  const facts = [
    ["Taken", moment(one)],
    ["Camera", one.camera],
    ["Place", one.where],
    ["Degrees", one.latitude === null ? null : degrees(one.latitude, one.longitude)],
    ["Circle", one.radius_km === null ? null : `within ${length(one.radius_km)}${OWN.has(one.rung) ? "" : ` with certainty ${percent(one.confidence)}`}`],
    ["Known", one.rung === null ? null : KINDS[one.rung]],
    ["Written", one.rung === null ? null : WRITTEN[one.written] ?? "nowhere but in the index"],
    ["Doubt", one.doubt],
    ["Not a photo", one.not_a_photo],
    ["Trouble", one.error],
    ["File", one.path],
    ["Archive", one.root],
  ].filter(([, value]) => value);
  byId("panel").replaceChildren(
    make("h2", { text: one.name }),
    thumbnail(one, "picture"),
    make("p", { class: "state", text: status(one) }),
    actions([one]),
    make("dl", {}, ...facts.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })])),
    ...section("Evidence", one.evidence.map((line) => make("li", { text: line }))),
    ...section("Leading places", one.candidates.map(candidate)),
    make("div", { id: "why" }, button("Why here?", guarded(() => explain(one)), { "aria-keyshortcuts": "w" })),
  );
}

function section(title, items) {
  return items.length ? [make("h3", { text: title }), make("ul", {}, ...items)] : [];
}

function candidate(place) {
  const words = place.where || degrees(place.latitude, place.longitude);
  const item = bar(place.probability, "");
  item.lastChild.replaceWith(
    button(words, () => goTo(place.latitude, place.longitude, 5), { class: "link", title: "Show it on the map" }),
  );
  return item;
}

function actions(photos) {
  const open = photos.filter((one) => !OWN.has(one.rung));
  const placed = open.some((one) => one.rung !== null);
  const closed = photos.some((one) => one.verdict !== null);
  const own = photos.every((one) => OWN.has(one.rung) && one.rung !== "manual");
  if (own) return make("p", { class: "hint", text: "A camera or another program knows this place; `geotagger place --overwrite` replaces it." });
  return make(
    "div",
    { class: "actions", role: "group", "aria-label": "Decide" },
    placed ? button("Confirm", guarded(() => decide("confirm")), { "aria-keyshortcuts": "c", class: "confirm", title: "It was taken inside the circle" }) : null,
    button("Move", startPlacing, { "aria-keyshortcuts": "m", title: "You know the place" }),
    placed ? button("Reject", guarded(() => decide("reject")), { "aria-keyshortcuts": "r", title: "It was not taken there; the place is taken out" }) : null,
    button("Set aside", guarded(() => decide("aside")), { "aria-keyshortcuts": "s", title: "Later; nothing changes" }),
    closed ? button("Open again", guarded(() => decide("reopen")), { "aria-keyshortcuts": "o", title: "No longer rejected, or set aside" }) : null,
  );
}

export const explainChosen = guarded(async () => {
  const [one] = chosen();
  if (!one) {
    say("choose a photo first");
    return;
  }
  if (shown?.id !== one.id) await showPanel(); // its details are still being asked for
  if (byId("why")) await explain(one);
});

async function explain(one) {
  const box = byId("why");
  box.replaceChildren(make("p", { text: "Weighing …" }));
  let told;
  try {
    told = await ask(`api/why/${one.id}`);
  } catch (error) {
    box.replaceChildren(make("p", { class: "trouble", text: error.message }));
    return;
  }
  if (!box.isConnected) return;
  const place = (at) => at.where || degrees(at.latitude, at.longitude);
  const line = (text) => make("li", { text });
  const fixes = told.fixes.map((fix) => {
    const name = fix.photo ? fix.photo.split("/").pop() : "a point of a track";
    const side = fix.lag_s < 0 ? "before" : "after";
    return line(`${name}, ${lag(Math.abs(fix.lag_s))} ${side}: ${place(fix)}, good to ${length(fix.error_km)}`);
  });
  const alone = Object.entries(told.alone).map(([name, at]) =>
    bar(at.confidence, `${name}: ${place(at)}, within ${length(at.radius_km)}`));
  const sources = told.sources.slice(0, 8).map((one) => bar(one.share, `${one.name}: ${place(one)}`));
  if (told.anywhere !== null) sources.push(bar(told.anywhere, "anywhere else on Earth where people are"));
  const countries = told.countries.map((one) => bar(one.probability, one.name));
  const words = told.words.map((one) => line(one.words));
  const read = (told.text?.lines ?? []).map((one) => line(`“${one}”`));
  const signs = told.text?.lines.length && told.text.said.length
    ? told.text.said.map((one) => line(`${one.where} ×${Number(one.times.toPrecision(2))}`))
    : [];
  const alike = (told.alike ?? []).map((one) =>
    bar(one.share, `${one.path ? one.path.split("/").pop() : "a photo of yours"}: ${place(one)}`));
  box.replaceChildren(
    make("h3", { text: "Why here" }),
    ...told.disagreements.concat(told.notes).map((line) => make("p", { class: "hint", text: line })),
    ...section("Leading countries", countries),
    ...section("Which fixes spoke", fixes),
    ...section("Which words spoke", words),
    ...section("What stands in the picture", read),
    ...section("How probable that makes a place, beside what it was", signs),
    ...section("What was alike", alike),
    ...section("Each kind alone", alone),
    ...section("How neighbours and habits were weighed", sources),
    ...section("All together", told.evidence.map((line) => make("li", { text: line }))),
    make("p", { class: "hint", text: `Listened to: ${told.kinds.join(", ")}` }),
  );
}

// A share in words and as a bar behind them.
function bar(share, text) {
  const item = make("li", { class: "share" }, make("span", { class: "percent", text: percent(share) }), make("span", { text }));
  item.style.setProperty("--share", `${Math.round(100 * (share ?? 0))}%`);
  return item;
}

function lag(seconds) {
  for (const [unit, size] of [["days", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * size || (unit !== "days" && seconds >= size)) return `${(seconds / size).toFixed(1)} ${unit}`;
  }
  return `${Math.round(seconds)} s`;
}

export { page };
