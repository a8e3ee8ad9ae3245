// What the page knows: the photos in hand, which of them are chosen, and what waits. Whoever shows it is told when
// it changes.

const watching = [];

export const page = {
  info: null, // as api/state told it
  photos: [], // the list in hand, in its order
  chosen: new Set(), // ids
  at: null, // the photo the keys stand on
  gathering: false, // whether the keys move without choosing, because several are being chosen
  outing: null, // what was opened: its photos, tracks, fixes, clocks
  source: null, // how to ask for the list again
  next: null, // where its next page begins
  attribution: "", // of the owner's own map
  placing: false, // whether the next click on the map places what is chosen
};

export function watch(told) {
  watching.push(told);
}

export function changed(what = "all") {
  for (const told of watching) told(what);
}

export function photo(id) {
  return page.photos.find((one) => one.id === id);
}

export function chosen() {
  return page.photos.filter((one) => page.chosen.has(one.id));
}

export function choose(ids, at = null) {
  page.chosen = new Set(ids);
  page.at = at ?? (ids.length ? ids[0] : null);
  page.gathering = false;
  changed("chosen");
}

function beside(by) {
  const now = page.photos.findIndex((one) => one.id === page.at);
  return page.photos[Math.max(0, Math.min(page.photos.length - 1, now < 0 ? 0 : now + by))]?.id;
}

export function step(by) {
  if (!page.photos.length) return;
  if (!page.gathering) {
    choose([beside(by)]);
    return;
  }
  page.at = beside(by);
  changed("chosen");
}

export function stepChoosing(by) {
  if (page.photos.length) extend(beside(by));
}

// The first time what is chosen stays so, and from then on the keys move freely.
export function gather() {
  if (page.at === null) return;
  if (page.gathering || !page.chosen.has(page.at)) toggle(page.at);
  page.gathering = true;
}

export function toggle(id) {
  page.gathering = true;
  if (page.chosen.has(id)) page.chosen.delete(id);
  else page.chosen.add(id);
  page.at = id;
  changed("chosen");
}

// From the photo the keys stand on to this one.
export function extend(id) {
  const order = page.photos.map((one) => one.id);
  const [from, to] = [order.indexOf(page.at ?? id), order.indexOf(id)].sort((a, b) => a - b);
  for (const between of order.slice(Math.max(0, from), to + 1)) page.chosen.add(between);
  page.at = id;
  changed("chosen");
}

// What waits, as the server told it last, joined to the photos in hand.
export function pendingIs(pending) {
  page.info.pending = pending;
  const waiting = new Map(pending.filter((one) => one.photo_id !== null).map((one) => [one.photo_id, one]));
  for (const one of page.photos) one.waiting = waiting.get(one.id) ?? null;
  changed("pending");
}
