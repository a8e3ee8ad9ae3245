// The outing along its hours: photos as ticks, tracks as bands; and a clock that is set while the photos slide along the
// track on the map.

import { button, byId, draw, guarded, make } from "./dom.js";
import { keepClock } from "./deciding.js";
import { drawSliding } from "./map.js";
import { choose, page } from "./state.js";
import { circle, hour, shift } from "./words.js";

const LANE = 22;
const GUTTER = 74; // at the left, for what each lane is
const GAP_S = 3 * 3600;

let width = 1000; // of the chart, in pixels
let sliding = 0; // seconds on top of what was told

export function showTimeline() {
  const box = byId("timeline");
  sliding = 0;
  drawSliding([]);
  const timed = page.outing ? page.photos.filter((one) => one.utc !== null) : [];
  box.hidden = timed.length < 1;
  if (box.hidden) return;
  const edge = Math.max(120, 0.03 * (timed.at(-1).utc - timed[0].utc));
  const span = { start: timed[0].utc - edge, end: timed.at(-1).utc + edge };
  width = Math.max(240, box.clientWidth - 26);
  box.replaceChildren(chart(timed, span), clock(timed));
  markTimeline();
}

function x(utc, span) {
  return GUTTER + ((width - GUTTER) * (utc - span.start)) / (span.end - span.start);
}

function chart(timed, span) {
  const tracks = page.outing.tracks;
  const height = LANE * (1 + tracks.length) + 18;
  const ticks = timed.map((one) =>
    draw("line", {
      class: `tick ${circle(one)?.rung ?? "none"}`, x1: x(one.utc, span), x2: x(one.utc, span), y1: 3, y2: LANE - 3,
      data: { id: one.id }, onclick: () => choose([one.id]),
    }, draw("title", { text: `${one.name}, ${hour(one.utc)} UTC` })));
  const bands = tracks.map((track, n) => band(track, span, LANE * (n + 1)));
  return draw(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": described(timed), height },
    lane("Photos", 0), ...tracks.map((track, n) => lane(track.name || "Track", n + 1)),
    draw("text", { class: "lane", x: 0, y: height - 2, text: "UTC" }),
    ...bands.flat(), ...ticks, ...hours(span, height),
  );
}

function lane(name, n) {
  const words = name.length > 11 ? `${name.slice(0, 10)}…` : name;
  return draw("text", { class: "lane", x: 0, y: LANE * n + 15, text: words }, draw("title", { text: name }));
}

function described(timed) {
  const placed = timed.filter((one) => circle(one)).length;
  const tracks = page.outing.tracks.map((one) => one.name).join(", ") || "no track";
  return `${timed.length} photos from ${hour(timed[0].utc)} to ${hour(timed.at(-1).utc)} UTC, ${placed} with a place; ${tracks}`;
}

// A track speaks where its points are near each other in time.
function band(track, span, top) {
  const parts = [];
  let start = null;
  let last = null;
  const close = () => {
    if (start === null || last < span.start || start > span.end) return;
    const [from, to] = [x(Math.max(start, span.start), span), x(Math.min(last, span.end), span)];
    parts.push(draw("rect", { class: "band", x: from, y: top + 6, width: Math.max(2, to - from), height: 8 }, draw("title", { text: track.name })));
  };
  for (const [utc] of track.points) {
    if (last !== null && utc - last > GAP_S) {
      close();
      start = null;
    }
    start ??= utc;
    last = utc;
  }
  close();
  return parts;
}

function hours(span, height) {
  const marks = [];
  const steps = [300, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
  const every = steps.find((step) => (span.end - span.start) / step <= 8) ?? 86400;
  for (let utc = Math.ceil(span.start / every) * every; utc < span.end; utc += every) {
    const at = x(utc, span);
    marks.push(draw("line", { class: "hour", x1: at, x2: at, y1: 0, y2: height - 14 }));
    marks.push(draw("text", { class: "hourtext", x: at, y: height - 2, "text-anchor": at > width - 18 ? "end" : "middle", text: hour(utc) }));
  }
  return marks;
}

export function markTimeline() {
  for (const tick of byId("timeline").querySelectorAll(".tick")) {
    tick.classList.toggle("chosen", page.chosen.has(Number(tick.dataset.id)));
  }
}

function clock(timed) {
  const cameras = [...new Set(timed.map((one) => one.camera).filter(Boolean))];
  if (!cameras.length) return make("p", { class: "hint", text: "No camera is named in these photos, so no clock can be set." });
  const told = make("output", { id: "clock-told", for: "clock-slider clock-minutes" });
  const camera = make("select", { id: "clock-camera" }, ...cameras.map((name) => make("option", { value: name, text: name })));
  const slider = make("input", { id: "clock-slider", type: "range", min: -720, max: 720, step: 1, value: 0, "aria-label": "Minutes to add to the clock" });
  const minutes = make("input", { id: "clock-minutes", type: "number", step: "any", value: 0, "aria-label": "Minutes to add to the clock, exactly" });
  const keep = button("Keep this correction", guarded(async () => {
    const one = timed.find((photo) => photo.camera === camera.value);
    await keepClock(one.root_id, camera.value, stands(camera.value) + sliding);
  }), { id: "clock-keep" });
  const slide = (value) => {
    sliding = 60 * value;
    const mine = timed.filter((one) => one.camera === camera.value);
    const places = mine.map((one) => placeAt(one.utc + sliding, camera.value)).filter(Boolean);
    drawSliding(sliding === 0 ? [] : places);
    told.textContent = sliding === 0
      ? `clock as it is${stands(camera.value) ? ` (corrected by ${shift(stands(camera.value))})` : ""}`
      : `${shift(sliding)}: ${places.length} of ${mine.length} photos lie on the track`;
    keep.disabled = sliding === 0;
  };
  slider.addEventListener("input", () => {
    minutes.value = slider.value;
    slide(Number(slider.value));
  });
  minutes.addEventListener("input", () => {
    slider.value = minutes.value;
    slide(Number(minutes.value) || 0);
  });
  camera.addEventListener("change", () => slide(Number(minutes.value) || 0));
  const box = make(
    "div", { class: "clock", role: "group", "aria-label": "Set a camera's clock" },
    make("label", { for: "clock-camera", text: "Was the clock wrong?" }), camera, slider,
    make("span", { class: "exactly" }, minutes, " min"), told, keep,
  );
  slide(0);
  return box;
}

// What was told of the camera before: the entry whose name is part of the camera's, the longest first.
function stands(camera) {
  const names = Object.keys(page.outing.clocks).filter((name) => camera.toLowerCase().includes(name.toLowerCase()));
  names.sort((a, b) => b.length - a.length);
  return names.length ? page.outing.clocks[names[0]] : 0;
}

// Where the track was then; without a track, where the photos of other cameras were.
function placeAt(utc, camera) {
  for (const path of paths(camera)) {
    const after = path.findIndex(([time]) => time >= utc);
    if (after < 0 || (after === 0 && path[0][0] > utc)) continue;
    if (after === 0) return [path[0][1], path[0][2]];
    const [before, next] = [path[after - 1], path[after]];
    if (next[0] - before[0] > GAP_S) continue;
    const share = (utc - before[0]) / (next[0] - before[0] || 1);
    const turn = ((next[2] - before[2] + 540) % 360) - 180;
    return [before[1] + share * (next[1] - before[1]), before[2] + share * turn];
  }
  return null;
}

function paths(camera) {
  if (page.outing.tracks.length) return page.outing.tracks.map((track) => track.points);
  const others = page.photos.filter((one) => one.camera !== camera && one.utc !== null && one.rung === "camera");
  return [others.map((one) => [one.utc, one.latitude, one.longitude])];
}
