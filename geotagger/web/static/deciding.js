// Decisions, from wherever they come: a key, a button, a drop on the map. Each can be taken back until it is written,
// and after that as a run.

import { ask, order } from "./api.js";
import { say } from "./dom.js";
import { chosen, page, pendingIs, changed } from "./state.js";
import { ACTIONS, counted } from "./words.js";

// What each step of this tab was about, and what waited for that before: to be put back by "take back".
const before = [];

export async function refresh() {
  page.info = await ask("api/state");
  pendingIs(page.info.pending);
  changed("info");
}

export async function decide(action, photos = chosen(), place = {}) {
  if (!photos.length) {
    say("choose a photo first");
    return;
  }
  const seen = photos.map((one) => [one.id, one.estimate_id, one.waiting?.id ?? null]);
  const told = await order("api/decide", { action, photos: seen, ...place });
  const refused = new Set(told.refused.map((one) => one.id));
  const accepted = photos.filter((one) => !refused.has(one.id));
  if (accepted.length) before.push({ about: new Set(accepted.map((one) => one.id)), earlier: told.before });
  pendingIs(told.pending);
  if (told.refused.length) {
    const reasons = [...new Set(told.refused.map((one) => one.reason))].join("; ");
    say(`${counted(told.refused.length, "photo")} left as before: ${reasons}`, "trouble");
    changed("stale");
  } else {
    say(`${counted(accepted.length, "photo")} ${ACTIONS[action]}; nothing is written yet`);
  }
}

// What a decision is about: a photo, by its number, or a camera.
function subject(one) {
  return one.photo_id ?? `${one.root_id} ${one.camera}`;
}

function clockOf(one) {
  return { root: one.root_id, camera: one.camera, shift_s: one.shift_s };
}

export async function takeBack() {
  const last = before.pop();
  if (!last) {
    say("there is nothing of this tab to take back");
    return;
  }
  const waiting = page.info.pending.filter((one) => last.about.has(subject(one)));
  let told = await order("api/retract", { ids: waiting.map((one) => one.id) });
  const groups = new Map();
  for (const one of last.earlier.filter((other) => other.action === "clock")) told = await order("api/clock", clockOf(one));
  for (const one of last.earlier.filter((other) => other.action !== "clock")) {
    const place = one.action === "move" ? [one.latitude, one.longitude, one.radius_km] : [];
    const key = JSON.stringify([one.action, ...place]);
    groups.set(key, [...(groups.get(key) ?? []), [one.photo_id, one.seen_estimate, null]]);
  }
  for (const [key, photos] of groups) {
    const [action, latitude, longitude, radius_km] = JSON.parse(key);
    told = await order("api/decide", { action, photos, latitude, longitude, radius_km });
  }
  pendingIs(told.pending);
  say("taken back");
}

export async function discardAll() {
  const earlier = page.info.pending;
  pendingIs((await order("api/retract")).pending);
  before.push({ about: new Set(), earlier });
  say(`${counted(earlier.length, "decision")} discarded; nothing was written. Key u brings them back`);
}

export async function keepClock(root_id, camera, shift_s) {
  const about = subject({ root_id, camera });
  const earlier = page.info.pending.filter((one) => subject(one) === about);
  pendingIs((await order("api/clock", clockOf({ root_id, camera, shift_s }))).pending);
  before.push({ about: new Set([about]), earlier });
  say("the correction waits to be written; `geotagger tag` then places the photos anew");
}

function summary(told, done) {
  const counts = Object.entries(told.counts).map(([status, count]) => `${count} ${status}`);
  const failed = told.outcomes.filter((one) => one.status === "failed" || one.status === "kept");
  const why = [...new Set(failed.map((one) => one.reason))].slice(0, 3).join("; ");
  const lesson = told.lesson ? ` ${told.lesson}.` : "";
  say(`${done}: ${counts.join(", ") || "nothing to do"}${why ? ` (${why})` : ""}${lesson}`, failed.length ? "trouble" : "note");
}

export async function write() {
  const told = await order("api/write");
  before.length = 0;
  summary(told, told.run === null ? "Written" : `Run ${told.run}`);
  await refresh();
  changed("stale");
}

export async function undoRun(run) {
  const told = await order("api/undo", { run });
  summary(told, `Run ${run} undone`);
  await refresh();
  changed("stale");
}
