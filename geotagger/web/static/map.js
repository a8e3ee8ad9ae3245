// The map: land and towns, or the owner's tiles; clusters counted by the server; the photos in hand with their circles,
// to be dragged; the tracks of the outing.

import { ask } from "./api.js";
import { byId, guarded, make, say } from "./dom.js";
import { decide } from "./deciding.js";
import { openCluster, openPhoto } from "./list.js";
import { chosen, choose, page } from "./state.js";
import { KINDS, OWN, circle, counted, degrees, length, percent, status } from "./words.js";
import { addTiles } from "./tiles.js";

const L = window.L;
const RUNGS = ["visual", "neighbours", "track", "sidecar", "camera", "manual"];
const PIN_PIXELS = 12; // a pin is meant as exactly as so many pixels of the map it was set on
const FINEST_KM = 0.005;
const POLAR_DEG = 84;
const MOST_ZOOM = 19;

let map, land, clusters, circles, pins, tracks, towns, lookingAt = 0;

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export async function startMap() {
  map = L.map("map", {
    preferCanvas: true, attributionControl: false, minZoom: 1, maxZoom: MOST_ZOOM, zoomSnap: 0.5,
    maxBounds: [[-86, -210], [86, 210]], maxBoundsViscosity: 0.8, keyboardPanDelta: 60,
  });
  map.setView([25, 10], byId("map").clientWidth < 600 ? 1 : 2);
  L.control.scale({ imperial: false }).addTo(map);
  clusters = L.layerGroup().addTo(map);
  tracks = L.layerGroup().addTo(map);
  circles = L.layerGroup().addTo(map);
  pins = L.layerGroup().addTo(map);
  towns = L.layerGroup().addTo(map);
  map.on("moveend", guarded(look));
  map.on("click", guarded(async (event) => {
    if (page.placing) await placeAt(event.latlng);
  }));
  prepareDrop();
  if (page.info.tiles) await addTiles(map, await ask("api/tiles"), MOST_ZOOM);
  drawLegend();
  await look();
  showAll();
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => map.fire("moveend"));
  return async () => drawLand(await ask("basemap.json")); // counts first, land under them next
}

function drawLand(told) {
  const rings = [];
  for (const ring of told.land) {
    const held = ring.map(([lat, lng]) => [Math.max(-85, Math.min(85, lat)), lng]);
    rings.push([held]);
    const [west, east] = [Math.min(...ring.map((p) => p[1])), Math.max(...ring.map((p) => p[1]))];
    if (east > 180) rings.push([held.map(([lat, lng]) => [lat, lng - 360])]);
    if (west < -180) rings.push([held.map(([lat, lng]) => [lat, lng + 360])]);
  }
  const still = { interactive: false, smoothFactor: 1.2 };
  const pane = map.createPane("land");
  pane.style.zIndex = 150;
  const renderer = L.canvas({ pane: "land", padding: 0.3 });
  land = L.layerGroup([
    L.polygon(rings, { ...still, renderer, stroke: true, weight: 0.8, color: colour("coast"), fillColor: colour("land"), fillOpacity: 1 }),
    L.polyline(told.borders, { ...still, renderer, weight: 0.8, color: colour("border"), dashArray: "4 3" }),
  ]);
  if (!page.info.tiles) land.addTo(map);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    const [fill, line] = land.getLayers();
    fill.setStyle({ color: colour("coast"), fillColor: colour("land") });
    line.setStyle({ color: colour("border") });
  });
}

// At first, where the photos are.
function showAll() {
  const box = L.latLngBounds([]);
  clusters.eachLayer((layer) => box.extend(layer.getLatLng()));
  if (box.isValid()) map.fitBounds(box, { maxZoom: 8, padding: [50, 50], animate: false });
}

// What is in view, as the server counts it.
export async function look() {
  const mine = ++lookingAt;
  const bounds = map.getBounds().pad(0.1);
  // the map ends short of the poles, and shows on its edge what lies beyond
  const box = {
    south: bounds.getSouth() < -POLAR_DEG ? -90 : bounds.getSouth(), north: bounds.getNorth() > POLAR_DEG ? 90 : bounds.getNorth(),
    west: Math.max(-720, bounds.getWest()), east: Math.min(720, bounds.getEast()),
  };
  const [told, named] = await Promise.all([
    ask("api/clusters", { ...box, zoom: Math.floor(map.getZoom()), ...(byId("only-open").checked ? { open: 1 } : {}) }),
    page.info.tiles || map.getZoom() < 4 ? [] : ask("api/towns", wrapped(box)),
  ]);
  if (mine !== lookingAt) return;
  clusters.clearLayers();
  for (const one of told.clusters) clusters.addLayer(mark(one));
  towns.clearLayers();
  drawTowns(named);
  byId("map").dataset.clusters = String(told.clusters.length);
}

function wrapped(box) {
  if (box.east - box.west >= 360) return { ...box, west: -180, east: 180 };
  const turn = (lng) => ((((lng + 180) % 360) + 360) % 360) - 180;
  return { ...box, west: turn(box.west), east: turn(box.east) };
}

function drawTowns(named) {
  const taken = [];
  for (const town of named) {
    const at = map.latLngToContainerPoint([town.latitude, town.longitude]);
    const width = 7 * town.name.length + 12;
    if (taken.some((other) => Math.abs(other.y - at.y) < 18 && at.x < other.x + other.width && other.x < at.x + width)) continue;
    taken.push({ x: at.x, y: at.y, width });
    const label = make("span", { text: town.name });
    towns.addLayer(L.marker([town.latitude, town.longitude], {
      interactive: false, keyboard: false, pane: "shadowPane",
      icon: L.divIcon({ className: "town", html: label, iconSize: null, iconAnchor: [3, 8] }),
    }));
  }
}

function leading(one) {
  const most = Math.max(...one.rungs);
  return RUNGS[one.rungs.indexOf(most)];
}

function mark(one) {
  const rung = leading(one);
  const single = one.photos === 1;
  const size = single ? 16 : Math.round(24 + 7 * Math.log10(one.photos));
  const words = single
    ? `A photo placed ${KINDS[rung]}, certainty ${percent(one.confidence)}, within ${length(one.radius_km)}`
    : `${counted(one.photos, "photo")}, most placed ${KINDS[rung]}`;
  const face = make("span", { text: single ? "" : shortened(one.photos) });
  const certain = OWN.has(rung) ? 1 : one.confidence;
  const kind = `cluster ${rung} ${certain >= 0.8 ? "sure" : certain >= 0.5 ? "fair" : "vague"}${single ? " single" : ""}`;
  const marker = L.marker([one.latitude, one.longitude], {
    title: words, alt: words, keyboard: true,
    icon: L.divIcon({ className: kind, html: face, iconSize: [size, size] }),
  });
  marker.on("add", () => {
    const element = marker.getElement();
    element.setAttribute("aria-label", words);
    element.style.lineHeight = `${size}px`;
  });
  marker.on("click", guarded(async () => {
    if (page.placing) return placeAt(marker.getLatLng());
    if (single) return openPhoto(one.photo_id);
    if (map.getZoom() < MOST_ZOOM - 2) map.setView([one.latitude, one.longitude], Math.min(MOST_ZOOM, map.getZoom() + 2));
    return openCluster(one);
  }));
  return marker;
}

function shortened(count) {
  if (count < 1000) return String(count);
  return count < 100000 ? `${(count / 1000).toFixed(count < 10000 ? 1 : 0)}k` : `${Math.round(count / 1000)}k`;
}

// The photos in hand: every circle faintly, the chosen ones plainly, with a pin to drag.
export function drawHand() {
  if (!map) return;
  circles.clearLayers();
  pins.clearLayers();
  const many = page.photos.length > 300;
  for (const one of page.photos) {
    const at = circle(one);
    const isChosen = page.chosen.has(one.id);
    if (!at || (many && !isChosen)) continue;
    const line = colour(`rung-${at.rung}`);
    const certain = OWN.has(at.rung) || one.is_confirmed ? 1 : at.confidence;
    circles.addLayer(L.circle([at.latitude, at.longitude], {
      radius: 1000 * at.radius_km, color: line, fillColor: line, interactive: false,
      weight: isChosen ? 2.5 : 1, opacity: isChosen ? 1 : 0.45, fillOpacity: isChosen ? 0.05 + 0.2 * certain : 0.02,
      dashArray: certain < 0.5 ? "3 5" : null,
    }));
    if (isChosen && page.chosen.size <= 100) pins.addLayer(pin(one, at));
  }
}

function pin(one, at) {
  const movable = !OWN.has(one.rung) || one.rung === "manual";
  const words = `${one.name}, ${status(one)}${movable ? "; drag it, or press M, to move it" : ""}`;
  const marker = L.marker([at.latitude, at.longitude], {
    draggable: movable, title: words, alt: words, autoPan: true, zIndexOffset: 1000,
    icon: L.divIcon({ className: `pin ${at.rung}`, html: make("span"), iconSize: [22, 22] }),
  });
  marker.on("add", () => marker.getElement().setAttribute("aria-label", words));
  marker.on("click", () => choose([one.id]));
  marker.on("dragend", guarded(async () => {
    await decide("move", [one], placeOf(marker.getLatLng()));
    drawHand();
  }));
  return marker;
}

// A place set on the map is meant as exactly as the map is drawn.
function placeOf(latlng) {
  const at = latlng.wrap();
  const metres = (40075016.7 * Math.cos((at.lat * Math.PI) / 180)) / (256 * 2 ** map.getZoom());
  return { latitude: at.lat, longitude: at.lng, radius_km: Math.max(FINEST_KM, (PIN_PIXELS * metres) / 1000) };
}

async function placeAt(latlng) {
  stopPlacing();
  await decide("move", chosen(), placeOf(latlng));
}

export function startPlacing() {
  if (!chosen().length) {
    say("choose a photo first");
    return;
  }
  page.placing = true;
  byId("map").classList.add("placing");
  byId("map").focus();
  const exact = length(placeOf(map.getCenter()).radius_km);
  say(`Click the place, or move the map under the cross and press Enter; at this scale it is meant within ${exact}. Esc leaves it.`);
}

export function stopPlacing() {
  page.placing = false;
  byId("map")?.classList.remove("placing");
}

export const placeAtCross = guarded(() => placeAt(map.getCenter()));

function prepareDrop() {
  const element = byId("map");
  element.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("application/x-geotagger")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "move";
  });
  element.addEventListener("drop", guarded(async (event) => {
    event.preventDefault();
    if (event.dataTransfer.getData("application/x-geotagger")) await placeAt(map.mouseEventToLatLng(event));
  }));
}

export function drawTracks() {
  tracks.clearLayers();
  for (const track of page.outing?.tracks ?? []) {
    const line = track.points.map(([, lat, lng]) => [lat, lng]);
    tracks.addLayer(L.polyline(line, { color: colour("rung-track"), weight: 2, opacity: 0.7, interactive: false }));
  }
}

export function drawSliding(places) {
  tracks.eachLayer((layer) => layer.options.sliding && tracks.removeLayer(layer));
  for (const [lat, lng] of places) {
    tracks.addLayer(L.circleMarker([lat, lng], {
      radius: 6, color: colour("rung-manual"), fillColor: colour("rung-manual"), fillOpacity: 0.9, interactive: false, sliding: true,
    }));
  }
}

// The view of what was opened: its circles, or the track where nothing is placed.
export function showHand() {
  const spots = page.photos.map(circle).filter(Boolean).slice(0, 1000);
  const box = L.latLngBounds([]);
  for (const at of spots) box.extend(L.latLng(at.latitude, at.longitude).toBounds(2000 * Math.max(0.05, Math.min(at.radius_km, 50))));
  map.invalidateSize({ animate: false }); // the panel and the timeline have just taken their room
  // nearer than that coasts and towns say nothing any more; a map of the owner's does
  const maxZoom = page.info.tiles ? 16 : 12;
  if (box.isValid()) map.fitBounds(box, { maxZoom, padding: [30, 30], animate: false });
}

// What is chosen is never hidden behind the edge, whatever opened beside the map.
export function keepInView() {
  const [one] = page.chosen.size === 1 ? chosen() : [];
  const at = one && circle(one);
  if (map && at) map.panInside([at.latitude, at.longitude], { padding: [40, 40], animate: false });
}

export function goTo(latitude, longitude, radius_km) {
  map.fitBounds(L.latLng(latitude, longitude).toBounds(2500 * Math.max(0.1, radius_km)), { animate: false });
}

function drawLegend() {
  const items = RUNGS.map((rung) =>
    make("li", {}, make("i", { class: `dot ${rung}`, "aria-hidden": "true" }), KINDS[rung]));
  items.push(make("li", { class: "faint", text: "dashed: not very certain" }));
  const from = page.info.tiles ? page.attribution : "Coasts and borders: Natural Earth. Towns: GeoNames, CC BY 4.0";
  items.push(make("li", { class: "source", text: from }));
  byId("legend").replaceChildren(...items);
}

export function resized() {
  map?.invalidateSize({ animate: false });
  keepInView();
}

export { degrees };
