// Decisions, from wherever they come: a key, a button, a drop on the map. Each can be taken back until it is written,
// and after that as a run.

import { ask, order } from "./api.js";
import { say } from "./dom.js";
import { chosen, page, pendingIs, changed } from "./state.js";
import { ACTIONS, counted } from "./words.js";

const before = []; // what waited before each decision of this tab: to be put back by "take back"

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
  if (accepted.length) before.push({ ids: accepted.map((one) => one.id), earlier: told.before });
  pendingIs(told.pending);
  if (told.refused.length) {
    const reasons = [...new Set(told.refused.map((one) => one.reason))].join("; ");
    say(`${counted(told.refused.length, "photo")} left as before: ${reasons}`, "trouble");
    changed("stale");
  } else {
    say(`${counted(accepted.length, "photo")} ${ACTIONS[action]}; nothing is written yet`);
  }
}

export async function takeBack() {
  const last = before.pop();
  if (!last) {
    say("there is nothing of this tab to take back");
    return;
  }
  const about = new Set(last.ids);
  const waiting = page.info.pending.filter((one) => about.has(one.photo_id));
  let told = await order("api/retract", { ids: waiting.map((one) => one.id) });
  const groups = new Map();
  for (const one of last.earlier) {
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
  pendingIs((await order("api/retract")).pending);
  before.length = 0;
  say("all decisions were discarded; nothing was written");
}

export async function keepClock(root, camera, shift_s) {
  pendingIs((await order("api/clock", { root, camera, shift_s })).pending);
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
