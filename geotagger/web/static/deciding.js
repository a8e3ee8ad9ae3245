// Decisions, from wherever they come: a key, a button, a drop on the map. Each can be taken back until it is written,
// and after that as a run.

import { ask, order } from "./api.js";
import { say } from "./dom.js";
import { chosen, page, pendingIs, changed } from "./state.js";
import { ACTIONS, counted } from "./words.js";

// Each step of this tab: what it was about, and what waited for that before, to be put back.
const before = [];
const mine = new Map(); // of what a decision is about: the number of the one that this tab made last

// One after the other: a key pressed while a decision is on its way is about what that one will have left.
let turn = Promise.resolve();
function inTurn(work) {
  return (...words) => {
    const done = turn.then(() => work(...words));
    turn = done.catch(() => {}); // whoever asked for it is told
    return done;
  };
}

export async function refresh() {
  page.info = await ask("api/state");
  pendingIs(page.info.pending);
  changed("info");
}

export function decide(action, photos = chosen(), place = {}) {
  return decideInTurn(action, photos, place);
}

const decideInTurn = inTurn(async (action, photos, place) => {
  if (!photos.length) {
    say("choose a photo first");
    return;
  }
  const seen = photos.map((one) => [one.id, one.estimate_id, one.waiting?.id ?? null]);
  const told = await order("api/decide", { action, photos: seen, ...place });
  const refused = new Set(told.refused.map((one) => one.id));
  const accepted = photos.filter((one) => !refused.has(one.id));
  if (accepted.length) {
    const about = new Set(accepted.map((one) => one.id));
    before.push({ about: remembered(told.pending, (one) => about.has(one.photo_id)), earlier: told.before });
  }
  pendingIs(told.pending);
  if (told.refused.length) {
    const reasons = [...new Set(told.refused.map((one) => one.reason))].join("; ");
    say(`${counted(told.refused.length, "photo")} left as before: ${reasons}`, "trouble");
    changed("stale");
  } else {
    say(`${counted(accepted.length, "photo")} ${ACTIONS[action]}; nothing is written yet`);
  }
});

// A photo, by its number, or a camera.
function subject(one) {
  return one.photo_id ?? `${one.root_id} ${one.camera}`;
}

function remembered(pending, isAbout) {
  const made = pending.filter(isAbout);
  for (const one of made) mine.set(subject(one), one.id);
  return made.map(subject);
}

// What waited goes back only to what this tab's decision still stood for: newer ones of another tab stay.
export const takeBack = inTurn(async () => {
  const last = before.pop();
  if (!last) {
    say("there is nothing of this tab to take back");
    return;
  }
  let told = { dropped: [], pending: page.info.pending };
  let earlier = last.earlier;
  let left = 0;
  if (last.about.length) {
    told = await order("api/retract", { ids: last.about.map((one) => mine.get(one)) });
    const open = new Set(told.dropped.map(subject));
    earlier = earlier.filter((one) => open.has(subject(one)));
    left = last.about.length - open.size;
    if (!open.size) {
      pendingIs(told.pending);
      say("another tab has decided about it since, or it was written; nothing was taken back", "trouble");
      return;
    }
  }
  const groups = new Map();
  for (const one of earlier.filter((other) => other.action === "clock")) {
    try {
      told = await order("api/clock", { root: one.root_id, camera: one.camera, shift_s: one.shift_s, seen: null });
    } catch {
      left += 1;
    }
  }
  for (const one of earlier.filter((other) => other.action !== "clock")) {
    const place = one.action === "move" ? [one.latitude, one.longitude, one.radius_km] : [];
    const key = JSON.stringify([one.action, ...place]);
    groups.set(key, [...(groups.get(key) ?? []), [one.photo_id, one.seen_estimate, null]]);
  }
  const again = new Set(earlier.map(subject));
  for (const [key, photos] of groups) {
    const [action, latitude, longitude, radius_km] = JSON.parse(key);
    told = await order("api/decide", { action, photos, latitude, longitude, radius_km });
    for (const one of told.refused) again.delete(one.id);
    left += told.refused.length;
  }
  remembered(told.pending, (one) => again.has(subject(one)));
  pendingIs(told.pending);
  if (left) say(`taken back, but for ${counted(left, "decision")}: another tab has decided since, or it was written`, "trouble");
  else say("taken back");
});

export const discardAll = inTurn(async () => {
  const told = await order("api/retract");
  pendingIs(told.pending);
  before.push({ about: [], earlier: told.dropped });
  say(`${counted(told.dropped.length, "decision")} discarded; nothing was written. Key u brings them back`);
});

export const keepClock = inTurn(async (root_id, camera, shift_s) => {
  const isAbout = (one) => one.root_id === root_id && one.camera === camera;
  const earlier = page.info.pending.filter(isAbout);
  let told;
  try {
    told = await order("api/clock", { root: root_id, camera, shift_s, seen: earlier[0]?.id ?? null });
  } catch (error) {
    await refresh(); // another tab may have set it
    throw error;
  }
  pendingIs(told.pending);
  before.push({ about: remembered(told.pending, isAbout), earlier });
  say("the correction waits to be written; `geotagger tag` then places the photos anew");
});

// "IMG_1.jpg and 3 more: there is no such file", each reason once.
function reasons(outcomes) {
  const names = new Map();
  for (const one of outcomes) names.set(one.reason, [...(names.get(one.reason) ?? []), one.path.split("/").pop()]);
  return [...names].map(([reason, [first, ...rest]]) => `${first}${rest.length ? ` and ${rest.length} more` : ""}: ${reason}`);
}

function summary(told, done) {
  const counts = Object.entries(told.counts).map(([status, count]) => `${count} ${status}`);
  const failed = told.outcomes.filter((one) => one.status === "failed" || one.status === "kept");
  const why = reasons(failed).slice(0, 3).join("; ");
  const lesson = told.lesson ? `. ${told.lesson}.` : "";
  say(`${done}: ${counts.join(", ") || "nothing to do"}${why ? ` (${why})` : ""}${lesson}`, failed.length ? "trouble" : "note");
}

export const write = inTurn(async () => {
  const told = await order("api/write");
  before.length = 0;
  summary(told, told.run === null ? "Written" : `Run ${told.run}`);
  await refresh();
  changed("stale");
});

export const undoRun = inTurn(async (run) => {
  const told = await order("api/undo", { run });
  summary(told, `Run ${run} undone`);
  await refresh();
  changed("stale");
});
